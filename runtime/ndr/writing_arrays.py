"""The codec compiler's writing half: arrays and strings (C706 14.3.3, 14.3.4).

Octets, text and numbers are written as one block; items of fixed size through one Struct each; others one
after the other. What the pointees of items need is kept in rows between the passes.
Below it: `writing_fields.py`. Above it: `writing.py`. Counterpart: `reading_arrays.py`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from . import shape
from .columns import MANY_TO_WRITE, Columns
from .layout import Array, Encoding, Enum, Guid, Layout, Pointer, Range, RefPtr, Scalar, String, Struct, SwitchIs, WChar
from .source import agreed
from .writing_fields import OUTSIDE_16_BITS, Items, Prepared, Text, WritingFields, attribute


class WritingArrays(WritingFields, ABC):
    """Arrays and strings; what their items are is for the class above to know."""

    def __init__(self, encoding: Encoding, recursive: set[int]) -> None:
        super().__init__(encoding, recursive)
        self.columns: dict[str, Scalar] = {}
        """The names of rows that are a tuple with all strings in it when they are many; the unit of those."""

    @abstractmethod
    def prepare(self, layout: Layout, value: str) -> Prepared:
        """Load a value into names."""

    @abstractmethod
    def settle(self, layout: Layout, prepared: Prepared) -> None:
        """Hold a value against what its siblings say."""

    @abstractmethod
    def scalars(self, layout: Layout, prepared: Prepared) -> None:
        """The first pass over a layout."""

    @abstractmethod
    def deferred(self, layout: Layout, prepared: Prepared) -> None:
        """The second pass."""

    # Preparing

    def prepare_array(self, array: Array, value: str) -> Items:
        """What will be written, and how many items it is."""
        data, count, element = self.new("d"), self.new("n"), array.element
        self.say(f"{data} = {self._data(array, value)}")
        unit = self._unit(array)
        self.say(f"{count} = len({data}){f' // {unit}' if unit > 1 else ''}")
        one_by_one = shape.fixed_size(array, self.encoding) is None
        rows = self.load("None") if one_by_one and shape.has_pointers(element) else ""
        return Items(data, count, self.new("m"), "0" if array.first is None else self.new("f"), rows)

    def _data(self, array: Array, value: str) -> str:
        element = array.element
        fixed = shape.fixed_size(array, self.encoding) is not None
        if shape.is_octets(element):
            octets = f"bytes(as_octets({value}))" if fixed else f"as_octets({value})"
            return f"{value} if type({value}) is bytes else {octets}"
        if element is WChar:
            return f"{self._utf16}(as_text({value}), 'surrogatepass')[0]"
        if not fixed and isinstance(element, Scalar) and shape.is_plain(element):
            return f"as_numbers({value}, {element.code(self.encoding)!r}, {self.encoding.order!r})"
        return f"{value} if type({value}) is list else as_items({value})"

    def _unit(self, array: Array) -> int:
        """Octets of an item in the prepared data; 1 for lists."""
        element = array.element
        if element is WChar:
            return 2
        if not isinstance(element, Scalar) or shape.fixed_size(array, self.encoding) is not None:
            return 1
        return element.size(self.encoding) if shape.is_octets(element) or shape.is_plain(element) else 1

    @property
    def _utf16(self) -> str:
        return "to_utf_16_le" if self.encoding.order == "<" else "to_utf_16_be"

    def prepare_string(self, string: String, value: str) -> Text:
        """The units with their terminator."""
        data, count, unit = self.new("d"), self.new("n"), string.unit.size(self.encoding)
        if unit == 2:
            self.say(f"{data} = {self._utf16}({value} + '\\0', 'surrogatepass')[0]")
        else:
            self.say(f"{data} = ({value} + '\\0').encode('utf-8', 'surrogateescape')")
        self.say(f"{count} = len({data}){' // 2' if unit == 2 else ''}")
        self.say(f"if '\\0' in {value}: bad('a [string] holds a NUL')")
        return Text(data, count, self.new("m"))

    # Settling (MS-RPCE 3.1.1.5.3)

    def settle_array(self, array: Array, items: Items) -> None:
        """The counts that go before the items, and whether they are those of the items."""
        count, maximum, first = items.count, items.maximum, items.first
        if array.first is not None:
            self.say(f"{first} = {self.said(array.first) or '0'}")
        size = str(array.bound) if array.bound is not None else self.said(array.size)
        self.say(f"{maximum} = {size or (count if first == '0' else f'{count} + {first}')}")
        if array.varying:
            length = f"{maximum} - {first}" if array.length is None else self.said(array.length)
            wrong = f"{count} != {length} or " if length else ""
            self.say(f"if {wrong}{first} < 0 or {first} + {count} > {maximum}: disagree({count})")
        elif size is not None:
            self.say(f"if {count} != {maximum}: disagree({count})")
        self._limits(array, maximum)

    def settle_string(self, string: String, text: Text) -> None:
        """The maximum count, which the units have to fit in."""
        bound = str(string.bound) if string.bound is not None else self.said(string.size)
        self.say(f"{text.maximum} = {bound or text.count}")
        if bound is not None:
            self.say(f"if {text.count} > {text.maximum}: disagree({text.count})")
        self._limits(string, text.maximum)

    def _limits(self, layout: Array | String, maximum: str) -> None:
        if layout.limits is not None:
            low, high = layout.limits
            self.say(f"if not {low} <= {maximum} <= {high}: bad('outside its range', 0x6C6)")

    # The first pass

    def array(self, array: Array, items: Items) -> None:
        """What varies, then the items."""
        if shape.fixed_size(array, self.encoding) is not None:
            self._unrolled(array, items)
            return
        if array.varying:
            self.word(items.first)
            self.word(items.count)
        self.items(array, items)

    def items(self, array: Array, items: Items) -> None:
        """The items of an array that is not unrolled."""
        element = array.element
        as_block = shape.is_octets(element) or element is WChar or shape.is_plain(element)
        if as_block and isinstance(element, Scalar):
            unit = element.size(self.encoding)
            self._align_items(unit, items.count)
            self._block(items.data, items.count, unit)
        elif shape.fixed_size(element, self.encoding) is None:
            self._loop(element, items)
        else:
            self._rows(element, items)

    def string(self, string: String, text: Text) -> None:
        """Offset 0, actual count, the units."""
        self.word("0")
        self.word(text.count)
        self._block(text.data, text.count, string.unit.size(self.encoding))

    def _block(self, data: str, count: str, unit: int) -> None:
        """Octets as they are, after the fields that wait."""
        octets = count if unit == 1 else f"{count} * {unit}"
        run, arguments, size = self.take_run()
        if run:
            self.say(f"w({self.packed('pack', run)}({', '.join(arguments)}))")
        self.say(f"w({data}); o += {f'{size} + ' if size else ''}{octets}")
        modulus = min(self.known[0], unit)
        self.known = modulus, self.known[1] % modulus

    def _align_items(self, align: int, count: str) -> None:
        """Items are aligned, an array without items is not."""
        if self.encoding.packed or self.static_pad(align) == 0:
            return
        self.flush()
        before = self.known
        self.line(f"if {count} and o & {align - 1}: w(PADS[-o & {align - 1}]); o = o + {align - 1} & -{align}")
        self.known = agreed(before, (align, 0))

    def _unrolled(self, array: Array, items: Items) -> None:
        bound, element = array.bound or 0, array.element
        if shape.is_octets(element):
            self.put(f"{bound}s", bound, items.data, 1)
        elif element is WChar:
            self.put(f"{2 * bound}s", 2 * bound, items.data, 2 if bound else 1)
        else:
            values = [self.new() for _ in range(bound)]
            if values:
                self.say(f"{', '.join(values)}, = {items.data}")
            items.part = [self._item(element, value) for value in values]

    def _item(self, element: Layout, value: str) -> Prepared:
        part = self.prepare(element, value)
        self.settle(element, part)
        self.scalars(element, part)
        return part

    def _rows(self, element: Layout, items: Items) -> None:
        """Items of fixed size; many that point to strings and nothing else by columns."""
        size, align = shape.fixed_size(element, self.encoding) or 0, shape.lead(element, self.encoding)
        stride = shape.round_up(size, align)
        self._align_items(align, items.count)
        self.flush()
        before = self.known
        unit = shape.unit_behind(element) if shape.columnar(element) else None
        if unit is None:
            self._row_by_row(element, items, align, (size, stride))
        else:
            self.columns[items.rows] = unit
            with self.block(f"if {items.count} < {MANY_TO_WRITE}:"):
                self._row_by_row(element, items, align, (size, stride))
            with self.block("else:"):
                self._by_columns(element, items, align, (size, stride))
        self.known = agreed(before, (align, size % align))

    def _row_by_row(self, element: Layout, items: Items, align: int, sizes: tuple[int, int]) -> None:
        """One pack for each item, padded up to the next one; sizes: of an item, and up to the next one."""
        (size, stride), value = sizes, self.new()
        self._open_rows(items)
        with self.block(f"for {value} in {items.data}:"):
            self.known = align, 0
            items.part = self._item(element, value)
            self.pad(stride - size)
            text, arguments, _ = self.take_run()
            self.say(f"w({self.packed('pack', text)}({', '.join(arguments)}))")
            self._keep_row(element, items)
        if stride == size:
            self.line(f"o += {size} * {items.count}")
        else:  # the last item has no padding behind it in NDR 2.0
            self.line(f"if {items.count}: out[-1] = out[-1][:{size}]; o += {stride} * {items.count} - {stride - size}")

    def _by_columns(self, element: Layout, items: Items, align: int, sizes: tuple[int, int]) -> None:
        """A list for each member; the row that is left for the second pass is a tuple with the strings in it."""
        self.known = align, 0
        pointers: list[tuple[Pointer, str, str]] = []
        self._columns(element, items.data, pointers)
        text, columns, _ = self.take_run()
        texts, numbers = ", ".join(values for _, values, _ in pointers), ", ".join(name for _, _, name in pointers)
        self.say(f"{numbers}, rid = numbered(rid, {texts})")
        size, stride = sizes
        self.say(f"w({self.constant(Columns(self.encoding.order, text, stride).write)}({', '.join(columns)}))")
        self.say(f"o += {stride} * {items.count} - {stride - size}")
        texts = texts if len(pointers) == 1 else f"[text for row in zip({texts}) for text in row]"
        self.say(f"{items.rows} = ({texts},)")

    def _columns(self, layout: Layout, values: str, pointers: list[tuple[Pointer, str, str]]) -> None:
        """Fields of the run, each with the values of all items; to `pointers` come their values and referents."""
        match layout:
            case Struct():
                self.align(shape.alignment(layout, self.encoding))
                for field in layout.fields:
                    members = self.load(f"[x.{attribute(field.name)} for x in {values}]")
                    self._columns(field.layout, members, pointers)
                if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.1
                    self.align(shape.alignment(layout, self.encoding))
            case Pointer():
                if isinstance(layout, RefPtr):
                    self.say(f"if None in {values}: bad('a [ref] pointer is null', 0x6F4)")
                pointers.append((layout, values, self.new("r")))
                self.word(pointers[-1][-1])
            case Range():
                within = f"{layout.lowest} <= x <= {layout.highest}"
                self.say(f"if not all([{within} for x in {values}]): bad('outside its range', 0x6C6)")
                self._columns(layout.layout, values, pointers)
            case Guid():
                self.put("16s", 16, self.load(f"[x.{self.uuid} for x in {values}]"), 4)
            case Scalar():
                if isinstance(layout, Enum) and not layout.v1:
                    self.say(f"if not all([0 <= x <= 0x7FFF for x in {values}]): {OUTSIDE_16_BITS}")
                self.put(layout.code(self.encoding), layout.size(self.encoding), values)
            case _:
                raise TypeError(f"{layout!r} has no column")

    def _loop(self, element: Layout, items: Items) -> None:
        """Items of varying size."""
        self.flush()
        value = self.new()
        self._open_rows(items)
        with self.block(f"for {value} in {items.data}:"):
            self.forget()
            if isinstance(element, SwitchIs) and element.union.ms_union:  # MS-RPCE 2.2.4.5
                self.align(shape.alignment(element, self.encoding))
            items.part = self._item(element, value)
            self.flush()
            self._keep_row(element, items)
        self.forget()

    def _open_rows(self, items: Items) -> None:
        if items.rows:
            self.line(f"{items.rows} = []")

    def _keep_row(self, element: Layout, items: Items) -> None:
        if items.rows:
            self.line(f"{items.rows}.append(({', '.join(self.kept(element, items.part))},))")

    # The second pass

    def deferred_items(self, array: Array, items: Items) -> None:
        """The pointees of the items, in order."""
        last, self.last = self.last, False
        if shape.fixed_size(array, self.encoding) is not None:
            for part in items.part:
                self.deferred(array.element, part)
        else:
            self.flush()
            unit = self.columns.get(items.rows)
            if unit is None:
                self._deferred_rows(array.element, items)
            else:
                with self.block(f"if type({items.rows}) is list:"):
                    self._deferred_rows(array.element, items)
                with self.block("else:"):
                    self.line(f"o = {self.texts(unit)}.write(out, {items.rows}[0], o)")
            self.forget()
        self.last = last

    def _deferred_rows(self, element: Layout, items: Items) -> None:
        with self.block(f"for {', '.join(self.kept(element, items.part))}, in {items.rows}:"):
            self.forget()
            self.deferred(element, items.part)
