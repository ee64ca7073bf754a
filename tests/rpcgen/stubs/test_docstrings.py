"""Docstrings end where they should, say what the comment said, and are what `ruff format` leaves."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.rpcgen.stubs.docstrings import COLUMNS, docstring, paragraphs

ODD = st.text(alphabet=st.sampled_from("\"\\'\n\r\t {}#N{}xu0a é日\u202e\u2066\u2028\x00\x0c\u00a0\ud800"), max_size=40)


def read(lines: list[str]) -> str:
    """What Python reads, without the margin."""
    [statement] = ast.parse("\n".join(lines)).body
    assert isinstance(statement, ast.Expr)
    value = ast.literal_eval(statement.value)
    assert isinstance(value, str)
    return value


@pytest.mark.parametrize("text", ["", "  \n\t\n", "\x0c"])
def test_text_without_letters_is_no_docstring(text: str) -> None:
    assert docstring(text) == []


def test_one_line_is_one_line() -> None:
    assert docstring(" Adds. ", "    ") == ['    """Adds."""']


def test_lines_keep_their_order_and_their_margin_and_one_empty_line() -> None:
    text = "Head.\n\n\n    a  1\n      b  2\n    c\n\n"
    assert docstring(text, "  ") == ['  """Head.', "", "  a  1", "    b  2", "  c", '  """']


def test_long_lines_are_wrapped_at_their_margin() -> None:
    found = docstring("Head.\n" + "  - " + "word " * 40 + "\nlast", "    ")
    assert len(found) > 4
    assert all(len(line) <= COLUMNS for line in found)
    assert all(line.startswith("      ") for line in found[2:-2])


@pytest.mark.parametrize(
    "text",
    [
        '"""',
        '"""\nimport os\n"""',
        '"',
        '""',
        'ends with "quotes"',
        '"begins" with',
        "\\",
        'a\\"',
        'a\\\\"',
        "\\N{DASH} \\x41 \\u0041",
        '\\"""',
    ],
)
def test_quotes_and_backslashes_are_what_they_were(text: str) -> None:
    assert read(docstring(text)).strip() == text


@pytest.mark.parametrize("letter", "\x00\x07\x1b\x7f\u200b\u202e\u2066\ufeff\ue000")
def test_characters_that_cannot_be_seen_are_escapes(letter: str) -> None:
    [line] = docstring(f"a{letter}b")
    assert line.isprintable()
    assert read([line]) == f"a{letter}b"


@given(text=ODD, indent=st.sampled_from(["", "    "]))
def test_any_text_is_one_string_and_nothing_else(text: str, indent: str) -> None:
    found = docstring(text, indent)
    assert all(line.isprintable() for line in found)
    if found:
        source = "\n".join(["class c:", *found]) if indent else "\n".join(found)
        [statement] = ast.parse(source).body
        if isinstance(statement, ast.ClassDef):
            [statement] = statement.body
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Constant)


def test_paragraphs_leave_out_what_is_empty() -> None:
    assert paragraphs("a", "", " \n", "b") == "a\n\nb"
