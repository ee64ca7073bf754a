from __future__ import annotations

import enum
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    AUTO,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Encoding,
    Long,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.reference_values import (
    brief,
    correlated_last,
    determined,
    elements,
    encoded,
    member,
    members,
)


class Color(enum.IntEnum):
    RED = 1


def test_value_in_a_message_is_short_however_deep_it_is():
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    assert brief(nested) == "<list>"
    assert len(brief("x" * 99)) == 40


def test_member_is_a_key_or_an_attribute():
    assert member({"a": 1}, "a", "") == member(SimpleNamespace(a=1), "a", "") == 1
    with pytest.raises(NdrError) as caught:
        member({"a": 1}, "b", "record")
    assert (caught.value.path, caught.value.reason) == ("record", "{'a': 1} has no b")


class Entry(NamedTuple):
    key: str


@pytest.mark.parametrize(("value", "name"), [({"kee": 1}, "dict"), (b"ab", "bytes"), (None, "None")])
def test_value_of_another_type_is_said_to_be_one(value, name):
    with pytest.raises(NdrError) as caught:
        member(value, "key", "entry", Entry)
    assert (caught.value.path, caught.value.reason) == ("entry", f"takes an Entry, not {name}")
    with pytest.raises(NdrError) as caught:
        Struct(Entry, "key" / String(WChar)).build(value)
    assert caught.value.reason == f"takes an Entry, not {name}"


def test_object_of_the_type_that_lacks_a_member_is_said_to_lack_it():
    with pytest.raises(NdrError, match=r"Entry\(key='a'\) has no kind"):
        member(Entry("a"), "kind", "entry", Entry)


def test_count_of_a_string_that_is_no_text_says_so():
    with pytest.raises(NdrError) as caught:
        members(["n" / Long, "s" / String(Char, size=this.n)], {"n": AUTO, "s": b"ab"}, "")
    assert (caught.value.path, caught.value.reason) == ("s", "takes str, not bytes")


def test_only_auto_itself_is_filled_in():
    fields = ["n" / Long, "a" / UniquePtr(ConformantArray(Byte, this.n))]
    assert members(fields, {"n": AUTO, "a": b"ab"}, "") == {"n": 2, "a": b"ab"}
    assert members(fields, {"n": -1, "a": b"ab"}, "") == {"n": -1, "a": b"ab"}


def test_determined_names_are_those_that_arrays_invert_to():
    fields = [
        "a" / UniquePtr(ConformantVaryingArray(WChar, this.room // 2, this.size // 2)),
        "b" / ConformantArray(Byte, this.m * this.k),
        "s" / String(Char, size=this.n),
        "x" / Long,
    ]
    assert determined(fields) == {"room", "size", "n"}


def test_unions_and_arrays_go_behind_what_they_name():
    fields = ["u" / SwitchIs(Union(Long, {}), this.t), "a" / ConformantArray(Byte), "t" / Long, "n" / Long]
    assert [field.name for field in correlated_last(fields)] == ["t", "n", "u", "a"]


def test_elements_are_octets_or_a_list():
    assert elements(Byte, [1, 2], Encoding.NDR, "") == b"\1\2"
    assert elements(WChar, "a", Encoding.NDR_BIG, "") == b"\0a"
    assert elements(Long, (1, 2), Encoding.NDR, "") == [1, 2]


def test_text_that_its_unit_cannot_hold_is_refused():
    assert encoded("\udc80", Char, Encoding.NDR, "") == b"\x80"
    with pytest.raises(NdrError) as caught:
        encoded("\ud800", Char, Encoding.NDR, "name")
    assert caught.value.path == "name"


def test_brief_cuts_long_values():
    assert brief("ab") == "'ab'"
    assert len(brief("x" * 100)) == 40
