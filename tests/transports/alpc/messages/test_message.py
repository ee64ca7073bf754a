from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrpc.transports import alpc
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import AttributeBlock, ContextAttribute
from lrpc.transports.alpc.messages.message import ViewAttribute, pack, unpack
from lrpc.transports.alpc.messages.port_message import PortMessageHeader
from lrpc.transports.errors import BadFrame

PLAIN = bytes.fromhex(
    "0300"  # DataLength
    "2b00"  # TotalLength
    "0100"  # Type: LPC_REQUEST
    "0000"  # DataInfoOffset
    "0000000000000000 0000000000000000"  # ClientId
    "07000000"  # MessageId
    "00000000"  # padding
    "0000000000000000"  # CallbackId
    "00000000 00000000"  # AllocatedAttributes, ValidAttributes
    "616263"
)
WITH_VIEW = bytes.fromhex(
    "0200 2a00 0200 0000"
    "0000000000000000 0000000000000000"
    "ffffffff 00000000"
    "0000000000000000"
    "00000040 00000040"  # VIEW
    "00000000 00000000"  # Flags, padding
    "0500000000000000"  # SectionHandle: the number of the view
    "0010000000000000"  # ViewBase
    "0000000100000000"  # ViewSize
    "6869"
)
WITH_CONTEXT = wire.compose(
    PortMessageHeader(0, 0, alpc.LPC_REQUEST, message_id=7), AttributeBlock(context=ContextAttribute()), b"x"
)
VECTORS = [
    (PLAIN, (alpc.LPC_REQUEST, 7, b"abc", None)),
    (WITH_VIEW, (alpc.LPC_REPLY, 0xFFFFFFFF, b"hi", ViewAttribute(0, 5, 4096, 1 << 24))),
]


@pytest.mark.parametrize(("octets", "parts"), VECTORS, ids=["plain", "view"])
def test_a_frame_has_the_octets_of_a_port_message(
    octets: bytes, parts: tuple[int, int, bytes, ViewAttribute | None]
) -> None:
    assert pack(*parts) == octets
    assert unpack(octets) == parts


def test_the_header_is_that_of_x64() -> None:
    assert wire.FRAME_SIZE == wire.HEADER_SIZE + 8 == 48
    assert wire.VIEW.size == 0x20
    assert wire.MAX_DATA == 65495


def test_our_own_types_keep_their_numbers() -> None:
    """A peer of another version knows them by these."""
    assert [
        wire.SECTION_NOTICE, wire.SECTION, wire.VIEW_RELEASE, wire.TERMINATION_PORT, wire.SECURITY_CONTEXT,
        wire.SECTION_GONE, wire.DATA_PULL, wire.MEMORY, wire.LANE_NUDGE, wire.BATCH, wire.QUOTA_NOTICE,
    ] == [0x80, 0x81, 0x82, 0x83, 0x84, 0x88, 0x89, 0x8A, 0x8F, 0x90, 0x91]  # fmt: skip


@pytest.mark.parametrize("field", ["callback_id", "data_info_offset"])
def test_what_needs_more_than_a_plain_frame_is_refused_by_who_reads_those(field: str) -> None:
    assert unpack(WITH_CONTEXT) == (alpc.LPC_REQUEST, 7, b"x", None)
    header, block, data = wire.parse(WITH_CONTEXT)
    with pytest.raises(BadFrame):
        unpack(wire.compose(header._replace(**{field: 48}), block, data))


@pytest.mark.parametrize("octets", [PLAIN, WITH_VIEW, WITH_CONTEXT], ids=["plain", "view", "context"])
def test_a_frame_cut_anywhere_or_too_long_is_refused(octets: bytes) -> None:
    for other in (*(octets[:length] for length in range(len(octets))), octets + b"x"):
        with pytest.raises(BadFrame):
            unpack(other)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 4), (0, 2), (2, 0x2A), (3, 1), (24, 0), (44, 1), (47, 0x40), (47, 0xC0)],
    ids=lambda value: f"{value:#x}",
)
def test_a_frame_that_contradicts_itself_is_refused(offset: int, value: int) -> None:
    mutated = bytearray(PLAIN)
    mutated[offset] = value
    with pytest.raises(BadFrame):
        unpack(bytes(mutated))


def test_what_the_sender_says_of_itself_is_not_read() -> None:
    forged = bytearray(PLAIN)
    forged[8:24] = b"\xff" * 16
    assert unpack(bytes(forged)) == unpack(PLAIN)


@given(st.binary(max_size=200))
@example(b"")
def test_any_octets_are_a_frame_or_a_bad_one(octets: bytes) -> None:
    try:
        kind, message_id, data, view = unpack(octets)
    except BadFrame:
        return
    assert message_id
    assert unpack(pack(kind, message_id, data, view)) == (kind, message_id, data, view)
