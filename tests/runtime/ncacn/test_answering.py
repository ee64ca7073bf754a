"""Answers of a server under protection."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import ResponsePart, StateError, pdu
from lrpc.runtime.ncacn.security import AuthLevel, SecurityError

LEVELS = pytest.mark.parametrize("level", [AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY])


@LEVELS
@pytest.mark.parametrize("size", [0, 1, 4, 12, 16, 5800, 20_000])
def test_response_is_protected_as_its_call_was(kit, level, size):
    client, server = kit.secured_pair(level=level)
    server.receive_data(b"".join(client.request(5, 0, 7, b"12345678")))
    fragments = server.respond(5, 0, bytes(size))
    for octets in fragments:
        response = pdu.parse_pdu(octets)
        assert (response.auth.level, response.auth.context_id) == (level, 1)
        assert (len(response.stub) + response.auth.pad_length) % 16 == 0
        assert len(octets) <= 5840
    assert pdu.parse_pdu(fragments[0]).alloc_hint == size
    (event,) = client.receive_data(b"".join(fragments))
    assert event.stub == bytes(size)


@LEVELS
def test_response_part_by_part_is_protected_as_its_call_was(kit, level):
    client, server = kit.secured_pair(level=level)
    client.begin(5, 0, 7)
    server.receive_data(b"".join(client.more(5, [b"12345678"], last=True)))
    told = []
    for number in range(5):
        for octets in server.respond_part(5, 0, [bytes([number]) * 3001], last=number == 4):
            told += client.receive_data(octets)
    assert all(isinstance(event, ResponsePart) for event in told)
    assert b"".join(event.stub for event in told) == b"".join(bytes([number]) * 3001 for number in range(5))


def test_fault_bears_no_signature_as_windows_has_it(kit):
    client, server = kit.secured_pair()
    server.receive_data(b"".join(client.request(5, 0, 7, b"12345678")))
    assert pdu.parse_pdu(server.fault(5, 0, 5)).auth is None


def test_answer_that_nobody_waits_for_is_not_signed(kit):
    client, server = kit.secured_pair()
    for call_id in (5, 6):
        server.receive_data(b"".join(client.request(call_id, 0, 7, b"12345678")))
    server.receive_data(client.orphan(5))
    assert server.respond(5, 0, b"late") == []
    (event,) = client.receive_data(b"".join(server.respond(6, 0, b"answer")))
    assert event.stub == b"answer"


def test_package_that_fails_is_told_as_the_own_sides_fault(kit):
    def fail(level, head, stub, tail, sign_header):
        raise SecurityError("the session has ended")

    client, server = kit.secured_pair()
    (event,) = server.receive_data(b"".join(client.request(5, 0, 7, b"12345678")))
    event.security.context.protect = fail
    with pytest.raises(StateError, match="the session has ended"):
        server.respond(5, 0, b"answer")
