"""Plain calls are served in one step, and whatever is not plain goes the long way to the same end."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import struct
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from lrpc.runtime import ncalrpc, plain
from lrpc.runtime.call import Limits
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.lrpc_session import LrpcSession
from lrpc.runtime.status import AccessDenied
from lrpc.transports import alpc
from lrpc.transports.alpc import CommunicationPort
from lrpc.transports.alpc.messages import message
from lrpc.transports.errors import QuotaExceeded
from lrpc.transports.seam import Peer

CLIENT = bytes(16)
ASKS = alpc.LPC_REQUEST
ADD = struct.pack("<II", 2, 3)
FIVE = struct.pack("<I", 5)


OCTETS = bytes(range(256)) * 256
LARGE = struct.pack("<II", len(OCTETS), len(OCTETS)) + OCTETS
"""The stub of an echo."""


class Joined:
    """A client's bare port, with the calculator bound, and the session that serves it."""

    def __init__(self, calculator: ModuleType, *, patient: bool, limits: Limits) -> None:
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.client, self.port = CommunicationPort(one, Peer()), CommunicationPort(two, Peer())
        self.registry = Registry(100)
        self.found: list[int] = []
        self.world = calculator.World()
        self.registry.register((calculator.Service if patient else calculator.AsyncService)(self.world))
        self.session = LrpcSession(self.port, self.registry, "ncalrpc:[x]", limits, patient=patient)
        self.engine = ncalrpc.ClientAssociation()
        self._watch_lookups()
        self.client.send_message(self.engine.bind(ncalrpc.SyntaxId(calculator.CALCULATOR, 1, 2)), 1)
        assert self.session.receive_now() == []
        self.binding = self.engine.receive(self.client.receive_message(0).data).binding_id
        self.session.traffic.calls_in = 0

    def _watch_lookups(self) -> None:
        find = self.registry.find

        def found(uuid: Any, version: Any, opnum: int, *rest: Any) -> Any:
            self.found.append(opnum)
            return find(uuid, version, opnum, *rest)

        self.registry.find = found  # type: ignore[method-assign]

    def ask(self, stub: bytes, opnum: int = 0, *, call_id: int = 7, kind: int = alpc.LPC_REQUEST) -> None:
        self.client.send_frame(plain.request(CLIENT, call_id, self.binding, opnum, stub, kind), 0)

    def answer(self, call_id: int = 7) -> bytes | None:
        """What a plain reply holds; None for anything else."""
        frame = self.client.receive_frame_now()
        assert frame is not None
        return plain.read_response(frame, call_id)

    def close(self) -> None:
        self.client.close()
        self.port.close()


@pytest.fixture
def joined(calculator: ModuleType) -> Iterator[Callable[..., Joined]]:
    made: list[Joined] = []

    def make(*, patient: bool = True, **limits: int) -> Joined:
        made.append(Joined(calculator, patient=patient, limits=Limits(**limits)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_plain_call_has_a_plain_reply_and_is_counted(joined: Callable[..., Joined]) -> None:
    it = joined()
    before = it.session.traffic.octets_in
    it.ask(ADD)
    it.session.serve_now()
    assert it.answer() == FIVE
    assert (it.session.traffic.calls_in, it.session.traffic.octets_in - before) == (1, plain.REQUEST_SIZE + len(ADD))


def test_a_method_is_looked_up_once_until_it_is_to_be_looked_up_anew(joined: Callable[..., Joined]) -> None:
    it = joined()
    for number in range(1, 6):
        if number == 4:
            it.session.look_up_anew()
        it.ask(ADD, call_id=number)
        it.session.serve_now()
        assert it.answer(number) == FIVE
    assert it.found == [0, 0]
    assert it.session.traffic.calls_in == 5  # each has run once


def test_a_call_that_wants_no_answer_runs_and_gets_none(joined: Callable[..., Joined]) -> None:
    it = joined()
    it.ask(struct.pack("<II4s", 4, 4, b"told"), 5, kind=alpc.LPC_DATAGRAM)
    it.session.serve_now()
    assert len(it.world.data) == 1
    assert it.client.receive_frame_now() is None


def lend(it: Joined, number: int, opnum: int = 5) -> None:
    it.client.lend(plain.large_request(number, it.binding, opnum, 0, len(LARGE)), [LARGE], len(LARGE), number, ASKS, 0)


def test_a_call_in_a_view_is_served_in_one_step_once_the_section_has_come(
    joined: Callable[..., Joined], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = joined()
    for number in (7, 8, 9):
        lend(it, number)
        it.session.serve_now()
        answer = it.client.receive_message(5)
        assert (answer.message_id, answer.view) == (number, LARGE[4:])
        assert not it.client._sharing._lent  # it is given back
        it.client.release(answer)
        monkeypatch.setattr(it.session, "_serve_message", None)
    assert it.session.traffic.calls_in == 3
    assert 3 * len(LARGE) < it.session.traffic.octets_in < 3 * (len(LARGE) + 1000)


@pytest.mark.parametrize("patient", [True, False])
def test_an_answer_for_which_there_is_no_memory_is_a_fault(joined: Callable[..., Joined], patient: bool) -> None:
    it = joined(patient=patient)
    lend(it, 7)
    [call] = it.session.receive_now() or []
    assert [*it.session.answering(call, [LARGE])] == []
    it.client.receive_message(5)
    for size in (1 << 20, 1):
        with pytest.raises(QuotaExceeded):
            while True:
                it.port.allocate(size)
    lend(it, 8)
    if patient:
        it.session.serve_now()
    else:
        [call] = it.session.receive_now() or []
        assert it.session.answer_now(call, [LARGE]) is None
    event = it.engine.receive(it.client.receive_message(0).data)
    assert (type(event), event.status) == (ncalrpc.FaultReceived, 0x1C00001B)


def test_a_server_keeps_no_view_between_two_calls(joined: Callable[..., Joined]) -> None:
    it, kept = joined(), list[bool]()
    for number in (7, 8, 9):
        lend(it, number)
        it.session.serve_now()
        it.client.release(it.client.receive_message(5))
        kept.append(bool(it.port.kept))
        assert len(it.port._sharing._lent) == 1
    lend(it, 10, opnum=99)
    it.session.serve_now()
    assert [*kept, bool(it.port.kept), bool(it.port._sharing._lent)] == [False] * 5


@pytest.mark.parametrize(
    ("place", "what"), [(0, "LRPC's type"), (8, "a flag"), (24, "the callback it is made in"), (64, "the size")]
)
def test_a_call_in_a_view_that_is_not_plain_goes_the_long_way(
    joined: Callable[..., Joined], place: int, what: str
) -> None:
    it = joined()
    lend(it, 7)
    it.session.serve_now()
    it.client.receive_message(5)
    data = bytearray(plain.large_request(8, it.binding, 5, 0, len(LARGE)))
    data[place] ^= 0x20
    for kind in (alpc.LPC_REQUEST, alpc.LPC_DATAGRAM):
        it.client.lend(bytes(data), [LARGE], len(LARGE), 8, kind, 0)
        frame = it.port.receive_frame_now()
        assert frame is not None
        assert it.session._large_call(frame) is None, what


@pytest.mark.parametrize("size", [71, 72 + 56, 72 - 56])
@pytest.mark.parametrize("front", [b"", message.pack_releases([1])], ids=["alone", "behind a release"])
def test_a_call_in_a_view_with_more_data_or_less_goes_the_long_way(
    joined: Callable[..., Joined], size: int, front: bytes
) -> None:
    it = joined()
    lend(it, 7)
    it.session.serve_now()
    it.client.receive_message(5)
    data = plain.large_request(8, it.binding, 5, 0, len(LARGE)).ljust(size, b"\0")[:size]
    it.client.lend(data, [LARGE], len(LARGE), 8, ASKS, 0)
    frame = it.port.receive_frame_now()
    assert frame is not None
    assert it.port.borrow(front + frame) is not None
    assert it.session._plain_reply(front + frame) is None


@pytest.mark.parametrize("patient", [True, False])
def test_spoiled_calls_in_views_are_taken_or_left(joined: Callable[..., Joined], patient: bool) -> None:
    it, chance, taken = joined(patient=patient), random.Random(7), 0
    lend(it, 7)
    [call] = it.session.receive_now() or []
    assert [*it.session.answering(call, [FIVE])] == []
    it.client.receive_message(5)
    data = plain.large_request(8, it.binding, 0x63636363, 0, len(LARGE))  # of nothing that runs
    it.client.lend(data, [LARGE], len(LARGE), 8, ASKS, 0)
    frame = it.port.receive_frame_now()
    assert frame is not None
    for _ in range(3000):
        packet = bytearray(chance.choice([b"", message.pack_releases([1])]) + frame)
        for _ in range(chance.choice([0, 1, 1, 2])):
            packet[chance.randrange(len(packet))] = chance.choice([0, 1, 0x40, 0x80, 0xFF])
        if chance.random() < 0.2:
            del packet[chance.randrange(len(packet)) :]
        elif chance.random() < 0.2:
            packet += bytes(chance.choice([1, 8, 56]))
        taken += it.session._large_call(bytes(packet)) is not None
        assert (it.session._plain_reply if patient else it.session._plain_call)(bytes(packet)) is None
    assert 300 < taken < 2500


@pytest.mark.parametrize("kind", [alpc.LPC_DATAGRAM, alpc.LPC_REQUEST])
def test_a_large_call_that_wants_no_answer_is_no_plain_one(joined: Callable[..., Joined], kind: int) -> None:
    it = joined()
    lend(it, 7)
    it.session.serve_now()
    it.client.lend(plain.large_request(8, it.binding, 5, 0, len(LARGE)), [LARGE], len(LARGE), 8, kind, 0)
    frame = it.port.receive_frame_now()
    assert frame is not None
    assert (it.session._large_call(frame) is None) == (kind == alpc.LPC_DATAGRAM)


def test_a_fault_is_no_plain_reply(joined: Callable[..., Joined]) -> None:
    it = joined()
    it.ask(b"cut", 1)
    it.session.serve_now()
    event = it.engine.receive(it.client.receive_message(0).data)
    assert (type(event), event.did_not_execute) == (ncalrpc.FaultReceived, True)


def test_a_plain_call_that_fails_leaves_no_circle_behind(calculator: ModuleType) -> None:
    refusals: list[weakref.ref[AccessDenied]] = []

    class Refusing(calculator.Service):  # type: ignore[misc, name-defined]
        def Add(self, a: int, b: int) -> int:
            refusal = AccessDenied(5)
            refusals.append(weakref.ref(refusal))
            try:
                raise refusal
            finally:
                del refusal

    service: Any = SimpleNamespace(World=calculator.World, Service=Refusing, CALCULATOR=calculator.CALCULATOR)
    it = Joined(service, patient=True, limits=Limits())
    gc.disable()
    try:
        for _ in range(2):
            it.ask(ADD)
            it.session.serve_now()
        assert [refusal() for refusal in refusals] == [None, None]
    finally:
        gc.enable()
        it.close()


def test_what_names_no_binding_or_no_operation_runs_nothing_and_is_told(joined: Callable[..., Joined]) -> None:
    it = joined()
    for binding, opnum in ((it.binding + 1, 0), (it.binding, 99)):
        it.client.send_frame(plain.request(CLIENT, 7, binding, opnum, ADD), 0)
        it.session.serve_now()
        event = it.engine.receive(it.client.receive_message(0).data)
        assert (type(event), event.did_not_execute) == (ncalrpc.FaultReceived, True)


def test_where_requests_are_limited_below_a_plain_one_the_limit_holds(joined: Callable[..., Joined]) -> None:
    it = joined(max_local_request=len(ADD))
    for stub, kind in ((ADD, ncalrpc.ResponseReceived), (ADD + b"more", ncalrpc.FaultReceived)):
        it.ask(stub)
        it.session.serve_now()
        assert type(it.engine.receive(it.client.receive_message(0).data)) is kind


def test_a_reply_that_is_no_plain_one_goes_as_a_message(
    joined: Callable[..., Joined], monkeypatch: pytest.MonkeyPatch
) -> None:
    it = joined()
    it.ask(ADD)
    monkeypatch.setattr(ncalrpc, "INLINE", len(FIVE) - 1)
    it.session.serve_now()
    event = it.engine.receive(it.client.receive_message(0).data)
    assert bytes(event.stub) == FIVE


# asyncio


def test_the_loop_gets_a_plain_call_with_what_runs_it(joined: Callable[..., Joined]) -> None:
    it = joined(patient=False)
    it.ask(ADD)
    [call] = it.session.receive_now() or []
    assert call.message is None
    assert call.run is not None
    answer = asyncio.run(call.run(call.stub))
    assert [*it.session.answering(call, answer)] == []
    assert it.answer() == FIVE


def test_a_plain_reply_for_which_there_is_no_room_goes_when_there_is(joined: Callable[..., Joined]) -> None:
    it = joined(patient=False)
    it.ask(ADD)
    [call] = it.session.receive_now() or []
    filled = 0
    while it.port.send_message_now(bytes(60_000), 1, alpc.LPC_DATAGRAM):
        filled += 1
    while it.port.send_message_now(b"", 1, alpc.LPC_DATAGRAM):
        filled += 1
    answering = it.session.answer_now(call, [FIVE])
    assert answering is not None
    for _ in range(filled):
        assert it.client.receive_frame_now() is not None
    assert [*answering] == []
    assert it.answer() == FIVE


def test_a_plain_call_that_wants_no_answer_goes_the_long_way_to_the_loop(joined: Callable[..., Joined]) -> None:
    it = joined(patient=False)
    it.ask(ADD, kind=alpc.LPC_DATAGRAM)
    [call] = it.session.receive_now() or []
    assert (call.one_way, call.run) == (True, None)


def test_a_call_in_a_view_is_one_for_the_loop_once_the_section_has_come(joined: Callable[..., Joined]) -> None:
    it = joined(patient=False)
    for number in (7, 8, 9):
        lend(it, number)
        [call] = it.session.receive_now() or []
        assert (call.message is None, it.port.kept) == (number > 7, {})
        if call.run is None:
            assert [*it.session.answering(call, [LARGE[4:]])] == []
        else:
            assert it.session.answer_now(call, asyncio.run(call.run(call.stub))) is None
        answer = it.client.receive_message(5)
        assert (answer.message_id, answer.view) == (number, LARGE[4:])
        it.client.release(answer)
    assert it.session.traffic.calls_in == 3
    assert 3 * len(LARGE) < it.session.traffic.octets_out < 3 * (len(LARGE) + 1000)
    assert not it.client._sharing._lent
    assert len(it.port._sharing._lent) == 1


def test_a_large_answer_for_which_there_is_no_room_goes_when_there_is(joined: Callable[..., Joined]) -> None:
    it = joined(patient=False)
    for number in (7, 8):
        lend(it, number)
        [call] = it.session.receive_now() or []
        if number == 7:
            assert [*it.session.answering(call, [LARGE])] == []
            it.client.receive_message(5)
    filled = 0
    for size in (60_000, 0):
        while it.port.send_message_now(bytes(size), 1, alpc.LPC_DATAGRAM):
            filled += 1
    answering = it.session.answer_now(call, [LARGE])
    assert answering is not None
    assert len(it.port._sharing._lent) == 1
    for _ in range(filled):
        assert it.client.receive_frame_now() is not None
    assert [*answering] == []
    answer = it.client.receive_message(5)
    assert (answer.message_id, answer.view) == (8, LARGE)
