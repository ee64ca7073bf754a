"""Rows X5-X8 of docs/threats.md: what fails in the server itself, its machine or its methods, with others to serve."""

from __future__ import annotations

import itertools
import os
import random
import resource
import signal
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime import async_server, dispatch, ncacn, pdu_session
from lrpc.runtime.ncacn import fragments, inbox
from lrpc.runtime.status import Ran
from lrpc.transports.errors import TransportError

BIG = 60_000


@pytest.fixture(params=["ncacn_ip_tcp", "memory"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def text(words: str) -> bytes:
    """A [in, string] wchar_t name."""
    return struct.pack("<III", len(words) + 1, 0, len(words) + 1) + f"{words}\0".encode("utf-16-le")


# X1, X3: servers of other processes


@pytest.mark.parametrize("client_face", ["blocking", "asyncio"])
def test_x1_a_server_killed_at_any_time_is_a_typed_error_and_its_port_is_free_at_once(
    server_process: Any, clients_of: Any, client_face: str
) -> None:
    dice, binding = random.Random(1), "ncacn_ip_tcp:127.0.0.1[0]"
    for _ in range(4):
        child, [binding] = server_process(binding)
        client = clients_of(client_face)(binding)
        for _ in range(dice.randrange(200)):
            assert client.Add(2, 3) == 5
        child.kill()
        with pytest.raises((lrpc.ConnectionLost, lrpc.ServerUnavailable)) as caught:
            while True:
                client.Add(2, 3)
        assert caught.value.ran in (Ran.NO, Ran.UNKNOWN)


@pytest.mark.parametrize("client_face", ["blocking", "asyncio"])
def test_x3_a_server_that_was_stopped_answers_nobody_late(
    server_process: Any, clients_of: Any, client_face: str
) -> None:
    child, [binding] = server_process("ncacn_ip_tcp:127.0.0.1[0]")
    client = clients_of(client_face)(binding, timeout=1.0)
    assert client.Add(2, 3) == 5
    child.send_signal(signal.SIGSTOP)
    os.waitpid(child.pid, os.WUNTRACED)  # its threads stop one after the other
    try:
        for number in range(2):
            with pytest.raises(lrpc.DeadlineExceeded) as caught:
                client.Add(100, number)
            assert caught.value.ran is Ran.UNKNOWN
    finally:
        child.send_signal(signal.SIGCONT)
    assert [client.Add(number, 3) for number in range(5)] == [3, 4, 5, 6, 7]


# X5: no descriptors, no memory


@pytest.fixture
def few() -> Iterator[Any]:
    """Leaves no descriptor to be had until it is called again."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def toggle(*, scarce: bool) -> None:
        most = max(int(name) for name in os.listdir("/proc/self/fd")) + 1 if scarce else before[0]
        taken = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, before[1]))
        while scarce:
            try:
                taken.append(os.dup(0))
            except OSError:
                break
        held.extend(taken)
        if not scarce:
            while held:
                os.close(held.pop())

    held: list[int] = []
    yield toggle
    toggle(scarce=False)


def test_x5_without_descriptors_nobody_is_accepted_and_then_everybody(
    victims: Any, face: str, raw: Any, syntax: ncacn.SyntaxId, few: Any
) -> None:
    victim = victims(face, "ncacn_ip_tcp")
    found = lrpc.StringBinding.parse(victim.binding)
    with socket.socket() as late:
        few(scarce=True)
        late.connect((found.address, int(found.endpoint)))
        late.sendall(raw.bind(raw.item(syntax)))
        victim.until(lambda: victim.heard("accept_failed"))
        assert victim._watcher.Add(2, 3) == 5
        victim.pace(0.2)
        assert len(victim.heard("accept_failed")) <= 4  # it does not spin
        few(scarce=False)
    victim.survives()


PLACES = {
    "stream": (inbox.Inbox, "take"),
    "stub": (fragments.Assembly, "stub"),
    "bind": (ncacn, "negotiate"),
    "method": (dispatch.Registry, "find"),
    "response": (ncacn.ServerAssociation, "respond"),
    "sending": (pdu_session.PduSession, "_joined"),
}


@pytest.mark.parametrize("place", sorted(PLACES))
def test_x5_without_memory_a_connection_is_lost_and_no_more(
    victim: Any, raw: Any, syntax: ncacn.SyntaxId, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, name = PLACES[place]
    works = getattr(owner, name)
    hurt: list[int] = []
    for nth in range(1, 6):
        turns = itertools.count(1)

        def fail(*arguments: Any, nth: int = nth, turns: Iterator[int] = turns, **named: Any) -> Any:
            if next(turns) == nth:
                hurt.append(nth)
                raise MemoryError
            return works(*arguments, **named)

        with monkeypatch.context() as patched, victim.intruder() as intruder:
            patched.setattr(owner, name, fail)
            intruder.say(raw.bind(raw.item(syntax), flags=raw.WHOLE | raw.MPX))
            for call_id in (1, 2):
                first = raw.request(raw.STUB[:8], flags=raw.FIRST, call_id=call_id)
                intruder.say(first, raw.request(raw.STUB[8:], flags=raw.LAST, call_id=call_id))
            assert len(intruder.finish().rest()) <= 3
        victim.check()
    assert hurt
    assert len(victim.heard("broken")) == len(hurt)
    victim.survives()


# X6: methods


@pytest.mark.parametrize("how", ["bug", "exit", "text", "none", "large", "cancelled"])
def test_x6_a_method_that_misbehaves_is_a_fault_and_tells_no_secret(victim: Any, raw: Any, how: str) -> None:
    with victim.bound() as intruder:
        fault = intruder.say(raw.request(text(how), opnum=raw.MISBEHAVE)).next()
        assert fault.ptype == raw.FAULT
        assert not fault.flags & 0x20
        assert b"secret" not in fault.serialize()
        assert intruder.say(raw.request()).next().ptype == raw.RESPONSE
    victim.survives()


def test_x6_a_method_that_blocks_keeps_nobody_else_waiting(victim: Any, raw: Any) -> None:
    with victim.bound() as intruder:
        intruder.say(raw.request(b"\1\0\0\0", opnum=raw.WAIT))
        victim.world.has_entered(1)
        for _ in range(3):
            victim.check()
        victim.world.release_all()
        assert intruder.next().stub == b"\1\0\0\0"
    victim.survives()


# X7: clocks


def test_x7_a_clock_that_jumps_changes_nothing(victim: Any, raw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    dice, now = random.Random(7), time.time
    monkeypatch.setattr(time, "time", lambda: now() + dice.choice((-86400, 0, 86400)))
    with victim.bound() as intruder:
        intruder.say(raw.request(b"\1\0\0\0", opnum=raw.WAIT))
        victim.world.has_entered(1)
        for _ in range(20):
            victim.check()
        victim.world.release_all()
        assert intruder.next().stub == b"\1\0\0\0"
    assert victim.heard("limit") == []
    victim.survives()


# X8: who does not read


def test_x8_a_client_that_does_not_read_is_read_no_more_and_ended(
    victim: Any, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pdu_session, async_server):
        monkeypatch.setattr(module, "SEND_TIMEOUT", 0.2)
    stub = struct.pack("<II", BIG, BIG) + bytes(BIG)
    parts = [stub[at : at + 4000] for at in range(0, len(stub), 4000)]
    ends = {0: raw.FIRST, len(parts) - 1: raw.LAST}
    with victim.bound(flags=raw.WHOLE | raw.MPX) as intruder:
        with pytest.raises(TransportError):
            for call_id in range(2000):
                for at, part in enumerate(parts):
                    call = raw.request(part, flags=ends.get(at, 0), call_id=call_id)
                    intruder.connection.send(call, raw.WATCHDOG)
        victim.check()
        victim.until(victim.alone)
    assert len(victim.world.data) < 1000
    assert victim.heard("broken", "failed") == []
    victim.survives()
