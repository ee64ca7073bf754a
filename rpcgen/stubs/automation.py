"""Conversions that the runtime knows: BSTR, VARIANT and SAFEARRAY, as [MS-OAUT] has them.

A [wire_marshal] type of one of these names, over the wire form that goes with it, needs no code of the user's: its
layout is a word of `lrpc.runtime.stub`, and its values are those of `lrpc.runtime.automation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .. import model

_WIRES: Final = {"BSTR": "FLAGGED_WORD_BLOB", "VARIANT": "wireVARIANTStr", "SAFEARRAY": "wireSAFEARRAYStr"}
"""What each is a pointer to on the wire."""
GIVEN: Final = {"BSTR": ("str", "None"), "VARIANT": ("rpc.Variant",), "SAFEARRAY": ("rpc.SafeArray", "None")}
"""What a Python caller gets."""
TAKEN: Final = {"BSTR": ("str", "None"), "VARIANT": ("rpc.VariantValue",), "SAFEARRAY": ("rpc.ArrayValue", "None")}
"""What a Python caller may give."""


def automation_word(found: model.Definition, definitions: Mapping[str, model.Definition]) -> str | None:
    """The name of a type of automation; None for any other definition."""
    match found:
        case model.ConversionType(by="wire_marshal", name=name, wire=model.Pointer(target=model.Defined(key=key))):
            wire = definitions.get(key)
            return name if wire is not None and _WIRES.get(name) == wire.name else None
        case _:
            return None
