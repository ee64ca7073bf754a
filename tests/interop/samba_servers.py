"""`python -m tests.interop.samba_servers [WORDS]`: our client at Samba's services here, a line of JSON for each call.

WORDS of a binding, such as `ntlm seal`, are how it logs on, as the user that the environment names. {"call", "why"}:
why is empty for a call that gave what it should.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import lrpc
from lrpc.runtime.interfaces.lsarpc import LSAPR_OBJECT_ATTRIBUTES, lsarpcClient
from lrpc.runtime.interfaces.mgmt import mgmtClient
from lrpc.runtime.interfaces.samr import SAMPR_REVISION_INFO_V1, samrClient
from lrpc.runtime.interfaces.srvsvc import (
    SHARE_ENUM_STRUCT,
    SHARE_INFO_1_CONTAINER,
    AsyncsrvsvcClient,
    srvsvcClient,
)
from lrpc.runtime.interfaces.winreg import RPC_UNICODE_STRING, winregClient
from lrpc.runtime.interfaces.wkssvc import wkssvcClient
from lrpc.runtime.mapper.lookup import ept_lookup

HOST = "ncacn_ip_tcp:127.0.0.1"
WORDS = "".join(f",{word}" for word in sys.argv[1:])
THERE = f"{HOST}[{WORDS}]" if WORDS else HOST
"""Without an endpoint: the mapper of Samba says where."""
MAPPER = f"{HOST}[135{WORDS}]"
DENIED = "denied"
MAXIMUM_ALLOWED = 0x0200_0000
NO_LIMIT = 0xFFFF_FFFF


def interfaces() -> bool:
    """Does the mapper know what these calls are for?"""
    names = {entry.annotation for entry in ept_lookup(HOST)}
    return {"winreg", "srvsvc", "samr", "lsarpc", "wkssvc", "epmapper"} <= names


def management() -> tuple[int, int]:
    with lrpc.connect(mgmtClient, MAPPER) as client:
        return len(client.rpc__mgmt_inq_if_ids().if_id_vector.if_id), client.rpc__mgmt_is_server_listening().return_


def server() -> tuple[str, int]:
    with lrpc.connect(srvsvcClient, THERE) as client:
        found = client.NetrServerGetInfo("", 101)
        return found.sv101_name, found.sv101_platform_id


def asynchronous() -> str:
    async def call() -> str:
        async with lrpc.connect(AsyncsrvsvcClient, THERE) as client:
            return (await client.NetrServerGetInfo("", 101)).sv101_name

    return asyncio.run(call())


def shares() -> list[str]:
    with lrpc.connect(srvsvcClient, THERE) as client:
        wanted = SHARE_ENUM_STRUCT(1, SHARE_INFO_1_CONTAINER(None, EntriesRead=0))
        found = client.NetrShareEnum(None, wanted, NO_LIMIT, None)
        return [share.shi1_netname for share in found.InfoStruct.ShareInfo.Buffer]


def workstation() -> str:
    with lrpc.connect(wkssvcClient, THERE) as client:
        return client.NetrWkstaGetInfo("", 100).wki100_langroup


def registry() -> tuple[int, int]:
    """The version of the registry, and how many keys are below SOFTWARE."""
    with lrpc.connect(winregClient, THERE) as client:
        root = client.OpenLocalMachine(None, MAXIMUM_ALLOWED)
        software = client.BaseRegOpenKey(root, RPC_UNICODE_STRING("SOFTWARE\0"), 0, MAXIMUM_ALLOWED)
        keys = client.BaseRegQueryInfoKey(software, RPC_UNICODE_STRING("\0")).lpcSubKeys
        return client.BaseRegGetVersion(root), keys


def domains() -> list[str]:
    with lrpc.connect(samrClient, THERE) as client:
        opened = client.SamrConnect5("", MAXIMUM_ALLOWED, 1, SAMPR_REVISION_INFO_V1(3, 0)).ServerHandle
        found = client.SamrEnumerateDomainsInSamServer(opened, 0, NO_LIMIT)
        return [domain.Name.Buffer for domain in found.Buffer.Buffer]


def policy() -> str:
    with lrpc.connect(lsarpcClient, THERE) as client:
        try:
            client.LsarOpenPolicy2(None, LSAPR_OBJECT_ATTRIBUTES(24, None, None, 0, None, None), MAXIMUM_ALLOWED)
        except lrpc.AccessDenied:
            return "denied"
    return "opened"


def statistics() -> str:
    with lrpc.connect(mgmtClient, MAPPER) as client:
        try:
            client.rpc__mgmt_inq_stats(4)
        except lrpc.RefusedStubData:
            return "refused"
    return "given"


CALLS: list[tuple[Callable[[], Any], Any]] = [
    (interfaces, True),
    (management, (2, 1)),
    (server, ("SAMBA", 500)),
    (asynchronous, "SAMBA"),
    (shares, ["IPC$"]),
    (workstation, "DOMAIN"),
    (registry, (5, 3)),
    (domains, ["SAMBA", "Builtin"]),
    (policy, "denied"),
    (statistics, "refused"),
]


def checked() -> Iterator[dict[str, str]]:
    for call, expected in CALLS:
        try:
            found = call()
            why = "" if found == expected else f"{found!r:.200}, not {expected!r}"
        except lrpc.AccessDenied:
            why = DENIED
        except lrpc.RpcError as error:
            why = f"{type(error).__name__}: {error}"
        yield {"call": call.__name__, "why": why}


def main() -> int:
    """Every call, one after the other."""
    for one in checked():
        print(json.dumps(one), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
