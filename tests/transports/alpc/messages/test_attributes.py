from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrpc.transports.alpc.messages import attributes as wire
from lrpc.transports.alpc.messages.attributes import AttributeBlock
from lrpc.transports.errors import BadFrame

FULL = AttributeBlock(
    security=wire.SecurityAttribute(0x20000, 2, 3),
    view=wire.ViewAttribute(0x40000, 5, 0x1000, 0x2000),
    context=wire.ContextAttribute(6, 7, 8, 9, 10),
    handle=wire.HandleAttribute(0x10000, 11, 12, 13),
    token=wire.TokenAttribute(14, 15, 16),
    direct=wire.DirectAttribute(17),
    work_on_behalf=wire.WorkOnBehalfAttribute(18, 19),
)
OCTETS = bytes.fromhex(
    "000000fe 000000fe"  # AllocatedAttributes, ValidAttributes
    "00000200 00000000 0200000000000000 0300000000000000"  # SECURITY
    "00000400 00000000 0500000000000000 0010000000000000 0020000000000000"  # VIEW
    "0600000000000000 0700000000000000 08000000 09000000 0a000000 00000000"  # CONTEXT
    "00000100 00000000 0b00000000000000 0c000000 0d000000"  # HANDLE
    "0e00000000000000 0f00000000000000 1000000000000000"  # TOKEN
    "1100000000000000"  # DIRECT
    "12000000 13000000"  # WORK_ON_BEHALF
)
SIZES = {
    wire.SECURITY_ATTRIBUTE: 0x18,
    wire.VIEW_ATTRIBUTE: 0x20,
    wire.CONTEXT_ATTRIBUTE: 0x20,
    wire.HANDLE_ATTRIBUTE: 0x18,
    wire.TOKEN_ATTRIBUTE: 0x18,
    wire.DIRECT_ATTRIBUTE: 8,
    wire.WORK_ON_BEHALF_ATTRIBUTE: 8,
}


def test_all_seven_have_their_octets_in_their_order() -> None:
    assert FULL.pack() == OCTETS
    assert AttributeBlock.unpack(OCTETS) == (FULL, len(OCTETS))


def test_each_has_the_size_it_has_on_x64() -> None:
    assert {slot.bit: slot.layout.size for slot in wire.SLOTS} == SIZES
    assert [slot.bit for slot in wire.SLOTS] == sorted(SIZES, reverse=True)
    assert sum(SIZES) == wire.ALL_ATTRIBUTES


@pytest.mark.parametrize("slot", wire.SLOTS, ids=lambda slot: slot.name)
def test_room_without_content_is_allocated_and_not_valid(slot: wire.Slot) -> None:
    empty = AttributeBlock(room=slot.bit)
    assert (empty.allocated, empty.valid) == (slot.bit, 0)
    octets = empty.pack()
    assert octets == struct.pack("<II", slot.bit, 0) + bytes(SIZES[slot.bit])
    assert AttributeBlock.unpack(octets) == (empty, wire.header_size(slot.bit))


@pytest.mark.parametrize("slot", wire.SLOTS, ids=lambda slot: slot.name)
def test_room_goes_with_the_content_of_others(slot: wire.Slot) -> None:
    alone = AttributeBlock(**{slot.name: getattr(FULL, slot.name)})
    block = alone._replace(room=wire.ALL_ATTRIBUTES & ~slot.bit)
    assert AttributeBlock.unpack(block.pack()) == (block, len(OCTETS))


def test_flags_have_the_numbers_of_nt() -> None:
    assert (wire.SECURITY_RELEASE_HANDLE, wire.SECURITY_CREATE_HANDLE) == (0x10000, 0x20000)
    assert (wire.VIEW_AUTO_RELEASE, wire.VIEW_SECURED_ACCESS) == (0x20000, 0x40000)
    assert (wire.HANDLE_SAME_ACCESS, wire.HANDLE_SAME_ATTRIBUTES) == (0x10000, 0x20000)
    assert (wire.HANDLE_INDIRECT, wire.HANDLE_INHERIT) == (0x40000, 0x80000)


def test_what_is_not_said_is_zero() -> None:
    assert not any(any(slot.kind()) for slot in wire.SLOTS)


@pytest.mark.parametrize(
    ("masks", "reason"),
    [
        ((0, wire.VIEW_ATTRIBUTE), "of which 0x40000000 are valid"),
        ((1, 0), "attributes 0x1"),
        ((wire.VIEW_ATTRIBUTE | 0x01000000, 0), "attributes 0x41000000"),
        ((wire.ALL_ATTRIBUTES, 0), "in 8 octets"),
    ],
)
def test_masks_that_cannot_be_are_refused(masks: tuple[int, int], reason: str) -> None:
    with pytest.raises(BadFrame, match=reason):
        AttributeBlock.unpack(struct.pack("<II", *masks))


def test_a_block_cut_anywhere_is_refused() -> None:
    for length in range(len(OCTETS)):
        with pytest.raises(BadFrame):
            AttributeBlock.unpack(OCTETS[:length])


def test_numbers_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match="DirectAttribute"):
        AttributeBlock(direct=wire.DirectAttribute(1 << 64)).pack()


def _structures(slot: wire.Slot) -> st.SearchStrategy[Any]:
    widths = [{"I": 32, "Q": 64}[letter] for letter in slot.layout.format if letter in "IQ"]
    return st.none() | st.tuples(*(st.integers(0, (1 << width) - 1) for width in widths)).map(
        lambda values: slot.kind(*values)
    )


@given(st.fixed_dictionaries({slot.name: _structures(slot) for slot in wire.SLOTS}), st.binary(max_size=9))
def test_any_block_survives_wherever_it_stands(fields: dict[str, Any], before: bytes) -> None:
    block = AttributeBlock(**fields)
    octets = before + block.pack()
    assert AttributeBlock.unpack(octets + b"data", len(before)) == (block, len(octets))


@given(st.binary(max_size=300))
@example(OCTETS)
def test_any_octets_are_a_block_or_a_bad_frame(octets: bytes) -> None:
    try:
        block, end = AttributeBlock.unpack(octets)
    except BadFrame:
        return
    assert len(block.pack()) == end <= len(octets)
