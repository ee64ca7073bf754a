"""How a blocking server hears clients out that it has asked to leave."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from lrpc.runtime.ended import Ended
from lrpc.runtime.serving import leaving as leaving_module
from lrpc.runtime.serving.crew import Crew
from lrpc.runtime.serving.leaving import Leaving

WATCHDOG = 20.0


class Client:
    """A session whose client says when it leaves."""

    caller = "somebody"

    def __init__(self) -> None:
        self.mine, self.theirs = socket.socketpair()
        self.mine.setblocking(False)
        self.mine.shutdown(socket.SHUT_RD)
        self.heard: list[bytes] = []
        self.ended = 0
        self.breaks = False

    def fileno(self) -> int:
        return self.mine.fileno()

    def hear_out(self) -> bool:
        self.heard.append(b"")
        if self.breaks:
            raise Ended("broken")
        return self.theirs.fileno() < 0

    def end(self) -> None:
        self.ended += 1
        self.mine.close()


@pytest.fixture
def crew() -> Crew:
    return Crew()


@pytest.fixture
def leaving(crew: Crew) -> Leaving:
    return Leaving(crew)


@pytest.fixture
def client() -> Iterator[Any]:
    made = Client()
    yield made
    made.mine.close()
    made.theirs.close()


def test_a_client_is_heard_until_it_has_left(
    crew: Crew, leaving: Leaving, client: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving_module, "LINGER", 50 * WATCHDOG)
    leaving.add(client)
    until(lambda: client.heard)
    assert not client.ended
    client.theirs.close()
    crew.join(time.monotonic() + WATCHDOG)
    assert client.ended == 1


def test_one_that_stays_is_ended(crew: Crew, leaving: Leaving, client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving_module, "LINGER", 0.01)
    leaving.add(client)
    crew.join(time.monotonic() + WATCHDOG)
    assert client.ended == 1


def test_nobody_is_heard_for_longer_than_the_grace(
    crew: Crew, leaving: Leaving, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving_module, "LINGER", 50 * WATCHDOG)
    leaving.stop(time.monotonic())
    leaving.add(client)
    crew.join(time.monotonic() + WATCHDOG)
    assert client.ended == 1


def test_one_that_breaks_ends_alone(
    crew: Crew, leaving: Leaving, client: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving_module, "LINGER", 50 * WATCHDOG)
    other = Client()
    other.breaks = True
    leaving.add(client)
    leaving.add(other)  # type: ignore[arg-type]
    until(lambda: other.ended)
    assert not client.ended
    client.theirs.close()
    crew.join(time.monotonic() + WATCHDOG)
    assert (client.ended, other.ended) == (1, 1)
    other.theirs.close()


def test_one_whose_connection_was_closed_meanwhile_is_ended_at_once(leaving: Leaving, client: Any) -> None:
    client.mine.close()
    leaving.add(client)
    assert client.ended == 1


def test_there_is_a_thread_again_for_those_who_come_later(
    crew: Crew, leaving: Leaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving_module, "LINGER", 0.01)
    for _ in range(3):
        client = Client()
        leaving.add(client)  # type: ignore[arg-type]
        crew.join(time.monotonic() + WATCHDOG)
        assert client.ended == 1
        client.theirs.close()
