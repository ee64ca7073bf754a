"""Conversions between the values of a program and those that travel: a hook that the program sets.

A stub makes one for each type with [transmit_as], [represent_as], [wire_marshal] or [user_marshal] (C706 4.2.9.5);
`Converted` in `layout.py` says where it applies. It is looked up at each call: it may be set at any time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import NdrError


def _same(value: Any) -> Any:
    return value


class Conversion:
    """A pair of functions: `to_wire` gives what travels for a value, `from_wire` the value; identity until `use`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.to_wire: Callable[[Any], Any] = _same
        self.from_wire: Callable[[Any], Any] = _same
        self.json: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None
        """The JSON form of a value, and the value of one; None for that of what travels."""

    def __repr__(self) -> str:
        return f"Conversion({self.name!r})"

    def use(
        self, *, to_wire: Callable[[Any], Any] | None = None, from_wire: Callable[[Any], Any] | None = None
    ) -> Conversion:
        """Set one function or both; gives the conversion itself."""
        self.to_wire = to_wire or self.to_wire
        self.from_wire = from_wire or self.from_wire
        return self

    # What the readers call

    def outward(self, value: Any) -> Any:
        """What travels for `value`. NdrError for whatever the function raises."""
        try:
            return self.to_wire(value)
        except Exception as error:  # the program's own function, on a value that may be a peer's
            raise self._failed(error) from error

    def inward(self, value: Any) -> Any:
        """The value for what travelled. NdrError for whatever the function raises."""
        try:
            return self.from_wire(value)
        except Exception as error:  # as above
            raise self._failed(error) from error

    def to_json(self, value: Any) -> Any:
        """The JSON form of a value, where the conversion has one. NdrError as above."""
        return self._by_json(0, value)

    def from_json(self, data: Any) -> Any:
        """The value of a JSON form, where the conversion has one. NdrError as above."""
        return self._by_json(1, data)

    def _by_json(self, which: int, value: Any) -> Any:
        try:
            return (self.json or (_same, _same))[which](value)
        except Exception as error:  # as above
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> NdrError:
        return NdrError(f"conversion {self.name}: {str(error) or type(error).__name__}")
