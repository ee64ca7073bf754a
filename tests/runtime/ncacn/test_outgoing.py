"""Requests on their way: how they are cut."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import NDR, Context, pdu
from lrpc.runtime.ncacn.outgoing import Outgoing
from lrpc.runtime.ncacn.protection import Protection
from lrpc.runtime.ncacn.security import AuthLevel


@pytest.fixture
def outgoing(kit):
    def make(level: int | None = None, object=None, flags: int = 0) -> Outgoing:
        package = kit.Package(kit.NTLM, server=False)
        guard = Protection(package, level, 1, sign_header=True) if level else None
        template = pdu.Request(2, 0, 7, b"", object, flags=flags)
        return Outgoing(template, 2048, guard, Context(kit.INTERFACE, NDR), known=False)

    return make


@pytest.mark.parametrize(("level", "room"), [(None, 2024), (AuthLevel.PACKET, 2000), (AuthLevel.PRIVACY, 2000)])
def test_rule_30_fragments_are_as_full_as_their_trailer_leaves_room(kit, outgoing, level, room):
    fragments = kit.pdus(b"".join(outgoing(level).more([bytes(5000)], last=True)))
    assert [len(each.stub) for each in fragments[:2]] == [room, room]
    assert all(len(octets) <= 2048 for octets in outgoing(level).more([bytes(5000)], last=True))
    assert [each.flags for each in fragments] == [1, 0, 2]


def test_object_takes_its_room(kit, outgoing):
    fragments = kit.pdus(b"".join(outgoing(AuthLevel.PRIVACY, kit.OBJECT).more([bytes(5000)], last=True)))
    assert len(fragments[0].stub) == (2048 - 40 - 8 - 16) // 16 * 16
    assert all(each.object == kit.OBJECT for each in fragments)


@pytest.mark.parametrize("level", [None, AuthLevel.PACKET, AuthLevel.INTEGRITY])
def test_pieces_give_the_stub_of_the_whole(kit, outgoing, level):
    whole = kit.pdus(b"".join(outgoing(level).more([bytes(range(100)) * 60], last=True)))
    call = outgoing(level)
    pieces = [octets for _ in range(59) for octets in call.more([bytes(range(100))], last=False)]
    parts = kit.pdus(b"".join([*pieces, *call.more([bytes(range(100))], last=True)]))
    assert b"".join(each.stub for each in parts) == b"".join(each.stub for each in whole)


def test_flags_of_the_call_are_on_every_fragment(kit, outgoing):
    assert {each.flags & 0x40 for each in kit.pdus(b"".join(outgoing(flags=0x40).more([bytes(5000)], last=True)))} == {
        0x40
    }
