"""Octets to values: what waits for pointees, and for full pointers that close a circle.

A part of a value is the value, or the steps that make it, or the Referent that will have it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from .errors import NdrError
from .reference_rules import Place, Steps


@dataclass(slots=True)
class Referent:
    """What a full pointer's id stands for; `waiting` holds places that met it before it was complete."""

    shape: object
    value: Any = None
    complete: bool = False
    waiting: list[tuple[Any, Any]] = field(default_factory=list[tuple[Any, Any]])
    path: str = ""

    def latest(self) -> Any:
        """The pointee, or the referent that still waits for it."""
        if not self.complete:
            return self
        return self.value.latest() if isinstance(self.value, Referent) else self.value


def deferred(parts: Any) -> bool:
    """Is a part among these that has to be waited for?"""
    return any(isinstance(part, Generator) for part in parts)


def all_of(make: Any, parts: dict[str, Any]) -> Steps:
    """A structure, once its pointees are there in the order of the members."""
    for name, part in parts.items():
        if isinstance(part, Generator):
            parts[name] = yield part
    early = {name: part for name, part in parts.items() if isinstance(part, Referent)}
    parts.update(dict.fromkeys(early))
    value = make(**parts)
    for name, referent in early.items():
        referent.waiting.append((value, name))
    return value


def list_of(parts: list[Any]) -> Steps:
    """A list, once its pointees are there."""
    for index, part in enumerate(parts):
        if isinstance(part, Generator):
            parts[index] = yield part
        if isinstance(parts[index], Referent):
            parts[index].waiting.append((parts, index))
    return parts


def put(holder: Any, name: Any, value: Any, place: Place) -> None:
    """Close a circle of full pointers."""
    kind = type(holder).__name__
    try:
        if isinstance(name, int) or isinstance(holder, dict):
            holder[name] = value
        else:
            setattr(holder, name, value)
    except (AttributeError, TypeError) as error:
        raise NdrError(f"a circle through an unchangeable {kind}", path=place.path) from error
