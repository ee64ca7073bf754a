"""Members that others determine: what is computed, and counts that were left out."""

from __future__ import annotations

import dataclasses

import pytest

from lrpc.runtime.ndr.compiler import compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import SizeOf, present, this, when
from lrpc.runtime.ndr.layout import (
    AUTO,
    Byte,
    Char,
    Encoding,
    Field,
    FixedArray,
    Layout,
    Parameters,
    Range,
    Struct,
    UHyper,
    ULong,
    Union,
    UniquePtr,
    UShort,
    WChar,
)
from lrpc.runtime.ndr.layout_samba import (
    UDLONG,
    Computed,
    Counted,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    Untagged,
    length,
    size_of,
)
from lrpc.runtime.ndr.writing_records import in_order


def structure(name: str, *fields: Field) -> Struct:
    return Struct(dataclasses.make_dataclass(name, [field.name for field in fields], slots=True), *fields)


def written(layout: Layout, value: object, encoding: Encoding = Encoding.NDR) -> str:
    octets = layout.build(value, encoding=encoding)
    assert b"".join(compiled_type(layout, encoding).encode([value])) == octets
    return octets.hex(" ")


def test_computed_member_is_written_whatever_it_holds_and_read_as_it_is():
    layout = structure("Text", "n" / Computed(UShort, length(this.text) * 2), "text" / Text(WChar))
    for held in (AUTO, 77, None, "x"):
        assert written(layout, layout.factory(held, "a\U0001f600")) == "06 00 61 00 3d d8 00 de 00 00"
    octets = bytes.fromhex("09 00 61 00 00 00")
    assert layout.parse(octets).n == compiled_type(layout).decode(octets)[0].n == 9


def test_computed_members_may_be_computed_from_each_other_in_any_order():
    layout = structure("Three", "a" / Computed(Byte, this.b + 1), "b" / Computed(UDLONG, this.c * 2), "c" / Byte)
    assert written(layout, layout.factory(AUTO, AUTO, 3)) == "07 00 00 00 06 00 00 00 00 00 00 00 03"
    assert list(in_order(layout.fields)) == ["b", "a"]


def test_members_computed_in_a_circle_are_no_type():
    layout = structure("Circle", "a" / Computed(Byte, this.b), "b" / Computed(Byte, this.a))
    with pytest.raises(TypeError, match="a, b"):
        compiled_type(layout).encoder()
    with pytest.raises(NdrError, match="a, b"):
        layout.build(layout.factory(1, 2))


def test_constants_of_octets_and_text():
    layout = structure(
        "Magic", "magic" / Computed(FixedArray(Byte, 4), b"NTLM"), "name" / Computed(Text(Char), "x"), "v" / Byte
    )
    assert written(layout, layout.factory(AUTO, AUTO, 1)) == "4e 54 4c 4d 78 00 01"


def test_computed_count_that_an_array_determines():
    layout = structure("Twice", "n" / ULong, "also" / Computed(UShort, this.n + 1), "items" / Counted(UShort, this.n))
    assert written(layout, layout.factory(AUTO, AUTO, [5, 6])) == "02 00 00 00 03 00 05 00 06 00"


def test_size_of_what_is_in_a_context_and_behind_pointers():
    inner = structure("Inner", "a" / Byte, "b" / UHyper)
    for use in (Subcontext(inner, size=this.n), UniquePtr(Subcontext(inner, 4)), Relative(inner), inner):
        layout = structure("Outer", "n" / Computed(ULong, size_of(this.inner)), "inner" / use)
        assert written(layout, layout.factory(AUTO, inner.factory(1, 2))).startswith("10 00 00 00")
    layout = structure("Null", "n" / Computed(ULong, size_of(this.inner)), "inner" / UniquePtr(inner))
    assert written(layout, layout.factory(AUTO, None)) == "00 00 00 00 00 00 00 00"


def test_size_counts_flags_of_the_type_itself():
    inner = Flagged(structure("Inner", "a" / Byte, "b" / UHyper), align=0)
    layout = structure("Outer", "n" / Computed(ULong, size_of(this.inner)), "inner" / Subcontext(inner, size=this.n))
    assert written(layout, layout.factory(AUTO, inner.layout.factory(1, 2))).startswith("09 00 00 00")


def test_size_of_a_union_is_that_of_its_arm():
    union = Union(UShort, {1: Byte, 2: UHyper})
    use = Subcontext(Untagged(union, this.t), size=this.n)
    layout = structure("Chosen", "t" / UShort, "n" / Computed(UShort, size_of(this.u)), "u" / use)
    assert written(layout, layout.factory(1, AUTO, 9)) == "01 00 01 00 09"
    assert written(layout, layout.factory(2, AUTO, 9)) == "02 00 08 00 09 00 00 00 00 00 00 00"


def test_size_of_structures_in_each_other_counts_each_by_itself():
    inner = structure("Inner", "size" / Computed(UShort, size_of()), "rest" / Text(Char))
    outer = structure("Outer", "size" / Computed(UShort, size_of() - 2), "inner" / inner, "z" / Byte)
    assert written(outer, outer.factory(AUTO, inner.factory(AUTO, "ab"), 7)) == "08 00 00 00 05 00 61 62 00 07"


def test_size_is_that_in_the_encoding():
    layout = structure("Own", "size" / Computed(UShort, size_of()), "p" / UniquePtr(Byte))
    assert written(layout, layout.factory(AUTO, 1), Encoding.NDR64).startswith("11 00")
    assert written(layout, layout.factory(AUTO, 1)).startswith("09 00")


def test_computed_number_outside_its_range_is_refused():
    layout = structure("Ranged", "n" / Computed(Range(UShort, 0, 2), length(this.text, 1)), "text" / Text(Char))
    assert written(layout, layout.factory(AUTO, "ab")) == "02 00 61 62 00"
    for refusing in (lambda value: layout.build(value), lambda value: compiled_type(layout).encode([value])):
        with pytest.raises(NdrError):
            refusing(layout.factory(AUTO, "abc"))


def test_null_pointers_count_as_nothing():
    layout = structure(
        "Maybe",
        "n" / Computed(ULong, when(present(this.data), 16, 0)),
        "m" / Computed(ULong, length(this.data)),
        "data" / UniquePtr(Subcontext(Rest(), 4)),
    )
    assert written(layout, layout.factory(AUTO, AUTO, None)) == "00 00 00 00 00 00 00 00 00 00 00 00"
    assert written(layout, layout.factory(AUTO, AUTO, b"x")).startswith("10 00 00 00 01 00 00 00")


def test_parameters_are_computed_too():
    parameters = Parameters("n" / Computed(ULong, length(this.data)), "data" / Subcontext(Rest(), 4))
    octets = b"".join(compiled(parameters).encode([AUTO, b"ab"]))
    assert octets == parameters.build({"n": AUTO, "data": b"ab"}) == bytes.fromhex("02 00 00 00 02 00 00 00 61 62")
    with pytest.raises(TypeError, match="size"):
        compiled(Parameters("n" / Computed(ULong, SizeOf()))).encoder()
