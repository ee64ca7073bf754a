"""The codec compiler's reading half: the words of Samba's NDR: contexts, offsets into them, flags, what is told before.

A Subcontext is read whole where it stands: `buf`, `end` and `o` are those of its inside meanwhile. What is behind a
Relative is read at its offset and paid for, octet by octet: many of them may lead to the same place.
Below it: `reading_dimensions.py`. Above it: `reading.py`. Counterpart: `writing_contexts.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from . import shape
from .expression import Expression
from .layout import Converted, Encoding, Field, Layout, Parameters, Pointer
from .layout_octets import Octets
from .layout_samba import SERIALIZED, Based, Computed, Flagged, Relative, Subcontext
from .places import Places
from .reading_arrays import Raw
from .reading_dimensions import ReadingDimensions
from .reading_fields import Scope
from .siblings import below, plain, speaks, valued
from .strictness import DEFAULT, Strictness

OCTETS_AN_ITEM: Final = 16
"""So many octets behind a Relative count as one item of the budget."""


class ReadingContexts(ReadingDimensions, ABC):
    """Samba's words."""

    def __init__(
        self,
        parameters: Parameters,
        encoding: Encoding,
        strictness: Strictness = DEFAULT,
        places: Places | None = None,
    ) -> None:
        super().__init__(encoding, shape.recursive(parameters), strictness, places)
        self.base: str = "0"
        """What offsets count from."""
        self.early: dict[str, tuple[Layout, str]] | None = None
        """The members of the structure that is in its first pass, as far as they are read; None in a second pass."""
        self.asked: frozenset[str] = frozenset()
        """The members of that structure that have to be told before others."""
        self.opening: str = ""
        """The variable with the full pointers whose pointee begins here, as pairs (number, type)."""
        self.offsets = shape.contains(parameters, Relative)
        self.contexts = shape.contains(parameters, Subcontext)

    @abstractmethod
    def item(self, layout: Layout) -> str:
        """A whole top-level item or pointee."""

    @abstractmethod
    def target(self, target: Layout) -> str:
        """A pointee, in a function of its own where it contains its own type."""

    # The passes

    def scalars_there(self, layout: Layout, count: Raw) -> Raw:
        """The first pass over a layout of Samba's."""
        match layout:
            case Flagged():
                with self.under(layout):
                    return self.scalars(layout.layout, count)
            case Based():
                return self._based(layout, count)
            case Relative():
                return self.take("I" if layout.width == 4 else "H", layout.width)
            case Subcontext():
                return self._subcontext(layout)
            case Computed():
                return self.scalars(layout.layout, count)
            case Octets():
                return self._octets(layout)
            case _:
                raise TypeError(f"{layout!r} cannot be read")

    def finish_there(self, layout: Layout, raw: Raw) -> str:
        """The second pass over any other layout."""
        match layout:
            case Flagged():
                with self.under(layout):
                    return self.bound(self.finish(layout.layout, raw))
            case Based():
                outer, self.base = self.base, raw[0]
                value = self.finish(layout.layout, raw[1])
                self.base = outer
                return value
            case Relative():
                return self._behind(layout, raw)
            case Computed():
                return self.finish(layout.layout, raw)
            case _:
                return str(raw)

    # Flags

    @contextmanager
    def under(self, flagged: Flagged) -> Generator[None, None, None]:
        """Read under the flags of a layout."""
        self.flush()
        with self.mode(flagged.inside(self.encoding)):
            yield
            self.flush()

    # What is told before

    def told(self, expression: Expression | None) -> str:
        """A name for what siblings say that are read by now."""
        fields, values = self._read_by_now()
        if expression is None or not expression.names() <= values.keys():
            self.line("bad('what counts it is not known yet')")
            return self.bound("0")
        nullable = [name for name in expression.names() if isinstance(fields[name], Pointer)]
        return self.bound(f"+{self.expression(expression, values, nullable)}")

    def _read_by_now(self) -> tuple[dict[str, Layout], dict[str, str]]:
        if self.early is None:
            return self.scope.fields, self.scope.values
        return {n: layout for n, (layout, _) in self.early.items()}, {n: name for n, (_, name) in self.early.items()}

    def keep_early(self, field: Field, raw: Raw) -> None:
        """A member that was read counts for those behind it."""
        if self.early is None:
            return
        if plain(field.layout) and isinstance(raw, str):
            self.early[field.name] = field.layout, raw
        elif isinstance(field.layout, Converted) and field.name in self.asked:
            self.early[field.name] = field.layout, self.bound(self.finish(field.layout, raw))

    def keep_scalars(self, fields: Sequence[Field], raw: Sequence[Raw]) -> None:
        """The plain members are read before the pointees of the first."""
        for field, part in zip(fields, raw, strict=True):
            if field.name in self.scope.wanted and plain(field.layout) and isinstance(part, str):
                self.scope.values[field.name] = part

    # Octets

    def _octets(self, layout: Octets) -> str:
        self.flush()
        value, reader = self.new(), self.constant(layout.inward, "F")
        self.line(f"{value}, o = {reader}(buf, o, end, {self.constant(self.encoding, 'E')})")
        self.line(f"q[0] -= {self.constant(layout.items, 'F')}({value})")
        self.line("if q[0] < 0: bad('more items than the budget of a message')")
        self.forget()
        return value

    # Offsets

    def _based(self, layout: Based, count: Raw) -> Raw:
        self.align(shape.alignment(layout.layout, self.encoding))
        self.flush()
        base = self.new("b")
        self.line(f"{base} = o")
        outer, self.base = self.base, base
        raw = [base, self.scalars(layout.layout, count)]
        self.base = outer
        return raw

    def _behind(self, relative: Relative, raw: str) -> str:
        """What is at an offset; the stream goes on where it was."""
        value, back, at, start = self.new(), self.new("o"), self.new("s"), len(self.scope.waiting)
        self.flush()
        before = self.known
        with self.block(f"if {raw}:"):
            self.line(f"{back} = o; o = {self.base} + {raw}")
            self.line("if o > end: bad('an offset behind the end')")
            self.line(f"{at} = o")
            self.forget()
            self.line(f"{value} = {self.target(relative.target)}")
            self.line(f"q[0] -= 1 + (o - {at}) // {OCTETS_AN_ITEM}; o = {back}")
            self.line("if q[0] < 0: bad('more behind offsets than the budget of a message')")
        with self.block("else:"):
            self.line(f"{value} = None")
            self.nothing_read(start, relative.target, "None")
        self.known = before
        return value

    # Contexts

    def _subcontext(self, layout: Subcontext) -> str:
        """The value; `o` is behind the context."""
        value = self.new()
        if layout.header == SERIALIZED:
            self._serialized(layout, value)
            return value
        size = self.take("H", 2) if layout.header == 2 else self.word() if layout.header else ""
        if layout.size is not None:
            said = self.told(layout.size)
            self.line(f"if {said} < 0: bad('a context of a negative size')")
            if size:
                self.line(f"if {said} != {size}: bad('a context and its size disagree')")
            size = said
        self.flush()
        with self.mode(self.encoding.under(order=self.encoding.order)):  # NDR64 ends at a context
            self._inside(layout, value, size)
        return value

    def _serialized(self, layout: Subcontext, value: str) -> None:
        """A type serialization header, in the byte order that it says (MS-RPCE 2.2.6)."""
        start, big, size = self.new("s"), self.new("big"), self.new("n")
        self.flush()
        self.line(f"{start} = o; o += 16")
        self.line(f"if o > end or buf[{start}] != 1: bad('no type serialization version 1')")
        self.line(f"{big} = not buf[{start} + 1]")
        with self.block(f"if {big}:"):
            self.line(f"v, d, h, f, {size}, z = unpack_from('>BBHIII', buf, {start})")
        with self.block("else:"):
            self.line(f"v, d, h, f, {size}, z = unpack_from('<BBHIII', buf, {start})")
        self.line(f"if h != 8 or d not in (0, 16) or {size} % 8: bad('a type serialization header')")
        if layout.size is not None:
            self.line(f"if {self.told(layout.size)} != {size}: bad('a context and its size disagree')")
        for test, order in ((f"if {big}:", ">"), ("else:", "<")):
            with self.block(test), self.mode(self.encoding.under(order=order)):
                self._inside(layout, value, size)
        self.forget()

    def _inside(self, layout: Subcontext, value: str, size: str) -> None:
        """Read in a context of `size` octets, or of all that is left; its correlations name what is read by now."""
        saved = [self.new(letter) for letter in ("u", "e", "f", "o")]
        self.line(f"{', '.join(saved)} = buf, end, full, o")
        if size:
            self.line(f"if o + {size} > end: bad('the stub ends inside a context')")
            self.line(f"buf = memoryview(buf)[o:o + {size}]; end = {size}; o = 0; full = {{}}")
        else:
            self.line("if o > end: bad('the stub ends in a gap')")
            self.line("buf = memoryview(buf)[o:]; end -= o; o = 0; full = {}")
        self.known = (8, 0)
        outer = self.base, self.scope, self.early, self.last, self.opening
        self.base, self.scope, self.early, self.last = "0", self._scope_inside(layout), None, False
        self.opening = ""
        self.line(f"{value} = {self.item(layout.layout)}")
        self.check()
        self.line("if o > end: bad('a context ends in a gap')")
        self.base, self.scope, self.early, self.last, self.opening = outer
        self.line(f"buf, end, full, o = {', '.join(saved[:3])}, {saved[3]} + {size or 'o'}")
        self.forget()

    def _scope_inside(self, layout: Subcontext) -> Scope:
        fields, values = self._read_by_now()
        scope = Scope([Field("", layout.layout)])
        known = {name for name in values if integral(fields[name])}
        scope.fields.update({name: fields[name] for name in known})
        scope.values.update({name: values[name] for name in known})
        if any(speaks(inner) for part in below(layout.layout) for inner in self.repeated(part)):
            scope.many = self.bound("[]")
        return scope


def integral(layout: Layout) -> bool:
    """Can a sibling of this layout be named in a context beside it?"""
    return plain(valued(layout))
