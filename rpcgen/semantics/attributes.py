"""Attributes: which exist, where they may stand, and whether this compiler honours them.

One table; every list of attributes that the binder meets goes through `read`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .. import catalogue
from ..diagnostics import Diagnostic, diagnose, problem
from ..syntax import tree

Position = Literal["interface", "operation", "parameter", "field", "arm", "typedef", "type", "enumerator"]
_ALL: Final[frozenset[Position]] = frozenset(
    ("interface", "operation", "parameter", "field", "arm", "typedef", "type", "enumerator")
)
_DATA: Final[frozenset[Position]] = frozenset(("parameter", "field", "arm", "typedef"))
_RESULT: Final[frozenset[Position]] = _DATA.union(("operation",))
_SPOKEN: Final[dict[Position, str]] = {
    "interface": "an interface",
    "operation": "an operation",
    "parameter": "a parameter",
    "field": "a field",
    "arm": "an arm of a union",
    "typedef": "a typedef",
    "type": "a type",
    "enumerator": "an enumerator",
}

HONOURED: Final[dict[str, frozenset[Position]]] = {
    "uuid": frozenset(("interface",)),
    "version": frozenset(("interface",)),
    "endpoint": frozenset(("interface",)),
    "pointer_default": frozenset(("interface",)),
    "ms_union": frozenset(("interface", "typedef", "type")),
    "local": frozenset(("interface", "operation")),
    "in": frozenset(("parameter",)),
    "out": frozenset(("parameter",)),
    "ref": _RESULT,
    "unique": _RESULT,
    "ptr": _RESULT,
    "string": _RESULT,
    "size_is": _DATA,
    "max_is": _DATA,
    "length_is": _DATA,
    "last_is": _DATA,
    "first_is": _DATA,
    "switch_type": frozenset(("typedef", "type", "field", "parameter")),
    "switch_is": frozenset(("field", "parameter")),
    "case": frozenset(("arm",)),
    "default": frozenset(("arm",)),
    "context_handle": frozenset(("parameter", "typedef", "operation")),
    "handle": frozenset(("typedef",)),
    "range": frozenset(("parameter", "field", "typedef")),
    "v1_enum": frozenset(("typedef", "type")),
    "disable_consistency_check": frozenset(("parameter", "field")),
}
"""Attributes that decide something, and where they do."""

SUPERFLUOUS: Final[dict[str, frozenset[Position]]] = {
    "uuid": frozenset(("typedef", "type", "operation")),
    "version": frozenset(("typedef", "type")),
}
"""Honoured attributes at places where they are legal and say nothing."""

_IGNORED = """
    ms_conf_struct auto_handle implicit_handle explicit_handle code nocode strict_context_handle async_uuid
    type_strict_context_handle context_handle_serialize context_handle_noserialize idempotent message async notify
    notify_flag enable_allocate input_sync no_injected_text propget propput propputref id helpstring helpcontext vararg
    restricted hidden source retval optional defaultvalue lcid bindable annotation proxy heap
    allocate optimize comm_status fault_status public helper dual oleautomation odl nonextensible readonly uidefault
    force_allocate in_line out_of_line encode decode byte_count
"""
IGNORED: Final = frozenset(_IGNORED.split())
"""Known attributes without effect on the stub."""

_UNSUPPORTED = """
    object callback call_as broadcast maybe ignore partial_ignore transmit_as wire_marshal represent_as
    user_marshal cs_char cs_stag cs_drtag cs_rtag system_handle v1_array v1_string v1_struct min_is iid_is
"""
UNSUPPORTED: Final = frozenset(_UNSUPPORTED.split())
"""Known attributes that change the wire or the calls, in a way this compiler does not make."""

EXCLUSIVE: Final = (
    ("ref", "unique"),
    ("ref", "ptr"),
    ("unique", "ptr"),
    ("size_is", "max_is"),
    ("length_is", "last_is"),
    ("string", "first_is"),
    ("string", "length_is"),
    ("string", "last_is"),
)
_SLOTS: Final[dict[str, tuple[int, int, str]]] = {
    "range": (2, 2, "two integers: range(lowest, highest)"),
    "switch_is": (1, 1, "an expression"),
    "switch_type": (1, 1, "a type"),
    "pointer_default": (1, 1, "ref, unique or ptr"),
    "version": (1, 1, "a version"),
    "case": (1, 1 << 20, "values"),
    "endpoint": (1, 1 << 10, "strings"),
    **dict.fromkeys(("size_is", "max_is", "length_is", "last_is", "first_is"), (1, 16, "an expression")),
}


@dataclass(frozen=True, slots=True)
class AttributeSet:
    """The attributes of one declaration that are honoured there."""

    by_name: dict[str, tree.Attribute]

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def get(self, name: str) -> tree.Attribute | None:
        """The attribute, or None."""
        return self.by_name.get(name)

    def slots(self, name: str) -> tuple[tree.Slot, ...]:
        """What stands in its parentheses; nothing when it is absent."""
        found = self.by_name.get(name)
        return () if found is None or found.slots is None else found.slots

    def only(self, *names: str) -> AttributeSet:
        """The attributes with these names."""
        return AttributeSet({name: found for name, found in self.by_name.items() if name in names})

    def without(self, *names: str) -> AttributeSet:
        """The attributes with other names."""
        return AttributeSet({name: found for name, found in self.by_name.items() if name not in names})


def read(attributes: tree.Attributes, position: Position, report: list[Diagnostic]) -> AttributeSet:
    """The honoured attributes; whatever else is wrong with the list goes to `report`."""
    kept: dict[str, tree.Attribute] = {}
    for attribute in attributes:
        complaint = _complaint(attribute, position)
        if complaint is not None:
            report.append(complaint)
            continue
        if attribute.name in kept and attribute.name not in ("in", "out"):
            report.append(diagnose(catalogue.REPEATED_ATTRIBUTE, attribute.span, name=attribute.name))
        kept[attribute.name] = attribute
    for first, second in EXCLUSIVE:
        if first in kept and second in kept:
            report.append(diagnose(catalogue.CONTRADICTION, kept.pop(second).span, first=first, second=second))
    return AttributeSet(kept)


def _complaint(attribute: tree.Attribute, position: Position) -> Diagnostic | None:
    name, span = attribute.name, attribute.span
    if name in UNSUPPORTED:
        return diagnose(catalogue.UNSUPPORTED_ATTRIBUTE, span, name=name)
    if name in IGNORED or position in SUPERFLUOUS.get(name, ()):
        return diagnose(catalogue.IGNORED_ATTRIBUTE, span, name=name)
    if name not in HONOURED:
        return diagnose(catalogue.UNKNOWN_ATTRIBUTE, span, name=name)
    if position not in HONOURED[name]:
        return diagnose(catalogue.MISPLACED_ATTRIBUTE, span, name=name, position=_SPOKEN[position])
    least, most, wanted = _SLOTS.get(name, (0, 1 << 20, ""))
    if not least <= len(attribute.slots or ()) <= most:
        return diagnose(catalogue.ATTRIBUTE_ARGUMENTS, span, name=name, wanted=wanted)
    return None


def expression(attribute: tree.Attribute, slot: tree.Slot, wanted: str = "an expression") -> tree.Expr:
    """A slot that must hold an expression; Problem when it holds something else."""
    if slot is None or isinstance(slot, (tree.Uuid, tree.Words, tree.Tagged)):
        raise problem(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted=wanted)
    return slot
