"""A flat call has the octets of a plain one, and whatever is not exactly as expected is left to the general way."""

from __future__ import annotations

import gc
import itertools
import struct
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lrpc
from lrpc.runtime import plain
from lrpc.runtime.flat import TARGET, Turn, Way, calling, ends_of, target
from lrpc.runtime.operation import Flat
from lrpc.transports import errors as transport

CLIENT = struct.pack("<QQ", 4711, 0)
BINDING = 2
mixed: Any = lrpc.load("""
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f31), version(1.0)]
interface Mixed {
    hyper All([in] small a, [in] hyper b, [in] unsigned short c, [in] double d, [in] boolean e, [in] unsigned long f);
    boolean None();
    double Half([in] float x);
    long Text([in, string] wchar_t *text);
    void Nothing([in] long a);
    long Two([in] long a, [out] long *b);
    [maybe] void Told([in] long a);
    error_status_t Status([in] long a);
}
""")
OPERATIONS: dict[str, Any] = {operation.name: operation for operation in mixed.Mixed.interface.operations}
ALL: Any = OPERATIONS["All"]
VALUES = st.tuples(
    st.integers(-128, 127),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 65535),
    st.floats(allow_nan=False),
    st.booleans(),
    st.integers(0, 2**32 - 1),
)
SOME = (-1, 2, 3, 4.5, True, 6)


class End:
    """A client's end whose peer is a function from frames to frames."""

    def __init__(self, peer: Callable[[bytes], bytes], operation: Any = ALL, first: int = 1) -> None:
        self.peer = peer
        self.frames: list[bytes] = []
        self.limits: list[float | None] = []
        self.rare: list[Any] = []
        self.promoted = 0
        self.unsaid: deque[Any] = deque()
        self.turn = Turn(threading.Lock(), {}, self._promote, 30.0, lambda exchange, timeout: None)
        port: Any = SimpleNamespace(send_wait_receive=self._swap)
        way = Way(CLIENT, BINDING, itertools.count(first).__next__, port, self.unsaid)
        self.call = calling(ends_of(operation.opnum, operation.flat, way), way, self.turn, self._rare)

    def _promote(self) -> None:
        self.promoted += 1

    def _swap(self, frame: bytes, send_timeout: float | None, timeout: float | None) -> bytes:
        assert self.turn.reading.locked()
        self.frames.append(frame)
        self.limits.append(timeout)
        return self.peer(frame)

    def _rare(self, key: int, timeout: float, values: tuple[Any, ...], heard: Any) -> Any:
        assert self.turn.reading.locked()
        self.rare.append((key, heard))
        return "rare"


def reply(frame: bytes, stub: bytes, *, late: int = 0) -> bytes:
    """The answer to a request's frame; late: to the call so many before."""
    request = plain.read_request(frame)
    assert request is not None
    return plain.response(bytes(16), request[0] - late, request[1] - late, stub)


def answering(value: int) -> Callable[[bytes], bytes]:
    return lambda frame: reply(frame, struct.pack("<q", value))


@given(VALUES, st.integers(1, 2**32 - 1))
def test_a_request_has_the_octets_of_a_plain_one(values: tuple[Any, ...], key: int) -> None:
    end = End(answering(7), first=key)
    assert end.call(values) == 7
    [stub] = ALL.ndr.request.encode(values)
    assert end.frames == [plain.request(CLIENT, key, BINDING, ALL.opnum, stub)]
    assert end.frames[0][TARGET] == target(BINDING, ALL.opnum)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_result_is_what_the_codec_reads(value: int) -> None:
    assert End(answering(value)).call(SOME) == value == ALL.ndr.response.decode(struct.pack("<q", value))[0]


def test_operations_of_scalars_alone_are_flat() -> None:
    flat = {name: operation.flat for name, operation in OPERATIONS.items()}
    assert flat.pop("All") == Flat("bxxxxxxxqHxxxxxxd?xxxI", "q")
    assert flat.pop("None") == Flat("", "?")
    assert flat.pop("Half") == Flat("f", "d")
    assert set(flat.values()) == {None}


@pytest.mark.parametrize("name", ["All", "None", "Half"])
def test_a_flat_stub_is_as_long_as_the_codec_makes_it(name: str) -> None:
    operation = OPERATIONS[name]
    values = (0,) * len(operation.inward)
    assert sum(map(len, operation.ndr.request.encode(values))) == struct.calcsize("<" + operation.flat.request)
    assert sum(map(len, operation.ndr.response.encode((0,)))) == struct.calcsize("<" + operation.flat.response)


@pytest.mark.parametrize("values", [(), (*SOME, 1), (128, *SOME[1:]), ("1", *SOME[1:]), (None, *SOME[1:])])
def test_values_that_do_not_fit_are_left_to_the_general_way(values: tuple[Any, ...]) -> None:
    end = End(answering(1))
    assert end.call(values) is None
    assert not end.frames
    assert not end.turn.reading.locked()


@pytest.mark.parametrize(
    "answer",
    [
        lambda frame: reply(frame, b"\1\0\0\0"),
        lambda frame: reply(frame, bytes(9)),
        lambda frame: reply(frame, bytes(8), late=1),
        lambda frame: b"",
        lambda frame: reply(frame, bytes(8))[:44] + b"\1" + reply(frame, bytes(8))[45:],
        lambda frame: reply(frame, bytes(8))[:4] + b"\1" + reply(frame, bytes(8))[5:],
        lambda frame: reply(frame, bytes(8))[:56] + b"\1" + reply(frame, bytes(8))[57:],
    ],
)
def test_another_answer_is_handed_on_as_it_came(answer: Callable[[bytes], bytes]) -> None:
    end = End(answer, first=5)
    assert end.call(SOME) == "rare"
    assert end.rare == [(5, answer(end.frames[0]))]
    assert not end.turn.reading.locked()


@pytest.mark.parametrize(
    "error", [transport.TimedOut("receiving"), transport.Disconnected("gone"), KeyboardInterrupt()]
)
def test_a_failure_is_handed_on(error: BaseException) -> None:
    def fail(frame: bytes) -> bytes:
        raise error

    end = End(fail)
    assert end.call(SOME) == "rare"
    assert end.rare == [(1, error)]
    assert not end.turn.reading.locked()


def test_nothing_happens_while_others_have_the_turn_or_something_is_to_be_said() -> None:
    end = End(answering(1))
    with end.turn.reading:
        assert end.call(SOME) is None
    end.turn.waiting[9] = None
    assert end.call(SOME) is None
    end.turn.waiting.clear()
    end.unsaid.append(b"cancel")
    assert end.call(SOME) is None
    assert not end.frames
    end.unsaid.clear()
    assert end.call(SOME) == 1


def test_who_came_meanwhile_is_woken() -> None:
    def peer(frame: bytes) -> bytes:
        end.turn.waiting[9] = None
        return reply(frame, bytes(8))

    end = End(peer)
    assert end.call(SOME) == 0
    assert end.promoted == 1


def test_a_deadline_bounds_the_wait() -> None:
    end = End(answering(1))
    with lrpc.deadline(5.0):
        end.call(SOME)
    end.call(SOME)
    bounded, free = end.limits
    assert bounded is not None
    assert 0 < bounded <= 5.0
    assert free == 30.0


# Through a server


class Service(mixed.Mixed):  # type: ignore[misc]
    def All(self, a: int, b: int, c: int, d: float, e: bool, f: int) -> int:
        return a + b + c + int(d) + e + f

    def None_(self) -> bool:
        return True

    def Half(self, x: float) -> float:
        if x < 0:
            raise ValueError("below 0")
        return x / 2

    def Text(self, text: str) -> int:
        return len(text)

    def Nothing(self, a: int) -> None:
        return None

    def Two(self, a: int) -> Any:
        return a, a

    def Told(self, a: int) -> None:
        return None

    def Status(self, a: int) -> None:
        return None


@pytest.fixture
def server() -> Iterator[str]:
    with lrpc.Server() as server:
        server.register(Service())
        binding = str(server.listen(f"ncalrpc:[test-flat-{time.monotonic_ns()}]"))
        server.start()
        yield binding


def test_calls_are_flat_over_alpc_alone(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the general way")

    with lrpc.connect(mixed.MixedClient, server) as client:
        for _ in range(3):
            assert client.All(*SOME) == 15
        monkeypatch.setattr(client._channel, "call", refuse)
        assert client.All(*SOME) == 15
        with pytest.raises(AssertionError, match="general"):
            client.Text("abc")


def test_a_fault_and_an_argument_that_does_not_fit_are_what_they_are_elsewhere(server: str) -> None:
    with lrpc.connect(mixed.MixedClient, server) as client:
        for _ in range(2):
            with pytest.raises(lrpc.ArgumentError, match=r"All: .*a"):
                client.All(1000, *SOME[1:])
            with pytest.raises(lrpc.Fault):
                client.Half(-1.0)
            assert client.Half(3.0) == 1.5


def test_a_client_that_is_let_go_is_no_circle(server: str) -> None:
    client = lrpc.connect(mixed.MixedClient, server)
    assert [client.All(*SOME) for _ in range(2)] == [15, 15]
    client.close()
    channel = weakref.ref(client._channel)
    gc.collect()
    gc.disable()
    try:
        del client
        assert channel() is None
    finally:
        gc.enable()


def test_a_server_that_has_gone_is_looked_for_again() -> None:
    with lrpc.Server() as server:
        server.register(Service())
        binding = str(server.listen(f"ncalrpc:[test-flat-{time.monotonic_ns()}]"))
        server.start()
        client = lrpc.connect(mixed.MixedClient, binding)
        assert client.All(*SOME) == 15
    with client, pytest.raises(lrpc.ServerUnavailable):
        client.All(*SOME)
