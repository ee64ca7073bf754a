"""From the grammar's rules to the nodes of `tree.py`, while lark parses.

Each method is called by lark with the values of a rule's parts. Where a word was written is asked of
the text that is being parsed, which travels in the context variable TEXT.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from lark import Token, Transformer

from .. import catalogue
from ..diagnostics import Span, problem
from . import literals, tree
from .preprocessor import Text

TEXT: Final[ContextVar[Text]] = ContextVar("TEXT")
"""The text that is being parsed."""

MAX_EXPRESSION: Final = 64
MAX_LEVELS: Final = 16
Values = list[Any]


@dataclass(frozen=True, slots=True)
class _Label:
    """`case e:`, or `default:` without a value."""

    word: Token
    value: tree.Expr | None


@dataclass(frozen=True, slots=True)
class _Lists:
    """The attributes before something."""

    attributes: tree.Attributes


@dataclass(frozen=True, slots=True)
class _Direct:
    """A name and its levels, from the name outwards."""

    name: Token
    levels: tuple[tree.Level, ...]


@dataclass(frozen=True, slots=True)
class _Suffixes:
    """The levels of a nameless parameter."""

    levels: tuple[tree.Level, ...]


@dataclass(frozen=True, slots=True)
class _Bounds:
    """`low..high`; high is None for `*`."""

    low: tree.Expr
    high: tree.Expr | None


def _span(token: Token) -> Span:
    return TEXT.get().span(token.start_pos or 0, len(token))


class TreeBuilder(Transformer[Token, Any]):
    """Makes the nodes; method names are those of the grammar's rules."""

    # Items

    def file(self, values: Values) -> list[tree.Item]:
        """All items of the file."""
        return _items(values)

    def nothing(self, values: Values) -> None:
        """What has no node: cpp_quote, forward declarations, empty slots."""

    def import_(self, values: Values) -> tree.Import:
        """import."""
        return tree.Import(tuple(values[0]))

    def strings_list(self, values: Values) -> Values:
        """The file names of an import."""
        return values

    def interface(self, values: Values) -> tree.Interface:
        """An interface with a body."""
        attributes, (_, name, *rest) = _attributes(values)
        base = None
        if rest and isinstance(rest[0], Token):
            base = tree.Name(_span(rest[0]), str(rest.pop(0)))
        return tree.Interface(_span(name), attributes, str(name), base, tuple(_items(rest)))

    def outside(self, values: Values) -> tree.Outside | None:
        """library, coclass, dispinterface, module."""
        if len(values) == 1 and not isinstance(values[0], Token):
            return values[0]  # type: ignore[no-any-return]
        _, (word, *_) = _attributes(values)
        return tree.Outside(_span(word), str(word))

    def coclass_member(self, values: Values) -> None:
        """Skipped with its coclass."""

    def dispatch(self, values: Values) -> None:
        """Skipped with its dispinterface."""

    def typedef(self, values: Values) -> tree.Typedef:
        """typedef: attributes may stand on either side of the word."""
        outer, (word, *rest) = _attributes(values)
        inner, (type_, *declarators) = _attributes(rest)
        return tree.Typedef(_span(word), (*outer, *inner), *_split(type_, declarators))

    def declaration(self, values: Values) -> tree.Declaration:
        """A type alone, or an operation."""
        attributes, (type_, *declarators) = _attributes(values)
        return tree.Declaration(type_.span, attributes, *_split(type_, declarators))

    def constant(self, values: Values) -> tree.Declaration:
        """const."""
        attributes, (type_, declarator, value) = _attributes(values)
        return tree.Declaration(type_.span, attributes, type_, (declarator,), value)

    def braces(self, values: Values) -> Any:
        """`{ 1, 2 }` as the value of a constant."""
        raise problem(catalogue.UNSUPPORTED, values[0].span, what="a constant array")

    # Attributes

    def attributes(self, values: Values) -> _Lists:
        """All lists in a row are one set."""
        return _Lists(tuple(attribute for values_ in values for attribute in values_))

    def attribute_list(self, values: Values) -> Values:
        """One pair of brackets; empty places vanish."""
        return [value for value in values if value is not None]

    def attribute(self, values: Values) -> tree.Attribute:
        """`[name]`."""
        return tree.Attribute(_span(values[0]), str(values[0]), None)

    def attribute_with_slots(self, values: Values) -> tree.Attribute:
        """`[name(a, , b)]`."""
        return tree.Attribute(_span(values[0]), str(values[0]), tuple(values[1:]))

    def attribute_uuid(self, values: Values) -> tree.Attribute:
        """`[uuid(...)]`."""
        text = str(values[1])
        return tree.Attribute(_span(values[0]), str(values[0]), (tree.Uuid(_span(values[1]), text.strip('L"')),))

    def attribute_name(self, values: Values) -> Token:
        """A word or keyword."""
        return values[0]  # type: ignore[no-any-return]

    def slot_type(self, values: Values) -> tree.Words | tree.Tagged:
        """A type in a slot, as in switch_type(long)."""
        return values[0]  # type: ignore[no-any-return]

    def slot_tag(self, values: Values) -> tree.Tagged:
        """`switch_type(enum E)`."""
        return self.tagged(values)

    # Types

    def type(self, values: Values) -> tree.TypeSpec:
        """A type; its qualifiers say nothing to the wire."""
        return values[-1]  # type: ignore[no-any-return]

    def base(self, values: Values) -> tree.Words:
        """A base type."""
        return values[0]  # type: ignore[no-any-return]

    def base_words(self, values: Values) -> tree.Words:
        """`unsigned long`."""
        words = tuple(str(value) for value in values if isinstance(value, Token))
        return tree.Words(_span(values[0]), words)

    def qualifier(self, values: Values) -> None:
        """const, volatile ... have no effect."""

    def named(self, values: Values) -> tree.Named:
        """A typedef name."""
        return tree.Named(_span(values[0]), str(values[0]))

    def tagged(self, values: Values) -> tree.Tagged:
        """`struct X`."""
        return tree.Tagged(_span(values[1]), str(values[0]), str(values[1]))

    def foreign(self, values: Values) -> tree.Foreign:
        """pipe, SAFEARRAY, interface as a type."""
        return tree.Foreign(_span(values[0]), str(values[0]))

    def struct(self, values: Values) -> tree.Struct:
        """A structure's body."""
        word, tag, rest = _tag(values)
        return tree.Struct(_span(tag or word), tag and str(tag), tuple(rest))

    def union(self, values: Values) -> tree.PlainUnion:
        """A union's body."""
        word, tag, rest = _tag(values)
        return tree.PlainUnion(_span(tag or word), tag and str(tag), _arms(rest))

    def switch_union(self, values: Values) -> tree.SwitchUnion:
        """An encapsulated union."""
        word, tag, (_, type_, selector, *rest) = _tag(values)
        name = str(rest.pop(0)) if rest and isinstance(rest[0], Token) else None
        return tree.SwitchUnion(_span(tag or word), tag and str(tag), type_, str(selector), name, _arms(rest))

    def enum(self, values: Values) -> tree.Enum:
        """An enumeration's body."""
        word, tag, rest = _tag(values)
        return tree.Enum(_span(tag or word), tag and str(tag), tuple(rest))

    def enumerator(self, values: Values) -> tree.Enumerator:
        """A name, perhaps with a value."""
        attributes, (name, *value) = _attributes(values)
        return tree.Enumerator(_span(name), attributes, str(name), value[0] if value else None)

    def field(self, values: Values) -> tree.Member:
        """A line of a structure."""
        attributes, (type_, *declarators) = _attributes(values)
        return tree.Member(type_.span, attributes, *_split(type_, declarators))

    def arm(self, values: Values) -> tree.Arm:
        """A line of a union."""
        labels = _labels(values)
        attributes, (type_, *declarators) = _attributes(values[len(labels) :])
        return tree.Arm(type_.span, labels, attributes, *_split(type_, declarators))

    def empty_arm(self, values: Values) -> tree.Arm:
        """An arm without data."""
        labels = _labels(values)
        attributes, _ = _attributes(values[len(labels) :])
        spans = [found.span for found in (*attributes, *labels) if found is not None]
        return tree.Arm(spans[0] if spans else _span(_labels_word(values)), labels, attributes, None, ())

    def label(self, values: Values) -> _Label:
        """`case e:` or `default:`."""
        return _Label(values[0], values[1] if len(values) > 1 else None)

    # Declarators

    def declarators(self, values: Values) -> tuple[tree.Declarator, ...]:
        """A list of them."""
        return tuple(values)

    field_declarators = declarators

    def declarator(self, values: Values) -> tree.Declarator:
        """Stars before a name: they come after the suffixes, counted from the name."""
        *stars, direct = values
        return _declarator(direct.name, (*direct.levels, *stars))

    def field_declarator(self, values: Values) -> tree.Declarator:
        """A declarator, perhaps a bit-field."""
        first: tree.Declarator = values[0]
        if len(values) == 1:
            return first
        return tree.Declarator(first.span, first.name, first.levels, values[1])

    def star(self, values: Values) -> tree.Star:
        """A pointer."""
        return tree.Star()

    def direct(self, values: Values) -> _Direct:
        """A name with its suffixes."""
        return _Direct(values[0], tuple(values[1:]))

    def nested(self, values: Values) -> _Direct:
        """`(*name)` with its suffixes."""
        index = next(i for i, value in enumerate(values) if isinstance(value, _Direct))
        inner: _Direct = values[index]
        stars = [value for value in values[:index] if isinstance(value, tree.Star)]
        return _Direct(inner.name, (*inner.levels, *stars, *values[index + 1 :]))

    def array(self, values: Values) -> tree.Bound:
        """`[...]`."""
        bracket, bound = values
        if isinstance(bound, _Bounds):
            return tree.Bound(_span(bracket), bound.high, bound.low)
        return tree.Bound(_span(bracket), bound)

    def bounds(self, values: Values) -> _Bounds:
        """`low..high`."""
        return _Bounds(values[0], values[2])

    def function(self, values: Values) -> tree.Parameters:
        """`(...)`."""
        bracket, *parameters = values
        return tree.Parameters(_span(bracket), tuple(parameters[0]) if parameters else ())

    def parameters(self, values: Values) -> list[tree.Parameter]:
        """A list of them."""
        for value in values:
            if isinstance(value, Token):
                raise problem(catalogue.UNSUPPORTED, _span(value), what="a variable number of parameters")
        return values

    def parameter(self, values: Values) -> tree.Parameter:
        """A parameter, perhaps without a name."""
        attributes, (type_, *rest) = _attributes(values)
        if rest and isinstance(rest[-1], tree.Declarator):
            declarator = rest[-1]
        else:
            suffixes = rest[-1].levels if rest and isinstance(rest[-1], _Suffixes) else ()
            stars = [value for value in rest if isinstance(value, tree.Star)]
            declarator = tree.Declarator(type_.span, None, (*suffixes, *stars))
        type_, (declarator,) = _split(type_, [(declarator,)])
        return tree.Parameter(declarator.span, attributes, type_, declarator)

    def abstract(self, values: Values) -> _Suffixes:
        """The suffixes of a nameless parameter."""
        return _Suffixes(tuple(values))

    # Expressions

    def number(self, values: Values) -> tree.Number:
        """An integer."""
        span, text = _span(values[0]), str(values[0])
        return tree.Number(span, literals.integer(text, span), text)

    def real(self, values: Values) -> tree.Real:
        """A floating-point number."""
        return tree.Real(_span(values[0]), str(values[0]))

    def character(self, values: Values) -> tree.Number:
        """A character: its code."""
        span, text = _span(values[0]), str(values[0])
        return tree.Number(span, literals.character(text, span), text)

    def string(self, values: Values) -> tree.Text:
        """Adjacent strings are one."""
        return tree.Text(_span(values[0]), "".join(literals.string(str(value), _span(value)) for value in values))

    def truth(self, values: Values) -> tree.Number:
        """TRUE, FALSE."""
        return tree.Number(_span(values[0]), int(values[0] == "TRUE"), str(values[0]))

    def null(self, values: Values) -> tree.Null:
        """NULL."""
        return tree.Null(_span(values[0]))

    def name(self, values: Values) -> tree.Name:
        """An identifier."""
        return tree.Name(_span(values[0]), str(values[0]))

    def unary(self, values: Values) -> tree.Unary:
        """An operator before its operand."""
        return tree.Unary(_span(values[0]), str(values[0]), values[1], _deeper(_span(values[0]), values[1]))

    def binary(self, values: Values) -> tree.Binary:
        """An operator between its operands."""
        left, operator, right = values
        return tree.Binary(left.span, str(operator), left, right, _deeper(left.span, left, right))

    def conditional(self, values: Values) -> tree.Conditional:
        """`a ? b : c`."""
        condition, then, otherwise = (value for value in values if not isinstance(value, Token))
        depth = _deeper(condition.span, condition, then, otherwise)
        return tree.Conditional(condition.span, condition, then, otherwise, depth)

    def sizeof(self, values: Values) -> tree.SizeOf:
        """sizeof."""
        word, *parts = values
        stars = sum(isinstance(part, tree.Star) for part in parts)
        return tree.SizeOf(_span(word), _type_name(parts[: len(parts) - stars]), stars)

    def cast(self, values: Values) -> tree.Cast:
        """A cast."""
        type_ = _type_name(values[:1])
        return tree.Cast(type_.span, type_, values[-1], _deeper(type_.span, values[-1]))


def _items(values: Values) -> list[tree.Item]:
    return [value for value in values if value is not None]


def _attributes(values: Values) -> tuple[tree.Attributes, Values]:
    if not values or not isinstance(values[0], _Lists):
        return (), values
    return values[0].attributes, values[1:]


def _labels(values: Values) -> tuple[tree.Expr | None, ...]:
    return tuple(value.value for value in values if isinstance(value, _Label))


def _labels_word(values: Values) -> Token:
    return next(value.word for value in values if isinstance(value, _Label))


def _split(type_: Any, rest: Values) -> tuple[Any, tuple[tree.Declarator, ...]]:
    """The type and its declarators. `long byte;` names the field `byte`, a word that is also a type."""
    declarators: tuple[tree.Declarator, ...] = rest[0] if rest else ()
    if isinstance(declarators, tree.Declarator):
        declarators = (declarators,)
    nameless = not declarators or (len(declarators) == 1 and not declarators[0].name and not declarators[0].levels)
    if isinstance(type_, tree.Words) and nameless and len(type_.words) > 1 and type_.words[-1] in _SOFT:
        *words, name = type_.words
        return tree.Words(type_.span, tuple(words)), (tree.Declarator(type_.span, name, ()),)
    return type_, declarators


_SOFT: Final = frozenset(("byte", "boolean", "small", "hyper", "wchar_t", "error_status_t", "handle_t"))
"""Type words that files use as names, or define again."""


def _tag(values: Values) -> tuple[Token, Token | None, Values]:
    word, *rest = values
    if rest and isinstance(rest[0], Token) and rest[0].type == "IDENT":
        return word, rest[0], rest[1:]
    return word, None, rest


def _arms(values: Values) -> tuple[tree.Arm, ...]:
    return tuple(value for value in values if value is not None)


def _declarator(name: Token, levels: tuple[tree.Level, ...]) -> tree.Declarator:
    if len(levels) > MAX_LEVELS:
        raise problem(catalogue.DECLARATOR_TOO_DEEP, _span(name), limit=MAX_LEVELS)
    return tree.Declarator(_span(name), str(name), levels)


def _deeper(span: Span, *operands: Any) -> int:
    depth = 1 + max(getattr(operand, "depth", 0) for operand in operands)
    if depth > MAX_EXPRESSION:
        raise problem(catalogue.EXPRESSION_TOO_DEEP, span, limit=MAX_EXPRESSION)
    return depth


def _type_name(parts: Values) -> tree.Words | tree.Named | tree.Tagged:
    if len(parts) == 2:
        return tree.Tagged(_span(parts[1]), str(parts[0]), str(parts[1]))
    if isinstance(parts[0], Token):
        return tree.Named(_span(parts[0]), str(parts[0]))
    return parts[0]  # type: ignore[no-any-return]
