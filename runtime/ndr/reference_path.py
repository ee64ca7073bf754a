"""The path of a field as a walk makes it: step by step, and text only for who asks.

Rule of this file: a step and its text cost the same at any depth, so the middle of a long path is left out.
"""

from __future__ import annotations

from typing import Final

LONGEST: Final = 24
"""Steps of a path that are all shown."""
ENDS: Final = 8
"""Steps that are shown at each end of a longer one."""


class Trail:
    """A step, `.name` or `[3]`, and what was before it: another one, or the text that a walk began with."""

    __slots__ = ("_head", "_length", "_outer", "_step")

    def __init__(self, outer: Trail | str, step: str) -> None:
        self._outer = outer
        self._step = step
        self._length: int = outer._length + 1 if isinstance(outer, Trail) else 1
        self._head: str = outer._head if isinstance(outer, Trail) else ""
        """The text of the first steps, from the step that follows them on."""
        if self._length == ENDS + 1:
            self._head = str(outer)

    def __str__(self) -> str:
        if self._length <= LONGEST:
            return self._last(self._length)
        return f"{self._head}.<{self._length - 2 * ENDS:,} more>{self._last(ENDS)}"

    @property
    def length(self) -> int:
        """How many steps there are."""
        return self._length

    def whole(self) -> str:
        """The text of all steps, which costs as much as there are."""
        return self._last(self._length)

    def _last(self, steps: int) -> str:
        """The text of the last steps, and of what was before all of them."""
        found: list[str] = []
        at: Trail | str = self
        for _ in range(steps):
            assert isinstance(at, Trail)
            found.append(at._step)
            at = at._outer
        found.append(at if isinstance(at, str) else "")
        text = "".join(reversed(found))
        return text if isinstance(at, Trail) else text.removeprefix(".")
