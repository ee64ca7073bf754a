from __future__ import annotations

import enum
from types import SimpleNamespace
from uuid import UUID

import pytest

from lrpc.runtime.ndr.blank import LONGEST, blank
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    GUID,
    Array,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Enum,
    ErrorStatus,
    FixedArray,
    Float,
    FullPtr,
    Long,
    Parameters,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    SwitchIs,
    ULong,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)
from lrpc.runtime.ndr.layout_samba import (
    Based,
    Computed,
    Counted,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    TextArray,
    Untagged,
    length,
)


class Color(enum.IntEnum):
    BLACK = 0
    RED = 1


class Kind(enum.IntEnum):
    FILE = 3


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (Long, 0),
        (Boolean, False),
        (Float, 0.0),
        (Double, 0.0),
        (Enum(Color), Color.BLACK),
        (Enum(Kind), 0),
        (ErrorStatus, 0),
        (Range(Long, 3, 5), 3),
        (Range(Long, -5, -3), -3),
        (Range(Long, -1, 1), 0),
        (GUID, UUID(int=0)),
        (String(WChar), ""),
        (ContextHandle("H"), None),
        (UniquePtr(Long), None),
        (FullPtr(Long), None),
        (RefPtr(Long), 0),
        (FixedArray(Byte, 3), b"\0\0\0"),
        (FixedArray(WChar, 2), "\0\0"),
        (FixedArray(Long, 2), [0, 0]),
        (VaryingArray(Byte, 3, this.n), b""),
        (Array(Byte, bound=3, first=1), b"\0\0"),
        (ConformantArray(Byte, this.n), b""),
        (EncapsulatedUnion(lambda t, u: (t, u), "t", "u", Union(Long, {})), (0, None)),
    ],
    ids=repr,
)
def test_blank_is_zero(layout, value):
    assert blank(layout) == value
    assert type(blank(layout)) is type(value)


def test_blank_arrays_are_as_long_as_the_siblings_say():
    assert blank(ConformantArray(Byte, this.n), {"n": 3}) == bytes(3)
    assert blank(ConformantArray(Long, this.n * 2), {"n": 2}) == [0] * 4
    assert blank(ConformantVaryingArray(Byte, this.n, this.m), {"n": 3, "m": 1}) == bytes(1)
    assert blank(ConformantVaryingArray(Byte, this.n, this.m), {"n": 3}) == b""
    assert blank(RefPtr(ConformantArray(Byte, this.n)), {"n": -1}) == b""


def test_blank_array_costs_no_more_than_the_limit():
    assert len(blank(ConformantArray(Byte, this.n), {"n": 1 << 32})) == LONGEST


def test_size_that_is_null_has_no_blank():
    with pytest.raises(NdrError):
        blank(ConformantArray(Byte, this.n), {"n": None})


def test_blank_structure_does_not_see_the_siblings_outside():
    layout = Struct(dict, "a" / ConformantArray(Byte, this.n), "n" / Long)
    assert blank(layout, {"n": 3}) == {"a": b"", "n": 0}


def test_blank_parameters_are_consistent_with_what_they_return():
    own, other = "a" / ConformantArray(Byte, this.n), "b" / ConformantArray(Byte, this.m)
    layout = Parameters(own, "n" / Long, other, "__return__" / Long)
    assert blank(layout, {"n": 3, "m": 2}) == {"a": b"", "n": 0, "b": bytes(2), "__return__": 0}


def test_blank_union_is_the_selected_or_the_first_arm():
    union = Union(Short, {3: String(WChar), 4: Byte, 5: None})
    assert blank(SwitchIs(union, this.t), {"t": 4}) == 0
    assert blank(SwitchIs(union, this.t), {"t": 5}) is None
    assert blank(SwitchIs(union, this.t)) == ""
    assert blank(EncapsulatedUnion(lambda t, u: (t, u), "t", "u", union)) == (3, "")
    assert blank(EncapsulatedUnion(lambda t, u: (t, u), "t", "u", Union(Short, {0: Byte}))) == (0, 0)


def test_blank_tag_selects_an_arm_that_there_is(encoding):
    layout = Struct(
        dict,
        "n" / Long,
        "k" / Enum(Kind),
        "u" / SwitchIs(Union(Enum(Kind), {3: Byte}), this.k),
        "t" / Short,
        "v" / SwitchIs(Union(Short, {2: Long}), this.t),
    )
    value = blank(layout)
    assert value == {"n": 0, "k": Kind.FILE, "u": 0, "t": 2, "v": 0}
    assert value["k"] is Kind.FILE
    assert layout.parse(layout.build(value, encoding=encoding), encoding=encoding) == value


def test_blank_of_a_vector_can_be_encoded(vector, encoding):
    siblings = vector.value if isinstance(vector.value, dict) else {}
    value = blank(vector.layout, siblings)
    octets = vector.layout.build(value, encoding=encoding)
    assert vector.layout.parse(octets, encoding=encoding) == value


def test_blank_structure_is_made_by_its_factory():
    assert blank(Struct(SimpleNamespace, "v" / Long)) == SimpleNamespace(v=0)


def test_blank_of_sambas_words_can_be_encoded():
    inner = Struct(dict, "name" / Relative(Text(WChar)), "names" / TextArray(Char), "rest" / Rest())
    layout = Struct(
        dict,
        "n" / ULong,
        "size" / Computed(ULong, length(this.text)),
        "text" / Flagged(Text(WChar), align=2),
        "items" / Counted(ULong, this.n),
        "inside" / Subcontext(Based(inner), 4),
        "t" / ULong,
        "u" / Subcontext(Untagged(Union(ULong, {2: Byte}), this.t), 2),
    )
    value = blank(layout)
    assert value["inside"] == {"name": None, "names": [], "rest": b""}
    assert (value["t"], value["u"], value["items"]) == (2, 0, [])
    assert layout.parse(layout.build(value)) == value


def test_blank_of_a_constant_is_the_constant():
    union = Union(ULong, {1: Struct(dict, "a" / ULong)})
    layout = Struct(dict, "t" / Computed(ULong, 1), "u" / Untagged(union, this.t))
    value = blank(layout)
    assert value == {"t": 1, "u": {"a": 0}}
    assert layout.parse(layout.build(value)) == value
