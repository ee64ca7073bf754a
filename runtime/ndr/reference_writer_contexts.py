"""Values to octets: the words of Samba's NDR, as libndr writes them.

The counterpart is `reference_reader_contexts.py`. Below it: `reference_writer_arrays.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

from .budget import MAX_ITEMS, NESTED_COST, TOO_MANY
from .errors import NdrError
from .expression import MEASURE, Expression
from .layout import Encoding, Layout, Parameters, Struct
from .layout_octets import Octets
from .layout_samba import SERIALIZED, Based, Computed, Flagged, Relative, Subcontext
from .reference_rules import (
    FIRST_REFERENT,
    Geometry,
    Place,
    Span,
    Steps,
    settle,
    unreadable,
    without_pointers_and_contexts,
)
from .reference_values import members
from .reference_writer_arrays import ArrayWriter
from .reference_writer_fields import refused
from .referents import Referents
from .shape import recursive

CONTEXT_LIMIT: Final = 32
"""Contexts inside contexts: each takes some of Python's own stack."""


class Mode(NamedTuple):
    """What is in force where a pointer stands, and so for its pointee."""

    encoding: Encoding
    base: int


class Inside(NamedTuple):
    """What one context has of its own."""

    octets: bytearray
    referents: dict[Any, Any]
    next_referent: int
    room: int
    """Where the pointees begin that are at its end; -1 when it has no size."""
    tails: list[tuple[int, bytes]]


class ContextWriter(ArrayWriter, ABC):
    """Samba's words."""

    def __init__(
        self,
        encoding: Encoding,
        trace: list[Span] | None = None,
        call: Referents | None = None,
        *,
        measuring: bool = False,
    ) -> None:
        super().__init__(encoding, trace)
        self.root: Layout | None = None
        self.call = call
        self.items_left = MAX_ITEMS
        self.referents: dict[Any, Any] = {}
        self.next_referent = FIRST_REFERENT
        self.base: int = 0
        self.room = -1
        self.tails: list[tuple[int, bytes]] = []
        self.contexts = 0
        self.measuring = measuring
        """Only the size counts: what is computed from a structure's own size is not."""

    @abstractmethod
    def item(self, layout: Layout, value: Any, place: Place) -> Any:
        """A whole item, up to its pointees."""

    @abstractmethod
    def measured(self, layout: Layout, value: Any, siblings: Mapping[str, object]) -> int:
        """The octets that a value takes by itself."""

    @property
    def mode(self) -> Mode:
        """What is in force."""
        return Mode(self.encoding, self.base)

    @contextmanager
    def under(self, mode: Mode) -> Generator[None, None, None]:
        """Write with other things in force."""
        outer = self.encoding, self.geometry, self.base
        self.encoding, self.base = mode
        if self.encoding is not outer[0]:
            self.geometry = Geometry(self.encoding)
        yield
        self.encoding, self.geometry, self.base = outer

    def flagged(self, layout: Flagged) -> Mode:
        """What is in force inside."""
        return Mode(layout.inside(self.encoding), self.base)

    def scalars_there(self, layout: Layout, value: Any, place: Place) -> Any:
        """The scalar pass over one of these words."""
        match layout:
            case Flagged():
                with self.under(self.flagged(layout)):
                    return self.scalars(layout.layout, value, place)
            case Based():
                self.align(self.geometry.alignment(layout.layout))
                with self.under(Mode(self.encoding, len(self.octets))):
                    return self.scalars(layout.layout, value, place)
            case Computed():
                return self.scalars(layout.layout, value, place)
            case Relative():
                return self._relative(layout, value, place)
            case Subcontext():
                self._subcontext(layout, value, place)
            case Octets():
                self._octets(layout, value, place)
            case _:
                raise unreadable(layout, place.path)
        return None

    def _octets(self, layout: Octets, value: Any, place: Place) -> None:
        try:
            octets = layout.outward(value, len(self.octets), self.encoding)
        except NdrError as error:
            raise refused(error.reason, place, "libndr") from None
        self.put(octets, 1, place, type(layout).__name__, "libndr")

    # Pointees

    @cached_property
    def _recursive(self) -> set[int]:
        return set() if self.root is None else recursive(self.root)

    @cached_property
    def _before(self) -> dict[tuple[int, object], tuple[int, Any]]:
        return {} if self.call is None else self.call.by_identity()

    def behind(self, target: Layout, place: Place) -> Place:
        """The place of a pointee, which is paid for when it contains its own kind."""
        if id(target) not in self._recursive:
            return place
        deeper = place.deeper()
        self.items_left -= NESTED_COST
        if self.items_left < 0:
            raise refused(TOO_MANY, place, "the item limit")
        return deeper

    def fresh(self, *, full: bool = False) -> int:
        """A referent id that is free; full: one that the request has not used either."""
        while full and self.call is not None and self.next_referent in self.call.read:
            self.next_referent += 4
        self.next_referent += 4
        return self.next_referent - 4

    def remembered(self, key: tuple[int, object]) -> int | None:
        """The id that an object had in the request."""
        known = self._before.get(key)
        return None if known is None else known[0]

    def keep(self, key: tuple[int, object], number: int, value: Any) -> None:
        """Remember the id of an object for the response."""
        if self.call is not None:
            self.call.written[key] = number, value

    # What is computed

    def members(
        self, layout: Struct | Parameters, value: Any, path: str, outer: Mapping[str, object] | None = None
    ) -> dict[str, Any]:
        """The members by name, with counts that were left out, and what is computed."""
        values = members(layout.fields, value, path, layout.factory if isinstance(layout, Struct) else None)
        waiting = {field.name: field.layout for field in layout.fields if isinstance(field.layout, Computed)}
        if not waiting:
            return values
        layouts = {field.name: field.layout for field in layout.fields}

        def measure(name: str | None) -> int:
            if name is not None:
                return (
                    0
                    if values[name] is None
                    else self.measured(without_pointers_and_contexts(layouts[name]), values[name], values)
                )
            return self.measured(layout, value, {})

        siblings: ChainMap[str, Any] = ChainMap({MEASURE: measure}, values, dict(outer or {}))
        while waiting:
            ready = [name for name, computed in waiting.items() if not _names(computed) & waiting.keys() - {name}]
            if not ready:
                raise NdrError(f"{', '.join(waiting)} are computed from each other", path=path)
            for name in ready:
                computed = waiting.pop(name)
                stand_in = computed.unmeasured if self.measuring else None
                told = Place(path, siblings).field(name)
                values[name] = _computed(computed, told) if stand_in is None else stand_in
        return values

    # Offsets

    def _relative(self, layout: Relative, value: Any, place: Place) -> Any:
        self.put(bytes(layout.width), layout.width, place, "relative offset", "libndr")
        if value is None:
            return None
        return self._behind(layout, value, len(self.octets) - layout.width, place, self.mode)

    def _behind(self, layout: Relative, value: Any, at: int, place: Place, mode: Mode) -> Steps:
        """The pointee here, or at the end of the context, and the offset to it."""
        pad = mode.encoding.pad or 1
        if not mode.encoding.reverse:
            self.octets += bytes(-(len(self.octets) - mode.base) % pad)
            self._fill_in(layout, at, len(self.octets), place, mode)
        start = len(self.octets)
        with self.under(mode):
            part = self.item(layout.target, value, self.behind(layout.target, place))
        if isinstance(part, Generator):
            yield part
        if mode.encoding.reverse:
            self._fill_in(layout, at, self._moved(start, pad, place), place, mode)

    def _moved(self, start: int, pad: int, place: Place) -> int:
        """What was written since `start` goes to the end of the context; where it is now."""
        octets = bytes(self.octets[start:])
        del self.octets[start:]
        to = self.room - len(octets)
        to -= to % pad
        if self.room < 0 or to < start:
            raise refused("no room at the end of the context", place, "libndr")
        self.tails.append((to, octets))
        self.room = to
        return to

    def _fill_in(self, layout: Relative, at: int, to: int, place: Place, mode: Mode) -> None:
        if to - mode.base >= 1 << 8 * layout.width:
            raise refused(f"an offset of {to - mode.base:#x} in {layout.width} octets", place, "libndr")
        big = mode.encoding.order == ">"
        self.octets[at : at + layout.width] = (to - mode.base).to_bytes(layout.width, "big" if big else "little")

    # Contexts

    def _subcontext(self, layout: Subcontext, value: Any, place: Place) -> None:
        size = place.known(layout.size)
        if layout.size is not None and size is None:
            raise refused("the size of the context is not known here", place, "libndr")
        inside = self.encoding.under(order=self.encoding.order)  # NDR64 ends at a context
        with self.under(Mode(inside, 0)):
            octets = self._inside(layout.layout, value, size, place)
        if layout.header == SERIALIZED:
            octets += bytes(-len(octets) % 8)
        self._header(layout, len(octets), place)
        self.put(octets, 1, place, "context", "libndr")

    def _header(self, layout: Subcontext, size: int, place: Place) -> None:
        big = self.encoding.order == ">"
        if layout.header == 4:
            self.count(size, place, "size of a context", "libndr")
        elif layout.header == 2:
            if size >= 1 << 16:
                raise refused(f"a context of {size} octets", place, "libndr")
            self.put(size.to_bytes(2, "big" if big else "little"), 2, place, "size of a context", "libndr")
        elif layout.header == SERIALIZED:
            front = b"\1\0\0\x08" if big else b"\1\x10\x08\0"
            numbers = [number.to_bytes(4, "big" if big else "little") for number in (0xCCCC_CCCC, size, 0)]
            self.put(front + b"".join(numbers), 1, place, "type serialization header", "MS-RPCE 2.2.6")

    def _inside(self, layout: Layout, value: Any, size: int | None, place: Place) -> bytes:
        """The octets of a context, filled up to its size."""
        if self.contexts == CONTEXT_LIMIT:
            raise refused(f"more than {CONTEXT_LIMIT} contexts in each other", place, "the depth limit")
        outer = Inside(self.octets, self.referents, self.next_referent, self.room, self.tails)
        trace, self.trace = self.trace, None
        self._enter(Inside(bytearray(), {}, FIRST_REFERENT, -1 if size is None else size, []))
        self.contexts += 1
        settle(self.item(layout, value, replace(place.closed(), rest=None)))
        if size is not None and not 0 <= len(self.octets) <= (self.room if self.tails else size):
            raise refused(f"{len(self.octets)} octets in a context of {size}", place, "libndr")
        octets = self.octets + bytes(0 if size is None else size - len(self.octets))
        for at, tail in self.tails:
            octets[at : at + len(tail)] = tail
        self.contexts -= 1
        self._enter(outer)
        self.trace = trace
        return bytes(octets)

    def _enter(self, inside: Inside) -> None:
        self.octets, self.referents, self.next_referent, self.room, self.tails = inside


def _names(layout: Computed) -> frozenset[str]:
    return layout.value.names() if isinstance(layout.value, Expression) else frozenset()


def _computed(layout: Computed, place: Place) -> Any:
    if not isinstance(layout.value, Expression):
        return layout.value
    value = place.known(layout.value)
    if value is None:
        raise refused("what it is computed from travels in the other direction", place, "pidl")
    return value
