"""The codec compiler's reading half: a layout becomes a Python function from octets to values.

The walk is C706's: an item's maximum count, its scalars, then its pointees (14.3.12.3). `scalars` writes the
code of the first pass and returns the names it bound, `finish` writes the second pass and returns the text
of the value. Correlations are checked when all siblings are known, at the end of their structure.

Below it: `reading_contexts.py`, `reading_dimensions.py`, `reading_arrays.py`, `reading_fields.py`.
Counterpart: `writing.py`.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence
from struct import calcsize
from typing import Any, cast

from . import shape
from .errors import RPC_X_ENUM_VALUE_OUT_OF_RANGE, NdrError
from .expression import Sibling
from .layout import (
    NO_ARM,
    Array,
    BitSet,
    ContextHandle,
    Converted,
    EncapsulatedUnion,
    Encoding,
    Enum,
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
    Status,
    String,
    Struct,
    SwitchIs,
    Union,
)
from .layout_samba import Flagged, Relative, Untagged
from .places import Places
from .reading_arrays import Raw, names
from .reading_contexts import ReadingContexts
from .reading_fields import ABSENT, NULL, Scope
from .referents import can_begin
from .siblings import branches, ends, told_before
from .source import agreed
from .strictness import DEFAULT, Strictness


class Reading(ReadingContexts):
    """Writes `decode(buf, octets, items, ins)`: the values of `parameters` as a tuple."""

    def __init__(
        self,
        parameters: Parameters,
        outer: Parameters,
        encoding: Encoding,
        strictness: Strictness = DEFAULT,
        places: Places | None = None,
        *,
        front: bool = False,
    ) -> None:
        """front: what stands behind the parameters is somebody else's, and where they end is a last value."""
        super().__init__(parameters, encoding, strictness, places)
        self.front = front
        self.functions: dict[tuple[int, Encoding, bool], str] = {}
        self.pending: list[tuple[str, Layout, Encoding, bool]] = []
        self.kinds = shape.full_kinds(outer, parameters)
        """The types that full pointers point to."""
        self.carried = shape.carries(outer, parameters)
        """The response may name objects of the request."""
        self.remembers = bool(self.kinds and not outer.fields)
        """This is the request."""
        self._write(parameters, outer)
        self.leave_out()

    def _write(self, parameters: Parameters, outer: Parameters) -> None:
        self.lines.append("def decode(buf, octets, items, ins):")
        if not (self.recursive or self.front):
            self._once(parameters, outer)
            return
        self._open()
        if not self.recursive:
            self._body(parameters, outer)
            return
        with self.block("def whole(o):"):
            self._contexts()
            self._body(parameters, outer)
            self.line("yield")  # only makes it a generator: nothing comes after the return
        while self.pending:
            self._function(*self.pending.pop())
        self.line("return run(whole(o), q)")

    def _once(self, parameters: Parameters, outer: Parameters) -> None:
        """Octets of fixed size need no offset, and scalars alone not even names: unpack gives the tuple of values."""
        fields = parameters.fields
        if fields and all(type(field.layout) in (Scalar, Status) for field in fields):
            for field in fields:
                self._first_pass(field)
            self._exactly("return {}", self.take_run()[0])
        elif all(shape.unmoved(field.layout, self.encoding) for field in fields):
            self._fixed(parameters, outer)
        else:
            self._open()
            self._body(parameters, outer)

    def _open(self) -> None:
        self.open()
        if self.kinds:
            self.line(f"call = {'in_request(ins)' if self.carried else 'None'}")

    def _exactly(self, statement: str, text: str) -> None:
        """A statement with what unpack gives; a stub of another size gets its look only when that has failed."""
        size = calcsize(f"{self.encoding.order}{text}")
        with self.block("try:"):
            self.line(statement.format(f"{self.packed('unpack', text)}(buf)"))
        with self.block("except StructError:"):
            self.line(f"if len(buf) > {size}: check_end(buf, {size}, {self.strictness.trailing})")
            self.line(statement.format(f"{self.packed('unpack_from', text)}(buf)"))

    def _fixed(self, parameters: Parameters, outer: Parameters) -> None:
        """All parameters in one run; one structure takes what unpack gives as it is."""
        self._siblings(parameters, outer)
        raw = {field.name: self._first_pass(field) for field in parameters.in_wire_order}
        text, members, _ = self.take_run()
        start = len(self.lines)
        self._exactly(f"{', '.join(members)}{',' if members else '()'} = {{}}", text)
        read = len(self.lines)
        made = [self._second_pass(field, raw[field.name]) for field in parameters.in_wire_order]
        if len(self.lines) == read and len(made) == 1 and made[0].endswith(f"({', '.join(members)})"):
            del self.lines[start:]
            self._exactly(f"return ({made[0].partition('(')[0]}(*{{}}), )", text)
            return
        self._answer(parameters, made)

    def _first_pass(self, field: Field) -> Raw:
        with self.step(f".{field.name}"):
            return self.scalars(field.layout)

    def _second_pass(self, field: Field, raw: Raw) -> str:
        with self.step(f".{field.name}"):
            return self.finish(field.layout, raw)

    def _body(self, parameters: Parameters, outer: Parameters) -> None:
        self._siblings(parameters, outer)
        self._answer(parameters, (self._item(field) for field in parameters.in_wire_order), moved=True)

    def _siblings(self, parameters: Parameters, outer: Parameters) -> None:
        """The parameters, and those of the other direction as far as they are asked for."""
        self.enter((*outer.fields, *parameters.fields), reply=bool(outer.fields))
        own = {field.name for field in parameters.fields}
        for index, field in enumerate(outer.fields):
            if field.name in self.scope.wanted and field.name not in own:
                self.scope.values[field.name] = self.bound(f"ins[{index}]")

    def _answer(self, parameters: Parameters, made: Iterable[str], *, moved: bool = False) -> None:
        """The values in the order of the parameters; `made` has them in that of the wire. moved: `o` is the offset."""
        values = dict[str, str]()
        for field, value in zip(parameters.in_wire_order, made, strict=True):
            with self.step(f".{field.name}"):
                values[field.name] = self.sibling(field, value)
        self.check()
        if moved:
            loose = self.front or shape.contains(parameters, Relative)  # what offsets lead to stands behind all
            self.line(f"if o != end: check_end(buf, o, {None if loose else self.strictness.trailing})")
        text = f"({''.join(f'{values[field.name]}, ' for field in parameters.fields)})"
        text = f"remembered({text}, full)" if self.remembers else text
        self.line(f"return {text}, o" if self.front else f"return {text}")

    def _item(self, field: Field) -> str:
        with self.step(f".{field.name}"):
            return self.item(field.layout)

    def _contexts(self) -> None:
        """A function that may go into a Subcontext and comes back out of it."""
        if self.contexts:
            self.line("nonlocal buf, end, full")

    def _function(self, name: str, layout: Layout, encoding: Encoding, opened: bool) -> None:
        """A pointee that contains its own type: a generator, so that no depth of data is a depth of Python calls.

        Correlations of an array or union that is the pointee itself go into the caller's list `many`.
        opened: full pointers lead to it, and may lead back to it.
        """
        self.forget()
        self.opening = "opening" if opened else ""
        self.scope, self.last, self.base, self.path = Scope(many="many"), True, "base", []
        more = f"{', base' if self.offsets else ''}{', opening' if opened else ''}"
        with self.block(f"def {name}(o, many{more}):"), self.mode(encoding):
            self._contexts()
            value = self.item(layout)
            self.line(f"return {value}, o")
            self.line("yield")

    # The three passes

    def item(self, layout: Layout) -> str:
        """A whole top-level item or pointee; returns the text of its value."""
        if isinstance(layout, Flagged):
            with self.under(layout):
                return self.bound(self.item(layout.layout))
        match shape.conformant_tail(layout):
            case None:
                count: Raw = None
            case MultiArray() as array:
                count = [self.word() for _ in array.counted]
            case _:
                count = self.word()
        return self.finish(layout, self.scalars(layout, count))

    def scalars(self, layout: Layout, count: Raw = None) -> Raw:
        """The first pass over a layout; `count`: the maximum count read in front, a list where it has dimensions."""
        match layout:
            case Scalar():
                return self.take(layout.code(self.encoding), layout.size(self.encoding))
            case Range():
                return self.scalars(layout.layout)
            case Guid():
                return self.take("16s", 16, 4)
            case ContextHandle():
                return [self.take("I", 4), self.take("16s", 16, 1)]
            case Pointer() | Ignored() | Mark():
                return self.word()
            case Converted():
                return self.scalars(layout.layout, count)
            case Struct():
                return self._struct(layout, count)
            case Untagged():
                return self._union(layout.union, ms_union=layout.union.ms_union, tag=self.told(layout.switch))
            case SwitchIs():
                return self._union(layout.union, ms_union=layout.union.ms_union)
            case EncapsulatedUnion():
                outer, self.early = self.early, {}
                raw = self._union(layout.union, ms_union=False, own=layout.tag)
                self.early = outer
                return raw
            case Array(many=MultiArray() as many):
                return self.block_of_items(many, count)
            case MultiArray():
                return self.block_of_items(layout, count)
            case Array():
                return self.array(layout, count)
            case String():
                return self.string(layout, count)
            case Pipe():
                return self.pipe(layout)
            case _:
                return self.scalars_there(layout, count)

    def finish(self, layout: Layout, raw: Raw) -> str:
        """The second pass: read the pointees of a layout and return the text of its value."""
        match layout:
            case Enum():
                named = not self.strictness.unnamed_enum_value
                return f"{self.constant(Members(layout, self.encoding, named=named), 'M')}[{raw}]"
            case BitSet():
                return f"{self.constant(layout.member, 'M')}({raw})"
            case Range():
                value = self.finish(layout.layout, raw)
                if isinstance(layout.layout, Enum):  # what is no value of it at all is refused as that
                    value = self.bound(value)
                self.line(f"if not {layout.lowest} <= {raw} <= {layout.highest}: bad('outside its range', 0x6C6)")
                return value
            case Guid():
                return self._uuid(raw)
            case ContextHandle():
                return f"(({raw[0]}, {self._uuid(raw[1])}) if {raw[0]} or any({raw[1]}) else None)"
            case Pointer():
                return self._pointee(layout, raw)
            case Struct():
                return self._finish_struct(layout, raw)
            case Untagged():
                return self._finish_arms(layout.union, raw)
            case SwitchIs():
                self.correlate(layout, layout.switch, raw[0])
                return self._finish_arms(layout.union, raw)
            case EncapsulatedUnion():
                return self._finish_encapsulated(layout, raw)
            case Array() | MultiArray():
                return self._finish_items(layout, raw)
            case String():
                return self.finish_string(layout, raw)
            case Converted():
                self.opening = ""
                return f"{self.constant(layout.conversion, 'C')}.inward({self.finish(layout.layout, raw)})"
            case Ignored():
                return "None"
            case Mark():
                return f"({raw} != 0 or None)"
            case _:
                return self.finish_there(layout, raw)

    def _uuid(self, octets: str) -> str:
        return f"UUID({'bytes_le' if self.encoding.order == '<' else 'bytes'}={octets})"

    # Structures

    def _struct(self, struct: Struct, count: Raw) -> Raw:
        self.align(shape.alignment(struct, self.encoding))
        last, raw = len(struct.fields) - 1, list[Raw]()
        outer = self.early, self.asked
        self.early, self.asked = {}, told_before(struct.fields)
        for index, field in enumerate(struct.fields):
            with self.step(f".{field.name}"):
                raw.append(self.scalars(field.layout, count if index == last else None))
            self.keep_early(field, raw[-1])
        self.early, self.asked = outer
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.1
            self.align(shape.alignment(struct, self.encoding))
        return raw

    def _finish_struct(self, struct: Struct, raw: Raw) -> str:
        whole = self._begun(struct.factory, *(field.name for field in struct.fields))
        outer = self.enter(struct.fields)
        self.keep_scalars(struct.fields, raw)
        last, values = self.last, list[str]()
        parts = list(zip(struct.fields, raw, strict=True))
        for index, (field, part) in enumerate(parts):
            after = [(one.layout, there) for one, there in parts[index + 1 :] if shape.has_pointers(one.layout)]
            self.last = ends(last, after, "full")
            with self.step(f".{field.name}"):
                values.append(self.sibling(field, self.finish(field.layout, part)))
        self.check()
        self.scope, self.last = outer, last
        if whole:
            for field, value in zip(struct.fields, values, strict=True):
                self.line(f"{whole}.{field.name} = {value}")
            return whole
        arguments = _arguments(struct.factory, struct.fields, values)
        return f"{self.constant(struct.factory, 'F')}({', '.join(arguments)})"

    # Pointers (C706 14.3.12)

    def _pointee(self, pointer: Pointer, raw: str) -> str:
        if raw in self.ready:
            return self.ready[raw]
        if isinstance(pointer, RefPtr):
            self.line(f"if not {raw}: bad('a [ref] pointer is null', 0x6F4)")
            return self.target(pointer.target)
        value, start = self.new(), len(self.scope.waiting)
        self.flush()
        before = self.known
        if isinstance(pointer, FullPtr):
            self._shared(pointer, raw, value, start)
        else:
            with self.block(f"if {raw}:"):
                self.line(f"{value} = {self.target(pointer.target)}")
        self.known = agreed(before, self.known)
        with self.block("else:"):
            self.line(f"{value} = None")
            self.nothing_read(start, pointer.target, ABSENT if pointer.lenient else NULL)
        return value

    def _shared(self, pointer: FullPtr, raw: str, value: str, start: int) -> None:
        """The first pointer whose turn comes brings the pointee, later ones are aliases (C706 14.3.12.2)."""
        kind, outer = self.kinds[shape.same_type(pointer.target)], self.opening
        with self.block(f"if {raw} and {raw} not in full:"):
            self.line(f"full[{raw}] = -{kind}, None")  # not there yet
            if outer or self.carried or shape.circular(pointer.target):
                self.opening = self.bound(f"(({raw}, {kind}), {f'*{outer}' if outer else ''})")
            pointee = f"shared({self.target(pointer.target)})"
            self.line(f"{value} = " + (f"again({pointee}, call, {raw}, {kind})" if self.carried else pointee))
            self.line(f"full[{raw}] = {kind}, {value}")
        self.opening = outer
        with self.block(f"elif {raw}:"):
            self.line(f"{value} = alias(full[{raw}], {kind}, {raw})")
            self.nothing_read(start, pointer.target, ABSENT)

    def _begun(self, factory: Any, *names: str) -> str:
        """A value that full pointers lead to, made before its members; nothing where none do, or it cannot be."""
        opening, self.opening = self.opening, ""
        if not opening or not can_begin(factory, *names):
            return ""
        return self.bound(f"begin({opening}, full, {self.constant(factory, 'F')}, call)")

    def _finish_items(self, layout: Array | MultiArray, raw: Raw) -> str:
        whole = self._begun(list) if shape.is_list(layout) else ""
        self.opening = ""
        many = layout if isinstance(layout, MultiArray) else layout.many
        value = self.finish_block(layout, many, raw) if many else self.finish_array(cast(Array, layout), raw)
        if whole:
            self.line(f"{whole}[:] = {value}")
        return whole or value

    def target(self, target: Layout) -> str:
        if id(target) not in self.recursive:
            return self.item(target)
        key = id(target), self.encoding, bool(self.opening)
        if key not in self.functions:
            self.functions[key] = self.new("item")
            self.pending.append((self.functions[key], target, self.encoding, bool(self.opening)))
        value = self.new()
        base = f", {self.base}" if self.offsets else ""
        opening = f", {self.opening}" if self.opening else ""
        with self.nested(self.last):
            self.line(f"{value}, o = yield {self.functions[key]}(o, {self.scope.many or None}{base}{opening})")
        self.forget()
        return value

    # Unions (C706 14.3.8)

    def _union(self, union: Union, *, ms_union: bool, tag: str | None = None, own: str = "") -> Raw:
        """The tag, unless it is told, and the arm's scalars; the Raw is [tag, [Raw of each arm that carries data]]."""
        if tag is None:
            if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.4
                self.align(shape.alignment(union, self.encoding))
            tag = self.take(union.tag.code(self.encoding), union.tag.size(self.encoding))
        if own:
            self.keep_early(Field(own, union.tag), tag)
        if self.encoding.wide or ms_union:  # MS-RPCE 2.2.4.5
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

    def _finish_encapsulated(self, layout: EncapsulatedUnion, raw: Raw) -> str:
        """The arms have the tag beside them, nothing else."""
        whole = self._begun(layout.factory, layout.tag, layout.name)
        tag = self.bound(self.finish(layout.union.tag, raw[0]))
        arms = Field(layout.name, SwitchIs(layout.union, Sibling(layout.tag)))
        outer = self.enter((Field(layout.tag, layout.union.tag), arms))
        self.scope.values[layout.tag] = tag
        value = self._finish_arms(layout.union, raw)
        self.check()
        self.scope = outer
        if whole:
            self.line(f"{whole}.{layout.tag} = {tag}; {whole}.{layout.name} = {value}")
        return whole or f"{self.constant(layout.factory, 'F')}({tag}, {value})"

    def _finish_arms(self, union: Union, raw: Raw) -> str:
        tag, arms = raw
        value, rest = self.new(), iter(arms)
        self.line(f"{value} = None")
        before, meetings, opening = self.known, [self.known], self.opening
        self.scope.loops += 1
        for test, arm in branches(union, tag):
            with self.block(test):
                self.known, self.opening = before, opening
                if isinstance(arm, Layout):
                    self.line(f"{value} = {self.finish(arm, next(rest))}")
                    meetings.append(self.known)
        self.scope.loops -= 1
        self.known = functools.reduce(agreed, meetings)
        return value


class Members(dict[int, Any]):
    """The members of an enumeration; a value that is none stays a plain int, up to 16 bits (MS-RPCE 2.2.5.2).

    named: a value that is none is refused.
    """

    def __init__(self, layout: Enum, encoding: Encoding, *, named: bool = False) -> None:
        super().__init__(layout.by_value)
        self.highest = 0xFFFF_FFFF if layout.v1 or not encoding.wide else 0xFFFF
        self.named = named

    def __missing__(self, value: int) -> int:
        if value > self.highest:
            raise NdrError("no value of a 16-bit enumeration", status=RPC_X_ENUM_VALUE_OUT_OF_RANGE)
        if self.named:
            raise NdrError("no value of the enumeration", status=RPC_X_ENUM_VALUE_OUT_OF_RANGE)
        return value


def _arguments(factory: Any, fields: Sequence[Field], values: Sequence[str]) -> list[str]:
    """The arguments of a factory: by keyword where a dataclass says so."""
    by_keyword: set[str] = set()
    if dataclasses.is_dataclass(factory):
        by_keyword = {field.name for field in dataclasses.fields(factory) if field.kw_only}
    named = [(field.name, value) for field, value in zip(fields, values, strict=True)]
    positional = [value for name, value in named if name not in by_keyword]
    return positional + [f"{name}={value}" for name, value in named if name in by_keyword]
