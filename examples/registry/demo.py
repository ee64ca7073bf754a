"""One service, three transports, one client: walks the registry over each and shows what was chosen, why, and how fast.

Rule: the client's code is the same in every row; the binding string is all that differs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

import lrpc
from lrpc.runtime.interfaces.winreg import winregClient

from .rights import KEY_READ
from .values import decode, type_name
from .walk import Node, walk

ROOT: Final = Path(__file__).parents[2]
LISTENING: Final = "listening on "
ROUNDS: Final = 5
CALLS: Final = 2_000
PATIENCE: Final = 30.0
"""Seconds in which the service ends when asked to."""


class Walk(NamedTuple):
    """One row: how the service was reached, what was found there, and how long it took."""

    asked: str
    reached: lrpc.ConnectionInfo
    tree: Node
    milliseconds: float
    """For the whole walk, the median of ROUNDS."""
    microseconds: float
    """For one call that does nothing, the median of CALLS."""


@contextmanager
def service(folder: str, *bindings: str) -> Generator[list[str]]:
    """The registry in a process of its own; gives the addresses it listens on, and ends it cleanly."""
    listen = [word for binding in bindings for word in ("--listen", binding)]
    command = [sys.executable, "-m", "examples.registry", "--hive", f"{folder}/hive", "--read-only", *listen]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield [process.stdout.readline().strip().removeprefix(LISTENING) for _ in bindings]
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def walked(binding: str) -> Walk:
    """Walk the whole registry at `binding`, and time it."""
    with lrpc.connect(winregClient, binding) as registry:
        tree = walk(registry)
        key = registry.OpenLocalMachine(None, KEY_READ)
        calls = _median(CALLS, lambda: registry.BaseRegGetVersion(key))
        walks = _median(ROUNDS, lambda: walk(registry))
        return Walk(binding, registry.connection, tree, walks * 1e3, calls * 1e6)


def _median(rounds: int, action: Callable[[], object]) -> float:
    """Seconds that `action` takes."""
    times = list[float]()
    for _ in range(rounds):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return median(times)


def summary(tree: Node) -> Tree:
    """The upper levels of a registry, for a screen."""
    shown = Tree(f"[bold]{tree.name}")
    for key in tree.subkeys:
        _add(shown.add(key.name), key, 2)
    return shown


def _add(branch: Tree, key: Node, levels: int) -> None:
    for value in key.values[:2]:
        branch.add(
            f"{escape(value.name)} [dim]{type_name(value.type)}[/] " + escape(str(decode(value.type, value.data))[:60])
        )
    for subkey in key.subkeys[:3] if levels else []:
        _add(branch.add(escape(subkey.name)), subkey, levels - 1)


def comparison(walks: list[Walk]) -> Table:
    """What was asked for, what was chosen and why, and the times."""
    table = Table(title="One client, one registry; only the binding string differs")
    for heading in ("asked for", "chosen", "why"):
        table.add_column(heading, overflow="fold", min_width=14)
    for heading in ("keys", "values", "walk, ms", "call, µs"):
        table.add_column(heading, justify="right")
    for row in walks:
        texts = (row.asked, str(row.reached.binding), row.reached.reason)
        found = (str(row.tree.keys()), str(sum(1 for _ in row.tree.rows())))
        table.add_row(*map(escape, texts), *found, f"{row.milliseconds:.1f}", f"{row.microseconds:.1f}")
    return table


def main() -> int:
    """Run the demonstration; its exit status: 0 when every transport showed the same registry."""
    name = f"reg{os.getpid()}"
    with tempfile.TemporaryDirectory() as folder:
        bindings = (f"ncalrpc:[{name}]", rf"ncacn_np:[\pipe\{name}]", "ncacn_ip_tcp:127.0.0.1[0]")
        with service(folder, *bindings) as addresses:
            walks = [walked(binding) for binding in (name, *addresses)]
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)  # nobody's window: room for whole bindings
    console.print(summary(walks[0].tree), comparison(walks))
    return 0 if all(row.tree == walks[0].tree for row in walks) else 1


if __name__ == "__main__":
    sys.exit(main())
