"""Recovery: where reading goes on behind a mistake, and what that mistake costs."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.diagnostics import Source, Span
from lrpc.rpcgen.syntax import tree
from lrpc.rpcgen.syntax.parser import parse
from lrpc.rpcgen.syntax.recovery import opened, resume
from lrpc.rpcgen.syntax.terminals import Terminals, Token
from tests.rpcgen.texts import compiled, preprocessed


def test_reading_goes_on_after_a_syntax_error() -> None:
    text = """
    typedef struct { long a long b; } s;
    interface i {
        void f([in] long a;
        typedef 1 x;
    }
    typedef 5;
    """
    assert [one.span.line for one in compiled(text).errors if one.code == "E0201"] == [2, 4, 5, 7]


def test_mistake_in_a_body_costs_one_line_of_it() -> None:
    text = "struct s {\nlong a long b;\nlong c;\n};\nenum e {\nA = ,\nB\n};\nvoid f(long a,\nlong 1,\nlong c);"
    file, found = parse(preprocessed(text))
    assert [one.span.line for one in found] == [2, 6, 10]
    structure, enumeration, operation = (item.type for item in file.items if isinstance(item, tree.Declaration))
    assert isinstance(structure, tree.Struct)
    assert [field.declarators[0].name for field in structure.fields] == ["c"]
    assert isinstance(enumeration, tree.Enum)
    assert [member.name for member in enumeration.members] == ["B"]
    assert isinstance(operation, tree.Words)


@pytest.mark.parametrize(
    ("error", "text", "inside", "goes_on"),
    [
        ("ERROR_PARAMETER", "1 , b )", 0, 1),
        ("ERROR_PARAMETER", "1 )", 0, 1),
        ("ERROR_PARAMETER", "1 ( , ) , b )", 0, 4),
        ("ERROR_PARAMETER", "1 ] , b )", 1, 2),
        ("ERROR_PARAMETER", "1 ; b )", 0, None),
        ("ERROR_PARAMETER", "1 { , )", 0, None),
        ("ERROR_PARAMETER", "1 ] , b )", 0, None),
        ("ERROR_PARAMETER", "1", 0, None),
        ("ERROR_ATTRIBUTE", "1 ( ) ]", 0, 3),
        ("ERROR_ATTRIBUTE", "1 ( ] ) ]", 0, None),
        ("ERROR_ATTRIBUTE", "1 }", 0, None),
        ("ERROR_ENUMERATOR", "1 }", 0, 1),
        ("ERROR_ENUMERATOR", "1 ; }", 0, None),
    ],
)
def test_entry_ends_at_its_comma_or_where_its_list_is_closed(
    error: str, text: str, inside: int, goes_on: int | None
) -> None:
    assert resume(Terminals(preprocessed(text)), error, 0, 0, inside) == goes_on


@pytest.mark.parametrize(
    ("text", "index", "braces", "behind"),
    [
        ("1 x ; y ;", 0, 0, "y"),
        ("1 { a ; b } ; y ;", 0, 0, "y"),
        ("1 { a ; b } y ; z ;", 0, 0, "z"),
        ("{ 1 x ; y }", 1, 1, "y"),
        ("{ 1 x } y", 1, 1, "}"),
        ("{ { 1 x ; } y }", 2, 2, "}"),
        ("1 x", 0, 0, ""),
    ],
)
def test_line_of_a_body_ends_at_its_semicolon_or_with_the_body(text: str, index: int, braces: int, behind: str) -> None:
    terminals = Terminals(preprocessed(text))
    found = resume(terminals, "ERROR_FIELD", index, braces, 0)
    assert found is not None
    assert terminals.at(found).text == behind


def test_only_brackets_that_no_node_has_taken_are_open() -> None:
    at = Span(Source("a.idl", "x"), 0)
    values = [Token("LBRACE", "{", at), tree.Null(at), Token("LPAR", "(", at), Token("ERROR_ITEM", "", at), None]
    assert (opened(values), opened(values, "([{")) == (1, 2)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("void f(long 1, long b, [in] 2);", ["long b"]),
        ("void f([in] 2, [out] long b);", ["long b out"]),
        ("void f(void (*)(long) 2, long b);", ["long b"]),
        ("void f([in, 1, out] long *a);", ["long a in out"]),
        ("void f([size_is(] long *a); void g(long b);", ["long b"]),
    ],
)
def test_mistake_costs_one_entry_of_a_list(text: str, left: list[str]) -> None:
    file, found = parse(preprocessed(text))
    functions = [item.declarators[0].levels[0] for item in file.items if isinstance(item, tree.Declaration)]
    parameters = [one for function in functions if isinstance(function, tree.Parameters) for one in function.parameters]
    kept = [
        " ".join((*one.type.words, one.declarator.name or "", *(attribute.name for attribute in one.attributes)))
        for one in parameters
        if isinstance(one.type, tree.Words)
    ]
    assert found
    assert kept == left


@pytest.mark.parametrize(
    "text", ["struct { long a; } 2;", "enum { A } 2, B;", "interface i { void f(); } 7;", "[a] 5;"]
)
def test_mistake_behind_a_list_costs_nothing_behind_it(text: str) -> None:
    file, found = parse(preprocessed(f"{text}\ntypedef long b;\ntypedef long c;"))
    assert [one.span.line for one in found] == [1]
    assert [one.declarators[0].name for one in file.items if isinstance(one, tree.Typedef)] == ["b", "c"]
