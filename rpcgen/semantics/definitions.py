"""Definitions: bodies of structures, unions and enumerations become definitions of the model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .. import catalogue, model
from ..diagnostics import Span, diagnose, problem
from ..syntax import tree
from . import attributes as attribute_table
from .attributes import AttributeSet
from .correlations import Neighbour, siblings_in
from .declared import apply, declare, tag_of, tag_type
from .lowering import Lowering, Unusable, complete, complete_union, determined, is_count
from .scopes import Binding, check_name
from .shapes import Broken, Draft, Shape


@dataclass(slots=True)
class _Member:
    """A field while its structure is bound: shapes first, since sizes may name later fields."""

    name: str
    span: Span
    shape: Shape


def shape_of(binding: Binding, spec: tree.TypeSpec, attributes: AttributeSet, name: str) -> Shape:
    """The type of a specifier; a body in it is defined. `name` is for a type that has no tag."""
    match spec:
        case tree.Struct():
            return Shape(_structure(binding, spec, name))
        case tree.PlainUnion():
            return Shape(_union(binding, spec, attributes, name))
        case tree.SwitchUnion():
            return Shape(_switch_union(binding, spec, name))
        case tree.Enum():
            return Shape(_enumeration(binding, spec, attributes, name))
        case _:
            return binding.shape_of(spec)


def _begin(binding: Binding, kind: str, tag: str | None, name: str, span: Span) -> Draft:
    if tag is None:
        return binding.draft(kind, name, span)  # type: ignore[arg-type]
    check_name(tag, span)
    draft = binding.tags.chain[-1].get(tag) or binding.tags.find(tag)
    if draft is None or (draft.begun and (tag not in binding.tags.chain[-1] or draft.file is not binding.file)):
        draft = binding.draft(kind, tag, span)  # type: ignore[arg-type]
        binding.tags.put(tag, draft)
    if draft.begun:
        raise problem(catalogue.REDEFINED, span, name=tag)
    if draft.kind != kind and {draft.kind, kind} != {"union", "switch_union"}:
        raise problem(catalogue.TAG_KIND, span, name=tag, found=draft.kind, wanted=kind)
    draft.kind, draft.file = kind, binding.file  # type: ignore[assignment]
    binding.aliases.append((tag, Shape(draft), binding.file))
    return draft


# Structures


def _structure(binding: Binding, spec: tree.Struct, name: str) -> Draft:
    draft = _begin(binding, "struct", spec.tag, name, spec.span)
    draft.begun = True
    members = _members(binding, spec.fields, draft.name)
    siblings = {member.name: Neighbour(member.shape) for member in members}
    fields: list[model.Member] = []
    for member in members:
        with binding.collecting():
            lowering = Lowering(binding, member.name, member.span, siblings)
            try:
                fields.append(model.Member(name=member.name, type=lowering.type(member.shape), span=member.span))
            except Unusable:
                continue
    complete(binding, draft, model.Structure(key=draft.key, name=draft.name, members=_with_auto(fields)))
    return draft


def _members(binding: Binding, lines: Iterable[tree.Member], owner: str) -> list[_Member]:
    members: list[_Member] = []
    seen: set[str] = set()
    for line in lines:
        attributes = attribute_table.read(line.attributes, "field", binding.report)
        if not line.declarators:
            binding.report.append(diagnose(catalogue.ANONYMOUS_MEMBER, line.span))
            continue
        inner = f"{owner}_{line.declarators[0].name}"
        base = _declared_type(binding, line.type, attributes, inner)
        for declarator in line.declarators:
            member = _member(binding, base, declarator, attributes)
            if member.name in seen:
                binding.report.append(diagnose(catalogue.DUPLICATE_FIELD, member.span, name=member.name, where=owner))
                continue
            seen.add(member.name)
            members.append(member)
    return members


def _declared_type(binding: Binding, spec: tree.TypeSpec, attributes: AttributeSet, name: str) -> Shape:
    with binding.collecting():
        return shape_of(binding, spec, attributes, name)
    return Shape(Broken())


def _member(binding: Binding, base: Shape, declarator: tree.Declarator, attributes: AttributeSet) -> _Member:
    name, span = declarator.name or "", declarator.span
    with binding.collecting():
        check_name(name, span)
        if declarator.width is not None:
            raise problem(catalogue.BIT_FIELD, span, name=name)
        shape = declare(binding, base, declarator)
        return _Member(name, span, apply(binding, shape, attributes, name=name, span=span, position="field"))
    return _Member(name, span, Shape(Broken()))


def _with_auto(fields: list[model.Member]) -> tuple[model.Member, ...]:
    """The fields, those that an array determines marked."""
    counts = frozenset[str]().union(*(determined(member.type) for member in fields))
    tags = {name for member in fields for name in selectors(member.type)}
    return tuple(
        member.model_copy(update={"auto": True}) if member.name in counts - tags and is_count(member.type) else member
        for member in fields
    )


def selectors(type_: model.Type) -> frozenset[str]:
    """The siblings that select an arm of a union: never filled in."""
    match type_:
        case model.Selected(switch=switch):
            return siblings_in(switch)
        case model.Pointer(target=inner) | model.Array(element=inner):
            return selectors(inner)
        case _:
            return frozenset()


# Unions


def _union(binding: Binding, spec: tree.PlainUnion, attributes: AttributeSet, name: str) -> Draft:
    draft = _begin(binding, "union", spec.tag, name, spec.span)
    draft.begun = True
    draft.ms_union = binding.ms_union or "ms_union" in attributes
    _arms(binding, draft, spec.arms)
    tag = attributes.get("switch_type")
    if tag is not None:
        complete_union(binding, draft, tag_type(binding, tag), tag.span)
    return draft


def _switch_union(binding: Binding, spec: tree.SwitchUnion, name: str) -> Draft:
    draft = _begin(binding, "switch_union", spec.tag, name, spec.span)
    draft.begun = True
    check_name(spec.selector, spec.span)
    tag = tag_of(shape_of(binding, spec.selector_type, AttributeSet({}), name), spec.selector_type.span)
    member = spec.name or "tagged_union"
    inner = binding.draft("union", f"{draft.name}_{member}", spec.span)
    _arms(binding, inner, spec.arms)
    drafts = len(binding.drafts)
    complete_union(binding, inner, tag, spec.span)
    del binding.drafts[drafts:]
    if isinstance(inner.definition, model.UnionType):
        draft.definition = model.SwitchUnion(
            key=draft.key, name=draft.name, selector=spec.selector, member=member, union=inner.definition
        )
    binding.drafts.append(draft)
    return draft


def _arms(binding: Binding, draft: Draft, arms: Iterable[tree.Arm]) -> None:
    seen: set[int] = set()
    for arm in arms:
        with binding.collecting():
            attributes = attribute_table.read(arm.attributes, "arm", binding.report)
            name, type_ = _arm(binding, draft, arm, attributes.without("case", "default"))
            values, default = _labels(binding, arm, attributes, name)
            if default:
                if draft.default is not None:
                    raise problem(catalogue.DUPLICATE_CASE, arm.span, value="default")
                draft.default = model.Default(name=name, type=type_)
            for span, value in values:
                if value in seen:
                    raise problem(catalogue.DUPLICATE_CASE, span, value=value)
                seen.add(value)
                draft.cases.append(model.Case(value=value, name=name, type=type_, span=span))


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
    binding: Binding, draft: Draft, arm: tree.Arm, attributes: AttributeSet
) -> tuple[str | None, model.Type | None]:
    if arm.type is None:
        return None, None
    if len(arm.declarators) != 1:
        raise problem(catalogue.ANONYMOUS_MEMBER, arm.span)
    declarator = arm.declarators[0]
    if declarator.width is not None:
        raise problem(catalogue.BIT_FIELD, declarator.span, name=declarator.name)
    shape = shape_of(binding, arm.type, attributes, f"{draft.name}_{declarator.name}")
    shape = declare(binding, shape, declarator)
    name = declarator.name or ""
    shape = apply(binding, shape, attributes, name=name, span=declarator.span, position="arm")
    try:
        return name, Lowering(binding, name, declarator.span, {}).type(shape)
    except Unusable:
        return name, None


# Enumerations


def _enumeration(binding: Binding, spec: tree.Enum, attributes: AttributeSet, name: str) -> Draft:
    draft = _begin(binding, "enum", spec.tag, name, spec.span)
    draft.begun = True
    lowest, highest = -0x8000_0000, 0xFFFF_FFFF
    members: list[model.Enumerator] = []
    following = 0
    for member in spec.members:
        with binding.collecting():
            attribute_table.read(member.attributes, "enumerator", binding.report)
            value = following if member.value is None else binding.integer(member.value)
            following = value + 1
            if not lowest <= value <= highest:
                words = {"name": member.name, "value": value, "lowest": lowest, "highest": highest}
                raise problem(catalogue.ENUM_TOO_WIDE, member.span, **words)
            binding.define_value(member.name, value, member.span)
            members.append(model.Enumerator(name=member.name, value=value & 0xFFFF_FFFF))
    wide = "v1_enum" in attributes
    draft.definition = model.Enumeration(key=draft.key, name=draft.name, members=tuple(members), wide=wide)
    binding.drafts.append(draft)
    return draft
