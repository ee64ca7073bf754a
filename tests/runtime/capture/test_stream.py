from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.capture.stream import Cutter, Piece
from lrpc.runtime.ncacn.pdu import CoCancel, Request

PDUS = [
    Request(1, 0, 5, b"stub").serialize(),
    Request(2, 0, 5, b"the other order", order=">").serialize(),
    CoCancel(1).serialize(),
    Request(3, 0, 5, bytes(60_000)).serialize(),
]
STREAM = b"".join(PDUS)


def fed(*octets: bytes) -> list[Piece]:
    cutter = Cutter()
    return [piece for each in octets for piece in cutter.feed(each)]


def test_pdus_come_out_whole() -> None:
    assert fed(STREAM) == [Piece(pdu) for pdu in PDUS]


@settings(deadline=None)
@given(st.lists(st.integers(0, len(STREAM)), max_size=8).map(sorted))
def test_cuts_do_not_matter(cuts: list[int]) -> None:
    ends = [0, *cuts, len(STREAM)]
    assert fed(*(STREAM[a:b] for a, b in pairwise(ends))) == [Piece(pdu) for pdu in PDUS]


def test_octet_by_octet() -> None:
    head = b"".join(PDUS[:3])
    assert fed(*(head[n : n + 1] for n in range(len(head)))) == [Piece(pdu) for pdu in PDUS[:3]]


def test_another_protocol_comes_out_as_it_is_at_once() -> None:
    assert fed(PDUS[0], b"GET / HTTP/1.0", b"\r\n") == [
        Piece(PDUS[0]),
        Piece(b"GET / HTTP/1.0", False),
        Piece(b"\r\n", False),
    ]


def test_a_length_that_cannot_be_ends_the_search_for_pdus() -> None:
    wrong = PDUS[0][:8] + b"\x0f\0" + PDUS[0][10:]
    assert fed(wrong, PDUS[0]) == [Piece(wrong, False), Piece(PDUS[0], False)]


def test_pieces_of_another_protocol_fit_a_packet() -> None:
    pieces = fed(b"x" * 200_000)
    assert max(len(piece.octets) for piece in pieces) <= 0xFFFF
    assert b"".join(piece.octets for piece in pieces) == b"x" * 200_000


def test_what_is_cut_off_by_the_end_comes_out_once() -> None:
    cutter = Cutter()
    assert cutter.feed(PDUS[0][:20]) == []
    assert cutter.rest() == [Piece(PDUS[0][:20], False)]
    assert cutter.rest() == []


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_nothing_is_lost_and_nothing_raises(octets: list[bytes]) -> None:
    cutter = Cutter()
    pieces = [piece for each in octets for piece in cutter.feed(each)] + cutter.rest()
    assert b"".join(piece.octets for piece in pieces) == b"".join(octets)
