"""What changes between two models, and whom it breaks.

wire: peers of the two do not understand each other. security: what a server accepted was narrower before.
source: programs that use the stub must change. harmless: neither. The differ walks both models together; a definition
that both use is compared once, wherever it is met first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from .. import model

T = TypeVar("T")
Kind = Literal["wire", "security", "source", "harmless"]


@dataclass(frozen=True, slots=True)
class Difference:
    """One change: whom it breaks, where it is (`Calculator.Add.a`), and what it is."""

    kind: Kind
    where: str
    message: str

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {"kind": self.kind, "where": self.where, "message": self.message}

    def __str__(self) -> str:
        return f"{self.kind}: {self.where}: {self.message}"


def differences(old: model.Model, new: model.Model) -> list[Difference]:
    """Everything that differs, in the order of the new model; equal models give nothing."""
    walk = _Walk(_by_key(old), _by_key(new))
    walk.interfaces(old.interfaces, new.interfaces)
    walk.definitions(old.definitions, new.definitions)
    walk.constants(old.constants, new.constants)
    return list(dict.fromkeys(walk.found))


Definitions = dict[str, model.Definition]


def _by_key(found: model.Model) -> Definitions:
    return {definition.key: definition for definition in found.definitions}


@dataclass(slots=True)
class _Walk:
    old: Definitions
    new: Definitions
    found: list[Difference] = field(default_factory=list[Difference])
    met: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])

    def say(self, kind: Kind, where: str, message: str) -> None:
        self.found.append(Difference(kind, where, message))

    # Interfaces and operations

    def interfaces(self, old: Sequence[model.Interface], new: Sequence[model.Interface]) -> None:
        for before, after in self._paired(old, new):
            self._interface(before, after)

    def _paired(
        self, old: Sequence[model.Interface], new: Sequence[model.Interface]
    ) -> Iterator[tuple[model.Interface, model.Interface]]:
        """An interface is the same by its UUID, or by its name."""
        left = list(old)
        for after in new:
            before = next((one for one in left if one.uuid == after.uuid), None)
            before = before or next((one for one in left if one.name == after.name), None)
            if before is None:
                self.say("harmless", after.name, "is new")
            else:
                left.remove(before)
                yield before, after
        for gone in left:
            self.say("wire", gone.name, "is gone")

    def _interface(self, before: model.Interface, after: model.Interface) -> None:
        where = after.name
        if before.uuid != after.uuid:
            self.say("wire", where, f"its uuid was {before.uuid} and is {after.uuid}")
        if before.name != after.name:
            self.say("source", where, f"was called {before.name}")
        if before.version != after.version:
            compatible = before.version[0] == after.version[0] and before.version < after.version
            versions = [".".join(map(str, one.version)) for one in (before, after)]
            self.say("harmless" if compatible else "wire", where, f"its version was {versions[0]} and is {versions[1]}")
        if (before.base, before.object, before.local) != (after.base, after.object, after.local):
            self.say("wire", where, "its base, [object] or [local] changed")
        self._endpoints(before, after)
        self._strictness(before, after)
        self._operations(where, before.operations, after.operations)
        self._operations(f"{where} (callbacks)", before.callbacks, after.callbacks)

    def _endpoints(self, before: model.Interface, after: model.Interface) -> None:
        for endpoint in after.endpoints:
            if endpoint not in before.endpoints:
                self.say("security", after.name, f"can be reached at {endpoint} too")
        for endpoint in before.endpoints:
            if endpoint not in after.endpoints:
                self.say("source", after.name, f"is no longer found at {endpoint}")

    def _strictness(self, before: model.Interface, after: model.Interface) -> None:
        for name in ("strict_context_handle", "type_strict_context_handle"):
            had, has = (any(one.name == name for one in interface.attributes) for interface in (before, after))
            if had and not has:
                self.say("security", after.name, f"lost [{name}]")

    def _operations(self, where: str, old: Iterable[model.Operation], new: Iterable[model.Operation]) -> None:
        before = {operation.number: operation for operation in old if operation.travels}
        after = {operation.number: operation for operation in new if operation.travels}
        for number, operation in after.items():
            if number not in before:
                self.say("harmless", f"{where}.{operation.name}", f"is new, with number {number}")
            else:
                self._operation(f"{where}.{operation.name}", before[number], operation)
        for number, operation in before.items():
            if number not in after:
                self.say("wire", f"{where}.{operation.name}", f"is gone; it had number {number}")

    def _operation(self, where: str, before: model.Operation, after: model.Operation) -> None:
        if before.name != after.name:
            self.say("source", where, f"was called {before.name}; the number {after.number} is the same")
        for flag in ("maybe", "broadcast", "idempotent"):
            if getattr(before, flag) != getattr(after, flag):
                self.say("wire", where, f"[{flag}] came or went")
        if _order(before) != _order(after):
            self.say("wire", where, f"its parameters were {_spoken(before)} and are {_spoken(after)}")
            return
        old, new = _Names.of(before.parameters), _Names.of(after.parameters)
        for one, other in zip(before.parameters, after.parameters, strict=True):
            place = f"{where}.{other.name}"
            self._named("parameter", one, other, place)
            self.type(one.type, other.type, place, old, new)
        if (before.returns is None) != (after.returns is None):
            self.say("wire", where, "a result came or went")
        elif before.returns is not None and after.returns is not None:
            self.type(before.returns, after.returns, f"{where}'s result", old, new)

    def _named(
        self, what: str, before: model.Parameter | model.Member, after: model.Parameter | model.Member, where: str
    ) -> None:
        if before.name != after.name:
            self.say("source", where, f"the {what} was called {before.name}")
        if before.auto != after.auto:
            self.say("source", where, "can be left out" if after.auto else "can no longer be left out")

    # Types

    def type(self, before: model.Type, after: model.Type, where: str, old: _Names, new: _Names) -> None:
        """Compare two types; `old` and `new` are the siblings that their expressions name."""
        before, after = self._without_range(before, after, where)
        if before.kind != after.kind:
            self.say("wire", where, f"was {_word(before)} and is {_word(after)}")
            return
        match before, after:
            case model.Scalar(), model.Scalar():
                self._scalar(before.word, after.word, where)
            case model.Defined(), model.Defined():
                self._defined(before.key, after.key, where)
            case model.Pointer(), model.Pointer():
                self._pointer(before, after, where)
                self.type(before.target, after.target, where, old, new)
            case model.Selected(), model.Selected():
                self._expression("its switch", (before.switch, old), (after.switch, new), where)
                self._defined(before.union.key, after.union.key, where)
                if before.untagged != after.untagged:
                    self.say("wire", where, "[nodiscriminant] came or went")
            case model.Subcontext(), model.Subcontext():
                if before.header != after.header:
                    self.say("wire", where, f"the header of its context had {before.header} and has {after.header}")
                self._expression("the size of its context", (before.size, old), (after.size, new), where)
                self.type(before.target, after.target, where, old, new)
            case model.Flagged(), model.Flagged():
                self._flags(before.flags, after.flags, where)
                self.type(before.target, after.target, where, old, new)
            case model.InterfacePointer(), model.InterfacePointer():
                if before.iid != after.iid:
                    self.say("wire", where, f"pointed to {before.name} and points to {after.name}")
            case model.Converted(), model.Converted():
                self._defined(before.conversion, after.conversion, where)
            case _:
                self._many(before, after, where, old, new)

    def _flags(self, before: model.Flags | None, after: model.Flags | None, where: str) -> None:
        if before != after:
            self.say("wire", where, "what [flag] or [relative_base] say of it changed")

    def _many(self, before: model.Type, after: model.Type, where: str, old: _Names, new: _Names) -> None:
        match before, after:
            case model.Array(), model.Array():
                if before.inline != after.inline:
                    self.say("wire", where, "the count of its items came or went")
                self._bounds(before, after, where, old, new)
                self.type(before.element, after.element, where, old, new)
            case model.String(), model.String():
                self._scalar(before.unit, after.unit, where)
                self._bounds(before, after, where, old, new)
            case model.MultiArray(), model.MultiArray():
                if len(before.dimensions) != len(after.dimensions):
                    self.say("wire", where, "it has another number of dimensions")
                for one, other in zip(before.dimensions, after.dimensions, strict=False):
                    self._bounds(one, other, where, old, new)
                self.type(before.element, after.element, where, old, new)
            case model.Pipe(), model.Pipe():
                self._limits(before.limits, after.limits, where)
                self.type(before.element, after.element, where, old, new)
            case _:
                if before != after:
                    self.say("wire", where, f"its {_word(after)} changed")

    def _without_range(self, before: model.Type, after: model.Type, where: str) -> tuple[model.Type, model.Type]:
        limits = [(one.lowest, one.highest) if isinstance(one, model.Ranged) else None for one in (before, after)]
        self._limits(limits[0], limits[1], where)
        inner = [one.target if isinstance(one, model.Ranged) else one for one in (before, after)]
        return inner[0], inner[1]

    def _limits(self, before: tuple[int, int] | None, after: tuple[int, int] | None, where: str) -> None:
        if before == after:
            return
        if after is None or (before is not None and after[0] <= before[0] and after[1] >= before[1]):
            self.say("security", where, f"its range was {_range(before)} and is {_range(after)}")
        else:
            self.say("wire", where, f"its range was {_range(before)} and is {_range(after)}: narrower")

    def _scalar(self, before: str, after: str, where: str) -> None:
        if before != after:
            alike = any(before in words and after in words for words in _ALIKE)
            self.say("source" if alike else "wire", where, f"was {before} and is {after}")

    def _pointer(self, before: model.Pointer, after: model.Pointer, where: str) -> None:
        if before.pointer != after.pointer:
            self.say("wire", where, f"the pointer was [{before.pointer}] and is [{after.pointer}]")
        if before.lenient != after.lenient:
            said = "may be null beside a size" if after.lenient else "may no longer be null beside a size"
            self.say("security" if after.lenient else "wire", where, said)

    def _bounds(self, before: _Sized, after: _Sized, where: str, old: _Names, new: _Names) -> None:
        if before.bound != after.bound:
            self.say("wire", where, f"its bound was {before.bound or 'open'} and is {after.bound or 'open'}")
        self._expression("its size", (before.size, old), (after.size, new), where)
        if not isinstance(before, model.String) and not isinstance(after, model.String):
            self._expression("its length", (before.length, old), (after.length, new), where)
            self._expression("its first item", (before.first, old), (after.first, new), where)
        if not isinstance(before, model.Dimension) and not isinstance(after, model.Dimension):
            self._limits(before.limits, after.limits, where)

    def _expression(self, what: str, before: _Stated, after: _Stated, where: str) -> None:
        if _placed(*before) != _placed(*after):
            self.say("wire", where, f"{what} is stated differently")

    # Definitions

    def definitions(self, old: Iterable[model.Definition], new: Iterable[model.Definition]) -> None:
        """Definitions that no operation reaches, and names that came and went."""
        before, after = ({definition.name: definition for definition in some} for some in (old, new))
        for name, one, other in self._of_both(before, after):
            if one.kind == other.kind:
                self._defined(one.key, other.key, name)

    def _of_both(self, old: Mapping[str, T], new: Mapping[str, T], where: str = "") -> Iterator[tuple[str, T, T]]:
        """What both have, by name; says what only one of them has."""
        for name, after in new.items():
            if name in old:
                yield name, old[name], after
            else:
                self.say("harmless", where + name, "is new")
        for name in old:
            if name not in new:
                self.say("source", where + name, "is gone")

    def _defined(self, before: str, after: str, where: str) -> None:
        if (before, after) in self.met:
            return
        self.met.add((before, after))
        one, other = self.old.get(before), self.new.get(after)
        if one is None or other is None:
            return
        if one.name != other.name:
            self.say("source", where, f"its type was called {one.name} and is called {other.name}")
        if one.kind != other.kind:
            self.say("wire", where, f"{other.name} was a {one.kind} and is a {other.kind}")
            return
        self._definition(one, other)

    def _definition(self, before: model.Definition, after: model.Definition) -> None:
        where = after.name
        match before, after:
            case model.Structure(), model.Structure():
                self._flags(before.flags, after.flags, where)
                self._members(before.members, after.members, where)
            case model.UnionType(), model.UnionType():
                self._union(before, after, where)
            case model.SwitchUnion(), model.SwitchUnion():
                if (before.selector, before.member) != (after.selector, after.member):
                    self.say("source", where, "its selector or its arm has another name")
                self._union(before.union, after.union, where)
            case model.Enumeration(), model.Enumeration():
                self._enumeration(before, after, where)
            case model.ConversionType(), model.ConversionType():
                self.type(before.wire, after.wire, where, _Names({}), _Names({}))
            case _:
                pass

    def _members(self, old: Sequence[model.Member], new: Sequence[model.Member], where: str) -> None:
        if len(old) != len(new):
            self.say("wire", where, f"had {len(old)} fields and has {len(new)}")
            return
        before, after = _Names.of(old), _Names.of(new)
        for one, other in zip(old, new, strict=True):
            self._named("field", one, other, f"{where}.{other.name}")
            self.type(one.type, other.type, f"{where}.{other.name}", before, after)

    def _union(self, before: model.UnionType, after: model.UnionType, where: str) -> None:
        nobody = _Names({})
        self.type(before.tag, after.tag, f"{where}'s tag", nobody, nobody)
        self._flags(before.flags, after.flags, where)
        if before.ms_union != after.ms_union:
            self.say("wire", where, "[ms_union] came or went")
        old, new = ({case.value: case for case in union.cases} for union in (before, after))
        for value, case in new.items():
            if value not in old:
                self.say("wire", where, f"the case {value} is new: an older peer refuses it")
            else:
                self._arm(old[value].type, case.type, f"{where}.{case.name or value}")
        for value in old:
            if value not in new:
                self.say("wire", where, f"the case {value} is gone")
        if (before.default is None) != (after.default is None):
            self.say("wire", where, "the default arm came or went")
        elif before.default is not None and after.default is not None:
            self._arm(before.default.type, after.default.type, f"{where}'s default")

    def _arm(self, before: model.Type | None, after: model.Type | None, where: str) -> None:
        if before is not None and after is not None:
            self.type(before, after, where, _Names({}), _Names({}))
        elif before is not after:
            self.say("wire", where, "its data came or went")

    def _enumeration(self, before: model.Enumeration, after: model.Enumeration, where: str) -> None:
        if before.wide != after.wide:
            self.say("wire", where, "[v1_enum] came or went")
        if before.bits != after.bits:
            self.say("wire", where, f"{before.bits or 'the usual'} bits are {after.bits or 'the usual'} now")
        old, new = ({member.name: member.value for member in one.members} for one in (before, after))
        for name, was, value in self._of_both(old, new, f"{where}."):
            if was != value:
                self.say("wire", f"{where}.{name}", f"was {was} and is {value}")

    def constants(self, old: Iterable[model.Constant], new: Iterable[model.Constant]) -> None:
        """Constants: programs see their values."""
        before, after = ({constant.name: constant.value for constant in some} for some in (old, new))
        for name, was, value in self._of_both(before, after):
            if was != value:
                self.say("source", name, f"was {was!r} and is {value!r}")


_Sized = model.Array | model.String | model.Dimension
_ALIKE: Final = (frozenset(("ULong", "ErrorStatus", "NtStatus", "HResult")), frozenset(("Byte", "Char", "USmall")),
                 frozenset(("UShort", "WChar")))  # fmt: skip
"""Scalars with the same octets and other values in Python."""


@dataclass(frozen=True, slots=True)
class _Names:
    """The places of siblings: a size that names the second parameter is the same whatever it is called."""

    places: dict[str, int]

    @classmethod
    def of(cls, some: Iterable[model.Parameter | model.Member]) -> _Names:
        return cls({one.name: place for place, one in enumerate(some)})


_Stated = tuple[model.Expression | None, _Names]


def _placed(expression: model.Expression | None, names: _Names) -> object:
    """An expression with places instead of names."""
    match expression:
        case model.Sibling(name=name) | model.Present(name=name):
            return expression.kind, names.places.get(name, name)
        case model.Length(name=name, unit=unit):
            return expression.kind, names.places.get(name, name), unit
        case model.SizeOf(name=name):
            return expression.kind, names.places.get(name or "", name)
        case model.Binary(operator=operator, left=left, right=right):
            return operator, _placed(left, names), _placed(right, names)
        case model.When(condition=condition, then=then, otherwise=otherwise):
            return _placed(condition, names), _placed(then, names), _placed(otherwise, names)
        case _:
            return expression and expression.value


def _order(operation: model.Operation) -> list[tuple[bool, bool]]:
    return [(one.is_in, one.is_out) for one in operation.parameters]


def _spoken(operation: model.Operation) -> str:
    words = {(True, False): "in", (False, True): "out", (True, True): "in,out"}
    return "(" + ", ".join(f"[{words[one.is_in, one.is_out]}] {one.name}" for one in operation.parameters) + ")"


def _word(type_: model.Type) -> str:
    return type_.word if isinstance(type_, model.Scalar) else f"a {type_.kind.replace('_', ' ')}"


def _range(limits: tuple[int, int] | None) -> str:
    return "open" if limits is None else f"{limits[0]}..{limits[1]}"
