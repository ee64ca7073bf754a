"""Layouts: model types in the words of `lrpc.runtime.ndr.layout`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import model
from .expressions import SiblingNames, expression, sibling
from .printer import Group, Part, Prefixed, call, display, pair, quoted

_POINTERS: Final = {
    "ref": "rpc.RefPtr", "unique": "rpc.UniquePtr", "ptr": "rpc.FullPtr", "relative": "rpc.samba.Relative",
    "relative_short": "rpc.samba.Relative",
}  # fmt: skip


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
                relative = kind in ("relative", "relative_short")
                options = ["lenient=True"] if lenient and not relative else []
                options += ["width=2"] if kind == "relative_short" else []
                return call(_POINTERS[kind], self._target(target, siblings), *options)
            case model.InterfacePointer():
                return _interface(type_, siblings)
            case model.Selected(union=union, switch=switch, untagged=untagged):
                word = "rpc.samba.Untagged" if untagged else "rpc.SwitchIs"
                return call(word, self._named(union.key), expression(switch, siblings))
            case model.Subcontext() | model.Flagged() | model.Blob() | model.Text() | model.TextList():
                return self._samba(type_, siblings)
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
            case model.Pipe(element=element, limits=limits):
                return call("rpc.Pipe", self.of(element, siblings), *_limits(limits))

    def _samba(
        self,
        type_: model.Subcontext | model.Flagged | model.Blob | model.Text | model.TextList,
        siblings: SiblingNames,
    ) -> Part:
        match type_:
            case model.Subcontext(target=target, header=header, size=size):
                given: list[Part] = [] if size is None else [Prefixed("size=", expression(size, siblings))]
                return call("rpc.samba.Subcontext", self.of(target, siblings), str(header), *given)
            case model.Flagged(target=target, flags=flags):
                return flagged(self.of(target, siblings), flags)
            case model.Blob(rest=rest, align=align):
                return (
                    "rpc.samba.Rest()" if rest else call("rpc.samba.Fill", str(align)) if align else "rpc.samba.Blob()"
                )
            case model.Text(unit=unit):
                return call("rpc.samba.Text", f"rpc.{unit}", *_stated(type_, "size", "length", "terminated", "octets"))
            case model.TextList(unit=unit):
                return call("rpc.samba.TextArray", f"rpc.{unit}", *_stated(type_, "rest", "terminated"))

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
        if array.inline and array.size is not None:
            return call("rpc.samba.Counted", self.of(array.element, siblings), expression(array.size, siblings))
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

    def structure(self, factory: str, structure: model.Structure, siblings: SiblingNames) -> Part:
        """A structure; `siblings` has the Python names of its members."""
        fields = [pair(quoted(siblings[one.name]), "/", self._member(one, siblings)) for one in structure.members]
        found = call("rpc.Struct", factory, *fields)
        return found if structure.flags is None else flagged(found, structure.flags)

    def _member(self, member: model.Member, siblings: SiblingNames) -> Part:
        layout = self.of(member.type, siblings)
        if member.value is None:
            return layout
        value = expression(member.value, siblings) if not isinstance(member.value, str) else constant(member)
        return call("rpc.samba.Computed", layout, value)

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


def flagged(layout: Part, flags: model.Flags) -> Part:
    """A layout with what is in force inside it."""
    if flags.based:
        layout = call("rpc.samba.Based", layout)
    given = {"order": flags.order and quoted(flags.order), "align": flags.align, "reverse": flags.reverse}
    stated = [f"{name}={value}" for name, value in given.items() if value is not None]
    return call("rpc.samba.Flagged", layout, *stated) if stated else layout


def constant(member: model.Member) -> str:
    """The text that a field always has, as the field's type has it in Python; NULs fill a fixed array."""
    type_, text = member.type.target if isinstance(member.type, model.Flagged) else member.type, str(member.value)
    if not isinstance(type_, model.Array):
        return quoted(text)
    bound = type_.bound or 0
    if type_.element not in (model.Scalar(word="Byte"), model.Scalar(word="Char")):
        return quoted(text.ljust(bound, "\0"))
    wide = any(found.name == "charset" and found.arguments == ("UTF16",) for found in member.attributes)
    return repr(text.encode("utf-16-le" if wide else "utf-8").ljust(bound, b"\0"))


def _stated(type_: model.Node, *names: str) -> list[str]:
    """Keyword arguments for what is not as usual."""
    usual = type(type_).model_fields
    return [f"{name}={getattr(type_, name)!r}" for name in names if getattr(type_, name) != usual[name].default]


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
