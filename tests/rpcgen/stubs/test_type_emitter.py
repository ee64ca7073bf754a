"""Types of a stub: what its classes and constants are."""

from __future__ import annotations

import dataclasses
from enum import IntEnum
from typing import Any

import pytest

from lrpc.rpcgen import generate, model
from lrpc.rpcgen.load import execute, load
from lrpc.runtime import stub as rpc

LONG = model.Scalar(word="Long")


def made(*definitions: model.Definition, constants: tuple[model.Constant, ...] = ()) -> Any:
    """The stub of some types."""
    found = model.Model(interfaces=(), definitions=definitions, constants=constants, aliases=())
    module = load("typedef long nothing;\n", cached=False)
    execute(generate(found, source="t.idl", command="test"), "t.idl", module)
    return module


@pytest.mark.parametrize(
    "value", [1, -1, True, 2.5, 3.402823466e38, 1e-05, "a\"'\\", None, (), (1,), (1, "b", None, 2.0), "x" * 200]
)
def test_constants_are_what_the_idl_says(value: Any) -> None:
    assert value == made(constants=(model.Constant(name="X", value=value),)).X


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_constant_may_be_no_finite_number(value: float) -> None:
    assert repr(made(constants=(model.Constant(name="X", value=value),)).X) == repr(value)


def test_names_of_an_enumeration_without_a_name_are_constants() -> None:
    members = (model.Enumerator(name="A", value=4, doc="four"), model.Enumerator(name="B", value=-1))
    stub = made(model.Enumeration(key="#1", name="", members=members))
    assert (stub.A, stub.B) == (4, -1)
    assert stub.__layouts__ == {}


def test_structure_is_a_dataclass_with_slots_and_its_documentation() -> None:
    members = (
        model.Member(name="n", type=LONG, auto=True),
        model.Member(name="items", type=model.Array(element=LONG, size=model.Sibling(name="n")), doc="What\nis there."),
    )
    stub = made(model.Structure(key="s", name="s", members=members, doc="A list."))
    assert stub.s.__doc__ == "A list."
    assert stub.s([1]).n is rpc.AUTO
    assert not hasattr(stub.s([1]), "__dict__")
    assert [found.name for found in dataclasses.fields(stub.s)] == ["n", "items"]


def test_structure_without_members_is_one() -> None:
    stub = made(
        model.Structure(key="s", name="s", members=()), model.Structure(key="t", name="t", members=(), doc="Nothing.")
    )
    assert stub.s() == stub.s()
    assert stub.t.__doc__ == "Nothing."


def test_enumeration_is_an_int_enum() -> None:
    members = (model.Enumerator(name="RED", value=1, doc='"""'), model.Enumerator(name="real", value=2))
    stub = made(model.Enumeration(key="e", name="e", members=members, wide=True))
    assert issubclass(stub.e, IntEnum)
    assert (stub.e.RED, stub.e.real_) == (1, 2)
    assert stub.__layouts__["e"].v1


def test_conversion_is_a_hook_with_the_name_of_its_type() -> None:
    stub = made(model.ConversionType(key="c", name="c", by="transmit_as", wire=LONG))
    assert isinstance(stub.c, rpc.Conversion)
    layout = stub.__layouts__["c"]
    assert (layout.layout, layout.conversion) == (rpc.Long, stub.c)


def test_conversion_may_carry_what_contains_it() -> None:
    pointer = model.Pointer(pointer="unique", target=model.Defined(key="s"))
    stub = made(
        model.ConversionType(key="c", name="c", by="wire_marshal", wire=pointer),
        model.Structure(key="s", name="s", members=(model.Member(name="c", type=model.Converted(conversion="c")),)),
    )
    assert stub.__layouts__["c"].layout.target is stub.__layouts__["s"]
