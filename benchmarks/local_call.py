"""A call on one machine: add(int, int) over ALPC with generated stubs, and a large argument.

Against it: multiprocessing.connection over a Unix socket doing the same with pickles, and a ping-pong of the
same size over a bare SEQPACKET socket, which is the floor.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client as PickleClient
from multiprocessing.connection import Connection, Listener
from typing import Any

import lrpc

from .measure import Row, compare, peer, pin

IDL = """
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f01), version(1.0)]
interface Bench {
    long Add([in] long a, [in] long b);
    hyper Size([in] hyper n, [in, size_is(n)] byte data[]);
}
"""
LARGE = 64 << 20
stub: Any = lrpc.load(IDL)


class Bench(stub.Bench):  # type: ignore[misc]
    def Add(self, a: int, b: int) -> int:  # noqa: N802
        return a + b

    def Size(self, data: Any, *, n: int) -> int:  # noqa: N802
        return len(data)


def lrpc_server(ready: Connection) -> None:
    limits = lrpc.Limits(max_local_request=LARGE + 4096)
    with lrpc.Server(limits=limits) as server:
        server.register(Bench(), views=True)
        server.listen("ncalrpc:[bench]")
        server.start()
        ready.send("ncalrpc:[bench]")
        server.serve_forever()


def pickle_server(ready: Connection, path: str) -> None:
    with Listener(path, "AF_UNIX") as listener:
        ready.send(path)
        with listener.accept() as connection, suppress(EOFError):  # the caller has measured enough
            while True:
                name, arguments = connection.recv()
                connection.send(sum(arguments) if name == "add" else len(arguments))


def echo_server(ready: Connection, path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(path)
        listener.listen()
        ready.send(path)
        connection, _ = listener.accept()
        while data := connection.recv(65536):
            connection.send(data)


@contextmanager
def contenders(which: str) -> Iterator[tuple[Any, Any, socket.socket]]:
    """A client of each server."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        with (
            peer(lrpc_server, which) as target,
            peer(pickle_server, which, f"{folder}/pickle") as pickles,
            peer(echo_server, which, f"{folder}/echo") as echo,
            lrpc.connect(stub.BenchClient, target) as client,
            PickleClient(pickles, "AF_UNIX") as pickler,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bare,
        ):
            pin(which, 0)
            bare.connect(echo)
            yield client, pickler, bare


def run(which: str) -> list[Row]:
    """The rows of the report for one way of pinning."""
    with contenders(which) as (client, pickler, bare):
        return [*_small(client, pickler, bare, which), _large(client, pickler, which)]


def _small(client: Any, pickler: Any, bare: socket.socket, which: str) -> list[Row]:
    message = bytes(112)  # an ALPC header, an LRPC header and two longs

    def pickled() -> None:
        pickler.send(("add", (2, 3)))
        pickler.recv()

    def ping() -> None:
        bare.send(message)
        bare.recv(65536)

    timings = compare({"lrpc": lambda: client.Add(2, 3), "pickle": pickled, "bare": ping}, each=1000, rounds=30)
    ours, pickles, floor = timings["lrpc"], timings["pickle"], timings["bare"]
    us = f"{ours.best * 1e6:.1f} us"
    return [
        Row(f"add over ALPC / multiprocessing.connection ({which})", us, f"{pickles.best * 1e6:.1f} us",
            ours.best / pickles.best, "at most 0.75", ours.best / pickles.best <= 0.75, ours.noise),
        Row(f"add over ALPC / SEQPACKET ping-pong ({which})", us, f"{floor.best * 1e6:.1f} us",
            ours.best / floor.best, "at most 2.2", ours.best / floor.best <= 2.2, floor.noise),
    ]  # fmt: skip


def _large(client: Any, pickler: Any, which: str) -> Row:
    data = bytes(LARGE)

    def pickled() -> None:
        pickler.send(("size", data))
        pickler.recv()

    timings = compare({"lrpc": lambda: client.Size(data), "pickle": pickled}, each=1, rounds=9)
    ours, theirs = timings["lrpc"], timings["pickle"]
    ratio = theirs.best / ours.best
    return Row(f"64 MiB argument over ALPC, times the rate of multiprocessing.connection ({which})",
               f"{ours.best * 1e3:.1f} ms", f"{theirs.best * 1e3:.1f} ms", ratio, "at least 5", ratio >= 5,
               ours.noise)  # fmt: skip
