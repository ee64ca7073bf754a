"""[system_handle] parameters: descriptors in calls."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime import handles
from lrpc.runtime.handles import Handled, HandledCodec, HandledParts, accompanied, beside
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding
from lrpc.transports.alpc.handles import Handle, ObjectType

WATCHDOG = 20.0
IDL = """
[uuid(5b8e4e63-0a2f-4d2c-9c0e-3b1f6c6e4a12), version(1.0)]
interface Opener
{
    typedef void *HANDLE;
    hyper Size([in, system_handle(sh_file)] HANDLE file);
    void Open([in, string] wchar_t *path, [out, system_handle(sh_file)] HANDLE *file);
    long Swap([in, out, system_handle(sh_event)] HANDLE *event, [in, system_handle(sh_file)] HANDLE log);
    void Large([in, system_handle(sh_file)] HANDLE file, [in] long n, [in, size_is(n)] byte *data, [out] long *size);
    long Plain([in] long a);
}
"""


@pytest.fixture(scope="module")
def stub() -> Any:
    return lrpc.load(IDL)


def implementation(stub: Any) -> Any:
    class Opener(stub.Opener):  # type: ignore[misc]
        def Size(self, file: Handle | None) -> int:
            return -1 if file is None else os.fstat(file.fileno()).st_size

        def Open(self, path: str) -> Handle | None:
            return Handle(os.open(path, os.O_RDONLY | os.O_CLOEXEC)) if path else None

        def Swap(self, event: Handle | None, log: Handle | None) -> Any:
            assert event is not None
            assert log is not None
            os.write(log.fileno(), b"swapped")
            return stub.SwapResult(Handle(os.eventfd(os.eventfd_read(event.fileno()) + 1)), 5)

        def Large(self, file: Handle | None, data: bytes, *, n: int = 0) -> int:
            assert file is not None
            os.write(file.fileno(), data)
            return len(data)

        def Plain(self, a: int) -> int:
            return a + 1

    return Opener()


def asynchronous(stub: Any) -> Any:
    blocking = implementation(stub)

    class Opener(stub.AsyncOpener):  # type: ignore[misc]
        async def Size(self, file: Handle | None) -> int:
            return int(blocking.Size(file))

        async def Open(self, path: str) -> Handle | None:
            return blocking.Open(path)  # type: ignore[no-any-return]

        async def Swap(self, event: Handle | None, log: Handle | None) -> Any:
            return blocking.Swap(event, log)

        async def Large(self, file: Handle | None, data: bytes, *, n: int = 0) -> int:
            return int(blocking.Large(file, data, n=n))

        async def Plain(self, a: int) -> int:
            return a + 1

    return Opener()


@pytest.fixture
def client(stub: Any) -> Iterator[Any]:
    with lrpc.Server() as server:
        server.register(implementation(stub))
        server.listen("ncalrpc:[opener]")
        server.start()
        with lrpc.connect(stub.OpenerClient, "ncalrpc:[opener]") as client:
            yield client


def test_a_file_goes_with_a_call(client: Any) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"twelve octets")
        file.flush()
        assert client.Size(file) == client.Size(file.fileno()) == 13
    assert client.Size(None) == -1
    assert client.Plain(1) == 2


def test_a_file_comes_with_an_answer_and_closes_itself(client: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"octets")
    file = client.Open(str(tmp_path / "file"))
    assert isinstance(file, Handle)
    assert os.read(file.fileno(), 100) == b"octets"
    assert not os.get_inheritable(file.fileno())
    assert client.Open("") is None


def test_handles_of_several_kinds_go_both_ways(client: Any) -> None:
    event = os.eventfd(7)
    with tempfile.TemporaryFile() as log:
        result = client.Swap(event, log)
        assert os.eventfd_read(result.event.fileno()) == 8
        log.seek(0)
        assert log.read() == b"swapped"
    os.close(event)


def test_a_handle_goes_beside_a_request_that_is_a_view(client: Any) -> None:
    data = bytes(1 << 20)
    with tempfile.TemporaryFile() as file:
        assert client.Large(file, data) == len(data)
        assert os.fstat(file.fileno()).st_size == len(data)


def test_nothing_stays_open(client: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"octets")

    def count() -> int:
        for _ in range(3):
            client.Open(str(tmp_path / "file")).close()
            client.Size(0)
        client.Plain(1)
        return len(os.listdir("/proc/self/fd"))

    assert count() == count()


def closed_handle() -> Handle:
    with Handle(os.eventfd(0)) as handle:
        return handle


def closed_file() -> Any:
    with open(os.devnull, "rb") as file:
        return file


@pytest.mark.parametrize("wrong", [99999, -1, 1 << 80, "file", True, closed_handle(), closed_file(), os.eventfd(0)])
def test_what_is_no_such_descriptor_is_an_error_before_anything_is_sent(
    wrong: Any, client: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), pytest.raises(lrpc.ArgumentError) as caught:
        client.Size(wrong)
    assert caught.value.ran is lrpc.Ran.NO
    assert client.Plain(1) == 2
    assert not caplog.records  # of a server that refuses, or of another connection


def test_the_wrong_kind_is_refused_by_the_server(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    event = os.eventfd(0)

    def file(descriptor: int) -> ObjectType:
        return ObjectType.FILE

    monkeypatch.setattr(handles, "object_type", file)  # a client that does not look
    with pytest.raises(lrpc.RefusedStubData) as caught:
        client.Size(event)
    assert caught.value.ran is lrpc.Ran.NO
    os.close(event)
    assert client.Plain(1) == 2


@pytest.mark.parametrize("given", ["no descriptor", closed_handle(), os.eventfd(0)])
def test_a_method_that_gives_what_is_no_handle_fails(given: Any, stub: Any) -> None:
    opener = implementation(stub)
    opener.Open = lambda path: given
    with lrpc.Server() as server:
        server.register(opener)
        server.listen("ncalrpc:[opener]")
        server.start()
        with lrpc.connect(stub.OpenerClient, "ncalrpc:[opener]") as client:
            with pytest.raises(lrpc.Fault):
                client.Open("x")
            assert client.Plain(1) == 2


@pytest.mark.parametrize("binding", ["ncacn_np:[\\pipe\\opener]", "memory:[opener]", "ncacn_ip_tcp:127.0.0.1[0]"])
def test_other_transports_refuse_before_they_send(binding: str, stub: Any) -> None:
    with lrpc.Server() as server:
        server.register(implementation(stub))
        bound = server.listen(binding)
        server.start()
        with lrpc.connect(stub.OpenerClient, str(bound)) as client:
            for call in (lambda: client.Size(0), lambda: client.Open("x")):
                with pytest.raises(lrpc.ArgumentError, match="ncalrpc"):
                    call()
            assert client.Plain(1) == 2


def test_asyncio_carries_them_too(stub: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"octets")

    async def run() -> tuple[int, bytes, int]:
        async with lrpc.AsyncServer() as server:
            server.register(asynchronous(stub))
            await server.listen("ncalrpc:[opener]")
            await server.start()
            async with lrpc.connect(stub.AsyncOpenerClient, "ncalrpc:[opener]") as client:
                with (tmp_path / "file").open("rb") as file:
                    size = await client.Size(file)
                back = await client.Open(str(tmp_path / "file"))
                return size, os.read(back.fileno(), 100), await client.Plain(1)

    assert asyncio.run(asyncio.wait_for(run(), WATCHDOG)) == (6, b"octets", 2)


# The codec


@pytest.fixture
def codec(stub: Any) -> HandledCodec:
    found = stub.Opener.interface.operation("Swap").codecs(Encoding.NDR).request
    assert isinstance(found, HandledCodec)
    return found


def test_numbers_stand_for_descriptors(codec: HandledCodec) -> None:
    event, file = Handle(os.eventfd(0)), Handle(os.open(os.devnull, os.O_RDONLY))
    parts = codec.encode((event, file))
    assert isinstance(parts, HandledParts)
    assert b"".join(parts) == bytes.fromhex("0100000002000000")
    assert beside(parts) == [event, file]
    parts = codec.encode((None, file.fileno()))
    assert (b"".join(parts), beside(parts)) == (bytes.fromhex("0000000001000000"), [file.fileno()])
    assert beside(codec.encode((None, None))) == ()


@pytest.mark.parametrize("octets", ["0100000000000000", "ffffffff00000000", "0000000003000000", "0200000002000000"])
def test_numbers_that_nothing_came_with_are_refused(octets: str, codec: HandledCodec) -> None:
    event = Handle(os.eventfd(0))
    assert event.type == ObjectType.EVENT
    came = [] if octets.startswith("01") else [event, Handle(os.eventfd(0))]
    with pytest.raises(NdrError):
        codec.decode(accompanied(bytes.fromhex(octets), came))


def test_a_handle_is_one_parameters_and_no_others() -> None:
    two = lrpc.load("""
    [uuid(5b8e4e63-0a2f-4d2c-9c0e-3b1f6c6e4a13), version(1.0)]
    interface Two {
        typedef void *HANDLE;
        void Two([in, system_handle(sh_event)] HANDLE a, [in, system_handle(sh_event)] HANDLE b);
    }
    """)
    codec = two.Two.interface.operation("Two").codecs(Encoding.NDR).request
    with pytest.raises(NdrError):
        codec.decode(accompanied(bytes.fromhex("0100000001000000"), [Handle(os.eventfd(0))]))


def test_octets_without_handles_are_what_they_are() -> None:
    octets = b"x"
    assert accompanied(octets, ()) is octets
    assert beside(octets) == ()
    assert isinstance(accompanied(octets, [1]), Handled)


def test_a_stub_that_has_handles_says_what_they_are(stub: Any) -> None:
    operation = stub.Opener.interface.operation("Open")
    assert operation.system
    assert not operation.plain
    assert not stub.Opener.interface.operation("Plain").system
    assert stub.Opener.interface.system
