"""System handles in a call: values with descriptors, numbers in the stub, and the descriptors beside it.

What carries them are the octets themselves: parts that go out with descriptors are `HandledParts`, a message and a
stub with handles are `Handled`. Only LRPC has room for them; a client refuses to make such a call by any other way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..transports.alpc.handles import Handle, ObjectType, Sendable, object_type
from .ndr.budget import MAX_ITEMS
from .ndr.compiler import Codec, Octets
from .ndr.errors import NdrError
from .ndr.layout import Field
from .ndr.layout_system import SystemHandle

OctetsT = TypeVar("OctetsT", bound=Octets)


class HandledParts(list[Octets]):
    """The parts of a stub, and the descriptors that go beside it."""

    def __init__(self, parts: Iterable[Octets], descriptors: Sequence[Sendable]) -> None:
        super().__init__(parts)
        self.descriptors = descriptors


class Handled(bytes):
    """Octets, and the handles that came beside them, or the descriptors that are to go."""

    handles: Sequence[Any]


class HandledCodec(Codec):
    """The codec of an operation with system handles."""

    __slots__ = ()

    def encode(self, values: Sequence[Any], outer: Sequence[Any] = ()) -> list[Octets]:
        """The parts of the stub, with descriptors beside them."""
        found: list[Sendable] = []
        numbers = [_number(field, value, found) for field, value in zip(self.parameters.fields, values, strict=False)]
        parts = super().encode((*numbers, *values[len(numbers) :]), outer)
        return HandledParts(parts, found) if found else parts

    def decode(
        self, stub: Octets, outer: Sequence[Any] = (), octets: Callable[[Any], Any] = bytes, items: int = MAX_ITEMS
    ) -> tuple[Any, ...]:
        """The values, with the handles that came beside the stub, each of which is one parameter's."""
        values = super().decode(stub, outer, octets, items)
        handles: list[Handle | None] = [*beside(stub)]
        return tuple(_handle(*pair, handles) for pair in zip(self.parameters.fields, values, strict=True))


def beside(octets: object) -> Sequence[Any]:
    """What travels beside octets, or the parts of a stub."""
    if isinstance(octets, HandledParts):
        return octets.descriptors
    return octets.handles if isinstance(octets, Handled) else ()


def accompanied(octets: OctetsT, handles: Sequence[Any]) -> OctetsT | Handled:
    """The octets, with these if there are any."""
    if not handles:
        return octets
    made = Handled(octets)
    made.handles = handles
    return made


def _number(field: Field, value: Any, found: list[Sendable]) -> Any:
    if not isinstance(field.layout, SystemHandle):
        return value
    if value is None:
        return 0
    if isinstance(value, bool) or not (isinstance(value, int) or hasattr(value, "fileno")):
        raise NdrError(f"{value!r} is no descriptor, and has none", path=field.name)
    try:
        kind = object_type(value if isinstance(value, int) else value.fileno())
    except (OSError, ValueError, TypeError, OverflowError) as error:  # the port would end the connection for it
        raise NdrError(f"{value!r}: {error}", path=field.name) from error
    _check_kind(field, field.layout, kind)
    found.append(value)
    return len(found)


def _check_kind(field: Field, layout: SystemHandle, kind: ObjectType) -> None:
    if not kind & layout.object_types:
        raise NdrError(f"{kind.name}, where {layout!r} belongs", path=field.name)


def _handle(field: Field, value: Any, handles: list[Handle | None]) -> Any:
    if not isinstance(field.layout, SystemHandle) or not value:
        return None if isinstance(field.layout, SystemHandle) else value
    place: int = value - 1
    handle = handles[place] if place < len(handles) else None
    if handle is None:
        raise NdrError(f"handle {value}, where {len(handles)} came", path=field.name)
    _check_kind(field, field.layout, handle.type)
    handles[place] = None
    return handle
