"""Parameters: names, handles, statuses, and what [out] and [partial_ignore] ask for."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model


def compiled(body: str) -> Compilation:
    text = f"[uuid(12345678-1234-1234-1234-123456789012)] interface a {{ {body} }}"
    return compile_idl("a.idl", reader={"a.idl": text}.__getitem__)


def operation(body: str) -> model.Operation:
    found = compiled(body)
    assert found.model is not None, found.diagnostics
    return found.model.interfaces[0].operations[0]


def names(body: str) -> list[str]:
    return [found.name for found in operation(body).parameters]


def codes(body: str) -> list[str]:
    return [found.code for found in compiled(body).diagnostics]


def test_parameter_without_a_name_gets_one() -> None:
    assert names("void f([in] long, [in] short b, [in] char *);") == ["param_1", "b", "param_3"]


def test_void_is_no_parameter() -> None:
    assert names("void f(void);") == []


def test_parameter_without_direction_is_in() -> None:
    found = compiled("void f(long a);")
    assert [one.code for one in found.diagnostics] == ["W0601"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("void f([out] long a);", "E0602"),
        ("void f([out, unique] long *a);", "E0603"),
        ("void f([out, string] char *a);", "E0604"),
        ("void f([in] long a, [in] long a);", "E0514"),
        ("void f([out, size_is(*n)] long *a, [out] long *n);", "E0604"),
        ("void f([in, size_is(*n)] long *a, [out] long *n);", "E0418"),
    ],
)
def test_wrong_parameter_is_an_error(body: str, code: str) -> None:
    assert codes(body) == [code]


@pytest.mark.parametrize("body", ["void f([in] handle_t h, [in] long a);", "void f([in] long a, [in] handle_t h);"])
def test_binding_handle_is_taken_off_the_wire_wherever_it_stands(body: str) -> None:
    assert operation(body).handle == "h"
    assert names(body) == ["a"]


def test_second_binding_handle_is_an_error() -> None:
    assert codes("void f([in] handle_t g, [in] handle_t h);") == ["E0605"]


def test_handle_of_a_type_of_its_own_binds_and_travels() -> None:
    found = operation("typedef [handle] long H; typedef H HH; void f([in] H h, [in] HH i, [in] long a);")
    assert [(one.name, one.binding) for one in found.parameters] == [("h", True), ("i", True), ("a", False)]


@pytest.mark.parametrize("word", ["comm_status", "fault_status"])
def test_status_of_the_caller_does_not_travel(word: str) -> None:
    assert names(f"void f([in] long a, [{word}] error_status_t *s);") == ["a"]
    assert codes(f"void f([in] long a, [{word}] error_status_t *s);") == []
    assert names(f"void f([in] long a, [out, {word}] error_status_t *s);") == ["a", "s"]


def test_status_needs_its_type() -> None:
    assert codes("void f([out, comm_status] float *s);") == ["E0615"]


def test_partial_ignore_is_kept_of_an_in_out_unique_pointer() -> None:
    assert operation("void f([in, out, unique, partial_ignore] long *a);").parameters[0].partial


@pytest.mark.parametrize("written", ["in, partial_ignore", "in, out, partial_ignore", "out, partial_ignore"])
def test_partial_ignore_of_another_pointer_is_an_error(written: str) -> None:
    assert codes(f"void f([{written}] long *a);") == ["E0614"]


def test_count_that_an_in_array_determines_is_automatic() -> None:
    found = operation("void f([in] long n, [in, size_is(n)] long *a, [in] long m);")
    assert [one.auto for one in found.parameters] == [True, False, False]


def test_capacity_of_an_out_array_is_not_automatic() -> None:
    found = operation("void f([in] long n, [out, size_is(n)] long *a);")
    assert [one.auto for one in found.parameters] == [False, False]


def test_broken_parameter_is_one_complaint() -> None:
    assert codes("void f([in] missing a, [in, size_is(n)] long *b, [in] long n);") == ["E0301"]


def test_attributes_and_place_of_a_parameter_are_kept() -> None:
    found = operation("void f([in, optional] long a);").parameters[0]
    assert [(one.name, one.effect) for one in found.attributes] == [("in", "honoured"), ("optional", "none")]
    assert found.span.line == 1


def test_pointer_to_a_pointer_to_a_context_handle_is_an_error() -> None:
    assert codes("typedef [context_handle] void *h; void f([in] h **a);") == ["E0901"]
    assert codes("typedef [context_handle] void *h; void f([in, out] h *a);") == []
