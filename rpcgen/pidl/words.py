"""pidl's words: its types in the model's terms, its attributes, and the flags of [flag(...)].

A type that is not here is a name: of a typedef, a structure, a union, an enumeration or a bitmap.
"""

from __future__ import annotations

from typing import Final

from .. import model

SCALARS: Final[dict[str, str]] = {
    "char": "Byte", "int8": "Small", "uint8": "Byte", "boolean8": "Byte",
    "int16": "Short", "uint16": "UShort", "short": "Short", "WORD": "UShort",
    "int32": "Long", "uint32": "ULong", "int": "Long", "long": "Long", "uint": "ULong", "DWORD": "ULong",
    "boolean32": "ULong", "time_t": "ULong", "mode_t": "ULong",
    "ipv4address": "samba.IPV4", "ipv6address": "samba.IPV6",
    "int3264": "Int3264", "uint3264": "UInt3264",
    "int64": "Hyper", "hyper": "UHyper", "HYPER_T": "UHyper", "uid_t": "UHyper", "gid_t": "UHyper",
    "dlong": "samba.DLONG", "udlong": "samba.UDLONG", "udlongr": "samba.UDLONGR", "NTTIME": "samba.UDLONG",
    "NTTIME_1sec": "samba.NTTIME_1SEC", "NTTIME_hyper": "UHyper", "double": "Double",
    "WERROR": "ErrorStatus", "NTSTATUS": "NtStatus", "HRESULT": "HResult", "COMRESULT": "HResult",
    "error_status_t": "ULong",
}  # fmt: skip
"""Types that are a scalar of the vocabulary. """

BY_FLAGS: Final = frozenset(("DATA_BLOB", "string", "string_array"))
"""Types whose form is that of the flags in force."""
_UNENCODED: Final = """
    int1632 uint1632 u16string timeval timespec dns_string nbt_string wrepl_nbt_name dnsp_name dnsp_string pointer
    libndr_flags ndr_flags_type dom_sid0
"""
UNENCODED: Final = frozenset(_UNENCODED.split())
"""Types of which there is no form here."""

_IDLE: Final = """
    public noprint gensize nosize noejs nopython pyhelper helper headerhelper authservice keepref no_srv_register
    max_recursion print to_null progid internal
"""
IDLE: Final = frozenset(_IDLE.split())
"""Attributes that concern Samba's programs and not the wire. to_null only shortens what is read."""

BESIDE: Final = {"dom_sid": ("dom_sid2",)}
"""Structures that C headers have beside one of this name."""
KNOWN: Final = ("dom_sid", "security_ace")
"""Types with a codec in C whose form is known here; `stock.py` has it."""
HAND_WRITTEN: Final = ("nopush", "nopull")
"""Attributes of what has a codec in C instead of one that follows from the IDL."""


def scalar(name: str) -> model.Scalar | None:
    """The scalar that a type is, if it is one."""
    word = SCALARS.get(name)
    return None if word is None else model.Scalar(word=word)


def flag_name(name: str) -> str:
    """A flag without the prefix of its family: LIBNDR_FLAG_NOALIGN and NDR_NOALIGN are NOALIGN."""
    for prefix in ("LIBNDR_FLAG_", "LIBNDR_", "NDR_"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            break
    return _SPELLINGS.get(name, name)


_SPELLINGS: Final = {
    "PAHEX": "PRINT_ARRAY_HEX", "SECRET": "IS_SECRET", "BIG_ENDIAN": "BIGENDIAN", "NO_COMP": "NO_COMPRESSION",
}  # fmt: skip
