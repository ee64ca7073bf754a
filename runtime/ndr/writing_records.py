"""The codec compiler's writing half: members that siblings, arrays or expressions determine.

Counts that were left out come from their arrays; what is computed ([value] of the pidl dialect) from siblings.
Below it: `writing_contexts.py`. Above it: `writing.py`.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from .expression import Expression, Inverse, SizeOf, invert
from .layout import Array, Field, Layout, MultiArray, Parameters, Pointer, String
from .layout_samba import Based, Computed, Flagged, Relative, Subcontext
from .siblings import measured, plain
from .writing_contexts import WritingContexts
from .writing_fields import Block, Prepared, Record, Scope, record_scope, siblings_below

Whole = tuple[Layout, str]
"""A structure and the name of its value."""

UNTOLD: Final = "bad('what it is computed from travels in the other direction')"
_TRANSPARENT: Final = (Pointer, Relative, Flagged, Based, Subcontext, Computed)


class WritingRecords(WritingContexts, ABC):
    """Members that know each other."""

    whole: Whole | None = None
    """The structure whose members are computed."""

    def record(
        self, fields: Sequence[Field], values: Sequence[str], outer: Scope | None = None, whole: Whole | None = None
    ) -> Record:
        """Prepare members that may name each other, fill in the counts that were left out, then settle all."""
        record = Record([], record_scope(fields, values, outer))
        computed = in_order(fields)
        with self.among(record.scope):
            self._compute(_early(computed), whole)
            for field, value in zip(fields, values, strict=True):
                record.parts.append(self.prepare(field.layout, value))
            self._fill(fields, record)
            self._compute({name: layout for name, layout in computed.items() if plain(layout)}, whole)
            for field, part in zip(fields, record.parts, strict=True):
                self.settle(field.layout, part)
        return record

    def _compute(self, computed: Mapping[str, Computed], whole: Whole | None) -> None:
        """Members that are computed, whatever they hold."""
        self.whole = whole
        for name, layout in computed.items():
            value = layout.value
            text = self.said(value) if isinstance(value, Expression) else self.constant(value)
            if self.measuring and layout.unmeasured is not None:
                text = str(layout.unmeasured)
            self.say(f"{self.scope.values[name]} = {text or UNTOLD}")

    def size_of(self, expression: SizeOf) -> str:
        """The octets of a sibling, or of the structure itself."""
        if expression.name is None:
            if self.whole is None:
                raise TypeError("parameters have no size")
            return self._measured(*self.whole, [])
        layout, value = measured(self.scope.fields[expression.name]), self.scope.values[expression.name]
        others = [name for name in siblings_below(layout) if name in self.scope.values]
        return f"(0 if {value} is None else {self._measured(layout, value, others)})"

    def _measured(self, layout: Layout, value: str, others: Sequence[str]) -> str:
        own = self.constant(Parameters("value" / layout))
        beside = self.constant(Parameters(*(name / self.scope.fields[name] for name in others)))
        encoding, given = self.constant(self.encoding), "".join(f"{self.scope.values[name]}, " for name in others)
        return f"measured({own}, {beside}, {encoding}, {value}, ({given}))"

    def _fill(self, fields: Sequence[Field], record: Record) -> None:
        """Counts that were left out come from the first array that determines them."""
        own, filled = {field.name for field in fields}, set[str]()
        for field, part in zip(fields, record.parts, strict=True):
            for inverse, count in self._inverses(field.layout, part):
                if inverse.name in own - filled:
                    filled.add(inverse.name)
                    name = record.scope.values[inverse.name]
                    self.say(f"if {name} is AUTO: {name} = {_inverted(inverse, count)}")

    def _inverses(self, layout: Layout, prepared: Prepared) -> Iterator[tuple[Inverse, str]]:
        """The counts that an array in this member determines, with text for the number of its items."""
        while isinstance(layout, _TRANSPARENT):
            if isinstance(layout, Pointer | Relative):
                if prepared.target is None:
                    return
                layout, prepared = layout.target, prepared.target
            else:
                layout, prepared = layout.layout, prepared.part if isinstance(layout, Based) else prepared
        array = layout.many if isinstance(layout, Array) else layout
        if isinstance(array, MultiArray):
            yield from self._inverses_of_dimensions(array, prepared)
            return
        if isinstance(layout, Array | String) and layout.size is not None:
            first = self.said(layout.first) if isinstance(layout, Array) else None
            solved = invert(layout.size)
            if solved is not None:
                yield solved, prepared.count if first in (None, "0") else f"({prepared.count} + {first})"
        if isinstance(layout, Array) and layout.length is not None:
            solved = invert(layout.length)
            if solved is not None:
                yield solved, prepared.count

    def _inverses_of_dimensions(self, array: MultiArray, block: Block) -> Iterator[tuple[Inverse, str]]:
        for dimension, count in zip(array.dimensions, block.counts, strict=True):
            first = self.said(dimension.first) or "0"
            for size, text in ((dimension.size, f"(({count} or 0) + {first})"), (dimension.length, f"({count} or 0)")):
                inverse = None if size is None else invert(size)
                if inverse is not None:
                    yield inverse, text


def in_order(fields: Sequence[Field]) -> dict[str, Computed]:
    """The members that are computed, behind those that they are computed from. TypeError for a circle."""
    waiting = {field.name: field.layout for field in fields if isinstance(field.layout, Computed)}
    found: dict[str, Computed] = {}
    while waiting:
        ready = [name for name, layout in waiting.items() if not needed(layout) & waiting.keys() - {name}]
        if not ready:
            raise TypeError(f"{', '.join(waiting)} are computed from each other")
        found.update({name: waiting.pop(name) for name in ready})
    return found


def _early(computed: dict[str, Computed]) -> dict[str, Computed]:
    """Those whose values are converted, and what they are computed from; numbers wait for counts left out."""
    wanted = {name for name, layout in computed.items() if not plain(layout)}
    for name in reversed(computed):
        wanted |= needed(computed[name]) if name in wanted else set()
    return {name: layout for name, layout in computed.items() if name in wanted}


def needed(computed: Computed) -> frozenset[str]:
    """The siblings that a member is computed from."""
    return computed.value.names() if isinstance(computed.value, Expression) else frozenset()


def _inverted(inverse: Inverse, count: str) -> str:
    """Text for the value of the sibling that gives `count` items."""
    product = count if inverse.times == 1 else f"{count} * {inverse.times}"
    quotient = product if inverse.per == 1 else f"exact({product}, {inverse.per})"
    return quotient if inverse.plus == 0 else f"{quotient} + {inverse.plus}"
