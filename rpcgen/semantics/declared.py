"""Declarations: a declarator and attributes laid over a type give the shape of what is declared.

This file holds the rules on where an attribute lands (MIDL; C706 4.2.18-4.2.20): pointer classes on the outermost
pointer, size slots from the outside in, [string] on the innermost level.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from ...runtime.ndr.layout_system import SYSTEM_HANDLES
from .. import catalogue, model
from ..diagnostics import Problem, Span, diagnose, problem
from ..syntax import tree
from .attributes import AttributeSet, Position, expression
from .conversions import conversion_in, convert, named_type
from .scopes import Binding
from .shapes import (
    CHARACTERS,
    MAX_LEVELS,
    STRING_UNITS,
    Broken,
    Count,
    Draft,
    Inside,
    InterfaceRef,
    Level,
    Shape,
    Special,
    Stream,
    tag_of,
)
from .wholes import check_whole

MAX_BOUND: Final = 1 << 31
KINDS: Final[tuple[model.PointerKind, ...]] = ("ref", "unique", "ptr")
OFFSETS: Final[tuple[model.PointerKind, ...]] = ("relative", "relative_short")
"""Pointers of the pidl dialect, left by its translation."""
_BSTR: Final = "FLAGGED_WORD_BLOB"
"""What a BSTR points to on the wire: [string] says of it what every BSTR is (MS-OAUT 2.2.23.1)."""
_COUNTS: Final = (("size_is", 0), ("max_is", 1), ("length_is", 0), ("last_is", 1), ("first_is", 0))


def declare(binding: Binding, shape: Shape, declarator: tree.Declarator) -> Shape:
    """The type of a declarator: its levels stand outside those of `shape`."""
    levels: list[Level] = []
    for level in declarator.levels:
        match level:
            case tree.Star():
                levels.append(Level(True, default=binding.pointer_default))
            case tree.Bound():
                if level.inline and level.high is not None:
                    size = Count(level.high, 0, "the bound of an array")
                    levels.append(Level(False, size=size, inline=True))
                else:
                    levels.append(Level(False, bound=_bound(binding, level)))
            case tree.Parameters():
                return Shape(Special.FUNCTION, tuple(levels))
    if len(levels) + len(shape.levels) > MAX_LEVELS:
        raise problem(catalogue.DECLARATOR_TOO_DEEP, declarator.span, limit=MAX_LEVELS)
    return replace(shape, levels=(*levels, *shape.levels))


def apply(
    binding: Binding, shape: Shape, attributes: AttributeSet, *, name: str, span: Span, position: Position
) -> Shape:
    """The shape with its attributes on the levels where they belong; Problem when there is none for one."""
    by = conversion_in(attributes)
    if by in ("transmit_as", "wire_marshal"):
        # The other attributes say what the program's type is like in C.
        return convert(binding, shape, attributes.by_name[by], by, name, span)
    if isinstance(shape.base, Broken):
        return shape
    shape = _applied(binding, shape, attributes, name=name, span=span, position=position)
    return shape if by is None else convert(binding, shape, attributes.by_name[by], by, name, span)


def _applied(
    binding: Binding, shape: Shape, attributes: AttributeSet, *, name: str, span: Span, position: Position
) -> Shape:
    check_whole(binding, shape, attributes)
    if "ignore" in attributes:
        return _ignored(shape, attributes.by_name["ignore"])
    shape = _iid_is(shape, attributes)
    shape = _context_handle(binding, shape, attributes, name, span)
    shape = _system_handle(shape, attributes)
    shape = _pointer_kind(binding, shape, attributes, position)
    for attribute, plus in _COUNTS:
        if attribute in attributes:
            shape = _count(binding, shape, attributes.by_name[attribute], plus, name)
    _check_min_is(binding, attributes)
    shape = _string(binding, shape, attributes)
    shape = _range(binding, shape, attributes)
    shape = _lenient(binding, shape, attributes)
    shape = _samba(binding, shape, attributes)
    return _switch(binding, shape, attributes)


def _bound(binding: Binding, bound: tree.Bound) -> int | None:
    if bound.low is not None and binding.integer(bound.low) != 0:
        raise problem(catalogue.UNSUPPORTED, bound.span, what="a lower bound other than 0")
    if bound.high is None:
        return None
    count = binding.integer(bound.high) + (bound.low is not None)
    if not 1 <= count < MAX_BOUND:
        raise problem(catalogue.BAD_BOUND, bound.span, limit=MAX_BOUND - 1, value=count)
    return count


def _context_handle(binding: Binding, shape: Shape, attributes: AttributeSet, name: str, span: Span) -> Shape:
    """The innermost pointer and what it points to are the handle (C706 4.2.16.6)."""
    attribute = attributes.get("context_handle")
    if attribute is None or (isinstance(shape.base, Draft) and shape.base.kind == "context"):
        return shape
    if not shape.levels or not shape.levels[-1].pointer:
        raise problem(catalogue.BAD_CONTEXT_HANDLE, attribute.span)
    handle = binding.draft("context", name, span)
    binding.drafts.append(handle)
    shared = attribute.name == "context_handle_noserialize"
    handle.definition = model.ContextType(key=handle.key, name=name, span=span, shared=shared)
    return Shape(handle, shape.levels[:-1])


def _system_handle(shape: Shape, attributes: AttributeSet) -> Shape:
    """HANDLE, which is `void *`: a number on the wire, and the descriptor travels beside the message."""
    attribute = attributes.get("system_handle")
    if attribute is None:
        return shape
    kind = attribute.text.partition(",")[0].strip()
    if kind not in SYSTEM_HANDLES:
        known = ", ".join(SYSTEM_HANDLES)
        raise problem(catalogue.SYSTEM_HANDLE_KIND, attribute.span, found=kind, known=known)
    levels = shape.levels
    if shape.base is not Special.VOID or not 1 <= len(levels) <= 2 or not all(level.pointer for level in levels):
        raise problem(catalogue.BAD_SYSTEM_HANDLE, attribute.span)
    return Shape(model.Scalar(word=f"system.{SYSTEM_HANDLES[kind].idl}"), levels[:-1])


def _pointer_kind(binding: Binding, shape: Shape, attributes: AttributeSet, position: Position) -> Shape:
    kinds: list[model.PointerKind] = [kind for kind in (*KINDS, *OFFSETS) if kind in attributes]
    kind = kinds[0] if kinds else None
    if kind is None:
        return shape
    if isinstance(shape.base, Stream) and kind != "ref":
        at, why = attributes.by_name[kind].span, "a pipe is never null"
        binding.report.append(diagnose(catalogue.NO_EFFECT, at, name=kind, why=why))
        return shape
    for index, level in enumerate(shape.levels):
        if level.pointer:
            return _replaced(shape, index, replace(level, explicit=kind))
    if shape.levels and position == "parameter":
        # An array parameter is a pointer to its first item (C706 4.2.20.4).
        return replace(shape, levels=(Level(True, explicit=kind), *shape.levels)) if kind != "ref" else shape
    span = attributes.by_name[kind].span
    if shape.levels:
        why = "an array inside a type is no pointer"
        binding.report.append(diagnose(catalogue.NO_EFFECT, span, name=kind, why=why))
        return shape
    if isinstance(shape.base, Draft) and shape.base.kind in ("context", "conversion"):
        # The pointer is inside the type, which has its own form on the wire.
        return shape
    raise problem(catalogue.NO_POINTER, span, name=kind)


def _count(binding: Binding, shape: Shape, attribute: tree.Attribute, plus: int, name: str) -> Shape:
    field = {"s": "size", "m": "size", "l": "length", "f": "first"}[attribute.name[0]]
    offset = 1 if _wrapped(shape) else 0
    for index, slot in enumerate(attribute.slots or (), offset):
        if slot is None:
            continue
        if index >= len(shape.levels):
            raise problem(catalogue.TOO_MANY_SLOTS, attribute.span, name=attribute.name, declared=name)
        level = shape.levels[index]
        if field == "size" and not level.pointer and level.bound is not None:
            if _is_bound(binding, attribute, slot, level.bound - plus):
                continue
            raise problem(catalogue.SIZE_ON_FIXED, attribute.span, name=attribute.name)
        count = Count(expression(attribute, slot), plus, attribute.name)
        _check_constant(binding, attribute, count)
        if field == "size":
            level = replace(level, size=count)
        elif field == "length":
            level = replace(level, length=count)
        else:
            level = replace(level, first=count)
        if field != "size" and level.pointer and level.size is None:
            raise problem(catalogue.LENGTH_WITHOUT_SIZE, attribute.span, name=attribute.name)
        shape = _replaced(shape, index, level)
    return shape


def _check_constant(binding: Binding, attribute: tree.Attribute, count: Count) -> None:
    """A size that is a number must be one that 32 bits count."""
    match count.expression:
        case tree.Number() | tree.Unary(operand=tree.Number()):
            if not 0 <= binding.integer(count.expression) + count.plus <= 0xFFFF_FFFF:
                wanted = "a count from 0 to 4294967295"
                raise problem(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted=wanted)
        case _:
            pass


def _is_bound(binding: Binding, attribute: tree.Attribute, slot: tree.Slot, bound: int) -> bool:
    """Does the size say what the bound says?"""
    try:
        return binding.integer(expression(attribute, slot)) == bound
    except Problem:
        return False


def _check_min_is(binding: Binding, attributes: AttributeSet) -> None:
    """[min_is] may say what is so anyway (MIDL; C706 4.2.18.3)."""
    attribute = attributes.get("min_is")
    for slot in (attribute.slots or ()) if attribute is not None else ():
        if attribute is not None and slot is not None and not _is_bound(binding, attribute, slot, 0):
            raise problem(catalogue.MIN_IS, attribute.span)


def _wrapped(shape: Shape) -> bool:
    """A pointer that `_pointer_kind` put around an array parameter: slots count from the array."""
    first = shape.levels[0] if shape.levels else None
    return (
        first is not None
        and first.pointer
        and first.explicit is not None
        and first.default is None
        and len(shape.levels) > 1
        and not shape.levels[1].pointer
        and shape.levels[1].bound is None
    )


def _string(binding: Binding, shape: Shape, attributes: AttributeSet) -> Shape:
    attribute = attributes.get("string")
    if attribute is None:
        return shape
    if isinstance(shape.base, Draft) and (shape.base.kind == "conversion" or shape.base.name == _BSTR):
        why = f"{shape.base.name} has a form of its own on the wire"
        binding.report.append(diagnose(catalogue.NO_EFFECT, attribute.span, name="string", why=why))
        return shape
    word = shape.base.word if isinstance(shape.base, model.Scalar) else ""
    if not shape.levels or word not in STRING_UNITS:
        raise problem(catalogue.BAD_STRING, attribute.span)
    if word not in CHARACTERS:
        unit = STRING_UNITS[word]
        binding.report.append(diagnose(catalogue.ODD_STRING, attribute.span, type=word, unit=unit))
    return _replaced(shape, len(shape.levels) - 1, replace(shape.levels[-1], string=True))


def _ignored(shape: Shape, attribute: tree.Attribute) -> Shape:
    """Of an [ignore] pointer only a placeholder travels (MS-RPCE 2.2.4.14)."""
    if not shape.levels or not shape.levels[0].pointer:
        raise problem(catalogue.NO_POINTER, attribute.span, name="ignore")
    return Shape(Special.IGNORED)


def _iid_is(shape: Shape, attributes: AttributeSet) -> Shape:
    attribute = attributes.get("iid_is")
    if attribute is None:
        return shape
    interface = shape.base is Special.VOID or isinstance(shape.base, InterfaceRef)
    if not interface or not shape.levels:
        raise problem(catalogue.IID_IS_TARGET, attribute.span)
    return replace(shape, iid_is=expression(attribute, attribute.slot))


def _range(binding: Binding, shape: Shape, attributes: AttributeSet) -> Shape:
    attribute = attributes.get("range")
    if attribute is None:
        return shape
    lowest, highest = (binding.integer(expression(attribute, slot)) for slot in attribute.slots or ())
    if lowest > highest:
        raise problem(catalogue.BAD_RANGE, attribute.span, lowest=lowest, highest=highest)
    for index, level in enumerate(shape.levels):
        if level.size is not None or level.string or (not level.pointer and level.bound is None):
            return _replaced(shape, index, replace(level, limits=(lowest, highest)))
    bounded = isinstance(shape.base, Stream) or (isinstance(shape.base, Draft) and shape.base.kind == "enum")
    if not bounded and not (isinstance(shape.base, model.Scalar) and shape.base.word not in ("Float", "Double")):
        raise problem(catalogue.RANGE_TARGET, attribute.span)
    return replace(shape, limits=(lowest, highest))


def _lenient(binding: Binding, shape: Shape, attributes: AttributeSet) -> Shape:
    """[disable_consistency_check] lands on the pointer that has the size; Samba never checks."""
    if "disable_consistency_check" in attributes or binding.tolerant:
        for index, level in enumerate(shape.levels):
            if level.pointer and level.size is not None:
                return _replaced(shape, index, replace(level, lenient=True))
    return shape


def _switch(binding: Binding, shape: Shape, attributes: AttributeSet) -> Shape:
    attribute = attributes.get("switch_is")
    if attribute is not None:
        if not isinstance(shape.base, Draft) or shape.base.kind != "union":
            raise problem(catalogue.SWITCH_WITHOUT_UNION, attribute.span)
        shape = replace(shape, switch=expression(attribute, attribute.slot))
    tag = attributes.get("switch_type")
    return shape if tag is None else replace(shape, switch_type=tag_type(binding, tag))


def tag_type(binding: Binding, attribute: tree.Attribute) -> model.Scalar | model.Defined:
    """The type in switch_type(...)."""
    return tag_of(named_type(binding, attribute), attribute.span)


def _samba(binding: Binding, shape: Shape, attributes: AttributeSet) -> Shape:
    """What only the translation of the pidl dialect leaves: a context of its own, and flags."""
    inside = attributes.get("subcontext")
    if inside is not None and inside.effect:
        slot, size = (attributes.slots(name) for name in ("subcontext", "subcontext_size"))
        header = binding.integer(expression(inside, slot[0] if slot else None))
        shape = replace(shape, inside=Inside(header, expression(inside, size[0]) if size else None))
    flags = attributes.slots("flag")
    if flags and isinstance(flags[0], tree.Given):
        shape = replace(shape, flags=flags[0].type)
    return shape


def _replaced(shape: Shape, index: int, level: Level) -> Shape:
    levels = list(shape.levels)
    levels[index] = level
    return replace(shape, levels=tuple(levels))
