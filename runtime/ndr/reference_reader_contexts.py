"""Octets to values: the words of Samba's NDR, as libndr reads them.

The counterpart is `reference_writer_contexts.py`. Below it: `reference_reader_arrays.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final, NamedTuple

from .budget import NESTED_COST
from .errors import NdrError
from .expression import Expression
from .layout import Encoding, Layout
from .layout_octets import Octets
from .layout_samba import SERIALIZED, Based, Computed, Flagged, Relative, Subcontext
from .reference_deferred import Referent
from .reference_reader_arrays import ArrayReader
from .reference_rules import Geometry, Place, Span, Steps, settle, unreadable
from .referents import Referents
from .shape import recursive

CONTEXT_LIMIT: Final = 32
"""Contexts inside contexts: each takes some of Python's own stack."""


class Mode(NamedTuple):
    """What is in force where a pointer stands, and so for its pointee."""

    encoding: Encoding
    base: int


class ContextReader(ArrayReader, ABC):
    """Samba's words."""

    def __init__(
        self, octets: bytes, encoding: Encoding, trace: list[Span] | None = None, call: Referents | None = None
    ) -> None:
        super().__init__(octets, encoding, trace)
        self.root: Layout | None = None
        self.call = call
        self.referents: dict[int, Referent] = {}
        self.base: int = 0
        self.contexts = 0

    @abstractmethod
    def item(self, layout: Layout, place: Place) -> Any:
        """A whole item, up to its pointees."""

    @property
    def mode(self) -> Mode:
        """What is in force."""
        return Mode(self.encoding, self.base)

    @contextmanager
    def under(self, mode: Mode) -> Generator[None, None, None]:
        """Read with other things in force."""
        outer = self.encoding, self.geometry, self.base
        self.encoding, self.base = mode
        if self.encoding is not outer[0]:
            self.geometry = Geometry(self.encoding)
        yield
        self.encoding, self.geometry, self.base = outer

    def flagged(self, layout: Flagged) -> Mode:
        """What is in force inside."""
        return Mode(layout.inside(self.encoding), self.base)

    def scalars_there(self, layout: Layout, place: Place, maxima: tuple[int, ...]) -> Any:
        """The scalar pass over one of these words."""
        match layout:
            case Flagged():
                with self.under(self.flagged(layout)):
                    return self.scalars(layout.layout, place, maxima)
            case Based():
                self.skip(self.geometry.alignment(layout.layout))
                with self.under(Mode(self.encoding, self.position)):
                    return self.scalars(layout.layout, place, maxima)
            case Computed():
                return self.scalars(layout.layout, place, maxima)
            case Relative():
                return self._relative(layout, place)
            case Subcontext():
                return self._subcontext(layout, place)
            case Octets():
                return self._octets(layout, place)
            case _:
                raise unreadable(layout, place.path)

    def told(self, said: Expression | None, place: Place) -> int:
        """What siblings say that travelled before."""
        known = place.known(said)
        if known is None:
            raise self.bad("what says it is not known yet", place, rule="pidl")
        return known

    def _octets(self, layout: Octets, place: Place) -> Any:
        start = self.position
        try:
            value, self.position = layout.inward(self.octets, start, len(self.octets), self.encoding)
        except NdrError as error:
            raise self.bad(error.reason, place, rule="libndr", offset=start) from None
        self.pay(layout.items(value), place)
        if self.trace is not None and self.position > start:
            span = Span(self.origin + start, self.position - start, place.path, type(layout).__name__, "libndr")
            self.trace.append(span)
            self.saw(value)
        return value

    # Pointees

    @cached_property
    def _recursive(self) -> set[int]:
        return set() if self.root is None else recursive(self.root)

    def before(self, number: int, kind: object) -> Any:
        """The object that the request had for an id."""
        return None if self.call is None else self.call.before(number, kind)

    def keep(self, number: int, kind: object, value: Any) -> None:
        """Remember the object of an id for the response."""
        if self.call is not None:
            self.call.read[number] = kind, value

    def behind(self, target: Layout, place: Place) -> Place:
        """The place of a pointee, which is paid for when it contains its own kind."""
        if id(target) not in self._recursive:
            return place
        deeper = place.deeper()
        self.pay(NESTED_COST, place)
        return deeper

    # Offsets

    def _relative(self, layout: Relative, place: Place) -> Any:
        octets = self.take(layout.width, layout.width, place, "relative offset", "libndr")
        offset = self.saw(int.from_bytes(octets, "little" if self.encoding.order == "<" else "big"))
        span = len(self.observer or ()) - 1
        return self._behind(layout, self.base + offset, place, self.mode, span) if offset else None

    def _behind(self, layout: Relative, at: int, place: Place, mode: Mode, span: int) -> Steps:
        """The pointee; the stream goes on where it was. Octets read again and again are paid for."""
        if at > len(self.octets):
            raise self.bad(f"an offset to {at:#x}", place, rule="libndr")
        turn = None if self.observer is None else self.observer.turn(span, at - mode.base)
        back, self.position = self.position, at
        with self.under(mode):
            part = self.item(layout.target, self.behind(layout.target, place))
        if turn is not None:
            turn.empty = turn.begin == len(self.observer or ())
        if isinstance(part, Generator):
            part = yield part
        self.pay(1 + (self.position - at) // 16, place)
        self.position = back
        return part

    # Contexts

    def _subcontext(self, layout: Subcontext, place: Place) -> Any:
        """The contents whole; those of its correlations that name what is behind it are not checked."""
        mode, size = self._header(layout, place)
        if layout.size is not None:
            said = self.told(layout.size, place)
            if said < 0 or size not in (None, said):
                raise self.bad(f"a context of {size} octets, the siblings say {said}", place, rule="libndr")
            size = said
        start = self.position
        octets = self.take(len(self.octets) - start if size is None else size, 1, place, "context", "libndr")
        if self.observer is not None and octets:
            self.observer.pop()  # the fields inside say more
        told = len(self.observer or ())
        with self.under(Mode(mode, 0)):
            value, used = self._inside(layout.layout, octets, place, start)
        if self.observer is not None and size is not None:
            read = max((span.offset + span.size for span in self.observer[told:]), default=self.origin + start)
            left = self.origin + start + size - read
            if left:
                self.observer.append(Span(read, left, place.path, "left over in a context", "libndr"))
        self.position = start + (used if size is None else size)
        return value

    def _header(self, layout: Subcontext, place: Place) -> tuple[Encoding, int | None]:
        """The encoding inside, where NDR64 ends, and the size if it travels."""
        inside = self.encoding.under(order=self.encoding.order)
        if layout.header == 4:
            return inside, self.count(place, "size of a context", "libndr")
        if layout.header != SERIALIZED:
            octets = self.take(layout.header, layout.header or 1, place, "size of a context", "libndr")
            size = int.from_bytes(octets, "little" if self.encoding.order == "<" else "big")
            return inside, self.saw(size) if layout.header else None
        octets = self.take(16, 1, place, "type serialization header", "MS-RPCE 2.2.6")
        order = {b"\1\x10\x08\0": "<", b"\1\0\0\x08": ">"}.get(octets[:4])
        size = int.from_bytes(octets[8:12], "little" if order == "<" else "big")
        if order is None or size % 8:
            raise self.bad("no type serialization version 1", place, rule="MS-RPCE 2.2.6")
        return self.encoding.under(order=order), size

    def _inside(self, layout: Layout, octets: bytes, place: Place, start: int) -> tuple[Any, int]:
        """The value in a context that starts at `start`, and the octets that it took."""
        if self.contexts == CONTEXT_LIMIT:
            raise self.bad(f"more than {CONTEXT_LIMIT} contexts in each other", place, rule="the depth limit")
        outer = self.octets, self.referents, self.trace, self.position, self.origin
        self.octets, self.referents, self.trace, self.position = octets, {}, self.observer, 0
        self.origin += start
        self.contexts += 1
        value = settle(self.item(layout, replace(place.inside(_numbers(place.siblings)), rest=None)))
        used = self.position
        if used > len(octets):
            raise self.bad("a context ends in a gap", place, rule="libndr")
        self.contexts -= 1
        self.octets, self.referents, self.trace, self.position, self.origin = outer
        return value, used


def _numbers(siblings: Mapping[str, object]) -> dict[str, object]:
    """The siblings that are read by now, and can be named in a context beside them."""
    return {name: value for name, value in siblings.items() if value is None or isinstance(value, int)}
