"""What a server answers to a flat call is what it answers to a plain one."""

from __future__ import annotations

import struct
from collections import deque
from typing import Any
from uuid import uuid4

import pytest

import lrpc
from lrpc.runtime import plain
from lrpc.runtime.call import Limits
from lrpc.runtime.cancelling import Cancelling
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Method, Registry
from lrpc.runtime.flat_serving import Serving, served, serving
from lrpc.runtime.status import Fault
from lrpc.transports.traffic import Traffic

CLIENT = struct.pack("<QQ", 4711, 0)
calc: Any = lrpc.load("""
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f32), version(1.0)]
interface Calc { long Add([in] long a, [in] long b); }
""")


class Service(calc.Calc):  # type: ignore[misc]
    def __init__(self) -> None:
        self.result: Any = None
        self.error: BaseException | None = None

    def Add(self, a: int, b: int) -> Any:
        if self.error is not None:
            raise self.error
        return a + b if self.result is None else self.result


class Quiet:
    """A session that receives nothing."""

    def receive_now(self) -> None:
        return None

    def fileno(self) -> int:
        return -1


class End:
    """A server's end."""

    def __init__(self) -> None:
        self.service = Service()
        registry = Registry(1 << 20)
        [interface] = registry.register(self.service)
        method = registry.find(interface.uuid, interface.version, 0, None, "here")
        assert isinstance(method, Method)
        self.traffic = Traffic()
        self.pending: deque[Any] = deque()
        limits = Limits()
        self.cancelling = Cancelling(Quiet(), self.pending, limits.max_calls, limits.max_cancels)
        self.finished: list[tuple[int, int, Any]] = []
        flat = method.operation.flat
        assert flat is not None
        port: Any = None
        session = Serving(port, ContextTable(uuid4, 1), self.traffic, self.cancelling, self._finish)
        self.serve = serving(served(method, flat, CLIENT), session)

    def _finish(self, message_id: int, call_id: int, answer: Any) -> bytes:
        self.finished.append((message_id, call_id, answer))
        return b"finished"


def asked(a: int = 2, b: int = 3, *, stub: bytes = b"") -> bytes:
    return plain.request(CLIENT, 9, 0, 0, stub or struct.pack("<ii", a, b))


def test_a_response_has_the_octets_of_a_plain_one() -> None:
    end = End()
    assert end.serve(asked()) == plain.response(CLIENT, 9, 9, struct.pack("<i", 5))
    assert end.cancelling.now == 9
    assert (end.traffic.calls_in, end.traffic.packets_in, end.traffic.packets_out) == (1, 1, 1)
    assert (end.traffic.octets_in, end.traffic.octets_out) == (len(asked()), plain.RESPONSE_SIZE + 4)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        asked()[:-1],
        asked() + b"\0",
        asked(stub=bytes(12)),
        *(asked()[:at] + b"\xff" + asked()[at + 1 :] for at in (0, 2, 4, 44, 48, 56)),
        asked()[:24] + bytes(4) + asked()[28:],
    ],
)
def test_any_other_frame_is_left_to_the_general_way(frame: bytes) -> None:
    end = End()
    assert end.serve(frame) is None
    assert end.traffic.calls_in == 0


def test_a_method_that_raises_is_a_fault() -> None:
    end = End()
    end.service.error = ValueError("no")
    assert end.serve(asked()) == b"finished"
    [(message_id, call_id, answer)] = end.finished
    assert (message_id, call_id) == (9, 9)
    assert isinstance(answer, Fault)
    end.service.error = Fault(5, "mine")
    end.serve(asked())
    assert end.finished[-1][2] is end.service.error


def test_an_interruption_is_one_of_the_server() -> None:
    end = End()
    end.service.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        end.serve(asked())


@pytest.mark.parametrize("result", ["5", 2**31, 1.5, [1]])
def test_a_result_that_does_not_fit_is_a_fault(result: Any) -> None:
    end = End()
    end.service.result = result
    assert end.serve(asked()) == b"finished"
    [(_, _, answer)] = end.finished
    assert isinstance(answer, Fault)
    assert "Add" in str(answer)


def test_a_response_waits_its_turn_while_other_calls_do() -> None:
    end = End()
    end.pending.append("a call")
    assert end.serve(asked()) == b"finished"
    assert end.finished == [(9, 9, [struct.pack("<i", 5)])]
