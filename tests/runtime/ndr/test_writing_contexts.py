"""The writing half: contexts and offsets into them; both readers write the same, or refuse."""

from __future__ import annotations

import dataclasses

import pytest

from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    ConformantArray,
    Encoding,
    Field,
    FullPtr,
    Int3264,
    Layout,
    Long,
    Short,
    Struct,
    ULong,
    Union,
    UniquePtr,
    UShort,
    WChar,
    shared,
)
from lrpc.runtime.ndr.layout_samba import (
    SERIALIZED,
    Based,
    Counted,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    Untagged,
)


def structure(name: str, *fields: Field) -> Struct:
    return Struct(dataclasses.make_dataclass(name, [field.name for field in fields], slots=True), *fields)


def written(layout: Layout, value: object, encoding: Encoding = Encoding.NDR) -> str:
    octets = layout.build(value, encoding=encoding)
    assert b"".join(compiled_type(layout, encoding).encode([value])) == octets
    return octets.hex(" ")


def refused(layout: Layout, value: object) -> None:
    with pytest.raises(NdrError):
        layout.build(value)
    with pytest.raises(NdrError):
        compiled_type(layout).encode([value])


NAMES = structure("Names", "a" / Relative(Text(Char)), "b" / Relative(Text(Char), width=2))
NODE: Struct = structure("Node", "value" / UShort, "next" / Relative(lambda: NODE, width=2))
END = structure("End", "n" / ULong, "inside" / Flagged(Subcontext(NAMES, size=this.n), reverse=True))
SIZED = structure("Sized", "n" / Long, "inside" / Subcontext(Text(Char), size=this.n))


def test_null_offset_is_zero_and_has_no_pointee():
    assert written(NAMES, NAMES.factory(None, "x")) == "00 00 00 00 06 00 78 00"


def test_offset_follows_the_byte_order_and_stays_narrow():
    assert written(NAMES, NAMES.factory("y", "x"), Encoding.NDR_BIG) == "00 00 00 06 00 08 79 00 78 00"
    assert written(NAMES, NAMES.factory(None, "x"), Encoding.NDR64) == "00 00 00 00 08 00 00 00 78 00"


def test_type_that_contains_itself_behind_an_offset():
    value = NODE.factory(1, NODE.factory(2, NODE.factory(3, None)))
    assert written(NODE, value) == "01 00 04 00 02 00 08 00 03 00 00 00"
    assert compiled_type(NODE).decode(NODE.build(value)) == (value,)


def test_long_list_behind_offsets_is_written_and_read():
    value = NODE.factory(0, None)
    for number in range(500):
        value = NODE.factory(number, value)
    octets = b"".join(compiled_type(NODE).encode([value]))
    assert octets == NODE.build(value)
    [read] = compiled_type(NODE).decode(octets)
    for number in reversed(range(500)):
        assert read.value == number
        read = read.next


def test_offset_that_its_width_cannot_hold_is_refused():
    layout = structure("Wide", "a" / Relative(Counted(Byte, 0x10000)), "b" / Relative(Byte, width=2))
    refused(layout, layout.factory(bytes(0x10000), 1))


def test_pointees_are_aligned_as_their_flag_says():
    layout = structure(
        "Aligned", "a" / Relative(Text(Char)), "b" / Flagged(Relative(Byte), align=8), "c" / Relative(Byte)
    )
    assert written(layout, layout.factory("x", 5, 6)) == ("0c 00 00 00 10 00 00 00 11 00 00 00 78 00 00 00 05 06")


def test_pointees_go_to_the_end_of_their_context():
    assert written(END, END.factory(12, NAMES.factory("ab", "c"))) == "0c 00 00 00 09 00 00 00 07 00 00 63 00 61 62 00"


def test_pointees_at_the_end_are_aligned_downwards():
    texts = structure("Texts", "a" / Flagged(Relative(Text(WChar)), align=2), "b" / Relative(Text(Char)))
    layout = Flagged(structure("Holder", "n" / ULong, "inside" / Subcontext(texts, size=this.n)), reverse=True)
    value = layout.layout.factory(15, texts.factory("a", "b"))
    assert written(layout, value) == "0f 00 00 00 0a 00 00 00 08 00 00 00 62 00 61 00 00 00 00"


def test_pointees_at_the_end_need_room_and_a_size():
    refused(END, END.factory(10, NAMES.factory("ab", "cd")))
    unsized = Flagged(NAMES, reverse=True)
    refused(unsized, NAMES.factory("ab", None))
    assert written(unsized, NAMES.factory(None, None)) == "00 00 00 00 00 00"


def test_base_is_the_structure_not_the_context():
    layout = structure("Holder", "z" / ULong, "names" / Based(NAMES), "y" / Byte)
    value = layout.factory(1, NAMES.factory("x", None), 2)
    assert written(layout, value) == "01 00 00 00 07 00 00 00 00 00 02 78 00"


def test_base_of_each_item_is_its_own():
    layout = structure("Holder", "n" / ULong, "items" / Counted(Based(structure("One", "a" / Relative(Byte))), this.n))
    one = layout.fields[1].layout.element.layout.factory
    assert written(layout, layout.factory(2, [one(7), one(8)])) == "02 00 00 00 08 00 00 00 05 00 00 00 07 08"


def test_context_is_filled_up_and_never_exceeded():
    assert written(SIZED, SIZED.factory(4, "a")) == "04 00 00 00 61 00 00 00"
    refused(SIZED, SIZED.factory(1, "a"))
    refused(SIZED, SIZED.factory(-1, "a"))


def test_context_has_referents_and_alignment_of_its_own():
    inside = structure("Inside", "b" / Byte, "p" / UniquePtr(ULong))
    layout = structure("Outside", "p" / UniquePtr(Byte), "c" / Byte, "inside" / Subcontext(inside, 2))
    value = layout.factory(1, 2, inside.factory(3, 4))
    assert written(layout, value) == ("00 00 02 00 02 00 0c 00 03 00 00 00 00 00 02 00 04 00 00 00 01")


def test_full_pointers_are_not_shared_with_a_context():
    layout = structure("Both", "p" / FullPtr(Text(Char)), "inside" / Subcontext(FullPtr(Text(Char)), 2))
    text = shared("x")
    assert written(layout, layout.factory(text, text)) == "00 00 02 00 06 00 00 00 02 00 78 00 78 00"


def test_serialized_context_is_padded_and_never_ndr64():
    layout = Subcontext(Int3264, SERIALIZED)
    for encoding in (Encoding.NDR, Encoding.NDR64):
        assert written(layout, 5, encoding) == "01 10 08 00 cc cc cc cc 08 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00"
    big = "01 00 00 08 cc cc cc cc 00 00 00 08 00 00 00 00 00 00 00 05 00 00 00 00"
    assert written(layout, 5, Encoding.NDR_BIG) == big


def test_ndr64_ends_at_a_context():
    inside = structure("Inside", "p" / UniquePtr(Byte), "n" / Int3264)
    layout = structure("Around", "inside" / Subcontext(inside, 4), "n" / Int3264)
    value = layout.factory(inside.factory(1, 2), 3)
    assert written(layout, value, Encoding.NDR64) == (
        "09 00 00 00 00 00 00 00 00 00 02 00 02 00 00 00 01 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00"
    )
    assert compiled_type(layout, Encoding.NDR64).decode(layout.build(value, encoding=Encoding.NDR64)) == (value,)


def test_size_of_a_context_follows_the_encoding():
    layout = Subcontext(Rest(), 4)
    assert written(layout, b"a", Encoding.NDR_BIG) == "00 00 00 01 61"
    assert written(layout, b"a", Encoding.NDR64) == "01 00 00 00 00 00 00 00 61"
    assert written(Subcontext(Rest(), 2), b"a", Encoding.NDR64) == "01 00 61"
    refused(Subcontext(Rest(), 2), bytes(0x10000))


def test_nothing_is_aligned_under_noalign_and_an_inner_flag_ends_it():
    packed = structure("Packed", "a" / Byte, "b" / ULong, "c" / Flagged(UShort, align=1), "d" / ConformantArray(UShort))
    layout = Flagged(packed, align=0)
    assert written(layout, packed.factory(1, 2, 3, [4])) == "01 00 00 00 01 02 00 00 00 00 03 00 04 00"


def test_byte_order_ends_ndr64():
    layout = structure("Orders", "a" / Int3264, "b" / Flagged(Int3264, order=">"))
    assert written(layout, layout.factory(1, 2), Encoding.NDR64) == "01 00 00 00 00 00 00 00 00 00 00 02 00 00 00 00"


def test_union_without_its_tag_is_aligned_to_its_arms_in_ndr64():
    layout = structure("Chosen", "t" / Short, "u" / Untagged(Union(Short, {1: Byte, 2: ULong}), this.t))
    assert written(layout, layout.factory(1, 5)) == "01 00 05"
    assert written(layout, layout.factory(1, 5), Encoding.NDR64) == "01 00 00 00 05 00 00 00"
    refused(layout, layout.factory(3, None))
