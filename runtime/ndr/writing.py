"""The codec compiler's writing half: a layout becomes a Python function from values to octets.

An item is written in four steps: `prepare` loads values into names, `settle` fills in and checks what
correlations say, `scalars` writes the first pass and `deferred` the pointees (C706 14.3.12.3). What
`prepare` returns, a tree of names, is kept between the passes.

Below it: `writing_dimensions.py`, `writing_arrays.py`, `writing_fields.py`. Counterpart: `reading.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Final

from . import shape
from .expression import Inverse, invert
from .layout import (
    NO_ARM,
    Array,
    Boolean,
    ContextHandle,
    Converted,
    EncapsulatedUnion,
    Encoding,
    Field,
    FullPtr,
    Guid,
    Ignored,
    Layout,
    Mark,
    MultiArray,
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
)
from .siblings import branches, correlated, speaks
from .source import agreed
from .writing_dimensions import WritingDimensions
from .writing_fields import (
    Block,
    Choice,
    Items,
    Prepared,
    Record,
    Referent,
    Scope,
    Text,
    names,
    record_scope,
    siblings_below,
)


class Writing(WritingDimensions):
    """Writes `encode(v, ins)`: a list of the parts of the stub, from the values in `v`."""

    def __init__(self, parameters: Parameters, outer: Parameters, encoding: Encoding) -> None:
        super().__init__(encoding, shape.recursive(parameters))
        self.functions: dict[tuple[object, ...], str] = {}
        self.pending: list[tuple[str, Layout, Scope]] = []
        self.kinds: dict[object, int] = {}
        """The types that full pointers point to."""
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
        shared = " full = {}; sent = set()" if self.kinds else ""
        self.lines[start:start] = [f"    out = []; w = out.append; o = 0; rid = 0x20000;{shared}"]
        self.line("return out")

    def _recursive(self, parameters: Parameters, outer: Parameters) -> None:
        self.line("out = []; w = out.append; full = {}; sent = set(); q = [MAX_ITEMS, MAX_DEPTH]")
        with self.block("def whole(o, rid):"):
            self._body(parameters, outer)
            self.line("return out")
            self.line("yield")  # only makes it a generator: nothing comes after the return
        while self.pending:
            self._function(*self.pending.pop())
        self.line("return run(whole(0, 0x20000), q)")

    def _function(self, name: str, layout: Layout, scope: Scope) -> None:
        """A pointee that contains its own type; `s` holds the values of the siblings that it names."""
        self.forget()
        own = Scope(scope.fields, {sibling: self.new("s") for sibling in scope.values}, scope.reply)
        self.last = True
        with self.block(f"def {name}(x, o, rid, s):"), self.among(own):
            if own.values:
                self.say(f"{', '.join(own.values.values())}, = s")
            self.item(layout, "x")
            self.line("return o, rid")
            self.line("yield")

    def _body(self, parameters: Parameters, outer: Parameters) -> None:
        values = [self.new() for _ in parameters.fields]
        if values:
            self.say(f"{', '.join(values)}, = v")
        wanted, own = correlated(parameters.fields), {field.name for field in parameters.fields}
        given = [(i, field) for i, field in enumerate(outer.fields) if field.name in wanted - own]
        others = record_scope([field for _, field in given], [self.load(f"ins[{i}]") for i, _ in given])
        others.reply = bool(outer.fields)
        record = self._record(parameters.fields, values, others)
        with self.among(record.scope):
            parts = {field.name: part for field, part in zip(parameters.fields, record.parts, strict=True)}
            for field in parameters.in_wire_order:
                self._passes(field.layout, parts[field.name])

    # The passes

    def item(self, layout: Layout, value: str) -> None:
        """A whole top-level item or pointee."""
        prepared = self.prepare(layout, value)
        self.settle(layout, prepared)
        self._passes(layout, prepared)

    def _passes(self, layout: Layout, prepared: Prepared) -> None:
        for maximum in _maxima(layout, prepared):
            self.word(maximum)
        self.scalars(layout, prepared)
        self.deferred(layout, prepared)

    def prepare(self, layout: Layout, value: str) -> Prepared:
        """Load a value into names; its counts too, where it has some."""
        match layout:
            case Struct():
                loaded = [self.load(f"{value}.{_attribute(field.name)}") for field in layout.fields]
                return self._record(layout.fields, loaded)
            case EncapsulatedUnion():
                tag = self.load(f"{value}.{_attribute(layout.tag)}")
                choice = Choice(self.load(f"{value}.{_attribute(layout.name)}"), tag)
                return Record([choice], record_scope([Field(layout.tag, layout.union.tag)], [tag]))
            case SwitchIs():
                return Choice(value, self.new("t"))
            case Array(many=MultiArray() as many):
                return self.prepare_block(many, value)
            case MultiArray():
                return self.prepare_block(layout, value)
            case Array():
                return self.prepare_array(layout, value)
            case String():
                return self.prepare_string(layout, value)
            case Pointer():
                return self._prepare_pointer(layout, value)
            case Converted():
                wire = self.load(f"{self.constant(layout.conversion)}.outward({value})")
                return self.prepare(layout.layout, wire)
            case Mark():
                return Referent(value, self.new("r"))
            case _:
                return value

    def settle(self, layout: Layout, prepared: Prepared) -> None:
        """Hold a value against what its siblings say."""
        match layout:
            case Array(many=MultiArray() as many):
                self.settle_block(many, prepared)
            case MultiArray():
                self.settle_block(layout, prepared)
            case Array():
                self.settle_array(layout, prepared)
            case String():
                self.settle_string(layout, prepared)
            case Pointer():
                self._settle_pointer(layout, prepared)
            case SwitchIs():
                tag = self.said(layout.switch) or "bad('nothing selects an arm', 0x6C5)"
                self.say(f"{prepared.tag} = {tag}")
            case Converted():
                self.settle(layout.layout, prepared)
            case _:
                pass

    def scalars(self, layout: Layout, prepared: Prepared) -> None:
        """The first pass over a layout."""
        match layout:
            case Scalar():
                self.scalar(layout, prepared)
            case Range():
                self.say(f"if not {layout.lowest} <= {prepared} <= {layout.highest}: bad('outside its range', 0x6C6)")
                self.scalar(layout.layout, prepared)
            case Guid():
                self.put("16s", 16, f"{prepared}.{self.uuid}", 4)
            case ContextHandle():
                self.context(prepared)
            case Pointer():
                self._referent(layout, prepared)
            case Struct():
                self._struct(layout, prepared)
            case SwitchIs():
                self._union(layout.union, prepared, ms_union=layout.union.ms_union)
            case EncapsulatedUnion():
                with self.among(prepared.scope):
                    self._union(layout.union, prepared.parts[0], ms_union=False)
            case Array(many=MultiArray() as many):
                self.block_of_items(many, prepared)
            case MultiArray():
                self.block_of_items(layout, prepared)
            case Array():
                self.array(layout, prepared)
            case String():
                self.string(layout, prepared)
            case Pipe():
                self.pipe(layout, prepared)
            case Converted():
                self.scalars(layout.layout, prepared)
            case Ignored():
                self.say(f"if {prepared} is not None: bad('an [ignore] pointer takes None')")
                self.word("0")
            case Mark():
                self.say(f"if {prepared.value}: {prepared.number} = rid; rid += 4")
                self.say(f"else: {prepared.number} = 0")
                self.word(prepared.number)
            case _:
                raise TypeError(f"{layout!r} cannot be written")

    def deferred(self, layout: Layout, prepared: Prepared) -> None:
        """The second pass: the pointees of a layout."""
        match layout:
            case Pointer():
                self._pointee(layout, prepared)
            case Struct():
                self._deferred_members(layout, prepared)
            case SwitchIs():
                self._deferred_arms(layout.union, prepared)
            case EncapsulatedUnion():
                with self.among(prepared.scope):
                    self._deferred_arms(layout.union, prepared.parts[0])
            case Array() if shape.has_pointers(layout.element):
                self.deferred_items(layout, prepared)
            case MultiArray() if shape.has_pointers(layout.element):
                self.deferred_items(layout.items, prepared.items)
            case Converted():
                self.deferred(layout.layout, prepared)
            case _:
                pass

    # Structures

    def _struct(self, struct: Struct, record: Record) -> None:
        self.align(shape.alignment(struct, self.encoding))
        with self.among(record.scope):
            for field, part in zip(struct.fields, record.parts, strict=True):
                self.scalars(field.layout, part)
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.1
            self.align(shape.alignment(struct, self.encoding))

    def _deferred_members(self, struct: Struct, record: Record) -> None:
        last = self.last
        with self.among(record.scope):
            for index, (field, part) in enumerate(zip(struct.fields, record.parts, strict=True)):
                after = struct.fields[index + 1 :]
                self.last = last and not any(shape.has_pointers(other.layout) for other in after)
                self.deferred(field.layout, part)
        self.last = last

    def _record(self, fields: Sequence[Field], values: Sequence[str], outer: Scope | None = None) -> Record:
        """Prepare members that may name each other, fill in the counts that were left out, then settle all."""
        record = Record([], record_scope(fields, values, outer))
        with self.among(record.scope):
            for field, value in zip(fields, values, strict=True):
                record.parts.append(self.prepare(field.layout, value))
            self._fill(fields, record)
            for field, part in zip(fields, record.parts, strict=True):
                self.settle(field.layout, part)
        return record

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
        while isinstance(layout, Pointer):
            if prepared.target is None:
                return
            layout, prepared = layout.target, prepared.target
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

    # Pointers (C706 14.3.12)

    def _prepare_pointer(self, pointer: Pointer, value: str) -> Referent:
        """The target is prepared where siblings speak of it: its counts may fill in theirs."""
        if isinstance(pointer, RefPtr):
            if not isinstance(pointer.target, _MAY_BE_NONE):
                self.say(f"if {value} is None: bad('a [ref] pointer is null', 0x6F4)")
            if not speaks(pointer.target):
                return Referent(value, self.new("r"))
            return Referent(value, self.new("r"), self.prepare(pointer.target, value))
        if not speaks(pointer.target):
            return Referent(value, self.new("r"))
        with self.saying(f"if {value} is not None:"):
            inner = self.prepare(pointer.target, value)
            self.say("pass")
        nothing = [name for name in names(inner) if name != value]
        with self.saying("else:"):
            self.say(" = ".join([*nothing, "None"]) if nothing else "pass")
            if isinstance(inner, Items | Text):
                self.say(f"{inner.count} = 0")
        return Referent(value, self.new("r"), inner)

    def _settle_pointer(self, pointer: Pointer, referent: Referent) -> None:
        if referent.target is None:
            return
        if isinstance(pointer, RefPtr):
            self.settle(pointer.target, referent.target)
            return
        with self.saying(f"if {referent.value} is not None:"):
            self.settle(pointer.target, referent.target)
            self.say("pass")
        if not pointer.lenient:
            with self.saying("else:"):
                self.settle_null(pointer.target)
                self.say("pass")

    def _referent(self, pointer: Pointer, referent: Referent) -> None:
        value, number = referent.value, referent.number
        if isinstance(pointer, FullPtr):
            kind = self.kinds.setdefault(shape.same_type(pointer.target), len(self.kinds) + 1)
            self.say(f"{number}, rid = referent({value}, full, {kind}, rid)")
        elif isinstance(pointer, RefPtr):
            self.say(f"{number} = rid; rid += 4")
        else:
            self.say(f"if {value} is None: {number} = 0")
            self.say(f"else: {number} = rid; rid += 4")
        self.word(number)

    def _pointee(self, pointer: Pointer, referent: Referent) -> None:
        number = referent.number
        if isinstance(pointer, RefPtr):
            self._target(pointer.target, referent)
            return
        self.flush()
        before = self.known
        full = isinstance(pointer, FullPtr)
        with self.block(f"if {number} and {number} not in sent:" if full else f"if {number}:"):
            if full:
                self.line(f"sent.add({number})")
            self._target(pointer.target, referent)
        self.known = agreed(before, self.known)

    def _target(self, target: Layout, referent: Referent) -> None:
        if id(target) in self.recursive:
            self._call(target, referent.value)
        elif referent.target is not None:
            self._passes(target, referent.target)
        else:
            self.item(target, referent.value)

    def _call(self, target: Layout, value: str) -> None:
        """The function of a target that contains its own type."""
        siblings = [name for name in siblings_below(target) if name in self.scope.values]
        scope = Scope({name: self.scope.fields[name] for name in siblings}, dict.fromkeys(siblings, ""))
        scope.reply = self.scope.reply
        key = (id(target), *((name, isinstance(scope.fields[name], Pointer)) for name in siblings), scope.reply)
        if key not in self.functions:
            self.functions[key] = self.new("item")
            self.pending.append((self.functions[key], target, scope))
        last, given = self.last, "".join(f"{self.scope.values[name]}, " for name in siblings)
        if not last:
            self.line("q[1] -= 1")
            self.line("if q[1] < 0: bad('structures are nested too deeply')")
        self.line(f"o, rid = yield {self.functions[key]}({value}, o, rid, ({given}))")
        if not last:
            self.line("q[1] += 1")
        self.forget()

    # Unions (C706 14.3.8)

    def _union(self, union: Union, choice: Choice, *, ms_union: bool) -> None:
        if union.tag is Boolean:
            test = f"isinstance({choice.tag}, int) and {choice.tag} in (0, 1)"
            self.say(f"if not ({test}): bad('the tag is no boolean', 0x6C5)")
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.4
            self.align(shape.alignment(union, self.encoding))
        self.scalar(union.tag, choice.tag)
        if self.encoding.wide or ms_union:  # MS-RPCE 2.2.4.5
            self.align(shape.arms_alignment(union, self.encoding))
        self.flush()
        before, start = self.known, len(self.lines)
        meetings = [] if shape.exhaustive(union) else [before]
        for test, arm in branches(union, choice.tag):
            with self.block(test):
                self.known = before
                if arm is NO_ARM:
                    self.line("bad('the tag selects no arm', 0x6C5)")
                    continue
                self._arm(arm, choice)
                self.flush()
                meetings.append(self.known)
        self.known = functools.reduce(agreed, meetings)
        unset = [name for name in names(choice.arms) if name not in (choice.value, choice.tag)]
        if unset:
            self.lines.insert(start, "    " * self._indent + " = ".join([*dict.fromkeys(unset), "None"]))

    def _arm(self, arm: object, choice: Choice) -> None:
        if not isinstance(arm, Layout):
            self.line(f"if {choice.value} is not None: bad('the arm that the tag selects carries nothing')")
            return
        choice.arms.append(self.prepare(arm, choice.value))
        self.settle(arm, choice.arms[-1])
        self.scalars(arm, choice.arms[-1])

    def _deferred_arms(self, union: Union, choice: Choice) -> None:
        if not any(shape.has_pointers(arm) for arm in union.layouts()):
            return
        rest = iter(choice.arms)
        self.flush()
        before, meetings = self.known, [self.known]
        for test, arm in branches(union, choice.tag):
            with self.block(test):
                self.known = before
                if isinstance(arm, Layout):
                    self.deferred(arm, next(rest))
                    self.flush()
                    meetings.append(self.known)
        self.known = functools.reduce(agreed, meetings)


_MAY_BE_NONE: Final = (Pointer, ContextHandle, SwitchIs, Converted, Ignored, Mark)
"""Layouts that have a value None; behind a [ref] pointer it is no value of the others."""


def _maxima(layout: Layout, prepared: Prepared) -> list[str]:
    """The counts to hoist: of the conformant array that ends a layout."""
    if shape.conformant_tail(layout) is None:
        return []
    if isinstance(layout, Struct):
        return _maxima(layout.fields[-1].layout, prepared.parts[-1])
    if isinstance(layout, Converted):
        return _maxima(layout.layout, prepared)
    return prepared.maxima if isinstance(prepared, Block) else [prepared.maximum]


def _inverted(inverse: Inverse, count: str) -> str:
    """Text for the value of the sibling that gives `count` items."""
    product = count if inverse.times == 1 else f"{count} * {inverse.times}"
    quotient = product if inverse.per == 1 else f"exact({product}, {inverse.per})"
    return quotient if inverse.plus == 0 else f"{quotient} + {inverse.plus}"


def _attribute(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"{name!r} is no name for a field")
    return name
