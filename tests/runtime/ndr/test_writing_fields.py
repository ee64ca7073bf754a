"""Values against what their siblings say."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import compare, present, this, when
from lrpc.runtime.ndr.layout import (
    Byte,
    ConformantArray,
    ConformantVaryingArray,
    FixedArray,
    Layout,
    Long,
    Parameters,
    RefPtr,
    String,
    Struct,
    UniquePtr,
    VaryingArray,
    WChar,
)

Two = dataclasses.make_dataclass("Two", ["a", "b"], slots=True)


def parameters(*layouts: Layout) -> Parameters:
    """Parameters a, b, c ..."""
    return Parameters(*(name / layout for name, layout in zip("abcdef", layouts, strict=False)))


SIZED = parameters(Long, UniquePtr(ConformantArray(Byte, this.a)))
PART = parameters(Long, Long, Long, UniquePtr(ConformantVaryingArray(Byte, this.a, this.b, this.c)))
VARYING = parameters(Long, VaryingArray(Byte, 3, this.a))
FIRST = parameters(Long, ConformantVaryingArray(Byte, 4, this.elsewhere, this.a))
BEHIND = parameters(UniquePtr(Long), UniquePtr(ConformantArray(Byte, this.a)))
TEST = parameters(UniquePtr(Long), UniquePtr(ConformantArray(Byte, compare("==", this.a, 1))))
MAYBE = parameters(UniquePtr(Long), UniquePtr(ConformantArray(Byte, when(present(this.a), this.a, 0))))
TEXT = parameters(Long, UniquePtr(String(WChar, size=this.a)))
RANGED = parameters(Long, UniquePtr(ConformantArray(Byte, this.a, limits=(1, 2))))
NESTED = parameters(Long, Long, RefPtr(ConformantArray(UniquePtr(ConformantArray(Byte, this.b)), this.a)))
TWICE = parameters(Long, UniquePtr(UniquePtr(ConformantArray(Byte, this.a))))
UNKNOWN = parameters(Long, UniquePtr(ConformantArray(Byte, this.elsewhere)))


@pytest.mark.parametrize(
    ("layout", "values", "good"),
    [
        (SIZED, (2, b"ab"), True),
        (SIZED, (1, b"ab"), False),
        (SIZED, (1, None), False),
        (SIZED, (0, None), True),
        (SIZED, (0, b""), True),
        (PART, (5, 2, 1, b"ab"), True),
        (PART, (3, 2, 1, b"ab"), True),
        (PART, (2, 2, 1, b"ab"), False),
        (PART, (5, 2, -1, b"ab"), False),
        (PART, (5, 1, 1, b"ab"), False),
        (PART, (0, 0, 1, None), True),
        (PART, (0, 1, 0, None), False),
        (VARYING, (2, b"ab"), True),
        (VARYING, (1, b"ab"), False),
        (VARYING, (4, b"abcd"), False),
        (FIRST, (2, b"ab"), True),
        (FIRST, (3, b"ab"), False),
        (BEHIND, (2, b"ab"), True),
        (BEHIND, (None, b"ab"), False),
        (BEHIND, (None, None), True),
        (BEHIND, (1, None), False),
        (TEST, (1, b"a"), True),
        (TEST, (None, b""), False),
        (MAYBE, (None, b""), True),
        (MAYBE, (None, b"a"), False),
        (TEXT, (3, "ab"), True),
        (TEXT, (9, "ab"), True),
        (TEXT, (2, "ab"), False),
        (TEXT, (1, None), False),
        (RANGED, (1, b"a"), True),
        (RANGED, (3, b"abc"), False),
        (RANGED, (0, b""), False),
        (RANGED, (0, None), True),
        (NESTED, (2, 1, [b"a", b"b"]), True),
        (NESTED, (2, 1, [b"a", None]), False),
        (NESTED, (2, 0, [b"", None]), True),
        (NESTED, (2, 1, [b"a", b""]), False),
        (TWICE, (1, b"a"), True),
        (TWICE, (1, None), True),
        (UNKNOWN, (1, b"abc"), True),
        (UNKNOWN, (1, None), True),
        (parameters(FixedArray(Byte, 2)), (b"a",), False),
    ],
)
def test_value_must_be_what_its_siblings_say(layout, values, good):
    """And both readers have to agree on it."""
    named = {field.name: value for field, value in zip(layout.fields, values, strict=True)}
    if good:
        octets = b"".join(compiled(layout).encode(values))
        assert octets == layout.build(named)
        assert compiled(layout).decode(octets) == values
        return
    for call in (lambda: compiled(layout).encode(values), lambda: layout.build(named)):
        with pytest.raises(NdrError):
            call()


def test_lenient_pointer_may_be_null_beside_a_size():
    layout = parameters(Long, UniquePtr(ConformantArray(Byte, this.a), lenient=True))
    assert b"".join(compiled(layout).encode((1, None))) == layout.build({"a": 1, "b": None})


def answered(layout: Layout, value: Any, count: int) -> bytes:
    """A response with one value, for a request with n = count."""
    return b"".join(compiled(Parameters("p" / layout), Parameters("n" / Long)).encode((value,), (count,)))


def test_null_pointer_beside_a_size_is_an_answer_in_a_response():
    array = UniquePtr(ConformantArray(Byte, this.n))
    assert answered(array, None, 3) == bytes(4)
    assert answered(array, b"abc", 3)[-3:] == b"abc"
    with pytest.raises(NdrError):
        answered(array, b"ab", 3)
    with pytest.raises(NdrError):
        answered(Struct(Two, "a" / Long, "b" / UniquePtr(ConformantArray(Byte, this.a))), Two(1, None), 3)
