"""Automation: what BSTR, VARIANT and SAFEARRAY are in Python ([MS-OAUT] 2.2.23, 2.2.29, 2.2.30).

    str, None          a BSTR (`bstr.py`)
    Variant            a VARIANT: a type, `VT`, and a value (`variant.py`)
    SafeArray          a SAFEARRAY: items of one type, `Bound`s (`safearray.py`)
    Record             a structure that describes itself, a wireBRECORD
    BSTR, VARIANT, SAFEARRAY   their layouts, which stubs name (`layouts.py`)

Stubs ask for the layouts through `runtime/stub.py`, which imports this package when the first of them is asked for.
Below it is `runtime/ndr` only, which knows nothing of automation. docs/automation.md has the table of types.
"""

from .bstr import OddBstr, bstr_of, octets_of
from .layouts import BSTR, SAFEARRAY, VARIANT
from .safearray import Bound, Record, SafeArray
from .types import VT
from .variant import ArrayValue, Variant, VariantValue

__all__ = [
    "BSTR",
    "SAFEARRAY",
    "VARIANT",
    "VT",
    "ArrayValue",
    "Bound",
    "OddBstr",
    "Record",
    "SafeArray",
    "Variant",
    "VariantValue",
    "bstr_of",
    "octets_of",
]
