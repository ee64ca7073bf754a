"""Type serialization for programs: values of a stub's types as octets that stand alone, and back.

    info = lrpc.deserialize(pac.KERB_VALIDATION_INFO | None, octets)
    octets = lrpc.serialize(stock.Item, stock.Item(7, 40), version=2)

A type is a class of a stub, `Class | None` for a unique pointer to it, or a layout, as in a stub's `__layouts__`; a
tuple of types is several values in one stream. The octets are those of `ndr/type_serialization.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, get_args, overload

from .ndr.compiler import Octets
from .ndr.errors import NdrError
from .ndr.layout import BitSet, EncapsulatedUnion, Encoding, Enum, Layout, Struct, UniquePtr
from .ndr.layout_samba import Based, Flagged
from .ndr.type_serialization import NO_INTERFACE, StreamReader, StreamWriter
from .operation import Interface
from .status import ArgumentError, BadStubData, Ran

T = TypeVar("T")
Type: TypeAlias = Any
"""A type as above: a class, what Python makes of `Class | None`, or a layout. Type checkers have no word for it."""

_ENCODINGS = {("ndr", "little"): Encoding.NDR, ("ndr", "big"): Encoding.NDR_BIG, ("ndr64", "little"): Encoding.NDR64}


def serialize(
    kind: Type,
    value: Any,
    *,
    version: int = 1,
    syntax: Literal["ndr", "ndr64"] | None = None,
    order: Literal["little", "big"] = "little",
    interface: Interface | None = None,
) -> bytes:
    """The octets of a value; of as many values as there are types where `kind` is a tuple.

    syntax: NDR unless given for version 1, which has no other; NDR64 for version 2. order: version 2 is little-endian.
    interface: which one version 2 says the types are of.

    Raises ArgumentError when a value does not fit its type, and for types that mean something in a call only: context
    handles, pipes. TypeError for what is no type; ValueError for words that do not go together.
    """
    encoding = _ENCODINGS.get((syntax or ("ndr" if version == 1 else "ndr64"), order))
    if encoding is None:
        raise ValueError("NDR64 is little-endian")
    known = NO_INTERFACE if interface is None else (interface.uuid, interface.version)
    writer = StreamWriter(version, encoding, interface=known)
    layouts = _layouts(kind)
    values = value if isinstance(kind, tuple) else (value,)
    if len(layouts) != len(values):
        raise ArgumentError(f"{len(values)} values for {len(layouts)} types")
    try:
        for layout, one in zip(layouts, values, strict=True):
            writer.write(layout, one)
    except NdrError as error:
        raise ArgumentError(str(error)) from error
    return writer.octets


@overload
def deserialize(kind: type[T], octets: Octets) -> T: ...
@overload
def deserialize(kind: Type, octets: Octets) -> Any: ...
def deserialize(kind: Type, octets: Octets) -> Any:
    """The value in octets; a tuple of values where `kind` is a tuple. Version, syntax and byte order are in the octets.

    Octets behind the last value are not looked at. Raises BadStubData when the octets are no such stream, TypeError for
    what is no type.
    """
    layouts = _layouts(kind)
    try:
        reader = StreamReader(octets)
        values = tuple(reader.read(layout) for layout in layouts)
    except NdrError as error:
        raise BadStubData(str(error), ran=Ran.NO) from error
    return values if isinstance(kind, tuple) else values[0]


def _layouts(kind: Type) -> list[Layout]:
    kinds: tuple[Type, ...] = kind if isinstance(kind, tuple) else (kind,)  # pyright: ignore[reportUnknownVariableType]
    return [layout_of(one) for one in kinds]


@lru_cache(maxsize=256)
def layout_of(kind: Type) -> Layout:
    """The layout of a type: of a class of a stub, of `Class | None`, or of a layout itself. TypeError for any other."""
    if isinstance(kind, Layout):
        return kind
    if isinstance(kind, UnionType):
        arms = [arm for arm in get_args(kind) if arm is not NoneType]
        if len(arms) == 1:
            return UniquePtr(layout_of(arms[0]))
    elif isinstance(kind, type):
        layouts: Mapping[str, Layout] = getattr(sys.modules.get(kind.__module__), "__layouts__", {})
        for layout in layouts.values():
            if _class_of(layout) is kind:
                return layout
    raise TypeError(f"{kind!r} is no type of a stub")


def _class_of(layout: Layout) -> Any:
    while isinstance(layout, Based | Flagged):
        layout = layout.layout
    match layout:
        case Struct(factory=factory) | EncapsulatedUnion(factory=factory):
            return factory
        case Enum(members=members) | BitSet(members=members):
            return members
        case _:
            return None
