"""Stubs of the dialect are called like others: a client and a server in one process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import lrpc
from tests.rpcgen.pidl.at_work import Pidl

BODY = """
    typedef [public] struct { uint32 a; uint16 b; uint16 c; uint8 d[2]; uint8 e[6]; } GUID;
    typedef [public] struct { uint32 handle_type; GUID uuid; } policy_handle;
    typedef [nopush, nopull] struct { uint8 a; } dom_sid;
    typedef [public, bitmap32bit] bitmap { READ = 1, WRITE = 2 } access;
    typedef struct {
        [value(strlen_m_term(text)*2)] uint16 octets;
        [string, charset(UTF16)] uint16 *text;
    } name;
    typedef [public, flag(NDR_LITTLE_ENDIAN)] struct { [relative] nstring *label; [relative] dom_sid *owner; } card;
    WERROR Open([in] name what, [in] access wanted, [out, ref] policy_handle *handle);
    WERROR Write([in, ref] policy_handle *handle, [in, subcontext(4)] card of, [out, ref] NTTIME *changed);
    [todo] WERROR Unknown();
    WERROR Read([in, ref] policy_handle *handle, [out, ref] dom_sid2 **owner, [in, out, ref] uint32 *count,
                [out, size_is(*count), length_is(*count)] uint8 *data);
    WERROR Close([in, out, ref] policy_handle *handle);
"""


class Opened:
    """What a handle stands for at the server."""

    def __init__(self, name: str, access: int) -> None:
        self.name, self.access = name, access
        self.card: Any = None


@pytest.fixture
def stub(pidl: Pidl) -> ModuleType:
    return pidl.load(BODY)


@pytest.fixture
def client(stub: ModuleType) -> Iterator[Any]:
    class Cards(stub.a):  # type: ignore[misc, name-defined]
        def Open(self, what: Any, wanted: int) -> Opened:
            return Opened(what.text, wanted)

        def Write(self, handle: Opened, of: Any) -> int:
            handle.card = of
            return 132_000_000_000_000_000

        def Read(self, handle: Opened, count: int) -> Any:
            sid = handle.card.owner
            owner = stub.dom_sid2(sid.sid_rev_num, sid.id_auth, sid.sub_auths)
            data = f"{handle.name}:{int(handle.access)}:{handle.card.label}".encode()[:count]
            return owner, len(data), data

        def Close(self, handle: Opened) -> None:
            return None

    binding = f"memory:[pidl-{uuid.uuid4()}]"
    with lrpc.Server() as server:
        server.register(Cards())
        server.listen(binding)
        server.start()
        with lrpc.connect(stub.aClient, binding) as found:
            yield found


def test_handles_offsets_sids_and_bitmaps_travel(stub: ModuleType, client: Any) -> None:
    handle = client.Open(stub.name("café"), stub.access.READ | stub.access.WRITE)
    sid = stub.dom_sid(1, bytes((0, 0, 0, 0, 0, 5)), [18])
    assert client.Write(handle, stub.card("shelf", sid)) == 132_000_000_000_000_000
    owner, count, data = client.Read(handle, 64)
    assert (owner.sub_auths, count, data) == ([18], 13, "café:3:shelf".encode())
    client.Close(handle)


def test_operation_that_nobody_knows_is_no_method(client: Any) -> None:
    assert not hasattr(client, "Unknown")
