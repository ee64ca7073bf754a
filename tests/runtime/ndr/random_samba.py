"""Random layouts with the words of Samba's NDR, for `test_agreement.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import Byte, Char, Field, Layout, Long, Short, Struct, ULong, UniquePtr, UShort, WChar
from lrpc.runtime.ndr.layout_samba import (
    DLONG,
    IPV4,
    SERIALIZED,
    UDLONG,
    UDLONGR,
    Based,
    Blob,
    Computed,
    Counted,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    TextArray,
    Untagged,
    length,
)

Make = Callable[[], Any]
Kind = tuple[Layout, Make]


def samba(kinds: Any, record: Callable[[list[str]], Any]) -> Any:
    """The class of `random_words.py` with more words; `record` makes the classes of structures."""

    class Samba(kinds):  # type: ignore[misc]
        def scalars(self) -> Any:
            return *super().scalars(), self.halves, lambda: (IPV4, lambda: f"192.0.2.{self.chance.randint(0, 255)}")

        def anywhere(self) -> Any:
            own = self.octets, self.octets, self.flagged, self.context, self.context, self.serialized
            return *super().anywhere(), *own

        def pointees(self) -> Any:
            return *super().pointees(), self.flagged_pointee, self.context

        def groups(self) -> Any:
            return *super().groups(), self.told, self.untagged, self.sized_context, self.computed

        def halves(self) -> Kind:
            layout = self.chance.choice((DLONG, UDLONG, UDLONGR))
            least = -(1 << 63) if layout is DLONG else 0
            return layout, lambda: least + self.chance.choice((0, 1, 1 << 32, self.chance.getrandbits(64)))

        # Octets

        def octets(self, depth: int) -> Kind:
            form = self.chance.randrange(4)
            if form == 0:
                return Blob(), lambda: self.chance.randbytes(self.chance.randint(0, 9))
            unit, text = self.chance.choice(((Char, self.narrow), (WChar, self.text)))
            if form == 1:
                return TextArray(unit), lambda: [text(3) + "z" for _ in range(self.chance.randint(0, 3))]
            if form == 2:
                return Text(unit), lambda: text(5)
            size, also = self.chance.choice(((2, False), (4, False), (0, True), (4, True)))
            counted = {"octets": self.chance.random() < 0.3, "terminated": self.chance.random() < 0.5}
            return Text(unit, size=size, length=also, **counted), lambda: text(5)

        def ending(self) -> Kind:
            """What takes all that is left of a context."""
            form, (unit, text) = self.chance.randrange(3), self.chance.choice(((Char, self.narrow), (WChar, self.text)))
            if form == 0:
                return Rest(), lambda: self.chance.randbytes(self.chance.randint(0, 9))
            if form == 1:
                return Text(unit, terminated=False), lambda: text(5)
            bare = self.chance.random() < 0.5
            layout = TextArray(unit, rest=True, terminated=not bare)
            return layout, lambda: [text(3) + "z" * bare for _ in range(self.chance.randint(0, 3))]

        # Flags

        def flags(self) -> dict[str, Any]:
            return {
                "order": self.chance.choice((None, None, "<", ">")),
                "align": self.chance.choice((None, 0, 0, 1, 2, 4, 8)),
            }

        def flagged(self, depth: int) -> Kind:
            layout, make = self.any(depth - 1)
            return Flagged(layout, **self.flags()), make

        def flagged_pointee(self, depth: int) -> Kind:
            layout, make = self.conformant(depth - 1)
            return Flagged(layout, **self.flags()), make

        # Contexts

        def context(self, depth: int) -> Kind:
            """A context whose size travels, or one that holds nothing but what can be counted."""
            form = self.chance.randrange(5)
            if form == 0:
                layout, make = self.any(depth - 1)
                return Subcontext(layout), make
            header = self.chance.choice((2, 4))
            if form == 1:
                layout, make = self.conformant(depth - 1)
                return Subcontext(layout, header), make
            if form == 2:
                layout, make = self.with_ending(depth - 1)
                return Subcontext(layout, header), make
            layout, make = self.offsets(depth - 1)
            return Subcontext(layout, header), make

        def serialized(self, depth: int) -> Kind:
            layout, make = (self.offsets if self.chance.random() < 0.5 else self.conformant)(depth - 1)
            return Subcontext(layout, SERIALIZED), make

        def with_ending(self, depth: int) -> Kind:
            members = [(self.name("m") / layout, make) for layout, make in (self.scalar(), self.ending())]
            layout, make = self.made(members)
            return Flagged(layout, align=0), make  # NDR64 has a gap behind a structure

        def made(self, members: list[tuple[Field, Make]]) -> Kind:
            layout = Struct(record([field.name for field, _ in members]), *(field for field, _ in members))
            return layout, lambda: layout.factory(*(make() for _, make in members))

        def offsets(self, depth: int) -> Kind:
            """A structure of offsets: nothing else of it is deferred."""
            members: list[tuple[Field, Make]] = []
            for _ in range(self.chance.randint(1, 3)):
                layout, make = self.offset(depth) if self.chance.random() < 0.7 else self.scalar()
                if self.chance.random() < 0.3:
                    layout = Flagged(layout, align=self.chance.choice((0, 2, 4, 8)))
                members.append((self.name("r") / layout, make))
            if self.chance.random() < 0.3 and depth > 0:
                layout, make = self.offsets(depth - 1)
                members.append((self.name("s") / layout, make))
            layout, make = self.made(members)
            return (Based(layout) if self.chance.random() < 0.4 else layout), make

        def offset(self, depth: int) -> Kind:
            if depth > 0 and self.chance.random() < 0.3:
                layout, make = self.offsets(depth - 1)
            else:
                layout, make = self.conformant(depth - 1)
            relative = Relative(layout, width=self.chance.choice((2, 4)))
            return relative, lambda: None if self.chance.random() < 0.2 else make()

        def sized_context(self, depth: int) -> Any:
            """n, [subcontext_size(n)]; sometimes with what is pointed to at its end."""
            name, room = self.name("n"), 3000 * 5 ** max(depth, 0)
            end = self.chance.random() < 0.4
            drawn = self.texts_at_the_end if end else self.offsets if self.chance.random() < 0.7 else self.conformant
            layout, make = drawn(depth)
            context: Layout = Subcontext(layout, self.chance.choice((0, 4)), size=this[name])
            if end:
                context = Flagged(context, reverse=True)
            if self.chance.random() < 0.3:
                context = UniquePtr(context)
            return [(name / self.chance.choice((ULong, Long)), lambda: room), (self.name("c") / context, make)]

        def texts_at_the_end(self, depth: int, *, nested: bool = False) -> Kind:
            """Texts need no alignment: what moves to the end would have lost it."""
            members: list[tuple[Field, Make]] = []
            for _ in range(self.chance.randint(1, 4)):
                form = self.chance.randrange(3)
                if form == 0 and depth > 0:
                    layout, make = self.texts_at_the_end(depth - 1, nested=True)
                    layout = Relative(Flagged(layout, align=0))
                elif form == 1:
                    layout, make = self.scalar()
                else:
                    layout, make = Relative(Text(WChar)), lambda: self.text(5)
                if not nested and self.chance.random() < 0.5:
                    layout = Flagged(layout, align=self.chance.choice((1, 2, 4)))
                members.append((self.name("e") / layout, make))
            return self.made(members)

        # What is told

        def told(self, depth: int) -> Any:
            """n, T a[n * 2]"""
            name, element = self.name("n"), self.element(depth - 1)
            times = self.chance.choice((1, 2))
            layout: Layout = Counted(element[0], this[name] * times)
            form = self.chance.randrange(3)
            if form == 0:
                layout = Subcontext(layout, 2)
            if form == 1:
                layout = UniquePtr(layout)

            def draw() -> list[Any]:
                count = self.chance.choice((0, 1, 3))
                return [count, self.items(element, count * times)]

            return self.in_order([name / self.chance.choice((Byte, Short, ULong)), self.name("a") / layout], draw)

        def untagged(self, depth: int) -> Any:
            """t, [nodiscriminant, switch_is(t)]"""
            union, make = self.union(depth)
            name = self.name("t")
            layout: Layout = Untagged(union, this[name])
            form = self.chance.randrange(4)
            if form == 0:
                layout = Subcontext(layout, self.chance.choice((0, 4)))
            if form == 1:
                layout = UniquePtr(layout)
            return self.in_order([name / union.tag, self.name("u") / layout], lambda: list(make()))

        def computed(self, depth: int) -> Any:
            """n, [value(strlen_m(s) * 2)] and s, in any order"""
            name, of = self.name("n"), self.name("s")
            counted = name / Computed(self.chance.choice((UShort, DLONG)), length(this[of]) * 2 + 3)

            def draw() -> list[Any]:
                text = self.text(5)
                return [2 * len(text.encode("utf-16-le", "surrogatepass")) // 2 + 3, text]

            return self.together([counted, of / Text(WChar)], draw)

        def in_order(self, fields: list[Field], draw: Callable[[], list[Any]]) -> Any:
            """Members whose values come from one draw."""
            ready: list[list[Any]] = [[] for _ in fields]

            def maker(index: int) -> Make:
                def make() -> Any:
                    if not ready[index]:
                        for place, value in zip(ready, draw(), strict=True):
                            place.append(value)
                    return ready[index].pop(0)

                return make

            return [(field, maker(index)) for index, field in enumerate(fields)]

    return Samba
