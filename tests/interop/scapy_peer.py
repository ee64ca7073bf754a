"""scapy's client and server of rpcecho, each a program of its own; scapy is asked for what it does, no more.

    scapy_peer.py client PORT SYNTAX ORDER SECURITY LEVEL DOMAIN USER PASSWORD
    scapy_peer.py server PORT SYNTAX SECURITY LEVEL DOMAIN USER PASSWORD

SYNTAX is ndr or ndr64, ORDER little or big, SECURITY none, ntlm or spnego, LEVEL the number of an authentication level.
The client says a line of JSON for each call, {"call", "why"}, where nothing is wrong if `why` is empty. The server says
"listening" and serves until its standard input ends.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Any

from scapy.layers.dcerpc import (
    DceRpc5Fault,
    DCERPC_Transport,
    DceRpcOp,
    NDRConfStrLenField,
    NDRConfVarStrNullFieldUtf16,
    NDRFullPointerField,
    NDRIntField,
    NDRPacket,
    find_dcerpc_interface,
    register_dcerpc_interface,
)
from scapy.layers.msrpce.rpcclient import DCERPC_Client
from scapy.layers.msrpce.rpcserver import DCERPC_Server
from scapy.layers.ntlm import NTLMSSP, MD4le
from scapy.layers.spnego import SPNEGOSSP

ALL = 1 << 30
"""Octets: a response does not say how many, and they are its last."""
SIZES = (1, 3, 4000, 5841, 20_000)
MAX_REQUEST = 4000
"""Octets that go in one fragment: without security scapy sends zeros where a request takes more."""
TEXTS = ("x", "input string")
"""Of ASCII, little-endian: scapy counts the octets of UTF-8, and has no texts of the other byte order."""


class AddOne_Request(NDRPacket):
    fields_desc = [NDRIntField("in_data", 0)]  # noqa: RUF012


class AddOne_Response(NDRPacket):
    fields_desc = [NDRIntField("out_data", 0)]  # noqa: RUF012


class EchoData_Request(NDRPacket):
    fields_desc = [  # noqa: RUF012
        NDRIntField("len", None, size_of="in_data"),
        NDRConfStrLenField("in_data", b"", size_is=lambda packet: packet.len),
    ]


class EchoData_Response(NDRPacket):
    fields_desc = [NDRConfStrLenField("out_data", b"", size_is=lambda packet: ALL)]  # noqa: RUF012


class TestCall_Request(NDRPacket):
    fields_desc = [NDRConfVarStrNullFieldUtf16("s1", "")]  # noqa: RUF012


class TestCall_Response(NDRPacket):
    fields_desc = [NDRFullPointerField(NDRConfVarStrNullFieldUtf16("s2", ""))]  # noqa: RUF012


class SourceData_Request(NDRPacket):
    fields_desc = [NDRIntField("len", 0)]  # noqa: RUF012


class SourceData_Response(NDRPacket):
    fields_desc = [NDRConfStrLenField("data", b"", size_is=lambda packet: ALL)]  # noqa: RUF012


register_dcerpc_interface(
    name="rpcecho",
    uuid=uuid.UUID("60a15ec5-4de8-11d7-a637-005056a20182"),
    version="1.0",
    opnums={
        0: DceRpcOp(AddOne_Request, AddOne_Response),
        1: DceRpcOp(EchoData_Request, EchoData_Response),
        3: DceRpcOp(SourceData_Request, SourceData_Response),
        4: DceRpcOp(TestCall_Request, TestCall_Response),
    },
)


class Echo(DCERPC_Server):
    """rpcecho, as far as it goes."""

    @DCERPC_Server.answer(AddOne_Request)
    def add_one(self, request: Any) -> Any:
        return AddOne_Response(out_data=(request[AddOne_Request].in_data + 1) & 0xFFFF_FFFF, ndr64=self.ndr64)

    @DCERPC_Server.answer(EchoData_Request)
    def echo_data(self, request: Any) -> Any:
        return EchoData_Response(out_data=request[EchoData_Request].valueof("in_data"), ndr64=self.ndr64)

    @DCERPC_Server.answer(SourceData_Request)
    def source_data(self, request: Any) -> Any:
        return SourceData_Response(data=counting(request[SourceData_Request].len), ndr64=self.ndr64)

    @DCERPC_Server.answer(TestCall_Request)
    def test_call(self, request: Any) -> Any:
        return TestCall_Response(s2=request[TestCall_Request].valueof("s1"), ndr64=self.ndr64)


def counting(size: int) -> bytes:
    return bytes(place & 0xFF for place in range(size))


def calls(order: str, *, secure: bool) -> Iterator[tuple[str, Any, str, Any]]:
    """Name, request, member of the response, and what it should be."""
    for number in (0, 41, 0xFFFF_FFFF):
        yield f"AddOne {number}", AddOne_Request(in_data=number), "out_data", (number + 1) & 0xFFFF_FFFF
    for size in SIZES:
        if size <= MAX_REQUEST or secure:
            yield f"EchoData {size}", EchoData_Request(in_data=counting(size)), "out_data", counting(size)
        yield f"SourceData {size}", SourceData_Request(len=size), "data", counting(size)
    for text in TEXTS if order == "little" else ():
        yield f"TestCall {text!r}", TestCall_Request(s1=text), "s2", text.encode()


def package(security: str, **options: Any) -> Any:
    """scapy's security package, or none."""
    if security == "none":
        return None
    ntlm = NTLMSSP(**options)
    return SPNEGOSSP([ntlm]) if security == "spnego" else ntlm


def ask(port: str, syntax: str, order: str, security: str, level: str, domain: str, user: str, password: str) -> None:
    ssp = package(security, UPN=f"{user}@{domain}", PASSWORD=password)
    client = DCERPC_Client(
        DCERPC_Transport.NCACN_IP_TCP,
        ndr64=syntax == "ndr64",
        ndrendian=order,
        verb=False,
        **({"ssp": ssp, "auth_level": int(level)} if ssp else {}),
    )
    client.connect("127.0.0.1", int(port))
    if not client.bind(find_dcerpc_interface("rpcecho")):
        raise SystemExit("not bound")
    for name, request, member, expected in calls(order, secure=ssp is not None):
        request.ndrendian = order
        answer = client.sr1_req(request)
        found = f"{answer.status:#x}" if DceRpc5Fault in answer else answer.valueof(member)
        why = "" if found == expected else f"{found!r:.80}, not {expected!r:.80}"
        print(json.dumps({"call": name, "why": why}), flush=True)
    client.close()


def serve(port: str, syntax: str, security: str, level: str, domain: str, user: str, password: str) -> None:
    ssp = package(security, IDENTITIES={user: MD4le(password)}, DOMAIN_NB_NAME=domain)
    options = {"ssp": ssp, "min_auth_level": int(level)} if ssp else {}
    Echo.spawn(
        DCERPC_Transport.NCACN_IP_TCP,
        iface="lo",
        port=int(port),
        bg=True,
        verb=False,
        ndr64=syntax == "ndr64",
        **options,
    )
    print("listening", flush=True)
    sys.stdin.read()
    os._exit(0)  # from under the thread that accepts


if __name__ == "__main__":
    {"client": ask, "server": serve}[sys.argv[1]](*sys.argv[2:])
