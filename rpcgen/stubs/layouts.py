"""Layouts: model types in the words of `lrpc.runtime.ndr.layout`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import model
from .expressions import SiblingNames, expression, sibling
from .printer import Group, Part, Prefixed, call, display, pair, quoted

_POINTERS: Final = {"ref": "rpc.RefPtr", "unique": "rpc.UniquePtr", "ptr": "rpc.FullPtr"}


class Layouts:
    """Prints layouts; `names` maps a definition's key to its layout's name. Knows what is printed already."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._printed: set[str] = set()
        self.forward: set[str] = set()
        """Definitions that were named before they were printed."""

    def printed(self, key: str) -> None:
        """From here on the definition may be named directly."""
        self._printed.add(key)

    def of(self, type_: model.Type, siblings: SiblingNames) -> Part:
        """The layout of a type whose expressions name `siblings`."""
        match type_:
            case model.Scalar(word=word):
                return f"rpc.{word}"
            case model.Guid():
                return "rpc.GUID"
            case model.Ignored():
                return "rpc.Ignored()"
            case model.Defined(key=key) | model.Converted(conversion=key):
                return self._named(key)
            case model.Ranged(target=target, lowest=lowest, highest=highest):
                return call("rpc.Range", self.of(target, siblings), str(lowest), str(highest))
            case model.Pointer(pointer=kind, target=target, lenient=lenient):
                return call(_POINTERS[kind], self._target(target, siblings), *(["lenient=True"] if lenient else []))
            case model.InterfacePointer():
                return _interface(type_, siblings)
            case model.Selected(union=union, switch=switch):
                return call("rpc.SwitchIs", self._named(union.key), expression(switch, siblings))
            case _:
                return self._sequence(type_, siblings)

    def _sequence(
        self, type_: model.Array | model.MultiArray | model.String | model.Pipe, siblings: SiblingNames
    ) -> Part:
        match type_:
            case model.Array():
                return self._array(type_, siblings)
            case model.String():
                return self._string(type_, siblings)
            case model.MultiArray(element=element, dimensions=dimensions):
                found = [_dimension(dimension, siblings) for dimension in dimensions]
                return call("rpc.MultiArray", self.of(element, siblings), *found)
            case model.Pipe(element=element):
                return call("rpc.Pipe", self.of(element, siblings))

    def _named(self, key: str) -> str:
        if key not in self._printed:
            self.forward.add(key)
        return self._names[key]

    def _target(self, target: model.Type, siblings: SiblingNames) -> Part:
        before = set(self.forward)
        self.forward = set()
        layout = self.of(target, siblings)
        late = bool(self.forward)
        self.forward |= before
        return Prefixed("lambda: ", layout) if late else layout

    def _array(self, array: model.Array, siblings: SiblingNames) -> Part:
        items: list[Part] = [self.of(array.element, siblings)]
        varying = array.length is not None or array.first is not None
        if array.bound is not None:
            items.append(str(array.bound))
        elif array.size is not None or varying:
            items.append("None" if array.size is None else expression(array.size, siblings))
        if varying:
            items.append("0" if array.length is None else expression(array.length, siblings))
        if array.first is not None:
            items.append(expression(array.first, siblings))
        kind = ("Varying" if varying else "Fixed") if array.bound is not None else "Conformant" + "Varying" * varying
        return Group(f"rpc.{kind}Array(", (*items, *_limits(array.limits if array.bound is None else None)))

    def _string(self, string: model.String, siblings: SiblingNames) -> Part:
        items: list[Part] = [f"rpc.{string.unit}"]
        if string.bound is not None:
            items.append(f"bound={string.bound}")
        if string.size is not None:
            items.append(Prefixed("size=", expression(string.size, siblings)))
        return Group("rpc.String(", (*items, *_limits(string.limits)))

    # Definitions

    def structure(self, factory: str, members: list[tuple[str, model.Type]], siblings: SiblingNames) -> Part:
        """A structure; `members` are Python names and types."""
        fields = [pair(quoted(name), "/", self.of(type_, siblings)) for name, type_ in members]
        return call("rpc.Struct", factory, *fields)

    def union(self, union: model.UnionType) -> Part:
        """A non-encapsulated union."""
        arms = [
            Prefixed(f"{case.value}: ", "None" if case.type is None else self.of(case.type, {})) for case in union.cases
        ]
        items: list[Part] = [self.of(union.tag, {}), display(arms, "{}")]
        if union.default is not None:
            items.append("None" if union.default.type is None else self.of(union.default.type, {}))
        if union.ms_union:
            items.append("ms_union=True")
        return Group("rpc.Union(", tuple(items))


def _limits(limits: tuple[int, int] | None) -> tuple[Part, ...]:
    return () if limits is None else (f"limits=({limits[0]}, {limits[1]})",)


def _dimension(dimension: model.Dimension, siblings: SiblingNames) -> Part:
    items: list[Part] = [] if dimension.bound is None else [str(dimension.bound)]
    for name in ("size", "length", "first"):
        found: model.Expression | None = getattr(dimension, name)
        if found is not None:
            items.append(Prefixed(f"{name}=", expression(found, siblings)))
    return call("rpc.Dimension", *items)


def _interface(pointer: model.InterfacePointer, siblings: SiblingNames) -> Part:
    items: list[Part] = [quoted(pointer.name)]
    if pointer.iid is not None:
        items.append(call("UUID", quoted(pointer.iid)))
    if pointer.iid_is is not None:
        name = siblings.get(pointer.iid_is, pointer.iid_is)
        items.append(Prefixed("iid_is=", sibling(name)))
    return call("rpc.InterfacePtr", *items)
