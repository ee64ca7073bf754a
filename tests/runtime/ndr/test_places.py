"""Errors of generated code have the field and the offset that the reference reader would say, for stubs of any size."""

from __future__ import annotations

import dataclasses
import enum
import re
from pathlib import Path
from typing import Any

import pytest

from lrpc.runtime.ndr import reading
from lrpc.runtime.ndr.budget import TOO_MANY
from lrpc.runtime.ndr.compiler import NOTHING, Codec, compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Boolean,
    Byte,
    ConformantArray,
    Double,
    Encoding,
    Enum,
    Layout,
    Long,
    Parameters,
    Pipe,
    Range,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.places import RULES, Places, located
from lrpc.runtime.ndr.reading import Reading
from lrpc.runtime.ndr.reference_path import ENDS, LONGEST
from lrpc.runtime.ndr.strictness import DEFAULT, Strictness

SAMBA = frozenset(
    (
        "a context and its size disagree",
        "a context ends in a gap",
        "a context of a negative size",
        "a type serialization header",
        "an array of less than no items",
        "an offset behind the end",
        "more behind offsets than the budget of a message",
        "no type serialization version 1",
        "the stub ends in a gap",
        "the stub ends inside a context",
        "what counts it is not known yet",
    )
)
"""Reasons that come from Samba's words: no paragraph has them."""


class Color(enum.IntEnum):
    """A colour."""

    RED = 1


@dataclasses.dataclass(slots=True)
class Node:
    """A linked list."""

    v: Any
    next: Any


@dataclasses.dataclass(slots=True)
class Record:
    """A record of the benchmarks."""

    a: Any
    b: Any
    name: Any


NODE = Struct(Node, "v" / Long, "next" / UniquePtr(lambda: NODE))
RECORD = Struct(Record, "a" / Long, "b" / Double, "name" / UniquePtr(String(WChar)))
TAGGED = Struct(Node, "v" / Short, "next" / SwitchIs(Union(Short, {0: Byte, 1: Long}), this.v))


def place(parameters: Parameters, stub: bytes, strictness: Strictness = DEFAULT) -> NdrError:
    """The error of the codec alone."""
    try:
        Codec(parameters, NOTHING, Encoding.NDR, strictness).decoder()(stub, bytes, 1 << 20, ())
    except Exception as failure:  # whatever generated code raises
        places = Places()
        written = Reading(parameters, NOTHING, Encoding.NDR, strictness, places)
        return located(failure, written.lines, places, len(stub))
    raise AssertionError("was read")


def octets(layout: Layout, value: Any) -> bytes:
    return b"".join(compiled(Parameters("x" / layout)).encode((value,)))


RECORDS = octets(ConformantArray(RECORD), [Record(1, 2.0, "tea")] * 3)


@pytest.mark.parametrize(
    ("layout", "stub", "text"),
    [
        (Struct(dict, "a" / Long, "b" / Short, "c" / Byte), "01000000 0200", "x.c: the stub ends here at offset 0x6"),
        (Struct(dict, "a" / Array(Short, bound=3)), "0100 0200 03", "x.a[2]: the stub ends here at offset 0x4"),
        (ConformantArray(RECORD), RECORDS[:-8].hex(), "x[2].name: the stub ends inside an array at offset 0x80"),
        (ConformantArray(RECORD), RECORDS[:-2].hex() + "6100", "x[2].name: string counts or terminator at offset 0x88"),
        (ConformantArray(TAGGED), "02000000 0000 0000 07 000000 0100 0200", "x[1].next: the tag selects no arm"),
        (
            ConformantArray(TAGGED),
            "02000000 0000 0000 07 000000 0100 0000 07",
            "x[1].next: a tag and its expression disagree",
        ),
        (
            ConformantArray(UniquePtr(Range(Long, 1, 2))),
            "02000000 01000000 01000000 01000000 05",
            "x[1]: the stub ends",
        ),
        (ConformantArray(UniquePtr(Range(Long, 1, 2))), "01000000 01000000 05000000", "x[0]: outside its range at "),
        (Pipe(Long), "01000000 07000000 02000000 07000000", "x[1]: the stub ends inside an array at "),
        (Range(Long, 1, 2), "05000000", "x: outside its range at offset 0x4 (MS-RPCE 3.1.1.5.3.2.2.4)"),
    ],
    ids=range(10),
)
def test_error_has_the_field_and_the_offset(layout: Layout, stub: str, text: str):
    assert str(place(Parameters("x" / layout), bytes.fromhex(stub))).startswith(text)


def test_scalars_alone_have_their_fields():
    parameters = Parameters("a" / Byte, "b" / Long)
    assert str(place(parameters, bytes(6))) == "b: the stub ends here at offset 0x4 (MS-RPCE 3.1.1.5.3.2.2.3)"
    assert "8 octets behind the last" in str(place(parameters, bytes(16), Strictness(trailing=7)))


def test_count_is_blamed_and_not_the_structure_around_it():
    layout = Struct(Node, "v" / Long, "next" / ConformantArray(Byte, this.v))
    error = place(Parameters("x" / layout), bytes.fromhex("02000000 01000000 6162"))
    assert str(error).startswith("x.next: a count and its expression disagree at ")


def test_item_of_a_comprehension_has_the_path_of_its_array():
    parameters = Parameters("x" / ConformantArray(Enum(Color)), "y" / Byte)
    error = place(parameters, bytes.fromhex("02000000 0100 0200 07"), Strictness(unnamed_enum_value=False))
    assert (error.path, error.status, error.rule) == ("x", 0x6F5, "C706 14.2.5")


@pytest.mark.parametrize(
    ("length", "path"),
    [
        (2, "list.next.next"),
        (LONGEST - 2, "list" + ".next" * (LONGEST - 2)),
        (LONGEST + 8, "list" + ".next" * ENDS + f".<{LONGEST + 8 - 2 * ENDS} more>" + ".next" * ENDS),
        (100_000, "list" + ".next" * ENDS + f".<{100_000 - 2 * ENDS:,} more>" + ".next" * ENDS),
    ],
)
def test_path_of_a_long_list_leaves_its_middle_out(length: int, path: str):
    node = None
    for index in range(length + 1):
        node = Node(index, node)
    error = place(Parameters("list" / NODE), octets(NODE, node)[:-6])
    assert error.path == path + ".v"
    assert error.reason == "the stub ends here"


def test_failure_that_is_no_ndr_error_has_its_place():
    layout = ConformantArray(Struct(lambda: None, "a" / UniquePtr(Long)))
    error = place(Parameters("x" / layout), bytes.fromhex("01000000 00000000"))
    assert str(error).startswith("x[0]: TypeError: ")
    assert error.rule == ""


def test_failure_without_generated_code_has_no_place():
    error = located(ValueError("x"), [], Places(), 7)
    assert str(error) == "ValueError: x at offset 0x0"


def test_marked_code_is_the_same_code(vector, encoding):
    parameters = vector.layout if isinstance(vector.layout, Parameters) else Parameters("x" / vector.layout)
    marked = Reading(parameters, NOTHING, encoding, places=Places()).lines
    plain = Reading(parameters, NOTHING, encoding).lines
    assert [re.sub(r"  # \d+$", "", line) for line in marked] == plain


def test_truncated_vector_has_the_status_and_a_place(vector, encoding):
    parameters = vector.layout if isinstance(vector.layout, Parameters) else Parameters("x" / vector.layout)
    stub = vector.octets(encoding)
    codec = compiled(parameters, NOTHING, encoding)
    for cut in range(len(stub)):
        with pytest.raises(Exception) as raised:
            codec.decoder()(stub[:cut], bytes, 1 << 20, ())
        places = Places()
        lines = Reading(parameters, NOTHING, encoding, places=places).lines
        error, theirs = located(raised.value, lines, places, cut), codec.explained_stub(stub[:cut], (), raised.value)
        assert error.status == theirs.status
        assert re.split(r"[.\[]", error.path)[0] in {"", *(field.name for field in parameters.fields)}
        assert error.offset is not None
        assert error.offset <= cut


def test_every_reason_of_generated_code_has_its_paragraph():
    folder = Path(reading.__file__).parent
    text = "".join(file.read_text() for file in folder.glob("reading*.py"))
    reasons = set(re.findall(r"bad\('([^']+)'", text))
    assert len(reasons) > 20
    assert reasons - RULES.keys() == SAMBA | {TOO_MANY}


def test_boolean_is_true_for_any_octet_but_zero():
    assert compiled(Parameters("x" / Boolean)).decode(b"\2") == (True,)
