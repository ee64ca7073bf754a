"""Differences: each change breaks whom it breaks, and equal interfaces differ in nothing."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.model import Model
from lrpc.rpcgen.tools.diff import differences

UUID = "5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a2e2"
TYPES = """
    typedef struct _point { long x; long y; } point;
    typedef [switch_type(long)] union { [case(1)] long a; [case(2)] point b; } choice;
    typedef [v1_enum] enum { RED, GREEN } colour;
    const long LIMIT = 4;
"""
OPERATIONS = """
    long Move([in] long n, [in, size_is(n)] point *p, [in] colour c);
    void Choose([in] long t, [in, switch_is(t)] choice *u);
    void Bound([in, range(0, 10)] long r, [in, string] wchar_t *s);
"""


def compiled(types: str = TYPES, operations: str = OPERATIONS, attributes: str = "version(1.0)") -> Model:
    text = f"[uuid({UUID}), {attributes}] interface i {{ {types} {operations} }}"
    found = compile_idl("i.idl", reader={"i.idl": text}.__getitem__)
    assert found.model is not None, found.errors
    return found.model


def changes(old: Model, new: Model) -> list[tuple[str, str]]:
    return [(one.kind, one.where) for one in differences(old, new)]


def test_equal_models_differ_in_nothing() -> None:
    assert differences(compiled(), compiled()) == []


def test_model_read_from_json_is_equal_to_its_source() -> None:
    model = compiled()
    assert differences(model, Model.model_validate_json(model.model_dump_json())) == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "where"),
    [
        ("long x; long y;", "hyper x; long y;", "wire", "point.x"),
        ("long x; long y;", "long x; long z;", "source", "point.z"),
        ("long x; long y;", "long x;", "wire", "point"),
        ("[case(2)] point b;", "[case(3)] point b;", "wire", "choice"),
        ("[case(1)] long a;", "[case(1)] short a;", "wire", "choice.a"),
        ("{ RED, GREEN }", "{ RED, GREEN, BLUE }", "harmless", "colour.BLUE"),
        ("{ RED, GREEN }", "{ GREEN, RED }", "wire", "colour.GREEN"),
        ("{ RED, GREEN }", "{ RED }", "source", "colour.GREEN"),
        ("[v1_enum]", "", "wire", "colour"),
        ("LIMIT = 4", "LIMIT = 5", "source", "LIMIT"),
        ("switch_type(long)", "switch_type(hyper)", "wire", "choice's tag"),
    ],
)
def test_change_of_a_type(old: str, new: str, kind: str, where: str) -> None:
    assert old in TYPES
    assert (kind, where) in changes(compiled(), compiled(types=TYPES.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "kind", "where"),
    [
        ("size_is(n)", "size_is(n + 1)", "wire", "i.Move.p"),
        ("size_is(n)", "size_is(n), unique", "wire", "i.Move.p"),
        ("[in] colour c", "[in] long c", "wire", "i.Move.c"),
        ("[in] colour c", "[in] colour d", "source", "i.Move.d"),
        ("[in] colour c", "[in, out] colour *c", "wire", "i.Move"),
        ("long Move", "void Move", "wire", "i.Move"),
        ("long Move", "error_status_t Move", "wire", "i.Move's result"),
        ("Move", "Shift", "source", "i.Shift"),
        ("range(0, 10)", "range(0, 20)", "security", "i.Bound.r"),
        ("range(0, 10)", "range(0, 5)", "wire", "i.Bound.r"),
        (", range(0, 10)", "", "security", "i.Bound.r"),
        ("wchar_t *s", "char *s", "wire", "i.Bound.s"),
        ("void Choose", "[idempotent] void Choose", "wire", "i.Choose"),
    ],
)
def test_change_of_an_operation(old: str, new: str, kind: str, where: str) -> None:
    assert old in OPERATIONS
    assert (kind, where) in changes(compiled(), compiled(operations=OPERATIONS.replace(old, new)))


def test_renamed_count_is_no_change_of_the_size_that_names_it() -> None:
    renamed = OPERATIONS.replace("[in] long n, [in, size_is(n)]", "[in] long m, [in, size_is(m)]")
    assert changes(compiled(), compiled(operations=renamed)) == [("source", "i.Move.m")]


def test_operation_added_at_the_end_breaks_nobody_and_one_removed_does() -> None:
    more = compiled(operations=OPERATIONS + "void Last(void);")
    assert changes(compiled(), more) == [("harmless", "i.Last")]
    assert changes(more, compiled()) == [("wire", "i.Last")]


def test_interface_is_known_by_its_uuid_or_its_name() -> None:
    assert changes(compiled(), compiled(attributes="version(1.1)")) == [("harmless", "i")]
    assert changes(compiled(), compiled(attributes="version(2.0)")) == [("wire", "i")]
    other = compile_idl("j.idl", reader={"j.idl": f"[uuid({UUID}), version(1.0)] interface j {{ }}"}.__getitem__).model
    assert other is not None
    assert ("source", "j") in changes(compiled(), other)


def test_endpoint_that_is_added_opens_a_door() -> None:
    opened = compiled(attributes='version(1.0), endpoint("ncacn_ip_tcp:[4242]")')
    assert changes(compiled(), opened) == [("security", "i")]


def test_definitions_that_contain_themselves_are_compared_once() -> None:
    chain = "typedef struct _node {{ {0} v; struct _node *next; }} node;"
    use = "void F([in] node *n);"
    found = changes(compiled(chain.format("long"), use), compiled(chain.format("short"), use))
    assert found == [("wire", "node.v")]


def test_printed_form_names_kind_place_and_change() -> None:
    (one,) = differences(compiled(), compiled(types=TYPES.replace("LIMIT = 4", "LIMIT = 5")))
    assert str(one) == "source: LIMIT: was 4 and is 5"
    assert one.as_json() == {"kind": "source", "where": "LIMIT", "message": "was 4 and is 5"}
