"""What the tests of the runtime share: a namespace of their own, the calculator, and servers in both faces."""

from __future__ import annotations

import asyncio
import importlib.util
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import pytest

import lrpc

WATCHDOG = 20.0
"""Seconds after which a wait counts as a hang."""
TRANSPORTS = ("ncalrpc", "ncacn_np", "ncacn_ip_tcp", "memory")
BETWEEN_PROCESSES = TRANSPORTS[:3]
FACES = ("blocking", "asyncio")

_numbers = itertools.count()


def _load(path: Path) -> ModuleType:
    """A module beside this one: importmode=importlib puts no folder on the search path."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


CALCULATOR = Path(__file__).with_name("calculator.py")
_calculator = _load(CALCULATOR)


@pytest.fixture
def calculator() -> ModuleType:
    """The stub and the service."""
    return _calculator


@pytest.fixture(scope="session")
def piper() -> ModuleType:
    """The interface with pipes and its service."""
    return _load(Path(__file__).with_name("piper.py"))


@pytest.fixture(autouse=True)
def own_namespace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Names of this test are nobody else's."""
    root = tmp_path / "names"
    root.mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(root))
    return root


def new_binding(transport: str) -> str:
    """A binding to listen on that no other test has."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    endpoint = {"ncacn_np": rf"\pipe\{name}", "ncacn_ip_tcp": "0"}.get(transport, name)
    return f"{transport}:[{endpoint}]"


@pytest.fixture
def binding_for() -> Callable[[str], str]:
    return new_binding


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for another thread or process to get there."""
    until = time.monotonic() + WATCHDOG
    while not condition():
        assert time.monotonic() < until, "it never came to that"
        time.sleep(0.001)


@pytest.fixture
def until() -> Callable[[Callable[[], bool]], None]:
    return wait_until


# Both faces under one set of tests


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="loop")
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WATCHDOG)

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """A concurrent future: cancelling it cancels the task."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        self.run(self._settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(WATCHDOG)
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _settle(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Proxy:
    """An asyncio client whose methods block, so that one test does for both faces."""

    def __init__(self, client: Any, loop: Loop) -> None:
        self.client = client
        self.loop = loop

    @property
    def connection(self) -> Any:
        return self.client.connection

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)

        def call(*arguments: Any, **named: Any) -> Any:
            return self.loop.run(method(*arguments, **named))

        return call

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Clients:
    """Connects clients of one face, and closes them at the end."""

    def __init__(self, face: str) -> None:
        self.face = face
        self.loop = Loop() if face == "asyncio" else None
        self._open: list[Any] = []

    def __call__(self, target: Any, name: str = "Calculator", **options: Any) -> Any:
        prefix = "Async" if self.loop else ""
        return self.of(getattr(_calculator, f"{prefix}{name}Client"), target, **options)

    def of(self, client: type, target: Any, **options: Any) -> Any:
        """A client of a given class, which is of this face."""
        options.setdefault("timeout", WATCHDOG)
        if self.loop is None:
            connected: Any = lrpc.connect(client, str(target), **options)
        else:

            async def connect() -> Any:
                return await lrpc.connect(client, str(target), **options)

            connected = Proxy(self.loop.run(connect()), self.loop)
        self._open.append(connected)
        return connected

    def close_handle(self, handle: Any) -> None:
        if self.loop is None:
            handle.close()
        else:
            self.loop.run(handle.aclose())

    def close(self) -> None:
        for client in self._open:
            client.close()
        if self.loop is not None:
            self.loop.close()


class Host:
    """A server of one face that serves the calculator; blocking to the test whatever it is inside.

    The face "followers" is the blocking one with a few threads for all connections.
    """

    def __init__(self, face: str, **options: Any) -> None:
        self.world = _calculator.World()
        self.face = face
        self.loop = Loop() if face == "asyncio" else None
        self.service = (_calculator.AsyncService if self.loop else _calculator.Service)(self.world)
        self.stopped = False
        if self.loop is None:
            self.server: Any = lrpc.Server(threads=8 if face == "followers" else None, **options)
            self.server.start()
        else:
            self.server = self.loop.run(self._made(options))

    async def _made(self, options: dict[str, Any]) -> Any:
        return lrpc.AsyncServer(**options)

    def greeting(self, words: str = "hello") -> Any:
        return (_calculator.AsyncGreeting if self.loop else _calculator.Greeting)(words)

    def listen(self, binding: str, **options: Any) -> lrpc.StringBinding:
        found = self.server.listen(binding, **options)
        bound: lrpc.StringBinding = self.loop.run(found) if self.loop else found
        return bound

    def stop(self, grace: float = WATCHDOG) -> None:
        if not self.stopped:
            self.stopped = True
            if self.loop:
                self.loop.run(self.server.stop(grace))
            else:
                self.server.stop(grace)

    def close(self) -> None:
        self.world.release_all()
        self.stop()
        if self.loop:
            self.loop.close()


class MapperHost:
    """An endpoint mapper at its port of this test's namespace, and at TCP."""

    def __init__(self, **options: Any) -> None:
        self.loop = Loop()
        self.options = options
        self.server: Any = None
        self.bindings: list[lrpc.StringBinding] = []
        self.start()

    def start(self, *more: str) -> None:
        self.bindings = self.loop.run(self._started("ncalrpc:[epmapper]", "ncacn_ip_tcp:[0]", *more))

    async def _started(self, *bindings: str) -> list[lrpc.StringBinding]:
        from lrpc.runtime.mapper import host as mapper_host

        self.server = lrpc.AsyncServer(limits=mapper_host.LIMITS, register_endpoints=False)
        return await mapper_host.start(self.server, bindings, **self.options)

    @property
    def tcp(self) -> str:
        return str(self.bindings[1])

    def stop(self) -> None:
        self.loop.run(self.server.stop())

    def close(self) -> None:
        self.stop()
        self.loop.close()


@pytest.fixture
def mappers() -> Iterator[Callable[..., MapperHost]]:
    """Makes endpoint mappers, and stops them at the end."""
    made: list[MapperHost] = []

    def make(**options: Any) -> MapperHost:
        made.append(MapperHost(**options))
        return made[-1]

    yield make
    for mapper in made:
        mapper.close()


@pytest.fixture
def mapper(mappers: Callable[..., MapperHost]) -> MapperHost:
    return mappers()


@pytest.fixture
def hosts() -> Iterator[Callable[..., Host]]:
    """Makes servers of a face, and stops them at the end."""
    made: list[Host] = []

    def make(face: str = "blocking", **options: Any) -> Host:
        made.append(Host(face, **options))
        return made[-1]

    yield make
    for host in made:
        host.close()


@pytest.fixture
def clients_of() -> Iterator[Callable[[str], Clients]]:
    made: list[Clients] = []

    def make(face: str) -> Clients:
        made.append(Clients(face))
        return made[-1]

    yield make
    for clients in made:
        clients.close()


@pytest.fixture(params=FACES)
def face(request: pytest.FixtureRequest) -> str:
    """The server's face."""
    return str(request.param)


@pytest.fixture(params=FACES)
def client_face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def host(hosts: Callable[..., Host], clients_of: Any, face: str) -> Host:
    """A server with the calculator registered; it is closed after the clients."""
    made = hosts(face)
    made.server.register(made.service)
    return made


@pytest.fixture
def connect(host: Host, clients_of: Callable[[str], Clients], client_face: str) -> Clients:
    """Connects clients of each face."""
    return clients_of(client_face)


@pytest.fixture
def world(host: Host) -> Any:
    return host.world


@pytest.fixture
def binding(host: Host, transport: str) -> str:
    """Where the host listens, on each transport."""
    return str(host.listen(new_binding(transport)))


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as executor:
        yield executor


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server of calls of numbers, and a client of it with a lane."""
    from tests.runtime.lane_rig import rigged

    monkeypatch.setenv("LRPC_LANE", "1")
    with rigged() as found:
        yield found


# Other processes


SERVER = """
import importlib.util, sys, threading
spec = importlib.util.spec_from_file_location("calculator", sys.argv[1])
calculator = sys.modules["calculator"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(calculator)
import lrpc
world = calculator.World()
server = lrpc.Server()
server.register(calculator.Service(world))
for binding in sys.argv[2:]:
    print(server.listen(binding), flush=True)
server.start()
sys.stdin.read()
"""

CLIENT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location("calculator", sys.argv[1])
calculator = sys.modules["calculator"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(calculator)
import lrpc
client = lrpc.connect(calculator.CalculatorClient, sys.argv[2])
"""


@pytest.fixture
def run_child() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts Python on some source, as another process that can import lrpc; ends it afterwards."""
    children: list[subprocess.Popen[str]] = []

    def run(source: str, *arguments: str) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(Path(lrpc.__file__).parents[1])}
        command = [sys.executable, "-c", source, *arguments]
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, text=True)
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate(timeout=WATCHDOG)


@pytest.fixture
def server_process(run_child: Callable[..., subprocess.Popen[str]]) -> Callable[..., Any]:
    """Starts a server of its own process: the process, and where it listens."""

    def start(*bindings: str) -> tuple[subprocess.Popen[str], list[str]]:
        child = run_child(SERVER, str(CALCULATOR), *bindings)
        assert child.stdout is not None
        return child, [child.stdout.readline().strip() for _ in bindings]

    return start


@pytest.fixture
def client_process(run_child: Callable[..., subprocess.Popen[str]]) -> Callable[..., subprocess.Popen[str]]:
    """Starts a client of its own process, which then does what `source` says with `client`."""

    def start(binding: Any, source: str) -> subprocess.Popen[str]:
        return run_child(CLIENT + source, str(CALCULATOR), str(binding))

    return start
