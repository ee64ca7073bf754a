"""TCP: a byte stream. Listens on loopback unless told otherwise, and knows nobody's identity.

Addresses are `host:port`, `[::1]:port` or a (host, port) pair; port 0 lets the system choose, and the
listener's `address` says what it chose.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Final, TypeAlias

from . import forking
from .errors import ConnectionRefused, NameInvalid, TimedOut, from_os_error
from .seam import Buffer, Peer
from .sockets import NO_WAIT, Acceptor, TimedSocket, drain

LOOPBACK: Final = "127.0.0.1"
BACKLOG: Final = 128
MAX_DRAIN: Final = 16
"""Receives made at close so that unread octets do not turn the end into a reset, which would lose what we sent."""

ESTABLISHED: Final = 1
"""The state of a connection that nobody has closed (tcpi_state)."""
KEEPALIVE: Final = 30.0
"""Seconds within which a peer whose machine has vanished is noticed, unless something else is said."""

Address: TypeAlias = str | tuple[str, int]


def connect(address: Address, timeout: float | None = 30.0, keepalive: float = KEEPALIVE) -> TcpConnection:
    """Connects; keepalive: seconds within which a peer that has vanished is noticed, 0 for no such thing.

    Raises ConnectionRefused, HostUnreachable, NameNotFound (no such host), NameInvalid, TimedOut.
    """
    host, port = parse_address(address)
    try:
        connected = socket.create_connection((host or LOOPBACK, port), timeout)
    except OSError as error:
        raise from_os_error(error, f"connecting to {format_address(host, port)}") from error
    except UnicodeError as error:  # of the IDNA codec
        raise NameInvalid(f"{host!r} is no host name: {error}") from error
    try:
        if connected.getsockname() == connected.getpeername():  # a port that nobody held may connect to itself
            raise ConnectionRefused(f"connecting to {format_address(host, port)}")
        return TcpConnection(connected, keepalive)
    except OSError as error:  # a listener that closed at this moment has reset it already
        connected.close()
        raise ConnectionRefused(f"connecting to {format_address(host, port)}: {error.strerror}") from error
    except ConnectionRefused:
        connected.close()
        raise


def listen(address: Address = (LOOPBACK, 0), keepalive: float = KEEPALIVE) -> TcpListener:
    """Listens; keepalive: as in `connect`, for the clients that come.

    Raises NameCollision (the port is taken), NameInvalid, AccessDenied, NameNotFound (no such host).
    """
    host, port = parse_address(address)
    try:
        family = socket.getaddrinfo(host or LOOPBACK, port, type=socket.SOCK_STREAM)[0][0]
        listening = socket.create_server((host or LOOPBACK, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise from_os_error(error, f"listening on {format_address(host, port)}") from error
    except UnicodeError as error:
        raise NameInvalid(f"{host!r} is no host name: {error}") from error
    return TcpListener(listening, keepalive)


def parse_address(address: Address) -> tuple[str, int]:
    """`host:port` as (host, port); an IPv6 host stands in brackets. Raises NameInvalid."""
    if not isinstance(address, str):
        return address
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise NameInvalid(f"{address!r}: an IPv6 host stands in brackets")
    if not colon or not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 0xFFFF):
        raise NameInvalid(f"{address!r} is not host:port")
    return host, int(port)


def format_address(host: str, port: int) -> str:
    """(host, port) as `host:port`."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class TcpConnection:
    """A connected stream; keeps `seam.Connection`."""

    message_mode: bool = False
    max_message: int = 0

    def __init__(self, connected: socket.socket, keepalive: float = KEEPALIVE) -> None:
        self._timed = timed = TimedSocket(connected)
        self.receive = timed.receive  # type: ignore[method-assign]  # a step less on each call
        self.receive_now = timed.receive_now  # type: ignore[method-assign]
        self._sending = threading.Lock()
        self.peer = Peer(address=_peer_address(connected))
        _tune(connected, keepalive)

    def __repr__(self) -> str:
        state = "closed" if self._timed.socket.fileno() < 0 else "open"
        return f"<TcpConnection {self.peer.address} {state}>"

    def send(self, data: Buffer, timeout: float | None = None) -> None:
        started = time.monotonic() if timeout is not None else 0.0
        if not self._sending.acquire(timeout=-1 if timeout is None else timeout):
            raise TimedOut("sending")
        try:
            sent = self._timed.send(data, timeout)
            if sent != len(data):
                self._send_rest(memoryview(data)[sent:], None if timeout is None else started + timeout)
        except OSError as error:
            raise from_os_error(error, "sending") from error
        finally:
            self._sending.release()

    def receive(self, timeout: float | None = None) -> bytes:
        return self._timed.receive(timeout)

    def send_now(self, data: Buffer) -> int:
        try:
            return self._timed.send_octets(data, NO_WAIT)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise from_os_error(error, "sending") from error

    def receive_now(self) -> bytes | None:
        return self._timed.receive_now()

    def fileno(self) -> int:
        return self._timed.socket.fileno()

    def drain(self) -> None:
        drain(self._timed.socket)

    def over(self) -> bool:
        try:
            state = self._timed.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
        except OSError:  # closed
            return True
        return state != ESTABLISHED

    def close(self) -> None:
        for _ in range(MAX_DRAIN):
            if not self._timed.discard():
                break
        self._timed.close()

    def _send_rest(self, rest: memoryview, deadline: float | None) -> None:
        """Sends what one send did not take; a stream that was cut short is torn, so it ends."""
        while rest:
            remaining = None if deadline is None else deadline - time.monotonic()
            try:
                rest = rest[self._timed.send(rest, remaining) :]
            except OSError:
                self.close()
                raise


def adopt(listening: socket.socket, keepalive: float = KEEPALIVE) -> TcpListener:
    """A listener of a socket that somebody made for us, and keeps."""
    listener = TcpListener(listening, keepalive)
    listener.inherit()
    return listener


class TcpListener:
    """A listening port; keeps `seam.Listener`."""

    def __init__(self, listening: socket.socket, keepalive: float = KEEPALIVE) -> None:
        host, port = listening.getsockname()[:2]
        self.address = format_address(host, port)
        self._acceptor = Acceptor(listening)
        self._keepalive = keepalive
        forking.watch(self)

    def accept(self, timeout: float | None = None) -> TcpConnection:
        return TcpConnection(self._acceptor.accept(timeout), self._keepalive)

    def accept_now(self) -> TcpConnection | None:
        accepted = self._acceptor.accept_now()
        return None if accepted is None else TcpConnection(accepted, self._keepalive)

    def fileno(self) -> int:
        return self._acceptor.fileno()

    def close(self) -> None:
        self._acceptor.close()

    def abandon(self) -> None:
        self._acceptor.abandon()

    def inherit(self) -> None:
        self._acceptor.inherit()


def _peer_address(connected: socket.socket) -> str:
    try:
        host, port = connected.getpeername()[:2]
    except OSError:  # dead on arrival: receiving will say so
        return ""
    return format_address(host, port)


def _tune(connected: socket.socket, keepalive: float) -> None:
    """No waiting for more to send, and no believing in a peer that is gone.

    The first probe goes after half of the time, three in the rest of it; what was sent must be acknowledged as soon.
    """
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not keepalive:
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    pause, half = max(round(keepalive / 6), 1), max(round(keepalive / 2), 1)
    options = {"KEEPIDLE": half, "KEEPINTVL": pause, "KEEPCNT": 3, "USER_TIMEOUT": round(keepalive * 1000)}
    for option, value in options.items():
        if (number := getattr(socket, f"TCP_{option}", None)) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, number, value)
