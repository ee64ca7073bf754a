"""Annotations: what a Python caller sees of a model type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import model
from .automation import GIVEN, TAKEN, automation_word

MAX_UNION: Final = 80
"""Columns of the union of a union's arms; a longer one is Any, which reads better."""


class Annotations:
    """Annotation texts; `classes` maps a definition's key to its Python class."""

    def __init__(self, definitions: Mapping[str, model.Definition], classes: Mapping[str, str]) -> None:
        self._definitions = definitions
        self._classes = classes

    def taken(self, type_: model.Type) -> str:
        """For an [in] parameter: any sequence, any buffer."""
        return _joined(self._parts(type_, accepting=True))

    def received(self, type_: model.Type) -> str:
        """For an [in] parameter of a contract: as a caller gives it, but a descriptor has become a Handle."""
        return self.given(type_) if is_system_handle(type_) else self.taken(type_)

    def given(self, type_: model.Type) -> str:
        """For a result or a field."""
        return _joined(self._parts(type_, accepting=False))

    def _parts(self, type_: model.Type, *, accepting: bool) -> list[str]:
        match type_:
            case model.Scalar() if is_system_handle(type_):
                return ["rpc.system.Descriptor" if accepting else "rpc.system.Handle", "None"]
            case model.Scalar(word=word):
                return [_SCALARS.get(word, "int")]
            case model.Ranged(target=target) | model.Subcontext(target=target) | model.Flagged(target=target):
                return self._parts(target, accepting=accepting)
            case model.Pointer(pointer=kind, target=target):
                parts = self._parts(target, accepting=accepting)
                return parts if kind == "ref" else [*parts, "None"]
            case model.Array(element=element):
                return [self._array(element, 1, accepting=accepting)]
            case model.MultiArray(element=element, dimensions=dimensions):
                return [self._array(element, len(dimensions), accepting=accepting)]
            case model.Blob():
                return ["rpc.Octets" if accepting else "bytes"]
            case model.Pipe():
                return [f"Iterator[{self.piped(type_)}]"]
            case model.Selected(union=union):
                return self._arms(union)
            case model.Defined():
                return self._defined(type_)
            case model.Converted(conversion=key):
                known = automation_word(self._definitions[key], self._definitions)
                return ["Any"] if known is None else [*(TAKEN if accepting else GIVEN)[known]]
            case _:
                return [_PLAIN[type_.kind]]

    def _array(self, element: model.Type, dimensions: int, *, accepting: bool) -> str:
        if dimensions > 1:
            inner = self._array(element, dimensions - 1, accepting=accepting)
        elif element in _OCTETS:
            return "rpc.Octets" if accepting else "bytes"
        elif element == model.Scalar(word="WChar"):
            return "str"
        else:
            inner = _joined(self._parts(element, accepting=accepting))
        return f"Sequence[{inner}]" if accepting else f"list[{inner}]"

    def piped(self, pipe: model.Pipe) -> str:
        """For what one step through a pipe gives: an item, or a buffer where items are octets."""
        return "bytes" if pipe.element in _OCTETS else self.given(pipe.element)

    def poured(self, pipe: model.Pipe, *, asynchronous: bool) -> str:
        """For what a client puts into a pipe."""
        if pipe.element in _OCTETS:
            return "rpc.AsyncOctetStream" if asynchronous else "rpc.OctetStream"
        inner = self.taken(pipe.element)
        return f"Iterable[{inner}] | AsyncIterable[{inner}]" if asynchronous else f"Iterable[{inner}]"

    def _defined(self, defined: model.Defined) -> list[str]:
        definition = self._definitions[defined.key]
        match definition:
            case model.ContextType():
                return ["rpc.Context"]
            case model.UnionType():
                return self._arms(defined)
            case model.Enumeration():
                return [self._classes[defined.key], "int"]
            case _:
                return [self._classes[defined.key]]

    def _arms(self, defined: model.Defined) -> list[str]:
        union = self._definitions[defined.key]
        return self.arms(union) if isinstance(union, model.UnionType) else ["Any"]

    def arms(self, union: model.UnionType) -> list[str]:
        """The value of a union: that of any of its arms."""
        types = [case.type for case in union.cases]
        if union.default is not None:
            types.append(union.default.type)
        parts = [
            part for type_ in types for part in (["None"] if type_ is None else self._parts(type_, accepting=False))
        ]
        return parts if len(_joined(parts)) <= MAX_UNION else ["Any"]


def is_system_handle(type_: model.Type) -> bool:
    """Is it a [system_handle] parameter? It is nothing's part."""
    return isinstance(type_, model.Scalar) and type_.word.startswith("system.")


_OCTETS: Final = (model.Scalar(word="Byte"), model.Scalar(word="Char"))
_PLAIN: Final = {
    "guid": "UUID", "string": "str", "interface": "rpc.InterfaceRef", "ignored": "None",
    "text": "str", "text_list": "list[str]",
}  # fmt: skip
_SCALARS: Final = {
    "Float": "float", "Double": "float", "Boolean": "bool", "samba.IPV4": "str", "samba.IPV6": "str",
}  # fmt: skip


def _joined(parts: list[str]) -> str:
    if "Any" in parts:
        return "Any"
    unique = dict.fromkeys(part for part in parts if part != "None")
    return " | ".join([*unique, "None"] if "None" in parts else unique)


joined = _joined
