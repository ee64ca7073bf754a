"""Printing: plain for pipes, coloured and drawn for terminals."""

from __future__ import annotations

import json
import sys
from io import StringIO

import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.terminal import complain, show, show_columns, show_json, show_marked, show_table


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return Terminal()


DIAGNOSTICS = compile_idl("a.idl", reader={"a.idl": "typedef missing b;\n"}.__getitem__).diagnostics


def test_pipes_get_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show_marked(DIAGNOSTICS, sys.stdout)
    show([1, "two"], sys.stdout)
    show_json({"a": [1, "\N{SNOWMAN}"]})
    show_table(("a", "b"), [("1", "[2]")])
    said = "".join(f"{one}\n" for one in DIAGNOSTICS)
    assert capsys.readouterr().out == f'{said}1\ntwo\n{{"a": [1, "\\u2603"]}}\na\tb\n1\t[2]\n'


def test_complaints_go_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    complain("it rains")
    assert tuple(capsys.readouterr()) == ("", "lrpc: it rains\n")


def test_terminals_get_colours_and_the_same_words(terminal: Terminal) -> None:
    import re

    show_marked(DIAGNOSTICS, terminal)
    text = terminal.getvalue()
    assert "\x1b[1;31merror E0301:" in text
    assert re.sub(r"\x1b\[[0-9;]*m", "", text) == "".join(f"{one}\n" for one in DIAGNOSTICS)


def test_no_color_is_obeyed(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    show_marked(DIAGNOSTICS, terminal)
    assert "\x1b[1;31m" not in terminal.getvalue()


def test_long_lines_of_diagnostics_are_not_broken(terminal: Terminal) -> None:
    show_marked(["a.idl:1:1: error E0301: " + "x" * 200], terminal)
    assert terminal.getvalue().count("\n") == 1


def test_terminals_get_drawn_tables_with_brackets_in_them(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    show_table(("to",), [("ncalrpc:[calc]",)])
    assert "ncalrpc:[calc]" in terminal.getvalue()
    assert "┃" in terminal.getvalue()


def test_terminals_get_json_that_is_json(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setattr(sys, "stdout", terminal)
    show_json({"a": [1, None]})
    assert json.loads(terminal.getvalue()) == {"a": [1, None]}


def test_columns_are_as_wide_as_they_need(capsys: pytest.CaptureFixture[str]) -> None:
    show_columns(("a", "long"), [("red", ("123", "[4]")), ("", ("a cell across both",)), ("", ("5", ""))])
    assert capsys.readouterr().out == "a    long\n123  [4]\na cell across both\n5\n"


def test_rows_of_columns_have_their_styles_on_terminals(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", terminal)
    show_columns(("a", "b"), [("red", ("1", "[2]" + "x" * 100))])
    heading, row = terminal.getvalue().splitlines()
    assert heading == "\x1b[1ma  b\x1b[0m"
    assert row == f"\x1b[31m1  [2]{'x' * 100}\x1b[0m"
