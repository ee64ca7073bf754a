"""The part of a stub that is types: constants, conversions, enumerations, dataclasses, and their layouts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from .. import model
from .annotations import Annotations, joined
from .automation import automation_word
from .docstrings import docstring
from .layouts import Layouts, constant
from .naming import STUB_WORDS, Names, enumerator, words_of
from .printer import INDENT, Part, assigned, call, display, flat, quoted

ConstantValue = bool | int | float | str | tuple[bool | int | float | str | None, ...] | None
_WORDS: Final = {"struct": "Struct", "union": "Union", "switch_union": "EncapsulatedUnion", "conversion": "Converted"}
"""The classes of layouts that may be named before they are there."""
_INTEGERS: Final = {8: "USmall", 16: "UShort", 32: "ULong", 64: "UHyper"}
_WITHOUT_CLASS: Final = (model.UnionType, model.ContextType, model.ConversionType)


class TypeNames:
    """The module-level names of types and constants."""

    def __init__(self, found: model.Model, names: Names) -> None:
        self.definitions = {definition.key: definition for definition in found.definitions if definition.name}
        self.classes = {
            key: names.take(definition.name)
            for key, definition in self.definitions.items()
            if not isinstance(definition, _WITHOUT_CLASS)
        }
        words = {key: automation_word(definition, self.definitions) for key, definition in self.definitions.items()}
        self.automation = {key: f"rpc.{word}" for key, word in words.items() if word is not None}
        """Layouts that the runtime has."""
        self.conversions = {
            key: names.take(definition.name)
            for key, definition in self.definitions.items()
            if isinstance(definition, model.ConversionType) and key not in self.automation
        }
        loose = [one for one in found.definitions if isinstance(one, model.Enumeration) and not one.name]
        constants: list[tuple[str, ConstantValue, str]] = [
            (names.take(one.name), one.value, one.doc) for one in found.constants
        ]
        constants += [(names.take(member.name), member.value, member.doc) for one in loose for member in one.members]
        self.constants = constants
        """Names, values and comments; those of enumerations without a name too, for nothing is of their type."""
        self.layouts: Mapping[str, str] = {}

    def take_layouts(self, names: Names) -> None:
        """The private names of the layouts."""
        self.layouts = {
            key: self.automation.get(key) or names.private(found.name) for key, found in self.definitions.items()
        }


class TypeEmitter:
    """Prints types."""

    def __init__(self, names: TypeNames, annotations: Annotations, layouts: Layouts) -> None:
        self._names = names
        self._annotations = annotations
        self._layouts = layouts

    # Constants

    def constants(self) -> list[str]:
        """Constants, and what the user's code hooks into."""
        out: list[str] = []
        for name, value, doc in self._names.constants:
            out += [*assigned(f"{name}: Final", _literal(value)), *docstring(doc)]
        for key, name in self._names.conversions.items():
            definition = self._names.definitions[key]
            out.append(f"{name}: Final = rpc.Conversion({quoted(definition.name)})")
            out += docstring(definition.doc)
        return out

    # Classes

    def classes(self) -> Iterator[list[str]]:
        """A block for each definition that has a class."""
        for definition in self._names.definitions.values():
            match definition:
                case model.Enumeration():
                    yield self._enumeration(definition)
                case model.Structure():
                    yield self._dataclass(definition)
                case model.SwitchUnion():
                    yield self._switch_union(definition)
                case _:
                    pass

    def _enumeration(self, definition: model.Enumeration) -> list[str]:
        names = Names(STUB_WORDS)
        body: list[str] = []
        for member in definition.members:
            body += assigned(enumerator(names, member.name), str(member.value), indent=INDENT)
            body += docstring(member.doc, INDENT)
        parent = "IntFlag, boundary=KEEP" if definition.flags else "IntEnum"
        return _class(f"class {self._names.classes[definition.key]}({parent}):", definition.doc, body)

    def _dataclass(self, definition: model.Structure) -> list[str]:
        names = self._members(definition)
        body: list[str] = []
        for member in definition.members:
            annotation = self._annotations.given(member.type)
            body.append(f"{INDENT}{names[member.name]}: {annotation}{_default(member)}")
            body += docstring(member.doc, INDENT)
        return ["@rpc.dataclass(slots=True)", *self._class_of(definition, body)]

    def _class_of(self, definition: model.Structure | model.SwitchUnion, body: list[str]) -> list[str]:
        return _class(f"class {self._names.classes[definition.key]}:", definition.doc, body)

    def _members(self, definition: model.Structure) -> dict[str, str]:
        annotations = [self._annotations.given(member.type) for member in definition.members]
        names = Names(STUB_WORDS | words_of(annotations))
        return {member.name: names.take(member.name) for member in definition.members}

    def _switch_union(self, definition: model.SwitchUnion) -> list[str]:
        selector, member = self._switch_members(definition)
        body = [
            f"{INDENT}{selector}: {self._annotations.given(definition.union.tag)}",
            f"{INDENT}{member}: {joined(self._annotations.arms(definition.union))}",
        ]
        return ["@rpc.dataclass(slots=True)", *self._class_of(definition, body)]

    def _switch_members(self, definition: model.SwitchUnion) -> tuple[str, str]:
        tag, arms = self._annotations.given(definition.union.tag), joined(self._annotations.arms(definition.union))
        names = Names(STUB_WORDS | words_of([tag, arms]))
        return names.take(definition.selector), names.take(definition.member)

    # Layouts

    def layouts(self) -> list[str]:
        """The layouts; those that are named before they are there say their type."""
        printed: list[tuple[model.Definition, Part]] = []
        for key in self._names.automation:
            self._layouts.printed(key)
        for definition in self._names.definitions.values():
            if definition.key in self._names.automation:
                continue
            printed.append((definition, self._layout(definition)))
            self._layouts.printed(definition.key)
        out: list[str] = []
        for definition, part in printed:
            name = self._names.layouts[definition.key]
            late = definition.key in self._layouts.forward
            shown = _WORDS.get(definition.kind) if late else None
            if shown is not None and isinstance(definition, model.Structure) and definition.flags is not None:
                shown = "Layout"
            out += assigned(name if shown is None else f"{name}: rpc.{shown}", part)
        return out

    def _layout(self, definition: model.Definition) -> Part:
        key = definition.key
        match definition:
            case model.Enumeration():
                return _enumeration(definition, self._names.classes[key])
            case model.Structure():
                names = self._members(definition)
                return self._layouts.structure(self._names.classes[key], definition, names)
            case model.UnionType():
                return self._layouts.union(definition)
            case model.SwitchUnion(union=union):
                words = [quoted(name) for name in self._switch_members(definition)]
                return call("rpc.EncapsulatedUnion", self._names.classes[key], *words, self._layouts.union(union))
            case model.ContextType(name=name, closed_by=closed_by, shared=shared):
                words = [] if closed_by is None else [f"closed_by={quoted(closed_by)}"]
                return call("rpc.ContextHandle", quoted(name), *words, *(["shared=True"] if shared else []))
            case model.ConversionType(wire=wire):
                return call("rpc.Converted", self._layouts.of(wire, {}), self._names.conversions[key])


def _default(member: model.Member) -> str:
    """What makes a field optional: its array gives it, or it is computed."""
    if not member.auto and member.value is None:
        return ""
    value = constant(member) if isinstance(member.value, str) else "rpc.AUTO"
    return f" = field(default={value}, kw_only=True)"


def _enumeration(definition: model.Enumeration, name: str) -> Part:
    if definition.flags:
        return call("rpc.BitSet", name, f"rpc.{_INTEGERS[definition.bits or 32]}")
    if definition.bits is not None:
        return call("rpc.Enum", name, f"bits={definition.bits}")
    return call("rpc.Enum", name, *(["v1=True"] if definition.wide else []))


def _class(head: str, doc: str, body: Sequence[str]) -> list[str]:
    told = docstring(doc, INDENT)
    if not body:
        return [head, *(told or [f"{INDENT}pass"])]
    return [head, *told, *([""] if told else []), *body]


def _literal(value: ConstantValue) -> Part:
    if isinstance(value, tuple):
        return display([flat(_literal(item)) for item in value])
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    return repr(value).replace("e+", "e")
