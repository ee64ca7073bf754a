"""The codec compiler's writing half: the words of Samba's NDR: contexts, offsets into them, flags, what is computed.

A Subcontext is written whole where it stands: `out`, `w` and `o` are those of its inside meanwhile. An offset is a
part of its own, `bytearray`, that is filled in when its pointee is written.
Below it: `writing_dimensions.py`. Above it: `writing.py`. Counterpart: `reading_contexts.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from . import shape
from .layout import Encoding, FullPtr, Layout, Parameters
from .layout_octets import Octets
from .layout_samba import SERIALIZED, Based, Computed, Flagged, Relative, Subcontext
from .source import agreed
from .writing_dimensions import WritingDimensions
from .writing_fields import Anchor, Prepared, Referent


class WritingContexts(WritingDimensions, ABC):
    """Samba's words."""

    def __init__(self, parameters: Parameters, encoding: Encoding, *, measuring: bool) -> None:
        super().__init__(encoding, shape.recursive(parameters))
        self.measuring = measuring
        """Only the size counts: what is computed from a structure's own size is not."""
        self.base: str = "0"
        """What offsets count from."""
        self.offsets = shape.contains(parameters, Relative)
        self.contexts = shape.contains(parameters, Subcontext)
        self.reverses = encoding.reverse or any(
            isinstance(part, Flagged) and part.reverse for part in shape.parts(parameters)
        )

    @abstractmethod
    def passes(self, layout: Layout, prepared: Prepared) -> None:
        """The passes over a whole item."""

    @abstractmethod
    def prepare_pointer(self, pointer: Relative, value: str) -> Referent:
        """The value, and the target's where siblings speak of it."""

    @abstractmethod
    def settle_pointer(self, pointer: Relative, referent: Referent) -> None:
        """Hold the target against what its siblings say."""

    @abstractmethod
    def target(self, target: Layout, referent: Referent) -> None:
        """A pointee."""

    # The passes

    def prepare_there(self, layout: Layout, value: str) -> Prepared:
        """Load a value of Samba's layouts into names; any other is its own."""
        match layout:
            case Flagged():
                with self.mode(layout.inside(self.encoding)):
                    return self.prepare(layout.layout, value)
            case Based():
                return Anchor(self.new("b"), self.prepare(layout.layout, value))
            case Subcontext():
                with self.mode(self._encoding_inside()):
                    return self.prepare(layout.layout, value)
            case Computed():
                return self.prepare(layout.layout, value)
            case Relative():
                return self.prepare_pointer(layout, value)
            case _:
                return value

    def settle_there(self, layout: Layout, prepared: Prepared) -> None:
        """Hold a value against what its siblings say."""
        match layout:
            case Flagged():
                with self.mode(layout.inside(self.encoding)):
                    self.settle(layout.layout, prepared)
            case Based():
                self.settle(layout.layout, prepared.part)
            case Subcontext():
                with self.mode(self._encoding_inside()):
                    self.settle(layout.layout, prepared)
            case Computed():
                self.settle(layout.layout, prepared)
            case Relative():
                self.settle_pointer(layout, prepared)
            case _:
                pass

    def scalars_there(self, layout: Layout, prepared: Prepared) -> None:
        """The first pass over a layout of Samba's."""
        match layout:
            case Flagged():
                with self.under(layout):
                    self.scalars(layout.layout, prepared)
            case Based():
                self._based(layout, prepared)
            case Relative():
                self._offset(layout, prepared)
            case Subcontext():
                self._subcontext(layout, prepared)
            case Computed():
                self.scalars(layout.layout, prepared)
            case Octets():
                self._octets(layout, prepared)
            case _:
                raise TypeError(f"{layout!r} cannot be written")

    def deferred_there(self, layout: Layout, prepared: Prepared) -> None:
        """The second pass."""
        match layout:
            case Flagged():
                with self.under(layout):
                    self.deferred(layout.layout, prepared)
            case Based():
                outer, self.base = self.base, prepared.base
                self.deferred(layout.layout, prepared.part)
                self.base = outer
            case Relative():
                self._behind(layout, prepared)
            case Computed():
                self.deferred(layout.layout, prepared)
            case _:
                pass

    # Flags

    @contextmanager
    def under(self, flagged: Flagged) -> Generator[None, None, None]:
        """Write under the flags of a layout."""
        self.flush()
        with self.mode(flagged.inside(self.encoding)):
            yield
            self.flush()

    # Octets

    def _octets(self, layout: Octets, value: str) -> None:
        self.flush()
        data = self.new("d")
        self.line(f"{data} = {self.constant(layout.outward, 'F')}({value}, o, {self.constant(self.encoding, 'E')})")
        self.line(f"w({data}); o += len({data})")
        self.forget()

    # Offsets

    def _based(self, layout: Based, anchor: Anchor) -> None:
        self.align(shape.alignment(layout.layout, self.encoding))
        self.line(f"{anchor.base} = o")
        outer, self.base = self.base, anchor.base
        self.scalars(layout.layout, anchor.part)
        self.base = outer

    def _offset(self, relative: Relative, referent: Referent) -> None:
        """Room for the offset: 0 for a null pointer."""
        self.align(relative.width)
        self.line(f"{referent.number} = bytearray({relative.width}); w({referent.number}); o += {relative.width}")
        self.moved(relative.width)

    def _behind(self, relative: Relative, referent: Referent) -> None:
        self.flush()
        before = self.known
        with self.block(f"if {referent.value} is not None:"):
            self.forget()
            if self.encoding.reverse:
                self._at_the_end(relative, referent)
            else:
                self._here(relative, referent)
        self.known = agreed(before, self.known)

    def _here(self, relative: Relative, referent: Referent) -> None:
        pad = self.encoding.pad
        if pad > 1:
            self.line(f"gap = -(o - {self.base}) % {pad}; w(PADS[gap]); o += gap")
        self._fill_in(relative, referent, "o")
        self.target(relative.target, referent)
        self.flush()

    def _at_the_end(self, relative: Relative, referent: Referent) -> None:
        """libndr writes a pointee where it would be otherwise, then moves it: its gaps are those of that place."""
        saved, data = [self.new("o") for _ in range(3)], self.new("d")
        self.line(f"{', '.join(saved)} = out, w, o; out = []; w = out.append")
        self.target(relative.target, referent)
        self.line(f"{data} = b''.join(out); out, w, o = {', '.join(saved)}")
        self.line(f"at = tail - len({data}); at -= at % {self.encoding.pad or 1}")
        self.line("if at < o: bad('no room at the end of the context')")
        self.line(f"tails.append((at, {data})); tail = at")
        self._fill_in(relative, referent, "at")

    def _fill_in(self, relative: Relative, referent: Referent, at: str) -> None:
        pack = self.packed("pack_into", "I" if relative.width == 4 else "H")
        self.line(f"{pack}({referent.number}, 0, {at} - {self.base})")

    # Contexts

    def _subcontext(self, layout: Subcontext, prepared: Prepared) -> None:
        """The contents, filled up, behind their header."""
        size = "" if layout.size is None else self.load(self.said(layout.size) or "bad('the size is not known here')")
        variables = ["out", "w", "o", "rid"]
        variables += ["full", "sent"] if shape.contains(layout, FullPtr) else []
        variables += ["tail", "tails"] if self.reverses else []
        saved, data = [self.new("u") for _ in variables], self.new("d")
        self.line(f"{', '.join(saved)} = {', '.join(variables)}")
        self.line(f"out = []; w = out.append; o = 0; rid = 0x20000; tail = {size or -1}; tails = []")
        if "full" in variables:
            self.line("full = {}; sent = set()")
        with self.mode(self._encoding_inside()):
            self._inside(layout, prepared)
        if size:
            self.line(f"if not 0 <= o <= {size}: bad('the contents of a context exceed its size')")
        if self.reverses:
            self.line("if tails and o > tail: bad('no room at the end of the context')")
        if layout.header == SERIALIZED:
            self.line(f"{data} = placed(out, -(-{size or 'o'} // 8) * 8, tails)")
        else:
            self.line(f"{data} = placed(out, {size or 'o'}, tails)")
        self.line(f"{', '.join(variables)} = {', '.join(saved)}")
        self._header(layout, f"len({data})")
        self.line(f"w({data}); o += len({data})")
        self.forget()

    def _encoding_inside(self) -> Encoding:
        """NDR64 ends at a context, as in version 1 of type serialization (MS-RPCE 2.2.6)."""
        return self.encoding.under(order=self.encoding.order)

    def _inside(self, layout: Subcontext, prepared: Prepared) -> None:
        outer = self.base, self.last, self.known
        self.base, self.last, self.known = "0", False, (8, 0)
        self.passes(layout.layout, prepared)
        self.flush()
        self.base, self.last, self.known = outer

    def _header(self, layout: Subcontext, size: str) -> None:
        match layout.header:
            case 2:
                self.put("H", 2, size)
            case 4:
                self.word(size)
            case 0:
                pass
            case _:  # MS-RPCE 2.2.6
                self.put("4s", 4, repr(SERIAL[self.encoding.order]), 1)
                for number in ("0xCCCCCCCC", size, "0"):
                    self.put("I", 4, number, 1)
        self.flush()


SERIAL: Final = {"<": b"\1\x10\x08\0", ">": b"\1\0\0\x08"}
"""Version, byte order and size of the header of a type serialization stream."""
