"""Lowering: a shape with its attributes becomes a type of the model.

Here the default pointer class is chosen (MIDL; C706 4.2.20.2), and shapes that have no form on the wire are
refused. Counterpart: `declared.py` made the shape.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from ...runtime.ndr import expression as wire
from .. import catalogue, model
from ..diagnostics import Span, problem
from ..walking import held, needed
from .correlations import Correlation, Siblings, siblings_in
from .scopes import Binding
from .shapes import (
    INTEGERS,
    MAX_TYPE_DEPTH,
    RANGES,
    SIZES,
    STRING_UNITS,
    Broken,
    Draft,
    InterfaceRef,
    Level,
    Shape,
    Special,
    Stream,
    tag_of,
)


class Unusable(Exception):
    """A type whose declaration failed and is already reported: what uses it is dropped in silence."""


@dataclass(frozen=True, slots=True)
class Lowering:
    """Lowers the type of one field, arm, parameter, result or typedef."""

    binding: Binding
    name: str
    span: Span
    siblings: Siblings
    top: bool = False
    """A parameter: its outermost pointer is [ref] by default, and handles may stand here."""
    loose: bool = False
    """A typedef: sizes and switches may be missing, since the use gives them."""

    def type(self, shape: Shape) -> model.Type:
        """The model type; Problem when there is none."""
        if isinstance(shape.base, Broken):
            known = {id(diagnostic) for diagnostic in self.binding.report}
            self.binding.report += [found for found in shape.base.problems if id(found) not in known]
            raise Unusable
        found, rest = self._base(shape)
        if shape.inside is not None:
            size = None if shape.inside.size is None else self._correlation().expression(shape.inside.size, "size")
            found = model.Subcontext(target=found, header=shape.inside.header, size=size)
        for index in reversed(range(len(rest))):
            found = self._level(rest[index], found, first=index == 0)
        if self.top and isinstance(found, model.Pointer) and found.pointer == "ref":
            found = found.target
        return found if shape.flags is None else model.Flagged(target=found, flags=shape.flags)

    # The bottom

    def _base(self, shape: Shape) -> tuple[model.Type, tuple[Level, ...]]:
        match shape.base:
            case Special.IGNORED:
                return model.Ignored(), shape.levels
            case Special.VOID if shape.iid_is is not None:
                return self._interface(InterfaceRef("IUnknown"), shape)
            case Special():
                raise self._special(shape)
            case InterfaceRef() as interface:
                return self._interface(interface, shape)
            case Stream(element=element):
                return self._pipe(element, shape)
            case model.Scalar() as scalar:
                return (scalar if shape.limits is None else self._ranged(scalar, shape.limits)), shape.levels
            case model.Guid() | model.Blob() | model.Text() | model.TextList() as whole:
                return whole, shape.levels
            case Draft() as draft:
                return self._draft(draft, shape), shape.levels
            case _:
                raise Unusable

    def _special(self, shape: Shape) -> Exception:
        if shape.base is Special.HANDLE:
            return problem(catalogue.HANDLE_PLACE, self.span, what="binding handle")
        if shape.base is Special.FUNCTION:
            return problem(catalogue.FUNCTION_VALUE, self.span, name=self.name)
        entry = catalogue.VOID_POINTER if shape.levels else catalogue.VOID_VALUE
        return problem(entry, self.span, name=self.name)

    def _interface(self, interface: InterfaceRef, shape: Shape) -> tuple[model.Type, tuple[Level, ...]]:
        """The innermost pointer and the interface: always [unique], since a null pointer is an object too."""
        last = shape.levels[-1] if shape.levels else None
        if last is None or not last.pointer or last.size is not None:
            raise problem(catalogue.INTERFACE_VALUE, self.span, name=self.name)
        iid_is = None if shape.iid_is is None else self._correlation().iid(shape.iid_is)
        target = model.InterfacePointer(name=interface.name, iid=interface.iid, iid_is=iid_is)
        return model.Pointer(pointer="unique", target=target), shape.levels[:-1]

    def _pipe(self, element: Shape, shape: Shape) -> tuple[model.Type, tuple[Level, ...]]:
        """A pipe, which C706 writes without a pointer and MIDL also with one (C706 4.2.14.5)."""
        plain = not shape.levels or (len(shape.levels) == 1 and _is_plain(shape.levels[0]) and self.top)
        if not plain or not (self.top or self.loose):
            raise problem(catalogue.PIPE_PLACE, self.span, name=self.name)
        found = Lowering(self.binding, self.name, self.span, {}).type(element)
        if not self._is_flat(found):
            raise problem(catalogue.PIPE_ELEMENT, self.span, name=self.name)
        return model.Pipe(element=found, limits=shape.limits), ()

    def _is_flat(self, type_: model.Type) -> bool:
        """Has it one size, and no pointers?"""
        match type_:
            case model.Scalar() | model.Guid() | model.Ranged():
                return True
            case model.Array(element=element) as array:
                return _is_fixed(array) and self._is_flat(element)
            case model.Defined(key=key) | model.Selected(union=model.Defined(key=key)):
                draft = self.binding.known[key]
                return draft.kind != "context" and all(self._is_flat(inner) for inner, _ in held(draft.definition))
            case _:
                return False

    def _ranged(self, target: model.Scalar | model.Defined, limits: tuple[int, int]) -> model.Ranged:
        return model.Ranged(target=target, lowest=limits[0], highest=limits[1])

    def _draft(self, draft: Draft, shape: Shape) -> model.Type:
        if draft.guid:
            return model.Guid()
        if draft.kind == "conversion":
            return model.Converted(conversion=draft.key)
        if draft.kind == "context":
            if not self.top and not self.loose:
                raise problem(catalogue.HANDLE_PLACE, self.span, what="context handle")
            if any(not level.pointer or level.size for level in shape.levels):
                raise problem(catalogue.HANDLE_PLACE, self.span, what="context handle")
        if draft.kind == "union":
            return self._union(draft, shape)
        if draft.definition is None and not any(level.pointer for level in shape.levels):
            entry = catalogue.SELF_CONTAINED if draft.begun else catalogue.INCOMPLETE
            raise problem(entry, self.span, type=f"{draft.kind} {draft.name}")
        defined = model.Defined(key=draft.key)
        return self._ranged(defined, shape.limits) if shape.limits else defined

    def _union(self, draft: Draft, shape: Shape) -> model.Defined | model.Selected | model.Flagged:
        correlation = self._correlation()
        if shape.switch is None:
            if self.loose and draft.definition is not None:
                return model.Defined(key=draft.key)
            if self.loose:
                raise Unusable
            raise problem(catalogue.UNION_WITHOUT_SWITCH, self.span, type=draft.name)
        switch = correlation.expression(shape.switch, "switch_is")
        tag = shape.switch_type or draft.tag or self._tag(switch, draft)
        if draft.tag is not None and self._width(tag) != self._width(draft.tag):
            raise problem(catalogue.TAG_CONFLICT, self.span, type=draft.name)
        complete_union(self.binding, draft, tag, self.span)
        found = model.Selected(union=model.Defined(key=draft.key), switch=switch, untagged=draft.untagged)
        return found if draft.flags is None else model.Flagged(target=found, flags=draft.flags)

    def _tag(self, switch: model.Expression, draft: Draft) -> model.Scalar | model.Defined:
        """The type of the switch expression, by the rules of C."""
        named = [replace(self.siblings[name].shape, levels=()) for name in sorted(siblings_in(switch))]
        if not named:
            raise problem(catalogue.UNION_WITHOUT_TAG, self.span, type=draft.name)
        if isinstance(switch, model.Sibling):
            return tag_of(named[0], self.span)
        words = [tag.word for shape in named if isinstance(tag := tag_of(shape, self.span), model.Scalar)]
        size = max([4, *(SIZES[word] for word in words)])
        unsigned = any(SIZES[word] == size and RANGES[word][0] == 0 for word in words)
        word = "Long" if size == 4 else "Hyper"
        return model.Scalar(word=f"U{word}" if unsigned else word)

    def _width(self, tag: model.Scalar | model.Defined) -> int:
        """Octets of a tag; 0 for an enumeration that takes 2 of them in NDR and 4 in NDR64."""
        if isinstance(tag, model.Scalar):
            return SIZES[tag.word]
        definition = self.binding.known[tag.key].definition
        return 4 if isinstance(definition, model.Enumeration) and definition.wide else 0

    # The levels

    def _level(self, level: Level, inner: model.Type, *, first: bool) -> model.Type:
        pointee = inner
        if level.string:
            pointee = self._string(level, inner)
        elif not level.pointer or level.size is not None:
            pointee = self._array(level, inner)
        if not level.pointer:
            return pointee
        return model.Pointer(pointer=self._kind(level, first=first), target=pointee, lenient=level.lenient)

    def _kind(self, level: Level, *, first: bool) -> model.PointerKind:
        if level.explicit is not None:
            return level.explicit
        if self.top and first:
            return "ref"
        return level.default or self.binding.pointer_default or "unique"

    def _string(self, level: Level, inner: model.Type) -> model.String:
        unit = STRING_UNITS.get(inner.word) if isinstance(inner, model.Scalar) else None
        if unit is None:
            raise problem(catalogue.BAD_STRING, self.span)
        size = self._correlation().count(level.size)
        return model.String(unit=unit, bound=level.bound, size=size, limits=level.limits)

    def _array(self, level: Level, inner: model.Type) -> model.Array | model.MultiArray:
        if level.bound is None and level.size is None and not self.loose:
            raise problem(catalogue.UNSIZED, self.span, name=self.name)
        correlation = self._correlation()
        array = model.Array(
            element=inner,
            bound=level.bound,
            size=correlation.count(level.size),
            length=_length(correlation, level),
            first=correlation.count(level.first),
            limits=level.limits,
            inline=level.inline,
        )
        if level.inline and isinstance(inner, model.Array | model.MultiArray):
            raise problem(catalogue.UNSUPPORTED, self.span, what="an array of arrays whose size a field gives")
        inner_varies = isinstance(inner, model.MultiArray) or (isinstance(inner, model.Array) and not _is_fixed(inner))
        return self._multi_array(array) if inner_varies else array

    def _multi_array(self, array: model.Array) -> model.MultiArray:
        """An array that varies behind its first dimension: C706's form, for all its dimensions (C706 14.3.3.3)."""
        dimensions: list[model.Dimension] = []
        element: model.Type = array
        while isinstance(element, model.Array):
            if element.limits is not None:
                what = "[range] on an array of several varying dimensions"
                raise problem(catalogue.UNSUPPORTED, self.span, what=what)
            dimensions.append(_dimension(element))
            element = element.element
        if isinstance(element, model.MultiArray):
            dimensions += element.dimensions
            element = element.element
        return model.MultiArray(element=element, dimensions=tuple(dimensions))

    def _correlation(self) -> Correlation:
        return Correlation(self.binding, self.siblings, self.name)


def _length(correlation: Correlation, level: Level) -> model.Expression | None:
    """length_is; last_is - first_is + 1; and with first_is alone, what is left of the array."""
    length, first = correlation.count(level.length), correlation.count(level.first)
    if first is None or (level.length is not None and not level.length.plus):
        return length
    if length is None:
        length = correlation.count(level.size) if level.bound is None else model.Number(value=level.bound)
    if length is None:
        return None
    return model.Binary(operator="-", left=length, right=first)


def _dimension(array: model.Array) -> model.Dimension:
    return model.Dimension(bound=array.bound, size=array.size, length=array.length, first=array.first)


def _is_plain(level: Level) -> bool:
    """A pointer to one thing."""
    return level.pointer and level.size is None and not level.string


def _is_fixed(array: model.Array) -> bool:
    return array.bound is not None and array.length is None and array.first is None


def complete(binding: Binding, draft: Draft, definition: model.Definition) -> None:
    """Give a draft its definition. Readers of layouts recurse, so types nest a bounded number of levels deep."""
    inner = [binding.depths.get(key, 0) for key in needed(definition)]
    depth = binding.depths[draft.key] = 1 + max(inner, default=0)
    draft.definition = definition
    binding.drafts.append(draft)
    if depth > MAX_TYPE_DEPTH:
        raise problem(catalogue.TYPE_TOO_DEEP, draft.span, type=draft.name, limit=MAX_TYPE_DEPTH)


def complete_union(binding: Binding, draft: Draft, tag: model.Scalar | model.Defined, span: Span) -> None:
    """Give a union its tag, now that it is known, and check its cases against it."""
    if draft.definition is not None:
        return
    draft.tag = tag
    definition = model.UnionType(
        key=draft.key,
        name=draft.name,
        tag=tag,
        cases=tuple(_fitted(case, tag, span) for case in draft.cases),
        default=draft.default,
        ms_union=draft.ms_union,
        flags=draft.flags,
        doc=draft.doc,
        attributes=draft.attributes,
        span=draft.span,
    )
    complete(binding, draft, definition)


def _fitted(case: model.Case, tag: model.Scalar | model.Defined, span: Span) -> model.Case:
    """The case as a value of the tag's type: C lets 0xFFFFFFFF stand for -1."""
    lowest, highest = RANGES[tag.word] if isinstance(tag, model.Scalar) else (-0x8000_0000, 0xFFFF_FFFF)
    if lowest <= case.value <= highest:
        return case
    count = highest - lowest + 1
    if not -(count // 2) <= case.value < count or count <= 2:
        spoken = tag.word if isinstance(tag, model.Scalar) else "the enumeration"
        raise problem(catalogue.CASE_RANGE, case.span or span, value=case.value, type=spoken)
    return case.model_copy(update={"value": (case.value - lowest) % count + lowest})


# Counts that arrays determine


COUNTABLE: Final = INTEGERS - {"Boolean", "WChar", "ErrorStatus", "NtStatus", "HResult"}


def determined(type_: model.Type) -> frozenset[str]:
    """The siblings whose value follows from how many items an array of this type holds."""
    if isinstance(type_, model.Pointer):
        type_ = type_.target
    if not isinstance(type_, model.Array) or type_.first is not None:
        return frozenset()
    inverses = [wire.invert(to_wire(found)) for found in (type_.size, type_.length) if found is not None]
    return frozenset(inverse.name for inverse in inverses if inverse is not None)


def is_count(type_: model.Type) -> bool:
    """A plain integer."""
    target = type_.target if isinstance(type_, model.Ranged) else type_
    return isinstance(target, model.Scalar) and target.word in COUNTABLE


def to_wire(expression: model.Expression) -> wire.Expression:
    """The expression in the runtime's vocabulary."""
    match expression:
        case model.Number(value=value):
            return wire.Number(value)
        case model.Sibling(name=name):
            return wire.Sibling(name)
        case model.Present(name=name):
            return wire.Present(name)
        case model.Length(name=name, unit=unit):
            return wire.Length(name, unit)
        case model.SizeOf(name=name):
            return wire.SizeOf(name)
        case model.Binary(operator=operator, left=left, right=right):
            return wire.Binary(operator, to_wire(left), to_wire(right))
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return wire.When(to_wire(condition), to_wire(then), to_wire(otherwise))
