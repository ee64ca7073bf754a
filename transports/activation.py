"""Sockets that systemd listens on for us, and words to it: sd_listen_fds(3) and sd_notify(3), in Python.

Outside of systemd nothing is inherited and nobody is told anything.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from .errors import NameNotFound, TypeMismatch

FIRST: Final = 3
"""The number of the first inherited descriptor: SD_LISTEN_FDS_START."""
_LISTEN: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")

_inherited: list[tuple[str, int]] | None = None


def inherited(environment: MutableMapping[str, str] | None = None) -> list[tuple[str, int]]:
    """The names and numbers of the descriptors that are meant for this process, those of `take` no more.

    The environment is read once, and tells nothing to children: they have other descriptors there.
    """
    global _inherited
    if _inherited is None:
        environment = os.environ if environment is None else environment
        pid, count, names = (environment.pop(name, "") for name in _LISTEN)
        mine = pid == str(os.getpid()) and count.isdigit()
        known = names.split(":")
        _inherited = []
        for index in range(int(count) if mine else 0):
            os.set_inheritable(FIRST + index, False)
            _inherited.append((known[index] if index < len(known) else "unknown", FIRST + index))
    return _inherited


def take(name: str, family: int, kind: int) -> socket.socket:
    """The listening socket that is called so (FileDescriptorName=). NameNotFound, TypeMismatch.

    family, kind: what it has to be, as socket.AF_UNIX and socket.SOCK_SEQPACKET; 0: any family.
    """
    others: list[str] = []
    for index, (known, descriptor) in enumerate(inherited()):
        if known == name:
            found = socket.socket(fileno=descriptor)
            listens = found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
            if found.type == kind and family in (0, found.family) and listens:
                del inherited()[index]
                return found
            others.append(f"{found.family.name} {found.type.name}")
            found.detach()
    if others:
        raise TypeMismatch(f"what is inherited as {name} is {', '.join(others)}")
    there = ", ".join(known for known, _ in inherited()) or "none"
    raise NameNotFound(f"no inherited socket is called {name}; there are: {there}")


def notify(state: str, environment: MutableMapping[str, str] | None = None) -> bool:
    """Tell systemd: `READY=1`, `STOPPING=1`, `WATCHDOG=1`, `STATUS=words`. False where nobody wants to know."""
    address = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        try:
            sender.setblocking(False)
            sender.sendto(state.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)
        except OSError:  # it is gone, or does not listen: a server that serves is worth more than one that tells
            return False
    return True


def watchdog(environment: MutableMapping[str, str] | None = None) -> float | None:
    """Seconds between two `WATCHDOG=1`, half of WatchdogSec=; None: nobody waits for them."""
    environment = os.environ if environment is None else environment
    microseconds, pid = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    if not microseconds.isdigit() or not int(microseconds) or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 2_000_000
