"""Whether a client or server is captured, and where: `capture` says so, `Capture` puts taps on connections."""

from __future__ import annotations

import os
from typing import Final, cast

from ...transports.alpc import CommunicationPort
from ...transports.seam import Connection
from ..binding import StringBinding
from ..journal import note
from .file import CaptureFile, Side, opened
from .tap import Tap
from .tapped import TappedConnection, TappedPort

VARIABLE: Final = "LRPC_CAPTURE"
"""The environment variable that names a file for all that a process does."""
SIDE_VARIABLE: Final = "LRPC_CAPTURE_SIDE"
"""The one that leaves out what the other side sees: `client` or `server`."""


def capture(path: str | os.PathLike[str] | None, side: Side) -> Capture | None:
    """The capture that a client or server was given, or that the environment asks for; None: there is none.

    OSError when the file that was given cannot be had. One of the environment's is logged: no program fails by it.
    """
    if path is not None:
        return Capture(opened(path), side)
    found = os.environ.get(VARIABLE)
    if not found or os.environ.get(SIDE_VARIABLE, "") not in ("", side.name.lower()):
        return None
    try:
        return Capture(opened(found), side)
    except OSError as error:
        note("capture_failed", file=found, reason=str(error))
        return None


class Capture:
    """Puts taps on the connections of a client or a server."""

    def __init__(self, file: CaptureFile, side: Side) -> None:
        self._file = file
        self._side = side

    def connection(self, tapped: Connection, binding: StringBinding) -> Connection:
        """A connection that writes down what passes."""
        return TappedConnection(tapped, Tap(self._file, self._side, binding, tapped.peer, tapped.fileno()))

    def port(self, tapped: CommunicationPort, binding: StringBinding) -> CommunicationPort:
        """An ALPC port that does."""
        tap = Tap(self._file, self._side, binding, tapped.peer, tapped.fileno())
        return cast("CommunicationPort", TappedPort(tapped, tap))
