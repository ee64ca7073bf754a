"""The codec compiler's reading half: a layout becomes a Python function from octets to values.

The walk is C706's: an item's maximum count, its scalars, then its pointees (14.3.12.3). `scalars` writes the
code of the first pass and returns the names it bound, `finish` writes the second pass and returns the text
of the value. Correlations are checked when all siblings are known, at the end of their structure.

Counterpart: `writing.py`. Every count is held against the octets that remain before memory is taken.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import struct
from collections.abc import Sequence
from typing import Any

from . import shape
from .expression import Expression
from .layout import (
    NO_ARM,
    Array,
    ContextHandle,
    EncapsulatedUnion,
    Encoding,
    Enum,
    Field,
    FullPtr,
    Guid,
    Layout,
    Parameters,
    Pointer,
    Range,
    RefPtr,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
    WChar,
)
from .siblings import branches, correlated, correlated_below
from .source import Source, agreed

Raw = Any
"""What the first pass leaves: a name, or a list of such for the parts of a construct."""


def names(raw: Raw) -> list[str]:
    """The variables in a Raw, in stream order."""
    if isinstance(raw, str):
        return [raw]
    return [name for part in raw for name in names(part)] if isinstance(raw, list) else []


@dataclasses.dataclass(slots=True)
class Correlation:
    """A count from the stream and the expression that must agree with it.

    seen: the variable with the count; None in it says that nothing was sent (an alias of a full pointer).
    many: it is a list, with a count for each turn of a loop. null: what a null pointer leaves in it.
    optional: it may be None.
    """

    expression: Expression
    seen: str
    many: bool
    null: str
    optional: bool = False


class Scope:
    """Siblings that correlations may name, and the correlations that wait until all are read."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.waiting: list[Correlation] = []
        self.lists: dict[int, str] = {}


class Reading(Source):
    """Writes `decode(buf, octets, q, ins)`: the values of `parameters` as a tuple."""

    def __init__(self, parameters: Parameters, outer: Parameters, encoding: Encoding) -> None:
        super().__init__(encoding)
        self.recursive = shape.recursive(parameters)
        self.scope = Scope()
        self.functions: dict[int, str] = {}
        self.parts: dict[str, Raw] = {}
        """Rows of items whose second pass is to come, with the Raw of one item."""
        self.utf16 = "from_utf_16_le" if encoding.order == "<" else "from_utf_16_be"
        self.pending: list[tuple[str, Layout]] = []
        self._write(parameters, outer)

    def _write(self, parameters: Parameters, outer: Parameters) -> None:
        self.lines.append("def decode(buf, octets, q, ins):")
        self.line("end = len(buf)")
        self.line("o = 0")
        self.line("full = {}")
        if not self.recursive:
            self._body(parameters, outer)
            return
        with self.block("def whole(o):"):
            self._body(parameters, outer)
            self.line("yield")  # only makes it a generator: nothing comes after the return
        while self.pending:
            self._function(*self.pending.pop())
        self.line("return run(whole(o), q)")

    def _body(self, parameters: Parameters, outer: Parameters) -> None:
        wanted = correlated(parameters.fields)
        self._outer(parameters, outer, wanted)
        values = []
        for field in parameters.fields:
            value = self.item(field.layout)
            values.append(self._sibling(field, value, wanted))
        self.check(self.scope)
        self.line(f"return ({', '.join(values)}{',' if values else ''})")

    def _outer(self, parameters: Parameters, outer: Parameters, wanted: set[str]) -> None:
        own = {field.name for field in parameters.fields}
        for index, field in enumerate(outer.fields):
            if field.name in wanted and field.name not in own:
                name = self.new("n")
                self.line(f"{name} = ins[{index}]")
                self.scope.values[field.name] = name

    def _function(self, name: str, layout: Layout) -> None:
        """A structure that contains itself: a generator, so that no depth of data is a depth of Python calls."""
        self.forget()
        scope, self.scope = self.scope, Scope()
        with self.block(f"def {name}(o):"):
            value = self.item(layout)
            self.line(f"return {value}, o")
            self.line("yield")
        self.scope = scope

    # The three passes

    def item(self, layout: Layout) -> str:
        """A whole top-level item or pointee; returns the text of its value."""
        count = self.word() if shape.conformant_tail(layout) else None
        return self.finish(layout, self.scalars(layout, count))

    def scalars(self, layout: Layout, count: str | None = None) -> Raw:
        """The first pass over a layout; `count` is the maximum count read in front of it."""
        match layout:
            case Scalar():
                return self.take(layout.code(self.encoding), layout.size(self.encoding))
            case Range():
                return self.scalars(layout.layout)
            case Guid():
                return self.take("16s", 16, 4)
            case ContextHandle():
                return [self.take("I", 4), self.take("16s", 16, 1)]
            case Pointer():
                return self.word()
            case Struct():
                return self._struct(layout, count)
            case SwitchIs():
                return self._union(layout.union)
            case EncapsulatedUnion():
                self.align(shape.alignment(layout, self.encoding))
                raw = self._union(layout.union)
                self._trailing(layout)
                return raw
            case Array():
                return self._array(layout, count)
            case String():
                return self._string(layout, count)
            case _:
                raise TypeError(f"{layout!r} cannot be read")

    def finish(self, layout: Layout, raw: Raw) -> str:
        """The second pass: read the pointees of a layout and return the text of its value."""
        match layout:
            case Enum():
                return f"{self.constant(layout.by_value.get, 'G')}({raw}, {raw})"
            case Range():
                self.line(f"if not {layout.lowest} <= {raw} <= {layout.highest}: bad('outside its range')")
                return str(raw)
            case Guid():
                return f"UUID({'bytes_le' if self.encoding.order == '<' else 'bytes'}={raw})"
            case ContextHandle():
                key = "bytes_le" if self.encoding.order == "<" else "bytes"
                return f"(({raw[0]}, UUID({key}={raw[1]})) if {raw[0]} or any({raw[1]}) else None)"
            case Pointer():
                return self._pointee(layout, raw)
            case Struct():
                return self._finish_struct(layout, raw)
            case SwitchIs():
                return self._finish_union(layout.union, raw, layout.switch)
            case EncapsulatedUnion():
                value = self._finish_union(layout.union, raw)
                return f"{self.constant(layout.factory, 'F')}({raw[0]}, {value})"
            case Array():
                return self._finish_array(layout, raw)
            case String():
                return self._finish_string(layout, raw)
            case _:
                return str(raw)

    # Fields

    def take(self, code: str, size: int, align: int | None = None) -> str:
        """A field of the run, aligned to its size or to `align`."""
        self.align(align or size)
        name = self.new()
        self.field(code, size, name)
        return name

    def word(self) -> str:
        """A count or referent id."""
        return self.take("Q" if self.encoding.wide else "I", self.encoding.word)

    def align(self, align: int) -> None:
        """Skip to a multiple of `align`."""
        pad = self.static_pad(align)
        if pad is None:
            self.line(f"o = o + {align - 1} & -{align}")
            self.forget(align)
        else:
            self.pad(pad)

    def flush(self) -> None:
        """One unpack for the run. Padding at its end is stepped over without being read."""
        text, arguments, size = self.take_run()
        if arguments:
            text = _TRAILING_PAD.sub("", text)
            self._emit(f"{', '.join(arguments)}, = {self.packed('unpack_from', text)}(buf, o)")
        if size:
            self._emit(f"o += {size}")

    def _emit(self, text: str) -> None:
        self.lines.append("    " * self._indent + text)

    # Structures

    def _struct(self, struct: Struct, count: str | None) -> Raw:
        self.align(shape.alignment(struct, self.encoding))
        last = len(struct.fields) - 1
        raw = [self.scalars(f.layout, count if i == last else None) for i, f in enumerate(struct.fields)]
        self._trailing(struct)
        return raw

    def _trailing(self, layout: Layout) -> None:
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.1
            self.align(shape.alignment(layout, self.encoding))

    def _finish_struct(self, struct: Struct, raw: Raw) -> str:
        wanted = correlated(struct.fields)
        outer, self.scope = self.scope, Scope()
        values: list[str] = []
        for field, part in zip(struct.fields, raw, strict=True):
            values.append(self._sibling(field, self.finish(field.layout, part), wanted))
        self.check(self.scope)
        self.scope = outer
        arguments = _arguments(struct.factory, [field.name for field in struct.fields], values)
        return f"{self.constant(struct.factory, 'F')}({', '.join(arguments)})"

    def _sibling(self, field: Field, value: str, wanted: set[str]) -> str:
        """Bind the value of a field to a name, when it is more than a name or correlations ask for it."""
        value = self.bound(value)
        if field.name in wanted:
            self.scope.values[field.name] = value
        return value

    # Correlations (MS-RPCE 3.1.1.5.3)

    def correlate(self, layout: Layout, expression: Expression | None, seen: str, null: str = "0") -> None:
        """Have the count `seen` of a layout checked against `expression` when the siblings are known."""
        if expression is None:
            return
        collected = self.scope.lists.get(id(layout))
        if collected is None:
            self.scope.waiting.append(Correlation(expression, seen, False, null))
            return
        self.line(f"{collected}.append(({seen}, {len(self.scope.waiting)}))")
        self.scope.waiting.append(Correlation(expression, collected, True, null))

    def check(self, scope: Scope) -> None:
        """Compare counts with their expressions; a null pointer must go with a size of zero."""
        for index, correlation in enumerate(scope.waiting):
            text = self.expression(correlation.expression, scope.values)
            failed = "bad('a count and its expression disagree')"
            if correlation.many:
                seen = f"[n for n, at in {correlation.seen} if at == {index} and n is not None]"
                self.line(f"if any(n != {text} for n in {seen}): {failed}")
            else:
                sent = f"{correlation.seen} is not None and " if correlation.optional else ""
                self.line(f"if {sent}{correlation.seen} != {text}: {failed}")
        scope.waiting.clear()

    def _nothing_sent(self, start: int, *, alias: bool) -> None:
        """On this way through the code what was correlated since `start` was not in the stream."""
        for index, correlation in enumerate(self.scope.waiting[start:], start):
            count = "None" if alias else correlation.null
            if correlation.many:
                self.line(f"{correlation.seen}.append(({count}, {index}))")
            else:
                self.line(f"{correlation.seen} = {count}")
                correlation.optional |= count == "None"

    # Pointers

    def _pointee(self, pointer: Pointer, raw: str) -> str:
        if isinstance(pointer, RefPtr):
            self.line(f"if not {raw}: bad('a [ref] pointer is null')")
            return self._target(pointer.target)
        full = isinstance(pointer, FullPtr)
        value, start = self.new(), len(self.scope.waiting)
        self.flush()
        before = self.known
        with self.block(f"if {raw} and {raw} not in full:" if full else f"if {raw}:"):
            self.line(f"{value} = {self._target(pointer.target)}")
            if full:
                self.line(f"{value} = full[{raw}] = shared({value})")
        self.known = agreed(before, self.known)
        if full:
            with self.block(f"elif {raw}:"):
                self.line(f"{value} = full[{raw}]")
                self._nothing_sent(start, alias=True)
        with self.block("else:"):
            self.line(f"{value} = None")
            self._nothing_sent(start, alias=False)
        return value

    def _target(self, target: Layout) -> str:
        if id(target) not in self.recursive or not isinstance(target, Struct):
            return self.item(target)
        if id(target) not in self.functions:
            self.functions[id(target)] = self.new("item")
            self.pending.append((self.functions[id(target)], target))
        value = self.new()
        self.line(f"{value}, o = yield {self.functions[id(target)]}(o)")
        self.forget()
        return value

    # Unions (C706 14.3.8)

    def _union(self, union: Union) -> Raw:
        """The tag and the arm's scalars; the Raw is [tag, [Raw of each arm that carries data]]."""
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.4
            self.align(shape.alignment(union, self.encoding))
        tag = self.take(union.tag.code(self.encoding), union.tag.size(self.encoding))
        if self.encoding.wide or union.ms_union:  # MS-RPCE 2.2.4.5
            self.align(shape.arms_alignment(union, self.encoding))
        self.flush()
        start, before = len(self.lines), self.known
        arms: list[Raw] = []
        meetings = [] if shape.exhaustive(union) else [before]
        for test, arm in branches(union, tag):
            with self.block(test):
                self.known = before
                if arm is NO_ARM:
                    self.line("bad('the tag selects no arm', 0x6C5)")
                    continue
                if isinstance(arm, Layout):
                    arms.append(self.scalars(arm))
                self.flush()
                meetings.append(self.known)
        self.known = functools.reduce(agreed, meetings)
        if names(arms):
            self.lines.insert(start, "    " * self._indent + " = ".join([*names(arms), "None"]))
        return [tag, arms]

    def _finish_union(self, union: Union, raw: Raw, switch: Expression | None = None) -> str:
        tag, arms = raw
        self.correlate(union, switch, tag, null="None")
        value, rest = self.new(), iter(arms)
        self.flush()
        before = self.known
        meetings = [before]
        self.line(f"{value} = None")
        for test, arm in branches(union, tag):
            if isinstance(arm, Layout):
                with self.block(test):
                    self.known = before
                    self.line(f"{value} = {self.finish(arm, next(rest))}")
                    meetings.append(self.known)
            elif test.startswith(("if", "elif")):
                with self.block(test):
                    self.line("pass")
        self.known = functools.reduce(agreed, meetings)
        return value

    # Arrays and strings (C706 14.3.3, 14.3.5)

    def _array(self, array: Array, count: str | None) -> Raw:
        """The counts and the items' scalars; the Raw is [items, maximum, offset, actual], absent counts as None."""
        if shape.fixed_size(array, self.encoding) is not None:
            return self._unrolled(array)
        offset = actual = None
        if array.varying:
            offset, actual = self.word(), self.word()
        bound = count or str(array.bound)
        if actual is not None:
            self.line(f"if {offset} + {actual} > {bound}: bad('offset and actual count exceed the maximum')")
        if array.limits is not None and count is not None:
            low, high = array.limits
            self.line(f"if not {low} <= {count} <= {high}: bad('the maximum count is outside its range', 0x6C6)")
        return [self._items(array.element, actual or bound), [count, offset, actual]]

    def _unrolled(self, array: Array) -> Raw:
        element, bound = array.element, array.bound or 0
        if shape.is_octets(element):
            return self.take(f"{bound}s", bound, 1)
        if element is WChar:
            return self.take(f"{2 * bound}s", 2 * bound, 2)
        raws: list[Raw] = []
        for _ in range(bound):
            self.align(shape.alignment(element, self.encoding))
            raws.append(self.scalars(element))
        return raws

    def _items(self, element: Layout, count: str) -> str:
        """The scalars of `count` items: bytes, str or a list if that is all there is, else rows for `_finish_rows`."""
        if shape.is_octets(element):
            return self._block(count, 1, "octets(buf[o:{stop}])")
        if element is WChar:
            return self._block(f"2 * {count}", 2, f"{self.utf16}(buf[o:{{stop}}], 'surrogatepass', True)[0]")
        size = shape.fixed_size(element, self.encoding)
        self._align_items(shape.alignment(element, self.encoding), count)
        if size is None:
            return self._loop(element, count)
        if shape.is_plain(element):
            code = self.encoding.order + element.code(self.encoding)  # type: ignore[attr-defined]
            return self._block(f"{size} * {count}", size, f"numbers(buf, o, {{stop}}, {code!r})")
        return self._rows(element, count, size)

    def _align_items(self, align: int, count: str) -> None:
        """Items are aligned, an array without items is not."""
        pad = self.static_pad(align)
        if pad == 0:
            return
        self.flush()
        before = self.known
        self.line(f"if {count}: o = o + {align - 1} & -{align}")
        self.known = agreed(before, (align, 0))

    def _block(self, size: str, unit: int, template: str) -> str:
        """`size` octets as one value; `unit` divides the size."""
        stop, value = self.new("e"), self.new()
        self.line(f"{stop} = o + {size}")
        self.line(f"if {stop} > end: bad('the stub ends inside an array')")
        self.line(f"{value} = {template.format(stop=stop)}")
        self.line(f"o = {stop}")
        modulus = min(self.known[0], unit)
        self.known = modulus, self.known[1] % modulus
        return value

    def _spend(self, count: str, least: int) -> None:
        self.line(f"q[0] -= {count}")
        self.line(f"if q[0] < 0 or {least} * {count} > end - o: bad('the count exceeds the stub or the item budget')")

    def _rows(self, element: Layout, count: str, size: int) -> str:
        """Items of fixed size, all through one Struct."""
        align = shape.alignment(element, self.encoding)
        self.flush()
        before, self.known = self.known, (align, 0)
        raw = self.scalars(element)
        text, arguments, _ = self.take_run()
        rows = self.new("rows")
        self.parts[rows] = raw
        last = _TRAILING_PAD.sub("", text)
        stride = shape.round_up(size, align)
        self._spend(count, size)
        if not arguments:
            self.line(f"{rows} = [()] * {count}")
        elif stride == size and last == text:
            self.line(f"{rows} = [*{self.packed('iter_unpack', text)}(buf[o:o + {size} * {count}])]")
            self.line(f"o += {size} * {count}")
        else:
            padded = last + _pad_code(stride - struct.calcsize("<" + last))
            with self.block(f"if {count}:"):
                self.line(f"e = o + {stride} * ({count} - 1)")
                self.line(f"{rows} = [*{self.packed('iter_unpack', padded)}(buf[o:e])]")
                self.line(f"{rows}.append({self.packed('unpack_from', last)}(buf, e))")
                self.line(f"o = e + {size}")
            self.line(f"else: {rows} = []")
        self.known = agreed(before, (align, size % align))
        return rows

    def _loop(self, element: Layout, count: str) -> str:
        """Items of varying size, one after the other."""
        rows = self.new("rows")
        self.line(f"{rows} = []")
        self._spend(count, shape.smallest(element, self.encoding))
        with self.block(f"for _ in range({count}):"):
            self.forget()
            self.align(shape.alignment(element, self.encoding))
            raw = self.scalars(element)
            self.line(f"{rows}.append(({', '.join(names(raw))},))")
        self.parts[rows] = raw
        self.forget()
        return rows

    def _finish_array(self, array: Array, raw: Raw) -> str:
        if shape.fixed_size(array, self.encoding) is not None:
            return self._finish_unrolled(array, raw)
        items, (count, offset, actual) = raw
        if count is not None:
            self.correlate(array, array.size, count)
        if array.varying:
            self.correlate(array, array.length, actual)
            self.correlate(array, array.first, offset)
        return self._finish_rows(array.element, items) if items in self.parts else items

    def _finish_unrolled(self, array: Array, raw: Raw) -> str:
        if array.element is WChar:
            return f"{self.utf16}({raw}, 'surrogatepass', True)[0]"
        if isinstance(raw, str):
            return raw
        return f"[{', '.join([self.bound(self.finish(array.element, part)) for part in raw])}]"

    def _finish_rows(self, element: Layout, rows: str) -> str:
        """The values of the items, in a list."""
        raw, values = self.parts[rows], self.new()
        target = ", ".join(names(raw)) + ("," if names(raw) else "()")
        for array in correlated_below(element):
            if id(array) not in self.scope.lists:
                self.scope.lists[id(array)] = self.new("many")
                self.line(f"{self.scope.lists[id(array)]} = []")
        before = self.known
        self.line(f"{values} = []")
        start = len(self.lines)
        with self.block(f"for {target} in {rows}:"):
            self.forget()
            value = self.finish(element, raw)
            self.flush()
            simple = len(self.lines) == start + 1
            self.line(f"{values}.append({value})")
        if simple:
            self.known = before
            del self.lines[start - 1 :]
            return f"[{value} for {target} in {rows}]"
        self.forget()
        return values

    def _string(self, string: String, count: str | None) -> Raw:
        """The Raw is [text, maximum count]."""
        unit = string.unit.size(self.encoding)
        offset, actual = self.word(), self.word()
        bound = count or str(string.bound)
        self.line(f"if {offset} or not 0 < {actual} <= {bound}: bad('string counts')")
        if string.limits is not None and count is not None:
            low, high = string.limits
            self.line(f"if not {low} <= {count} <= {high}: bad('the maximum count is outside its range', 0x6C6)")
        if unit == 2:
            text = self._block(f"2 * {actual}", 2, f"{self.utf16}(buf[o:{{stop}} - 2], 'surrogatepass', True)[0]")
            self.line("if buf[o - 1] or buf[o - 2]: bad('the string has no terminator')")
        else:
            text = self._block(actual, 1, "str(buf[o:{stop} - 1], 'utf-8', 'surrogateescape')")
            self.line("if buf[o - 1]: bad('the string has no terminator')")
        return [text, count]

    def _finish_string(self, string: String, raw: Raw) -> str:
        text, count = raw
        if count is not None:
            self.correlate(string, string.size, count)
        return str(text)

    def bound(self, value: str) -> str:
        """A name that holds a value's text."""
        if value.isidentifier():
            return value
        name = self.new()
        self.line(f"{name} = {value}")
        return name


_TRAILING_PAD = re.compile(r"(\d+x)+$")


def _pad_code(size: int) -> str:
    return f"{size}x" if size else ""


def _arguments(factory: Any, fields: Sequence[str], values: Sequence[str]) -> list[str]:
    """The arguments of a factory: by keyword where a dataclass says so."""
    by_keyword: set[str] = set()
    if dataclasses.is_dataclass(factory):
        by_keyword = {field.name for field in dataclasses.fields(factory) if field.kw_only}
    positional = [value for field, value in zip(fields, values, strict=True) if field not in by_keyword]
    keyword = [f"{field}={value}" for field, value in zip(fields, values, strict=True) if field in by_keyword]
    return positional + keyword
