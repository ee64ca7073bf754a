"""Rows R1-R10 of docs/threats.md: fragments, calls and cancels that are not in order, against live servers."""

from __future__ import annotations

import contextlib
import gc
import struct
import tracemalloc
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.ncacn import fragments, inbox, pdu, streams
from lrpc.transports.errors import TransportError

TOO_BUSY = 0x1C010014


@pytest.fixture(params=["ncacn_ip_tcp", "memory"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def number(value: int) -> bytes:
    return struct.pack("<I", value)


# R1: fragments out of order


@pytest.mark.parametrize("mpx", [True, False])
@pytest.mark.parametrize(
    "wrong",
    ["middle", "last", "first twice", "call", "operation", "context", "object", "order", "cancelled"],
)
def test_r1_fragments_that_do_not_continue_a_call_break_the_protocol(
    victim: Any, raw: Any, wrong: str, *, mpx: bool
) -> None:
    first = raw.request(raw.STUB[:8], flags=raw.FIRST, call_id=7)
    rest = raw.STUB[8:]
    octets = {
        "middle": [raw.request(flags=0, call_id=7)],
        "last": [raw.request(flags=raw.LAST, call_id=7)],
        "first twice": [first, first],
        "call": [first, raw.request(rest, flags=raw.LAST, call_id=8)],
        "operation": [first, raw.request(rest, flags=raw.LAST, call_id=7, opnum=0)],
        "context": [first, raw.request(rest, flags=raw.LAST, call_id=7, context=1)],
        "object": [first, raw.request(rest, flags=raw.LAST, call_id=7, object=bytes(16))],
        "order": [first, raw.pdu(raw.REQUEST, bytes(8) + rest, flags=raw.LAST, call_id=7, drep=(0, 0))],
        "cancelled": [raw.request(flags=raw.FIRST | 4, call_id=7)],
    }
    with victim.bound(flags=raw.WHOLE | (raw.MPX if mpx else 0)) as intruder:
        [fault] = intruder.say(*octets[wrong]).rest()
    blamed = 8 if wrong == "call" and mpx else 7  # as Windows has it
    assert (fault.ptype, fault.call_id) == (raw.FAULT, blamed)
    assert fault.status == (0x6BD if wrong == "cancelled" else raw.PROTO_ERROR)
    victim.complaint()
    assert victim.world.data == []
    victim.survives()


# R2: hints


@pytest.mark.parametrize("hint", [0, 1, 16, 4 << 20])
def test_r2_a_hint_is_only_a_hint(victim: Any, raw: Any, hint: int) -> None:
    with victim.bound() as intruder:
        intruder.say(raw.request(raw.STUB[:8], hint=hint, flags=raw.FIRST))
        assert intruder.say(raw.request(raw.STUB[8:], hint=hint, flags=raw.LAST)).next().stub == raw.STUB[4:]
    victim.survives()


@pytest.mark.parametrize("hint", [(4 << 20) + 1, 0xFFFFFFFF])
def test_r2_a_hint_beyond_the_limit_is_denied_on_the_first_fragment(victim: Any, raw: Any, hint: int) -> None:
    with victim.bound() as intruder:
        [fault] = intruder.say(raw.request(raw.STUB[:8], hint=hint, flags=raw.FIRST)).rest()
    assert (fault.ptype, fault.status) == (raw.FAULT, raw.DENIED)
    assert "alloc_hint" in victim.complaint().reason
    victim.survives()


def test_r2_a_hint_takes_no_memory(raw: Any, syntax: ncacn.SyntaxId) -> None:
    server = bound_engine(raw, syntax)
    tracemalloc.start()
    server.receive_data(raw.request(b"12345678", hint=4 << 20, flags=raw.FIRST))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 16


# R3: requests without end


def bound_engine(raw: Any, syntax: ncacn.SyntaxId, **limits: Any) -> ncacn.ServerAssociation:
    """An engine without a network, with context 0 bound and calls that overlap."""
    server = ncacn.ServerAssociation(
        secondary_address="", group_id=lambda asked: asked or 1, limits=ncacn.Limits(**limits)
    )
    [event] = server.receive_data(raw.bind(raw.item(syntax), flags=raw.WHOLE | raw.MPX))
    assert isinstance(event, ncacn.BindRequested)
    server.accept(event, ncacn.negotiate(event.contexts, lambda _: True))
    return server


@pytest.mark.parametrize("size", [4000, 1])
def test_r3_fragments_that_never_end_are_ended_at_the_limit(
    victims: Any, face: str, transport: str, raw: Any, size: int
) -> None:
    limit = 25 * size * 8
    victim = victims(face, transport, max_request=limit)
    with victim.bound() as intruder:
        intruder.say(raw.request(bytes(size), flags=raw.FIRST), *[raw.request(bytes(size), flags=0)] * 200)
        fault = intruder.rest()[-1:]
    assert [answer.status for answer in fault] in ([raw.DENIED], [])  # a reset may overtake it
    assert f"exceeds {limit}" in victim.complaint().reason
    assert victim.world.data == []
    victim.survives()


def test_r3_fragments_of_nothing_are_ended_at_their_number(victims: Any, face: str, transport: str, raw: Any) -> None:
    victim = victims(face, transport)
    block = raw.request(b"", flags=0) * 64
    with victim.bound() as intruder:
        intruder.connection.send(raw.request(b"", flags=raw.FIRST), 20)
        with pytest.raises(TransportError):
            for _ in range(10_000):
                intruder.connection.send(block, 20)
    assert "65536 fragments" in victim.complaint().reason
    victim.survives()


def test_r3_what_a_request_without_end_takes_is_at_most_twice_the_limit(raw: Any, syntax: ncacn.SyntaxId) -> None:
    server, limit = bound_engine(raw, syntax), 4 << 20
    middle = raw.request(bytes(5816), flags=0)
    server.receive_data(raw.request(bytes(5816), flags=raw.FIRST))
    tracemalloc.start()
    while not server.closed:
        server.receive_data(middle)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert limit // 2 < peak < 2 * limit
    assert not server.unfinished


class Counted(bytearray):
    """Counts the octets that are moved into it."""

    moved = 0

    def __iadd__(self, octets: Any) -> Counted:  # type: ignore[override,misc]
        type(self).moved += len(octets)
        return super().__iadd__(octets)  # type: ignore[return-value]


@pytest.mark.parametrize("size", [0, 1, 5000])
@pytest.mark.parametrize("glued", [True, False])
def test_r3_each_octet_of_a_request_in_many_fragments_is_moved_twice_at_most(
    raw: Any, syntax: ncacn.SyntaxId, monkeypatch: pytest.MonkeyPatch, size: int, *, glued: bool
) -> None:
    for module in (fragments, inbox):
        monkeypatch.setattr(module, "bytearray", Counted, raising=False)
    server = bound_engine(raw, syntax)
    parts = [raw.request(bytes(size), flags=flags) for flags in (raw.FIRST, *[0] * 253, raw.LAST)]
    Counted.moved = 0
    events = [event for octets in ([b"".join(parts)] if glued else parts) for event in server.receive_data(octets)]
    assert [len(event.stub) for event in events if isinstance(event, ncacn.RequestReceived)] == [255 * size]
    assert Counted.moved <= sum(map(len, parts)) + 255 * size


@pytest.mark.parametrize("step", [1, 7])
def test_r3_each_octet_is_looked_at_a_fixed_number_of_times_however_it_comes(
    raw: Any, syntax: ncacn.SyntaxId, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    looks = 0
    judge = inbox.Inbox._judge

    def counted(box: inbox.Inbox) -> Any:
        nonlocal looks
        looks += 1
        return judge(box)

    monkeypatch.setattr(inbox.Inbox, "_judge", counted)
    server = bound_engine(raw, syntax)
    looks = 0
    stream = raw.request(bytes(5000), flags=raw.FIRST) + raw.request(b"", flags=raw.LAST)
    for at in range(0, len(stream), step):
        server.receive_data(stream[at : at + step])
    assert looks <= 4  # two for each PDU: at its header, and at its end


# R6: call ids


def test_r6_a_call_id_that_is_in_use_breaks_the_protocol(victim: Any, raw: Any, face: str) -> None:
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        call = raw.request(number(1), opnum=raw.WAIT, call_id=7)
        intruder.say(call)
        victim.world.has_entered(1)
        if face == "asyncio":  # the blocking face reads on when the call is over
            intruder.say(call)
            fault = intruder.next()
            victim.world.release_all()
            assert intruder.rest() == []
        else:
            victim.world.release_all()
            fault = intruder.say(call, call * 2).rest()[-1]
    assert (fault.call_id, fault.status) == (7, raw.PROTO_ERROR)
    victim.complaint()
    victim.survives()


def test_r6_a_call_id_may_be_used_again_after_the_answer(victim: Any, raw: Any) -> None:
    with victim.bound() as intruder:
        for _ in range(3):
            assert intruder.say(raw.request(call_id=0xFFFFFFFF)).next().stub == raw.STUB[4:]
    victim.survives()


# R7: operations and objects


@pytest.mark.parametrize("opnum", [77, 999, 0xFFFF])
def test_r7_a_number_that_is_no_operation_is_out_of_range(victim: Any, raw: Any, opnum: int) -> None:
    with victim.bound() as intruder:
        fault = intruder.say(raw.request(opnum=opnum)).next()
        assert (fault.status, bool(fault.flags & 0x20)) == (raw.OP_RANGE, True)
        assert intruder.say(raw.request(call_id=2)).next().ptype == raw.RESPONSE
    victim.survives()


def test_r7_an_object_that_nobody_serves_is_of_an_unsupported_type(
    hosts: Any, face: str, transport: str, raw: Any, binding_for: Any, intrude: Any, syntax: ncacn.SyntaxId
) -> None:
    host = hosts(face)
    host.server.register(host.service, object=UUID(int=7))
    with intrude(str(host.listen(binding_for(transport)))) as intruder:
        assert intruder.say(raw.bind(raw.item(syntax))).next().ptype == raw.ACK
        for uuid in (b"", raw.STRANGE.bytes_le):
            fault = intruder.say(raw.request(object=uuid)).next()
            assert (fault.status, bool(fault.flags & 0x20)) == (raw.UNSUPPORTED_TYPE, True)
        assert intruder.say(raw.request(object=UUID(int=7).bytes_le)).next().ptype == raw.RESPONSE
    assert len(host.world.data) == 1


# R8: cancels


def test_r8_a_cancel_of_no_call_is_ignored(victim: Any, raw: Any) -> None:
    cancel, orphan = raw.pdu(raw.CANCEL, call_id=7), raw.pdu(raw.ORPHANED, call_id=7)
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        intruder.say(cancel, orphan)
        halves = (raw.request(raw.STUB[:8], flags=1, call_id=7), raw.request(raw.STUB[8:], flags=2, call_id=7))
        assert intruder.say(halves[0], cancel, cancel, halves[1]).next().stub == raw.STUB[4:]
        intruder.say(cancel, orphan)
        assert intruder.say(raw.request()).next().ptype == raw.RESPONSE
    assert victim.heard("malformed", "limit") == []
    victim.survives()


def test_r8_opening_and_cancelling_leaves_nothing(raw: Any, syntax: ncacn.SyntaxId) -> None:
    server = bound_engine(raw, syntax)
    call = raw.request(call_id=7) + raw.pdu(raw.CANCEL, call_id=7) * 2 + raw.pdu(raw.ORPHANED, call_id=7)
    for turn in range(100_000 // 4):
        events = server.receive_data(call)
        assert len(events) == 3
        assert server.respond(7, 0, b"") == []
        if turn == 100:
            tracemalloc.start()
            before, _ = tracemalloc.get_traced_memory()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 1 << 16
    assert server.data_to_send() == b""


def test_r8_a_flood_of_calls_that_are_cancelled_is_held_to_the_limit_of_calls(
    victims: Any, face: str, transport: str, raw: Any
) -> None:
    victim = victims(face, transport, max_calls=4)
    most = 0
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        for call_id in range(1000):
            call = raw.request(number(1), opnum=raw.WAIT, call_id=call_id), raw.pdu(raw.CANCEL, call_id=call_id)
            if not intruder.squeeze(*call):
                break
            if face == "asyncio":
                most = max(most, len(victim.host.server._tasks))
        victim.check()
        victim.world.release_all()
    assert most <= 4 * 4  # those that are cancelled have still to end
    victim.survives()


def test_r8_who_gives_up_calls_without_end_is_ended(victims: Any, face: str, transport: str, raw: Any) -> None:
    victim = victims(face, transport, max_cancels=20)
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        for id in range(1, 1000):
            words = (raw.pdu(word, call_id=id) for word in (raw.CANCEL, raw.ORPHANED))
            if not intruder.squeeze(raw.request(call_id=id) + b"".join(words)):
                break
        victim.until(lambda: bool(victim.heard("limit")))
    assert [record.limit for record in victim.heard("limit")] == ["max_cancels"]
    victim.survives()


# R9: calls that are given up


def test_r9_a_request_that_is_given_up_half_way_is_discarded(victim: Any, raw: Any) -> None:
    with victim.bound() as intruder:
        intruder.say(raw.request(raw.STUB[:8], flags=raw.FIRST))
    victim.survives()
    assert victim.world.data == []
    assert victim.heard("malformed", "failed") == []


def test_r9_handles_of_a_client_that_leaves_in_a_call_are_closed_once_the_call_is_over(victim: Any, raw: Any) -> None:
    with victim.bound() as intruder:
        handle = intruder.say(raw.request(raw.NAME, opnum=raw.OPEN)).next().stub[:20]
        assert intruder.say(raw.request(handle, opnum=raw.COUNT)).next().stub == number(1)
        intruder.say(raw.request(number(1), opnum=raw.WAIT))
        victim.world.has_entered(1)
    victim.world.release_all()
    assert victim.world.closed_within_watchdog() == "x"
    victim.survives()
    assert victim.world.closed.empty()
    assert victim.heard("failed", "rundown_failed") == []


def test_r9_the_answer_to_an_orphaned_call_is_not_sent(victim: Any, raw: Any, face: str) -> None:
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        intruder.say(raw.request(number(1), opnum=raw.WAIT, call_id=7))
        victim.world.has_entered(1)
        intruder.say(raw.pdu(raw.ORPHANED, call_id=7), raw.request(call_id=8))
        if face == "asyncio":  # the blocking face reads on when the call is over
            assert intruder.next().call_id == 8
        victim.world.release_all()
        intruder.say(raw.request(call_id=9))
        heard = [intruder.next().call_id for _ in range(1 if face == "asyncio" else 3)]
    assert heard[-1] == 9
    victim.survives()


# R10: calls without an answer


def test_r10_calls_without_an_answer_are_bounded_and_others_are_served(
    victims: Any, face: str, transport: str, raw: Any
) -> None:
    victim = victims(face, transport, max_one_way=4)
    most = 0
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        for call_id in range(1000):
            call = raw.request(number(1), opnum=raw.WAIT, call_id=call_id, flags=raw.WHOLE | raw.MAYBE)
            if not intruder.squeeze(call):
                break
            if face == "asyncio":
                most = max(most, len(victim.host.server._tasks))
        victim.check()
        victim.world.release_all()
    assert most <= 4 + 1
    victim.survives()


def test_r10_what_is_over_a_limit_of_calls_is_dropped_or_told(raw: Any, syntax: ncacn.SyntaxId) -> None:
    server = bound_engine(raw, syntax, max_calls=2, max_one_way=2)
    calls = [raw.request(call_id=call_id, flags=raw.WHOLE | raw.MAYBE) for call_id in range(3)]
    assert [event.call_id for event in server.receive_data(b"".join(calls))] == [0, 1]
    assert server.data_to_send() == b""
    assert len(server.receive_data(b"".join(raw.request(call_id=call_id) for call_id in (7, 8, 9)))) == 2
    fault = pdu.parse_pdu(server.data_to_send())
    assert (fault.call_id, fault.status) == (9, TOO_BUSY)


# Afterwards


def test_nothing_of_connections_that_failed_is_kept(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, mutate: Any, transport: str
) -> None:
    def engines() -> int:
        gc.collect()
        kinds = ncacn.ServerAssociation, fragments.Assembly, streams.IncomingStream
        return sum(isinstance(found, kinds) for found in gc.get_objects())

    victim.survives()
    before = engines()
    bind, call = raw.bind(raw.item(syntax)), raw.request()
    for index, mutant in enumerate(mutate(bind + call, 250, seed=7)):
        with victim.intruder() as intruder, contextlib.suppress(lrpc.RpcError):
            intruder.say(*((bind, mutant[len(bind) :] or b"x") if index % 2 else (mutant,))).finish().rest()
    victim.survives()
    assert engines() < before + 20  # each thread may still hold its last one
