from __future__ import annotations

import os
import select
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc import CommunicationPort, IoCompletionPort, PortMessage
from lrpc.transports.alpc import completion as completion_module
from lrpc.transports.errors import Disconnected, PortAlreadySet, TimedOut, TransportError
from tests.transports.until import WATCHDOG, until

Ports = tuple[CommunicationPort, CommunicationPort]
Make = Callable[[int], IoCompletionPort]


@pytest.fixture
def make() -> Iterator[Callable[[int], IoCompletionPort]]:
    made: list[IoCompletionPort] = []

    def make(concurrency: int) -> IoCompletionPort:
        made.append(IoCompletionPort(concurrency))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def iocp(make: Callable[[int], IoCompletionPort]) -> IoCompletionPort:
    """One thread at a time."""
    return make(1)


def waiting(iocp: IoCompletionPort) -> int:
    """Threads in `get`."""
    return len(iocp._waiters) + iocp._led


class Watcher:
    """Counts who runs at the same time."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


# Packets that are posted


def test_packets_come_in_the_order_in_which_they_were_posted(iocp: IoCompletionPort) -> None:
    for number in range(100):
        iocp.post("key", number)
    assert [iocp.get(WATCHDOG) for _ in range(100)] == [("key", number) for number in range(100)]


def test_a_packet_wakes_the_one_thread_that_waits(iocp: IoCompletionPort, threads: ThreadPoolExecutor) -> None:
    getting = threads.submit(iocp.get)
    until(lambda: waiting(iocp) == 1)
    iocp.post(7, "packet")
    assert getting.result(WATCHDOG) == (7, "packet")
    assert not select.select([iocp._bell], [], [], 0)[0]


def test_a_time_that_is_over_says_so(iocp: IoCompletionPort) -> None:
    for timeout in (0.0, 0.01):
        with pytest.raises(TimedOut):
            iocp.get(timeout)
    iocp.post(1)
    assert iocp.get(0.0) == (1, None)
    for _ in range(2):  # done with the packet once
        with pytest.raises(TimedOut):
            iocp.get(0.0)
        assert iocp._running == 0


def test_a_follower_whose_time_is_over_leaves_no_trace(make: Make, threads: ThreadPoolExecutor) -> None:
    iocp = make(2)
    leader = threads.submit(iocp.get, WATCHDOG)
    until(lambda: waiting(iocp) == 1)
    with pytest.raises(TimedOut):
        iocp.get(0.01)
    assert not iocp._waiters
    iocp.post(1)
    assert leader.result(WATCHDOG).key == 1


def test_a_leader_whose_time_is_over_hands_the_lead_on(make: Make, threads: ThreadPoolExecutor, ports: Ports) -> None:
    iocp = make(2)
    ports[0].associate(iocp, "port")
    leader = threads.submit(iocp.get, 0.2)
    until(lambda: iocp._led)
    follower = threads.submit(iocp.get, WATCHDOG)
    with pytest.raises(TimedOut):
        leader.result(WATCHDOG)
    ports[1].send_message(b"late")
    assert follower.result(WATCHDOG).what.data == b"late"


# Ports


def test_many_ports_on_one_each_with_its_key(iocp: IoCompletionPort, make_ports: Callable[..., Ports]) -> None:
    pairs = [make_ports() for _ in range(20)]
    for number, (server, _) in enumerate(pairs):
        server.associate(iocp, number)
    for number, (_, client) in enumerate(pairs):
        client.send_message(b"from %d" % number)
    got = {iocp.get(WATCHDOG) for _ in pairs}
    assert {(packet.key, packet.what.data) for packet in got} == {(n, b"from %d" % n) for n in range(20)}


def test_the_end_of_a_port_is_its_last_packet(iocp: IoCompletionPort, ports: Ports) -> None:
    ports[0].associate(iocp, "port")
    ports[1].send_message(b"last words")
    ports[1].close()
    assert iocp.get(WATCHDOG).what.data == b"last words"
    assert iocp.get(WATCHDOG).what.type == alpc.LPC_PORT_CLOSED
    with pytest.raises(TimedOut):
        iocp.get(0.01)
    assert not iocp._associations
    ports[0].associate(iocp, "again")
    assert iocp.get(WATCHDOG).what.type == alpc.LPC_PORT_CLOSED


def test_a_port_that_breaks_the_rules_ends_alone(iocp: IoCompletionPort, make_ports: Callable[..., Ports]) -> None:
    bad, good = make_ports(), make_ports()
    bad[0].associate(iocp, "bad")
    good[0].associate(iocp, "good")
    bad[1]._socket.send(b"nonsense")
    good[1].send_message(b"sense")
    got = {packet.key: packet.what for packet in (iocp.get(WATCHDOG), iocp.get(WATCHDOG))}
    assert got["bad"].type == alpc.LPC_PORT_CLOSED
    assert got["good"].data == b"sense"


def test_a_port_has_one_completion_port(iocp: IoCompletionPort, ports: Ports) -> None:
    ports[0].associate(iocp, 1)
    other = IoCompletionPort(1)
    for again in (iocp, other):
        with pytest.raises(PortAlreadySet):
            ports[0].associate(again, 2)
    iocp.close()
    ports[0].associate(other, 3)
    other.close()


def test_a_closed_port_has_none(iocp: IoCompletionPort, ports: Ports) -> None:
    ports[0].close()
    with pytest.raises(Disconnected):
        ports[0].associate(iocp, 1)


def test_what_cannot_be_waited_for_is_not_associated(iocp: IoCompletionPort, tmp_path: Any) -> None:
    with (tmp_path / "file").open("w") as file, pytest.raises(TransportError):
        iocp.associate(file, 1, lambda: None)
    assert not iocp._associations


def test_ports_that_their_owner_closed_are_forgotten(iocp: IoCompletionPort, make_ports: Callable[..., Ports]) -> None:
    made = [make_ports()[0] for _ in range(completion_module._FEW)]  # at once: each has a descriptor of its own
    for port in made:
        port.associate(iocp, "closed")
    for port in made:
        port.close()
    make_ports()[0].associate(iocp, "open")
    assert [association.key for association in iocp._associations.values()] == ["open"]


def test_a_descriptor_that_is_used_again_is_the_new_port_s(
    iocp: IoCompletionPort, make_ports: Callable[..., Ports]
) -> None:
    old = make_ports()
    old[0].associate(iocp, "old")
    descriptor = old[0].fileno()
    old[0].close()
    old[1].close()
    new = make_ports()
    while new[0].fileno() != descriptor:
        new = make_ports()
    new[0].associate(iocp, "new")
    new[1].send_message(b"hello")
    assert iocp.get(WATCHDOG).key == "new"


def test_the_messages_of_all_clients_of_a_server_come_as_packets(
    iocp: IoCompletionPort, threads: ThreadPoolExecutor
) -> None:
    server = alpc.create_port("completion")
    server.associate(iocp, "server")
    connecting = [threads.submit(alpc.connect, "completion", WATCHDOG, data=b"%d" % n) for n in range(3)]
    for _ in connecting:
        key, request = iocp.get(WATCHDOG)
        assert (key, request.type) == ("server", alpc.LPC_CONNECTION_REQUEST)
        request.accept(context=request.data)
    clients = [each.result(WATCHDOG) for each in connecting]
    asking = [threads.submit(client.request, b"who am I?", timeout=WATCHDOG) for client in clients]
    for _ in asking:
        key, message = iocp.get(WATCHDOG)
        assert (key, message.type, message.data) == ("server", alpc.LPC_REQUEST, b"who am I?")
        message.reply(message.port_context)
    assert [each.result(WATCHDOG).data for each in asking] == [b"0", b"1", b"2"]
    for client in clients:
        client.close()
    assert {iocp.get(WATCHDOG).what.type for _ in clients} == {alpc.LPC_PORT_CLOSED}
    server.close()


def test_answers_to_what_a_client_posted_come_as_packets(iocp: IoCompletionPort, threads: ThreadPoolExecutor) -> None:
    server = alpc.create_port("completion")
    connecting = threads.submit(alpc.connect, "completion", WATCHDOG)
    server.receive(WATCHDOG).accept()
    client = connecting.result(WATCHDOG)
    client.associate(iocp, "client")
    for number in range(10):
        client.post(b"", context=number)
    for _ in range(10):
        server.receive(WATCHDOG).reply(b"done")
    packets = [iocp.get(WATCHDOG) for _ in range(10)]
    assert {packet.key for packet in packets} == {"client"}
    assert [packet.what.attributes.context.message_context for packet in packets] == [*range(10)]
    client.close()
    server.close()


def test_who_posts_much_keeps_no_port_waiting(iocp: IoCompletionPort, ports: Ports) -> None:
    ports[0].associate(iocp, "port")
    ports[1].send_message(b"x")
    for _ in range(3):
        iocp.post("posted")
    seen = []
    while "port" not in seen:
        assert len(seen) < 3 * completion_module.LOOK
        seen.append(iocp.get(WATCHDOG).key)
        iocp.post("posted")


# Threads


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_no_more_than_the_concurrency_run_and_all_is_served(
    make: Make, make_ports: Callable[..., Ports], threads: ThreadPoolExecutor, concurrency: int
) -> None:
    iocp = make(concurrency)
    pairs = [make_ports() for _ in range(5)]
    for number, (server, _) in enumerate(pairs):
        server.associate(iocp, number)
    watcher, seen = Watcher(), Counter[tuple[int, bytes]]()

    def work() -> None:
        while True:
            try:
                key, what = iocp.get(WATCHDOG)
            except Disconnected:
                return
            with watcher:
                os.sched_yield()
                seen[key, what.data] += 1

    workers = [threads.submit(work) for _ in range(8)]
    with ThreadPoolExecutor(5) as clients:
        list(clients.map(lambda pair: [pair[1].send_message(b"%d" % n) for n in range(100)], pairs))
    until(lambda: len(seen) == 500)
    iocp.close()
    assert not wait(workers, WATCHDOG).not_done
    assert watcher.most <= concurrency
    assert set(seen.values()) == {1}


def test_the_thread_that_came_last_is_let_in_first(iocp: IoCompletionPort) -> None:
    order: list[int] = []
    asked: list[threading.Event] = [threading.Event() for _ in range(4)]

    def work(number: int) -> None:
        iocp.get(WATCHDOG)
        order.append(number)
        asked[number].wait(WATCHDOG)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for number, worker in enumerate(workers):  # the first one polls, and is called by the bell
        worker.start()
        until(lambda: waiting(iocp) == number + 1)  # noqa: B023
    for number in (3, 2, 1, 0):
        iocp.post(None)
        until(lambda: len(order) == 4 - number)  # noqa: B023
        assert order[-1] == number
        asked[number].set()
        workers[number].join(WATCHDOG)


def test_a_thread_that_serves_all_alone_wakes_nobody(
    iocp: IoCompletionPort, ports: Ports, threads: ThreadPoolExecutor
) -> None:
    ports[0].associate(iocp, "port")
    served = Counter[int]()

    def work() -> None:
        while True:
            try:
                _, message = iocp.get(WATCHDOG)
            except Disconnected:
                return
            served[threading.get_ident()] += 1
            ports[0].send_message(b"", message.message_id, alpc.LPC_REPLY)

    workers = [threads.submit(work) for _ in range(4)]
    until(lambda: waiting(iocp) == 4)
    for _ in range(200):
        ports[1].send_message(b"")
        ports[1].receive_message(WATCHDOG)
    iocp.close()
    wait(workers, WATCHDOG)
    assert len(served) == 1


def test_while_one_runs_another_polls(
    make: Make, make_ports: Callable[..., Ports], threads: ThreadPoolExecutor
) -> None:
    iocp = make(2)
    pairs = [make_ports() for _ in range(2)]
    for number, (server, _) in enumerate(pairs):
        server.associate(iocp, number)
    getting = [threads.submit(iocp.get, WATCHDOG) for _ in pairs]
    until(lambda: waiting(iocp) == 2)
    for number, (_, client) in enumerate(pairs):
        client.send_message(b"")
        [got], getting = wait(getting, WATCHDOG, FIRST_COMPLETED)
        assert got.result().key == number


def test_a_worker_that_blocks_lets_another_in(iocp: IoCompletionPort, threads: ThreadPoolExecutor) -> None:
    go_on, blocked = threading.Event(), threading.Event()

    def block() -> None:
        iocp.get(WATCHDOG)
        with iocp.blocking():
            blocked.set()
            assert go_on.wait(WATCHDOG)

    iocp.post("first")
    iocp.post("second")
    blocking = threads.submit(block)
    assert blocked.wait(WATCHDOG)
    assert iocp.get(WATCHDOG).key == "second"
    go_on.set()
    blocking.result(WATCHDOG)


def test_a_worker_that_runs_keeps_others_out(iocp: IoCompletionPort, threads: ThreadPoolExecutor) -> None:
    iocp.post("first")
    iocp.post("second")
    iocp.get(WATCHDOG)
    with pytest.raises(TimedOut):
        threads.submit(iocp.get, 0.05).result(WATCHDOG)


def test_blocking_without_a_packet_changes_nothing(iocp: IoCompletionPort) -> None:
    with iocp.blocking():
        iocp.post(1)
    assert iocp._running == 0
    assert iocp.get(WATCHDOG).key == 1


def test_a_thread_that_ends_lets_another_in(iocp: IoCompletionPort) -> None:
    iocp.post("first")
    iocp.post("second")
    ending = threading.Thread(target=iocp.get, args=(WATCHDOG,))
    ending.start()
    ending.join(WATCHDOG)
    assert iocp.get(WATCHDOG).key == "second"


def test_a_receiver_that_finds_nothing_is_asked_again(iocp: IoCompletionPort, ports: Ports) -> None:
    answers: list[PortMessage | None] = [None, None]
    iocp.associate(ports[0], "port", lambda: answers.pop() if answers else ports[0].receive_message_now())
    ports[1].send_message(b"x")
    assert iocp.get(WATCHDOG).what.data == b"x"


# The end


def test_closing_wakes_everybody(make: Make, threads: ThreadPoolExecutor, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    iocp = make(2)
    workers = [threads.submit(iocp.get, WATCHDOG) for _ in range(5)]
    until(lambda: waiting(iocp) == 5)
    iocp.close()
    for worker in workers:
        with pytest.raises(Disconnected):
            worker.result(WATCHDOG)
    assert open_descriptors() == before


def test_a_closed_one_takes_and_gives_nothing(iocp: IoCompletionPort, ports: Ports) -> None:
    iocp.post(1)
    iocp.close()
    iocp.close()
    for use in (lambda: iocp.post(1), lambda: iocp.get(0), lambda: ports[0].associate(iocp, 1)):
        with pytest.raises(Disconnected):
            use()
    assert "closed" in repr(iocp)


def test_a_closed_one_holds_no_descriptors(open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    iocp = IoCompletionPort(1)
    assert not any(map(os.get_inheritable, (iocp._epoll.fileno(), iocp._bell)))
    iocp.close()
    assert open_descriptors() == before


def test_the_ports_of_a_closed_one_go_on(iocp: IoCompletionPort, ports: Ports) -> None:
    ports[0].associate(iocp, 1)
    iocp.close()
    ports[1].send_message(b"still here")
    assert ports[0].receive_message(WATCHDOG).data == b"still here"


def test_a_negative_concurrency_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        IoCompletionPort(-1)
    iocp = IoCompletionPort()
    assert iocp.concurrency == len(os.sched_getaffinity(0))
    iocp.close()


def test_a_child_has_none(iocp: IoCompletionPort, ports: Ports) -> None:
    ports[0].associate(iocp, "port")
    child = os.fork()
    if not child:
        try:
            iocp.get(0)
        except Disconnected:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    ports[1].send_message(b"for the parent")
    assert iocp.get(WATCHDOG).what.data == b"for the parent"
