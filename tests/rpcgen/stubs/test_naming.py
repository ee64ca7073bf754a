"""Python names for IDL names."""

from __future__ import annotations

import keyword
from enum import IntEnum

import pytest

from lrpc.rpcgen.stubs.naming import Names, enumerator, safe, words_of


def test_no_name_is_given_twice() -> None:
    names = Names(("list",))
    assert [names.take(name) for name in ("a", "a", "list", "a")] == ["a", "a_", "list_", "a__"]


@pytest.mark.parametrize("name", keyword.kwlist)
def test_keywords_get_an_underscore(name: str) -> None:
    assert safe(name) == f"{name}_"


@pytest.mark.parametrize(
    ("name", "public", "private"), [("x", "x", "_x"), ("_x", "x_", "_x"), ("__x", "x_", "_x"), ("_1", "x1_", "_1")]
)
def test_leading_underscores_say_what_is_private(name: str, public: str, private: str) -> None:
    assert Names().public(name) == public
    assert Names().private(name) == private


@pytest.mark.parametrize("name", ["real", "name", "value", "mro", "None", "_x_", "__init__", "bit_count", "_missing_"])
def test_enumerator_has_a_name_that_python_takes(name: str) -> None:
    made = enumerator(Names(), name)
    members = IntEnum("E", {made: 5})  # type: ignore[misc]
    assert list(members) == [5]
    assert not keyword.iskeyword(made)


def test_words_of_annotations() -> None:
    assert words_of(["list[a | b_1]", "rpc.Octets | None"]) == {"list", "a", "b_1", "rpc", "Octets", "None"}
