from __future__ import annotations

import gc
import select
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrpc.transports import memory
from lrpc.transports.errors import ConnectionRefused, NameNotFound, TimedOut

WATCHDOG = 20.0


def test_a_pair_needs_no_name_and_no_descriptor(open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    one, two = memory.pair()
    one.send(b"hello")
    assert two.receive(WATCHDOG) == b"hello"
    assert open_descriptors() == before


def test_what_was_sent_is_a_copy() -> None:
    one, two = memory.pair()
    octets = bytearray(b"before")
    one.send(octets)
    octets[:] = b"after!"
    assert two.receive(WATCHDOG) == b"before"


def test_messages_of_any_size_pass_when_nothing_is_queued() -> None:
    one, two = memory.pair()
    assert one.send_now(bytes(memory.MAX_QUEUED + 1)) == memory.MAX_QUEUED + 1
    assert one.send_now(b"x") == 0
    assert len(two.receive(WATCHDOG)) == memory.MAX_QUEUED + 1
    assert one.send_now(b"x") == 1


def test_a_blocked_sender_goes_on_when_there_is_room(threads: ThreadPoolExecutor) -> None:
    one, two = memory.pair()
    one.send(bytes(memory.MAX_QUEUED))
    sending = threads.submit(one.send, b"next", WATCHDOG)
    assert len(two.receive(WATCHDOG)) == memory.MAX_QUEUED
    sending.result(WATCHDOG)
    assert two.receive(WATCHDOG) == b"next"


def test_a_descriptor_made_late_knows_what_is_there() -> None:
    one, two = memory.pair()
    one.send(b"early")
    descriptor = two.fileno()
    assert select.select([descriptor], [], [], WATCHDOG)[0]
    assert two.receive(WATCHDOG) == b"early"
    assert not select.select([descriptor], [], [], 0)[0]
    two.close()
    one.close()


def test_clients_nobody_accepted_are_told() -> None:
    listener = memory.listen("unaccepted")
    client = memory.connect("unaccepted")
    listener.close()
    assert client.receive(WATCHDOG) == b""


def test_a_full_backlog_times_out() -> None:
    listener = memory.listen("full")
    clients = [memory.connect("full") for _ in range(memory.BACKLOG)]
    with pytest.raises(TimedOut):
        memory.connect("full", 0.01)
    listener.close()
    del clients
    gc.collect()


def test_names_are_free_again() -> None:
    memory.listen("again").close()
    memory.listen("again").close()
    with pytest.raises(NameNotFound):
        memory.connect("again")


def test_connecting_while_the_listener_closes_is_refused() -> None:
    listener = memory.listen("closing")
    listener.close()
    with pytest.raises(ConnectionRefused):
        listener.connected_by(WATCHDOG)


def test_repr_shows_the_state() -> None:
    one, _ = memory.pair()
    assert repr(one) == "<MemoryConnection pair open>"
    one.close()
    assert repr(one) == "<MemoryConnection pair closed>"
