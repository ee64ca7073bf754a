"""The server's association, alone: PDUs in, events and PDUs out."""

from __future__ import annotations

from uuid import UUID

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    NDR64,
    BindRequested,
    CancelReceived,
    ConnectionFailed,
    Context,
    ContextOutcome,
    ContextRequest,
    ContextResult,
    FaultStatus,
    Limits,
    NakReason,
    Orphaned,
    PacketType,
    RejectionReason,
    RequestReceived,
    StateError,
    SyntaxId,
    bind_pdu,
    feature_syntax,
    negotiate,
    pdu,
)
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.states import State

FIRST, LAST, CANCEL, MPX, NOT_EXECUTED, MAYBE = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40
PROTO_ERROR = FaultStatus.NCA_S_PROTO_ERROR
DENIED = FaultStatus.ACCESS_DENIED


def request(call_id: int = 2, stub: bytes = b"stub", flags: int = 3, **fields) -> bytes:
    fields = {"context_id": 0, "opnum": 7, **fields}
    return pdu.Request(call_id=call_id, stub=stub, flags=flags, **fields).serialize()


def alter(kit, *contexts: ContextRequest, call_id: int = 5, **options) -> bytes:
    items = list(contexts) or [ContextRequest(1, kit.INTERFACE, [NDR])]
    return bind_pdu.AlterContext(call_id, items, 5840, 5840, **options).serialize()


def failed(kit, server, octets: bytes):
    """The one PDU that a server answers octets with that end its association."""
    (event,) = server.receive_data(octets)
    assert isinstance(event, ConnectionFailed)
    assert server.closed
    assert server.receive_data(request()) == []
    (answer,) = kit.pdus(server.data_to_send())
    assert server.data_to_send() == b""
    return answer


def faulted(kit, server, octets: bytes) -> tuple[int, int, int, bool]:
    """(call id, context id, status, did not execute) of the fault that ends the association."""
    fault = failed(kit, server, octets)
    assert isinstance(fault, pdu.Fault)
    return fault.call_id, fault.context_id, fault.status, bool(fault.flags & NOT_EXECUTED)


def faulted_in_answer(kit, server, octets: bytes) -> tuple[int, int, int, bool]:
    """The same of the fault that takes the place of the answer to an alter context."""
    events, sent = kit.listen(server, [octets])
    (fault,) = kit.pdus(sent)
    assert server.closed
    assert isinstance(events[-1], ConnectionFailed)
    assert fault.status == events[-1].status
    return fault.call_id, fault.context_id, fault.status, bool(fault.flags & NOT_EXECUTED)


def naked(kit, octets: bytes, **options) -> NakReason:
    nak = failed(kit, kit.new_server(**options), octets)
    assert isinstance(nak, bind_pdu.BindNak)
    assert nak.versions == [(5, 0)]
    return NakReason(nak.reason)


# Bind


def test_bind_is_answered_with_group_address_and_results(kit):
    server = kit.new_server(secondary_address="49152")
    (event,) = server.receive_data(kit.bind_octets(flags=0x03))
    assert event == BindRequested(1, [ContextRequest(0, kit.INTERFACE, [NDR])], kit.GROUP, False, 3)
    (ack,) = kit.pdus(server.accept(event, negotiate(event.contexts, kit.offers)))
    result = ContextResult(ContextOutcome.ACCEPTANCE, 0, NDR)
    assert ack == bind_pdu.BindAck(1, [result], 5840, 5840, kit.GROUP, "49152", 3)
    assert server.contexts == {0: Context(kit.INTERFACE, NDR)}


def test_windows_bind_with_two_encodings_and_features_is_answered_as_windows_does(kit):
    golden = {name: octets for name, _, octets in kit.GOLDEN}
    events, sent = kit.listen(kit.new_server(), [golden["bind"]])
    assert len(events) == 1
    assert sent.hex(" ") == golden["bind_ack"].hex(" ")


@pytest.mark.parametrize(
    ("xmit", "recv", "size"),
    [(0, 0, 2048), (3199, 0xFFFF, 3192), (0xFFFF, 0xFFFF, 5840)],
)
def test_both_sizes_of_the_ack_are_the_agreed_one(kit, xmit, recv, size):
    server = kit.new_server()
    _, sent = kit.listen(server, [kit.bind_octets(max_xmit=xmit, max_recv=recv)])
    (ack,) = kit.pdus(sent)
    assert (ack.max_xmit, ack.max_recv, server.max_fragment) == (size, size, size)


def test_pipe_agrees_on_4280(kit):
    _, sent = kit.listen(kit.new_server(transport_max_fragment=4280), [kit.bind_octets()])
    assert kit.pdus(sent)[0].max_recv == 4280


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x02, 0x03, 0x08, 0x20, 0x40, 0x80])
def test_bind_flags_of_no_meaning_are_ignored(kit, flags):
    _, sent = kit.listen(kit.new_server(), [kit.bind_octets(flags=flags)])
    assert kit.pdus(sent)[0].flags == 3


def test_bind_flags_of_multiplexing_and_header_signing_are_echoed(kit):
    _, sent = kit.listen(kit.new_server(), [kit.bind_octets(flags=0xFF)])
    assert kit.pdus(sent)[0].flags == 0x17


def test_group_that_does_not_exist_is_refused(kit):
    asked = []
    octets = kit.bind_octets(group_id=1)
    assert naked(kit, octets, group_id=asked.append) is NakReason.NOT_SPECIFIED
    assert asked == [1]


def test_group_that_exists_is_joined(kit):
    _, sent = kit.listen(kit.new_server(), [kit.bind_octets(group_id=77)])
    assert kit.pdus(sent)[0].group_id == 77


def test_second_bind_is_refused(kit):
    nak = failed(kit, kit.bound_server(), kit.bind_octets(call_id=9))
    assert (type(nak), nak.call_id, nak.reason) == (bind_pdu.BindNak, 9, NakReason.NOT_SPECIFIED)


def test_bind_without_contexts_is_refused(kit):
    octets = bind_pdu.Bind(1, [], 5840, 5840).serialize()
    assert naked(kit, octets) is NakReason.NOT_SPECIFIED


def test_context_without_transfer_syntaxes_is_refused(kit):
    assert naked(kit, kit.bind_octets(ContextRequest(0, kit.INTERFACE, []))) is NakReason.NOT_SPECIFIED


def test_more_contexts_than_the_limit_are_refused(kit):
    items = [ContextRequest(number, kit.INTERFACE, [NDR]) for number in range(33)]
    assert naked(kit, kit.bind_octets(*items)) is NakReason.LOCAL_LIMIT_EXCEEDED
    events, _ = kit.listen(kit.new_server(), [kit.bind_octets(*items[1:])])
    assert len(events[0].contexts) == 32


def test_more_transfer_syntaxes_than_the_limit_are_refused(kit):
    item = ContextRequest(0, kit.INTERFACE, [NDR] * 9)
    assert naked(kit, kit.bind_octets(item)) is NakReason.LOCAL_LIMIT_EXCEEDED


def test_features_asked_for_twice_are_refused(kit):
    items = [ContextRequest(number, kit.INTERFACE, [feature_syntax(number)]) for number in (1, 2)]
    assert naked(kit, kit.bind_octets(*items)) is NakReason.NOT_SPECIFIED


@pytest.mark.parametrize("level", range(2, 7))
def test_authenticated_bind_is_refused_by_type(kit, level):
    octets = kit.bind_octets(auth=AuthTrailer(10, level, b"NTLMSSP\0"))
    assert naked(kit, octets) is NakReason.AUTHENTICATION_TYPE_NOT_RECOGNIZED


@pytest.mark.parametrize("level", [0, 1, 7, 255])
def test_authenticated_bind_at_no_level_is_refused_without_reason(kit, level):
    octets = kit.bind_octets(auth=AuthTrailer(10, level, b"NTLMSSP\0"))
    assert naked(kit, octets) is NakReason.NOT_SPECIFIED


def test_bind_with_an_auth_length_it_cannot_have_is_refused(kit):
    octets = bytearray(kit.bind_octets())
    octets[10] = 0xFF
    assert naked(kit, bytes(octets)) is NakReason.PROTOCOL_VERSION_NOT_SUPPORTED


@pytest.mark.parametrize(
    ("at", "value"), [(0, 4), (0, 6), (1, 2), (4, 0x11), (5, 1)], ids=["4.0", "6.0", "5.2", "EBCDIC", "VAX"]
)
def test_bind_of_another_version_or_representation_is_refused(kit, at, value):
    octets = bytearray(kit.bind_octets())
    octets[at] = value
    assert naked(kit, bytes(octets)) is NakReason.PROTOCOL_VERSION_NOT_SUPPORTED


def test_minor_version_one_is_accepted(kit):
    octets = bytearray(kit.bind_octets())
    octets[1] = 1
    events, _ = kit.listen(kit.new_server(), [bytes(octets)])
    assert isinstance(events[0], BindRequested)


def test_owner_can_refuse_a_bind(kit):
    server = kit.new_server()
    (event,) = server.receive_data(kit.bind_octets())
    (nak,) = kit.pdus(server.refuse(event, NakReason.TEMPORARY_CONGESTION))
    assert (nak.call_id, nak.reason) == (1, NakReason.TEMPORARY_CONGESTION)
    assert server.closed
    assert server.refuse(event) == server.accept(event, []) == b""


def test_owner_can_refuse_an_alter_context(kit):
    server = kit.bound_server()
    (event,) = server.receive_data(alter(kit))
    (fault,) = kit.pdus(server.refuse(event))
    assert (fault.call_id, fault.status) == (5, DENIED)
    assert server.closed


def test_bind_is_answered_once_and_in_full(kit):
    server = kit.new_server()
    (event,) = server.receive_data(kit.bind_octets())
    with pytest.raises(StateError, match="0 results for 1 contexts"):
        server.accept(event, [])
    results = negotiate(event.contexts, kit.offers)
    assert server.accept(event, results)
    with pytest.raises(StateError, match="does not wait"):
        server.accept(event, results)


def test_what_follows_a_bind_is_held_until_it_is_answered(kit):
    server = kit.new_server()
    (event,) = server.receive_data(kit.bind_octets(flags=0x13) + request())
    assert server.receive_data(request(3)) == []
    server.accept(event, negotiate(event.contexts, kit.offers))
    assert [event.call_id for event in server.receive_data(b"")] == [2, 3]


def test_what_is_held_is_bounded(kit):
    server = kit.new_server(limits=Limits(max_held=100))
    (event,) = server.receive_data(kit.bind_octets() + bytes(200))
    (failure,) = server.receive_data(b"x")
    assert isinstance(failure, ConnectionFailed)
    assert server.closed
    assert server.accept(event, []) == b""


# Alter context


def test_alter_context_adds_a_context_and_says_neither_address_nor_new_sizes(kit):
    server = kit.bound_server()
    item = ContextRequest(1, kit.OTHER, [NDR64])
    octets = alter(kit, item, group_id=99, flags=0xFF)
    (event,) = server.receive_data(octets)
    assert event == BindRequested(5, [item], kit.GROUP, True, 0xFF)
    (answer,) = kit.pdus(server.accept(event, negotiate(event.contexts, kit.offers)))
    result = ContextResult(ContextOutcome.ACCEPTANCE, 0, NDR64)
    assert answer == bind_pdu.AlterContextResponse(5, [result], 5840, 5840, kit.GROUP, "", 0x07)
    assert server.contexts[1] == Context(kit.OTHER, NDR64)


def test_context_offered_again_is_accepted_again(kit):
    server = kit.bound_server()
    _, sent = kit.listen(server, [alter(kit, ContextRequest(0, kit.INTERFACE, [NDR]))])
    assert kit.pdus(sent)[0].results == [ContextResult(0, 0, NDR)]


def test_context_offered_again_with_a_better_encoding_breaks_the_protocol(kit):
    item = ContextRequest(0, kit.INTERFACE, [NDR, NDR64])
    assert faulted_in_answer(kit, kit.bound_server(), alter(kit, item)) == (5, 0, PROTO_ERROR, True)


def test_context_offered_again_for_an_interface_not_served_breaks_the_protocol(kit):
    item = ContextRequest(0, SyntaxId(UUID(int=9)), [NDR])
    assert faulted_in_answer(kit, kit.bound_server(), alter(kit, item)) == (5, 0, PROTO_ERROR, True)


@pytest.mark.parametrize("change", ["interface", "encoding"])
def test_context_that_changes_breaks_the_protocol(kit, change):
    server = kit.bound_server()
    item = ContextRequest(0, kit.OTHER if change == "interface" else kit.INTERFACE, [NDR64])
    _, sent = kit.listen(server, [alter(kit, item)])
    (fault,) = kit.pdus(sent)
    assert (fault.call_id, fault.context_id, fault.status, fault.flags) == (5, 0, PROTO_ERROR, 0x23)
    assert server.closed


def test_context_offered_again_in_unknown_encodings_keeps_its_own(kit):
    server = kit.bound_server()
    _, sent = kit.listen(server, [alter(kit, ContextRequest(0, kit.INTERFACE, [SyntaxId(NDR.uuid, 9)]))])
    assert not kit.pdus(sent)[0].results[0].accepted
    assert server.contexts == {0: Context(kit.INTERFACE, NDR)}


def test_contexts_beyond_the_limit_are_rejected_and_the_association_stays(kit):
    server = kit.bound_server(limits=Limits(max_contexts=1))
    _, sent = kit.listen(server, [alter(kit)])
    assert kit.pdus(sent)[0].results == [
        ContextResult(ContextOutcome.PROVIDER_REJECTION, RejectionReason.LOCAL_LIMIT_EXCEEDED)
    ]
    assert 1 not in server.contexts
    assert server.receive_data(request())


def test_alter_context_before_bind_breaks_the_protocol(kit):
    assert faulted(kit, kit.new_server(), alter(kit)) == (5, 0, PROTO_ERROR, True)


def test_alter_context_without_contexts_breaks_the_protocol(kit):
    octets = bind_pdu.AlterContext(5, [], 5840, 5840).serialize()
    assert faulted(kit, kit.bound_server(), octets) == (5, 0, PROTO_ERROR, True)


def test_authenticated_alter_context_is_refused(kit):
    octets = alter(kit, auth=AuthTrailer(10, 5, b"NTLMSSP\0"))
    assert faulted(kit, kit.bound_server(), octets) == (5, 0, FaultStatus.RPC_S_SEC_PKG_ERROR, True)


@pytest.mark.parametrize("bound", [True, False])
def test_auth3_without_authentication_breaks_the_protocol(kit, bound):
    server = kit.bound_server() if bound else kit.new_server()
    octets = bind_pdu.Auth3(6, auth=AuthTrailer(10, 5, b"abcd")).serialize()
    assert faulted(kit, server, octets) == (6, 0, PROTO_ERROR, True)


# Requests


def test_request_is_told_whole(kit):
    server = kit.bound_server()
    assert server.receive_data(request()) == [RequestReceived(2, 0, 7, None, b"stub", "<", 3)]


def test_request_big_endian_for_an_object_is_told_whole(kit):
    server = kit.bound_server()
    octets = request(object=kit.OBJECT, order=">")
    assert server.receive_data(octets) == [RequestReceived(2, 0, 7, kit.OBJECT, b"stub", ">", 0x83)]


def test_quick_path_and_careful_path_tell_the_same(kit):
    quick, careful = kit.bound_server(), kit.bound_server()
    octets = request()
    assert quick.receive_data(octets) == careful.receive_data(octets[:1]) + careful.receive_data(octets[1:])


@pytest.mark.parametrize("flags", [0x08, 0x10, 0x20], ids=["reserved", "multiplex", "did not execute"])
def test_request_flags_of_no_meaning_are_tolerated(kit, flags):
    (event,) = kit.bound_server().receive_data(request(flags=3 | flags))
    assert (event.call_id, event.flags) == (2, 3 | flags)


def test_verification_trailer_stays_behind_the_stub(kit):
    trailer = bytes.fromhex("8ae3137102f43671 0140 0400 00000000")
    (event,) = kit.bound_server().receive_data(request(stub=b"stub" + trailer))
    assert event.stub == b"stub" + trailer


def test_request_before_bind_breaks_the_protocol(kit):
    assert faulted(kit, kit.new_server(), request()) == (2, 0, PROTO_ERROR, False)


@pytest.mark.parametrize("context_id", [1, 54321])
def test_unknown_context_is_a_fault_and_the_association_stays(kit, context_id):
    server = kit.bound_server()
    assert server.receive_data(request(context_id=context_id)) == []
    (fault,) = kit.pdus(server.data_to_send())
    assert (fault.call_id, fault.context_id, fault.status, fault.flags) == (2, 0, 0x1C010003, 0x23)
    assert server.receive_data(request())


def test_request_longer_than_the_transport_allows_breaks_the_protocol_at_its_header(kit):
    octets = request(stub=bytes(5817))
    assert faulted(kit, kit.bound_server(), octets[:16]) == (2, 0, PROTO_ERROR, False)
    assert kit.bound_server().receive_data(request(stub=bytes(5816)))


def test_frag_length_shorter_than_a_request_breaks_the_protocol(kit):
    octets = bytearray(request(stub=b""))
    octets[8] = 20
    assert faulted(kit, kit.bound_server(), bytes(octets[:20])) == (2, 0, PROTO_ERROR, False)


def test_authenticated_request_is_denied(kit):
    octets = request(auth=AuthTrailer(10, 5, b"0123456789abcdef", 0, 12))
    assert faulted(kit, kit.bound_server(), octets) == (2, 0, DENIED, False)


def test_ndr64_big_endian_breaks_the_protocol(kit):
    server = kit.new_server()
    kit.listen(server, [kit.bind_octets(ContextRequest(0, kit.INTERFACE, [NDR64]))])
    assert faulted(kit, server, request(order=">")) == (2, 0, PROTO_ERROR, False)


@pytest.mark.parametrize("alloc_hint", [0, 1, 0x400001, 0xFFFFFFFF])
def test_alloc_hint_of_a_whole_request_is_not_believed(kit, alloc_hint):
    (event,) = kit.bound_server().receive_data(request(alloc_hint=alloc_hint))
    assert event.stub == b"stub"


# Fragments


def test_fragments_are_joined_in_order(kit):
    server = kit.bound_server()
    assert server.receive_data(request(stub=b"one", flags=FIRST)) == []
    assert server.receive_data(request(stub=b"two", flags=0)) == []
    (event,) = server.receive_data(request(stub=b"three", flags=LAST))
    assert event == RequestReceived(2, 0, 7, None, b"onetwothree", "<", FIRST)


@pytest.mark.parametrize("alloc_hint", [0, 1, 0x400000])
def test_alloc_hint_of_fragments_is_only_a_hint(kit, alloc_hint):
    server = kit.bound_server()
    server.receive_data(request(stub=b"one", flags=FIRST, alloc_hint=alloc_hint))
    (event,) = server.receive_data(request(stub=b"two", flags=LAST))
    assert event.stub == b"onetwo"


def test_alloc_hint_beyond_the_limit_is_denied_on_the_first_fragment(kit):
    octets = request(flags=FIRST, alloc_hint=0x400001)
    assert faulted(kit, kit.bound_server(), octets) == (2, 0, DENIED, False)


@pytest.mark.parametrize("flags", [0, LAST])
def test_fragment_without_first_breaks_the_protocol(kit, flags):
    assert faulted(kit, kit.bound_server(), request(flags=flags)) == (2, 0, PROTO_ERROR, False)


def test_first_twice_breaks_the_protocol_and_names_the_call_in_progress(kit):
    server = kit.bound_server(flags=0x03)
    server.receive_data(request(50, flags=FIRST))
    assert faulted(kit, server, request(51, flags=FIRST)) == (50, 0, PROTO_ERROR, False)


def test_first_twice_with_multiplexing_names_the_new_call(kit):
    server = kit.bound_server()
    server.receive_data(request(50, flags=FIRST))
    assert faulted(kit, server, request(51)) == (51, 0, PROTO_ERROR, False)


@pytest.mark.parametrize(
    "change",
    [{"call_id": 3}, {"opnum": 8}, {"context_id": 1}, {"order": ">"}, {"object": True}],
    ids=lambda change: next(iter(change)),
)
def test_fragments_that_change_their_call_break_the_protocol(kit, change):
    if "object" in change:
        change = {"object": kit.OBJECT}
    server = kit.bound_server()
    server.receive_data(request(flags=FIRST))
    call_id = change.get("call_id", 2)
    assert faulted(kit, server, request(**{"flags": LAST, "call_id": 2, **change})) == (call_id, 0, PROTO_ERROR, False)


def test_without_multiplexing_a_fragment_of_another_call_names_the_call_in_progress(kit):
    server = kit.bound_server(flags=0x03)
    server.receive_data(request(flags=FIRST))
    assert faulted(kit, server, request(3, flags=LAST)) == (2, 0, PROTO_ERROR, False)


def test_with_multiplexing_a_stray_fragment_for_an_unknown_context_is_a_fault_and_the_association_stays(kit):
    server = kit.bound_server()
    assert server.receive_data(request(flags=0, context_id=111)) == []
    (fault,) = kit.pdus(server.data_to_send())
    assert (fault.call_id, fault.context_id, fault.status, fault.flags) == (2, 0, 0x1C010003, 0x23)
    assert server.receive_data(request())


def test_stub_beyond_the_limit_is_denied_at_once(kit):
    server = kit.bound_server(limits=Limits(max_request=8))
    server.receive_data(request(stub=b"12345", flags=FIRST))
    assert faulted(kit, server, request(stub=b"6789", flags=0)) == (2, 0, DENIED, False)
    assert faulted(kit, kit.bound_server(limits=Limits(max_request=8)), request(stub=b"123456789")) == (
        2,
        0,
        DENIED,
        False,
    )


def test_stub_of_four_mebibytes_passes_and_one_octet_more_does_not(kit):
    piece = 5816
    whole, rest = divmod(4 * 1024 * 1024, piece)
    for more, fine in ((0, True), (1, False)):
        server = kit.bound_server()
        server.receive_data(request(stub=bytes(piece), flags=FIRST))
        for _ in range(whole - 1):
            assert server.receive_data(request(stub=bytes(piece), flags=0)) == []
        (event,) = server.receive_data(request(stub=bytes(rest + more), flags=LAST))
        assert isinstance(event, RequestReceived) is fine


def test_never_ending_empty_fragments_are_denied(kit):
    server = kit.bound_server(limits=Limits(max_fragments=10))
    octets = request(stub=b"", flags=FIRST) + request(stub=b"", flags=0) * 9
    assert server.receive_data(octets) == []
    assert faulted(kit, server, request(stub=b"", flags=0)) == (2, 0, DENIED, False)


def test_begin_of_a_cancelled_call_is_refused(kit):
    no_call_active = FaultStatus.RPC_S_NO_CALL_ACTIVE
    assert faulted(kit, kit.bound_server(), request(flags=FIRST | CANCEL)) == (2, 0, no_call_active, True)


def test_pending_cancel_on_later_fragments_is_ignored(kit):
    server = kit.bound_server()
    server.receive_data(request(flags=FIRST))
    server.receive_data(request(flags=CANCEL))
    assert server.receive_data(request(flags=LAST | CANCEL))


# Several calls


def test_without_multiplexing_a_call_during_another_breaks_the_protocol(kit):
    server = kit.bound_server(flags=0x03)
    server.receive_data(request(50))
    assert faulted(kit, server, request(51)) == (50, 0, PROTO_ERROR, False)


def test_with_multiplexing_calls_run_side_by_side_and_are_answered_in_any_order(kit):
    server = kit.bound_server()
    calls = [event.call_id for event in server.receive_data(request(50) + request(51))]
    assert calls == [50, 51]
    sent = b"".join(server.respond(51, 0, b"second") + server.respond(50, 0, b"first"))
    assert [(answer.call_id, answer.stub) for answer in kit.pdus(sent)] == [(51, b"second"), (50, b"first")]


def test_call_id_of_a_running_call_breaks_the_protocol(kit):
    server = kit.bound_server()
    server.receive_data(request(50))
    assert faulted(kit, server, request(50)) == (50, 0, PROTO_ERROR, False)


def test_call_id_may_be_used_again_after_the_answer(kit):
    server = kit.bound_server()
    for _ in range(3):
        assert server.receive_data(request(50))
        assert server.respond(50, 0, b"")


def test_calls_beyond_the_limit_are_told_to_come_later(kit):
    server = kit.bound_server(limits=Limits(max_calls=2))
    assert len(server.receive_data(request(1) + request(2) + request(3))) == 2
    (fault,) = kit.pdus(server.data_to_send())
    assert (fault.call_id, fault.status, fault.flags) == (3, FaultStatus.NCA_S_SERVER_TOO_BUSY, 0x23)
    server.respond(1, 0, b"")
    assert server.receive_data(request(3))


# Answers


def test_response_carries_stub_hint_and_the_low_half_of_the_context(kit):
    server = kit.new_server()
    kit.listen(server, [kit.bind_octets(ContextRequest(0x1FF, kit.INTERFACE, [NDR]))])
    server.receive_data(request(context_id=0x1FF))
    (octets,) = server.respond(2, 0x1FF, [b"st", memoryview(b"ub")])
    assert pdu.parse_pdu(octets) == pdu.Response(2, 0xFF, b"stub", 0, 4)


def test_response_to_a_big_endian_request_is_little_endian(kit):
    server = kit.bound_server()
    server.receive_data(request(order=">"))
    assert pdu.parse_pdu(server.respond(2, 0, b"stub")[0]).order == "<"


def test_long_response_is_cut_at_multiples_of_eight_within_the_agreed_size(kit):
    server = kit.new_server()
    kit.listen(server, [kit.bind_octets(max_xmit=2048, max_recv=2048)])
    server.receive_data(request())
    stub = bytes(range(256)) * 16
    answers = [pdu.parse_pdu(octets) for octets in server.respond(2, 0, stub)]
    assert [(len(answer.stub), answer.flags, answer.alloc_hint) for answer in answers] == [
        (2024, FIRST, 4096),
        (2024, 0, 2072),
        (48, LAST, 48),
    ]
    assert b"".join(answer.stub for answer in answers) == stub


def test_response_that_just_fits_is_one_fragment(kit):
    server = kit.bound_server()
    server.receive_data(request())
    (octets,) = server.respond(2, 0, bytes(5816))
    assert len(octets) == 5840
    server.receive_data(request())
    assert [len(octets) for octets in server.respond(2, 0, bytes(5817))] == [5840, 25]


def test_fault_carries_its_status(kit):
    server = kit.bound_server()
    server.receive_data(request())
    answer = pdu.parse_pdu(server.fault(2, 0, 0x6F7))
    assert answer == pdu.Fault(2, 0, 0x6F7)
    server.receive_data(request())
    assert pdu.parse_pdu(server.fault(2, 0, 0x1C010002, did_not_execute=True)).flags == 0x23


def test_call_is_answered_once(kit):
    server = kit.bound_server()
    server.receive_data(request())
    server.respond(2, 0, b"")
    with pytest.raises(StateError, match="call 2 is not running"):
        server.respond(2, 0, b"")
    with pytest.raises(StateError, match="call 2 is not running"):
        server.fault(2, 0, 5)


def test_maybe_call_is_not_answered(kit):
    server = kit.bound_server()
    (event,) = server.receive_data(request(flags=3 | MAYBE))
    assert event.flags & MAYBE
    assert server.respond(2, 0, b"stub") == []
    assert server.receive_data(request(context_id=9, flags=3 | MAYBE)) == []
    assert server.data_to_send() == b""


def test_maybe_calls_leave_others_their_room_and_the_newest_are_dropped(kit):
    server = kit.bound_server(limits=Limits(max_calls=2, max_one_way=3))
    for call_id in range(2, 7):
        server.receive_data(request(call_id, flags=3 | MAYBE))
    assert server.dropped == 2
    assert len(server.receive_data(request(10)) + server.receive_data(request(11))) == 2
    assert server.receive_data(request(12)) == []  # too busy, which it is told
    assert server.data_to_send()
    assert server.respond(2, 0, b"") == []
    assert len(server.receive_data(request(13, flags=3 | MAYBE))) == 1


def test_shutdown_is_asked_of_a_client_that_has_bound(kit):
    assert kit.bound_server().shutdown() == pdu.Shutdown(0).serialize()
    unbound = kit.new_server()
    assert unbound.shutdown() == b""


def test_answers_after_the_end_send_nothing(kit):
    server = kit.bound_server()
    server.receive_data(request(2) + request(3))
    failed(kit, server, request(2))
    assert server.respond(2, 0, b"stub") == []
    assert server.fault(3, 0, 5) == b""


# Cancels


def test_cancel_of_a_running_call_is_told_once(kit):
    server = kit.bound_server()
    server.receive_data(request())
    cancel = pdu.CoCancel(2).serialize()
    assert server.receive_data(cancel + cancel) == [CancelReceived(2)]
    assert server.respond(2, 0, b"")
    assert server.receive_data(cancel) == []


def test_orphaned_call_is_told_once_and_not_answered(kit):
    server = kit.bound_server()
    server.receive_data(request())
    orphaned = pdu.OrphanedCall(2).serialize()
    assert server.receive_data(orphaned + orphaned) == [Orphaned(2)]
    assert server.receive_data(pdu.CoCancel(2).serialize()) == []
    assert server.respond(2, 0, b"stub") == []
    assert server.receive_data(orphaned) == []


@pytest.mark.parametrize("notice", [pdu.CoCancel, pdu.OrphanedCall])
def test_cancel_of_no_call_is_ignored_even_before_bind(kit, notice):
    for server in (kit.new_server(), kit.bound_server()):
        assert server.receive_data(notice(9).serialize()) == []
        assert not server.closed
        assert server.data_to_send() == b""


@pytest.mark.parametrize("notice", [pdu.CoCancel, pdu.OrphanedCall])
def test_cancel_between_fragments_is_ignored(kit, notice):
    server = kit.bound_server()
    server.receive_data(request(flags=FIRST))
    assert server.receive_data(notice(2).serialize()) == []
    (event,) = server.receive_data(request(flags=LAST))
    assert event.stub == b"stubstub"
    assert server.respond(2, 0, b"stub")


# Garbage


@pytest.mark.parametrize(
    "octets",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", bytes.fromhex("16030100a5010000a10303"), b"\xff" * 1024 * 1024],
    ids=["HTTP", "TLS", "a mebibyte"],
)
def test_garbage_ends_the_association_in_one_read_and_nothing_is_kept(kit, octets):
    server = kit.new_server()
    (event,) = server.receive_data(octets)
    assert event == ConnectionFailed("this is another protocol", PROTO_ERROR)
    assert server.data_to_send() == b""
    assert server.receive_data(octets) == []
    assert not server._inbox.octets


@pytest.mark.parametrize(
    "ptype",
    [PacketType.RESPONSE, PacketType.FAULT, PacketType.BIND_ACK, PacketType.SHUTDOWN, 1, 10, 20, 255],
)
def test_ptypes_that_only_servers_send_or_nobody_end_the_association_in_silence(kit, ptype):
    server = kit.bound_server()
    octets = bytes((5, 0, ptype, 3, 0x10, 0, 0, 0, 0xFF, 0xFF, 0, 0, 9, 0, 0, 0))
    (event,) = server.receive_data(octets)
    assert isinstance(event, ConnectionFailed)
    assert server.data_to_send() == b""


def test_events_before_the_failure_are_told(kit):
    server = kit.bound_server()
    events = server.receive_data(request(2) + b"GET / HTTP/1.1\r\n")
    assert [type(event) for event in events] == [RequestReceived, ConnectionFailed]


def test_large_frag_length_with_nothing_behind_it_holds_nothing(kit):
    server = kit.new_server()
    octets = kit.bind_octets()
    assert server.receive_data(octets[:8] + b"\xff\xff" + octets[10:16]) == []
    assert len(server._inbox.octets) == 16


def test_association_shows_where_it_stands(kit):
    assert repr(kit.new_server()) == "<ServerAssociation idle, 0 contexts, 0 calls>"
    server = kit.bound_server()
    server.receive_data(request())
    assert repr(server) == "<ServerAssociation bound, 1 contexts, 1 calls>"
    assert server.state is State.BOUND


@pytest.mark.parametrize("notice", [pdu.CoCancel, pdu.OrphanedCall])
def test_words_on_no_call_end_the_association_when_there_is_no_end_of_them(kit, notice):
    server = kit.bound_server()
    for call_id in range(2, 1002):  # a cancel and an orphan that cross the answer are nothing
        assert server.receive_data(request(call_id))
        server.respond(call_id, 0, b"")
        assert server.receive_data(notice(call_id).serialize() * 2) == []
    (failed,) = server.receive_data(notice(5000).serialize() * 5000)
    assert isinstance(failed, ConnectionFailed)
    assert server.closed


def test_plain_requests_are_told_one_by_one(kit):
    server = kit.bound_server()
    octets = request(2, b"first") + request(3, b"second") + request(4, b"third")[:-1]
    assert server.plain_request(octets) == (2, 0, 7, b"first")
    assert server.plain_request(octets, 29) == (3, 0, 7, b"second")
    assert server.plain_request(octets, 59) is None
    assert server.receive_data(octets[59:]) == []
    assert server.plain_request(request(5)) is None  # in the middle of another one
    (event,) = server.receive_data(request(4, b"third")[-1:])
    assert event.stub == b"third"


def test_plain_request_leaves_fragments_lies_and_calls_that_run_alone(kit):
    server = kit.bound_server()
    assert server.plain_request(request(2)) is not None
    short = bytearray(request(3))
    short[8:10] = (20).to_bytes(2, "little")  # frag_length: less than the header
    for octets in (request(2), request(3, flags=1), bytes(short), b"", bytes(24)):
        assert server.plain_request(octets) is None


def test_plain_response_is_what_respond_makes(kit):
    plain, other = kit.bound_server(), kit.bound_server()
    for server in (plain, other):
        server.receive_data(request(2))
    assert [plain.plain_response(2, 0, b"results")] == other.respond(2, 0, b"results")
    assert plain.plain_response(2, 0, b"results") is None
    with pytest.raises(StateError):
        plain.respond(2, 0, b"results")


def test_plain_response_leaves_calls_that_nobody_waits_for_and_long_answers_alone(kit):
    server = kit.bound_server()
    server.receive_data(request(2))
    assert server.plain_response(2, 0, bytes(6000)) is None
    assert len(server.respond(2, 0, bytes(6000))) == 2
    server.receive_data(request(3))
    server.receive_data(pdu.OrphanedCall(3).serialize())
    assert server.plain_response(3, 0, b"") is None
    assert server.respond(3, 0, b"") == []
