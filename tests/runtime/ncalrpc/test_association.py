"""Client and server of LRPC, joined without a port; then each alone against anything at all."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrpc.runtime import ncalrpc
from lrpc.runtime.ncalrpc import (
    BindRequested,
    Bound,
    CallbackAnswered,
    CallbackFailed,
    CallbackRequested,
    Cancelled,
    ClientAssociation,
    Failed,
    FaultReceived,
    RequestBegun,
    RequestContinued,
    RequestReceived,
    ResponsePart,
    ResponseReceived,
    ServerAssociation,
    TransferSyntax,
    UnboundRequest,
    association,
    messages,
)
from lrpc.runtime.ncalrpc.association import INLINE, TRANSITIONS, State
from lrpc.runtime.ncalrpc.messages import Bind, MessageType

BOTH = TransferSyntax.NDR | TransferSyntax.NDR64
CLIENT_EVENTS = (Bound, ResponseReceived, ResponsePart, FaultReceived, Failed, type(None))
SERVER_EVENTS = (
    BindRequested, RequestReceived, RequestBegun, RequestContinued, Cancelled, UnboundRequest, Failed, type(None),
)  # fmt: skip


def bound_client(kit: SimpleNamespace) -> ClientAssociation:
    client: ClientAssociation = kit.bound_pair()[0]
    return client


def bound_server(kit: SimpleNamespace) -> ServerAssociation:
    server: ServerAssociation = kit.bound_pair()[1]
    return server


# Together


def test_a_client_asks_for_an_interface_and_gets_it(kit: SimpleNamespace) -> None:
    client, server = ClientAssociation(), ServerAssociation()
    asked = client.bind(kit.INTERFACE)
    assert asked == kit.BIND
    event = server.receive(asked)
    assert isinstance(event, BindRequested)
    answer = server.accept(event)
    assert answer == kit.BOUND
    assert client.receive(answer) == Bound(kit.INTERFACE, 0, TransferSyntax.NDR, 0)
    assert "bound" in repr(client)


def test_a_client_may_be_refused_and_ask_for_another(kit: SimpleNamespace) -> None:
    client, server = ClientAssociation(), ServerAssociation()
    event: Any = server.receive(client.bind(kit.INTERFACE))
    answer = server.refuse(event)
    assert answer == kit.REFUSED
    assert client.receive(answer) == Bound(kit.INTERFACE, 1717, TransferSyntax.NDR, 0)
    event = server.receive(client.bind(kit.OTHER))
    assert client.receive(server.accept(event)) == Bound(kit.OTHER, 0, TransferSyntax.NDR, 2)


def test_two_interfaces_share_an_association(kit: SimpleNamespace) -> None:
    client, server, [one, two] = kit.bound_pair(kit.INTERFACE, kit.OTHER)
    assert one != two
    for binding_id, interface in ((two, kit.OTHER), (one, kit.INTERFACE)):
        event = server.receive(client.request(client.next_call_id(), binding_id, 7, [b"stub"]).data)
        assert isinstance(event, RequestReceived)
        assert (event.interface, event.opnum, event.stub) == (interface, 7, b"stub")
        assert server.binding(binding_id) == (interface, TransferSyntax.NDR)


def test_a_call_goes_there_and_back(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    sent = client.request(client.next_call_id(), 0, 5, [b"st", b"ub"])
    assert sent == (kit.REQUEST, None, 0)
    event = server.receive(sent.data)
    assert event == RequestReceived(1, kit.INTERFACE, TransferSyntax.NDR, 5, None, b"stub", False)
    answer = server.respond(1, [b"bu", b"ts"])
    assert answer == (kit.RESPONSE, None, 0)
    assert client.receive(answer.data) == ResponseReceived(1, b"buts")


def test_a_call_for_an_object_names_it(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    sent = client.request(client.next_call_id(), 0, 5, [b"stub"], kit.OBJECT)
    assert sent.data == kit.OBJECT_REQUEST
    event = server.receive(sent.data)
    assert isinstance(event, RequestReceived)
    assert event.object == kit.OBJECT


def test_large_stubs_go_in_a_view(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    parts = [bytes(72_000), b"x" * 8_000]
    sent = client.request(client.next_call_id(), 0, 5, parts)
    assert sent == (kit.LARGE_REQUEST, parts, 80_000)
    view = memoryview(b"".join(parts) + bytes(1920))
    event = server.receive(sent.data, view)
    assert isinstance(event, RequestReceived)
    assert event.in_view
    assert event.stub == b"".join(parts)
    answer = server.respond(1, parts)
    assert answer == (kit.LARGE_RESPONSE, parts, 80_000)
    assert client.receive(answer.data, view) == ResponseReceived(1, b"".join(parts))


def test_a_stub_is_inline_up_to_a_limit(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    assert client.request(1, 0, 5, [bytes(INLINE)]).view is None
    assert client.request(1, 0, 5, [bytes(INLINE), b"x"]).view is not None
    assert server.respond(1, [bytes(INLINE)]).view is None
    assert server.respond(1, [bytes(INLINE + 1)]).view is not None


def test_a_call_may_fail(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    assert server.fault(0x6F7, did_not_execute=True) == kit.FAULT
    assert client.receive(kit.FAULT) == FaultReceived(0x6F7, True)
    assert client.receive(server.fault(5)) == FaultReceived(5, False)


def test_a_fault_brings_its_detail(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    assert client.receive(server.fault(5, detail=b"records")) == FaultReceived(5, False, b"records")


def test_a_server_calls_back_and_is_answered(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    asked = server.call_back(7, 3, [b"ab", b"c"])
    assert client.receive(asked.data) == CallbackRequested(7, 3, b"abc")
    assert server.receive(client.reply(7, [b"d"]).data) == CallbackAnswered(7, b"d")
    assert server.receive(client.deny(8, 5, begun=True)) == CallbackFailed(8, 5, True)
    assert server.receive(client.deny(9, 1764, begun=False)) == CallbackFailed(9, 1764, False)


def test_large_callbacks_go_in_a_view(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    parts = [bytes(70_000), b"x"]
    for sent, end, expected in (
        (server.call_back(7, 3, parts), client, CallbackRequested(7, 3, b"".join(parts))),
        (client.reply(7, parts), server, CallbackAnswered(7, b"".join(parts))),
    ):
        assert (sent.view, sent.size) == (parts, 70_001)
        assert end.receive(sent.data, memoryview(b"".join(parts) + bytes(100))) == expected


def test_a_request_tells_in_which_callback_it_is_made(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    for size in (3, 70_000):
        sent = client.request(1, 0, 5, [bytes(size)], within=7)
        event = server.receive(sent.data, None if sent.view is None else memoryview(bytes(size)))
        assert isinstance(event, RequestReceived)
        assert event.within == 7


def test_nobody_waits_for_an_acknowledgement(kit: SimpleNamespace) -> None:
    _, server, _ = kit.bound_pair()
    assert server.receive(kit.octets("07000000") + bytes(20)) is None


@pytest.mark.parametrize("kind", [7, 8, 10, 11])
def test_a_server_answers_no_callbacks(kit: SimpleNamespace, kind: int) -> None:
    client, _, _ = kit.bound_pair()
    assert isinstance(client.receive(kind.to_bytes(4, "little") + bytes(80)), Failed)


def test_a_client_does_not_call_back(kit: SimpleNamespace) -> None:
    _, server, _ = kit.bound_pair()
    assert isinstance(server.receive(server.call_back(7, 3, []).data), Failed)


@pytest.mark.parametrize("kind", [7, 8, 9, 10, 11])
def test_there_are_no_callbacks_before_a_bind(kind: int) -> None:
    for end in (ClientAssociation(), ServerAssociation()):
        assert isinstance(end.receive(kind.to_bytes(4, "little") + bytes(80)), Failed)


def test_call_ids_count_from_one_and_skip_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lrpc.runtime.ncalrpc.association.LAST_CALL_ID", 3)
    client = ClientAssociation()
    assert [client.next_call_id() for _ in range(5)] == [1, 2, 3, 1, 2]


# The server


def test_an_unknown_binding_is_answered_by_a_fault(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair()
    assert server.receive(client.request(9, 77, 5, [b"stub"]).data) == UnboundRequest(9)
    assert server.binding(77) is None
    assert isinstance(server.receive(kit.REQUEST), RequestReceived)


def test_the_client_s_only_syntax_is_taken(kit: SimpleNamespace) -> None:
    client, server = ClientAssociation(), ServerAssociation()
    event: Any = server.receive(client.bind(kit.INTERFACE, TransferSyntax.NDR64))
    assert client.receive(server.accept(event)) == Bound(kit.INTERFACE, 0, TransferSyntax.NDR64, 1)


@pytest.mark.parametrize("preferred", [TransferSyntax.NDR, TransferSyntax.NDR64])
def test_several_syntaxes_are_granted_each_with_its_id(kit: SimpleNamespace, preferred: TransferSyntax) -> None:
    client, server = ncalrpc.ClientAssociation(), ncalrpc.ServerAssociation()
    asked = server.receive(client.bind(kit.INTERFACE, preferred=preferred))
    answer = server.accept(asked)
    assert Bind.parse(answer).multiple
    bound = client.receive(answer)
    assert (bound.syntax, bound.binding_id) == (preferred, 0 if preferred is TransferSyntax.NDR else 1)
    assert server.binding(0) == (kit.INTERFACE, TransferSyntax.NDR)
    assert server.binding(1) == (kit.INTERFACE, TransferSyntax.NDR64)


def test_a_server_that_grants_one_syntax_where_several_are_wanted_is_taken(kit: SimpleNamespace) -> None:
    client = ncalrpc.ClientAssociation()
    asked = Bind.parse(client.bind(kit.INTERFACE, preferred=TransferSyntax.NDR))
    bound = client.receive(Bind(0, asked.interface, TransferSyntax.NDR64, 0, 1).pack())
    assert (bound.syntax, bound.binding_id) == (TransferSyntax.NDR64, 1)


def test_one_id_for_two_syntaxes_is_refused(kit: SimpleNamespace) -> None:
    server = ncalrpc.ServerAssociation()
    both = TransferSyntax.NDR | TransferSyntax.NDR64
    asked = server.receive(Bind(0, kit.INTERFACE, both, 7, 7, multiple=True).pack())
    assert Bind.parse(server.accept(asked)).status == 1702
    assert server.binding(7) is None


def test_a_server_may_prefer_a_syntax(kit: SimpleNamespace) -> None:
    client, server = ClientAssociation(), ServerAssociation()
    event: Any = server.receive(client.bind(kit.INTERFACE, BOTH))
    assert client.receive(server.accept(event, TransferSyntax.NDR64)) == Bound(
        kit.INTERFACE, 0, TransferSyntax.NDR64, 1
    )


def test_a_bind_without_a_syntax_is_refused(kit: SimpleNamespace) -> None:
    server = ServerAssociation()
    event: Any = server.receive(kit.BIND[:32] + bytes(4) + kit.BIND[36:])
    assert messages.Bind.parse(server.accept(event)).status == association.RPC_S_UNSUPPORTED_TRANS_SYN


def test_a_binding_id_stands_for_one_interface(kit: SimpleNamespace) -> None:
    _, server, _ = kit.bound_pair()
    again: Any = server.receive(kit.BIND)
    assert server.accept(again) == kit.BOUND
    thief: Any = server.receive(messages.Bind(0, kit.OTHER, TransferSyntax.NDR, 0, 1).pack())
    assert messages.Bind.parse(server.accept(thief)).status == association.RPC_S_INVALID_BINDING
    assert server.binding(0) == (kit.INTERFACE, TransferSyntax.NDR)


def test_bindings_have_a_limit(kit: SimpleNamespace) -> None:
    client, server, _ = kit.bound_pair(max_bindings=1)
    event: Any = server.receive(client.bind(kit.OTHER))
    assert messages.Bind.parse(server.accept(event)).status == association.RPC_S_OUT_OF_RESOURCES
    assert client.receive(server.refuse(event, association.RPC_S_OUT_OF_RESOURCES)) == Bound(
        kit.OTHER, association.RPC_S_OUT_OF_RESOURCES, TransferSyntax.NDR, 0
    )


def test_a_cancel_asks_for_nothing(kit: SimpleNamespace) -> None:
    server = bound_server(kit)
    assert server.receive(kit.CANCEL) is None
    assert isinstance(server.receive(kit.REQUEST), RequestReceived)


@pytest.mark.parametrize("name", ["REQUEST", "RESPONSE", "FAULT", "CANCEL"])
def test_nothing_comes_before_a_bind(kit: SimpleNamespace, name: str) -> None:
    server = ServerAssociation()
    assert isinstance(server.receive(getattr(kit, name)), Failed)
    assert server.state is State.CLOSED
    assert isinstance(server.receive(kit.BIND), Failed)


@pytest.mark.parametrize("name", ["RESPONSE", "FAULT"])
def test_a_client_does_not_answer(kit: SimpleNamespace, name: str) -> None:
    server = bound_server(kit)
    event = server.receive(getattr(kit, name))
    assert isinstance(event, Failed)
    assert "client sent" in event.reason


def test_a_request_that_lies_about_its_view_ends_the_association(kit: SimpleNamespace) -> None:
    for view in (None, memoryview(b""), memoryview(bytes(79_999))):
        server = bound_server(kit)
        assert isinstance(server.receive(kit.LARGE_REQUEST, view), Failed)
        assert server.state is State.CLOSED


# The client


@pytest.mark.parametrize("name", ["REQUEST", "CANCEL"])
def test_a_server_does_not_call(kit: SimpleNamespace, name: str) -> None:
    client = bound_client(kit)
    event = client.receive(getattr(kit, name))
    assert isinstance(event, Failed)
    assert "server sent" in event.reason


def test_an_answer_to_a_bind_that_was_not_asked_ends_the_association(kit: SimpleNamespace) -> None:
    assert isinstance(ClientAssociation().receive(kit.BOUND), Failed)
    assert isinstance(bound_client(kit).receive(kit.BOUND), Failed)


def test_an_answer_for_another_interface_ends_the_association(kit: SimpleNamespace) -> None:
    client = ClientAssociation()
    client.bind(kit.OTHER)
    assert isinstance(client.receive(kit.BOUND), Failed)


@pytest.mark.parametrize("syntaxes", [0, 2, 3])
def test_a_syntax_that_was_not_offered_ends_the_association(kit: SimpleNamespace, syntaxes: int) -> None:
    client = ClientAssociation()
    client.bind(kit.INTERFACE, TransferSyntax.NDR)
    answer = messages.Bind(0, kit.INTERFACE, TransferSyntax(syntaxes), 0, 1).pack()
    assert isinstance(client.receive(answer), Failed)


@pytest.mark.parametrize("name", ["RESPONSE", "FAULT"])
def test_no_answer_comes_before_a_bind(kit: SimpleNamespace, name: str) -> None:
    client = ClientAssociation()
    assert isinstance(client.receive(getattr(kit, name)), Failed)


def test_a_response_that_lies_about_its_view_ends_the_association(kit: SimpleNamespace) -> None:
    for view in (None, memoryview(b""), memoryview(bytes(79_999))):
        client = bound_client(kit)
        assert isinstance(client.receive(kit.LARGE_RESPONSE, view), Failed)


# Any octets


def test_every_cut_is_an_event_or_the_end(kit: SimpleNamespace, golden: bytes) -> None:
    for size in range(len(golden) + 1):
        client, server = bound_client(kit), bound_server(kit)
        client.bind(kit.OTHER)
        assert isinstance(client.receive(golden[:size]), CLIENT_EVENTS)
        assert isinstance(server.receive(golden[:size]), SERVER_EVENTS)


def test_every_changed_octet_is_an_event_or_the_end(kit: SimpleNamespace, golden: bytes) -> None:
    view = memoryview(bytes(80_000))
    for index in range(len(golden)):
        for value in (0x00, 0x01, 0x7F, 0x80, 0xFF):
            mutated = golden[:index] + bytes([value]) + golden[index + 1 :]
            client, server = bound_client(kit), bound_server(kit)
            client.bind(kit.INTERFACE)
            assert isinstance(client.receive(mutated, view), CLIENT_EVENTS)
            event = server.receive(mutated, view)
            assert isinstance(event, SERVER_EVENTS)
            if isinstance(event, BindRequested):
                server.accept(event)


@given(st.binary(max_size=120), st.none() | st.binary(max_size=40))
@example(b"\0" * 64, None)
@example(b"\1" + b"\0" * 7, None)
def test_any_octets_are_an_event_or_the_end(kit: SimpleNamespace, data: bytes, view: bytes | None) -> None:
    shared = None if view is None else memoryview(view)
    for client in (ClientAssociation(), bound_client(kit)):
        assert isinstance(client.receive(data, shared), CLIENT_EVENTS)
    for server in (ServerAssociation(), bound_server(kit)):
        assert isinstance(server.receive(data, shared), SERVER_EVENTS)


@given(st.integers(0, 4), st.binary(min_size=68, max_size=100), st.none() | st.binary(max_size=40))
def test_any_message_is_an_event_or_the_end(kit: SimpleNamespace, kind: int, rest: bytes, view: bytes | None) -> None:
    data = kind.to_bytes(4, "little") + rest
    shared = None if view is None else memoryview(view)
    client, server = bound_client(kit), bound_server(kit)
    client.bind(kit.OTHER)
    assert isinstance(client.receive(data, shared), CLIENT_EVENTS)
    event = server.receive(data, shared)
    assert isinstance(event, SERVER_EVENTS)
    if isinstance(event, BindRequested):
        assert len(server.accept(event)) == 72


# The table


def test_nothing_leads_out_of_closed() -> None:
    assert TRANSITIONS[State.CLOSED] == {}
    assert set(TRANSITIONS) == set(State)


def test_every_message_has_its_place_when_bound() -> None:
    assert set(TRANSITIONS[State.BOUND]) == set(MessageType)


def test_the_package_exports_what_it_says() -> None:
    assert all(hasattr(ncalrpc, name) for name in ncalrpc.__all__)


# Calls with pipes


@pytest.mark.parametrize("size", [0, 1, INLINE, INLINE + 1, 3 * INLINE])
def test_request_in_parts_is_told_as_it_comes(kit, size: int) -> None:
    client, server, _ = kit.bound_pair()
    octets = bytes(index & 0xFF for index in range(size))
    client.begin(7, 0, 5)
    first = client.more(7, b"front", last=False)
    rest = client.more(7, octets, last=True)
    begun, *more = [server.receive(message) for message in (*first, *rest)]
    assert isinstance(begun, RequestBegun)
    assert (begun.call_id, begun.opnum, begun.stub, begun.last) == (7, 5, b"front", False)
    assert b"".join(event.stub for event in more) == octets
    assert [event.last for event in more] == [False] * (len(more) - 1) + [True]


def test_request_of_no_octets_yet_is_no_message(kit) -> None:
    client, server, _ = kit.bound_pair()
    client.begin(7, 0, 5)
    assert client.more(7, b"", last=False) == []
    [only] = client.more(7, b"", last=True)
    event = server.receive(only)
    assert isinstance(event, RequestBegun)
    assert event.last


@pytest.mark.parametrize("size", [0, 1, INLINE + 1])
def test_response_in_parts_is_told_as_it_comes(kit, size: int) -> None:
    client, server, _ = kit.bound_pair()
    client.begin(7, 0, 5)
    messages = server.respond_parts(7, b"first", last=False) + server.respond_parts(7, bytes(size), last=True)
    *parts, last = [client.receive(message) for message in messages]
    assert all(isinstance(part, ResponsePart) for part in parts)
    assert isinstance(last, ResponseReceived)
    assert b"".join(bytes(event.stub) for event in (*parts, last)) == b"first" + bytes(size)


def test_call_that_is_given_up_is_cancelled_and_its_late_parts_are_nothing(kit) -> None:
    client, server, _ = kit.bound_pair()
    client.begin(7, 0, 5)
    assert client.give_up(7) == b""
    client.begin(8, 0, 5)
    client.more(8, b"front", last=False)
    assert server.receive(client.give_up(8)) == Cancelled(8)
    assert client.more(8, b"more", last=False) == []
    [late] = server.respond_parts(8, b"late", last=False)
    assert client.receive(late) is None


def test_call_that_has_ended_at_both_ends_is_not_cancelled(kit) -> None:
    client, server, _ = kit.bound_pair()
    client.begin(7, 0, 5)
    client.more(7, b"front", last=True)
    assert isinstance(client.receive(server.respond_parts(7, b"done", last=True)[0]), ResponseReceived)
    assert client.give_up(7) == b""


def test_ordinary_response_does_not_come_in_parts(kit) -> None:
    client, server, _ = kit.bound_pair()
    [part] = server.respond_parts(7, b"part", last=False)
    assert isinstance(client.receive(part), Failed)
