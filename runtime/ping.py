"""`ping`: is a server there, how is it reached, and how long does that take?

A ping connects and asks for an interface; no operation runs. The choice of transport is that of `connect.py`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .binding import StringBinding
from .call import DEFAULT_TIMEOUT, Limits
from .endpoints import capture_of, open_wire
from .locate import Candidate, candidates
from .reaching import ConnectionInfo
from .status import BindRefused, ServerUnavailable
from .stub import Interface
from .wire import Wire

if TYPE_CHECKING:
    from .authentication.security import Security


@dataclass(frozen=True, slots=True)
class Pong:
    """An answer. Times are in seconds."""

    connection: ConnectionInfo
    connected: float
    """What connecting took."""
    bound: float
    """What it took to ask for the interface and have an answer: one round trip."""
    refusal: str = ""
    """Why the server does not grant the interface; empty when it does."""

    def choice(self) -> list[str]:
        """Lines that say what was tried, and why it was reached so."""
        tried = [f"tried {one}" for one in self.connection.tried]
        return [*tried, f"chose {self.connection.binding}: {self.connection.reason}"]


def ping(target: str, interface: Interface, timeout: float = DEFAULT_TIMEOUT, security: Security | None = None) -> Pong:
    """Connect to the first candidate for `target` that answers, ask for the interface, and hang up.

    security: how to prove to a server of the network who asks.

    Raises InvalidBinding, ServerUnavailable, AccessDenied, DeadlineExceeded and what else connecting raises.
    """
    tried: list[str] = []
    try:
        for candidate in candidates(target, interface, _open, timeout):
            began = time.perf_counter()
            try:
                wire = _open(candidate.binding, timeout, security)
            except ServerUnavailable as error:
                tried.append(str(error))
                continue
            return _asked(wire, interface, candidate, tried, began, timeout)
    except ServerUnavailable as error:  # of the endpoint mapper, which is asked last
        tried.append(str(error))
    raise ServerUnavailable(f"no server at {target!r}: {'; '.join(tried)}")


def _open(binding: StringBinding, timeout: float, security: Security | None = None) -> Wire:
    return open_wire(binding, timeout, Limits(), capture_of("client", None), security)


def _asked(
    wire: Wire, interface: Interface, candidate: Candidate, tried: list[str], began: float, timeout: float
) -> Pong:
    connected, refusal = time.perf_counter(), ""
    try:
        wire.bind(interface, timeout)
    except BindRefused as error:
        refusal = str(error)
    finally:
        wire.close()
    info = ConnectionInfo(candidate.binding, candidate.reason, tuple(tried))
    return Pong(info, connected - began, time.perf_counter() - connected, refusal)
