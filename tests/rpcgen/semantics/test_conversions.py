"""transmit_as, wire_marshal, represent_as and user_marshal: one type in the program, another one on the wire."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model
from tests.rpcgen.texts import made

UUID = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)]"


def compiled(types: str, parameters: str = "[in] P p", **files: str) -> Compilation:
    text = f"{UUID} interface i {{ {types} void f({parameters}); }}"
    return compile_idl("a.idl", reader={"a.idl": text, **files}.__getitem__)


def converted(types: str, parameters: str = "[in] P p") -> tuple[model.Type, model.ConversionType, model.Model]:
    found = compiled(types, parameters)
    assert found.model is not None, "\n".join(map(str, found.errors))
    (conversion,) = [one for one in found.model.definitions if isinstance(one, model.ConversionType)]
    return found.model.interfaces[0].operations[0].parameters[-1].type, conversion, found.model


@pytest.mark.parametrize("by", ["transmit_as", "wire_marshal"])
@pytest.mark.parametrize(
    "program",
    [
        "void *P",
        "long P",
        "struct { void *a; } P",
        "union { long a; short b; } P",
        "struct { long a : 3; } P",
        "void (*P)(void)",
    ],
)
def test_named_type_travels_whatever_the_program_has(by: str, program: str) -> None:
    type_, conversion, made = converted(f"typedef struct {{ long x; }} W; typedef [{by}(W)] {program};")
    assert isinstance(type_, model.Converted)
    assert (conversion.name, conversion.by, type_.conversion) == ("P", by, conversion.key)
    assert isinstance(conversion.wire, model.Defined)
    assert [one.name for one in made.definitions] == ["W", "P"]


@pytest.mark.parametrize("by", ["represent_as", "user_marshal"])
def test_declared_type_travels_when_the_program_s_is_named(by: str) -> None:
    type_, conversion, made = converted(f"struct w {{ long x; }}; typedef [{by}(theirs)] struct w P;")
    assert isinstance(type_, model.Converted)
    assert (conversion.name, conversion.by) == ("P", by)
    assert isinstance(conversion.wire, model.Defined)
    assert made.definitions[0].key == conversion.wire.key


@pytest.mark.parametrize(("wire", "word"), [("unsigned long", "ULong"), ("hyper", "Hyper"), ("NUMBER", "Short")])
def test_wire_type_may_be_a_base_type_or_a_typedef(wire: str, word: str) -> None:
    _, conversion, _ = converted(f"typedef short NUMBER; typedef [wire_marshal({wire})] void *P;")
    assert conversion.wire == model.Scalar(word=word)


def test_pointer_on_the_wire_keeps_its_class_at_the_top_level() -> None:
    types = (
        "typedef [unique] struct { long n; [size_is(n)] short a[]; } *BLOB; typedef [wire_marshal(BLOB)] wchar_t *P;"
    )
    type_, conversion, _ = converted(types)
    assert isinstance(type_, model.Converted)
    assert isinstance(conversion.wire, model.Pointer)
    assert conversion.wire.pointer == "unique"


@pytest.mark.parametrize(
    ("parameters", "kinds"),
    [
        ("[in, unique] P *p", ["pointer", "converted"]),
        ("[out] P *p", ["converted"]),
        ("[in] long n, [in, size_is(n)] P *p", ["array", "converted"]),
        ("[in, unique] P p", ["converted"]),
    ],
)
def test_converted_type_stands_in_other_types(parameters: str, kinds: list[str]) -> None:
    type_, _, _ = converted("typedef [transmit_as(long)] void *P;", parameters)
    found: list[str] = []
    inner: model.Type | None = type_
    while inner is not None:
        found.append(inner.kind)
        inner = getattr(inner, "target", None) or getattr(inner, "element", None)
    assert found == kinds


def test_conversion_in_a_structure_of_an_imported_file_is_in_the_model() -> None:
    text = f'import "b.idl"; {UUID} interface i {{ void f([in] S *s); }}'
    found = made(text, b="typedef [transmit_as(long)] void *P; typedef struct { P p; } S;")
    assert [one.kind for one in found.definitions] == ["conversion", "struct"]


def test_wire_type_that_cannot_travel_is_reported_where_the_conversion_is_used() -> None:
    types = "typedef struct { void *a; } W; typedef [transmit_as(W)] long P;"
    assert [one.code for one in compiled(types, "[in] P p").errors] == ["E0502"]
    assert compiled(types, "[in] long p").errors == ()


@pytest.mark.parametrize(
    ("types", "code"),
    [
        ("typedef [transmit_as(nowhere)] long P;", "E0301"),
        ("typedef [transmit_as(1)] long P;", "E0406"),
        ("typedef [wire_marshal] long P;", "E0406"),
    ],
)
def test_conversion_refuses(types: str, code: str) -> None:
    assert code in [one.code for one in compiled(types).errors]


def test_conversion_survives_the_json_of_the_model() -> None:
    *_, made = converted("typedef [transmit_as(long)] void *P;")
    again = model.Model.model_validate_json(made.model_dump_json())
    assert [one.kind for one in again.definitions] == ["conversion"]
