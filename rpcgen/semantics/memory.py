"""Memory: what types take in C on a 64-bit machine, which is what sizeof gives.

Nothing of it is on the wire; `#pragma pack` is not followed. Counterpart: `scopes.py` asks for sizeof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from .. import model
from .shapes import SIZES, Draft, InterfaceRef, Memory, Shape, Special

_POINTER = Memory(8, 8)
_BITS = 8


@dataclass(frozen=True, slots=True)
class Field:
    """A member of a structure in memory; `width` is that of a bit-field."""

    memory: Memory | None
    width: int | None = None


def memory_of(shape: Shape) -> Memory | None:
    """What a type takes; None for one that has no size."""
    if shape.levels:
        first = shape.levels[0]
        if first.pointer:
            return _POINTER
        element = memory_of(replace(shape, levels=shape.levels[1:]))
        # MIDL declares a conformant array with one item.
        count = 1 if first.bound is None else first.bound
        return None if element is None else Memory(count * element.size, element.alignment)
    match shape.base:
        case model.Scalar(word=word):
            return Memory(SIZES[word], SIZES[word])
        case model.Guid():
            return Memory(16, 4)
        case Draft(kind="enum"):
            return Memory(4, 4)
        case Draft(kind="context"):
            return _POINTER
        case Draft(memory=memory):
            return memory
        case InterfaceRef() | Special.HANDLE | Special.IGNORED:
            return _POINTER
        case _:
            return None


def structure(fields: Iterable[Field]) -> Memory | None:
    """A structure; bit-fields of one type share a unit, as Microsoft's compilers have it."""
    end, alignment = 0, 1
    unit, left = 0, 0
    for field in fields:
        if field.memory is None:
            return None
        size = field.memory.size
        alignment = max(alignment, field.memory.alignment)
        if field.width is not None and field.width and size == unit and field.width <= left:
            left -= field.width
            continue
        unit, left = (size, size * _BITS - field.width) if field.width else (0, 0)
        if field.width != 0:
            end = _aligned(end, field.memory.alignment) + size
    return Memory(_aligned(end, alignment), alignment)


def union(members: Iterable[Memory | None]) -> Memory | None:
    """A union: as large as its largest member."""
    known = list(members)
    if any(member is None for member in known):
        return None
    sizes = [member for member in known if member is not None]
    alignment = max((member.alignment for member in sizes), default=1)
    return Memory(_aligned(max((member.size for member in sizes), default=0), alignment), alignment)


def _aligned(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment
