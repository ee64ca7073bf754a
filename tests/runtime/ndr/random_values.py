"""Random values of a given layout, for `test_explain.py`: sizes and tags are drawn first, arrays and arms follow."""

from __future__ import annotations

import itertools
import random
from collections import ChainMap
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from lrpc.runtime.ndr.layout import (
    Array,
    BitSet,
    Boolean,
    ContextHandle,
    Converted,
    EncapsulatedUnion,
    Encoding,
    Enum,
    Field,
    Guid,
    Ignored,
    InterfacePtr,
    Layout,
    Mark,
    MultiArray,
    Parameters,
    Pipe,
    PipeItems,
    PipeOctets,
    Pointer,
    Range,
    RefPtr,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
)
from lrpc.runtime.ndr.reference_rules import Place, octets_each
from lrpc.runtime.ndr.reference_values import correlated_last

DEPTH = 6


class Values:
    """Draws values with `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance

    def of(self, layout: Layout, siblings: Mapping[str, object] | None = None, depth: int = 0) -> Any:
        place = Place("", siblings or {})
        match layout:
            case Scalar():
                return self.number(layout)
            case Range():
                return self.chance.randint(max(layout.lowest, 0), max(min(layout.highest, 3), layout.lowest))
            case Guid():
                return UUID(int=self.chance.getrandbits(128))
            case ContextHandle():
                return self.chance.choice((None, (0, UUID(int=self.chance.getrandbits(128)))))
            case String():
                return "abcdefgh"[: self.length(layout, place) - 1]
            case Struct():
                return layout.factory(**self.members(layout.fields, {}, depth))
            case Parameters():
                return self.members(layout.fields, dict(siblings or {}), depth)
            case SwitchIs():
                tag = place.known(layout.switch)
                return self.arm(layout.union, next(iter(layout.union.arms), 0) if tag is None else tag, place, depth)
            case EncapsulatedUnion():
                tag = self.chance.choice(list(layout.union.arms))
                member = layout.union.tag
                shown = member.by_value.get(tag, tag) if isinstance(member, Enum) else tag
                return layout.factory(shown, self.arm(layout.union, tag, Place("", {}), depth))
            case Array():
                return self.row(layout.element, self.count(layout, place), place, depth)
            case MultiArray():
                return self.rows(layout, [self.count(one, place) for one in layout.dimensions], place, depth)
            case Pipe():
                chunks = [self.chance.randint(1, 3) for _ in range(self.chance.randint(0, 2))]
                items = [self.row(layout.chunk.element, count, place, depth) for count in chunks]
                joined = itertools.chain.from_iterable(items)
                value = PipeOctets(joined) if layout.octets else PipeItems(joined)
                value.counts = chunks
                return value
            case InterfacePtr():
                return self.chance.randbytes(self.chance.randint(0, 9))
            case Converted():
                return self.of(layout.layout, siblings, depth)
            case Ignored():
                return None
            case Mark():
                return self.chance.choice((True, None))
            case Pointer():
                deep = depth > DEPTH or self.chance.random() < 0.2
                if deep and not isinstance(layout, RefPtr) and not self.counted(layout.target, place):
                    return None
                return self.of(layout.target, siblings, depth + 1)
        raise AssertionError(layout)

    def number(self, layout: Scalar) -> Any:
        if layout is Boolean:
            return self.chance.random() < 0.5
        if isinstance(layout, Enum):
            return self.chance.choice(list(layout.members))
        if isinstance(layout, BitSet):
            return layout.member(self.chance.randint(0, 3))
        number = self.chance.randint(0, 4)
        return number / 2 if layout.code(Encoding.NDR) in "fd" else number

    def members(self, fields: Sequence[Field], outer: dict[str, object], depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        tags = {
            name: field.layout.union
            for field in fields
            if isinstance(field.layout, SwitchIs)
            for name in field.layout.switch.names()
        }
        for field in correlated_last(fields):
            tag = self.chance.choice(list(tags[field.name].arms)) if field.name in tags else None
            if tag is None or not isinstance(field.layout, Scalar):
                values[field.name] = self.of(field.layout, ChainMap(values, outer), depth)
            else:
                values[field.name] = field.layout.by_value.get(tag, tag) if isinstance(field.layout, Enum) else tag
        return {field.name: values[field.name] for field in fields}

    def arm(self, union: Union, tag: int, place: Place, depth: int) -> Any:
        arm = union.arm(tag)
        return self.of(arm, place.siblings, depth) if isinstance(arm, Layout) else None

    # Arrays

    def counted(self, target: Layout, place: Place) -> bool:
        return isinstance(target, Array | MultiArray) and bool(self.count(target, place))

    def count(self, counted: Any, place: Place) -> int:
        if isinstance(counted, MultiArray):
            counted = counted.dimensions[0]
        said = counted.bound if counted.bound is not None else place.known(counted.size)
        whole = self.chance.randint(0, 3) if said is None else said
        if counted.length is None and counted.first is None:
            return whole
        length = place.known(counted.length) if counted.length is not None else None
        return whole - (place.known(counted.first) or 0) if length is None else length

    def length(self, layout: String, place: Place) -> int:
        most = layout.bound if layout.bound is not None else place.known(layout.size)
        return self.chance.randint(1, 5 if most is None else max(1, min(most, 8)))

    def row(self, element: Layout, count: int, place: Place, depth: int) -> Any:
        each = octets_each(element)
        if each:
            return self.chance.randbytes(max(count, 0)) if each == 1 else "abcdefgh"[:count].ljust(count, "x")
        return [self.of(element, place.siblings, depth + 1) for _ in range(count)]

    def rows(self, layout: MultiArray, counts: list[int], place: Place, depth: int) -> Any:
        if len(counts) == 1:
            return self.row(layout.element, counts[0], place, depth)
        return [self.rows(layout, counts[1:], place, depth) for _ in range(counts[0])]
