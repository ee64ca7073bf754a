from __future__ import annotations

import enum
import struct

import construct
import pytest

from lrpc.runtime.ndr import layout as words
from lrpc.runtime.ndr.expression import Number, this
from lrpc.runtime.ndr.layout import (
    AUTO,
    GUID,
    NO_ARM,
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    Encoding,
    Enum,
    ErrorStatus,
    Field,
    FixedArray,
    Long,
    Pointer,
    Short,
    String,
    Struct,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
    shared,
)


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


SCALARS = [word for word in vars(words).values() if isinstance(word, words.Scalar)]


def test_encodings_know_order_and_word():
    assert [(e.order, e.wide, e.word) for e in Encoding] == [("<", False, 4), (">", False, 4), ("<", True, 8)]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_size_of_a_scalar_is_that_of_its_code(scalar, encoding):
    assert scalar.size(encoding) == struct.calcsize(encoding.order + scalar.code(encoding))


def test_enumerations_widen_in_ndr64_only_unless_v1():
    assert [Enum(Color).size(e) for e in Encoding] == [2, 2, 4]
    assert [Enum(Color, v1=True).size(e) for e in Encoding] == [4, 4, 4]
    assert Enum(Color).by_value == {1: Color.RED, 2: Color.BLUE}


def test_slash_makes_a_field():
    field = "a" / Long
    assert isinstance(field, Field)
    assert (field.name, field.layout) == ("a", Long)
    assert repr(field) == "'a' / long"


def test_layouts_show_what_they_are():
    assert repr(Struct(Color)) == "Struct(Color)"
    assert repr(GUID) == "GUID"
    assert repr(UniquePtr(Long)) == "UniquePtr()"
    assert repr(AUTO) == "AUTO"


def test_union_gives_the_arm_of_a_tag():
    union = Union(Long, {1: Byte, 2: None})
    assert union.arm(1) is Byte
    assert union.arm(2) is None
    assert union.arm(3) is NO_ARM
    assert Union(Long, {1: Byte}, None).arm(3) is None
    assert Union(Long, {1: Byte, 2: None}, Short).layouts() == [Byte, Short]


def test_array_words_differ_in_what_travels():
    kinds = [
        FixedArray(Byte, 3),
        VaryingArray(Byte, 3, this.n),
        ConformantArray(Byte, this.n),
        ConformantVaryingArray(Byte, this.m, this.n),
    ]
    assert [(a.conformant, a.varying) for a in kinds] == [(False, False), (False, True), (True, False), (True, True)]
    assert kinds[1].first == Number(0)


def test_pointer_finds_a_target_that_is_named_later():
    pointer = Pointer(lambda: later)
    later = Struct(dict)
    assert pointer.target is later
    assert pointer.target is later


def test_shared_values_are_equal_and_have_an_identity():
    for value in (7, 1.5, "a", b"a"):
        boxed = shared(value)
        assert boxed == value
        assert isinstance(boxed, type(value))
        assert shared(value) is not boxed
    assert shared(None) is None


def test_status_knows_its_family():
    assert (ErrorStatus.family, repr(ErrorStatus)) == ("win32", "error_status_t")


def test_context_handle_knows_what_closes_it():
    handle = ContextHandle("H", closed_by="Close")
    assert (handle.name, handle.closed_by) == ("H", "Close")


def test_strings_and_limits_keep_what_they_were_given():
    string = String(WChar, size=this.n, limits=(0, 9))
    assert (string.unit, string.bound, string.size, string.limits) == (WChar, None, this.n, (0, 9))


def test_layout_parses_and_builds_as_a_construct():
    assert isinstance(Long, construct.Construct)
    assert Long.parse(b"\1\0\0\0") == 1
    assert Double.build(1.0, encoding=Encoding.NDR_BIG) == b"\x3f\xf0" + bytes(6)
