"""Advice: each rule of `lrpc lint` speaks where it should and is silent where it should be."""

from __future__ import annotations

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.model import Model
from lrpc.rpcgen.tools.lint import lint

HEAD = "[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a2e1), version(1.0)] interface i {"


def compiled(body: str) -> Model:
    text = f"{HEAD} {body} }}"
    found = compile_idl("i.idl", reader={"i.idl": text}.__getitem__)
    assert found.model is not None, found.errors
    return found.model


def advice(body: str) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in lint(compiled(body))]


def test_good_interface_gets_no_advice() -> None:
    assert advice("void F([in, range(0, 64)] long n, [in, size_is(n)] byte *data);") == []


def test_attribute_without_effect_is_named() -> None:
    assert advice("[enable_allocate] void F([in] long n);") == [
        ("W0402", "the attribute [enable_allocate] has no effect on the stub")
    ]


def test_unused_type_is_named_and_used_ones_are_not() -> None:
    body = "typedef struct { long a; } used; typedef struct { used *u; } outer; typedef struct { long b; } lost;"
    assert advice(f"{body} void F([in] outer *o);") == [("W1001", "no operation uses lost")]


def test_file_of_types_alone_is_a_library() -> None:
    assert advice("typedef struct { long a; } t;") == []


def test_array_is_bounded_by_its_own_range_or_that_of_its_count() -> None:
    assert advice("void F([in, range(0, 9)] long n, [in, size_is(n), unique] long *a);") == []
    assert advice("void F([in, string, range(0, 9)] wchar_t *s);") == []
    assert advice("void F([in, string] wchar_t *s, [out, string] wchar_t **t);") == [
        ("W1002", "nothing but the size of a message bounds s; give it or its count [range]")
    ]


def test_handle_with_a_closing_operation_is_fine() -> None:
    handle = "typedef [context_handle] void *door;"
    assert advice(f"{handle} void Open([out] door *d); void Close([in, out] door *d);") == []
    assert [code for code, _ in advice(f"{handle} void Open([out] door *d);")] == ["W1003"]


def test_wide_enum_holds_what_a_narrow_one_does_not() -> None:
    assert [code for code, _ in advice("typedef enum { A = 0x8000 } e; void F([in] e x);")] == ["W1004"]
    assert advice("typedef [v1_enum] enum { A = 0x8000 } e; void F([in] e x);") == []


def test_model_read_from_json_gets_the_same_advice() -> None:
    model = compiled("typedef enum { A = 0x8000 } e; void F([in] e from);")
    again = Model.model_validate_json(model.model_dump_json())
    assert [(one.code, one.span.file, one.span.line) for one in lint(again)] == [
        (one.code, one.span.file, one.span.line) for one in lint(model)
    ]
