"""Requests and responses that are handed on piece by piece, at both ends of an association."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.ncacn import (
    ClientAssociation,
    ConnectionFailed,
    FaultReceived,
    Limits,
    Orphaned,
    RequestBegun,
    RequestContinued,
    RequestReceived,
    ResponsePart,
    ResponseReceived,
    StateError,
)
from lrpc.runtime.ncacn.constants import FIRST_FRAGMENT, LAST_FRAGMENT
from lrpc.runtime.ncacn.errors import PduError
from lrpc.runtime.ncacn.pdu import Request
from lrpc.runtime.ncacn.streams import IncomingStream


def pair(kit, **limits: int):
    server = kit.new_server(streamed=lambda context, opnum, object: opnum == 5, limits=Limits(**limits))
    return kit.bound_pair(None, server)


def begin(kit, client: ClientAssociation, octets: bytes, *, last: bool = False) -> bytes:
    client.begin(7, 0, 5)
    return b"".join(client.more(7, [octets], last=last))


PIECES = st.lists(st.binary(max_size=9000), max_size=4)


@settings(max_examples=60, deadline=None)
@given(PIECES, st.lists(st.integers(0, 40_000), max_size=5))
def test_request_goes_through_in_any_pieces_and_cuts(kit, pieces: list[bytes], cuts: list[int]) -> None:
    client, server = pair(kit)
    client.begin(7, 0, 5)
    sent = [client.more(7, [piece], last=False) for piece in pieces] + [client.more(7, [], last=True)]
    assert all(len(one) % 8 == 0 for group in sent for one in group[:-1])
    stream = b"".join(fragment for group in sent for fragment in group)
    events = [event for chunk in kit.split(stream, cuts) for event in server.receive_data(chunk)]
    assert all(isinstance(event, RequestBegun | RequestContinued | RequestReceived) for event in events)
    assert b"".join(event.stub for event in events) == b"".join(pieces)
    assert isinstance(events[0], RequestReceived) or events[-1].last


@settings(max_examples=60, deadline=None)
@given(PIECES, st.lists(st.integers(0, 40_000), max_size=5))
def test_response_goes_through_in_any_pieces_and_cuts(kit, pieces: list[bytes], cuts: list[int]) -> None:
    client, server = pair(kit)
    [event] = server.receive_data(begin(kit, client, b"", last=True))
    groups = [server.respond_part(event.call_id, 0, [piece], last=False) for piece in pieces]
    groups.append(server.respond_part(event.call_id, 0, [], last=True))
    stream = b"".join(fragment for group in groups for fragment in group)
    events = [event for chunk in kit.split(stream, cuts) for event in client.receive_data(chunk)]
    assert all(isinstance(event, ResponsePart | ResponseReceived) for event in events)
    assert b"".join(event.stub for event in events) == b"".join(pieces)
    assert isinstance(events[-1], ResponseReceived) or events[-1].last
    assert not client.unanswered


def test_streams_are_not_held_to_the_size_of_a_request_or_response(kit) -> None:
    client, server = pair(kit, max_request=10_000)
    total = 0
    server.receive_data(begin(kit, client, bytes(5000)))
    for _ in range(20):
        for event in server.receive_data(b"".join(client.more(7, [bytes(5000)], last=False))):
            total += len(event.stub)
    assert total > 90_000


def test_response_may_begin_before_the_request_ends(kit) -> None:
    client, server = pair(kit)
    server.receive_data(begin(kit, client, bytes(6000)))
    [part] = client.receive_data(b"".join(server.respond_part(7, 0, [bytes(80)], last=False)))
    assert part == ResponsePart(7, bytes(80), "<", False)
    [event] = server.receive_data(b"".join(client.more(7, [], last=True)))
    assert event == RequestContinued(7, event.stub, True)


def test_seven_octets_wait_for_the_next_piece(kit) -> None:
    client, server = pair(kit)
    client.begin(7, 0, 5)
    assert client.more(7, [b"1234567"], last=False) == []
    [fragment] = client.more(7, [b"890"], last=False)
    [event] = server.receive_data(fragment)
    assert isinstance(event, RequestBegun)
    assert event.stub == b"12345678"


def test_request_that_is_given_up_ends_where_it_is(kit) -> None:
    client, server = pair(kit)
    server.receive_data(begin(kit, client, bytes(6000)))
    assert server.receive_data(client.orphan(7)) == [Orphaned(7)]
    assert not server.wanted(7)
    assert server.respond_part(7, 0, [b"late"], last=False) == []
    server.drop(7)
    [event] = server.receive_data(client.request(8, 0, 1, b"stub")[0])
    assert isinstance(event, RequestReceived)


def test_request_that_is_answered_early_is_cut_short(kit) -> None:
    client, server = pair(kit)
    server.receive_data(begin(kit, client, bytes(6000)))
    [answer] = client.receive_data(b"".join(server.respond_part(7, 0, [b"done"], last=True)))
    assert isinstance(answer, ResponseReceived)
    assert server.receive_data(b"".join(client.more(7, [bytes(6000)], last=False))) == []
    assert server.receive_data(client.orphan(7)) == []
    assert client.orphan(7) == b""
    assert client.more(7, [b"more"], last=True) == []
    assert isinstance(server.receive_data(client.request(8, 0, 1, b"stub")[0])[0], RequestReceived)


def test_fault_ends_a_call_in_the_middle(kit) -> None:
    client, server = pair(kit)
    server.receive_data(begin(kit, client, bytes(6000)))
    first = b"".join(server.respond_part(7, 0, [bytes(80)], last=False))
    part, fault = client.receive_data(first + server.fault(7, 0, 0x1C000012))
    assert isinstance(part, ResponsePart)
    assert isinstance(fault, FaultReceived)


def test_what_nobody_wants_is_bounded(kit) -> None:
    client, server = pair(kit, max_unwanted=20_000)
    server.receive_data(begin(kit, client, bytes(6000)))
    server.respond_part(7, 0, [], last=True)
    events = [
        event for _ in range(10) for event in server.receive_data(b"".join(client.more(7, [bytes(6000)], last=False)))
    ]
    assert [type(event) for event in events] == [ConnectionFailed]


def test_nobody_begins_a_call_between_fragments(kit) -> None:
    client, server = pair(kit)
    server.receive_data(begin(kit, client, bytes(6000)))
    [event] = server.receive_data(client.request(8, 0, 1, b"stub")[0])
    assert isinstance(event, ConnectionFailed)


def test_fragments_of_a_response_keep_their_order(kit) -> None:
    client, server = pair(kit)
    server.receive_data(begin(kit, client, bytes(8), last=True))
    first, second = (b"".join(server.respond_part(7, 0, [bytes(8)], last=False)) for _ in range(2))
    assert isinstance(client.receive_data(second)[0], ConnectionFailed)
    assert first


def test_call_that_does_not_run_has_no_response(kit) -> None:
    _, server = pair(kit)
    with pytest.raises(StateError):
        server.respond_part(9, 0, [b"x"], last=False)


def test_fragment_of_another_call_is_refused() -> None:
    stream = IncomingStream(Request(7, 0, 5, b"x", flags=FIRST_FRAGMENT), 100)
    assert stream.take(Request(7, 0, 5, b"y", flags=LAST_FRAGMENT), wanted=True) == RequestContinued(7, b"y", True)
    with pytest.raises(PduError, match="does not continue"):
        stream.take(Request(7, 0, 6, b"y", flags=0), wanted=True)
