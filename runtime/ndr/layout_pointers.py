"""The vocabulary: pointers, what stands for one, and the identity that full pointers go by.

The words are imported from `layout.py`, whose rules hold here too. Source: C706 14.3.12.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final, TypeVar

from .layout_scalars import Layout


class Pointer(Layout):
    """A pointer; `target` may be a function that gives the layout, for types that contain themselves.

    A top-level [ref] pointer has no word: the parameter is its target. lenient: [disable_consistency_check], a null
    pointer may stand beside a size that is not 0 (MS-RPCE 3.1.1.5.3.3).
    """

    def __init__(self, target: Layout | Callable[[], Layout], *, lenient: bool = False) -> None:
        super().__init__()
        self._target = target
        self.lenient = lenient

    @property
    def target(self) -> Layout:
        """What is pointed to."""
        if not isinstance(self._target, Layout):
            self._target = self._target()
        return self._target


class RefPtr(Pointer):
    """An embedded [ref] pointer: a placeholder, then the deferred pointee; never null (C706 14.3.12.1)."""


class UniquePtr(Pointer):
    """A [unique] pointer: a referent id, then the deferred pointee; None when null (C706 14.3.12.2)."""


class FullPtr(Pointer):
    """A full pointer ([ptr]): as UniquePtr, and a pointee met again is sent once (C706 14.3.12.2).

    Python identity says what is the same: dataclass instances and lists by themselves, an int, float, str
    or bytes when it was made by `shared(value)`. A pointee may point back to itself (`referents.py`).
    """


class Ignored(Layout):
    """An [ignore] pointer: a placeholder as large as a pointer, never followed by a pointee.

    The value is None; the placeholder is written as 0, and any is accepted.
    """


class Mark(Layout):
    """A [partial_ignore] pointer in a request: whether there is one, without its pointee.

    The value is true or not; it reads as True or None.
    """


class SharedInt(int):
    """An int with an identity, for full pointers."""


class SharedFloat(float):
    """A float with an identity, for full pointers."""


class SharedStr(str):
    """A str with an identity, for full pointers."""

    __slots__ = ()


class SharedBytes(bytes):
    """A bytes with an identity, for full pointers."""


T = TypeVar("T")
_BOXES: Final[dict[type, type]] = {
    int: SharedInt,
    float: SharedFloat,
    str: SharedStr,
    bytes: SharedBytes,
}
SHARED: Final = frozenset(_BOXES.values())
"""Types of the values that `shared` makes."""
UNSHARED: Final = frozenset((int, float, str, bytes, bool, type(None)))
"""Types whose instances Python may merge: their identity says nothing."""


def shared(value: T) -> T:
    """Give an int, float, str or bytes an identity, so that two full pointers can share it."""
    box = _BOXES.get(type(value))
    return value if box is None else box(value)


def has_identity(value: Any) -> bool:
    """Can two full pointers share this value? Not one of those that Python merges as it likes."""
    return type(value) not in UNSHARED and not isinstance(value, enum.Enum | tuple)
