from __future__ import annotations

import os
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports.alpc.memory import direct
from lrpc.transports.alpc.memory.direct import MAX_ENTRIES, MAX_PULL, Entries, Offer
from lrpc.transports.alpc.memory.process_memory import GrantedMemory, Nonce, ProcessMemory, Reach, open_own_memory
from lrpc.transports.errors import AccessDenied, BadFrame, InvalidParameter, MessageTooLong


def never(pull: bytes) -> bytes:
    raise AssertionError("nobody was to be asked")


@pytest.fixture(params=["asking", "process_vm", "descriptor"])
def reach(request: pytest.FixtureRequest) -> Reach | None:
    """Each of the three ways; here all lead into our own memory."""
    made: Reach | None = None
    if request.param == "process_vm":
        made = ProcessMemory(os.getpid(), None)
    elif request.param == "descriptor":
        made = GrantedMemory(open_own_memory())
    return made


def pair(buffers: list[Any], reach: Reach | None = None) -> tuple[Offer, Entries, Any]:
    """An offer, what its receiver has of it, and how that one asks."""
    offer = Offer(buffers, Nonce())
    entries = Entries(offer.pack())
    entries.reach = reach
    return offer, entries, offer.serve if reach is None else never


def test_entries_are_read_and_written_where_they_are(reach: Reach | None) -> None:
    first, second = b"0123456789", bytearray(6)
    _, entries, ask = pair([first, second], reach)
    assert (len(entries), entries.size_of(0), entries.size_of(1)) == (2, 10, 6)
    assert entries.read(0, 0, 10, ask) == first
    assert entries.read(0, 3, 4, ask) == b"3456"
    entries.write(1, b"abc", 2, ask)
    assert second == b"\0\0abc\0"


def test_what_is_longer_than_a_message_goes_in_parts(reach: Reach | None) -> None:
    first, second = os.urandom(3 * MAX_PULL + 5), bytearray(2 * MAX_PULL + 1)
    _, entries, ask = pair([first, second], reach)
    assert entries.read(0, 1, len(first) - 1, ask) == first[1:]
    entries.write(1, first[: len(second)], 0, ask)
    assert second == first[: len(second)]


def test_nothing_is_read_and_written_too(reach: Reach | None) -> None:
    _, entries, ask = pair([b"", bytearray(1)], reach)
    assert entries.read(0, 0, 0, ask) == b""
    entries.write(1, b"", 1, ask)


@pytest.mark.parametrize(
    ("index", "offset", "size"),
    [(2, 0, 1), (-1, 0, 1), (0, 0, 11), (0, 10, 1), (0, -1, 1), (0, 0, -1), (0, 1 << 64, 1)],
)
def test_what_is_not_listed_is_out_of_reach(reach: Reach | None, index: int, offset: int, size: int) -> None:
    _, entries, _ = pair([bytearray(10), bytearray(10)], reach)
    with pytest.raises(InvalidParameter):
        entries.read(index, offset, size, never)
    if size >= 0:
        with pytest.raises(InvalidParameter):
            entries.write(index, bytes(size), offset, never)


def test_what_cannot_be_written_is_not(reach: Reach | None) -> None:
    octets = b"immutable"
    offer, entries, _ = pair([octets], reach)
    with pytest.raises(AccessDenied):
        entries.write(0, b"x", 0, never)
    pull = struct.pack("<IIQQ", 2, 0, 0, 1) + b"x"
    assert offer.serve(pull) == AccessDenied.status.to_bytes(4, "little")
    assert octets == b"immutable"


def test_a_refusal_of_the_sender_is_raised_by_its_name() -> None:
    _, entries, _ = pair([bytearray(10)])
    for kind in (AccessDenied, InvalidParameter):
        with pytest.raises(kind):
            entries.read(0, 0, 10, lambda _, kind=kind: kind.status.to_bytes(4, "little"))  # type: ignore[misc]


@pytest.mark.parametrize("answer", [b"", bytes(3), bytes(4), bytes(13), bytes(15), b"\1\0\0\0", b"\xff" * 14])
def test_an_answer_that_is_none_is_a_bad_frame(answer: bytes) -> None:
    _, entries, _ = pair([bytearray(10)])
    with pytest.raises(BadFrame):
        entries.read(0, 0, 10, lambda _: answer)


def test_where_the_other_ways_fail_the_sender_is_asked() -> None:
    class Broken:
        def read(self, address: int, into: memoryview) -> bool:
            into[:] = b"!" * len(into)
            return False

        def write(self, address: int, data: object) -> bool:
            return False

    octets = bytearray(b"0123456789")
    offer, entries, _ = pair([octets])
    entries.reach = Broken()
    assert entries.read(0, 0, 10, offer.serve) == b"0123456789"
    entries.write(0, b"abc", 0, offer.serve)
    assert octets == b"abc3456789"


def test_a_sender_that_says_it_has_gigabytes_costs_nothing() -> None:
    octets = struct.pack("<I4xQII", 1, 0x1000, 0xFFFFFFFF, 0) + bytes(24)
    with pytest.raises(InvalidParameter):
        Entries(octets).read(0, 0, 0xFFFFFFFF, never)


def test_the_octets_are_those_of_port_data_information() -> None:
    buffers = [bytearray(3), b"xy"]
    octets = Offer(buffers, Nonce()).pack()
    count, zero = struct.unpack_from("<II", octets)
    first, second = struct.unpack_from("<QII", octets, 8), struct.unpack_from("<QII", octets, 24)
    assert (count, zero, first[1:], second[1:]) == (2, 0, (3, 0), (2, direct.READ_ONLY))
    assert len(octets) == 40 + 24


def test_more_entries_than_there_may_be_are_refused_at_both_ends() -> None:
    Offer([b"x"] * MAX_ENTRIES, Nonce())
    with pytest.raises(MessageTooLong):
        Offer([b"x"] * (MAX_ENTRIES + 1), Nonce())
    with pytest.raises(BadFrame):
        Entries(struct.pack("<I4x", MAX_ENTRIES + 1) + bytes(16 * (MAX_ENTRIES + 1) + 24))


@given(st.binary(max_size=200))
def test_any_octets_are_entries_or_a_bad_frame(octets: bytes) -> None:
    try:
        found = Entries(octets)
    except BadFrame:
        return
    assert len(found) <= MAX_ENTRIES


@given(st.binary(max_size=60), st.integers(0, 3), st.integers(0, 3), st.integers(0, 20), st.integers(0, 20))
def test_any_pull_message_has_an_answer_and_touches_nothing_else(
    rest: bytes, action: int, index: int, offset: int, size: int
) -> None:
    inside, outside = memoryview(bytearray(30))[10:20], b"readonly"
    offer = Offer([inside, outside], Nonce())
    for asked in (rest, struct.pack("<IIQQ", action, index, offset, size) + rest):
        answer = offer.serve(asked)
        assert len(answer) >= 4
    whole = inside.obj
    assert isinstance(whole, bytearray)
    assert whole[:10] == whole[20:] == bytes(10)
