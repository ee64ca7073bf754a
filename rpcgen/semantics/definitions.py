"""Definitions: bodies of structures, unions and enumerations become definitions of the model.

A body that cannot travel (a pointer to void, a bit-field, a plain C union ...) is no mistake until something that
travels uses it: such problems are kept with the definition. A member without a name, as C11 and Microsoft's C have it,
is a field called `u` or `s`, then `u2`, `s2` ..., the names that the Windows headers give it where C has no such thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .. import catalogue, model
from ..diagnostics import Span, diagnose, problem
from ..syntax import tree
from ..syntax.comments import doc_of
from . import attributes as attribute_table
from . import memory
from .attributes import AttributeSet
from .computed import adds_nul, computed, measures_all, sizes_in
from .conversions import named_type
from .correlations import Neighbour, siblings_in
from .declared import apply, declare
from .lowering import Lowering, Unusable, complete, complete_union, determined, is_count
from .scopes import Binding, TypeName, check_name
from .shapes import Broken, Draft, DraftKind, Memory, Shape, Stream, tag_of

Kept = tuple[model.Attribute, ...]
_BITS: Final[Mapping[int, Literal[8, 16, 32, 64]]] = {8: 8, 16: 16, 32: 32, 64: 64}


@dataclass(slots=True)
class _Member:
    """A field while its structure is bound: shapes first, since sizes may name later fields."""

    name: str
    span: Span
    shape: Shape
    doc: str = ""
    attributes: Kept = ()
    value: tree.Attribute | None = None
    """[value] of the pidl dialect."""


def typedef_of(binding: Binding, spec: tree.TypeSpec, attributes: AttributeSet, name: str, kept: Kept = ()) -> Shape:
    """The type under a typedef called `name`, whose name may come before its body: `typedef X *PX;`."""
    return binding.named_later(spec) or shape_of(binding, spec, attributes, name, kept)


def shape_of(binding: Binding, spec: tree.TypeSpec, attributes: AttributeSet, name: str, kept: Kept = ()) -> Shape:
    """The type of a specifier; a body in it is defined, and has the attributes in `kept`.

    name: for a type that has no tag.
    """
    match spec:
        case tree.Struct():
            return Shape(_structure(binding, spec, name, kept))
        case tree.PlainUnion():
            return Shape(_union(binding, spec, attributes, name, kept))
        case tree.SwitchUnion():
            return Shape(_switch_union(binding, spec, name, kept))
        case tree.Enum():
            return Shape(_enumeration(binding, spec, attributes, name, kept))
        case tree.Pipe(_, element):
            return Shape(Stream(shape_of(binding, element, AttributeSet({}), f"{name}_item")))
        case _:
            return binding.shape_of(spec)


def _begin(binding: Binding, kind: DraftKind, tag: str | None, name: str, span: Span, kept: Kept) -> Draft:
    """The definition whose body comes now."""
    if tag is not None:
        draft = _tagged(binding, kind, tag, name, span)
    else:
        draft = binding.forward.pop(name) if name in binding.forward else binding.draft(kind, name, span)
        draft.kind, draft.span = kind, span
    draft.begun = True
    draft.doc, draft.attributes = doc_of(span), kept
    return draft


def _tagged(binding: Binding, kind: DraftKind, tag: str, name: str, span: Span) -> Draft:
    check_name(tag, span)
    draft = binding.tags.chain[-1].get(tag) or binding.tags.find(tag)
    if draft is None and name in binding.forward:
        draft = binding.forward.pop(name)
        draft.kind = kind
    if draft is None or (draft.begun and (tag not in binding.tags.chain[-1] or draft.file is not binding.file)):
        draft = binding.draft(kind, tag, span)
    if draft.begun:
        raise problem(catalogue.REDEFINED, span, notes=binding.tags.first(tag), name=tag)
    if draft.kind != kind and (kind != "switch_union" or draft.kind not in ("struct", "union")):
        raise problem(catalogue.TAG_KIND, span, name=tag, found=draft.kind, wanted=kind)
    draft.kind, draft.file, draft.span = kind, binding.file, span
    draft.problems = [] if binding.main else binding.report
    binding.tags.put(tag, draft, span)
    binding.aliases.append(TypeName(tag, Shape(draft), binding.file, span))
    return draft


# Structures


def _structure(binding: Binding, spec: tree.Struct, name: str, kept: Kept) -> Draft:
    draft = _begin(binding, "struct", spec.tag, name, spec.span, kept)
    members = _members(binding, spec.fields, draft)
    siblings = {member.name: Neighbour(member.shape) for member in members}
    fields: list[model.Member] = []
    for member in members:
        with binding.collecting(draft):
            lowering = Lowering(binding, member.name, member.span, siblings)
            try:
                type_ = lowering.type(member.shape)
            except Unusable:
                continue
            value = None if member.value is None else computed(binding, member.name, member.value, siblings)
            fields.append(
                model.Member(
                    name=member.name,
                    type=type_,
                    value=value,
                    doc=member.doc,
                    attributes=member.attributes,
                    span=member.span,
                )
            )
    if not spec.fields:
        binding.report.append(diagnose(catalogue.EMPTY_STRUCT, spec.span, type=f"struct {draft.name}"))
    definition = model.Structure(
        key=draft.key,
        name=draft.name,
        members=_with_auto(binding, _without_circles(binding, fields)),
        flags=spec.flags,
        doc=draft.doc,
        attributes=draft.attributes,
        span=spec.span,
    )
    complete(binding, draft, definition)
    return draft


def _members(binding: Binding, lines: Iterable[tree.Member], owner: Draft) -> list[_Member]:
    members: list[_Member] = []
    in_memory: list[memory.Field] = []
    lines = list(lines)
    seen = {declarator.name or "": False for line in lines for declarator in line.declarators}
    for line in lines:
        attributes = attribute_table.read(line.attributes, "field", binding.report)
        kept = attribute_table.kept(line.attributes, "field")
        declarators = line.declarators or _unnamed(binding, line, seen)
        binding.around.append(seen)
        try:
            base = _declared_type(binding, line.type, attributes, f"{owner.name}_{_first_name(declarators)}", owner)
        finally:
            binding.around.pop()
        for declarator in declarators:
            member = _member(binding, base, declarator, attributes, owner)
            in_memory.append(_in_memory(binding, member.shape, base, declarator))
            if declarator.width is not None:
                continue
            if seen.get(member.name):
                again = diagnose(catalogue.DUPLICATE_FIELD, member.span, name=member.name, where=owner.name)
                binding.report.append(again)
                continue
            seen[member.name] = True
            member.doc, member.attributes = doc_of(member.span, line.attributes), kept
            member.value = attributes.get("value")
            members.append(member)
    owner.memory = memory.structure(in_memory)
    return members


def _first_name(declarators: Iterable[tree.Declarator]) -> str:
    return next((declarator.name for declarator in declarators if declarator.name), "")


def _unnamed(binding: Binding, line: tree.Member | tree.Arm, taken: Iterable[str]) -> tuple[tree.Declarator, ...]:
    """The declarator of a member without one: `u` for a union, `s` for a structure, numbered from the second on."""
    letter = ""
    if isinstance(line.type, (tree.Struct, tree.PlainUnion, tree.SwitchUnion)):
        letter = "s" if isinstance(line.type, tree.Struct) else "u"
    elif isinstance(line.type, tree.Tagged):
        letter = line.type.kind[0]
    if letter not in ("s", "u"):
        binding.report.append(diagnose(catalogue.ANONYMOUS_MEMBER, line.span))
        return ()
    names = set(taken)
    number, name = 1, letter
    while name in names:
        number += 1
        name = f"{letter}{number}"
    if isinstance(taken, dict):
        taken[name] = False
    return (tree.Declarator(line.span, name, ()),)


def _in_memory(binding: Binding, shape: Shape, base: Shape, declarator: tree.Declarator) -> memory.Field:
    """What a field takes in C."""
    if declarator.width is None:
        return memory.Field(memory.memory_of(shape))
    with binding.collecting():
        width = binding.integer(declarator.width)
        return memory.Field(memory.memory_of(base), min(max(width, 0), 64))
    return memory.Field(None)


def _declared_type(binding: Binding, spec: tree.TypeSpec, attributes: AttributeSet, name: str, owner: Draft) -> Shape:
    with binding.collecting(owner):
        return _inner_type(binding, spec, attributes, name)
    return Shape(Broken())


def _inner_type(binding: Binding, spec: tree.TypeSpec, attributes: AttributeSet, name: str) -> Shape:
    """The type of a member; a body without a tag is nothing apart from its owner."""
    shape = shape_of(binding, spec, attributes, name)
    nameless = isinstance(spec, tree.Struct | tree.PlainUnion | tree.SwitchUnion) and spec.tag is None
    if nameless and isinstance(shape.base, Draft):
        shape.base.presented = True
    return shape


def _member(
    binding: Binding, base: Shape, declarator: tree.Declarator, attributes: AttributeSet, owner: Draft
) -> _Member:
    name, span = declarator.name or "", declarator.span
    with binding.collecting(owner):
        check_name(name, span)
        if declarator.width is not None:
            raise problem(catalogue.BIT_FIELD, span, name=name or "this")
        shape = declare(binding, base, declarator)
        return _Member(name, span, apply(binding, shape, attributes, name=name, span=span, position="field"))
    return _Member(name, span, Shape(Broken()))


def _with_auto(binding: Binding, fields: list[model.Member]) -> tuple[model.Member, ...]:
    """The fields, those that an array determines marked."""
    fields = _without_doubt(binding, fields)
    counts = frozenset[str]().union(*(determined(member.type) for member in fields))
    tags = {name for member in fields for name in selectors(member.type)}
    return tuple(
        member.model_copy(update={"auto": True})
        if member.name in counts - tags and is_count(member.type) and member.value is None
        else member
        for member in fields
    )


def _without_circles(binding: Binding, fields: list[model.Member]) -> list[model.Member]:
    """The fields; none is computed from the size of a structure whose size it gives."""
    out: list[model.Member] = []
    for field in fields:
        if isinstance(field.value, model.Node) and measures_all(field.value):
            giving = any(field.name in sizes_in(one.type) for one in fields)
            if giving:
                reason = "it is the size of the structure, whose size it gives"
                span = field.span
                binding.report.append(diagnose(catalogue.NOT_COMPUTED, span, name=field.name, reason=reason))
                field = field.model_copy(update={"value": None})
        out.append(field)
    return out


def _without_doubt(binding: Binding, fields: list[model.Member]) -> list[model.Member]:
    """The fields; where both an array and [value] say one, the array does: C's texts end at a NUL, Python's do not."""
    exact = frozenset[str]().union(*(_counted(one.type) for one in fields))
    out: list[model.Member] = []
    for field in fields:
        if field.name in exact and field.value is not None and is_count(field.type):
            if isinstance(field.value, model.Node) and adds_nul(field.value):
                reason = "its array says it, whose text holds its NUL in Python"
                binding.report.append(diagnose(catalogue.NOT_COMPUTED, field.span, name=field.name, reason=reason))
            field = field.model_copy(update={"value": None})
        out.append(field)
    return out


def _counted(type_: model.Type) -> frozenset[str]:
    """The siblings that give the number of items that travel."""
    array = type_.target if isinstance(type_, model.Pointer) else type_
    if isinstance(array, model.Array) and array.length is not None:
        array = array.model_copy(update={"size": None})
    return determined(array)


def selectors(type_: model.Type) -> frozenset[str]:
    """The siblings that select an arm of a union: never filled in."""
    match type_:
        case model.Selected(switch=switch):
            return siblings_in(switch)
        case model.Subcontext(target=inner) | model.Flagged(target=inner):
            return selectors(inner)
        case model.Pointer(target=inner) | model.Array(element=inner) | model.MultiArray(element=inner):
            return selectors(inner)
        case _:
            return frozenset()


# Unions


def _union(binding: Binding, spec: tree.PlainUnion, attributes: AttributeSet, name: str, kept: Kept) -> Draft:
    draft = _begin(binding, "union", spec.tag, name, spec.span, kept)
    draft.ms_union = draft.ms_union or binding.ms_union or "ms_union" in attributes
    draft.flags, draft.untagged = spec.flags, spec.untagged
    _arms(binding, draft, spec.arms)
    tag = attributes.get("switch_type")
    if tag is not None:
        complete_union(binding, draft, tag_of(named_type(binding, tag), tag.span), tag.span)
    elif spec.fallback is not None:
        complete_union(binding, draft, spec.fallback, spec.span)
    return draft


def _switch_union(binding: Binding, spec: tree.SwitchUnion, name: str, kept: Kept) -> Draft:
    draft = _begin(binding, "switch_union", spec.tag, name, spec.span, kept)
    check_name(spec.selector, spec.span)
    selector = shape_of(binding, spec.selector_type, AttributeSet({}), f"{draft.name}_{spec.selector}")
    tag = tag_of(selector, spec.selector_type.span)
    member = spec.name or "tagged_union"
    inner = binding.draft("union", f"{draft.name}_{member}", spec.span)
    inner.problems = draft.problems
    _arms(binding, inner, spec.arms)
    draft.memory = memory.structure((memory.Field(memory.memory_of(selector)), memory.Field(inner.memory)))
    drafts = len(binding.drafts)
    complete_union(binding, inner, tag, spec.span)
    del binding.drafts[drafts:]
    if isinstance(inner.definition, model.UnionType):
        draft.definition = model.SwitchUnion(
            key=draft.key,
            name=draft.name,
            selector=spec.selector,
            member=member,
            union=inner.definition,
            doc=draft.doc,
            attributes=draft.attributes,
            span=spec.span,
        )
    binding.drafts.append(draft)
    return draft


def _arms(binding: Binding, draft: Draft, arms: Iterable[tree.Arm]) -> None:
    seen: set[int] = set()
    in_memory: list[Memory | None] = []
    names = {declarator.name or "": False for arm in arms for declarator in arm.declarators}
    for arm in arms:
        with binding.collecting(draft):
            attributes = attribute_table.read(arm.attributes, "arm", binding.report)
            found = _arm(binding, draft, arm, attributes.without("case", "default"), names)
            in_memory += [memory.memory_of(shape) for _, shape in found]
            values, default = _labels(binding, arm, attributes, found[0][0].name if found else "")
            name, type_ = _only_member(binding, draft, found)
            doc, kept = doc_of(arm.span, arm.attributes), attribute_table.kept(arm.attributes, "arm")
            if default:
                if draft.default is not None:
                    raise problem(catalogue.DUPLICATE_CASE, arm.span, value="default")
                draft.default = model.Default(name=name, type=type_, doc=doc, attributes=kept, span=arm.span)
            for span, value in values:
                if value in seen:
                    raise problem(catalogue.DUPLICATE_CASE, span, value=value)
                seen.add(value)
                case = model.Case(value=value, name=name, type=type_, doc=doc, attributes=kept, span=span)
                draft.cases.append(case)
    draft.memory = memory.union(in_memory)


def _labels(
    binding: Binding, arm: tree.Arm, attributes: AttributeSet, name: str | None
) -> tuple[list[tuple[Span, int]], bool]:
    """The values of an arm, and whether it is the default."""
    case = attributes.get("case")
    slots = [attribute_table.expression(case, slot, "values") for slot in case.slots or ()] if case else []
    expressions = [*slots, *(label for label in arm.labels if label is not None)]
    default = "default" in attributes or None in arm.labels
    if not expressions and not default:
        raise problem(catalogue.ARM_WITHOUT_CASE, arm.span, name=name or "")
    return [(found.span, binding.integer(found)) for found in expressions], default


def _arm(
    binding: Binding, draft: Draft, arm: tree.Arm, attributes: AttributeSet, names: dict[str, bool]
) -> list[tuple[tree.Declarator, Shape]]:
    """The members of an arm: one, none, or in a plain C union several."""
    if arm.type is None:
        return []
    declarators = arm.declarators or _unnamed(binding, arm, names)
    base = _inner_type(binding, arm.type, attributes, f"{draft.name}_{_first_name(declarators)}")
    found: list[tuple[tree.Declarator, Shape]] = []
    for declarator in declarators:
        if declarator.width is not None:
            raise problem(catalogue.BIT_FIELD, declarator.span, name=declarator.name or "this")
        shape = declare(binding, base, declarator)
        name = declarator.name or ""
        shape = apply(binding, shape, attributes, name=name, span=declarator.span, position="arm")
        found.append((declarator, shape))
    return found


def _only_member(
    binding: Binding, draft: Draft, found: list[tuple[tree.Declarator, Shape]]
) -> tuple[str | None, model.Type | None]:
    if not found:
        return None, None
    if len(found) > 1:
        raise problem(catalogue.ARM_MEMBERS, found[1][0].span, count=len(found))
    declarator, shape = found[0]
    name = declarator.name or ""
    check_name(name, declarator.span)
    try:
        return name, Lowering(binding, name, declarator.span, {}).type(shape)
    except Unusable:
        return name, None


# Enumerations


def _enumeration(binding: Binding, spec: tree.Enum, attributes: AttributeSet, name: str, kept: Kept) -> Draft:
    draft = _begin(binding, "enum", spec.tag, name, spec.span, kept)
    bits = spec.bits or 32
    lowest, highest = -(1 << bits - 1), (1 << bits) - 1
    members: list[model.Enumerator] = []
    following = 0
    for member in spec.members:
        with binding.collecting():
            attribute_table.read(member.attributes, "enumerator", binding.report)
            value = following if member.value is None else binding.integer(member.value)
            following = value + 1
            if not lowest <= value <= highest:
                at, name_ = member.span, member.name
                raise problem(catalogue.ENUM_TOO_WIDE, at, name=name_, value=value, lowest=lowest, highest=highest)
            binding.define_value(member.name, value, member.span)
            members.append(
                model.Enumerator(
                    name=member.name,
                    value=value & (1 << max(bits, 32)) - 1,
                    doc=doc_of(member.span, member.attributes),
                    attributes=attribute_table.kept(member.attributes, "enumerator"),
                    span=member.span,
                )
            )
    draft.definition = model.Enumeration(
        key=draft.key,
        name=draft.name,
        members=tuple(members),
        wide=draft.wide or "v1_enum" in attributes,
        bits=_BITS.get(spec.bits),
        flags=spec.flags,
        doc=draft.doc,
        attributes=draft.attributes,
        span=spec.span,
    )
    binding.drafts.append(draft)
    return draft
