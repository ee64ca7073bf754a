from __future__ import annotations

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import (
    OPERATORS,
    Expression,
    Inverse,
    Number,
    Sibling,
    as_expression,
    compare,
    invert,
    present,
    this,
    when,
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        (this.n + 3, 10),
        (3 + this.n, 10),
        (this.n - 3, 4),
        (10 - this.n, 3),
        (this.n * this.m, 35),
        (2 * this.n, 14),
        (this.n // 2, 3),
        (15 // this.n, 2),
        (this.n % 4, 3),
        (10 % this.n, 3),
        (this.n << 2, 28),
        (1 << this.n, 128),
        (this.n >> 1, 3),
        (256 >> this.n, 2),
        (this.n & 3, 3),
        (3 & this.n, 3),
        (this.n | 8, 15),
        (8 | this.n, 15),
        (this.n ^ 1, 6),
        (1 ^ this.n, 6),
        (this["n"], 7),
        (Number(5), 5),
    ],
    ids=str,
)
def test_operators_build_expressions_with_the_value_of_c(expression, value):
    assert expression.evaluate({"n": 7, "m": 5}) == value


@pytest.mark.parametrize(
    ("a", "b", "quotient", "rest"), [(7, 2, 3, 1), (-7, 2, -3, -1), (7, -2, -3, 1), (-7, -2, 3, -1)]
)
def test_division_truncates_towards_zero(a, b, quotient, rest):
    assert OPERATORS["/"](a, b) == quotient
    assert OPERATORS["%"](a, b) == rest


@pytest.mark.parametrize(
    ("operator", "left", "right", "value"),
    [
        ("==", 2, 2, 1),
        ("!=", 2, 2, 0),
        ("<", 1, 2, 1),
        ("<=", 2, 2, 1),
        (">", 1, 2, 0),
        (">=", 2, 2, 1),
        ("&&", 1, 0, 0),
        ("||", 1, 0, 1),
    ],
)
def test_comparisons_are_one_or_zero(operator, left, right, value):
    assert compare(operator, left, right).evaluate({}) == value


def test_unknown_operator_is_refused_when_the_stub_is_loaded():
    with pytest.raises(ValueError, match="unknown operator"):
        compare("**", 1, 2)


def test_division_by_zero_is_an_ndr_error():
    with pytest.raises(NdrError, match="divides by zero"):
        (this.n // this.m).evaluate({"n": 1, "m": 0})


def test_shift_by_a_huge_number_costs_nothing():
    assert (this.n << this.m).evaluate({"n": 1, "m": 1 << 40}) == 1


@pytest.mark.parametrize(("value", "word"), [(None, "null"), ("x", "str"), ([1], "list")])
def test_sibling_that_is_no_integer_is_an_ndr_error(value, word):
    with pytest.raises(NdrError, match=f"n gives a size but is {word}"):
        this.n.evaluate({"n": value})


def test_absent_sibling_is_an_ndr_error():
    with pytest.raises(NdrError):
        this.n.evaluate({})


def test_conditional_evaluates_only_the_chosen_branch():
    expression = when(present(this.p), this.p, 0)
    assert expression.evaluate({"p": 9}) == 9
    assert expression.evaluate({"p": None}) == 0


def test_names_are_all_siblings_that_an_expression_reads():
    assert when(present(this.p), this.q * 2, this.r).names() == {"p", "q", "r"}
    assert Number(1).names() == Expression().names() == frozenset()


def test_expression_without_operator_has_no_value():
    with pytest.raises(TypeError):
        Expression().evaluate({})


def test_integers_become_constants_and_expressions_stay():
    assert as_expression(4) == Number(4)
    assert as_expression(this.n) == Sibling("n")


@pytest.mark.parametrize(
    ("expression", "count", "value"),
    [
        (this.n, 5, 5),
        (this.n * 2, 6, 3),
        (2 * this.n, 6, 3),
        (this.n * 2, 5, None),
        (this.n // 2, 5, 10),
        (this.n + 1, 5, 4),
        (1 + this.n, 5, 4),
        (this.n - 1, 5, 6),
    ],
    ids=str,
)
def test_inverse_gives_the_sibling_for_a_count(expression, count, value):
    inverse = invert(expression)
    assert inverse is not None
    assert inverse.name == "n"
    assert inverse.value(count) == value
    if value is not None:
        assert expression.evaluate({"n": value}) == count


@pytest.mark.parametrize(
    "expression",
    [
        Number(4),
        this.n * this.m,
        this.n * 0,
        10 - this.n,
        10 // this.n,
        this.n % 2,
        when(present(this.n), this.n, 0),
        (this.n + 1) * 2,
    ],
    ids=str,
)
def test_expression_without_a_plain_solution_has_no_inverse(expression):
    assert invert(expression) is None


def test_inverse_of_octets_in_units_is_exact():
    assert Inverse("n", times=2).value(3) == 6
