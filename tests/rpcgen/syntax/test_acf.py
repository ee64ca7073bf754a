"""The tree of attribute configuration files."""

from __future__ import annotations

from lrpc.rpcgen.syntax import tree
from lrpc.rpcgen.syntax.acf import AcfInterface, AcfOperation, AcfTypedef
from lrpc.rpcgen.syntax.parser import parse_acf
from tests.rpcgen.texts import preprocessed


def interfaces(text: str) -> tuple[AcfInterface, ...]:
    found, diagnostics = parse_acf(preprocessed(text))
    assert diagnostics == []
    return found


def named(attributes: tree.Attributes) -> list[str]:
    return [attribute.name for attribute in attributes]


def test_attributes_that_stand_alone_are_those_of_the_interface() -> None:
    (one,) = interfaces("[auto_handle] interface i { [code]; [nocode, enable_allocate]; }")
    assert (one.name, named(one.attributes), one.items) == (
        "i",
        ["auto_handle", "code", "nocode", "enable_allocate"],
        (),
    )


def test_attributes_on_both_sides_of_typedef_are_one_set() -> None:
    (one,) = interfaces("interface i { [heap] typedef [represent_as(t)] a, b; }")
    (typedef,) = one.items
    assert isinstance(typedef, AcfTypedef)
    assert named(typedef.attributes) == ["heap", "represent_as"]
    assert [(name.name, name.span.column) for name in typedef.names] == [("a", 48), ("b", 51)]


def test_operation_names_the_parameters_that_it_says_something_of() -> None:
    (one,) = interfaces("interface i { f(); [comm_status] g([heap] a, b, [fault_status] c); }")
    f, g = one.items
    assert isinstance(f, AcfOperation)
    assert isinstance(g, AcfOperation)
    assert (f.name, f.attributes, f.parameters) == ("f", (), ())
    assert (g.name, named(g.attributes)) == ("g", ["comm_status"])
    assert [(p.name, named(p.attributes)) for p in g.parameters] == [
        ("a", ["heap"]),
        ("b", []),
        ("c", ["fault_status"]),
    ]


def test_includes_and_empty_places_say_nothing() -> None:
    (first, second) = interfaces('; interface i { include "a.h", "b"; import "c.idl"; ; f(void); } ; interface j { }')
    assert [item.name for item in first.items if isinstance(item, AcfOperation)] == ["f"]
    assert [getattr(item, "parameters", None) for item in first.items] == [()]
    assert (second.name, second.items) == ("j", ())


def test_mistake_costs_one_entry() -> None:
    (one,), found = parse_acf(preprocessed("interface i {\nf(a, 1, b);\n2;\n[code] g();\n}"))
    assert [diagnostic.span.line for diagnostic in found] == [2, 3]
    assert [item.name for item in one.items if isinstance(item, AcfOperation)] == ["f", "g"]
    assert [p.name for item in one.items if isinstance(item, AcfOperation) for p in item.parameters] == ["a", "b"]
