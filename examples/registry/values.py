"""The types of registry values and their octets, as Windows stores them ([MS-RRP] 3.1.1.5).

Strings are UTF-16 little-endian with their terminators. Rule: nothing here knows of keys or of calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

Natural = int | str | bytes | list[str]
"""What a value is in Python."""


class RegistryType(IntEnum):
    """What the octets of a value mean."""

    REG_NONE = 0
    REG_SZ = 1
    REG_EXPAND_SZ = 2
    REG_BINARY = 3
    REG_DWORD = 4
    REG_DWORD_BIG_ENDIAN = 5
    REG_LINK = 6
    REG_MULTI_SZ = 7
    REG_QWORD = 11


_TEXTS: Final = frozenset((RegistryType.REG_SZ, RegistryType.REG_EXPAND_SZ, RegistryType.REG_LINK))
_INTEGERS: Final = {
    RegistryType.REG_DWORD: (4, "little"),
    RegistryType.REG_DWORD_BIG_ENDIAN: (4, "big"),
    RegistryType.REG_QWORD: (8, "little"),
}


def type_name(kind: int) -> str:
    """`REG_SZ` for 1; the number for a type without a name."""
    return RegistryType(kind).name if kind in RegistryType.__members__.values() else str(kind)


def encode(kind: int, value: int | str | bytes | Sequence[str]) -> bytes:
    """The octets of `value` as type `kind`; TypeError or OverflowError when it does not fit."""
    if kind in _INTEGERS and isinstance(value, int):
        size, order = _INTEGERS[RegistryType(kind)]
        return value.to_bytes(size, "little" if order == "little" else "big")
    if kind in _TEXTS and isinstance(value, str):
        return _utf16(value)
    if kind == RegistryType.REG_MULTI_SZ and not isinstance(value, int | str | bytes):
        return b"".join(map(_utf16, value)) + b"\0\0"
    if isinstance(value, bytes):
        return value
    raise TypeError(f"{type(value).__name__} is no {type_name(kind)}")


def decode(kind: int, data: bytes) -> Natural:
    """The Python value of octets of type `kind`; the octets themselves when they are not of that type."""
    if kind in _INTEGERS:
        size, order = _INTEGERS[RegistryType(kind)]
        return int.from_bytes(data, "little" if order == "little" else "big") if len(data) == size else data
    if kind in _TEXTS:
        return _text(data).split("\0", 1)[0]
    if kind == RegistryType.REG_MULTI_SZ:
        return [part for part in _text(data).split("\0") if part]
    return data


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass") + b"\0\0"


def _text(data: bytes) -> str:
    """Odd octets at the end are no character and are dropped."""
    return data[: len(data) & ~1].decode("utf-16-le", "surrogatepass")
