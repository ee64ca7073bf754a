"""The codec compiler's writing half: a layout becomes a Python function from values to octets.

An item is written in four steps: `prepare` loads values into names, `settle` fills in and checks what
correlations say, `scalars` writes the first pass and `deferred` the pointees (C706 14.3.12.3). What
`prepare` returns, a tree of names, is kept between the passes.

Below it: `writing_dimensions.py`, `writing_arrays.py`, `writing_fields.py`. Counterpart: `reading.py`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Final

from . import shape
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
from .layout_samba import Based, Computed, Flagged, Relative, Subcontext, Untagged
from .siblings import branches, correlated, ends, speaks
from .source import agreed
from .writing_fields import (
    Block,
    Choice,
    Items,
    Prepared,
    Record,
    Referent,
    Scope,
    Text,
    attribute,
    late,
    names,
    record_scope,
    siblings_below,
)
from .writing_records import WritingRecords


class Writing(WritingRecords):
    """Writes `encode(v, ins)`: a list of the parts of the stub, from the values in `v`."""

    def __init__(
        self, parameters: Parameters, outer: Parameters, encoding: Encoding, *, measuring: bool = False
    ) -> None:
        super().__init__(parameters, encoding, measuring=measuring)
        self.functions: dict[tuple[object, ...], str] = {}
        self.pending: list[tuple[str, Layout, Scope, Encoding]] = []
        self.kinds = shape.full_kinds(outer, parameters)
        """The types that full pointers point to."""
        self.carried = shape.carries(outer, parameters)
        """The response may name objects of the request."""
        self.full: str = _full_pointers(self.kinds, request=not outer.fields, carried=self.carried)
        """The statement that makes the tables of full pointers."""
        self._write(parameters, outer)

    def _write(self, parameters: Parameters, outer: Parameters) -> None:
        self.lines.append("def encode(v, ins):")
        start = len(self.lines)
        if self.recursive:
            self._recursive(parameters, outer)
            return
        self._body(parameters, outer)
        self.flush(last=True)
        if self._in_parts(start):
            return
        shared = [f" {TAIL}"] if self.offsets or self.contexts else []
        self.lines[start:start] = [f"    out = []; w = out.append; o = 0; rid = 0x20000;{self.full}{''.join(shared)}"]
        self.line("return out")

    def _in_parts(self, start: int) -> bool:
        """Where nobody asks where octets are the parts make a list at once; loads go where they are used."""
        lines, parts = list[str](), list[str]()
        for line in self.lines[start:]:
            written = _WRITTEN.fullmatch(line)
            if _OUTPUT.search(written[1] if written else line):
                return False
            if written:
                parts.append(self.new("p"))
                lines.append(f"    {parts[-1]} = {written[1]}")
            else:
                lines.append(line)
        last = f"    return [{', '.join(parts)}]"
        while lines and (load := _LOAD.fullmatch(lines[-1])) and len(re.findall(rf"\b{load[1]}\b", last)) == 1:
            last = re.sub(rf"\b{load[1]}\b", load[2], last)
            lines.pop()
        self.lines[start:] = [*lines, last]
        return True

    def _recursive(self, parameters: Parameters, outer: Parameters) -> None:
        self.line(f"out = []; w = out.append; q = [MAX_ITEMS, MAX_DEPTH];{self.full}")
        if self.offsets or self.contexts:
            self.line(TAIL)
        with self.block("def whole(o, rid):"):
            self._shared()
            self._body(parameters, outer)
            self.line("return out")
            self.line("yield")  # only makes it a generator: nothing comes after the return
        while self.pending:
            self._function(*self.pending.pop())
        self.line("return run(whole(0, 0x20000), q)")

    def _shared(self) -> None:
        """A function that may go into a Subcontext and comes back out of it."""
        if self.offsets or self.contexts:
            self.say(f"nonlocal out, w, {'full, sent, ' if self.kinds else ''}tail, tails")

    def _function(self, name: str, layout: Layout, scope: Scope, encoding: Encoding) -> None:
        """A pointee that contains its own type; `s` holds the values of the siblings that it names."""
        self.forget()
        own = Scope(scope.fields, {sibling: self.new("s") for sibling in scope.values}, scope.reply)
        self.last, self.base = True, "base"
        header = f"def {name}(x, o, rid, s{', base' if self.offsets else ''}):"
        with self.block(header), self.among(own), self.mode(encoding):
            self._shared()
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
        record = self.record(parameters.fields, values, others)
        with self.among(record.scope):
            parts = {field.name: part for field, part in zip(parameters.fields, record.parts, strict=True)}
            for field in parameters.in_wire_order:
                self.passes(field.layout, parts[field.name])

    # The passes

    def item(self, layout: Layout, value: str) -> None:
        """A whole top-level item or pointee."""
        prepared = self.prepare(layout, value)
        self.settle(layout, prepared)
        self.passes(layout, prepared)

    def passes(self, layout: Layout, prepared: Prepared) -> None:
        if isinstance(layout, Flagged):
            with self.under(layout):
                self.passes(layout.layout, prepared)
            return
        for maximum in _maxima(layout, prepared):
            self.word(maximum)
        self.scalars(layout, prepared)
        self.deferred(layout, prepared)

    def prepare(self, layout: Layout, value: str) -> Prepared:
        """Load a value into names; its counts too, where it has some."""
        match layout:
            case Struct():
                loaded = [self.load(f"{value}.{attribute(field.name)}") for field in layout.fields]
                return self.record(layout.fields, loaded, whole=(layout, value))
            case EncapsulatedUnion():
                tag = self.load(f"{value}.{attribute(layout.tag)}")
                choice = Choice(self.load(f"{value}.{attribute(layout.name)}"), tag)
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
                return self.prepare_pointer(layout, value)
            case Converted():
                wire = self.load(f"{self.constant(layout.conversion)}.outward({value})")
                return self.prepare(layout.layout, wire)
            case Mark():
                return Referent(value, self.new("r"))
            case _:
                return self.prepare_there(layout, value)

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
                self.settle_pointer(layout, prepared)
            case SwitchIs():
                tag = self.said(layout.switch) or "bad('nothing selects an arm', 0x6C5)"
                self.say(f"{prepared.tag} = {tag}")
            case Converted():
                self.settle(layout.layout, prepared)
            case _:
                self.settle_there(layout, prepared)

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
                ms_union, tagged = layout.union.ms_union, not isinstance(layout, Untagged)
                self._union(layout.union, prepared, ms_union=ms_union, tagged=tagged)
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
                self.scalars_there(layout, prepared)

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
                self.deferred_there(layout, prepared)

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
            parts = [(field.layout, part) for field, part in zip(struct.fields, record.parts, strict=True)]
            for index, (layout, part) in enumerate(parts):
                after = [(other, there) for other, there in parts[index + 1 :] if shape.has_pointers(other)]
                numbers = [(other, there.number if isinstance(there, Referent) else None) for other, there in after]
                self.last = ends(last, numbers, "sent")
                self.deferred(layout, part)
        self.last = last

    # Pointers (C706 14.3.12)

    def prepare_pointer(self, pointer: Pointer | Relative, value: str) -> Referent:
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
            self.say(" = ".join([*late(inner), "None"]) if late(inner) else "pass")
        nothing = [name for name in names(inner) if name != value]
        with self.saying("else:"):
            self.say(" = ".join([*nothing, "None"]) if nothing else "pass")
            if isinstance(inner, Items | Text):
                self.say(f"{inner.count} = 0")
        return Referent(value, self.new("r"), inner)

    def settle_pointer(self, pointer: Pointer | Relative, referent: Referent) -> None:
        if referent.target is None:
            return
        if isinstance(pointer, RefPtr):
            self.settle(pointer.target, referent.target)
            return
        with self.saying(f"if {referent.value} is not None:"):
            self.settle(pointer.target, referent.target)
            self.say("pass")
        if not (isinstance(pointer, Relative) or pointer.lenient):
            with self.saying("else:"):
                self.settle_null(pointer.target)
                self.say("pass")

    def _referent(self, pointer: Pointer, referent: Referent) -> None:
        value, number = referent.value, referent.number
        if isinstance(pointer, FullPtr):
            kind, taken = self.kinds[shape.same_type(pointer.target)], ", taken" if self.carried else ""
            self.say(f"{number}, rid = referent({value}, full, {kind}, rid{taken})")
        elif isinstance(pointer, RefPtr):
            self.say(f"{number} = rid; rid += 4")
        else:
            self.say(f"if {value} is None: {number} = 0")
            self.say(f"else: {number} = rid; rid += 4")
        self.word(number)

    def _pointee(self, pointer: Pointer, referent: Referent) -> None:
        number = referent.number
        if isinstance(pointer, RefPtr):
            self.target(pointer.target, referent)
            return
        self.flush()
        before = self.known
        full = isinstance(pointer, FullPtr)
        with self.block(f"if {number} and {number} not in sent:" if full else f"if {number}:"):
            if full:
                self.line(f"sent.add({number})")
            self.target(pointer.target, referent)
        self.known = agreed(before, self.known)

    def target(self, target: Layout, referent: Referent) -> None:
        if id(target) in self.recursive:
            self._call(target, referent.value)
        elif referent.target is not None:
            self.passes(target, referent.target)
        else:
            self.item(target, referent.value)

    def _call(self, target: Layout, value: str) -> None:
        """The function of a target that contains its own type."""
        siblings = [name for name in siblings_below(target) if name in self.scope.values]
        scope = Scope({name: self.scope.fields[name] for name in siblings}, dict.fromkeys(siblings, ""))
        scope.reply = self.scope.reply
        key = (
            id(target),
            self.encoding,
            *((name, isinstance(scope.fields[name], Pointer)) for name in siblings),
            scope.reply,
        )
        if key not in self.functions:
            self.functions[key] = self.new("item")
            self.pending.append((self.functions[key], target, scope, self.encoding))
        given = "".join(f"{self.scope.values[name]}, " for name in siblings)
        base = f", {self.base}" if self.offsets else ""
        with self.nested(self.last):
            self.line(f"o, rid = yield {self.functions[key]}({value}, o, rid, ({given}){base})")
        self.forget()

    # Unions (C706 14.3.8)

    def _union(self, union: Union, choice: Choice, *, ms_union: bool, tagged: bool = True) -> None:
        if tagged:
            self._tag(union, choice.tag)
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

    def _tag(self, union: Union, tag: str) -> None:
        if union.tag is Boolean:
            self.say(f"if not (isinstance({tag}, int) and {tag} in (0, 1)): bad('the tag is no boolean', 0x6C5)")
        if self.encoding.wide:  # MS-RPCE 2.2.5.3.4.4
            self.align(shape.alignment(union, self.encoding))
        self.scalar(union.tag, tag)

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


def _full_pointers(kinds: Mapping[object, int], *, request: bool, carried: bool) -> str:
    if carried:
        return " full, taken = from_request(ins); sent = set();"
    if not kinds:
        return ""
    return f" full = {'for_response(v)' if request else '{}'}; sent = set();"


TAIL: Final = "tail = -1; tails = []"
"""Where pointees begin that go to the end of a context, and those that are there."""

_OUTPUT: Final = re.compile(r"\b(w|out|o|rid|tail|tails|sent|full)\b")
"""What a body uses when it writes octets in more than one place, or asks where they are."""
_WRITTEN: Final = re.compile(r"    w\((.*)\)(?:; o \+= .*)?")
_LOAD: Final = re.compile(r"    (v\d+|p\d+) = (v\d+\.\w+|d\d+|P\d+\(.*\))")

_WRAPPERS: Final = (Flagged, Based, Subcontext, Computed)
_MAY_BE_NONE: Final = (Pointer, ContextHandle, SwitchIs, Converted, Ignored, Mark, Relative, *_WRAPPERS)
"""Layouts that have a value None; behind a [ref] pointer it is no value of the others."""


def _maxima(layout: Layout, prepared: Prepared) -> list[str]:
    """The counts to hoist: of the conformant array that ends a layout."""
    if shape.conformant_tail(layout) is None:
        return []
    if isinstance(layout, Struct):
        return _maxima(layout.fields[-1].layout, prepared.parts[-1])
    if isinstance(layout, Converted | Flagged | Computed):
        return _maxima(layout.layout, prepared)
    if isinstance(layout, Based):
        return _maxima(layout.layout, prepared.part)
    return prepared.maxima if isinstance(prepared, Block) else [prepared.maximum]
