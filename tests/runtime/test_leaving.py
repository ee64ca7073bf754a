"""Servers that ask their clients to leave, and clients that share an association group."""

from __future__ import annotations

from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0
OVER_PDUS = ("ncacn_np", "ncacn_ip_tcp", "memory")


def ask(host: Any) -> None:
    """Ask all clients to leave, as a server does that drains."""

    async def in_loop() -> None:
        in_thread()

    def in_thread() -> None:
        for session in host.server._guests.present():
            session.ask_to_leave()

    if host.loop is None:
        in_thread()
    else:
        host.loop.run(in_loop())


@pytest.mark.parametrize("transport", OVER_PDUS, indirect=True)
def test_a_client_leaves_when_its_last_call_is_answered_and_comes_again(
    connect: Any, host: Any, binding: str, world: Any, threads: Any, until: Any
) -> None:
    client = connect(binding)
    waiting = threads.submit(client.Wait, 1)
    world.has_entered(1)
    ask(host)
    [session] = host.server._guests.present()
    world.gate(1).set()
    assert waiting.result(WATCHDOG) == 1
    until(lambda: session not in host.server._guests.present())
    assert client.Add(1, 2) == 3


@pytest.mark.parametrize("transport", OVER_PDUS, indirect=True)
def test_an_idle_client_comes_by_another_connection(connect: Any, host: Any, binding: str, until: Any) -> None:
    client = connect(binding)
    assert client.Add(1, 2) == 3
    [session] = host.server._guests.present()
    ask(host)
    until(lambda: client.Add(1, 2) == 3 and session not in host.server._guests.present())


# Association groups


@pytest.mark.parametrize("transport", OVER_PDUS, indirect=True)
def test_context_handles_are_good_in_all_clients_of_a_group(connect: Any, binding: str) -> None:
    one = connect(binding)
    group = getattr(one, "client", one).connection.association
    assert group
    other, stranger = connect(binding, association=group), connect(binding)
    tally = one.Open("tally")
    assert [client.Count(tally) for client in (one, other, one)] == [1, 2, 3]
    with pytest.raises(lrpc.ContextMismatch):
        stranger.Count(tally)
    one.close()
    assert other.Count(tally) == 4


@pytest.mark.parametrize("transport", OVER_PDUS, indirect=True)
def test_a_group_that_there_is_not_is_refused(connect: Any, binding: str) -> None:
    with pytest.raises(lrpc.BindRefused):
        connect(binding, association=0xBAD)


@pytest.mark.parametrize("transport", ["ncalrpc"], indirect=True)
def test_lrpc_has_no_groups(connect: Any, binding: str) -> None:
    with pytest.raises(lrpc.InvalidBinding, match="association groups"):
        connect(binding, association=7)
