"""The reference reader: construct's `parse` and `build` of a layout.

Slow and obvious: it follows the rules line by line, says which one was broken, and can list every octet
with what it is (`trace`). Tests hold the codec compiler against it; calls never come here.

`reference_reader.py` reads, `reference_writer.py` writes, `reference_rules.py` is what both go by.
"""

from __future__ import annotations

import sys
from typing import Any

from .layout import Encoding, Layout, Parameters
from .reference_reader import Reader
from .reference_rules import Observer, Span
from .reference_writer import Writer
from .strictness import ALONE, DEFAULT

__all__ = ["Observer", "Span", "build", "parse"]


def parse(layout: Layout, stream: Any, context: Any, path: str) -> Any:
    """The value at the stream's position, which is the start of the stub; the stream is left behind it.

    Keywords given to `layout.parse`: encoding (Encoding.NDR unless given); outer, the values of the
    other direction by name; trace, a list that takes a Span for each field (an Observer is told more);
    referents, the full pointers of the call, for its request and then for its response; strictness, what is overlooked
    (DEFAULT for parameters, ALONE for a type); steps, OutOfSteps after so many fields.
    Raises NdrError for any octets that are no such value.
    """
    given = _given(context)
    start = stream.tell()
    reader = Reader(stream.read(), given.get("encoding", Encoding.NDR), given.get("trace"), given.get("referents"))
    reader.strictness = given.get("strictness", DEFAULT if isinstance(layout, Parameters) else ALONE)
    reader.steps_left = given.get("steps", sys.maxsize)
    value = reader.read(layout, _field_path(path), given.get("outer"))
    stream.seek(start + reader.position)
    return value


def build(layout: Layout, value: Any, stream: Any, context: Any, path: str) -> Any:
    """Write the value; nothing is written when it does not fit. Keywords and errors as in `parse`."""
    given = _given(context)
    writer = Writer(given.get("encoding", Encoding.NDR), given.get("trace"), given.get("referents"))
    writer.write(layout, value, _field_path(path), given.get("outer"))
    stream.write(bytes(writer.octets))
    return value


def _given(context: Any) -> Any:
    """The keywords of the outermost call, from any depth of a construct."""
    return context.get("_params", context)


def _field_path(path: str) -> str:
    """`(parsing) -> record -> name` of construct as `record.name`."""
    return path.partition(" -> ")[2].replace(" -> ", ".")
