"""impacket's client of DCOM and automation against our stubs: each side reads what the other writes."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime import stub as rpc
from lrpc.runtime.interfaces import dcom, oaut

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]

ORPCTHIS, ORPCTHAT = 32, 8
"""Octets in front of the parameters of a call of an object, and of its results, without extensions."""
ONE, TWO = UUID("00000131-0000-0000-c000-000000000046"), UUID("12345678-1234-5678-9abc-def012345678")


@pytest.fixture(scope="module")
def dcomrt() -> Any:
    return import_module("impacket.dcerpc.v5.dcomrt")


@pytest.fixture(scope="module")
def automation() -> Any:
    return import_module("impacket.dcerpc.v5.dcom.oaut")


def read(operation: rpc.Operation[Any], theirs: bytes) -> tuple[Any, ...]:
    """Their request as our codec reads it; ours of the same values must have the same octets."""
    given = operation.ndr.request.decode(theirs)
    ours = b"".join(operation.ndr.request.encode(given))
    assert operation.ndr.request.decode(ours) == given
    assert len(ours) == len(theirs)
    return given


def test_pings_are_read_as_they_were_meant(dcomrt: Any) -> None:
    ping = dcomrt.ComplexPing()
    ping["pSetId"], ping["SequenceNum"], ping["cAddToSet"], ping["cDelFromSet"] = 0x1122334455667788, 1, 2, 0
    for number in (7, 8):
        oid = dcomrt.OID()
        oid["Data"] = number
        ping["AddToSet"].append(oid)
    ping["DelFromSet"] = dcomrt.NULL
    operation = dcom.IObjectExporter.interface.by_opnum[2]
    assert read(operation, ping.getData()) == (0x1122334455667788, 1, 2, 0, [7, 8], None)
    answer = dcomrt.ComplexPingResponse(b"".join(operation.ndr.response.encode([5, 0, 0], [5, 1, 0, 0, None, None])))
    assert (answer["pSetId"], answer["pPingBackoffFactor"], answer["ErrorCode"]) == (5, 0, 0)


def test_bindings_of_an_exporter_arrive(dcomrt: Any) -> None:
    words = [*map(ord, "\x07host[135]\0"), 0, 0]
    bindings = dcom.DUALSTRINGARRAY(len(words) - 1, words)
    operation = dcom.IObjectExporter.interface.by_opnum[4]
    octets = b"".join(operation.ndr.response.encode([bindings, ONE, 1, dcom.COMVERSION(5, 7), 0], [1, 1, [7]]))
    answer = dcomrt.ResolveOxid2Response(octets)
    assert answer["ppdsaOxidBindings"]["aStringArray"] == words
    assert answer["pipidRemUnknown"] == ONE.bytes_le
    assert (answer["pComVersion"]["MajorVersion"], answer["pComVersion"]["MinorVersion"]) == (5, 7)


def test_query_for_an_interface_is_answered(dcomrt: Any) -> None:
    query = dcomrt.RemQueryInterface()
    query["ORPCthis"]["version"]["MajorVersion"], query["ORPCthis"]["version"]["MinorVersion"] = 5, 7
    query["ORPCthis"]["cid"] = TWO.bytes_le
    query["ORPCthis"]["extensions"] = dcomrt.NULL
    query["ripid"], query["cRefs"], query["cIids"] = TWO.bytes_le, 5, 1
    iid = dcomrt.IID()
    iid["Data"] = ONE.bytes_le
    query["iids"].append(iid)
    operation = dcom.IRemUnknown.interface.by_opnum[3]
    assert read(operation, query.getData()[ORPCTHIS:]) == (TWO, 5, 1, [ONE])
    found = dcom.REMQIRESULT(0, dcom.STDOBJREF(0, 5, 6, 7, TWO))
    octets = bytes(8) + b"".join(operation.ndr.response.encode([[found], 0], [TWO, 5, 1, [ONE]]))
    answer = dcomrt.RemQueryInterfaceResponse(octets)
    assert answer["ErrorCode"] == 0
    standard = answer["ppQIResults"]["std"]
    assert (standard["cPublicRefs"], standard["oxid"], standard["oid"]) == (5, 6, 7)
    assert standard["ipid"] == TWO.bytes_le


def test_request_to_activate_is_read(dcomrt: Any) -> None:
    request = dcomrt.RemoteCreateInstance()
    request["ORPCthis"]["version"]["MajorVersion"], request["ORPCthis"]["version"]["MinorVersion"] = 5, 7
    request["ORPCthis"]["cid"] = TWO.bytes_le
    request["ORPCthis"]["extensions"] = dcomrt.NULL
    request["pUnkOuter"] = dcomrt.NULL
    properties = dcomrt.MInterfacePointer()
    properties["abData"] = list(b"MEOW")
    properties["ulCntData"] = 4
    request["pActProperties"] = properties
    call, outer, given = read(dcom.IRemoteSCMActivator.interface.by_opnum[4], request.getData())
    assert call == dcom.ORPCTHIS(dcom.COMVERSION(5, 7), 0, 0, TWO, None)
    assert (outer, given.abData) == (None, b"MEOW")


def test_names_of_members_are_read(automation: Any) -> None:
    call = automation.IDispatch_GetIDsOfNames()
    call["ORPCthis"]["extensions"] = automation.NULL
    call["riid"] = bytes(16)
    for name in ("Item", "Count"):
        text = automation.LPOLESTR()
        text["Data"] = name + "\0"
        call["rgszNames"].append(text)
    call["cNames"], call["lcid"] = 2, 0x409
    operation = oaut.IDispatch.interface.by_opnum[5]
    assert read(operation, call.getData()[ORPCTHIS:]) == (UUID(int=0), ["Item", "Count"], 2, 0x409)


def test_arguments_of_a_call_by_name_are_read(automation: Any) -> None:
    call = automation.IDispatch_Invoke()
    call["ORPCthis"]["extensions"] = automation.NULL
    call["dispIdMember"], call["riid"], call["lcid"], call["dwFlags"] = 3, bytes(16), 0x409, oaut.DISPATCH_METHOD
    argument = automation.VARIANT()
    argument["clSize"], argument["vt"] = 5, automation.VARENUM.VT_BSTR
    argument["_varUnion"]["tag"] = automation.VARENUM.VT_BSTR
    argument["_varUnion"]["bstrVal"]["asData"] = "name"
    call["pDispParams"]["rgvarg"].append(argument)
    call["pDispParams"]["cArgs"], call["pDispParams"]["cNamedArgs"] = 1, 0
    call["pDispParams"]["rgdispidNamedArgs"] = automation.NULL
    call["cVarRef"], call["rgVarRefIdx"], call["rgVarRef"] = 0, [], []
    member, _, _, flags, parameters, *_ = read(oaut.IDispatch.interface.by_opnum[6], call.getData()[ORPCTHIS:])
    assert (member, flags, parameters.rgdispidNamedArgs) == (3, oaut.DISPATCH_METHOD, None)
    [found] = parameters.rgvarg
    assert (found.vt, found.value) == (oaut.VARENUM.VT_BSTR, "name")


@pytest.mark.parametrize(
    ("value", "vt", "arm", "read"),
    [
        ("name", "VT_BSTR", "bstrVal", "name"),
        (5, "VT_I4", "lVal", 5),
        (True, "VT_BOOL", "boolVal", 0xFFFF),
        (2.5, "VT_R8", "dblVal", 2.5),
        (1 << 40, "VT_I8", "llVal", 1 << 40),
    ],
)
def test_result_of_a_call_by_name_is_read_by_impacket(
    automation: Any, value: Any, vt: str, arm: str, read: Any
) -> None:
    invoke = oaut.IDispatch.interface.by_opnum[6]
    said = oaut.EXCEPINFO(0, 0, None, "what went wrong", None, 0, 0, 0, 0)
    asked = [3, UUID(int=0), 0, 1, oaut.DISPPARAMS(None, None), 0, [], []]
    octets = b"".join(invoke.ndr.response.encode([value, said, 0, [], 0], asked))
    answer = automation.IDispatch_InvokeResponse(bytes(ORPCTHAT) + octets)
    found = answer["pVarResult"]
    assert found["vt"] == getattr(automation.VARENUM, vt)
    assert (found["_varUnion"][arm]["asData"] if arm == "bstrVal" else found["_varUnion"][arm]) == read
    assert answer["pExcepInfo"]["bstrDescription"]["asData"] == "what went wrong"
