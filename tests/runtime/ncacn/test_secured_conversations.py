"""Two associations under a security context: whole conversations, and every way to cut or spoil them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.ncacn import (
    ConnectionFailed,
    ContextRequest,
    RequestBegun,
    RequestContinued,
    RequestReceived,
    ResponseReceived,
    bind_pdu,
)
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.security import AuthLevel, AuthType
from lrpc.runtime.ncacn.syntax import NDR

CUTS = st.lists(st.integers(0, 1 << 20), max_size=12)
KINDS = st.sampled_from([AuthType.NTLM, AuthType.SPNEGO, AuthType.KERBEROS])
LEVELS = st.sampled_from([AuthLevel.CONNECT, AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY])
CALLS = (RequestReceived, RequestBegun, RequestContinued)


@given(st.lists(st.binary(max_size=9000), min_size=1, max_size=5), CUTS, CUTS, st.sampled_from("<>"), KINDS, LEVELS)
@settings(deadline=None, max_examples=150)
def test_stubs_come_back_as_they_went_however_both_streams_are_cut(kit, stubs, there, back, order, kind, level):
    client, server = kit.secured_pair(kind, level, order=order)
    calls = {client.next_call_id(): stub for stub in stubs}
    asked = b"".join(b"".join(client.request(call_id, 0, 1, stub)) for call_id, stub in calls.items())
    events = [event for chunk in kit.split(asked, there) for event in server.receive_data(chunk)]
    assert [event.security.level for event in events] == [level] * len(stubs)
    answered = b"".join(b"".join(server.respond(event.call_id, 0, event.stub)) for event in events)
    told = [event for chunk in kit.split(answered, back) for event in client.receive_data(chunk)]
    padded = {call_id: stub + bytes(-len(stub) % 4) for call_id, stub in calls.items()}
    assert all(isinstance(event, ResponseReceived) for event in told)
    assert {event.call_id: event.stub for event in told} in (calls, {**calls, **first_padded(calls, padded)})
    assert not client.unanswered


def first_padded(calls, padded):
    """With header signing the first call alone has a verification trailer, and so padding in front of it."""
    first = next(iter(calls))
    return {first: padded[first]}


def auth_length_bit(order: str) -> int:
    """The one that makes an auth_length of 16 none."""
    return (10 if order == "<" else 11) * 8 + 4


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("level", [AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY])
@pytest.mark.parametrize("stub", [b"", b"1234567", bytes(40)], ids=len)
def test_call_of_which_any_bit_is_flipped_does_not_run_in_the_clients_name(kit, order, level, stub):
    client, _ = kit.secured_pair(level=level, order=order)
    octets = b"".join(client.request(5, 0, 1, stub))
    for at in range(len(octets) * 8):
        _, server = kit.secured_pair(level=level, order=order)
        spoiled = bytearray(octets)
        spoiled[at // 8] ^= 1 << at % 8
        calls = [event for event in server.receive_data(bytes(spoiled)) if isinstance(event, CALLS)]
        # One bit takes the trailer away: what is left is a call as anybody may make it.
        assert all(call.security is None for call in calls), at
        assert len(calls) == (auth_length_bit(order) == at)


@pytest.mark.parametrize("level", [AuthLevel.INTEGRITY, AuthLevel.PRIVACY])
def test_call_in_fragments_of_which_any_octet_is_changed_does_not_run(kit, level):
    client, _ = kit.secured_pair(level=level)
    octets = b"".join(client.request(5, 0, 1, bytes(6000)))
    for at in [*range(60), *range(5780, 5860), *range(len(octets) - 60, len(octets))]:
        _, server = kit.secured_pair(level=level)
        spoiled = bytearray(octets)
        spoiled[at] ^= 0x11
        assert not any(isinstance(event, CALLS) for event in server.receive_data(bytes(spoiled))), at


@pytest.mark.parametrize("level", [AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY])
def test_response_of_which_any_bit_is_flipped_is_not_told(kit, level):
    octets = None
    for at in range(8 * 64):
        client, server = kit.secured_pair(level=level)
        server.receive_data(b"".join(client.request(5, 0, 1, b"stub")))
        octets = bytearray(b"".join(server.respond(5, 0, b"answer")))
        octets[at // 8] ^= 1 << at % 8
        events = client.receive_data(bytes(octets))
        assert not any(isinstance(event, ResponseReceived) for event in events), at
    assert octets is not None
    assert len(octets) == 64


@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_spoiled_exchanges_of_tokens_are_events_or_the_end(kit, data):
    kind = data.draw(KINDS)
    package = kit.Package(kind, server=False)
    item = ContextRequest(0, kit.INTERFACE, [NDR])
    auth = AuthTrailer(kind, AuthLevel.INTEGRITY, package.step(b""), 1)
    stream = bytearray(bind_pdu.Bind(1, [item], 5840, 5840, auth=auth).serialize())
    last = AuthTrailer(kind, AuthLevel.INTEGRITY, b"token3 of %d:shared" % package.legs, 1)
    stream += bind_pdu.AlterContext(1, [item], 5840, 5840, auth=last).serialize()
    stream += bind_pdu.Auth3(1, auth=last).serialize()
    for _ in range(data.draw(st.integers(1, 5))):
        stream[data.draw(st.integers(0, len(stream) - 1))] = data.draw(st.integers(0, 255))
    events, _ = kit.listen(kit.new_server(authenticate=kit.acceptors()), kit.split(bytes(stream), data.draw(CUTS)))
    failures = [event for event in events if isinstance(event, ConnectionFailed)]
    assert len(failures) <= 1
    assert not failures or events[-1] is failures[0]


@given(st.binary(max_size=200), CUTS)
@settings(deadline=None, max_examples=200)
def test_any_octets_after_authentication_are_events_or_the_end(kit, octets, cuts):
    client, server = kit.secured_pair()
    client.request(5, 0, 1, b"")
    for chunk in kit.split(octets, cuts):
        kit.listen(server, [chunk])
        client.receive_data(chunk)
