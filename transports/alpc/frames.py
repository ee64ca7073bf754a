"""The half of a CommunicationPort that sends and receives whole frames, for those who pack and parse them themselves.

Every step counts here: a call is one of these. Waits are bounded by the socket, which is told when they change.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from ..errors import MessageTooLong, TimedOut, TransportError, not_sent
from ..seam import Buffer
from ..sockets import NO_SIGNAL, NO_WAIT, RECEIVE_SIZE, after_failed_receive, timeval
from .lane import Lane
from .memory.views import Views
from .messages.message import FRAME_SIZE
from .messages.port_message import LPC_REQUEST

UNSET: Final = -1.0
"""A timeout unlike any: the first call sets it."""


class Frames(Views):
    """Whole frames of one port."""

    __slots__ = (
        "_receive_timeout",
        "_recv",
        "_send",
        "_send_timeout",
        "_socket",
        "_wait",
        "lane",
        "max_message",
        "releases",
    )

    _socket: socket.socket | Lane
    _send: Callable[[Buffer, int], int]
    releases: deque[int]
    """The views that we have done with: to be said before the next frame."""
    lane: Lane | None
    """Where frames come and go as they are; None: something is done about them on the way, or there is none."""
    _send_timeout: float | None
    _receive_timeout: float | None
    max_message: int
    """Octets of data that the peer takes in one message."""

    def send_wait_receive(self, frame: bytes, send_timeout: float | None, timeout: float | None) -> bytes:
        """Sends a whole frame and waits for the next one: NtAlpcSendWaitReceivePort for those who pack and parse.

        The frame that came is to be given to `understood`, unless its receiver knows it for a plain message.
        Raises what send_message and receive_message raise; an error's `sent` tells which of the two it was.
        """
        if (
            self.releases
            or len(frame) - FRAME_SIZE > self.max_message
            or send_timeout != self._send_timeout
            or timeout != self._receive_timeout
        ):
            self._prepare(frame, send_timeout, timeout)
        try:
            self._send(frame, NO_SIGNAL)
        except OSError as error:
            raise not_sent(error) from error
        try:
            return self._wait(RECEIVE_SIZE)
        except OSError as error:
            return self._after_failure(error)

    def lend_wait_receive(
        self,
        data: bytes,
        parts: Sequence[Buffer],
        size: int,
        message_id: int,
        send_timeout: float | None,
        timeout: float | None,
    ) -> bytes:
        """The same for a request with a view of `parts`: see `lend`."""
        try:
            if send_timeout != self._send_timeout or timeout != self._receive_timeout:
                self._bound_sends(send_timeout)
                self._bound_receives(timeout)
            self._sharing.lend(parts, size, data, message_id, LPC_REQUEST, NO_SIGNAL)
        except OSError as error:
            raise not_sent(error) from error
        except TransportError as error:
            error.sent = False
            raise
        try:
            return self._wait(RECEIVE_SIZE)
        except OSError as error:
            return self._after_failure(error)

    def receive_frame(self, timeout: float | None = None) -> bytes:
        """The next frame as it came, for those who parse and wait for nothing else; for `understood`, as above."""
        try:
            if timeout != self._receive_timeout:
                self._bound_receives(timeout)
            return self._wait(RECEIVE_SIZE)
        except OSError as error:
            return self._after_failure(error)

    def receive_frame_now(self) -> bytes | None:
        """The next frame as it came, if there is one; for `understood_now`."""
        try:
            return self._recv(RECEIVE_SIZE, NO_WAIT)
        except OSError as error:
            return after_failed_receive(error, self._recv)

    def lengthen_by(self, lengthen: Callable[[bytes], bytes | None]) -> None:
        """From the short form of a frame to the whole, where frames come by a lane: as both ends have agreed."""
        if isinstance(self._socket, Lane):
            self._socket.lengthen = lengthen

    def send_frame(self, frame: bytes, timeout: float | None) -> None:
        """Sends a whole frame, for those who pack."""
        if self.releases or len(frame) - FRAME_SIZE > self.max_message or timeout != self._send_timeout:
            self._prepare(frame, timeout, self._receive_timeout)
        try:
            self._send(frame, NO_SIGNAL)
        except OSError as error:
            raise not_sent(error) from error

    def send_frame_now(self, frame: bytes) -> bool:
        """Like send_frame; False: it would have to wait, and was not sent."""
        if len(frame) - FRAME_SIZE > self.max_message:
            raise MessageTooLong(f"{len(frame) - FRAME_SIZE} octets, the peer takes {self.max_message}")
        try:
            if self.releases:
                self._sharing.flush_releases(NO_WAIT)
            self._send(frame, NO_WAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            raise not_sent(error) from error
        return True

    def lend(
        self, data: bytes, parts: Sequence[Buffer], size: int, message_id: int, type: int, timeout: float | None
    ) -> None:
        """Sends a message with a view that has `parts` in it, `size` octets together: `filled` and `send_message`.

        Raises what those do, before anything has gone.
        """
        try:
            if timeout != self._send_timeout:
                self._bound_sends(timeout)
            self._sharing.lend(parts, size, data, message_id, type, NO_SIGNAL)
        except OSError as error:
            raise not_sent(error) from error

    def lend_now(self, data: bytes, parts: Sequence[Buffer], size: int, message_id: int, type: int) -> bool:
        """Like `lend`; False: it would have to wait, and was not sent."""
        try:
            self._sharing.lend(parts, size, data, message_id, type, NO_WAIT)
        except BlockingIOError:
            return False
        except OSError as error:
            raise not_sent(error) from error
        return True

    def _prepare(self, frame: bytes, send_timeout: float | None, timeout: float | None) -> None:
        if len(frame) - FRAME_SIZE > self.max_message:
            raise MessageTooLong(f"{len(frame) - FRAME_SIZE} octets, the peer takes {self.max_message}")
        try:
            self._bound_sends(send_timeout)
            if timeout != self._receive_timeout:
                self._bound_receives(timeout)
            self._sharing.flush_releases(NO_SIGNAL)
        except OSError as error:
            raise not_sent(error) from error

    def _receive_by(self, recv: Callable[..., bytes]) -> None:
        """What gives frames from now on, to those who look first as well, if that is the socket or its lane."""
        self._recv: Callable[..., bytes] = recv
        at = self._socket
        lane = at if isinstance(at, Lane) and recv == at.recv else None
        self._wait: Callable[[int], bytes] = recv if lane is None else lane.wait
        self.lane = lane if self._send == at.send else None

    def _next_frame(self, timeout: float | None) -> bytes:
        try:
            if timeout != self._receive_timeout:
                self._bound_receives(timeout)
            return self._recv(RECEIVE_SIZE)
        except OSError as error:
            return self._after_failure(error)

    def _after_failure(self, error: OSError) -> bytes:
        frame = after_failed_receive(error, self._recv)
        if frame is None:
            raise TimedOut("receiving")
        return frame

    def _bound_sends(self, timeout: float | None) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(timeout))
        self._send_timeout = timeout

    def _bound_receives(self, timeout: float | None) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(timeout))
        self._receive_timeout = timeout
