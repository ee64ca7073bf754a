"""What the connections of one user make a server hold, and that another user notices nothing of it."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports import alpc, namespace, unix
from lrpc.transports.alpc import PortAttributes
from lrpc.transports.alpc.messages.port_attributes import HANDLES_ATTRIBUTES
from lrpc.transports.alpc.quota import SECTION_COST, Account, Flight, Pool, QuotaLimits, Quotas
from lrpc.transports.errors import Canceled, ConnectionRefused, Disconnected, QuotaExceeded, TimedOut
from tests.transports.until import WATCHDOG, until
from tests.users import EVERYBODY, AsUser

MIB = 1 << 20


# Accounts


def test_what_is_too_much_is_refused_and_not_charged() -> None:
    account = Account(10)
    account.take(7)
    with pytest.raises(QuotaExceeded):
        account.take(4)
    account.take(3)
    assert (account.used, account.full) == (10, False)


def test_a_full_account_is_free_again_when_half_is_left() -> None:
    account = Account(10)
    account.add(12)
    assert account.full
    assert not account.give(6)
    assert account.full
    assert account.give(1)
    assert not account.full
    assert not account.give(5)


def test_descriptors_that_were_not_on_their_way_are_not_given_back() -> None:
    account = Account(10)
    flight = Flight(account)
    with socket.socket() as nobody:
        flight.take(3, nobody.fileno())
    flight.land(1)
    assert account.used == 2
    flight.land(5)
    assert account.used == 0


class Slow(int):
    """An amount that takes its time while it is charged."""

    inside = threading.Event()

    def __radd__(self, other: int) -> int:
        self.inside.set()
        threading.Event().wait(0.2)
        return other


def test_a_child_of_fork_can_let_go_whatever_threads_were_doing() -> None:
    account = Account(1 << 40)
    thread = threading.Thread(target=account.take, args=(Slow(1),))
    thread.start()
    assert Slow.inside.wait(20.0)
    pid = os.fork()
    if not pid:
        account.give(0)
        os._exit(0)
    assert ended(pid) == 0
    thread.join()


def ended(pid: int) -> int:
    """The exit status of a child; one that hangs is killed."""
    with os.fdopen(os.pidfd_open(pid), "rb", buffering=0) as child:
        if not select.select([child], [], [], 5.0)[0]:
            os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_pools_of_one_account_are_full_together_and_say_when_they_are_not() -> None:
    account, resumed = Account(10), list[int]()
    one = Pool(account, 100, lambda: resumed.append(1))
    two = Pool(account, 100, None)
    one.add(6)
    two.add(6)
    assert (one.full, two.full) == (True, True)
    with pytest.raises(QuotaExceeded):
        two.take(1)
    one.give(6)
    one.give(0)
    assert (resumed, one.full, two.full) == ([], True, True)
    two.give(1)
    assert not one.full
    one.add(5)
    one.give(5)
    assert resumed == [1]


def test_a_pool_has_a_bound_of_its_own() -> None:
    pool = Pool(Account(100), 10, None)
    with pytest.raises(QuotaExceeded):
        pool.take(11)
    pool.add(10)
    assert pool.full


def test_a_user_has_one_quota_as_long_as_it_has_connections() -> None:
    quotas = Quotas(QuotaLimits())
    quota = quotas.of(1000)
    assert quotas.of(1000) is quota
    assert quotas.of(1001) is not quota
    quota.pool.add(1)
    del quota
    gc.collect()
    assert quotas.of(1000).pool.used == 0


# Messages


def flood(port: alpc.MessagePort, count: int = 1000, timeout: float = 0.3) -> int:
    """How many messages it takes before somebody must wait."""
    for number in range(count):
        try:
            port.datagram(bytes(10_000), timeout=timeout)
        except TimedOut:
            return number
    return count


def test_messages_of_one_user_are_bounded_together(serve: Callable[..., Any]) -> None:
    held = threading.Event()

    def hold(message: alpc.Message) -> None:
        if message.type == alpc.LPC_REQUEST:  # this thread reads for everybody, and takes nothing
            message.call_back(b"", 3 * WATCHDOG)
            message.reply()

    def let_go(_: alpc.Message) -> bytes:
        held.wait(3 * WATCHDOG)
        return b""

    server = serve(hold, PortAttributes(user_quota=QuotaLimits(pool_usage=MIB)))
    holder = ThreadPoolExecutor(1)
    clients = [server.connect(), server.connect(), server.connect()]
    holding = holder.submit(clients[0].request, b"hold", timeout=3 * WATCHDOG, on_callback=let_go)
    sent = [flood(client) for client in clients[1:]]
    waits = sum(port.exchange.queued.size for port in server.ports)
    assert all(number < 1000 for number in sent)
    assert MIB // 2 < waits < MIB + 2 * 33 * 11_000
    assert server.ports[0].quota.pool.used == waits
    held.set()
    holding.result(WATCHDOG)
    assert flood(clients[2], 50, WATCHDOG) == 50  # what stood still goes on
    holder.shutdown()


def test_another_user_is_served_while_one_has_too_much(
    serve: Callable[..., Any], as_other: AsUser, public_names: object
) -> None:
    server = serve(answer_view, PortAttributes(user_quota=QuotaLimits(pool_usage=MIB)), EVERYBODY)
    one, two = server.connect(), server.connect()
    for client in (one, two):
        client.request(timeout=WATCHDOG)
    server.ports[0].exchange.queued.add(MIB)
    for client in (one, two):
        with pytest.raises(TimedOut):
            client.request(timeout=0.1)
    user = os.geteuid()

    def as_somebody() -> bytes:
        with server.connect(server_sid=f"S-1-22-1-{user}") as port:
            return port.request(timeout=WATCHDOG).data

    assert as_other(1000, as_somebody) == b"0"
    server.ports[0].exchange.queued.give(MIB)
    assert two.request(timeout=WATCHDOG).data == b"0"


def test_who_has_too_much_is_not_looked_at_again_and_again(serve: Callable[..., Any]) -> None:
    server = serve(answer_view, PortAttributes(user_quota=QuotaLimits(pool_usage=MIB)))
    client = server.connect()
    client.request(timeout=WATCHDOG)
    server.ports[0].exchange.queued.add(MIB)
    looks = list[float | None]()
    poll = server.port.poll
    server.port.poll = lambda timeout: (looks.append(timeout), poll(timeout))[1]  # type: ignore[method-assign]
    with pytest.raises(TimedOut):
        client.request(timeout=0.5)
    assert len(looks) < 10
    server.ports[0].exchange.queued.give(MIB)


def test_who_floods_while_it_is_called_back_is_cut_off(make_joined: Any) -> None:
    joined = make_joined(max_pool_usage=MIB)
    client, _ = joined.connect()

    def flood_on(callback: alpc.Message) -> bytes:
        assert callback.port is not None
        while True:
            callback.port.datagram(bytes(10_000), timeout=WATCHDOG)

    asking = joined.call(client.request, b"", timeout=WATCHDOG, on_callback=flood_on)
    message = joined.server.receive(WATCHDOG)
    with pytest.raises(Disconnected):
        message.call_back(b"", WATCHDOG)
    with pytest.raises(Disconnected):
        asking.result(WATCHDOG)


# Shared memory


def answer_view(message: alpc.Message) -> None:
    if message.type == alpc.LPC_REQUEST:
        message.reply(b"%d" % len(message.attributes.view or b""))


def say_by_view(port: alpc.MessagePort) -> bytes:
    return port.request(view=port.allocate(1000), timeout=WATCHDOG).data


def test_sections_of_one_user_are_bounded_together_and_another_has_its_own(
    serve: Callable[..., Any], as_other: AsUser, public_names: object
) -> None:
    server = serve(
        answer_view,
        PortAttributes(max_section_size=MIB, user_quota=QuotaLimits(section_size=2 * (SECTION_COST + MIB))),
        EVERYBODY,
    )
    clients = [server.connect() for _ in range(3)]
    assert [say_by_view(client) for client in clients[:2]] == [b"1000"] * 2
    with pytest.raises(QuotaExceeded):
        say_by_view(clients[2])
    assert clients[0].request(b"still here", timeout=WATCHDOG).data == b"0"
    user = os.geteuid()

    def as_somebody() -> bytes:
        with server.connect(server_sid=f"S-1-22-1-{user}") as port:
            return say_by_view(port)

    assert as_other(1000, as_somebody) == b"1000"
    clients[0].close()
    again = server.connect()
    again.request(timeout=WATCHDOG)  # the server has seen the other go
    assert say_by_view(again) == b"1000"


def test_secure_views_count_until_nobody_holds_them(serve: Callable[..., Any]) -> None:
    kept: list[alpc.Message] = []

    def keep(message: alpc.Message) -> None:
        if message.type == alpc.LPC_REQUEST:
            kept.append(message)
            message.reply()

    server = serve(keep, PortAttributes(user_quota=QuotaLimits(section_size=2 * SECTION_COST + 2 * 4096)))
    client, other = server.connect(), server.connect()
    for _ in range(2):
        client.request(view=client.allocate(4096, secure=True), timeout=WATCHDOG)
    with pytest.raises(QuotaExceeded):
        other.request(view=other.allocate(4096, secure=True), timeout=WATCHDOG)
    kept.clear()
    gc.collect()
    client.request(view=client.allocate(4096, secure=True), timeout=WATCHDOG)


def test_views_lent_to_one_user_are_bounded_together(serve: Callable[..., Any]) -> None:
    def lend(message: alpc.Message) -> None:
        if message.type == alpc.LPC_REQUEST:
            assert message.port is not None
            message.reply(view=message.port.allocate(MIB))

    server = serve(lend, PortAttributes(user_quota=QuotaLimits(view_size=2 * MIB)))
    one, two = server.connect(), server.connect()
    held = [client.request(timeout=WATCHDOG) for client in (one, two)]
    for client in (one, two):
        with pytest.raises(Canceled):
            client.request(timeout=WATCHDOG)
    held[0].release()
    one.datagram()  # what is given back goes with the next message
    two.request(timeout=WATCHDOG).release()
    held[1].release()
    assert [type(server.failures.pop()) for _ in range(2)] == [QuotaExceeded] * 2


# Descriptors


def test_descriptors_that_a_user_does_not_take_are_bounded_together(serve: Callable[..., Any]) -> None:
    server = serve(attributes=PortAttributes(user_quota=QuotaLimits(handles=4), flags=HANDLES_ATTRIBUTES.flags))
    clients = [server.connect(HANDLES_ATTRIBUTES) for _ in range(2)]
    one, two = server.accepted(2)
    one.datagram(handles=[0, 0, 0])
    with pytest.raises(QuotaExceeded):
        one.datagram(handles=[0, 0])
    two.datagram(handles=[0])
    with pytest.raises(QuotaExceeded):
        two.datagram(handles=[0])
    assert len(clients[0].receive(WATCHDOG).attributes.handles or ()) == 3
    one.datagram(handles=[0])
    two.datagram(b"without")


def test_descriptors_that_wait_to_be_received_stop_the_reading(serve: Callable[..., Any], make_joined: Any) -> None:
    joined = make_joined(flags=HANDLES_ATTRIBUTES.flags, user_quota=QuotaLimits(pool_usage=4 * MIB))
    client, port = joined.connect(attributes=HANDLES_ATTRIBUTES)
    for _ in range(20):
        client.datagram(handles=[0] * 4)
    first = joined.server.receive(WATCHDOG)
    assert port.quota.pool.full
    assert port.quota.pool.used < 5 * MIB
    count = 1
    while count < 20:
        assert len(joined.server.receive(WATCHDOG).attributes.handles or ()) == 4
        count += 1
    assert port.quota.pool.used == 0
    assert len(first.attributes.handles) == 4


# Connections


def test_a_user_has_so_many_connections_and_takes_nobody_elses(
    serve: Callable[..., Any], as_other: AsUser, public_names: object
) -> None:
    server = serve(lambda message: message.reply(b"served"), PortAttributes(max_connections=2), EVERYBODY)
    ours = [server.connect(), server.connect()]

    def refused() -> int:
        try:
            server.connect().close()
        except ConnectionRefused as error:
            return error.status
        return 0

    assert refused() == QuotaExceeded.status
    assert as_other(1000, refused) == 0
    assert ours[0].request(timeout=WATCHDOG).data == b"served"
    ours.pop().close()
    until(lambda: not refused())  # the server has seen it go
    ours.pop().close()


# Clients that are not connected yet


def test_of_silent_clients_the_oldest_of_the_user_with_most_goes(
    own_namespace: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = iter([1000, 0, 0, 0, 0, 0])

    def user_of(_: socket.socket) -> int:
        return next(users)

    monkeypatch.setattr(unix, "user_of", user_of)
    port = alpc.create_port("narrow", attributes=PortAttributes(max_pending=3))
    names = namespace.current(alpc.DIRECTORY)
    silent: list[socket.socket] = []
    for _ in range(6):
        silent.append(names.connect("narrow", None, WATCHDOG))
        assert port.receive_now() is None
    gone = [_has_ended(one) for one in silent]
    assert gone == [False, True, True, True, False, False]
    for one in silent:
        one.close()
    port.close()


def _has_ended(connected: Any) -> bool:
    connected.setblocking(False)
    try:
        return connected.recv(1) == b""
    except BlockingIOError:
        return False


def test_who_waits_for_a_verdict_takes_no_other_users_place(public_names: object, as_other: AsUser) -> None:
    server = alpc.create_port("asked", security=EVERYBODY, attributes=PortAttributes(max_pending=1))
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(alpc.connect, "asked", WATCHDOG)
        waiting = server.receive(WATCHDOG)
        user = os.geteuid()

        def as_somebody() -> bytes:
            with alpc.connect("asked", WATCHDOG, server_sid=f"S-1-22-1-{user}") as port:
                return port.connection_data

        other = threads.submit(as_other, 1000, as_somebody)
        request = server.receive(WATCHDOG)
        assert request.client_id != waiting.client_id
        request.accept(b"come in")
        assert other.result(WATCHDOG) == b"come in"
        waiting.accept()
        first.result(WATCHDOG).close()
    server.close()
