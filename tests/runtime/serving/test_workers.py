"""Workers: processes that share endpoints, that are replaced when they die, and that end with their parent."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.serving import workers
from lrpc.transports import tcp

WATCHDOG = 20.0
BINDINGS = {"ncalrpc": "ncalrpc:[shared]", "ncacn_np": r"ncacn_np:[\pipe\shared]", "ncacn_ip_tcp": "ncacn_ip_tcp:[0]"}
IDL = """
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e31), version(1.0)]
interface Shared {
    long Pid();
    long Slow([in] long milliseconds);
    void Die();
}
"""
SERVER = """
import asyncio, os, sys, time
import lrpc
face, count, threads, *bindings = sys.argv[1:]
stub = lrpc.load('''IDL''')

class Blocking(stub.Shared):
    def Pid(self): return os.getpid()
    def Slow(self, milliseconds):
        time.sleep(milliseconds / 1000)
        return os.getpid()
    def Die(self): os._exit(7)

class Asynchronous(stub.AsyncShared):
    async def Pid(self): return os.getpid()
    async def Slow(self, milliseconds):
        await asyncio.sleep(milliseconds / 1000)
        return os.getpid()
    async def Die(self): os._exit(7)

def everything(caller, operation): return True

def serve():
    server = lrpc.Server(workers=int(count), threads=int(threads) or None, authorize=everything)
    with server:
        server.register(Blocking())
        for binding in bindings:
            print(server.listen(binding), flush=True)
        server.start()
        print("started", flush=True)
        server.serve_forever()

async def serve_async():
    async with lrpc.AsyncServer(workers=int(count), authorize=everything) as server:
        server.register(Asynchronous())
        for binding in bindings:
            print(await server.listen(binding), flush=True)
        await server.start()
        print("started", flush=True)
        await server.serve_forever()

serve() if face == "blocking" else asyncio.run(serve_async())
""".replace("IDL", IDL)
Start = Callable[..., tuple["subprocess.Popen[str]", list[str]]]


@pytest.fixture(scope="module")
def stub() -> Any:
    return lrpc.load(IDL)


@pytest.fixture
def start(own_namespace: Path) -> Iterator[Start]:
    """Runs a server with workers in a process of its own: that, and where clients find it."""
    children: list[subprocess.Popen[str]] = []

    def run(face: str, *bindings: str, count: int = 2, threads: int = 0) -> tuple[subprocess.Popen[str], list[str]]:
        environment = os.environ | {"PYTHONPATH": str(Path(lrpc.__file__).parents[1])}
        command = [sys.executable, "-c", SERVER, face, str(count), str(threads), *bindings]
        child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout is not None
        found = [child.stdout.readline().strip() for _ in bindings]
        assert child.stdout.readline() == "started\n"
        return child, found

    yield run
    for child in children:
        child.terminate()
        child.communicate(timeout=WATCHDOG)


@pytest.fixture(params=["blocking", "asyncio"])
def face(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def pids(stub: Any, binding: str, until: Any, count: int = 2) -> set[int]:
    """The workers that answer, once there are so many."""
    found: set[int] = set()

    def all_found() -> bool:
        try:
            with lrpc.connect(stub.SharedClient, binding, timeout=WATCHDOG) as client:
                found.add(client.Pid())
        except (lrpc.ServerUnavailable, lrpc.ConnectionLost):  # of a worker that has just died
            return False
        return len(found) == count

    until(all_found)
    return found


def children_of(pid: int) -> set[int]:
    return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()} | {
        int(one) for task in Path(f"/proc/{pid}/task").iterdir() for one in (task / "children").read_text().split()
    }


def test_workers_share_every_endpoint(start: Start, stub: Any, face: str, until: Any) -> None:
    child, bindings = start(face, *BINDINGS.values())
    expected = children_of(child.pid)
    assert len(expected) == 2
    for binding in bindings:
        assert pids(stub, binding, until) == expected


def test_workers_may_have_a_few_threads_each(start: Start, stub: Any, until: Any) -> None:
    child, bindings = start("blocking", *BINDINGS.values(), threads=2)
    for binding in bindings:
        assert pids(stub, binding, until) == children_of(child.pid)


def test_a_worker_that_dies_is_replaced_and_the_others_serve_on(start: Start, stub: Any, face: str, until: Any) -> None:
    _, [binding] = start(face, BINDINGS["ncacn_ip_tcp"])
    before = pids(stub, binding, until)
    with lrpc.connect(stub.SharedClient, binding) as victim:
        dead = victim.Pid()
        with pytest.raises(lrpc.ConnectionLost) as caught:
            victim.Die()
    assert caught.value.ran is lrpc.Ran.UNKNOWN
    after = pids(stub, binding, until)
    assert dead not in after
    assert len(before & after) == 1


def test_a_signal_to_the_parent_ends_all_once_their_calls_are_answered(
    start: Start, stub: Any, face: str, until: Any, threads: Any
) -> None:
    child, bindings = start(face, *BINDINGS.values())
    for binding in bindings:
        pids(stub, binding, until)
    clients = [lrpc.connect(stub.SharedClient, binding) for binding in bindings for _ in range(3)]
    calls = [threads.submit(client.Slow, 300) for client in clients]
    workers_then = children_of(child.pid)
    until(lambda: all(call.running() for call in calls))
    for client in clients:
        assert client.Pid() in workers_then  # so the slow call has come, but for a server that serves one at a time
    child.send_signal(signal.SIGTERM)
    assert {call.result(WATCHDOG) for call in calls} <= workers_then
    _, said = child.communicate(timeout=WATCHDOG)
    assert (child.returncode, said) == (0, "")
    for client in clients:
        client.close()
    for pid in workers_then:
        assert not Path(f"/proc/{pid}").exists()
    again, _ = start(face, *bindings)
    assert again.poll() is None


def test_a_worker_may_be_ended_by_itself(start: Start, stub: Any, face: str, until: Any) -> None:
    child, [binding] = start(face, BINDINGS["ncalrpc"])
    one, other = pids(stub, binding, until)
    os.kill(one, signal.SIGTERM)
    until(lambda: one not in children_of(child.pid) and len(children_of(child.pid)) == 2)
    assert other in pids(stub, binding, until)


def test_workers_end_when_their_parent_is_killed(start: Start, stub: Any, face: str, until: Any) -> None:
    child, [binding] = start(face, BINDINGS["ncacn_np"])
    found = pids(stub, binding, until)
    child.kill()
    child.wait(WATCHDOG)
    until(lambda: not any(_runs(pid) for pid in found))
    _, again = start(face, BINDINGS["ncacn_np"])
    assert not found & pids(stub, again[0], until)


def _runs(pid: int) -> bool:
    """Does it run, and is no zombie that nobody has waited for?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_client_that_may_stop_a_worker_stops_the_server(start: Start, face: str) -> None:
    from lrpc.runtime.interfaces import mgmt

    child, [binding] = start(face, BINDINGS["ncacn_ip_tcp"])
    with lrpc.connect(mgmt.mgmtClient, binding) as client:
        assert client.rpc__mgmt_stop_server_listening() == 0
    assert child.wait(WATCHDOG) == 0


def test_a_group_of_another_worker_is_refused(start: Start, stub: Any, until: Any) -> None:
    _, [binding] = start("blocking", BINDINGS["ncacn_ip_tcp"])
    pids(stub, binding, until)
    found = lrpc.StringBinding.parse(binding)
    interface = stub.Shared.interface
    first, group = _bound(found, interface, 0)
    assert group
    answers = set[bool]()

    def seen_both() -> bool:
        connection, joined = _bound(found, interface, group)
        connection.close()
        assert joined in (group, None)
        answers.add(joined == group)
        return answers == {True, False}

    until(seen_both)
    first.close()


def _bound(binding: lrpc.StringBinding, interface: Any, group: int) -> tuple[tcp.TcpConnection, int | None]:
    """A connection that asked for a group, and the group that it is in; None when that was refused."""
    connection = tcp.connect((binding.address, int(binding.endpoint)), WATCHDOG)
    association = ncacn.ClientAssociation()
    syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
    connection.send(association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])], group), WATCHDOG)
    (event,) = association.receive_data(connection.receive(WATCHDOG))
    return connection, event.group_id if isinstance(event, ncacn.BindAnswered) else None


# Within this process


def test_endpoints_and_interfaces_come_before_the_workers(calculator: Any, binding_for: Any) -> None:
    with lrpc.Server(workers=1) as server:
        service = calculator.Service(calculator.World())
        server.register(service)
        server.listen(binding_for("ncalrpc"))
        server.start()
        server.start()
        with pytest.raises(lrpc.ListenError, match="the workers have started"):
            server.listen(binding_for("ncalrpc"))
        with pytest.raises(lrpc.ListenError, match="the workers have started"):
            server.register(service)


def test_memory_cannot_be_shared(binding_for: Any) -> None:
    with lrpc.Server(workers=1) as server, pytest.raises(lrpc.ListenError, match="no memory in common"):
        server.listen(binding_for("memory"))


@pytest.mark.parametrize("made", [lrpc.Server, lrpc.AsyncServer])
def test_a_server_with_fewer_than_no_workers_is_refused(made: Any) -> None:
    with pytest.raises(ValueError, match="-1 workers"):
        made(workers=-1)


def test_successors_of_the_short_lived_come_later_each_time(monkeypatch: pytest.MonkeyPatch, until: Any) -> None:
    paused: list[float] = []

    def note(event: str, **fields: Any) -> None:
        assert event == "worker_died"
        assert fields["status"] == 1
        paused.append(fields["seconds"])

    monkeypatch.setattr(workers, "note", note)
    monkeypatch.setattr(workers, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(workers, "LONGEST_PAUSE", 0.03)

    def die(control: workers.Control) -> None:
        os._exit(1)

    made = workers.Workers(1, die, lambda: None)
    made.start([])
    until(lambda: len(paused) >= 5)
    made.stop(0)
    made.join()
    assert paused[:5] == [0.0, 0.01, 0.02, 0.03, 0.03]


def test_a_worker_that_does_not_end_in_its_grace_is_killed(until: Any) -> None:
    def stay(control: workers.Control) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()

    made = workers.Workers(1, stay, lambda: None)
    made.start([])
    (pid,) = made.pids
    made.stop(-1.0)
    made.join()
    assert not _runs(pid)


def test_a_stopped_asyncio_server_has_no_workers_left(calculator: Any, binding_for: Any) -> None:
    async def serve() -> list[int]:
        async with lrpc.AsyncServer(workers=2) as server:
            server.register(calculator.AsyncService(calculator.World()))
            await server.listen(binding_for("ncalrpc"))
            await server.start()
            assert server._workers is not None
            return server._workers.pids

    found = asyncio.run(serve())
    assert len(found) == 2
    assert not any(_runs(pid) for pid in found)


def test_the_parent_tells_the_endpoint_mapper(mapper: Any, calculator: Any, binding_for: Any, until: Any) -> None:
    from lrpc.runtime.mapper.lookup import ept_lookup

    with lrpc.Server(workers=1) as server:
        server.register(calculator.Service(calculator.World()))
        bound = server.listen(binding_for("ncacn_ip_tcp"))
        server.start()
        until(lambda: bound.endpoint in [one.binding.endpoint for one in ept_lookup()])
        assert server._workers is not None
        os.kill(server._workers.pids[0], signal.SIGKILL)
        until(lambda: _answers(calculator, str(bound)))
        assert bound.endpoint in [one.binding.endpoint for one in ept_lookup()]


def _answers(calculator: Any, binding: str) -> bool:
    try:
        with lrpc.connect(calculator.CalculatorClient, binding, timeout=WATCHDOG) as client:
            return bool(client.Add(1, 1) == 2)
    except (lrpc.ServerUnavailable, lrpc.ConnectionLost):  # of the worker that has just died
        return False
