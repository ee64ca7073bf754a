from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.capture import pcapng

FILE = b"".join(
    (
        pcapng.section_header("a program", "a system"),
        pcapng.interface("first", "what it is"),
        pcapng.interface("second", ""),
        pcapng.packet(1, 1_700_000_000_123_456_789, b"hello", outbound=True, comment="said"),
        pcapng.packet(0, 5, b"", outbound=False),
    )
)


def packets(octets: bytes) -> list[pcapng.Packet]:
    return list(pcapng.read(io.BytesIO(octets)))


def test_what_is_written_is_read() -> None:
    assert packets(FILE) == [
        pcapng.Packet("second", 252, 1_700_000_000_123_456_789, b"hello", True, "said"),
        pcapng.Packet("first", 252, 5, b"", False, ""),
    ]


def test_every_block_is_a_multiple_of_four_and_says_its_length_twice() -> None:
    for size in range(9):
        block = pcapng.packet(0, 0, bytes(size), outbound=True, comment="x" * size)
        assert len(block) % 4 == 0
        assert block[4:8] == block[-4:] == len(block).to_bytes(4, "little")


def test_other_order_and_microseconds_are_read() -> None:
    section = struct.pack(">IIIHHqI", pcapng.SECTION, 28, pcapng.MAGIC, 1, 0, -1, 28)
    interface = struct.pack(">IIHHII", pcapng.INTERFACE, 20, 252, 0, 0, 20)
    body = struct.pack(">IIIII", 0, 0, 7, 1, 1) + b"x\0\0\0"
    packet = struct.pack(">II", pcapng.PACKET, 36) + body + struct.pack(">I", 36)
    assert packets(section + interface + packet) == [pcapng.Packet("", 252, 7000, b"x", None, "")]


def test_a_second_section_has_its_own_interfaces() -> None:
    assert packets(FILE + FILE) == packets(FILE) * 2


def test_blocks_of_other_kinds_are_passed_over() -> None:
    statistics = struct.pack("<II4xI", 5, 16, 16)
    assert packets(FILE + statistics + FILE) == packets(FILE) * 2


@settings(deadline=None)
@given(st.integers(0, len(FILE)))
def test_a_file_that_is_cut_short_gives_what_is_whole(end: int) -> None:
    whole = packets(FILE)
    assert packets(FILE[:end]) in [whole[:number] for number in range(3)]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"not a capture", "no pcapng file"),
        (struct.pack("<III", pcapng.SECTION, 28, 1), "byte-order magic"),
        (FILE + struct.pack("<II", pcapng.PACKET, 8), "a block of 8 octets"),
        (FILE + struct.pack("<II", pcapng.PACKET, 1 << 30), "a block of 1073741824 octets"),
        (FILE + struct.pack("<IIII", pcapng.PACKET, 16, 0, 20), "ends differently"),
        (FILE + struct.pack("<IIII", pcapng.PACKET, 16, 0, 16), "a packet that is cut short"),
        (FILE + struct.pack("<IIII", pcapng.INTERFACE, 16, 0, 16), "an interface description that is cut short"),
        (FILE + pcapng.packet(2, 0, b"", outbound=True), "on interface 2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_damage_is_named(octets: bytes, reason: str) -> None:
    with pytest.raises(pcapng.BadCapture, match=reason):
        packets(octets)


@settings(deadline=None)
@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_damage_raises_nothing_else(place: int, octet: int) -> None:
    damaged = FILE[:place] + bytes((octet,)) + FILE[place + 1 :]
    try:
        packets(damaged)
    except pcapng.BadCapture as error:
        assert str(error)
