"""Syntax: what is read, and what is said of what is not."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl


def compiled(text: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": text}.__getitem__)


@pytest.mark.parametrize(
    "text",
    [
        "typedef unsigned short wchar_t; typedef unsigned long error_status_t;",
        "typedef struct { long byte; long string, version, id, object, library, ref, range; } s;",
        "typedef struct { long a[0..9]; } s;",
        "typedef long (*p)[5], **q;",
        "typedef [public] struct _a { long b; } a, *pa, **ppa;",
        "[v1_enum] typedef enum { A, B, } e;",
        "typedef struct s s; struct s { s *next; };",
        "const long a = (long)5 * (2) - sizeof(wchar_t) + 'a' + 0x1fL + 017;",
        "const unsigned hyper a = 5ui64 << 3 | 1 ? 2 : 3;",
        'cpp_quote("typedef") midl_pragma warning(disable : 1)\n;;',
        "interface later; interface other, another;",
        "void f(void); void g(); void h([in] handle_t); void __stdcall i([in] long);",
    ],
)
def test_text_is_read(text: str) -> None:
    assert compiled(text).errors == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("typedef long a", "unexpected the end of the file; expected `(` or `,` or `;` or `[`"),
        ("typedef ;", "unexpected `;`; expected `[` or a name or a type"),
        ("interface {", "unexpected `{`; expected a name"),
        ("[uuid(12)] interface i {}", "unexpected `12`; expected a string or a uuid"),
    ],
)
def test_syntax_error_says_in_words_what_was_expected(text: str, message: str) -> None:
    assert compiled(text).errors[0].message == message


def test_reading_goes_on_after_a_syntax_error() -> None:
    text = """
    typedef struct { long a long b; } s;
    interface i {
        void f([in] long a;
        typedef 1 x;
    }
    typedef 5;
    """
    assert [one.span.line for one in compiled(text).errors if one.code == "E0201"] == [2, 4, 5, 7]


def test_one_mistake_is_one_diagnostic() -> None:
    text = "typedef struct { missing a; } s; typedef s t; typedef struct { t b; s *c; } u; void f([in] u *d);"
    assert [one.code for one in compiled(text).errors] == ["E0301"]


def test_mistakes_are_collected() -> None:
    text = "typedef missing a; const long b = c; typedef struct { void d; } s;"
    assert [one.code for one in compiled(text).errors] == ["E0301", "E0302", "E0501"]


def test_mistake_in_an_imported_type_is_reported_when_the_type_is_used() -> None:
    bad = "typedef struct { void *p; } bad; typedef long good;"
    files = {
        "unused.idl": 'import "b.idl"; typedef good g;',
        "used.idl": 'import "b.idl"; typedef bad g;',
        "b.idl": bad,
    }
    assert compile_idl("unused.idl", reader=files.__getitem__).errors == ()
    used = compile_idl("used.idl", reader={**files, "used.idl": files["used.idl"] + " void f([in] g *x);"}.__getitem__)
    assert [(one.code, one.span.file) for one in used.errors] == [("E0502", "b.idl")]


def test_operations_keep_their_numbers_around_holes() -> None:
    head = "[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a203)] interface i"
    model = compiled(head + " { void f(); [local] void g(); void h(); }").model
    assert model is not None
    assert [(found.name, found.number) for found in model.interfaces[0].operations] == [("f", 0), ("h", 2)]
