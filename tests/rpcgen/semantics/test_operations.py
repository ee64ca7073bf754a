"""Operations: their numbers, what each kind may have, and results."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model

HEAD = "[uuid(12345678-1234-1234-1234-123456789012)] interface a {"


def compiled(body: str, head: str = HEAD) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f'import "unknwn.idl"; {head}{body} }}'}.__getitem__)


def interface(body: str, head: str = HEAD) -> model.Interface:
    found = compiled(body, head)
    assert found.model is not None, found.diagnostics
    return found.model.interfaces[-1]


def numbers(body: str) -> dict[str, int]:
    return {found.name: found.number for found in interface(body).operations}


def codes(body: str, head: str = HEAD) -> list[str]:
    return [found.code for found in compiled(body, head).diagnostics]


def test_operations_number_from_zero_in_order() -> None:
    assert numbers("void f(); void g(); void h();") == {"f": 0, "g": 1, "h": 2}


def test_local_operation_takes_a_number_and_has_no_types() -> None:
    found = interface("void f(); [local] void g(void *anything, ...); void h();").operations
    assert [(one.name, one.number, one.local) for one in found] == [("f", 0, False), ("g", 1, True), ("h", 2, False)]
    assert found[1].parameters == ()
    assert found[1].returns is None


def test_call_as_takes_the_number_of_the_local_one() -> None:
    found = interface("[local] void f(void *p); [call_as(f)] void Remote_f([in] long a); void g();").operations
    assert [(one.name, one.number, one.call_as) for one in found] == [
        ("f", 0, None),
        ("Remote_f", 0, "f"),
        ("g", 1, None),
    ]


def test_call_as_may_stand_before_the_local_one() -> None:
    assert numbers("[call_as(g)] void f([in] long a); void h(); [local] void g();") == {"f": 1, "h": 0, "g": 1}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[call_as(g)] void f([in] long a);", "E0607"),
        ("void g(); [call_as(g)] void f([in] long a);", "E0608"),
        ("[local] void g(); [call_as(g)] void f(); [call_as(g)] void h();", "E0609"),
        ("[local] void g(); [call_as(1 + 1)] void f();", "E0406"),
        ("void f(); void f();", "E0303"),
    ],
)
def test_wrong_name_is_an_error(body: str, code: str) -> None:
    assert codes(body) == [code]


def test_callbacks_count_apart() -> None:
    found = interface("void f(); [callback] void x([in] long a); void g(); [callback] void y();")
    assert [(one.name, one.number) for one in found.operations] == [("f", 0), ("g", 1)]
    assert [(one.name, one.number) for one in found.callbacks] == [("x", 0), ("y", 1)]


def test_callback_takes_no_context_handle() -> None:
    assert codes("typedef [context_handle] void *h; [callback] void x([in] h a);") == ["W0618", "E0612"]


def test_callback_is_said_to_be_carried_by_no_transport() -> None:
    assert codes("[callback] void x();") == ["W0618"]


def test_types_of_callbacks_are_in_the_model() -> None:
    found = compiled("typedef struct s { long x; } s; [callback] void y([in] s *a);").model
    assert found is not None
    assert [one.name for one in found.definitions] == ["s"]


def test_failed_operation_keeps_its_number() -> None:
    found = compiled("void f([in] missing a); void g([in] missing b);")
    assert [one.code for one in found.errors] == ["E0301", "E0301"]


@pytest.mark.parametrize("word", ["idempotent", "maybe", "broadcast"])
def test_kind_of_call_is_kept(word: str) -> None:
    assert getattr(interface(f"[{word}] void f([in] long a);").operations[0], word)


def test_maybe_has_no_answer() -> None:
    assert codes("[maybe] long f();") == ["E0610"]
    assert codes("[maybe] void f([out] long *a);") == ["E0610"]
    assert codes("[maybe, comm_status] error_status_t f();") == []


@pytest.mark.parametrize("kind", ["idempotent", "maybe", "broadcast", "callback"])
def test_pipe_needs_an_ordinary_operation(kind: str) -> None:
    assert "E0611" in codes(f"typedef pipe long p; [{kind}] void f([in] p a);")


def test_pipe_needs_a_handle_that_is_not_automatic() -> None:
    head = "[uuid(12345678-1234-1234-1234-123456789012), auto_handle] interface a {"
    assert codes("typedef pipe long p; void f([in] p a);", head) == ["E0611"]


def test_variable_arguments_do_not_travel() -> None:
    assert codes("void f([in] long a, ...);") == ["E0613"]


@pytest.mark.parametrize(("word", "name"), [("propget", "get_X"), ("propput", "put_X"), ("propputref", "putref_X")])
def test_operations_of_a_property_have_prefixes(word: str, name: str) -> None:
    assert list(numbers(f"[{word}] void X();")) == [name]


def test_get_and_put_of_one_property_do_not_collide() -> None:
    assert numbers("[propget] void X([out] long *a); [propput] void X([in] long a);") == {"get_X": 0, "put_X": 1}


def test_context_handle_may_be_the_result() -> None:
    found = interface("typedef [context_handle] void *h; h Open(); [context_handle] void *Other();").operations
    assert all(isinstance(one.returns, model.Defined) for one in found)


OBJECT = "[object, uuid(12345678-1234-1234-1234-123456789012)] interface a : IUnknown {"


def test_object_operation_returns_hresult() -> None:
    assert codes("HRESULT f(); SCODE g();", OBJECT) == []
    assert codes("void f();", OBJECT) == ["W0617"]
    assert codes("[local] void f();", OBJECT) == []


@pytest.mark.parametrize("word", ["idempotent", "maybe", "broadcast", "callback"])
def test_object_operation_is_of_the_ordinary_kind(word: str) -> None:
    assert "E0405" in codes(f"[{word}] HRESULT f();", OBJECT)


def test_explicit_handle_of_an_operation_is_hidden() -> None:
    assert interface("[explicit_handle] void f([in] long a);").operations[0].handle == "IDL_handle"


def test_function_without_parentheses_is_no_operation() -> None:
    assert codes("long f;") == ["E0606"]


def test_attributes_and_place_of_an_operation_are_kept() -> None:
    found = interface("[idempotent, id(7)]\nvoid f();").operations[0]
    assert [(one.name, one.arguments, one.effect) for one in found.attributes] == [
        ("idempotent", None, "honoured"),
        ("id", ("7",), "none"),
    ]
    assert (found.span.line, found.span.column) == (2, 6)


@pytest.mark.parametrize(
    "operation",
    [
        "HRESULT f([in] void *a);",
        "void *f();",
        "HRESULT f([in] long a, ...);",
        "HRESULT f([out] long *count, [out, size_is(*count)] long *items);",
        "typedef struct { void *a; } s; HRESULT f([in] s *a);",
        "typedef struct { void *a; } s; typedef struct { s *b; } t; HRESULT f([out] t **a);",
        "typedef struct { long a : 3; } s; s f();",
        "typedef union { long a; short b; } u; HRESULT f([in] u *a);",
        "HRESULT f([in] struct nowhere *a);",
        "HRESULT f([out] long a);",
    ],
)
def test_operation_of_an_object_that_cannot_travel_is_local_with_a_warning(operation: str) -> None:
    found = compiled(f"{operation} HRESULT g([in] long a);", OBJECT)
    assert {one.code for one in found.diagnostics} - {"W0522", "W0617"} == {"W0619"}
    assert found.model is not None
    made = [(one.name, one.number, one.local) for one in found.model.interfaces[-1].operations]
    assert made == [("f", 3, True), ("g", 4, False)]


def test_operation_that_cannot_travel_may_have_one_that_stands_for_it() -> None:
    assert codes("HRESULT f([in] void *a); [call_as(f)] HRESULT r([in] long a);", OBJECT) == ["W0619"]


def test_prototype_outside_an_interface_is_left_out_when_it_cannot_travel() -> None:
    found = compile_idl("a.idl", reader={"a.idl": "long f([in] void *a); long g([in] long a);"}.__getitem__)
    assert sorted({one.code for one in found.diagnostics}) == ["W0619", "W0704"]
    assert found.model is not None
    assert [(one.name, one.local) for one in found.model.interfaces[0].operations] == [("f", True), ("g", False)]


def test_other_mistakes_of_an_operation_of_an_object_are_errors() -> None:
    for operation, code in (("[in] void *a, [in] nowhere b", "E0301"), ("[in, size_is(n)] long *a", "E0302")):
        assert code in codes(f"HRESULT f({operation});", OBJECT)


def test_operation_of_a_plain_interface_must_travel() -> None:
    assert codes("void f([in] void *a);") == ["E0502"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[ref] long *f([in] long n);", "E0621"),
        ("typedef [ref] long *r; r f([in] long n);", "E0621"),
        ("typedef long v[3]; v f([in] long n);", "E0901"),
        ("typedef struct { long n; [size_is(n)] long a[]; } s; s f([in] long n);", "E0506"),
        ("[comm_status] void f([in] long n);", "W0424"),
    ],
)
def test_result_that_cannot_come_back_is_said(body: str, code: str) -> None:
    assert codes(body) == [code]


def test_status_of_a_call_may_be_its_result() -> None:
    assert codes("[comm_status, fault_status] error_status_t f([in] long n);") == []
