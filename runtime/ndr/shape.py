"""What the codec compiler must know of a layout before it writes code: alignment, size, recursion.

Counterpart: `reference.py` finds the same facts while it walks; the tests hold the two together.
Sources: C706 14.2, 14.3; MS-RPCE 2.2.4.8, 2.2.5.3; sizes are octets, counts are items.
"""

from __future__ import annotations

from collections.abc import Iterator

from .layout import (
    NO_ARM,
    Array,
    Byte,
    Char,
    ContextHandle,
    Converted,
    EncapsulatedUnion,
    Encoding,
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
    UniquePtr,
    WChar,
)
from .layout_octets import Octets
from .layout_samba import Based, Computed, Flagged, Relative, Subcontext, Untagged

UNROLL = 16
"""A fixed array of at most so many fixed-size items is read as single fields."""


def is_octets(element: Layout) -> bool:
    """Are arrays of this element `bytes` in Python?"""
    return element is Byte or element is Char


def is_plain(element: Layout) -> bool:
    """A scalar whose wire value is its Python value: arrays of it move as one block."""
    return type(element) is Scalar and element.idl != "boolean"


def alignment(layout: Layout, encoding: Encoding) -> int:
    """The alignment of a layout in octets; a structure takes its members' largest, arms of unions included."""
    if encoding.packed:
        return 1
    match layout:
        case Scalar():
            return layout.size(encoding)
        case Range():
            return layout.layout.size(encoding)
        case Guid() | ContextHandle():
            return 4
        case Pointer() | Ignored() | Mark() | Pipe() | Relative():
            return encoding.word
        case Converted() | Flagged() | Based() | Computed():  # flags do not reach what is around them
            return alignment(layout.layout, encoding)
        case Subcontext():
            return 1
        case Octets():
            return layout.alignment
        case Untagged():
            return arms_alignment(layout.union, encoding)
        case Struct():
            return max((alignment(field.layout, encoding) for field in layout.fields), default=1)
        case SwitchIs() | EncapsulatedUnion():
            return alignment(layout.union, encoding)
        case Union():
            return max(layout.tag.size(encoding), arms_alignment(layout, encoding))
        case Array() | MultiArray():
            return alignment(layout.element, encoding)
        case String():
            return layout.unit.size(encoding)
        case _:
            raise TypeError(f"{layout!r} has no alignment")


def lead(layout: Layout, encoding: Encoding) -> int:
    """The alignment of the first octet of a layout of fixed size; an array without items has none."""
    if isinstance(layout, Array):
        return lead(layout.element, encoding) if layout.bound else 1
    if isinstance(layout, Converted | Computed):
        return lead(layout.layout, encoding)
    return alignment(layout, encoding)


def arms_alignment(union: Union, encoding: Encoding) -> int:
    """The alignment of the widest arm."""
    return max((alignment(arm, encoding) for arm in union.layouts()), default=1)


def exhaustive(union: Union) -> bool:
    """Has every tag an arm?"""
    return union.default is not NO_ARM


def conformant_tail(layout: Layout) -> Array | MultiArray | String | None:
    """The conformant array at the end of a layout, whose maximum counts move to its front (C706 14.3.7.1)."""
    match layout:
        case Array(many=MultiArray() as many):
            return conformant_tail(many)
        case Array() | MultiArray():
            return layout if layout.conformant else None
        case Converted() | Flagged() | Based() | Computed():
            return conformant_tail(layout.layout)
        case String():
            return layout if layout.bound is None else None
        case Struct() if layout.fields:
            return conformant_tail(layout.fields[-1].layout)
        case _:
            return None


def fixed_size(layout: Layout, encoding: Encoding) -> int | None:
    """Octets of the scalar part from its own alignment on, trailing pad of NDR64 included; None when it varies."""
    match layout:
        case Scalar():
            return layout.size(encoding)
        case Range():
            return layout.layout.size(encoding)
        case Guid():
            return 16
        case ContextHandle():
            return 20
        case Pointer() | Ignored() | Mark():
            return encoding.word
        case Converted() | Computed():
            return fixed_size(layout.layout, encoding)
        case Struct():
            return _fixed_struct(layout, encoding)
        case Array():
            return _fixed_array(layout, encoding)
        case _:
            return None


def scalars_alone(parameters: Parameters) -> str | None:
    """The struct format of their stub in NDR 2.0, without a byte order; None when they are not just numbers."""
    offset, text = 0, ""
    for field in parameters.fields:
        if type(field.layout) is not Scalar:  # those derived of it convert, or check
            return None
        size = field.layout.size(Encoding.NDR)
        gap = -offset % size
        text += ("x" * gap) + field.layout.code(Encoding.NDR)
        offset += gap + size
    return text


def unmoved(layout: Layout, encoding: Encoding) -> bool:
    """Is it of fixed size, with nothing in the second pass?"""
    return fixed_size(layout, encoding) is not None and not has_pointers(layout)


def _fixed_struct(struct: Struct, encoding: Encoding) -> int | None:
    offset = 0
    for field in struct.fields:
        size = fixed_size(field.layout, encoding)
        if size is None:
            return None
        offset = round_up(offset, lead(field.layout, encoding)) + size
    return round_up(offset, alignment(struct, encoding)) if encoding.wide else offset


def _fixed_array(array: Array, encoding: Encoding) -> int | None:
    if array.bound is None or array.varying:
        return None
    if is_octets(array.element) or array.element is WChar:
        return array.bound * alignment(array.element, encoding)
    item = fixed_size(array.element, encoding)
    if item is None or array.bound > UNROLL or leaves(array.element) * array.bound > UNROLL:
        return None
    stride = round_up(item, lead(array.element, encoding))
    return stride * (array.bound - 1) + item if array.bound else 0


def leaves(layout: Layout) -> int:
    """Fields that a fixed-size layout becomes in one format string."""
    match layout:
        case Struct():
            return sum(leaves(field.layout) for field in layout.fields)
        case Array(bound=int(bound)) if not (is_octets(layout.element) or layout.element is WChar):
            return bound * leaves(layout.element)
        case Converted() | Computed():
            return leaves(layout.layout)
        case _:
            return 1


def smallest(layout: Layout, encoding: Encoding) -> int:
    """The fewest octets that one item can take; what a count is held against before memory is taken."""
    size = fixed_size(layout, encoding)
    if size is not None:
        return size
    match layout:
        case Struct():
            return sum(smallest(field.layout, encoding) for field in layout.fields)
        case Untagged():
            return 0
        case SwitchIs() | EncapsulatedUnion():
            return layout.union.tag.size(encoding)
        case Relative():
            return layout.width
        case String():
            return 2 * encoding.word
        case Array():
            counts = 2 * encoding.word if layout.varying else 0
            return counts if layout.bound is None else counts or layout.bound * smallest(layout.element, encoding)
        case MultiArray():
            return 2 * encoding.word * len(layout.dimensions) if layout.varying else 0
        case Converted() | Based() | Computed():
            return smallest(layout.layout, encoding)
        case _:
            return 0


def children(layout: Layout) -> list[Layout]:
    """The layouts that a layout is made of, pointees included."""
    match layout:
        case Struct() | Parameters():
            return [field.layout for field in layout.fields]
        case Union():
            return layout.layouts()
        case SwitchIs() | EncapsulatedUnion():
            return [layout.union]
        case Array() | MultiArray() | Pipe():
            return [layout.element]
        case Pointer() | Relative():
            return [layout.target]
        case Converted() | Flagged() | Based() | Subcontext() | Computed():
            return [layout.layout]
        case _:
            return []


def recursive(root: Layout) -> set[int]:
    """The ids of the layouts under `root` that contain themselves through pointers (Tarjan's components)."""
    found: set[int] = set()
    order: dict[int, int] = {}
    path: list[int] = []
    open_: set[int] = set()

    def visit(layout: Layout) -> int:
        key, low = id(layout), len(order)
        order[key] = low
        path.append(key)
        open_.add(key)
        inner = children(layout)
        for child in inner:
            if id(child) not in order:
                low = min(low, visit(child))
            elif id(child) in open_:
                low = min(low, order[id(child)])
        if low == order[key]:
            component = path[path.index(key) :]
            del path[path.index(key) :]
            open_.difference_update(component)
            if len(component) > 1 or any(child is layout for child in inner):
                found.update(component)
        return low

    visit(root)
    return found


def has_pointers(layout: Layout) -> bool:
    """Does anything of a layout come in the second pass?"""
    match layout:
        case Pointer() | Relative():
            return True
        case Struct():
            return any(has_pointers(field.layout) for field in layout.fields)
        case SwitchIs() | EncapsulatedUnion():
            return any(has_pointers(arm) for arm in layout.union.layouts())
        case Array() | MultiArray():
            return has_pointers(layout.element)
        case Converted() | Flagged() | Based() | Computed():
            return has_pointers(layout.layout)
        case _:
            return False


def unit_behind(layout: Layout) -> Scalar | None:
    """The unit of the strings in the second pass of a layout, when nothing else is there and nothing counts them."""
    units = list(_units_behind(layout))
    return units[0] if units and len(set(units)) == 1 else None


def _units_behind(layout: Layout) -> Iterator[Scalar | None]:
    """A unit for each pointer, None for what is no pointer to such a string."""
    match layout:
        case Struct():
            for field in layout.fields:
                yield from _units_behind(field.layout)
        case UniquePtr(target=String(bound=None, size=None, limits=None) as string):
            yield string.unit
        case RefPtr(target=String(bound=None, size=None, limits=None) as string):
            yield string.unit
        case _:
            yield from [None] * has_pointers(layout)


def columnar(layout: Layout) -> bool:
    """Are the members of a layout values that need no more than a check?"""
    match layout:
        case Struct():
            return all(columnar(field.layout) for field in layout.fields)
        case _:
            return isinstance(layout, Scalar | Range | Guid | Pointer)


def parts(root: Layout) -> Iterator[Layout]:
    """A layout and all that it is made of, pointees included, each once."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        layout = waiting.pop()
        if id(layout) not in seen:
            seen.add(id(layout))
            waiting += children(layout)
            yield layout


def contains(root: Layout, kind: type[Layout]) -> bool:
    """Is there a layout of this kind in `root`, or behind its pointers?"""
    return any(isinstance(layout, kind) for layout in parts(root))


def same_type(layout: Layout) -> object:
    """Equal for layouts of one type: only then can two full pointers share a pointee."""
    match layout:
        case Array():
            return Array, same_type(layout.element), layout.bound, layout.limits
        case MultiArray():
            bounds = tuple(dimension.bound for dimension in layout.dimensions)
            return MultiArray, same_type(layout.element), bounds, layout.limits
        case String():
            return String, layout.unit, layout.bound, layout.limits
        case Pointer():
            return type(layout), same_type(layout.target)
        case Range():
            return Range, layout.layout, layout.lowest, layout.highest
        case Guid():
            return Guid
        case _:
            return layout


def full_kinds(*roots: Layout) -> dict[object, int]:
    """The types that full pointers lead to, numbered from 1: the same numbers for a request alone and before others."""
    found: dict[object, int] = {}
    for layout in (part for root in roots for part in parts(root)):
        if isinstance(layout, FullPtr):
            found.setdefault(same_type(layout.target), len(found) + 1)
    return found


def carries(request: Layout, response: Layout) -> bool:
    """May the response name objects of the request? Ids inside of a Subcontext are its own."""
    return all(contains(layout, FullPtr) and not contains(layout, Subcontext) for layout in (request, response))


def circular(target: Layout) -> bool:
    """Can a full pointer inside of what one leads to lead back to it?"""
    return same_type(target) in full_kinds(target)


def is_list(array: Array | MultiArray) -> bool:
    """Is the value of an array a list, not octets or text?"""
    rows = isinstance(array, MultiArray) and len(array.dimensions) > 1
    return rows or not (is_octets(array.element) or array.element is WChar)


def round_up(offset: int, align: int) -> int:
    """The next multiple of `align`."""
    return -(-offset // align) * align
