"""Conversions: types of which another one travels, and which the user's own code converts.

[transmit_as] and [wire_marshal] stand on the type that a program has and name the one that travels; [represent_as]
and [user_marshal], mostly from an ACF, stand on the one that travels and name the program's (C706 4.2.20.11, 4.3.14).
The program's type needs no form on the wire, and no class in the stub. Counterpart: `declared.py` finds the attributes.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from .. import catalogue, model
from ..diagnostics import Span, problem
from ..syntax import tree
from .attributes import AttributeSet
from .lowering import Lowering, Unusable, complete
from .memory import memory_of
from .scopes import Binding
from .shapes import Broken, Draft, Shape

By = Literal["transmit_as", "wire_marshal", "represent_as", "user_marshal"]
_KINDS: Final[tuple[By, ...]] = get_args(By)


def conversion_in(attributes: AttributeSet) -> By | None:
    """The attribute that makes a conversion, if there is one."""
    return next((kind for kind in _KINDS if kind in attributes), None)


def named_type(binding: Binding, attribute: tree.Attribute) -> Shape:
    """The type that an attribute names in its parentheses; Problem when it is none."""
    match slot := attribute.slot:
        case tree.Words() | tree.Tagged() | tree.Given() | tree.Refused():
            return binding.shape_of(slot)
        case tree.Name(span, name):
            return binding.shape_of(tree.Named(span, name))
        case _:
            raise problem(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted="a type")


def convert(binding: Binding, shape: Shape, attribute: tree.Attribute, by: By, name: str, span: Span) -> Shape:
    """The type `name` that is converted; `shape` is what is declared."""
    presented = memory_of(shape)
    if by in ("transmit_as", "wire_marshal"):
        if isinstance(shape.base, Draft):
            shape.base.presented = True
        shape = named_type(binding, attribute)
        if isinstance(shape.base, Broken):
            return shape
    draft = binding.draft("conversion", name, span)
    draft.begun, draft.memory = True, presented
    with binding.collecting(draft):
        try:
            wire = Lowering(binding, name, attribute.span, {}).type(shape)
        except Unusable:
            return Shape(Broken())
        complete(binding, draft, model.ConversionType(key=draft.key, name=name, by=by, wire=wire, span=span))
    return Shape(draft)
