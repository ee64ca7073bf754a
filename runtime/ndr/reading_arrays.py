"""The codec compiler's reading half: arrays and strings (C706 14.3.3, 14.3.4).

Octets, text and numbers move as one block; items of fixed size come through one Struct, as rows; others one
after the other. Every count is held against the octets that remain before memory is taken.
Below it: `reading_fields.py`. Above it: `reading.py`. Counterpart: `writing_arrays.py`.
"""

from __future__ import annotations

import dataclasses
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

from . import shape
from .columns import MANY_TO_READ, Columns
from .expression import Expression
from .layout import Array, Dimension, Encoding, Layout, Pointer, RefPtr, Scalar, String, Struct, SwitchIs, WChar
from .layout_samba import Counted
from .places import Places
from .reading_fields import ReadingFields
from .source import agreed
from .strictness import DEFAULT, Strictness

Raw = Any
"""What the first pass leaves of a layout: a name, a list of Raws, Items or Text."""


@dataclasses.dataclass(frozen=True, slots=True)
class Items:
    """An array after the first pass: the name of its items or rows, and its counts, None where it has none."""

    items: str
    maximum: str | None
    offset: str | None
    actual: str | None
    part: Raw = None
    """The Raw of one row; None when the items are values already."""


@dataclasses.dataclass(frozen=True, slots=True)
class Text:
    """A string after the first pass."""

    text: str
    maximum: str | None


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """An array of several dimensions after the first pass: its items, and counts of each dimension in front of them.

    maxima, offsets: empty where it has none. part: as that of Items.
    """

    items: str
    maxima: list[str]
    offsets: list[str]
    actuals: list[str]
    part: Raw = None


def names(raw: Raw) -> list[str]:
    """The variables in a Raw, in stream order; those of rows are not variables any more."""
    match raw:
        case str():
            return [raw]
        case Items():
            return [name for name in (raw.items, raw.maximum, raw.offset, raw.actual) if name is not None]
        case Block():
            found = [raw.items, *raw.maxima, *raw.offsets, *raw.actuals]
            return [name for name in dict.fromkeys(found) if name.isidentifier()]
        case Text():
            return [name for name in (raw.text, raw.maximum) if name is not None]
        case _:
            return [name for part in raw for name in names(part)]


def _pointers(layout: Layout, raw: Raw) -> Iterator[tuple[Pointer, str]]:
    """The pointers of structures, with the names of their referents."""
    if isinstance(layout, Pointer):
        yield layout, raw
    elif isinstance(layout, Struct):
        for field, part in zip(layout.fields, raw, strict=True):
            yield from _pointers(field.layout, part)


class ReadingArrays(ReadingFields, ABC):
    """Arrays and strings; what their items are is for the class above to know."""

    def __init__(
        self,
        encoding: Encoding,
        recursive: set[int],
        strictness: Strictness = DEFAULT,
        places: Places | None = None,
    ) -> None:
        super().__init__(encoding, recursive, strictness, places)
        self.columns: dict[str, Scalar] = {}
        """The names of what is a list of rows, or a tuple of columns when there are many; the unit of their strings."""
        self.ready: dict[str, str] = {}
        """Referents whose pointees are read already, with the names of those."""

    @property
    def utf16(self) -> str:
        """The function that decodes UTF-16."""
        return "from_utf_16_le" if self.encoding.order == "<" else "from_utf_16_be"

    @abstractmethod
    def scalars(self, layout: Layout, count: str | None = None) -> Raw:
        """The first pass over a layout."""

    @abstractmethod
    def finish(self, layout: Layout, raw: Raw) -> str:
        """The second pass; the text of the value."""

    @abstractmethod
    def told(self, expression: Expression | None) -> str:
        """A name for what siblings say that travelled before."""

    # The first pass

    def array(self, array: Array, count: str | None) -> Raw:
        """The counts and the items' scalars; `count` is the maximum count read in front."""
        if shape.fixed_size(array, self.encoding) is not None:
            return self._unrolled(array)
        offset = actual = None
        if array.varying:
            offset, actual = self.word(), self.word()
        bound = self._count(array) if isinstance(array, Counted) else self._bound(array, count)
        if actual is not None:
            self.line(f"if {offset} + {actual} > {bound}: bad('offset and actual count exceed the maximum')")
        items, part = self.items(array.element, actual or bound)
        return Items(items, count, offset, actual, part)

    def _count(self, array: Counted) -> str:
        """The number of items, which does not travel."""
        count = self.told(array.size)
        self.line(f"if {count} < 0: bad('an array of less than no items')")
        return count

    def _bound(self, layout: Array | String, count: str | None) -> str:
        """The maximum count, held against [range]."""
        if count is None:
            if layout.bound is None:
                raise TypeError(f"{layout!r} is conformant: it has to be the last member of a structure")
            return str(layout.bound)
        if not (isinstance(layout, String) and layout.size is None):
            self.limited(count, layout.limits)
        return count

    def limited(self, count: str, limits: tuple[int, int] | None) -> None:
        """Hold a count against its [range] (MS-RPCE 3.1.1.5.3.3.1.3)."""
        if limits is not None and self.strictness.count_ranges:
            low, high = limits
            self.line(f"if not {low} <= {count} <= {high}: bad('the count is outside its range', 0x6C6)")

    def _unrolled(self, array: Array) -> Raw:
        """Few items of fixed size: fields like others."""
        element, bound = array.element, array.bound or 0
        if shape.is_octets(element):
            return self.take(f"{bound}s", bound, 1)
        if element is WChar:
            return self.take(f"{2 * bound}s", 2 * bound, 2 if bound else 1)
        return [self._unrolled_item(element, index) for index in range(bound)]

    def _unrolled_item(self, element: Layout, index: int) -> Raw:
        with self.step(f"[{index}]"):
            return self.scalars(element)

    def items(self, element: Layout, count: str) -> tuple[str, Raw]:
        """The scalars of `count` items: bytes, str or a list if that is all there is, else rows and their Raw."""
        if shape.is_octets(element):
            return self.block_of_octets(count, 1, "octets(buf[{start}:o])"), None
        if element is WChar:
            self.align_items(2, count)
            return self.block_of_octets(
                f"2 * {count}", 2, f"{self.utf16}(buf[{{start}}:o], 'surrogatepass', True)[0]"
            ), None
        size = shape.fixed_size(element, self.encoding)
        if size is None:
            return self._loop(element, count)
        self.align_items(shape.lead(element, self.encoding), count)
        if isinstance(element, Scalar) and shape.is_plain(element):
            kind = f"{self.encoding.order!r}, {element.code(self.encoding)!r}"
            return self.block_of_octets(f"{size} * {count}", size, f"numbers(buf, {{start}}, o, {kind}, octets)"), None
        return self._rows(element, count, size)

    def align_items(self, align: int, count: str) -> None:
        """Items are aligned, an array without items is not."""
        if self.encoding.packed or self.static_pad(align) == 0:
            return
        self.flush()
        before = self.known
        self.line(f"if {count}: o = o + {align - 1} & -{align}")
        self.known = agreed(before, (align, 0))

    def block_of_octets(self, size: str, unit: int, template: str) -> str:
        """`size` octets as one value; `unit` divides the size."""
        start, value = self._stretch(size, unit), self.new()
        self.line(f"{value} = {template.format(start=start)}")
        return value

    def _stretch(self, size: str, unit: int) -> str:
        """Step over `size` octets that are there; where they start."""
        text, arguments, run = self.take_run()
        if arguments:
            self.emit(f"{', '.join(arguments)}, = {self.packed('unpack_from', text)}(buf, o)")
        start = self.new("s")
        self.emit(f"{start} = o + {run}" if run else f"{start} = o")
        self.emit(f"o = {start} + {size}")
        self.emit("if o > end: bad('the stub ends inside an array')")
        modulus = min(self.known[0], unit)
        self.known = modulus, self.known[1] % modulus
        return start

    def spend(self, count: str, least: int) -> None:
        self.line(f"q[0] -= {count}")
        self.line(f"if q[0] < 0 or {least} * {count} > end - o: bad('the count exceeds the stub or the item budget')")

    def _rows(self, element: Layout, count: str, size: int) -> tuple[str, Raw]:
        """Items of fixed size, all through one Struct."""
        align = shape.lead(element, self.encoding)
        self.flush()
        before, self.known = self.known, (align, 0)
        raw = self.scalars(element)
        text, _, _ = self.take_run()
        rows, stride = self.new("rows"), shape.round_up(size, align)
        unit = shape.unit_behind(element) if self.strictness.inner_nul else None
        self.spend(count, size)
        if size == 0:
            self.line(f"{rows} = [{self.constant(struct.unpack(text, b''))}] * {count}")
        elif unit is None:
            self._unpack_rows(rows, text, (size, stride), count)
        else:
            self.columns[rows] = unit
            columns = Columns(self.encoding.order, text, stride)
            with self.block(f"if {count} < {MANY_TO_READ}:"):
                self._unpack_rows(rows, text, (size, stride), count)
            with self.block("else:"):
                self.line(f"{rows} = {self.constant(columns.read, 'R')}(buf, o, {count})")
                self.line(f"o += {stride} * {count} - {stride - size}")
        self.known = agreed(before, (align, size % align))
        return rows, raw

    def _unpack_rows(self, rows: str, text: str, sizes: tuple[int, int], count: str) -> None:
        """A list of tuples; sizes: of an item, and up to the next one."""
        size, stride = sizes
        if stride == size:
            self.line(f"{rows} = [*{self.packed('iter_unpack', text)}(buf[o:o + {size} * {count}])]")
            self.line(f"o += {size} * {count}")
            return
        padded = f"{text}{stride - struct.calcsize('<' + text)}x"
        with self.block(f"if {count}:"):
            self.line(f"e = o + {stride} * ({count} - 1)")
            self.line(f"{rows} = [*{self.packed('iter_unpack', padded)}(buf[o:e])]")
            self.line(f"{rows}.append({self.packed('unpack_from', text)}(buf, e))")
            self.line(f"o = e + {size}")
        self.line(f"else: {rows} = []")

    def _loop(self, element: Layout, count: str) -> tuple[str, Raw]:
        """Items of varying size, one after the other."""
        rows = self.new("rows")
        self.line(f"{rows} = []")
        self.spend(count, shape.smallest(element, self.encoding))
        with self.block(f"for _ in range({count}):"), self.step(f"[{rows}]"):
            self.forget()
            if isinstance(element, SwitchIs) and element.union.ms_union:  # MS-RPCE 2.2.4.5
                self.align(shape.alignment(element, self.encoding))
            raw = self.scalars(element)
            self.line(f"{rows}.append(({''.join(f'{name}, ' for name in names(raw))}))")
        self.forget()
        return rows, raw

    def string(self, string: String, count: str | None) -> Text:
        """Offset 0, actual count, the units with their terminator."""
        offset, actual = self.word(), self.word()
        return Text(self.text(string, offset, actual, self._bound(string, count)), count)

    def text(self, string: String, offset: str, actual: str, bound: str) -> str:
        """The name of the text whose counts were read."""
        if string.size is None:
            self.limited(actual, string.limits)
        unit = string.unit.size(self.encoding)
        if unit == 2:
            start, last = self._stretch(f"2 * {actual}", 2), "buf[o - 1] or buf[o - 2]"
        else:
            start, last = self._stretch(actual, 1), "buf[o - 1]"
        stop = f"o - {unit}"
        if self.strictness.whole_strings:
            self.line(f"if {offset} or not 0 < {actual} <= {bound} or {last}: bad('string counts or terminator')")
        else:
            stop = self._lenient_stop((offset, actual, bound), last, stop)
        value = self.new()
        if unit == 2:
            self.line(f"{value} = {self.utf16}(buf[{start}:{stop}], 'surrogatepass', True)[0]")
        else:
            self.line(f"{value} = str(buf[{start}:{stop}], 'utf-8', 'surrogateescape')")
        if not self.strictness.inner_nul:
            self.line(f"if '\\0' in {value}: bad('a NUL inside a text')")
        return value

    def _lenient_stop(self, counts: tuple[str, str, str], last: str, stop: str) -> str:
        """Where a text ends, for those who overlook offsets, missing terminators or missing units."""
        offset, actual, bound = counts
        tests = [f"{offset} + {actual} > {bound}"]
        if not self.strictness.string_offset:
            tests.append(offset)
        if not self.strictness.empty_string:
            tests.append(f"not {actual}")
        if not self.strictness.unterminated_string:
            tests.append(f"{actual} and ({last})")
        self.line(f"if {' or '.join(tests)}: bad('string counts or terminator')")
        found = self.new("e")
        self.line(f"{found} = {stop} if {actual} and not ({last}) else o")
        return found

    # The second pass

    def finish_array(self, array: Array, raw: Raw) -> str:
        """The correlations of the counts, and the items' pointees."""
        if not isinstance(raw, Items):
            return self._finish_unrolled(array, raw)
        if raw.maximum is not None:
            self.correlate(array, array.size, raw.maximum)
        if raw.actual is not None and raw.offset is not None:
            self.finish_varying(array, array, (raw.maximum or str(array.bound), raw.offset, raw.actual))
        return raw.items if raw.part is None else self.finish_rows(array.element, raw.items, raw.part)

    def finish_varying(self, owner: Layout, varying: Array | Dimension, counts: tuple[str, str, str]) -> None:
        """The correlations of what varies; counts: maximum, offset, actual."""
        bound, offset, actual = counts
        if self.strictness.contradiction:
            return
        if varying.length is None:
            self.line(f"if {actual} != {bound} - {offset}: bad('an array is sent in part')")
        if varying.first is None:
            self.line(f"if {offset}: bad('an array is sent from an offset on')")
        self.correlate(owner, varying.length, actual)
        self.correlate(owner, varying.first, offset)

    def _finish_unrolled(self, array: Array, raw: Raw) -> str:
        if array.element is WChar:
            return f"{self.utf16}({raw}, 'surrogatepass', True)[0]"
        if isinstance(raw, str):
            return raw
        last, self.last = self.last, False
        values = list[str]()
        for index, part in enumerate(raw):
            with self.step(f"[{index}]"):
                values.append(self.bound(self.finish(array.element, part)))
        self.last = last
        return f"[{', '.join(values)}]"

    def finish_rows(self, element: Layout, rows: str, part: Raw) -> str:
        """The values of the items, in a list."""
        if rows not in self.columns:
            return self._row_by_row(element, rows, part, names(part))
        values = self.new()
        with self.block(f"if type({rows}) is tuple:"):
            with self.block("try:"):
                self._by_columns(element, rows, part, values)
            with self.block("except Exception:"):  # what is not so simple, or wrong, goes by the rules
                self.line(f"{rows} = [*zip(*{rows})]")
        with self.block(f"if type({rows}) is list:"):
            self.line(f"{values} = {self._row_by_row(element, rows, part, names(part))}")
        self.forget()
        return values

    def _row_by_row(self, element: Layout, rows: str, part: Raw, members: list[str]) -> str:
        """The values of the items whose `members` come from `rows`."""
        target = ", ".join(members) + ("," if members else "()")
        values, last = self.bound("[]"), self.last
        before, start = self.known, len(self.lines)
        with self.block(f"for {target} in {rows}:"), self.step(f"[{values}]"):
            self.forget()
            self.last = False
            self.scope.loops += 1
            value = self.finish(element, part)
            self.scope.loops -= 1
            self.last = last
            self.flush()
            simple = len(self.lines) == start + 1
            self.line(f"{values}.append({value})")
        if simple:
            self.known = before
            del self.lines[start - 1 :]
            factory, _, arguments = value.partition("(")
            if members and arguments == f"{', '.join(members)})":
                return f"[*starmap({factory}, {rows})]"
            return f"[{value} for {target} in {rows}]"
        self.forget()
        return values

    def _by_columns(self, element: Layout, rows: str, part: Raw, values: str) -> None:
        """Bind `values` from a column for each member; all that items point to is strings, which are read together."""
        members, pointers = names(part), list(_pointers(element, part))
        columns = [f"{rows}[{index}]" for index in range(len(members))]
        places = [members.index(raw) for _, raw in pointers]
        for (pointer, _), place in zip(pointers, places, strict=True):
            if isinstance(pointer, RefPtr):
                self.line(f"if not all({columns[place]}): bad('a [ref] pointer is null', 0x6F4)")
        referents = columns[places[0]]
        if len(places) > 1:
            referents = f"[r for row in zip({', '.join(columns[place] for place in places)}) for r in row]"
        texts = self.new("t")
        self.line(f"{texts}, e = {self.texts(self.columns[rows])}.read(buf, o, end, {referents})")
        for index, place in enumerate(places):
            columns[place] = texts if len(places) == 1 else f"{texts}[{index}::{len(places)}]"
            self.ready[members[place]] = members[place] = self.new()
        value = texts
        if not isinstance(element, Pointer):
            value = self._row_by_row(element, f"zip({', '.join(columns)})", part, members)
        self.ready.clear()
        self.line(f"{values} = {value}")
        self.line("o = e")

    def finish_string(self, string: String, raw: Text) -> str:
        """The correlation of the maximum count."""
        if raw.maximum is not None:
            self.correlate(string, string.size, raw.maximum)
        return raw.text
