"""Octets to values, the rules line by line.

A top-level item (a parameter, a pointee) is read in three passes: the maximum count that moved to its
front, its scalars, then what its pointers point to (C706 14.3.12.3). The scalar pass answers with a
value, or with the steps that make one once the pointees are there.

Rules of this file: nothing is taken on a count that the octets left cannot hold; correlations are
checks made at the end, since a size may travel after its array. The counterpart is `reference_writer.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

from .errors import RPC_S_INVALID_TAG, RPC_X_NULL_REF_POINTER, NdrError, OutOfSteps
from .layout import (
    Array,
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
    shared,
)
from .layout_samba import Flagged, Relative, Subcontext, Untagged
from .reference_deferred import Referent, all_of, deferred
from .reference_reader_contexts import ContextReader, Mode
from .reference_reader_fields import LEVEL_5, LEVEL_6, NullCheck
from .reference_rules import (
    NOTHING_AFTER,
    Place,
    Steps,
    Turn,
    Turns,
    conformant,
    counts_of_null,
    parameters_place,
    settle,
    shape,
)
from .referents import OTHER, ROUND
from .shape import contains
from .trailing import check_end


class Reader(ContextReader):
    """One walk over one stub. `position` is where it stopped."""

    number: int = 0
    """The referent id that was read last."""

    def read(self, layout: Layout, path: str, outer: dict[str, object] | None) -> Any:
        """The value of the outermost layout, all correlations checked. Whatever is wrong, it is said where."""
        try:
            return self._read(layout, path, outer)
        except NdrError as error:
            if error.offset is None:
                error.offset = self.origin + self.position
            raise

    def _read(self, layout: Layout, path: str, outer: dict[str, object] | None) -> Any:
        self.root = layout
        if contains(layout, Subcontext):
            self.call = None  # contexts have ids of their own
        if isinstance(layout, Parameters):
            value: Any = self._parameters(layout, path, outer)
        else:
            value = settle(self.item(layout, Place(path, outer or {})))
        if self.observer is not None:
            self.observer.complete, self.observer.end = True, self.position
        for check in self.checks:
            check.make()
        loose = contains(layout, Relative)  # what offsets lead to stands behind all
        check_end(self.octets, self.position, None if loose else self.strictness.trailing)
        return value

    def _parameters(self, layout: Parameters, path: str, outer: dict[str, object] | None) -> dict[str, Any]:
        """Each parameter is an item of its own: its pointees follow it directly (C706 14.3.12.3)."""
        values: dict[str, Any] = {}
        place = parameters_place(path, values, outer)
        for member in layout.in_wire_order:
            values[member.name] = settle(self.item(member.layout, place.field(member.name)))
        return {member.name: values[member.name] for member in layout.fields}

    # The three passes

    def item(self, layout: Layout, place: Place) -> Any:
        if isinstance(layout, Flagged):
            with self.under(self.flagged(layout)):
                return self.item(layout.layout, place)
        array, names = conformant(layout)
        maxima = () if array is None else self.maxima(array, place.at(names))
        return self.scalars(layout, place, maxima)

    def scalars(self, layout: Layout, place: Place, maxima: tuple[int, ...] = ()) -> Any:
        """The scalar pass; `maxima` are the counts that were read before the outermost structure."""
        self.steps_left -= 1
        if self.steps_left < 0:
            raise OutOfSteps
        match layout:
            case Scalar():
                return self.saw(self.run(layout, 1, place)[0])
            case Range():
                return self.range_of(layout, place)
            case Guid():
                return self.saw(self.uuid_of(self.take(16, 4, place, "GUID", "C706 A.1")))
            case ContextHandle():
                return self.context(place)
            case Struct():
                return self._struct(layout, place, maxima)
            case SwitchIs() | EncapsulatedUnion():
                return self._union(layout, place)
            case Array(many=MultiArray() as many):
                return self.dimensions(many, place, maxima)
            case MultiArray():
                return self.dimensions(layout, place, maxima)
            case Array():
                return self.array(layout, place, maxima)
            case String():
                return self.string(layout, place, maxima)
            case Pipe():
                return self.pipe(layout, place)
            case Pointer():
                return self._pointer(layout, place)
            case Ignored():
                self.count(place, "ignored pointer", "C706 14.3.12")
            case Mark():
                return self.count(place, "partly ignored pointer", "C706 14.3.12") != 0 or None
            case Converted():
                part = self.scalars(layout.layout, place.closed(), maxima)
                return self._converted(layout, part, place)
            case _:
                return self.scalars_there(layout, place, maxima)
        return None

    def _converted(self, layout: Converted, part: Any, place: Place) -> Any:
        """The program's value for what travelled, now or once its pointees are there."""
        if isinstance(part, Generator):
            return self._converted_later(layout, part, place)
        try:
            return layout.conversion.inward(part)
        except NdrError as error:
            raise error.within(place.path) from error.__cause__

    def _converted_later(self, layout: Converted, part: Any, place: Place) -> Steps:
        return self._converted(layout, (yield part), place)

    # Structures and unions

    def _struct(self, layout: Struct, place: Place, maxima: tuple[int, ...]) -> Any:
        """The members from the structure's alignment on; NDR64 pads behind them too (MS-RPCE 2.2.5.3.4.1)."""
        alignment = self.geometry.alignment(layout)
        self.skip(alignment)
        parts: dict[str, Any] = {}
        inside = place.inside(parts)
        turns: Turns = []
        for index, member in enumerate(layout.fields):
            counts = maxima if member is layout.fields[-1] else ()
            here = inside.field(member.name, self.geometry.after(layout, index, turns))
            parts[member.name] = self.scalars(member.layout, here, counts)
            if isinstance(member.layout, UniquePtr | FullPtr):
                turns.append((index, self._over(member.layout)))
        if self.encoding.wide:
            self.align(alignment, place, "MS-RPCE 2.2.5.3.4.1")
        if not deferred(parts.values()):
            return layout.factory(**parts)
        return all_of(layout.factory, parts, place.opening, self.call)

    def _union(self, layout: SwitchIs | EncapsulatedUnion, place: Place) -> Any:
        """The tag, then the arm it selects (C706 14.3.8). NDR64 aligns both to the widest (MS-RPCE 2.2.5.3.4.4)."""
        union = layout.union
        if isinstance(layout, Untagged):
            return self._arm(union, self.told(layout.switch, place), place, padded=union.ms_union)
        if self.encoding.wide:
            self.skip(self.geometry.alignment(layout))
        own = layout.tag if isinstance(layout, EncapsulatedUnion) else None
        tag = self.scalars(union.tag, place.field(own) if own else place)
        if self.observer is not None:
            self.observer.tags.add(len(self.observer) - 1)
        if isinstance(layout, SwitchIs):
            self.check(layout.switch, int(tag), "the tag", place, f"{LEVEL_5}.1.11", RPC_S_INVALID_TAG)
            return self._arm(union, tag, place, padded=union.ms_union)
        parts = {layout.tag: tag}
        inside = place.inside(parts).field(layout.name, NOTHING_AFTER)
        parts[layout.name] = self._arm(union, tag, inside, padded=False)

        def make(**members: Any) -> Any:
            return layout.factory(members[layout.tag], members[layout.name])

        if not deferred(parts.values()):
            return make(**parts)
        return all_of(layout.factory, parts, place.opening, self.call, make)

    def _arm(self, union: Union, tag: Any, place: Place, *, padded: bool) -> Any:
        arm = union.arm(int(tag))
        if isinstance(arm, NoArm):
            raise self.bad(f"no arm for tag {int(tag)}", place, rule="C706 14.3.8", status=RPC_S_INVALID_TAG)
        if padded or self.encoding.wide:
            self.align(self.geometry.arm_alignment(union), place, "MS-RPCE 2.2.4.5, 2.2.5.3.4.4")
        return None if arm is None else self.scalars(arm, place)

    # Pointers

    def _over(self, layout: Pointer) -> Callable[[], bool]:
        """Whether the pointer that was just read brings nothing: it is null, or an alias by then."""
        number, full = self.number, isinstance(layout, FullPtr)
        return lambda: not number or (full and number in self.referents)

    def _pointer(self, layout: Pointer, place: Place) -> Any:
        """The referent id; the pointee comes in the deferred pass (C706 14.3.12)."""
        referent = self.number = self.count(place, "referent id", "C706 14.3.12")
        if referent:
            return self._pointee(layout, referent, place, self.mode, len(self.observer or ()) - 1)
        if isinstance(layout, RefPtr):
            status = RPC_X_NULL_REF_POINTER
            raise self.bad("a null [ref] pointer", place, rule="C706 14.3.12.1", status=status)
        if not (layout.lenient or self._null_arrays(layout.target, place)):
            for said in counts_of_null(layout.target):
                self.checks.append(
                    NullCheck(said, 0, "a null pointer", place, self.origin + self.position, f"{LEVEL_6}.1.2")
                )
        return None

    def _null_arrays(self, target: Layout, place: Place) -> bool:
        """May a null pointer stand here, whatever siblings say of the size of `target`?"""
        strictness = self.strictness
        if strictness.contradiction or strictness.null_arrays or (place.reply and strictness.null_array_in_reply):
            return True
        return strictness.string_size and isinstance(target, String)

    def _pointee(self, layout: Pointer, number: int, place: Place, mode: Mode, span: int) -> Steps:
        """Equal ids mean the same object to full pointers only (C706 14.3.12.2). span: the index of the id's."""
        turn = None
        if self.observer is not None:
            known = self.referents.get(number) if isinstance(layout, FullPtr) else None
            turn = self.observer.turn(span, number, None if known is None else known.path)
        if isinstance(layout, FullPtr):
            return (yield self._full_pointee(layout, number, place, mode, turn))
        return (yield from self._target(layout.target, place, mode, turn))

    def _target(self, target: Layout, place: Place, mode: Mode, turn: Turn | None) -> Steps:
        with self.under(mode):
            part = self.item(target, self.behind(target, place))
        if turn is not None:
            turn.empty = turn.begin == len(self.observer or ())
        return (yield part) if isinstance(part, Generator) else part

    def _full_pointee(self, layout: FullPtr, number: int, place: Place, mode: Mode, turn: Turn | None) -> Steps:
        """The first pointer whose turn comes brings the pointee, later ones are aliases."""
        kind = shape(layout.target)
        known = self.referents.get(number)
        if known is None:
            known = self.referents[number] = Referent(kind, place.path, self.before(number, kind))
            value = yield from self._target(layout.target, place.opened(known), mode, turn)
            known.holds(shared(value) if self.call is None else self.call.again(known.before, shared(value)))
            self.keep(number, kind, known.value)
        elif known.shape != kind:
            raise self.bad(OTHER.format(number), place, rule="C706 14.3.12.2")
        elif not known.there:
            raise self.bad(ROUND.format(number), place, rule="C706 14.3.12.2")
        return known.value
