"""Large calls over ALPC: 64 MiB to a view, the same filled in place, and 1 MiB there and back.

Against them: a copy of the same octets (memcpy), and a C program that echoes through shared memory and does nothing
else (`large_call.c`), compiled here; without a compiler its row is left out. It makes the three copies that a call
with bytes in and bytes out has to make, so what is above them is Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import lrpc

from .measure import Row, compare, peer, pin

IDL = """
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f02), version(1.0)]
interface Large {
    hyper Size([in] hyper n, [in, size_is(n)] byte data[]);
    void Echo([in] hyper n, [in, size_is(n)] byte data[], [out, size_is(n)] byte back[]);
}
"""
LARGE = 64 << 20
MIDDLE = 1 << 20
ROUNDS = 300
stub: Any = lrpc.load(IDL)


class Large(stub.Large):  # type: ignore[misc]
    def Size(self, data: Any, *, n: int) -> int:  # noqa: N802
        return len(data)

    def Echo(self, data: Any, *, n: int) -> Any:  # noqa: N802
        return data


def serve(ready: Connection) -> None:
    limits = lrpc.Limits(max_local_request=LARGE + 8192)
    with lrpc.Server(limits=limits) as server:
        server.register(Large(), views=True)
        server.listen("ncalrpc:[large]")
        server.start()
        ready.send("ncalrpc:[large]")
        server.serve_forever()


def run(which: str) -> list[Row]:
    """The rows of the report for one way of pinning."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        with peer(serve, which) as target:
            processors = sorted(os.sched_getaffinity(0))
            pin(which, 0)
            with lrpc.connect(stub.LargeClient, target) as client:
                return [
                    *_to_a_view(client, which),
                    *_in_place(client, which),
                    *_echo(client, which, folder, processors),
                ]


def _to_a_view(client: Any, which: str) -> list[Row]:
    data, room = bytes(LARGE), memoryview(bytearray(LARGE))

    def copy() -> None:
        room[:] = data

    timings = compare({"lrpc": lambda: client.Size(data), "memcpy": copy}, each=1, rounds=15)
    ours, floor = timings["lrpc"], timings["memcpy"]
    rate = floor.best / ours.best
    return [Row(f"64 MiB to a view, times the rate of memcpy ({which})", f"{ours.best * 1e3:.1f} ms",
                f"{floor.best * 1e3:.1f} ms", rate, "at least 0.75", rate >= 0.75, ours.noise)]  # fmt: skip


def _in_place(client: Any, which: str) -> list[Row]:
    with lrpc.allocate(client, LARGE) as large, lrpc.allocate(client, MIDDLE) as middle:
        timings = compare(
            {"large": lambda: client.Size(large), "middle": lambda: client.Size(middle)}, each=50, rounds=20
        )
    ours, other = timings["large"], timings["middle"]
    ratio = ours.best / other.best
    return [Row(f"64 MiB filled in place, over 1 MiB filled in place ({which})", f"{ours.best * 1e6:.0f} us",
                f"{other.best * 1e6:.0f} us", ratio, "at most 1.3", ratio <= 1.3, ours.noise)]  # fmt: skip


def _echo(client: Any, which: str, folder: str, processors: list[int]) -> list[Row]:
    data = os.urandom(MIDDLE)
    ours = compare({"lrpc": lambda: client.Echo(data)}, each=1, rounds=ROUNDS)["lrpc"]
    if (floor := _floor(which, folder, processors)) is None:
        return []
    ratio = ours.best / floor
    return [Row(f"echo of 1 MiB over C through shared memory ({which})", f"{ours.best * 1e6:.0f} us",
                f"{floor * 1e6:.0f} us", ratio, "at most 1.3", ratio <= 1.3, ours.noise)]  # fmt: skip


def _floor(which: str, folder: str, processors: list[int]) -> float | None:
    """Seconds of the C program's best round; None: there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = f"{folder}/large_call"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-O2", "-o", program, str(source)], check=True)
    places = {"same": (processors[0], processors[0]), "diff": (processors[0], processors[-1])}.get(which, (-1, -1))
    command = [program, str(MIDDLE), str(ROUNDS), *map(str, places)]
    return int(subprocess.run(command, check=True, capture_output=True).stdout) / 1e9
