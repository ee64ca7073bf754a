"""Two associations joined without a network, whole conversations, and every way to cut or spoil them."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lrpc.runtime.ncacn
from lrpc.runtime.ncacn import (
    NDR,
    BindRequested,
    ClientAssociation,
    ConnectionFailed,
    ContextRequest,
    Limits,
    RequestReceived,
    ResponseReceived,
    pdu,
)

CUTS = st.lists(st.integers(0, 1 << 20), max_size=12)

CONVERSATION = """
# client: bind of one interface in NDR, multiplexed
> 05 00 0b 13 10 00 00 00 48 00 00 00 01 00 00 00
> d0 16 d0 16 00 00 00 00 01 00 00 00
> 00 00 01 00 78 56 34 12 34 12 78 56 9a bc de f0 12 34 56 78 01 00 00 00
> 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 00 00
# server: accepted, group 0x1234, at port 135
< 05 00 0c 13 10 00 00 00 3c 00 00 00 01 00 00 00
< d0 16 d0 16 34 12 00 00 04 00 31 33 35 00 00 00 01 00 00 00
< 00 00 00 00 04 5d 88 8a eb 1c c9 11 9f e8 08 00 2b 10 48 60 02 00 00 00
# client: call 2, operation 0, two longs
> 05 00 00 03 10 00 00 00 20 00 00 00 02 00 00 00 08 00 00 00 00 00 00 00
> 02 00 00 00 03 00 00 00
# server: their sum
< 05 00 02 03 10 00 00 00 1c 00 00 00 02 00 00 00 04 00 00 00 00 00 00 00
< 05 00 00 00
# client: call 3, operation 9
> 05 00 00 03 10 00 00 00 18 00 00 00 03 00 00 00 00 00 00 00 00 00 09 00
# server: there is no such operation; it did not execute
< 05 00 03 23 10 00 00 00 20 00 00 00 03 00 00 00 20 00 00 00 00 00 00 00
< 02 00 01 1c 00 00 00 00
"""


def side(kit, mark: str) -> bytes:
    lines = [line for line in CONVERSATION.splitlines() if line.startswith(mark)]
    return kit.octets("\n".join(line[1:] for line in lines))


def serve(kit, server, chunk: bytes) -> bytes:
    """What a small server answers: operation 0 adds two longs, operation 1 echoes, others do not exist."""
    sent = b""
    events = server.receive_data(chunk)
    while events:
        for event in events:
            sent += server.data_to_send() + answer(kit, server, event)
        events = server.receive_data(b"")
    return sent + server.data_to_send()


def answer(kit, server, event) -> bytes:
    if isinstance(event, BindRequested):
        return server.accept(event, lrpc.runtime.ncacn.negotiate(event.contexts, kit.offers))
    if not isinstance(event, RequestReceived):
        return b""
    if event.opnum == 0:
        numbers = (int.from_bytes(event.stub[at : at + 4], "little") for at in (0, 4))
        return b"".join(server.respond(event.call_id, event.context_id, sum(numbers).to_bytes(4, "little")))
    if event.opnum == 1:
        return b"".join(server.respond(event.call_id, event.context_id, event.stub))
    return server.fault(event.call_id, event.context_id, 0x1C010002, did_not_execute=True)


# The golden conversation


def test_server_speaks_the_golden_conversation(kit):
    assert serve(kit, kit.new_server(), side(kit, ">")).hex(" ") == side(kit, "<").hex(" ")


def test_client_speaks_the_golden_conversation(kit):
    client, answers = ClientAssociation(), side(kit, "<")
    sent = client.bind([ContextRequest(0, kit.INTERFACE, [NDR])])
    client.receive_data(answers[:60])
    sent += b"".join(client.request(client.next_call_id(), 0, 0, bytes.fromhex("02000000 03000000")))
    assert client.receive_data(answers[60:88]) == [ResponseReceived(2, bytes.fromhex("05000000"), "<")]
    sent += b"".join(client.request(client.next_call_id(), 0, 9, b""))
    (fault,) = client.receive_data(answers[88:])
    assert (fault.status, fault.did_not_execute) == (0x1C010002, True)
    assert sent.hex(" ") == side(kit, ">").hex(" ")


def test_golden_conversation_is_the_same_cut_in_two_anywhere(kit):
    asked, answered = side(kit, ">"), side(kit, "<")
    for cut in range(len(asked) + 1):
        server = kit.new_server()
        assert serve(kit, server, asked[:cut]) + serve(kit, server, asked[cut:]) == answered


def test_golden_conversation_that_ends_early_waits_and_holds_only_what_came(kit):
    asked = side(kit, ">")
    for end in range(len(asked)):
        server = kit.new_server()
        answered = serve(kit, server, asked[:end])
        assert side(kit, "<").startswith(answered)
        assert not server.closed
        assert len(server._inbox.octets) < 72


# Chunks


def stream_of(kit, seed: int) -> bytes:
    """A client's side of a conversation with everything in it, and perhaps a mistake at the end."""
    dice = random.Random(seed)
    parts = [kit.bind_octets(flags=0x13)]
    for call_id in range(2, 2 + dice.randrange(8)):
        order, size = dice.choice("<>"), dice.choice((0, 4, 100, 5000, 5816))
        fields = {"context_id": dice.choice((0, 0, 0, 5)), "opnum": call_id, "order": order}
        fields["object"] = dice.choice((None, kit.OBJECT)) if size < 5800 else None
        for flags in dice.choice(((3,), (1, 2), (1, 0, 0, 2))):
            parts.append(pdu.Request(call_id=call_id, stub=dice.randbytes(size), flags=flags, **fields).serialize())
            parts.append(dice.choice((b"", pdu.CoCancel(call_id - 1).serialize(), pdu.OrphanedCall(2).serialize())))
        if dice.random() < 0.2:
            item = ContextRequest(call_id, kit.OTHER, [NDR])
            parts.append(lrpc.runtime.ncacn.bind_pdu.AlterContext(call_id + 100, [item], 0, 0).serialize())
    parts.append(
        dice.choice((b"", b"GET / HTTP/1.0\r\n\r\n", parts[0], pdu.Request(9, 0, 0, b"", flags=0).serialize()))
    )
    return b"".join(parts)


@given(st.integers(0, 10_000), CUTS)
@settings(deadline=None, max_examples=150)
def test_server_tells_and_sends_the_same_however_the_stream_is_cut(kit, seed, cuts):
    stream = stream_of(kit, seed)
    assert kit.listen(kit.new_server(), kit.split(stream, cuts)) == kit.listen(kit.new_server(), [stream])


@pytest.mark.parametrize("seed", range(12))
def test_server_tells_and_sends_the_same_octet_by_octet(kit, seed):
    stream = stream_of(kit, seed)
    octets = [stream[at : at + 1] for at in range(len(stream))]
    assert kit.listen(kit.new_server(), octets) == kit.listen(kit.new_server(), [stream])


@given(st.lists(st.binary(max_size=9000), min_size=1, max_size=6), CUTS, CUTS, st.sampled_from("<>"))
@settings(deadline=None, max_examples=100)
def test_stubs_come_back_as_they_went_however_both_streams_are_cut(kit, stubs, there, back, order):
    client, server = kit.bound_pair(ClientAssociation(order=order))
    calls = {client.next_call_id(): stub for stub in stubs}
    asked = b"".join(b"".join(client.request(call_id, 0, 1, stub)) for call_id, stub in calls.items())
    answered = b"".join(serve(kit, server, chunk) for chunk in kit.split(asked, there))
    events = [event for chunk in kit.split(answered, back) for event in client.receive_data(chunk)]
    assert {event.call_id: event.stub for event in events} == calls
    assert not client.unanswered


@pytest.mark.parametrize("size", [0, 1, 7, 8, 5815, 5816, 5817, 11632, 11633, 1_000_000])
def test_stub_of_any_size_comes_back(kit, size):
    client, server = kit.bound_pair()
    stub = random.Random(size).randbytes(size)
    (event,) = client.receive_data(serve(kit, server, b"".join(client.request(9, 0, 1, stub))))
    assert event == ResponseReceived(9, stub, "<")


@pytest.mark.parametrize("xmit", [2048, 2055, 4280])
def test_small_fragments_are_agreed_and_held_to_by_both(kit, xmit):
    client, server = kit.bound_pair(ClientAssociation(max_fragment=xmit))
    asked = client.request(9, 0, 1, bytes(20_000))
    answered = serve(kit, server, b"".join(asked))
    assert max(len(octets) for octets in asked) <= xmit
    assert max(len(answer.stub) for answer in kit.pdus(answered)) + 24 <= xmit
    (event,) = client.receive_data(answered)
    assert event.stub == bytes(20_000)


# Spoiled octets


@given(st.binary(max_size=300), CUTS)
@example(b"\x05\x00\x0b\x03\x10\x00\x00\x00\xff\xff\x00\x00", [])
@settings(deadline=None, max_examples=200)
def test_any_octets_are_events_or_the_end_and_never_an_exception(kit, octets, cuts):
    for chunk in kit.split(octets, cuts):
        kit.listen(kit.new_server(), [chunk])
    kit.listen(kit.bound_server(), kit.split(octets, cuts))
    client, _ = kit.bound_pair()
    client.request(2, 0, 0, b"")
    for chunk in kit.split(octets, cuts):
        client.receive_data(chunk)


@given(data=st.data(), seed=st.integers(0, 200))
@settings(deadline=None, max_examples=300)
def test_spoiled_conversations_are_events_or_the_end(kit, data, seed):
    spoiled = bytearray(stream_of(kit, seed))
    for _ in range(data.draw(st.integers(1, 5))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    events, _ = kit.listen(kit.new_server(), [bytes(spoiled)])
    failures = [event for event in events if isinstance(event, ConnectionFailed)]
    assert len(failures) <= 1
    assert not failures or events[-1] is failures[0]


@given(data=st.data())
@settings(deadline=None, max_examples=300)
def test_spoiled_answers_are_events_or_the_end(kit, data):
    spoiled = bytearray(side(kit, "<"))
    for _ in range(data.draw(st.integers(1, 5))):
        spoiled[data.draw(st.integers(0, len(spoiled) - 1))] = data.draw(st.integers(0, 255))
    client = ClientAssociation()
    client.bind([ContextRequest(0, kit.INTERFACE, [NDR])])
    client.receive_data(bytes(spoiled[:60]))
    if client.contexts and not client.closed:
        client.request(2, 0, 0, b"")
        if client.multiplex:
            client.request(3, 0, 9, b"")
    client.receive_data(bytes(spoiled[60:]))


# Promises of the package


def test_twenty_thousand_tiny_fragments_are_one_stub(kit):
    server = kit.bound_server(limits=Limits(max_request=1 << 20))
    fragment = pdu.Request(2, 0, 0, b"x", flags=0).serialize()
    server.receive_data(pdu.Request(2, 0, 0, b"x", flags=1).serialize())
    for _ in range(20):
        assert server.receive_data(fragment * 1000) == []
    (event,) = server.receive_data(pdu.Request(2, 0, 0, b"x", flags=2).serialize())
    assert event.stub == b"x" * 20_002


def test_engine_imports_no_transport_clock_or_thread():
    folder = Path(lrpc.runtime.ncacn.__file__).parent
    names = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level <= 1, f"{path.name} imports from above"
                if not node.level:
                    names.add((node.module or "").partition(".")[0])
    assert names <= {"__future__", "abc", "collections", "dataclasses", "enum", "struct", "typing", "uuid"}


def test_every_public_name_is_listed_once():
    public = lrpc.runtime.ncacn.__all__
    assert len(public) == len(set(public))
    assert all(hasattr(lrpc.runtime.ncacn, name) for name in public)
