"""The printer lays text out as `ruff format` does."""

from __future__ import annotations

import ast

import pytest

from lrpc.rpcgen.stubs.printer import (
    Chain,
    Parentheses,
    Part,
    Prefixed,
    assigned,
    call,
    comment,
    display,
    flat,
    lines,
    pair,
    quoted,
)


def test_what_fits_stays_on_one_line() -> None:
    assert lines(call("f", "a", Prefixed("b=", "1")), prefix="x = ") == ["x = f(a, b=1)"]


def test_call_that_does_not_fit_has_its_items_on_one_line() -> None:
    long = call("f", "a" * 60, "b" * 52)
    assert lines(long, prefix="x = ") == ["x = f(", f"    {'a' * 60}, {'b' * 52}", ")"]


def test_display_that_does_not_fit_has_one_item_a_line() -> None:
    long = display(["a" * 60, "b" * 60])
    assert lines(long) == ["(", f"    {'a' * 60},", f"    {'b' * 60},", ")"]


def test_pair_is_broken_before_its_operator() -> None:
    part = pair('"name"', "/", call("f", "a" * 60, "b" * 60))
    assert lines(part)[:2] == ['"name"', "/ f("]


def test_chain_is_broken_before_each_operator_and_inside_parentheses() -> None:
    inner = Parentheses(Chain("c" * 60, (("*", "d" * 60),)))
    part = call("f", Chain("a" * 60, (("+", "b" * 60), ("-", inner))))
    assert flat(part) == f"f({'a' * 60} + {'b' * 60} - ({'c' * 60} * {'d' * 60}))"
    assert lines(part) == [
        "f(",
        f"    {'a' * 60}",
        f"    + {'b' * 60}",
        "    - (",
        f"        {'c' * 60}",
        f"        * {'d' * 60}",
        "    ),",
        ")",
    ]


def test_tuple_of_one_keeps_its_comma() -> None:
    assert flat(display(["a"])) == "(a,)"


@pytest.mark.parametrize(
    ("name", "part", "expected"),
    [
        ("x", "1", ["x = 1"]),
        ("x" * 60, call("f", "a" * 60), ["x" * 60 + " = f(", "    " + "a" * 60, ")"]),
        ("x" * 110, call("f" * 20, "a"), ["x" * 110 + " = (", "    " + "f" * 20 + "(a)", ")"]),
        ("x" * 60, "'" + "a" * 60 + "'", ["x" * 60 + " = (", "    '" + "a" * 60 + "'", ")"]),
        ("x", "'" + "a" * 130 + "'", ["x = '" + "a" * 130 + "'"]),
        ("x" * 118, "12", ["x" * 118 + " = 12"]),
    ],
)
def test_value_that_does_not_fit_behind_its_name_stands_in_parentheses(
    name: str, part: Part, expected: list[str]
) -> None:
    assert assigned(name, part) == expected


def test_value_in_a_class_is_measured_with_its_margin() -> None:
    assert assigned("x" * 111, "1232", indent="    ") == [
        "    " + "x" * 111 + " = (",
        "        1232",
        "    )",
    ]


def test_kind_that_does_not_fit_is_broken_in_its_brackets() -> None:
    assert assigned("x" * 60, call("f", "1"), kind=("k", "y" * 60)) == [
        "x" * 60 + ": k[",
        "    " + "y" * 60,
        "] = f(1)",
    ]
    assert assigned("x", call("f", "1"), kind=("k", "y")) == ["x: k[y] = f(1)"]


@pytest.mark.parametrize("text", ["", 'a"b', "a'b", "'\"", "\\", "\n\t\r", "\0\x7f\xff", "\u2028\ud800", "\U0001f600"])
def test_quoted_text_is_printable_and_reads_back(text: str) -> None:
    assert quoted(text).isascii()
    assert quoted(text).isprintable()
    assert ast.literal_eval(quoted(text)) == text


@pytest.mark.parametrize("text", ["a\nb", "a\u202eb", "a\u2028b", "a\x00b"])
def test_comment_stays_on_its_line(text: str) -> None:
    assert comment(text) == "a?b"
