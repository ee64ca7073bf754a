"""Values as JSON: SIDs, as text ([MS-DTYP] 2.4.2). A part of `json_form.py`."""

from __future__ import annotations

import re
from typing import Any, Final

from .errors import NdrError
from .layout import Struct
from .reference_values import brief, is_mapping

_NAMES: Final = (
    ("Revision", "SubAuthorityCount", "IdentifierAuthority", "SubAuthority"),
    ("sid_rev_num", "num_auths", "id_auth", "sub_auths"),
)
"""The members of a SID: as Microsoft has them, and as Samba has them."""
_SID: Final = re.compile(r"S-(\d{1,3})-(0x[0-9a-fA-F]{1,12}|\d{1,15})((?:-\d{1,10})*)", re.ASCII)


def _names(layout: Struct) -> tuple[str, str, str, str] | None:
    found = {field.name for field in layout.fields}
    return next((names for names in _NAMES if set(names) == found), None)


def with_sid(layout: Struct, data: dict[str, Any]) -> dict[str, Any]:
    """{"sid": text} for the members of a SID, when they say nothing that the text does not."""
    names = _names(layout)
    if names is None:
        return data
    revision, count, holder, subs = names
    authority, rest = data[holder], data[subs]
    if is_mapping(authority):
        [authority] = authority.values()
    if len(authority) != 6 or data.get(count, len(rest)) != len(rest):
        return data
    number = int.from_bytes(bytes(authority), "big")
    shown = str(number) if number < 1 << 32 else f"0x{number:012x}"
    return {"sid": "-".join(["S", str(data[revision]), shown, *map(str, rest)])}


def without_sid(layout: Struct, data: Any, path: str) -> Any:
    """The members of {"sid": text}. NdrError for a text that is no SID."""
    names = _names(layout)
    if names is None or not is_mapping(data) or set(data) != {"sid"}:
        return data
    match = _SID.fullmatch(data["sid"]) if isinstance(data["sid"], str) else None
    number = int(match[2], 16 if match[2].startswith("0x") else 10) if match else 1 << 48
    if match is None or number >= 1 << 48:
        raise NdrError(f"{brief(data['sid'])} is no SID", path=f"{path}.sid" if path else "sid")
    rest = [int(part) for part in match[3].split("-")[1:]]
    authority: Any = list(number.to_bytes(6, "big"))
    [holder] = [field.layout for field in layout.fields if field.name == names[2]]
    if isinstance(holder, Struct):
        authority = {holder.fields[0].name: authority}
    return dict(zip(names, (int(match[1]), len(rest), authority, rest), strict=True))
