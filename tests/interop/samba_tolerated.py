"""Which interfaces are compared with Samba's stubs, and in what those are known to differ.

A tolerance names the calls and what becomes of them there, with the reason. One that nothing needs any more makes
`test_samba.py` fail. The stubs that these were found with are of Samba 4.17; a later one may put some of them right.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.interop.samba_calls import Comparison, Judged

DESCRIPTOR = bytes.fromhex(
    "01000480 14000000 24000000 00000000 34000000"  # revision, self-relative with a DACL; owner, group, no SACL, DACL
    "01020000 00000005 20000000 20020000"  # S-1-5-32-544
    "01020000 00000005 20000000 20020000"
    "02001c00 01000000 00001400 ff011f00 01010000 00000001 00000000"  # all rights for S-1-1-0
)
"""A security descriptor as Samba writes one: where it stands, Samba reads and writes what is inside."""
TOWER = bytes.fromhex(
    "0500 1300 0d 01d08c33 4422 f131 aaaa900038001003 0100 0200 0000"
    "1300 0d 045d888a eb1c c911 9fe808002b104860 0200 0200 0000"
    "0100 0b 0200 0000 0100 07 0200 0087 0100 09 0400 7f000001"
)
"""winreg by NDR over TCP, port 135 of 127.0.0.1: Samba reads and writes the floors."""

JUDGED = (
    Judged("winreg", "winreg", ending="\0"),
    Judged(
        "lsarpc",
        "lsa",
        {
            "LSAPR_SR_SECURITY_DESCRIPTOR.SecurityDescriptor": DESCRIPTOR,
            "LSAPR_OBJECT_ATTRIBUTES.ObjectName": None,
            "LSAPR_OBJECT_ATTRIBUTES.SecurityDescriptor": None,
        },
    ),
    Judged(
        "samr",
        "samr",
        {
            "SAMPR_SR_SECURITY_DESCRIPTOR.SecurityDescriptor": DESCRIPTOR,
            "SAMPR_LOGON_HOURS.UnitsPerWeek": 168,
        },
    ),
    Judged(
        "srvsvc",
        "srvsvc",
        {
            "SHARE_INFO_502_I.shi502_security_descriptor": DESCRIPTOR,
            "SHARE_INFO_503_I.shi503_security_descriptor": DESCRIPTOR,
            "SHARE_INFO_1501_I.shi1501_security_descriptor": DESCRIPTOR,
            "ADT_SECURITY_DESCRIPTOR.Buffer": DESCRIPTOR,
        },
    ),
    Judged("svcctl", "svcctl"),
    Judged(
        "wkssvc",
        "wkssvc",
        undefined={"NetrGetJoinableOUs2 out": "the stub takes [string] ***ous for an array of texts, and crashes"},
    ),
    Judged("epmapper", "epmapper", {"twr_t.tower_octet_string": TOWER}),
    Judged("mgmt", "mgmt"),
    Judged(
        "spoolss",
        "spoolss",
        {
            "SECURITY_CONTAINER.pSecurity": DESCRIPTOR,
            "DEVMODE_CONTAINER.pDevMode": None,
            "PRINTER_INFO_2.pDevMode": 0,
            "PRINTER_INFO_2.pSecurityDescriptor": 0,
            "PRINTER_INFO_2.Priority": 99,
            "PRINTER_INFO_2.DefaultPriority": 99,
            "JOB_INFO_1.Priority": 99,
            "NOTIFY_OPTIONS.Version": 2,
            "pPrinter": None,
            "cbPrinter": 0,
            "pJob": None,
            "cbJob": 0,
        },
        by_name=True,
    ),
)


@dataclass(frozen=True)
class Tolerance:
    """A known difference: of which calls (a pattern for interface, name, direction), how it shows, and why."""

    name: str
    calls: str
    outcome: str
    reason: str
    encodings: str = "NDR|NDR_BIG|NDR64"

    def explains(self, comparison: Comparison) -> bool:
        call = f"{comparison.interface} {comparison.operation} {comparison.side}"
        return (
            re.fullmatch(self.calls, call) is not None
            and re.fullmatch(self.outcome, comparison.outcome) is not None
            and re.fullmatch(self.encodings, comparison.encoding.name) is not None
        )


ANY = r"RuntimeError: .*"
"""Whatever way of not understanding the octets."""
SMALL = "NDR|NDR_BIG"
WIDE = "NDR64"
TRUST = "Lsar(Query|Set)(Info|Information)TrustedDomain|Lsar(Query|Set)TrustedDomainInfo.*|LsarCreateTrustedDomainEx2?"

TOLERATED = (
    Tolerance(
        "maximum length",
        "(lsarpc|samr) .*",
        r"wrote (\S*\.MaximumLength ?)+",
        "lsa_StringLarge computes MaximumLength, two more than Length, and does not keep what was read",
    ),
    Tolerance(
        "empty text of a buffer",
        "winreg BaseRegEnumKey .*",
        r"wrote (\S*\.(Buffer|Length) ?)+",
        "winreg_StringBuf computes Length and leaves out the terminator of an empty text",
    ),
    Tolerance(
        "size behind a null pointer",
        "winreg BaseReg(EnumValue|QueryValue) .*",
        r"RuntimeError: .*Invalid Pointer.*",
        "size_is(*size) of Samba 4.17 follows a null pointer, where [MS-RRP] has lpcbData ? *lpcbData : 0",
    ),
    Tolerance(
        "unique names of a hive",
        "winreg BaseRegLoadKey .*",
        ANY,
        "lpSubKey and lpFile are [unique] in Samba; [MS-RRP] has them [in], which makes them [ref]",
    ),
    Tolerance(
        "unknown level",
        "lsarpc Lsar(Query|Set)(InfoTrusted|Information|TrustedDomainInfo|Domain).*",
        r"RuntimeError: .*Bad Switch.*",
        "Samba has no arm for some levels of [MS-LSAD]",
    ),
    Tolerance(
        "32-bit role and state",
        "lsarpc Lsar(Query|Set)InformationPolicy2? .*|samr Samr(Set|Query)InformationDomain2? .*",
        r"RuntimeError: .*Buffer Size Error.*",
        "the enumerations of server roles and states are v1_enum in Samba; [MS-LSAD] and [MS-SAMR] have 16 bits",
        SMALL,
    ),
    Tolerance(
        "arms of an ms_union",
        "lsarpc LsarQueryInformationPolicy2? out|samr SamrQueryInformationUser2? out",
        r"wrote (Buffer\.(LmPasswordPresent|PasswordExpired) ?)+|RuntimeError: .*Unread Bytes.*",
        "pidl aligns an arm as its own type, [MS-LSAD] and [MS-SAMR] are ms_union: as the widest arm (MS-RPCE 2.2.4.5)",
        SMALL,
    ),
    Tolerance(
        "parameters of a user",
        "samr SamrSetInformationUser2? in",
        r"not seen: .*",
        "Samba shows Parameters as numbers and not as text",
    ),
    Tolerance(
        "limited preference",
        "lsarpc LsarEnumerateAccounts in",
        r"RuntimeError: .*Range Error.*",
        "Samba limits PreferedMaximumLength to 8192",
    ),
    Tolerance(
        "records of a forest",
        "lsarpc Lsar(Query|Set)ForestTrustInformation .*",
        r"RuntimeError: .*(Range|Buffer Size) Error.*",
        "Samba 4.17 takes records of type ForestTrustScannerInfo for binary data",
    ),
    Tolerance(
        "pointer-sized lengths",
        "lsarpc Lsar(SetSecret|QuerySecret|StorePrivateData|RetrievePrivateData) .*",
        ANY,
        "lsa_DATA_BUF has lengths of uint3264, where LSAPR_CR_CIPHER_VALUE of [MS-LSAD] has unsigned long",
        WIDE,
    ),
    Tolerance(
        "other members in NDR64",
        f"lsarpc (LsarOpenPolicy2?|LsarQueryDomainInformationPolicy|{TRUST}) .*",
        ANY,
        "uint16 for an enumeration, uint3264 for unsigned long, and structures in the place of plain members: the same"
        " octets in NDR and others in NDR64",
        WIDE,
    ),
    Tolerance(
        "levels of shares and servers",
        "srvsvc (NetrShare(Add|Enum|EnumSticky|GetInfo|SetInfo)|NetrServerSetInfo) .*",
        r"RuntimeError: .*Unread Bytes.*",
        "Samba has no arm for some levels of [MS-SRVS], and takes them for empty",
    ),
    Tolerance(
        "names of disks",
        "srvsvc NetrServerDiskEnum .*",
        ANY + r"|refused: DiskInfoStruct\.Buffer.*",
        "Samba writes the offset and the count of a disk's name as numbers of its own, counted in octets of UTF-8",
    ),
    Tolerance(
        "transport of level 0",
        "srvsvc NetrServerTransportAdd .*",
        ANY,
        "a union in Samba; [MS-SRVS] has the structure of level 0 alone",
    ),
    Tolerance(
        "pointer to a context handle",
        "srvsvc NetrShareDel(Start|Commit) .*",
        ANY,
        "the handle stands behind a unique pointer in Samba; a context handle has none",
    ),
    Tolerance(
        "narrow service calls",
        "svcctl R(ChangeServiceConfig2?|CreateService|EnumDependentServices|EnumServicesStatus(Ex)?|OpenSCManager"
        "|OpenService|QueryServiceConfig2?|QueryServiceLockStatus|StartService|GetService(DisplayName|KeyName))A .*",
        ANY + r"|refused: .*|wrote .*",
        "Samba copied the calls for char from those for wchar_t, with their UTF-16",
    ),
    Tolerance(
        "names of services",
        "svcctl R(ChangeServiceConfig|ChangeServiceConfig2|GetServiceDisplayName|GetServiceKeyName)W .*",
        ANY,
        "[unique] for [ref], texts for octets, and no information, where [MS-SCMR] has it",
    ),
    Tolerance(
        "null error parameter",
        "wkssvc NetrWkstaSetInfo .*",
        ANY,
        "ErrorParameter is [ref] in Samba; [MS-WKST] has it [unique]",
    ),
    Tolerance(
        "uses of level 2 and 3",
        "wkssvc NetrUse(Add|GetInfo) .*",
        ANY,
        "USE_INFO_2 and USE_INFO_3 have only two texts in Samba",
    ),
    Tolerance(
        "numbers of full pointers",
        "epmapper .*",
        r"numbered ",
        "Samba numbers full pointers 1, 2, ...; all ids but zero are as good (C706 14.3.12.2)",
    ),
    Tolerance(
        "towers in NDR64",
        "epmapper ept_(insert|delete|lookup|map|mgmt_delete) .*",
        ANY,
        "a tower is a subcontext with 32 bits of length in Samba; the maximum count of NDR64 has 64",
        WIDE,
    ),
    Tolerance(
        "object of an endpoint",
        "epmapper ept_inq_object .*",
        ANY,
        "a parameter that goes in, where C706 appendix O has one that comes out",
    ),
    Tolerance(
        "statistics",
        "mgmt rpc__mgmt_inq_stats .*",
        ANY,
        "one more number in the request, where C706 appendix Q has only the count",
    ),
)


def tolerance(comparison: Comparison) -> Tolerance | None:
    """What explains a comparison that does not agree."""
    return next((each for each in TOLERATED if each.explains(comparison)), None)
