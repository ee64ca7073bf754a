"""The binder: files, scopes, typedefs, constants, and interfaces as a whole."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model
from tests.rpcgen.texts import codes, compiled, made

ID = "[uuid(12345678-1234-1234-1234-1234567890{:02})]"


def test_types_alone_make_a_model_without_interfaces() -> None:
    found = made("typedef struct s { long x; } s;")
    assert found.interfaces == ()
    assert found.definitions[0].name == "s"


def test_interface_of_types_needs_no_uuid() -> None:
    assert codes("interface a { typedef long b; }") == []
    assert codes("interface a { void f(); }") == ["W0701"]


def test_operations_outside_an_interface_get_one_named_after_the_file() -> None:
    found = compile_idl("2-b.idl", reader={"2-b.idl": "void f([in] long a);"}.__getitem__)
    assert [one.code for one in found.diagnostics] == ["W0704"]
    assert found.model is not None
    assert found.model.interfaces[0].name == "_2_b"


def test_local_interface_is_in_the_model_without_types() -> None:
    found = compiled("[local] interface a { void f(void *p); long g(int, ...); }")
    assert [one.code for one in found.diagnostics] == ["W0705"]
    assert found.model is not None
    (interface,) = found.model.interfaces
    assert interface.local
    assert [one.number for one in interface.operations] == [0, 1]
    assert all(one.local and not one.parameters for one in interface.operations)


def test_local_object_interface_is_no_complaint() -> None:
    text = "[local, object, uuid(12345678-1234-1234-1234-123456789012)] interface a : IUnknown { void f(void *p); }"
    assert codes(text) == []
    assert [one.number for one in made(text).interfaces[0].operations] == [3]


def test_two_interfaces_may_repeat_a_typedef() -> None:
    text = f"{ID.format(1)} interface a {{ typedef long x; void f([in] x p); }}"
    text += f"{ID.format(2)} interface b {{ typedef short x; void f([in] x p); }}"
    types = [one.operations[0].parameters[0].type for one in made(text).interfaces]
    assert types == [model.Scalar(word="Long"), model.Scalar(word="Short")]


def test_broken_typedef_is_one_diagnostic() -> None:
    assert codes("typedef missing a; typedef a b; struct s { a x; b y; };") == ["E0301"]


def test_typedef_names_the_structure() -> None:
    assert made("typedef struct _S { long x; } S, *PS;").definitions[0].name == "S"


def test_structure_with_name_and_form_of_a_uuid_is_one() -> None:
    text = "typedef struct _GUID { unsigned long a; unsigned short b; unsigned short c; byte d[8]; } GUID;"
    text += f"{ID.format(1)} interface i {{ void f([in] GUID *g); }}"
    found = made(text)
    assert found.interfaces[0].operations[0].parameters[0].type == model.Guid()
    assert found.definitions == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("const long K = 1 + 2;", 3),
        ("const boolean K = 1;", True),
        ("const double K = 2;", 2),
        ('const char *K = "a" "b";', "ab"),
        ("const void *K = NULL;", None),
        ("const long K[2] = { 1, 2 };", (1, 2)),
        ("enum e { A = 4 }; const enum e K = A;", 4),
    ],
)
def test_constant_has_its_value(text: str, value: object) -> None:
    assert made(text).constants[0].value == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('const long K = "a";', "E0307"),
        ("const long K = missing;", "E0302"),
        ("struct s { long x; }; const struct s K = 0;", "W0311"),
    ],
)
def test_constant_that_has_no_value_is_said(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_imported_problem_is_reported_only_when_used() -> None:
    other = "typedef missing x; typedef struct { float y; } s;"
    assert codes('import "b.idl"; typedef s t;', b=other) == []
    assert codes(f'import "b.idl"; {ID.format(1)} interface a {{ void f([in] x p); }}', b=other) == ["E0301"]


def test_interface_type_and_alias_carry_place_and_attributes() -> None:
    found = made("typedef [v1_enum]\nenum e { A } E;")
    alias = next(one for one in found.aliases if one.name == "E")
    assert [(one.name, one.effect) for one in alias.attributes] == [("v1_enum", "honoured")]
    assert alias.span.line == 2


def test_variable_of_c_programs_is_a_warning() -> None:
    assert codes("extern const long answer;") == ["W0711"]


def test_interface_may_stand_in_another_one() -> None:
    text = f"{ID.format(1)} interface a {{ void f(); {ID.format(2)} interface b {{ void g(); }} }}"
    assert sorted(one.name for one in made(text).interfaces) == ["a", "b"]


def test_nothing_but_a_semicolon_declares_nothing() -> None:
    assert codes("long;") == ["E0606"]


def test_mistakes_end_at_a_limit() -> None:
    found = codes("".join(f"typedef missing{number} t{number};" for number in range(300)))
    assert found[-1] == "E0117"
    assert len(found) == 201


HEADER = "typedef struct { MISSING a; } first;\ntypedef MISSING second;\ntypedef long third;\n"


def included(text: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f'#include "c.h"\n{text}', "c.h": HEADER}.__getitem__)


def test_types_of_a_c_header_that_nothing_uses_may_be_unknown() -> None:
    found = included(f"{ID.format(1)} interface i {{ void f([in] third x); }}")
    assert [one.code for one in found.diagnostics] == ["W0313", "W0522"]
    assert found.model is not None


@pytest.mark.parametrize("name", ["first", "second"])
def test_types_of_a_c_header_that_something_uses_are_known(name: str) -> None:
    found = included(f"{ID.format(1)} interface i {{ void f([in] {name} *x); }}")
    assert [(one.code, one.span.file) for one in found.errors] == [("E0301", "c.h")]


def test_mistakes_in_imports_that_nothing_uses_are_not_counted() -> None:
    assert codes('import "b.idl"; typedef long x; typedef missing y;', b="typedef missing a;" * 300) == ["E0301"]


def test_pointer_to_a_pointer_that_is_defined_later_has_two_levels() -> None:
    found = made("typedef [unique] T *PT; typedef struct { PT p; } holder; typedef [unique] struct t { long a; } *T;")
    holder = next(one for one in found.definitions if one.name == "holder")
    assert isinstance(holder, model.Structure)
    [member] = holder.members
    assert isinstance(member.type, model.Pointer)
    assert isinstance(member.type.target, model.Pointer)
    assert isinstance(member.type.target.target, model.Defined)


def test_two_interfaces_of_one_uuid_are_told_apart_by_their_version() -> None:
    uuid = "uuid(12345678-1234-1234-1234-123456789012)"
    second = f"[{uuid}, version(2.0)] interface b {{ void f([in] long a); }}"
    assert codes(f"[{uuid}, version(1.0)] interface a {{ void f([in] long a); }} {second}") == []
    assert codes(f"[{uuid}, version(2.0)] interface a {{ void f([in] long a); }} {second}") == ["W0713"]
