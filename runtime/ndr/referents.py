"""Full pointers: values that are made before what they hold, and objects that a request and its response share.

A pointee that points back to itself has to be there before its members are. A structure is made empty and filled, when
its class lets us: a dataclass that can change, without a `__post_init__`. A list is; a text, a number and what a
conversion makes are not: a circle through one of those is refused.

Both readers and both writers work with these; a type is what they compare, each by its own reckoning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from types import SimpleNamespace
from typing import Any, Final, cast
from uuid import UUID

from .layout_pointers import SHARED, has_identity

ROUND: Final = "referent {:#x} contains itself through a value that is made whole"
OTHER: Final = "referent {:#x} is of another type"
"""What is refused of full pointers, with the referent id."""
PLAIN: Final = (dict, SimpleNamespace)
"""Classes beside dataclasses that the reference reader makes structures of."""
UNCHANGING: Final = SHARED | {UUID}
"""Classes of values that cannot change, and are the same when they are equal."""
EMPTY: Final = (list, *PLAIN)
"""Classes whose empty values need no trick."""


@lru_cache(maxsize=1024)
def can_begin(factory: Callable[..., Any], *names: str) -> bool:
    """Can a factory's value with these members be made before them, and then be filled?"""
    if factory in EMPTY:
        return True
    if not isinstance(factory, type) or not dataclasses.is_dataclass(factory):
        return False
    own = factory.__new__ is object.__new__ and factory.__setattr__ is object.__setattr__
    made: Any = factory
    plain = own and not hasattr(made, "__post_init__") and bool(made.__dataclass_params__.init)
    return plain and {field.name for field in dataclasses.fields(factory)} == set(names)


def fill(value: Any, members: Mapping[str, Any]) -> None:
    """Give a structure that was made empty its members."""
    if isinstance(value, dict):
        cast(dict[str, Any], value).update(members)
        return
    for name, member in members.items():
        setattr(value, name, member)


class Referents:
    """The full pointers of one call, which its request and its response name by the same ids (C706 14.3.12.2).

    A client writes the request with it and reads the response with it: what both name is the same object, with the
    members, or items, of the response. A server reads the request and writes the response: an object that it got keeps
    its id. One that cannot change is the same when it is equal.
    """

    def __init__(self) -> None:
        self.written: dict[tuple[int, object], tuple[int, Any]] = {}
        """What the request's writer numbered, by identity and type: the number and the object, which is kept alive."""
        self.read: dict[int, tuple[object, Any]] = {}
        """What the request's reader made, by number: the type and the object."""
        self._overwritten: list[tuple[Any, Any]] = []

    # For the response

    @cached_property
    def _by_number(self) -> dict[int, tuple[object, Any]]:
        return {number: (kind, value) for (_, kind), (number, value) in self.written.items()}

    def before(self, number: int, kind: object) -> Any:
        """The object of this type that the request had for an id, None for a new one."""
        known, value = self._by_number.get(number, (None, None))
        return value if known == kind else None

    def by_identity(self) -> dict[tuple[int, object], tuple[int, Any]]:
        """What the response's writer may name again."""
        known = self.read.items()
        return {(id(value), kind): (number, value) for number, (kind, value) in known if has_identity(value)}

    # Objects that come again

    def begin(self, before: Sequence[Any], factory: Callable[..., Any]) -> Any:
        """A structure or list without its members: the object that was there before, else a new one."""
        for value in before:
            if type(value) is factory:
                self._overwritten.append((value, _contents(value)))
                return value
        return new(factory)

    def again(self, before: Any, value: Any) -> Any:
        """The object that was there before, which gets what a new one of its class holds; else the new one."""
        if before is value or type(before) is not type(value):
            return value
        kind = cast(Callable[..., Any], type(value))
        if kind in UNCHANGING:
            return before if before == value else value
        if not can_begin(cast(Any, kind), *_names(value)):
            return value
        self.begin([before], kind)
        if isinstance(value, list):
            before[:] = value
        else:
            fill(before, _contents(value))
        return before

    def restore(self) -> None:
        """What the objects held before a response was read that turned out to be wrong."""
        for value, contents in reversed(self._overwritten):
            if isinstance(value, list):
                value[:] = contents
            else:
                fill(value, contents)
        self._overwritten.clear()


class Carried(tuple[Any, ...]):
    """The [in] values of a call, with the referents that its response may name again."""

    referents: Referents

    def __new__(cls, values: Sequence[Any]) -> Carried:
        made = super().__new__(cls, values)
        made.referents = Referents()
        return made


def new(factory: Callable[..., Any]) -> Any:
    """A structure or list without its members; `can_begin` said that there can be one."""
    return factory() if factory in EMPTY else object.__new__(factory)  # type: ignore[arg-type]


def _names(value: Any) -> list[str]:
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    return list(vars(value)) if isinstance(value, SimpleNamespace) else []


def _contents(value: Any) -> Any:
    if isinstance(value, list | dict):
        return cast(list[Any], value).copy()
    return {name: getattr(value, name) for name in _names(value)}
