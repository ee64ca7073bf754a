"""[value(...)]: what is computed, and what is the caller's."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import compile_idl, model

HEAD = '#include "idl_types.h"\n[uuid("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10"), version(1.0)]\ninterface a\n{\n'
FIELDS = "uint32 n; [string, charset(UTF16)] uint16 *text; DATA_BLOB blob; [relative] DATA_BLOB *behind; inner s;"


def value_of(expression: str, type_: str = "uint32") -> tuple[object, list[str]]:
    """What the field `v` is computed from, and the warnings."""
    text = (
        f'{HEAD}const uint32 TEN = 10; const string WORD = "word"; typedef struct {{ uint32 a; }} inner;'
        f"typedef [public] struct {{ [value({expression})] {type_} v; {FIELDS} }} t; }}\n"
    )
    found = compile_idl("a.idl", reader={"a.idl": text}.__getitem__, dialect="pidl")
    assert found.model is not None, found.errors
    structure = next(one for one in found.model.definitions if one.name == "t")
    assert isinstance(structure, model.Structure)
    return structure.members[0].value, [one.message for one in found.diagnostics if one.code == "W0425"]


N = model.Sibling(name="n")
TEXT = model.Length(name="text")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7", model.Number(value=7)),
        ("TEN", model.Number(value=10)),
        ("n", N),
        ("n + 1", model.Binary(operator="+", left=N, right=model.Number(value=1))),
        ("strlen_m(text)", TEXT),
        ("2*strlen_m(text)", model.Binary(operator="*", left=model.Number(value=2), right=TEXT)),
        ("strlen(text)", model.Length(name="text", unit=1)),
        ("blob.length", model.Length(name="blob", unit=1)),
        ("r->blob.length", model.Length(name="blob", unit=1)),
        ("ndr_size_t(r, ndr->flags)", model.SizeOf()),
        ("ndr_size_inner(&s, ndr->flags)", model.SizeOf(name="s")),
    ],
)
def test_expression_is_computed(expression: str, value: model.Node) -> None:
    assert value_of(expression) == (value, [])


def test_absent_text_has_no_room_for_a_nul() -> None:
    found, _ = value_of("strlen_m_term(text)")
    assert isinstance(found, model.When)
    assert found.condition == model.Present(name="text")
    assert found.otherwise == model.Number(value=0)


def test_pointer_is_asked_whether_it_is_there() -> None:
    found, said = value_of("behind ? behind->length : 0")
    assert isinstance(found, model.When)
    assert (found.condition, said) == (model.Present(name="behind"), [])


def test_size_less_a_constant_stays_in_its_field_while_it_is_measured() -> None:
    found, _ = value_of("ndr_size_t(r, ndr->flags) - 4")
    assert isinstance(found, model.Binary)
    assert (found.operator, found.right) == ("&", model.Number(value=0xFFFF_FFFF))


@pytest.mark.parametrize("expression", ['"text"', "WORD"])
def test_text_is_itself(expression: str) -> None:
    found, said = value_of(expression, "[charset(DOS)] uint8")
    assert (found, said) == (expression.strip('"').lower(), [])


@pytest.mark.parametrize("expression", ["f(n)", "s.a", "NULL", "elsewhere", "ndr_size_inner(s.a, 0)", "strlen_m(none)"])
def test_what_only_a_program_knows_is_the_callers(expression: str) -> None:
    found, said = value_of(expression)
    assert found is None
    assert len(said) == 1
