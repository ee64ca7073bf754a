"""[flag(...)]: which flags a declaration sets, and what they are in the model's terms.

Facts of libndr: a flag is in force for all that is inside; one of STR_ says how a `string` travels; NDR_ALIGN2, 4 and 8
and NDR_REMAINING end each other, as do the two byte orders.
"""

from __future__ import annotations

from typing import Final, Literal

from .. import model
from ..syntax import tree
from .expressions import is_foreign, names_in
from .words import flag_name

_FORM: Final = frozenset(
    ("STR_ASCII", "STR_UTF8", "STR_RAW8", "STR_LEN4", "STR_SIZE4", "STR_SIZE2", "STR_NOTERM", "STR_NULLTERM",
     "STR_BYTESIZE")
)  # fmt: skip
_FRAME: Final = frozenset(
    ("NOALIGN", "ALIGN2", "ALIGN4", "ALIGN8", "REMAINING", "LITTLE_ENDIAN", "BIGENDIAN", "RELATIVE_REVERSE",
     "NO_RELATIVE_REVERSE")
)  # fmt: skip
_SILENT: Final = frozenset(("PRINT_ARRAY_HEX", "IS_SECRET", "STR_NO_EMBEDDED_NUL", "NO_COMPRESSION"))
"""Flags that change nothing that is written here: names of DNS, which may be compressed, have no form."""
_Align = Literal[0, 1, 2, 4, 8]
_ALIGN: Final[dict[str, _Align]] = {"NOALIGN": 0, "ALIGN2": 2, "ALIGN4": 4, "ALIGN8": 8, "REMAINING": 1}

Names = frozenset[str]
FILLING: Final = frozenset(_ALIGN) - {"NOALIGN"}
"""Flags that change what a DATA_BLOB is, also in the types that are inside."""


def flags_of(attributes: tree.Attributes) -> Names | None:
    """The flags that a declaration sets; None when they are only known when a program runs."""
    found: Names = frozenset()
    for attribute in attributes:
        if attribute.name == "flag":
            names = _named(attribute)
            if names is None:
                return None
            found |= names
    return found - _SILENT


def combined(inherited: Names, own: Names) -> Names:
    """The flags in force where a declaration adds its own."""
    aligned = frozenset(_ALIGN)
    return (inherited - aligned if own & aligned else inherited) | own


def _named(attribute: tree.Attribute) -> Names | None:
    slot = attribute.slot
    if isinstance(slot, tree.NoExpression):
        return None
    if is_foreign(slot) or not _is_sum(slot):
        return None
    names = frozenset(flag_name(name) for name in names_in(slot))
    return names if names <= _FORM | _FRAME | _SILENT else None


def _is_sum(expression: tree.Expr) -> bool:
    match expression:
        case tree.Name():
            return True
        case tree.Binary(operator="|", left=left, right=right):
            return _is_sum(left) and _is_sum(right)
        case _:
            return False


def frame(names: Names, *, based: bool = False) -> model.Flags | None:
    """What the flags, and [relative_base], say of all that is inside; None when they say nothing of it."""
    order: Literal["<", ">"] | None = None
    if "LITTLE_ENDIAN" in names or "BIGENDIAN" in names:
        order = ">" if "BIGENDIAN" in names else "<"
    align: _Align | None = next((value for name, value in _ALIGN.items() if name in names), None)
    reverse = True if "RELATIVE_REVERSE" in names else False if "NO_RELATIVE_REVERSE" in names else None
    found = model.Flags(order=order, align=align, reverse=reverse, based=based)
    return None if found == model.Flags() else found


def blob(names: Names) -> model.Blob:
    """A DATA_BLOB under these flags. NDR_REMAINING counts before an alignment."""
    if "REMAINING" in names:
        return model.Blob(rest=True)
    return model.Blob(align=2 if "ALIGN2" in names else 4 if "ALIGN4" in names else 8 if "ALIGN8" in names else None)


def text(names: Names) -> model.Text | None:
    """A `string` under these flags; None when libndr has no such one."""
    form = names & _FORM
    size: Literal[0, 2, 4] = 4 if "STR_SIZE4" in form else 2 if "STR_SIZE2" in form else 0
    length, terminated = "STR_LEN4" in form, "STR_NOTERM" not in form
    counted = bool(size) or length
    if not counted and not (form & {"STR_NULLTERM", "STR_NOTERM"}):
        return None
    if not counted and not terminated and "REMAINING" not in names:
        return None
    octets = "STR_BYTESIZE" in form
    return model.Text(unit=_unit(form), size=size, length=length, terminated=terminated, octets=octets)


def texts(names: Names) -> model.TextList | None:
    """A `string_array` under these flags; None when libndr has no such one."""
    rest, terminated = "REMAINING" in names, "STR_NOTERM" not in names
    if not rest and not (terminated and "STR_NULLTERM" in names):
        return None
    return model.TextList(unit=_unit(names), rest=rest, terminated=terminated)


def _unit(names: Names) -> Literal["Char", "WChar"]:
    return "Char" if names & {"STR_ASCII", "STR_UTF8", "STR_RAW8"} else "WChar"
