"""A server's engine on a transport: requests come in, answers go out. One for each connection.

`LrpcSession` speaks LRPC through an ALPC port, `PduSession` the connection-oriented protocol through any other
connection. Binds they answer by themselves, from the registry; what is left is calls. `server.py` drives them;
the client's side is `wire.py`.

Rule: the end of a connection, whatever its reason, is `Ended`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias
from uuid import UUID, uuid4

from ..transports import alpc
from ..transports import errors as transport
from ..transports.seam import Connection, Peer
from . import dispatch, ncacn, ncalrpc, plain
from .call import Caller, Limits, Traffic
from .contexts import AssociationGroup, AssociationGroups, ContextTable
from .dispatch import Method, Registry
from .ended import Ended, Malformed
from .journal import note
from .ndr.layout import Encoding
from .status import RPC_S_PROCNUM_OUT_OF_RANGE, RPC_S_UNKNOWN_IF, Fault, Ran, RpcError
from .stub import Octets
from .wire import PIPE_FRAGMENT, TCP_FRAGMENT, fill

SEND_TIMEOUT = 10.0
"""Seconds that a client may leave its answers unread."""

MAX_BEHIND = 1 << 16
"""Octets that may wait behind an answer that a client does not read."""


class Call(NamedTuple):
    """A request: the method it wants, or the fault that it gets."""

    key: int
    """Names the call in its answer."""
    context_id: int
    method: Method | Fault
    stub: Octets
    encoding: Encoding
    message: alpc.PortMessage | None = None


Answer: TypeAlias = list[Octets] | Fault


class Session(Protocol):
    """What a server needs of an engine on a transport."""

    caller: Caller
    bound: bool
    """The client has an interface: it is no longer in its handshake."""
    traffic: Traffic
    """What has gone over the connection."""

    def serve_next(self, timeout: float | None) -> None:
        """Wait for what comes next and serve it: blocking methods only."""
        ...

    def serve(self) -> None:
        """`serve_next` until the connection ends."""
        ...

    def receive_now(self) -> list[Call] | None:
        """The calls that are there; None when nothing is."""
        ...

    def answer(self, call: Call, answer: Answer) -> None:
        """End a call."""
        ...

    def answering(self, call: Call, answer: Answer) -> Iterator[None]:
        """End a call without waiting; yields whenever there is no room."""
        ...

    @property
    def contexts(self) -> ContextTable:
        """The context handles that the client may use."""
        ...

    def fileno(self) -> int:
        """Readable when something has come."""
        ...

    def drain(self) -> None:
        """Take no more calls; those that have come are still served. From any thread."""
        ...

    def close(self) -> None:
        """End the connection; from any thread."""
        ...

    def end(self) -> None:
        """The connection has ended: run down what the client left."""
        ...


def _offers(registry: Registry, syntax: ncacn.SyntaxId | ncalrpc.SyntaxId, endpoint: str, caller: Caller) -> bool:
    offered = registry.offers(syntax.uuid, (syntax.major, syntax.minor), endpoint)
    if not offered:
        note("refused", peer=str(caller), interface=str(syntax), binding=endpoint)
    return offered


def _caller(peer: Peer, protocol: str) -> Caller:
    return Caller(protocol, peer.pid, peer.uid, peer.gid, peer.groups, peer.address)


class LrpcSession:
    """LRPC through an ALPC port."""

    def __init__(
        self, port: alpc.CommunicationPort, registry: Registry, endpoint: str, limits: Limits, *, patient: bool
    ) -> None:
        self.caller = _caller(port.peer, "ncalrpc")
        self.traffic = Traffic()
        self.contexts = ContextTable(uuid4, limits.max_contexts)
        self._patient = patient
        self.bound = False
        self._port = port
        self._registry = registry
        self._endpoint = endpoint
        self._limits = limits
        self._association = ncalrpc.ServerAssociation(limits.max_bindings)
        self._methods: dict[tuple[ncalrpc.SyntaxId, int], Method] = {}
        self._runners: dict[tuple[int, int], Callable[[Octets], Answer]] = {}
        """What serves plain calls, by binding id and opnum."""

    def serve_next(self, timeout: float | None) -> None:
        """Wait for a message and serve it."""
        try:
            self._serve_message(self._port.receive_message(timeout))
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def serve(self) -> None:
        """Serve messages until the client is gone; replying to a plain call and waiting for the next are one step."""
        port = self._port
        try:
            frame = port.receive_frame()
            while True:
                reply = self._plain_reply(frame)
                if reply:
                    frame = port.send_wait_receive(reply, SEND_TIMEOUT, None)
                    continue
                if reply is None:
                    self._serve_message(port.understood(frame))
                frame = port.receive_frame()
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _serve_message(self, message: alpc.PortMessage) -> None:
        for call in self._understood(message):
            self.answer(call, dispatch.answer(call.method, call.stub, call.encoding, self.contexts))

    def _plain_reply(self, frame: bytes) -> bytes | None:
        """Serve a plain call: the frame of its reply, empty when that was not plain and is on its way already.

        None when the frame is anything else; nothing has happened then.
        """
        call = plain.read_request(frame)
        if call is None:
            return None
        message_id, call_id, binding_id, opnum, stub = call
        run = self._runners.get((binding_id, opnum)) or self._runner(binding_id, opnum)
        if run is None:
            return None
        traffic = self.traffic
        traffic.calls_in += 1
        traffic.packets_in += 1
        answer = run(stub)
        if type(answer) is list and len(answer) == 1 and len(answer[0]) <= ncalrpc.INLINE:
            traffic.packets_out += 1
            return plain.response(self._port.client_id, message_id, call_id, answer[0])
        self._reply(message_id, *self._composed(call_id, answer))
        return b""

    def _runner(self, binding_id: int, opnum: int) -> Callable[[Octets], Answer] | None:
        binding = self._association.binding(binding_id)
        method = None if binding is None else self._method(binding[0], opnum, None)
        if binding is None or not isinstance(method, Method) or self._limits.max_local_request < ncalrpc.INLINE:
            return None
        run = self._runners[binding_id, opnum] = dispatch.runner(method, _encoding(binding[1]), self.contexts)
        return run

    def receive_now(self) -> list[Call] | None:
        """The next call, if a message is there."""
        try:
            message = self._port.receive_message_now()
            return None if message is None else self._understood(message)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _understood(self, message: alpc.PortMessage) -> list[Call]:
        if message.type == alpc.LPC_PORT_CLOSED:
            raise Ended("the client closed the port or died")
        self.traffic.packets_in += 1
        event = self._association.receive(message.data, message.view)
        if isinstance(event, ncalrpc.RequestReceived):
            return [self._call(message, event)]
        if isinstance(event, ncalrpc.BindRequested):
            self._bind(message, event)
        elif isinstance(event, ncalrpc.UnboundRequest):
            fault = Fault(RPC_S_UNKNOWN_IF, ran=Ran.NO)
            return [Call(event.call_id, 0, fault, b"", Encoding.NDR, message)]
        elif event is not None:
            raise Malformed(event.reason)
        return []

    def _call(self, message: alpc.PortMessage, event: ncalrpc.RequestReceived) -> Call:
        self.traffic.calls_in += 1
        encoding = _encoding(event.syntax)
        if len(event.stub) > self._limits.max_local_request:
            reason, most = f"a request of {len(event.stub)} octets", self._limits.max_local_request
            note("limit", peer=str(self.caller), reason=reason, limit="max_local_request", value=most)
            return Call(event.call_id, 0, Fault(5, "the request is too large", ran=Ran.NO), b"", encoding, message)
        method = self._method(event.interface, event.opnum, event.object)
        return Call(event.call_id, 0, method, event.stub, encoding, message)

    def _method(self, interface: ncalrpc.SyntaxId, opnum: int, object: UUID | None) -> Method | Fault:
        method = None if object else self._methods.get((interface, opnum))
        if method is not None:
            return method
        uuid, *version = interface
        try:
            found = self._registry.find(uuid, (version[0], version[1]), opnum, object, self._endpoint)
        except Fault as fault:
            return Fault(_LOCAL.get(fault.status, fault.status), str(fault), ran=Ran.NO)
        if object is None:  # objects are a client's to name, and so without end
            self._methods[interface, opnum] = found
        return found

    def _bind(self, message: alpc.PortMessage, event: ncalrpc.BindRequested) -> None:
        if _offers(self._registry, event.bind.interface, self._endpoint, self.caller):
            answer = self._association.accept(event)
            self.bound = True
        else:
            answer = self._association.refuse(event)
        self.traffic.packets_out += 1
        if self._patient:
            self._port.send_message(answer, message.message_id, alpc.LPC_REPLY, None, SEND_TIMEOUT)
        elif not self._port.send_message_now(answer, message.message_id, alpc.LPC_REPLY):
            raise Ended("the client does not read its answers")

    def answer(self, call: Call, answer: Answer) -> None:
        """Reply to the message of a call."""
        assert call.message is not None
        self._reply(call.message.message_id, *self._composed(call.key, answer))

    def _reply(self, message_id: int, data: bytes, view: alpc.View | None) -> None:
        self.traffic.packets_out += 1
        try:
            self._port.send_message(data, message_id, alpc.LPC_REPLY, view, SEND_TIMEOUT)
        except transport.TransportError as error:
            self._discard(view)
            raise Ended(str(error)) from error

    def answering(self, call: Call, answer: Answer) -> Iterator[None]:
        """Reply without waiting; yields whenever there is no room."""
        data, view = self._composed(call.key, answer)
        assert call.message is not None
        self.traffic.packets_out += 1
        try:
            while not self._port.send_message_now(data, call.message.message_id, alpc.LPC_REPLY, view):
                yield
        except transport.TransportError as error:
            self._discard(view)
            raise Ended(str(error)) from error

    def _discard(self, view: alpc.View | None) -> None:
        if view is not None:
            self._port.discard(view)

    def _composed(self, call_id: int, answer: Answer) -> tuple[bytes, alpc.View | None]:
        if isinstance(answer, Fault):
            return self._association.fault(answer.status, did_not_execute=answer.ran is Ran.NO), None
        data, parts, size = self._association.respond(call_id, answer)
        if parts is None:
            return data, None
        try:
            return data, fill(self._port, parts, size)
        except RpcError as error:
            note("limit", peer=str(self.caller), reason=f"no room for a response: {error}", limit="section", value=size)
            return self._association.fault(0x1C00001B), None

    def fileno(self) -> int:
        """The port's descriptor."""
        return self._port.fileno()

    def drain(self) -> None:
        """Take no more calls."""
        self._port.drain()

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def end(self) -> None:
        """Run down what the client left."""
        self.close()
        self.contexts.run_down()


def _encoding(syntax: ncalrpc.TransferSyntax) -> Encoding:
    return Encoding.NDR if syntax is ncalrpc.TransferSyntax.NDR else Encoding.NDR64


_LOCAL = {0x1C010003: RPC_S_UNKNOWN_IF, 0x1C010002: RPC_S_PROCNUM_OUT_OF_RANGE}
"""LRPC speaks of these with Win32 codes."""


class PduSession:
    """The connection-oriented protocol through a byte stream or a message pipe."""

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        endpoint: str,
        limits: Limits,
        *,
        patient: bool,
        protocol: str,
        secondary_address: str,
        groups: AssociationGroups,
    ) -> None:
        self.caller = _caller(connection.peer, protocol)
        self.traffic = Traffic()
        self._patient = patient
        self._groups = groups
        self._group: AssociationGroup | None = None
        self._half_sent = False
        self._behind = b""
        """What the engine says while an answer is half sent: it goes behind."""
        self.bound = False
        self._connection = connection
        self._registry = registry
        self._endpoint = endpoint
        self._association = ncacn.ServerAssociation(
            secondary_address=secondary_address,
            group_id=self._join,
            limits=ncacn.Limits(
                max_request=limits.max_request, max_contexts=limits.max_bindings, max_calls=limits.max_calls
            ),
            transport_max_fragment=PIPE_FRAGMENT if connection.message_mode else TCP_FRAGMENT,
        )

    def serve_next(self, timeout: float | None) -> None:
        """Wait for octets and serve the calls in them."""
        try:
            for call in self._understood(self._connection.receive(timeout)):
                self.answer(call, dispatch.answer(call.method, call.stub, call.encoding, self.contexts))
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def serve(self) -> None:
        """`serve_next` until the client is gone."""
        while True:
            self.serve_next(None)

    def receive_now(self) -> list[Call] | None:
        """The calls in what is there."""
        try:
            octets = self._connection.receive_now()
            return None if octets is None else self._understood(octets)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _understood(self, octets: bytes) -> list[Call]:
        if not octets:
            raise Ended("the client closed the connection")
        self.traffic.octets_in += len(octets)
        calls: list[Call] = []
        events = self._association.receive_data(octets)
        while events:
            for event in events:
                if isinstance(event, ncacn.RequestReceived):
                    calls.append(self._call(event))
                elif isinstance(event, ncacn.BindRequested):
                    self._bind(event)
                elif isinstance(event, ncacn.ConnectionFailed):
                    self._flush()
                    raise Malformed(event.reason, self.traffic.octets_in - len(octets))
            events = self._association.receive_data(b"")
        self.traffic.packets_in = self._association.packets_in
        self._flush()
        if self._association.closed:
            raise Ended("the association is closed")
        return calls

    def _flush(self) -> None:
        self._send(self._association.data_to_send())

    def _send(self, octets: bytes) -> None:
        """Send what the engine says by itself; without patience a client that leaves no room for it is done with."""
        self.traffic.packets_out += bool(octets)
        if self._patient:
            self._connection.send(octets, SEND_TIMEOUT)
        elif self._half_sent and len(self._behind) < MAX_BEHIND:
            self._behind += octets
        elif self._half_sent or self._connection.send_now(octets) != len(octets):
            raise Ended("the client does not read its answers")

    def _join(self, asked: int) -> int | None:
        caller = self.caller
        owner = caller.address.rpartition(":")[0] if caller.uid is None else caller.uid
        self._group = self._groups.join(asked, owner)
        return None if self._group is None else self._group.id

    @property
    def contexts(self) -> ContextTable:
        """Those of the association group, which a bind has chosen before there is a call."""
        assert self._group is not None
        return self._group.contexts

    def _bind(self, event: ncacn.BindRequested) -> None:
        def offered(syntax: ncacn.SyntaxId) -> bool:
            return _offers(self._registry, syntax, self._endpoint, self.caller)

        results = ncacn.negotiate(event.contexts, offered)
        self.bound |= any(result.accepted for result in results)
        self._send(self._association.accept(event, results))

    def _call(self, event: ncacn.RequestReceived) -> Call:
        self.traffic.calls_in += 1
        context = self._association.contexts[event.context_id]
        encoding = Encoding.NDR if event.order == "<" else Encoding.NDR_BIG
        if context.transfer == ncacn.NDR64:
            encoding = Encoding.NDR64
        uuid, major, minor = context.abstract
        method: Method | Fault
        try:
            method = self._registry.find(uuid, (major, minor), event.opnum, event.object, self._endpoint)
        except Fault as fault:
            method = fault
        return Call(event.call_id, event.context_id, method, event.stub, encoding)

    def answer(self, call: Call, answer: Answer) -> None:
        """The response or fault of a call."""
        try:
            for piece in self._composed(call, answer):
                self._connection.send(piece, SEND_TIMEOUT)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def answering(self, call: Call, answer: Answer) -> Iterator[None]:
        """The same without waiting; yields whenever there is no room."""
        try:
            for piece in self._composed(call, answer):
                yield from self._sending(piece)
                while self._behind:
                    behind, self._behind = self._behind, b""
                    yield from self._sending(behind)
        except transport.TransportError as error:
            raise Ended(str(error)) from error

    def _sending(self, octets: bytes) -> Iterator[None]:
        rest = memoryview(octets)
        while rest:
            rest = rest[self._connection.send_now(rest) :]
            self._half_sent = bool(rest)
            if rest:
                yield

    def _composed(self, call: Call, answer: Answer) -> Sequence[bytes]:
        try:
            if isinstance(answer, Fault):
                never = answer.ran is Ran.NO
                octets = self._association.fault(call.key, call.context_id, answer.status, did_not_execute=never)
                self.traffic.packets_out += bool(octets)
                return (octets,) if octets else ()
            pieces = self._association.respond(call.key, call.context_id, answer)
            self.traffic.packets_out += len(pieces)
        except ncacn.StateError as error:
            raise Ended(str(error)) from error
        return pieces if self._connection.message_mode or len(pieces) < 2 else (b"".join(pieces),)

    def fileno(self) -> int:
        """The connection's descriptor."""
        return self._connection.fileno()

    def drain(self) -> None:
        """Take no more calls."""
        self._connection.drain()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def end(self) -> None:
        """Leave the association group."""
        self.close()
        group, self._group = self._group, None
        if group is not None:
            self._groups.leave(group)
