"""The walk over a pidl file: each item in MIDL's terms, with its places and its attributes as written.

Facts are those of Samba's pidl (Parse::Pidl::NDR) and of libndr. Counterparts: `elements.py` translates fields, arms
and parameters, `words.py` knows the types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from .. import catalogue
from ..diagnostics import Diagnostic, diagnose
from ..semantics.headers import is_uuid
from ..syntax import tree
from .elements import WIDE, Elements, marked
from .expressions import plain
from .flags import flags_of, frame
from .names import Definitions, is_repeated, kind_of, typedefs
from .ordering import ordered
from .stock import beside, body
from .words import HAND_WRITTEN

_BITS: Final = {"enum8bit": 8, "enum16bit": 16, "bitmap8bit": 8, "bitmap16bit": 16, "bitmap32bit": 32,
                "bitmap64bit": 64}  # fmt: skip
_OUTSIDE: Final = ("skip", "skip_noinit")
"""Attributes of fields that are in a program's memory alone."""


def translate(files: Iterable[tree.File], report: list[Diagnostic], plain_files: Iterable[tree.File] = ()) -> None:
    """Translate files in place, each behind those that it imports; `report` gets what is left out.

    plain_files: those that are in MIDL's language and stay so; their types may be used.
    """
    files = list(files)
    definitions = Definitions()
    for file in plain_files:
        definitions.types.update(typedefs(file.items))
    for file in files:
        definitions.learn(file.items)
    for file in files:
        said = report if file is files[-1] else []
        walk = _Walk(Elements(definitions, said), said)
        file.items = ordered(list(walk.items(file.items)))


@dataclass(slots=True)
class _Walk:
    """One file on its way."""

    elements: Elements
    report: list[Diagnostic]
    operations: frozenset[str] = frozenset()
    """The names of those of the present interface."""

    def items(self, items: Iterable[tree.Item]) -> Iterator[tree.Item]:
        """The items that say something."""
        for item in items:
            match item:
                case tree.Interface():
                    self.operations = _operations(item.items)
                    items_ = tuple(ordered(list(self.items(item.items))))
                    yield replace(item, attributes=self._header(item), items=items_)
                case tree.Typedef():
                    yield from self._typedef(item)
                case tree.Declaration():
                    yield from self._declaration(item)
                case _:
                    yield item

    def _header(self, item: tree.Interface) -> tree.Attributes:
        """The attributes of an interface. Samba has numbers that only look like a uuid on those that are not called."""
        out: list[tree.Attribute] = []
        for found in marked(item.attributes):
            slot = found.slot
            text = slot.value if isinstance(slot, tree.Text) else slot.text if isinstance(slot, tree.Uuid) else None
            if found.name == "uuid" and text is not None and not is_uuid(text):
                self.report.append(diagnose(catalogue.ODD_UUID, found.span, text=text[:60], name=item.name))
            else:
                out.append(found)
        return tuple(out)

    # Types

    def _typedef(self, item: tree.Typedef) -> Iterator[tree.Item]:
        name = item.declarators[0].name if item.declarators else None
        spec = item.type
        if is_repeated(item):
            return
        spec = self._body(spec, item.attributes, name) if kind_of(spec) is not None else self.elements.type(spec)
        declarators = tuple(self.elements.declarator(found) for found in item.declarators)
        attributes = self.elements.typed(marked(item.attributes))
        yield replace(item, type=spec, attributes=attributes, declarators=declarators)
        yield from beside(name or "", item.span)

    def _declaration(self, item: tree.Declaration) -> Iterator[tree.Item]:
        if item.value is not None:
            yield self._constant(item)
        elif not item.declarators and kind_of(item.type) is not None:
            spec = self._body(item.type, item.attributes, getattr(item.type, "tag", None))
            yield replace(item, type=spec, attributes=self.elements.typed(marked(item.attributes)))
        elif item.declarators:
            yield from self._operation(item)

    def _body(self, spec: tree.TypeSpec, attributes: tree.Attributes, name: str | None) -> tree.TypeSpec:
        """The body of a type, whose tag is its name if it has none."""
        written = {found.name for found in attributes}
        hand = next((word for word in HAND_WRITTEN if word in written), None)
        flags = flags_of(attributes)
        if isinstance(spec, (tree.Enum, tree.Bitmap)):
            self._plain_enum(attributes)
            return _enumeration(spec, written, name)
        if not isinstance(spec, (tree.Struct, tree.PlainUnion)):
            return spec
        known = None if hand is None else body(name or "", spec.span)
        what = f"a codec that is written by hand ([{hand}])" if flags is not None else "flags that only a program knows"
        if flags is None or (hand is not None and known is None):
            return _refused(spec, name, what)
        inside = frame(flags, based="relative_base" in written)
        if isinstance(spec, tree.Struct):
            fields = self.elements.members(_lasting(spec.fields), flags) if known is None else known
            return tree.Struct(spec.span, spec.tag or name, fields, inside)
        arms = self.elements.arms(spec.arms, flags)
        return tree.PlainUnion(spec.span, spec.tag or name, arms, inside, "nodiscriminant" in written, WIDE)

    def _plain_enum(self, attributes: tree.Attributes) -> None:
        """An enumeration travels as its integer, whatever writes it."""
        for found in attributes:
            if found.name in HAND_WRITTEN:
                why = "an enumeration travels as its integer"
                self.report.append(diagnose(catalogue.NO_EFFECT, found.span, name=found.name, why=why))

    # Constants and operations

    def _constant(self, item: tree.Declaration) -> tree.Declaration:
        """C gets a #define: nothing asks whether the value fits the type."""
        spec, declarator = item.type, self.elements.declarator(item.declarators[0])
        if item.value is not None and not isinstance(item.value, tree.Braces):
            item = replace(item, value=plain(item.value))
        if isinstance(spec, tree.Named) and spec.name == "string":
            levels = (*declarator.levels, tree.Star())
            text = replace(declarator, levels=levels)
            return replace(item, type=tree.Words(spec.span, ("char",)), declarators=(text,))
        integer = not declarator.levels and not isinstance(spec, tree.Words | tree.Struct)
        whole = isinstance(spec, tree.Words) and not declarator.levels and set(spec.words) & {"int", "long", "short"}
        if integer or whole:
            large = isinstance(item.value, tree.Number) and item.value.value >= 1 << 63
            return replace(item, type=tree.Words(spec.span, ("unsigned", "hyper") if large else ("hyper",)))
        return item

    def _operation(self, item: tree.Declaration) -> Iterator[tree.Declaration]:
        declarator = item.declarators[0]
        written = {found.name for found in item.attributes}
        if "noopnum" in written:
            return
        reason = _why_local(written)
        attributes = tuple(self._standing(found) for found in marked(item.attributes, "todo", *HAND_WRITTEN))
        if reason is not None:
            name = declarator.name or ""
            self.report.append(diagnose(catalogue.LEFT_OUT, declarator.span, name=name, reason=reason))
            attributes = (*attributes, tree.Attribute(declarator.span, "local", None, effect="honoured"))
        levels = tuple(
            self.elements.parameters(level) if isinstance(level, tree.Parameters) else level
            for level in declarator.levels
        )
        type_ = self.elements.type(item.type)
        yield replace(item, attributes=attributes, type=type_, declarators=(replace(declarator, levels=levels),))

    def _standing(self, attribute: tree.Attribute) -> tree.Attribute:
        """[call_as] for an operation of a base says nothing of the number: every operation takes its own."""
        slot = attribute.slot
        here = isinstance(slot, tree.Name) and slot.name in self.operations
        return attribute if attribute.name != "call_as" or here else replace(attribute, effect="none")


def _operations(items: Iterable[tree.Item]) -> frozenset[str]:
    return frozenset(
        found.name or "" for item in items if isinstance(item, tree.Declaration) for found in item.declarators
    )


def _why_local(written: set[str]) -> str | None:
    """Why an operation has a number and nothing else."""
    if "todo" in written:
        return "nothing is known of it ([todo])"
    hand = next((word for word in HAND_WRITTEN if word in written), None)
    return None if hand is None else f"its codec is written by hand ([{hand}])"


def _lasting(fields: Iterable[tree.Member]) -> tuple[tree.Member, ...]:
    """The fields that travel."""
    return tuple(line for line in fields if not any(found.name in _OUTSIDE for found in line.attributes))


def _refused(spec: tree.Struct | tree.PlainUnion, name: str | None, what: str) -> tree.TypeSpec:
    """The same without a form."""
    span = spec.span
    refused, declarators = tree.Refused(span, what), (tree.Declarator(span, "value", ()),)
    if isinstance(spec, tree.Struct):
        return tree.Struct(span, spec.tag or name, (tree.Member(span, (), refused, declarators),))
    default = tree.Attribute(span, "default", None)
    arm = tree.Arm(span, (), (default,), refused, declarators)
    return tree.PlainUnion(span, spec.tag or name, (arm,), fallback=WIDE)


def _enumeration(spec: tree.Enum | tree.Bitmap, written: set[str], name: str | None) -> tree.Enum:
    flags = isinstance(spec, tree.Bitmap)
    bits = next((bits for word, bits in _BITS.items() if word in written), 32 if flags else 0)
    members = tuple(
        replace(member, value=None if member.value is None else plain(member.value)) for member in spec.members
    )
    return tree.Enum(spec.span, spec.tag or name, members, bits, flags)
