"""How a connection to a server ends: `Ended` with a reason, `Malformed` when the client broke the protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..transports.errors import BadFrame
from .journal import note

if TYPE_CHECKING:
    from .call import Caller


class Ended(Exception):
    """The connection is over."""


class Dismissed(Ended):
    """The client was asked to leave, and has not: it is to be heard out."""


class Malformed(Ended):
    """The client broke the protocol. offset: octets that had come before those that show it; None for messages."""

    def __init__(self, reason: str, offset: int | None = None) -> None:
        super().__init__(reason)
        self.offset = offset


class Limited(Ended):
    """The client took longer, or wants more, than a limit allows."""

    def __init__(self, reason: str, limit: str, value: float) -> None:
        super().__init__(reason)
        self.limit = limit
        self.value = value


def paused(seconds: float) -> Limited:
    """What ends a client that does not go on with what it began."""
    return Limited("a request was begun and not ended", "max_pause", seconds)


def too_slow(seconds: float) -> Limited:
    """What ends a client that does not ask for an interface in time."""
    return Limited("the handshake took too long", "handshake", seconds)


def note_end(caller: Caller, end: BaseException) -> None:
    """Log the end of a connection; one that is not `Ended` is a fault of ours, or of the machine."""
    if isinstance(end, Limited):
        note("limit", peer=str(caller), reason=str(end), limit=end.limit, value=end.value)
    elif isinstance(end, Malformed) or isinstance(end.__cause__, BadFrame):
        note("malformed", peer=str(caller), reason=str(end), offset=getattr(end, "offset", None))
    elif not isinstance(end, Ended):
        note("broken", peer=str(caller), failure=end)
    else:
        note("ended", peer=str(caller), reason=str(end))
