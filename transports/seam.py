"""The seam between messages and whatever moves them.

Every transport keeps this contract; `tests/transports/test_conformance.py` holds each of them to it:
- octets arrive in the order they were sent, once, unchanged;
- message_mode: one `send` is one `receive`, nothing less or more; a byte stream may cut and join;
- sends from several threads do not tear each other; one thread at a time receives;
- `send` sends all or raises; a stream that could send only a part closes itself, for it would be torn;
- nothing is not a message: `send(b"")` sends none;
- once the peer has closed or died, what it had sent still arrives, then `b""` for ever, and `send` raises Disconnected;
- a `receive` that raises TimedOut loses nothing: the connection is as usable as before;
- `close` may be called twice, from any thread, and wakes a thread blocked in `receive` (it gets `b""`);
- a name has one holder: NameCollision for the second; a closed listener's name is free at once;
- connecting where nobody listens raises ConnectFailed (NameNotFound, ConnectionRefused);
- `peer` is the kernel's word, never the peer's; everything a connection held is given back when it closes.

Timeouts are seconds; None waits for ever; errors are those of `errors.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview
"""Contiguous octets (a memoryview of format `B`)."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end, as far as the kernel can tell."""

    pid: int | None = None
    """The process that connected (or listened); None over a network."""
    uid: int | None = None
    """Its effective user id at that time."""
    gid: int | None = None
    """Its effective group id at that time."""
    groups: tuple[int, ...] | None = None
    """Its supplementary groups, None when the kernel does not say."""
    address: str = ""
    """Where it is, in the transport's own words."""


class Connection(Protocol):
    """One end of a two-way exchange of octets."""

    @property
    def message_mode(self) -> bool:
        """True: boundaries are kept (ALPC, pipe, memory). False: a byte stream (TCP)."""
        ...

    @property
    def max_message(self) -> int:
        """Octets that one send may carry; 0: no bound."""
        ...

    @property
    def peer(self) -> Peer:
        """Who is at the other end."""
        ...

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        """Sends all of it."""
        ...

    def receive(self, timeout: float | None = None) -> bytes:
        """The next message, or what has come of the stream; b"" once the peer has closed."""
        ...

    def send_now(self, data: Buffer) -> int:
        """Octets taken without waiting: all of a message, perhaps a part of a stream; 0: would block."""
        ...

    def receive_now(self) -> bytes | None:
        """Like receive; None: nothing yet."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable whenever receive_now, having given None, would not any more."""
        ...

    def drain(self) -> None:
        """Takes no more: what has come can still be received, then `b""`; sending goes on. Wakes a receiver."""
        ...

    def over(self) -> bool:
        """Drained, and read to its end: can nothing come any more? The peer of a stream sends on until it closes."""
        ...

    def close(self) -> None:
        """Ends the connection for both ends."""
        ...


class Listener(Protocol):
    """What clients connect to."""

    @property
    def address(self) -> str:
        """What a client hands to `connect`."""
        ...

    def accept(self, timeout: float | None = None) -> Connection:
        """The next client; Disconnected once the listener is closed."""
        ...

    def accept_now(self) -> Connection | None:
        """The next client if there is one."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable whenever accept_now might give a client."""
        ...

    def close(self) -> None:
        """Admits nobody any more and wakes a thread blocked in accept; accepted connections live on."""
        ...
