"""A bad network: two machines, which are network namespaces, and a link between them that loses, delays and reorders.

Each end is a TUN device whose packets come here. Needs iproute2, and root or user namespaces that may open TUN devices.
"""

from __future__ import annotations

import heapq
import itertools
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from typing import Final

ADDRESSES: Final = ("10.9.0.1", "10.9.0.2")
MTU: Final = 576
"""The least that every host of the Internet takes."""
END = """
import fcntl, os, socket, struct, subprocess, sys
line, own, other, mtu = socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:5]
tun = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"lrpc", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
subprocess.run(["ip", "addr", "add", own, "peer", other, "dev", "lrpc"], check=True)
subprocess.run(["ip", "link", "set", "lrpc", "mtu", mtu, "up"], check=True)
socket.send_fds(line, [b"up"], [tun])
line.close()
os.close(tun)
os.execv(sys.executable, [sys.executable, "-c", *sys.argv[5:]])
"""
"""What a machine does before its program."""


class Link:
    """loss: of packets, 0 to 1. delay: seconds that each takes; jitter: up to so many more, by which they overtake."""

    def __init__(self) -> None:
        self.loss = self.delay = self.jitter = 0.0
        self._dice = random.Random(3)
        self._ends: dict[int, int] = {}
        """From one end to the other."""
        self._tuns: list[int] = []
        self._due: list[tuple[float, int, int, bytes]] = []
        self._numbers = itertools.count()
        self._programs: list[subprocess.Popen[str]] = []
        self._bell = os.eventfd(0)
        self._relay = threading.Thread(target=self._carry, name="link")

    def run(self, source: str, *arguments: str, environment: Mapping[str, str]) -> subprocess.Popen[str]:
        """A machine with a program of Python: the first has the first of ADDRESSES, the second one the other."""
        ours, theirs = socket.socketpair()
        place = len(self._programs)
        own = [] if os.geteuid() == 0 else ["--map-root-user"]
        command = ["unshare", "--net", *own, sys.executable, "-c", END, str(theirs.fileno())]
        command += [ADDRESSES[place], ADDRESSES[1 - place], str(MTU), source, *arguments]
        pipe = subprocess.PIPE
        with ours, theirs:
            program = subprocess.Popen(
                command, env=environment, stdin=pipe, stdout=pipe, text=True, pass_fds=[theirs.fileno()]
            )
            self._programs.append(program)
            theirs.close()
            _, [tun], _, _ = socket.recv_fds(ours, 2, 1)
        os.set_blocking(tun, False)
        self._tuns.append(tun)
        if len(self._tuns) == 2:
            self._ends = dict(zip(self._tuns, reversed(self._tuns), strict=True))
            self._relay.start()
        return program

    def close(self) -> None:
        """Both machines end."""
        os.eventfd_write(self._bell, 1)
        if self._ends:
            self._relay.join()
        for program in self._programs:
            program.kill()
            program.communicate()
        for descriptor in (*self._tuns, self._bell):
            os.close(descriptor)

    def _carry(self) -> None:
        poll = select.poll()
        for descriptor in (*self._tuns, self._bell):
            poll.register(descriptor, select.POLLIN)
        while True:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                _, _, end, packet = heapq.heappop(self._due)
                os.write(end, packet)
            wait = (self._due[0][0] - now) * 1000 + 1 if self._due else None
            for descriptor, _ in poll.poll(wait):
                if descriptor == self._bell:
                    return
                self._take(descriptor)

    def _take(self, descriptor: int) -> None:
        packet = os.read(descriptor, 2 * MTU)
        if self._dice.random() >= self.loss:
            due = time.monotonic() + self.delay + self._dice.random() * self.jitter
            heapq.heappush(self._due, (due, next(self._numbers), self._ends[descriptor], packet))
