"""From rules to nodes: what is written in several ways is one node."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.syntax import tree
from lrpc.rpcgen.syntax.parser import parse
from lrpc.rpcgen.syntax.tree_builder import MAX_LEVELS
from tests.rpcgen.texts import preprocessed


def item(text: str) -> tree.Item:
    file, found = parse(preprocessed(text))
    assert found == []
    (one,) = file.items
    return one


def typedef(text: str) -> tree.Typedef:
    one = item(f"typedef {text};")
    assert isinstance(one, tree.Typedef)
    return one


def spoken(declarator: tree.Declarator) -> str:
    """Its levels, from the name outwards."""
    words: list[str] = []
    for level in declarator.levels:
        match level:
            case tree.Star():
                words.append("*")
            case tree.Bound(high=tree.Number(value=high), low=low):
                words.append(f"[{low.value}..{high}]" if isinstance(low, tree.Number) else f"[{high}]")
            case tree.Bound():
                words.append("[]")
            case tree.Parameters():
                words.append(f"({len(level.parameters)}{'...' if level.variadic else ''})")
    return " ".join((declarator.name or "-", *words))


@pytest.mark.parametrize(
    ("written", "levels"),
    [
        ("long a", "a"),
        ("long *a[5]", "a [5] *"),
        ("long (*a)[5]", "a * [5]"),
        ("long **(*a[2])[3]", "a [2] * [3] * *"),
        ("long a[1..9]", "a [1..9]"),
        ("long a[][*]", "a [] []"),
        ("long *(__stdcall *a)(long, void *, ...)", "a * (2...) *"),
        ("long (*a)(...)", "a * (0...)"),
        ("long * const a", "a *"),
    ],
)
def test_levels_go_from_the_name_outwards(written: str, levels: str) -> None:
    assert [spoken(one) for one in typedef(written).declarators] == [levels]


@pytest.mark.parametrize(
    ("written", "levels"), [("long", "-"), ("long **", "- * *"), ("long *[3]", "- [3] *"), ("void (*)(int)", "- * (1)")]
)
def test_parameter_without_a_name_has_its_levels(written: str, levels: str) -> None:
    function = typedef(f"void f({written})").declarators[0].levels[0]
    assert isinstance(function, tree.Parameters)
    assert [spoken(one.declarator) for one in function.parameters] == [levels]


def test_levels_are_bounded() -> None:
    assert len(typedef("long " + "*" * MAX_LEVELS + "a").declarators[0].levels) == MAX_LEVELS
    _, found = parse(preprocessed("typedef long " + "*" * (MAX_LEVELS + 1) + "a;"))
    assert [one.code for one in found] == ["E0204"]


@pytest.mark.parametrize("written", ["[public] typedef [v1_enum] long a;", "[public][v1_enum] typedef long a;"])
def test_all_lists_of_attributes_are_one_set(written: str) -> None:
    one = item(written)
    assert isinstance(one, tree.Typedef)
    assert [attribute.name for attribute in one.attributes] == ["public", "v1_enum"]


def attribute(written: str) -> tree.Attribute:
    one = item(f"[{written}] typedef long a;")
    assert isinstance(one, tree.Typedef)
    return one.attributes[0]


@pytest.mark.parametrize(
    ("written", "slots"),
    [
        ("x", None),
        ("x(a, , 2)", ["Name", "NoneType", "Number"]),
        ("x(unsigned long)", ["Words"]),
        ("x(enum E)", ["Tagged"]),
        ("x(FOO *)", ["Name"]),
        ("x(handle_t h)", ["Words", "Name"]),
        ("x(FOO h)", ["Name", "Name"]),
        ("x()", ["NoneType"]),
    ],
)
def test_slots_of_an_attribute_are(written: str, slots: list[str] | None) -> None:
    found = attribute(written).slots
    assert (found and [type(slot).__name__ for slot in found]) == slots


UUID = "12345678-1234-abcd-ef00-0123456789ab"


@pytest.mark.parametrize("written", [UUID, f'"{UUID}"', f'"{{{UUID}}}"'])
def test_uuid_may_be_quoted_and_in_braces(written: str) -> None:
    (slot,) = attribute(f"uuid({written})").slots or ()
    assert isinstance(slot, tree.Uuid)
    assert slot.text == UUID


@pytest.mark.parametrize("written", ["uuid()", "uuid(12)", f"uuid({UUID}, 1)", "async_uuid(a)"])
def test_uuid_is_nothing_else(written: str) -> None:
    _, found = parse(preprocessed(f"[{written}] typedef long a;"))
    assert [(one.code, "a string or a uuid" in one.message) for one in found] == [("E0201", True)]


def arms(written: str) -> list[tuple[list[object], bool]]:
    type_ = typedef(f"union {{ {written} }} u").type
    assert isinstance(type_, tree.PlainUnion)
    return [
        ([label.value if isinstance(label, tree.Number) else label for label in arm.labels], arm.type is None)
        for arm in type_.arms
    ]


def test_labels_gather_before_their_arm_and_default_is_none() -> None:
    assert arms("case 1: case 2: long a; case 3: ; default: short b;") == [
        ([1, 2], False),
        ([3], True),
        ([None], False),
    ]
    assert arms("[case(1)] long a; [default] ;") == [([], False), ([], True)]


def test_encapsulated_union_names_its_selector_and_its_arm() -> None:
    type_ = typedef("union u switch (long tag) value { case 1: long a; } u").type
    assert isinstance(type_, tree.SwitchUnion)
    assert (type_.tag, type_.selector, type_.name, len(type_.arms)) == ("u", "tag", "value", 1)
    type_ = typedef("union switch (long tag) { case 1: long a; } u").type
    assert isinstance(type_, tree.SwitchUnion)
    assert (type_.tag, type_.name) == (None, None)


def test_bit_field_has_a_width_with_or_without_a_name() -> None:
    type_ = typedef("struct { long a : 3, : 5; } s").type
    assert isinstance(type_, tree.Struct)
    widths = [(one.name, one.width and one.width.value) for one in type_.fields[0].declarators]  # type: ignore[union-attr]
    assert widths == [("a", 3), (None, 5)]


def test_braces_within_braces_count_for_what_they_hold() -> None:
    one = item("const long a[] = { 1, { 2, 3 }, { { 4 } }, };")
    assert isinstance(one, tree.Declaration)
    assert isinstance(one.value, tree.Braces)
    assert [value.value for value in one.value.values if isinstance(value, tree.Number)] == [1, 2, 3, 4]


def test_what_has_no_meaning_has_no_node() -> None:
    file, found = parse(preprocessed('cpp_quote("x") ;; midl_pragma warning(disable: 1) typedef long a;'))
    assert found == []
    assert [type(one) for one in file.items] == [tree.Typedef]


def test_base_of_an_interface_is_known_and_its_empty_lines_are_not() -> None:
    one = item("interface a : b { ; ; typedef long c; }")
    assert isinstance(one, tree.Interface)
    assert one.base is not None
    assert (one.name, one.base.name, len(one.items)) == ("a", "b", 1)
    empty = item("interface a { }")
    assert isinstance(empty, tree.Interface)
    assert (empty.base, empty.items) == (None, ())
