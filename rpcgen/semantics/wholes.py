"""Attributes of a type as a whole, [v1_enum], [ms_union] and [switch_type], where a type is used or renamed.

They decide the wire form of a definition, so that they belong on it, or in front of it: `typedef [v1_enum] enum e E;`
may come before the body of `e`. Behind it, they must say what it says. Counterpart: `definitions.py` reads them where
the body is.
"""

from __future__ import annotations

from typing import Final

from .. import catalogue, model
from ..diagnostics import Note, diagnose, problem
from ..syntax import tree
from .attributes import AttributeSet
from .conversions import named_type
from .scopes import Binding
from .shapes import SIZES, Draft, Shape, tag_of

_KINDS: Final = {"v1_enum": "enum", "ms_union": "union", "switch_type": "union"}
_SPOKEN: Final = {"enum": "enumeration", "union": "union without a tag of its own"}


def check_whole(binding: Binding, shape: Shape, attributes: AttributeSet) -> None:
    """Lay the attributes over a type that may be defined elsewhere; Problem when its definition says otherwise."""
    for name, kind in _KINDS.items():
        attribute = attributes.get(name)
        if attribute is None or _unknown(shape) or binding.tolerant:
            continue
        draft = shape.base
        if not isinstance(draft, Draft) or draft.kind != kind:
            spoken = Shape(shape.base).spoken()
            why = f"{spoken} is no {_SPOKEN[kind]}"
            binding.report.append(diagnose(catalogue.NO_EFFECT, attribute.span, name=name, why=why))
        elif name == "switch_type" and "switch_is" in attributes:
            continue  # `lowering.py` compares the tags
        elif not _agrees(binding, draft, attribute):
            notes = (Note("its definition is here", draft.span),)
            raise problem(catalogue.LATE_ATTRIBUTE, attribute.span, notes=notes, name=name, type=draft.name)


def _unknown(shape: Shape) -> bool:
    """Is it a type of which nothing is known yet, or one that has a form of its own?"""
    draft = shape.base
    if not isinstance(draft, Draft):
        return not isinstance(draft, model.Scalar | model.Guid)
    return draft.kind in ("conversion", "context") or (draft.kind == "struct" and not draft.begun)


def _agrees(binding: Binding, draft: Draft, attribute: tree.Attribute) -> bool:
    """Has the definition the attribute, or will it have it when it comes?"""
    definition = draft.definition
    if attribute.name == "v1_enum":
        draft.wide = draft.wide or definition is None
        return not isinstance(definition, model.Enumeration) or definition.wide
    if attribute.name == "ms_union":
        draft.ms_union = draft.ms_union or definition is None
        return draft.ms_union
    return draft.tag is None or _size(draft.tag) == _size(tag_of(named_type(binding, attribute), attribute.span))


def _size(tag: model.Scalar | model.Defined) -> int | str:
    return SIZES[tag.word] if isinstance(tag, model.Scalar) else tag.key
