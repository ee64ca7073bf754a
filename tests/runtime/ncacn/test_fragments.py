"""Stubs to fragments and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime.ncacn import FaultStatus, Limits, PduError
from lrpc.runtime.ncacn.fragments import Assembly, agreed_fragment, cut, joined, room
from lrpc.runtime.ncacn.pdu import Request

LIMITS = Limits(max_fragments=4)


def request(stub: bytes, **fields: object) -> Request:
    return Request(**{"call_id": 1, "context_id": 2, "opnum": 3, "stub": stub, **fields})


@pytest.mark.parametrize(
    ("xmit", "recv", "agreed"),
    [
        (0, 0, 2048),
        (0, 0xFFFF, 2048),
        (1, 1, 2048),
        (3199, 0xFFFF, 3192),
        (0xFFFF, 3199, 3192),
        (5840, 5840, 5840),
        (0xFFFF, 0xFFFF, 5840),
    ],
)
def test_fragment_size_is_clamped_and_a_multiple_of_eight_as_measured_on_windows(xmit, recv, agreed):
    assert agreed_fragment(xmit, recv, 5840) == agreed


def test_fragment_size_over_pipes_is_4280():
    assert agreed_fragment(0xFFFF, 0xFFFF, 4280) == 4280


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_fragment_size_is_always_in_bounds(xmit, recv):
    agreed = agreed_fragment(xmit, recv, 5840)
    assert 2048 <= agreed <= 5840
    assert agreed % 8 == 0


@given(st.integers(0, 10000), st.integers(1, 700))
def test_cuts_cover_the_stub_in_order(size, units):
    step = units * 8
    pieces = list(cut(size, step))
    assert pieces[0][0] == 0
    assert pieces[-1][1] == size
    assert [end for _, end in pieces[:-1]] == [start for start, _ in pieces[1:]]
    assert all(end - start == step for start, end in pieces[:-1])
    assert len(pieces) == max(1, -(-size // step))


@pytest.mark.parametrize(
    ("fragment", "header"), [(5840, 24), (4280, 24), (2048, 40), (3192, 24), (1432, 24), (1437, 40)]
)
def test_full_fragment_holds_a_multiple_of_eight_octets_of_stub(fragment, header):
    octets = room(fragment, header)
    assert octets % 8 == 0
    assert 0 <= fragment - header - octets < 8


def test_stub_of_several_buffers_is_one_and_a_single_one_is_not_copied():
    single = memoryview(b"abc")
    assert joined(single) is single
    assert joined([b"ab", bytearray(b"c"), memoryview(b"d")]) == b"abcd"
    assert joined(()) == b""


def test_fragments_join_in_order():
    assembly = Assembly(request(b"one"), 100, LIMITS, FaultStatus.ACCESS_DENIED)
    assembly.add(request(b"two"))
    assert (assembly.stub(), assembly.size) == (b"onetwo", 6)


@pytest.mark.parametrize("change", [{"call_id": 9}, {"context_id": 9}, {"order": ">"}], ids=str)
def test_fragment_of_another_call_is_refused_in_the_name_of_the_first(change):
    assembly = Assembly(request(b"one"), 100, LIMITS, FaultStatus.ACCESS_DENIED)
    with pytest.raises(PduError, match="does not continue its call") as caught:
        assembly.add(request(b"two", **change))
    assert (caught.value.call_id, caught.value.context_id) == (1, 2)
    assert caught.value.status == FaultStatus.NCA_S_PROTO_ERROR


def test_fragment_of_another_operation_is_refused():
    assembly = Assembly(request(b"one"), 100, LIMITS, FaultStatus.ACCESS_DENIED, same=3)
    with pytest.raises(PduError, match="does not continue its call"):
        assembly.add(request(b"two"), same=4)


def test_stub_may_fill_the_limit_and_not_pass_it():
    assembly = Assembly(request(b"12345"), 10, LIMITS, FaultStatus.NCA_S_OUT_ARGS_TOO_BIG)
    assembly.add(request(b"67890"))
    with pytest.raises(PduError, match="exceeds 10 octets") as caught:
        assembly.add(request(b"x"))
    assert caught.value.status == FaultStatus.NCA_S_OUT_ARGS_TOO_BIG
    assert (caught.value.limit, caught.value.value) == ("max_request", 10)
    assert assembly.size == 10


def test_empty_fragments_come_to_an_end():
    assembly = Assembly(request(b""), 10, LIMITS, FaultStatus.ACCESS_DENIED)
    for _ in range(3):
        assembly.add(request(b""))
    with pytest.raises(PduError, match="exceeds 4 fragments") as caught:
        assembly.add(request(b""))
    assert (caught.value.limit, caught.value.value) == ("max_fragments", 4)
