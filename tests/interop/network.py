"""A network of its own, in which every port is free: a namespace that one process holds and others enter."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

INSTALL = "a network namespace is needed: root or user namespaces, and apt-get install iproute2"


class Network:
    """Loopback alone. Ends by `close`, after all that runs in it."""

    def __init__(self) -> None:
        own = [] if os.geteuid() == 0 else ["--map-root-user"]
        self._holder = subprocess.Popen(
            ["unshare", "--net", *own, "sh", "-c", "ip link set lo up && echo up && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "up\n", INSTALL

    def inside(self, *command: str) -> list[str]:
        """The command that runs another one in here."""
        own = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
        return ["nsenter", f"--target={self._holder.pid}", "--net", *own, "--", *command]

    def run(self, *command: str, timeout: float = 300.0, **environment: str) -> str:
        """What a command in here says, on both channels."""
        done = subprocess.run(
            self.inside(*command),
            env=os.environ | environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
        )
        return done.stdout

    def close(self) -> None:
        """Let it go."""
        self._holder.communicate(timeout=30)


def listening(process: subprocess.Popen[str], count: int = 1) -> Sequence[str]:
    """The addresses that one of our servers says it listens on."""
    assert process.stdout is not None
    lines = [process.stdout.readline().strip().removeprefix("listening on ") for _ in range(count)]
    assert all(line.startswith("nca") for line in lines), lines
    return lines
