"""What one hostile client costs another: the rate of add() over TCP, with it and without.

The server and its good client share a processor; the hostile one has the other, and where nothing hostile goes on, it
spins. It comes from an address of its own, 127.0.0.2, as a stranger does.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from lrpc.runtime import ncacn
from lrpc.runtime.ncacn.pdu import CoCancel

from . import network_servers
from .idle_connections import address_of, bound
from .local_call import stub
from .many_clients import rate_of
from .measure import Row, peer, pin
from .network_call import lrpc_client

ROUNDS = 8
SECONDS = 0.25
MOST = 0.10
"""Of the rate."""
STRANGER = ("127.0.0.2", 0)
Address = tuple[str, int]


def _offer() -> bytes:
    interface = stub.Bench.interface
    syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
    return ncacn.ClientAssociation().bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])])


def malformed_binds(address: Address, binding: str) -> None:
    """Connections that bind with a body cut short, one after the other; each waits for its end."""
    octets = bytearray(_offer())
    octets[8:10] = (20).to_bytes(2, "little")  # frag_length
    while True:
        with connected(address) as client:
            client.sendall(octets)
            until_closed(client)


def half_binds(address: Address, binding: str) -> None:
    """Connections that send half a bind; three hundred are open at a time."""
    octets = _offer()[:30]
    kept: list[socket.socket | None] = [None] * 300
    for at in cycle(range(len(kept))):
        old = kept[at]
        if old is not None:
            old.close()
        client = kept[at] = connected(address)
        client.sendall(octets)


def cancels(address: Address, binding: str) -> None:
    """A bound connection that sends cancels of calls that it never made, as fast as they go."""
    flood = b"".join(CoCancel(call_id).serialize() for call_id in range(1, 2000))
    while True:
        try:
            with bound(binding, STRANGER) as client:
                while True:
                    client.sendall(flood)
        except OSError:  # ended by the server, or turned away
            continue


def nothing(address: Address, binding: str) -> None:
    """Uses its processor, and harms nobody."""
    while True:
        pass


ATTACKS: dict[str, Callable[[Address, str], None]] = {
    "malformed binds": malformed_binds,
    "half binds": half_binds,
    "cancels": cancels,
}


def connected(address: Address) -> socket.socket:
    """A connection of the stranger's; tried again where there is no room for it."""
    while True:
        try:
            return socket.create_connection(address, source_address=STRANGER)
        except OSError:
            time.sleep(0.001)


def until_closed(client: socket.socket) -> None:
    """Read until the server ends it."""
    try:
        while client.recv(4096):
            continue
    except OSError:
        return


@contextmanager
def attacking(attack: Callable[[Address, str], None], binding: str) -> Iterator[Callable[[bool], None]]:
    """A process that attacks while it is told to."""
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_attack, args=(attack, binding), daemon=True)
    process.start()

    def go(on: bool) -> None:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGCONT if on else signal.SIGSTOP)

    go(False)
    try:
        yield go
    finally:
        process.kill()
        process.join()


def _attack(attack: Callable[[Address, str], None], binding: str) -> None:
    pin("diff", 1)
    attack(address_of(binding), binding)


def run() -> list[Row]:
    """A row for each attack on each kind of server."""
    return [row(kind, name) for kind in network_servers.KINDS for name in ATTACKS]


def row(kind: str, name: str) -> Row:
    """One attack on one kind of server."""
    with (
        peer(network_servers.KINDS[kind], "same") as binding,
        attacking(nothing, binding) as quiet,
        attacking(ATTACKS[name], binding) as attack,
    ):
        pin("same", 0)
        with lrpc_client(binding) as call:
            alone, attacked = _rates(call, quiet, attack)
    lost = 1 - attacked / alone
    work = f"rate of a client while another sends {name}, server {kind}"
    figures = f"{attacked:.0f} /s", f"{alone:.0f} /s", attacked / alone
    return Row(work, *figures, f"over {1 - MOST:.2f}", lost < MOST, 0.0)


def _rates(call: Any, quiet: Callable[[bool], None], attack: Callable[[bool], None]) -> tuple[float, float]:
    """The best rates, in turns: while there is no attack, and while there is."""
    found: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for rates, other in zip(found, (quiet, attack), strict=True):
            other(True)
            time.sleep(0.05)
            rates.append(rate_of(call, SECONDS))
            other(False)
            time.sleep(0.05)
    return max(found[0]), max(found[1])
