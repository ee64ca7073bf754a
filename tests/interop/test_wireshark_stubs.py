"""Wireshark's dissectors as judges of stubs: requests and responses of the interfaces that it knows, in both orders.

The values are those that Samba's stubs are asked about (`samba_calls.py`). NDR64 is left out: most dissectors of
Wireshark 4.0 take a stub of NDR64 for one of NDR.
"""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from lrpc.runtime.ncacn.bind_pdu import Bind, BindAck, ContextRequest, ContextResult
from lrpc.runtime.ncacn.pdu import Request, Response
from lrpc.runtime.ncacn.syntax import NDR, SyntaxId
from lrpc.runtime.ndr.layout import Encoding
from tests.interop.samba_calls import Judged, drawn
from tests.interop.samba_tolerated import JUDGED
from tests.interop.test_wireshark import dump

pytestmark = pytest.mark.interop

KNOWN = [judged for judged in JUDGED if not judged.by_name]
VALUES = 2
"""Of each call."""
FIELDS = ("dcerpc.cn_call_id", "dcerpc.pkt_type", "_ws.expert.message")
INCOMPLETE: dict[str, set[str]] = {
    "winreg": {"BaseRegGetKeySecurity", "BaseRegLoadKey", "BaseRegSaveKey", "BaseRegSetKeySecurity"},
    "lsarpc": {
        "LsarCreateTrustedDomainEx",
        "LsarCreateTrustedDomainEx2",
        "LsarDeleteObject",
        "LsarGetSystemAccessAccount",
        "LsarQueryDomainInformationPolicy",
        "LsarQueryInfoTrustedDomain",
        "LsarQuerySecret",
        "LsarRetrievePrivateData",
        "LsarSetForestTrustInformation",
        "LsarSetInformationPolicy",
        "LsarSetInformationTrustedDomain",
        "LsarSetSecurityObject",
        "LsarSetSystemAccessAccount",
        "LsarSetTrustedDomainInfo",
        "LsarSetTrustedDomainInfoByName",
        "LsarStorePrivateData",
    },
    "samr": {"SamrLookupIdsInDomain", "SamrSetInformationUser2", "SamrValidatePassword"},
    "srvsvc": {
        "NetprNameCanonicalize",
        "NetprPathCanonicalize",
        "NetrDfsCreateExitPoint",
        "NetrDfsCreateLocalPartition",
        "NetrDfsDeleteExitPoint",
        "NetrDfsDeleteLocalPartition",
        "NetrDfsFixLocalVolume",
        "NetrDfsGetVersion",
        "NetrDfsManagerReportSiteInfo",
        "NetrDfsModifyPrefix",
        "NetrDfsSetLocalVolumeState",
        "NetrServerDiskEnum",
        "NetrServerStatisticsGet",
        "NetrServerTransportAdd",
        "NetrServerTransportDelEx",
        "NetrShareDelCommit",
        "NetrShareDelStart",
        "NetrShareEnumSticky",
        "NetrShareGetInfo",
        "NetrpGetFileSecurity",
        "NetrpSetFileSecurity",
    },
    "svcctl": {"RCreateServiceW"},
    "wkssvc": {"NetrGetJoinableOUs2", "NetrUseGetInfo", "NetrWkstaSetInfo"},
}
"""Calls that a dissector knows less of than Samba, or takes for another's of the same number."""


def conversation(judged: Judged, encoding: Encoding) -> tuple[list[tuple[str, bytes]], dict[str, str]]:
    """The PDUs, and the operations by the number of the call."""
    interface, order = judged.interface(), ">" if encoding is Encoding.NDR_BIG else "<"
    syntax = SyntaxId(interface.uuid, *interface.version)
    passed = [
        ("O", Bind(1, [ContextRequest(0, syntax, [NDR])], 5840, 5840).serialize()),
        ("I", BindAck(1, [ContextResult(0, 0, NDR)], 5840, 5840, 7, "135").serialize()),
    ]
    names: dict[str, str] = {}
    for operation in interface.operations:
        for number in range(VALUES):
            found, call = drawn(judged, operation, "out", number), len(names) + 2
            names[str(call)] = operation.name
            asked, answered = bytes.fromhex(found.asked(encoding)), found.built(found.value, encoding)
            passed.append(("O", Request(call, 0, operation.opnum, asked, order=order).serialize()))
            passed.append(("I", Response(call, 0, answered, order=order).serialize()))
    return passed, names


def dissected(passed: list[tuple[str, bytes]], folder: Path) -> list[list[str]]:
    """The FIELDS of each request and response."""
    capture = folder / "stubs.pcap"
    text = "\n".join(f"{way}\n{dump(octets)}" for way, octets in passed)
    framing = ["text2pcap", "-q", "-D", "-T", "40000,40001", "-", str(capture)]
    subprocess.run(framing, input=text, text=True, check=True, capture_output=True)
    command = ["tshark", "-n", "-r", str(capture), "-d", "tcp.port==40001,dcerpc", "-T", "fields"]
    command += [word for name in FIELDS for word in ("-e", name)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [(line.split("\t") + [""] * len(FIELDS))[: len(FIELDS)] for line in lines]
    return [row for row in rows if row[1] in ("0", "2")]


@functools.cache
def complaints(judged: Judged, encoding: Encoding) -> tuple[int, frozenset[str]]:
    """How many stubs were dissected, and the operations of those that Wireshark calls malformed, or too long."""
    passed, names = conversation(judged, encoding)
    with TemporaryDirectory() as folder:
        rows = dissected(passed, Path(folder))
    return len(rows), frozenset(names[row[0]] for row in rows if row[2])


@pytest.mark.parametrize("encoding", [Encoding.NDR, Encoding.NDR_BIG], ids=lambda encoding: encoding.name)
@pytest.mark.parametrize("judged", KNOWN, ids=lambda judged: judged.name)
def test_wireshark_dissects_the_stubs_of_an_interface(judged, encoding):
    count, found = complaints(judged, encoding)
    assert count == 2 * VALUES * len(judged.interface().operations)
    assert found == INCOMPLETE.get(judged.name, set())


def test_damaged_stub_is_noticed(tmp_path):
    passed, _ = conversation(next(judged for judged in KNOWN if judged.name == "svcctl"), Encoding.NDR)
    way, request = passed[2 + 4 * 16]
    shorter = request[:8] + (len(request) - 8).to_bytes(2, "little") + request[10:-8]
    [row] = dissected([*passed[:2], (way, shorter)], tmp_path)
    assert row[2]
