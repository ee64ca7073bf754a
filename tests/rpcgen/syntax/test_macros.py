"""Macros: their definition, their expansion as in C 6.10.3, and what keeps it bounded."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.diagnostics import Problem, Source, Span
from lrpc.rpcgen.syntax.macros import MAX_ARGUMENT_DEPTH, MAX_IN_ALL, MAX_PRODUCED, Budget, Macros, define, expand
from lrpc.rpcgen.syntax.words import MAX_WORDS, Word, scan

AT = Span(Source("a.idl", "text"), 0)


def words(text: str) -> list[Word]:
    return [*scan(Source("a.idl", text))]


def macros(*definitions: str) -> Macros:
    return {macro.name: macro for macro in (define(AT, words(one)) for one in definitions)}


def expanded(text: str, *definitions: str, budget: Budget | None = None) -> list[str]:
    return [word.text for word in expand(words(text), macros(*definitions), budget or Budget())]


@pytest.mark.parametrize(
    ("definition", "parameters", "body"),
    [
        ("A", None, []),
        ("A (x) y", None, ["(", "x", ")", "y"]),
        ("A(x) y", ("x",), ["y"]),
        ("A() y", (), ["y"]),
        ("A(x, y)", ("x", "y"), []),
    ],
)
def test_parenthesis_without_a_space_makes_parameters(
    definition: str, parameters: tuple[str, ...] | None, body: list[str]
) -> None:
    macro = define(AT, words(definition))
    assert (macro.name, macro.parameters, [word.text for word in macro.body]) == ("A", parameters, body)


@pytest.mark.parametrize("text", ["", "1", "A(x", "A(x,)", "A(x x)", "A(x, x)", "A(,x y)", "A(1)", "A(x;y)"])
def test_definition_without_a_form_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        define(AT, words(text))
    assert caught.value.diagnostic.code == "E0109"


def test_definition_is_the_same_whatever_its_spaces() -> None:
    first = define(AT, words("A(x) x + 1"))
    assert first.same(define(AT, words("A( x )  x+1")))
    assert not first.same(define(AT, words("A(y) x + 1")))
    assert not first.same(define(AT, words("A(x) x + 2")))


@pytest.mark.parametrize(
    ("text", "definitions", "result"),
    [
        ("A", ["A B", "B C A"], "C A"),
        ("f", ["f(x) x"], "f"),
        ("f (1)", ["f(x) [x]"], "[ 1 ]"),
        ("g(2)", ["g f", "f(x) [x]"], "[ 2 ]"),
        ("f((1, 2), 3)", ["f(x, y) y x"], "3 ( 1 , 2 )"),
        ("f()", ["f(x) [x]"], "[ ]"),
        ("f(f(1))", ["f(x) [x]"], "[ [ 1 ] ]"),
        ("f(A)", ["f(x) x #x x##1", "A 5"], '5 "A" A1'),
        ("f(a  b)", ["f(x) #x"], '"a b"'),
        ('f("a\\n")', ["f(x) #x"], '"\\"a\\\\n\\""'),
        ("f(A, B) AB", ["f(x, y) x##y", "AB 7"], "7 7"),
        ("f(,2)", ["f(x, y) 1 + x##y"], "1 + 2"),
        ("f(1,)", ["f(x, y) x##y + 2"], "1 + 2"),
        ("[f(,)]", ["f(x, y) x##y"], "[ ]"),
    ],
)
def test_words_are_expanded_as_in_c(text: str, definitions: list[str], result: str) -> None:
    assert " ".join(expanded(text, *definitions)) == result


@pytest.mark.parametrize(
    ("text", "code"), [("f(1, 2)", "E0112"), ("n(1)", "E0112"), ("f(1", "E0106"), ("f((1)", "E0106")]
)
def test_arguments_are_as_many_as_the_parameters(text: str, code: str) -> None:
    assert expanded("f() n()", "f(x) x", "n() 1") == ["1"]
    with pytest.raises(Problem) as caught:
        expanded(text, "f(x) x", "n() 1")
    assert caught.value.diagnostic.code == code


def test_word_stands_where_the_macro_is_used_and_knows_where_it_was_written() -> None:
    (word,) = expand(words("  A"), macros("A B", "B 1"), Budget())
    assert (word.span.start, word.span.length) == (2, 1)
    inner = word.span.expansion
    assert inner is not None
    assert inner.outer is not None
    assert (inner.macro, inner.outer.macro) == ("B", "A")


def test_arguments_nest_up_to_a_depth() -> None:
    calls = MAX_ARGUMENT_DEPTH + 1
    assert expanded("f(" * calls + "1" + ")" * calls, "f(x) x") == ["1"]
    with pytest.raises(Problem) as caught:
        expanded("f(" * (calls + 1) + "1" + ")" * (calls + 1), "f(x) x")
    assert caught.value.diagnostic.code == "E0113"


def test_words_out_of_macros_are_bounded_by_those_that_are_read() -> None:
    budget = Budget(produced=3, granted=3)
    assert expanded("A", "A 1 2", budget=budget) == ["1", "2"]
    budget.read(1, AT)
    assert (budget.produced, budget.granted) == (8, 11)
    with pytest.raises(Problem, match="more than 11 words"):
        expanded("A A A", "A 1 2", budget=budget)


def test_grant_for_words_that_are_read_ends_somewhere() -> None:
    budget = Budget()
    budget.read(MAX_WORDS, AT)
    assert budget.granted == budget.produced == MAX_IN_ALL > MAX_PRODUCED
    with pytest.raises(Problem) as caught:
        budget.read(1, AT)
    assert caught.value.diagnostic.code == "E0107"


def test_long_words_cost_more() -> None:
    short, long = Budget(), Budget()
    short.produce(words("a"), AT)
    long.produce(words('"' + "a" * 640 + '"'), AT)
    assert short.produced - long.produced == 10


def test_characters_of_includes_are_bounded() -> None:
    budget = Budget(characters=10)
    budget.scan(10, AT)
    with pytest.raises(Problem):
        budget.scan(1, AT)


def test_words_are_expanded_as_they_are_asked_for() -> None:
    taken: list[str] = []

    def reading() -> object:
        for word in words("A f(1) 2 3"):
            taken.append(word.text)
            yield word

    made = expand(reading(), macros("A 1", "f(x) x"), Budget())  # type: ignore[arg-type]
    assert [next(made).text for _ in range(2)] == ["1", "1"]
    assert taken == ["A", "f", "(", "1", ")"]
