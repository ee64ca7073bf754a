"""Attributes: which exist, where they decide something, where they are idle, and which are refused.

One table; every list of attributes that the binder meets goes through `read`, and `kept` gives the model's form of it.
An attribute is honoured (something of the stub or the wire follows from it), without effect (it is known and changes
neither; `lrpc lint` says so), refused (it changes the wire in a way that lrpc does not make), or unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from .. import catalogue, model
from ..diagnostics import Diagnostic, diagnose, problem
from ..syntax import tree

Position = Literal[
    "interface", "operation", "parameter", "field", "arm", "typedef", "type", "enumerator", "constant",
    "library", "coclass", "member", "dispinterface", "module",
]  # fmt: skip
_SPOKEN: Final[dict[Position, str]] = {
    "interface": "an interface",
    "operation": "an operation",
    "parameter": "a parameter",
    "field": "a field",
    "arm": "an arm of a union",
    "typedef": "a typedef",
    "type": "a type",
    "enumerator": "an enumerator",
    "constant": "a constant",
    "library": "a library",
    "coclass": "a coclass",
    "member": "an interface of a coclass",
    "dispinterface": "a dispinterface",
    "module": "a module",
}
_LETTERS: Final[dict[str, Position]] = {
    "I": "interface", "O": "operation", "P": "parameter", "F": "field", "A": "arm", "T": "typedef", "S": "type",
    "E": "enumerator", "K": "constant", "L": "library", "C": "coclass", "N": "member", "D": "dispinterface",
    "M": "module",
}  # fmt: skip

_DECIDING: Final = """
    uuid                      ILCD   OTSEM
    version                   IL     TSCDM
    endpoint                  I      -
    pointer_default           I      -
    object                    I      D
    local                     IO     LCDM
    ms_union                  ITSF   -
    auto_handle               I      -
    implicit_handle           I      -
    explicit_handle           IO     -
    idempotent                O      -
    maybe                     O      -
    broadcast                 O      -
    callback                  O      -
    call_as                   O      -
    propget                   O      -
    propput                   O      -
    propputref                O      -
    comm_status               PO     T
    fault_status              PO     T
    in                        P      -
    out                       P      -
    partial_ignore            P      -
    ref                       PFATO  -
    unique                    PFATO  -
    ptr                       PFATO  -
    string                    PFATO  -
    size_is                   PFAT   -
    max_is                    PFAT   -
    min_is                    PFAT   -
    length_is                 PFAT   -
    last_is                   PFAT   -
    first_is                  PFAT   -
    iid_is                    PFA    -
    ignore                    FA     -
    range                     PFAT   -
    switch_type               PFTS   -
    switch_is                 PF     -
    case                      A      -
    default                   AN     ICD
    source                    N      *
    context_handle            PTO    -
    context_handle_serialize  PTO    -
    context_handle_noserialize PTO   -
    system_handle             P      -
    handle                    TS     -
    v1_enum                   TSPFA  -
    transmit_as               TP     -
    represent_as              TP     -
    wire_marshal              T      -
    user_marshal              T      -
    disable_consistency_check PFAT   -
"""
"""Attributes that decide something: where they do, and where they are legal and say nothing ("*": anywhere else)."""

_IDLE: Final = """
    async_uuid ms_conf_struct code nocode strict_context_handle type_strict_context_handle encode decode exceptions
    message async notify notify_flag enable_allocate input_sync no_injected_text reflect_deletions callable cstring
    id helpstring helpcontext helpstringcontext helpstringdll helpfile custom entry vararg lcid retval optional
    defaultvalue restricted hidden bindable defaultbind displaybind immediatebind requestedit readonly replaceable
    uidefault defaultcollelem nonbrowsable usesgetlasterror propertyget dual oleautomation odl nonextensible proxy
    appobject control licensed noncreatable aggregatable defaultvtable public predeclid dllname
    heap allocate optimize byte_count annotation force_allocate in_line out_of_line binding_callout
    helper deprecated agile
"""

_REFUSED: Final = "cs_char cs_stag cs_drtag cs_rtag v1_array v1_string v1_struct"


def _places(letters: str) -> frozenset[Position]:
    if letters == "*":
        return frozenset(_SPOKEN)
    return frozenset(_LETTERS[letter] for letter in letters if letter != "-")


_ROWS: Final = [line.split() for line in _DECIDING.splitlines() if line.strip()]
HONOURED: Final[dict[str, frozenset[Position]]] = {name: _places(deciding) for name, deciding, _ in _ROWS}
"""Attributes that decide something, and where they do."""
SUPERFLUOUS: Final[dict[str, frozenset[Position]]] = {name: _places(idle) for name, _, idle in _ROWS}
"""The same attributes at places where they are legal and say nothing."""
IGNORED: Final = frozenset(_IDLE.split())
"""Known attributes without effect on the stub."""
UNSUPPORTED: Final = frozenset(_REFUSED.split())
"""Known attributes that change the wire in a way that lrpc does not make."""

EXCLUSIVE: Final = (
    ("ref", "unique"),
    ("ref", "ptr"),
    ("unique", "ptr"),
    ("size_is", "max_is"),
    ("length_is", "last_is"),
    ("string", "first_is"),
    ("string", "length_is"),
    ("string", "last_is"),
    ("implicit_handle", "auto_handle"),
    ("explicit_handle", "auto_handle"),
    ("explicit_handle", "implicit_handle"),
    ("propget", "propput"),
    ("propget", "propputref"),
    ("propput", "propputref"),
    ("transmit_as", "represent_as"),
    ("transmit_as", "wire_marshal"),
    ("transmit_as", "user_marshal"),
    ("represent_as", "user_marshal"),
    ("represent_as", "wire_marshal"),
    ("wire_marshal", "user_marshal"),
    ("context_handle", "transmit_as"),
    ("context_handle", "wire_marshal"),
    ("context_handle", "handle"),
    ("context_handle", "system_handle"),
    ("callback", "call_as"),
    ("callback", "local"),
    ("call_as", "local"),
)
"""Pairs that exclude each other; the second one is dropped."""

_SIZES: Final = ("size_is", "max_is", "min_is", "length_is", "last_is", "first_is")
_SLOTS: Final[dict[str, tuple[int, int, str]]] = {
    "range": (2, 2, "two integers: range(lowest, highest)"),
    "switch_is": (1, 1, "an expression"),
    "iid_is": (1, 1, "the name of the parameter or field that holds the IID"),
    "switch_type": (1, 1, "a type"),
    "pointer_default": (1, 1, "ref, unique or ptr"),
    "version": (1, 1, "a version"),
    "case": (1, 1 << 20, "values"),
    "endpoint": (1, 1 << 10, "strings"),
    "call_as": (1, 1, "the name of a local operation"),
    "system_handle": (1, 2, "a kind of handle, as sh_file, and perhaps an access mask"),
    **dict.fromkeys(("transmit_as", "represent_as", "wire_marshal", "user_marshal"), (1, 2, "a type")),
    **dict.fromkeys(_SIZES, (1, 16, "an expression")),
}
_FREE: Final = frozenset(("uuid", "implicit_handle", "source", *_SLOTS))
"""Honoured attributes that have arguments; those of `in` and `out` are `shape`, if anything (C706 4.2.23)."""
_SAME: Final = {"context_handle_serialize": "context_handle", "context_handle_noserialize": "context_handle"}
"""Attributes that say another one, and whether calls take turns at the handle."""


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

    def without(self, *names: str) -> AttributeSet:
        """The attributes with other names."""
        return AttributeSet({name: found for name, found in self.by_name.items() if name not in names})


def read(attributes: tree.Attributes, position: Position, report: list[Diagnostic]) -> AttributeSet:
    """The attributes that are honoured here; whatever is wrong with the list goes to `report`."""
    found: dict[str, tree.Attribute] = {}
    for attribute in attributes:
        if attribute.effect:
            if attribute.effect == "honoured":
                found.setdefault(attribute.name, attribute)
            continue
        complaint = _complaint(attribute, position)
        if complaint is not None:
            report.append(complaint)
        elif position in HONOURED.get(attribute.name, ()):
            name = _SAME.get(attribute.name, attribute.name)
            if attribute.name in found and name not in ("in", "out"):
                report.append(diagnose(catalogue.REPEATED_ATTRIBUTE, attribute.span, name=name))
            found[name] = attribute
    for first, second in EXCLUSIVE:
        if first in found and second in found:
            report.append(diagnose(catalogue.CONTRADICTION, found.pop(second).span, first=first, second=second))
    return AttributeSet(found)


def kept(attributes: tree.Attributes, position: Position) -> tuple[model.Attribute, ...]:
    """The model's form of the attributes as written, each with its effect here."""
    return tuple(
        model.Attribute(name=found.name, arguments=_arguments(found), effect=_effect(found, position), span=found.span)
        for found in attributes
    )


def _effect(attribute: tree.Attribute, position: Position) -> Literal["honoured", "none", "unknown"]:
    name = attribute.name
    if attribute.effect:
        return attribute.effect
    if position in HONOURED.get(name, ()):
        return "honoured"
    return "none" if name in HONOURED or name in IGNORED or name in UNSUPPORTED else "unknown"


def _arguments(attribute: tree.Attribute) -> tuple[str, ...] | None:
    """The text of each slot: split at the commas outside brackets and quotes."""
    if attribute.slots is None:
        return None
    slots, start, depth, quote, escaped = list[str](), 0, 0, "", False
    for index, letter in enumerate(attribute.text):
        if quote:
            quote = "" if letter == quote and not escaped else quote
            escaped = letter == "\\" and not escaped
        elif letter in "\"'":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        elif letter == "," and depth == 0:
            slots.append(attribute.text[start:index].strip())
            start = index + 1
    return (*slots, attribute.text[start:].strip())


def _complaint(attribute: tree.Attribute, position: Position) -> Diagnostic | None:
    name, span = attribute.name, attribute.span
    if name in UNSUPPORTED:
        return diagnose(catalogue.UNSUPPORTED_ATTRIBUTE, span, name=name)
    if name in IGNORED or position in SUPERFLUOUS.get(name, ()):
        return None
    if name not in HONOURED:
        return diagnose(catalogue.UNKNOWN_ATTRIBUTE, span, name=name)
    if position not in HONOURED[name]:
        return diagnose(catalogue.MISPLACED_ATTRIBUTE, span, name=name, position=_SPOKEN[position])
    least, most, wanted = _SLOTS.get(name, (0, 1 << 20, ""))
    if not least <= len(attribute.slots or ()) <= most:
        return diagnose(catalogue.ATTRIBUTE_ARGUMENTS, span, name=name, wanted=wanted)
    written = [slot for slot in attribute.slots or () if slot is not None]
    if name in _SIZES and not written:
        return diagnose(catalogue.ATTRIBUTE_ARGUMENTS, span, name=name, wanted=wanted)
    if name not in _FREE and written and not (name in ("in", "out") and attribute.text.strip() == "shape"):
        return diagnose(catalogue.ATTRIBUTE_ARGUMENTS, span, name=name, wanted="no arguments")
    if name == "endpoint" and not all(isinstance(slot, tree.Text) for slot in attribute.slots or ()):
        return diagnose(catalogue.ATTRIBUTE_ARGUMENTS, span, name=name, wanted=wanted)
    return None


def expression(attribute: tree.Attribute, slot: tree.Slot, wanted: str = "an expression") -> tree.Expr:
    """A slot that must hold an expression; Problem when it holds something else."""
    if isinstance(slot, tree.NoExpression):
        raise problem(catalogue.ATTRIBUTE_ARGUMENTS, attribute.span, name=attribute.name, wanted=wanted)
    return slot
