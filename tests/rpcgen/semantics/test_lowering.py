"""Shapes on the wire: pointer classes, arrays of every kind, strings, unions, pipes and interface pointers."""

from __future__ import annotations

from typing import Any

import pytest

from lrpc.rpcgen import Compilation, compile_idl
from tests.rpcgen.texts import made

UUID = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0), pointer_default(unique)]"
TYPES = """
    typedef struct { unsigned long Data1; unsigned short Data2, Data3; byte Data4[8]; } GUID;
    typedef [context_handle] void *HANDLE;
    typedef [string] wchar_t *TEXT;
    typedef long ROW[3];
    typedef pipe byte BYTES;
    typedef [switch_type(short)] union { [case(1)] long a; [default]; } CHOICE;
"""


def compiled(parameters: str, types: str = "") -> Compilation:
    text = f"interface IOther; {UUID} interface i {{ {TYPES} {types} void f([in] handle_t h, {parameters}); }}"
    return compile_idl("a.idl", reader={"a.idl": text}.__getitem__)


def parameter(parameters: str, types: str = "") -> dict[str, Any]:
    """The type of the last parameter, without what is not set."""
    found = compiled(parameters, types)
    assert found.model is not None, "\n".join(map(str, found.errors))
    last = found.model.interfaces[-1].operations[0].parameters[-1]
    return last.type.model_dump(exclude_defaults=False, exclude_none=True)


def codes(parameters: str, types: str = "") -> list[str]:
    return [one.code for one in compiled(parameters, types).errors]


def spoken(type_: dict[str, Any]) -> str:
    """A type in a few words, from the outside in."""
    match type_["kind"]:
        case "scalar":
            return type_["word"]
        case "pointer":
            return f"{type_['pointer']} {spoken(type_['target'])}"
        case "array":
            return f"[{type_.get('bound', '')}{counts(type_)}] {spoken(type_['element'])}"
        case "multi_array":
            inner = "".join(f"[{each.get('bound', '')}{counts(each)}]" for each in type_["dimensions"])
            return f"multi {inner} {spoken(type_['element'])}"
        case "string":
            return f"string[{type_.get('bound', '')}{counts(type_)}] {type_['unit']}"
        case "pipe":
            return f"pipe {spoken(type_['element'])}"
        case "interface":
            return f"interface {type_['name']} {type_.get('iid_is', '-')}"
        case "defined":
            return type_["key"].split("#")[0]
        case "selected":
            return f"{spoken(type_['union'])} by {expression(type_['switch'])}"
        case kind:
            return str(kind)


def counts(type_: dict[str, Any]) -> str:
    return "".join(
        f" {name}={expression(type_[name])}" for name in ("first", "length", "size") if type_.get(name) is not None
    )


def expression(found: dict[str, Any]) -> str:
    match found["kind"]:
        case "number":
            return str(found["value"])
        case "sibling":
            return str(found["name"])
        case "binary":
            return f"({expression(found['left'])}{found['operator']}{expression(found['right'])})"
        case kind:
            return str(kind)


N = "[in] long m, [in] long n, "


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        ("[in] long *p", "Long"),
        ("[in, unique] long *p", "unique Long"),
        ("[in] long **p", "unique Long"),
        ("[in, ref] long ***p", "unique unique Long"),
        ("[in, ptr] long **p", "ptr unique Long"),
        ("[in] TEXT p", "string[] WChar"),
        ("[in, unique] TEXT p", "unique string[] WChar"),
        ("[out] TEXT *p", "unique string[] WChar"),
        ("[in, ref] HANDLE p", "HANDLE"),
        ("[out] HANDLE *p", "HANDLE"),
        ("[in] long (*p)[5]", "[5] Long"),
        ("[in] long *p[5]", "[5] unique Long"),
        ("[in, ref] long *p[5]", "[5] ref Long"),
        ("[in, ptr] long *p[5]", "[5] ptr Long"),
    ],
)
def test_pointer_attribute_lands_on_the_pointer_nearest_to_the_name(declared: str, form: str) -> None:
    assert spoken(parameter(declared)) == form


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        ("[in, size_is(m)] long *p", "[ size=m] Long"),
        ("[in, size_is(m)] long p[]", "[ size=m] Long"),
        ("[in, size_is(m)] long p[*]", "[ size=m] Long"),
        ("[in, size_is(m)] long p[0..*]", "[ size=m] Long"),
        ("[in, max_is(m)] long p[]", "[ size=(m+1)] Long"),
        ("[in, size_is(1000), length_is(m)] long p[*]", "[ length=m size=1000] Long"),
        ("[in, length_is(m)] long p[7]", "[7 length=m] Long"),
        ("[in, size_is(7)] long p[7]", "[7] Long"),
        ("[in, size_is(7), length_is(m)] long p[7]", "[7 length=m] Long"),
        ("[in] long p[0..6]", "[7] Long"),
        ("[in, first_is(m), last_is(n)] long p[7]", "[7 first=m length=((n+1)-m)] Long"),
        ("[in, size_is(m, n)] long **p", "[ size=m] unique [ size=n] Long"),
        ("[in, size_is(, n)] long **p", "unique [ size=n] Long"),
        ("[in, size_is(m, n)] long *p[]", "[ size=m] unique [ size=n] Long"),
        ("[in, size_is(m)] long **p", "[ size=m] unique Long"),
        ("[out] long *q, [out, size_is(, *q)] long **p", "unique [ size=q] Long"),
        ("[in, unique, size_is(m)] long p[]", "unique [ size=m] Long"),
    ],
)
def test_sizes_land_from_the_outside_in(declared: str, form: str) -> None:
    assert spoken(parameter(N + declared)) == form


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        ("[in] long p[2][3]", "[2] [3] Long"),
        ("[in, size_is(m)] long p[][3]", "[ size=m] [3] Long"),
        ("[in, size_is(m,)] long p[][3]", "[ size=m] [3] Long"),
        ("[in, size_is(m)] ROW p[]", "[ size=m] [3] Long"),
        ("[in, size_is(m)] long (*p)[3]", "[ size=m] [3] Long"),
        ("[in, length_is(m)] long p[2][3]", "[2 length=m] [3] Long"),
        ("[in, size_is(m, n)] long p[*][*]", "multi [ size=m][ size=n] Long"),
        ("[in, size_is(m, n)] long p[*][*][3]", "multi [ size=m][ size=n][3] Long"),
        ("[in, size_is(m, , n)] long p[*][3][*]", "multi [ size=m][3][ size=n] Long"),
        ("[in, length_is(m, n)] long p[2][3]", "multi [2 length=m][3 length=n] Long"),
        ("[in, length_is(, n)] long p[2][3]", "multi [2][3 length=n] Long"),
    ],
)
def test_only_what_varies_behind_the_first_dimension_takes_the_form_of_c706(declared: str, form: str) -> None:
    assert spoken(parameter(N + declared)) == form


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        ("[in, string] char *p", "string[] Char"),
        ("[in, string] wchar_t p[]", "string[] WChar"),
        ("[in, string] byte p[8]", "string[8] Byte"),
        ("[in, string, size_is(m)] char *p", "string[ size=m] Char"),
        ("[in, string, size_is(m)] wchar_t **p", "[ size=m] unique string[] WChar"),
        ("[in, size_is(m)] TEXT *p", "[ size=m] unique string[] WChar"),
        ("[in, string] char p[2][8]", "[2] string[8] Char"),
        ("[in, string, size_is(m)] char p[][8]", "[ size=m] string[8] Char"),
        ("[in, string, size_is(m, n)] char p[][]", "[ size=m] string[ size=n] Char"),
        ("[in, string] unsigned short *p", "string[] WChar"),
        ("[in, string] unsigned small *p", "string[] Byte"),
    ],
)
def test_string_lands_on_the_innermost_level(declared: str, form: str) -> None:
    assert spoken(parameter(N + declared)) == form


def test_range_lands_on_the_size_the_string_or_the_integer() -> None:
    assert parameter(N + "[in, range(1, 9), size_is(m)] long *p")["limits"] == (1, 9)
    assert parameter("[in, range(1, 9), string] char *p")["limits"] == (1, 9)
    assert parameter("[in, range(1, 9)] long *p")["kind"] == "range"
    assert parameter("[in] SMALL *p", "typedef [range(1, 9)] long SMALL;")["lowest"] == 1


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        ("[in] BYTES p", "pipe Byte"),
        ("[out] BYTES *p", "pipe Byte"),
        ("[in] pipe ROW p", "pipe [3] Long"),
        ("[in] pipe struct { long a; struct { short b[2]; } c; } p", "pipe p_item"),
        ("[out] pipe GUID *p", "pipe guid"),
    ],
)
def test_pipe_is_a_parameter_with_or_without_a_pointer(declared: str, form: str) -> None:
    assert spoken(parameter(declared)) == form


@pytest.mark.parametrize(
    ("declared", "types", "code"),
    [
        ("[in] long m, [in, size_is(m)] BYTES *p", "", "E0523"),
        ("[in] BYTES **p", "", "E0523"),
        ("[in] s *p", "typedef struct { BYTES a; } s;", "E0523"),
        ("[in] pipe TEXT p", "", "E0524"),
        ("[in] pipe s p", "typedef struct { long n; [size_is(n)] long a[]; } s;", "E0524"),
        ("[in] pipe s p", "typedef struct { long n; [length_is(n)] long a[4]; } s;", "E0524"),
    ],
)
def test_pipe_refuses(declared: str, types: str, code: str) -> None:
    assert codes(declared, types) == [code]


@pytest.mark.parametrize(
    ("declared", "form"),
    [
        ("[in] IOther *p", "unique interface IOther -"),
        ("[in] interface IOther *p", "unique interface IOther -"),
        ("[in] IUnknown *p", "unique interface IUnknown -"),
        ("[in, ref] IOther *p", "unique interface IOther -"),
        ("[out] IOther **p", "unique interface IOther -"),
        ("[in] IOther **p", "unique interface IOther -"),
        ("[in] POTHER p", "unique interface IOther -"),
        ("[in] long n, [in, size_is(n)] IOther **p", "[ size=n] unique interface IOther -"),
        ("[in] GUID *r, [out, iid_is(r)] void **p", "unique interface IUnknown r"),
        ("[in] GUID **r, [out, iid_is(*r)] void **p", "unique interface IUnknown r"),
        ("[in] GUID *r, [out, iid_is(r)] IOther **p", "unique interface IOther r"),
        ("[in] s *p", "s"),
    ],
)
def test_interface_pointer_is_always_unique(declared: str, form: str) -> None:
    types = "typedef IOther *POTHER; typedef struct { IOther *a; [ref] IOther *b; } s;"
    assert spoken(parameter(declared, types)) == form


def test_interface_pointer_knows_the_iid_also_of_an_interface_that_comes_later() -> None:
    later = "[object, uuid(2f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10)] interface ILater : IUnknown { HRESULT g(); }"
    text = f"typedef long HRESULT; {UUID} interface i {{ void f([in] handle_t h, [in] ILater *p); }} {later}"
    target = made(text).interfaces[0].operations[0].parameters[0].type.model_dump()["target"]
    assert target["iid"] == "2f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10"


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ("[in] void *p", "E0502"),
        ("[out] void **p", "E0502"),
        ("[in] interface IOther p", "E0525"),
        ("[in] long n, [in, size_is(n)] IOther *p", "E0525"),
        ("[in] long r, [out, iid_is(r)] void **p", "E0420"),
        ("[out, iid_is(r)] void **p", "E0302"),
        ("[in] GUID *r, [out, iid_is(r)] long **p", "E0419"),
        ("[in] GUID *r, [in, iid_is(r + 1)] void *p", "E0420"),
    ],
)
def test_interface_pointer_refuses(declared: str, code: str) -> None:
    assert codes(declared) == [code]


@pytest.mark.parametrize(
    ("types", "tag"),
    [
        ("typedef struct { short t; [switch_is(t)] union { [case(1)] long a; } u; } s;", "Short"),
        ("typedef struct { byte t; [switch_is(t + 1)] union { [case(1)] long a; } u; } s;", "Long"),
        ("typedef struct { unsigned long t; [switch_is(0xFF & t)] union { [case(1)] long a; } u; } s;", "ULong"),
        ("typedef struct { hyper t; [switch_is(t - 1)] union { [case(1)] long a; } u; } s;", "Hyper"),
        ("typedef struct { long t; [switch_is(t), switch_type(short)] union { [case(1)] long a; } u; } s;", "Short"),
        ("typedef struct { error_status_t t; [switch_is(t)] union { [case(1)] long a; } u; } s;", "ULong"),
    ],
)
def test_union_takes_the_type_of_the_switch_expression(types: str, tag: str) -> None:
    found = compiled("[in] s *p", types)
    assert found.model is not None, found.diagnostics
    unions = [one for one in found.model.definitions if one.kind == "union" and one.name != "CHOICE"]
    assert [one.tag.model_dump()["word"] for one in unions] == [tag]


def test_case_beyond_the_tag_is_the_value_that_c_makes_of_it() -> None:
    found = compiled("[in] long t, [in, switch_is(t)] u *p", "typedef union { [case(0xFFFFFFFF)] long a; } u;")
    assert found.model is not None, found.diagnostics
    union = next(one for one in found.model.definitions if one.name == "u")
    assert union.kind == "union"
    assert [case.value for case in union.cases] == [-1]


def test_union_with_tags_of_two_widths_is_refused() -> None:
    two = "[in] short t, [in, switch_is(t)] u *p, [in] long v, [in, switch_is(v)] u *q"
    assert codes("[in] short t, [in, switch_is(t), switch_type(long)] CHOICE *p") == ["E0516"]
    assert codes(two, "typedef union { [case(1)] long a; } u;") == []
    assert codes(
        two.replace("switch_is(v)", "switch_is(v), switch_type(long)"), "typedef union { [case(1)] long a; } u;"
    ) == ["E0516"]


def test_range_on_an_array_of_several_varying_dimensions_is_refused() -> None:
    assert codes(N + "[in, range(0, 9), size_is(m, n)] long p[*][*]") == ["E0901"]


def test_handles_stand_in_parameters_only() -> None:
    assert codes("[in] s *p", "typedef struct { HANDLE a; } s;") == ["E0512"]
    assert codes("[in] HANDLE p[2]") == ["E0512"]
