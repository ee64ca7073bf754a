"""Spacing: where a blank stands between words."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.diagnostics import Source
from lrpc.rpcgen.tools.pieces import pieces
from lrpc.rpcgen.tools.spacing import Role, roles, spaced


def set_out(text: str) -> str:
    found = pieces(Source("a.idl", text))
    role, made = roles(found), found[0].text
    for index in range(1, len(found)):
        after = found[index + 1].text if index + 1 < len(found) else ""
        gap = spaced(found[index - 1], found[index], role[index - 1], role[index], after)
        made += (" " if gap else "") + found[index].text
    return made


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("long*a , * * b ;", "long *a, **b;"),
        ("const  wchar_t * const*a;", "const wchar_t *const *a;"),
        ("long F ( [ in ]long a,[in,out]long*b ) ;", "long F([in] long a, [in, out] long *b);"),
        ("[size_is( a*2 , *b )] byte c [ ];", "[size_is(a*2, *b)] byte c[];"),
        ("[size_is( a * 2 ,)] byte c [4] [ 5 ] ;", "[size_is(a * 2,)] byte c[4][5];"),
        ("[in][out] long a", "[in][out] long a"),
        ("[in] [out]long a", "[in] [out] long a"),
        ("uint32 [flag(X)] a", "uint32 [flag(X)] a"),
        ("const long A=2*B+1 ;", "const long A = 2*B+1;"),
        ("const long A =2 * B;", "const long A = 2 * B;"),
        ("enum { A=1,B = 2 }", "enum { A = 1, B = 2 }"),
        ("case  1 :long a;", "case 1: long a;"),
        ("case A?1:2 : long a", "case A?1: 2 : long a"),
        ("default :;", "default: ;"),
        ("interface A :B {", "interface A :B {"),
        ("union switch( long a )b{ }", "union switch (long a) b { }"),
        ("typedef long (*F)( long a );", "typedef long (*F)(long a);"),
        ("typedef long ( __stdcall *F)();", "typedef long (__stdcall *F)();"),
        ("cpp_quote( \"a\" )", "cpp_quote(\"a\")"),
        ("uuid( 12345778-1234-ABCD-EF00-0123456789AB )", "uuid(12345778-1234-ABCD-EF00-0123456789AB)"),
        ("SAFEARRAY( long )*a", "SAFEARRAY(long) *a"),
        ("a /* x */,b", "a /* x */ , b"),
    ],
)  # fmt: skip
def test_words_are_set_out(text: str, expected: str) -> None:
    if text.count("{") != text.count("}"):
        text, expected = f"{text} }}", f"{expected} }}"
    assert set_out(text) == expected
    assert set_out(expected) == expected


def test_brackets_are_attributes_or_arrays() -> None:
    found = pieces(Source("a.idl", "[in] long a[2], b; struct { [x(c[1])] long d; };"))
    role = roles(found)
    kinds = [role[index] for index, piece in enumerate(found) if piece.text == "["]
    assert kinds == [Role.ATTRIBUTES, Role.ARRAY, Role.ATTRIBUTES, Role.ARRAY]
