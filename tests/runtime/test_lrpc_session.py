"""A server's end of LRPC on a port of wax: what is asked, what is answered, and what ends it."""

from __future__ import annotations

import gc
import struct
import weakref
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from lrpc.runtime import dispatch, ncalrpc
from lrpc.runtime.call import Limits
from lrpc.runtime.callbacks.served import MAX_DEPTH
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ended import Ended, Malformed
from lrpc.runtime.lrpc_session import LrpcSession
from lrpc.runtime.session import Call
from lrpc.runtime.status import AccessDenied, Fault, Ran, ServerTooBusy, fault
from lrpc.transports import alpc
from lrpc.transports.errors import BadFrame, Disconnected
from lrpc.transports.seam import Peer
from lrpc.transports.security import SecurityQos
from lrpc.transports.traffic import Traffic

ADD = struct.pack("<II", 2, 3)


class WaxPort:
    """Gives the messages that the test has put there; keeps what it is sent, if there is room."""

    peer = Peer(1, 2, 3, (), "wax")
    client_id = bytes(16)
    lane = None
    kept: ClassVar[dict[int, alpc.View]] = {}
    beside = SimpleNamespace(quality_of_service=SecurityQos())

    def __init__(self) -> None:
        self.arriving: list[alpc.PortMessage | Exception] = []
        self.sent: list[tuple[int, bytes]] = []
        self.full = 0
        self.traffic = Traffic()

    def lengthen_by(self, lengthen: object) -> None:
        """It has no lane."""

    def ask(self, data: bytes, number: int) -> None:
        self.arriving.append(alpc.PortMessage(alpc.LPC_REQUEST, number, data))

    def receive_frame_now(self) -> bytes | None:
        return b"a frame" if self.arriving else None

    def understood_now(self, frame: bytes) -> alpc.PortMessage:
        found = self.arriving.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def receive_frame(self) -> bytes:
        return b"a frame"

    def receive_message(self, timeout: float | None) -> alpc.PortMessage:
        return self.understood_now(b"")

    def understood(self, frame: bytes) -> alpc.PortMessage:
        return self.understood_now(frame)

    def send_message(self, data: bytes, number: int, kind: int, *others: object) -> None:
        assert self.send_message_now(data, number, kind)

    def send_message_now(self, data: bytes, number: int, kind: int, view: object = None, *beside: object) -> bool:
        if self.full:
            self.full -= 1
            return False
        self.sent.append((number, bytes(data)))
        return True

    def drain(self) -> None:
        self.arriving.append(Disconnected("no more is read"))

    def close(self) -> None:
        self.arriving.append(Disconnected("closed"))


class Asking:
    """The client's engine, whose octets go to the port."""

    def __init__(self, port: WaxPort) -> None:
        self.engine = ncalrpc.ClientAssociation()
        self.port = port

    def call(self, stub: bytes, opnum: int = 0, number: int = 2) -> None:
        self.port.ask(self.engine.request(number, 0, opnum, [stub])[0], number)

    def answers(self) -> list[Any]:
        return [self.engine.receive(data) for _, data in self.port.sent]


@pytest.fixture
def port() -> WaxPort:
    return WaxPort()


@pytest.fixture
def world(calculator: ModuleType) -> Any:
    return calculator.World()


@pytest.fixture
def made(port: WaxPort, calculator: ModuleType, world: Any) -> LrpcSession:
    registry = Registry(100)
    registry.register(calculator.Service(world))
    limits = Limits(max_local_request=4096)
    return LrpcSession(port, registry, "ncalrpc:[x]", limits, patient=False)  # type: ignore[arg-type]


@pytest.fixture
def asking(made: LrpcSession, port: WaxPort, calculator: ModuleType) -> Asking:
    """Bound to the calculator."""
    asking = Asking(port)
    interface = calculator.Calculator.interface
    port.ask(asking.engine.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version)), 1)
    assert made.receive_now() == []
    assert made.bound
    [bound] = asking.answers()
    assert bound.status == 0
    port.sent.clear()
    return asking


def joined(port: WaxPort, service: Any, interface: Any, **limits: int) -> tuple[LrpcSession, Asking]:
    """A blocking server's session, bound."""
    registry, asking = Registry(100), Asking(port)
    registry.register(service)
    session = LrpcSession(port, registry, "ncalrpc:[x]", Limits(**limits), patient=True)  # type: ignore[arg-type]
    port.ask(asking.engine.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version)), 1)
    session.serve_now()
    assert asking.answers()[0].status == 0
    port.sent.clear()
    return session, asking


def answered(session: LrpcSession, calls: Sequence[Call] | None) -> int:
    """How often there was no room for the answers."""
    waits = 0
    for call in calls or ():
        answer = dispatch.answer(call.method, call.stub, call.encoding, session.contexts)
        waits += sum(1 for _ in session.answering(call, answer))
    return waits


def test_call_is_answered_in_the_message_that_asked(made: LrpcSession, asking: Asking, port: WaxPort) -> None:
    asking.call(ADD)
    assert answered(made, made.receive_now()) == 0
    assert [number for number, _ in port.sent] == [2]
    [answer] = asking.answers()
    assert bytes(answer.stub) == struct.pack("<I", 5)
    assert (made.traffic.calls_in, made.traffic.packets_in, made.traffic.packets_out) == (1, 2, 2)


def test_answer_waits_for_room(made: LrpcSession, asking: Asking, port: WaxPort) -> None:
    asking.call(ADD)
    port.full = 3
    assert answered(made, made.receive_now()) == 3
    assert len(port.sent) == 1


@pytest.mark.parametrize(
    ("stub", "opnum", "status"),
    [(ADD, 999, 0x6D1), (bytes(5000), 0, 5), (ADD[:4], 0, 0x6F7)],
    ids=["no such operation", "too large", "cut short"],
)
def test_what_cannot_be_called_is_a_fault_and_the_connection_goes_on(
    made: LrpcSession, asking: Asking, stub: bytes, opnum: int, status: int
) -> None:
    for number in (2, 3):
        asking.call(stub, opnum, number)
        answered(made, made.receive_now())
    faults = asking.answers()
    assert [fault.status for fault in faults] == [status, status]
    assert all(fault.did_not_execute for fault in faults)


def test_interface_that_is_not_served_is_refused(made: LrpcSession, port: WaxPort, calculator: ModuleType) -> None:
    asking = Asking(port)
    interface = calculator.Calculator.interface
    port.ask(asking.engine.bind(ncalrpc.SyntaxId(interface.uuid, 77, 0)), 1)
    assert made.receive_now() == []
    assert not made.bound
    [refused] = asking.answers()
    assert refused.status != 0


def test_call_through_a_binding_that_was_not_made_names_no_interface(
    made: LrpcSession, asking: Asking, port: WaxPort
) -> None:
    port.ask(asking.engine.request(2, 9, 0, [ADD])[0], 2)
    [call] = made.receive_now() or []
    assert isinstance(call.method, Fault)
    assert call.method.status == 0x6B5


def test_call_before_the_bind_is_malformed(made: LrpcSession, port: WaxPort) -> None:
    port.ask(ncalrpc.ClientAssociation().request(2, 0, 0, [ADD])[0], 2)
    with pytest.raises(Malformed, match="REQUEST on an association"):
        made.receive_now()


def test_nonsense_is_malformed(made: LrpcSession, port: WaxPort) -> None:
    port.ask(b"\xff" * 40, 1)
    with pytest.raises(Malformed):
        made.receive_now()


def test_client_that_went_ends_the_session(made: LrpcSession, port: WaxPort) -> None:
    port.arriving.append(alpc.PortMessage(alpc.LPC_PORT_CLOSED, 0, b""))
    with pytest.raises(Ended, match="closed the port or died"):
        made.receive_now()
    port.arriving.append(Disconnected("gone"))
    with pytest.raises(Ended, match="gone"):
        made.receive_now()


@pytest.mark.parametrize(
    "step",
    [
        lambda session: session.serve(),
        lambda session: session.serve_now(),
        lambda session: session.serve_next(0),
        lambda session: session.receive(0),
        lambda session: session.receive_now(),
    ],
    ids=["serve", "serve_now", "serve_next", "receive", "receive_now"],
)
def test_port_that_fails_ends_the_session(made: LrpcSession, port: WaxPort, step: Callable[[LrpcSession], Any]) -> None:
    port.arriving.append(BadFrame("octets of no message"))
    with pytest.raises(Ended, match="octets of no message"):
        step(made)


def test_call_with_pipes_that_came_whole_is_answered_once(port: WaxPort, piper: ModuleType) -> None:
    session, asking = joined(port, piper.Service(piper.Seen()), piper.stub.Piper.interface)
    asking.call(b"cut short", opnum=1)
    session.serve_now()
    assert [type(answer) for answer in asking.answers()] == [ncalrpc.FaultReceived]
    told = asking.engine.request(3, 0, 1, [b"cut short"])[0]
    port.arriving.append(alpc.PortMessage(alpc.LPC_DATAGRAM, 3, told))
    [call] = session.receive_now() or []
    assert isinstance(call.method, Fault)  # what has no answer has no pipes


def test_call_with_pipes_of_an_operation_without_is_a_fault(made: LrpcSession, asking: Asking, port: WaxPort) -> None:
    asking.engine.begin(2, 0, 0)
    for data in asking.engine.more(2, ADD, last=False):
        port.ask(data, 2)
    [call] = made.receive_now() or []
    assert isinstance(call.method, Fault)
    assert (call.method.status, call.method.ran) == (0x6F7, Ran.NO)


def test_calls_within_callbacks_have_an_end(made: LrpcSession, asking: Asking) -> None:
    made.cancelling.now = 9
    asking.call(ADD)
    [call] = made.receive_now() or []
    made._serve_nested(call)
    assert made.cancelling.now == 9  # that in the middle of which it was served
    made._depth = MAX_DEPTH
    made._serve_nested(call)
    [_, refused] = asking.answers()
    assert isinstance(fault(refused.status), ServerTooBusy)
    assert refused.did_not_execute


def test_call_that_runs_while_the_server_drains_is_not_given_up(made: LrpcSession) -> None:
    made.cancelling.now = 2
    made.drain()
    assert not made.cancelling.test(0)


def test_failed_call_leaves_no_circle_behind(port: WaxPort, calculator: ModuleType) -> None:
    refusals: list[weakref.ref[AccessDenied]] = []

    class Refusing(calculator.Service):  # type: ignore[misc, name-defined]
        def Add(self, a: int, b: int) -> int:
            refusal = AccessDenied(5)
            refusals.append(weakref.ref(refusal))
            try:
                raise refusal
            finally:
                del refusal

    session, asking = joined(port, Refusing(calculator.World()), calculator.Calculator.interface)
    asking.call(ADD)
    gc.disable()
    try:
        session.serve_now()
        assert [refusal() for refusal in refusals] == [None]
    finally:
        gc.enable()
    assert session.traffic.packets_out == 2


def test_parts_that_nobody_wants_count_until_their_call_ends(port: WaxPort, calculator: ModuleType) -> None:
    service, interface = calculator.Service(calculator.World()), calculator.Calculator.interface
    session, asking = joined(port, service, interface, max_request=1000)

    def send(number: int, *, last: bool) -> None:
        for data in asking.engine.more(number, bytes(600), last=last):
            port.ask(data, number)
            session.serve_now()

    for number in (2, 3, 4):
        asking.engine.begin(number, 0, 0)  # of an operation without pipes, which is answered at once
        send(number, last=False)
        send(number, last=number < 4)
    with pytest.raises(Malformed, match="on and on"):
        send(4, last=False)


def test_end_runs_down_what_the_client_left(
    made: LrpcSession, asking: Asking, port: WaxPort, calculator: ModuleType, world: Any
) -> None:
    stub = b"".join(calculator.Calculator.interface.operations[2].ndr.request.encode(("left",)))
    asking.call(stub, 2)
    answered(made, made.receive_now())
    made.end()
    assert world.closed.get_nowait() == "left"
    assert isinstance(port.arriving[-1], Disconnected)  # the port is closed


def test_bind_that_finds_no_room_for_its_answer_ends_the_session(
    made: LrpcSession, port: WaxPort, calculator: ModuleType
) -> None:
    interface = calculator.Calculator.interface
    port.full = 1
    port.ask(Asking(port).engine.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version)), 1)
    with pytest.raises(Ended, match="does not read its answers"):
        made.receive_now()
