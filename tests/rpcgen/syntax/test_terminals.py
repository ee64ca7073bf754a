"""Terminals: what kind of word each one is, seen from where the parser stands."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lrpc.rpcgen.diagnostics import Problem
from lrpc.rpcgen.syntax.preprocessor import MAX_NESTING, Text
from lrpc.rpcgen.syntax.terminals import MAX_ATTRIBUTE, WINDOW, Terminals, Unreadable
from lrpc.rpcgen.syntax.words import Word
from tests.rpcgen.texts import compiled, preprocessed


@pytest.mark.parametrize(
    "text",
    [
        "namespace Windows.Foundation { interface i { }; }",
        "[contract(a.b, 1.0)] runtimeclass c : d { }",
        'import "nowhere.idl"; typedef 1; delegate void d(long a);',
        "[contractversion(1.0)] apicontract a { };",
    ],
)
def test_winrt_is_refused_in_one_sentence(text: str) -> None:
    assert [one.code for one in compiled(text).diagnostics] == ["E0910"]


def first(text: str, *accepts: str, index: int = 0) -> tuple[str, int]:
    """The type of the terminal at a word, and the word behind it."""
    token, behind = Terminals(preprocessed(text)).read(index, accepts)
    return token.type, behind


@pytest.mark.parametrize(
    ("text", "accepts", "type_"),
    [
        ("library l {", "LIBRARY", "LIBRARY"),
        ("library l {", "", "IDENT"),
        ("library ;", "LIBRARY", "IDENT"),
        ("coclass c , d", "COCLASS", "COCLASS"),
        ("properties :", "PROPERTIES", "PROPERTIES"),
        ("properties ;", "PROPERTIES", "IDENT"),
        ("pipe x", "PIPE", "PIPE"),
        ("bitmap {", "BITMAP", "BITMAP"),
        ("bitmap x", "BITMAP", "BITMAP"),
        ("bitmap ;", "BITMAP", "IDENT"),
        ("WINAPI f", "QUALIFIER", "QUALIFIER"),
        ("WINAPI ;", "QUALIFIER", "IDENT"),
        ("const", "ATTRIBUTE", "ATTRIBUTE"),
        ("const", "", "CONST"),
        ("( x ) 1", "CAST", "CAST"),
        ("( x ) 1", "", "LPAR"),
        ("( x ) + 1", "CAST", "LPAR"),
        ("( x * ) + 1", "CAST", "CAST"),
        ("( long ) 1", "CAST", "LPAR"),
        ("* * )", "POINTER", "POINTER"),
        ("* x", "POINTER", "STAR"),
        ("12345678-1234-abcd-ef00-0123456789ab", "", "UUID"),
        ("abcdef01-1234-abcd-ef00-0123456789ab", "", "UUID"),
        ('L"x"', "", "STRING"),
        ("L'x'", "", "CHARACTER"),
        ("1.5", "", "REAL"),
        ("1e5", "", "REAL"),
        ("0x1e5", "", "NUMBER"),
        ("@", "", "`@`"),
    ],
)
def test_word_is_what_its_place_and_the_words_behind_it_make_it(text: str, accepts: str, type_: str) -> None:
    assert first(text, accepts)[0] == type_


@pytest.mark.parametrize(
    ("text", "type_"),
    [("long byte ;", "IDENT"), ("long byte [", "IDENT"), ("long byte x", "BASE"), ("unsigned small ;", "BASE")],
)
def test_soft_type_is_a_name_where_one_ends_the_declarator(text: str, type_: str) -> None:
    terminals = Terminals(preprocessed(text))
    _, index = terminals.read(0, ())
    assert terminals.read(index, ("BASE", "IDENT"))[0].type == type_


@pytest.mark.parametrize(
    ("text", "accepts", "behind"),
    [
        ("cpp_quote ( a ( ) b ) c", "PRAGMA", 7),
        ("midl_pragma warning ( x ) y", "PRAGMA", 5),
        ("cpp_quote ;", "PRAGMA", 1),
    ],
)
def test_word_that_takes_its_parentheses_is_one_terminal(text: str, accepts: str, behind: int) -> None:
    assert first(text, accepts)[1] == behind


def test_parentheses_that_never_close_are_reported() -> None:
    with pytest.raises(Problem) as caught:
        first("cpp_quote ( a", "PRAGMA")
    assert caught.value.diagnostic.code == "E0106"


def test_attribute_keeps_its_arguments_as_text_up_to_a_length() -> None:
    token, behind = Terminals(preprocessed("size_is(a,\n *b (c) ) ]")).read(0, ("ATTRIBUTE",))
    assert (token.inside, behind) == ("a, *b (c)", 1)
    token, _ = Terminals(preprocessed(f"helpstring({'a ' * 1000})")).read(0, ("ATTRIBUTE",))
    assert len(token.inside) == MAX_ATTRIBUTE


def test_end_is_a_terminal_that_never_ends() -> None:
    assert first("a", index=1) == ("$END", 1)
    assert first("a", index=500) == ("$END", 500)


def test_little_more_than_a_window_is_held() -> None:
    count = 10 * WINDOW
    taken = 0

    def counted() -> Iterator[Word]:
        nonlocal taken
        for word in text.words:
            taken += 1
            yield word

    text = preprocessed("x ; " * count)
    terminals = Terminals(Text(counted(), text.source))
    index = 0
    while index < count:
        _, index = terminals.read(index, ())
        assert taken <= index + WINDOW
        assert terminals.at(max(0, index - WINDOW)).text in "x;"
    assert len(terminals._words) <= 4 * WINDOW


@pytest.mark.parametrize("before", ["", ")" * 500, "{ } " * 500])
def test_brackets_nest_up_to_a_depth_whatever_was_closed_before(before: str) -> None:
    Terminals(preprocessed(before + "(" * MAX_NESTING)).at(0)
    terminals = Terminals(preprocessed(before + "(" * (MAX_NESTING + 1)))
    with pytest.raises(Unreadable) as caught:
        terminals.at(5000)
    assert caught.value.diagnostic.code == "E0108"


def test_words_before_the_unreadable_place_are_read() -> None:
    text = "a b " + "(" * (MAX_NESTING + 1)
    terminals = Terminals(preprocessed(text))
    assert [terminals.at(index).text for index in range(2)] == ["a", "b"]
    for _ in range(2):
        with pytest.raises(Unreadable):
            terminals.at(len(text))


def test_depth_is_that_of_braces_before_the_word() -> None:
    terminals = Terminals(preprocessed("a { b ( { c } ) } d"))
    places = {terminals.at(index).text: terminals.depth(index) for index in range(10)}
    assert {name: places[name] for name in "abcd"} == {"a": 0, "b": 1, "c": 2, "d": 0}
