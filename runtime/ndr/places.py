"""Where generated code stood when it failed: the field and the offset of an error that only the codec has found.

Code is written a second time, the same line for line, with a mark on each line that says which field it belongs to
(`source.py`). The traceback has the lines, and the variables of the code: the offset, and how many items are there.
That costs nothing until a stub fails, and then as much as writing the code, however long the stub is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence, Sized
from types import CodeType, FrameType, GeneratorType
from typing import Any, Final, NamedTuple

from .errors import NdrError
from .reference_path import ENDS, LONGEST

MAX_REREAD: Final = 1 << 20
"""Stubs up to this size are read again by the reference reader when they fail, for the words that it has for it."""
REREAD_STEPS: Final = 4096
"""Fields that it reads then, at up to 10 us each: a peer that sends nothing but failures gets 40 ms for each at most.

What goes wrong behind them is said in the codec's own words.
"""
_MARK: Final = re.compile(r"  # (\d+)$")

ENDS_HERE: Final = "the stub ends here"
RULES: Final = {
    "a [ref] pointer is null": "C706 14.3.12.1",
    "a NUL inside a text": "C706 14.3.4",
    "a chunk without its negated count": "MS-RPCE 2.2.5.3",
    "a count and its expression disagree": "MS-RPCE 3.1.1.5.3.2.1",
    "a tag and its expression disagree": "MS-RPCE 3.1.1.5.3.2.1.11",
    "a fixed dimension has another maximum count": "C706 14.3.3",
    "a null pointer gives a size": "MS-RPCE 3.1.1.5.3",
    "an array is sent from an offset on": "MS-RPCE 3.1.1.5.3.2.1.7",
    "an array is sent in part": "MS-RPCE 3.1.1.5.3.2.1.8",
    "more rows than the stub can hold": "C706 14.3.3",
    "no value of a 16-bit enumeration": "MS-RPCE 2.2.5.2",
    "no value of the enumeration": "C706 14.2.5",
    "offset and actual count exceed the maximum": "C706 14.3.3.4",
    "outside its range": "MS-RPCE 3.1.1.5.3.2.2.4",
    "string counts or terminator": "C706 14.3.4.2",
    "the count exceeds the stub or the item budget": "C706 14.3.3",
    "the count is outside its range": "MS-RPCE 3.1.1.5.3.3.1.3",
    ENDS_HERE: "MS-RPCE 3.1.1.5.3.2.2.3",
    "the stub ends inside an array": "C706 14.3.3",
    "the tag selects no arm": "C706 14.3.8",
}
"""The paragraphs behind the reasons that generated code gives."""


class Run(NamedTuple):
    """A field that is read together with others: its path, its place among them, its octets."""

    path: tuple[str, ...]
    offset: int
    size: int


class Places:
    """What the marks of lines stand for."""

    def __init__(self) -> None:
        self._paths: list[tuple[tuple[str, ...], list[Run]]] = []
        self._run: list[Run] = []

    def mark(self, path: Sequence[str]) -> str:
        """The mark of a line of a field; the fields that were told last are read there, if it reads any."""
        self._paths.append((tuple(path), self._run))
        return f"  # {len(self._paths) - 1}"

    def field(self, path: Sequence[str], offset: int, size: int) -> None:
        """A field of the next line, so many octets behind where that starts to read."""
        if not offset:
            self._run = []
        self._run.append(Run(tuple(path), offset, size))

    def of(self, line: str) -> tuple[tuple[str, ...], list[Run]]:
        """The path of a line, and the fields that it reads."""
        mark = _MARK.search(line)
        return ((), []) if mark is None else self._paths[int(mark[1])]


def located(failure: Exception, lines: Sequence[str], places: Places, size: int) -> NdrError:
    """The error of a codec's code, with its field and offset; `lines` of the code, `size` of the stub."""
    steps: list[str] = []
    offset, run, variables = 0, list[Run](), dict[str, Any]()
    path: tuple[str, ...] = ()
    known = False
    for line, variables in _frames(failure):
        steps += path
        path, run = places.of(lines[line - 1]) if line else ((f".<{variables['more']:,} more>",), [])
        at = variables.get("o")
        known |= isinstance(at, int)
        offset = at if isinstance(at, int) else offset
        path = tuple(_counted(step, variables) for step in path)
    if isinstance(failure, struct.error):
        missing = next((field for field in run if offset + field.offset + field.size > size), Run(path, 0, 0))
        path, offset = tuple(_counted(step, variables) for step in missing.path), offset + missing.offset
    elif not known:  # all was read at once
        offset = next((field.offset + field.size for field in run if field.path == path), 0)
    return _error(failure, _joined([*steps, *path]), min(size, offset))


def _error(failure: Exception, path: str, offset: int) -> NdrError:
    if isinstance(failure, NdrError):
        rule = failure.rule or RULES.get(failure.reason, "")
        return NdrError(failure.reason, path=path, offset=offset, rule=rule, status=failure.status)
    reason = ENDS_HERE if isinstance(failure, struct.error) else f"{type(failure).__name__}: {failure}"
    return NdrError(reason, path=path, offset=offset, rule=RULES.get(reason, ""))


def _frames(failure: Exception) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines that generated code was at, the outermost first, with its variables; line 0 for those left out."""
    trace = failure.__traceback__
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_name == "_run":
            waiting: list[GeneratorType[Any, Any, Any]] = frame.f_locals.get("stack", [])
            if len(waiting) > LONGEST:
                yield from _suspended(waiting[:ENDS])
                yield 0, {"more": len(waiting) - 2 * ENDS}
                waiting = waiting[-ENDS:]
            yield from _suspended(waiting)
        if _is_generated(frame.f_code) and not _is_comprehension(frame):
            yield trace.tb_lineno, frame.f_locals
        trace = trace.tb_next


def _suspended(generators: list[GeneratorType[Any, Any, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    frames = (generator.gi_frame for generator in generators)
    return ((frame.f_lineno, frame.f_locals) for frame in frames if frame is not None)


def _is_generated(code: CodeType) -> bool:
    return code.co_filename == "<codec decode>"


def _is_comprehension(frame: FrameType) -> bool:
    return frame.f_code.co_name.startswith("<")


def _counted(step: str, variables: dict[str, Any]) -> str:
    """A step, with the number of the item where it names a list that has those before it."""
    if not step.startswith("[") or step[1:-1].isdigit():
        return step
    items: object = variables.get(step[1:-1])
    return f"[{len(items)}]" if isinstance(items, Sized) else "[]"


def _joined(steps: list[str]) -> str:
    """The path; the middle of a long one is left out."""
    if len(steps) > LONGEST:
        steps = [*steps[:ENDS], f".<{len(steps) - 2 * ENDS:,} more>", *steps[-ENDS:]]
    return "".join(steps).removeprefix(".")
