"""Our services where the suites of others look for them: the endpoint mapper on 135, rpcecho, and a bit of netlogon."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.network import Network, listening

ROOT: Final = Path(__file__).parents[2]
ECHO_PORT: Final = 47_000
MORE_PORTS: Final = 8
"""Of rpcecho: smbtorture's Lookup_simple ends well only where the mapper has ten entries, or twenty, or none."""
WATCHDOG: Final = 30.0


class Services:
    """In a network of their own. Ends by `close`; `capture` has all that they got and gave."""

    def __init__(self, folder: Path) -> None:
        names = folder / "names"
        names.mkdir(mode=0o700)
        self.capture = folder / "services.pcapng"
        self.users = folder / "users"
        self.users.write_text(f"{DOMAIN}:{USER}:{PASSWORD}\n")
        self.users.chmod(0o600)
        self.network = Network()
        self.environment = os.environ | {"LRPC_NAMESPACE": str(names), "LRPC_CAPTURE": str(self.capture)}
        self._running: list[subprocess.Popen[str]] = []
        try:
            self._start_all()
        except BaseException:
            self._end()
            raise

    def _start_all(self) -> None:
        who = ("--users", str(self.users))
        self._start(2, "lrpc", "epmapper", "--listen", "ncacn_ip_tcp:127.0.0.1[135]", "--trust-machine", *who)
        ports = [ECHO_PORT, *([0] * MORE_PORTS)]
        listen = [word for port in ports for word in ("--listen", f"ncacn_ip_tcp:127.0.0.1[{port}]")]
        self._start(len(ports), "examples.echo", "--register", *listen, *who)
        self._start(1, "tests.interop.netlogon", "ncacn_ip_tcp:127.0.0.1[0]", *who)

    def _start(self, count: int, *words: str) -> None:
        command = self.network.inside(sys.executable, "-m", *words)
        process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True)
        self._running.append(process)
        listening(process, count)

    def close(self) -> None:
        """End them all, each in a clean way."""
        self._end()
        assert [process.returncode for process in self._running] == [0] * len(self._running)

    def _end(self) -> None:
        for process in reversed(self._running):
            process.terminate()
            process.communicate(timeout=WATCHDOG)
        self.network.close()
