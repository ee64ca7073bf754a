"""The server's engine when its client does not read: what it says by itself waits, and no longer than it may."""

from __future__ import annotations

import struct
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

from lrpc.runtime import ncacn
from lrpc.runtime.authentication.credentials import Identity
from lrpc.runtime.call import Limits
from lrpc.runtime.contexts import AssociationGroups, ContextTable
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ended import Ended
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.pdu import CoCancel
from lrpc.runtime.ncacn.security import AuthLevel
from lrpc.runtime.pdu_session import PduSession
from lrpc.runtime.session import BURST, MAX_BEHIND
from lrpc.transports.seam import Peer


class Tight:
    """A byte stream whose reader is slow: it takes `room` octets and then none."""

    message_mode = False
    peer = Peer(1, 2, 3, (), "tight")

    def __init__(self) -> None:
        self.arriving: list[bytes] = []
        self.taken = b""
        self.room = 1 << 30

    def send_now(self, data: Any) -> int:
        taken = bytes(data[: self.room])
        self.taken += taken
        self.room -= len(taken)
        return len(taken)

    def receive_now(self) -> bytes | None:
        return self.arriving.pop(0) if self.arriving else None

    def over(self) -> bool:
        return not self.room

    def close(self) -> None:
        self.room = 0


@pytest.fixture
def stream() -> Tight:
    return Tight()


@pytest.fixture
def session(stream: Tight, calculator: ModuleType) -> PduSession:
    """Bound; two calls may run at a time."""
    registry = Registry(100)
    registry.register(calculator.Service(calculator.World()))
    groups = AssociationGroups(lambda: ContextTable(uuid4, 10))
    made = PduSession(
        stream,  # type: ignore[arg-type]
        registry,
        "memory:[x]",
        Limits(max_calls=2),
        patient=False,
        protocol="memory",
        secondary_address="x",
        groups=groups,
    )
    interface = calculator.Calculator.interface
    syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
    stream.arriving.append(ncacn.ClientAssociation().bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])]))
    assert made.receive_now() == []
    assert made.bound
    stream.taken = b""
    return made


class Package:
    """A security package that believes whatever it is told, in one token."""

    auth_type = 10
    complete = False

    def __init__(self, user: str) -> None:
        self.identity = Identity(user, "ntlm")

    def step(self, token: bytes) -> bytes:
        self.complete = True
        return b"yes"

    def signature_size(self, level: int) -> int:
        return 16


@pytest.mark.parametrize(
    ("user", "told", "level"),
    [("DOM\\mary", "DOM\\mary", AuthLevel.CONNECT), ("", None, AuthLevel.NONE)],
    ids=["mary", "nobody"],
)
def test_who_calls_is_told_and_the_level_of_nobody_is_none(
    stream: Tight, calculator: ModuleType, user: str, told: str | None, level: AuthLevel
) -> None:
    registry = Registry(100)
    registry.register(calculator.Service(calculator.World()))
    session = PduSession(
        stream,  # type: ignore[arg-type]
        registry,
        "memory:[x]",
        Limits(),
        patient=False,
        protocol="memory",
        secondary_address="x",
        groups=AssociationGroups(lambda: ContextTable(uuid4, 10)),
        authenticate=lambda auth_type, auth_level: Package(user),  # type: ignore[arg-type, return-value]
    )
    interface = calculator.Calculator.interface
    items = [ncacn.ContextRequest(0, ncacn.SyntaxId(interface.uuid, *interface.version), [ncacn.NDR])]
    bind = ncacn.bind_pdu.Bind(1, items, 5840, 5840, auth=AuthTrailer(10, AuthLevel.CONNECT, b"token"))
    stream.arriving += [bind.serialize(), request(1)]
    assert session.receive_now() == []
    [call] = session.receive_now() or []
    assert call.caller is not None
    assert (call.caller.user, call.caller.authentication, call.caller.level) == (told, "ntlm", level)


def request(call_id: int) -> bytes:
    stub = struct.pack("<II", 2, 3)
    return struct.pack("<BBBBIHHIIHH", 5, 0, 0, 3, 0x10, 32, 0, call_id, 8, 0, 0) + stub


def kinds(octets: bytes) -> list[tuple[int, int]]:
    """(PTYPE, call id) of each PDU, which have to be whole."""
    found = []
    while octets:
        size, call_id = struct.unpack_from("<HxxI", octets, 8)
        assert len(octets) >= size
        found.append((octets[2], call_id))
        octets = octets[size:]
    return found


def test_what_the_engine_says_goes_behind_an_answer_that_is_half_sent(session: PduSession, stream: Tight) -> None:
    stream.arriving.append(request(1))
    [call] = session.receive_now() or []
    stream.room = 10
    answering = session.answering(call, [bytes(4)])
    next(answering)
    stream.arriving.append(request(2) + request(3))  # the first has its answer as far as the engine is concerned
    assert len(session.receive_now() or []) == 2
    stream.arriving.append(request(4))
    assert session.receive_now() == []  # refused: too many
    stream.room = 1 << 30
    list(answering)
    assert kinds(stream.taken) == [(2, 1), (3, 4)]


def test_a_client_that_only_asks_and_never_reads_is_ended(session: PduSession, stream: Tight) -> None:
    stream.arriving.append(request(1))
    [call] = session.receive_now() or []
    stream.room = 10
    answering = session.answering(call, [bytes(4)])
    next(answering)
    stream.arriving += [request(number) for number in range(2, MAX_BEHIND)]
    with pytest.raises(Ended, match="does not read"):
        while stream.arriving:
            session.receive_now()


def test_a_client_without_room_for_a_refusal_is_ended(session: PduSession, stream: Tight) -> None:
    stream.arriving += [request(1) + request(2), request(3)]
    session.receive_now()
    stream.room = 0
    with pytest.raises(Ended, match="does not read"):
        session.receive_now()


def test_answers_that_are_held_go_together(session: PduSession, stream: Tight) -> None:
    stream.arriving.append(request(1) + request(2))
    calls = session.receive_now() or []
    session.hold()
    assert [session.answer_now(call, [bytes(4)]) for call in calls] == [None, None]
    assert stream.taken == b""
    stream.room = 10
    sending = session.let_go()
    assert sending is not None
    assert next(sending, None) is True
    stream.room = 1 << 30
    assert list(sending) == []
    assert kinds(stream.taken) == [(2, 1), (2, 2)]
    assert session.let_go() is None


def test_an_answer_goes_at_once_as_far_as_there_is_room(session: PduSession, stream: Tight) -> None:
    stream.arriving += [request(1), request(2)]
    [first] = session.receive_now() or []
    assert session.answer_now(first, [bytes(4)]) is None
    [second] = session.receive_now() or []
    stream.room = 10
    sending = session.answer_now(second, [bytes(4)])
    assert sending is not None
    stream.room = 1 << 30
    assert list(sending) == []
    assert kinds(stream.taken) == [(2, 1), (2, 2)]


def test_a_call_that_is_given_up_in_the_read_that_brings_it_is_not_run(session: PduSession, stream: Tight) -> None:
    stream.arriving.append(request(1) + request(2) + CoCancel(1).serialize())
    first, second = session.receive_now() or []
    assert (first.run, first.key) == (None, 1)
    assert second.run is not None


def test_what_crosses_the_word_to_leave_is_refused(session: PduSession, stream: Tight) -> None:
    assert session.dismiss()
    stream.arriving += [request(1) + request(2), request(3)]
    assert not session.hear_out()
    assert kinds(stream.taken) == [(17, 0), (3, 1), (3, 2), (3, 3)]
    stream.close()
    assert session.hear_out()


def test_a_client_that_was_asked_to_leave_and_reads_nothing_is_ended(session: PduSession, stream: Tight) -> None:
    assert session.dismiss()
    stream.arriving.append(request(1))
    stream.room = 10
    with pytest.raises(Ended, match="does not read"):
        session.hear_out()


def test_a_client_that_was_asked_to_leave_and_goes_on_is_ended(session: PduSession, stream: Tight) -> None:
    assert session.dismiss()
    stream.arriving += [request(number) for number in range(1, 2 * BURST)]
    with pytest.raises(Ended, match="does not leave off"):
        session.hear_out()
