"""Samba's words against octets that Samba wrote.

Each vector is what `ndr_pack` of python3-samba 4.17.12 gave for the value, but those of NDR64 and big-endian: they are
parts of what `ndr_pack_in` gave for the call that is named, with referent ids counted anew.
"""

from __future__ import annotations

import dataclasses
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    AUTO,
    GUID,
    Byte,
    Char,
    ConformantArray,
    Encoding,
    Field,
    FixedArray,
    Layout,
    Range,
    Small,
    Struct,
    UInt3264,
    ULong,
    Union,
    UniquePtr,
    UShort,
    USmall,
    WChar,
)
from lrpc.runtime.ndr.layout_samba import (
    DLONG,
    IPV4,
    IPV6,
    NTTIME_1SEC,
    SERIALIZED,
    UDLONG,
    UDLONGR,
    Based,
    Blob,
    Computed,
    Counted,
    Fill,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Text,
    TextArray,
    Untagged,
    length,
    size_of,
)


def structure(name: str, *fields: Field) -> Struct:
    return Struct(dataclasses.make_dataclass(name, [field.name for field in fields], slots=True), *fields)


# security.idl

SID = structure(
    "dom_sid",
    "sid_rev_num" / USmall,
    "num_auths" / Range(Small, 0, 15),
    "id_auth" / FixedArray(Byte, 6),
    "sub_auths" / Counted(ULong, this.num_auths),
)
ACE = structure(
    "security_ace",
    "type" / USmall,
    "flags" / USmall,
    "size" / Computed(UShort, size_of()),
    "access_mask" / ULong,
    "trustee" / SID,
)
ACL = structure(
    "security_acl",
    "revision" / UShort,
    "size" / Computed(UShort, size_of()),
    "num_aces" / ULong,
    "aces" / Counted(ACE, this.num_aces),
)
DESCRIPTOR = structure(
    "security_descriptor",
    "revision" / USmall,
    "sbz" / USmall,
    "type" / UShort,
    "owner_sid" / Relative(SID),
    "group_sid" / Relative(SID),
    "sacl" / Relative(ACL),
    "dacl" / Relative(ACL),
)
LITTLE = Flagged(DESCRIPTOR, order="<")
BUFFER = structure(
    "sec_desc_buf", "sd_size" / Computed(ULong, size_of(this.sd)), "sd" / UniquePtr(Subcontext(LITTLE, 4))
)


def sid(authority: int, *subs: int) -> Any:
    return SID.factory(1, AUTO, authority.to_bytes(6, "big"), list(subs))


def descriptor() -> Any:
    """O:BAG:SYD:(A;;GA;;;WD)"""
    ace = ACE.factory(0, 0, AUTO, 0x10000000, sid(1, 0))
    acl = ACL.factory(4, AUTO, AUTO, [ace])
    return DESCRIPTOR.factory(1, 0, 0x8004, sid(5, 32, 544), sid(5, 18), None, acl)


SD = (
    "0100048014000000240000000000000030000000010200000000000520000000200200000101000000000005120000000400"
    "1c00010000000000140000000010010100000000000100000000"
)

# spoolss.idl, svcctl.idl

NSTRING = Flagged(Relative(Text(WChar)), align=2)
PRINTER = structure("PrinterInfo1", "flags" / ULong, "description" / NSTRING, "name" / NSTRING, "comment" / NSTRING)
ACTION = structure("SC_ACTION", "type" / ULong, "delay" / ULong)
ACTIONS = structure(
    "SERVICE_FAILURE_ACTIONS",
    "reset_period" / ULong,
    "rebootmsg" / NSTRING,
    "command" / NSTRING,
    "num_actions" / ULong,
    "actions" / Relative(ConformantArray(ACTION, this.num_actions)),
)

# krb5pac.idl

LOGON_NAME = structure(
    "PAC_LOGON_NAME",
    "logon_time" / UDLONG,
    "size" / Computed(UShort, length(this.account_name) * 2),
    "account_name" / Subcontext(Text(WChar, terminated=False), size=this.size),
)
TARGET = structure("Name", "length" / UShort, "size" / UShort, "string" / UniquePtr(ULong))
TRANSITED = structure(
    "PAC_CONSTRAINED_DELEGATION", "proxy_target" / TARGET, "count" / ULong, "services" / UniquePtr(ULong)
)
SIGNATURE = structure("PAC_SIGNATURE_DATA", "type" / ULong, "signature" / Rest())
CONTAINER = structure("PAC_CONSTRAINED_DELEGATION_CTR", "info" / UniquePtr(TRANSITED))
INFO = Union(ULong, {10: LOGON_NAME, 11: Subcontext(CONTAINER, SERIALIZED), 6: SIGNATURE})
PAC_BUFFER = structure(
    "PAC_BUFFER",
    "type" / ULong,
    "size" / Computed(ULong, size_of(this.info)),
    "info" / Flagged(Relative(Subcontext(Untagged(INFO, this.type), size=(this.size + 7) // 8 * 8)), align=8),
    "pad" / Computed(ULong, 0),
)
PAC = structure("PAC_DATA", "num_buffers" / ULong, "version" / ULong, "buffers" / Counted(PAC_BUFFER, this.num_buffers))

# drsblobs.idl, dnsp.idl, ntlmssp.idl, xattr.idl

AUTH_INFO = structure(
    "AuthenticationInformation",
    "time" / UDLONG,
    "type" / ULong,
    "size" / ULong,
    "password" / Counted(Byte, this.size),
    "pad" / Fill(4),
)
OTHER = structure(
    "repsFromTo1OtherInfo", "size" / Computed(ULong, length(this.dns_name, 1) + 1), "dns_name" / Text(Char)
)
RECORD_DATA = Union(UShort, {1: Flagged(IPV4, order=">"), 0: Rest()})
RECORD = Flagged(
    structure(
        "DnssrvRpcRecord",
        "length" / Computed(UShort, size_of(this.data)),
        "type" / UShort,
        "version" / Computed(USmall, 5),
        "rank" / USmall,
        "flags" / UShort,
        "serial" / ULong,
        "ttl" / Flagged(ULong, order=">"),
        "reserved" / ULong,
        "time" / ULong,
        "data" / Subcontext(Untagged(RECORD_DATA, this.type), size=this.length),
    ),
    align=0,
)
WIRE_DATA = Union(UShort, {1: Flagged(IPV4, order=">"), 0: Rest()})
WIRE_RECORD = structure(
    "DNS_RPC_RECORD",
    "length" / Computed(UShort, size_of(this.data)),
    "type" / UShort,
    "flags" / ULong,
    "serial" / ULong,
    "ttl" / ULong,
    "time" / ULong,
    "reserved" / ULong,
    "data" / Subcontext(Flagged(Untagged(WIRE_DATA, this.type), align=0), size=this.length),
)
OEM = Text(Char, terminated=False)
NEGOTIATE = Flagged(
    structure(
        "NEGOTIATE_MESSAGE",
        "signature" / Computed(FixedArray(Byte, 8), b"NTLMSSP\0"),
        "type" / ULong,
        "flags" / ULong,
        "domain_length" / Computed(UShort, length(this.domain, 1)),
        "domain_size" / Computed(UShort, this.domain_length),
        "domain" / Relative(Subcontext(OEM, size=this.domain_length)),
        "station_length" / Computed(UShort, length(this.station, 1)),
        "station_size" / Computed(UShort, this.station_length),
        "station" / Relative(Subcontext(OEM, size=this.station_length)),
    ),
    align=0,
    order="<",
)

COUNTED_TEXT = Text(Char, size=4, terminated=False)
PRINCIPAL = Flagged(
    structure(
        "PRINCIPAL",
        "name_type" / ULong,
        "component_count" / ULong,
        "realm" / COUNTED_TEXT,
        "components" / Counted(COUNTED_TEXT, this.component_count),
    ),
    order=">",
    align=0,
)
PACKAGES = structure("package_PackagesBlob", "names" / TextArray(WChar, rest=True, terminated=False))
NAMES = Flagged(Relative(TextArray(WChar)), align=2)
DRIVER = structure("a driver", "name" / NSTRING, "files" / NAMES)

VECTORS: dict[str, tuple[Layout, Any, str]] = {
    "security.dom_sid": (SID, sid(5, 32, 544), "01020000000000052000000020020000"),
    "security.descriptor": (LITTLE, descriptor(), SD),
    "spoolss.PrinterInfo1": (
        PRINTER,
        PRINTER.factory(5, "a,b", "p1", "x"),
        "0500000010000000180000001e00000061002c006200000070003100000078000000",
    ),
    "svcctl.SERVICE_FAILURE_ACTIONS": (
        ACTIONS,
        ACTIONS.factory(1, "r", "c", AUTO, [ACTION.factory(1, 2)]),
        "010000001400000018000000010000001c0000007200000063000000010000000100000002000000",
    ),
    "krb5pac.PAC_DATA of a name and a checksum": (
        PAC,
        PAC.factory(
            AUTO,
            0,
            [
                PAC_BUFFER.factory(10, AUTO, LOGON_NAME.factory(0x1122334455667788, AUTO, "abc"), AUTO),
                PAC_BUFFER.factory(6, AUTO, SIGNATURE.factory(16, bytes(range(1, 13))), AUTO),
            ],
        ),
        "02000000000000000a0000001000000028000000000000000600000010000000380000000000000088776655443322110600"
        "610062006300100000000102030405060708090a0b0c",
    ),
    "krb5pac.PAC_DATA of a delegation": (
        PAC,
        PAC.factory(
            AUTO,
            0,
            [
                PAC_BUFFER.factory(
                    11, AUTO, CONTAINER.factory(TRANSITED.factory(TARGET.factory(0, 0, None), 0, None)), AUTO
                )
            ],
        ),
        "01000000000000000b00000028000000180000000000000001100800cccccccc180000000000000000000200000000000000"
        "0000000000000000000000000000",
    ),
    "drsblobs.AuthenticationInformation": (
        AUTH_INFO,
        AUTH_INFO.factory(5, 2, AUTO, b"\1\2\3", b"\0"),
        "0500000000000000020000000300000001020300",
    ),
    "drsblobs.repsFromTo1OtherInfo": (OTHER, OTHER.factory(AUTO, "a.b"), "04000000612e6200"),
    "dnsp.DnssrvRpcRecord": (
        RECORD,
        RECORD.layout.factory(AUTO, 1, AUTO, 0, 0, 5, 900, 0, 0, "192.0.2.7"),
        "040001000500000005000000000003840000000000000000c0000207",
    ),
    "the PRINCIPAL of a krb5ccache.CCACHE": (
        PRINCIPAL,
        PRINCIPAL.layout.factory(1, AUTO, "EX.COM", ["a", "bc"]),
        "00000001000000020000000645582e434f4d0000000161000000026263",
    ),
    "drsblobs.package_PackagesBlob": (
        PACKAGES,
        PACKAGES.factory(["Kerberos", "WDigest"]),
        "4b00650072006200650072006f00730000005700440069006700650073007400",
    ),
    "two offsets of a spoolss.DriverInfo3, counted anew": (
        DRIVER,
        DRIVER.factory("d", ["a.dll", "bc.dll"]),
        "080000000c0000006400000061002e0064006c006c000000620063002e0064006c006c0000000000",
    ),
    "ntlmssp.NEGOTIATE_MESSAGE": (
        NEGOTIATE,
        NEGOTIATE.layout.factory(AUTO, 1, 0x3000, AUTO, AUTO, "DOM", AUTO, AUTO, "WS"),
        "4e544c4d53535000010000000030000003000300200000000200020023000000444f4d5753",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_both_readers_write_what_samba_writes(name):
    layout, value, octets = VECTORS[name]
    assert layout.build(value).hex() == octets
    assert b"".join(compiled_type(layout).encode([value])).hex() == octets


@pytest.mark.parametrize("name", VECTORS)
def test_both_readers_read_what_samba_writes_and_write_it_again(name):
    layout, _, octets = VECTORS[name]
    read = layout.parse(bytes.fromhex(octets))
    assert compiled_type(layout).decode(bytes.fromhex(octets)) == (read,)
    assert layout.build(read).hex() == octets
    assert b"".join(compiled_type(layout).encode([read])).hex() == octets


@pytest.mark.parametrize(
    ("transfer", "front"),
    [
        (Encoding.NDR, "4c000000000002004c000000"),
        (Encoding.NDR_BIG, "0000004c000200000000004c"),
        (Encoding.NDR64, "4c0000000000000000000200000000004c00000000000000"),
    ],
)
def test_context_is_written_as_in_spoolss_set_printer(transfer, front):
    value = BUFFER.factory(AUTO, descriptor())
    assert BUFFER.build(value, encoding=transfer).hex() == front + SD
    assert b"".join(compiled_type(BUFFER, transfer).encode([value])).hex() == front + SD
    assert compiled_type(BUFFER, transfer).decode(bytes.fromhex(front + SD)) == (
        BUFFER.parse(bytes.fromhex(front + SD), encoding=transfer),
    )


CALLS: dict[str, tuple[Layout, Any, dict[Encoding, str]]] = {
    "the buffer of spoolss_EnumPrinters": (
        UniquePtr(Blob()),
        b"abc",
        {
            Encoding.NDR: "0000020003000000616263",
            Encoding.NDR_BIG: "0002000000000003616263",
            Encoding.NDR64: "00000200000000000300000000000000616263",
        },
    ),
    "the record of DnssrvUpdateRecord2": (
        structure("DNS_RPC_RECORD_BUF", "length" / UInt3264, "rec" / WIRE_RECORD),
        (4, (AUTO, 1, 0, 0, 0, 0, 0, "192.0.2.7")),
        {
            Encoding.NDR: "04000000040001000000000000000000000000000000000000000000c0000207",
            Encoding.NDR_BIG: "00000004000400010000000000000000000000000000000000000000c0000207",
            Encoding.NDR64: "0400000000000000040001000000000000000000000000000000000000000000c000020700000000",
        },
    ),
    "the ages of a SamrSetDomainInfo": (
        DLONG,
        -0x1122334455667788,
        {
            Encoding.NDR: "788899aabbccddee",
            Encoding.NDR_BIG: "aa998878eeddccbb",
            Encoding.NDR64: "788899aabbccddee",
        },
    ),
    "the time of a winreg_QueryInfoKey": (
        UDLONG,
        0x1122334455667788,
        {
            Encoding.NDR: "8877665544332211",
            Encoding.NDR_BIG: "5566778811223344",
            Encoding.NDR64: "8877665544332211",
        },
    ),
}


@pytest.mark.parametrize("transfer", list(Encoding))
@pytest.mark.parametrize("name", CALLS)
def test_both_readers_agree_with_samba_about_calls(name, transfer):
    layout, value, octets = CALLS[name]
    if isinstance(layout, Struct):
        value = layout.factory(value[0], WIRE_RECORD.factory(*value[1]))
    stub = bytes.fromhex(octets[transfer])
    assert layout.build(value, encoding=transfer) == stub
    assert b"".join(compiled_type(layout, transfer).encode([value])) == stub
    read = layout.parse(stub, encoding=transfer)
    assert compiled_type(layout, transfer).decode(stub) == (read,)
    assert layout.build(read, encoding=transfer) == stub


@pytest.mark.parametrize(
    ("layout", "value", "little", "big"),
    [
        (UDLONG, 0x1122334455667788, "8877665544332211", "5566778811223344"),
        (UDLONGR, 0x1122334455667788, "4433221188776655", "1122334455667788"),
        (DLONG, -2, "feffffffffffffff", "fffffffeffffffff"),
        (NTTIME_1SEC, 30_000_000, "0300000000000000", "0000000000000003"),
        (IPV4, "192.0.2.1", "010200c0", "c0000201"),
        (IPV6, "2001:db8::1", "20010db8000000000000000000000001", "20010db8000000000000000000000001"),
    ],
)
def test_samba_integers_and_addresses(layout, value, little, big):
    for encoding, octets in ((Encoding.NDR, little), (Encoding.NDR_BIG, big)):
        assert layout.build(value, encoding=encoding).hex() == octets
        assert layout.parse(bytes.fromhex(octets), encoding=encoding) == value


@pytest.mark.parametrize(
    ("layout", "value"),
    [(UDLONG, -1), (UDLONG, 1 << 64), (DLONG, 1 << 63), (UDLONG, "x"), (IPV4, "1.2.3"), (IPV6, "x")],
)
def test_value_that_is_none_of_the_type_is_refused(layout, value):
    with pytest.raises(NdrError):
        layout.build(value)
    with pytest.raises(NdrError):
        compiled_type(layout).encode([value])


def test_words_refuse_what_they_cannot_be():
    for make in (
        lambda: Flagged(ULong, order="="),
        lambda: Flagged(ULong, align=3),
        lambda: Relative(ULong, width=8),
        lambda: Subcontext(ULong, 8),
    ):
        with pytest.raises(ValueError, match=r"order|offset|header"):
            make()


def test_encoding_under_flags_is_one_object_and_none_of_the_members():
    packed = Encoding.NDR64.under(pad=0)
    assert packed is Encoding.NDR64.under(pad=0)
    assert packed not in list(Encoding)
    assert (packed.packed, packed.wide, packed.order) == (True, True, "<")
    assert packed.under(pad=1) is Encoding.NDR64
    assert packed.under(order=">").wide is False
    assert Encoding.NDR64.under(order="<") is Encoding.NDR


def test_relative_base_counts_from_the_structure():
    inner = structure("Inner", "name" / Relative(Text(Char)))
    outer = structure("Outer", "id" / GUID, "inner" / Based(inner))
    value = outer.factory(UUID(int=0), inner.factory("x"))
    octets = bytes(16) + bytes.fromhex("040000007800")
    assert outer.build(value) == octets
    assert b"".join(compiled_type(outer).encode([value])) == octets
    assert outer.parse(octets) == value
    assert compiled_type(outer).decode(octets) == (value,)
