"""Descriptors and identities beside the messages of raw ports."""

from __future__ import annotations

import array
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports import alpc, ancillary
from lrpc.transports.alpc import LPC_CONNECTION_REQUEST, LPC_PORT_CLOSED, Message, MessagePort, PortAttributes
from lrpc.transports.alpc.beside import Beside
from lrpc.transports.alpc.handles import ALL_OBJECTS, ObjectType
from lrpc.transports.alpc.messages.message import FRAME_SIZE, SECURITY_CONTEXT, pack
from lrpc.transports.alpc.messages.port_attributes import PortFlags
from lrpc.transports.errors import (
    AccessDenied,
    BadFrame,
    BadImpersonationLevel,
    ConnectionRefused,
    Disconnected,
    MessageTooLong,
    NotSupported,
    QuotaExceeded,
    ReplyMismatch,
)
from lrpc.transports.kernel import Credentials
from lrpc.transports.seam import Peer
from lrpc.transports.security import ImpersonationLevel, SecurityQos
from lrpc.transports.security.process import open_process
from lrpc.transports.security.quality import ContextTracking
from tests.transports.until import until

WATCHDOG = 20.0
EVERYBODY = "D:(A;;CC;;;WD)"
USUAL = PortAttributes().flags
TAKING = PortAttributes(flags=USUAL | PortFlags.ALLOW_DUP_OBJECT | PortFlags.ALLOW_MULTIHANDLE)
DYNAMIC = PortAttributes(quality_of_service=SecurityQos(tracking=ContextTracking.DYNAMIC))
AsUser = Callable[..., Any]
Handler = Callable[[Message], None]


class Served:
    """A raw server in a thread of its own: `handle` is given each request."""

    def __init__(self, attributes: PortAttributes, handle: Handler, security: str | None = None) -> None:
        self.port = alpc.create_port("raw", security=security, attributes=attributes)
        self.handle = handle
        self.failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                self._take(self.port.receive(WATCHDOG))
            except Disconnected:
                return

    def _take(self, message: Message) -> None:
        if message.type == LPC_CONNECTION_REQUEST:
            message.accept()
        elif message.type != LPC_PORT_CLOSED:
            self._answer(message)

    def _answer(self, message: Message) -> None:
        try:
            self.handle(message)
        except BaseException as error:
            self.failures.append(error)
            message.release()

    def close(self) -> None:
        self.port.close()
        self._thread.join(WATCHDOG)


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    made: list[Served] = []

    def start(attributes: PortAttributes, handle: Handler, security: str | None = None) -> Served:
        made.append(Served(attributes, handle, security))
        return made[-1]

    yield start
    for served in made:
        served.close()
        assert not served.failures


@pytest.fixture
def shared() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="lrpc-shared-", dir="/tmp"))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


def connect(attributes: PortAttributes = TAKING, **options: Any) -> MessagePort:
    return alpc.connect("raw", WATCHDOG, attributes=attributes, **options)


# Handles


def describe(message: Message) -> None:
    """Answers with the kinds of what came, and an eventfd of its own."""
    came = message.attributes.handles or ()
    event = os.eventfd(7)
    message.reply(" ".join(handle.type.name or "" for handle in came).encode(), handles=[event])
    os.close(event)


def test_descriptors_travel_with_requests_and_replies(
    serve: Callable[..., Served], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    served = serve(TAKING, describe)
    with tempfile.TemporaryFile() as file, open_process(Peer(os.getpid(), os.geteuid())) as process:
        client = connect()
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


def test_sixty_four_descriptors_travel_and_one_more_does_not(serve: Callable[..., Served]) -> None:
    serve(TAKING, lambda message: message.reply(str(len(message.attributes.handles or ())).encode()))
    client = connect()
    assert client.request(timeout=WATCHDOG, handles=[0] * 64).data == b"64"
    with pytest.raises(MessageTooLong):
        client.request(timeout=WATCHDOG, handles=[0] * 65)
    client.close()


def test_descriptors_and_a_view_travel_together(serve: Callable[..., Served]) -> None:
    def both(message: Message) -> None:
        assert message.attributes.view is not None
        assert message.attributes.handles is not None
        message.reply(
            bytes(message.attributes.view) + b" and " + (message.attributes.handles[0].type.name or "").encode()
        )

    serve(TAKING, both)
    client = connect()
    view = client.allocate(4)
    view.buffer[:] = b"view"
    assert client.request(timeout=WATCHDOG, view=view, handles=[0]).data == b"view and FILE"
    client.close()


@pytest.mark.parametrize(
    ("server", "client"),
    [
        (PortAttributes(), TAKING),
        (TAKING, PortAttributes()),
        (PortAttributes(flags=TAKING.flags, dup_object_types=ObjectType.SECTION), TAKING),
    ],
)
def test_what_a_port_does_not_take_is_not_sent_to_it(
    server: PortAttributes, client: PortAttributes, serve: Callable[..., Served]
) -> None:
    serve(server, lambda message: message.reply())
    port = connect(client)
    for send in (port.request, port.post, port.datagram):
        with pytest.raises(NotSupported):
            send(handles=[0])
    assert port.request(timeout=WATCHDOG).data == b""
    port.close()


def test_a_port_that_takes_one_at_a_time_is_sent_one_at_a_time(serve: Callable[..., Served]) -> None:
    one = PortAttributes(flags=USUAL | PortFlags.ALLOW_DUP_OBJECT)
    serve(one, lambda message: message.reply(str(len(message.attributes.handles or ())).encode()))
    client = connect()
    assert client.request(timeout=WATCHDOG, handles=[0]).data == b"1"
    with pytest.raises(MessageTooLong):
        client.request(timeout=WATCHDOG, handles=[0, 0])
    client.close()


def test_who_makes_no_room_for_handles_gets_none(open_descriptors: Callable[[], int]) -> None:
    server = alpc.create_port("raw", attributes=TAKING)
    with ThreadPoolExecutor(1) as other:
        connecting = other.submit(connect)
        server.receive(WATCHDOG).accept()
        client = connecting.result(WATCHDOG)
    before = open_descriptors()
    client.datagram(b"x", handles=[0])
    message = server.receive(WATCHDOG, allocated=0)
    assert message.attributes.handles is None
    assert open_descriptors() == before
    client.close()
    server.close()


def test_a_reply_that_waits_keeps_its_descriptors(serve: Callable[..., Served]) -> None:
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

    serve(TAKING, answer_all_at_once)
    client = connect()
    for _ in range(count):
        client.post()
    assert waiting.wait(WATCHDOG)
    for _ in range(count):
        [event] = client.receive(WATCHDOG).attributes.handles or ()
        assert os.eventfd_read(event.fileno()) == 9
    client.close()


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


# Who it is


def test_a_server_knows_who_sends(serve: Callable[..., Served]) -> None:
    def who(message: Message) -> None:
        with message.open_sender_process() as process, message.open_sender_thread() as thread:
            assert process.pid == message.client_id[0] == os.getpid()
            assert thread.pid == message.client_id[1]
        token = message.attributes.token
        assert token is not None
        message.reply(f"{message.sid} {token.modified_id}".encode())

    serve(PortAttributes(), who)
    client = connect(PortAttributes())
    assert client.request(timeout=WATCHDOG).data == f"S-1-22-1-{os.geteuid()} 1".encode()
    client.close()


def tell(message: Message) -> None:
    identity = message.identity
    assert identity is not None
    assert message.attributes.token is not None
    said = message.sid, identity.peer.pid == os.getpid(), message.attributes.token.modified_id, identity.changed
    message.reply(" ".join(map(str, said)).encode())


def test_a_client_that_becomes_another_user_is_seen_where_it_is_tracked(
    serve: Callable[..., Served], public_names: Path
) -> None:
    if os.geteuid():
        pytest.xfail("only root can become somebody else")
    serve(PortAttributes(), tell, EVERYBODY)
    child = os.fork()
    if not child:
        dynamic, static = connect(DYNAMIC), connect(PortAttributes())
        said = [dynamic.request(timeout=WATCHDOG).data]
        os.seteuid(1000)
        said += [port.request(timeout=WATCHDOG).data for port in (dynamic, dynamic, static)]
        os.seteuid(0)
        said += [dynamic.request(timeout=WATCHDOG).data]
        expected = [
            b"S-1-22-1-0 False 1 False",
            b"S-1-22-1-1000 False 2 True",
            b"S-1-22-1-1000 False 2 True",
            b"S-1-22-1-0 False 1 False",
            b"S-1-22-1-0 False 3 False",
        ]
        os._exit(0 if said == expected else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_socket_that_a_child_uses_as_well_is_seen_where_it_is_tracked() -> None:
    server = alpc.create_port("raw")
    with ThreadPoolExecutor(1) as other:
        connecting = other.submit(connect, DYNAMIC)
        server.receive(WATCHDOG).accept()
        client = connecting.result(WATCHDOG)
    client.datagram(b"mine")
    shared = os.dup(client._socket.fileno())
    child = os.fork()
    if not child:
        frame = pack(3, 77, b"the child's")
        socket.socket(fileno=shared).send(frame)
        os._exit(0)
    os.waitpid(child, 0)
    os.close(shared)
    first, second = server.receive(WATCHDOG), server.receive(WATCHDOG)
    assert [message.client_id[0] for message in (first, second)] == [os.getpid(), child]
    assert [message.identity is not None and message.identity.changed for message in (first, second)] == [False, True]
    client.close()
    server.close()


def test_a_frame_that_nobody_sent_ends_a_tracked_connection(pair: tuple[Beside, socket.socket]) -> None:
    beside, peer = pair
    peer.send(pack(1, 1, b""))  # before the kernel was asked
    beside.track(DYNAMIC.quality_of_service)
    with pytest.raises(BadFrame):
        receive(beside)


def test_a_forged_header_counts_for_nothing(serve: Callable[..., Served]) -> None:
    serve(PortAttributes(), lambda message: message.reply(str(message.client_id[0]).encode()))
    client = connect(PortAttributes())
    os_getpid = os.getpid
    try:
        os.getpid = lambda: 1
        answer = client.request(timeout=WATCHDOG)
    finally:
        os.getpid = os_getpid
    assert answer.data == str(os.getpid()).encode()
    client.close()


# Impersonation


def test_a_server_that_is_root_acts_as_the_sender_while_it_waits(
    serve: Callable[..., Served], as_other: AsUser, public_names: Path, shared: Path
) -> None:
    def touch(message: Message) -> None:
        path = Path(message.data.decode())
        with message.impersonate():
            path.touch()
        assert os.geteuid() == 0
        message.reply(b"done")
        with pytest.raises(ReplyMismatch):
            message.impersonate()

    serve(PortAttributes(), touch, EVERYBODY)

    def ask() -> bytes:
        client = connect(PortAttributes())
        return bytes(client.request(str(shared / "file").encode(), timeout=WATCHDOG).data)

    assert as_other(1000, ask) == b"done"
    assert (shared / "file").stat().st_uid == 1000


def test_static_tracking_impersonates_who_connected_and_dynamic_who_sends(
    serve: Callable[..., Served], public_names: Path
) -> None:
    if os.geteuid():
        pytest.xfail("only root can become somebody else")

    def act(message: Message) -> None:
        with message.impersonate():
            uid = os.geteuid()
        message.reply(str(uid).encode())

    serve(PortAttributes(), act, EVERYBODY)
    child = os.fork()
    if not child:
        static, dynamic = connect(PortAttributes()), connect(DYNAMIC)
        os.seteuid(1000)
        said = [port.request(timeout=WATCHDOG).data for port in (static, dynamic)]
        os._exit(0 if said == [b"0", b"1000"] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_client_decides_how_far_a_server_goes(serve: Callable[..., Served]) -> None:
    def act(message: Message) -> None:
        with pytest.raises(BadImpersonationLevel):
            message.impersonate(ImpersonationLevel.IMPERSONATION)
        with message.impersonate() as acting:
            assert acting.level == ImpersonationLevel.IDENTIFICATION
            with pytest.raises(BadImpersonationLevel):
                acting.open("/dev/null")
        message.reply()

    serve(PortAttributes(), act)
    identify = PortAttributes(quality_of_service=SecurityQos(ImpersonationLevel.IDENTIFICATION))
    client = connect(identify)
    client.request(timeout=WATCHDOG)
    client.close()


def test_a_client_that_forbids_it_is_not_impersonated(serve: Callable[..., Served]) -> None:
    def act(message: Message) -> None:
        with pytest.raises(AccessDenied):
            message.impersonate()
        message.reply()

    serve(PortAttributes(), act)
    client = connect(PortAttributes(flags=USUAL & ~PortFlags.ALLOW_IMPERSONATION))
    client.request(timeout=WATCHDOG)
    client.close()


def test_a_message_of_nobodys_has_no_sender(serve: Callable[..., Served]) -> None:
    server = alpc.create_port("lonely")
    with ThreadPoolExecutor(1) as other:
        connecting = other.submit(alpc.connect, "lonely", WATCHDOG)
        asking = server.receive(WATCHDOG)
        assert asking.sid is None
        with pytest.raises(NotSupported):
            asking.open_sender_process()
        with pytest.raises(ReplyMismatch):
            asking.impersonate()
        asking.accept()
        connecting.result(WATCHDOG).close()
    server.close()


def test_credentials_that_a_sender_names_are_its_own_or_are_refused(as_other: AsUser) -> None:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def forge() -> bool:
        try:
            ancillary.send(one, b"x", 0, (), Credentials(os.getpid(), 0, 0))
        except PermissionError:
            return True
        return False

    with one, two:
        assert as_other(1000, forge)


# Quotas


def test_a_user_has_so_many_connections_and_takes_nobody_elses(
    serve: Callable[..., Served], as_other: AsUser, public_names: Path
) -> None:
    serve(PortAttributes(max_connections=2), lambda message: message.reply(b"served"), EVERYBODY)
    ours = [connect(PortAttributes()), connect(PortAttributes())]

    def refused() -> int:
        try:
            connect(PortAttributes()).close()
        except ConnectionRefused as error:
            return error.status
        return 0

    assert refused() == QuotaExceeded.status
    assert as_other(1000, refused) == 0
    assert ours[0].request(timeout=WATCHDOG).data == b"served"
    ours.pop().close()
    until(lambda: not refused())  # the server has seen it go
    ours.pop().close()
