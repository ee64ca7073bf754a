"""Syntax: what is read, and what is said of what is not."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.diagnostics import Source, Span
from lrpc.rpcgen.syntax.macros import Budget
from lrpc.rpcgen.syntax.preprocessor import Preprocessor, Text
from tests.rpcgen.texts import compiled


def preprocessed(text: str) -> Text:
    def find(name: str, at: Span) -> Source:
        raise AssertionError((name, at))

    return Preprocessor(find, lambda text, at: 0, Budget()).run(Source("a.idl", text))


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
        'importlib("b.tlb"); library l { importlib("a.tlb"); interface i; coclass c { [default] interface i; }; };',
        "dispinterface d { properties: [id(1)] long a; methods: [id(2)] void f(); };",
        "dispinterface d { methods: [id(2)] void f(); }; dispinterface e, f; coclass c, d;",
        "module m { const long a = 1; [entry(1)] void f(); };",
        "declare_guid(IID_x, 1, 2) cpp_quote(any form) midl_pragma warning(disable: 2400 2403) ;",
        "[local] void f(long a, ...); [local] void g(...);",
        "const long a[] = { 1, 2, };",
        "void f([,in,,out,] long *a); [] typedef long b;",
        "typedef unsigned long long a; typedef unsigned __int3264 b; typedef long unsigned int c;",
        "typedef struct { __declspec(align(8)) long a; long const b; long far *c; } s;",
        "typedef long (__stdcall *a)(long, void *); typedef long (*b[2])(void); [local] void f(void (*)(int));",
        "typedef [public] enum { D = (1 << 2) | 3 } d;",
        "[uuid(12345678-1234-ABCD-EF00-0123456789AB), version(1.0)] interface i { } ; ",
        '[uuid("ab345678-1234-abcd-ef00-0123456789ab"), version(1.0)] interface i { };',
        "[uuid(abcdef01-1234-ABCD-EF00-0123456789AB), version(1)] interface i { void STDMETHODCALLTYPE f(); }",
        'quote(C, "int x;\n") void f() quote(call, "y"); void g() {| anything; |};',
        "typedef struct s { long pipe, module, library, methods, properties, bitmap, declare, include, namespace; } s;",
        "const long a = 1 + 2 * 3 == 7 && !(4 > 5) ? (long)6 : (7);",
    ],
)
def test_text_is_read(text: str) -> None:
    assert compiled(text).errors == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("typedef long a", "unexpected the end of the file; expected `(` or `,` or `;` or `[`"),
        ("typedef ;", "unexpected `;`; expected `[` or a name or a type"),
        ("const long a = ;", "unexpected `;`; expected `{` or a value"),
        ("const long a = 1 @ 2;", "unexpected `@`; expected `;` or an operator"),
        ("interface {", "unexpected `{`; expected a name"),
        ("[uuid(12)] interface i {}", "unexpected `12`; expected a string or a uuid"),
    ],
)
def test_syntax_error_says_in_words_what_was_expected(text: str, message: str) -> None:
    assert compiled(text).errors[0].message == message


def test_one_mistake_is_one_diagnostic() -> None:
    text = "typedef struct { missing a; } s; typedef s t; typedef struct { t b; s *c; } u; void f([in] u *d);"
    assert [one.code for one in compiled(text).errors] == ["E0301"]


def test_mistakes_are_collected() -> None:
    text = "typedef missing a; const long b = c; typedef struct { long d; } s, s; typedef short s;"
    assert [one.code for one in compiled(text).errors] == ["E0301", "E0302", "E0303"]


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
    assert [(found.name, found.number) for found in model.interfaces[0].operations] == [("f", 0), ("g", 1), ("h", 2)]


def test_missing_semicolon_is_marked_where_it_is_missing() -> None:
    (error,) = compiled("typedef long a\ntypedef long b;").errors
    (note,) = error.notes
    assert note.span is not None
    assert (error.span.line, note.span.line, note.span.column) == (2, 1, 14)
