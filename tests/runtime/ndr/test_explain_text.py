"""Explanations as lines: what stands in which column, and what is shown of values."""

from __future__ import annotations

import enum
import uuid
from typing import Any

import pytest

from lrpc.runtime.ndr.explain import Kind, explain
from lrpc.runtime.ndr.explain_text import LONGEST, lines, shown
from lrpc.runtime.ndr.layout import Byte, ConformantArray, Hyper, Long, Parameters, Range, Short, SwitchIs, Union

NUMBERS = Parameters("a" / Long, "b" / ConformantArray(Byte), "c" / Hyper)


class Colour(enum.IntEnum):
    RED = 1


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


def table(layout: Any, octets: str) -> list[tuple[str, ...]]:
    return [(line.kind, *line.cells) for line in lines(explain(layout, bytes.fromhex(octets)))]


def test_long_fields_take_lines_of_eight_octets() -> None:
    assert table(NUMBERS, "01000000 09000000 414243440001020345 00000000000000 0200000000000000 ff") == [
        ("value", "0x0000", "01 00 00 00", "a", "1", "long (C706 14.2)"),
        ("count", "0x0004", "09 00 00 00", "b", "9", "maximum count (C706 14.3.7.1)"),
        ("value", "0x0008", "41 42 43 44 00 01 02 03", "b", "ABCD....", "9 octets (C706 14.3.3)"),
        ("value", "0x0010", "45", "b", "E", ""),
        ("gap", "0x0011", "00 00 00 00 00 00 00", "c", "", "gap up to a multiple of 8 (C706 14.2.2)"),
        ("value", "0x0018", "02 00 00 00 00 00 00 00", "c", "2", "hyper (C706 14.2)"),
        ("rest", "0x0020", "ff", "", "", "behind the value"),
    ]


def test_why_it_fails_stands_below_the_octets_that_are_wrong() -> None:
    layout = Parameters("a" / Range(Long, 0, 1), "b" / Short)
    assert table(layout, "07000000 0100") == [
        ("failed", "0x0000", "07 00 00 00", "a", "7", "long (C706 14.2)"),
        ("failed", "^", "a: 7 is outside 0..1 at offset 0x4 (MS-RPCE 3.1.1.5.3.2.2.4), status 0x6c6"),
        ("rest", "0x0004", "01 00", "", "", "not read"),
    ]


def test_why_it_fails_is_said_once_of_octets_in_several_lines() -> None:
    shown = table(Parameters("b" / ConformantArray(Short)), "02000000 0100")
    assert [row[0] for row in shown] == ["failed", "failed", "rest"]
    cut = table(Hyper, "0100")
    assert cut[0][1:] == ("0x0000", "01 00", "", "", "hyper (C706 14.2); 8 octets, 2 are there")
    assert cut[1][1] == "^"
    assert len(cut) == 2


def test_octets_of_what_is_read_nowhere_are_wrong_themselves() -> None:
    union = Union(Byte, {1: Long})
    assert [row[:2] for row in table(union, "01")] == [("failed", "0x0000"), ("failed", "^")]
    assert [row[:2] for row in table(union, "")] == [("failed", "0x0000"), ("failed", "^")]
    assert table(union, "")[0][-1] == "nothing is left"


def test_tags_are_called_so() -> None:
    assert table(SwitchIs(Union(Byte, {1: None}), 1), "01")[0][-1] == "union tag, byte (C706 14.2)"


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (5, Kind.VALUE, "5"),
        (0x20000, Kind.REFERENT, "0x20000"),
        (True, Kind.VALUE, "true"),
        (None, Kind.VALUE, "null"),
        (2.5, Kind.VALUE, "2.5"),
        (float("nan"), Kind.VALUE, "nan"),
        (Colour.RED, Kind.VALUE, "RED (1)"),
        (Access(3), Kind.VALUE, "READ|WRITE (3)"),
        (Access(0), Kind.VALUE, "0"),
        ("a\x1b[31m\u20ac\x9b", Kind.VALUE, r'"a\u001b[31m\u20ac\u009b"'),
        (b"a\x1b\xff~", Kind.VALUE, "a..~"),
        (uuid.UUID(int=1), Kind.VALUE, '"00000000-0000-0000-0000-000000000001"'),
        ((0, uuid.UUID(int=1)), Kind.VALUE, "00000000-0000-0000-0000-000000000001, attributes 0"),
    ],
)
def test_values_are_shown_short_and_in_ascii(value: Any, kind: Kind, text: str) -> None:
    assert shown(value, kind) == (text if len(text) <= LONGEST else f"{text[: LONGEST - 4]} ...")


def test_long_values_are_shortened() -> None:
    assert len(shown("x" * 1000)) == LONGEST
