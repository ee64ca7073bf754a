"""Binding: the items of each file, in order, become names, definitions and interfaces.

An import binds its file first, once per compilation. A declaration that fails is reported and its name
stands for a broken type, so that one mistake is one diagnostic. Counterparts: `definitions.py` and
`operations.py` do the bodies.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import Final

from .. import catalogue, model
from ..diagnostics import Source, diagnose, problem
from ..syntax import tree
from . import attributes as attribute_table
from .attributes import AttributeSet
from .declared import KINDS, apply, declare, tag_type
from .definitions import shape_of
from .lowering import complete_union
from .operations import operation
from .scopes import Binding, check_name
from .shapes import Broken, Draft, Shape, Special

ZERO_UUID: Final = "00000000-0000-0000-0000-000000000000"
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_VERSION: Final = re.compile(r"(\d{1,5})(?:\.(\d{1,5}))?")
_STATUS: Final = {"NTSTATUS": "NtStatus", "HRESULT": "HResult"}
_GUID_NAMES: Final = frozenset(("GUID", "_GUID", "UUID", "uuid_t", "_UUID", "IID", "CLSID", "RPC_UUID"))


@dataclass(slots=True)
class Operations:
    """The operations of an interface as they come; every declaration takes a number, also one that fails."""

    made: list[model.Operation] = field(default_factory=list[model.Operation])
    names: set[str] = field(default_factory=set[str])
    count: int = 0


@dataclass(slots=True)
class Binder:
    """Binds one file; `loose` collects the operations that stand outside an interface."""

    binding: Binding
    loose: Operations = field(default_factory=Operations)

    def items(self, items: list[tree.Item]) -> None:
        """The items of the file, in order. Imports are bound by the caller, where they stand."""
        for item in items:
            self._fresh_report()
            with self.binding.collecting():
                self._item(item)

    def _fresh_report(self) -> None:
        """Problems of an imported declaration are kept with it, and reported when it is used."""
        if not self.binding.main:
            self.binding.report = []

    def _item(self, item: tree.Item) -> None:
        match item:
            case tree.Interface():
                self._interface(item)
            case tree.Outside(span, what):
                raise problem(catalogue.UNSUPPORTED, span, what=f"a {what}")
            case tree.Typedef():
                self._typedef(item)
            case tree.Declaration():
                self._declaration(item, self.loose)
            case tree.Import():
                pass

    # Types and constants

    def _typedef(self, item: tree.Typedef) -> None:
        binding = self.binding
        written = attribute_table.read(item.attributes, "typedef", binding.report)
        first = next((found.name for found in item.declarators if not found.levels), None)
        name = first or (item.declarators[0].name if item.declarators else None) or ""
        with binding.collecting():
            base = shape_of(binding, item.type, written, name)
            _name_after(base, item.type, first)
            _mark_guid(base, *(found.name or "" for found in item.declarators))
            self._switch_type(base, written)
            for declarator in item.declarators:
                self._typedef_name(base, declarator, written)
            return
        broken = Shape(Broken(() if binding.main else tuple(binding.report)))
        for declarator in item.declarators:
            binding.types.put(declarator.name or "", broken)

    def _typedef_name(self, base: Shape, declarator: tree.Declarator, written: AttributeSet) -> None:
        binding, name, span = self.binding, declarator.name or "", declarator.span
        shape = declare(binding, base, declarator)
        layered = written.without("switch_type", "v1_enum", "ms_union", "handle")
        pointers = any(level.pointer for level in shape.levels)
        if not pointers and isinstance(shape.base, Draft) and shape.base.kind != "context":
            layered = layered.without(*KINDS)
        shape = apply(binding, shape, layered, name=name, span=span, position="typedef")
        if name in _STATUS and shape.base in _STATUSES and not shape.levels:
            shape = Shape(model.Scalar(word=_STATUS[name]))
        binding.define_type(name, shape, span)
        binding.aliases.append((name, shape, binding.file))

    def _switch_type(self, base: Shape, written: AttributeSet) -> None:
        tag = written.get("switch_type")
        if tag is not None and isinstance(base.base, Draft) and base.base.kind == "union":
            complete_union(self.binding, base.base, tag_type(self.binding, tag), tag.span)

    def _declaration(self, item: tree.Declaration, operations: Operations) -> None:
        if item.value is not None:
            self._constant(item, item.value)
        elif not item.declarators:
            written = attribute_table.read(item.attributes, "type", self.binding.report)
            base = shape_of(self.binding, item.type, written, "")
            self._switch_type(base, written)
            tag = getattr(item.type, "tag", None)
            if tag is None:
                raise problem(catalogue.NOT_AN_OPERATION, item.span, name="this")
            _mark_guid(base, tag)
        elif self.binding.main:
            number, operations.count = operations.count, operations.count + 1
            found = operation(self.binding, item, number)
            if found is not None:
                if found.name in operations.names:
                    raise problem(catalogue.REDEFINED, found.span, name=found.name)
                operations.names.add(found.name)
                operations.made.append(found)

    def _constant(self, item: tree.Declaration, value: tree.Expr) -> None:
        declarator = item.declarators[0]
        name, binding = declarator.name or "", self.binding
        shape = declare(binding, binding.shape_of(item.type), declarator)
        found = binding.value(value)
        allowed = _constant_kinds(shape)
        if not isinstance(found, allowed):
            raise problem(catalogue.BAD_CONSTANT, declarator.span, type=shape.spoken(), value=f"`{found}`"[:40])
        if shape.base == model.Scalar(word="Boolean"):
            found = bool(found)
        binding.define_value(name, found, declarator.span)
        binding.made_constants.append((model.Constant(name=name, value=found), binding.file))

    # Interfaces

    def _interface(self, item: tree.Interface) -> None:
        binding = self.binding
        check_name(item.name, item.span)
        written = attribute_table.read(item.attributes, "interface", binding.report)
        if item.base is not None and binding.main:
            self._base(item.base, item)
        remote = "local" not in written and not any(found.name == "object" for found in item.attributes)
        before = binding.pointer_default, binding.ms_union
        binding.pointer_default = self._pointer_default(written)
        binding.ms_union = "ms_union" in written
        operations = Operations()
        with binding.inside():
            for inner in item.items:
                self._fresh_report()
                with binding.collecting():
                    self._inner(inner, operations, remote=remote)
        binding.pointer_default, binding.ms_union = before
        if "local" in written and binding.main:
            binding.report.append(diagnose(catalogue.LOCAL_INTERFACE, item.span, name=item.name))
        if binding.main and remote:
            binding.interfaces.append(self._made(item, written, operations.made))

    def _inner(self, item: tree.Item, operations: Operations, *, remote: bool) -> None:
        if isinstance(item, tree.Declaration):
            if remote or item.value is not None or not item.declarators:
                self._declaration(item, operations)
        elif not isinstance(item, tree.Import):
            self._item(item)

    def _base(self, base: tree.Name, item: tree.Interface) -> None:
        known = {found.name for found in self.binding.interfaces}
        if base.name not in known and base.name not in ("IUnknown", "IDispatch"):
            raise problem(catalogue.UNKNOWN_BASE, base.span, name=item.name, base=base.name)
        raise problem(catalogue.UNSUPPORTED, base.span, what="an interface that derives from another")

    def _pointer_default(self, written: AttributeSet) -> model.PointerKind | None:
        attribute = written.get("pointer_default")
        if attribute is None:
            return None
        slot = attribute.slots[0] if attribute.slots else None
        for kind in KINDS:
            if isinstance(slot, tree.Name) and slot.name == kind:
                return kind
        wanted = "ref, unique or ptr"
        self.binding.report.append(
            diagnose(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name="pointer_default", wanted=wanted)
        )
        return None

    def _made(self, item: tree.Interface, written: AttributeSet, operations: list[model.Operation]) -> model.Interface:
        attribute = written.get("uuid")
        uuid, version = ZERO_UUID, (0, 0)
        if attribute is None:
            self.binding.report.append(diagnose(catalogue.NO_UUID, item.span, name=item.name))
        with self.binding.collecting():
            uuid = _uuid(attribute) if attribute is not None else uuid
            version = _version(written.get("version"))
        return model.Interface(
            name=item.name,
            uuid=uuid,
            version=version,
            endpoints=tuple(slot.value for slot in written.slots("endpoint") if isinstance(slot, tree.Text)),
            operations=tuple(operations),
        )


def nameless(binding: Binding, file: Source, operations: list[model.Operation]) -> None:
    """Operations outside an interface get one that is named after the file."""
    stem = posixpath.basename(file.name).split(".")[0]
    name = re.sub(r"\W", "_", stem, flags=re.ASCII) or "file"
    name = f"_{name}" if name[0].isdigit() else name
    span = operations[0].span
    binding.report.append(diagnose(catalogue.NAMELESS_INTERFACE, span, name=name))
    binding.interfaces.append(model.Interface(name=name, uuid=ZERO_UUID, version=(0, 0), operations=tuple(operations)))


_STATUSES: Final = tuple(model.Scalar(word=word) for word in ("Long", "ULong", "ErrorStatus"))


def _name_after(base: Shape, spec: tree.TypeSpec, name: str | None) -> None:
    """`typedef struct _X {...} X` is called X, not _X."""
    body = isinstance(spec, (tree.Struct, tree.PlainUnion, tree.SwitchUnion, tree.Enum))
    named_later = isinstance(spec, tree.Tagged)
    draft = base.base
    if not name or base.levels or not isinstance(draft, Draft) or not (body or named_later):
        return
    if named_later and draft.name != spec.tag:  # type: ignore[union-attr]
        return
    draft.name = name
    if draft.definition is not None:
        draft.definition = draft.definition.model_copy(update={"name": name})


def _mark_guid(shape: Shape, *names: str) -> None:
    """A structure that is a UUID by name and by form."""
    draft = shape.base
    if not isinstance(draft, Draft) or not isinstance(draft.definition, model.Structure):
        return
    if {*names, draft.key.split("#")[0], draft.name} & _GUID_NAMES:
        words = [_flat(member.type) for member in draft.definition.members]
        starts = words[:3] in (["ULong", "UShort", "UShort"], ["Long", "Short", "Short"])
        draft.guid = starts and _octets(words[3:]) == 8


def _flat(type_: model.Type) -> str:
    match type_:
        case model.Scalar(word=word):
            return word
        case model.Array(element=model.Scalar(word=("Byte" | "Char" | "USmall")), bound=int(bound)):
            return "Byte*" * bound
        case _:
            return "?"


def _octets(words: list[str]) -> int:
    if any(word not in ("Byte", "Char", "USmall") and not word.startswith("Byte*") for word in words):
        return -1
    return sum(max(1, word.count("*")) for word in words)


def _constant_kinds(shape: Shape) -> tuple[type, ...]:
    if shape.levels:
        text = isinstance(shape.base, model.Scalar) and shape.base.word in ("Char", "WChar", "Byte")
        return (str, type(None)) if text else (type(None), int) if shape.base is Special.VOID else (type(None),)
    if shape.base in (model.Scalar(word="Float"), model.Scalar(word="Double")):
        return (float, int)
    return (int,) if isinstance(shape.base, (model.Scalar, Draft)) else ()


def _uuid(attribute: tree.Attribute) -> str:
    slot = attribute.slots[0] if attribute.slots else None
    text = slot.text if isinstance(slot, tree.Uuid) else ""
    if not _UUID.fullmatch(text):
        raise problem(catalogue.BAD_UUID, attribute.span, text=text[:60])
    return text.lower()


def _version(attribute: tree.Attribute | None) -> tuple[int, int]:
    if attribute is None:
        return 0, 0
    slot = attribute.slots[0] if attribute.slots else None
    text = slot.text if isinstance(slot, (tree.Number, tree.Real)) else "this"
    match = _VERSION.fullmatch(text)
    if match is None or int(match[1]) > 0xFFFF or int(match[2] or 0) > 0xFFFF:
        raise problem(catalogue.BAD_VERSION, attribute.span, text=text[:40])
    return int(match[1]), int(match[2] or 0)
