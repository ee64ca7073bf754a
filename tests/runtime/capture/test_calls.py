from __future__ import annotations

import io
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime import ncacn
from lrpc.runtime.capture import pcapng
from lrpc.runtime.capture.calls import CapturedCall, Reader
from lrpc.runtime.capture.exported import Exported, Place
from lrpc.runtime.capture.file import Side, preamble
from lrpc.runtime.capture.listing import HEADINGS, Listing
from lrpc.runtime.ncacn import bind_pdu, pdu

CLIENT, SERVER = Place(ip_address("127.1.0.0"), 1), Place(ip_address("127.0.0.1"), 2)
INTERFACE = ncacn.SyntaxId(UUID(int=5), 1, 0)
BIND = bind_pdu.Bind(1, [bind_pdu.ContextRequest(3, INTERFACE, [ncacn.NDR])], 4280, 4280)
ACCEPTED = bind_pdu.ContextResult(ncacn.ContextOutcome.ACCEPTANCE, transfer=ncacn.NDR)
REJECTED = bind_pdu.ContextResult(ncacn.ContextOutcome.PROVIDER_REJECTION, 1)
ACK = bind_pdu.BindAck(1, [ACCEPTED], 4280, 4280, 1)


def a_file(*passed: Any, comment: str = "") -> io.BytesIO:
    """Of PDUs that passed at 0, 1000, 2000 ... nanoseconds; octets are no PDU."""
    octets = preamble()
    for number, one in enumerate(passed):
        if isinstance(one, bytes):
            exported = Exported(one, CLIENT, SERVER, False)
        else:
            back = one.ptype in (2, 3, 12, 13, 15)
            ends = (SERVER, CLIENT) if back else (CLIENT, SERVER)
            exported = Exported(one.serialize(), *ends)
        octets += pcapng.packet(Side.CLIENT, number * 1000, exported.pack(), outbound=True, comment=comment)
        comment = ""
    return io.BytesIO(octets)


def calls(*passed: Any, comment: str = "") -> list[CapturedCall]:
    return list(Reader().calls(a_file(*passed, comment=comment)))


def test_a_call_is_told_with_its_answer() -> None:
    (call,) = calls(BIND, ACK, pdu.Request(2, 3, 7, b"four"), pdu.Response(2, 3, b"eight..."), comment="who")
    assert call == CapturedCall(2000, "client", "who", INTERFACE, 7, sent=4, received=8, duration=1000, tail=b"t...")


def test_fragments_are_one_call() -> None:
    (call,) = calls(
        BIND,
        ACK,
        pdu.Request(2, 3, 7, b"12345678", flags=1),
        pdu.Request(2, 3, 7, b"9", flags=2),
        pdu.Response(2, 3, b"abc", flags=1),
        pdu.Response(2, 3, b"de", flags=2),
    )
    assert (call.sent, call.received, call.tail, call.duration) == (9, 5, b"bcde", 3000)


def test_a_fault_ends_a_call() -> None:
    (call,) = calls(BIND, ACK, pdu.Request(2, 3, 7, b""), pdu.Fault(2, 3, 5))
    assert (call.fault, call.duration) == (5, 1000)


def test_calls_that_overlap_are_told_as_they_end_and_those_without_answer_last() -> None:
    requests = [pdu.Request(number, 3, number, b"") for number in (2, 3, 4)]
    found = calls(BIND, ACK, *requests, pdu.Response(4, 3, b""), pdu.Response(2, 3, b""))
    assert [(call.opnum, call.duration is None) for call in found] == [(4, False), (2, False), (3, True)]


def test_a_call_that_nobody_answers_has_ended_when_it_is_sent() -> None:
    (call,) = calls(BIND, ACK, pdu.Request(2, 3, 7, b"", flags=3 | ncacn.MAYBE))
    assert call.duration is None


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (bind_pdu.BindAck(1, [REJECTED], 4280, 4280, 1), "refused, reason 1"),
        (bind_pdu.BindAck(1, [], 4280, 4280, 1), "refused"),
        (bind_pdu.BindNak(1, 4), "bind_nak, reason 4"),
    ],
)
def test_a_refused_bind_is_told(answer: Any, refused: str) -> None:
    (call,) = calls(BIND, answer)
    assert (call.interface, call.opnum, call.refused, call.duration) == (INTERFACE, None, refused, 1000)


def test_a_context_that_is_altered_in_is_known() -> None:
    other = ncacn.SyntaxId(UUID(int=6), 1, 0)
    alter = bind_pdu.AlterContext(2, [bind_pdu.ContextRequest(4, other, [ncacn.NDR])], 4280, 4280)
    answer = bind_pdu.AlterContextResponse(2, [ACCEPTED], 4280, 4280, 1)
    (call,) = calls(BIND, ACK, alter, answer, pdu.Request(3, 4, 7, b""), pdu.Response(3, 4, b""))
    assert call.interface == other


def test_a_file_that_begins_in_the_middle_is_read_as_far_as_it_goes() -> None:
    (call,) = calls(pdu.Response(1, 3, b""), pdu.Request(2, 3, 7, b""), pdu.Response(2, 3, b""))
    assert (call.interface, call.connection) == (None, "127.1.0.0:1 to 127.0.0.1:2")


def test_what_is_no_pdu_is_counted() -> None:
    reader = Reader()
    assert list(reader.calls(a_file(b"GET / HTTP/1.0", BIND, ACK))) == []
    assert reader.unread == 1


WHOLE = a_file(BIND, ACK, pdu.Request(2, 3, 7, b"four"), pdu.Response(2, 3, b"eight..."), comment="who").getvalue()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_damaged_file_raises_nothing_but_bad_capture(damage: list[tuple[int, int]]) -> None:
    octets = bytearray(WHOLE)
    for place, octet in damage:
        octets[place] = octet
    with suppress(pcapng.BadCapture):
        for call in Reader().calls(io.BytesIO(octets)):
            assert len(Listing().row(call)) == len(HEADINGS)


def test_other_pdus_are_no_calls() -> None:
    assert calls(BIND, ACK, pdu.CoCancel(9), pdu.OrphanedCall(9)) == []
