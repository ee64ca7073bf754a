"""Comments: which one documents what, and what is left of it."""

from __future__ import annotations

import time

import pytest

from lrpc.rpcgen.diagnostics import Expansion, Source, Span
from lrpc.rpcgen.syntax.comments import doc_of, doc_of_file


def doc(text: str, name: str = "NAME") -> str:
    return doc_of(Span(Source("a.idl", text), text.index(name), len(name)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/* Words. */\nvoid NAME();", "Words."),
        ("/* Words. */ void NAME();", "Words."),
        ("// One\n// two.\nvoid NAME();", "One\ntwo."),
        ("/// One\n/// two.\nvoid NAME();", "One\ntwo."),
        ("/**\n * One\n *   two.\n */\nvoid NAME();", "One\n  two."),
        ("/*! One\n    two.\n*/\nvoid NAME();", "One\ntwo."),
        ("/******\n * One *\n ******/\nvoid NAME();", "One *"),
        ("// ----\n// One\n// ====\nvoid NAME();", "One"),
        ("long a; // of a\n// Words.\nvoid NAME();", "Words."),
        ("/* Heading */\n\nvoid NAME();", ""),
        ("/* First. */\n/* Second. */\nvoid NAME();", "Second."),
        ("long a; /* of a */\nvoid NAME();", ""),
        ("void f(long a, /* [in] */ long NAME);", ""),
        ("enum { A, // of A\nNAME, // of it\nB };", "of it"),
        ("enum { A, /* of A */\n  NAME = 1 /* of it */\n};", "of it"),
        ("enum {\n/* of it */\nNAME, B };", "of it"),
        ("struct { long a; long NAME; // of it\n};", "of it"),
        ("struct { long NAME; /* no */ long b; };", ""),
        ("void f(long NAME, long b); // of f", ""),
        ("void f(long b, long NAME); // of f", ""),
        ("void f(\n[in] long NAME, // of it\nlong b);", "of it"),
        ("void NAME(long a, long b); // of it", "of it"),
        ("/* Words. */\n[ uuid(a, b), x(1, 2)\n] interface NAME {", "Words."),
        ("/* Words. */\n[\n  a,\n  b\n]\nlong NAME;", "Words."),
        ("[\n  a,\n  b\n]\n// Words.\nlong NAME;", "Words."),
        ("/* Words. */\ntypedef struct _x { long a; /* of a */ } NAME;", "Words."),
        ("/* Words. */\ntypedef struct _x { long a; } x, *NAME;", "Words."),
        ("long NAME\n; // of it\n", "of it"),
        ("void NAME(\n  [in] long a,\n  [in] long b\n); // of it", "of it"),
        ("union NAME\n{ // of it\n", "of it"),
        ("enum { NAME\n// no\n, B };", ""),
        ("long NAME;\n// no\n", ""),
        ("void NAME(\n  [in] long a, // of a\n  [in] long b\n);", ""),
        ("void NAME([in] long a, // of a\n  [in] long b\n);", ""),
        ("void NAME([size_is((2))] long *a, long (*g)(int)); // of it", "of it"),
        ("struct { long a; } *a, NAME\n; // of it", "of it"),
        ("/* no */\ninterface a { }\nvoid NAME();", ""),
        ('cpp_quote("/* no */")\nvoid NAME();', ""),
        ("/* no */\n#define A 1\nvoid NAME();", ""),
        ("#define A 1\n/* Words. */\nvoid NAME();", "Words."),
        ("\ufeff/* Words. */\r\nvoid NAME();\r\n", "Words."),
        ("/* **** */\nvoid NAME();", ""),
        ("void NAME();", ""),
    ],
)
def test_comment_documents_what_it_stands_by(text: str, words: str) -> None:
    assert doc(text) == words


def test_words_of_a_macro_have_no_comment() -> None:
    source = Source("a.idl", "/* of the use */\nNAME")
    at = Span(source, 17, 4)
    assert doc_of(at) == "of the use"
    assert doc_of(at._replace(expansion=Expansion("NAME", at))) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/* Of the file. */\n\ntypedef long a;", "Of the file."),
        ('// Of the file.\nimport "b.idl";', "Of the file."),
        ("/* Of the file. */\n#define A 1", "Of the file."),
        ("/* Of the file. */", "Of the file."),
        ("/* Of a. */\ntypedef long a;", ""),
        ("/* Of a. */\n[uuid(a)] interface a {}", ""),
        ("typedef long a;\n/* Of nothing. */\n\n", ""),
        ("", ""),
    ],
)
def test_comment_at_the_head_is_that_of_the_file(text: str, words: str) -> None:
    assert doc_of_file(Source("a.idl", text)) == words


def test_hostile_comments_cost_what_their_length_does() -> None:
    for text in ("/*" * 100_000, "//\n" * 100_000, "{" * 100_000, "}" * 100_000, ", " * 100_000, '"' * 100_000):
        source = Source("a.idl", text + " NAME")
        before = time.process_time()
        for _ in range(100):
            doc_of(Span(source, len(text) + 1, 4))
            doc_of_file(source)
        assert time.process_time() >= before
