"""Values as JSON: what a person types and reads, and what vectors are kept in.

Integers and enumerations are numbers (names of enumerators are taken too), texts are strings, byte arrays
and other arrays are lists, structures and parameters are objects, null pointers are null. Beyond that:
- bits with names are a number; "read|write" is taken too;
- a pipe is a list of its chunks, each a list, the last of them empty;
- what a conversion makes is in the form of what travels, an interface pointer the list of its octets;
- a UUID is its text; a context handle is {"attributes": 0, "uuid": "..."} or null;
- what an offset leads to and what is in a context is in its place, a computed member may be left out;
- a SID structure is {"sid": "S-1-5-32-544"};
- the sent part of an array with [first_is] is {"offset": 1, "data": [8, 9]};
- a full pointer to what was met before is "alias of a", the member of the same structure, or
  "alias of .p.a", the path from the outermost value; what is behind very many pointers is apart, and
  {"$ref": 3} stands for it (`json_pointers.py`);
- floats that JSON does not have are "nan", "inf", "-inf".

Rules of this file: it knows no octets; a form that is wrong is an NdrError with its path.
"""

from __future__ import annotations

import itertools
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .errors import NdrError
from .expression import Number
from .json_pointers import ALIAS, REF, Given, Written
from .json_sid import with_sid, without_sid
from .layout import (
    AUTO,
    Array,
    BitSet,
    Boolean,
    Byte,
    ContextHandle,
    Conversion,
    Converted,
    Dimension,
    EncapsulatedUnion,
    Encoding,
    Enum,
    Field,
    FullPtr,
    Guid,
    Ignored,
    InterfacePtr,
    Layout,
    Mark,
    MultiArray,
    NoArm,
    Parameters,
    Pipe,
    PipeItems,
    PipeOctets,
    Pointer,
    Range,
    RefPtr,
    Scalar,
    String,
    Struct,
    SwitchIs,
    Union,
    shared,
)
from .layout_octets import Octets
from .layout_samba import Based, Computed, Flagged, Relative, Subcontext
from .reference_deferred import begun
from .reference_rules import Place, Steps, octets_each, parameters_place, settle, unreadable
from .reference_values import brief, correlated_last, determined, elements, is_mapping, member
from .referents import fill


def to_json(layout: Layout, value: Any, *, outer: Mapping[str, object] | None = None) -> Any:
    """The JSON form of a value of `layout`; `outer`: the values of the other direction, for parameters.

    Raises NdrError, with the path, for what is no such value.
    """
    walk = _ToJson(layout)
    return walk.pointees.whole(settle(walk.form(layout, value, parameters_place("", {}, outer))))


def from_json(layout: Layout, data: Any, *, outer: Mapping[str, object] | None = None) -> Any:
    """The value that a JSON form stands for. Counts that an array determines may be left out.

    Raises NdrError, with the path, for missing and unknown members and for wrong types. Ranges and
    counts are the encoders' to check.
    """
    walk = _FromJson(data)
    value = settle(walk.value(layout, walk.pointees.value, parameters_place("", {}, outer)))
    walk.pointees.finish()
    return value


class _ToJson:
    """One walk."""

    def __init__(self, root: Layout) -> None:
        self.pointees = Written(root)

    def form(self, layout: Layout, value: Any, place: Place) -> Steps:
        match layout:
            case Scalar():
                return _number(layout, value, place)
            case Range():
                return _number(layout.layout, value, place)
            case Guid():
                return str(_typed(value, uuid.UUID, "UUID", place))
            case ContextHandle():
                return _context_form(value, place)
            case String():
                return _typed(value, str, "text", place)
            case Struct():
                return with_sid(layout, (yield self._members(layout.fields, value, place)))
            case Parameters():
                return (yield self._members(layout.fields, value, place))
            case SwitchIs():
                return (yield self._arm(layout.union, place.known(layout.switch), value, place))
            case EncapsulatedUnion():
                return (yield self._encapsulated(layout, value, place))
            case Array():
                return (yield self._array(layout, value, place))
            case MultiArray():
                return (yield self._rows(layout, layout.dimensions, value, place))
            case Pipe():
                return (yield self._pipe(layout, value, place))
            case InterfacePtr():
                return list(elements(Byte, value, Encoding.NDR, place.path))
            case Converted(conversion=Conversion(json=tuple())):
                return _at(place, layout.conversion.to_json, value)
            case Converted():
                return (yield self.form(layout.layout, _at(place, layout.conversion.outward, value), place))
            case Ignored() | Mark():
                return _placeholder(layout, value, place)
            case Flagged() | Based() | Subcontext() | Computed():
                return (yield self.form(layout.layout, value, place))
            case Octets():
                _at(place, lambda value: layout.outward(value, 0, Encoding.NDR), value)
                return value if isinstance(value, str) else list(value)
            case Pointer() | Relative():
                return (yield self._pointee(layout, value, place))
            case _:
                raise unreadable(layout, place.path)

    def _members(self, fields: Sequence[Field], value: Any, place: Place) -> Steps:
        path = place.path
        values = {field.name: member(value, field.name, path) for field in fields}
        inside = place.among(values)
        data: dict[str, Any] = {}
        for field in correlated_last(fields):  # so they are read, and aliases lead to what was met before
            if values[field.name] is not AUTO:
                data[field.name] = yield self.form(field.layout, values[field.name], inside.field(field.name))
        return {field.name: data[field.name] for field in fields if field.name in data}

    def _arm(self, union: Union, tag: Any, value: Any, place: Place) -> Steps:
        arm = _selected(union, tag, place)
        return None if arm is None else (yield self.form(arm, value, place))

    def _encapsulated(self, layout: EncapsulatedUnion, value: Any, place: Place) -> Steps:
        tag = _number(layout.union.tag, member(value, layout.tag, place.path), place.field(layout.tag))
        arm = member(value, layout.name, place.path)
        return {layout.tag: tag, layout.name: (yield self._arm(layout.union, tag, arm, place.field(layout.name)))}

    def _array(self, layout: Array, value: Any, place: Place) -> Steps:
        data = yield self._row(layout.element, value, place)
        if not _starts_elsewhere(layout):
            return data
        offset = place.known(layout.first)
        return {"data": data} if offset is None else {"offset": offset, "data": data}

    def _row(self, element: Layout, value: Any, place: Place) -> Steps:
        if octets_each(element) == 2:
            return _typed(value, str, "text", place)
        data = list(elements(element, value, Encoding.NDR, place.path))
        if not octets_each(element):
            for index, item in enumerate(data):
                data[index] = yield self.form(element, item, place.item(index))
        return data

    def _rows(self, layout: MultiArray, dimensions: Sequence[Dimension], value: Any, place: Place) -> Steps:
        if len(dimensions) == 1:
            return (yield self._row(layout.element, value, place))
        rows = elements(layout, value, Encoding.NDR, place.path)
        data: list[Any] = []
        for index, row in enumerate(rows):
            data.append((yield self._rows(layout, dimensions[1:], row, place.item(index))))
        return data

    def _pipe(self, layout: Pipe, value: Any, place: Place) -> Steps:
        chunks = _at(place, lambda value: list(layout.chunks(value)), value)
        for index, chunk in enumerate(chunks):
            chunks[index] = yield self._row(layout.chunk.element, chunk, place.item(index))
        return [*chunks, []]

    def _pointee(self, layout: Pointer | Relative, value: Any, place: Place) -> Steps:
        if value is None and not isinstance(layout, RefPtr):
            return None
        alias = self.pointees.alias(layout, value, place) if isinstance(layout, FullPtr) else None
        if alias is not None:
            return alias
        place, index = self.pointees.begin(layout, value, place)
        data = yield self.form(layout.target, value, place)
        if index is not None:
            self.pointees.apart[index] = data
            return {REF: index}
        wrapped = isinstance(layout, FullPtr) and isinstance(data, str) and data.startswith(ALIAS)
        return {"text": data} if wrapped else data


class _FromJson:
    """One walk."""

    def __init__(self, data: Any) -> None:
        self.pointees = Given(data)

    def value(self, layout: Layout, data: Any, place: Place) -> Steps:
        match layout:
            case Scalar():
                return _scalar(layout, data, place)
            case Range():
                return _scalar(layout.layout, data, place)
            case Guid():
                return _uuid(data, place)
            case ContextHandle():
                return _context_value(data, place)
            case String():
                return _typed(data, str, "text", place)
            case Struct():
                return (yield self._structure(layout, data, place))
            case Parameters():
                return (yield self._members(layout.fields, data, place))
            case SwitchIs():
                return (yield self._arm(layout.union, place.known(layout.switch), data, place))
            case EncapsulatedUnion():
                return (yield self._encapsulated(layout, data, place))
            case Array():
                return (yield self._array(layout, data, place))
            case MultiArray():
                return (yield self._rows(layout, layout.dimensions, data, place))
            case Pipe():
                return (yield self._pipe(layout, data, place))
            case InterfacePtr():
                return (yield self._row(Byte, data, place))
            case Converted(conversion=Conversion(json=tuple())):
                return _at(place, layout.conversion.from_json, data)
            case Converted():
                return _at(place, layout.conversion.inward, (yield self.value(layout.layout, data, place.closed())))
            case Ignored() | Mark():
                return _placeholder(layout, data, place)
            case Flagged() | Based() | Subcontext() | Computed():
                return (yield self.value(layout.layout, data, place))
            case Octets():
                return (yield self._octets(layout, data, place))
            case Pointer() | Relative():
                return (yield self._pointee(layout, data, place))
            case _:
                raise unreadable(layout, place.path)

    def _structure(self, layout: Struct, data: Any, place: Place) -> Steps:
        whole = begun(place.opening, layout.factory, *(field.name for field in layout.fields))
        values = yield self._members(layout.fields, without_sid(layout, data, place.path), place)
        if whole is None:
            return layout.factory(**values)
        fill(whole, values)
        return whole

    def _members(self, fields: Sequence[Field], data: Any, place: Place) -> Steps:
        given = _object(data, [field.name for field in fields], place, optional=determined(fields))
        values: dict[str, Any] = {}
        inside = place.among(values)
        for field in correlated_last(fields):
            here = inside.field(field.name)
            values[field.name] = (
                (yield self.value(field.layout, given[field.name], here)) if field.name in given else AUTO
            )
        return {field.name: values[field.name] for field in fields}

    def _arm(self, union: Union, tag: Any, data: Any, place: Place) -> Steps:
        arm = _selected(union, tag, place)
        if arm is None and data is not None:
            raise NdrError(f"the arm for tag {tag} holds nothing", path=place.path)
        return None if arm is None else (yield self.value(arm, data, place))

    def _encapsulated(self, layout: EncapsulatedUnion, data: Any, place: Place) -> Steps:
        given = _object(data, [layout.tag, layout.name], place)
        tag = _scalar(layout.union.tag, given[layout.tag], place.field(layout.tag))
        whole = begun(place.opening, layout.factory, layout.tag, layout.name)
        arm = yield self._arm(layout.union, tag, given[layout.name], place.field(layout.name))
        if whole is None:
            return layout.factory(tag, arm)
        fill(whole, {layout.tag: tag, layout.name: arm})
        return whole

    def _array(self, layout: Array, data: Any, place: Place) -> Steps:
        if _starts_elsewhere(layout):
            data = _sent_part(layout, data, place)
        return (yield self._row(layout.element, data, place))

    def _row(self, element: Layout, data: Any, place: Place) -> Steps:
        each = octets_each(element)
        if each == 2:
            return _typed(data, str, "text", place)
        items = list(_typed(data, list, "list", place))
        whole = None if each else begun(place.opening, list)
        for index, item in enumerate(items):
            items[index] = yield self.value(element, item, place.item(index))
            if each and not 0 <= items[index] <= 255:
                raise NdrError(f"{items[index]} is no octet", path=place.item(index).path)
        return bytes(items) if each else _filled(whole, items)

    def _octets(self, layout: Octets, data: Any, place: Place) -> Steps:
        value = (
            (yield self._row(Byte, data, place)) if layout.kind is bytes else _typed(data, layout.kind, "text", place)
        )
        _at(place, lambda value: layout.outward(value, 0, Encoding.NDR), value)
        return value

    def _rows(self, layout: MultiArray, dimensions: Sequence[Dimension], data: Any, place: Place) -> Steps:
        if len(dimensions) == 1:
            return (yield self._row(layout.element, data, place))
        rows = list(_typed(data, list, "list", place))
        whole = begun(place.opening, list)
        for index, row in enumerate(rows):
            rows[index] = yield self._rows(layout, dimensions[1:], row, place.item(index))
        return _filled(whole, rows)

    def _pipe(self, layout: Pipe, data: Any, place: Place) -> Steps:
        chunks = list(_typed(data, list, "list of chunks", place))
        for index, chunk in enumerate(chunks):
            chunks[index] = yield self._row(layout.chunk.element, chunk, place.item(index))
            if not chunks[index] and index < len(chunks) - 1:
                raise NdrError("an empty chunk ends a pipe, and this is not the last", path=place.item(index).path)
        items = itertools.chain.from_iterable(chunks)
        value = PipeOctets(items) if layout.octets else PipeItems(items)
        value.counts = [len(chunk) for chunk in chunks if chunk]
        return value

    def _pointee(self, layout: Pointer | Relative, data: Any, place: Place) -> Steps:
        if data is None and not isinstance(layout, RefPtr):
            return None
        if not isinstance(layout, FullPtr):
            return (yield self.value(layout.target, *self.pointees.begin(layout, data, place)))
        known = self.pointees.met(layout, data, place)
        if known is not None:
            return known.value
        if is_mapping(data) and set(data) == {"text"} and not isinstance(layout.target, Struct):
            data = data["text"]
        data, place = self.pointees.begin(layout, data, place)
        value = shared((yield self.value(layout.target, data, place)))
        place.opening[-1].holds(value)
        return value


def _filled(whole: list[Any] | None, items: list[Any]) -> list[Any]:
    """The list that full pointers lead to, with its items."""
    if whole is None:
        return items
    whole[:] = items
    return whole


# Objects and types


def _typed(value: Any, kind: Any, name: str, place: Place) -> Any:
    if not isinstance(value, kind):
        article = "an" if name[0] in "aeio" else "a"
        raise NdrError(f"{brief(value)} where {article} {name} is needed", path=place.path)
    return value


def _object(data: Any, names: Sequence[str], place: Place, *, optional: frozenset[str] = frozenset()) -> Any:
    """A JSON object with exactly these members."""
    _typed(data, Mapping, "object", place)
    for name in data:
        if name not in names:
            raise NdrError("is no member here", path=place.field(str(name)).path)
    for name in names:
        if name not in data and name not in optional:
            raise NdrError("is missing", path=place.field(name).path)
    return data


def _at(place: Place, function: Callable[[Any], Any], value: Any) -> Any:
    """What a function makes of a value; what is wrong with that is wrong at this place."""
    try:
        return function(value)
    except (NdrError, TypeError) as error:
        raise NdrError(str(error), path=place.path) from error


def _placeholder(layout: Ignored | Mark, data: Any, place: Place) -> Any:
    """null, or true for a pointer that travels without its pointee."""
    if data is not None and isinstance(layout, Ignored):
        raise NdrError(f"{brief(data)} for an [ignore] pointer, which is null", path=place.path)
    return True if data else None


def _selected(union: Union, tag: Any, place: Place) -> Layout | None:
    if not isinstance(tag, int):
        raise NdrError("nothing selects an arm", path=place.path)
    arm = union.arm(int(tag))
    if isinstance(arm, NoArm):
        raise NdrError(f"no arm for tag {int(tag)}", path=place.path)
    return arm


def _starts_elsewhere(layout: Array) -> bool:
    return layout.first is not None and layout.first != Number(0)


def _sent_part(layout: Array, data: Any, place: Place) -> Any:
    """The data of {"offset", "data"}; the offset has to be what its sibling says."""
    given = _object(data, ["offset", "data"], place, optional=frozenset(("offset",)))
    said = place.known(layout.first)
    if said is not None and given.get("offset", said) != said:
        raise NdrError(f"{brief(given['offset'])} where the siblings say {said}", path=place.field("offset").path)
    return given["data"]


# Scalars


def _number(layout: Scalar, value: Any, place: Place) -> Any:
    """A scalar as JSON has it."""
    if layout is Boolean:
        return bool(_typed(value, int, "boolean", place))
    if layout.code(Encoding.NDR) not in "fd":
        return int(_typed(value, int, repr(layout), place))
    number = float(_typed(value, int | float, repr(layout), place))
    return number if math.isfinite(number) else repr(number)


def _scalar(layout: Scalar, data: Any, place: Place) -> Any:
    if layout is Boolean:
        return _typed(data, bool, "boolean", place)
    if isinstance(layout, Enum) and isinstance(data, str):
        return _enumerator(layout, data, place)
    if isinstance(layout, BitSet):
        return layout.member(_bits(layout, data, place) if isinstance(data, str) else _plain(data, int, layout, place))
    if layout.code(Encoding.NDR) in "fd":
        return float(data if data in ("nan", "inf", "-inf") else _plain(data, int | float, layout, place))
    number = _plain(data, int, layout, place)
    return layout.by_value.get(number, number) if isinstance(layout, Enum) else number


def _plain(data: Any, kind: Any, layout: Scalar, place: Place) -> Any:
    return _typed(None if isinstance(data, bool) else data, kind, repr(layout), place)


def _enumerator(layout: Enum, name: str, place: Place) -> Any:
    if name not in layout.members.__members__:
        raise NdrError(f"{brief(name)} is no name in {layout!r}", path=place.path)
    return layout.members[name]


def _bits(layout: BitSet, names: str, place: Place) -> int:
    bits = 0
    for name in names.split("|"):
        if name.strip() not in layout.members.__members__:
            raise NdrError(f"{brief(name.strip())} is no name in {layout!r}", path=place.path)
        bits |= layout.members[name.strip()]
    return bits


def _uuid(data: Any, place: Place) -> uuid.UUID:
    try:
        return uuid.UUID(_typed(data, str, "UUID", place))
    except ValueError as error:
        if isinstance(error, NdrError):
            raise
        raise NdrError(f"{brief(data)} is no UUID", path=place.path) from error


def _context_form(value: Any, place: Place) -> Any:
    if value is None:
        return None
    attributes, identity = _typed(value, tuple, "context handle", place)
    return {"attributes": attributes, "uuid": str(identity)}


def _context_value(data: Any, place: Place) -> tuple[int, uuid.UUID] | None:
    if data is None:
        return None
    given = _object(data, ["attributes", "uuid"], place, optional=frozenset(("attributes",)))
    attributes = _typed(given.get("attributes", 0), int, "number", place.field("attributes"))
    return attributes, _uuid(given["uuid"], place.field("uuid"))
