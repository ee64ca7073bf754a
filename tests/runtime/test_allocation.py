"""Arrays that are filled where they are sent from."""

from __future__ import annotations

from typing import Any

import pytest

import lrpc
from lrpc.transports import alpc

SIZE = 300_000
"""Octets: more than a message takes."""


def allocated(client: Any, size: int = SIZE) -> lrpc.Allocation:
    """For a client of either face."""
    return lrpc.allocate(getattr(client, "client", client), size)


def port_of(client: Any) -> Any:
    return getattr(client, "client", client)._channel._wire.port


def free_size(client: Any) -> int:
    section = port_of(client)._sharing._sections[0]
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
    port = port_of(local)
    placed = port.placed

    def noted(self: object, parts: Any, size: int) -> Any:
        sent.append(placed(parts, size))
        return sent[-1]

    monkeypatch.setattr(type(port), "placed", noted)
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
