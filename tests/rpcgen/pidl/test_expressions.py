"""Expressions of pidl are made plain, or known to be foreign."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.diagnostics import Source, Span
from lrpc.rpcgen.pidl.expressions import is_foreign, names_in, plain
from lrpc.rpcgen.syntax import tree
from lrpc.rpcgen.syntax.parser import parse_expression

AT = Span(Source("a.idl", ""), 0)


def parsed(text: str) -> tree.Expr:
    return parse_expression(text, AT)


@pytest.mark.parametrize("text", ["count", "r->count", "r->in.count", "r->out.count"])
def test_sibling_is_its_name(text: str) -> None:
    found = plain(parsed(text))
    assert isinstance(found, tree.Name)
    assert found.name == "count"


@pytest.mark.parametrize("text", ["f(count)", "header.kind", "r->header.kind", "1 + f(x)", "a ? f(x) : 0"])
def test_calls_and_parts_of_siblings_are_foreign(text: str) -> None:
    assert is_foreign(plain(parsed(text)))


@pytest.mark.parametrize("text", ["count", "2 * r->count + 1", "a ? *a : 0", "~flags & 7"])
def test_arithmetic_over_siblings_is_not(text: str) -> None:
    assert not is_foreign(plain(parsed(text)))


def test_truth_is_a_number() -> None:
    assert [found.value for found in map(plain, map(parsed, ("true", "false"))) if isinstance(found, tree.Number)] == [
        1,
        0,
    ]


def test_rounding_is_arithmetic() -> None:
    found = plain(parsed("NDR_ROUND(size, 8)"))
    assert not is_foreign(found)
    assert names_in(found) == {"size"}


def test_cast_to_a_type_of_c_is_no_subtraction() -> None:
    assert isinstance(plain(parsed("(uint32_t)-1")), tree.Cast)


def test_names_are_those_of_all_operands() -> None:
    assert names_in(parsed("a + f(b, c->d) * (e ? 1 : g)")) == {"a", "b", "c", "e", "g"}
