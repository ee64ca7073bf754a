"""Attribute configuration files (C706 6.1.4 ff.): their tree, and how it is built.

An ACF says of an interface's IDL what concerns one side only: `[explicit_handle]`, `[comm_status]`. Counterpart:
whoever applies it to the tree of the IDL.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..diagnostics import Span
from . import tree
from .parts import Lists, Values, attributed, present


@dataclass(frozen=True, slots=True)
class AcfTypedef:
    """`typedef [represent_as(t)] NAME, NAME;`."""

    span: Span
    attributes: tree.Attributes
    names: tuple[tree.Name, ...]


@dataclass(frozen=True, slots=True)
class AcfParameter:
    """A parameter's name with attributes."""

    span: Span
    attributes: tree.Attributes
    name: str


@dataclass(frozen=True, slots=True)
class AcfOperation:
    """`[comm_status] Name([heap] p);`."""

    span: Span
    attributes: tree.Attributes
    name: str
    parameters: tuple[AcfParameter, ...]


@dataclass(frozen=True, slots=True)
class AcfInterface:
    """The configuration of one interface; its attributes include those that stand alone in the body."""

    span: Span
    attributes: tree.Attributes
    name: str
    items: tuple[AcfTypedef | AcfOperation, ...]


class AcfBuilder:
    """Makes the nodes; method names are those of the grammar's rules."""

    def acf(self, values: Values) -> Values:
        """All interfaces of the file."""
        return values

    def acf_interface(self, values: Values) -> AcfInterface:
        """An interface."""
        attributes, (_, name, *items) = attributed(values)
        alone = [item for item in items if isinstance(item, Lists)]
        known = tuple(item for item in items if isinstance(item, AcfTypedef | AcfOperation))
        both = (*attributes, *(attribute for lists in alone for attribute in lists.attributes))
        return AcfInterface(name.span, both, name.text, known)

    def acf_attributes(self, values: Values) -> Any:
        """`[explicit_handle];`."""
        return values[0]

    def acf_typedef(self, values: Values) -> AcfTypedef:
        """typedef."""
        outer, (word, *rest) = attributed(values)
        inner, names = attributed(rest)
        return AcfTypedef(word.span, (*outer, *inner), tuple(tree.Name(name.span, name.text) for name in names))

    def acf_operation(self, values: Values) -> AcfOperation:
        """An operation."""
        attributes, (name, *parameters) = attributed(values)
        return AcfOperation(name.span, attributes, name.text, tuple(parameters[0]) if parameters else ())

    def acf_parameters(self, values: Values) -> Values:
        """A list of them."""
        return present(values)

    def acf_parameter(self, values: Values) -> AcfParameter:
        """A parameter."""
        attributes, (name,) = attributed(values)
        return AcfParameter(name.span, attributes, name.text)
