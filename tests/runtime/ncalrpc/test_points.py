"""What has to work over ncalrpc, point by point, between a server and clients that are whole.

Points that have tests of their own elsewhere: 1, the octets of the seven structures (`test_messages.py`); 7, callbacks,
one within the other (`../callbacks/test_line.py`); 13, the same stubs over TCP with foreign peers (`tests/interop`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import ncalrpc
from lrpc.runtime.ncalrpc import messages
from lrpc.runtime.ncalrpc.messages import TransferSyntax
from lrpc.runtime.status import Ran
from lrpc.transports import alpc

WATCHDOG = 20.0
NO_IF, NO_OPERATION = 1717, 1745
"""RPC_S_UNKNOWN_IF, RPC_S_PROCNUM_OUT_OF_RANGE."""


@pytest.fixture
def transport() -> str:
    return "ncalrpc"


class Raw:
    """A client that sends LRPC messages by its own hand."""

    def __init__(self, binding: str) -> None:
        self.engine = ncalrpc.ClientAssociation()
        self.port = alpc.connect(lrpc.StringBinding.parse(binding).endpoint, WATCHDOG)

    def bind(self, interface: Any, syntaxes: TransferSyntax) -> Any:
        return self._asked(self.engine.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version), syntaxes))

    def call(self, binding_id: int, opnum: int, stub: bytes) -> Any:
        call_id = self.engine.next_call_id()
        return self._asked(self.engine.request(call_id, binding_id, opnum, [stub]).data, call_id)

    def _asked(self, octets: bytes, message_id: int = 0) -> Any:
        self.port.send_message(octets, message_id, timeout=WATCHDOG)
        answer = self.port.receive_message(WATCHDOG)
        return self.engine.receive(answer.data, answer.view)


@pytest.fixture
def raws(host: Any, binding: str) -> Iterator[Callable[[], Raw]]:
    made: list[Raw] = []

    def make() -> Raw:
        made.append(Raw(binding))
        return made[-1]

    yield make
    for each in made:
        each.port.close()


@pytest.fixture
def raw(raws: Callable[[], Raw]) -> Raw:
    return raws()


def test_point_2_two_interfaces_are_bound_on_one_port_each_in_a_syntax(
    raw: Raw, host: Any, calculator: ModuleType
) -> None:
    host.server.register(host.greeting())
    one = raw.bind(calculator.Calculator.interface, TransferSyntax.NDR)
    other = raw.bind(calculator.Greeter.interface, TransferSyntax.NDR64)
    assert (one.syntax, other.syntax) == (TransferSyntax.NDR, TransferSyntax.NDR64)
    assert one.binding_id != other.binding_id
    numbers = (2).to_bytes(4, "little") + (3).to_bytes(4, "little")
    for _ in range(2):
        assert bytes(raw.call(one.binding_id, 0, numbers).stub) == (5).to_bytes(4, "little")
        text = b"x\0\0\0".ljust(4, b"\0")
        wide = b"".join(count.to_bytes(8, "little") for count in (2, 0, 2)) + text
        assert "hello x".encode("utf-16-le") in bytes(raw.call(other.binding_id, 0, wide).stub)


def test_point_2_what_is_not_there_has_its_win32_status(raw: Raw, calculator: ModuleType) -> None:
    assert raw.bind(calculator.versioned(77, 0), TransferSyntax.NDR).status == NO_IF
    bound = raw.bind(calculator.Calculator.interface, TransferSyntax.NDR)
    fault = raw.call(bound.binding_id, 999, b"")
    assert (fault.status, fault.did_not_execute) == (NO_OPERATION, True)


@pytest.mark.parametrize("size", [0xF00 - 1, 0xF00, 0xF00 + 1, 1 << 20, 64 << 20], ids=hex)
def test_point_3_stubs_of_all_sizes_go_there_and_back(connect: Any, binding: str, size: int) -> None:
    """The stub of Echo is a count, the same again, and the octets: so large a request is the most that is taken."""
    client = connect(binding)
    data = os.urandom(1024).ljust(size - 8, b"\7")
    assert client.Echo(data) == data


def test_point_3_a_size_beyond_its_view_is_refused_and_others_are_served(
    raws: Callable[[], Raw], connect: Any, binding: str, calculator: ModuleType
) -> None:
    echo = calculator.Calculator.interface.operation("Echo").opnum
    for claimed in (4097, 1 << 31, 0xFFFF_FFFF):
        raw = raws()
        bound = raw.bind(calculator.Calculator.interface, TransferSyntax.NDR)
        view = raw.port.allocate(4096)
        flags = messages.RequestFlag.VIEW_PRESENT
        request = messages.pack_request(1, bound.binding_id, echo, None, flags) + messages.pack_large(claimed)
        raw.port.send_message(request, 1, alpc.LPC_REQUEST, view, WATCHDOG)
        assert raw.port.receive_message(WATCHDOG).type == alpc.LPC_PORT_CLOSED
        assert connect(binding).Add(2, 3) == 5


def test_point_4_calls_reach_the_object_that_they_name(
    host: Any, clients_of: Any, client_face: str, binding: str
) -> None:
    one, two = UUID(int=1), UUID(int=2)
    for uuid, words in ((one, "one"), (two, "two"), (None, "any")):
        host.server.register(host.greeting(words), object=uuid)
    connect = clients_of(client_face)
    for uuid, words in ((one, "one"), (two, "two"), (UUID(int=3), "any"), (None, "any")):
        assert connect(binding, "Greeter", object=uuid).Greet("x") == f"{words} x"


def test_point_5_what_a_method_raises_is_a_fault_with_its_code(
    hosts: Any, face: str, clients_of: Any, client_face: str, binding_for: Any, calculator: ModuleType
) -> None:
    for disclosure, records in (("none", 0), ("status", len(calculator.RECORDS)), ("all", 1 + len(calculator.RECORDS))):
        host = hosts(face, extended_errors=disclosure)
        host.server.register(host.service)
        client = clients_of(client_face)(host.listen(binding_for("ncalrpc")))
        with pytest.raises(lrpc.AccessDenied) as caught:
            client.Misbehave("records")
        assert (caught.value.status, len(caught.value.extended)) == (5, records)
        with pytest.raises(lrpc.Fault) as bug:
            client.Misbehave("bug")
        assert "secret" not in str(bug.value) or disclosure == "all"
        assert client.Add(2, 3) == 5


def test_point_6_a_call_that_is_given_up_is_cancelled_at_the_server(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding, timeout=0.2)
    with pytest.raises(lrpc.DeadlineExceeded):
        client.Linger(1)
    assert world.given_up.get(timeout=WATCHDOG) == 1
    assert client.Add(2, 3) == 5


def test_point_8_handles_of_a_client_that_is_killed_are_run_down_once(
    host: Any, binding: str, world: Any, client_process: Any
) -> None:
    child = client_process(binding, "client.Open('a'); client.Open('b'); print('open', flush=True); sys.stdin.read()")
    assert child.stdout.readline() == "open\n"
    child.kill()
    assert {world.closed_within_watchdog(), world.closed_within_watchdog()} == {"a", "b"}
    host.stop()
    assert world.closed.empty()


def test_point_9_what_admits_callers_sees_their_sid_and_may_refuse(
    hosts: Any, face: str, clients_of: Any, client_face: str, binding_for: Any
) -> None:
    host, seen = hosts(face), list[Any]()

    def admit(caller: lrpc.Caller, interface: Any, opnum: int) -> bool:
        seen.append((caller.sid, caller.pid, caller.level))
        return opnum == 0

    host.server.register(host.service, admit=admit)
    client = clients_of(client_face)(host.listen(binding_for("ncalrpc")))
    assert client.Add(2, 3) == 5
    with pytest.raises(lrpc.AccessDenied) as caught:
        client.Divide(17, 5)
    assert (caught.value.status, caught.value.ran) == (5, Ran.NO)
    assert seen == [(f"S-1-22-1-{os.geteuid()}", os.getpid(), lrpc.AuthLevel.PRIVACY)] * 2


def test_point_10_a_port_without_a_name_is_found_by_the_mapper(
    mapper: Any, hosts: Any, face: str, clients_of: Any, client_face: str
) -> None:
    """Dynamic endpoints: the server makes up a name, and who knows the interface need not know it."""
    servers = [hosts(face, register_endpoints=True) for _ in range(2)]
    names = set[str]()
    for host in servers:
        host.server.register(host.service)
        names.add(host.listen("ncalrpc:").endpoint)
    assert len(names) == 2
    assert all(name.startswith("LRPC-") for name in names)
    client = clients_of(client_face)("ncalrpc:", policy=lrpc.Policy(retries=1000), timeout=WATCHDOG)
    assert client.Add(2, 3) == 5
    inner = getattr(client, "client", client)
    assert inner.connection.binding.endpoint in names


@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
@pytest.mark.parametrize("client_face", ["asyncio"], indirect=True)
def test_point_11_no_more_calls_of_a_connection_run_than_may(
    hosts: Any, face: str, clients_of: Any, client_face: str, binding_for: Any
) -> None:
    host = hosts(face, limits=lrpc.Limits(max_calls=4))
    host.server.register(host.service)
    binding, connect = host.listen(binding_for("ncalrpc")), clients_of(client_face)
    client = connect(binding)
    calls = [client.loop.start(client.client.Wait(number)) for number in range(10)]
    running = {host.world.entered.get(timeout=WATCHDOG) for _ in range(4)}
    assert connect(binding).Add(2, 3) == 5  # the loop has had its turns
    assert host.world.entered.empty()
    assert running == {0, 1, 2, 3}
    for number in range(10):
        host.world.gate(number).set()
    assert [call.result(WATCHDOG) for call in calls] == list(range(10))


def test_point_12_a_server_that_stops_answers_what_runs(
    host: Any, connect: Any, binding: str, world: Any, threads: ThreadPoolExecutor, until: Callable[..., None]
) -> None:
    client = connect(binding)
    running = threads.submit(client.Wait, 1)
    world.has_entered(1)
    stopping = threads.submit(host.stop)
    until(lambda: host.server._registry.draining)
    with pytest.raises(lrpc.ServerUnavailable) as caught:
        connect(binding)
    assert caught.value.ran is Ran.NO
    world.gate(1).set()
    assert running.result(WATCHDOG) == 1
    stopping.result(WATCHDOG)
