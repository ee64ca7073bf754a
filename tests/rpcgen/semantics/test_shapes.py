"""Base types: every way to write an integer, and what shapes are called in messages."""

from __future__ import annotations

import itertools

import pytest

from lrpc.rpcgen import model
from lrpc.rpcgen.diagnostics import Diagnostic, Problem, Source, Span
from lrpc.rpcgen.semantics.shapes import (
    INTEGERS,
    RANGES,
    SIZES,
    STRING_UNITS,
    Draft,
    InterfaceRef,
    Level,
    Shape,
    Special,
    Stream,
    base_of,
    is_integer,
    tag_of,
)
from lrpc.rpcgen.syntax import tree

AT = Span(Source("a.idl", "text"), 0)
LONG = model.Scalar(word="Long")


def base(*words: str, report: list[Diagnostic] | None = None) -> model.Scalar | Special:
    return base_of(tree.Words(AT, words), [] if report is None else report)


@pytest.mark.parametrize(
    ("words", "word"),
    [
        ("int", "Long"),
        ("long", "Long"),
        ("long int", "Long"),
        ("unsigned", "ULong"),
        ("signed", "Long"),
        ("unsigned long int", "ULong"),
        ("short int", "Short"),
        ("unsigned small", "USmall"),
        ("hyper int", "Hyper"),
        ("unsigned long long", "UHyper"),
        ("long long int", "Hyper"),
        ("__int8", "Small"),
        ("unsigned __int16", "UShort"),
        ("__int32", "Long"),
        ("unsigned __int64", "UHyper"),
        ("unsigned __int3264", "UInt3264"),
        ("char", "Char"),
        ("unsigned char", "Char"),
        ("signed char", "Small"),
        ("wchar_t", "WChar"),
        ("error_status_t", "ErrorStatus"),
        ("double", "Double"),
    ],
)
def test_words_of_c_in_any_order_are(words: str, word: str) -> None:
    for order in itertools.permutations(words.split()):
        assert base(*order) == model.Scalar(word=word)


@pytest.mark.parametrize("words", ["void", "handle_t"])
def test_words_without_a_form_on_the_wire_are_special(words: str) -> None:
    assert base(words) is Special(words)


@pytest.mark.parametrize(
    "words", ["unsigned signed long", "short hyper", "unsigned void", "long double", "char wchar_t"]
)
def test_words_are_no_type(words: str) -> None:
    with pytest.raises(Problem) as raised:
        base(*words.split())
    assert raised.value.diagnostic.code == "E0202"


@pytest.mark.parametrize("words", ["unsigned wchar_t", "unsigned byte", "signed byte", "unsigned boolean"])
def test_sign_without_meaning_is_a_warning(words: str) -> None:
    report: list[Diagnostic] = []
    base(*words.split(), report=report)
    assert [one.code for one in report] == ["W0207"]


def draft(kind: str, name: str = "x") -> Draft:
    return Draft(f"{name}#1", kind, name, AT, AT.source, [])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        (Shape(LONG), "Long"),
        (Shape(LONG, (Level(True),)), "a pointer"),
        (Shape(LONG, (Level(False),)), "an array"),
        (Shape(model.Guid()), "a GUID"),
        (Shape(Special.FUNCTION), "a function"),
        (Shape(draft("switch_union")), "switch union x"),
        (Shape(InterfaceRef("IFoo")), "interface IFoo"),
        (Shape(Stream(Shape(LONG))), "a pipe"),
    ],
)
def test_shape_is_called(shape: Shape, text: str) -> None:
    assert shape.spoken() == text


def test_tag_is_an_integer_or_an_enumeration() -> None:
    assert tag_of(Shape(LONG), AT) == LONG
    assert tag_of(Shape(model.Scalar(word="HResult")), AT) == LONG
    assert tag_of(Shape(draft("enum")), AT) == model.Defined(key="x#1")
    for shape in (Shape(LONG, (Level(True),)), Shape(draft("struct")), Shape(model.Scalar(word="Float"))):
        with pytest.raises(Problem, match="cannot select"):
            tag_of(shape, AT)


def test_enumerations_and_integers_count() -> None:
    assert is_integer(draft("enum"))
    assert is_integer(LONG)
    assert not is_integer(draft("struct"))
    assert not is_integer(model.Scalar(word="Double"))


def test_tables_know_the_same_integers() -> None:
    assert set(SIZES) >= set(INTEGERS)
    assert set(STRING_UNITS.values()) == {"Char", "WChar", "Byte"}
    assert all(lowest < highest for lowest, highest in RANGES.values())
