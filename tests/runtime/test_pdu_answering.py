"""What is answered through one connection: in how many pieces, in which order, and what becomes of it without room."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from lrpc.runtime import ncacn
from lrpc.runtime.ended import Ended
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pdu_answering import PduAnswering
from lrpc.runtime.session import Call
from lrpc.runtime.status import Fault, Ran
from lrpc.transports.errors import Disconnected


class Stream:
    """Takes `room` octets, and keeps what it took by the piece. The room is all there is for who does not wait."""

    def __init__(self, *, message_mode: bool = False, room: int = 1 << 20) -> None:
        self.message_mode = message_mode
        self.room = room
        self.pieces: list[bytes] = []
        self.broken = False

    def send_now(self, data: Any) -> int:
        if self.broken:
            raise Disconnected("gone")
        taken = bytes(data[: self.room])
        self.room -= len(taken)
        self.pieces += [taken] if taken else []
        return len(taken)

    def send(self, data: bytes, timeout: float) -> None:
        if self.broken:
            raise Disconnected("gone")
        self.pieces.append(bytes(data))


class Engine:
    """Says the text of an answer in two fragments, and a call's number in one where that is all there is to say."""

    def __init__(self) -> None:
        self.faults: list[tuple[int, bool]] = []
        self.plain = False

    def plain_response(self, call_id: int, context_id: int, stub: bytes) -> bytes | None:
        return b"<%d>" % call_id if self.plain else None

    def respond(self, call_id: int, context_id: int, pieces: Iterable[bytes]) -> list[bytes]:
        if not call_id:
            raise ncacn.StateError("no such call")
        return [b"<%d" % call_id, b"%s>" % b"".join(pieces)]

    def fault(self, call_id: int, context_id: int, status: int, *, did_not_execute: bool, detail: object) -> bytes:
        self.faults.append((status, did_not_execute))
        return b"!" if call_id else b""


class Answering(PduAnswering):
    """What a session is, as far as it answers."""

    def __init__(self, stream: Stream, *, patient: bool = False) -> None:
        registry: Any = SimpleNamespace(told_of=lambda fault: ())
        super().__init__(stream, registry, patient=patient)  # type: ignore[arg-type]
        self.engine = Engine()
        self._association = self.engine  # type: ignore[assignment]
        self._piped = SimpleNamespace(half_sent=False)  # type: ignore[assignment]


def call(number: int) -> Call:
    return Call(number, 0, Fault(0), b"", Encoding.NDR)


@pytest.mark.parametrize(
    ("message_mode", "pieces"), [(False, [b"<1x>"]), (True, [b"<1", b"x>"])], ids=["stream", "messages"]
)
@pytest.mark.parametrize("how", ["answer", "answering", "answer_now"])
def test_fragments_go_in_one_piece_where_nobody_counts_pieces(
    how: str, message_mode: bool, pieces: list[bytes]
) -> None:
    stream = Stream(message_mode=message_mode)
    answering = Answering(stream)
    going = getattr(answering, how)(call(1), [b"x"])
    assert [*(going or ())] == []
    assert stream.pieces == pieces
    assert answering.traffic.packets_out == 2


def test_an_answer_that_is_one_plain_response_is_not_cut_into_fragments() -> None:
    stream = Stream()
    answering = Answering(stream)
    answering.engine.plain = True
    answering.answer(call(1), [b"x"])
    answering.answer(call(2), [b"x", b"y"])
    assert stream.pieces == [b"<1>", b"<2xy>"]


def test_answers_that_are_held_go_together_and_in_order() -> None:
    stream = Stream()
    answering = Answering(stream)
    answering.hold()
    assert [answering.answer_now(call(number), [b"x"]) for number in (1, 2)] == [None, None]
    assert stream.pieces == []
    assert [*(answering.let_go() or ())] == []
    assert stream.pieces == [b"<1x><2x>"]
    assert answering.let_go() is None
    assert answering.answer_now(call(3), [b"x"]) is None
    assert stream.pieces[1:] == [b"<3x>"]


def test_messages_are_never_held() -> None:
    stream = Stream(message_mode=True)
    answering = Answering(stream)
    answering.hold()
    answering.answer_now(call(1), [b"x"])
    assert stream.pieces == [b"<1", b"x>"]
    assert answering.let_go() is None


@pytest.mark.parametrize("room", range(5))
def test_an_answer_goes_on_where_the_room_ended(room: int) -> None:
    stream = Stream(room=room)
    answering = Answering(stream)
    going = answering.answer_now(call(1), [b"x"])
    assert (going is None) is (room >= 4)
    for stream.room in (1,) * 4:
        next(going or iter(()), None)
    assert b"".join(stream.pieces) == b"<1x>"
    assert [*(going or ())] == []


def test_what_is_said_while_an_answer_is_half_sent_goes_behind_it() -> None:
    stream = Stream(room=1)
    answering = Answering(stream, patient=True)
    going = answering.answering(call(1), [b"x"])
    next(going)
    answering._send(b"[engine]")
    stream.room = 100
    assert [*going] == [True]
    assert b"".join(stream.pieces) == b"<1x>[engine]"
    answering._send(b"[more]")
    assert stream.pieces[-1] == b"[more]"


def test_a_client_without_room_for_what_is_said_is_waited_for_only_with_patience() -> None:
    Answering(stream := Stream(room=0), patient=True)._send(b"word")
    assert stream.pieces == [b"word"]
    with pytest.raises(Ended):
        Answering(Stream(room=3))._send(b"word")


@pytest.mark.parametrize(("ran", "never"), [(Ran.NO, True), (Ran.YES, False), (Ran.UNKNOWN, False)])
def test_a_fault_says_that_nothing_ran_only_where_that_is_sure(ran: Ran, never: bool) -> None:
    stream = Stream()
    answering = Answering(stream)
    answering.answer(call(1), Fault(5, "denied", ran=ran))
    assert (answering.engine.faults, stream.pieces) == ([(5, never)], [b"!"])


def test_a_fault_that_nobody_waits_for_sends_nothing() -> None:
    stream = Stream()
    answering = Answering(stream)
    answering.answer(call(0), Fault(5))
    assert (stream.pieces, answering.traffic.packets_out) == ([], 0)


@pytest.mark.parametrize("how", ["answer", "answering", "answer_now"])
def test_a_connection_that_broke_and_a_call_that_is_none_are_the_end(how: str) -> None:
    stream = Stream()
    for number, stream.broken in ((1, True), (0, False)):
        with pytest.raises(Ended):
            for _ in getattr(Answering(stream), how)(call(number), [b"x"]) or ():
                pass
