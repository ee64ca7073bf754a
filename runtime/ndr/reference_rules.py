"""What the reference reader and writer both go by: sizes, alignments, what is conformant, who is the same.

Rules of this file: it looks at layouts and at values, never at octets. Its counterparts are
`reference_reader.py` and `reference_writer.py`, which walk.
"""

from __future__ import annotations

import functools
from collections import ChainMap
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from .budget import MAX_DEPTH, TOO_DEEP
from .errors import NdrError
from .expression import Expression
from .layout import (
    Array,
    Byte,
    Char,
    ContextHandle,
    Converted,
    EncapsulatedUnion,
    Encoding,
    FullPtr,
    Guid,
    Ignored,
    Layout,
    Mark,
    MultiArray,
    Pipe,
    Pointer,
    Range,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    WChar,
)
from .layout_octets import Octets
from .layout_samba import Based, Computed, Counted, Flagged, Relative, Subcontext, Untagged
from .reference_path import Trail

FIRST_REFERENT: Final = 0x0002_0000
"""What NT and Samba start referent ids at; they go up by 4."""

Steps = Generator["Steps", Any, Any]
"""The deferred part of a value: gives the parts it needs first, returns the value."""


def settle(part: Any) -> Any:
    """Run a deferred part to its value with a stack of its own: depth costs memory, never Python's recursion."""
    if not isinstance(part, Generator):
        return part
    stack: list[Steps] = [part]
    value: Any = None
    while stack:
        try:
            inner = stack[-1].send(value)
        except StopIteration as stop:
            stack.pop()
            value = stop.value
        else:
            stack.append(inner)
            value = None
    return value


class Span(NamedTuple):
    """Octets of a stub and what they are; `parse(..., trace=spans)` and `build(..., trace=spans)` collect them."""

    offset: int
    size: int
    path: str
    meaning: str
    rule: str


@dataclass(slots=True)
class Turn:
    """A pointer whose turn came: the indexes of its Span and of the first of its pointee, and the referent id.

    alias: the path that has the pointee, for a full pointer that brings none. empty: the pointee took no octets.
    """

    pointer: int
    begin: int
    number: int
    alias: str | None
    empty: bool = False


class Observer(list[Span]):
    """A trace for `parse(..., trace=Observer())` that is told more than the octets; `explain.py` makes use of it.

    By the index of a Span: values, what was read from it, a list where it is in several; tags, those that select an
    arm. turns: the pointers whose turn came, in that order. missing: the field that the octets did not hold, its size
    as it should be; there: how much of it they held.
    complete: all was read; an error is one of what siblings say of each other. end: where that ended.
    """

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[int, Any] = {}
        self.several: set[int] = set()
        self.tags: set[int] = set()
        self.turns: list[Turn] = []
        self.missing: Span | None = None
        self.there = 0
        self.complete = False
        self.end = 0

    def turn(self, pointer: int, number: int, alias: str | None = None) -> Turn:
        """A pointer's turn came."""
        self.turns.append(Turn(pointer, len(self), number, alias))
        return self.turns[-1]

    def value(self, index: int) -> Any:
        """What was read from a Span; None when that is nothing."""
        return self.values.get(index)


Turns = list[tuple[int, Callable[[], bool]]]
"""Pointers of a structure: the index of the member, and whether it brings nothing."""


class Rest(NamedTuple):
    """What comes after the member with an index: the pointers of its structure that are behind it."""

    place: int
    members: Turns

    def over(self) -> bool:
        """Nothing comes any more."""
        return all(done() for index, done in self.members if index > self.place)


NOTHING_AFTER: Final[tuple[Rest, ...]] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk stands: the path for messages, the siblings for expressions, what is around it."""

    trail: Trail | str
    """The path so far; a step costs the same at any depth."""
    siblings: Mapping[str, object]
    depth: int = 0
    """Structures of their own kind around it."""
    reply: bool = False
    """A parameter of a response: a null array beside its needed size is an answer there, not an attack."""
    rest: tuple[Rest, ...] | None = None
    """What comes after it in the structure that contains its own kind and waits for its end; None: who knows."""
    opening: tuple[Any, ...] = ()
    """The full pointers whose pointee begins here."""

    @property
    def path(self) -> str:
        """The field as messages name it."""
        return str(self.trail)

    @property
    def steps(self) -> int:
        """How long the path is."""
        return self.trail.length if isinstance(self.trail, Trail) else 0

    def named(self, text: str) -> Place:
        """The same place, where another path begins."""
        return replace(self, trail=text)

    def field(self, name: str, rest: tuple[Rest, ...] | None = None) -> Place:
        """The member `name` of this place; rest: what comes after it."""
        step = f".{name}" if self.trail else name
        after = None if self.rest is None or rest is None else self.rest + rest
        return Place(Trail(self.trail, step), self.siblings, self.depth, self.reply, after)

    def at(self, names: Iterable[str]) -> Place:
        """The member of a member."""
        return functools.reduce(Place.field, names, self)

    def item(self, index: int) -> Place:
        """The element `index` of this place."""
        return Place(Trail(self.trail, f"[{index}]"), self.siblings, self.depth, self.reply)

    def inside(self, siblings: Mapping[str, object]) -> Place:
        """The same place with other siblings: the inside of a structure."""
        return Place(self.trail, siblings, self.depth, rest=self.rest)

    def among(self, values: Mapping[str, object]) -> Place:
        """Inside, unless these are the parameters of a call: they have the other direction beside them."""
        if isinstance(self.siblings, ChainMap) and not self.trail:
            return replace(self, siblings=self.siblings.new_child(values))  # type: ignore[arg-type]
        return self.inside(values)

    def closed(self) -> Place:
        """The same place, where no pointee begins: its value is made whole, out of another."""
        return replace(self, opening=())

    def opened(self, referent: Any) -> Place:
        """The same place, where the pointee of one more full pointer begins."""
        return replace(self, opening=(*self.opening, referent))

    def deeper(self) -> Place:
        """The pointee of a pointer here that contains its own kind; NdrError at the depth limit."""
        waits = self.rest is None or not all(rest.over() for rest in self.rest)
        depth = self.depth + waits
        if depth > MAX_DEPTH:
            raise NdrError(TOO_DEEP, path=self.path, rule="the depth limit")
        return Place(self.trail, self.siblings, depth, self.reply, NOTHING_AFTER, self.opening)

    def known(self, expression: Expression | None) -> int | None:
        """The value of a correlation; None without one, or when a sibling travels in the other direction."""
        if expression is None or not all(name in self.siblings for name in expression.names()):
            return None
        try:
            return expression.evaluate(self.siblings)
        except NdrError as error:
            raise error.within(self.path) from None

    def size_of_nothing(self, expression: Expression) -> int:
        """What `size_is` or `length_is` says beside a null pointer; a null sibling has no say."""
        if any(self.siblings.get(name) is None for name in expression.names()):
            return 0
        return self.known(expression) or 0


def parameters_place(path: str, values: Mapping[str, object], outer: Mapping[str, object] | None) -> Place:
    """The place of parameters; `outer` holds the values of the other direction, nothing for a request."""
    siblings = ChainMap[str, object]({}, values, outer) if outer else values  # type: ignore[arg-type]
    return Place(path, siblings, reply=bool(outer))


class Geometry:
    """Alignments and least sizes in one encoding (ndr.md 2, 3)."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self._alignments: dict[Layout, int] = {}
        self._pointers: dict[Layout, tuple[int, int]] = {}
        """The indexes of the last member with pointers, and of the last that is no pointer itself."""

    def after(
        self, struct: Struct, index: int, members: list[tuple[int, Callable[[], bool]]]
    ) -> tuple[Rest, ...] | None:
        """What comes after a member, as far as `members` will tell; None when they do not tell all."""
        if struct not in self._pointers:
            held = [at for at, field in enumerate(struct.fields) if not without_pointers(field.layout)]
            told = [at for at in held if isinstance(struct.fields[at].layout, UniquePtr | FullPtr)]
            untold = [at for at in held if at not in told]
            self._pointers[struct] = max(held, default=-1), max(untold, default=-1)
        last, untold_last = self._pointers[struct]
        if index >= last:
            return NOTHING_AFTER
        return None if index < untold_last else (Rest(index, members),)

    def alignment(self, layout: Layout) -> int:
        """The alignment of a type: the largest of its parts (C706 14.2.2, 14.3.2)."""
        if layout not in self._alignments:
            self._alignments[layout] = 1 if self.encoding.packed else self._alignment(layout)
        return self._alignments[layout]

    def arm_alignment(self, union: Union) -> int:
        """The alignment of the widest arm (MS-RPCE 2.2.4.5, 2.2.5.3.4.4)."""
        return max((self.alignment(arm) for arm in union.layouts()), default=1)

    def _alignment(self, layout: Layout) -> int:
        match layout:
            case Scalar():
                return layout.size(self.encoding)
            case Guid() | ContextHandle():
                return 4
            case Pointer() | Ignored() | Mark() | Pipe() | Relative():
                return self.encoding.word
            case Converted() | Range() | Flagged() | Based() | Computed():
                return self.alignment(layout.layout)
            case Subcontext():
                return 1
            case Octets():
                return layout.alignment
            case Untagged():
                return self.arm_alignment(layout.union)
            case Struct():
                return max((self.alignment(field.layout) for field in layout.fields), default=1)
            case Array() | MultiArray():
                return self.alignment(layout.element)
            case String():
                return self.alignment(layout.unit)
            case SwitchIs() | EncapsulatedUnion():
                return max(self.alignment(layout.union.tag), self.arm_alignment(layout.union))
            case _:
                raise unreadable(layout)

    def least(self, layout: Layout) -> int:
        """The fewest octets a value can take, gaps left out: what a count is held against before memory is taken."""
        match layout:
            case Guid():
                return 16
            case ContextHandle():
                return 20
            case Struct():
                return sum(self.least(field.layout) for field in layout.fields)
            case Array():
                return 2 * self.encoding.word if layout.varying else (layout.bound or 0) * self.least(layout.element)
            case MultiArray():
                return 2 * self.encoding.word * len(layout.dimensions) if layout.varying else 0
            case Converted() | Based() | Computed():
                return self.least(layout.layout)
            case Flagged() | Subcontext() | Octets() | Untagged():
                return 0
            case Relative():
                return layout.width
            case Scalar():
                return layout.size(self.encoding)
            case String():
                return 2 * self.encoding.word + self.alignment(layout.unit)
            case SwitchIs() | EncapsulatedUnion():
                return self.alignment(layout.union.tag)
            case _:
                return self.alignment(layout)


def unreadable(layout: Layout, path: str = "") -> NdrError:
    """A layout that stands where it cannot."""
    return NdrError(f"{layout!r} cannot stand here", path=path)


def conformant(layout: Layout) -> tuple[Array | MultiArray | String | None, tuple[str, ...]]:
    """The array whose maximum counts go before `layout`, and the members that lead to it (C706 14.3.7.1)."""
    match layout:
        case Struct(fields=fields) if fields:
            array, names = conformant(fields[-1].layout)
            return array, (fields[-1].name, *names)
        case Converted() | Flagged() | Based() | Computed():
            return conformant(layout.layout)
        case Array(many=MultiArray() as many):
            return conformant(many)
        case Array(conformant=True) | MultiArray(conformant=True) | String(bound=None):
            return layout, ()
        case _:
            return None, ()


def counts_of(target: Layout) -> list[Expression]:
    """What siblings say of the items of an array: its size and its length, where they say something."""
    match target:
        case Array():
            said = [target.size, target.length]
        case MultiArray(dimensions=[outermost, *_]):
            said = [outermost.size, outermost.length]
        case String():
            said = [target.size]
        case _:
            said = []
    return [expression for expression in said if expression is not None]


def counts_of_null(target: Layout) -> list[Expression]:
    """What a null pointer to `target` has to agree with; a Counted array that is not there was not told."""
    return [] if isinstance(target, Counted) else counts_of(target)


def without_pointers(layout: Layout) -> bool:
    """Can items of a pipe be of this type?"""
    match layout:
        case Pointer() | Relative():
            return False
        case Struct():
            return all(without_pointers(field.layout) for field in layout.fields)
        case SwitchIs() | EncapsulatedUnion():
            return all(without_pointers(arm) for arm in layout.union.layouts())
        case Array() | MultiArray():
            return without_pointers(layout.element)
        case Converted() | Flagged() | Based() | Computed():
            return without_pointers(layout.layout)
        case _:
            return True


def octets_each(element: Layout) -> int:
    """1 for elements that make bytes, 2 for elements that make str, 0 for elements that make a list."""
    return 1 if element is Byte or element is Char else 2 if element is WChar else 0


def text_codec(unit: Scalar, encoding: Encoding) -> tuple[str, str]:
    """Codec and error handler that keep every octet of a text (ndr.md 5)."""
    if unit.size(encoding) == 1:
        return "utf-8", "surrogateescape"
    return ("utf-16-be" if encoding.order == ">" else "utf-16-le"), "surrogatepass"


def shape(layout: Layout) -> object:
    """Equal for layouts of the same type: only then can two full pointers share a pointee."""
    match layout:
        case Array():
            return "array", shape(layout.element), layout.bound, layout.limits
        case MultiArray():
            bounds = tuple(dimension.bound for dimension in layout.dimensions)
            return "dimensions", shape(layout.element), bounds, layout.limits
        case String():
            return "string", layout.unit, layout.bound, layout.limits
        case Pointer():
            return type(layout), shape(layout.target)
        case Range():
            return "range", layout.layout, layout.lowest, layout.highest
        case Guid():
            return "guid"
        case _:
            return layout


def pointed(layout: Layout) -> Layout:
    """The layout behind all pointers, and behind what says only how it travels: it has the same value."""
    match layout:
        case Pointer() | Relative():
            return pointed(layout.target)
        case Flagged() | Based() | Subcontext() | Computed():
            return pointed(layout.layout)
        case _:
            return layout


def without_pointers_and_contexts(layout: Layout) -> Layout:
    """What SizeOf measures, with the flags of its own type."""
    match layout:
        case Pointer() | Relative():
            return without_pointers_and_contexts(layout.target)
        case Subcontext():
            return without_pointers_and_contexts(layout.layout)
        case Flagged() | Based() | Computed():
            inner = without_pointers_and_contexts(layout.layout)
            return layout if inner is layout.layout else inner
        case _:
            return layout
