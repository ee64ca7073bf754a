"""Octets to values: what waits for pointees, and for full pointers that close a circle.

A part of a value is the value, or the steps that make it. What a full pointer leads to is made before its members
when it has pointees of its own, so that those may point back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from .reference_rules import Steps
from .referents import Referents, can_begin, fill


@dataclass(slots=True)
class Referent:
    """What a full pointer's id stands for. there: the value may be pointed to; it may still be without members."""

    shape: object
    path: str = ""
    before: Any = None
    """The object that the request had for this id, None for a new one."""
    there: bool = False
    value: Any = None

    def holds(self, value: Any) -> None:
        """The pointee is there."""
        self.value, self.there = value, True


def deferred(parts: Any) -> bool:
    """Is a part among these that has to be waited for?"""
    return any(isinstance(part, Generator) for part in parts)


def all_of(
    factory: Callable[..., Any],
    parts: dict[str, Any],
    opening: Sequence[Referent] = (),
    call: Referents | None = None,
    make: Callable[..., Any] | None = None,
) -> Steps:
    """A structure, once its pointees are there in the order of the members. make: what makes it, if not `factory`."""
    whole = begun(opening, factory, *parts, call=call)
    for name, part in parts.items():
        if isinstance(part, Generator):
            parts[name] = yield part
    if whole is None:
        return (make or factory)(**parts)
    fill(whole, parts)
    return whole


def list_of(parts: list[Any], opening: Sequence[Referent] = (), call: Referents | None = None) -> Steps:
    """A list, once its pointees are there."""
    whole = begun(opening, list, call=call)
    for index, part in enumerate(parts):
        if isinstance(part, Generator):
            parts[index] = yield part
    if whole is None:
        return parts
    whole[:] = parts
    return whole


def begun(opening: Sequence[Referent], factory: Callable[..., Any], *names: str, call: Referents | None = None) -> Any:
    """A value without its members, for the full pointers that lead to it; None where none do, or it is made whole."""
    if not opening or not can_begin(factory, *names):
        return None
    whole = (call or Referents()).begin([referent.before for referent in opening], factory)
    for referent in opening:
        referent.holds(whole)
    return whole
