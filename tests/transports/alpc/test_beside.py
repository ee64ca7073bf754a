"""Descriptors beside the messages of raw ports, and what a hostile peer sends there."""

from __future__ import annotations

import array
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc import Message, PortAttributes
from lrpc.transports.alpc.beside import Beside
from lrpc.transports.alpc.handles import ALL_OBJECTS, ObjectType
from lrpc.transports.alpc.messages.message import FRAME_SIZE, SECURITY_CONTEXT, pack
from lrpc.transports.alpc.messages.port_attributes import PortFlags
from lrpc.transports.errors import BadFrame, MessageTooLong, NotSupported
from lrpc.transports.seam import Peer
from lrpc.transports.security import SecurityQos
from lrpc.transports.security.process import open_process
from lrpc.transports.security.quality import ContextTracking

WATCHDOG = 20.0
USUAL = PortAttributes().flags
TAKING = PortAttributes(flags=USUAL | PortFlags.ALLOW_DUP_OBJECT | PortFlags.ALLOW_MULTIHANDLE)
DYNAMIC = PortAttributes(quality_of_service=SecurityQos(tracking=ContextTracking.DYNAMIC))


# Handles


def describe(message: Message) -> None:
    """Answers with the kinds of what came, and an eventfd of its own."""
    came = message.attributes.handles or ()
    event = os.eventfd(7)
    message.reply(" ".join(handle.type.name or "" for handle in came).encode(), handles=[event])
    os.close(event)


def test_descriptors_travel_with_requests_and_replies(
    serve: Callable[..., Any], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    served = serve(describe, TAKING)
    with tempfile.TemporaryFile() as file, open_process(Peer(os.getpid(), os.geteuid())) as process:
        client = served.connect(TAKING)
        for _ in range(3):
            answer = client.request(b"x", timeout=WATCHDOG, handles=[file, process])
            assert answer.data == b"FILE PROCESS"
            [event] = answer.attributes.handles or ()
            assert event.type == ObjectType.EVENT
            assert os.eventfd_read(event.fileno()) == 7
            assert not os.get_inheritable(event.fileno())
        client.close()
    served.close()
    del answer, event
    assert open_descriptors() == before


def test_sixty_four_descriptors_travel_and_one_more_does_not(serve: Callable[..., Any]) -> None:
    served = serve(lambda message: message.reply(str(len(message.attributes.handles or ())).encode()), TAKING)
    client = served.connect(TAKING)
    assert client.request(timeout=WATCHDOG, handles=[0] * 64).data == b"64"
    with pytest.raises(MessageTooLong):
        client.request(timeout=WATCHDOG, handles=[0] * 65)


def test_descriptors_and_a_view_travel_together(serve: Callable[..., Any]) -> None:
    def both(message: Message) -> None:
        assert message.attributes.view is not None
        assert message.attributes.handles is not None
        message.reply(
            bytes(message.attributes.view) + b" and " + (message.attributes.handles[0].type.name or "").encode()
        )

    served = serve(both, TAKING)
    client = served.connect(TAKING)
    view = client.allocate(4)
    view.buffer[:] = b"view"
    assert client.request(timeout=WATCHDOG, view=view, handles=[0]).data == b"view and FILE"


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (PortAttributes(), TAKING),
        (TAKING, PortAttributes()),
        (PortAttributes(flags=TAKING.flags, dup_object_types=ObjectType.SECTION), TAKING),
    ],
)
def test_what_a_port_does_not_take_is_not_sent_to_it(
    server: PortAttributes, client: PortAttributes, serve: Callable[..., Any]
) -> None:
    served = serve(lambda message: message.reply(), server)
    port = served.connect(client)
    for send in (port.request, port.post, port.datagram):
        with pytest.raises(NotSupported):
            send(handles=[0])
    assert port.request(timeout=WATCHDOG).data == b""


def test_a_port_that_takes_one_at_a_time_is_sent_one_at_a_time(serve: Callable[..., Any]) -> None:
    one = PortAttributes(flags=USUAL | PortFlags.ALLOW_DUP_OBJECT)
    served = serve(lambda message: message.reply(str(len(message.attributes.handles or ())).encode()), one)
    client = served.connect(TAKING)
    assert client.request(timeout=WATCHDOG, handles=[0]).data == b"1"
    with pytest.raises(MessageTooLong):
        client.request(timeout=WATCHDOG, handles=[0, 0])


def test_who_makes_no_room_for_handles_gets_none(make_joined: Any, open_descriptors: Callable[[], int]) -> None:
    joined = make_joined(flags=TAKING.flags)
    client, _ = joined.connect(attributes=TAKING)
    before = open_descriptors()
    client.datagram(b"x", handles=[0])
    message = joined.server.receive(WATCHDOG, allocated=0)
    assert message.attributes.handles is None
    assert open_descriptors() == before


def test_a_reply_that_waits_keeps_its_descriptors(serve: Callable[..., Any]) -> None:
    waiting = threading.Event()
    count = 20  # more than a socket holds
    asked: list[Message] = []

    def answer_all_at_once(message: Message) -> None:
        """For of a client that takes no answers nothing is read."""
        asked.append(message)
        if len(asked) < count:
            return
        while asked:
            event = os.eventfd(9)
            asked.pop().reply(bytes(60000), handles=[event])
            os.close(event)
        waiting.set()

    served = serve(answer_all_at_once, TAKING)
    client = served.connect(TAKING)
    for _ in range(count):
        client.post()
    assert waiting.wait(WATCHDOG)
    for _ in range(count):
        [event] = client.receive(WATCHDOG).attributes.handles or ()
        assert os.eventfd_read(event.fileno()) == 9


# What a hostile peer sends beside its frames


@pytest.fixture
def pair() -> Iterator[tuple[Beside, socket.socket]]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    beside = Beside(one, Peer(os.getpid(), os.geteuid(), os.getegid()))
    beside.take_kinds(ALL_OBJECTS)
    with one, two:
        yield beside, two
        beside.close()


def send(sock: socket.socket, frame: bytes, descriptors: list[int]) -> None:
    sock.sendmsg([frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))])


def receive(beside: Beside) -> bytes:
    nowhere: Any = None
    return beside.receive(nowhere, 1000)


@pytest.mark.parametrize("frame", [b"x", bytes(FRAME_SIZE), pack(1, 1, b""), pack(SECURITY_CONTEXT, 1, b"")])
def test_descriptors_without_an_attribute_are_closed_and_refused(
    frame: bytes, pair: tuple[Beside, socket.socket], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    send(pair[1], frame, [0, 0])
    with pytest.raises(BadFrame):
        receive(pair[0])
    assert open_descriptors() == before - 1  # the connection has ended


def test_more_descriptors_than_there_may_be_are_closed_and_refused(
    pair: tuple[Beside, socket.socket], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    send(pair[1], pack(1, 1, b"", None, alpc.handles.attribute_of([0] * 200)), [0] * 200)
    with pytest.raises(BadFrame):
        receive(pair[0])
    assert open_descriptors() == before - 1  # the connection has ended


def test_another_number_than_the_attribute_says_is_closed_and_refused(
    pair: tuple[Beside, socket.socket], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    frame = pack(1, 1, b"", None, alpc.handles.attribute_of([0]))
    send(pair[1], frame, [0, 0])
    assert receive(pair[0]) == frame
    with pytest.raises(BadFrame):
        pair[0].take(frame)
    assert open_descriptors() == before


def test_an_attribute_without_descriptors_is_refused(pair: tuple[Beside, socket.socket]) -> None:
    frame = pack(1, 1, b"", None, alpc.handles.attribute_of([0]))
    pair[1].send(frame)
    assert receive(pair[0]) == frame
    with pytest.raises(BadFrame):
        pair[0].take(frame)


def test_what_nobody_takes_is_closed_when_the_next_comes(
    pair: tuple[Beside, socket.socket], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    frame = pack(1, 1, b"", None, alpc.handles.attribute_of([0]))
    send(pair[1], frame, [0])
    pair[1].send(b"next")
    receive(pair[0])
    assert open_descriptors() == before + 1
    receive(pair[0])
    assert open_descriptors() == before


def test_a_frame_that_nobody_sent_ends_a_tracked_connection(pair: tuple[Beside, socket.socket]) -> None:
    beside, peer = pair
    peer.send(pack(1, 1, b""))  # before the kernel was asked
    beside.track(DYNAMIC.quality_of_service)
    with pytest.raises(BadFrame):
        receive(beside)
