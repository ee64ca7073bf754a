"""DirectAccess: what one end of a connection offers of its memory with its requests, and how it reaches the peer's.

Its counterpart is another one. The offer of a request lasts as long as a thread waits in it, and is then forgotten. One
danger is left: a server that writes by itself may be in the middle of it when that thread leaves. So it asks for every
write in a request with a time limit, and buffers of requests that were broken off otherwise are kept for a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ...seam import Buffer
from ..messages.message import HEADER_SIZE
from ..outbox import Outgoing
from .direct import Entries, Offer, refusal
from .process_memory import GrantedMemory, Nonce, ProcessMemory, Reach, found, granted_by

if TYPE_CHECKING:
    from ..message_port import MessagePort

_broken_off: Final[deque[Offer]] = deque(maxlen=16)
"""Offers that a server may still write to, for the length of a copy."""


class DirectAccess:
    """Of one port. Any thread may call anything."""

    def __init__(self, port: MessagePort) -> None:
        self._port = port
        self._nonce = Nonce()
        self._offers: dict[int, Offer] = {}
        self._reach: Reach | None = None
        self._probed = False
        self._lock = threading.Lock()  # over the probing

    @contextmanager
    def offering(self, outgoing: Outgoing, buffers: Sequence[Buffer], *, patient: bool) -> Generator[Outgoing]:
        """A request with its data entries; patient: it has no time limit. Raises MessageTooLong."""
        offer = Offer(buffers, self._nonce, patient=patient)
        data = bytes(outgoing.data)
        whole = data + offer.pack()
        self._port.check_size(whole)
        self._offers[outgoing.message_id] = offer
        try:
            yield outgoing._replace(data=whole, data_info_offset=HEADER_SIZE + len(data))
        except BaseException:
            if patient:
                _broken_off.append(offer)
            raise
        finally:
            del self._offers[outgoing.message_id]

    def serve(self, message_id: int, asked: bytes) -> bytes:
        """The answer to a pull message of a request's server."""
        offer = self._offers.get(message_id)
        return refusal() if offer is None else offer.serve(asked)

    def reach(self, entries: Entries) -> Reach | None:
        """The way into the peer's memory, if there is one: what it gave us, or what the first request tried out."""
        with self._lock:
            if (granted := self._granted()) is not None:
                self._reach = granted
            elif not self._probed:
                self._reach = self._allowed(entries)
            self._probed = True
            return self._reach

    def close(self) -> None:
        """Nothing is reached any more."""
        with self._lock:
            self._reach, self._probed = None, True

    def _granted(self) -> Reach | None:
        descriptor = self._port.take_granted()
        if descriptor < 0:
            return None
        memory = GrantedMemory(descriptor)
        return memory if granted_by(descriptor, self._port.peer.pid) else None

    def _allowed(self, entries: Entries) -> Reach | None:
        pid = self._port.peer.pid
        if not pid:
            return None
        memory = ProcessMemory(pid, self._port.beside.peer_pidfd())
        return memory if found(memory, entries.nonce_address, entries.nonce) else None
