from __future__ import annotations

import enum
import json
import math
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import (
    AUTO,
    GUID,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Enum,
    FixedArray,
    FullPtr,
    Hyper,
    Layout,
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
    shared,
)
from lrpc.runtime.ndr.layout_samba import (
    Based,
    Computed,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    TextArray,
    length,
)


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


NODE: Struct = Struct(SimpleNamespace, "v" / Long, "next" / UniquePtr(lambda: NODE))
SID = Struct(
    dict,
    "Revision" / Byte,
    "SubAuthorityCount" / Byte,
    "IdentifierAuthority" / FixedArray(Byte, 6),
    "SubAuthority" / ConformantArray(ULong, this.SubAuthorityCount),
)

# What a person reads and types for a vector's value, where that is more than the value itself.
FORMS: dict[str, Any] = {
    "struct_array_fixed": {"a": [{"s": 1, "b": 2}, {"s": 3, "b": 4}, {"s": 5, "b": 6}], "z": 7},
    "small_signed": {"a": -1, "b": 255, "c": True, "d": 65},
    "enum16": {"x": 1, "e": 5, "y": 2, "f": 0},
    "array_fixed_2d": {"x": 1, "a": [[1, 2, 3], [4, 5, 6]]},
    "struct_confvar": {"m": 8, "n": 3, "a": [1, 2, 3]},
    "unicode_string": {"Length": 6, "MaximumLength": 8, "Buffer": "abc"},
    "string_null": {"s": None, "x": 5},
    "ptr_linked_list": {"v": 1, "next": {"v": 2, "next": {"v": 3, "next": None}}},
    "union_byte": {"k": 1, "t": 1, "u": 170, "z": 2},
    "union_default_empty": {"k": 1, "t": 77, "u": None, "z": 2},
    "union_encapsulated_byte": {"t": 1, "u": 17},
    "rpc_sid": {"sid": "S-1-5-32-544"},
    "context_handle": {"a": 1, "h": {"attributes": 0, "uuid": "12345778-1234-abcd-ef00-0123456789ac"}, "b": 2},
    "out_params": {"a": 1, "b": 2, "c": 3, "__return__": 16},
    "array_struct_strings": {"n": 2, "v": [{"a": "p", "n": 1, "b": "qr"}, {"a": None, "n": 2, "b": "s"}], "z": 9},
    "enum_array": {"n": 3, "a": [5, 0, 5], "z": 9},
    "bstr": {"s": {"cBytes": 4, "clSize": 2, "asData": [97, 98]}, "z": 1},
    "array_var_first": {"f": 1, "n": 2, "a": {"offset": 1, "data": [8, 9]}},
    "array_confvar_first": {"m": 5, "f": 1, "n": 2, "a": {"offset": 1, "data": [8, 9]}},
    "ptr_full_alias": {"a": 7, "b": "alias of a", "c": None},
    "ptr_full_struct_alias": {"p": {"a": 7, "b": "alias of a"}, "z": 5},
}


def refused(layout: Layout, data: Any, **keywords: Any) -> NdrError:
    with pytest.raises(NdrError) as caught:
        from_json(layout, data, **keywords)
    return caught.value


def test_vector_has_a_form_that_stands_for_its_value(vector):
    form = to_json(vector.layout, vector.value)
    assert form == FORMS.get(vector.name, form)
    assert from_json(vector.layout, json.loads(json.dumps(form))) == vector.value


def test_forms_are_of_vectors_that_exist(vectors):
    assert set(FORMS) <= {vector.name for vector in vectors}


def test_vector_read_from_its_form_is_written_as_its_octets(vector, encoding):
    value = from_json(vector.layout, to_json(vector.layout, vector.value))
    assert vector.layout.build(value, encoding=encoding) == vector.octets(encoding)


# Scalars


@pytest.mark.parametrize(
    ("layout", "value", "form"),
    [
        (Boolean, True, True),
        (Hyper, 1 << 62, 1 << 62),
        (Double, 1.5, 1.5),
        (Double, -math.inf, "-inf"),
        (Enum(Color), Color.BLUE, 2),
        (Enum(Color), 9, 9),
        (Range(Long, 0, 5), 4, 4),
        (GUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (ContextHandle("H"), None, None),
        (String(WChar), "a\ud800", "a\ud800"),
        (ConformantArray(WChar), "ab", "ab"),
        (ConformantArray(Byte), b"ab", [97, 98]),
        (RefPtr(Long), 1, 1),
    ],
)
def test_value_and_form_stand_for_each_other(layout, value, form):
    assert to_json(layout, value) == form
    back = from_json(layout, form)
    assert back == value
    assert type(back) is type(value)


def test_nan_is_a_word():
    assert to_json(Double, math.nan) == "nan"
    assert math.isnan(from_json(Double, "nan"))


def test_enumerators_may_be_named():
    assert from_json(Enum(Color), "BLUE") is Color.BLUE
    assert "is no name in Color" in refused(Enum(Color), "__class__").reason


def test_integers_serve_as_floats():
    assert from_json(Double, 2) == 2.0


@pytest.mark.parametrize(
    ("layout", "data"),
    [
        (Boolean, 1),
        (Long, True),
        (Long, 1.0),
        (Long, "1"),
        (Long, None),
        (Double, True),
        (Double, "1"),
        (Enum(Color), 1.5),
        (Range(Long, 0, 5), "x"),
        (GUID, 5),
        (GUID, "x"),
        (ContextHandle("H"), 5),
        (ContextHandle("H"), {"uuid": 5}),
        (ContextHandle("H"), {"attributes": "x", "uuid": str(UUID(int=1))}),
        (ContextHandle("H"), {"attributes": 0}),
        (String(WChar), 5),
        (ConformantArray(WChar), ["a"]),
        (ConformantArray(Byte), "ab"),
        (ConformantArray(Byte), [256]),
        (ConformantArray(Byte), [True]),
        (ConformantArray(Long), {"a": 1}),
        (FixedArray(Struct(dict, "v" / Long), 1), [5]),
        (RefPtr(Long), None),
        (EncapsulatedUnion(dict, "t", "u", Union(Long, {1: Byte})), {"t": 2, "u": 1}),
        (EncapsulatedUnion(dict, "t", "u", Union(Long, {1: Byte})), {"t": 1}),
        (SwitchIs(Union(Long, {1: Byte}), this.t), 1),
        (SwitchIs(Union(Long, {1: None}), 1), 5),
        (VaryingArray(Byte, 5, 1, 2), [1]),
        (Struct(dict, "u" / Union(Long, {})), {"u": 1}),
    ],
)
def test_wrong_form_is_an_ndr_error_with_its_path(layout, data):
    assert refused(Parameters("x" / layout), {"x": data}).path.startswith("x")


@pytest.mark.parametrize(
    ("layout", "value"),
    [
        (Long, None),
        (Long, "1"),
        (Boolean, "x"),
        (Double, "x"),
        (GUID, "x"),
        (ContextHandle("H"), 5),
        (String(WChar), b"x"),
        (ConformantArray(WChar), b"x"),
        (ConformantArray(Byte), "x"),
        (ConformantArray(Long), 5),
        (Struct(dict, "v" / Long), {}),
        (SwitchIs(Union(Long, {1: Byte}), 2), 1),
        (Union(Long, {}), 1),
    ],
)
def test_wrong_value_is_an_ndr_error_with_its_path(layout, value):
    with pytest.raises(NdrError) as caught:
        to_json(Parameters("x" / layout), {"x": value})
    assert caught.value.path.startswith("x") or isinstance(layout, Union)


# Members


def test_missing_and_unknown_members_are_named():
    layout = Parameters("r" / Struct(dict, "a" / Long))
    assert (refused(layout, {"r": {}}).path, refused(layout, {"r": {}}).reason) == ("r.a", "is missing")
    assert str(refused(layout, {"r": {"a": 1, "b": 2}})) == "r.b: is no member here"
    assert refused(layout, {"r": 5}).path == "r"


def test_counts_that_an_array_determines_may_be_left_out():
    layout = Parameters("n" / Long, "a" / ConformantArray(Byte, this.n))
    value = from_json(layout, {"a": [1, 2]})
    assert value["n"] is AUTO
    assert to_json(layout, value) == {"a": [1, 2]}
    assert layout.build(value) == b"\2\0\0\0\2\0\0\0\1\2"
    assert refused(layout, {"n": 2}).path == "a"


def test_tag_may_stand_after_its_union():
    layout = Parameters("u" / SwitchIs(Union(Short, {1: Byte, 2: String(WChar)}), this.t), "t" / Short)
    assert from_json(layout, {"u": "x", "t": 2}) == {"u": "x", "t": 2}


def test_outer_selects_what_the_other_direction_names():
    layout = Parameters("u" / SwitchIs(Union(Short, {1: Byte}), this.t), "a" / VaryingArray(Byte, 5, this.n, this.f))
    value = {"u": 3, "a": b"\7"}
    form = {"u": 3, "a": {"offset": 2, "data": [7]}}
    assert to_json(layout, value, outer={"t": 1, "f": 2}) == form
    assert from_json(layout, form, outer={"t": 1, "f": 2}) == value
    assert to_json(layout, value, outer={"t": 1})["a"] == {"data": [7]}


def test_offset_has_to_be_what_its_sibling_says():
    layout = Parameters("f" / Long, "a" / VaryingArray(Byte, 5, 1, this.f))
    assert from_json(layout, {"f": 2, "a": {"data": [7]}}) == {"f": 2, "a": b"\7"}
    assert refused(layout, {"f": 2, "a": {"offset": 1, "data": [7]}}).path == "a.offset"
    assert refused(layout, {"f": 2, "a": {"offset": 2}}).path == "a.data"


# Full pointers


def test_alias_in_another_structure_is_a_path_from_the_top():
    pair = Struct(dict, "a" / FullPtr(String(WChar)))
    layout = Parameters("p" / pair, "q" / pair, "a" / FullPtr(String(WChar)))
    text = shared("x")
    form = to_json(layout, {"p": {"a": text}, "q": {"a": text}, "a": text})
    assert form == {"p": {"a": "x"}, "q": {"a": "alias of .p.a"}, "a": "alias of .p.a"}
    value = from_json(layout, form)
    assert value["p"]["a"] is value["q"]["a"] is value["a"]


def test_text_that_reads_like_an_alias_is_wrapped():
    layout = Parameters("a" / FullPtr(String(WChar)))
    assert to_json(layout, {"a": "alias of a"}) == {"a": {"text": "alias of a"}}
    assert from_json(layout, {"a": {"text": "alias of a"}}) == {"a": "alias of a"}


def test_alias_of_nothing_and_of_another_type_is_refused():
    layout = Parameters("a" / FullPtr(Long), "b" / FullPtr(ULong))
    assert refused(layout, {"a": "alias of b", "b": 1}).path == "a"
    assert refused(layout, {"a": 1, "b": "alias of a"}).reason == "no unsigned long at 'a' so far"


# Depth


def test_deep_values_take_no_recursion():
    data: dict[str, Any] = {"v": 1, "next": None}
    for _ in range(5_000):
        data = {"v": 1, "next": data}
    value, length = from_json(NODE, data), 0
    while value is not None:
        value, length = value.next, length + 1
    assert length == 5_001


# The words of Samba's NDR


def test_what_is_in_contexts_and_behind_offsets_is_in_its_place():
    inner = Struct(SimpleNamespace, "name" / Relative(Text(WChar)), "rest" / Rest(), "names" / TextArray(Char))
    layout = Struct(
        SimpleNamespace,
        "n" / Computed(ULong, length(this.text) * 2),
        "text" / Flagged(Text(WChar), align=2),
        "inside" / Subcontext(Based(inner), 4),
    )
    form = {"text": "ab", "inside": {"name": "x", "rest": [1, 2], "names": ["a"]}}
    value = from_json(layout, form)
    assert (value.n, value.inside.name, value.inside.rest, value.inside.names) == (AUTO, "x", b"\1\2", ["a"])
    assert to_json(layout, value) == form
    assert from_json(layout, {**form, "n": 4}).n == 4


@pytest.mark.parametrize(
    ("layout", "data", "path"),
    [
        (Rest(), "ab", ""),
        (Rest(), [256], "[0]"),
        (Text(Char), 1, ""),
        (Text(Char), "a\0", ""),
        (TextArray(Char), ["a", 1], ""),
        (Relative(Text(Char)), 5, ""),
    ],
)
def test_form_that_is_none_of_sambas_words_is_refused(layout, data, path):
    assert refused(layout, data).path == path
    if path == "":
        with pytest.raises(NdrError):
            to_json(layout, data)


def test_complaint_of_a_wrong_kind_of_value_is_a_sentence() -> None:
    with pytest.raises(NdrError, match="7 where an object is needed"):
        from_json(Struct(dict, "v" / Long), 7)
