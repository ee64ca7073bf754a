"""Ports without a namespace: two that are joined, or one whose other end is a bare socket."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc import CommunicationPort
from lrpc.transports.alpc.memory.section import SectionLimits
from lrpc.transports.errors import Disconnected
from lrpc.transports.seam import Peer

WATCHDOG = 20.0
USUAL = alpc.PortAttributes()
_numbers = itertools.count()
Ports = tuple[CommunicationPort, CommunicationPort]


@pytest.fixture
def make_ports() -> Iterator[Callable[..., Ports]]:
    made: list[CommunicationPort] = []

    def make(**limits: Any) -> Ports:
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        made.extend((CommunicationPort(one, Peer(), **limits), CommunicationPort(two, Peer(), **limits)))
        return made[-2], made[-1]

    yield make
    for port in made:
        port.close()


@pytest.fixture
def ports(make_ports: Callable[..., Ports]) -> Ports:
    return make_ports()


@pytest.fixture
def make_raw() -> Iterator[Callable[..., tuple[CommunicationPort, socket.socket]]]:
    """Ports, each with the bare socket at its other end."""
    made: list[tuple[CommunicationPort, socket.socket]] = []

    def make(incoming: SectionLimits) -> tuple[CommunicationPort, socket.socket]:
        one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        made.append((CommunicationPort(one, Peer(), incoming=incoming), two))
        return made[-1]

    yield make
    for port, bare in made:
        port.close()
        bare.close()


@pytest.fixture
def raw(make_raw: Callable[..., tuple[CommunicationPort, socket.socket]]) -> tuple[CommunicationPort, socket.socket]:
    return make_raw(SectionLimits(1 << 20))


class Joined:
    """A connection port, and clients that are let in one by one."""

    def __init__(self, attributes: alpc.PortAttributes) -> None:
        self.name = f"joined-{next(_numbers)}"
        self.server = alpc.create_port(self.name, attributes=attributes)
        self.clients: list[alpc.MessagePort] = []
        self._threads = ThreadPoolExecutor(8)

    def connect(self, context: object = None, **options: Any) -> tuple[alpc.MessagePort, alpc.MessagePort]:
        """A client's port and the server's."""
        connecting, request = self.ask(**options)
        port = request.accept(context=context)
        self.clients.append(connecting.result(WATCHDOG))
        return self.clients[-1], port

    def ask(self, timeout: float = WATCHDOG, **options: Any) -> tuple[Future[alpc.MessagePort], alpc.Message]:
        """A client that asks to be let in, and what the server has of it."""
        connecting = self._threads.submit(alpc.connect, self.name, timeout, **options)
        request = self.server.receive(WATCHDOG)
        assert request.type == alpc.LPC_CONNECTION_REQUEST
        return connecting, request

    def canceled(self, client: alpc.MessagePort) -> alpc.Message:
        """A request of a client's that it has canceled since it was picked up; the notice of that is released."""
        number = client.post(b"")
        message = self.server.receive(WATCHDOG)
        client.cancel(number)
        self.server.receive(WATCHDOG).release()
        return message

    def serve(self, handle: Callable[[alpc.Message], object], count: int) -> Future[None]:
        """Handles so many requests in another thread; what else comes is released."""

        def run() -> None:
            left = count
            while left:
                message = self.server.receive(WATCHDOG)
                asked = message.type == alpc.LPC_REQUEST
                left -= asked
                (handle if asked else alpc.Message.release)(message)

        return self.call(run)

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Future[Any]:
        """Runs something in another thread."""
        return self._threads.submit(function, *arguments, **options)

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.server.close()
        self._threads.shutdown()


@pytest.fixture
def make_joined() -> Iterator[Callable[..., Joined]]:
    made: list[Joined] = []

    def make(**attributes: Any) -> Joined:
        made.append(Joined(alpc.PortAttributes(**attributes)))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def joined_port(make_joined: Callable[..., Joined]) -> Joined:
    return make_joined()


class Served:
    """A server that lets in everybody who may connect, in a thread of its own: `work` is given what else comes."""

    def __init__(
        self, work: Callable[[alpc.Message], object], attributes: alpc.PortAttributes, security: str | None
    ) -> None:
        self.port = alpc.create_port("served", security=security, attributes=attributes)
        self.ports: list[alpc.MessagePort] = []
        self.clients: list[alpc.MessagePort] = []
        self.failures: list[BaseException] = []
        self._work = work
        self._accepted = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def connect(self, attributes: alpc.PortAttributes = USUAL, **options: Any) -> alpc.MessagePort:
        """A client, which is closed with the server."""
        self.clients.append(alpc.connect("served", WATCHDOG, attributes=attributes, **options))
        return self.clients[-1]

    def accepted(self, count: int) -> list[alpc.MessagePort]:
        """The server's ends, once so many are there."""
        for _ in range(count):
            assert self._accepted.acquire(timeout=WATCHDOG)
        return self.ports

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.port.close()
        self._thread.join(WATCHDOG)

    def _serve(self) -> None:
        while True:
            try:
                message = self.port.receive(WATCHDOG)
            except Disconnected:
                return
            if message.type == alpc.LPC_CONNECTION_REQUEST:
                self.ports.append(message.accept())
                self._accepted.release()
            elif message.type != alpc.LPC_PORT_CLOSED:
                self._answer(message)

    def _answer(self, message: alpc.Message) -> None:
        try:
            self._work(message)
        except BaseException as error:
            self.failures.append(error)
            message.release()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Has messages served. No work may fail that is not looked for in `failures`, and taken out."""
    made: list[Served] = []

    def start(
        work: Callable[[alpc.Message], object] = alpc.Message.release,
        attributes: alpc.PortAttributes = USUAL,
        security: str | None = None,
    ) -> Served:
        made.append(Served(work, attributes, security))
        return made[-1]

    yield start
    for served in made:
        served.close()
        assert not served.failures
