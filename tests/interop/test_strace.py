"""What strace counts: the system calls of a batch, and of a call by a lane, in the processes at both ends.

A program is run with no work and with some; the difference is what the work takes, and who starts Python is left out.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.interop

INSTALL: Final = "strace is needed: apt-get install strace"
ROOT: Final = Path(__file__).parents[2]
ROW: Final = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) (?:[\d ]{9}) (\w+)$", re.M)
WATCHDOG: Final = 120
BATCHES: Final = 50
UNREAD_BATCHES: Final = 20
"""For which there is room in a socket, though nobody has read them yet."""
CALLS: Final = 20_000
ROUNDS: Final = 5
"""Of which one has to do: others may need the processors meanwhile, and who waits for those sleeps."""
Show = Callable[[str, str, str, str, str], None]

RECEIVER: Final = """
import sys
from lrpc.transports import alpc
server = alpc.listen("counted")
print(flush=True)
port = server.accept()
left = 100 * int(sys.argv[1])
while left:
    came = [message for message in port.receive_messages() if message.type == alpc.LPC_DATAGRAM]
    left -= len(came)
    if not left % 1000:
        port.send(b"go on")
"""
SENDER: Final = """
import sys
from lrpc.transports import alpc
port = alpc.connect("counted")
for number in range(1, int(sys.argv[1]) + 1):
    with port.batch() as batch:
        for _ in range(100):
            batch.datagram(bytes(64))
    if not number % 10:  # as many as there is surely room for
        assert port.receive_message().data == b"go on"
"""
QUEUE_RECEIVER: Final = """
import sys
from lrpc.transports import alpc
server = alpc.create_port("counted")
print(flush=True)
server.receive().accept()
for _ in range(100 * int(sys.argv[1])):
    assert server.receive().type == alpc.LPC_DATAGRAM
server.close()
sys.stdin.read()
"""
QUEUE_SENDER: Final = """
import select, sys
from lrpc.transports import alpc
port = alpc.connect("counted")
for _ in range(int(sys.argv[1])):
    with port.batch() as batch:
        for _ in range(100):
            batch.datagram(bytes(64))
select.select([port], [], [])  # until all have been received
"""
IDL: Final = "[uuid(6f1c8a52-3f0e-4e1d-9b7a-2f6d5c0b9e12), version(1.0)] interface Calc { long Add(long a, long b); }"
SERVER: Final = f"""
import sys, lrpc
stub = lrpc.load({IDL!r})
class Calc(stub.Calc):
    def Add(self, a, b):
        return a + b
with lrpc.Server() as server:
    server.register(Calc())
    server.listen("ncalrpc:[counted]")
    server.start()
    print(flush=True)
    sys.stdin.read()
"""
CLIENT: Final = f"""
import sys, lrpc
stub = lrpc.load({IDL!r})
with lrpc.connect(stub.CalcClient, "ncalrpc:[counted]") as calc:
    for _ in range(int(sys.argv[1])):
        calc.Add(2, 3)
"""


class Counted:
    """Runs programs under `strace -f -c` in a namespace of their own, and says what they asked of the kernel."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "names").mkdir(mode=0o700)
        self._environment = os.environ | {
            "LRPC_NAMESPACE": str(folder / "names"),
            "PYTHONPATH": str(ROOT / ".path"),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    @contextmanager
    def started(self, program: str, *words: object, into: str = "", lane: bool = True) -> Iterator[None]:
        """One that says when it is ready, and ends when its input does. into: it is counted too, in a file."""
        traced = self._strace(into) if into else []
        with subprocess.Popen(
            [*traced, sys.executable, "-c", program, *map(str, words)],
            env=self._environment | {"LRPC_LANE": str(int(lane))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield
            process.communicate(timeout=WATCHDOG)
        assert process.returncode == 0

    def run(self, program: str, *words: object, into: str = "", lane: bool = True, but: str = "") -> None:
        """One that ends by itself. into: it is counted, in a file. but: system calls neither counted nor slowed."""
        traced = self._strace(into, but) if into else []
        subprocess.run(
            [*traced, sys.executable, "-c", program, *map(str, words)],
            env=self._environment | {"LRPC_LANE": str(int(lane))},
            check=True,
            timeout=WATCHDOG,
        )

    def counts(self, name: str) -> Counter[str]:
        """System calls by name."""
        found: list[tuple[str, str]] = ROW.findall((self._folder / name).read_text())
        counts = Counter({call: int(number) for number, call in found if call != "total"})
        assert counts
        return counts

    def _strace(self, into: str, but: str = "") -> list[str]:
        left_out = ["--seccomp-bpf", "-e", f"trace=!{but}"] if but else []
        return ["strace", "-f", "-c", "-o", str(self._folder / into), *left_out]


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    if shutil.which("strace") is None:
        pytest.fail(INSTALL)
    return Counted(tmp_path)


def test_a_batch_of_a_hundred_messages_takes_three_system_calls_at_most_at_either_end(
    counted: Counted, shown: Show
) -> None:
    for count in (1, 0, BATCHES):  # the first time it may make what others find
        with counted.started(RECEIVER, count, into=f"receiver-{count}"):
            counted.run(SENDER, count, into=f"sender-{count}")
    for end in ("sender", "receiver"):
        taken = counted.counts(f"{end}-{BATCHES}").total() - counted.counts(f"{end}-0").total()
        assert BATCHES <= taken <= 3 * BATCHES, end
    shown("strace", "observer", "ncalrpc", "none", "a batch of 100 messages: at most 3 system calls at either end")


def test_a_batch_takes_no_more_where_messages_of_all_clients_are_received_one_by_one(counted: Counted) -> None:
    for count in (1, UNREAD_BATCHES + 1, 1):  # one end at a time: strace would hold up the packets of the other
        with counted.started(QUEUE_RECEIVER, count, into=f"receiver-{count}"):
            counted.run(QUEUE_SENDER, count)
        with counted.started(QUEUE_RECEIVER, count):
            counted.run(QUEUE_SENDER, count, into=f"sender-{count}")
    for end in ("sender", "receiver"):
        taken = counted.counts(f"{end}-{UNREAD_BATCHES + 1}").total() - counted.counts(f"{end}-1").total()
        assert UNREAD_BATCHES <= taken <= 3 * UNREAD_BATCHES, end


def test_a_call_by_a_lane_leaves_the_kernel_alone(counted: Counted, shown: Show) -> None:
    """But for giving way while it looks, which strace is told not to slow: sched_yield waits for nothing."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.xfail("a lane needs two processors")
    with counted.started(SERVER):
        assert any(_system_calls_of_a_call(counted, lane=True) < 0.1 for _ in range(ROUNDS))
    shown("strace", "observer", "ncalrpc", "none", "ten calls by a lane: at most one system call")


def test_a_call_by_the_socket_takes_a_system_call_each_way(counted: Counted) -> None:
    """Which shows that they are counted."""
    with counted.started(SERVER, lane=False):
        assert 2 <= _system_calls_of_a_call(counted, lane=False) < 6


def _system_calls_of_a_call(counted: Counted, *, lane: bool) -> float:
    """At the client's end, other than to give way."""
    for count in (0, CALLS):
        counted.run(CLIENT, count, into=f"client-{count}", lane=lane, but="sched_yield")
    return (counted.counts(f"client-{CALLS}").total() - counted.counts("client-0").total()) / CALLS
