"""BSTR: text, nothing, and octets in odd numbers ([MS-OAUT] 2.2.23)."""

from __future__ import annotations

from typing import Any

import pytest

from lrpc.runtime.automation import BSTR, OddBstr, bstr_of, octets_of
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding

# Maximum count, cBytes, clSize, words, behind a referent. Derived from the paragraphs; `Random value.` is from a
# capture of Windows (test_layouts.py).
WIRE = {
    "abc": "0000020003000000060000000300000061006200" + "6300",
    "": "00000200000000000000000000000000",
    None: "0000020000000000ffffffff00000000",
    "a\0b": "0000020003000000060000000300000061000000" + "6200",
    "\U0001f600": "00000200020000000400000002000000" + "3dd800de",
    "\ud800": "00000200010000000200000001000000" + "00d8",
    OddBstr("ab"): "00000200020000000300000002000000" + "61006200",
}


@pytest.mark.parametrize(("text", "octets"), WIRE.items(), ids=map(repr, WIRE))
def test_text_goes_both_ways_in_both_readers(text: str | None, octets: str) -> None:
    codec, stub = compiled_type(BSTR), bytes.fromhex(octets)
    assert b"".join(codec.encode((text,))) == BSTR.build(text, encoding=Encoding.NDR) == stub
    assert codec.decode(stub) == (text,)
    assert BSTR.parse(stub, encoding=Encoding.NDR) == text
    assert type(codec.decode(stub)[0]) is type(text)


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("text", list(WIRE), ids=map(repr, WIRE))
def test_text_survives_in_all_encodings(text: str | None, encoding: Encoding) -> None:
    codec = compiled_type(BSTR, encoding)
    stub = b"".join(codec.encode((text,)))
    assert (codec.decode(stub), BSTR.parse(stub, encoding=encoding)) == ((text,), text)


def test_null_pointer_is_none_too() -> None:
    assert compiled_type(BSTR).decode(bytes(4)) == (None,)


@pytest.mark.parametrize("octets", [b"", b"a", b"ab", b"abc", b"\0\xd8\xff", bytes(range(255))])
def test_octets_are_kept_in_any_number(octets: bytes) -> None:
    text = bstr_of(octets)
    assert isinstance(text, OddBstr) is bool(len(octets) % 2)
    assert octets_of(text) == octets
    [found] = compiled_type(BSTR).decode(b"".join(compiled_type(BSTR).encode((text,))))
    assert octets_of(found) == octets


def test_last_half_of_an_odd_text_is_not_looked_at() -> None:
    stub = bytes.fromhex("0000020001000000010000000100000061ff")
    assert compiled_type(BSTR).decode(stub) == ("a",)


@pytest.mark.parametrize("value", [b"abc", 5, ["a"]])
def test_what_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(NdrError, match="conversion BSTR: a BSTR is a str, not"):
        compiled_type(BSTR).encode((value,))


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        ("00000200010000000400000001000000" + "6100", "1 words hold 4 octets"),
        ("0000020001000000ffffffff01000000" + "6100", "1 words hold 4294967295 octets"),
        ("00000200010000000000000001000000" + "6100", "1 words hold 0 octets"),
        ("00000200020000000400000002000000" + "6100", "2 items do not fit"),
    ],
)
def test_counts_that_contradict_each_other_are_refused_by_both(octets: str, message: str) -> None:
    stub = bytes.fromhex(octets)
    for read in (compiled_type(BSTR).decode, BSTR.parse):
        with pytest.raises(NdrError) as caught:
            read(stub)
        assert message in str(caught.value)
