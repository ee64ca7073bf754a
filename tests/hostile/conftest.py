"""What the tests with hostile peers share: a live server that must survive, and servers that lie."""

from __future__ import annotations

import importlib.util
import logging
import os
import random
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.transports import alpc, memory, pipe, tcp
from lrpc.transports.errors import TransportError

WATCHDOG = 20.0


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


raw_octets = _load(Path(__file__).with_name("raw.py"), "hostile_raw")
shared = _load(Path(__file__).parents[1] / "runtime" / "conftest.py", "hostile_shared")
own_namespace = shared.own_namespace
binding_for = shared.binding_for
calculator = shared.calculator
clients_of = shared.clients_of
hosts = shared.hosts
run_child = shared.run_child
client_process = shared.client_process
server_process = shared.server_process
threads = shared.threads
transport = shared.transport
until = shared.until


@pytest.fixture
def links() -> type[Any]:
    """Makes bad networks."""
    found: type[Any] = _load(Path(__file__).with_name("link.py"), "hostile_link").Link
    return found


@pytest.fixture
def sources() -> ModuleType:
    """The programs that tests run elsewhere."""
    return shared


def connected(binding: str) -> Any:
    """A connection below the protocol."""
    found = lrpc.StringBinding.parse(binding)
    if found.protocol == "ncacn_ip_tcp":
        return tcp.connect((found.address, int(found.endpoint)), WATCHDOG)
    connect: Any = {"ncalrpc": alpc.dial, "ncacn_np": pipe.connect, "memory": memory.connect}[found.protocol]
    return connect(found.endpoint, WATCHDOG)


class Victim:
    """A server that must go on serving others, and keep nothing of those who misbehave."""

    def __init__(self, host: Any, clients: Any, binding: str) -> None:
        self.host = host
        self.world = host.world
        self.binding = binding
        self._clients = clients
        self._watcher = clients(binding)
        self.check()
        self.descriptors, self.threads = self._baseline()
        self.descriptors += 2 * binding.startswith("memory")  # the watcher's signal, made when it is first waited for
        self.journal: list[logging.LogRecord] = []

    def _baseline(self) -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), threading.active_count()

    def connect(self) -> Any:
        """A connection below the protocol."""
        return connected(self.binding)

    def intruder(self, binding: str = "") -> Any:
        """A client below the protocol."""
        return raw_octets.Intruder(connected(binding or self.binding))

    def bound(self, **options: Any) -> Any:
        """An intruder that has bound the calculator as context 0."""
        intruder = self.intruder()
        interface = shared._calculator.Calculator.interface
        syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
        answer = intruder.say(raw_octets.bind(raw_octets.item(syntax), **options)).next()
        assert answer.ptype == raw_octets.ACK, answer
        return intruder

    pace = staticmethod(raw_octets.pace)
    until = staticmethod(shared.wait_until)

    def client(self, **options: Any) -> Any:
        return self._clients(self.binding, **options)

    def check(self) -> None:
        """Others are served: a client that was there before, and a new one."""
        assert self._watcher.Add(2, 3) == 5
        with lrpc.connect(shared._calculator.CalculatorClient, self.binding, timeout=WATCHDOG) as fresh:
            assert fresh.Add(3, 4) == 7

    def heard(self, *events: str) -> list[logging.LogRecord]:
        """What the server has logged of these events since the test began."""
        return [record for record in self.journal if getattr(record, "event", "") in events]

    def complaint(self) -> logging.LogRecord:
        """The one warning that it logged: who, why, and where in the stream or at which limit."""
        [record] = self.heard("malformed", "limit")
        assert record.levelno == logging.WARNING
        assert record.peer
        assert record.reason
        assert getattr(record, "limit", None) or isinstance(record.offset, int)
        return record

    def alone(self) -> bool:
        """The server has let go of everybody but the client that watches."""
        return len(self.host.server._sessions) == 1

    def settled(self) -> bool:
        """Nothing is left of anybody but the client that watches."""
        descriptors, threads = self._baseline()
        return self.alone() and descriptors <= self.descriptors and threads <= self.threads

    def survives(self) -> None:
        self.check()
        try:
            shared.wait_until(self.settled)
        except AssertionError:
            sessions, (descriptors, threads) = len(self.host.server._sessions), self._baseline()
            left = [link for entry in os.scandir("/proc/self/fd") if (link := _target(entry.path))]
            raise AssertionError(
                f"{sessions} sessions, {descriptors} descriptors where {self.descriptors} were, {threads} threads "
                f"where {self.threads} were: {left} {threading.enumerate()}"
            ) from None


def _target(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:  # the descriptor that looks
        return ""


class _Journal(logging.Handler):
    """Hands records to the victim."""

    def __init__(self, victim: Victim) -> None:
        super().__init__(logging.INFO)
        self._victim = victim

    def emit(self, record: logging.LogRecord) -> None:
        self._victim.journal.append(record)


@pytest.fixture
def victims(
    hosts: Any, clients_of: Any, binding_for: Any, caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[..., Victim]]:
    logger, handlers = logging.getLogger("lrpc.server"), list[_Journal]()
    caplog.set_level(logging.INFO, logger.name)

    def make(face: str, transport: str, authenticator: Any = None, **limits: Any) -> Victim:
        host = hosts(face, limits=lrpc.Limits(**limits), authenticator=authenticator)
        host.server.register(host.service)
        victim = Victim(host, clients_of("blocking"), str(host.listen(binding_for(transport))))
        handlers.append(_Journal(victim))
        logger.addHandler(handlers[-1])
        return victim

    yield make
    for handler in handlers:
        logger.removeHandler(handler)


@pytest.fixture
def syntax(calculator: Any) -> ncacn.SyntaxId:
    """The interface of the calculator."""
    interface = calculator.Calculator.interface
    return ncacn.SyntaxId(interface.uuid, *interface.version)


@pytest.fixture
def intrude() -> Callable[[str], Any]:
    """Connects a client below the protocol."""
    return lambda binding: raw_octets.Intruder(connected(binding))


@pytest.fixture
def raw() -> ModuleType:
    """Octets of the connection-oriented protocol."""
    return raw_octets


@pytest.fixture(params=["blocking", "followers", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    """A kind of server."""
    return str(request.param)


@pytest.fixture
def victim(victims: Callable[..., Victim], face: str, transport: str) -> Victim:
    return victims(face, transport)


def mutants(original: bytes, count: int, seed: int) -> Iterator[bytes]:
    """The original with something wrong with it: the same ones in every run."""
    source = random.Random(seed)
    for _ in range(count):
        octets = bytearray(original)
        for _ in range(source.choice((1, 1, 1, 2, 5))):
            at = source.randrange(len(octets) + 1)
            kind = source.randrange(5)
            if kind == 0 and at < len(octets):
                octets[at] ^= 1 << source.randrange(8)
            elif kind == 1 and at < len(octets):
                octets[at] = source.choice((0, 1, 0x7F, 0x80, 0xFF))
            elif kind == 2:
                octets[at:at] = source.randbytes(source.randrange(1, 9))
            elif kind == 3:
                del octets[at : at + source.randrange(1, 9)]
            elif kind == 4:
                width = source.choice((2, 4))
                value = source.choice((0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)) & (1 << 8 * width) - 1
                octets[at : at + width] = value.to_bytes(width, "little")
        yield bytes(octets)


@pytest.fixture
def mutate() -> Callable[..., Iterator[bytes]]:
    return mutants


class Liar:
    """A server that runs one script for each client: `script(connection)`, in a thread."""

    def __init__(self, protocol: str, binding: str, script: Callable[[Any], object]) -> None:
        endpoint = lrpc.StringBinding.parse(binding).endpoint
        self._script = script
        self._open: list[Any] = []
        if protocol == "ncacn_ip_tcp":
            self._listener: Any = tcp.listen()
            host, port = tcp.parse_address(self._listener.address)
            self.binding = f"ncacn_ip_tcp:{host}[{port}]"
        else:
            self._listener = (memory if protocol == "memory" else alpc).listen(endpoint)
            self.binding = binding
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept(None)
            except TransportError:
                return
            self._open.append(connection)
            try:
                self._script(connection)
            except TransportError:  # the client had enough
                continue

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._thread.join(WATCHDOG)


@pytest.fixture
def liars(binding_for: Any) -> Iterator[Callable[[str, Callable[[Any], object]], Liar]]:
    made: list[Liar] = []

    def make(protocol: str, script: Callable[[Any], object]) -> Liar:
        made.append(Liar(protocol, binding_for(protocol), script))
        return made[-1]

    yield make
    for liar in made:
        liar.close()
