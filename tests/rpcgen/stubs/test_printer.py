"""The printer lays text out as `ruff format` does."""

from __future__ import annotations

import ast

import pytest

from lrpc.rpcgen.stubs.printer import Infix, Prefixed, call, display, flat, lines, quoted


def test_what_fits_stays_on_one_line() -> None:
    assert lines(call("f", "a", Prefixed("b=", "1")), prefix="x = ") == ["x = f(a, b=1)"]


def test_call_that_does_not_fit_has_its_items_on_one_line() -> None:
    long = call("f", "a" * 60, "b" * 52)
    assert lines(long, prefix="x = ") == ["x = f(", f"    {'a' * 60}, {'b' * 52}", ")"]


def test_display_that_does_not_fit_has_one_item_a_line() -> None:
    long = display(["a" * 60, "b" * 60])
    assert lines(long) == ["(", f"    {'a' * 60},", f"    {'b' * 60},", ")"]


def test_pair_is_broken_before_its_operator() -> None:
    part = Infix('"name"', "/", call("f", "a" * 60, "b" * 60))
    assert lines(part)[:2] == ['"name"', "/ f("]


def test_tuple_of_one_keeps_its_comma() -> None:
    assert flat(display(["a"])) == "(a,)"


@pytest.mark.parametrize("text", ["", 'a"b', "a'b", "'\"", "\\", "\n\t\r", "\0\x7f\xff", "\u2028\ud800", "\U0001f600"])
def test_quoted_text_is_printable_and_reads_back(text: str) -> None:
    assert quoted(text).isascii()
    assert quoted(text).isprintable()
    assert ast.literal_eval(quoted(text)) == text
