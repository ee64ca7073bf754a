"""Pieces: words, comments and directives, none lost, brackets paired."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.rpcgen.diagnostics import Problem, Source
from lrpc.rpcgen.syntax.words import scan
from lrpc.rpcgen.tools.pieces import Kind, Unbalanced, pieces


def texts(text: str) -> list[str]:
    return [piece.text for piece in pieces(Source("a.idl", text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("long  x;", ["long", "x", ";"]),
        ('L"a\\"b" "c"', ['L"a\\"b"', '"c"']),
        ("'\"' L'x'", ["'\"'", "L'x'"]),
        ("12345778-1234-ABCD-EF00-0123456789AB", ["12345778-1234-ABCD-EF00-0123456789AB"]),
        ("version(1.0)", ["version", "(", "1.0", ")"]),
        ("0x1F 1e+5 .5 017ul", ["0x1F", "1e+5", ".5", "017ul"]),
        ("a<<b>=c&&d", ["a", "<<", "b", ">=", "c", "&&", "d"]),
        ("a/*b*/c//d", ["a", "/*b*/", "c", "//d"]),
        ("a \\\n b", ["a", "b"]),
        ("// a \\\nb\nc", ["// a \\\nb", "c"]),
        ("/* \" */ ' '", ['/* " */', "' '"]),
    ],
)
def test_text_is_these_pieces(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize(
    ("text", "directive"),
    [
        ("#define A 1", "#define A 1"),
        ("  # if X // why \nlong", "# if X // why"),
        ("#define A \\\n  2\nlong", "#define A \\\n  2"),
        ("#define A /* b\n c */ 2\nlong", "#define A /* b\n c */ 2"),
        ('#define A "/*"\nlong', '#define A "/*"'),
        ("#define Q '\"' /* \" */\nlong", "#define Q '\"' /* \" */"),
        ("/* first */ #endif\nlong", "#endif"),
        ("#define A 1 \\ \nlong", "#define A 1 \\ "),
    ],
)
def test_directive_is_a_whole_line_with_its_continuations(text: str, directive: str) -> None:
    found = [piece.text for piece in pieces(Source("a.idl", text)) if piece.kind is Kind.DIRECTIVE]
    assert found == [directive]


@pytest.mark.parametrize("text", ["long # x", "/*\n*/ long /*\n*/ # x", "a \\\n# b", "a ## b"])
def test_hash_inside_a_line_is_no_directive(text: str) -> None:
    with pytest.raises(Problem) as caught:
        texts(text)
    assert caught.value.diagnostic.code == "E0105"


def test_lines_and_blanks_before_a_piece_are_known() -> None:
    found = pieces(Source("a.idl", "a b\n\n c;"))
    assert [(piece.text, piece.lines, piece.spaced) for piece in found] == [
        ("a", 0, False),
        ("b", 0, True),
        ("c", 2, True),
        (";", 0, False),
    ]


def test_comment_of_several_lines_knows_its_column() -> None:
    found = pieces(Source("a.idl", "\tx /* a\n  b */"))
    assert (found[1].column, found[0].column) == (10, 0)


def test_brackets_know_each_other() -> None:
    found = pieces(Source("a.idl", "a({[b]}) {}"))
    assert [piece.partner for piece in found] == [-1, 7, 6, 5, -1, 3, 2, 1, 9, 8]


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("long\n/* a", "E0106", 2),
        ('"abc', "E0106", 1),
        ("it's", "E0106", 1),
        ('"a\nb"', "E0106", 1),
        ("a (", "E0201", 1),
        ("a\n]", "E0201", 2),
        ("(]", "E0201", 1),
        ("(" * 129, "E0108", 1),
        ("#if A\n" + "(" * 129, "E0108", 2),
        ("a \\ b", "E0105", 1),
        ("#define A /* b", "E0106", 1),
    ],
)
def test_text_without_a_shape_has_a_diagnostic(text: str, code: str, line: int) -> None:
    with pytest.raises(Problem) as caught:
        texts(text)
    found = caught.value.diagnostic
    assert (found.code, found.span.line) == (code, line)


@pytest.mark.parametrize("text", ["#if A\n(\n#else\n[(\n#endif\n)", "#ifdef X\nit's\n#endif", "}\n#if 1\n#endif"])
def test_conditionals_may_hide_what_does_not_match(text: str) -> None:
    with pytest.raises(Unbalanced):
        texts(text)


@given(st.text("ab1.-;\"'\\/*#\n\t ()[]{}<=&LE+", max_size=60))
def test_words_are_those_of_the_compiler(text: str) -> None:
    """Joined, because a number of several words is one piece; words of directives are theirs too."""
    try:
        found = pieces(Source("a.idl", text))
        words = [word.text for word in scan(Source("a.idl", text))]
    except (Problem, Unbalanced):
        return
    plain = [piece for piece in found if piece.kind in (Kind.WORD, Kind.DIRECTIVE)]
    inner = [word.text for piece in plain for word in scan(Source("b.idl", piece.text))]
    assert inner == words
