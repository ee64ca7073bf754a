"""Where attributes land, and where they cannot."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl
from lrpc.rpcgen.model import Scalar
from tests.rpcgen.texts import made

UUID = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)]"
TYPES = """
    typedef [context_handle] void *HANDLE;
    typedef [unique] long *PLONG;
    typedef [string] char *NAME;
    typedef [transmit_as(long)] void *THING;
    typedef pipe long NUMBERS;
"""


def compiled(parameter: str) -> Compilation:
    text = f"{UUID} interface i {{ {TYPES} void f([in] handle_t h, [in] long n, {parameter}); }}"
    return compile_idl("a.idl", reader={"a.idl": text}.__getitem__)


def field(text: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f"{TYPES} typedef struct {{ long n; {text} }} s;"}.__getitem__)


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("[in, unique] long p", "E0407"),
        ("[in, ref, unique] long *p", "E0405"),
        ("[in, size_is(n, n)] long *p", "E0408"),
        ("[in, size_is(n)] long p", "E0408"),
        ("[in, size_is(n)] long p[4]", "E0409"),
        ("[in, size_is(5)] long p[4]", "E0409"),
        ("[in, length_is(n)] long *p", "E0410"),
        ("[in, string] long *p", "E0411"),
        ("[in, string] char p", "E0411"),
        ("[in, range(2, 1)] long p", "E0413"),
        ("[in, range(1, 2)] double p", "E0414"),
        ("[in, switch_is(n)] long *p", "E0415"),
        ("[in, size_is(n), min_is(1)] long *p", "E0422"),
        ("[in] long p[1..3]", "E0901"),
        ("[in] long p[0]", "E0515"),
        ("[in] long p[-1]", "E0515"),
        ("[in] long *****************p", "E0204"),
    ],
)
def test_attribute_is_refused(parameter: str, code: str) -> None:
    assert [one.code for one in compiled(parameter).errors] == [code]


@pytest.mark.parametrize(
    "parameter",
    [
        "[in, size_is(n), min_is(0)] long *p",
        "[in, size_is(4)] long p[4]",
        "[in, max_is(3)] long p[4]",
        "[in, ref] HANDLE p",
        "[in, unique] THING p",
        "[in, ref] PLONG p",
        "[in, unique] NAME p",
        "[in, unique] long p[4]",
    ],
)
def test_attribute_is_accepted(parameter: str) -> None:
    assert compiled(parameter).diagnostics == ()


def test_class_of_an_array_field_is_a_warning() -> None:
    assert [one.code for one in field("[size_is(n), unique] long a[];").diagnostics] == ["W0424"]


def test_range_of_a_pipe_bounds_its_chunks() -> None:
    found = compiled("[in, range(1, 9)] NUMBERS p")
    assert found.diagnostics == ()
    assert found.model is not None
    [pipe] = [each.type for each in found.model.interfaces[0].operations[0].parameters if each.name == "p"]
    assert pipe.model_dump()["limits"] == (1, 9)


def test_string_of_short_integers_is_a_warning() -> None:
    assert [one.code for one in compiled("[in, string] unsigned short *p").diagnostics] == ["W0421"]


def test_class_given_at_the_use_goes_before_that_of_the_typedef() -> None:
    found = compiled("[in] PLONG p, [in, ref] PLONG q, [in, ptr] PLONG r")
    assert found.model is not None
    types = [each.type.model_dump() for each in found.model.interfaces[0].operations[0].parameters[1:]]
    assert [type_.get("pointer") for type_ in types] == ["unique", None, "ptr"]


def test_pointer_default_of_the_defining_interface_holds_in_others() -> None:
    b = "[uuid(2f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), pointer_default(ptr)] interface b { typedef long *PTR; }"
    head = UUID.replace("version(1.0)", "version(1.0), pointer_default(ref)")
    body = "interface i { typedef struct { PTR a; NONE b; long *c; long **d; } s; void f([in] s *p); }"
    (structure,) = made(f'import "b.idl", "c.idl"; {head} {body}', b=b, c="typedef long *NONE;").definitions
    types = [member.type.model_dump() for member in structure.model_copy().members]  # type: ignore[union-attr]
    assert [type_["pointer"] for type_ in types] == ["ptr", "ref", "ref", "ref"]


def test_size_that_is_wrong_in_a_structure_is_reported_at_the_field() -> None:
    found = field("[size_is(nothing)] long *a;")
    assert [one.code for one in found.errors] == ["E0302"]


@pytest.mark.parametrize(
    "body",
    [
        "typedef [unique] struct { long a; } s; void f([in] s *a);",
        "typedef pipe long p; void f([in, unique] p *a);",
    ],
)
def test_attribute_without_a_pointer_to_describe_is_said(body: str) -> None:
    head = "[uuid(12345678-1234-1234-1234-123456789012)] interface a {"
    found = compile_idl("a.idl", reader={"a.idl": f"{head}{body} }}"}.__getitem__)
    assert [one.code for one in found.diagnostics] == ["W0424"]


@pytest.mark.parametrize(
    ("parameter", "word"),
    [
        ("[in, system_handle(sh_file)] void *p", "system.File"),
        ("[in, system_handle(sh_process, 0x400)] void *p", "system.Process"),
        ("[out, system_handle(sh_event)] void **p", "system.Event"),
        ("[in, out, system_handle(sh_reg_key)] void **p", "system.RegKey"),
    ],
)
def test_a_system_handle_is_a_number_of_its_kind(parameter: str, word: str) -> None:
    found = compiled(parameter)
    assert found.errors == ()
    assert found.model is not None
    assert found.model.interfaces[0].operations[0].parameters[-1].type == Scalar(word=word)


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("[in, system_handle(sh_file)] long p", "E0426"),
        ("[in, system_handle(sh_file), size_is(n)] void ***p", "E0426"),
        ("[in, system_handle(sh_file)] void *p[2]", "E0426"),
        ("[in, system_handle(sh_teapot)] void *p", "E0427"),
        ("[in, system_handle] void *p", "E0406"),
    ],
)
def test_a_system_handle_is_a_handle_of_a_kind_that_there_is(parameter: str, code: str) -> None:
    assert code in [one.code for one in compiled(parameter).errors]


def test_a_system_handle_is_no_field() -> None:
    assert "E0403" in [one.code for one in field("[system_handle(sh_file)] void *p;").errors]
