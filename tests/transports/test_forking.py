"""What is let go of in a child of fork, and what is handed on."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from lrpc.transports import forking, tcp


class Owned:
    def __init__(self) -> None:
        self.said = ""
        forking.watch(self)

    def abandon(self) -> None:
        self.said += "abandoned"

    def inherit(self) -> None:
        self.said += "inherited"


def told(fork: Callable[[], int], what: Callable[[], str]) -> str:
    reading, writing = os.pipe()
    child = fork()
    if not child:
        os.write(writing, what().encode())
        os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as answer:
        said = answer.read()
    assert os.waitpid(child, 0)[1] == 0
    return said


def test_a_child_abandons_everything() -> None:
    owned = Owned()
    assert told(os.fork, lambda: owned.said) == "abandoned"
    assert owned.said == ""


def test_a_child_made_for_something_inherits_it_alone() -> None:
    heirloom, other = Owned(), Owned()
    assert told(lambda: forking.fork([heirloom]), lambda: f"{heirloom.said} {other.said}") == "inherited abandoned"
    assert told(os.fork, lambda: heirloom.said) == "abandoned"


def test_whatever_is_gone_is_not_kept() -> None:
    before = len(forking._owners)
    owned = Owned()
    assert len(forking._owners) == before + 1
    del owned
    assert len(forking._owners) == before


def test_a_heir_that_closes_its_listener_leaves_its_parents_open() -> None:
    listener = tcp.listen()

    def closed() -> str:
        listener.close()
        return "closed"

    assert told(lambda: forking.fork([listener]), closed) == "closed"
    client = tcp.connect(listener.address)
    listener.accept(20).close()
    client.close()
    listener.close()


def test_a_listener_that_was_shut_down_elsewhere_is_closed() -> None:
    from lrpc.transports.errors import Disconnected

    listener = tcp.listen()
    listener._acceptor._socket.shutdown(2)
    with pytest.raises(Disconnected):
        listener.accept_now()
    listener.close()
