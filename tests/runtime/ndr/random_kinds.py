"""Random layouts with all words of the vocabulary, for `test_agreement.py`.

A kind of type is a layout with a way to make values of it; members that speak of each other are made together.
"""

from __future__ import annotations

import dataclasses
import enum
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

from lrpc.runtime.ndr.expression import compare, present, this, when
from lrpc.runtime.ndr.layout import (
    GUID,
    NO_ARM,
    Array,
    Boolean,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Enum,
    Field,
    FixedArray,
    Float,
    FullPtr,
    HResult,
    Hyper,
    Int3264,
    Layout,
    Long,
    Parameters,
    Pointer,
    Range,
    RefPtr,
    Short,
    Small,
    String,
    Struct,
    SwitchIs,
    UHyper,
    UInt3264,
    ULong,
    Union,
    UniquePtr,
    UShort,
    USmall,
    VaryingArray,
    WChar,
    shared,
)

Make = Callable[[], Any]
Kind = tuple[Layout, Make]
Group = list[tuple[Field, Make]]
"""Members that are made together: each maker may only be called in turn, once for each value."""


class Short16(enum.IntEnum):
    ZERO = 0
    ONE = 1
    LAST = 0x7FFF


class Wide32(enum.IntEnum):
    ONE = 1
    HUGE = 0xFFFF_FFFF


NUMBERS: dict[Layout, tuple[int, int]] = {
    Byte: (0, 0xFF),
    Char: (0, 0xFF),
    Small: (-128, 127),
    USmall: (0, 0xFF),
    Short: (-(1 << 15), (1 << 15) - 1),
    UShort: (0, 0xFFFF),
    WChar: (0, 0xFFFF),
    Long: (-(1 << 31), (1 << 31) - 1),
    ULong: (0, (1 << 32) - 1),
    HResult: (0, (1 << 32) - 1),
    Hyper: (-(1 << 63), (1 << 63) - 1),
    UHyper: (0, (1 << 64) - 1),
    Int3264: (-(1 << 31), (1 << 31) - 1),
    UInt3264: (0, (1 << 32) - 1),
}
ENUM16, ENUM32 = Enum(Short16), Enum(Wide32, v1=True)
COUNTS = (Byte, Short, UShort, Long, ULong, Hyper, UHyper)
_classes: dict[tuple[str, ...], Any] = {}


def record(names: list[str]) -> Any:
    """What a stub has for a structure with these members."""
    key = tuple(names)
    if key not in _classes:
        _classes[key] = dataclasses.make_dataclass("Record", names, slots=True)
    return _classes[key]


class Kinds:
    """Draws kinds of types with `chance`."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.serial = 0
        self.fulls: list[tuple[FullPtr, Make]] = []

    def name(self, prefix: str) -> str:
        self.serial += 1
        return f"{prefix}{self.serial}"

    def any(self, depth: int) -> Kind:
        """A kind that can stand anywhere: nothing conformant at its end."""
        if depth <= 0:
            return self.chance.choice((self.scalar, self.scalar, self.opaque))()
        makers: tuple[Callable[[int], Kind], ...] = (
            lambda depth: self.scalar(),
            lambda depth: self.opaque(),
            self.structure,
            self.structure,
            self.fixed,
            self.pointer,
            self.pointer,
            self.pointer,
            self.full,
            self.encapsulated,
            lambda depth: self.bounded_string(),
            *self.anywhere(),
        )
        return self.chance.choice(makers)(depth)

    # What a class above adds

    def scalars(self) -> tuple[Callable[[], Kind], ...]:
        return ()

    def anywhere(self) -> tuple[Callable[[int], Kind], ...]:
        return ()

    def pointees(self) -> tuple[Callable[[int], Kind], ...]:
        return ()

    def groups(self) -> tuple[Callable[[int], Group], ...]:
        return ()

    def parameter(self) -> tuple[Callable[[int], Kind], ...]:
        return ()

    # Plain kinds

    def scalar(self) -> Kind:
        chance = self.chance
        if self.scalars() and chance.random() < 0.2:
            return chance.choice(self.scalars())()
        layout = chance.choice((*NUMBERS, Boolean, Float, Double, ENUM16, ENUM32, "range"))
        if layout == "range":
            inner = chance.choice((Short, Long, USmall))
            return Range(inner, 2, 5), lambda: chance.randint(2, 5)
        if layout in NUMBERS:
            lowest, highest = NUMBERS[layout]
            return layout, lambda: chance.choice((0, 1, highest, lowest, chance.randint(lowest, highest)))
        if layout is Boolean:
            return layout, lambda: chance.random() < 0.5
        if layout in (ENUM16, ENUM32):
            return layout, lambda: chance.choice((*layout.members, 77))
        return layout, lambda: chance.randint(-1000, 1000) / 8

    def opaque(self) -> Kind:
        chance = self.chance

        def uuid() -> UUID:
            return UUID(int=chance.getrandbits(128))

        if chance.random() < 0.5:
            return GUID, uuid
        return ContextHandle("H"), lambda: chance.choice((None, (chance.randint(1, 9), uuid())))

    def text(self, most: int) -> str:
        alphabet = "ab\u00e9\u20ac\ud800\U0001f600"
        found = ""
        while self.chance.random() < 0.7:
            letter = self.chance.choice(alphabet)
            if len((found + letter).encode("utf-16-le", "surrogatepass")) // 2 > most:
                break
            found += letter
        return found.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")

    def narrow(self, most: int) -> str:
        octets = bytes(self.chance.choice(b"ab\xe9\xff") for _ in range(self.chance.randint(0, most)))
        return octets.decode("utf-8", "surrogateescape")

    def bounded_string(self) -> Kind:
        if self.chance.random() < 0.5:
            return String(Char, bound=6), lambda: self.narrow(5)
        return String(WChar, bound=6), lambda: self.text(5)

    def string(self) -> Kind:
        limits = self.chance.choice((None, (1, 9)))
        if self.chance.random() < 0.5:
            return String(self.chance.choice((Char, Byte)), limits=limits), lambda: self.narrow(4)
        return String(WChar, limits=limits), lambda: self.text(4)

    # Arrays

    def element(self, depth: int) -> Kind:
        return self.scalar() if self.chance.random() < 0.5 else self.any(depth)

    def items(self, element: Kind, count: int) -> Any:
        """The value of an array."""
        layout, make = element
        if layout is Byte or layout is Char:
            return bytes(make() for _ in range(count))
        if layout is WChar:
            return "".join(self.chance.choice("ab\0\ud800") for _ in range(count))
        return [make() for _ in range(count)]

    def fixed(self, depth: int) -> Kind:
        element, bound = self.element(depth - 1), self.chance.choice((0, 1, 2, 3, 17))
        return FixedArray(element[0], bound), lambda: self.items(element, bound)

    # Constructed kinds

    def structure(self, depth: int, *, tail: bool = False) -> Kind:
        group = self.members(depth - 1, tail=tail)
        layout = Struct(record([field.name for field, _ in group]), *(field for field, _ in group))
        return layout, lambda: layout.factory(*(make() for _, make in group))

    def conformant(self, depth: int) -> Kind:
        """A kind that may end in a conformant array: a pointee or a parameter."""
        if self.pointees() and self.chance.random() < 0.4:
            return self.chance.choice(self.pointees())(depth)
        choice = self.chance.randrange(6)
        if choice == 5:
            return self.many()
        if choice == 0:
            element = self.element(depth - 1)
            return ConformantArray(element[0]), lambda: self.items(element, self.chance.choice((0, 1, 3)))
        if choice == 1:
            return self.structure(depth, tail=True)
        return self.string() if choice == 2 else self.any(depth)

    def many(self) -> Kind:
        """An array whose items point to strings and to nothing else: as many as are read and written together."""
        string, awkward = String(self.chance.choice((Char, WChar))), self.chance.random() < 0.4

        def text() -> str:
            if not awkward:
                return "abc"[: self.chance.randrange(4)]
            return self.text(4) if string.unit is WChar else self.narrow(4)

        def pointer() -> Kind:
            if self.chance.random() < 0.3:
                return RefPtr(string), text
            rate = self.chance.choice((0, 0.2))
            return UniquePtr(string), lambda: None if self.chance.random() < rate else text()

        def member(depth: int) -> Kind:
            choice = self.chance.randrange(5)
            return pointer() if choice < 2 else row(depth - 1) if choice == 2 and depth else self.scalar()

        def row(depth: int) -> Kind:
            members = [member(depth) for _ in range(self.chance.randint(1, 3))] + [pointer()] * (depth == 1)
            names = [self.name("m") for _ in members]
            layout = Struct(record(names), *(name / layout for name, (layout, _) in zip(names, members, strict=True)))
            return layout, lambda: layout.factory(*(make() for _, make in members))

        element, counts = self.chance.choice((pointer, lambda: row(1)))(), self.chance.choice(((0, 1, 9, 10), (24, 40)))
        return ConformantArray(element[0]), lambda: self.items(element, self.chance.choice(counts))

    def pointer(self, depth: int) -> Kind:
        layout, make = self.conformant(depth - 1)
        if self.chance.random() < 0.3:
            return RefPtr(layout), make
        return UniquePtr(layout), lambda: None if self.chance.random() < 0.3 else make()

    def full(self, depth: int) -> Kind:
        """A full pointer; sometimes one of a type that there was, so that it can share a pointee."""
        if self.fulls and self.chance.random() < 0.6:
            return self.chance.choice(self.fulls)
        target, make = self.conformant(depth - 1)
        pool: list[Any] = []

        def draw() -> Any:
            if pool and self.chance.random() < 0.5:
                return self.chance.choice(pool)
            pool.append(None if self.chance.random() < 0.2 else shared(make()))
            return pool[-1]

        self.fulls.append((FullPtr(target), draw))
        return self.fulls[-1]

    def union(self, depth: int) -> tuple[Union, Make]:
        """A union, and a maker of (tag, value)."""
        chance = self.chance
        tag = chance.choice((Byte, Char, Short, ULong, ENUM16, ENUM32))
        first, second = self.any(depth), self.any(depth)
        default = chance.choice((NO_ARM, None, self.any(depth)))
        arms = {1: first[0], 2: second[0], 3: None, 4: second[0]}
        union = Union(tag, arms, default[0] if isinstance(default, tuple) else default, ms_union=chance.random() < 0.3)

        def make() -> tuple[Any, Any]:
            key = chance.choice((1, 2, 3, 4) if default is NO_ARM else (1, 2, 3, 4, 5))
            arm = {1: first, 2: second, 4: second, 5: default}.get(key)
            value = arm[1]() if isinstance(arm, tuple) else None
            return (tag.by_value.get(key, key) if isinstance(tag, Enum) else key), value

        return union, make

    def encapsulated(self, depth: int) -> Kind:
        union, make = self.union(depth - 1)
        return EncapsulatedUnion(record(["t", "u"]), "t", "u", union), lambda: record(["t", "u"])(*make())

    # Members

    def members(self, depth: int, *, tail: bool) -> Group:
        group: Group = []
        for _ in range(self.chance.randint(0, 3)):
            if self.chance.random() < 0.5:
                layout, make = self.any(depth)
                group.append((self.name("m") / layout, make))
            else:
                group += self.correlated(depth)
        if tail:
            group += self.tail(depth)
        return group

    def together(self, fields: list[Field], draw: Callable[[], list[Any]]) -> Group:
        """Members whose values come from one draw; in a random order unless the last is conformant."""
        ready: list[list[Any]] = [[] for _ in fields]

        def maker(index: int) -> Make:
            def make() -> Any:
                if not ready[index]:
                    for place, value in zip(ready, draw(), strict=True):
                        place.append(value)
                return ready[index].pop(0)

            return make

        group = [(field, maker(index)) for index, field in enumerate(fields)]
        if not isinstance(fields[-1].layout, Array) or fields[-1].layout.bound is not None:
            self.chance.shuffle(group)
        return group

    def correlated(self, depth: int) -> Group:
        draw = self.chance.choice(
            (
                self.counted,
                self.counted,
                self.counted_in_part,
                self.varying,
                self.switched,
                self.nested,
                self.sized_text,
                *self.groups(),
            )
        )
        return draw(depth)

    def to(self, layout: Layout) -> Pointer:
        kind = self.chance.choice((UniquePtr, UniquePtr, RefPtr, FullPtr))
        return kind(layout, lenient=self.chance.random() < 0.1)

    def pointee(self, pointer: Pointer, value: Any) -> Any:
        return None if not value and not isinstance(pointer, RefPtr) and self.chance.random() < 0.5 else value

    def size(self, name: str) -> tuple[Any, Callable[[int], int], int]:
        """An expression over the sibling `name`, its inverse, and what counts are multiples of."""
        sibling = this[name]
        return self.chance.choice(
            (
                (sibling, lambda count: count, 1),
                (sibling * 2, lambda count: count // 2, 2),
                (sibling // 2, lambda count: count * 2, 1),
                (sibling // 2 + 0, lambda count: count * 2 + 1, 1),
                (sibling - 1, lambda count: count + 1, 1),
                (when(compare(">", sibling, 5), 0, sibling), lambda count: count, 1),
            )
        )

    def counted(self, depth: int) -> Group:
        """n, [size_is(n)] T *p; sometimes n is behind a pointer."""
        element, name = self.element(depth - 1), self.name("n")
        size, inverse, times = self.size(name)
        count: Layout = self.chance.choice(COUNTS)
        if self.chance.random() < 0.2:
            count, size, inverse, times = UniquePtr(count), this[name], lambda count: count, 1
            if self.chance.random() < 0.5:
                size = when(present(this[name]), this[name], 0)
        pointer = self.to(ConformantArray(element[0], size, limits=self.chance.choice((None, (0, 40)))))

        def draw() -> list[Any]:
            items = self.items(element, self.chance.choice((0, times, 2 * times)))
            value = self.pointee(pointer, items)
            number = None if value is None and isinstance(count, UniquePtr) else inverse(len(items))
            return [number, value]

        return self.together([name / count, self.name("p") / pointer], draw)

    def counted_in_part(self, depth: int) -> Group:
        """size, length, first, [size_is, length_is, first_is] T *p."""
        element, size, length, first = self.element(depth - 1), self.name("s"), self.name("l"), self.name("f")
        begin = this[first] if self.chance.random() < 0.5 else 0
        pointer = self.to(ConformantVaryingArray(element[0], this[size] // 2, this[length], begin))

        def draw() -> list[Any]:
            count, ahead = self.chance.randint(0, 3), self.chance.randint(0, 2) if begin else 0
            return [2 * (count + ahead + 1), count, ahead, self.items(element, count)]

        fields = [size / UShort, length / Long, first / Short, self.name("p") / pointer]
        return self.together(fields, draw)

    def varying(self, depth: int) -> Group:
        """n, [length_is(n)] T a[4]"""
        element, name, first = self.element(depth - 1), self.name("n"), self.name("f")
        array = VaryingArray(element[0], 4, this[name], this[first] if self.chance.random() < 0.3 else 0)

        def draw() -> list[Any]:
            count = self.chance.randint(0, 3)
            return [count, self.chance.randint(0, 1) if array.first == this[first] else 0, self.items(element, count)]

        return self.together([name / Short, first / Byte, self.name("a") / array], draw)

    def switched(self, depth: int) -> Group:
        """t, [switch_is(t)] union; sometimes behind a pointer, sometimes three of them."""
        union, make = self.union(depth)
        name, use = self.name("t"), self.name("u")
        layout: Layout = SwitchIs(union, this[name])
        form = self.chance.randrange(4)
        if form == 0:
            layout = UniquePtr(layout)
        if form == 1:
            layout = FixedArray(layout, 2)

        def draw() -> list[Any]:
            tag, value = make()
            if form == 1:  # one tag for both
                return [tag, [value, value]]
            return [tag, value]

        return self.together([name / union.tag, use / layout], draw)

    def nested(self, depth: int) -> Group:
        """n, m, [size_is(n, m)] T **p: an array of pointers to arrays."""
        element, outer, inner = self.element(depth - 1), self.name("n"), self.name("m")
        array = ConformantArray(element[0], this[inner])
        inner_pointer = self.to(array)
        rows = self.to(ConformantArray(inner_pointer, this[outer]))

        def draw() -> list[Any]:
            count, each = self.chance.randint(0, 2), self.chance.randint(0, 2)
            made = [self.items(element, each) for _ in range(count)]
            return [count, each, [self.pointee(inner_pointer, items) for items in made]]

        return self.together([outer / Long, inner / Byte, self.name("p") / rows], draw)

    def sized_text(self, depth: int) -> Group:
        """n, [string, size_is(n)] wchar_t *p"""
        name = self.name("n")
        pointer = self.to(String(WChar, size=this[name]))
        return self.together([name / Long, self.name("p") / pointer], lambda: [self.chance.randint(5, 9), self.text(4)])

    def tail(self, depth: int) -> Group:
        """What ends a conformant structure."""
        element, name, length = self.element(depth - 1), self.name("n"), self.name("l")
        form = self.chance.randrange(5)
        if form == 0:
            layout, make = self.string()
            return [(self.name("z") / layout, make)]
        if form == 1:
            layout, make = self.structure(depth, tail=True)
            return [(self.name("z") / layout, make)]
        if form == 2:
            array = ConformantVaryingArray(element[0], this[name], this[length])

            def part() -> list[Any]:
                count = self.chance.randint(0, 2)
                return [count + 1, count, self.items(element, count)]

            return self.together([name / Long, length / Short, self.name("z") / array], part)
        sized = ConformantArray(element[0], this[name])

        def whole() -> list[Any]:
            count = self.chance.choice((0, 1, 3))
            return [count, self.items(element, count)]

        return self.together([name / self.chance.choice(COUNTS), self.name("z") / sized], whole)

    # Types that contain themselves

    def recursive(self, depth: int) -> Kind:
        """A list, a tree with two sides, a tree with arrays, one through a union, or nodes that point back.

        Full pointers in them may lead to any node that there is: circles too.
        """
        form = self.chance.randrange(5)
        extra, last = self.members(depth, tail=False), self.members(depth, tail=False)
        kind = self.chance.choice((UniquePtr, FullPtr))
        itself: list[Struct] = []
        link = kind(lambda: itself[0])
        name, links = self.name("n"), self.name("links")
        middle: list[Field]
        if form == 0:
            middle = [links / link]
        elif form == 1:
            middle = [links / link, name / UniquePtr(lambda: itself[0])]
        elif form == 2:
            middle = [name / Long, links / kind(lambda: ConformantArray(itself[0], this[name]))]
        elif form == 3:
            middle = [name / Long, links / SwitchIs(Union(Long, {0: None, 1: link}), this[name])]
        else:
            middle = [links / link, name / FullPtr(lambda: itself[0])]
        fields = [*(field for field, _ in extra), *middle, *(field for field, _ in last)]
        itself.append(Struct(record([field.name for field in fields]), *fields))

        def links_of(left: int) -> list[Any]:
            go = left and self.chance.random() < 0.8
            if form == 2:
                nodes = [make(left - 1) for _ in range(self.chance.randint(0, 2) if go else 0)]
                return [len(nodes), nodes]
            if form == 3:
                return [1, make(left - 1)] if go else [0, None]
            return [make(left - 1) if go and self.chance.random() < 0.8 else None for _ in middle]

        nodes: list[Any] = []

        def make(left: int) -> Any:
            values = [make() for _, make in extra], links_of(left), [make() for _, make in last]
            nodes.append(itself[0].factory(*(value for part in values for value in part)))
            return nodes[-1]

        full = [field.name for field in middle if isinstance(field.layout, FullPtr)]
        full += [links] if form == 3 and kind is FullPtr else []

        def whole() -> Any:
            first = make(self.chance.randint(0, 4))
            self.relink(nodes, full)
            nodes.clear()
            return first

        top = self.chance.choice((UniquePtr, FullPtr))
        return top(lambda: itself[0]), whole

    def relink(self, nodes: list[Any], names: list[str]) -> None:
        """Have full pointers lead to nodes that there are, or to arrays of as many nodes."""
        for node in nodes:
            for name in names:
                old = getattr(node, name)
                others = [getattr(other, name) for other in nodes] if isinstance(old, list) else nodes
                fitting = [other for other in others if not isinstance(old, list) or len(other) == len(old)]
                if old is not None and fitting and self.chance.random() < 0.4:
                    setattr(node, name, self.chance.choice(fitting))

    # Calls

    def parameters(self, depth: int) -> tuple[Parameters, Parameters, Callable[[], tuple[list[Any], list[Any]]]]:
        """Parameters, those of the other direction, and a maker of values for both."""
        group: Group = []
        for _ in range(self.chance.randint(1, 3)):
            form = self.chance.randrange(4)
            if form == 0:
                group += self.correlated(depth)
            elif self.parameter() and self.chance.random() < 0.2:
                layout, make = self.chance.choice(self.parameter())(depth)
                group.append((self.name("p") / layout, make))
            else:
                layout, make = (self.recursive if form == 1 else self.conformant)(depth)
                group.append((self.name("p") / layout, make))
        reply = self.chance.random() < 0.3
        others = [field.name for field, _ in group if reply and field.layout in COUNTS]
        pipes_first = self.chance.random() < 0.5
        own = Parameters(*(field for field, _ in group if field.name not in others), pipes_first=pipes_first)
        outer = Parameters(*(field for field, _ in group if field.name in others))

        def make() -> tuple[list[Any], list[Any]]:
            values = {field.name: make() for field, make in group}
            return [values[field.name] for field in own.fields], [values[field.name] for field in outer.fields]

        return own, outer, make
