"""Security descriptors, and the language they are written in ([MS-DTYP] 2.5.1).

Read and written: owner, group, and a DACL of allowing and denying ACEs. A SACL, object ACEs and conditional
ACEs are refused, never skipped: a rule that is not understood must not be ignored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from . import sid
from .sid import Sid, SidError

ACCESS_ALLOWED: Final = 0
ACCESS_DENIED: Final = 1
INHERIT_ONLY: Final = 0x08
DELETE: Final = 0x00010000
READ_CONTROL: Final = 0x00020000
WRITE_DAC: Final = 0x00040000
WRITE_OWNER: Final = 0x00080000
GENERIC_ALL: Final = 0x10000000
GENERIC_EXECUTE: Final = 0x20000000
GENERIC_WRITE: Final = 0x40000000
GENERIC_READ: Final = 0x80000000

MAX_ACES: Final = 1024
"""More than fit in the 64 KiB an ACL may take would be no DACL of NT's."""

_TYPES: Final = {"A": ACCESS_ALLOWED, "D": ACCESS_DENIED}
_FLAGS: Final = {"OI": 0x01, "CI": 0x02, "NP": 0x04, "IO": INHERIT_ONLY, "ID": 0x10}
_DACL_FLAGS: Final = re.compile(r"(?:P|AR|AI)*")
_RIGHTS: Final = {
    "GA": GENERIC_ALL,
    "GX": GENERIC_EXECUTE,
    "GW": GENERIC_WRITE,
    "GR": GENERIC_READ,
    "RC": READ_CONTROL,
    "SD": DELETE,
    "WD": WRITE_DAC,
    "WO": WRITE_OWNER,
    "FA": 0x001F01FF,
    "FR": 0x00120089,
    "FW": 0x00120116,
    "FX": 0x001200A0,
    "CC": 0x001,
    "DC": 0x002,
    "LC": 0x004,
    "SW": 0x008,
    "RP": 0x010,
    "WP": 0x020,
    "DT": 0x040,
    "LO": 0x080,
    "CR": 0x100,
}
_SIDS: Final = {
    "WD": sid.EVERYONE,
    "CO": sid.CREATOR_OWNER,
    "CG": sid.CREATOR_GROUP,
    "OW": sid.OWNER_RIGHTS,
    "NU": sid.NETWORK,
    "IU": sid.INTERACTIVE,
    "SU": sid.SERVICE,
    "AN": sid.ANONYMOUS,
    "PS": sid.PRINCIPAL_SELF,
    "AU": sid.AUTHENTICATED_USERS,
    "SY": sid.LOCAL_SYSTEM,
    "LS": sid.LOCAL_SERVICE,
    "NS": sid.NETWORK_SERVICE,
    "BA": sid.ADMINISTRATORS,
    "BU": sid.USERS,
}
_SID_NAMES: Final = {identity: name for name, identity in _SIDS.items()}
_RIGHT_NAMES: Final = {mask: name for name, mask in reversed(_RIGHTS.items())}
_COMPONENT: Final = re.compile(r"([OGDS]):((?:(?![OGDS]:)[^()]|\([^()]*\))*)")
_ACE: Final = re.compile(r"\(([^()]*)\)")


class SddlError(ValueError):
    """Not a security descriptor, or one with parts that are not understood here."""


@dataclass(frozen=True, slots=True)
class Ace:
    """Allows or denies rights to a SID."""

    type: int
    flags: int
    mask: int
    sid: Sid

    def __str__(self) -> str:
        kind = next(name for name, number in _TYPES.items() if number == self.type)
        flags = "".join(name for name, bit in _FLAGS.items() if self.flags & bit)
        return f"({kind};{flags};{_RIGHT_NAMES.get(self.mask, hex(self.mask))};;;{_sid_text(self.sid)})"


@dataclass(frozen=True, slots=True)
class SecurityDescriptor:
    """Whose an object is and what is allowed to whom. dacl: None allows everything, an empty one nothing."""

    owner: Sid | None = None
    group: Sid | None = None
    dacl: tuple[Ace, ...] | None = None

    @classmethod
    def parse(cls, text: str) -> SecurityDescriptor:
        """Reads `O:SYD:(A;;GA;;;WD)`. Raises SddlError."""
        parts = _components(text)
        owner, group, dacl = parts.get("O"), parts.get("G"), parts.get("D")
        return cls(
            None if owner is None else _sid(owner),
            None if group is None else _sid(group),
            None if dacl is None else _dacl(dacl),
        )

    def __str__(self) -> str:
        owner = "" if self.owner is None else f"O:{_sid_text(self.owner)}"
        group = "" if self.group is None else f"G:{_sid_text(self.group)}"
        aces = "NO_ACCESS_CONTROL" if self.dacl is None else "".join(str(ace) for ace in self.dacl)
        return f"{owner}{group}D:{aces}"


def _components(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _COMPONENT.match(text, position)
        if match is None or match[1] in parts or match[1] == "S":
            raise SddlError(f"not understood from {text[position : position + 20]!r} on")
        parts[match[1]] = match[2]
        position = match.end()
    return parts


def _dacl(text: str) -> tuple[Ace, ...] | None:
    flags = text.partition("(")[0]
    if flags == "NO_ACCESS_CONTROL" and flags == text:
        return None
    if not _DACL_FLAGS.fullmatch(flags):
        raise SddlError(f"{flags!r} are not flags of a DACL")
    aces = _ACE.findall(text)
    if "".join(f"({ace})" for ace in aces) != text[len(flags) :] or len(aces) > MAX_ACES:
        raise SddlError("not a list of ACEs")
    return tuple(_ace(ace) for ace in aces)


def _ace(text: str) -> Ace:
    fields = [field.strip() for field in text.split(";")]
    if len(fields) != 6 or fields[0] not in _TYPES or fields[3] or fields[4]:
        raise SddlError(f"({text}) is not an ACE that allows or denies")
    return Ace(_TYPES[fields[0]], _letters(fields[1], _FLAGS), _rights(fields[2]), _sid(fields[5]))


def _rights(text: str) -> int:
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    return _letters(text, _RIGHTS)


def _letters(text: str, words: dict[str, int]) -> int:
    """The union of two-letter words."""
    mask = 0
    for index in range(0, len(text), 2):
        word = text[index : index + 2]
        if word not in words:
            raise SddlError(f"{word!r} in {text!r} is not a right or flag")
        mask |= words[word]
    return mask


def _sid(text: str) -> Sid:
    text = text.strip()
    if text in _SIDS:
        return _SIDS[text]
    try:
        return Sid.parse(text)
    except SidError as error:
        raise SddlError(str(error)) from None


def _sid_text(identity: Sid) -> str:
    return _SID_NAMES.get(identity, str(identity))
