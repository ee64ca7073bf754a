"""Random layouts with the words that `random_kinds.py` does not draw, for `test_agreement.py`."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable
from typing import Any

from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    BitSet,
    Boolean,
    Byte,
    Char,
    Conversion,
    Converted,
    Dimension,
    EncapsulatedUnion,
    Enum,
    Ignored,
    InterfacePtr,
    Layout,
    Long,
    Mark,
    MultiArray,
    Pipe,
    Range,
    Short,
    String,
    Struct,
    UHyper,
    ULong,
    Union,
    WChar,
)

Make = Callable[[], Any]
Kind = tuple[Layout, Make]


class Bits(enum.IntFlag):
    READ = 1
    WRITE = 2
    HIGH = 0x80


class Small(enum.IntEnum):
    TWO = 2
    THREE = 3


@dataclasses.dataclass
class Boxed:
    """What a conversion makes of a value."""

    value: Any


def unboxed(boxed: Boxed) -> Any:
    return boxed.value


BOXING = Conversion("BOX").use(to_wire=unboxed, from_wire=Boxed)
BITS = (BitSet(Bits, Byte), BitSet(Bits, ULong), BitSet(Bits, UHyper))
LIMITED = Range(Enum(Small), 2, 5)


def more(kinds: Any, record: Callable[[list[str]], Any]) -> Any:
    """The class of `random_kinds.py` with more words; `record` makes the classes of structures."""

    class More(kinds):  # type: ignore[misc]
        def scalars(self) -> Any:
            return self.bits, lambda: (LIMITED, lambda: self.chance.choice((Small.TWO, Small.THREE, 5)))

        def anywhere(self) -> Any:
            return self.placeholder, lambda depth: self.converted(self.any(depth - 1)), self.fixed_block, self.either

        def pointees(self) -> Any:
            return self.open_block, self.open_block, self.interface, self.converted_pointee

        def groups(self) -> Any:
            return (self.dimensions,)

        def parameter(self) -> Any:
            return (self.pipe,)

        def bits(self) -> Kind:
            return self.chance.choice(BITS), lambda: Bits(self.chance.choice((0, 3, 0x81, 0xFF)))

        def placeholder(self, depth: int) -> Kind:
            kinds = (Ignored(), lambda: None), (Mark(), lambda: self.chance.choice((True, None)))
            return self.chance.choice(kinds)

        def converted(self, kind: Kind) -> Kind:
            layout, make = kind
            return Converted(layout, BOXING), lambda: Boxed(make())

        def converted_pointee(self, depth: int) -> Kind:
            return self.converted(self.conformant(depth - 1) if depth > 0 else self.scalar())

        def interface(self, depth: int) -> Kind:
            return InterfacePtr("I"), lambda: self.chance.randbytes(self.chance.randint(0, 9))

        def either(self, depth: int) -> Kind:
            """A union with a boolean tag."""
            arms = self.any(depth - 1), self.any(depth - 1)
            made = record(["t", "u"])

            def make() -> Any:
                key = self.chance.random() < 0.5
                return made(key, arms[key][1]())

            return EncapsulatedUnion(made, "t", "u", Union(Boolean, {0: arms[0][0], 1: arms[1][0]})), make

        # Several dimensions

        def fixed_block(self, depth: int) -> Kind:
            return self.block(depth, self.bounded_string(), (0, 1, 2, 3))

        def open_block(self, depth: int) -> Kind:
            texts = (String(Char), lambda: self.narrow(4)), (String(WChar), lambda: self.text(4))
            return self.block(depth, self.chance.choice(texts), (None, 1, 2))

        def block(self, depth: int, text: Kind, choices: tuple[int | None, ...]) -> Kind:
            """An array of two dimensions, or of strings."""
            texts = self.chance.random() < 0.4
            element = text if texts else self.element(depth - 1)
            bounds = [self.chance.choice(choices) for _ in range(1 if texts else 2)]
            layout: Layout = MultiArray(element[0], *map(Dimension, bounds))
            if texts and self.chance.random() < 0.5:
                layout = Array(element[0], bound=bounds[0])

            def make() -> Any:
                counts = [self.chance.choice((0, 1, 3)) if bound is None else bound for bound in bounds]
                return self.rows(element, counts)

            return layout, make

        def rows(self, element: Kind, counts: list[int]) -> Any:
            """The value of an array of several dimensions."""
            if len(counts) == 1:
                return self.items(element, counts[0])
            return [self.rows(element, counts[1:]) for _ in range(counts[0])]

        def dimensions(self, depth: int) -> Any:
            """n, m, l, f, [size_is(n, m), length_is(, l), first_is(, f)] T *p, of two dimensions."""
            element, partly = self.element(depth - 1), self.chance.random() < 0.5
            outer, inner, length, first = (self.name(name) for name in "nmlf")
            part = {"length": this[length], "first": this[first]} if partly else {}
            last = Dimension(size=this[inner], **part)
            limits = self.chance.choice((None, (0, 9)))
            pointer = self.to(MultiArray(element[0], Dimension(size=this[outer]), last, limits=limits))

            def draw() -> list[Any]:
                count, each = self.chance.randint(0, 2), self.chance.randint(0, 2)
                ahead, room = (1, each + 2) if partly else (0, each)
                value = self.rows(element, [count, each])
                return [count, room, each, ahead, self.pointee(pointer, value)]

            fields = [outer / Long, inner / Byte, length / Short, first / Byte, self.name("p") / pointer]
            return self.together(fields, draw)

        # Pipes

        def pipe(self, depth: int) -> Kind:
            """A pipe; its items have no pointers."""
            element = self.chance.choice((self.scalar(), (Byte, lambda: 7), self.plain_structure()))

            def make() -> Any:
                items = [element[1]()] * self.chance.choice((0, 1, 3))
                return bytes(items) if element[0] is Byte or element[0] is Char else items

            return Pipe(element[0]), make

        def plain_structure(self) -> Kind:
            members = [self.scalar() for _ in range(self.chance.randint(0, 3))]
            names = [f"m{index}" for index in range(len(members))]
            layout = Struct(record(names), *(name / layout for name, (layout, _) in zip(names, members, strict=True)))
            return layout, lambda: layout.factory(*(make() for _, make in members))

    return More
