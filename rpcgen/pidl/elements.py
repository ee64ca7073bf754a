"""Fields, arms and parameters of the pidl dialect: their types and attributes in MIDL's terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .. import catalogue, model
from ..diagnostics import Diagnostic, Span, diagnose
from ..syntax import tree
from .expressions import is_foreign, names_in, plain
from .names import Definitions
from .words import IDLE, SCALARS, SHOWN, UNENCODED, flag_name, scalar

_WORDS: Final = """
    charset flag relative relative_short relative_base subcontext subcontext_size nodiscriminant enum8bit
    enum16bit bitmap8bit bitmap16bit bitmap32bit bitmap64bit todo skip skip_noinit
"""
_TRANSLATED: Final = frozenset(_WORDS.split())
"""Attributes of which the translation makes something."""
_EXPRESSIONS: Final = ("size_is", "length_is", "switch_is", "max_is", "last_is", "first_is", "case")
_REFUSED: Final = ("relative", "relative_short", "subcontext", "compression", "sptr")


@dataclass(frozen=True, slots=True)
class Elements:
    """Translates what has a type, by the names that the files define."""

    names: Definitions
    report: list[Diagnostic] = field(default_factory=list[Diagnostic])

    # Types

    def type(self, spec: tree.TypeSpec) -> tree.TypeSpec:
        """A type without a body."""
        match spec:
            case tree.Named(span, name):
                return self._named(spec, span, name)
            case tree.Words(span, (word,)) if scalar(word) is not None:
                return tree.Given(span, scalar(word))
            case tree.Tagged(span, "bitmap", tag):
                return tree.Tagged(span, "enum", tag)
            case tree.Pipe(span, element):
                return tree.Pipe(span, self.type(element))
            case _:
                return spec

    def _named(self, spec: tree.TypeSpec, span: Span, name: str) -> tree.TypeSpec:
        if name in self.names.kinds:
            return tree.Tagged(span, self.names.kinds[name], name)
        if name in SCALARS:
            return tree.Given(span, scalar(name))
        if name in UNENCODED:
            return tree.Refused(span, f"the type {name}")
        return spec if name in self.names.types else tree.Refused(span, f"the type {name}, which no file defines")

    def _element(self, spec: tree.TypeSpec, attributes: tree.Attributes, siblings: frozenset[str]) -> tree.TypeSpec:
        """The type of a field, an arm or a parameter."""
        if any(found.name == "ignore" for found in attributes):
            return tree.Words(spec.span, ("void",))
        refused = _refusal(attributes, siblings | self.names.values)
        if refused is not None:
            return tree.Refused(spec.span, refused)
        match spec:
            case tree.Struct(span, tag, fields):
                return tree.Struct(span, tag, self.members(fields))
            case tree.PlainUnion(span, tag, arms):
                return tree.PlainUnion(span, tag, self.arms(arms))
            case tree.Bitmap(span, tag, members):
                return tree.Enum(span, tag, members, 32, True)
            case _:
                return _in_charset(self.type(spec), attributes)

    def declarator(self, found: tree.Declarator) -> tree.Declarator:
        """A declarator, with plain expressions in its bounds."""
        levels = tuple(
            tree.Bound(level.span, None if level.high is None else plain(level.high), level.low)
            if isinstance(level, tree.Bound)
            else level
            for level in found.levels
        )
        return replace(found, levels=levels)

    # Fields

    def members(self, fields: Iterable[tree.Member]) -> tuple[tree.Member, ...]:
        """The fields of a structure."""
        fields = tuple(fields)
        siblings = frozenset(found.name or "" for line in fields for found in line.declarators)
        return tuple(self._member(line, siblings) for line in fields)

    def _member(self, line: tree.Member, siblings: frozenset[str]) -> tree.Member:
        spec = self._element(line.type, line.attributes, siblings)
        declarators = tuple(self.declarator(found) for found in line.declarators)
        spec, declarators = self._sized(spec, declarators)
        written = tuple(replace(one, effect="none") if one.name in ("in", "out") else one for one in line.attributes)
        attributes = self._attributes(spec, _pointer(written, declarators))
        return tree.Member(line.span, attributes, spec, declarators)

    def _sized(
        self, spec: tree.TypeSpec, declarators: tuple[tree.Declarator, ...]
    ) -> tuple[tree.TypeSpec, tuple[tree.Declarator, ...]]:
        """The type and the declarators, without arrays that have no form here."""
        inline = self._inline(declarators)
        if inline is None:
            return spec, declarators
        refused = tree.Refused(inline.span, "an array whose size is that of another field")
        return refused, tuple(replace(found, levels=()) for found in declarators)

    def _inline(self, declarators: Iterable[tree.Declarator]) -> tree.Expr | None:
        """The size of an array that is not constant and does not travel itself."""
        for found in declarators:
            for level in found.levels:
                high = level.high if isinstance(level, tree.Bound) else None
                if high is not None and (names_in(high) - self.names.values or is_foreign(high)):
                    return high
        return None

    def arms(self, arms: Iterable[tree.Arm]) -> tuple[tree.Arm, ...]:
        """The arms of a union."""
        return tuple(self._arm(arm) for arm in arms)

    def _arm(self, arm: tree.Arm) -> tree.Arm:
        if arm.type is None:
            return replace(arm, attributes=marked(arm.attributes))
        spec = self._element(arm.type, arm.attributes, frozenset())
        declarators = tuple(self.declarator(found) for found in arm.declarators)
        return replace(arm, attributes=self._attributes(spec, arm.attributes), type=spec, declarators=declarators)

    # Parameters

    def parameters(self, written: tree.Parameters) -> tree.Parameters:
        """The parameters of an operation."""
        siblings = frozenset(found.declarator.name or "" for found in written.parameters)
        return replace(written, parameters=tuple(self._parameter(found, siblings) for found in written.parameters))

    def _parameter(self, found: tree.Parameter, siblings: frozenset[str]) -> tree.Parameter:
        spec = self._element(found.type, found.attributes, siblings)
        spec, (declarator,) = self._sized(spec, (self.declarator(found.declarator),))
        attributes = self._attributes(spec, _pointer(found.attributes, (declarator,)))
        return replace(found, attributes=attributes, type=spec, declarator=declarator)

    # Attributes

    def _attributes(self, spec: tree.TypeSpec, written: tree.Attributes) -> tree.Attributes:
        """The attributes, with plain expressions; none but [in] and [out] on a type that is refused."""
        found = marked(written)
        if isinstance(spec, tree.Refused):
            return tuple(
                one if one.effect or one.name in ("in", "out", "case", "default") else replace(one, effect="none")
                for one in found
            )
        if isinstance(spec, tree.PlainUnion):
            found = self.with_tag(found)
        return tuple(self._bounded(self._typed(one)) for one in found)

    def _bounded(self, attribute: tree.Attribute) -> tree.Attribute:
        """[range] by names that only C has is not checked."""
        if attribute.name != "range":
            return attribute
        for slot in attribute.slots or ():
            for name in sorted(set(_names(slot)) - self.names.values):
                why = f"nothing says what {name} is"
                self.report.append(diagnose(catalogue.NO_EFFECT, attribute.span, name="range", why=why))
                return replace(attribute, effect="none")
        return replace(attribute, slots=tuple(_plain_slot(slot) for slot in attribute.slots or ()))

    def _typed(self, attribute: tree.Attribute) -> tree.Attribute:
        slot = attribute.slots[0] if attribute.slots else None
        if attribute.name == "switch_type" and isinstance(slot, tree.Name):
            return replace(attribute, slots=(self._tag_type(slot),), effect="honoured")
        return attribute

    def _tag_type(self, slot: tree.Name) -> tree.TypeSpec:
        if slot.name in ("int3264", "uint3264", "int1632", "uint1632"):
            return tree.Refused(slot.span, f"a union with a tag of the type {slot.name}")
        return self.type(tree.Named(slot.span, slot.name))

    def with_tag(self, attributes: tree.Attributes) -> tree.Attributes:
        """The attributes of a union, which has a tag of 32 bits if nothing else is said."""
        if any(found.name == "switch_type" for found in attributes):
            return tuple(self._typed(found) for found in attributes)
        if not attributes:
            return attributes
        span = attributes[0].span
        given = tree.Given(span, model.Scalar(word="ULong"))
        return (*attributes, tree.Attribute(span, "switch_type", (given,), effect="honoured"))


def _pointer(attributes: tree.Attributes, declarators: Iterable[tree.Declarator]) -> tree.Attributes:
    """The attributes, those that say nothing beside others marked: [unique] beside [ref], [ignore] on no pointer."""
    written = {found.name for found in attributes}
    stars = any(isinstance(level, tree.Star) for found in declarators for level in found.levels)
    idle = {"unique", "ptr"} if "ref" in written else set[str]()
    idle |= set[str]() if stars else {"ignore"}
    return tuple(replace(found, effect="none") if found.name in idle else found for found in attributes)


def marked(attributes: tree.Attributes, *more: str) -> tree.Attributes:
    """The attributes, those that only pidl has marked with their effect; `more` are honoured by the caller."""
    return tuple(_marked(found, more) for found in attributes)


def _marked(attribute: tree.Attribute, more: tuple[str, ...]) -> tree.Attribute:
    if attribute.name in _EXPRESSIONS and attribute.slots is not None:
        slots = tuple(_plain_slot(slot) for slot in attribute.slots)
        return replace(attribute, slots=slots)
    if attribute.name in IDLE:
        return replace(attribute, effect="none")
    if attribute.name in _TRANSLATED or attribute.name in more:
        return replace(attribute, effect="honoured")
    return attribute


def _plain_slot(slot: tree.Slot) -> tree.Slot:
    if slot is None or isinstance(slot, (tree.Uuid, tree.Words, tree.Tagged)):
        return slot
    return plain(slot)


def _names(slot: tree.Slot) -> frozenset[str]:
    """The names in a slot."""
    if slot is None or isinstance(slot, (tree.Uuid, tree.Words, tree.Tagged, tree.Given, tree.Refused)):
        return frozenset()
    return names_in(plain(slot))


def _refusal(attributes: tree.Attributes, known: frozenset[str]) -> str | None:
    """What of the attributes has no form here."""
    for found in attributes:
        if found.name in _REFUSED:
            return f"[{found.name}]"
        if found.name == "flag" and not _flags(found) <= SHOWN:
            return f"[flag({found.text})]"
        if found.name in _EXPRESSIONS and not found.effect:
            for slot in found.slots or ():
                if slot is not None and not isinstance(slot, (tree.Uuid, tree.Words, tree.Tagged)):
                    simple = plain(slot)
                    if is_foreign(simple):
                        return f"[{found.name}({found.text})]"
                    for name in sorted(names_in(simple) - known):
                        return f"[{found.name}({found.text})], where nothing says what {name} is"
    return None


def _flags(attribute: tree.Attribute) -> frozenset[str]:
    """The flags that an attribute sets."""
    slot = attribute.slots[0] if attribute.slots else None
    if slot is None or isinstance(slot, (tree.Uuid, tree.Words, tree.Tagged)) or is_foreign(slot):
        return frozenset(("?",))
    return frozenset(flag_name(name) for name in names_in(slot))


def _in_charset(spec: tree.TypeSpec, attributes: tree.Attributes) -> tree.TypeSpec:
    """The unit of a string: [charset(UTF16)] on an uint16 is a wchar_t, any other on an uint8 a char."""
    charset = next((found for found in attributes if found.name == "charset"), None)
    if charset is None or not isinstance(spec, tree.Given):
        return spec
    if spec.type in (model.Scalar(word="UShort"), model.Scalar(word="Short")):
        return tree.Given(spec.span, model.Scalar(word="WChar"))
    if spec.type == model.Scalar(word="Byte") and any(found.name == "string" for found in attributes):
        return tree.Given(spec.span, model.Scalar(word="Char"))
    return spec
