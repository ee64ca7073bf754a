"""The unit: what the passes know of one compilation."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Dialect
from lrpc.rpcgen.passes import run
from lrpc.rpcgen.source import Sources
from lrpc.rpcgen.unit import Unit, dialect_of, operations, parameters


def unit(text: str, dialect: Dialect = "auto", **others: str) -> Unit:
    files = {"a.idl": text, **{f"{name}.idl": other for name, other in others.items()}}
    made = Unit("a.idl", Sources(files.__getitem__, []), {}, dialect)
    assert [one for one in run(made) if one.severity == "error"] == []
    return made


def test_main_file_is_the_last_one_behind_its_imports() -> None:
    made = unit('import "b.idl"; typedef b c;', b="typedef long b;")
    assert [source.name for source, _ in made.files] == ["b.idl", "a.idl"]
    assert made.main.name == "a.idl"


@pytest.mark.parametrize("asked", ["midl", "pidl"])
def test_dialect_that_is_asked_for_goes_before_what_the_text_looks_like(asked: Dialect) -> None:
    assert dialect_of(unit("typedef long a;", asked)) == asked
    assert dialect_of(unit("typedef long a;")) == "midl"


def test_operations_and_their_parameters_are_those_of_all_interfaces() -> None:
    head = "[uuid(12345678-1234-1234-1234-12345678900{})] interface i{} {{ {} }}"
    first = head.format(1, 1, "void f([in] long a); [callback] void g([in] long b);")
    made = unit(first + head.format(2, 2, "void h([in] long c, [in] long d);"))
    assert [one.name for one in operations(made)] == ["f", "g", "h"]
    assert [one.name for one in parameters(made)] == ["a", "b", "c", "d"]
