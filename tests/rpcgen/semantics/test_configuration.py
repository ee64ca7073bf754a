"""Configuration: what an ACF says is as if the IDL said it; what it names must be there."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model

IDL = """
typedef struct away { long x; } away;
[uuid(12345678-1234-1234-1234-123456789012)] interface a
{
    typedef struct { long x; } pair, *pairs;
    typedef struct tagged { long x; } tagged, *tags;
    typedef unsigned long number;
    void f([in] number n, [in] pair *p, [in] pairs q, [in] tags t, [in] away *r);
    error_status_t g([in] long n);
}
"""


def compiled(acf: str, idl: str = IDL) -> Compilation:
    return compile_idl("d/a.idl", reader={"d/a.idl": idl, "d/a.acf": acf}.__getitem__)


def made(acf: str, idl: str = IDL) -> model.Model:
    found = compiled(acf, idl)
    assert found.model is not None, found.diagnostics
    return found.model


def test_attributes_of_the_interface_are_added() -> None:
    found = made("[implicit_handle(handle_t server)] interface a { }").interfaces[0]
    assert found.binding == model.Binding(kind="implicit", type="handle_t", name="server")


def test_attributes_of_an_operation_are_added() -> None:
    found = made("interface a { [comm_status, explicit_handle] g(); }").interfaces[0].operations[1]
    assert [one.name for one in found.attributes] == ["comm_status", "explicit_handle"]
    assert found.handle == "IDL_handle"


def test_attributes_of_a_parameter_are_added() -> None:
    found = made("interface a { g([heap] n); }").interfaces[0].operations[1].parameters[0]
    assert [(one.name, one.effect) for one in found.attributes] == [("in", "honoured"), ("heap", "none")]


def test_status_that_only_the_configuration_knows_does_not_travel() -> None:
    found = made("interface a { g([comm_status, fault_status] st); }").interfaces[0].operations[1]
    assert [one.name for one in found.parameters] == ["n"]


@pytest.mark.parametrize(
    ("name", "converted"),
    [("number", ["n"]), ("pair", ["p"]), ("tagged", []), ("tags", ["t"]), ("away", ["r"])],
)
def test_represented_type_is_converted_where_that_name_is_used(name: str, converted: list[str]) -> None:
    found = made(f"interface a {{ typedef [represent_as(Local)] {name}; }}")
    parameters = found.interfaces[0].operations[0].parameters
    assert [one.name for one in parameters if "converted" in str(one.type.model_dump())] == converted


@pytest.mark.parametrize(
    ("acf", "message"),
    [
        ("interface b { }", "the interface b"),
        ("interface a { [code] h(); }", "the operation h"),
        ("interface a { g([heap] m); }", "the parameter m"),
        ("interface a { typedef [represent_as(x)] missing; }", "the type missing"),
    ],
)
def test_name_that_is_not_there_is_an_error(acf: str, message: str) -> None:
    (error,) = compiled(acf).errors
    assert error.code == "E0801"
    assert message in error.message
    assert error.span.file == "d/a.acf"


def test_contradiction_with_the_idl_is_found() -> None:
    idl = IDL.replace("9012)]", "9012), auto_handle]")
    assert [one.code for one in compiled("[explicit_handle] interface a { }", idl).errors] == ["E0405"]


def test_interface_in_a_library_is_configured() -> None:
    idl = "[uuid(12345678-1234-1234-1234-123456789013)] library l { typedef long t; " + IDL + " }"
    found = made("[auto_handle] interface a { }", idl)
    assert found.interfaces[0].binding == model.Binding(kind="auto")
    assert found.libraries[0].interfaces == ("a",)


def test_file_without_a_configuration_has_none() -> None:
    found = compile_idl("d/a.idl", reader={"d/a.idl": IDL, "a.acf": "interface b { }"}.__getitem__)
    assert found.errors == ()


def test_syntax_error_of_a_configuration_is_reported() -> None:
    assert [one.code for one in compiled("interface { }").errors] == ["E0201"]
