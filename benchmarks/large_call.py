"""Large calls over ALPC: 64 MiB to a view, the same filled in place, 1 MiB and 16 KiB there and back.

Against them: a copy of the same octets (memcpy), pickles through multiprocessing.connection, and a C program that
echoes through shared memory and does nothing else (`large_call.c`), compiled here; without a compiler its row is left
out. It makes the three copies that a call with bytes in and bytes out has to make, so what is above them is Python. On
one processor the best round of an echo counts, on two the one in the middle.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import lrpc

from .measure import Row, Timing, compare, peer, pin

IDL = """
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f02), version(1.0)]
interface Large {
    hyper Size([in] hyper n, [in, size_is(n)] byte data[]);
    void Echo([in] hyper n, [in, size_is(n)] byte data[], [out, size_is(n)] byte back[]);
}
"""
LARGE = 64 << 20
MIDDLE = 1 << 20
SMALL = 16 << 10
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


def serve_pickles(ready: Connection, path: str) -> None:
    with Listener(path, "AF_UNIX") as listener:
        ready.send(path)
        with listener.accept() as connection, suppress(EOFError):  # the caller has measured enough
            while True:
                _, data = connection.recv()
                connection.send(data)


def run(which: str) -> list[Row]:
    """The rows of the report for one way of pinning."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LRPC_NAMESPACE"] = folder
        with peer(serve, which) as target, peer(serve_pickles, which, f"{folder}/pickles") as other:
            processors = sorted(os.sched_getaffinity(0))
            pin(which, 0)
            with lrpc.connect(stub.LargeClient, target) as client, Client(other, "AF_UNIX") as pickles:
                return [
                    *_to_a_view(client, which),
                    *_in_place(client, which),
                    *_echo(client, which, folder, processors),
                    *_small_echo(client, pickles, which),
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
    floor = _floor(which, folder, processors)
    return [] if floor is None else [_echoed("1 MiB over C through shared memory", ours, floor, 1.3, which)]


def _small_echo(client: Any, pickles: Connection, which: str) -> list[Row]:
    data = os.urandom(SMALL)

    def other() -> object:
        pickles.send(("Echo", data))
        return pickles.recv()

    timings = compare({"lrpc": lambda: client.Echo(data), "other": other}, each=20, rounds=100)
    return [_echoed("16 KiB over multiprocessing.connection", timings["lrpc"], timings["other"], None, which)]


def _echoed(what: str, ours: Timing, theirs: Timing, most: float | None, which: str) -> Row:
    median = which == "diff"
    one, other = (ours.median, theirs.median) if median else (ours.best, theirs.best)
    goal, met = ("", None) if most is None else (f"at most {most}", one / other <= most)
    return Row(f"echo of {what} ({which})", f"{one * 1e6:.0f} us", f"{other * 1e6:.0f} us", one / other, goal, met,
               ours.noise)  # fmt: skip


def _floor(which: str, folder: str, processors: list[int]) -> Timing | None:
    """What the C program takes; None: there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    program = f"{folder}/large_call"
    source = Path(__file__).with_suffix(".c")
    subprocess.run([compiler, "-O2", "-o", program, str(source)], check=True)
    places = {"same": (processors[0], processors[0]), "diff": (processors[0], processors[-1])}.get(which, (-1, -1))
    command = [program, str(MIDDLE), str(ROUNDS), *map(str, places)]
    best, median = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
    return Timing(best / 1e9, median / 1e9)
