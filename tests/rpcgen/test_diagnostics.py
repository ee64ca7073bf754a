"""Diagnostics: where a place is, how it is shown, and that no text steers a terminal."""

from __future__ import annotations

import json

import pytest

from lrpc.rpcgen import catalogue, compile_idl
from lrpc.rpcgen.diagnostics import MAX_CHAIN, MAX_SHOWN, Diagnostic, Expansion, Note, Source, Span, diagnose, problem

TEXT = "one\n\ttwo three\r\n\nfour"
SOURCE = Source("a.idl", TEXT)


def at(word: str, source: Source = SOURCE) -> Span:
    return Span(source, source.text.index(word), len(word))


def unknown(span: Span, name: str = "x", *said: str, notes: tuple[Note, ...] = ()) -> Diagnostic:
    return diagnose(catalogue.UNKNOWN_TYPE, span, *said, name=name, notes=notes)


def test_lines_and_columns_count_from_one_in_any_order_of_questions() -> None:
    places = {"four": (4, 1), "one": (1, 1), "three": (2, 6), "two": (2, 2)}
    assert {word: (at(word).line, at(word).column) for word in places} == places


def test_line_directive_moves_the_place_but_not_the_excerpt() -> None:
    moved = at("three")._replace(lines_moved=10, renamed="b.x")
    assert (moved.file, moved.line, moved.column, moved.excerpt) == ("b.x", 12, 6, ("\ttwo three", 5))


def test_caret_stands_below_the_place_and_ends_with_the_line() -> None:
    _, line, carets = str(unknown(at("three"))).splitlines()
    assert (line, carets) == ("    \ttwo three", "    \t    ^^^^^")
    _, line, carets = str(unknown(Span(SOURCE, TEXT.index("three"), 500))).splitlines()
    assert carets == "    \t    ^^^^^"


def test_printed_form_names_place_line_and_caret() -> None:
    text = str(compile_idl("a.idl", reader={"a.idl": "typedef\tlong a;\ntypedef\tmissing b;"}.__getitem__).errors[0])
    assert text == "a.idl:2:9: error E0301: unknown type missing\n    typedef\tmissing b;\n           \t^^^^^^^"


@pytest.mark.parametrize("start", [0, 5000, 9999])
def test_long_line_is_shown_around_the_place(start: int) -> None:
    source = Source("a.idl", "x" * start + "HERE" + "y" * (10_000 - start))
    text, offset = at("HERE", source).excerpt
    assert text[offset : offset + 4] == "HERE"
    assert len(text) <= MAX_SHOWN


def test_file_without_text_has_no_excerpt() -> None:
    assert str(unknown(Span(Source("a.idl", ""), 0))) == "a.idl:1:1: error E0301: unknown type x"


@pytest.mark.parametrize("bad", ["\x1b[31m", "\u202e", "\x00", "\n", "\x9b"])
def test_no_text_steers_a_terminal_or_breaks_the_line(bad: str) -> None:
    span = Span(Source(f"a{bad}.idl", f"long{bad if bad != chr(10) else ''}x"), 0, 4)
    said = str(unknown(span, f"n{bad}"))
    assert not [letter for letter in said if letter != "\n" and not letter.isprintable()]
    assert len(said.splitlines()) == 3


def test_gaps_are_filled_with_text_that_is_no_format() -> None:
    assert unknown(at("one"), "{name}{0}").message == "unknown type {name}{0}"


def test_code_says_whether_it_is_an_error() -> None:
    assert unknown(at("one")).severity == "error"
    assert diagnose(catalogue.TOO_MANY_WARNINGS, at("one"), limit=1).severity == "warning"


def test_notes_come_behind_and_those_with_a_place_show_it() -> None:
    text = str(unknown(at("one"), "x", "said", notes=(Note("there", at("four")),)))
    assert text.splitlines()[3:] == ["    note: said", "a.idl:4:1: note: there", "    four", "    ^^^^"]


def test_way_to_the_file_is_named_and_bounded() -> None:
    source = SOURCE
    for number in range(MAX_CHAIN + 5):
        source = Source(f"{number}.idl", TEXT, imported_from=at("two", source))
    found = unknown(at("one", source))
    assert [span.file for span in found.chain] == [f"{number}.idl" for number in range(11, 11 - MAX_CHAIN, -1)]
    assert str(found).count("in file imported from") == MAX_CHAIN
    assert "    in file imported from 11.idl:2:2" in str(found)


def test_macros_are_named_from_the_inside_and_bounded() -> None:
    expansion = None
    for number in range(MAX_CHAIN + 5):
        expansion = Expansion(f"M{number}", at("two"), expansion)
    text = str(unknown(at("one")._replace(expansion=expansion)))
    assert text.count("while expanding the macro") == MAX_CHAIN
    assert text.index("macro M12,") < text.index("macro M11,")


def test_program_gets_the_same_as_a_reader() -> None:
    inner = Source("b.idl", TEXT, imported_from=at("two"))
    span = at("three", inner)._replace(expansion=Expansion("M", at("one", inner)))
    data = json.loads(json.dumps(unknown(span, "x", "said").as_json()))
    assert data == {
        "file": "b.idl", "line": 2, "column": 6, "length": 5,
        "severity": "error", "code": "E0301", "message": "unknown type x",
        "notes": [
            {"message": "said"},
            {
                "message": "while expanding the macro M, defined here",
                "file": "b.idl", "line": 1, "column": 1, "length": 3,
            },
        ],
        "imported_from": [{"file": "a.idl", "line": 2, "column": 2, "length": 3}],
    }  # fmt: skip


def test_problem_carries_its_diagnostic() -> None:
    raised = problem(catalogue.UNKNOWN_TYPE, at("one"), "said", name="x")
    assert raised.diagnostic == unknown(at("one"), "x", "said")
    assert str(raised) == "unknown type x"
