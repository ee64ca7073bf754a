"""Rows B1-B8 of docs/threats.md: binds, contexts and association groups that are not in order, against live servers."""

from __future__ import annotations

import socket
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.contexts import AssociationGroups, ContextTable

STRANGER = ncacn.SyntaxId(UUID(int=1), 1, 0)
UNKNOWN = ncacn.SyntaxId(UUID(int=2), 1, 0)


@pytest.fixture(params=["ncacn_ip_tcp", "memory"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def newer(syntax: ncacn.SyntaxId, major: int, minor: int) -> ncacn.SyntaxId:
    return ncacn.SyntaxId(syntax.uuid, major, minor)


def results(answer: Any) -> list[tuple[int, int]]:
    return [(result.outcome, result.reason) for result in answer.results]


# B1: before a bind


@pytest.mark.parametrize("what", ["request", "alter context", "auth3"])
def test_b1_what_comes_before_a_bind_breaks_the_protocol(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, what: str
) -> None:
    early = {
        "request": raw.request(call_id=4),
        "alter context": raw.bind(raw.item(syntax), ptype=raw.ALTER, call_id=4),
        "auth3": raw.pdu(raw.AUTH3, bytes(4), call_id=4),
    }
    with victim.intruder().say(early[what]) as intruder:
        [fault] = intruder.rest()
    assert (fault.ptype, fault.call_id, fault.status) == (raw.FAULT, 4, raw.PROTO_ERROR)
    assert "while idle" in victim.complaint().reason
    assert victim.world.data == []
    victim.survives()


def test_b1_a_cancel_before_a_bind_is_ignored(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    with victim.intruder().say(raw.pdu(raw.CANCEL), raw.pdu(raw.ORPHANED)) as intruder:
        assert intruder.say(raw.bind(raw.item(syntax))).next().ptype == raw.ACK
    assert victim.heard("malformed", "limit") == []
    victim.survives()


# B2: too many, too few


def test_b2_a_second_bind_is_refused(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    with victim.bound() as intruder:
        [nak] = intruder.say(raw.bind(raw.item(syntax), call_id=9)).rest()
    assert (nak.ptype, nak.call_id, nak.reason) == (raw.NAK, 9, 0)
    victim.complaint()
    victim.survives()


@pytest.mark.parametrize(
    "what",
    ["none", "claimed", "too many", "no encodings", "too many encodings", "255 encodings", "two interfaces", "twice"],
)
def test_b2_an_offer_that_cannot_be_answered_is_refused(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, what: str
) -> None:
    features = raw.item(syntax, 1, ncacn.feature_syntax(3))
    offers = {
        "none": (raw.bind(), 0),
        "claimed": (raw.bind(raw.item(syntax), count=255), 4),
        "too many": (raw.bind(*(raw.item(syntax, number) for number in range(255))), 2),
        "no encodings": (raw.bind(ncacn.ContextRequest(0, syntax, []).serialize("<")), 0),
        "too many encodings": (raw.bind(raw.item(syntax, 0, *[ncacn.NDR] * 9)), 2),
        "255 encodings": (raw.bind(raw.item(syntax, 0, *[ncacn.NDR] * 255)), 2),
        "two interfaces": (raw.bind(raw.item(syntax), raw.item(STRANGER)), 0),
        "twice": (raw.bind(features, features), 0),
    }
    octets, reason = offers[what]
    with victim.intruder().say(octets) as intruder:
        [nak] = intruder.rest()
    assert (nak.ptype, nak.reason) == (raw.NAK, reason)
    victim.complaint()
    victim.survives()


# B3: what is not there


def test_b3_each_context_is_rejected_for_its_own_reason(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    items = [
        raw.item(STRANGER, 0),
        raw.item(newer(syntax, 2, 0), 1),
        raw.item(newer(syntax, syntax.major, 9), 2),
        raw.item(syntax, 3, UNKNOWN),
        raw.item(syntax, 4, UNKNOWN, ncacn.NDR),
        raw.item(syntax, 5),
        raw.item(syntax, 6, ncacn.feature_syntax(3)),
    ]
    with victim.intruder().say(raw.bind(*items)) as intruder:
        answer = intruder.next()
        assert results(answer) == [(2, 1), (2, 1), (2, 1), (2, 2), (0, 0), (2, 2), (3, 3)]
        assert intruder.say(raw.request(context=4)).next().ptype == raw.RESPONSE
    assert victim.heard("malformed", "limit") == []
    victim.survives()


def test_b3_a_bind_of_which_nothing_is_accepted_keeps_the_connection(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId
) -> None:
    with victim.intruder().say(raw.bind(raw.item(STRANGER))) as intruder:
        assert results(intruder.next()) == [(2, 1)]
        assert intruder.say(raw.bind(raw.item(syntax, 1), ptype=raw.ALTER)).next().ptype == raw.ALTER_RESP
        assert intruder.say(raw.request(context=1)).next().ptype == raw.RESPONSE
    [refused] = victim.heard("refused")
    assert str(STRANGER.uuid) in refused.interface
    victim.survives()


def test_b3_a_client_whose_offers_are_all_rejected_is_still_a_stranger(
    victims: Any, face: str, transport: str, raw: Any
) -> None:
    victim = victims(face, transport, handshake=0.05)
    with victim.intruder().say(raw.bind(raw.item(STRANGER))) as intruder:
        assert intruder.next()
        assert intruder.rest() == []
    assert victim.complaint().limit == "handshake"
    victim.survives()


def test_b3_ndr64_alone_is_spoken(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    with victim.intruder().say(raw.bind(raw.item(syntax, 0, ncacn.NDR64))) as intruder:
        assert results(intruder.next()) == [(0, 0)]
    victim.survives()


# B4: sizes


@pytest.mark.parametrize(
    ("sizes", "agreed"),
    [((0, 0), 2048), ((1, 1), 2048), ((3199, 0xFFFF), 3192), ((0xFFFF, 3199), 3192), ((0xFFFF, 0xFFFF), None)],
)
def test_b4_sizes_are_brought_into_their_bounds(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, transport: str, sizes: tuple[int, int], agreed: int | None
) -> None:
    largest = 5840 if transport == "ncacn_ip_tcp" else 4280
    with victim.intruder().say(raw.bind(raw.item(syntax), sizes=sizes)) as intruder:
        answer = intruder.next()
    assert (answer.max_xmit, answer.max_recv) == (agreed or largest, agreed or largest)
    victim.survives()


# B5: association groups


@pytest.mark.parametrize("group", [77, 0x7FFFFFFF, 0xFFFFFFFF])
def test_b5_a_group_of_nobody_is_refused(victim: Any, raw: Any, syntax: ncacn.SyntaxId, group: int) -> None:
    with victim.intruder().say(raw.bind(raw.item(syntax), group=group)) as intruder:
        [nak] = intruder.rest()
    assert (nak.ptype, nak.reason) == (raw.NAK, 0)
    victim.complaint()
    victim.survives()


def test_b5_a_group_ends_with_its_last_connection(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    with victim.intruder().say(raw.bind(raw.item(syntax))) as intruder:
        group = intruder.next().group_id
    victim.until(victim.settled)
    with victim.intruder().say(raw.bind(raw.item(syntax), group=group)) as intruder:
        assert intruder.next().ptype == raw.NAK
    victim.survives()


def test_b5_a_group_of_another_transport_is_refused(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, transport: str, binding_for: Any
) -> None:
    other = "memory" if transport == "ncacn_ip_tcp" else "ncacn_ip_tcp"
    elsewhere = str(victim.host.listen(binding_for(other)))
    with victim.intruder().say(raw.bind(raw.item(syntax))) as first:
        group = first.next().group_id
        with victim.intruder(elsewhere) as second:
            [nak] = second.say(raw.bind(raw.item(syntax), group=group)).rest()
    assert nak.ptype == raw.NAK
    assert victim.complaint()


def test_b5_a_group_of_another_address_is_refused(victims: Any, face: str, raw: Any, syntax: ncacn.SyntaxId) -> None:
    victim = victims(face, "ncacn_ip_tcp")
    found = lrpc.StringBinding.parse(victim.binding)
    with victim.intruder().say(raw.bind(raw.item(syntax))) as first:
        group = first.next().group_id
        address = (found.address, int(found.endpoint))
        with socket.create_connection(address, 20, source_address=("127.0.0.2", 0)) as other:
            other.sendall(raw.bind(raw.item(syntax), group=group))
            [nak] = raw.parsed(b"".join(iter(lambda: other.recv(4096), b"")))
    assert nak.ptype == raw.NAK
    victim.complaint()
    victim.survives()


def test_b5_a_group_of_another_user_is_refused() -> None:
    groups = AssociationGroups(lambda: ContextTable(lambda: UUID(int=1), 1))
    mine = groups.join(0, 1000)
    assert mine is not None
    assert groups.join(mine.id, 1001) is None
    assert groups.join(mine.id, 1000) is mine


def test_b5_a_context_of_one_connection_is_unknown_on_another_of_its_group(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId
) -> None:
    with victim.intruder().say(raw.bind(raw.item(syntax, 3))) as first:
        group = first.next().group_id
        with victim.intruder().say(raw.bind(raw.item(syntax, 4), group=group)) as second:
            assert second.next().group_id == group
            assert second.say(raw.request(context=3)).next().status == raw.UNKNOWN_IF
            assert second.say(raw.request(context=4)).next().ptype == raw.RESPONSE
    victim.survives()


def test_b5_the_connections_of_a_group_share_its_handles_and_the_last_one_closes_them(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId
) -> None:
    with victim.intruder().say(raw.bind(raw.item(syntax))) as one:
        group = one.next().group_id
        with victim.intruder().say(raw.bind(raw.item(syntax), group=group)) as two:
            assert two.next().group_id == group
            handle = one.say(raw.request(raw.NAME, opnum=raw.OPEN)).next().stub[:20]
            one.close()
            assert two.say(raw.request(handle, opnum=raw.COUNT)).next().stub == b"\1\0\0\0"
            assert victim.world.closed.empty()
    assert victim.world.closed_within_watchdog() == "x"
    victim.survives()


# B6: contexts that change


@pytest.mark.parametrize("change", ["interface", "encoding"])
def test_b6_a_context_that_changes_breaks_the_protocol(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, change: str
) -> None:
    management = ncacn.SyntaxId(UUID("afa8bd80-7d8a-11c9-bef4-08002b102989"), 1, 0)
    items = {"interface": raw.item(management), "encoding": raw.item(syntax, 0, ncacn.NDR64)}
    with victim.bound() as intruder:
        [fault] = intruder.say(raw.bind(items[change], ptype=raw.ALTER, call_id=5)).rest()
    assert (fault.ptype, fault.call_id, fault.status) == (raw.FAULT, 5, raw.PROTO_ERROR)
    assert "changes" in victim.complaint().reason
    victim.survives()


# B7: contexts that are not there


@pytest.mark.parametrize("number", [1, 54321, 7], ids=["unknown", "large", "rejected"])
def test_b7_a_request_in_no_context_is_a_fault_and_the_connection_stays(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, number: int
) -> None:
    offers = (raw.item(syntax, 0), raw.item(STRANGER, 7))
    with victim.intruder().say(raw.bind(*offers)) as intruder:
        assert results(intruder.next()) == [(0, 0), (2, 1)]
        fault = intruder.say(raw.request(context=number)).next()
        assert (fault.status, fault.context_id, bool(fault.flags & 0x20)) == (raw.UNKNOWN_IF, 0, True)
        assert intruder.say(raw.request(call_id=2)).next().ptype == raw.RESPONSE
    assert len(victim.world.data) == 1
    victim.survives()


# B8: interfaces of other endpoints


def test_b8_an_interface_is_not_there_on_endpoints_it_was_not_given(
    hosts: Any, face: str, transport: str, raw: Any, binding_for: Any, calculator: Any, intrude: Any, caplog: Any
) -> None:
    host, private, public = hosts(face), binding_for("ncalrpc"), binding_for(transport)
    host.server.register(host.greeting())
    host.server.register(host.service, endpoints=[private])
    host.listen(private)
    where = str(host.listen(public))
    interface = calculator.Calculator.interface
    with caplog.at_level("INFO", "lrpc.server"), intrude(where) as intruder:
        answer = intruder.say(raw.bind(raw.item(ncacn.SyntaxId(interface.uuid, *interface.version)))).next()
        assert results(answer) == [(2, 1)]
        assert intruder.say(raw.request()).next().status == raw.UNKNOWN_IF
    assert host.world.data == []
    [refused] = [record for record in caplog.records if getattr(record, "event", "") == "refused"]
    assert refused.peer
    assert refused.binding == public
    assert str(interface.uuid) in refused.interface
    with lrpc.connect(calculator.CalculatorClient, private) as client:
        assert client.Add(2, 3) == 5


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
def test_b8_an_interface_for_this_machine_denies_calls_of_a_network_unread(
    hosts: Any, face: str, transport: str, raw: Any, binding_for: Any, calculator: Any, intrude: Any, caplog: Any
) -> None:
    host, private = hosts(face), binding_for("ncalrpc")
    host.server.register(host.service, local_only=True)
    host.listen(private)
    where, interface = str(host.listen(binding_for(transport))), calculator.Calculator.interface
    with caplog.at_level("INFO", "lrpc.server"), intrude(where) as intruder:
        item = raw.item(ncacn.SyntaxId(interface.uuid, *interface.version))
        assert results(intruder.say(raw.bind(item)).next()) == [(0, 0)]
        answer = intruder.say(raw.request(b"nothing that can be read")).next()
        assert (answer.status, bool(answer.flags & ncacn.DID_NOT_EXECUTE)) == (5, True)
    assert host.world.data == []
    [denied] = [record for record in caplog.records if getattr(record, "event", "") == "denied"]
    assert denied.peer.startswith("ncacn_ip_tcp")
    with lrpc.connect(calculator.CalculatorClient, private) as client:
        assert client.Add(2, 3) == 5
