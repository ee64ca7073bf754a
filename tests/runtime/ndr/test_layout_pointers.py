"""Words for pointers, and the identity that full pointers go by."""

from __future__ import annotations

import enum

import pytest

from lrpc.runtime.ndr.layout import (
    Byte,
    FullPtr,
    Ignored,
    Long,
    Mark,
    Parameters,
    Pointer,
    RefPtr,
    Struct,
    UniquePtr,
    has_identity,
    shared,
)
from lrpc.runtime.ndr.layout_pointers import UNSHARED


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


@pytest.mark.parametrize("kind", [RefPtr, UniquePtr, FullPtr])
def test_target_is_asked_for_once(kind):
    asked = []
    pointer = kind(lambda: asked.append(1) or Long)
    assert asked == []
    assert pointer.target is pointer.target is Long
    assert asked == [1]


@pytest.mark.parametrize("value", [True, None, [1], {"a": 1}])
def test_what_has_an_identity_or_can_have_none_stays_itself(value):
    assert shared(value) is value


def test_kind_of_every_shared_value_has_an_identity():
    assert not {type(shared(value)) for value in (7, 1.5, "a", b"a")} & UNSHARED


def test_placeholder_of_an_ignored_pointer_is_zero_and_may_be_anything(encoding):
    layout = Parameters("p" / Ignored(), "z" / Byte)
    octets = layout.build({"p": None, "z": 9}, encoding=encoding)
    assert octets == bytes(encoding.word) + b"\x09"
    assert layout.parse(b"\xff" * encoding.word + b"\x09", encoding=encoding) == {"p": None, "z": 9}


def test_mark_says_whether_there_is_a_pointee():
    layout = Parameters("p" / Mark(), "z" / Byte)
    for value, read in ((True, True), ([], None), (None, None)):
        assert layout.parse(layout.build({"p": value, "z": 9})) == {"p": read, "z": 9}


class Color(enum.IntEnum):
    RED = 1


def test_identity_is_that_of_objects_python_does_not_merge():
    assert has_identity(shared(7))
    assert has_identity([])
    assert not any(has_identity(value) for value in (7, "a", None, True, Color.RED, ()))
