"""Serialization of a stub's types by their classes, and what other implementations write."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.interfaces import pac
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Long, UniquePtr
from lrpc.runtime.serialization import layout_of

IDL = """
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e11), version(1.4), pointer_default(unique)]
interface Shop
{
    typedef [v1_enum] enum { RED = 1, BLUE = 2 } Color;
    typedef struct { long article; [string] wchar_t *name; } Item;
    typedef union switch (short t) u { case 1: byte b; case 2: hyper h; } Either;
    typedef [context_handle] void *TALLY;
    void Sell([in] Item item, [in] Either e, [in] Color c, [in] TALLY t);
}
"""

# Samba 4.17 (python3-samba): the buffer of type PAC_TYPE_LOGON_INFO of a PAC_DATA by ndr_pack.
SAMBA = bytes.fromhex("""
    01100800cccccccc90010000000000000000020000005af64cf5d40100000000000000000000000000000000000000000000000000000000
    0000000000000000000000000a000a00040002000e000e000800020000000000000000000000000000000000000000000000000000000000
    00000000000000005004000001020000020000000c000200000000000000000000000000000000000000000006000800100002000e001000
    140002001800020000000000000000000000000000000000000000000000000000000000000000000000000000000000010000001c000200
    00000000000000000000000005000000000000000500000061006c00690063006500000007000000000000000700000041006c0069006300
    6500200041000000020000000102000007000000000200000700000004000000000000000300000044004300310000000800000000000000
    070000004500580041004d0050004c0045000000040000000104000000000005150000000100000002000000030000000100000020000200
    070000000100000001010000000000120100000000000000
""")
# impacket 0.13: VALIDATION_INFO, whose length lacks the padding and whose gaps are filled with anything.
IMPACKET = bytes.fromhex("""
    01100800cccccccc6c010000cccccccc5ccb0000010000000200000001000000020000000100000002000000010000000200000001000000
    0200000001000000020000000600060052c7000000000000d3fc0000000000001813000000000000f19b0000000000004d71000000000000
    09f0000003000000e803000001020000010000003d2c0000200000000000000000000000000000000000000004000400d66e000004000400
    371500000e740000000000000000000010020000000000000000000000000000000000000000000000000000000000000000000000000000
    00000000000000000000000003000000000000000300000062006f006200abab000000000000000000000000000000000000000000000000
    0000000000000000000000000000000000000000000000000000000000000000000000000100000001020000070000000200000000000000
    0200000044004300020000000000000002000000450058000200000001020000000000051500000007000000
""")


@pytest.fixture(scope="module")
def shop() -> ModuleType:
    return lrpc.load(IDL)


# What others write


def test_logon_info_of_samba_is_read_and_written_octet_for_octet() -> None:
    info: Any = lrpc.deserialize(pac.KERB_VALIDATION_INFO | None, SAMBA)
    assert (info.EffectiveName.Buffer, info.UserId, info.LogonServer.Buffer) == ("alice", 1104, "DC1")
    assert info.GroupIds == [pac.GROUP_MEMBERSHIP(513, 7), pac.GROUP_MEMBERSHIP(512, 7)]
    assert info.LogonDomainId.SubAuthority == [21, 1, 2, 3]
    assert info.ExtraSids[0].Sid.SubAuthority == [1]
    assert lrpc.serialize(pac.KERB_VALIDATION_INFO | None, info) == SAMBA


def test_logon_info_of_impacket_is_read() -> None:
    info: Any = lrpc.deserialize(pac.KERB_VALIDATION_INFO | None, IMPACKET)
    assert (info.EffectiveName.Buffer, info.UserId, info.UserAccountControl) == ("bob", 1000, 0x210)
    assert (info.LogonDomainName.Buffer, info.LogonDomainId.SubAuthority) == ("EX", [21, 7])
    ours = lrpc.serialize(pac.KERB_VALIDATION_INFO | None, info)
    assert (len(ours), lrpc.deserialize(pac.KERB_VALIDATION_INFO | None, ours)) == (384, info)


# Types


def test_class_is_the_type_of_its_values(shop: ModuleType) -> None:
    for kind, value in (
        (shop.Item, shop.Item(7, "nail")),
        (shop.Color, shop.Color.BLUE),
        (shop.Either, shop.Either(2, 9)),
    ):
        for version in (1, 2):
            assert lrpc.deserialize(kind, lrpc.serialize(kind, value, version=version)) == value


def test_pointer_is_the_class_or_none(shop: ModuleType) -> None:
    for value in (None, shop.Item(7, None)):
        assert lrpc.deserialize(shop.Item | None, lrpc.serialize(shop.Item | None, value)) == value
    assert len(lrpc.serialize(shop.Item | None, None)) == 24


def test_layout_is_a_type(shop: ModuleType) -> None:
    assert lrpc.deserialize(Long, lrpc.serialize(Long, -1)) == -1
    item = shop.__layouts__["Item"]
    assert lrpc.deserialize(UniquePtr(item), lrpc.serialize(item, shop.Item(0, None)) + bytes(8)) is None


def test_tuple_of_types_is_several_values_in_one_stream(shop: ModuleType) -> None:
    kinds = shop.Item | None, shop.Color, Long
    values = shop.Item(7, "nail"), shop.Color.RED, 5
    for options in ({}, {"order": "big"}, {"version": 2}, {"version": 2, "syntax": "ndr"}):
        given: dict[str, Any] = options
        octets = lrpc.serialize(kinds, values, **given)
        assert lrpc.deserialize(kinds, octets) == values
        assert lrpc.deserialize(shop.Item | None, octets + b"more") == values[0]


def test_version_2_may_name_the_interface(shop: ModuleType) -> None:
    octets = lrpc.serialize(shop.Item, shop.Item(1, None), version=2, interface=shop.Shop.interface)
    assert octets[44:64] == shop.Shop.interface.uuid.bytes_le + b"\1\0\4\0"
    assert lrpc.deserialize(shop.Item, octets) == shop.Item(1, None)


def test_layout_of_a_pointer_is_made_once(shop: ModuleType) -> None:
    assert layout_of(shop.Item | None) is layout_of(shop.Item | None)
    assert layout_of(shop.Item) is shop.__layouts__["Item"]


# What is refused


@pytest.mark.parametrize("kind", [int, int | None, str | int | None, "Item", 5, None])
def test_what_is_no_type_of_a_stub_is_a_type_error(kind: Any) -> None:
    with pytest.raises(TypeError, match="is no type of a stub"):
        lrpc.serialize(kind, 5)
    with pytest.raises(TypeError, match="is no type of a stub"):
        lrpc.deserialize(kind, SAMBA)


def test_value_that_does_not_fit_is_an_argument_error(shop: ModuleType) -> None:
    with pytest.raises(lrpc.ArgumentError, match=r"^article: ") as caught:
        lrpc.serialize(shop.Item, shop.Item("x", None))
    assert isinstance(caught.value.__cause__, NdrError)
    with pytest.raises(lrpc.ArgumentError, match="1 values for 2 types"):
        lrpc.serialize((shop.Item, Long), (shop.Item(1, None),))
    with pytest.raises(lrpc.ArgumentError, match="means nothing outside a call"):
        lrpc.serialize(shop.__layouts__["TALLY"], None)


def test_octets_that_do_not_fit_are_bad_stub_data(shop: ModuleType) -> None:
    for octets in (b"", SAMBA[:-9], b"\3" + SAMBA[1:], SAMBA[:8] + b"\xff" * 4 + SAMBA[12:]):
        with pytest.raises(lrpc.BadStubData) as caught:
            lrpc.deserialize(pac.KERB_VALIDATION_INFO | None, octets)
        assert caught.value.ran is lrpc.Ran.NO
        assert isinstance(caught.value.__cause__, NdrError)


@pytest.mark.parametrize(
    "options",
    [
        {"syntax": "ndr64"},
        {"version": 2, "order": "big"},
        {"version": 2, "syntax": "ndr", "order": "big"},
        {"version": 3},
    ],
)
def test_words_that_do_not_go_together_are_a_value_error(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"little-endian|version|big"):
        lrpc.serialize(Long, 5, **options)
