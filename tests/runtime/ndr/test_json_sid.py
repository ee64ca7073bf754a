"""SIDs as text in the JSON form."""

from __future__ import annotations

import dataclasses

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Byte, ConformantArray, FixedArray, Small, Struct, ULong, USmall
from lrpc.runtime.ndr.layout_samba import Counted

SID = Struct(
    dict,
    "Revision" / Byte,
    "SubAuthorityCount" / Byte,
    "IdentifierAuthority" / FixedArray(Byte, 6),
    "SubAuthority" / ConformantArray(ULong, this.SubAuthorityCount),
)
DOM_SID = Struct(
    dataclasses.make_dataclass("dom_sid", ["sid_rev_num", "num_auths", "id_auth", "sub_auths"]),
    "sid_rev_num" / USmall,
    "num_auths" / Small,
    "id_auth" / FixedArray(Byte, 6),
    "sub_auths" / Counted(ULong, this.num_auths),
)


@pytest.mark.parametrize("text", ["S-1-5-32-544", "S-1-0", "S-1-0xffffffffffff-1", "S-1-1-0"])
@pytest.mark.parametrize("layout", [SID, DOM_SID])
def test_sid_is_its_text(layout, text):
    value = from_json(layout, {"sid": text})
    assert to_json(layout, value) == {"sid": text}
    assert layout.parse(layout.build(value)) == value


def test_sid_with_an_authority_structure_is_its_text_too():
    layout = Struct(
        dict,
        "Revision" / Byte,
        "SubAuthorityCount" / Byte,
        "IdentifierAuthority" / Struct(dict, "Value" / FixedArray(Byte, 6)),
        "SubAuthority" / ConformantArray(ULong, this.SubAuthorityCount),
    )
    value = from_json(layout, {"sid": "S-1-5-18"})
    assert value["IdentifierAuthority"] == {"Value": b"\0\0\0\0\0\5"}
    assert to_json(layout, value) == {"sid": "S-1-5-18"}


def test_sid_that_the_text_cannot_hold_keeps_its_members():
    value = {"Revision": 1, "SubAuthorityCount": 3, "IdentifierAuthority": bytes(6), "SubAuthority": [1]}
    form = to_json(SID, value)
    assert form == {**value, "IdentifierAuthority": [0] * 6}
    assert from_json(SID, form) == value


@pytest.mark.parametrize("text", ["S-1", "S-1-5-", "s-1-5", "S-1-281474976710656", "S-1-5-x", "S-1-\u0663", 5])
def test_text_that_is_no_sid_is_refused(text):
    with pytest.raises(NdrError) as caught:
        from_json(SID, {"sid": text})
    assert caught.value.path == "sid"
