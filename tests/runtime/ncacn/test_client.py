"""The client's association, alone: PDUs in, events and PDUs out."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import (
    MAYBE,
    NDR,
    NDR64,
    BindAnswered,
    BindRefused,
    ClientAssociation,
    ConnectionFailed,
    Context,
    ContextOutcome,
    ContextRequest,
    ContextResult,
    FaultReceived,
    FaultStatus,
    Limits,
    PacketType,
    ResponseReceived,
    ShutdownRequested,
    StateError,
    SyntaxId,
    bind_pdu,
    feature_syntax,
    pdu,
)
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.states import State

FIRST, LAST, NOT_EXECUTED = 0x01, 0x02, 0x20
ACCEPTED = ContextResult(ContextOutcome.ACCEPTANCE, 0, NDR)


def ack(call_id: int = 1, results: list[ContextResult] | None = None, **fields) -> bytes:
    fields = {"max_xmit": 5840, "max_recv": 5840, "group_id": 7, "secondary_address": "135", "flags": 0x13, **fields}
    return bind_pdu.BindAck(call_id, results or [ACCEPTED], **fields).serialize()


def response(call_id: int = 2, stub: bytes = b"results", flags: int = 3, **fields) -> bytes:
    return pdu.Response(call_id, 0, stub, flags=flags, **fields).serialize()


def asked(kit, *items: ContextRequest, **options) -> ClientAssociation:
    client = ClientAssociation(**options)
    client.bind(list(items) or [ContextRequest(0, kit.INTERFACE, [NDR])])
    return client


def bound(kit, answer: bytes | None = None, **options) -> ClientAssociation:
    client = asked(kit, **options)
    (event,) = client.receive_data(answer or ack())
    assert isinstance(event, BindAnswered)
    return client


def reason(client: ClientAssociation, octets: bytes) -> str:
    """Why the octets of a server end the association."""
    (event,) = client.receive_data(octets)
    assert isinstance(event, ConnectionFailed)
    assert client.closed
    assert client.receive_data(response()) == []
    return event.reason


# Bind


def test_bind_offers_its_contexts_sizes_and_multiplexing(kit):
    item = ContextRequest(4, kit.INTERFACE, [NDR64, NDR])
    octets = ClientAssociation(max_fragment=4280).bind([item], group_id=9)
    assert pdu.parse_pdu(octets) == bind_pdu.Bind(1, [item], 4280, 4280, 9, 0x13)


def test_bind_big_endian_without_multiplexing_says_so(kit):
    octets = ClientAssociation(order=">", multiplex=False).bind([ContextRequest(0, kit.INTERFACE, [NDR])])
    assert (pdu.parse_pdu(octets).order, pdu.parse_pdu(octets).flags) == (">", 3)


def test_answer_to_bind_is_told(kit):
    client = asked(kit)
    assert client.receive_data(ack()) == [BindAnswered([ACCEPTED], 7, "135", False, True)]
    assert client.contexts == {0: Context(kit.INTERFACE, NDR)}
    assert client.state is State.BOUND


def test_rejected_contexts_cannot_be_used(kit):
    client = asked(kit)
    client.receive_data(ack(results=[ContextResult(ContextOutcome.PROVIDER_REJECTION, 1)]))
    with pytest.raises(StateError, match="context 0 was not accepted"):
        client.request(2, 0, 0, b"")


def test_sizes_of_the_answer_are_crossed(kit):
    client = bound(kit, ack(max_xmit=4096, max_recv=2048))
    assert client.max_fragment == 2048


def test_client_never_sends_more_than_it_offered(kit):
    assert bound(kit, ack(max_recv=0xFFFF)).max_fragment == 5840


@pytest.mark.parametrize("field", ["max_xmit", "max_recv"])
def test_sizes_below_what_everyone_must_take_are_refused(kit, field):
    assert "too small" in reason(asked(kit), ack(**{field: 1431}))
    assert bound(kit, ack(**{field: 1432}))


def test_server_without_multiplexing_gets_one_call_at_a_time(kit):
    client = bound(kit, ack(flags=3))
    assert not client.multiplex
    client.request(2, 0, 0, b"")
    with pytest.raises(StateError, match="one call at a time"):
        client.request(3, 0, 0, b"")
    client.receive_data(response(2))
    assert client.request(3, 0, 0, b"")


def test_answer_to_another_bind_is_refused(kit):
    assert "not that of the bind" in reason(asked(kit), ack(2))


def test_answer_with_too_few_or_too_many_results_is_refused(kit):
    assert "not that of the bind" in reason(asked(kit), ack(results=[ACCEPTED] * 2))


def test_encoding_that_was_not_offered_is_refused(kit):
    assert "not offered" in reason(asked(kit), ack(results=[ContextResult(0, 0, NDR64)]))


def test_features_are_acknowledged_where_they_were_asked_for_only(kit):
    granted = ContextResult(ContextOutcome.NEGOTIATE_ACK, 3)
    client = asked(kit, ContextRequest(0, kit.INTERFACE, [NDR]), ContextRequest(1, kit.INTERFACE, [feature_syntax(3)]))
    (event,) = client.receive_data(ack(results=[ACCEPTED, granted]))
    assert event.results[1].reason == 3
    assert "did not ask for features" in reason(asked(kit), ack(results=[granted]))


def test_authenticated_answer_is_refused(kit):
    assert "not asked to" in reason(asked(kit), ack(secondary_address="", auth=AuthTrailer(10, 2, b"abcd")))


def test_refusal_of_bind_is_told_and_closes(kit):
    client = asked(kit)
    assert client.receive_data(bind_pdu.BindNak(1, 4).serialize()) == [BindRefused(4, [(5, 0)])]
    assert client.closed
    with pytest.raises(StateError):
        client.bind([])


def test_answer_without_a_bind_is_refused(kit):
    assert "bind_ack may not come while idle" in reason(ClientAssociation(), ack())
    assert "bind_ack may not come while bound" in reason(bound(kit), ack())


def test_bind_is_sent_once(kit):
    with pytest.raises(StateError, match="bind may not be sent while bound"):
        bound(kit).bind([])


# Alter context


def test_alter_context_adds_contexts_while_calls_run(kit):
    client = bound(kit)
    client.request(10, 0, 0, b"")
    item = ContextRequest(1, kit.OTHER, [NDR])
    octets = client.alter([item])
    assert pdu.parse_pdu(octets) == bind_pdu.AlterContext(2, [item], 5840, 5840)
    client.request(11, 0, 0, b"")
    events = client.receive_data(
        response(11) + bind_pdu.AlterContextResponse(2, [ACCEPTED], 0, 0, 7).serialize() + response(10)
    )
    assert [type(event) for event in events] == [ResponseReceived, BindAnswered, ResponseReceived]
    assert events[1] == BindAnswered([ACCEPTED], 7, "", True, True)
    assert client.contexts[1] == Context(kit.OTHER, NDR)
    assert client.max_fragment == 5840


def test_refusal_of_alter_context_is_told_and_closes(kit):
    client = bound(kit)
    client.alter([ContextRequest(1, kit.OTHER, [NDR])])
    fault = pdu.Fault(2, 0, FaultStatus.NCA_S_PROTO_ERROR).serialize()
    assert client.receive_data(fault) == [BindRefused(0, [], FaultStatus.NCA_S_PROTO_ERROR)]
    assert client.closed


def test_alter_context_before_bind_is_a_mistake():
    with pytest.raises(StateError, match="alter_context may not be sent while idle"):
        ClientAssociation().alter([])


# Requests


def test_request_is_one_pdu_when_it_fits(kit):
    client = bound(kit)
    (octets,) = client.request(2, 0, 7, [b"st", memoryview(b"ub")])
    assert pdu.parse_pdu(octets) == pdu.Request(2, 0, 7, b"stub", alloc_hint=4)
    (octets,) = client.request(3, 0, 7, bytes(5816))
    assert len(octets) == 5840


@pytest.mark.parametrize("order", "<>")
def test_request_for_an_object_names_it_in_every_fragment(kit, order):
    client = bound(kit, order=order)
    stub = bytes(range(250)) * 40
    requests = [pdu.parse_pdu(octets) for octets in client.request(2, 0, 7, stub, object=kit.OBJECT)]
    assert [(request.flags, len(request.stub), request.alloc_hint) for request in requests] == [
        (0x81, 5800, 10000),
        (0x82, 4200, 4200),
    ]
    assert {(request.object, request.order, request.opnum) for request in requests} == {(kit.OBJECT, order, 7)}
    assert b"".join(request.stub for request in requests) == stub


def test_long_request_is_cut_at_multiples_of_eight_within_the_servers_size(kit):
    client = bound(kit, ack(max_recv=1437))
    sizes = [len(octets) for octets in client.request(2, 0, 7, bytes(3000))]
    assert sizes == [24 + 1408, 24 + 1408, 24 + 184]


def test_maybe_call_waits_for_nothing(kit):
    client = bound(kit)
    (octets,) = client.request(2, 0, 7, b"stub", flags=MAYBE)
    assert pdu.parse_pdu(octets).flags == 0x43
    assert not client.unanswered
    assert not client.abandoned
    assert client.receive_data(response(2)) == []  # there are servers that answer all the same
    assert "which was not made" in reason(client, response(3))


def test_calls_that_have_no_answer_are_forgotten_in_the_end(kit):
    client = bound(kit, limits=Limits(max_abandoned=2))
    for call_id in (2, 3, 4):
        client.request(call_id, 0, 7, b"", flags=MAYBE)
    assert client.receive_data(response(3) + response(4)) == []
    assert "which was not made" in reason(client, response(2))


def test_features_that_the_server_grants_are_known(kit):
    assert bound(kit).features == 0


def test_request_before_bind_is_a_mistake():
    with pytest.raises(StateError):
        ClientAssociation().request(1, 0, 0, b"")


def test_call_id_in_use_is_a_mistake(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    with pytest.raises(StateError, match="call id 2 is in use"):
        client.request(2, 0, 0, b"")
    client.orphan(2)
    with pytest.raises(StateError, match="call id 2 is in use"):
        client.request(2, 0, 0, b"")


def test_call_ids_count_up_past_those_in_use_and_around(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    client.request(3, 0, 0, b"")
    client.orphan(3)
    assert [client.next_call_id(), client.next_call_id()] == [4, 5]
    client._last_call_id = 0xFFFF_FFFE
    assert [client.next_call_id(), client.next_call_id()] == [0xFFFF_FFFF, 1]


# Responses


def test_response_is_told_whole(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert client.receive_data(response()) == [ResponseReceived(2, b"results", "<")]
    assert not client.unanswered


def test_response_big_endian_is_told_whole(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert client.receive_data(response(order=">")) == [ResponseReceived(2, b"results", ">")]


def test_response_is_matched_by_its_call_and_not_its_context(kit):
    # Windows gives only the low half of the context id.
    client = bound(kit)
    client.request(2, 0, 0, b"")
    (event,) = client.receive_data(pdu.Response(2, 0xAB, b"results").serialize())
    assert event.stub == b"results"


def test_fragments_of_several_responses_may_alternate(kit):
    client = bound(kit)
    for call_id in (2, 3):
        client.request(call_id, 0, 0, b"")
    events = client.receive_data(
        response(2, b"a", FIRST)
        + response(3, b"x", FIRST)
        + response(2, b"b", 0)
        + response(3, b"y", LAST)
        + response(2, b"c", LAST)
    )
    assert events == [ResponseReceived(3, b"xy", "<"), ResponseReceived(2, b"abc", "<")]


def test_unsolicited_response_ends_the_association(kit):
    assert "a response to call 2, which was not made" in reason(bound(kit), response())


def test_second_response_ends_the_association(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    client.receive_data(response())
    assert "which was not made" in reason(client, response())


@pytest.mark.parametrize("flags", [0, LAST])
def test_response_fragment_without_first_ends_the_association(kit, flags):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert "out of order" in reason(client, response(flags=flags))


def test_response_with_first_twice_ends_the_association(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    client.receive_data(response(flags=FIRST))
    assert "out of order" in reason(client, response())


def test_response_that_changes_its_byte_order_ends_the_association(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    client.receive_data(response(flags=FIRST))
    assert "does not continue" in reason(client, response(flags=LAST, order=">"))


def test_authenticated_response_ends_the_association(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert "authenticated" in reason(client, response(stub=bytes(16), auth=AuthTrailer(10, 5, bytes(16))))


def test_response_beyond_the_limit_ends_the_association(kit):
    limits = Limits(max_response=10)
    client = bound(kit, limits=limits)
    client.request(2, 0, 0, b"")
    client.receive_data(response(stub=b"12345", flags=FIRST))
    (event,) = client.receive_data(response(stub=b"678901", flags=LAST))
    assert event.status == FaultStatus.NCA_S_OUT_ARGS_TOO_BIG


def test_limit_holds_for_all_responses_together(kit):
    client = bound(kit, limits=Limits(max_response=10))
    for call_id in (2, 3):
        client.request(call_id, 0, 0, b"")
    client.receive_data(response(2, b"123456", FIRST))
    assert "responses exceed 10 octets" in reason(client, response(3, b"123456", FIRST))


def test_finished_responses_no_longer_count(kit):
    client = bound(kit, limits=Limits(max_response=10))
    for call_id in range(2, 9):
        client.request(call_id, 0, 0, b"")
        (event,) = client.receive_data(response(call_id, b"12345", FIRST) + response(call_id, b"67890", LAST))
        assert event.stub == b"1234567890"


def test_never_ending_empty_fragments_end_the_association(kit):
    client = bound(kit, limits=Limits(max_fragments=5))
    client.request(2, 0, 0, b"")
    assert "exceeds 5 fragments" in reason(client, response(stub=b"", flags=FIRST) + response(stub=b"", flags=0) * 9)


# Faults


def test_fault_is_told_with_its_status(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    fault = pdu.Fault.of(2, 0, 0x1C010002, b"eeinfo", 3 | NOT_EXECUTED)
    assert client.receive_data(fault.serialize()) == [FaultReceived(2, 0x1C010002, True, b"eeinfo")]
    assert not client.unanswered


@pytest.mark.parametrize(
    ("extended", "hint", "kept"), [(1, 32 + 2, b"ee"), (1, 0, b""), (0, 38, b""), (3, 99, b"eeinfo")]
)
def test_the_detail_of_a_fault_is_what_its_flag_and_hint_say(kit, extended, hint, kept):
    """MS-RPCE 2.2.2.8: bit 0 says that there is some, alloc_hint less 32 how much; stub data is ignored."""
    client = bound(kit)
    client.request(2, 0, 0, b"")
    octets = bytearray(pdu.Fault.of(2, 0, 5, b"eeinfo", 3).serialize())
    assert (octets[16], octets[23]) == (32 + 6, 1)
    octets[16], octets[23] = hint, extended
    assert client.receive_data(bytes(octets)) == [FaultReceived(2, 5, False, kept)]


def test_fault_ends_a_response_that_had_begun(kit):
    client = bound(kit, limits=Limits(max_response=10))
    client.request(2, 0, 0, b"")
    client.receive_data(response(stub=b"12345678", flags=FIRST))
    assert client.receive_data(pdu.Fault(2, 0, 5).serialize()) == [FaultReceived(2, 5, False, b"")]
    client.request(2, 0, 0, b"")
    assert client.receive_data(response(stub=b"1234567890"))


def test_unsolicited_fault_ends_the_association_with_its_status(kit):
    client = bound(kit)
    assert client.receive_data(pdu.Fault(9, 0, 5).serialize()) == [
        ConnectionFailed("a fault to call 9, which was not made", 5)
    ]


# The call id of Wine's server


def test_answers_named_call_1_are_to_the_only_call_that_there_can_be(kit):
    client = bound(kit, ack(flags=3))
    client.request(2, 0, 0, b"")
    parts = response(1, b"a", FIRST) + response(1, b"b", LAST)
    assert client.receive_data(parts) == [ResponseReceived(2, b"ab", "<")]
    client.request(3, 0, 0, b"")
    assert client.receive_data(pdu.Fault(1, 0, 5).serialize()) == [FaultReceived(3, 5, False, b"")]


@pytest.mark.parametrize("other", [0, 2, 4])
def test_answers_named_otherwise_are_to_nobody(kit, other):
    client = bound(kit, ack(flags=3))
    client.request(3, 0, 0, b"")
    assert "which was not made" in reason(client, response(other))


def test_answer_named_call_1_is_to_nobody_where_calls_may_overlap(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert "a response to call 1, which was not made" in reason(client, response(1))


def test_answer_named_call_1_is_to_nobody_while_one_may_still_come_to_an_orphan(kit):
    client = bound(kit, ack(flags=3))
    client.request(2, 0, 0, b"")
    client.orphan(2)
    client.request(3, 0, 0, b"")
    assert "a response to call 1, which was not made" in reason(client, response(1))


def test_answer_named_call_1_is_to_nobody_when_no_call_waits(kit):
    assert "a response to call 1, which was not made" in reason(bound(kit, ack(flags=3)), response(1))


# Cancels


def test_cancel_asks_and_the_call_keeps_waiting(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert pdu.parse_pdu(client.cancel(2)) == pdu.CoCancel(2)
    assert client.receive_data(response())
    assert client.cancel(2) == b""


def test_answer_to_an_orphaned_call_is_dropped(kit):
    client = bound(kit)
    for call_id in (2, 3, 4):
        client.request(call_id, 0, 0, b"")
    client.receive_data(response(2, flags=FIRST))
    assert pdu.parse_pdu(client.orphan(2)) == pdu.OrphanedCall(2)
    client.orphan(3)
    late = response(2, flags=LAST) + pdu.Fault(3, 0, 5).serialize()
    assert client.receive_data(late + response(4)) == [ResponseReceived(4, b"results", "<")]
    assert client.orphan(2) == b""
    assert client.request(2, 0, 0, b"")


def test_long_answer_to_an_orphaned_call_is_dropped_to_its_end(kit):
    client = bound(kit)
    client.request(2, 0, 0, b"")
    client.orphan(2)
    assert client.receive_data(response(flags=FIRST) + response(flags=0) + response(flags=LAST)) == []
    assert "which was not made" in reason(client, response())


def test_orphaned_calls_are_forgotten_in_the_end(kit):
    client = bound(kit, limits=Limits(max_abandoned=2))
    for call_id in (2, 3, 4):
        client.request(call_id, 0, 0, b"")
        client.orphan(call_id)
    assert client.receive_data(response(3) + response(4)) == []
    assert "which was not made" in reason(client, response(2))


# The rest


def test_shutdown_is_told(kit):
    client = bound(kit)
    assert client.receive_data(pdu.Shutdown(0).serialize()) == [ShutdownRequested()]
    assert not client.closed


@pytest.mark.parametrize("ptype", [PacketType.REQUEST, PacketType.BIND, PacketType.CO_CANCEL, PacketType.AUTH3, 1, 255])
def test_ptypes_that_only_clients_send_or_nobody_end_the_association(kit, ptype):
    octets = bytes((5, 0, ptype, 3, 0x10, 0, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0))
    assert f"PTYPE {int(ptype)} is not received here" in reason(bound(kit), octets)


def test_garbage_ends_the_association_and_nothing_is_kept(kit):
    client = asked(kit)
    assert reason(client, b"HTTP/1.1 400 Bad Request\r\n\r\n") == "this is another protocol"
    assert not client._inbox.octets


def test_mistakes_after_the_end_are_told(kit):
    client = bound(kit)
    reason(client, response())
    with pytest.raises(StateError, match="request may not be sent while closed"):
        client.request(2, 0, 0, b"")
    assert client.cancel(2) == client.orphan(2) == b""


def test_syntax_of_another_version_was_not_offered(kit):
    result = ContextResult(0, 0, SyntaxId(NDR.uuid, 1, 0))
    assert "not offered" in reason(asked(kit), ack(results=[result]))


def test_association_shows_where_it_stands(kit):
    assert repr(ClientAssociation()) == "<ClientAssociation idle, 0 contexts, 0 calls>"
    client = bound(kit)
    client.request(2, 0, 0, b"")
    assert repr(client) == "<ClientAssociation bound, 1 contexts, 1 calls>"


def test_plain_request_is_what_request_makes(kit):
    plain, other = bound(kit), bound(kit)
    call_id, octets = plain.plain_request(0, 5, b"stub") or (0, b"")
    assert [octets] == other.request(call_id, 0, 5, b"stub")
    assert len(plain.unanswered) == len(other.unanswered) == 1


@pytest.mark.parametrize(
    "special",
    [
        lambda kit: bound(kit, order=">"),
        lambda kit: bound(kit, ack(max_recv=1432, max_xmit=1432)),
        lambda kit: asked(kit),
    ],
    ids=["big-endian", "too long for a fragment", "not bound"],
)
def test_plain_request_leaves_alone_what_is_more(kit, special):
    client = special(kit)
    assert client.plain_request(0, 5, bytes(2000)) is None
    assert not client.unanswered


def test_plain_request_leaves_unknown_contexts_and_second_calls_alone(kit):
    client = bound(kit, multiplex=False)
    assert client.plain_request(9, 5, b"") is None
    assert client.plain_request(0, 5, b"") is not None
    assert client.plain_request(0, 5, b"") is None


def test_plain_request_takes_no_call_id_that_is_in_use(kit):
    client = bound(kit)
    client.request(2, 0, 5, b"")
    client.request(3, 0, 5, b"")
    client.orphan(3)
    assert (client.plain_request(0, 5, b"") or (0,))[0] == 4


def test_plain_answer_is_the_stub_of_the_only_response(kit):
    client = bound(kit)
    call_id, _ = client.plain_request(0, 5, b"") or (0, b"")
    assert client.plain_answer(response(call_id, b"results"), call_id) == b"results"
    assert not client.unanswered
    assert client.plain_answer(response(call_id, b"results"), call_id) is None


def test_plain_answer_leaves_all_else_alone(kit):
    client = bound(kit)
    first, second = [(client.plain_request(0, 5, b"") or (0,))[0] for _ in range(2)]
    fault = pdu.Fault(first, 0, 5).serialize()
    two = response(first) + response(second)
    for octets in (b"", fault, two, two[:-1], response(second), response(first, flags=FIRST), response(first)[:-1]):
        assert client.plain_answer(octets, first) is None
    assert len(client.unanswered) == 2
    assert client.receive_data(response(first, b"results")[:20]) == []
    assert client.plain_answer(response(second), second) is None  # in the middle of another one


def test_plain_responses_are_told_one_by_one(kit):
    client = bound(kit)
    ids = [(client.plain_request(0, 5, b"") or (0,))[0] for _ in range(3)]
    octets = response(ids[1], b"second") + response(ids[0], b"first") + response(ids[2], b"third")[:-1]
    assert client.plain_response(octets) == (ids[1], b"second")
    assert client.plain_response(octets, 30) == (ids[0], b"first")
    assert client.plain_response(octets, 59) is None
    assert client.receive_data(octets[59:]) == []
    assert client.plain_response(response(ids[2])) is None  # in the middle of another one
    (event,) = client.receive_data(response(ids[2], b"third")[-1:])
    assert event == ResponseReceived(ids[2], b"third", "<")


def test_plain_response_leaves_faults_fragments_and_lies_alone(kit):
    client = bound(kit)
    [call_id] = [(client.plain_request(0, 5, b"") or (0,))[0]]
    fault = pdu.Fault(call_id, 0, 5).serialize()
    short = bytearray(response(call_id))
    short[8:10] = (20).to_bytes(2, "little")  # frag_length: less than the header
    for octets in (fault, response(call_id, flags=FIRST), response(call_id + 1), bytes(short), b"", bytes(24)):
        assert client.plain_response(octets) is None
    assert len(client.unanswered) == 1
