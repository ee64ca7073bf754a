"""What one end of a connection may say: attributes, limits, views, reserves, LPC's own rules."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.messages.attributes import DIRECT_ATTRIBUTE
from lrpc.transports.alpc.messages.port_attributes import HANDLES_ATTRIBUTES
from lrpc.transports.errors import (
    BufferTooSmall,
    Disconnected,
    InvalidParameter,
    MessageTooLong,
    NotSupported,
    QuotaExceeded,
    SectionTooBig,
    TimedOut,
)

WATCHDOG = 20.0


# Attributes


def test_views_travel_in_requests_and_replies(joined_port: Any) -> None:
    client, port = joined_port.connect()
    view = client.allocate(1 << 20)
    view.buffer[:4] = b"view"
    asking = joined_port.call(client.request, b"see", timeout=WATCHDOG, view=view)
    message = joined_port.server.receive(WATCHDOG)
    assert len(message.attributes.view) == 1 << 20
    assert bytes(message.attributes.view[:4]) == b"view"
    back = port.allocate(1 << 16)
    back.buffer[-4:] = b"back"
    message.reply(b"seen", view=back)
    reply = asking.result(WATCHDOG)
    assert bytes(reply.attributes.view[-4:]) == b"back"
    assert reply.needs_release
    reply.release()
    assert not reply.needs_release
    client.datagram(b"which takes the release along")
    joined_port.server.receive(WATCHDOG)
    assert not client._sharing._lent
    assert not port._sharing._lent


def test_views_of_requests_without_an_answer_come_back(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    for _ in range(200):
        view = client.allocate(1 << 20)
        client.post(b"", view=view)
        joined_port.server.receive(WATCHDOG).release()
        assert client.receive(WATCHDOG).type == alpc.LPC_CANCELED
    datagram = client.allocate(4)
    client.datagram(b"", view=datagram)
    message = joined_port.server.receive(WATCHDOG)
    assert message.needs_release
    message.release()
    assert len(client._sharing._lent) == 1


# Sizes


def test_the_largest_message_goes_through_and_no_larger_one(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.post(bytes(65495))
    message = joined_port.server.receive(WATCHDOG)
    assert len(message.data) == 65495
    for say in (client.post, client.request, client.datagram):
        with pytest.raises(MessageTooLong):
            say(bytes(65496))
    with pytest.raises(MessageTooLong):
        message.reply(bytes(65496))
    with pytest.raises(MessageTooLong):
        message.call_back(bytes(65496), WATCHDOG)
    message.reply(bytes(65495))
    assert len(client.receive(WATCHDOG).data) == 65495


def test_a_message_that_is_too_large_for_the_buffer_waits_for_a_larger_one(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.datagram(bytes(100))
    client.datagram(b"behind")
    for _ in range(2):
        with pytest.raises(BufferTooSmall) as small:
            joined_port.server.receive(WATCHDOG, size=99)
        assert (small.value.needed, small.value.status) == (100, 0xC0000023)
    assert len(joined_port.server.receive(WATCHDOG, size=100).data) == 100
    assert joined_port.server.receive(WATCHDOG, size=6).data == b"behind"


# Flow


def test_a_flood_of_posts_and_of_replies_does_not_lock_up(joined_port: Any) -> None:
    client, _ = joined_port.connect()

    def serve() -> None:
        for _ in range(2000):
            joined_port.server.receive(WATCHDOG).reply(bytes(4000))
        assert joined_port.server.receive(WATCHDOG).data == b"end"  # what the client did not take goes meanwhile

    serving = joined_port.call(serve)
    for _ in range(2000):
        client.post(bytes(4000), timeout=WATCHDOG)
    for _ in range(2000):
        assert len(client.receive(WATCHDOG).data) == 4000
    client.datagram(b"end")
    serving.result(WATCHDOG)


def test_a_client_that_takes_nothing_holds_up_nobody(joined_port: Any) -> None:
    slow, slow_port = joined_port.connect(context="slow")
    quick, _ = joined_port.connect(context="quick")
    for _ in range(100):
        slow.post(b"", timeout=WATCHDOG)
    for message in [joined_port.server.receive(WATCHDOG) for _ in range(100)]:
        message.reply(bytes(10_000))
    assert len(slow_port.exchange.outbox) > 0
    asking = joined_port.call(quick.request, b"", timeout=WATCHDOG)
    joined_port.server.receive(WATCHDOG).reply(b"at once")
    assert asking.result(WATCHDOG).data == b"at once"
    pumping = joined_port.call(joined_port.server.receive, WATCHDOG)
    assert all(len(slow.receive(WATCHDOG).data) == 10_000 for _ in range(100))
    slow.datagram(b"end")
    assert pumping.result(WATCHDOG).data == b"end"
    assert len(slow_port.exchange.outbox) == 0


def test_what_a_slow_client_leaves_is_bounded(make_joined: Any) -> None:
    joined = make_joined(max_pool_usage=1 << 20)
    _, port = joined.connect()
    with pytest.raises(QuotaExceeded):
        for _ in range(2000):
            port.datagram(bytes(10_000))
    assert port.exchange.outbox._pool.size <= 1 << 20


def test_a_server_reads_no_more_than_it_can_hold(make_joined: Any) -> None:
    joined = make_joined(max_pool_usage=1 << 20)
    flood, port = joined.connect(context="flood")
    other, _ = joined.connect(context="other")
    asking = joined.call(other.request, b"R", timeout=WATCHDOG, on_callback=lambda _: _wait_and_answer(done))
    held = joined.server.receive(WATCHDOG)
    done = threading.Event()

    def send_much() -> None:
        with pytest.raises(TimedOut):
            while True:
                flood.datagram(bytes(10_000), timeout=0.5)
        done.set()

    flooding = joined.call(send_much)
    assert held.call_back(b"", WATCHDOG).data == b"done"
    flooding.result(WATCHDOG)
    assert port.exchange.queued.size < (1 << 20) + 33 * 11_000
    held.reply()
    asking.result(WATCHDOG)
    count = 0
    while (message := joined.server.receive_now()) is not None:
        count += len(message.data) == 10_000
    assert count > 100


def _wait_and_answer(done: threading.Event) -> bytes:
    done.wait(WATCHDOG)
    return b"done"


def test_a_reserved_message_goes_though_the_window_is_full(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    reserve = client.reserve(1000)
    count = 0
    with pytest.raises(TimedOut):
        while True:
            client.datagram(bytes(1000), timeout=0.0)
            count += 1
    for _ in range(10):
        client.datagram(b"reserved" + bytes(900), reserve=reserve)
    with pytest.raises(TimedOut):
        client.datagram(bytes(1000), timeout=0.0)
    messages = [joined_port.server.receive(WATCHDOG) for _ in range(count + 10)]
    assert [message.data[:8] for message in messages[count:]] == [b"reserved"] * 10
    with pytest.raises(MessageTooLong):
        client.reserve(65496)
    client.datagram(bytes(1000), timeout=WATCHDOG)


def test_a_cancel_goes_though_the_window_is_full(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    number = client.post(b"work")
    message = joined_port.server.receive(WATCHDOG)
    with pytest.raises(TimedOut):
        while True:
            client.datagram(bytes(1000), timeout=0.0)
    client.cancel(number)
    while (came := joined_port.server.receive(WATCHDOG)).type == alpc.LPC_DATAGRAM:
        pass
    assert came.type == alpc.LPC_CANCELED
    came.release()
    assert not message.needs_release


def test_a_client_readable_when_a_reply_waits(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.post(b"one")
    poll = select.poll()
    poll.register(client.fileno(), select.POLLIN)
    assert not poll.poll(0)
    joined_port.server.receive(WATCHDOG).reply(b"1")
    assert poll.poll(WATCHDOG * 1000)
    assert client.receive_now() is not None
    assert client.receive_now() is None
    assert not poll.poll(0)


# LPC


@pytest.mark.parametrize(("width", "limit", "said"), [(32, 256, 64), (64, 512, 128)])
def test_a_port_of_lpc_has_its_limits(make_joined: Any, width: int, limit: int, said: int) -> None:
    joined = make_joined(lpc_mode=width)
    connecting = joined.call(
        alpc.connect, joined.name, WATCHDOG, data=bytes(200), attributes=alpc.PortAttributes(lpc_mode=width)
    )
    request = joined.server.receive(WATCHDOG)
    assert len(request.data) == said
    request.accept(bytes(300))
    client = connecting.result(WATCHDOG)
    joined.clients.append(client)
    assert len(client.connection_data) == said
    serving = joined.call(lambda: joined.server.receive(WATCHDOG).reply(bytes(limit)))
    assert len(client.request(bytes(limit)).data) == limit
    serving.result(WATCHDOG)
    with pytest.raises(MessageTooLong) as long:
        client.request(bytes(limit + 1))
    assert long.value.status == 0xC000002F


def test_a_port_of_lpc_keeps_its_limits_towards_any_peer(make_joined: Any) -> None:
    client, port = make_joined(lpc_mode=64).connect()
    for end in (client, port):
        with pytest.raises(MessageTooLong):
            end.datagram(bytes(513))
        end.datagram(bytes(512))


def test_a_port_of_lpc_knows_nothing_that_came_with_alpc(make_joined: Any) -> None:
    joined = make_joined(lpc_mode=64, flags=HANDLES_ATTRIBUTES.flags)
    client, _ = joined.connect(attributes=HANDLES_ATTRIBUTES)
    view = client.allocate(10)
    iocp = alpc.IoCompletionPort(1)
    asking = joined.call(client.request, b"")
    message = joined.server.receive(WATCHDOG)
    for verb in (
        lambda: client.datagram(view=view),
        lambda: client.request(view=view),
        lambda: client.request(work_on_behalf=True),
        lambda: client.datagram(handles=[0]),
        lambda: message.reply(handles=[0]),
        lambda: message.reply(view=message.port.allocate(1)),
        lambda: client.reserve(1),
        client.batch,
        lambda: message.reply(batch=joined.server.batch()),
        lambda: alpc.create_security_context(client),
        lambda: client.associate(iocp, 1),
        lambda: joined.server.associate(iocp, 1),
    ):
        with pytest.raises(InvalidParameter):
            verb()
    message.reply(b"still waited for")
    assert asking.result(WATCHDOG).data == b"still waited for"
    iocp.close()


@pytest.mark.parametrize("mode", [0, 32, 64])
def test_sections_are_set_up_while_two_ends_connect(make_joined: Any, mode: int) -> None:
    joined = make_joined(lpc_mode=mode)
    attributes = alpc.PortAttributes(lpc_mode=mode)
    connecting, request = joined.ask(attributes=attributes, view_size=100_000)
    assert request.client_view_size == 100_000
    assert "0x1 of" in repr(request)
    port = request.accept(view_size=50_000)
    with connecting.result(WATCHDOG) as client:
        assert (len(client.port_view), len(port.port_view)) == (100_000, 50_000)
        client.port_view[:8] = b"question"
        asking = joined.call(client.request, b"look")
        message = joined.server.receive(WATCHDOG)
        assert (message.data, message.client_view_size) == (b"look", 0)
        assert port.remote_port_view[:8] == b"question"
        port.port_view[:6] = b"answer"
        message.reply()
        asking.result(WATCHDOG)
        assert client.remote_port_view[:6] == b"answer"


def test_a_section_that_cannot_be_set_up_ends_the_connection(
    joined_port: Any, open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    connecting, request = joined_port.ask(view_size=1 << 40)
    request.accept()
    with pytest.raises(SectionTooBig):
        connecting.result(WATCHDOG)
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    connecting = joined_port.call(alpc.connect, joined_port.name, WATCHDOG)
    with pytest.raises(SectionTooBig):
        joined_port.server.receive(WATCHDOG).accept(view_size=1 << 40)
    with connecting.result(WATCHDOG) as client:
        assert client.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    for options in ({"view_size": -1}, {"view_size": 1, "wait": False}):
        with pytest.raises(InvalidParameter):
            alpc.connect(joined_port.name, WATCHDOG, **options)
    assert open_descriptors() == before


def test_a_port_of_lpc_waits_for_its_answers_and_knows_no_continuation(make_joined: Any) -> None:
    joined = make_joined(lpc_mode=64)
    client, _ = joined.connect()
    with pytest.raises(InvalidParameter):
        client.post(b"asynchronous")
    with pytest.raises(InvalidParameter):
        client.request(b"impatient", timeout=1.0)
    client.datagram(b"one way")
    assert joined.server.receive(WATCHDOG).data == b"one way"
    asking = joined.call(client.request, b"R")
    message = joined.server.receive(WATCHDOG)
    assert not message.needs_release
    message.reply(b"answered")
    assert asking.result(WATCHDOG).data == b"answered"
    with pytest.raises(Exception, match="REPLY_MESSAGE_MISMATCH"):
        message.reply(b"stale")


# Ending


def test_what_a_client_did_not_take_is_waited_with_when_the_port_closes(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    for _ in range(100):
        client.post(b"")
    for message in [joined_port.server.receive(WATCHDOG) for _ in range(100)]:
        message.reply(bytes(10_000))
    closing = joined_port.call(joined_port.server.close)
    assert all(len(client.receive(WATCHDOG).data) == 10_000 for _ in range(100))
    closing.result(WATCHDOG)
    assert client.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_disconnecting_ends_both_ends(joined_port: Any) -> None:
    client, port = joined_port.connect()
    client.disconnect()
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    assert client.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    with pytest.raises(Disconnected):
        client.post(b"")
    again, port = joined_port.connect()
    port.disconnect()
    assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
    assert again.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_closing_wakes_every_thread_that_waits(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = [joined_port.call(client.request, b"R") for _ in range(2)]
    receiving = joined_port.call(client.receive)
    held = [joined_port.server.receive(WATCHDOG) for _ in range(2)]
    client.close()
    for one in (*asking, receiving):
        with pytest.raises(Disconnected):
            one.result(WATCHDOG)
    notices = [joined_port.server.receive(WATCHDOG) for _ in range(3)]
    assert [notice.type for notice in notices] == [alpc.LPC_CANCELED, alpc.LPC_CANCELED, alpc.LPC_PORT_CLOSED]
    for notice in notices:
        notice.release()
    assert not any(message.needs_release for message in held)


def test_a_waiting_client_uses_no_processor(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    asking = joined_port.call(client.request, b"R")
    message = joined_port.server.receive(WATCHDOG)
    before = time.process_time()
    with pytest.raises(TimedOut):
        joined_port.server.receive(1.0)
    assert time.process_time() - before < 0.2
    message.reply()
    asking.result(WATCHDOG)


# Direct messages


DIRECT = alpc.PortAttributes(flags=alpc.PortAttributes().flags | alpc.PortFlags.DIRECT_MESSAGE)


def signaled(event: int) -> int:
    """How often an event was signaled; it is not any more."""
    try:
        return os.eventfd_read(event)
    except BlockingIOError:
        return 0


@pytest.fixture
def event() -> Iterator[int]:
    descriptor = os.eventfd(0, os.EFD_NONBLOCK)
    yield descriptor
    os.close(descriptor)


def test_the_event_of_a_direct_message_is_signaled_when_it_is_over(make_joined: Any, event: int) -> None:
    joined = make_joined(flags=DIRECT.flags)
    client, _ = joined.connect()
    client.post(b"answered", direct=event)
    message = joined.server.receive(WATCHDOG)
    assert message.attributes.direct is not None
    assert message.attributes.valid & DIRECT_ATTRIBUTE
    assert not message.attributes.limited(0).direct
    message.reply(b"yes")
    assert not signaled(event)
    assert client.receive(WATCHDOG).data == b"yes"
    assert signaled(event) == 1
    client.post(b"released", direct=event)
    joined.server.receive(WATCHDOG).release()
    assert client.receive(WATCHDOG).type == alpc.LPC_CANCELED
    assert signaled(event) == 1
    client.cancel(client.post(b"canceled", direct=event))
    assert signaled(event) == 1
    client.post(b"without")
    joined.server.receive(WATCHDOG).reply(b"")
    assert client.receive(WATCHDOG).attributes.direct is None
    assert not signaled(event)


@pytest.mark.parametrize("end", ["client", "server"])
def test_the_events_of_direct_messages_are_signaled_when_the_connection_ends(
    make_joined: Any, event: int, open_descriptors: Callable[[], int], end: str
) -> None:
    joined = make_joined(flags=DIRECT.flags)
    client, port = joined.connect()
    before = open_descriptors()
    for _ in range(3):
        client.post(b"", direct=event)
    assert open_descriptors() == before + 3  # the caller may close its own
    if end == "client":
        client.close()
    else:
        port.close()
        assert client.receive(WATCHDOG).type == alpc.LPC_CANCELED
    assert signaled(event) == 3
    assert open_descriptors() <= before


def test_what_is_no_direct_message_is_refused(make_joined: Any, event: int) -> None:
    client, _ = make_joined().connect()
    with pytest.raises(NotSupported):
        client.post(b"", direct=event)
    client, port = make_joined(flags=DIRECT.flags).connect()
    for no_event in (0, 99_999, os.open("/dev/null", os.O_RDONLY)):
        with pytest.raises(InvalidParameter):
            client.post(b"", direct=no_event)
    with pytest.raises(InvalidParameter):
        client.post(b"", direct=event, batch=client.batch())
    with pytest.raises(NotSupported):  # the client has not said that it takes them
        port.post(b"", direct=event)
    assert not client.outstanding


def test_data_of_long_items_is_refused(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    wide = memoryview(bytes(8)).cast("I")
    for verb in (client.request, client.post, client.datagram):
        with pytest.raises(TypeError):
            verb(wide)
    client.post(wide.cast("B"))
    message = joined_port.server.receive(WATCHDOG)
    assert message.data == bytes(8)
    with pytest.raises(TypeError):
        message.reply(wide)
    message.reply(b"well")
