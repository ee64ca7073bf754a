"""What correlations and unions ask of the compiler: which siblings they name, which arms a tag selects.

Used by both halves of the codec compiler (`reading.py`, `writing.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .expression import Expression, Inverse, invert
from .layout import (
    Array,
    Byte,
    Char,
    Converted,
    Dimension,
    Field,
    FullPtr,
    Layout,
    MultiArray,
    NoArm,
    Pointer,
    Range,
    Scalar,
    String,
    SwitchIs,
    Union,
    UniquePtr,
)
from .layout_samba import Based, Computed, Counted, Flagged, Relative, Subcontext, Untagged


def branches(union: Union, tag: str) -> Iterator[tuple[str, Layout | NoArm | None]]:
    """An if-chain over the tag: (header of the block, arm)."""
    groups: dict[int, tuple[Layout | None, list[int]]] = {}
    for value, arm in union.arms.items():
        groups.setdefault(id(arm), (arm, []))[1].append(value)
    word = "if"
    for arm, values in groups.values():
        test = f"== {values[0]}" if len(values) == 1 else f"in {tuple(values)}"
        yield f"{word} {tag} {test}:", arm
        word = "elif"
    yield ("else:" if groups else "if True:"), union.default


def correlated(fields: Iterable[Field]) -> set[str]:
    """The names that correlations among `fields` read."""
    found: set[str] = set()
    for field in fields:
        for layout in below(field.layout):
            for expression in expressions(layout):
                found |= expression.names()
    return found


def told_before(fields: Iterable[Field]) -> frozenset[str]:
    """The names of the siblings that have to be read before what they speak of."""
    found: set[str] = set()
    for part in (part for field in fields for part in below(field.layout)):
        if isinstance(part, Counted | Untagged | Subcontext):
            found.update(name for expression in expressions(part) for name in expression.names())
    return frozenset(found)


def below(layout: Layout) -> Iterator[Layout]:
    """A layout and what is under it in the same scope: through pointers, items and arms, not into structures."""
    seen: set[int] = set()
    waiting = [layout]
    while waiting:
        layout = waiting.pop()
        if id(layout) in seen:
            continue
        seen.add(id(layout))
        yield layout
        match layout:
            case Pointer() | Relative():
                waiting.append(layout.target)
            case Array() | MultiArray():
                waiting.append(layout.element)
            case Converted() | Flagged() | Based() | Subcontext() | Computed():
                waiting.append(layout.layout)
            case SwitchIs():
                waiting.extend(layout.union.layouts())
            case _:
                pass


def ends(last: bool | str, after: Sequence[tuple[Layout, Any]], over: str) -> bool | str:
    """Whether a member is the last that brings anything, or text for when it is not.

    last: the same of its structure. after: the members behind it with pointers, and, for those that are pointers, the
    names of their referent ids. over: the name of the ids of full pointers that bring nothing any more.
    """
    if last is False or not all(isinstance(layout, UniquePtr | FullPtr) for layout, _ in after):
        return False
    tests = [f"{name} and {name} not in {over}" if isinstance(layout, FullPtr) else f"{name}" for layout, name in after]
    texts = [f"({test})" for test in tests] + ([last] if isinstance(last, str) else [])
    return " or ".join(texts) or True


def speaks(layout: Layout) -> bool:
    """Is there a correlation in a layout, or below it in the same scope?"""
    return any(expressions(part) for part in below(layout))


def expressions(layout: Layout) -> list[Expression]:
    """The correlations of a layout itself."""
    match layout:
        case Array():
            found = [layout.size, layout.length, layout.first]
        case MultiArray():
            found = [said for each in layout.dimensions for said in (each.size, each.length, each.first)]
        case String():
            found = [layout.size]
        case SwitchIs():
            found = [layout.switch]
        case Subcontext():
            found = [layout.size]
        case _:
            found = []
    return [expression for expression in found if expression is not None]


class Level(Array):
    """One dimension of a MultiArray, as an array of what is below it; depth: how many are above."""

    def __init__(self, array: MultiArray, depth: int) -> None:
        dimension = array.dimensions[depth]
        whole = depth == len(array.dimensions) - 1
        element = array.element if whole else Level(array, depth + 1)
        super().__init__(element, bound=dimension.bound, size=dimension.size, length=dimension.length)
        self.depth = depth


def valued(layout: Layout) -> Layout:
    """The layout behind all pointers, and behind what says only how it travels: it has the same value."""
    while True:
        match layout:
            case Pointer() | Relative():
                layout = layout.target
            case Flagged() | Based() | Subcontext() | Computed():
                layout = layout.layout
            case _:
                return layout


def measured(layout: Layout) -> Layout:
    """What SizeOf measures: what is behind pointers and in contexts, with the flags of its own type."""
    found = layout
    while True:
        match layout:
            case Pointer() | Relative():
                found = layout = layout.target
            case Subcontext():
                found = layout = layout.layout
            case Flagged() | Based() | Computed():
                layout = layout.layout
            case _:
                return found


def plain(layout: Layout) -> bool:
    """Is the first pass of a layout its value: a number?"""
    if isinstance(layout, Range | Computed | Flagged):
        return plain(layout.layout)
    return isinstance(layout, Scalar)


def counts_of(layout: Layout) -> list[tuple[Array, Inverse]]:
    """The counts that the value of a layout determines: of the array that it is or points to."""
    layout = valued(layout)
    levels: list[Array] = []
    if isinstance(layout, Array):
        levels = [layout]
    if isinstance(layout, MultiArray):
        levels = [Level(layout, depth) for depth in range(len(layout.dimensions))]
    return [(level, inverse) for level in levels for inverse in solved(level)]


def solved(counted: Array | Dimension) -> list[Inverse]:
    """The counts that the number of items in an array, or in a dimension, determines."""
    found = [invert(expression) for expression in (counted.size, counted.length) if expression is not None]
    return [inverse for inverse in found if inverse is not None]


def items_in(value: object, array: Array) -> int:
    """How many items the value of an array holds; a null pointer holds none. TypeError for what has no length."""
    for _ in range(array.depth if isinstance(array, Level) else 0):
        value = value[0] if value else None  # type: ignore[index]
    if value is None:
        return 0
    if isinstance(value, str):
        return len(value.encode("utf-16-le", "surrogatepass")) // 2
    if array.element is Byte or array.element is Char:
        return memoryview(value).nbytes  # type: ignore[arg-type]
    return len(value)  # type: ignore[arg-type]
