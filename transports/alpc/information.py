"""Who waits for whom, and since when anybody is: what NtAlpcQueryInformation tells.

A thread is known to wait while it is in `MessagePort.request`; only this process's threads are known.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from .messages.attributes import WorkOnBehalfAttribute

if TYPE_CHECKING:
    from .message_port import MessagePort

_waiting: dict[int, list[MessagePort]] = {}  # by thread; what it waits for within a callback last


class BasicInformation(NamedTuple):
    """ALPC_BASIC_INFORMATION."""

    flags: int
    """PortFlags of this end."""
    sequence_no: int
    """Messages that this end has sent."""
    port_context: Any


class ServerInformation(NamedTuple):
    """ALPC_SERVER_INFORMATION: what a thread waits for."""

    thread_blocked: bool
    connected_process_id: int | None = None
    """The process at the other end."""
    connection_port_name: str = ""


class ServerSession(NamedTuple):
    """ALPC_SERVER_SESSION_INFORMATION."""

    session_id: int
    process_id: int


def server_information(thread: int | None = None) -> ServerInformation:
    """Which server a thread of this process waits for in `request`; None is the calling thread."""
    ports = _waiting.get(threading.get_native_id() if thread is None else thread)
    if not ports:
        return ServerInformation(False)
    return ServerInformation(True, ports[-1].peer.pid, ports[-1].peer.address)


@contextlib.contextmanager
def blocked_on(port: MessagePort) -> Generator[None]:
    """While this thread waits for an answer through `port`."""
    thread = threading.get_native_id()
    ports = _waiting.setdefault(thread, [])
    ports.append(port)
    try:
        yield
    finally:
        ports.pop()
        if not ports:
            del _waiting[thread]


def session_of(process: int) -> ServerSession:
    """The session of a process. Raises ProcessLookupError when it has ended."""
    return ServerSession(os.getsid(process), process)


def creation_time(process: int, thread: int = 0) -> bytes:
    """When a process, or one of its threads, began: u64 in clock ticks since the machine did; 0 when it has ended."""
    try:
        with open(f"/proc/{process}/task/{thread or process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return bytes(8)
    return int(fields[19]).to_bytes(8, "little")  # proc(5): field 22, and two stand before the last parenthesis


def ticket_of_thread() -> WorkOnBehalfAttribute:
    """Names the calling thread as the one that work is done for."""
    thread = threading.get_native_id()
    began = int.from_bytes(creation_time(os.getpid(), thread), "little")
    return WorkOnBehalfAttribute(thread, began & 0xFFFFFFFF)
