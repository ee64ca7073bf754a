"""What the reference writer takes from Python values: members, items, code units, and counts left to it.

Rules of this file: values come from the caller and may be anything; what does not fit is an NdrError with
its path. Its counterpart on the wire is `reference_writer.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

from .errors import NdrError
from .expression import invert
from .layout import AUTO, Array, Encoding, Field, Layout, MultiArray, Scalar, String, SwitchIs, WChar
from .layout_samba import Computed
from .reference_rules import Place, counts_of, octets_each, pointed, text_codec


def brief(value: Any) -> str:
    """A value as a message shows it."""
    try:
        text = repr(value)
    except RecursionError:  # a list of many nodes
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 40 else f"{text[:36]} ..."


def is_mapping(value: Any) -> TypeGuard[Mapping[Any, Any]]:
    """Is it a mapping, of anything?"""
    return isinstance(value, Mapping)


def _is_list(value: Any) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    return isinstance(value, list | tuple)


def instead(wanted: str, value: Any) -> str:
    """What is said of a value that is none of the type `wanted`."""
    return f"takes {wanted}, not {'None' if value is None else type(value).__name__}"


def member(value: Any, name: str, path: str, factory: object = None) -> Any:
    """The member `name` of a dataclass, any object with attributes, or a mapping. factory: of what it should be."""
    try:
        return value[name] if is_mapping(value) else getattr(value, name)
    except (KeyError, AttributeError):
        if not isinstance(factory, type) or isinstance(value, factory):
            raise NdrError(f"{brief(value)} has no {name}", path=path) from None
        article = "an" if factory.__name__[0] in "AEIOUaeiou" else "a"
        raise NdrError(instead(f"{article} {factory.__name__}", value), path=path) from None


def members(fields: Sequence[Field], value: Any, path: str, factory: object = None) -> dict[str, Any]:
    """The members by name, AUTO counts filled in from their arrays; what is computed is left as it is."""
    values: dict[str, Any] = {field.name: member(value, field.name, path, factory) for field in fields}
    left_out = [field for field in fields if values[field.name] is AUTO and not isinstance(field.layout, Computed)]
    for name in [field.name for field in left_out]:
        values[name] = _count_for(name, fields, values, path)
    return values


def _count_for(name: str, fields: Sequence[Field], values: Mapping[str, Any], path: str) -> int:
    here = Place(path, values)
    found: set[int | None] = set()
    for field in fields:
        array = pointed(field.layout)
        if isinstance(array, Array | String):
            found.update(_said_of(name, array, values[field.name], here.field(field.name)))
        if isinstance(array, MultiArray):
            found.update(_said_of_dimensions(name, array, values[field.name], here.field(field.name)))
    [count, *others] = found or {None}
    if count is not None and not others:
        return count
    reason = "its arrays contradict each other" if found else "no array determines it: give it a value"
    raise NdrError(reason, path=here.field(name).path)


def _said_of(name: str, array: Array | String, value: Any, place: Place) -> Iterator[int | None]:
    """What one array says of the count `name`, by its size and by its length; None when no integer fits."""
    length = array.length if isinstance(array, Array) else None
    first = (place.known(array.first) or 0) if isinstance(array, Array) and value is not None else 0
    for expression, ahead in ((array.size, first), (length, 0)):
        inverse = None if expression is None else invert(expression)
        if inverse is None or inverse.name != name:
            continue
        if value is None:
            yield max(0, inverse.value(0) or 0)
        else:
            yield inverse.value(ahead + _actual(array, value, place.path))


def _said_of_dimensions(name: str, array: MultiArray, value: Any, place: Place) -> Iterator[int | None]:
    """What the dimensions of an array say of the count `name`."""
    counts = [0] * len(array.dimensions) if value is None else dimension_counts(array, value, place.path)
    for dimension, count in zip(array.dimensions, counts, strict=True):
        first = 0 if value is None else place.known(dimension.first) or 0
        for expression, ahead in ((dimension.size, first), (dimension.length, 0)):
            inverse = None if expression is None else invert(expression)
            if inverse is not None and inverse.name == name:
                yield inverse.value(ahead + (count or 0))


def dimension_counts(array: MultiArray, value: Any, path: str) -> list[int | None]:
    """How many items there are in each dimension; None below one that has none. NdrError when rows differ."""

    def counts(rank: int, value: Any, path: str) -> list[int | None]:
        if rank == 1:
            items = elements(array.element, value, Encoding.NDR, path)
            return [len(items) // (octets_each(array.element) or 1)]
        rows = elements(array, value, Encoding.NDR, path)
        found = [counts(rank - 1, row, f"{path}[{index}]") for index, row in enumerate(rows)]
        if any(row != found[0] for row in found):
            raise NdrError("rows of different lengths in one array", path=path)
        return [len(rows), *(found[0] if found else [None] * (rank - 1))]

    return counts(len(array.dimensions), value, path)


def _actual(array: Array | String, value: Any, path: str) -> int:
    """Items in a value, the terminator of a string among them."""
    if isinstance(array, Array):
        return len(elements(array.element, value, Encoding.NDR, path)) // (octets_each(array.element) or 1)
    if not isinstance(value, str):
        raise NdrError(instead("str", value), path=path)
    return len(encoded(value, array.unit, Encoding.NDR, path)) // array.unit.size(Encoding.NDR) + 1


def elements(element: Layout, value: Any, encoding: Encoding, path: str) -> bytes | list[Any]:
    """The items of an array value: octets of byte arrays and texts, else a list."""
    each = octets_each(element)
    try:
        if each == 2 and isinstance(value, str):
            return encoded(value, WChar, encoding, path)
        if each == 1 and not _is_list(value):
            return memoryview(value).cast("B").tobytes()
        if each == 1:
            return bytes(value)
        if not each and not isinstance(value, str | Mapping):
            return list(value)
    except (TypeError, ValueError) as error:
        raise NdrError(f"{brief(value)} is no array of {element!r}", path=path) from error
    raise NdrError(f"{brief(value)} is no array of {element!r}", path=path)


def encoded(text: str, unit: Scalar, encoding: Encoding, path: str) -> bytes:
    """The code units of a text."""
    try:
        return text.encode(*text_codec(unit, encoding))
    except UnicodeEncodeError as error:
        raise NdrError(f"{brief(text)} cannot be written in {unit!r}", path=path) from error


def determined(fields: Sequence[Field]) -> frozenset[str]:
    """The names of what is computed and of the counts that an array among `fields` determines: they may be left out."""
    found = {field.name for field in fields if isinstance(field.layout, Computed)}
    for field in fields:
        array = pointed(field.layout)
        counted = array.dimensions if isinstance(array, MultiArray) else ()
        said = [*counts_of(array), *(one for each in counted for one in (each.size, each.length) if one is not None)]
        inverses = [invert(expression) for expression in said]
        found.update(inverse.name for inverse in inverses if inverse is not None)
    return frozenset(found)


def correlated_last(fields: Sequence[Field]) -> list[Field]:
    """The fields with the unions and arrays behind those that speak of them."""
    return sorted(fields, key=lambda field: isinstance(pointed(field.layout), Array | MultiArray | SwitchIs))
