"""Values to octets, the rules line by line.

The same three passes as `reference_reader.py`: the maximum count that moved to the front, the scalars
with referent ids in place, then the pointees (C706 14.3.12.3).

Rules of this file: gaps are zero; what the reader would refuse is refused here; siblings that the
writer is left to fill in (AUTO) are filled in before the structure is written.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import RPC_S_INVALID_TAG, RPC_X_NULL_REF_POINTER, NdrError
from .layout import (
    Array,
    Boolean,
    ContextHandle,
    Converted,
    EncapsulatedUnion,
    FullPtr,
    Guid,
    Ignored,
    Layout,
    Mark,
    MultiArray,
    NoArm,
    Parameters,
    Pipe,
    Pointer,
    Range,
    RefPtr,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    has_identity,
)
from .layout_samba import Based, Computed, Flagged, Relative, Subcontext, Untagged
from .reference_rules import (
    NOTHING_AFTER,
    Place,
    Steps,
    Turns,
    conformant,
    counts_of_null,
    parameters_place,
    settle,
    shape,
)
from .reference_values import brief, member
from .reference_writer_arrays import in_turn
from .reference_writer_contexts import ContextWriter, Mode
from .reference_writer_fields import refused
from .shape import contains


@dataclass(slots=True)
class Referent:
    """An object that full pointers share; `value` keeps it, so that its identity stays its own."""

    number: int
    value: Any
    written: bool = False


class Writer(ContextWriter):
    """One walk over one value. `octets` is the stub."""

    referent: Referent | None = None
    """What the pointer that was written last leads to."""

    def write(self, layout: Layout, value: Any, path: str, outer: Mapping[str, object] | None) -> None:
        """The octets of the outermost layout, into `octets`."""
        self.root = layout
        if contains(layout, Subcontext):
            self.call = None  # contexts have ids of their own
        if isinstance(layout, Parameters):
            values = self.members(layout, value, path, outer)
            place = parameters_place(path, values, outer)
            for field in layout.in_wire_order:
                settle(self.item(field.layout, values[field.name], place.field(field.name)))
        else:
            settle(self.item(layout, value, Place(path, outer or {})))

    # The three passes

    def item(self, layout: Layout, value: Any, place: Place) -> Any:
        if isinstance(layout, Flagged):
            with self.under(self.flagged(layout)):
                return self.item(layout.layout, value, place)
        self._conformance(layout, value, place)
        return self.scalars(layout, value, place)

    def _conformance(self, layout: Layout, value: Any, place: Place) -> None:
        """The maximum count of the array that ends the item, aligned by itself (C706 14.3.7.1)."""
        array, names = conformant(layout)
        if array is None:
            return
        if isinstance(layout, Struct):
            values = self.members(layout, value, place.path)
            self._conformance(layout.fields[-1].layout, values[names[0]], place.inside(values).field(names[0]))
        elif isinstance(layout, Converted):
            self._conformance(layout.layout, self._travelling(layout, value, place), place)
        elif isinstance(layout, Flagged | Based | Computed):
            self._conformance(layout.layout, value, place)
        else:
            for maximum in self.maxima(array, value, place):
                self.count(maximum, place, "maximum count", "C706 14.3.7.1")

    def _travelling(self, layout: Converted, value: Any, place: Place) -> Any:
        """What travels for the program's value."""
        try:
            return layout.conversion.outward(value)
        except NdrError as error:
            raise error.within(place.path) from error.__cause__

    def scalars(self, layout: Layout, value: Any, place: Place, *, last: bool = True) -> Any:
        """The scalar pass; answers with the steps of the deferred pass, or None. `last`: a count may have moved."""
        if not last and conformant(layout)[0] is not None:
            raise refused("only the last member of a structure can be conformant", place, "C706 14.3.7.1")
        match layout:
            case Scalar():
                self.run(layout, [value], place)
            case Range():
                self.range_of(layout, value, place)
            case Guid():
                self.put(self.uuid_of(value, place), 4, place, "GUID", "C706 A.1")
            case ContextHandle():
                self.context(value, place)
            case Struct():
                return self._struct(layout, value, place)
            case SwitchIs() | EncapsulatedUnion():
                return self._union(layout, value, place)
            case Array(many=MultiArray() as many):
                return self.dimensions(many, value, place)
            case MultiArray():
                return self.dimensions(layout, value, place)
            case Array():
                return self.array(layout, value, place)
            case String():
                self.string(layout, value, place)
            case Pipe():
                self.pipe(layout, value, place)
            case Pointer():
                return self._pointer(layout, value, place)
            case Ignored() | Mark():
                self._placeholder(layout, value, place)
            case Converted():
                return self.scalars(layout.layout, self._travelling(layout, value, place), place)
            case _:
                return self.scalars_there(layout, value, place)
        return None

    def measured(self, layout: Layout, value: Any, siblings: Mapping[str, object]) -> int:
        """The octets that a value takes by itself, in the encoding and under the flags that are in force."""
        writer = Writer(self.encoding, measuring=True)
        writer.root = layout
        settle(writer.item(layout, value, Place("", siblings)))
        return len(writer.octets)

    def _placeholder(self, layout: Ignored | Mark, value: Any, place: Place) -> None:
        """A pointer without its pointee."""
        if isinstance(layout, Ignored):
            if value is not None:
                raise refused(f"{brief(value)} for an [ignore] pointer, which takes None", place, "C706 14.3.12")
            self.count(0, place, "ignored pointer", "C706 14.3.12")
            return
        number = self._referent(UniquePtr(layout), value, place).number if value else 0
        self.count(number, place, "partly ignored pointer", "C706 14.3.12")

    # Structures and unions

    def _struct(self, layout: Struct, value: Any, place: Place) -> Any:
        """The members from the structure's alignment on; NDR64 pads behind them too (MS-RPCE 2.2.5.3.4.1)."""
        alignment = self.geometry.alignment(layout)
        self.align(alignment)
        values = self.members(layout, value, place.path)
        inside = place.inside(values)
        parts: list[Any] = []
        turns: Turns = []
        for index, field in enumerate(layout.fields):
            last = field is layout.fields[-1]
            here = inside.field(field.name, self.geometry.after(layout, index, turns))
            parts.append(self.scalars(field.layout, values[field.name], here, last=last))
            if isinstance(field.layout, UniquePtr | FullPtr):
                turns.append((index, self._over(field.layout)))
        if self.encoding.wide:
            self.align(alignment)
        return in_turn(parts)

    def _union(self, layout: SwitchIs | EncapsulatedUnion, value: Any, place: Place) -> Any:
        """The tag, then the arm it selects (C706 14.3.8). NDR64 aligns both to the widest (MS-RPCE 2.2.5.3.4.4)."""
        union = layout.union
        if isinstance(layout, Untagged):
            return self._untagged(layout, value, place)
        if isinstance(layout, SwitchIs):
            tag, at, padded = place.known(layout.switch), place, union.ms_union
        else:
            tag = member(value, layout.tag, place.path, layout.factory)
            at, padded = place.field(layout.tag), False
            value = member(value, layout.name, place.path, layout.factory)
            place = place.inside({layout.tag: tag}).field(layout.name, NOTHING_AFTER)
        if not isinstance(tag, int):
            raise refused("nothing selects an arm", at, "C706 14.3.8", RPC_S_INVALID_TAG)
        if union.tag is Boolean and tag not in (0, 1):
            raise refused(f"{tag} is no boolean", at, "C706 14.3.8", RPC_S_INVALID_TAG)
        if self.encoding.wide:
            self.align(self.geometry.alignment(layout))
        self.run(union.tag, [tag], at)
        return self._arm(union, tag, value, place, padded=padded)

    def _untagged(self, layout: Untagged, value: Any, place: Place) -> Any:
        tag = place.known(layout.switch)
        if tag is None:
            raise refused("nothing selects an arm", place, "pidl", RPC_S_INVALID_TAG)
        return self._arm(layout.union, tag, value, place, padded=layout.union.ms_union)

    def _arm(self, union: Union, tag: int, value: Any, place: Place, *, padded: bool) -> Any:
        arm = union.arm(int(tag))
        if isinstance(arm, NoArm):
            raise refused(f"no arm for tag {int(tag)}", place, "C706 14.3.8", RPC_S_INVALID_TAG)
        if padded or self.encoding.wide:
            self.align(self.geometry.arm_alignment(union))
        if arm is not None:
            return self.scalars(arm, value, place, last=False)
        if value is not None:
            raise refused(f"the arm for tag {int(tag)} holds nothing", place, "C706 14.3.8")
        return None

    # Pointers

    def _over(self, layout: Pointer) -> Callable[[], bool]:
        """Whether the pointer that was just written brings nothing: it is null, or an alias by then."""
        referent, full = self.referent, isinstance(layout, FullPtr)
        return lambda: referent is None or (full and referent.written)

    def _pointer(self, layout: Pointer, value: Any, place: Place) -> Any:
        """The referent id; the pointee comes in the deferred pass (C706 14.3.12)."""
        self.referent = None
        if value is None and not (isinstance(layout, RefPtr) and _may_be_none(layout.target)):
            return self._null(layout, place)
        referent = self.referent = self._referent(layout, value, place)
        self.count(referent.number, place, "referent id", "C706 14.3.12")
        return self._pointee(layout, referent, place, self.mode)

    def _null(self, layout: Pointer, place: Place) -> None:
        if isinstance(layout, RefPtr):
            raise refused("a null [ref] pointer", place, "C706 14.3.12.1", RPC_X_NULL_REF_POINTER)
        for said in counts_of_null(layout.target) if not (place.reply or layout.lenient) else ():
            size = place.size_of_nothing(said)
            if size:
                raise refused(f"a null pointer to {size} items", place, "MS-RPCE 3.1.1.5.3")
        self.count(0, place, "referent id", "C706 14.3.12")

    def _referent(self, layout: Pointer, value: Any, place: Place) -> Referent:
        """A new id, or the one that a full pointer gave the same object (C706 14.3.12.2)."""
        if not isinstance(layout, FullPtr):
            return Referent(self.fresh(), value)
        key = id(value), shape(layout.target)
        known: Referent | None = self.referents.get(key)
        if known is not None:
            self._agrees(layout.target, value, place)
        else:
            number = self.remembered(key)
            known = Referent(self.fresh(full=True) if number is None else number, value)
            if has_identity(value):
                self.referents[key] = known
                self.keep(key, known.number, value)
        return known

    def _agrees(self, target: Layout, value: Any, place: Place) -> None:
        """What is sent once is what the siblings of each of its pointers say."""
        match target:
            case Array(many=MultiArray() as many):
                self._block(many, value, place)
            case MultiArray():
                self._block(target, value, place)
            case Array() | String():
                self._extent(target, value, place)
            case SwitchIs() if place.known(target.switch) is None:
                raise refused("nothing selects an arm", place, "C706 14.3.8", RPC_S_INVALID_TAG)
            case Flagged() | Based() | Computed():
                self._agrees(target.layout, value, place)
            case _:
                pass

    def _pointee(self, layout: Pointer, referent: Referent, place: Place, mode: Mode) -> Steps:
        """The pointee goes where the first of its pointers has its turn."""
        if not referent.written:
            referent.written = True
            with self.under(mode):
                part = self.item(layout.target, referent.value, self.behind(layout.target, place))
            if isinstance(part, Generator):
                yield part


# Refusals


def _may_be_none(target: Layout) -> bool:
    """None can be the value of what a [ref] pointer points to: a null pointer, a null handle, an empty arm."""
    maybe = Pointer | ContextHandle | SwitchIs | Converted | Ignored | Mark | Relative
    return isinstance(target, maybe | Flagged | Based | Subcontext | Computed)
