"""Type serialization: headers, byte orders, several types in a stream, and what is refused (MS-RPCE 2.2.6, 2.2.7)."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.conversion import Conversion
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    ConformantArray,
    ContextHandle,
    Converted,
    Encoding,
    Enum,
    Hyper,
    Layout,
    Long,
    Pipe,
    Range,
    Short,
    String,
    Struct,
    Union,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.type_serialization import NO_INTERFACE, StreamReader, StreamWriter, is_primitive


@dataclasses.dataclass(slots=True)
class Row:
    n: int
    items: Any


class Color(enum.IntEnum):
    RED = 1


ROW = Struct(Row, "n" / Short, "items" / UniquePtr(ConformantArray(Hyper, this.n)))
SEVEN = Row(1, [7])
INTERFACE = UUID("12345678-1234-1234-1234-123456789abc"), (1, 2)
CC = "cc" * 20
NDR, NDR64 = "045d888aeb1cc9119fe808002b10486002000000", "33057171babe37498319b5dbef9ccc3601000000"
ROW_NDR = "0100000000000200010000000000000007" + "00" * 7
ROW_BIG = "000100000002000000000001000000000000000000000007"
ROW_64 = "0100000000000000000002000000000001000000000000000700000000000000"

# Octets that follow the paragraphs; real ones are in tests/runtime/test_serialization.py.
STREAMS = {
    "version 1": (1, Encoding.NDR, f"01100800cccccccc1800000000000000{ROW_NDR}"),
    "version 1, big-endian": (1, Encoding.NDR_BIG, f"01000800cccccccc0000001800000000{ROW_BIG}"),
    "version 2, NDR": (
        2,
        Encoding.NDR,
        f"02104000{CC}{NDR}{'00' * 20}20{'00' * 15}{ROW_NDR}{'00' * 8}",
    ),
    "version 2, NDR64": (2, Encoding.NDR64, f"02104000{CC}{NDR64}{'00' * 20}20{'00' * 15}{ROW_64}"),
}


@pytest.mark.parametrize(("version", "written", "octets"), STREAMS.values(), ids=list(STREAMS))
def test_stream_goes_both_ways(version: int, written: Encoding, octets: str) -> None:
    assert StreamWriter(version, written).write(ROW, SEVEN).octets.hex() == octets
    reader = StreamReader(bytes.fromhex(octets))
    assert (reader.version, reader.encoding, reader.interface) == (version, written, NO_INTERFACE)
    assert (reader.read(ROW), reader.left) == (SEVEN, 0)


@pytest.mark.parametrize(("version", "written", "octets"), STREAMS.values(), ids=list(STREAMS))
def test_truncated_stream_is_an_error(version: int, written: Encoding, octets: str) -> None:
    whole = bytes.fromhex(octets)
    for size in range(len(whole)):
        with pytest.raises(NdrError):
            StreamReader(whole[:size]).read(ROW)


def test_big_endian_header_of_samba_is_read_too() -> None:
    octets = bytes.fromhex(STREAMS["version 1, big-endian"][2].replace("01000800", "01000008", 1))
    assert StreamReader(octets).read(ROW) == SEVEN


@pytest.mark.parametrize("octets", [bytes, bytearray, memoryview])
def test_stream_may_be_any_buffer(octets: Any) -> None:
    assert StreamReader(octets(StreamWriter().write(ROW, SEVEN).octets)).read(ROW) == SEVEN


@pytest.mark.parametrize("version", [1, 2])
def test_types_follow_each_other_each_by_itself(version: int) -> None:
    text = UniquePtr(String(WChar))
    writer = StreamWriter(version).write(text, "ab").write(Long, 5).write(text, "c").write(ROW, SEVEN)
    reader = StreamReader(writer.octets)
    assert [reader.read(layout) for layout in (text, Long, text, ROW)] == ["ab", 5, "c", SEVEN]
    assert reader.left == 0


def test_primitive_type_has_no_private_header_in_version_1_only() -> None:
    assert StreamWriter().write(Short, 5).octets.hex() == "01100800cccccccc0500000000000000"
    assert StreamWriter(2, Encoding.NDR).write(Short, 5).octets[64:].hex() == "10" + "00" * 15 + "05" + "00" * 15


@pytest.mark.parametrize(
    ("layout", "primitive"),
    [
        (Long, True),
        (Enum(Color), True),
        (Range(Long, 0, 9), True),
        (Converted(Long, Conversion("x")), True),
        (UniquePtr(Long), False),
        (String(WChar), False),
        (ROW, False),
    ],
)
def test_which_types_are_primitive(layout: Layout, primitive: bool) -> None:
    assert is_primitive(layout) is primitive


def test_last_primitive_may_lack_its_padding() -> None:
    assert StreamReader(bytes.fromhex("01100800cccccccc05000000")).read(Long) == 5


def test_version_2_names_the_interface() -> None:
    octets = StreamWriter(2, interface=INTERFACE).write(Long, 5).octets
    assert octets[44:64].hex() == "78563412341234121234123456789abc01000200"
    assert StreamReader(octets).interface == INTERFACE


def test_fillers_are_not_looked_at() -> None:
    for version in (1, 2):
        octets = bytearray(StreamWriter(version).write(ROW, SEVEN).octets)
        common, private = (8, 8) if version == 1 else (64, 16)
        octets[4 : 8 if version == 1 else 24] = b"\x77" * (4 if version == 1 else 20)
        octets[common + 4 : common + private] = b"\xcc" * (private - 4)
        assert StreamReader(octets).read(ROW) == SEVEN


def test_length_without_padding_is_taken() -> None:
    """impacket writes such."""
    octets = bytearray(StreamWriter().write(UniquePtr(Short), 5).write(Long, 6).octets)
    assert octets[8] == 8
    octets[8] = 6
    reader = StreamReader(octets)
    assert (reader.read(UniquePtr(Short)), reader.read(Long)) == (5, 6)


# What is refused


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("", "no octets at all where type serialization has version 1 or 2 at offset 0x0 (MS-RPCE 2.2.6.1, 2.2.7.1)"),
        ("03100800cccccccc", "version 3 where type serialization has version 1 or 2 at offset 0x0"),
        ("01100800cccccc", "the common header takes 8 octets, 7 are there at offset 0x0 (MS-RPCE 2.2.6.1)"),
        ("01200800cccccccc", "endianness 0x20 at offset 0x1 (MS-RPCE 2.2.6.1)"),
        ("01101000cccccccc", "a common header of 16 octets, it takes 8 at offset 0x2 (MS-RPCE 2.2.6.1)"),
        ("01100008cccccccc", "a common header of 2048 octets, it takes 8 at offset 0x2 (MS-RPCE 2.2.6.1)"),
        ("02100800cccccccc", "the common header takes 64 octets, 8 are there at offset 0x0 (MS-RPCE 2.2.7.1)"),
        (f"02004000{CC}{NDR}{'00' * 20}", "endianness 0x00 at offset 0x1 (MS-RPCE 2.2.7.1)"),
        (f"02104100{CC}{NDR}{'00' * 20}", "a common header of 65 octets, it takes 64 at offset 0x2"),
        (
            f"02104000{CC}{NDR[:32]}03000000{'00' * 20}",
            "transfer syntax 8a885d04-1ceb-11c9-9fe8-08002b104860 3.0 is not known at offset 0x18 (MS-RPCE 2.2.7.1)",
        ),
    ],
)
def test_common_header_is_checked(octets: str, message: str) -> None:
    with pytest.raises(NdrError) as caught:
        StreamReader(bytes.fromhex(octets))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("", "a private header takes 8 octets, 0 are left at offset 0x8 (MS-RPCE 2.2.6.2)"),
        ("0800000000000000", "a type of 8 octets, 0 are left at offset 0x8 (MS-RPCE 2.2.6.2)"),
        ("ffffffff000000000100000000000000", "a type of 4294967295 octets, 8 are left at offset 0x8 (MS-RPCE 2.2.6.2)"),
    ],
)
def test_private_header_is_checked(octets: str, message: str) -> None:
    with pytest.raises(NdrError) as caught:
        StreamReader(bytes.fromhex("01100800cccccccc" + octets)).read(ROW)
    assert str(caught.value) == message


def test_error_in_a_value_says_where_it_is_in_the_stream() -> None:
    octets = bytearray(StreamWriter().write(Long, 1).write(ROW, SEVEN).octets)
    octets[32] = 200  # the maximum count
    reader = StreamReader(octets)
    assert reader.read(Long) == 1
    with pytest.raises(NdrError) as caught:
        reader.read(ROW)
    assert (caught.value.path, caught.value.offset) == ("items", 0x24)


def test_value_that_does_not_fit_leaves_the_stream_as_it_was() -> None:
    writer = StreamWriter()
    before = writer.octets
    with pytest.raises(NdrError, match=r"^items: "):
        writer.write(ROW, Row(2, [7]))
    assert writer.octets == before


@pytest.mark.parametrize(
    "layout", [Pipe(Long), ContextHandle("H"), Struct(Row, "n" / Long, "items" / ContextHandle("H")), Union(Long, {})]
)
def test_types_that_mean_something_in_a_call_only_are_refused(layout: Layout) -> None:
    with pytest.raises(NdrError, match="means nothing outside a call"):
        StreamWriter().write(layout, None)
    with pytest.raises(NdrError, match="means nothing outside a call"):
        StreamReader(StreamWriter().octets).read(layout)


@pytest.mark.parametrize(
    ("version", "wanted", "message"),
    [
        (3, None, "versions 1 and 2, not 3"),
        (1, Encoding.NDR64, "version 1 has no form for NDR64"),
        (2, Encoding.NDR_BIG, "version 2 has no form for NDR_BIG"),
    ],
)
def test_versions_and_encodings_go_together(version: int, wanted: Encoding | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StreamWriter(version, wanted)
