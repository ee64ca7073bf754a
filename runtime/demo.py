"""`lrpc demo`: one calculator, one client, every transport; which was chosen, why, and what a call takes.

The server is a process of its own, on endpoints in a namespace of its own: nothing else on the machine can see
or be disturbed by it. The IDL below is compiled by the caller, because the runtime knows no compiler.
"""

from __future__ import annotations

import multiprocessing
import os
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, Final, NamedTuple

from .by_name import client_class
from .connect import ConnectionInfo, connect
from .server import Server

IDL: Final = """\
[uuid(d5a2e3f0-1c3b-4f0e-9a57-52c1f6a1c7de), version(1.0)]
interface Calculator
{
    long Add([in] long a, [in] long b);
}
"""

NAME: Final = "calc"
BINDINGS: Final = (f"ncalrpc:[{NAME}]", rf"ncacn_np:[\pipe\{NAME}]", "ncacn_ip_tcp:127.0.0.1[0]")
PATIENCE: Final = 10.0
"""Seconds that the server may take to start, and to end."""


class Row(NamedTuple):
    """A client's experience of one target."""

    target: str
    connection: ConnectionInfo
    seconds: float
    """For one call, the median."""


def run(stub: Any, calls: int = 2000) -> list[Row]:
    """Serve the calculator and call it by its name, then over each transport. `stub`: the module made of IDL."""
    with _own_namespace(), _served(stub) as bindings:
        return [_called(stub, target, calls) for target in (NAME, *bindings)]


def _adder(stub: Any) -> Any:
    class Adder(stub.Calculator):  # type: ignore[misc]  # its base is known once the IDL is compiled
        """What a service is: a class with the interface's methods."""

        def Add(self, a: int, b: int) -> int:  # noqa: N802 -- the IDL's name
            return a + b

    return Adder()


def _serve(stub: Any, parent: Connection, pipe: Connection) -> None:
    """The server process: says where it listens, and serves until the parent closes its end of the pipe."""
    parent.close()
    with Server() as server:
        server.register(_adder(stub))
        pipe.send([str(server.listen(binding)) for binding in BINDINGS])
        server.start()
        pipe.poll(None)


def _called(stub: Any, target: str, calls: int) -> Row:
    client = client_class(stub, stub.Calculator.interface)
    with connect(client, target, timeout=PATIENCE) as calculator:
        add: Any = getattr(calculator, "Add")  # noqa: B009 -- the class is known once the IDL is compiled
        times: list[float] = []
        for number in range(calls):
            began = time.perf_counter()
            add(number, 1)
            times.append(time.perf_counter() - began)
        return Row(target, calculator.connection, median(times))


@contextmanager
def _served(stub: Any) -> Generator[list[str]]:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(stub, ours, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(PATIENCE):
            raise RuntimeError("the server of the demonstration does not start")
        yield ours.recv()
    finally:
        ours.close()
        process.join(PATIENCE)


@contextmanager
def _own_namespace() -> Generator[None]:
    before = os.environ.get("LRPC_NAMESPACE")
    with tempfile.TemporaryDirectory(prefix="lrpc-demo-") as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ["LRPC_NAMESPACE"]
            else:
                os.environ["LRPC_NAMESPACE"] = before
