"""Outbox: what one end of a connection sends, in order, without two ends ever waiting for each other.

A server never waits to send: what a client does not take waits here, up to the port's `max_pool_usage`, and nothing
more is read from that client until it has. A client waits, and reads meanwhile. A message with a reserve goes out past
both, by the room that its reserve makes in the socket; cancels and notices have such a reserve each.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ..errors import TimedOut
from ..seam import Buffer
from .handles import Handle, Sendable, attribute_of, descriptors_of
from .memory.section import View
from .messages import message as wire
from .messages.attributes import NO_ATTRIBUTES, AttributeBlock, ContextAttribute
from .messages.port_message import LPC_CONTINUATION_REQUIRED, PortMessageHeader
from .quota import HANDLE_COST, MESSAGE_COST, Pool

if TYPE_CHECKING:
    from .message_port import MessagePort

ROOM_SLICE: Final = 0.05
"""Seconds after which a client that waits for room looks whether it has to read."""


class Outgoing(NamedTuple):
    """A message on its way out."""

    type: int
    message_id: int
    callback_id: int = 0
    data: Buffer = b""
    block: AttributeBlock = NO_ATTRIBUTES
    view: View | None = None
    data_info_offset: int = 0
    """Where in the message PORT_DATA_INFORMATION stands, which is a part of `data`; 0: it has none."""
    handles: Sequence[Sendable] = ()

    @property
    def number(self) -> int:
        """The number that it goes by."""
        return self.callback_id or self.message_id

    @property
    def cost(self) -> int:
        """Octets that it counts for while it waits."""
        return MESSAGE_COST + len(self.data) + HANDLE_COST * len(self.handles)

    def frame(self, sequence: int, flags: int, descriptors: Sequence[int]) -> bytes:
        """Its octets. sequence: its number among the messages of this end. flags: of its type."""
        if self.type == wire.BATCH:
            return wire.pack(wire.BATCH, self.message_id, bytes(self.data))
        kind = self.type | flags | (LPC_CONTINUATION_REQUIRED if self.view is not None else 0)
        sender = os.getpid(), threading.get_native_id()
        header = PortMessageHeader(0, 0, kind, self.data_info_offset, *sender, self.message_id, self.callback_id)
        block = self.block._replace(
            context=ContextAttribute(0, 0, sequence & 0xFFFFFFFF, self.message_id, self.callback_id),
            handle=attribute_of(descriptors),
        )
        if self.view is not None:
            block = block._replace(view=self.view.attribute)
        return wire.compose(header, block, self.data)


class Outbox:
    """Sends the messages of one end. Any thread may; `_turn` is the innermost of all locks."""

    def __init__(
        self, port: MessagePort, pool: Pool, kept: Callable[[], None] | None, read: Callable[[], bool]
    ) -> None:
        """pool: bounds what waits here. kept: a server's, told when something begins to wait. read: what a client does
        while it waits; whether it takes what comes."""
        self._port = port
        self._pool = pool
        self._kept = kept
        self._read = read
        self._turn = threading.Lock()
        self.sequence = 0
        """Messages sent so far."""
        self._waiting: deque[Outgoing] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, outgoing: Outgoing, timeout: float | None, reserve: int = 0) -> None:
        """Sends a message, or keeps it until there is room. Raises Disconnected, TimedOut, QuotaExceeded.

        reserve: octets of room in the socket that are this message's own.
        """
        with self._turn:
            if self._pass(outgoing, reserve):
                return
            if self._kept is not None:
                self._keep(outgoing)
                self._kept()
                return
        deadline = None if timeout is None else time.monotonic() + timeout
        sent = False
        while not sent:
            self._make_room(deadline)
            with self._turn:
                sent = self._pass(outgoing, reserve)

    def send_packet(self, kind: int, message_id: int, data: Buffer) -> None:
        """`send`, for a server's batch, whose last packet needs no number."""
        self.send(Outgoing(kind, message_id or 1, data=data), None)

    def flush(self) -> None:
        """Sends what waits, as far as there is room. Raises Disconnected."""
        with self._turn:
            self._flush()

    def clear(self) -> list[Outgoing]:
        """Forgets what waits, and gives it."""
        with self._turn:
            unsent = [*self._waiting]
            self._waiting.clear()
            self._pool.give(self._pool.size)
        return unsent

    def _pass(self, outgoing: Outgoing, reserve: int) -> bool:
        return (self._flush() or reserve > 0) and self._transmit(outgoing, reserve)

    def _flush(self) -> bool:
        while self._waiting:
            if not self._transmit(self._waiting[0], 0):
                return False
            self._pool.give(self._waiting.popleft().cost)
        return True

    def _transmit(self, outgoing: Outgoing, reserve: int) -> bool:
        sent = self._port.transmit(outgoing, self.sequence + 1, reserve)
        self.sequence += sent
        return sent

    def _keep(self, outgoing: Outgoing) -> None:
        kept = [Handle(os.dup(descriptor)) for descriptor in descriptors_of(outgoing.handles)]  # theirs may be closed
        self._pool.take(outgoing.cost)
        self._waiting.append(outgoing._replace(data=bytes(outgoing.data), handles=kept))

    def _make_room(self, deadline: float | None) -> None:
        remaining = None if deadline is None else deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            late = TimedOut("sending")
            late.sent = False
            raise late
        reads = self._read()
        self._port.wait_for_room(ROOM_SLICE if remaining is None else min(remaining, ROOM_SLICE), or_input=reads)
