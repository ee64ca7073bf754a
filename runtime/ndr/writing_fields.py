"""The codec compiler's writing half, its lowest part: fields of the run, prepared values, and what siblings say.

Above it: `writing_arrays.py`, `writing.py`. Counterpart: `reading_fields.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from . import shape
from .expression import Expression
from .layout import Array, Converted, Encoding, Enum, Field, Layout, MultiArray, Pointer, Scalar, String, Struct
from .layout_samba import Based, Computed, Counted, Flagged, Relative, Subcontext
from .siblings import below, expressions
from .source import Source

Prepared = Any
"""What `prepare` leaves of a value for the passes: the name of a plain value, or one of the classes below."""

OUTSIDE_16_BITS: Final = "bad('an enumeration of 16 bits is outside 0..32767', 0x6F5)"


@dataclasses.dataclass(slots=True)
class Scope:
    """The siblings that correlations may name: the names of their values, and their layouts."""

    fields: dict[str, Layout]
    values: dict[str, str]
    reply: bool = False
    """Parameters of a response: a null array beside its size is an answer there."""


@dataclasses.dataclass(slots=True)
class Record:
    """A structure: its members, which see each other in `scope`."""

    parts: list[Prepared]
    scope: Scope


@dataclasses.dataclass(slots=True)
class Items:
    """An array: what is written, its counts in items, `rows` with what the second pass needs of each item."""

    data: str
    count: str
    maximum: str
    first: str
    rows: str
    part: Prepared = None
    """The Prepared of one row, or of each item where there are no rows; known after the first pass."""


@dataclasses.dataclass(slots=True)
class Block:
    """An array of several dimensions: its items in one list, and the counts of each dimension."""

    items: Items
    counts: list[str]
    maxima: list[str]
    firsts: list[str]


@dataclasses.dataclass(slots=True)
class Text:
    """A string: octets and units, the terminator among them."""

    data: str
    count: str
    maximum: str


@dataclasses.dataclass(slots=True)
class Referent:
    """A pointer: its value, its id, and its target where siblings speak of that."""

    value: str
    number: str
    target: Prepared = None


@dataclasses.dataclass(slots=True)
class Anchor:
    """What offsets count from, and what is there."""

    base: str
    part: Prepared


@dataclasses.dataclass(slots=True)
class Choice:
    """A union: the value, the tag, and the arms that carry data; those are known after the first pass."""

    value: str
    tag: str
    arms: list[Prepared] = dataclasses.field(default_factory=list[Prepared])


def names(prepared: Prepared) -> list[str]:
    """The variables in a Prepared."""
    match prepared:
        case str():
            return [prepared] if prepared.isidentifier() else []
        case [*parts]:
            return [name for part in parts for name in names(part)]
        case Record():
            return names(prepared.parts)
        case Items() if prepared.rows:  # its part is known inside of loops only
            return names([prepared.data, prepared.count, prepared.maximum, prepared.first, prepared.rows])
        case Items() | Block() | Text() | Referent() | Choice() | Anchor():
            return [name for slot in dataclasses.fields(prepared) for name in names(getattr(prepared, slot.name))]
        case _:
            return []


def late(prepared: Prepared) -> list[str]:
    """The variables in a Prepared that the first pass sets."""
    match prepared:
        case [*parts]:
            return [name for part in parts for name in late(part)]
        case Record():
            return late(prepared.parts)
        case Referent():
            return [prepared.number, *late(prepared.target)]
        case Anchor():
            return [prepared.base, *late(prepared.part)]
        case _:
            return []


class WritingFields(Source):
    """Fields of the run, and what siblings say."""

    def __init__(self, encoding: Encoding, recursive: set[int]) -> None:
        super().__init__(encoding)
        self.recursive = recursive
        self.scope = Scope({}, {})
        self.last: bool | str = False
        """Nothing of the layout of a generated function comes after what is being written; text: unless that is so."""

    # Fields

    def say(self, text: str) -> None:
        """A line that writes no octets: it may stand before the fields that wait in the run."""
        self.lines.append("    " * self._indent + text)

    @contextmanager
    def saying(self, header: str) -> Generator[None, None, None]:
        """A block of lines that write no octets."""
        self.say(header)
        self._indent += 1
        yield
        self._indent -= 1

    def load(self, text: str) -> str:
        """A name for an expression."""
        name = self.new()
        self.say(f"{name} = {text}")
        return name

    def put(self, code: str, size: int, text: str, align: int | None = None) -> None:
        """A field of the run, aligned to its size or to `align`."""
        self.align(align or size)
        self.field(code, size, text)

    def word(self, text: str) -> None:
        """A count or referent id."""
        self.put("Q" if self.encoding.wide else "I", self.encoding.word, text)

    def align(self, align: int) -> None:
        """Zeros up to a multiple of `align`."""
        if self.encoding.packed:
            return
        pad = self.static_pad(align)
        if pad is None:
            self.line(f"if o & {align - 1}: w(PADS[-o & {align - 1}]); o = o + {align - 1} & -{align}")
            self.forget(align)
        else:
            self.pad(pad)

    def flush(self, *, last: bool = False) -> None:
        """One pack for the run; the offset behind the `last` one is of no use."""
        text, arguments, size = self.take_run()
        if text:
            self.say(f"w({self.packed('pack', text)}({', '.join(arguments)}))")
            if not last:
                self.say(f"o += {size}")

    # Plain values

    def scalar(self, scalar: Scalar, value: str) -> None:
        """A primitive."""
        if isinstance(scalar, Enum) and not scalar.v1:  # C706 14.2.5
            self.say(f"if not 0 <= {value} <= 0x7FFF: {OUTSIDE_16_BITS}")
        self.put(scalar.code(self.encoding), scalar.size(self.encoding), value)

    @property
    def uuid(self) -> str:
        """The attribute of a UUID that has its octets (C706 A.1)."""
        return "bytes_le" if self.encoding.order == "<" else "bytes"

    def context(self, value: str) -> None:
        """A context handle (C706 6.1.6)."""
        attributes, uuid = self.new(), self.new()
        self.say(f"{attributes}, {uuid} = NO_CONTEXT if {value} is None else {value}")
        self.put("I", 4, attributes)
        self.put("16s", 16, f"{uuid}.{self.uuid}", 1)

    # Siblings

    @contextmanager
    def among(self, scope: Scope) -> Generator[None, None, None]:
        """Correlations name the members of `scope`."""
        outer, self.scope = self.scope, scope
        yield
        self.scope = outer

    def said(self, expression: Expression | None) -> str | None:
        """Text for what siblings say; None when they say nothing, or travel in the other direction."""
        scope = self.scope
        if expression is None or not expression.names() <= scope.values.keys():
            return None
        return self.expression(expression, scope.values, nullable(expression, scope))

    def kept(self, layout: Layout, prepared: Prepared) -> list[str]:
        """The variables that the second pass of an item needs."""
        if isinstance(layout, Converted | Flagged | Computed):
            return self.kept(layout.layout, prepared)
        if isinstance(layout, Based):
            return [prepared.base, *self.kept(layout.layout, prepared.part)]
        if isinstance(layout, Struct):
            parts = list(zip(layout.fields, prepared.parts, strict=True))
            found = [name for field, part in parts for name in self.kept(field.layout, part)]
            siblings = {name for field, _ in parts for name in self._late_siblings(field.layout)}
            values = prepared.scope.values
            found += [values[name] for name in sorted(siblings) if name in values]
        else:
            found = names(prepared) if shape.has_pointers(layout) else []
        return list(dict.fromkeys(found))

    def _late_siblings(self, layout: Layout) -> list[str]:
        """The siblings that are named again in the second pass: by items of a pointee, or in a function."""
        inner: list[Layout] = []
        for part in below(layout) if shape.has_pointers(layout) else ():
            if isinstance(part, Array | MultiArray):
                inner.append(part.element)
            if isinstance(part, Pointer | Relative) and id(part.target) in self.recursive:
                inner.append(part.target)
            if isinstance(part, Subcontext):
                inner.append(part)
        return [name for part in inner for name in siblings_below(part)]

    def settle_null(self, target: Layout) -> None:
        """A null pointer has no items; a null sibling has no say (MS-RPCE 3.1.1.5.3)."""
        if self.scope.reply or isinstance(target, Counted) or not isinstance(target, Array | MultiArray | String):
            return
        for expression in sizes(target):
            text = self.said(expression)
            if text is not None:
                unknown = [self.scope.values[name] for name in nullable(expression, self.scope)]
                test = f"None not in ({', '.join(unknown)},) and {text}" if unknown else text
                self.say(f"if {test}: bad('a null pointer to items')")


def attribute(name: str) -> str:
    """The name of a member, for text."""
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a field")
    return name


def nullable(expression: Expression, scope: Scope) -> list[str]:
    """The siblings of an expression that may be None."""
    return sorted(name for name in expression.names() if isinstance(scope.fields[name], Pointer))


def sizes(layout: Array | MultiArray | String) -> list[Expression]:
    """The expressions that count the items of an array, in its outermost dimension."""
    counted = layout.dimensions[0] if isinstance(layout, MultiArray) else layout
    found = [counted.size] if isinstance(counted, String) else [counted.size, counted.length]
    return [expression for expression in found if expression is not None]


def siblings_below(layout: Layout) -> list[str]:
    """The siblings that correlations name in a layout and below it in the same scope."""
    return sorted({name for part in below(layout) for expression in expressions(part) for name in expression.names()})


def record_scope(fields: Sequence[Field], values: Sequence[str], outer: Scope | None = None) -> Scope:
    """The scope of members, or of parameters beside those of the other direction."""
    found = Scope({}, {}) if outer is None else Scope(dict(outer.fields), dict(outer.values), outer.reply)
    for field, value in zip(fields, values, strict=True):
        found.fields[field.name], found.values[field.name] = field.layout, value
    return found
