from __future__ import annotations

import enum

import construct

from lrpc.runtime.ndr.layout import (
    AUTO,
    GUID,
    NO_ARM,
    Byte,
    ContextHandle,
    Double,
    Encoding,
    Long,
    Short,
    Struct,
    Union,
    UniquePtr,
)


class Color(enum.IntEnum):
    RED = 1


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


def test_context_handle_knows_what_closes_it():
    handle = ContextHandle("H", closed_by="Close")
    assert (handle.name, handle.closed_by) == ("H", "Close")


def test_layout_parses_and_builds_as_a_construct():
    assert isinstance(Long, construct.Construct)
    assert Long.parse(b"\1\0\0\0") == 1
    assert Double.build(1.0, encoding=Encoding.NDR_BIG) == b"\x3f\xf0" + bytes(6)
