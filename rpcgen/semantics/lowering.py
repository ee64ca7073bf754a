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
from ..walking import held, keys
from .correlations import Correlation, Siblings
from .declared import tag_of
from .scopes import Binding
from .shapes import MAX_TYPE_DEPTH, RANGES, Broken, Draft, Level, Shape, Special


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
        for index in reversed(range(len(rest))):
            found = self._level(rest[index], found, first=index == 0)
        if self.top and isinstance(found, model.Pointer) and found.pointer == "ref":
            return found.target
        return found

    # The bottom

    def _base(self, shape: Shape) -> tuple[model.Type, tuple[Level, ...]]:
        match shape.base:
            case Special():
                raise self._special(shape)
            case model.Scalar() as scalar:
                return (scalar if shape.limits is None else self._ranged(scalar, shape.limits)), shape.levels
            case model.Guid() as guid:
                return guid, shape.levels
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

    def _ranged(self, target: model.Scalar | model.Defined, limits: tuple[int, int]) -> model.Ranged:
        return model.Ranged(target=target, lowest=limits[0], highest=limits[1])

    def _draft(self, draft: Draft, shape: Shape) -> model.Type:
        if draft.guid:
            return model.Guid()
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

    def _union(self, draft: Draft, shape: Shape) -> model.Type:
        correlation = self._correlation()
        if shape.switch is None:
            if self.loose and draft.definition is not None:
                return model.Defined(key=draft.key)
            if self.loose:
                raise Unusable
            raise problem(catalogue.UNION_WITHOUT_SWITCH, self.span, type=draft.name)
        switch = correlation.expression(shape.switch, "switch_is")
        tag = shape.switch_type or draft.tag or self._tag(switch, draft)
        if draft.tag is not None and tag != draft.tag:
            raise problem(catalogue.TAG_CONFLICT, self.span, type=draft.name)
        complete_union(self.binding, draft, tag, self.span)
        return model.Selected(union=model.Defined(key=draft.key), switch=switch)

    def _tag(self, switch: model.Expression, draft: Draft) -> model.Scalar | model.Defined:
        """The type of the switch expression, when it is a sibling."""
        sibling = self.siblings.get(switch.name) if isinstance(switch, model.Sibling) else None
        if sibling is None:
            raise problem(catalogue.UNION_WITHOUT_TAG, self.span, type=draft.name)
        return tag_of(replace(sibling.shape, levels=()), self.span)

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
        if not isinstance(inner, model.Scalar):
            raise problem(catalogue.BAD_STRING, self.span)
        size = self._correlation().count(level.size)
        return model.String(unit=inner.word, bound=level.bound, size=size, limits=level.limits)

    def _array(self, level: Level, inner: model.Type) -> model.Array:
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
        )
        if isinstance(inner, model.String):
            raise problem(catalogue.ARRAY_OF_STRINGS, self.span, name=self.name)
        if isinstance(inner, model.Array) and not (_is_fixed(array) and _is_fixed(inner)):
            raise problem(catalogue.MULTIDIMENSIONAL, self.span, name=self.name)
        return array

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


def _is_fixed(array: model.Array) -> bool:
    return array.bound is not None and array.length is None and array.first is None


def complete(binding: Binding, draft: Draft, definition: model.Definition) -> None:
    """Give a draft its definition. Readers of layouts recurse, so types nest a bounded number of levels deep."""
    inner = [binding.depths.get(key, 0) for type_, _ in held(definition) for key in keys(type_)]
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
    lowest, highest = RANGES[tag.word] if isinstance(tag, model.Scalar) else (-0x8000_0000, 0xFFFF_FFFF)
    spoken = tag.word if isinstance(tag, model.Scalar) else "the enumeration"
    for case in draft.cases:
        if not lowest <= case.value <= highest:
            raise problem(catalogue.CASE_RANGE, case.span or span, value=case.value, type=spoken)
    definition = model.UnionType(
        key=draft.key,
        name=draft.name,
        tag=tag,
        cases=tuple(draft.cases),
        default=draft.default,
        ms_union=draft.ms_union,
    )
    complete(binding, draft, definition)


# Counts that arrays determine


COUNTABLE: Final = frozenset(
    ("Byte", "Char", "Small", "USmall", "Short", "UShort", "Long", "ULong", "Hyper", "UHyper", "Int3264", "UInt3264")
)


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
        case model.Binary(operator=operator, left=left, right=right):
            return wire.Binary(operator, to_wire(left), to_wire(right))
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return wire.When(to_wire(condition), to_wire(then), to_wire(otherwise))
