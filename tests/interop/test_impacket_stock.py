"""impacket's clients of Windows' services against our stubs: each side reads what the other writes, as it was meant.

For most there is no connection: what impacket's helpers take for one ends in our codecs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import stub as rpc
from lrpc.runtime.interfaces import lsarpc, samr, srvsvc, svcctl, winreg, wkssvc

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]

HANDLE = b"\0\0\0\0" + bytes(range(16))
OPEN = (0, UUID(bytes_le=HANDLE[4:]))
"""The same, as our codecs have it."""
MAXIMUM_ALLOWED = 0x0200_0000
NO_LIMIT = 0xFFFF_FFFF
ERROR_NOT_SUPPORTED = 50


class Peer:
    """A server of one interface that answers each call with the next of `answers`."""

    def __init__(self, interface: rpc.Interface, *answers: tuple[Any, ...]) -> None:
        self.interface = interface
        self.answers = list(answers)
        self.asked: list[tuple[Any, ...]] = []

    def request(self, request: Any, *_: Any, **__: Any) -> Any:
        """A call: what impacket's connections do, without a wire."""
        operation = self.interface.by_opnum[request.opnum]
        name = type(request).__name__
        assert operation.name == name
        theirs = request.getData()
        given = operation.ndr.request.decode(theirs)
        ours = b"".join(operation.ndr.request.encode(given))
        assert len(ours) == len(theirs)
        assert operation.ndr.request.decode(type(request)(ours).getData()) == given
        self.asked.append(given)
        return self._answer(operation, given, getattr(sys.modules[type(request).__module__], f"{name}Response"))

    def _answer(self, operation: rpc.Operation[Any], given: tuple[Any, ...], reader: Any) -> Any:
        outs = self.answers.pop(0)
        answer = reader(b"".join(operation.ndr.response.encode(outs, given)))
        again = operation.ndr.response.encode(operation.ndr.response.decode(answer.getData(), given), given)
        assert b"".join(again) == b"".join(operation.ndr.response.encode(outs, given))
        return answer


class Case(NamedTuple):
    """A call by impacket: what our stub reads of it, what it answers, and what impacket reads of that."""

    interface: rpc.Interface
    call: Callable[[Any, Any], Any]
    """Takes impacket's module and the connection."""
    module: str
    asked: tuple[Any, ...]
    answer: tuple[Any, ...]
    read: Callable[[Any], Any]
    seen: Any


def built(name: str, **fields: Any) -> Callable[[Any, Any], Any]:
    """A call whose helper fills in what no name is."""

    def call(module: Any, peer: Any) -> Any:
        request = getattr(module, name)()
        for field, value in fields.items():
            request[field] = value
        return peer.request(request)

    return call


def registry_key(module: Any) -> Any:
    key = module.RPC_HKEY()
    key["context_handle_attributes"], key["context_handle_uuid"] = 0, HANDLE[4:]
    return key


def user_enum(module: Any, peer: Any) -> Any:
    request = module.NetrWkstaUserEnum()
    request["ServerName"] = module.NULL
    request["UserInfo"]["Level"] = 1
    request["UserInfo"]["WkstaUserInfo"]["tag"] = 1
    request["PreferredMaximumLength"] = NO_LIMIT
    return peer.request(request)


def sid(module: Any, *authorities: int) -> Any:
    """S-1-5 and on."""
    authority = module.RPC_SID_IDENTIFIER_AUTHORITY(b"\0\0\0\0\0\5")
    return module.RPC_SID(1, authority, list(authorities), SubAuthorityCount=len(authorities))


def text(module: Any, value: str) -> Any:
    return module.RPC_UNICODE_STRING(value, Length=2 * len(value), MaximumLength=2 * len(value))


STATUS = svcctl.SERVICE_STATUS(0x10, 4, 1, 0, 0, 0, 0)
DOMAIN = lsarpc.LSAPR_POLICY_DNS_DOMAIN_INFO(
    text(lsarpc, "DOMAIN"),
    text(lsarpc, "domain.example"),
    text(lsarpc, "example"),
    UUID(int=7),
    sid(lsarpc, 21, 1, 2, 3),
)
FOUND = lsarpc.LSAPR_REFERENCED_DOMAIN_LIST(
    [lsarpc.LSAPR_TRUST_INFORMATION(text(lsarpc, "BUILTIN"), sid(lsarpc, 32))], 32, Entries=1
)
SHARES = srvsvc.SHARE_INFO_1_CONTAINER(
    [srvsvc.SHARE_INFO_1("C$", 0x8000_0000, "Default share"), srvsvc.SHARE_INFO_1("data", 0, None)], EntriesRead=2
)
NOTHING = srvsvc.SHARE_INFO_1_CONTAINER(None, EntriesRead=0)
MORNING = srvsvc.TIME_OF_DAY_INFO(1_700_000_000, 5, 8, 30, 15, 50, -60, 310, 14, 11, 2023, 2)
USERS = samr.SAMPR_ENUMERATION_BUFFER(
    [
        samr.SAMPR_RID_ENUMERATION(500, text(samr, "Administrator")),
        samr.SAMPR_RID_ENUMERATION(501, text(samr, "Guest")),
    ],
    EntriesRead=2,
)
LOGGED_ON = wkssvc.WKSTA_USER_INFO_1_CONTAINER(
    [wkssvc.WKSTA_USER_INFO_1("alice", "DOMAIN", None, "DC1")], EntriesRead=1
)
NOBODY = wkssvc.WKSTA_USER_INFO_1_CONTAINER([], EntriesRead=0)

CASES = {
    "svcctl opens the manager": Case(
        svcctl.svcctl.interface,
        lambda scmr, peer: scmr.hROpenSCManagerW(peer),
        "scmr",
        ("DUMMY", "ServicesActive", 0x3F),
        (OPEN, 0),
        lambda answer: answer["lpScHandle"],
        HANDLE,
    ),
    "svcctl creates a service": Case(
        svcctl.svcctl.interface,
        lambda scmr, peer: scmr.hRCreateServiceW(
            peer, HANDLE, "svc\0", "Service\0", lpBinaryPathName="c:\\svc\0", lpDependencies=b"a\0\0\0", dwDependSize=4
        ),
        "scmr",
        (
            *(OPEN, "svc", "Service", 0xF01FF, 0x10, 2, 0, "c:\\svc", None, None),
            *(b"a\0\0\0", 4, None, None, 0),
        ),
        (None, OPEN, 0),
        lambda answer: answer["lpServiceHandle"],
        HANDLE,
    ),
    "svcctl starts a service": Case(
        svcctl.svcctl.interface,
        lambda scmr, peer: scmr.hRStartServiceW(peer, HANDLE, 2, ["svc", "-x"]),
        "scmr",
        (OPEN, 2, [svcctl.STRING_PTRSW("svc"), svcctl.STRING_PTRSW("-x")]),
        (0,),
        lambda answer: answer["ErrorCode"],
        0,
    ),
    "svcctl asks for a state": Case(
        svcctl.svcctl.interface,
        lambda scmr, peer: scmr.hRQueryServiceStatus(peer, HANDLE),
        "scmr",
        (OPEN,),
        (STATUS, 0),
        lambda answer: answer["lpServiceStatus"]["dwCurrentState"],
        4,
    ),
    "wkssvc asks for facts": Case(
        wkssvc.wkssvc.interface,
        built("NetrWkstaGetInfo", ServerName="host\0", Level=100),
        "wkst",
        ("host", 100),
        (wkssvc.WKSTA_INFO_100(500, "HOST", "DOMAIN", 10, 0), 0),
        lambda answer: answer["WkstaInfo"]["WkstaInfo100"]["wki100_langroup"],
        "DOMAIN\0",
    ),
    "wkssvc lists users": Case(
        wkssvc.wkssvc.interface,
        user_enum,
        "wkst",
        (None, wkssvc.WKSTA_USER_ENUM_STRUCT(1, NOBODY), NO_LIMIT, 0),
        (wkssvc.WKSTA_USER_ENUM_STRUCT(1, LOGGED_ON), 1, None, 0),
        lambda answer: answer["UserInfo"]["WkstaUserInfo"]["Level1"]["Buffer"][0]["wkui1_username"],
        "alice\0",
    ),
    "srvsvc lists shares": Case(
        srvsvc.srvsvc.interface,
        lambda srvs, peer: srvs.hNetrShareEnum(peer, 1),
        "srvs",
        ("", srvsvc.SHARE_ENUM_STRUCT(1, NOTHING), NO_LIMIT, 0),
        (srvsvc.SHARE_ENUM_STRUCT(1, SHARES), 2, 0, 0),
        lambda answer: [share["shi1_netname"] for share in answer["InfoStruct"]["ShareInfo"]["Level1"]["Buffer"]],
        ["C$\0", "data\0"],
    ),
    "srvsvc lists sessions": Case(
        srvsvc.srvsvc.interface,
        lambda srvs, peer: srvs.hNetrSessionEnum(peer, "\\\\c\0", "u\0", 10),
        "srvs",
        (
            *(None, "\\\\c", "u"),
            srvsvc.SESSION_ENUM_STRUCT(10, srvsvc.SESSION_INFO_10_CONTAINER(None, EntriesRead=0)),
            *(NO_LIMIT, 0),
        ),
        (
            srvsvc.SESSION_ENUM_STRUCT(
                10,
                srvsvc.SESSION_INFO_10_CONTAINER([srvsvc.SESSION_INFO_10("\\\\c", "u", 60, 5)], EntriesRead=1),
            ),
            *(1, None, 0),
        ),
        lambda answer: answer["InfoStruct"]["SessionInfo"]["Level10"]["Buffer"][0]["sesi10_time"],
        60,
    ),
    "srvsvc tells the time": Case(
        srvsvc.srvsvc.interface,
        lambda srvs, peer: srvs.hNetrRemoteTOD(peer),
        "srvs",
        (None,),
        (MORNING, 0),
        lambda answer: (answer["BufferPtr"]["tod_hours"], answer["BufferPtr"]["tod_mins"]),
        (8, 30),
    ),
    "lsarpc opens the policy": Case(
        lsarpc.lsarpc.interface,
        lambda lsad, peer: lsad.hLsarOpenPolicy2(peer),
        "lsad",
        (None, lsarpc.LSAPR_OBJECT_ATTRIBUTES(0, None, None, 0, None, None), MAXIMUM_ALLOWED),
        (OPEN, 0),
        lambda answer: answer["PolicyHandle"],
        HANDLE,
    ),
    "lsarpc asks for the domain": Case(
        lsarpc.lsarpc.interface,
        lambda lsad, peer: lsad.hLsarQueryInformationPolicy2(
            peer, HANDLE, lsad.POLICY_INFORMATION_CLASS.PolicyDnsDomainInformation
        ),
        "lsad",
        (OPEN, lsarpc.POLICY_INFORMATION_CLASS.PolicyDnsDomainInformation),
        (DOMAIN, 0),
        lambda answer: [
            answer["PolicyInformation"]["PolicyDnsDomainInfo"]["DnsDomainName"],
            answer["PolicyInformation"]["PolicyDnsDomainInfo"]["Sid"].formatCanonical(),
        ],
        ["domain.example", "S-1-5-21-1-2-3"],
    ),
    "lsarpc looks SIDs up": Case(
        lsarpc.lsarpc.interface,
        lambda lsat, peer: lsat.hLsarLookupSids(peer, HANDLE, ["S-1-5-32-544"]),
        "lsat",
        (
            OPEN,
            lsarpc.LSAPR_SID_ENUM_BUFFER([lsarpc.LSAPR_SID_INFORMATION(sid(lsarpc, 32, 544))], Entries=1),
            lsarpc.LSAPR_TRANSLATED_NAMES(None, Entries=0),
            *(lsarpc.LSAP_LOOKUP_LEVEL.LsapLookupWksta, 0),
        ),
        (
            FOUND,
            lsarpc.LSAPR_TRANSLATED_NAMES(
                [lsarpc.LSAPR_TRANSLATED_NAME(lsarpc.SID_NAME_USE.SidTypeAlias, text(lsarpc, "Administrators"), 0)],
                Entries=1,
            ),
            *(1, 0),
        ),
        lambda answer: (
            answer["ReferencedDomains"]["Domains"][0]["Name"],
            answer["TranslatedNames"]["Names"][0]["Name"],
        ),
        ("BUILTIN", "Administrators"),
    ),
    "lsarpc looks names up": Case(
        lsarpc.lsarpc.interface,
        lambda lsat, peer: lsat.hLsarLookupNames3(peer, HANDLE, ["Administrators"]),
        "lsat",
        (
            *(OPEN, 1, [text(lsarpc, "Administrators")], lsarpc.LSAPR_TRANSLATED_SIDS_EX2(None, Entries=0)),
            *(lsarpc.LSAP_LOOKUP_LEVEL.LsapLookupWksta, 0, 0, 1),
        ),
        (
            FOUND,
            lsarpc.LSAPR_TRANSLATED_SIDS_EX2(
                [lsarpc.LSAPR_TRANSLATED_SID_EX2(lsarpc.SID_NAME_USE.SidTypeAlias, sid(lsarpc, 32, 544), 0, 0)],
                Entries=1,
            ),
            *(1, 0),
        ),
        lambda answer: answer["TranslatedSids"]["Sids"][0]["Sid"].formatCanonical(),
        "S-1-5-32-544",
    ),
    "lsarpc gives an account rights": Case(
        lsarpc.lsarpc.interface,
        lambda lsad, peer: lsad.hLsarAddAccountRights(peer, HANDLE, "S-1-5-32-544", ["SeBackupPrivilege"]),
        "lsad",
        (
            *(OPEN, sid(lsarpc, 32, 544)),
            lsarpc.LSAPR_USER_RIGHT_SET([text(lsarpc, "SeBackupPrivilege")], Entries=1),
        ),
        (0,),
        lambda answer: answer["ErrorCode"],
        0,
    ),
    "samr opens the server": Case(
        samr.samr.interface,
        lambda module, peer: module.hSamrConnect5(peer),
        "samr",
        ("", MAXIMUM_ALLOWED, 1, samr.SAMPR_REVISION_INFO_V1(3, 0)),
        (1, samr.SAMPR_REVISION_INFO_V1(3, 0), OPEN, 0),
        lambda answer: (answer["ServerHandle"], answer["OutRevisionInfo"]["V1"]["Revision"]),
        (HANDLE, 3),
    ),
    "samr looks a domain up": Case(
        samr.samr.interface,
        lambda module, peer: module.hSamrLookupDomainInSamServer(peer, HANDLE, "DOMAIN"),
        "samr",
        (OPEN, text(samr, "DOMAIN")),
        (sid(samr, 21, 1, 2, 3), 0),
        lambda answer: answer["DomainId"].formatCanonical(),
        "S-1-5-21-1-2-3",
    ),
    "samr asks what passwords must be like": Case(
        samr.samr.interface,
        lambda module, peer: module.hSamrQueryInformationDomain2(
            peer, HANDLE, module.DOMAIN_INFORMATION_CLASS.DomainPasswordInformation
        ),
        "samr",
        (OPEN, samr.DOMAIN_INFORMATION_CLASS.DomainPasswordInformation),
        (
            samr.DOMAIN_PASSWORD_INFORMATION(
                *(7, 24, 1), samr.OLD_LARGE_INTEGER(0x9B3F_0000, -0x7A), samr.OLD_LARGE_INTEGER(0, 0)
            ),
            0,
        ),
        lambda answer: answer["Buffer"]["Password"]["PasswordHistoryLength"],
        24,
    ),
    "samr asks for a user": Case(
        samr.samr.interface,
        lambda module, peer: module.hSamrQueryInformationUser2(
            peer, HANDLE, module.USER_INFORMATION_CLASS.UserGeneralInformation
        ),
        "samr",
        (OPEN, samr.USER_INFORMATION_CLASS.UserGeneralInformation),
        (
            samr.SAMPR_USER_GENERAL_INFORMATION(
                *(text(samr, "alice"), text(samr, "Alice"), 513, text(samr, "a remark"), text(samr, "another"))
            ),
            0,
        ),
        lambda answer: (answer["Buffer"]["General"]["FullName"], answer["Buffer"]["General"]["PrimaryGroupId"]),
        ("Alice", 513),
    ),
    "samr lists users": Case(
        samr.samr.interface,
        lambda module, peer: module.hSamrEnumerateUsersInDomain(peer, HANDLE),
        "samr",
        (OPEN, 0, 0x10, NO_LIMIT),
        (2, USERS, 2, 0),
        lambda answer: [(user["RelativeId"], user["Name"]) for user in answer["Buffer"]["Buffer"]],
        [(500, "Administrator"), (501, "Guest")],
    ),
    "samr looks names up": Case(
        samr.samr.interface,
        lambda module, peer: module.hSamrLookupNamesInDomain(peer, HANDLE, ["Administrator", "Guest"]),
        "samr",
        (OPEN, 2, [text(samr, "Administrator"), text(samr, "Guest")]),
        (samr.SAMPR_ULONG_ARRAY([500, 501], Count=2), samr.SAMPR_ULONG_ARRAY([1, 1], Count=2), 0),
        lambda answer: [number["Data"] for number in answer["RelativeIds"]["Element"]],
        [500, 501],
    ),
    "winreg sets a value": Case(
        winreg.winreg.interface,
        lambda rrp, peer: rrp.hBaseRegSetValue(peer, registry_key(rrp), "name\0", rrp.REG_SZ, "text\0"),
        "rrp",
        (
            OPEN,
            winreg.RPC_UNICODE_STRING("name\0", Length=10, MaximumLength=10),
            *(1, "text\0".encode("utf-16-le"), 10),
        ),
        (0,),
        lambda answer: answer["ErrorCode"],
        0,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_impacket_and_we_read_what_the_other_writes(case: Case) -> None:
    peer = Peer(case.interface, case.answer)
    answer = case.call(import_module(f"impacket.dcerpc.v5.{case.module}"), peer)
    assert peer.asked == [case.asked]
    assert case.read(answer) == case.seen


MODULES = {
    lsarpc.lsarpc.interface: ("lsad", "lsat"),
    samr.samr.interface: ("samr",),
    srvsvc.srvsvc.interface: ("srvs",),
    svcctl.svcctl.interface: ("scmr",),
    winreg.winreg.interface: ("rrp",),
    wkssvc.wkssvc.interface: ("wkst",),
}


@pytest.mark.parametrize("interface", MODULES, ids=lambda interface: interface.name)
def test_operations_have_the_numbers_that_impacket_knows(interface: rpc.Interface) -> None:
    modules = [import_module(f"impacket.dcerpc.v5.{name}") for name in MODULES[interface]]
    known = {number: call.__name__ for module in modules for number, (call, _) in module.OPNUMS.items()}
    assert len(known) >= 20
    assert {number: interface.by_opnum[number].name for number in known} == known


def refuse(*_: Any, **__: Any) -> Any:
    raise lrpc.StatusError(ERROR_NOT_SUPPORTED)


def list_shares(*_: Any) -> srvsvc.NetrShareEnumResult:
    return srvsvc.NetrShareEnumResult(srvsvc.SHARE_ENUM_STRUCT(1, SHARES), 2, None)


@pytest.fixture
def shares() -> Iterator[Any]:
    """An impacket connection to a server service that can list its shares and no more."""
    from impacket.dcerpc.v5 import srvs, transport

    methods = {operation.method: refuse for operation in srvsvc.srvsvc.interface.operations}
    service = type("Shares", (srvsvc.srvsvc,), {**methods, "NetrShareEnum": list_shares})
    with lrpc.Server() as server:
        server.register(service())
        address = server.listen("ncacn_ip_tcp:127.0.0.1[0]")
        server.start()
        connection = transport.DCERPCTransportFactory(str(address)).get_dce_rpc()
        connection.connect()
        connection.bind(srvs.MSRPC_UUID_SRVS)
        yield connection
        connection.disconnect()


def test_impacket_lists_the_shares_of_our_server(shares: Any) -> None:
    from impacket.dcerpc.v5 import srvs

    answer = srvs.hNetrShareEnum(shares, 1)
    listed = answer["InfoStruct"]["ShareInfo"]["Level1"]["Buffer"]
    assert [share["shi1_netname"] for share in listed] == ["C$\0", "data\0"]
    assert listed[0]["shi1_remark"] == "Default share\0"


def test_impacket_gets_the_status_of_what_our_server_refuses(shares: Any) -> None:
    from impacket.dcerpc.v5 import srvs

    with pytest.raises(srvs.DCERPCSessionError) as caught:
        srvs.hNetrRemoteTOD(shares)
    assert caught.value.get_error_code() == ERROR_NOT_SUPPORTED


def test_impacket_is_told_that_a_reserved_number_is_out_of_range(shares: Any) -> None:
    from impacket.dcerpc.v5.rpcrt import DCERPCException

    shares.call(3, b"")
    with pytest.raises(DCERPCException, match="nca_s_op_rng_error"):
        shares.recv()
    shares.call(28, b"\0\0\0\0")
    assert shares.recv()[-4:] == ERROR_NOT_SUPPORTED.to_bytes(4, "little")
