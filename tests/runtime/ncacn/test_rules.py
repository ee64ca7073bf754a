"""The rules of docs/protocol.md that need no authentication, one by one. Those that do: `test_security_rules.py`."""

from __future__ import annotations

import struct

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    NDR64,
    BindAnswered,
    CancelReceived,
    ClientAssociation,
    ConnectionFailed,
    Context,
    ContextRequest,
    ContextResult,
    FaultReceived,
    FaultStatus,
    Limits,
    NakReason,
    Orphaned,
    RequestReceived,
    ResponseReceived,
    bind_pdu,
    feature_syntax,
    pdu,
)
from lrpc.runtime.ncacn.constants import PacketType
from lrpc.runtime.ncacn.header import AuthTrailer

FIRST, LAST, WHOLE, CANCEL, MPX, NOT_EXECUTED, MAYBE = 1, 2, 3, 4, 0x10, 0x20, 0x40
PROTO_ERROR, DENIED = FaultStatus.NCA_S_PROTO_ERROR, FaultStatus.ACCESS_DENIED


def request(call_id: int = 2, stub: bytes = b"stub", flags: int = WHOLE, **fields) -> bytes:
    fields = {"context_id": 0, "opnum": 7, **fields}
    return pdu.Request(call_id=call_id, stub=stub, flags=flags, **fields).serialize()


def answers(kit, server, *octets: bytes) -> list:
    """What a server says to octets, whose binds are accepted as far as they can be."""
    return kit.pdus(kit.listen(server, octets)[1])


def offered(kit, *items: ContextRequest, **options) -> list:
    """(outcome, reason) of each item of a bind."""
    [ack] = answers(kit, kit.new_server(), kit.bind_octets(*items, **options))
    return [(result.outcome, result.reason) for result in ack.results]


def altered(kit, server, *items: ContextRequest) -> list:
    return answers(kit, server, bind_pdu.AlterContext(5, list(items), 5840, 5840).serialize())


def bound_client(kit, **fields) -> tuple[ClientAssociation, list]:
    """A client whose bind is answered so, and what it makes of that."""
    client = ClientAssociation(max_fragment=fields.pop("max_fragment", 5840))
    client.bind([ContextRequest(0, kit.INTERFACE, [NDR])])
    fields = {"max_xmit": 5840, "max_recv": 5840, "flags": 0x13, **fields}
    ack = bind_pdu.BindAck(1, [ContextResult(0, 0, NDR)], group_id=7, secondary_address="135", **fields)
    return client, client.receive_data(ack.serialize())


# 28-30: sizes


@pytest.mark.parametrize(
    ("xmit", "recv", "transport", "agreed"),
    [
        (0, 0, 5840, 2048),
        (2047, 65535, 5840, 2048),
        (3199, 65535, 5840, 3192),
        (65535, 3199, 5840, 3192),
        (65535, 65535, 5840, 5840),
        (65535, 65535, 4280, 4280),
    ],
)
def test_rule_28_sizes_are_the_smaller_one_within_bounds_and_both_fields_of_the_ack(kit, xmit, recv, transport, agreed):
    server = kit.new_server(transport_max_fragment=transport)
    [ack] = answers(kit, server, kit.bind_octets(max_xmit=xmit, max_recv=recv))
    assert (ack.max_xmit, ack.max_recv, server.max_fragment) == (agreed, agreed, agreed)


def test_rule_28_a_client_crosses_the_sizes_and_refuses_less_than_everyone_takes(kit):
    client, [event] = bound_client(kit, max_xmit=4096, max_recv=2048)
    assert isinstance(event, BindAnswered)
    assert client.max_fragment == 2048
    for size in ({"max_xmit": 1431}, {"max_recv": 1431}):
        assert isinstance(bound_client(kit, **size)[1][0], ConnectionFailed)
    assert isinstance(bound_client(kit, max_xmit=1432, max_recv=1432)[1][0], BindAnswered)


def test_rule_29_requests_are_held_to_the_transport_and_not_to_what_was_agreed(kit):
    server = kit.new_server()
    answers(kit, server, kit.bind_octets(max_xmit=2048, max_recv=2048))
    [event] = server.receive_data(request(stub=bytes(5816)))
    assert isinstance(event, RequestReceived)
    server.respond(2, 0, b"")
    [event] = server.receive_data(request(stub=bytes(5817))[:16])
    assert isinstance(event, ConnectionFailed)


def test_rule_29_binds_may_be_as_long_as_a_length_can_say(kit):
    octets = kit.bind_octets()
    long = octets[:8] + b"\xff\xff" + octets[10:] + bytes(65535 - len(octets))
    [ack] = answers(kit, kit.new_server(), long)
    assert ack.ptype is PacketType.BIND_ACK


def test_rule_30_fragments_hold_a_multiple_of_eight_octets_of_stub(kit):
    client, _ = bound_client(kit, max_recv=2047)
    for uuid, room in ((None, 2016), (kit.OBJECT, 2000)):
        sent = kit.pdus(b"".join(client.request(client.next_call_id(), 0, 1, bytes(5000), object=uuid)))
        assert {len(part.stub) for part in sent[:-1]} == {room}


# 36-38: requests


def test_rule_36_a_hint_is_a_hint_and_capped(kit):
    for hint in (0, 1, 4 << 20):
        server = kit.bound_server()
        server.receive_data(request(stub=b"one", flags=FIRST, alloc_hint=hint))
        assert server.receive_data(request(stub=b"two", flags=LAST))[0].stub == b"onetwo"
    [fault] = answers(kit, kit.bound_server(), request(flags=FIRST, alloc_hint=(4 << 20) + 1))
    assert fault.status == DENIED


def test_rule_36_a_hint_of_a_response_is_a_hint(kit):
    client, _ = bound_client(kit)
    client.request(2, 0, 0, b"")
    octets = pdu.Response(2, 0, b"results", alloc_hint=0xFFFFFFFF).serialize()
    assert client.receive_data(octets) == [ResponseReceived(2, b"results", "<")]


def test_rule_36_the_hint_of_a_fault_tells_its_extended_information(kit):
    client, _ = bound_client(kit)
    client.request(2, 0, 0, b"")
    octets = pdu.Fault(2, 0, 5, b"eeinfo..", extended=1, alloc_hint=40).serialize()
    assert client.receive_data(octets) == [FaultReceived(2, 5, False, b"eeinfo..")]


def test_rule_37_answers_are_matched_by_call_and_not_by_context(kit):
    server = kit.new_server()
    answers(kit, server, kit.bind_octets(ContextRequest(0x1FF, kit.INTERFACE, [NDR])))
    server.receive_data(request(context_id=0x1FF))
    assert kit.pdus(server.respond(2, 0x1FF, b"")[0])[0].context_id == 0xFF
    client, _ = bound_client(kit)
    client.request(2, 0, 0, b"")
    [event] = client.receive_data(pdu.Response(2, 0xFF, b"results").serialize())
    assert event == ResponseReceived(2, b"results", "<")


def test_rule_38_operations_and_contexts_have_sixteen_bits(kit):
    server = kit.new_server()
    item = ContextRequest(0xFFFF, kit.INTERFACE, [NDR])
    answers(kit, server, kit.bind_octets(item))
    [event] = server.receive_data(request(context_id=0xFFFF, opnum=0xFFFF))
    assert (event.context_id, event.opnum) == (0xFFFF, 0xFFFF)
    assert item.serialize("<")[:4] == b"\xff\xff\x01\x00"


# 39-46: binds


def test_rule_39_there_is_one_bind_for_a_connection(kit):
    server = kit.bound_server()
    [nak] = answers(kit, server, kit.bind_octets(call_id=9))
    assert (nak.ptype, nak.call_id, nak.reason) == (PacketType.BIND_NAK, 9, NakReason.NOT_SPECIFIED)
    assert server.closed


@pytest.mark.parametrize(
    ("first", "said"),
    [
        (request(), PacketType.FAULT),
        (bind_pdu.AlterContext(2, [], 5840, 5840).serialize(), PacketType.FAULT),
        (bind_pdu.Auth3(2).serialize(), PacketType.FAULT),
        (pdu.Response(2, 0, b"").serialize(), None),
        (pdu.Shutdown(2).serialize(), None),
    ],
    ids=["request", "alter context", "auth3", "response", "shutdown"],
)
def test_rule_39_what_comes_before_the_bind_ends_the_connection(kit, first, said):
    server = kit.new_server()
    assert [answer.ptype for answer in answers(kit, server, first)] == [said] * bool(said)
    assert server.closed


def test_rule_40_a_bind_is_refused_for_its_own_reason(kit):
    item = ContextRequest(0, kit.INTERFACE, [NDR])
    golden = bytearray(kit.bind_octets())
    golden[1] = 9
    refused = {
        "version": (bytes(golden), {}, 4),
        "group": (kit.bind_octets(group_id=1), {"group_id": lambda asked: None}, 0),
        "nothing": (bind_pdu.Bind(1, [], 5840, 5840).serialize(), {}, 0),
        "no encodings": (kit.bind_octets(ContextRequest(0, kit.INTERFACE, [])), {}, 0),
        "too many": (kit.bind_octets(*[item] * 33), {}, 2),
        "body": (kit.bind_octets()[:8] + b"\x20\x00" + kit.bind_octets()[10:32], {}, 4),
    }
    for name, (octets, options, reason) in refused.items():
        [nak] = answers(kit, kit.new_server(**options), octets)
        assert (nak.ptype, nak.reason, nak.versions) == (PacketType.BIND_NAK, reason, [(5, 0)]), name


@pytest.mark.parametrize("kind", [0, 9, 10, 16, 68, 255])
@pytest.mark.parametrize("level", [2, 5, 7])
def test_rule_40_a_bind_without_contexts_is_refused_whoever_it_comes_from(kit, kind, level):
    auth = AuthTrailer(kind, level, b"x" * 8)
    for trailer in (None, auth):
        [nak] = answers(kit, kit.new_server(), bind_pdu.Bind(1, [], 5840, 5840, auth=trailer).serialize())
        assert nak.ptype is PacketType.BIND_NAK


@pytest.mark.parametrize("reason", NakReason)
def test_rule_40_a_server_may_refuse_for_any_reason_and_a_client_is_told(kit, reason):
    client, server = ClientAssociation(), kit.new_server()
    [event] = server.receive_data(client.bind([ContextRequest(0, kit.INTERFACE, [NDR])]))
    [refused] = client.receive_data(server.refuse(event, reason))
    assert (refused.reason, refused.versions) == (reason, [(5, 0)])


def test_rule_40_what_is_wrong_with_an_alter_context_is_a_fault_and_the_end(kit):
    for items in ([], [ContextRequest(1, kit.INTERFACE, [])], [ContextRequest(0, kit.OTHER, [NDR])]):
        server = kit.bound_server()
        [fault] = altered(kit, server, *items)
        assert (fault.call_id, fault.status, fault.flags & NOT_EXECUTED) == (5, PROTO_ERROR, NOT_EXECUTED)
        assert server.closed


def test_rule_41_a_rejection_names_its_reason_and_the_null_syntax(kit):
    items = [
        ContextRequest(0, feature_syntax(0), [NDR]),
        ContextRequest(1, kit.INTERFACE, [feature_syntax(0)._replace(major=9)]),
        ContextRequest(2, kit.INTERFACE, [feature_syntax(3)]),
        ContextRequest(3, kit.INTERFACE, [NDR]),
    ]
    [ack] = answers(kit, kit.new_server(), kit.bind_octets(*items))
    assert [(result.outcome, result.reason) for result in ack.results] == [(2, 1), (2, 2), (3, 3), (0, 0)]
    assert [result.transfer.uuid.int == 0 for result in ack.results] == [True, True, True, False]
    [answer] = altered(kit, kit.bound_server(limits=Limits(max_contexts=1)), ContextRequest(1, kit.INTERFACE, [NDR]))
    assert (answer.results[0].outcome, answer.results[0].reason) == (2, 3)


def test_rule_42_only_one_new_context_is_accepted_per_bind(kit):
    items = [ContextRequest(number, kit.INTERFACE, [NDR]) for number in range(3)]
    assert offered(kit, *items) == [(0, 0), (2, 2), (2, 2)]
    server = kit.bound_server()
    [answer] = altered(kit, server, *(ContextRequest(number, kit.OTHER, [NDR]) for number in (1, 2)))
    assert [result.accepted for result in answer.results] == [True, False]


def test_rule_42_the_best_encoding_is_looked_for_in_all_items_first(kit):
    items = [ContextRequest(0, kit.INTERFACE, [NDR]), ContextRequest(1, kit.INTERFACE, [NDR64])]
    assert offered(kit, *items) == [(2, 2), (0, 0)]
    server = kit.new_server()
    answers(kit, server, kit.bind_octets(ContextRequest(0, kit.INTERFACE, [NDR, NDR64])))
    assert server.contexts == {0: Context(kit.INTERFACE, NDR64)}


def test_rule_43_a_context_may_be_offered_again_and_not_changed(kit):
    server = kit.bound_server()
    [answer] = altered(kit, server, ContextRequest(0, kit.INTERFACE, [NDR]))
    assert answer.results == [ContextResult(0, 0, NDR)]
    for changed in (ContextRequest(0, kit.OTHER, [NDR]), ContextRequest(0, kit.INTERFACE, [NDR64])):
        server = kit.bound_server()
        [fault] = altered(kit, server, changed)
        assert fault.status == PROTO_ERROR
        assert server.closed


@pytest.mark.parametrize("asked", [0, 1, 2, 3, 0xFF])
def test_rule_44_features_are_granted_as_a_bitmask(kit, asked):
    items = [ContextRequest(0, kit.INTERFACE, [NDR]), ContextRequest(1, kit.INTERFACE, [feature_syntax(asked)])]
    assert offered(kit, *items) == [(0, 0), (3, asked & 3)]


def test_rule_44_features_are_recognised_in_the_first_syntax_only_and_once(kit):
    assert offered(kit, ContextRequest(0, kit.INTERFACE, [NDR, feature_syntax(3)])) == [(0, 0)]
    assert offered(kit, ContextRequest(0, kit.INTERFACE, [feature_syntax(3), NDR])) == [(3, 3)]
    twice = [ContextRequest(number, kit.INTERFACE, [feature_syntax(1)]) for number in (0, 1)]
    [nak] = answers(kit, kit.new_server(), kit.bind_octets(*twice))
    assert nak.ptype is PacketType.BIND_NAK


def test_rule_45_a_group_is_made_joined_or_refused(kit):
    asked: list[int] = []

    def choose(group: int) -> int | None:
        asked.append(group)
        return {0: 70, 70: 70}.get(group)

    for group, said in ((0, 70), (70, 70), (71, None)):
        [answer] = answers(kit, kit.new_server(group_id=choose), kit.bind_octets(group_id=group))
        assert getattr(answer, "group_id", None) == said
    assert asked == [0, 70, 71]


def test_rule_45_contexts_are_of_a_connection_and_not_of_its_group(kit):
    kit.bound_server()
    other = kit.new_server()
    answers(kit, other, kit.bind_octets(ContextRequest(1, kit.INTERFACE, [NDR]), group_id=kit.GROUP))
    [fault] = answers(kit, other, request(context_id=0))
    assert fault.status == FaultStatus.NCA_S_UNK_IF


@pytest.mark.parametrize("address", ["", "1", "135", "49152", r"\PIPE\lsass"])
def test_rule_46_the_secondary_address_counts_its_terminator_and_is_padded(kit, address):
    _, octets = kit.listen(kit.new_server(secondary_address=address), [kit.bind_octets()])
    (length,) = struct.unpack_from("<H", octets, 24)
    assert length == (len(address) + 1 if address else 0)
    assert octets[26 : 26 + length] == (address.encode() + b"\0" if address else b"")
    assert octets[-(-(26 + length) // 4) * 4] == 1  # the number of results follows, aligned


def test_rule_46_the_answer_to_an_alter_context_has_no_address(kit):
    [answer] = altered(kit, kit.bound_server(), ContextRequest(1, kit.INTERFACE, [NDR]))
    assert answer.secondary_address == ""


# 49-55: calls


@pytest.mark.parametrize("running", [True, False], ids=["runs", "comes"])
def test_rule_49_without_multiplexing_a_second_call_blames_the_first(kit, running):
    server = kit.bound_server(flags=WHOLE)
    server.receive_data(request(50, flags=WHOLE if running else FIRST))
    [fault] = answers(kit, server, request(51, flags=FIRST))
    assert (fault.call_id, fault.status) == (50, PROTO_ERROR)
    assert server.closed


def test_rule_49_with_multiplexing_calls_run_side_by_side_and_one_at_a_time_comes(kit):
    server = kit.bound_server()
    assert len(server.receive_data(request(50) + request(51) + request(52, flags=FIRST))) == 2
    [fault] = answers(kit, server, request(53))
    assert (fault.call_id, fault.status) == (53, PROTO_ERROR)


@pytest.mark.parametrize("change", ["call_id", "opnum", "context_id", "order", "object"])
def test_rule_50_fragments_that_follow_are_of_the_same_call(kit, change):
    server = kit.bound_server()
    server.receive_data(request(flags=FIRST))
    value = {"call_id": 3, "opnum": 8, "context_id": 1, "order": ">", "object": kit.OBJECT}[change]
    [fault] = answers(kit, server, request(**{"call_id": 2, "flags": LAST, change: value}))
    assert fault.status == PROTO_ERROR
    assert server.closed


@pytest.mark.parametrize("flags", [0, LAST])
def test_rule_50_a_fragment_without_its_first_breaks_the_protocol(kit, flags):
    [fault] = answers(kit, kit.bound_server(flags=WHOLE), request(flags=flags))
    assert fault.status == PROTO_ERROR


def test_rule_51_a_call_that_begins_cancelled_is_no_call(kit):
    [fault] = answers(kit, kit.bound_server(), request(flags=FIRST | CANCEL))
    assert (fault.status, bool(fault.flags & NOT_EXECUTED)) == (FaultStatus.RPC_S_NO_CALL_ACTIVE, True)


@pytest.mark.parametrize("flags", [0x08, MPX, NOT_EXECUTED, MAYBE], ids=hex)
def test_rule_51_other_flags_of_a_request_are_tolerated(kit, flags):
    [event] = kit.bound_server().receive_data(request(flags=WHOLE | flags))
    assert isinstance(event, RequestReceived)


@pytest.mark.parametrize("flags", [0, FIRST, LAST, 0x08, NOT_EXECUTED, MAYBE, 0x80, 0xFF], ids=hex)
def test_rule_51_flags_of_binds_are_tolerated_and_only_what_is_spoken_comes_back(kit, flags):
    server = kit.new_server()
    [ack] = answers(kit, server, kit.bind_octets(flags=flags))
    assert ack.flags == WHOLE | flags & (CANCEL | MPX)  # as bit 0x04 is header signing here
    octets = bind_pdu.AlterContext(5, [ContextRequest(1, kit.INTERFACE, [NDR])], 0, 0, flags=flags).serialize()
    [answer] = answers(kit, server, octets)
    assert answer.flags == WHOLE | flags & CANCEL


@pytest.mark.parametrize("multiplex", [0, MPX], ids=["one at a time", "multiplexed"])
@pytest.mark.parametrize("flags", [CANCEL, 0x08, MPX, NOT_EXECUTED, MAYBE], ids=hex)
def test_rule_51_flags_of_later_fragments_mean_nothing(kit, flags, multiplex):
    server = kit.bound_server(flags=WHOLE | multiplex)
    for part in (FIRST, flags, LAST | flags):
        events = server.receive_data(request(flags=part))
    assert [event.stub for event in events] == [b"stub" * 3]
    assert server.respond(2, 0, b"")


def test_rule_52_a_fault_says_what_kind_it_is_and_whether_the_call_ran(kit):
    server = kit.bound_server()
    [fault] = answers(kit, server, request(context_id=9))
    assert (fault.status, fault.context_id, fault.flags) == (FaultStatus.NCA_S_UNK_IF, 0, WHOLE | NOT_EXECUTED)
    server.receive_data(request())
    fault = pdu.parse_pdu(server.fault(2, 0, FaultStatus.NCA_S_OP_RNG_ERROR, did_not_execute=True))
    assert (fault.status, fault.flags) == (FaultStatus.NCA_S_OP_RNG_ERROR, WHOLE | NOT_EXECUTED)
    server.receive_data(request())
    assert pdu.parse_pdu(server.fault(2, 0, 0x6F7)).flags == WHOLE
    assert not server.closed


@pytest.mark.parametrize("notice", [pdu.CoCancel, pdu.OrphanedCall])
def test_rule_53_a_notice_for_a_call_that_still_comes_is_remembered_by_nobody(kit, notice):
    server = kit.bound_server()
    server.receive_data(request(flags=FIRST))
    assert server.receive_data(notice(2).serialize()) == []
    assert isinstance(server.receive_data(request(flags=LAST))[0], RequestReceived)
    assert server.respond(2, 0, b"")
    assert server.data_to_send() == b""


@pytest.mark.parametrize("multiplex", [0, MPX], ids=["one at a time", "multiplexed"])
@pytest.mark.parametrize("notice", [pdu.CoCancel, pdu.OrphanedCall])
@pytest.mark.parametrize("after", range(5), ids=["nothing", "the first", "the second", "the last", "the answer"])
def test_rule_53_a_notice_at_any_point_is_never_answered_and_the_connection_stays(kit, notice, after, multiplex):
    server = kit.bound_server(flags=WHOLE | multiplex)
    steps = [lambda flags=flags: server.receive_data(request(flags=flags)) for flags in (FIRST, 0, LAST)]
    steps.append(lambda: server.respond(2, 0, b""))
    for at, step in enumerate([*steps, lambda: None]):
        if at == after:
            told = server.receive_data(notice(2).serialize())
            assert bool(told) is (after == 3)
        step()
    assert server.data_to_send() == b""
    assert server.receive_data(request(3))


def test_rule_53_a_running_call_is_told_of_its_cancel_and_answered_all_the_same(kit):
    server = kit.bound_server()
    server.receive_data(request())
    assert server.receive_data(pdu.CoCancel(2).serialize() * 2) == [CancelReceived(2)]
    assert server.data_to_send() == b""
    assert server.respond(2, 0, b"")


def test_rule_53_an_orphaned_call_is_not_answered_and_the_connection_lives(kit):
    server = kit.bound_server()
    server.receive_data(request())
    assert server.receive_data(pdu.OrphanedCall(2).serialize()) == [Orphaned(2)]
    assert server.respond(2, 0, b"") == []
    assert isinstance(server.receive_data(request(3))[0], RequestReceived)


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (0x1C010001, "comm_failure"),
        (0x1C010002, "op_rng"),
        (0x1C010003, "unk_if"),
        (0x1C01000B, "proto_error"),
        (0x1C010013, "out_args_too_big"),
        (0x1C010014, "server_too_busy"),
        (0x1C010017, "unsupported_type"),
        (0x1C000006, "invalid_tag"),
        (0x1C000007, "invalid_bound"),
        (0x1C000014, "pipe_empty"),
        (0x1C000016, "pipe_order"),
        (0x1C00001A, "context_mismatch"),
        (0x1C00001B, "remote_no_memory"),
        (0x1C00001D, "unsupported_authn_level"),
        (0x1C00001F, "invalid_c"),
    ],
)
def test_rule_54_statuses_have_the_names_of_the_field(status, name):
    assert name in str(FaultReceived(1, status, False, b"")).lower()


def test_rule_55_call_ids_are_the_clients_choice_in_any_order(kit):
    server = kit.bound_server()
    ids = [0xFFFFFFFF, 0, 7, 6, 7]
    for call_id in ids:
        [event] = server.receive_data(request(call_id))
        assert event.call_id == call_id
        server.respond(call_id, 0, b"")
    server.receive_data(request(9))
    [fault] = answers(kit, server, request(9))
    assert (fault.call_id, fault.status) == (9, PROTO_ERROR)
