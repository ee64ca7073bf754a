"""Binding: the items of each file, in order, become names, definitions and interfaces.

Imports are bound before the file that asks for them, once per compilation. A declaration that fails is reported and
its name stands for a broken type, so that one mistake is one diagnostic; what only keeps a type from travelling is
reported when something that travels uses it. Counterparts: `definitions.py` and `operations.py` do the bodies,
`inheritance.py` knows what derives from what, `libraries.py` what type libraries say.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final, TypeGuard

from .. import catalogue, model
from ..diagnostics import Diagnostic, Note, Problem, Source, diagnose, problem
from ..syntax import tree
from ..syntax.comments import doc_of
from . import attributes as attribute_table
from . import constants, libraries
from .attributes import AttributeSet
from .declared import KINDS, apply, declare, tag_type
from .definitions import shape_of, typedef_of
from .headers import ZERO_UUID, Place, binding_of, endpoints, pointer_default, uuid_of, version_of
from .inheritance import IDISPATCH, Family, Taken
from .libraries import Libraries
from .lowering import complete_union
from .operations import Operations
from .scopes import Binding, TypeName, check_name
from .shapes import Broken, Draft, Shape
from .wholes import check_whole

_STATUS: Final = {"NTSTATUS": "NtStatus", "HRESULT": "HResult"}
_STATUSES: Final = tuple(model.Scalar(word=word) for word in ("Long", "ULong", "ErrorStatus"))
_GUID_NAMES: Final = frozenset(("GUID", "_GUID", "UUID", "uuid_t", "_UUID", "IID", "CLSID", "RPC_UUID"))
_HEADERS: Final = (".h", ".hpp")
"""Endings of what `#include` takes from C."""
_IN_TYPE: Final = ("switch_type", "v1_enum", "ms_union", "handle")
"""Attributes of a typedef that concern the type as a whole, not the levels of its declarators."""


@dataclass(slots=True)
class Found:
    """What the files of a compilation give beside names: shared by their binders."""

    family: Family = field(default_factory=Family)
    libraries: Libraries = field(default_factory=Libraries)
    handles: set[str] = field(default_factory=set[str])
    """The names of [handle] types."""
    problems: list[Diagnostic] = field(default_factory=list[Diagnostic])
    """Of imported interfaces from which the main file derives."""


@dataclass(slots=True)
class Binder:
    """Binds one file; `loose` collects the operations that stand outside an interface."""

    binding: Binding
    found: Found = field(default_factory=Found)
    loose: Operations = field(default_factory=lambda: Operations(Place("the file", outside=True)))
    typedefs: dict[str, tree.Typedef] = field(default_factory=dict[str, tree.Typedef])
    """The typedefs of the file by the names that they define, also those behind the present item."""

    def items(self, items: Sequence[tree.Item]) -> None:
        """The items of the file or of a library in it, in order. Imports are bound by the caller, before."""
        self.typedefs.update(_typedef_names(items))
        for item in items:
            with self._as_imported(item):
                self._fresh_report()
                with self.binding.collecting():
                    self._item(item)

    @contextmanager
    def _as_imported(self, item: tree.Item) -> Generator[None]:
        """Types of a C header that the main file includes are judged as imported ones are: when something uses them."""
        binding = self.binding
        if not binding.main or not _is_header_type(item):
            yield
            return
        report, binding.main = binding.report, False
        try:
            yield
        finally:
            left_out, binding.report, binding.main = binding.report, report, True
            if not isinstance(item.type, (tree.Struct, tree.PlainUnion, tree.SwitchUnion)):  # bodies have W0522
                report += [
                    diagnose(catalogue.HEADER_TYPE, one.span, reason=one.message)
                    for one in left_out
                    if one.severity == "error"
                ]

    def _fresh_report(self) -> None:
        """Problems of an imported declaration are kept with it, and reported when it is used."""
        if not self.binding.main:
            self.binding.report = []

    def _item(self, item: tree.Item) -> None:
        match item:
            case tree.Interface():
                self._interface(item)
            case tree.Typedef():
                self._typedef(item)
            case tree.Declaration():
                self._declaration(item, self.loose)
            case tree.Library() | tree.Module() | tree.Coclass() | tree.Dispinterface():
                self._library(item)
            case tree.Import() | tree.ImportLibrary() | tree.Forward():
                pass

    # Types and constants

    def _typedef(self, item: tree.Typedef) -> None:
        binding = self.binding
        written = attribute_table.read(item.attributes, "typedef", binding.report)
        first = next((found.name for found in item.declarators if not found.levels), None)
        name = first or (item.declarators[0].name if item.declarators else None) or ""
        broken = Broken()
        with binding.collecting():
            try:
                base = self._based(item, written, name, first)
                for declarator in item.declarators:
                    self._typedef_name(base, declarator, item, written)
                self._check_kinds(base, item, written)
                return
            except Problem as error:
                broken = Broken((error.diagnostic,))
                if not binding.tolerates(error.diagnostic):
                    broken = Broken(() if binding.main else (*binding.report, error.diagnostic))
                    raise
        for declarator in item.declarators:
            binding.types.put(declarator.name or "", Shape(broken))

    def _check_kinds(self, base: Shape, item: tree.Typedef, written: AttributeSet) -> None:
        """A class of pointers says nothing of a structure, union or enumeration of which no name is a pointer."""
        stars = [level for each in item.declarators for level in each.levels if isinstance(level, tree.Star)]
        if not isinstance(base.base, Draft) or base.base.kind in ("context", "conversion") or base.levels or stars:
            return
        for kind in KINDS:
            if (attribute := written.get(kind)) is not None:
                why = "no name of this typedef is a pointer"
                self.binding.report.append(diagnose(catalogue.NO_EFFECT, attribute.span, name=kind, why=why))

    def _based(self, item: tree.Typedef, written: AttributeSet, name: str, first: str | None) -> Shape:
        later = isinstance(item.type, tree.Named) and item.type.name in self.typedefs
        if isinstance(item.type, tree.Named) and later:
            self._announce(item.type.name)
        kept = attribute_table.kept(item.attributes, "typedef")
        base = (typedef_of if later else shape_of)(self.binding, item.type, written, name, kept)
        _name_after(base, item.type, first)
        _mark_guid(base, *(found.name or "" for found in item.declarators))
        check_whole(self.binding, base, written)
        self._switch_type(base, written)
        if "handle" in written or (isinstance(item.type, tree.Named) and item.type.name in self.found.handles):
            self.found.handles.update(found.name or "" for found in item.declarators)
        return base

    def _announce(self, name: str) -> None:
        """Before `typedef struct t {...} *T;` comes, T is a pointer to t already: `typedef T *PT;` may need it."""
        binding, item = self.binding, self.typedefs[name]
        declarator = next(found for found in item.declarators if found.name == name)
        if not isinstance(item.type, (tree.Struct, tree.PlainUnion)) or item.type.tag is None:
            return
        if not declarator.levels or binding.types.known(name):
            return
        kind = "struct" if isinstance(item.type, tree.Struct) else "union"
        type_, report = tree.Tagged(item.type.span, kind, item.type.tag), binding.report
        binding.report = []  # the typedef itself says it again
        self._typedef(replace(item, type=type_, declarators=(declarator,)))
        binding.report = report

    def _typedef_name(
        self, base: Shape, declarator: tree.Declarator, item: tree.Typedef, written: AttributeSet
    ) -> None:
        binding, name, span = self.binding, declarator.name or "", declarator.span
        shape = declare(binding, base, declarator)
        layered = written.without(*_IN_TYPE)
        pointers = any(level.pointer for level in shape.levels)
        if not pointers and isinstance(shape.base, Draft) and shape.base.kind != "context":
            layered = layered.without(*KINDS)
        shape = apply(binding, shape, layered, name=name, span=span, position="typedef")
        if name in _STATUS and shape.base in _STATUSES and not shape.levels:
            shape = Shape(model.Scalar(word=_STATUS[name]))
        binding.define_type(name, shape, span)
        kept, doc = attribute_table.kept(item.attributes, "typedef"), doc_of(item.span, item.attributes)
        binding.aliases.append(TypeName(name, shape, binding.file, span, kept, doc))

    def _switch_type(self, base: Shape, written: AttributeSet) -> None:
        tag = written.get("switch_type")
        if tag is not None and isinstance(base.base, Draft) and base.base.kind == "union":
            complete_union(self.binding, base.base, tag_type(self.binding, tag), tag.span)

    def _declaration(self, item: tree.Declaration, operations: Operations) -> None:
        if item.value is not None:
            self._constant(item, item.value)
        elif not item.declarators:
            written = attribute_table.read(item.attributes, "type", self.binding.report)
            kept = attribute_table.kept(item.attributes, "type")
            base = shape_of(self.binding, item.type, written, "", kept)
            check_whole(self.binding, base, written)
            self._switch_type(base, written)
            tag = getattr(item.type, "tag", None)
            if tag is None and not isinstance(item.type, tree.Enum):
                raise problem(catalogue.NOT_AN_OPERATION, item.span, name="this")
            _mark_guid(base, tag or "")
        elif operations is self.loose and not _is_function(item):
            name = item.declarators[0].name
            self.binding.report.append(diagnose(catalogue.VARIABLE, item.declarators[0].span, name=name))
        elif self.binding.main or operations.place.name in self.found.family.needed:
            operations.add(self.binding, item)

    def _constant(self, item: tree.Declaration, value: tree.Expr | tree.Braces) -> None:
        declarator, binding = item.declarators[0], self.binding
        name, span = declarator.name or "", declarator.span
        attribute_table.read(item.attributes, "constant", binding.report)
        shape = declare(binding, binding.shape_of(item.type), declarator)
        if not constants.expressible(shape):
            binding.report.append(diagnose(catalogue.UNTYPED_CONSTANT, span, name=name, type=shape.spoken()))
            return
        given = binding.value(value)
        found = constants.declared(given, shape, span)
        if constants.narrowed(given, found, shape):
            shown = f"{given}"[:40]
            said = diagnose(catalogue.NARROWED, span, value=shown, type=shape.spoken(), name=name, result=f"{found}")
            binding.report.append(said)
        binding.define_value(name, found, span)
        made = model.Constant(
            name=name,
            value=found,
            doc=doc_of(item.span, item.attributes),
            attributes=attribute_table.kept(item.attributes, "constant"),
            span=span,
        )
        binding.made_constants.append((made, binding.file))

    # Interfaces

    def _interface(self, item: tree.Interface) -> None:
        binding, family = self.binding, self.found.family
        check_name(item.name, item.span)
        written = attribute_table.read(item.attributes, "interface", binding.report)
        wanted = binding.main or item.name in family.needed
        if binding.main and family.declared[item.name][0] is not item:
            note = Note("first defined here", family.declared[item.name][0].span)
            binding.report.append(diagnose(catalogue.REDEFINED, item.span, notes=(note,), name=item.name))
        taken = self._before(item) if wanted else Taken()
        place = self._place(item, written, taken)
        operations = Operations(place, taken)
        before = binding.pointer_default, binding.ms_union
        binding.pointer_default = pointer_default(written, binding.report)
        binding.ms_union = "ms_union" in written
        with binding.inside():
            for inner in item.items:
                self._inner(inner, operations, wanted=wanted)
            operations.finish(binding)
        default = binding.pointer_default
        binding.pointer_default, binding.ms_union = before
        if wanted:
            self._made(item, written, operations, default)

    def _before(self, item: tree.Interface) -> Taken:
        """What the bases have taken; nothing after a complaint."""
        with self.binding.collecting():
            return self.found.family.before(item)
        return Taken()

    def _place(self, item: tree.Interface, written: AttributeSet, taken: Taken) -> Place:
        binding = binding_of(written, self.binding.report)
        is_object = "object" in written or taken.object
        return Place(item.name, is_object, "local" in written, binding, self.found.handles)

    def _inner(self, item: tree.Item, operations: Operations, *, wanted: bool) -> None:
        self._fresh_report()
        with self.binding.collecting():
            if isinstance(item, tree.Declaration):
                self._declaration(item, operations)
            elif not isinstance(item, tree.Import):
                self._item(item)
        if wanted and not self.binding.main and isinstance(item, tree.Declaration):
            self.found.problems += [one for one in self.binding.report if one.severity == "error"]

    def _made(
        self, item: tree.Interface, written: AttributeSet, operations: Operations, default: model.PointerKind | None
    ) -> None:
        binding, place = self.binding, operations.place
        uuid, version = None, (0, 0)
        with binding.collecting():
            uuid = uuid_of(written.get("uuid"))
            version = version_of(written.get("version"))
        self._check(item, written, operations)
        if self.found.family.stands_in(item) and IDISPATCH not in binding.interfaces:
            binding.interfaces.append(IDISPATCH)
        made = model.Interface(
            name=item.name,
            uuid=uuid or ZERO_UUID,
            version=(0, 0) if "object" in written else version,
            endpoints=endpoints(written, binding.report),
            operations=tuple(operations.made),
            callbacks=tuple(operations.callbacks),
            base=None if item.base is None else item.base.name,
            object=place.object,
            local=place.local,
            imported=not binding.main,
            pointer_default=default,
            binding=place.binding,
            doc=doc_of(item.span, item.attributes),
            attributes=attribute_table.kept(item.attributes, "interface"),
            span=item.span,
        )
        self._check_uuid(made)
        binding.interfaces.append(made)

    def _check_uuid(self, made: model.Interface) -> None:
        """Interfaces of one file are told apart by uuid and version."""
        if made.uuid == ZERO_UUID or made.imported or (made.local and not made.object):
            return
        for other in self.binding.interfaces:
            if (other.uuid, other.version, other.imported) == (made.uuid, made.version, False) and not other.local:
                notes = () if other.span is None else (Note("the other is here", other.span),)
                found = diagnose(catalogue.SAME_UUID, made.span, notes=notes, name=made.name, other=other.name)
                self.binding.report.append(found)
                return

    def _check(self, item: tree.Interface, written: AttributeSet, operations: Operations) -> None:
        """What an interface that travels needs. One without operations is a bag of types."""
        report, place = self.binding.report, operations.place
        if not place.local and "uuid" not in written and (place.object or operations.count):
            report.append(diagnose(catalogue.NO_UUID, item.span, name=item.name))
        if "object" in written and item.base is None and item.name != "IUnknown":
            report.append(diagnose(catalogue.OBJECT_ROOT, item.span, name=item.name))
        if "object" in written and "version" in written:
            report.append(diagnose(catalogue.OBJECT_VERSION, written.by_name["version"].span, name=item.name))
        if place.local and not place.object:
            report.append(diagnose(catalogue.LOCAL_INTERFACE, item.span, name=item.name))

    # Type libraries

    def _library(self, item: tree.Library | tree.Module | tree.Coclass | tree.Dispinterface) -> None:
        binding, made = self.binding, self.found.libraries if self.binding.main else Libraries()
        check_name(item.name, item.span)
        match item:
            case tree.Library():
                with binding.collecting():
                    made.libraries.append(libraries.library(item, binding.report))
                self.items(item.items)
            case tree.Module():
                made.modules.append(libraries.module(item, binding.report))
                self.items([inner for inner in item.items if not libraries.is_function(inner)])
            case tree.Coclass():
                made.coclasses.append(libraries.coclass(item, binding.report))
            case tree.Dispinterface():
                made.dispinterfaces.append(libraries.dispinterface(item, binding.report))


def nameless(binding: Binding, file: Source, operations: list[model.Operation]) -> None:
    """Operations outside an interface get one that is named after the file."""
    stem = posixpath.basename(file.name).split(".")[0]
    name = re.sub(r"\W", "_", stem, flags=re.ASCII) or "file"
    name = f"_{name}" if name[0].isdigit() else name
    span = operations[0].span
    binding.report.append(diagnose(catalogue.NAMELESS_INTERFACE, span, name=name))
    binding.interfaces.append(model.Interface(name=name, uuid=ZERO_UUID, version=(0, 0), operations=tuple(operations)))


def _is_header_type(item: tree.Item) -> TypeGuard[tree.Typedef | tree.Declaration]:
    if isinstance(item, tree.Typedef) or (isinstance(item, tree.Declaration) and not item.declarators):
        return item.span.source.name.lower().endswith(_HEADERS)
    return False


def _is_function(item: tree.Declaration) -> bool:
    return any(isinstance(level, tree.Parameters) for level in item.declarators[0].levels)


def _typedef_names(items: Iterable[tree.Item]) -> Iterator[tuple[str, tree.Typedef]]:
    for item in items:
        if isinstance(item, tree.Typedef):
            yield from ((found.name or "", item) for found in item.declarators)
        elif isinstance(item, (tree.Interface, tree.Library)):
            yield from _typedef_names(item.items)


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
