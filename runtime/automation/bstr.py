"""BSTR: str, or None for a null one ([MS-OAUT] 2.2.23).

A BSTR has a length, so NULs inside are kept, and lone surrogates. It may have an odd number of octets: such a one is an
`OddBstr`. Empty and null differ on the wire, and as "" and None.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from ..ndr.layout import AUTO

NULL_SIZE: Final = 0xFFFF_FFFF


class OddBstr(str):
    """A BSTR of an odd number of octets: its last character is the last octet."""

    __slots__ = ()


def bstr_of(octets: bytes) -> str:
    """The BSTR that holds octets: programs put any into one."""
    text = (octets + b"\0" * (len(octets) % 2)).decode("utf-16-le", "surrogatepass")
    return OddBstr(text) if len(octets) % 2 else text


def octets_of(text: str) -> bytes:
    """The octets of a BSTR."""
    octets = text.encode("utf-16-le", "surrogatepass")
    return octets[:-1] if isinstance(text, OddBstr) else octets


@dataclass(slots=True)
class FlaggedWordBlob:
    """FLAGGED_WORD_BLOB."""

    cBytes: int  # noqa: N815 -- the specification's names, here and below
    clSize: int  # noqa: N815
    asData: str  # noqa: N815


def to_wire(value: Any) -> FlaggedWordBlob:
    """What travels for a text; a null BSTR travels too ([MS-OAUT] 2.2.23.2)."""
    if value is None:
        return FlaggedWordBlob(NULL_SIZE, AUTO, "")
    if not isinstance(value, str):
        raise TypeError(f"a BSTR is a str, not {type(value).__name__}")
    return FlaggedWordBlob(len(octets_of(value)), AUTO, value)


def from_wire(blob: FlaggedWordBlob | None) -> str | None:
    """The text; None for a null BSTR, and for a null pointer, which Windows never sends."""
    if blob is None:
        return None
    if blob.cBytes == NULL_SIZE and not blob.clSize:
        return None
    if blob.clSize != (blob.cBytes + 1) // 2:
        raise ValueError(f"{blob.clSize} words hold {blob.cBytes} octets")
    return blob.asData if blob.cBytes % 2 == 0 else bstr_of(_octets(blob.asData)[:-1])


def _octets(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")
