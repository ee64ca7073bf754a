"""What the tests of ncalrpc share: the structures of the wire as literal octets.

The octets are derived by hand from the layouts that rpcrt4 uses; all integers are little-endian.
"""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest

from lrpc.runtime import ncalrpc
from lrpc.runtime.ncalrpc import SyntaxId

INTERFACE = SyntaxId(UUID("12345678-1234-5678-9abc-def012345678"), 1, 2)
OTHER = SyntaxId(UUID("12345678-1234-5678-9abc-def012345679"), 3, 0)
OBJECT = UUID("00112233-4455-6677-8899-aabbccddeeff")


def octets(text: str) -> bytes:
    """Octets written in hex, with comments after `#`."""
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


BIND = octets(
    """01 00 00 00  00 00 00 00       # Bind, padding
    00 00 00 00                       # RpcStatus
    78563412 3412 7856 9abcdef012345678 0100 0200  # the interface, version 1.2
    03 00 00 00                       # NDR 2.0 and NDR64 are offered
    00 00                             # the id for NDR
    01 00                             # the id for NDR64
    ff ff                             # no id for "fake NDR64"
    00 00                             # padding
    00 00 00 00                       # RegisterMultipleSyntax
    00 00 00 00  00 00 00 00          # UseFlowId, padding
    00 00 00 00 00 00 00 00           # FlowId
    00 00 00 00  00 00 00 00          # ContextId, padding"""
)
BOUND = octets(
    """01 00 00 00  00 00 00 00       # Bind, padding
    00 00 00 00                       # RpcStatus: granted
    78563412 3412 7856 9abcdef012345678 0100 0200  # the interface, version 1.2
    01 00 00 00                       # in NDR 2.0
    00 00  01 00  ff ff  00 00        # the ids as they were offered
    00 00 00 00
    00 00 00 00  00 00 00 00
    00 00 00 00 00 00 00 00
    00 00 00 00  00 00 00 00"""
)
REFUSED = octets(
    """01 00 00 00  00 00 00 00       # Bind, padding
    b5 06 00 00                       # RpcStatus: RPC_S_UNKNOWN_IF, 1717
    78563412 3412 7856 9abcdef012345678 0100 0200  # the interface, version 1.2
    00 00 00 00                       # no syntax
    00 00  01 00  ff ff  00 00        # the ids as they were offered
    00 00 00 00
    00 00 00 00  00 00 00 00
    00 00 00 00 00 00 00 00
    00 00 00 00  00 00 00 00"""
)
REQUEST = octets(
    """00 00 00 00  00 00 00 00       # Request, padding
    00 00 00 00                       # Flags
    01 00 00 00                       # CallId 1
    00 00 00 00                       # BindingId 0: the one for NDR
    05 00 00 00                       # ProcNum 5
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  # private to rpcrt4
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00  # ObjectUuid, not valid
    73 74 75 62                       # the stub"""
)
OBJECT_REQUEST = octets(
    """00 00 00 00  00 00 00 00       # Request, padding
    01 00 00 00                       # Flags: ObjectUuid
    01 00 00 00                       # CallId 1
    00 00 00 00                       # BindingId 0
    05 00 00 00                       # ProcNum 5
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    33221100 5544 7766 8899aabbccddeeff  # ObjectUuid
    73 74 75 62                       # the stub"""
)
LARGE_REQUEST = octets(
    """00 00 00 00  00 00 00 00       # Request, padding
    04 01 00 00                       # Flags: ViewPresent, ViewNotSecure
    01 00 00 00                       # CallId 1
    00 00 00 00                       # BindingId 0
    05 00 00 00                       # ProcNum 5
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
    80 38 01 00  00 00 00 00          # LargeDataSize 80000, padding; the stub is in the view"""
)
RESPONSE = octets(
    """03 00 00 00  00 00 00 00       # Response, padding
    00 00 00 00                       # Flags
    01 00 00 00                       # CallId 1
    00 00 00 00  00 00 00 00          # private to rpcrt4
    62 75 74 73                       # the stub"""
)
LARGE_RESPONSE = octets(
    """03 00 00 00  00 00 00 00       # Response, padding
    04 01 00 00                       # Flags: ViewPresent, ViewNotSecure
    01 00 00 00                       # CallId 1
    00 00 00 00  00 00 00 00
    80 38 01 00  00 00 00 00          # LargeDataSize 80000, padding"""
)
FAULT = octets(
    """02 00 00 00  00 00 00 00       # Fault, padding
    f7 06 00 00                       # RpcStatus: RPC_X_BAD_STUB_DATA
    02 00 00 00                       # Flags: did not execute, which is lrpc's own"""
)
CANCEL = octets("04 00 00 00 00 00 00 00")
GOLDEN = {
    "BIND": BIND,
    "BOUND": BOUND,
    "REFUSED": REFUSED,
    "REQUEST": REQUEST,
    "OBJECT_REQUEST": OBJECT_REQUEST,
    "LARGE_REQUEST": LARGE_REQUEST,
    "RESPONSE": RESPONSE,
    "LARGE_RESPONSE": LARGE_RESPONSE,
    "FAULT": FAULT,
    "CANCEL": CANCEL,
}


def bound_pair(
    *interfaces: SyntaxId, **options: int
) -> tuple[ncalrpc.ClientAssociation, ncalrpc.ServerAssociation, list[int]]:
    """A client and a server joined by nothing but this, and the binding id of each interface."""
    client, server = ncalrpc.ClientAssociation(), ncalrpc.ServerAssociation(**options)
    ids: list[int] = []
    for interface in interfaces or (INTERFACE,):
        event = server.receive(client.bind(interface))
        assert isinstance(event, ncalrpc.BindRequested)
        bound = client.receive(server.accept(event))
        assert isinstance(bound, ncalrpc.Bound)
        assert not bound.status
        ids.append(bound.binding_id)
    return client, server, ids


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The octets and functions above."""
    return SimpleNamespace(
        INTERFACE=INTERFACE, OTHER=OTHER, OBJECT=OBJECT, bound_pair=bound_pair, octets=octets, **GOLDEN
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden" in metafunc.fixturenames:
        metafunc.parametrize("golden", list(GOLDEN.values()), ids=[name.lower() for name in GOLDEN])
