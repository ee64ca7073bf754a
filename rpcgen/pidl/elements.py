"""Fields, arms and parameters of the pidl dialect: their types and attributes in MIDL's terms."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from .. import catalogue, model
from ..diagnostics import Diagnostic, Span, diagnose
from ..syntax import tree
from .expressions import is_foreign, names_in, plain
from .flags import FILLING, Names, blob, combined, flags_of, frame, text, texts
from .names import Definitions
from .stock import CONTEXT, HANDLE, counted_apart, padded
from .words import BY_FLAGS, IDLE, SCALARS, UNENCODED, scalar

_WORDS: Final = """
    charset flag value relative relative_short relative_base subcontext subcontext_size nodiscriminant enum8bit
    enum16bit bitmap8bit bitmap16bit bitmap32bit bitmap64bit todo skip skip_noinit nopush nopull
"""
_TRANSLATED: Final = frozenset(_WORDS.split())
"""Attributes of which the translation makes something."""
_EXPRESSIONS: Final = (
    "size_is", "length_is", "switch_is", "max_is", "last_is", "first_is", "case", "subcontext", "subcontext_size",
)  # fmt: skip
WIDE: Final = model.Scalar(word="ULong")
"""The type of a union's tag unless something else is said."""
_REFUSED: Final = ("compression", "sptr")
_NO_HANDLE: Final = frozenset(("unique", "ptr", "size_is"))


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

    def _element(
        self, spec: tree.TypeSpec, attributes: tree.Attributes, siblings: Names, inherited: Names
    ) -> tree.TypeSpec:
        """The type of a field, an arm or a parameter."""
        if any(found.name == "ignore" for found in attributes):
            return tree.Words(spec.span, ("void",))
        own = flags_of(attributes)
        if own is None:
            text = next(found.text for found in attributes if found.name == "flag")
            return tree.Refused(spec.span, f"[flag({text})]")
        refused = _refusal(attributes, siblings | self.names.values)
        if refused is not None:
            return tree.Refused(spec.span, refused)
        in_force = combined(inherited, own)
        match spec:
            case tree.Struct(span, tag, fields):
                return tree.Struct(span, tag, self.members(fields, in_force))
            case tree.PlainUnion(span, tag, arms):
                untagged = "nodiscriminant" in _words(attributes)
                return tree.PlainUnion(span, tag, self.arms(arms, in_force), None, untagged, WIDE)
            case tree.Bitmap(span, tag, members):
                return tree.Enum(span, tag, members, 32, True)
            case tree.Named(span, name) if name in BY_FLAGS:
                return _by_flags(span, name, in_force)
            case tree.Named(span, name) if own & FILLING and self.names.is_bare(name):
                return tree.Refused(span, f"[flag(...)] for the blobs inside {name}")
            case _:
                return _in_charset(self.type(spec), attributes)

    def declarator(self, found: tree.Declarator) -> tree.Declarator:
        """A declarator, with plain expressions in its bounds."""
        return replace(found, levels=tuple(self._level(level) for level in found.levels))

    def _level(self, level: tree.Level) -> tree.Level:
        """A bound that names fields says how many items there are, and does not travel."""
        if not isinstance(level, tree.Bound) or level.high is None:
            return level
        high = plain(level.high)
        return replace(level, high=high, inline=bool(names_in(high) - self.names.values) or is_foreign(high))

    # Fields

    def members(self, fields: Iterable[tree.Member], inherited: Names = frozenset()) -> tuple[tree.Member, ...]:
        """The fields of a structure; `inherited` are the flags that are in force around them."""
        fields = tuple(fields)
        siblings = frozenset(found.name or "" for line in fields for found in line.declarators)
        spread = [one for line in fields[:-1] for one in counted_apart(line, siblings)]
        return tuple(self._member(line, siblings, inherited) for line in (*spread, *fields[-1:]))

    def _member(self, line: tree.Member, siblings: Names, inherited: Names) -> tree.Member:
        line = padded(line)
        spec = self._element(line.type, line.attributes, siblings, inherited)
        spec, declarators = self._declared(spec, line.declarators, siblings)
        written = tuple(replace(one, effect="none") if one.name in ("in", "out") else one for one in line.attributes)
        attributes = self._attributes(spec, _pointer(written, declarators))
        return tree.Member(line.span, attributes, spec, declarators)

    def _declared(
        self, spec: tree.TypeSpec, written: Iterable[tree.Declarator], siblings: Names
    ) -> tuple[tree.TypeSpec, tuple[tree.Declarator, ...]]:
        """The type and the declarators, without arrays whose size nothing says."""
        declarators = tuple(self.declarator(found) for found in written)
        for found in declarators:
            for level in found.levels:
                high = level.high if isinstance(level, tree.Bound) and level.inline else None
                if high is not None and (is_foreign(high) or names_in(high) - siblings - self.names.values):
                    spec = tree.Refused(high.span, "an array whose size is neither constant nor a field beside it")
                    return spec, tuple(replace(one, levels=()) for one in declarators)
        return spec, declarators

    def arms(self, arms: Iterable[tree.Arm], inherited: Names = frozenset()) -> tuple[tree.Arm, ...]:
        """The arms of a union."""
        return tuple(self._arm(arm, inherited) for arm in arms)

    def _arm(self, arm: tree.Arm, inherited: Names) -> tree.Arm:
        if arm.type is None:
            return replace(arm, attributes=marked(arm.attributes))
        spec = self._element(arm.type, arm.attributes, frozenset(), inherited)
        spec, declarators = self._declared(spec, arm.declarators, frozenset())
        self._uncomputed(arm.attributes, declarators)
        return replace(arm, attributes=self._attributes(spec, arm.attributes), type=spec, declarators=declarators)

    # Parameters

    def parameters(self, written: tree.Parameters) -> tree.Parameters:
        """The parameters of an operation."""
        siblings = frozenset(found.declarator.name or "" for found in written.parameters)
        return replace(written, parameters=tuple(self._parameter(found, siblings) for found in written.parameters))

    def _parameter(self, found: tree.Parameter, siblings: Names) -> tree.Parameter:
        spec = self._element(found.type, found.attributes, siblings, frozenset())
        spec, (declarator,) = self._declared(spec, (found.declarator,), frozenset())
        self._uncomputed(found.attributes, (declarator,))
        if self._is_handle(found):
            spec = tree.Named(found.span, CONTEXT)
        attributes = self._attributes(spec, _pointer(found.attributes, (declarator,)))
        return replace(found, attributes=attributes, type=spec, declarator=declarator)

    def _is_handle(self, found: tree.Parameter) -> bool:
        """A pointer to a policy_handle is a context handle, unless it may be null or an array."""
        named = isinstance(found.type, tree.Named) and found.type.name == HANDLE and HANDLE in self.names.kinds
        return named and found.declarator.levels == (tree.Star(),) and not _words(found.attributes) & _NO_HANDLE

    def _uncomputed(self, attributes: tree.Attributes, declarators: Iterable[tree.Declarator]) -> None:
        """[value] is for fields."""
        name = next((found.name for found in declarators if found.name), "")
        for found in attributes:
            if found.name == "value":
                reason = "it is no field of a structure"
                self.report.append(diagnose(catalogue.NOT_COMPUTED, found.span, name=name, reason=reason))

    # Attributes

    def _attributes(self, spec: tree.TypeSpec, written: tree.Attributes) -> tree.Attributes:
        """The attributes, with plain expressions; none but [in] and [out] on a type that is refused."""
        found = marked(written)
        if isinstance(spec, tree.Refused):
            return tuple(
                one if one.effect or one.name in ("in", "out", "case", "default") else replace(one, effect="none")
                for one in found
            )
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
        slot = attribute.slot
        if attribute.name == "switch_type" and isinstance(slot, tree.Name):
            found = self.type(tree.Named(slot.span, slot.name))
            if slot.name in ("int3264", "uint3264", "int1632", "uint1632"):
                found = tree.Refused(slot.span, f"a union with a tag of the type {slot.name}")
            if isinstance(found, tree.Given | tree.Refused | tree.Tagged):
                return replace(attribute, slots=(found,), effect="honoured")
        return attribute

    def typed(self, attributes: tree.Attributes) -> tree.Attributes:
        """The attributes, with the type that [switch_type] names."""
        return tuple(self._typed(found) for found in attributes)


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
    if attribute.effect:
        return attribute
    honoured = attribute.name in _TRANSLATED or attribute.name in more
    if attribute.name == "flag":
        return _frame(attribute)
    if attribute.name in (*_EXPRESSIONS, "value") and attribute.slots is not None:
        attribute = replace(attribute, slots=tuple(_plain_slot(slot) for slot in attribute.slots))
    if attribute.name in IDLE:
        return replace(attribute, effect="none")
    return replace(attribute, effect="honoured") if honoured else attribute


def _frame(attribute: tree.Attribute) -> tree.Attribute:
    """[flag] with what it says of all that is inside."""
    names = flags_of((attribute,))
    found = None if names is None else frame(names)
    if found is None:
        return replace(attribute, slots=(), effect="honoured")
    return replace(attribute, slots=(tree.Given(attribute.span, found),), effect="honoured")


def _plain_slot(slot: tree.Slot) -> tree.Slot:
    if isinstance(slot, tree.NoExpression):
        return slot
    return plain(slot)


def _names(slot: tree.Slot) -> frozenset[str]:
    """The names in a slot."""
    if isinstance(slot, tree.NoExpression):
        return frozenset()
    return names_in(plain(slot))


def _refusal(attributes: tree.Attributes, known: frozenset[str]) -> str | None:
    """What of the attributes has no form here."""
    for found in attributes:
        if found.name in _REFUSED:
            return f"[{found.name}]"
        if found.name in _EXPRESSIONS and not found.effect:
            for slot in found.slots or ():
                simple = _plain_slot(slot)
                if isinstance(simple, tree.NoExpression):
                    continue
                if is_foreign(simple):
                    return f"[{found.name}({found.text})]"
                for name in sorted(names_in(simple) - known):
                    return f"[{found.name}({found.text})], where nothing says what {name} is"
    return None


def _words(attributes: tree.Attributes) -> frozenset[str]:
    return frozenset(found.name for found in attributes)


def _by_flags(span: Span, name: str, in_force: Names) -> tree.TypeSpec:
    """A type whose form is that of the flags in force."""
    found = {"DATA_BLOB": blob, "string": text, "string_array": texts}[name](in_force)
    if found is None:
        return tree.Refused(span, f"a {name} under flags that do not say how it travels")
    return tree.Given(span, found)


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
