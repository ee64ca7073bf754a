"""Asking the holder of a port what the port does: NtAlpcQueryInformation for those who have no handle of it.

A client that connects and sends an inquiry, in place of a connection request, is answered with the information and
dropped; only those whom the port's security descriptor gives PORT_CONNECT are told. The answer's data:
      0  u32 status        0, or ACCESS_DENIED
      4  JSON              `Information`, as an object
What comes is judged as any peer's words: at most one message, and only numbers and texts of it are taken.
"""

from __future__ import annotations

import json
import select
import socket
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final, cast

from .. import namespace, security, unix
from ..errors import AccessDenied, BadFrame, TimedOut, TransportError
from ..seam import Peer
from ..sockets import NO_WAIT, RECEIVE_SIZE
from .messages import message as wire
from .port import CommunicationPort

PORT_INQUIRY: Final = 0xA0
"""Ours, not NT's: asks for an INFORMATION."""
PORT_INFORMATION: Final = 0xA1
"""Ours: answers."""
MAX_CLIENTS: Final = 250
"""Clients that an answer names, the first that came: what 64 KiB hold."""
MAX_TEXTS: Final = 100
"""Interfaces that an answer names."""
_STATUS: Final = struct.Struct("<I")
_INQUIRY: Final = wire.pack(PORT_INQUIRY, 1, b"")


@dataclass(frozen=True, slots=True)
class Client:
    """A client of a port: who it is by the kernel's word, and what its connection has carried."""

    pid: int = 0
    uid: int = 0
    packets_in: int = 0
    packets_out: int = 0
    octets_in: int = 0
    octets_out: int = 0


@dataclass(frozen=True, slots=True)
class Information:
    """What a port does. Counts are the server's: in is what came from clients."""

    pid: int = 0
    """The process that answers."""
    uid: int = 0
    """Its user. Both by the kernel's word: of who listens."""
    worker: int = 0
    """1: several processes take clients of this port, and this one was asked by chance: clients and counts are its own.
    `pid` is then who made the port."""
    max_message_length: int = 0
    max_section_size: int = 0
    backlog: int = 0
    max_pending: int = 0
    connections: int = 0
    """Clients now."""
    accepted: int = 0
    """Clients that there have been."""
    packets_in: int = 0
    packets_out: int = 0
    octets_in: int = 0
    octets_out: int = 0
    clients: tuple[Client, ...] = ()
    interfaces: tuple[str, ...] = ()
    """What is served there, in the words of its owner."""


def client(port: CommunicationPort) -> Client:
    """What is told of a connection."""
    told = port.traffic
    return Client(
        port.peer.pid or 0, port.peer.uid or 0, told.packets_in, told.packets_out, told.octets_in, told.octets_out
    )


def is_inquiry(frame: bytes) -> bool:
    """Whether a client asks, instead of connecting."""
    return frame == _INQUIRY


def answer(connected: socket.socket, information: Information | None) -> None:
    """Tells a client what it asked for, None: that it may not know; and drops it."""
    status = AccessDenied.status if information is None else 0
    text = "" if information is None else json.dumps(asdict(information), separators=(",", ":"))
    data = _STATUS.pack(status) + text.encode()
    try:
        connected.send(wire.pack(PORT_INFORMATION, 1, data[: wire.MAX_DATA]), NO_WAIT)
    except OSError:  # it did not wait to hear it
        pass
    finally:
        connected.close()


def inquire(names: Iterable[str], timeout: float, directory: str) -> dict[str, Information | TransportError]:
    """What the holders of ports say, all asked at once; for each name its information, or why there is none.

    AccessDenied: the port is not for us. TimedOut: its holder is busy, hangs, or is stopped.
    """
    answers: dict[str, Information | TransportError] = {}
    asked: dict[int, tuple[str, socket.socket]] = {}
    try:
        for name in names:
            try:
                connected = _ask(name, directory)
                asked[connected.fileno()] = name, connected
            except TransportError as error:
                answers[name] = error
        for name, connected in _heard(asked, time.monotonic() + timeout):
            answers[name] = _said(connected)
        return {name: TimedOut(name) for name, _ in asked.values()} | answers
    finally:
        for _, connected in asked.values():
            connected.close()


def _ask(name: str, directory: str) -> socket.socket:
    connected = namespace.current(directory).connect(name, None, 0.0)
    try:
        connected.send(_INQUIRY, NO_WAIT)
    except OSError as error:
        connected.close()
        raise AccessDenied(f"{name}: {error.strerror}") from error
    return connected


def _heard(asked: Mapping[int, tuple[str, socket.socket]], deadline: float) -> Iterator[tuple[str, socket.socket]]:
    """Each of those that were asked, once it has answered or gone."""
    poll = select.poll()
    for descriptor in asked:
        poll.register(descriptor, select.POLLIN)
    waiting = len(asked)
    while waiting and (remaining := deadline - time.monotonic()) > 0:
        for descriptor, _ in poll.poll(remaining * 1000 + 1):
            poll.unregister(descriptor)
            waiting -= 1
            yield asked[descriptor]


def _said(connected: socket.socket) -> Information | TransportError:
    try:
        frame = connected.recv(RECEIVE_SIZE, NO_WAIT)
        kind, _, data, view = wire.unpack(frame)
    except OSError as error:
        return AccessDenied(str(error))
    except TransportError as error:
        return error
    if kind != PORT_INFORMATION or view is not None or len(data) < _STATUS.size:
        return BadFrame("it does not know what was asked")
    if _STATUS.unpack_from(data)[0]:
        return AccessDenied("asking")
    return parse(data[_STATUS.size :], unix.peer_of(connected, ""))


def parse(text: bytes, holder: Peer) -> Information | BadFrame:
    """The information in the words of a holder. Never raises."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return BadFrame("its information is no JSON")
    said = cast("dict[str, Any]", found)
    if not isinstance(found, dict):
        return BadFrame("its information is no object")
    interfaces = [one[:200] for one in _items(said, "interfaces", MAX_TEXTS) if isinstance(one, str)]
    numbers = _numbers(Information, said) | {"pid": holder.pid or 0, "uid": holder.uid or 0}
    return Information(**numbers, clients=tuple(_clients(said)), interfaces=tuple(interfaces))


def _clients(said: Mapping[str, Any]) -> Iterator[Client]:
    for one in _items(said, "clients", MAX_CLIENTS):
        words = cast("dict[str, Any]", one)
        if isinstance(one, dict):
            yield Client(**_numbers(Client, words))


def _numbers(kind: type, said: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are numbers, of those that `kind` has."""
    known = {field.name for field in fields(kind) if field.type == "int"}
    return {
        name: number
        for name in known
        if isinstance(number := said.get(name), int) and not isinstance(number, bool) and 0 <= number < 1 << 64
    }


def _items(said: Mapping[str, Any], name: str, most: int) -> Sequence[Any]:
    found = said.get(name)
    items = cast("list[Any]", found)
    return items[:most] if isinstance(found, list) else ()


Interfaces = Callable[[], Iterable[str]]
"""What the owner of a port says that is served there; called in whatever thread listens."""


def admitted(descriptor: security.SecurityDescriptor, peer: Peer) -> bool:
    """Whether a descriptor gives `peer` the right to connect."""
    return security.access_check(descriptor, security.Token.of(peer), security.PORT_CONNECT, security.PORT_RIGHTS)
