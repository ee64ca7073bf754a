"""`python -m examples.registry --hive FILE --listen BINDING ...`: serves this machine's registry.

Prints a line for each address it listens on, then serves until SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
from collections.abc import Sequence
from typing import Final

import lrpc

from . import machine
from .hive import Hive
from .service import Registry

ENDINGS: Final = frozenset((signal.SIGINT, signal.SIGTERM))
"""What ends the service. Blocked and waited for, so that they interrupt nothing half done."""


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.registry", description="Serve this machine's registry.")
    parser.add_argument("--hive", default=":memory:", metavar="FILE", help="the SQLite file (default: none, in memory)")
    parser.add_argument("--listen", action="append", metavar="BINDING", help=r"such as ncacn_np:[\pipe\winreg]; again")
    parser.add_argument("--read-only", action="store_true", help="admit readers only")
    return parser.parse_args(argv)


def serve(hive: Hive, bindings: Sequence[str], *, writable: bool) -> None:
    """Serve until a signal of ENDINGS arrives; they must be blocked."""
    with lrpc.Server() as server:
        server.register(Registry(hive, writable=writable))
        addresses = [server.listen(binding) for binding in bindings]
        server.start()
        for address in addresses:
            print(f"listening on {address}", flush=True)
        signal.sigwait(ENDINGS)


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    options = arguments(argv)
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    try:
        with Hive(options.hive) as hive:
            machine.fill(hive)
            serve(hive, options.listen or ["ncalrpc:[winreg]"], writable=not options.read_only)
    except (sqlite3.Error, OSError, lrpc.RpcError) as error:
        print(f"registry: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
