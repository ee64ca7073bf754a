"""Samba's blobs, texts and lists of texts, by themselves and in both readers."""

from __future__ import annotations

import dataclasses

import pytest

from lrpc.runtime.ndr import layout_octets
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Byte, Char, Encoding, Struct, ULong, USmall, WChar
from lrpc.runtime.ndr.layout_octets import Blob, Fill, Rest, Text, TextArray
from lrpc.runtime.ndr.layout_samba import Flagged, Relative, Subcontext

BEHIND = Struct(
    dataclasses.make_dataclass("Behind", ["first", "value"], slots=True), "first" / USmall, "value" / Blob()
)


def both(layout, value, encoding=Encoding.NDR):
    octets = layout.build(value, encoding=encoding)
    assert b"".join(compiled_type(layout, encoding).encode([value])) == octets
    assert compiled_type(layout, encoding).decode(octets) == (layout.parse(octets, encoding=encoding),)
    return octets.hex(" ")


@pytest.mark.parametrize(
    ("layout", "value", "octets"),
    [
        (Rest(), b"ab", "61 62"),
        (Blob(), b"ab", "02 00 00 00 61 62"),
        (Blob(), memoryview(b""), "00 00 00 00"),
        (Text(Char), "a\u00e9", "61 c3 a9 00"),
        (Text(Char), "\udcff", "ff 00"),
        (Text(WChar), "a\ud800", "61 00 00 d8 00 00"),
        (Text(WChar), "", "00 00"),
        (Text(WChar, size=2), "ab", "03 00 61 00 62 00 00 00"),
        (Text(WChar, size=4, terminated=False), "ab", "02 00 00 00 61 00 62 00"),
        (Text(WChar, size=4, terminated=False, octets=True), "ab", "04 00 00 00 61 00 62 00"),
        (Text(Char, length=True), "a", "00 00 00 00 02 00 00 00 61 00"),
        (Text(Char, size=4, length=True), "a", "02 00 00 00 00 00 00 00 02 00 00 00 61 00"),
        (Text(Char, terminated=False), "a\0b", "61 00 62"),
        (TextArray(Char), ["a", "b"], "61 00 62 00 00"),
        (TextArray(Char), [], "00"),
        (TextArray(WChar, rest=True), ["a", ""], "61 00 00 00 00 00"),
        (TextArray(Char, rest=True, terminated=False), ["a", "b"], "61 00 62"),
    ],
)
def test_value_is_written_and_read_back(layout, value, octets):
    assert both(layout, value) == octets
    assert layout.parse(bytes.fromhex(octets)) == value


def test_counts_and_units_follow_the_byte_order_and_the_blob_the_word():
    assert both(Text(WChar, size=4), "a", Encoding.NDR_BIG) == "00 00 00 02 00 61 00 00"
    assert both(Blob(), b"a", Encoding.NDR_BIG) == "00 00 00 01 61"
    assert both(Blob(), b"a", Encoding.NDR64) == "01 00 00 00 00 00 00 00 61"


def test_count_is_aligned_unless_nothing_is():
    value = BEHIND.factory(1, b"x")
    assert both(BEHIND, value) == "01 00 00 00 01 00 00 00 78"
    assert both(Flagged(BEHIND, align=0), value) == "01 01 00 00 00 78"


def test_fill_writes_zeros_and_reads_what_is_there():
    layout = Struct(dataclasses.make_dataclass("Filled", ["a", "pad", "b"]), "a" / Byte, "pad" / Fill(4), "b" / ULong)
    assert both(layout, layout.factory(1, b"ignored", 2)) == "01 00 00 00 02 00 00 00"
    assert layout.parse(bytes.fromhex("01 aa bb cc 02 00 00 00")).pad == b"\xaa\xbb\xcc"
    assert Fill(8).parse(b"") == b""


def test_text_without_its_nul_goes_to_the_end_of_the_context():
    layout = Subcontext(Text(WChar), 2)
    octets = bytes.fromhex("04 00 61 00 62 00")
    assert layout.parse(octets) == "ab"
    assert compiled_type(layout).decode(octets) == ("ab",)


def test_nul_between_two_units_is_none():
    octets = "\u0100\u0001x".encode("utf-16-le") + b"\0\0"
    assert Text(WChar).parse(octets) == "\u0100\u0001x"


def test_long_text_is_found_whole():
    text = "ab" * 5000
    for unit in (Char, WChar):
        assert Text(unit).parse(Text(unit).build(text) + b"zz") == text


@pytest.mark.parametrize(
    ("layout", "octets"),
    [
        (Blob(), "05 00 00 00 61"),
        (Blob(), "ff ff ff ff"),
        (Blob(), "01 00"),
        (Text(Char, size=2), "05 00 61"),
        (Text(WChar, size=4), "ff ff ff ff 61 00"),
        (Text(WChar, terminated=False), "61 00 62"),
        (Text(WChar, size=2, octets=True), "03 00 61 00 00"),
        (Text(Char, length=True), "01 00 00 00 02 00 00 00 61 00"),
        (Text(Char, size=4, length=True), "03 00 00 00 00 00 00 00 02 00 00 00 61 00 00"),
    ],
)
def test_octets_that_are_no_such_value_are_refused_by_both_readers(layout, octets):
    with pytest.raises(NdrError):
        layout.parse(bytes.fromhex(octets))
    with pytest.raises(NdrError):
        compiled_type(layout).decode(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (Rest(), "ab"),
        (Blob(), None),
        (Text(Char), "a\0"),
        (Text(Char), b"a"),
        (Text(Char), "\ud800"),
        (Text(Char, size=2), "x" * 0x10000),
        (TextArray(Char), "ab"),
        (TextArray(Char), ["a", ""]),
        (TextArray(Char), [1]),
        (TextArray(Char), None),
    ],
)
def test_value_that_does_not_fit_is_refused_by_both_readers(layout, value):
    with pytest.raises(NdrError):
        layout.build(value)
    with pytest.raises(NdrError):
        compiled_type(layout).encode([value])


@pytest.mark.parametrize(
    "layout", [Rest(), Fill(4), Text(Char), Text(Char, terminated=False), TextArray(Char), TextArray(Char, rest=True)]
)
def test_nothing_stands_behind_a_gap_that_is_not_there(layout):
    inner = Struct(dict, "x" / layout)
    outer = Struct(dict, "a" / Byte, "inner" / inner)
    behind = Subcontext(Struct(dict, "p" / Relative(outer)), 2)
    for type_, octets in ((outer, "01"), (behind, "05 00 04 00 00 00 01")):
        with pytest.raises(NdrError):
            type_.parse(bytes.fromhex(octets))
        with pytest.raises(NdrError):
            compiled_type(type_).decode(bytes.fromhex(octets))


def test_texts_cost_items_of_the_budget():
    octets = b"a\0" * 100
    with pytest.raises(NdrError, match="budget"):
        compiled_type(TextArray(Char, rest=True)).decode(octets, items=99)
    assert len(compiled_type(TextArray(Char, rest=True)).decode(octets, items=100)[0]) == 100


def test_texts_of_one_list_are_bounded(monkeypatch):
    monkeypatch.setattr(layout_octets, "MOST_TEXTS", 3)
    assert len(TextArray(Char, rest=True).parse(b"a\0" * 3)) == 3
    with pytest.raises(NdrError, match="more than 3 texts"):
        TextArray(Char, rest=True).parse(b"a\0" * 4)


def test_words_that_nothing_ends_are_refused():
    for make in (lambda: TextArray(Char, terminated=False), lambda: Text(Byte), lambda: Fill(3)):
        with pytest.raises(ValueError, match=r"ends|text|filled"):
            make()
