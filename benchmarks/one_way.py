"""Messages that nobody answers: sent one by one, and many in one packet.

Small datagrams between two ports, and [maybe] calls of generated stubs. Each round ends when the other side has said
that all have come. On one processor the minimum of the rounds counts, on two the median.
"""

from __future__ import annotations

import os
import tempfile
from multiprocessing.connection import Connection
from typing import Any

import lrpc
from lrpc.transports import alpc

from .measure import Row, Timing, Work, compare, peer, pin

IDL = """
[uuid(8d1e9a44-6f0b-4f7f-8e57-0c6d3b2a1f90), version(1.0)]
interface Teller {
    [maybe] void Tell([in] long number);
    long Told();
}
"""
COUNT = 2000
"""Messages in a round."""
PACKET = 500
"""Messages in a batch."""
DATA = bytes(64)
LAST = b"last"
stub: Any = lrpc.load(IDL)


class Teller(stub.Teller):  # type: ignore[misc]
    def Tell(self, number: int) -> None: ...  # noqa: N802

    def Told(self) -> int:  # noqa: N802
        return 0


def listener(ready: Connection) -> None:
    server = alpc.listen("one-way")
    ready.send("one-way")
    port = server.accept()
    while True:
        for message in port.receive_messages():
            if message.data == LAST:
                port.send(LAST)
            elif message.type == alpc.LPC_PORT_CLOSED:
                return


def teller(ready: Connection) -> None:
    with lrpc.Server() as server:
        server.register(Teller())
        server.listen("ncalrpc:[teller]")
        server.start()
        ready.send("ncalrpc:[teller]")
        server.serve_forever()


def run(which: str) -> list[Row]:
    """The rows of the report for one way of pinning."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        with (
            peer(listener, which) as name,
            peer(teller, which) as target,
            lrpc.connect(stub.TellerClient, target) as client,
        ):
            pin(which, 0)
            port = alpc.dial(name)
            rows = [
                _row(f"datagrams batched, times as many as single ones ({which})", _datagrams(port), which, 6.0),
                _row(f"[maybe] calls in lrpc.batch, times as many as single ones ({which})", _calls(client), which),
            ]
            port.close()
            return rows


def _row(work: str, contenders: dict[str, Work], which: str, goal: float | None = None) -> Row:
    timings = compare(contenders, each=1, rounds=40)
    batched, single = _counted(timings["batched"], which), _counted(timings["single"], which)
    ratio = single / batched
    said, met = ("", None) if goal is None else (f"at least {goal:g}", ratio >= goal)
    return Row(work, f"{batched * 1e6:.2f} us", f"{single * 1e6:.2f} us", ratio, said, met, timings["single"].noise)


def _counted(timing: Timing, which: str) -> float:
    return (timing.best if which == "same" else timing.median) / COUNT


def _datagrams(port: alpc.DatagramPort) -> dict[str, Work]:
    def single() -> None:
        for _ in range(COUNT):
            port.send(DATA)
        port.send(LAST)
        port.receive()

    def batched() -> None:
        for _ in range(COUNT // PACKET):
            with port.batch() as batch:
                add = batch.datagram
                for _ in range(PACKET):
                    add(DATA)
        port.send(LAST)
        port.receive()

    return {"single": single, "batched": batched}


def _calls(client: Any) -> dict[str, Work]:
    def single() -> None:
        for number in range(COUNT):
            client.Tell(number)
        client.Told()

    def batched() -> None:
        with lrpc.batch(client):
            single()

    return {"single": single, "batched": batched}
