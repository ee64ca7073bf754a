"""A Windows program, client and server, under Wine: each shape of data that its stubs have, both ways."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest

import lrpc
from tests.interop import windows_programs
from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.windows_programs import Windows
from tests.interop.windows_shapes import CALLS, SAID, Shapes, chain, shapes, wrong

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("wireshark")]

TCP = "ncacn_ip_tcp"
PEER = "Wine 8 and widl 7"
R = TypeVar("R")
Show = Callable[[str, str, str, str, str], None]
RPC_X_BAD_STUB_DATA = 1783
SECURITY_FAILED = 1825
"""RPC_S_SEC_PKG_ERROR."""
TRIES = 1000
PATIENCE = 5.0
"""Seconds that an answer of the Windows server is waited for, which takes some milliseconds."""
CONNECTIONS = 10


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    lacking = windows_programs.missing()
    if lacking:
        pytest.fail(lacking)
    made = Windows(tmp_path_factory.mktemp("windows") / "programs")
    yield made
    made.close()


@pytest.fixture
def service() -> Iterator[tuple[Shapes, str]]:
    """Our server of shapes, and its port."""
    with lrpc.Server(register_endpoints=False) as server:
        implementation = Shapes()
        server.register(implementation)
        server.start()
        yield implementation, server.listen(f"{TCP}:127.0.0.1[0]").endpoint


@pytest.fixture
def binding(windows: Windows) -> Iterator[str]:
    """Where the Windows server listens."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = str(found.getsockname()[1])
    with windows.server(port):
        yield f"{TCP}:127.0.0.1[{port}]"


def answered(binding: str, work: Callable[[Any], R], security: lrpc.Security | None = None) -> R:
    """What work gives, by calls right behind each other at the Windows server, on one connection or the next.

    Wine loses such an answer now and then, on a busy machine one in a thousand: a thread of it that finds another one
    still sending waits for room, the one that reads waits for a request, and both by the only event of their socket.
    """
    for left in reversed(range(CONNECTIONS)):
        try:
            with lrpc.connect(shapes.shapesClient, binding, security=security, timeout=PATIENCE) as client:
                return work(client)
        except lrpc.DeadlineExceeded:
            if not left:
                raise
    raise AssertionError


def test_windows_client_gets_every_call_right(windows, service, shown: Show):
    implementation, port = service
    assert windows.client(port, "all") == SAID
    for _ in range(TRIES):
        with lrpc.connect(shapes.shapesClient, f"{TCP}:127.0.0.1[{port}]") as client:
            if client.Rundowns() == 1:
                break
    assert implementation.rundowns == 1
    shown(PEER, "client", TCP, "none", f"{len(SAID)} of {len(SAID)} calls")


def test_our_client_gets_every_call_right_at_the_windows_server(binding, shown: Show):
    assert answered(binding, lambda client: list(wrong(client))) == []
    shown(PEER, "server", TCP, "none", f"{len(CALLS)} of {len(CALLS)} calls")


def test_windows_server_runs_down_what_our_client_left_open(binding):
    for number in (1, 2):
        with lrpc.connect(shapes.shapesClient, binding) as client:
            client.Open(number)
    for _ in range(TRIES):
        with lrpc.connect(shapes.shapesClient, binding) as client:
            if client.Rundowns() == 2:
                return
    pytest.fail("it has not run them down")


def test_asynchronous_client_calls_the_windows_server(binding):
    async def call() -> Any:
        async with lrpc.connect(shapes.AsyncshapesClient, binding) as client:
            return await client.Turn(chain(*range(300)))

    turned, length = asyncio.run(call())
    assert (length, turned.value) == (300, 299)


# With NTLM

WHO = (DOMAIN, USER, PASSWORD)


@pytest.fixture
def guarded(users: Path) -> Iterator[tuple[Shapes, str]]:
    """Our server of shapes that takes authenticated calls alone, and its port."""
    with lrpc.Server(register_endpoints=False, authenticator=lrpc.Authenticator(users=users)) as server:
        implementation = Callers()
        server.register(implementation, level=lrpc.AuthLevel.CONNECT)
        server.start()
        yield implementation, server.listen(f"{TCP}:127.0.0.1[0]").endpoint


class Callers(Shapes):
    """Notes who calls."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, lrpc.AuthLevel]] = set()

    def Add(self, a: int, b: int) -> int:
        caller = lrpc.caller()
        assert caller is not None
        self.seen.add((str(caller.user), caller.level))
        return super().Add(a, b)


@pytest.mark.parametrize("level", [lrpc.AuthLevel.CONNECT, lrpc.AuthLevel.INTEGRITY, lrpc.AuthLevel.PRIVACY])
def test_windows_client_logs_on(windows, guarded, level: lrpc.AuthLevel, shown: Show):
    implementation, port = guarded
    assert windows.client(port, "all", str(int(level)), *WHO) == SAID
    assert implementation.seen == {(f"{DOMAIN}\\{USER}", level)}
    shown(PEER, "client", TCP, f"NTLM {level.name.lower()}", f"{len(SAID)} of {len(SAID)} calls")


def test_windows_client_without_the_password_is_refused(windows, guarded):
    implementation, port = guarded
    assert windows.client(port, "all", str(int(lrpc.AuthLevel.PRIVACY)), DOMAIN, USER, "wrong") == ["raised 5"]
    assert windows.client(port, "all") == ["raised 5"]
    assert implementation.seen == set()


@pytest.fixture
def asking(windows: Windows) -> Iterator[str]:
    """Where the Windows server listens that takes NTLM."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = str(found.getsockname()[1])
    with windows.server(port, "ntlm"):
        yield f"{TCP}:127.0.0.1[{port}]"


def ntlm(level: lrpc.AuthLevel, password: str = PASSWORD) -> lrpc.Security:
    return lrpc.Security(level, "ntlm", lrpc.Credentials(USER, password, DOMAIN))


def test_our_client_logs_on_to_the_windows_server(asking, shown: Show):
    assert answered(asking, lambda client: list(wrong(client)), ntlm(lrpc.AuthLevel.CONNECT)) == []
    shown(PEER, "server", TCP, "NTLM connect", f"{len(CALLS)} of {len(CALLS)} calls")


# Where Wine is wrong


def test_calls_that_wine_does_not_sign_are_refused(windows, guarded, shown: Show):
    """Its level of packets has a signature of zeros."""
    assert windows.client(guarded[1], "all", str(int(lrpc.AuthLevel.PACKET)), *WHO) == [f"raised {SECURITY_FAILED}"]
    shown(PEER, "client", TCP, "NTLM packet", "wrong: it signs with zeros, and is refused")


@pytest.mark.parametrize("level", [lrpc.AuthLevel.PACKET, lrpc.AuthLevel.INTEGRITY, lrpc.AuthLevel.PRIVACY])
def test_windows_server_reads_nothing_that_is_signed(asking, level: lrpc.AuthLevel, shown: Show):
    """Without a winbindd that tells it the key of the session."""
    with pytest.raises(lrpc.ConnectionLost), lrpc.connect(shapes.shapesClient, asking, security=ntlm(level)) as client:
        client.Add(1, 2)
    shown(PEER, "server", TCP, f"NTLM {level.name.lower()}", "wrong: it ends the connection")


def test_windows_server_takes_any_password(asking, shown: Show):
    """Without a winbindd that knows better."""
    security = ntlm(lrpc.AuthLevel.CONNECT, "wrong")
    with lrpc.connect(shapes.shapesClient, asking, security=security) as client:
        assert client.Add(1, 2) == 3
    shown(PEER, "server", TCP, "NTLM connect", "wrong: it takes any password")


def test_structure_that_wine_sends_without_its_padding_is_refused(windows, service, shown: Show):
    assert windows.client(service[1], "fray") == [f"raised {RPC_X_BAD_STUB_DATA}"]
    shown(PEER, "client", TCP, "none", "wrong: a structure with padding at its end goes out with none at all")


def test_structure_that_wine_reads_without_its_padding_is_refused(binding, shown: Show):
    with lrpc.connect(shapes.shapesClient, binding) as client, pytest.raises(lrpc.RpcError) as caught:
        client.Fray(shapes.ragged_t(1, 2, 3))
    assert isinstance(caught.value, lrpc.Fault | lrpc.BadStubData), caught.value
    shown(PEER, "server", TCP, "none", "wrong: a structure with padding at its end is read as if it had none")


def test_each_call_has_its_own_answer_where_all_are_named_call_1(binding):
    assert answered(binding, lambda client: [client.Add(number, 1) for number in range(200)]) == list(range(1, 201))


def test_calls_of_threads_take_turns_at_a_windows_server(binding):
    """It has not agreed to calls that overlap."""

    def work(client: Any) -> list[int]:
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda number: client.Add(number, 1), range(200)))

    assert answered(binding, work) == list(range(1, 201))
