"""From the grammar's rules to the nodes of `tree.py`, while the parser reads.

Each method is called with the values of a rule's parts; `expressions.py` and `acf.py` have the rest of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from .. import catalogue
from ..diagnostics import problem
from . import tree
from .acf import AcfBuilder
from .expressions import ExpressionBuilder
from .parts import Bounds, Direct, Label, Lists, Pair, Suffixes, Values, attributed, present
from .terminals import Token

MAX_LEVELS: Final = 16
_UUIDS: Final = frozenset(("uuid", "async_uuid"))


class TreeBuilder(ExpressionBuilder, AcfBuilder):
    """Makes the nodes; method names are those of the grammar's rules."""

    # Items

    def file(self, values: Values) -> list[tree.Item]:
        """All items of the file."""
        return present(values)

    def nothing(self, values: Values) -> None:
        """What has no node: cpp_quote, forward declarations, empty slots."""

    def import_(self, values: Values) -> tree.Import:
        """import."""
        return tree.Import(tuple(values[1]))

    def strings_list(self, values: Values) -> Values:
        """The file names of an import."""
        return values

    def interface(self, values: Values) -> tree.Interface:
        """An interface with a body."""
        attributes, (_, name, *rest) = attributed(values)
        base = None
        if rest and isinstance(rest[0], Token):
            base = tree.Name(rest[0].span, rest.pop(0).text)
        return tree.Interface(name.span, attributes, name.text, base, tuple(present(rest)))

    def import_library(self, values: Values) -> tree.ImportLibrary:
        """importlib."""
        word, file = values
        return tree.ImportLibrary(word.span, file)

    def forward(self, values: Values) -> tree.Forward:
        """`interface A, B;`."""
        _, (word, *names) = attributed(values)
        return tree.Forward(word.span, word.text, tuple(tree.Name(name.span, name.text) for name in names))

    def library(self, values: Values) -> tree.Library:
        """library."""
        attributes, (_, name, *items) = attributed(values)
        return tree.Library(name.span, attributes, name.text, tuple(present(items)))

    def coclass(self, values: Values) -> tree.Coclass:
        """coclass."""
        attributes, (_, name, *members) = attributed(values)
        return tree.Coclass(name.span, attributes, name.text, tuple(members))

    def coclass_member(self, values: Values) -> tree.CoclassMember:
        """`interface IFoo;`."""
        attributes, (word, name) = attributed(values)
        return tree.CoclassMember(name.span, attributes, word.text, name.text)

    def dispinterface(self, values: Values) -> tree.Dispinterface:
        """dispinterface."""
        attributes, (_, name, (interface, properties, methods)) = attributed(values)
        return tree.Dispinterface(name.span, attributes, name.text, interface, properties, methods)

    def dispatch_of(self, values: Values) -> Values:
        """A dispinterface that is another interface's."""
        return [tree.Name(values[1].span, values[1].text), (), ()]

    def dispatch(self, values: Values) -> Values:
        """A dispinterface with properties and methods."""
        properties, methods = values
        return [None, properties, methods]

    def properties(self, values: Values) -> tuple[tree.Member, ...]:
        """Of a dispinterface."""
        return tuple(value for value in values if isinstance(value, tree.Member))

    def methods(self, values: Values) -> tuple[tree.Declaration, ...]:
        """Of a dispinterface."""
        return tuple(value for value in values if isinstance(value, tree.Declaration))

    def module(self, values: Values) -> tree.Module:
        """module."""
        attributes, (_, name, *items) = attributed(values)
        return tree.Module(name.span, attributes, name.text, tuple(present(items)))

    def typedef(self, values: Values) -> tree.Typedef:
        """typedef: attributes may stand on either side of the word."""
        outer, (word, *rest) = attributed(values)
        inner, (type_, *declarators) = attributed(rest)
        return tree.Typedef(word.span, (*outer, *inner), type_, _all(declarators))

    def declaration(self, values: Values) -> tree.Declaration:
        """A type alone, or an operation."""
        attributes, (type_, *declarators) = attributed(values)
        return tree.Declaration(type_.span, attributes, type_, _all(declarators))

    def constant(self, values: Values) -> tree.Declaration:
        """const."""
        attributes, (type_, declarator, value) = attributed(values)
        return tree.Declaration(type_.span, attributes, type_, (declarator,), value)

    def braces(self, values: Values) -> tree.Braces:
        """`{ 1, 2 }` as the value of a constant; braces within it count for what they hold."""
        bracket, *written = values
        flat = [one for value in written for one in (value.values if isinstance(value, tree.Braces) else (value,))]
        return tree.Braces(bracket.span, tuple(flat))

    # Attributes

    def attributes(self, values: Values) -> Lists:
        """All lists in a row are one set."""
        return Lists(tuple(attribute for values_ in values for attribute in values_))

    def attribute_list(self, values: Values) -> Values:
        """One pair of brackets; empty places vanish."""
        return present(values)

    def attribute(self, values: Values) -> tree.Attribute:
        """`[name]`."""
        return tree.Attribute(values[0].span, values[0].text, None)

    def attribute_with_slots(self, values: Values) -> tree.Attribute:
        """`[name(a, , b)]`."""
        name, *written = values
        slots = tuple(slot for value in written for slot in _slots(value))
        if name.text in _UUIDS:
            slots = (_uuid(slots, name),)
        return tree.Attribute(name.span, name.text, slots, name.inside)

    def uuid(self, values: Values) -> tree.Uuid:
        """A uuid."""
        return tree.Uuid(values[0].span, values[0].text)

    def slot_type(self, values: Values) -> tree.Words | tree.Tagged:
        """A type in a slot, as in switch_type(long)."""
        return values[0]  # type: ignore[no-any-return]

    def slot_tag(self, values: Values) -> tree.Tagged:
        """`switch_type(enum E)`."""
        return self.tagged(values)

    def slot_pointer(self, values: Values) -> tree.Name:
        """`transmit_as(FOO *)`."""
        return self.name(values)

    def slot_pair(self, values: Values) -> Pair:
        """`implicit_handle(handle_t h)`."""
        first, second = values
        return Pair(self.name([first]) if isinstance(first, Token) else first, self.name([second]))

    # Types

    def type(self, values: Values) -> tree.TypeSpec:
        """A type; its qualifiers say nothing to the wire."""
        return values[-1]  # type: ignore[no-any-return]

    def base(self, values: Values) -> tree.Words:
        """A base type."""
        return values[0]  # type: ignore[no-any-return]

    def base_words(self, values: Values) -> tree.Words:
        """`unsigned long`."""
        words = tuple(value.text for value in values if isinstance(value, Token))
        return tree.Words(values[0].span, words)

    def qualifier(self, values: Values) -> None:
        """const, volatile ... have no effect."""

    def named(self, values: Values) -> tree.Named:
        """A typedef name."""
        return tree.Named(values[0].span, values[0].text)

    def tagged(self, values: Values) -> tree.Tagged:
        """`struct X`."""
        return tree.Tagged(values[1].span, values[0].text, values[1].text)

    def interface_type(self, values: Values) -> tree.InterfaceType:
        """`interface IFoo` as a type."""
        return tree.InterfaceType(values[1].span, values[1].text)

    def pipe(self, values: Values) -> tree.Pipe:
        """pipe T."""
        return tree.Pipe(values[0].span, values[1])

    def safearray(self, values: Values) -> tree.SafeArray:
        """SAFEARRAY(T)."""
        word, type_, *stars = values
        return tree.SafeArray(word.span, type_, len(stars))

    def struct(self, values: Values) -> tree.Struct:
        """A structure's body."""
        word, tag, rest = _tag(values)
        return tree.Struct((tag or word).span, tag and tag.text, tuple(present(rest)))

    def union(self, values: Values) -> tree.PlainUnion:
        """A union's body."""
        word, tag, rest = _tag(values)
        return tree.PlainUnion((tag or word).span, tag and tag.text, tuple(present(rest)))

    def switch_union(self, values: Values) -> tree.SwitchUnion:
        """An encapsulated union."""
        word, tag, (_, type_, selector, *rest) = _tag(values)
        name = rest.pop(0).text if rest and isinstance(rest[0], Token) else None
        return tree.SwitchUnion((tag or word).span, tag and tag.text, type_, selector.text, name, tuple(present(rest)))

    def enum(self, values: Values) -> tree.Enum:
        """An enumeration's body."""
        word, tag, (members,) = _tag(values)
        return tree.Enum((tag or word).span, tag and tag.text, members)

    def bitmap(self, values: Values) -> tree.Bitmap:
        """A bitmap's body."""
        word, tag, (members,) = _tag(values)
        return tree.Bitmap((tag or word).span, tag and tag.text, members)

    def enumerators(self, values: Values) -> tuple[tree.Enumerator, ...]:
        """A list of them."""
        return tuple(present(values))

    def enumerator(self, values: Values) -> tree.Enumerator:
        """A name, perhaps with a value."""
        attributes, (name, *value) = attributed(values)
        return tree.Enumerator(name.span, attributes, name.text, value[0] if value else None)

    def field(self, values: Values) -> tree.Member:
        """A line of a structure."""
        attributes, (type_, *declarators) = attributed(values)
        return tree.Member(type_.span, attributes, type_, _all(declarators))

    def arm(self, values: Values) -> tree.Arm:
        """A line of a union."""
        labels = _labels(values)
        attributes, (type_, *declarators) = attributed(values[len(labels) :])
        return tree.Arm(type_.span, labels, attributes, type_, _all(declarators))

    def empty_arm(self, values: Values) -> tree.Arm:
        """An arm without data."""
        labels = _labels(values)
        attributes, _ = attributed(values[len(labels) :])
        spans = [found.span for found in (*attributes, *labels) if found is not None]
        return tree.Arm(spans[0] if spans else _labels_word(values).span, labels, attributes, None, ())

    def label(self, values: Values) -> Label:
        """`case e:` or `default:`."""
        return Label(values[0], values[1] if len(values) > 1 else None)

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
        first = values[0]
        if isinstance(first, Token):
            return tree.Declarator(first.span, None, (), values[1])
        return first if len(values) == 1 else tree.Declarator(first.span, first.name, first.levels, values[1])

    def star(self, values: Values) -> tree.Star:
        """A pointer."""
        return tree.Star()

    def direct(self, values: Values) -> Direct:
        """A name with its suffixes."""
        return Direct(values[0], tuple(values[1:]))

    def nested(self, values: Values) -> Direct:
        """`(*name)` with its suffixes."""
        index = next(i for i, value in enumerate(values) if isinstance(value, Direct))
        inner: Direct = values[index]
        stars = [value for value in values[:index] if isinstance(value, tree.Star)]
        return Direct(inner.name, (*inner.levels, *stars, *values[index + 1 :]))

    def array(self, values: Values) -> tree.Bound:
        """`[...]`."""
        bracket, bound = values
        if isinstance(bound, Bounds):
            return tree.Bound(bracket.span, bound.high, bound.low)
        return tree.Bound(bracket.span, bound)

    def bounds(self, values: Values) -> Bounds:
        """`low..high`."""
        low, _, high = values
        return Bounds(low, high)

    def function(self, values: Values) -> tree.Parameters:
        """`(...)`."""
        bracket, *rest = values
        parameters: Values = rest[0] if rest else []
        found = tuple(value for value in parameters if isinstance(value, tree.Parameter))
        variadic = bool(parameters) and isinstance(parameters[-1], Token)
        return tree.Parameters(bracket.span, found, variadic)

    def parameters(self, values: Values) -> Values:
        """A list of them."""
        return values

    def parameter(self, values: Values) -> tree.Parameter:
        """A parameter, perhaps without a name."""
        attributes, (type_, *rest) = attributed(values)
        if rest and isinstance(rest[-1], tree.Declarator):
            declarator = rest[-1]
        else:
            suffixes = rest[-1].levels if rest and isinstance(rest[-1], Suffixes) else ()
            stars = [value for value in rest if isinstance(value, tree.Star)]
            declarator = tree.Declarator(type_.span, None, (*suffixes, *stars))
        return tree.Parameter(declarator.span, attributes, type_, declarator)

    def abstract(self, values: Values) -> Suffixes:
        """The suffixes of a nameless parameter."""
        return Suffixes(tuple(values))

    def abstract_nested(self, values: Values) -> Suffixes:
        """`(*)(long)`: stars and suffixes of a nameless parameter."""
        return Suffixes(tuple(present(values)))


def _labels(values: Values) -> tuple[tree.Expr | None, ...]:
    return tuple(value.value for value in values if isinstance(value, Label))


def _labels_word(values: Values) -> Token:
    return next(value.word for value in values if isinstance(value, Label))


def _tag(values: Values) -> tuple[Token, Token | None, Values]:
    word, *rest = values
    if rest and isinstance(rest[0], Token) and rest[0].type == "IDENT":
        return word, rest[0], rest[1:]
    return word, None, rest


def _all(declarators: Sequence[Any]) -> tuple[tree.Declarator, ...]:
    """A rule's declarators: one part, or none."""
    if not declarators:
        return ()
    return (declarators[0],) if isinstance(declarators[0], tree.Declarator) else declarators[0]


def _slots(value: Any) -> tuple[tree.Slot, ...]:
    return (value.first, value.second) if isinstance(value, Pair) else (value,)


def _uuid(slots: tuple[tree.Slot, ...], name: Token) -> tree.Uuid:
    """The slot of [uuid], quoted or not."""
    match slots:
        case (tree.Uuid() as uuid,):
            return uuid
        case (tree.Text(span, text),):
            return tree.Uuid(span, text.strip("{}"))
        case _:
            at = next((slot.span for slot in slots if slot is not None), name.span)
            raise problem(catalogue.SYNTAX, at, found=f"`{name.inside[:40]}`", expected="a string or a uuid")


def _declarator(name: Token, levels: tuple[tree.Level, ...]) -> tree.Declarator:
    if len(levels) > MAX_LEVELS:
        raise problem(catalogue.DECLARATOR_TOO_DEEP, name.span, limit=MAX_LEVELS)
    return tree.Declarator(name.span, name.text, levels)
