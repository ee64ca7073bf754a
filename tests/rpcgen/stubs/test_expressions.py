"""Expressions mean in Python what they mean in C."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.rpcgen import model
from lrpc.rpcgen.stubs.expressions import expression
from lrpc.rpcgen.stubs.printer import flat
from lrpc.runtime import stub as rpc
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import OPERATORS, Expression, as_expression

N, M = model.Sibling(name="n"), model.Sibling(name="m")


def binary(left: model.Expression, operator: str, right: model.Expression) -> model.Binary:
    return model.Binary(operator=operator, left=left, right=right)


def number(value: int) -> model.Number:
    return model.Number(value=value)


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (binary(binary(N, "+", number(1)), "*", number(2)), "(rpc.this.n + 1) * 2"),
        (binary(N, "+", binary(number(1), "*", M)), "rpc.this.n + 1 * rpc.this.m"),
        (binary(N, "-", binary(M, "-", number(1))), "rpc.this.n - (rpc.this.m - 1)"),
        (binary(binary(N, "-", M), "-", number(-1)), "rpc.this.n - rpc.this.m - -1"),
        (binary(number(64), ">>", N), "64 >> rpc.this.n"),
        (binary(number(7), "/", number(-2)), 'rpc.compare("/", 7, -2)'),
        (binary(N, "&&", M), 'rpc.compare("&&", rpc.this.n, rpc.this.m)'),
        (model.Sibling(name="_x"), 'rpc.this["_x"]'),
        (model.When(condition=model.Present(name="n"), then=N, otherwise=number(0)),
         "rpc.when(rpc.present(rpc.this.n), rpc.this.n, 0)"),
    ],
)  # fmt: skip
def test_expression_reads_as_a_person_would_write_it(found: model.Expression, text: str) -> None:
    assert flat(expression(found, {})) == text


def test_siblings_go_by_their_python_names() -> None:
    assert flat(expression(model.Sibling(name="class"), {"class": "class_"})) == "rpc.this.class_"


def meant(found: model.Expression, siblings: dict[str, object]) -> Any:
    """The value in C."""
    match found:
        case model.Number(value=value):
            return value
        case model.Sibling(name=name):
            return siblings[name]
        case model.Present(name=name):
            return int(siblings[name] is not None)
        case model.Binary(operator=operator, left=left, right=right):
            return OPERATORS[operator](meant(left, siblings), meant(right, siblings))
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return meant(then if meant(condition, siblings) else otherwise, siblings)


def trees(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(binary, inner, st.sampled_from(sorted(OPERATORS)), inner) | st.builds(
        lambda a, b, c: model.When(condition=a, then=b, otherwise=c), inner, inner, inner
    )


LEAVES = st.sampled_from([N, M]) | st.integers(-9, 70).map(number)


@given(found=st.recursive(LEAVES, trees, max_leaves=8))
def test_printed_expression_has_the_value_that_it_has_in_c(found: model.Expression) -> None:
    printed: Expression = as_expression(eval(flat(expression(found, {})), {"rpc": rpc}))
    for n, m in itertools.product((-3, 0, 5), repeat=2):
        siblings: dict[str, object] = {"n": n, "m": m}
        try:
            value = meant(found, siblings)
        except NdrError:
            with pytest.raises(NdrError):
                printed.evaluate(siblings)
        else:
            assert printed.evaluate(siblings) == value
