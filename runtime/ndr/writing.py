"""The codec compiler's writing half: a layout becomes a Python function from values to octets.

An item is written in four steps: `prepare` loads values into names, `settle` fills in and checks what
correlations say, `scalars` writes the first pass and `deferred` the pointees (C706 14.3.12.3). What
`prepare` returns, a tree of names, is kept between the passes.

Counterpart: `reading.py`. Nothing is written when a value contradicts its siblings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import shape
from .expression import Expression, Inverse, Number, invert
from .layout import (
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
from .siblings import below, branches, correlated, expressions
from .source import Source, agreed

Prepared = list[Any]
"""Names that hold a prepared value; nested for the parts of a construct. None stands for nothing prepared yet."""


def names(prepared: object) -> list[str]:
    """The variables in a Prepared."""
    if isinstance(prepared, str):
        return [prepared]
    return [name for part in prepared for name in names(part)] if isinstance(prepared, list) else []


class Writing(Source):
    """Writes `encode(v, ins)`: a list of the parts of the stub, from the values in `v`."""

    def __init__(self, parameters: Parameters, outer: Parameters, encoding: Encoding) -> None:
        super().__init__(encoding)
        self.recursive = shape.recursive(parameters)
        self.scope: dict[str, str] = {}
        self.functions: dict[int, str] = {}
        self.pending: list[tuple[str, Layout]] = []
        self.utf16 = "to_utf_16_le" if encoding.order == "<" else "to_utf_16_be"
        self._write(parameters, outer)

    def _write(self, parameters: Parameters, outer: Parameters) -> None:
        self.lines.append("def encode(v, ins):")
        start = len(self.lines)
        if self.recursive:
            self._recursive(parameters, outer)
            return
        self._body(parameters, outer)
        self.flush(last=True)
        if len(self.lines) == start + 2 and self.lines[-1].startswith("    w("):  # load, then one pack: nothing to join
            self.lines[-1] = f"    return [{self.lines[-1].strip()[2:-1]}]"
            return
        self.lines[start:start] = ["    out = []; w = out.append; o = 0; rid = 0x20000; full = {}; sent = set()"]
        self.line("return out")

    def _recursive(self, parameters: Parameters, outer: Parameters) -> None:
        self.line("out = []; w = out.append; full = {}; sent = set()")
        with self.block("def whole(o, rid):"):
            self._body(parameters, outer)
            self.line("return out")
            self.line("yield")  # only makes it a generator: nothing comes after the return
        while self.pending:
            self._function(*self.pending.pop())
        self.line("return run(whole(0, 0x20000), [1 << 20])")

    def _function(self, name: str, layout: Layout) -> None:
        self.forget()
        with self.block(f"def {name}(x, o, rid):"):
            self.item(layout, "x")
            self.line("return o, rid")
            self.line("yield")

    def _body(self, parameters: Parameters, outer: Parameters) -> None:
        values = [self.new() for _ in parameters.fields]
        if values:
            self.say(f"{', '.join(values)}, = v")
        wanted, own = correlated(parameters.fields), {field.name for field in parameters.fields}
        for index, field in enumerate(outer.fields):
            if field.name in wanted and field.name not in own:
                self.scope[field.name] = self.new("n")
                self.say(f"{self.scope[field.name]} = ins[{index}]")
        for field, prepared in zip(parameters.fields, self._siblings(parameters.fields, values), strict=True):
            self._passes(field.layout, prepared)

    # The passes

    def item(self, layout: Layout, value: str) -> None:
        """A whole top-level item or pointee."""
        prepared = self.prepare(layout, value)
        self.settle(layout, prepared)
        self._passes(layout, prepared)

    def _passes(self, layout: Layout, prepared: Prepared) -> None:
        maximum = self._maximum(layout, prepared)
        if maximum is not None:
            self.word(maximum)
        self.scalars(layout, prepared)
        self.deferred(layout, prepared)

    def _maximum(self, layout: Layout, prepared: Prepared) -> str | None:
        """The count to hoist: of the conformant array that ends a layout."""
        if isinstance(layout, Struct) and layout.fields:
            return self._maximum(layout.fields[-1].layout, prepared[-1])
        return str(prepared[2]) if shape.conformant_tail(layout) is not None else None

    def prepare(self, layout: Layout, value: str) -> Prepared:
        """Load a value into names; its counts too, where it has some."""
        match layout:
            case Struct():
                loaded = [self.load(f"{value}.{_attribute(field.name)}") for field in layout.fields]
                scope, self.scope = self.scope, {}
                prepared: Prepared = self._siblings(layout.fields, loaded)
                self.scope = scope
                return prepared
            case EncapsulatedUnion():
                tag = self.load(f"{value}.{_attribute(layout.tag)}")
                return [self.load(f"{value}.{_attribute(layout.name)}"), tag, []]
            case SwitchIs():
                return [value, self.new("t"), []]
            case Array():
                return self._prepare_array(layout, value)
            case String():
                return self._prepare_string(layout, value)
            case Pointer():
                return self._prepare_pointer(layout, value)
            case _:
                return [value]

    def settle(self, layout: Layout, prepared: Prepared) -> None:
        """Hold a value against what its siblings say."""
        match layout:
            case Array():
                self._settle_array(layout, prepared)
            case String():
                self._settle_string(layout, prepared)
            case Pointer() if prepared[2] is not None:
                self.settle(layout.target, prepared[2])
            case SwitchIs():
                self.say(f"{prepared[1]} = {self.expression(layout.switch, self.scope)}")
            case _:
                pass

    def scalars(self, layout: Layout, prepared: Prepared) -> None:
        """The first pass over a layout."""
        match layout:
            case Scalar():
                self._scalar(layout, prepared[0])
            case Range():
                self.say(f"if not {layout.lowest} <= {prepared[0]} <= {layout.highest}: bad('outside its range')")
                self._scalar(layout.layout, prepared[0])
            case Guid():
                self.put("16s", 16, f"{prepared[0]}.{'bytes_le' if self.encoding.order == '<' else 'bytes'}", 4)
            case ContextHandle():
                self._context(prepared[0])
            case Pointer():
                self._referent(layout, prepared)
            case Struct():
                self.align(shape.alignment(layout, self.encoding))
                for field, part in zip(layout.fields, prepared, strict=True):
                    self.scalars(field.layout, part)
                self._trailing(layout)
            case SwitchIs():
                self._union(layout.union, prepared)
            case EncapsulatedUnion():
                self.align(shape.alignment(layout, self.encoding))
                self._union(layout.union, prepared)
                self._trailing(layout)
            case Array():
                self._array(layout, prepared)
            case String():
                self._string(layout, prepared)
            case _:
                raise TypeError(f"{layout!r} cannot be written")

    def deferred(self, layout: Layout, prepared: Prepared) -> None:
        """The second pass: the pointees of a layout."""
        match layout:
            case Pointer():
                self._pointee(layout, prepared)
            case Struct():
                for field, part in zip(layout.fields, prepared, strict=True):
                    self.deferred(field.layout, part)
            case SwitchIs() | EncapsulatedUnion():
                self._deferred_union(layout.union, prepared)
            case Array() if has_pointers(layout.element):
                self._deferred_items(layout, prepared)
            case _:
                pass

    # Fields

    def say(self, text: str) -> None:
        """A line that writes no octets: it may stand before the fields that wait in the run."""
        self.lines.append("    " * self._indent + text)

    def load(self, text: str) -> str:
        """A name for an expression."""
        name = self.new()
        self.say(f"{name} = {text}")
        return name

    def put(self, code: str, size: int, text: str, align: int | None = None) -> None:
        """A field of the run, aligned to its size or to `align`."""
        self.align(align or size)
        self.field(code, size, text)

    def word(self, text: str) -> None:
        """A count or referent id."""
        self.put("Q" if self.encoding.wide else "I", self.encoding.word, text)

    def align(self, align: int) -> None:
        """Zeros up to a multiple of `align`."""
        pad = self.static_pad(align)
        if pad is None:
            self.line(f"if o & {align - 1}: w(PADS[-o & {align - 1}]); o = o + {align - 1} & -{align}")
            self.forget(align)
        else:
            self.pad(pad)

    def flush(self, *, last: bool = False) -> None:
        """One pack for the run; the offset behind the `last` one is of no use."""
        text, arguments, size = self.take_run()
        if text:
            self.say(f"w({self.packed('pack', text)}({', '.join(arguments)}))")
            if not last:
                self.say(f"o += {size}")

    def _scalar(self, scalar: Scalar, value: str) -> None:
        if isinstance(scalar, Enum) and not scalar.v1:  # C706 14.2.5
            self.say(f"if not 0 <= {value} <= 0x7FFF: bad('an enumeration of 16 bits is outside 0..32767', 0x6F5)")
        self.put(scalar.code(self.encoding), scalar.size(self.encoding), value)

    def _context(self, value: str) -> None:
        key = "bytes_le" if self.encoding.order == "<" else "bytes"
        attributes, uuid = self.new(), self.new()
        self.say(f"{attributes}, {uuid} = (0, NIL) if {value} is None else ({value}[0], {value}[1].{key})")
        self.put("I", 4, attributes)
        self.put("16s", 16, uuid, 1)

    def _trailing(self, layout: Layout) -> None:
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.1
            self.align(shape.alignment(layout, self.encoding))

    # Siblings

    def _siblings(self, fields: Sequence[Field], values: Sequence[str]) -> list[Prepared]:
        """Prepare members that may name each other, fill in the counts that were left out, then settle all."""
        prepared = [self.prepare(field.layout, value) for field, value in zip(fields, values, strict=True)]
        self.scope.update(zip((field.name for field in fields), values, strict=True))
        filled: set[str] = set()
        for field, part in zip(fields, prepared, strict=True):
            for inverse, count in self._inverses(field.layout, part):
                if inverse.name in self.scope and inverse.name not in filled:
                    filled.add(inverse.name)
                    self._fill(inverse, self.scope[inverse.name], count)
        for field, part in zip(fields, prepared, strict=True):
            self.settle(field.layout, part)
        return prepared

    def _inverses(self, layout: Layout, prepared: Prepared) -> list[tuple[Inverse, str]]:
        """The counts that an array in this member determines, with the name of its count."""
        while isinstance(layout, Pointer):
            if prepared[2] is None:
                return []
            layout, prepared = layout.target, prepared[2]
        if not isinstance(layout, Array):
            return []
        solved = [invert(expression) for expression in (layout.size, layout.length) if expression is not None]
        return [(inverse, prepared[1]) for inverse in solved if inverse is not None]

    def _fill(self, inverse: Inverse, name: str, count: str) -> None:
        product = count if inverse.times == 1 else f"{count} * {inverse.times}"
        quotient = product if inverse.per == 1 else f"exact({product}, {inverse.per})"
        total = quotient if inverse.plus == 0 else f"{quotient} + {inverse.plus}"
        self.say(f"if {name} is AUTO: {name} = {total}")

    # Pointers

    def _prepare_pointer(self, pointer: Pointer, value: str) -> Prepared:
        """[value, referent id, Prepared of a target whose counts the siblings name]."""
        if isinstance(pointer, RefPtr):
            self.say(f"if {value} is None: bad('a [ref] pointer is null', 0x6F4)")
        if not any(expressions(part) for part in below(pointer.target)):
            return [value, self.new("r"), None]
        self.say(f"if {value} is not None:")
        self._indent += 1
        inner = self.prepare(pointer.target, value)
        self.say("pass")
        self._indent -= 1
        self.say("else:")
        self._indent += 1
        nothing = [name for name in names(inner) if name != value]
        self.say(" = ".join([*nothing, "None"]) if nothing else "pass")
        if isinstance(pointer.target, Array | String):
            self.say(f"{inner[1]} = 0")
        self._indent -= 1
        return [value, self.new("r"), inner]

    def _referent(self, pointer: Pointer, prepared: Prepared) -> None:
        value, referent = prepared[0], prepared[1]
        if isinstance(pointer, FullPtr):
            self.say(f"{referent}, rid = referent({value}, full, rid)")
        elif isinstance(pointer, RefPtr):
            self.say(f"{referent} = rid; rid += 4")
        else:
            self.say(f"{referent} = 0 if {value} is None else rid")
            self.say(f"if {referent}: rid += 4")
        self.word(referent)

    def _pointee(self, pointer: Pointer, prepared: Prepared) -> None:
        value, referent, inner = prepared
        if isinstance(pointer, RefPtr):
            self._target(pointer.target, value, inner)
            return
        self.flush()
        before = self.known
        full = isinstance(pointer, FullPtr)
        with self.block(f"if {referent} and {referent} not in sent:" if full else f"if {referent}:"):
            if full:
                self.line(f"sent.add({referent})")
            self._target(pointer.target, value, inner)
        self.known = agreed(before, self.known)

    def _target(self, target: Layout, value: str, inner: Prepared | None) -> None:
        if inner is not None:
            self._passes(target, inner)
        elif id(target) in self.recursive and isinstance(target, Struct):
            if id(target) not in self.functions:
                self.functions[id(target)] = self.new("item")
                self.pending.append((self.functions[id(target)], target))
            self.line(f"o, rid = yield {self.functions[id(target)]}({value}, o, rid)")
            self.forget()
        else:
            self.item(target, value)

    # Unions (C706 14.3.8)

    def _union(self, union: Union, prepared: Prepared) -> None:
        """prepared: [value, tag, Prepared of each arm that carries data]."""
        value, tag, arms = prepared
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.4
            self.align(shape.alignment(union, self.encoding))
        self._scalar(union.tag, tag)
        if self.encoding.wide or union.ms_union:  # MS-RPCE 2.2.4.5
            self.align(shape.arms_alignment(union, self.encoding))
        self.flush()
        before, start = self.known, len(self.lines)
        meetings = [] if shape.exhaustive(union) else [before]
        for test, arm in branches(union, tag):
            with self.block(test):
                self.known = before
                if isinstance(arm, Layout):
                    arms.append(self.prepare(arm, value))
                    self.settle(arm, arms[-1])
                    self.scalars(arm, arms[-1])
                    self.flush()
                    meetings.append(self.known)
                elif arm is None:
                    self.line(f"if {value} is not None: bad('the arm that the tag selects carries nothing')")
                    meetings.append(self.known)
                else:
                    self.line("bad('the tag selects no arm', 0x6C5)")
        for known in meetings:
            self.known = agreed(meetings[0], known) if known is meetings[0] else agreed(self.known, known)
        unset = [name for name in names(arms) if name not in (value, tag)]
        if unset:
            self.lines.insert(start, "    " * self._indent + " = ".join([*unset, "None"]))

    def _deferred_union(self, union: Union, prepared: Prepared) -> None:
        if not any(has_pointers(arm) for arm in union.layouts()):
            return
        rest = iter(prepared[2])
        self.flush()
        before = self.known
        known = before
        for test, arm in branches(union, prepared[1]):
            with self.block(test):
                self.known = before
                if isinstance(arm, Layout):
                    self.deferred(arm, next(rest))
                    self.flush()
                    known = agreed(known, self.known)
        self.known = known

    # Arrays and strings (C706 14.3.3, 14.3.5)

    def _prepare_array(self, array: Array, value: str) -> Prepared:
        """[items, count, maximum, first, rows]."""
        data, count = self.new("d"), self.new("n")
        element = array.element
        if shape.is_octets(element):
            self.say(f"{data} = {value} if type({value}) is bytes else as_octets({value})")
            self.say(f"{count} = len({data})")
        elif element is WChar:
            self.say(f"{data} = {self.utf16}({value}, 'surrogatepass')[0]")
            self.say(f"{count} = len({data}) // 2")
        elif shape.is_plain(element) and shape.fixed_size(array, self.encoding) is None:
            code, size = element.code(self.encoding), element.size(self.encoding)  # type: ignore[attr-defined]
            self.say(f"{data} = as_numbers({value}, {code!r}, {self.encoding.order!r})")
            self.say(f"{count} = len({data}) // {size}")
        else:
            self.say(f"{data} = {value}")
            self.say(f"{count} = len({data})")
        return [data, count, self.new("m"), self.new("f"), self.new("rows")]

    def _settle_array(self, array: Array, prepared: Prepared) -> None:
        data, count, maximum, first, rows = prepared
        self.say(f"{rows} = None")
        self.say(f"{first} = {self._correlated(array.first, '0')}")
        if array.conformant:
            size = self._correlated(array.size, f"{count} + {first}")
            self.say(f"{maximum} = {size}")
        else:
            self.say(f"{maximum} = {array.bound}")
        if array.varying:
            length = self._correlated(array.length, f"{maximum} - {first}")
            self.say(f"if {count} != {length} or {first} < 0 or {first} + {count} > {maximum}: disagree({count})")
            if array.conformant:
                self.say(f"if {data} is None and {maximum}: disagree(0)")
        elif array.size is not None or not array.conformant:
            self.say(f"if {count} != {maximum}: disagree({count})")
        if array.limits is not None:
            low, high = array.limits
            self.say(f"if {data} is not None and not {low} <= {maximum} <= {high}: bad('outside its range', 0x6C6)")

    def _correlated(self, expression: Expression | None, otherwise: str) -> str:
        if expression is None:
            return otherwise
        return repr(expression.value) if isinstance(expression, Number) else self.expression(expression, self.scope)

    def _array(self, array: Array, prepared: Prepared) -> None:
        data, count, _, first, _ = prepared
        element = array.element
        if shape.fixed_size(array, self.encoding) is not None:
            self._unrolled(array, prepared)
            return
        if array.varying:
            self.word(first)
            self.word(count)
        self._align_items(shape.alignment(element, self.encoding), count)
        if shape.is_octets(element) or element is WChar or shape.is_plain(element):
            unit = shape.alignment(element, self.encoding)
            self.line(f"w({data}); o += {count}{'' if unit == 1 else f' * {unit}'}")
            self._grown(unit)
        else:
            self._items(element, prepared)

    def _grown(self, unit: int) -> None:
        modulus = min(self.known[0], unit)
        self.known = modulus, self.known[1] % modulus

    def _align_items(self, align: int, count: str) -> None:
        """Items are aligned, an array without items is not."""
        if self.static_pad(align) == 0:
            return
        self.flush()
        before = self.known
        self.line(f"if {count} and o & {align - 1}: w(PADS[-o & {align - 1}]); o = o + {align - 1} & -{align}")
        self.known = agreed(before, (align, 0))

    def _unrolled(self, array: Array, prepared: Prepared) -> None:
        bound = array.bound or 0
        if shape.is_octets(array.element):
            self.put(f"{bound}s", bound, prepared[0], 1)
        elif array.element is WChar:
            self.put(f"{2 * bound}s", 2 * bound, prepared[0], 2)
        else:
            values = [self.new() for _ in range(bound)]
            if values:
                self.say(f"{', '.join(values)}, = {prepared[0]}")
            parts = [self.prepare(array.element, value) for value in values]
            prepared.append(parts)
            for part in parts:
                self.settle(array.element, part)
                self.align(shape.alignment(array.element, self.encoding))
                self.scalars(array.element, part)

    def _items(self, element: Layout, prepared: Prepared) -> None:
        """The scalars of the items, one after the other; what their pointees need is kept in rows."""
        data, count, _, _, rows = prepared
        align, size = shape.alignment(element, self.encoding), shape.fixed_size(element, self.encoding)
        self.flush()
        before, value = self.known, self.new()
        if has_pointers(element):
            self.line(f"{rows} = []")
        with self.block(f"for {value} in {data}:"):
            if size is None:
                self.forget()
                self.align(align)
            else:
                self.known = align, 0
            part = self.prepare(element, value)
            self.settle(element, part)
            self.scalars(element, part)
            if size is not None:
                self._pack_item(shape.round_up(size, align) - size)
            self.flush()
            if has_pointers(element):
                self.line(f"{rows}.append(({', '.join(kept(element, part))},))")
        prepared.append(part)
        if size is None:
            self.forget()
        else:
            self._close_items(count, size, shape.round_up(size, align))
            self.known = agreed(before, (align, size % align))

    def _pack_item(self, pad: int) -> None:
        """One item of fixed size, padded up to the next one."""
        text, arguments, _ = self.take_run()
        padded = text + (f"{pad}x" if pad else "")
        self.say(f"w({self.packed('pack', padded)}({', '.join(arguments)}))")

    def _close_items(self, count: str, size: int, stride: int) -> None:
        """The last item has no padding behind it in NDR 2.0."""
        if stride == size:
            self.line(f"o += {size} * {count}")
        else:
            self.line(f"if {count}: out[-1] = out[-1][:{size}]; o += {stride} * {count} - {stride - size}")

    def _deferred_items(self, array: Array, prepared: Prepared) -> None:
        if shape.fixed_size(array, self.encoding) is not None:
            for part in prepared[-1]:
                self.deferred(array.element, part)
            return
        self.flush()
        with self.block(f"for {', '.join(kept(array.element, prepared[-1]))}, in {prepared[4]}:"):
            self.forget()
            self.deferred(array.element, prepared[-1])
        self.forget()

    def _prepare_string(self, string: String, value: str) -> Prepared:
        """[octets with terminator, units with terminator, maximum]."""
        data, count = self.new("d"), self.new("n")
        if string.unit.size(self.encoding) == 2:
            self.say(f"{data} = {self.utf16}({value} + '\\0', 'surrogatepass')[0]")
            self.say(f"{count} = len({data}) // 2")
        else:
            self.say(f"{data} = ({value} + '\\0').encode('utf-8', 'surrogateescape')")
            self.say(f"{count} = len({data})")
        self.say(f"if '\\0' in {value}: bad('a [string] holds a NUL')")
        return [data, count, self.new("m")]

    def _settle_string(self, string: String, prepared: Prepared) -> None:
        data, count, maximum = prepared
        bound = str(string.bound) if string.bound is not None else self._correlated(string.size, count)
        self.say(f"{maximum} = {bound}")
        if string.bound is not None or string.size is not None:
            self.say(f"if {count} > {maximum} or {data} is None and {maximum}: disagree({count})")
        if string.limits is not None:
            low, high = string.limits
            self.say(f"if {data} is not None and not {low} <= {maximum} <= {high}: bad('outside its range', 0x6C6)")

    def _string(self, string: String, prepared: Prepared) -> None:
        unit = string.unit.size(self.encoding)
        self.word("0")
        self.word(prepared[1])
        self.line(f"w({prepared[0]}); o += {prepared[1]}{'' if unit == 1 else ' * 2'}")
        self._grown(unit)


def kept(layout: Layout, prepared: Prepared) -> list[str]:
    """The names that the second pass needs."""
    match layout:
        case Struct():
            parts = zip(layout.fields, prepared, strict=True)
            return [name for field, part in parts for name in kept(field.layout, part)]
        case _:
            return names(prepared) if has_pointers(layout) else []


def has_pointers(layout: Layout) -> bool:
    """Does anything of a layout come in the second pass?"""
    match layout:
        case Pointer():
            return True
        case Struct():
            return any(has_pointers(field.layout) for field in layout.fields)
        case SwitchIs() | EncapsulatedUnion():
            return any(has_pointers(arm) for arm in layout.union.layouts())
        case Array():
            return has_pointers(layout.element)
        case _:
            return False


def _attribute(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a field")
    return name
