"""Counts from the stream against what their siblings say."""

from __future__ import annotations

import dataclasses
import struct

import pytest

from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import compare, present, this, when
from lrpc.runtime.ndr.layout import (
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    FixedArray,
    FullPtr,
    Layout,
    Long,
    Parameters,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    WChar,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"], slots=True)


def words(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def parameters(*layouts: Layout) -> Parameters:
    """Parameters a, b, c ..."""
    return Parameters(*(name / layout for name, layout in zip("abcdef", layouts, strict=False)))


def accepts(layout: Parameters, stub: bytes, outer: Parameters | None = None, given: tuple[int, ...] = ()) -> bool:
    """Do the codec and the reference reader take the stub? They have to agree."""
    codec = compiled(layout) if outer is None else compiled(layout, outer)
    names = {} if outer is None else {field.name: value for field, value in zip(outer.fields, given, strict=True)}
    found = []
    for call in (lambda: codec.decode(stub, given), lambda: layout.parse(stub, outer=names)):
        try:
            call()
            found.append(True)
        except NdrError:
            found.append(False)
    assert found[0] == found[1]
    return found[0]


SIZED = parameters(Long, UniquePtr(ConformantArray(Byte, this.a)))
PART = parameters(Long, UniquePtr(ConformantVaryingArray(Byte, this.a, this.a // 2, 1)))
NESTED = parameters(Long, Long, UniquePtr(ConformantArray(UniquePtr(ConformantArray(Byte, this.b)), this.a)))
BEHIND = parameters(UniquePtr(Long), UniquePtr(ConformantArray(Byte, this.a)))
MAYBE = parameters(UniquePtr(Long), UniquePtr(ConformantArray(Byte, when(present(this.a), this.a, 0))))
TEST = parameters(UniquePtr(Long), UniquePtr(ConformantArray(Byte, compare("==", this.a, 1))))
SHARED = parameters(Long, FixedArray(FullPtr(ConformantArray(Byte, this.a)), 2))
TEXT = parameters(Long, UniquePtr(String(WChar, size=this.a)))
ARMS = parameters(Long, Long, SwitchIs(Union(Long, {1: UniquePtr(ConformantArray(Byte, this.a)), 2: Long}), this.b))
TWICE = parameters(Long, UniquePtr(UniquePtr(ConformantArray(Byte, this.a))))


@pytest.mark.parametrize(
    ("layout", "stub", "good"),
    [
        (SIZED, words(1, 9, 1, 7), True),
        (SIZED, words(2, 9, 1, 7), False),
        (SIZED, words(0, 0), True),
        (SIZED, words(1, 0), False),
        (SIZED, words(0, 9, 0), True),
        (PART, words(2, 9, 2, 1, 1, 7), True),
        (PART, words(2, 9, 2, 0, 1, 7), False),
        (PART, words(2, 9, 3, 1, 1, 7), False),
        (PART, words(3, 9, 3, 1, 2, 7), False),
        (PART, words(0, 0), True),
        (PART, words(1, 0), False),
        (NESTED, words(2, 1, 9, 2, 9, 9, 1, 7, 1, 7), True),
        (NESTED, words(2, 1, 9, 2, 9, 0, 1, 7), False),
        (NESTED, words(2, 0, 9, 2, 9, 0, 0), True),
        (NESTED, words(2, 1, 9, 2, 9, 9, 1, 7, 2, 7), False),
        (NESTED, words(0, 1, 0), True),
        (NESTED, words(1, 0, 0), False),
        (BEHIND, words(9, 1, 9, 1, 7), True),
        (BEHIND, words(9, 2, 9, 1, 7), False),
        (BEHIND, words(9, 1, 0), False),
        (BEHIND, words(0, 0), True),
        (BEHIND, words(0, 9, 0), False),
        (MAYBE, words(0, 9, 0), True),
        (MAYBE, words(0, 9, 1, 7), False),
        (MAYBE, words(9, 1, 9, 1, 7), True),
        (TEST, words(9, 1, 9, 1, 7), True),
        (TEST, words(0, 9, 0), False),
        (SHARED, words(1, 9, 9, 1, 7), True),
        (SHARED, words(1, 9, 8, 1, 7, 1, 7), True),
        (SHARED, words(1, 9, 8, 1, 7, 2, 7), False),
        (SHARED, words(1, 9, 0, 1, 7), False),
        (TEXT, words(2, 9, 2, 0, 1, 0), True),
        (TEXT, words(1, 9, 2, 0, 1, 0), False),
        (TEXT, words(1, 0), False),
        (ARMS, words(1, 1, 1, 9, 1, 7), True),
        (ARMS, words(2, 1, 1, 9, 1, 7), False),
        (ARMS, words(2, 1, 1, 0), False),
        (ARMS, words(5, 2, 2, 7), True),
        (ARMS, words(5, 2, 1, 0), False),
        (TWICE, words(1, 9, 9, 1, 7), True),
        (TWICE, words(1, 9, 9, 2, 7), False),
        (TWICE, words(1, 9, 0), False),
        (TWICE, words(1, 0), True),
    ],
)
def test_count_must_be_what_its_siblings_say(layout, stub, good):
    assert accepts(layout, stub) is good


def test_lenient_pointer_may_be_null_beside_a_size():
    assert accepts(parameters(Long, UniquePtr(ConformantArray(Byte, this.a), lenient=True)), words(1, 0))


def test_null_pointer_beside_a_size_is_an_answer_in_a_response():
    request = Parameters("n" / Long)
    response = Parameters("p" / UniquePtr(ConformantArray(UniquePtr(ConformantArray(Byte, this.n)), this.n)))
    assert accepts(response, words(0), request, (3,))
    assert accepts(response, words(9, 1, 0), request, (1,))
    assert accepts(response, words(9, 1, 9, 1, 7), request, (1,))
    assert not accepts(response, words(9, 1, 9, 1, 7), request, (2,))
    assert not accepts(
        Parameters("s" / Struct(Two, "a" / Long, "b" / SIZED.fields[1].layout)), words(1, 0), request, (1,)
    )


def test_sibling_that_was_not_given_has_no_say():
    assert accepts(Parameters("p" / UniquePtr(ConformantArray(Byte, this.elsewhere))), words(9, 1, 7))
    assert accepts(Parameters("p" / UniquePtr(ConformantArray(Byte, this.elsewhere))), words(0))


def test_counts_of_each_item_are_held_against_its_own_siblings():
    item = Struct(Two, "a" / Long, "b" / UniquePtr(ConformantArray(Byte, this.a)))
    assert accepts(parameters(ConformantArray(item)), words(2, 1, 9, 2, 9, 1, 7, 2, 7))
    assert not accepts(parameters(ConformantArray(item)), words(2, 1, 9, 2, 9, 2, 7, 1, 7))


def test_tag_that_its_sibling_contradicts_has_a_status_of_its_own_in_long_stubs_too():
    tagged = parameters(Long, SwitchIs(Union(Long, {1: Long, 2: Long}), this.a), ConformantArray(Byte))
    behind = parameters(Long, UniquePtr(SwitchIs(Union(Long, {1: Long, 2: Long}), this.a)), ConformantArray(Byte))
    for layout, stub in ((tagged, words(1, 2, 7, 5000)), (behind, words(1, 4, 2, 7, 5000))):
        with pytest.raises(NdrError, match="tag") as caught:
            compiled(layout).decode(stub + bytes(5000))
        assert caught.value.status == 0x6C5
