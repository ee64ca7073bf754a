"""Endpoints: from a string binding to a connection, for both sides.

`open_wire` connects a client; `Endpoint` listens for a server and makes a session of each connection. What
transports there are, and what their addresses look like, is known here and nowhere above.
"""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ..transports import activation, alpc, memory, namespace, pipe, security, tcp
from ..transports import errors as transport
from ..transports.alpc.messages.port_attributes import DEFAULT_ATTRIBUTES, HANDLES_ATTRIBUTES
from ..transports.seam import Connection, Listener
from ..transports.security import ImpersonationLevel, SecurityQos, SidError
from .binding import MEMORY, NCACN_IP_TCP, NCACN_NP, NCALRPC, StringBinding, pipe_name, require_local
from .call import Limits
from .contexts import AssociationGroups, ContextTable
from .dispatch import Registry
from .lrpc_session import LrpcSession
from .lrpc_wire import LrpcWire
from .pdu_session import PduSession
from .pdu_wire import PduWire
from .rundown import AsyncRundown, Rundown
from .session import Session
from .status import AccessDenied, InvalidBinding, ListenError, Ran, RpcError, ServerUnavailable
from .wire import Wire

if TYPE_CHECKING:
    from .authentication.authenticator import Authenticator
    from .authentication.security import Security
    from .capture.capturing import Capture

LOOPBACK = "127.0.0.1"
LOCALHOST = "localhost"
"""What this machine's services are called in tickets."""
SERVER_SID = "server_sid"
"""A binding's option: the user that must hold the port or pipe (ALPC's RequiredServerSid)."""
CAPTURE = "LRPC_CAPTURE"
"""Looked for before the module that captures is loaded, which nearly nobody needs."""


def capture_of(side: str, path: str | os.PathLike[str] | None) -> Capture | None:
    """The capture of a `client` or `server`: the file it was given, or the environment's; None: there is none."""
    if path is None and CAPTURE not in os.environ:
        return None
    from .capture.capturing import capture
    from .capture.file import Side

    return capture(path, Side[side.upper()])


def open_wire(
    binding: StringBinding,
    timeout: float,
    limits: Limits,
    capture: Capture | None = None,
    security: Security | None = None,
    *,
    handles: bool = False,
) -> Wire:
    """Connect to a full string binding. ServerUnavailable, AccessDenied or InvalidBinding when that fails.

    security: how the client proves who it is when it binds, unless the binding's options say otherwise. handles: its
    calls may have system handles, which not every connection carries.
    """
    security = _security_for(binding, security)
    if SERVER_SID in binding.options and binding.protocol not in (NCALRPC, NCACN_NP):
        raise InvalidBinding(f"{binding}: nobody tells by {binding.protocol} which user serves")
    try:
        if binding.protocol == NCALRPC:
            connect = partial(alpc.connect, attributes=_attributes(handles, security))
            port = _local(binding, connect, binding.endpoint, timeout)
            return LrpcWire(port if capture is None else capture.port(port, binding), limits, binding.object)
        connection = _connected(binding, timeout, limits)
        if capture is not None:
            connection = capture.connection(connection, binding)
        return PduWire(connection, limits, binding.object, security, binding.address or LOCALHOST)
    except transport.TransportError as error:
        raise _unreached(binding, error) from error


def _security_for(binding: StringBinding, security: Security | None) -> Security | None:
    """What a client has to prove there: through a port it is the kernel that says who it is, and nobody else."""
    if security is None and not binding.options:
        return None
    from .authentication.security import of_binding

    security = of_binding(binding.options, security)
    if security is not None and security.credentials is not None and binding.protocol == NCALRPC:
        raise InvalidBinding(f"{binding}: the kernel says who calls through a port; credentials are for networks")
    return security


def _attributes(handles: bool, security: Security | None) -> alpc.PortAttributes:
    """What a client's port takes, and how far a server may go in its name: NT counts levels from 0, MS-RPCE from 1."""
    attributes = HANDLES_ATTRIBUTES if handles else DEFAULT_ATTRIBUTES
    if security is None:
        return attributes
    return replace(attributes, quality_of_service=SecurityQos(ImpersonationLevel(security.impersonation - 1)))


def _connected(binding: StringBinding, timeout: float, limits: Limits) -> Connection:
    if binding.protocol == NCACN_NP:
        found: Connection = _local(binding, pipe.connect, pipe_name(binding.endpoint), timeout)
        return found
    if binding.protocol == NCACN_IP_TCP:
        return tcp.connect((binding.address or LOOPBACK, int(binding.endpoint)), timeout, limits.keepalive)
    return memory.connect(binding.endpoint, timeout)


def _local(binding: StringBinding, connect: Any, name: str, timeout: float) -> Any:
    require_local(binding)
    try:
        return connect(name, timeout, server_sid=binding.options.get(SERVER_SID))
    except SidError as error:
        raise InvalidBinding(f"{binding}: {error}") from error


def _unreached(binding: StringBinding, error: transport.TransportError) -> RpcError:
    if isinstance(error, transport.AccessDenied):
        return AccessDenied(5, f"{binding}: {error}", ran=Ran.NO)
    if isinstance(error, transport.NameInvalid):
        return InvalidBinding(f"{binding}: {error}")
    passing = isinstance(error, transport.Disconnected | transport.TimedOut)
    return ServerUnavailable(f"{binding}: {error}", passing=passing)


def has_mapper() -> bool:
    """Does an endpoint mapper have its port on this machine? It is not asked whether it answers."""
    try:
        names = namespace.current(alpc.DIRECTORY)
        os.close(names.open("epmapper", None))
    except transport.TransportError:
        return False
    return True


class Endpoint:
    """An endpoint that a server listens on.

    asked: the binding as the server's owner wrote it. binding: what clients connect to, with the real TCP port.
    """

    def __init__(
        self,
        asked: StringBinding,
        descriptor: str | None,
        registry: Registry,
        limits: Limits,
        capture: Capture | None = None,
        authenticator: Authenticator | None = None,
        *,
        asynchronous: bool = False,
    ) -> None:
        asked = _with_endpoint(asked)
        self.asked = str(asked)
        self.rundown: Any = AsyncRundown() if asynchronous else Rundown()
        """Closes what clients leave: for either face the one that its server waits for."""
        self._asynchronous = asynchronous
        self._authenticate = None if authenticator is None else authenticator.context
        self._capture = capture
        self._registry = registry
        self._limits = limits
        self._groups = AssociationGroups(self._contexts)
        try:
            self.listener: Listener = _listen(asked, descriptor, limits)
        except (transport.TransportError, security.SddlError) as error:
            raise ListenError(f"{asked}: {error}") from error
        self.binding = _actual(asked, self.listener)
        if isinstance(self.listener, alpc.ConnectionPort):
            self.listener.interfaces = self._interfaces

    def __repr__(self) -> str:
        return f"<Endpoint {self.binding}>"

    def _interfaces(self) -> list[str]:
        """What is registered here, for those who ask about the port."""
        return [
            f"{one.uuid} v{one.version[0]}.{one.version[1]} {one.name}" for one in self._registry.interfaces(self.asked)
        ]

    def _contexts(self) -> ContextTable:
        return ContextTable(uuid4, self._limits.max_contexts, self.rundown, asynchronous=self._asynchronous)

    def session(self, connection: Any, *, patient: bool) -> Session:
        """The engine for a connection that was accepted; patient: it may wait for a client to read."""
        if self._capture is not None:
            tapped = self._capture.port if self.binding.protocol == NCALRPC else self._capture.connection
            connection = tapped(connection, self.binding)
        if self.binding.protocol == NCALRPC:
            contexts = self._contexts()
            return LrpcSession(connection, self._registry, self.asked, self._limits, patient=patient, contexts=contexts)
        return PduSession(
            connection,
            self._registry,
            self.asked,
            self._limits,
            patient=patient,
            protocol=self.binding.protocol,
            secondary_address=self.binding.endpoint,
            groups=self._groups,
            authenticate=self._authenticate,
        )


def _with_endpoint(binding: StringBinding) -> StringBinding:
    """A dynamic endpoint for a port without a name, as rpcrt4 makes them: clients ask the endpoint mapper."""
    if binding.protocol != NCALRPC or binding.endpoint or "fd" in binding.options:
        return binding
    require_local(binding)
    return replace(binding, endpoint=f"LRPC-{uuid4().hex[:18]}")


def _listen(binding: StringBinding, descriptor: str | None, limits: Limits) -> Any:
    name = binding.options.get("fd")
    if not binding.endpoint and (name is None or binding.protocol != NCACN_IP_TCP):
        raise ListenError(f"{binding}: a server needs an endpoint, as in {binding.protocol}:[name]")
    if binding.protocol in (NCALRPC, NCACN_NP):
        adopted = None if name is None else activation.take(name, socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if binding.protocol == NCALRPC:
            return alpc.listen(binding.endpoint, security=descriptor, adopted=adopted)
        return pipe.listen(pipe_name(binding.endpoint), security=descriptor, adopted=adopted)
    if descriptor is not None:
        raise ListenError(f"{binding}: {binding.protocol} has no security descriptor")
    if binding.protocol == NCACN_IP_TCP and name is not None:
        return tcp.adopt(activation.take(name, 0, socket.SOCK_STREAM), limits.keepalive)
    if binding.protocol == NCACN_IP_TCP:
        return tcp.listen((binding.address or LOOPBACK, int(binding.endpoint)), limits.keepalive)
    assert binding.protocol == MEMORY
    return memory.listen(binding.endpoint)


def _actual(asked: StringBinding, listener: Listener) -> StringBinding:
    if asked.protocol != NCACN_IP_TCP:
        return StringBinding(asked.protocol, asked.address, asked.endpoint)
    host, port = tcp.parse_address(listener.address)
    return StringBinding(asked.protocol, asked.address or host, str(port))
