"""Arrays that are filled where they are sent from."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

import lrpc
from lrpc.transports import alpc
from lrpc.transports.alpc.memory.in_place import Claim

SIZE = 300_000
"""Octets: more than a message takes."""
SHELF: Any = lrpc.load("""
[uuid(0b6d6a4e-6a3e-4f0b-8f5c-4a7f5f9d2c11), version(1.0)]
interface Shelf {
    void Load([in] long n, [in] byte octet, [in] short fails, [out, size_is(n)] byte back[]);
}
""")


def loaded(n: int, octet: int, fails: int) -> memoryview:
    buffer = lrpc.allocate(n).buffer
    buffer[:] = bytes([octet]) * n
    if fails:
        raise lrpc.Fault(5) if fails > 0 else KeyError(octet)
    return buffer


class Shelf(SHELF.Shelf):  # type: ignore[misc]
    def Load(self, n: int, octet: int, fails: int) -> memoryview:
        return loaded(n, octet, fails)


class AsyncShelf(SHELF.AsyncShelf):  # type: ignore[misc]
    async def Load(self, n: int, octet: int, fails: int) -> memoryview:
        buffer = loaded(n, octet, 0)
        if fails:
            await asyncio.sleep(0)
            loaded(1, octet, fails)
        return buffer


def allocated(client: Any, size: int = SIZE) -> lrpc.Allocation:
    """For a client of either face."""
    return lrpc.allocate(getattr(client, "client", client), size)


def port_of(client: Any) -> Any:
    return getattr(client, "client", client)._channel._wire.port


def free_size(client: Any) -> int:
    port = port_of(client)
    port.drop_kept()
    section = port._sharing._sections[0]
    return int(section.free_size)


@pytest.fixture
def local(connect: Any, host: Any, binding_for: Any) -> Any:
    """A client over ALPC."""
    return connect(host.listen(binding_for("ncalrpc")))


def test_what_is_filled_in_arrives_every_time(connect: Any, binding: str) -> None:
    client = connect(binding)
    with allocated(client) as buffer:
        for octet in (1, 2, 3):
            buffer[:] = bytes([octet]) * SIZE
            assert client.Echo(buffer) == bytes([octet]) * SIZE


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_only_alpc_shares_memory(connect: Any, binding: str, transport: str) -> None:
    allocation = allocated(connect(binding))
    assert allocation.shared is (transport == "ncalrpc")
    assert ("shared" in repr(allocation)) is allocation.shared
    allocation.close()
    with pytest.raises(ValueError, match="released"):
        allocation.buffer[0] = 1


def test_it_is_sent_without_a_copy(local: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[alpc.View | None] = []
    sharing = port_of(local)._sharing
    placed = sharing._placed

    def noted(self: object, parts: Any, size: int) -> Any:
        sent.append(placed(parts, size))
        return sent[-1]

    monkeypatch.setattr(type(sharing), "_placed", noted)
    with allocated(local) as buffer:
        local.Echo(buffer)
        local.Echo(buffer[:-1])
        local.Echo(bytes(buffer))
    assert [view is not None for view in sent[:3]] == [True, False, False]


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_its_room_comes_back(local: Any) -> None:
    local.Echo(bytes(SIZE))
    before = free_size(local)
    with allocated(local) as buffer:
        local.Echo(buffer)
        assert free_size(local) < before
    local.Add(1, 2)
    assert free_size(local) == before


@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_more_than_there_is_says_so_and_nothing_runs(local: Any) -> None:
    with pytest.raises(lrpc.RpcError) as caught:
        allocated(local, 1 << 40)
    assert caught.value.ran is lrpc.Ran.NO
    with allocated(local, 79 << 20), pytest.raises(lrpc.RpcError):
        allocated(local, 79 << 20)
    allocated(local, 79 << 20).close()


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_nothing_is_not_allocated(local: Any, size: int) -> None:
    with pytest.raises(lrpc.ArgumentError):
        allocated(local, size)


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_it_serves_calls_of_another_connection_by_a_copy(connect: Any, host: Any, binding_for: Any) -> None:
    binding = host.listen(binding_for("ncalrpc"))
    one, two = connect(binding), connect(binding)
    with allocated(one) as buffer:
        buffer[:] = b"x" * SIZE
        one.close()
        assert two.Echo(buffer) == b"x" * SIZE


@pytest.mark.parametrize("client_face", ["blocking"], indirect=True)
@pytest.mark.parametrize("face", ["blocking"], indirect=True)
def test_a_closed_client_has_no_room(local: Any) -> None:
    local.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        allocated(local)
    assert caught.value.ran is lrpc.Ran.NO


# By a method


@pytest.fixture
def shelf(host: Any, face: str, transport: str, binding_for: Any) -> Iterator[Any]:
    """A client of a server that fills its results in place."""
    host.server.register(AsyncShelf() if face == "asyncio" else Shelf())
    with lrpc.connect(SHELF.ShelfClient, str(host.listen(binding_for(transport)))) as client:
        yield client


def test_results_that_are_filled_in_place_arrive(shelf: Any) -> None:
    for octet in (1, 2, 3):
        assert shelf.Load(SIZE, octet, 0) == bytes([octet]) * SIZE
        assert shelf.Load(10, octet, 0) == bytes([octet]) * 10


@pytest.mark.parametrize("transport", ["ncalrpc"], indirect=True)
def test_results_that_are_filled_in_place_are_not_copied(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bool] = []
    around = Claim.around

    def noted(self: Claim, parts: Any, size: int) -> Any:
        view = around(self, parts, size)
        sent.append(view is not None)
        return view

    monkeypatch.setattr(Claim, "around", noted)
    assert shelf.Load(SIZE, 7, 0) == b"\7" * SIZE
    assert sent == [True]


@pytest.mark.parametrize("transport", ["ncalrpc"], indirect=True)
def test_room_of_results_comes_back_sent_or_not(shelf: Any) -> None:
    large = 8 << 20
    for octet in range(24):  # of which the section holds nine
        if octet % 2:
            with pytest.raises(lrpc.Fault):
                shelf.Load(large, octet, 1)
        else:
            assert shelf.Load(large, octet, 0)[-1] == octet


@pytest.mark.parametrize("transport", ["ncalrpc"], indirect=True)
@pytest.mark.parametrize("fails", [1, -1])
def test_failures_do_not_keep_the_room_nor_do_their_records(
    shelf: Any, fails: int, caplog: pytest.LogCaptureFixture
) -> None:
    for octet in range(24):
        with pytest.raises(lrpc.Fault):
            shelf.Load(8 << 20, octet, fails)
    kept = [record.exc_info for record in caplog.records if record.exc_info]
    assert len(kept) == (0 if fails == 1 else 24)
    assert all("in loaded" in "".join(traceback.format_exception(*one)) for one in kept)
    assert not any("QuotaExceeded" in "".join(traceback.format_exception(*one)) for one in kept)


def test_there_is_no_room_for_results_outside_of_a_call() -> None:
    with pytest.raises(LookupError):
        lrpc.allocate(SIZE)
