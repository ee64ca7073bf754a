"""Octets of Samba: what python3-samba 4.17.12 (Debian) wrote with `ndr_pack` and `__ndr_pack_in__`, named at each.

The IDL here is written for the test: it describes the same structures in other words. Referent ids are those of both:
from 0x20000 in steps of 4.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.ndr.layout import Encoding, Layout
from tests.rpcgen.pidl.at_work import Pidl

SID = "010500000000000515000000010000000200000003000000f4010000"
DESCRIPTOR = (
    "0100048014000000300000000000000040000000010500000000000515000000010000000200000003000000f4010000"
    "01020000000000052000000020020000040040000200000000001400ff011f0001010000000000051200000000032400"
    "a900120001050000000000051500000001000000020000000300000001020000"
)
OPEN_KEY = (
    "00000000103a1b6d1c7a5e4b9f001122334455661c001c00000002000e000000000000000e00000053006f0066007400"
    "77006100720065005c00540065007300740000000000000019000200"
)
OPEN_KEY_64 = (
    "00000000103a1b6d1c7a5e4b9f00112233445566000000001c001c000000000000000200000000000e00000000000000"
    "00000000000000000e0000000000000053006f006600740077006100720065005c005400650073007400000000000000"
    "19000200"
)
OPEN_KEY_BIG = (
    "000000006d1b3a107a1c4b5e9f00112233445566001c001c000200000000000e000000000000000e0053006f00660074"
    "0077006100720065005c005400650073007400000000000000020019"
)
LOOKUP_SIDS = (
    "00000000103a1b6d1c7a5e4b9f0011223344556601000000000002000100000004000200050000000105000000000005"
    "15000000010000000200000003000000f401000000000000000000000100000000000000"
)
LOOKUP_SIDS_64 = (
    "00000000103a1b6d1c7a5e4b9f0011223344556600000000010000000000000000000200000000000100000000000000"
    "04000200000000000500000000000000010500000000000515000000010000000200000003000000f401000000000000"
    "000000000000000000000000000000000100000000000000"
)
STRING_LARGE = "0a000c00000002000600000000000000050000004c006100720067006500"
OPEN_DOMAIN = (
    "00000000103a1b6d1c7a5e4b9f001122334455660000000205000000010500000000000515000000010000000200000003000000f4010000"
)
OPEN_DOMAIN_64 = (
    "00000000103a1b6d1c7a5e4b9f0011223344556600000002050000000000000001050000000000051500000001000000"
    "0200000003000000f4010000"
)
KERBEROS_KEYS = (
    "030000000100000020002000380000000000000000000000030000000800000058000000000000000000000000000000"
    "00000000000000004500580041004d0050004c0045002e0043004f004d00610064006d0069006e000102030405060708"
)
HASHES = "31000101000000000000000000000000000102030405060708090a0b0c0d0e0f"
META_DATA = (
    "0100000000000000010000000000000009000000020000000004c81203000000103a1b6d1c7a5e4b9f00112233445566"
    "4d000000000000004e00000000000000"
)
NT_ACL = (
    "0100010000000200010014801c0000002c0000003c000000580000000102000000000005200000002002000001020000"
    "00000005200000002002000004001c000100000002401400010000000101000000000001000000000400080000000000"
)
PRINTER = "08000000100000001400000020000000640000005c005c0073005c007000000063000000"
OS_VERSION = (
    "140100000500000002000000ce0e00000200000053005000320000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000"
)
TOKEN = (
    "0200000002000000010500000000000515000000010000000200000003000000f4010000010100000000000100000000"
    "030000000000000005000000"
)
BIND = (
    "05000b03100000004800000001000000d016d016000000000100000000000100785734123412cdabef000123456789ab"
    "00000000045d888aeb1cc9119fe808002b10486002000000"
)

SECURITY = """
    typedef [public, nopush, nopull] struct { uint8 a; } dom_sid;
    typedef [public, enum8bit] enum { ALLOWED = 0, AUDIT = 2 } security_ace_type;
    typedef [public, bitmap8bit] bitmap { TO_FILES = 1, TO_FOLDERS = 2, SUCCESS = 64 } security_ace_flags;
    typedef [public, nopush, nopull] struct { uint8 a; } security_ace;
    typedef [public, bitmap16bit] bitmap { DACL = 4, SACL = 16, SELF_RELATIVE = 0x8000 } control;
    typedef [public] struct {
        uint16 revision;
        [value(ndr_size_acl(r, ndr->flags))] uint16 size;
        [range(0, 2000)] uint32 count;
        security_ace entries[count];
    } acl;
    typedef [public, flag(NDR_LITTLE_ENDIAN)] struct {
        uint8 revision;
        control flags;
        [relative] dom_sid *owner;
        [relative] dom_sid *group;
        [relative] acl *audit;
        [relative] acl *access;
    } descriptor;
"""
NT = bytes((0, 0, 0, 0, 0, 5))
RIDS = [21, 1, 2, 3, 500]
HANDLE = (0, UUID("6d1b3a10-7a1c-4b5e-9f00-112233445566"))
COMMON = f"""
    typedef [public] struct {{ uint32 handle_type; GUID uuid; }} policy_handle;
    typedef [public] struct {{ uint32 a; uint16 b; uint16 c; uint8 d[2]; uint8 e[6]; }} GUID;
    {SECURITY}
"""
ENCODINGS = {"": Encoding.NDR, "64": Encoding.NDR64, "big": Encoding.NDR_BIG}


def both(pidl: Pidl, layout: Layout, value: Any, octets: str) -> None:
    """The value gives the octets, and they give it back."""
    assert pidl.write(layout, value).hex() == octets
    again = pidl.read(layout, bytes.fromhex(octets))
    assert pidl.write(layout, again).hex() == octets


def test_sid_has_as_many_rids_as_it_says(pidl: Pidl) -> None:
    """ndr_pack(security.dom_sid("S-1-5-21-1-2-3-500"))."""
    stub = pidl.load(SECURITY)
    both(pidl, stub.__layouts__["dom_sid"], stub.dom_sid(1, NT, RIDS), SID)


def test_descriptor_points_with_offsets_and_computes_the_sizes_of_its_lists(pidl: Pidl) -> None:
    """ndr_pack(security.descriptor.from_sddl("O:S-1-5-21-1-2-3-500G:BAD:(A;;FA;;;SY)(A;OICI;...;;;...-513)"))."""
    stub = pidl.load(SECURITY)
    sid = stub.__layouts__["dom_sid"]

    def entry(flags: int, mask: int, *rids: int) -> Any:
        body = mask.to_bytes(4, "little") + pidl.write(sid, stub.dom_sid(1, NT, list(rids)))
        return stub.security_ace(stub.security_ace_type.ALLOWED, flags, body)

    entries = [entry(0, 0x1F01FF, 18), entry(3, 0x1200A9, 21, 1, 2, 3, 513)]
    owner, group = stub.dom_sid(1, NT, RIDS), stub.dom_sid(1, NT, [32, 544])
    value = stub.descriptor(1, stub.control.DACL | stub.control.SELF_RELATIVE, owner, group, None, stub.acl(4, entries))
    both(pidl, stub.__layouts__["descriptor"], value, DESCRIPTOR)


@pytest.mark.parametrize(("encoding", "octets"), [("", OPEN_KEY), ("64", OPEN_KEY_64), ("big", OPEN_KEY_BIG)])
def test_name_of_a_key_is_a_string_whose_two_sizes_are_computed(pidl: Pidl, encoding: str, octets: str) -> None:
    """winreg.OpenKey().__ndr_pack_in__(ndr64=..., bigendian=...)."""
    stub = pidl.load(
        COMMON
        + """
    typedef [public] struct {
        [value(strlen_m_term(text)*2)] uint16 octets;
        [value(strlen_m_term(text)*2)] uint16 room;
        [string, charset(UTF16)] uint16 *text;
    } name;
    WERROR Open([in, ref] policy_handle *parent, [in] name key, [in] uint32 options, [in] uint32 access,
                [out, ref] policy_handle *handle);
"""
    )
    values = {"parent": HANDLE, "key": stub.name("Software\\Test"), "options": 0, "access": 0x20019}
    assert pidl.request(stub, "Open", values, ENCODINGS[encoding]).hex() == octets


@pytest.mark.parametrize(("encoding", "octets"), [("", LOOKUP_SIDS), ("64", LOOKUP_SIDS_64)])
def test_dom_sid2_has_its_count_in_front(pidl: Pidl, encoding: str, octets: str) -> None:
    """lsa.LookupSids().__ndr_pack_in__(ndr64=...)."""
    stub = pidl.load(
        COMMON
        + """
    typedef struct { dom_sid2 *sid; } pointer_to_sid;
    typedef struct { [range(0, 1000)] uint32 count; [size_is(count)] pointer_to_sid *sids; } sid_list;
    typedef struct { [range(0, 1000)] uint32 count; [size_is(count)] uint32 *items; } list;
    NTSTATUS Look([in, ref] policy_handle *handle, [in, ref] sid_list *sids, [in, out, ref] list *names,
                  [in] uint16 level, [in, out, ref] uint32 *count);
"""
    )
    sids = stub.sid_list([stub.pointer_to_sid(stub.dom_sid2(1, NT, RIDS))])
    values = {"handle": HANDLE, "sids": sids, "names": stub.list_(None, count=0), "level": 1, "count": 0}
    assert pidl.request(stub, "Look", values, ENCODINGS[encoding]).hex() == octets


def test_text_with_room_for_a_nul_that_does_not_travel(pidl: Pidl) -> None:
    """ndr_pack(lsa.StringLarge())."""
    stub = pidl.load(
        """
    typedef [public] struct {
        [value(2*strlen_m(text))] uint16 octets;
        [value(2*strlen_m_term(text))] uint16 room;
        [charset(UTF16), size_is(room/2), length_is(octets/2)] uint16 *text;
    } large;
"""
    )
    both(pidl, stub.__layouts__["large"], stub.large("Large"), STRING_LARGE)


@pytest.mark.parametrize(("encoding", "octets"), [("", OPEN_DOMAIN), ("64", OPEN_DOMAIN_64)])
def test_sid_behind_a_reference_parameter(pidl: Pidl, encoding: str, octets: str) -> None:
    """samr.OpenDomain().__ndr_pack_in__(ndr64=...)."""
    stub = pidl.load(
        COMMON
        + """
    NTSTATUS OpenDomain([in, ref] policy_handle *server, [in] uint32 access, [in, ref] dom_sid2 *sid,
                        [out, ref] policy_handle *domain);
"""
    )
    values = {"server": HANDLE, "access": 0x2000000, "sid": stub.dom_sid2(1, NT, RIDS)}
    assert pidl.request(stub, "OpenDomain", values, ENCODINGS[encoding]).hex() == octets


def test_keys_stand_behind_offsets_in_contexts_of_a_stated_size(pidl: Pidl) -> None:
    """ndr_pack(drsblobs.package_PrimaryKerberosBlob()) with one key."""
    stub = pidl.load(
        """
    typedef struct {
        [value(2*strlen_m(text))] uint16 octets;
        [value(2*strlen_m(text))] uint16 room;
        [relative, subcontext(0), subcontext_size(room), flag(STR_NOTERM|NDR_REMAINING)] string *text;
    } salt_text;
    typedef struct {
        [value(0)] uint16 zero;
        [value(0)] uint16 nought;
        [value(0)] uint32 nothing;
        uint32 kind;
        [value((key ? key->length : 0))] uint32 octets;
        [relative, subcontext(0), subcontext_size(octets), flag(NDR_REMAINING)] DATA_BLOB *key;
    } old_key;
    typedef struct {
        uint16 count;
        uint16 old_count;
        salt_text salt;
        old_key keys[count];
        old_key old_keys[old_count];
        uint32 more[5];
    } keys3;
    typedef [nodiscriminant] union { [case(3)] keys3 three; } keys;
    typedef [public] struct { uint16 version; [value(0)] uint16 flags; [switch_is(version)] keys of; } stored;
"""
    )
    held = stub.keys3(stub.salt_text("EXAMPLE.COMadmin"), [stub.old_key(3, bytes(range(1, 9)))], [], [0] * 5)
    both(pidl, stub.__layouts__["stored"], stub.stored(3, held), KERBEROS_KEYS)


def test_array_has_no_count_but_that_of_another_field(pidl: Pidl) -> None:
    """ndr_pack(drsblobs.package_PrimaryWDigestBlob()) with one hash."""
    stub = pidl.load(
        """
    typedef [flag(NDR_PAHEX)] struct { uint8 octets[16]; } digest;
    typedef [public] struct {
        [value(0x31)] uint16 sign;
        [value(0x01)] uint8 version;
        uint8 count;
        [value(0)] uint32 zero;
        [value(0)] hyper nothing;
        digest digests[count];
    } digests;
"""
    )
    both(pidl, stub.__layouts__["digests"], stub.digests([stub.digest(bytes(range(16)))]), HASHES)


def test_time_in_seconds_is_given_in_the_ticks_of_an_nttime(pidl: Pidl) -> None:
    """ndr_pack(drsblobs.replPropertyMetaDataBlob()) with one entry."""
    stub = pidl.load(
        """
    typedef [public] struct { uint32 a; uint16 b; uint16 c; uint8 d[2]; uint8 e[6]; } GUID;
    typedef struct {
        uint32 attribute; uint32 version; NTTIME_1sec changed; GUID by; hyper there; hyper here;
    } change;
    typedef struct { uint32 count; uint32 reserved; change changes[count]; } changes;
    typedef [nodiscriminant] union { [case(1)] changes one; } any_changes;
    typedef [public] struct { uint32 version; uint32 reserved; [switch_is(version)] any_changes of; } meta_data;
"""
    )
    change = stub.change(9, 2, 132_000_000_000_000_000, HANDLE[1], 77, 78)
    both(pidl, stub.__layouts__["meta_data"], stub.meta_data(1, 0, stub.changes(0, [change])), META_DATA)


def test_union_writes_its_tag_and_points_to_a_descriptor(pidl: Pidl) -> None:
    """ndr_pack(xattr.NTACL()) of version 1: offsets count from the start of all, not of the descriptor."""
    stub = pidl.load(
        SECURITY
        + """
    typedef [switch_type(uint16)] union { [case(1)] descriptor *one; } versions;
    typedef [public] struct { uint16 version; [switch_is(version)] versions of; } nt_acl;
"""
    )
    admins = stub.dom_sid(1, NT, [32, 544])
    everyone = bytes((1, 0, 0, 0)) + pidl.write(
        stub.__layouts__["dom_sid"], stub.dom_sid(1, bytes((0, 0, 0, 0, 0, 1)), [0])
    )
    audit = stub.acl(4, [stub.security_ace(2, stub.security_ace_flags.SUCCESS, everyone)])
    flags = stub.control.DACL | stub.control.SACL | stub.control.SELF_RELATIVE
    value = stub.nt_acl(1, stub.descriptor(1, flags, admins, admins, audit, stub.acl(4, [])))
    both(pidl, stub.__layouts__["nt_acl"], value, NT_ACL)


def test_texts_stand_behind_offsets(pidl: Pidl) -> None:
    """ndr_pack(spoolss.PrinterInfo1())."""
    stub = pidl.load(
        """
    typedef [public, gensize] struct {
        uint32 flags;
        [relative] nstring *description;
        [relative] nstring *name;
        [relative] nstring *comment;
    } printer;
"""
    )
    both(pidl, stub.__layouts__["printer"], stub.printer(8, "d", "\\\\s\\p", "c"), PRINTER)


def test_structure_says_its_own_size_and_fills_a_context_with_zeros(pidl: Pidl) -> None:
    """ndr_pack(spoolss.OSVersion())."""
    stub = pidl.load(
        """
    typedef [public, gensize] struct {
        [value(ndr_size_os(r, ndr->flags))] uint32 size;
        uint32 major; uint32 minor; uint32 build;
        [value(2)] uint32 platform;
        [subcontext(0), subcontext_size(256)] nstring pack;
    } os;
"""
    )
    both(pidl, stub.__layouts__["os"], stub.os(5, 2, 3790, "SP2"), OS_VERSION)


def test_array_in_the_middle_has_its_count_where_it_stands(pidl: Pidl) -> None:
    """ndr_pack(security.token()) with two SIDs."""
    stub = pidl.load(
        SECURITY
        + """
    typedef [bitmap64bit] bitmap { CREATE = 1, ASSIGN = 2 } privileges;
    typedef [public] struct {
        uint32 count;
        [size_is(count)] dom_sid sids[*];
        privileges held;
        uint32 rights;
    } token;
"""
    )
    everyone = stub.dom_sid(1, bytes((0, 0, 0, 0, 0, 1)), [0])
    value = stub.token([stub.dom_sid(1, NT, RIDS), everyone], stub.privileges.CREATE | stub.privileges.ASSIGN, 5)
    both(pidl, stub.__layouts__["token"], value, TOKEN)


def test_packet_of_a_bind(pidl: Pidl) -> None:
    """ndr_pack(dcerpc.ncacn_packet()) with a dcerpc.bind()."""
    stub = pidl.load(
        """
    typedef [public] struct { uint32 a; uint16 b; uint16 c; uint8 d[2]; uint8 e[6]; } GUID;
    typedef struct { GUID uuid; uint32 version; } syntax;
    typedef struct { uint16 id; uint8 count; syntax offered; syntax transfer[count]; } context;
    typedef [public] struct {
        uint16 send; uint16 receive; uint32 group; uint8 count; context contexts[count];
        [flag(NDR_REMAINING)] DATA_BLOB rest;
    } bind_body;
    typedef [nodiscriminant] union { [case(11)] bind_body bind; } bodies;
    typedef [public] struct {
        uint8 major; uint8 minor; uint8 kind; uint8 flags; uint8 drep[4]; uint16 size; uint16 credentials; uint32 call;
        [switch_is(kind)] bodies body;
    } packet;
"""
    )
    offered = stub.syntax(UUID("12345778-1234-abcd-ef00-0123456789ab"), 0)
    transfer = stub.syntax(UUID("8a885d04-1ceb-11c9-9fe8-08002b104860"), 2)
    body = stub.bind_body(5840, 5840, 0, [stub.context(0, offered, [transfer])], b"")
    value = stub.packet(5, 0, 11, 3, bytes((16, 0, 0, 0)), 72, 0, 1, body)
    both(pidl, stub.__layouts__["packet"], value, BIND)


def test_ndr64_ends_at_a_context(pidl: Pidl) -> None:
    """netlogon.netr_AccountDeltas().__ndr_pack_out__(ndr64=True), from `buffer` to `count_returned`."""
    stub = pidl.load(
        """
    typedef struct { [flag(NDR_REMAINING)] DATA_BLOB rest; } buffer;
    void Deltas([in] uint32 a, [out, ref, subcontext(4)] buffer *found, [out, ref] uint32 *count);
"""
    )
    response = stub.__interfaces__[0].operations[0].response
    octets = response.build({"found": stub.buffer(b"o"), "count": 9}, encoding=Encoding.NDR64)
    assert octets.hex() == "01000000000000006f00000009000000"
    assert response.parse(octets, encoding=Encoding.NDR64)["found"].rest == b"o"
