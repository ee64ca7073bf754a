"""Message: what a receiver holds. Answer it, release it, or call its sender back.

The continuation rule of ALPC: a message with `needs_release` holds something of its sender's, so its receiver replies,
or releases it, exactly once. Who forgets gets a ResourceWarning. What those verbs do is the business of the `Origin` a
message came from: an exchange (`exchange.py`) or, for requests to connect, the server's queue (`server_queue.py`).
"""

from __future__ import annotations

import enum
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..errors import (
    AccessDenied,
    ConnectionRefused,
    Disconnected,
    InvalidParameter,
    NoImpersonationToken,
    NotSupported,
    ReplyMismatch,
)
from ..seam import Buffer
from ..security import Identity, Impersonation, ImpersonationLevel, Sid, impersonate
from ..security.process import SenderProcess, open_thread
from .handles import Handle, Sendable
from .messages import attributes as wire
from .messages.port_attributes import refusal
from .messages.port_message import LPC_CONNECTION_REQUEST, TYPE_NAMES
from .quota import HANDLE_COST, MESSAGE_COST

if TYPE_CHECKING:
    from .contexts import CapturedContext
    from .exchange import Exchange
    from .memory.direct import Entries
    from .memory.section import View
    from .message_port import MessagePort
    from .messages.batch import Batch, Batches


class State(enum.Enum):
    """How far a message has come."""

    QUEUED = "queued"
    HELD = "held"
    """Its receiver has it, and has to answer or release it."""
    CANCELED = "canceled"
    """The receiver has it, and nobody waits for an answer."""
    WITHDRAWN = "withdrawn"
    """Canceled before anybody picked it up: nobody will."""
    OVER = "over"
    """Answered, released, or with nothing to answer at all."""


class Context(NamedTuple):
    """The CONTEXT attribute, as its receiver has it."""

    port_context: Any = None
    """What `accept` was given for the client."""
    message_context: Any = None
    """What `post` was given for the request that this answers."""
    sequence: int = 0
    """The sender's count of messages on this connection."""
    message_id: int = 0
    callback_id: int = 0


class MessageAttributes(NamedTuple):
    """The attributes that came and were asked for; None is one that is not valid."""

    allocated: int = 0
    """Those the receiver made room for."""
    context: Context | None = None
    view: memoryview | None = None
    """Read-only octets in the sender's section, good until the message is answered or released."""
    secured: bool = False
    """The octets of the view cannot change any more, by the kernel's word."""
    work_on_behalf: wire.WorkOnBehalfAttribute | None = None
    handles: tuple[Handle, ...] | None = None
    """The descriptors that came; each closes itself when it is dropped."""
    security: wire.SecurityAttribute | None = None
    """The security context that it is sent in the name of: `identity` is that one's."""
    direct: wire.DirectAttribute | None = None
    """Its sender waits for an event, not at its port; which one is the sender's business."""
    token: wire.TokenAttribute | None = None
    """At a server: who sent it, by three numbers. Another `modified_id` than the message before: somebody else."""

    @property
    def valid(self) -> int:
        """ValidAttributes."""
        return sum(bit for name, bit in _BITS.items() if getattr(self, name) is not None)

    def limited(self, allocated: int) -> MessageAttributes:
        """What a receiver gets that made room for `allocated` only."""
        gone: dict[str, Any] = {name: None for name, bit in _BITS.items() if not allocated & bit}
        return self._replace(allocated=allocated, **gone)


_NAMES = ((slot.name if slot.name != "handle" else "handles", slot.bit) for slot in wire.SLOTS)
_BITS = {name: bit for name, bit in _NAMES if name in MessageAttributes._fields}


class Origin:
    """Where a message came from, which does what its receiver asks; here, what it does for who has no such verb."""

    continuation: bool = True
    """Whether messages have to be answered or released."""

    def picked_up(self, message: Message) -> None:
        """Nobody counts these."""

    def read_sender(self, timeout: float | None) -> None:
        """These nobody cancels."""

    def reply(
        self, message: Message, data: Buffer, view: View | None, handles: Sequence[Sendable], packet: Batch | None
    ) -> None:
        raise ReplyMismatch(f"{message!r} waits for no reply")

    def release(self, message: Message) -> None:
        message.state = State.OVER

    def call_back(self, message: Message, data: Buffer, timeout: float | None, on_callback: Callback | None) -> Message:
        raise ReplyMismatch(f"{message!r} waits for no reply")

    def entries_of(self, message: Message) -> Entries:
        raise ReplyMismatch(f"{message!r} waits for no reply")

    def pull(self, message: Message, timeout: float | None, asked: bytes) -> bytes:
        raise ReplyMismatch(f"{message!r} waits for no reply")

    def accept(self, message: Message, data: bytes, context: Any, view_size: int) -> MessagePort:
        raise ReplyMismatch(f"{message!r} asks for no connection")

    def refuse(self, message: Message, data: bytes, status: int) -> None:
        raise ReplyMismatch(f"{message!r} asks for no connection")


class Message:
    """A message as its receiver has it; any thread may answer it, once."""

    __slots__ = (
        "__weakref__",
        "_origin",
        "attributes",
        "callback_id",
        "client_id",
        "data",
        "entries",
        "identity",
        "impersonable",
        "message_id",
        "port",
        "port_context",
        "security",
        "state",
        "type",
        "view_number",
    )

    def __init__(
        self,
        origin: Origin,
        type: int,
        message_id: int,
        callback_id: int = 0,
        *,
        data: bytes = b"",
        client_id: tuple[int, int] = (0, 0),
        port: MessagePort | None = None,
        attributes: MessageAttributes = MessageAttributes(),  # noqa: B008 -- a tuple
        view_number: int = 0,
        entries: Entries | None = None,
        state: State = State.OVER,
        identity: Identity | None = None,
        impersonable: bool = True,
        security: CapturedContext | None = None,
    ) -> None:
        self._origin = origin
        self.type = type
        """LPC_REQUEST and so on, without flags."""
        self.message_id = message_id
        self.callback_id = callback_id
        self.data = data
        self.client_id = client_id
        """Process and thread of the sender: the first by the kernel's word, the second by its own."""
        self.port = port
        """The communication port it came through; a server's has the client's context. None before `accept`."""
        self.port_context: Any = None if port is None else port.context
        self.attributes = attributes
        self.view_number = view_number
        """By which its view is given back; 0 without one."""
        self.entries = entries
        """What of its sender's memory `read` and `write` reach; None: nothing."""
        self.state = state
        self.identity = identity
        """Who sent it, by the kernel's word; None: it is the port's own."""
        self.impersonable = impersonable
        self.security = security
        """The security context that it names; None: none."""

    def __repr__(self) -> str:
        name = TYPE_NAMES.get(self.type, f"type {self.type}")
        callback = 0 if self.client_view_size else self.callback_id
        number = f"{self.message_id:#x}" + (f".{callback:#x}" if callback else "")
        return f"<{name} {number} of {self.client_id[0]}: {len(self.data)} octets, {self.state.value}>"

    @property
    def needs_release(self) -> bool:
        """LPC_CONTINUATION_REQUIRED: reply to it or release it. Ports of LPC do not know it."""
        return self.state is State.HELD and self._origin.continuation

    @property
    def client_view_size(self) -> int:
        """Of a request to connect: octets of the memory that the client sets up (ClientViewSize)."""
        return self.callback_id if self.type == LPC_CONNECTION_REQUEST else 0

    @property
    def cost(self) -> int:
        """Octets that it counts for while it waits in a queue."""
        return MESSAGE_COST + len(self.data) + HANDLE_COST * len(self.attributes.handles or ())

    def reply(
        self,
        data: Buffer = b"",
        *,
        view: View | None = None,
        handles: Sequence[Sendable] = (),
        batch: Batches | None = None,
    ) -> None:
        """Answers a request or a callback. Where nobody waits any more, LPC_LOST_REPLY comes into the queue.

        view: from `port.allocate`; the receiver's from now on. handles: descriptors, which stay the caller's. batch: of
        the port, or of its connection port; the answer goes with what else is in it, and is data alone. Raises
        ReplyMismatch (answered, released or canceled before, or nothing to answer), MessageTooLong, QuotaExceeded,
        NotSupported (the peer takes no such handles), InvalidParameter (more than data, or a callback's, in a batch).
        """
        if batch is not None and (view is not None or handles or self.callback_id):
            raise InvalidParameter("what goes in a batch is data alone, and no answer to a callback")
        packet = None if batch is None or self.port is None else batch.of(self.port)
        self._origin.reply(self, data, view, handles, packet)

    def release(self) -> None:
        """Has done with it. Who waits for an answer is told that there is none (Canceled). Twice is once."""
        if self.state is State.HELD:
            self._origin.release(self)

    def pick_up(self) -> None:
        """A receiver takes it out of the queue."""
        if self.state is State.QUEUED:
            self.state = State.HELD
        self._origin.picked_up(self)

    def read_sender(self, timeout: float | None) -> None:
        """Reads what its sender has said since: it may have canceled it. For the queue's one reader."""
        self._origin.read_sender(timeout)

    def read(self, index: int, offset: int = 0, size: int | None = None, timeout: float | None = None) -> bytes:
        """Octets of a data entry of a request that waits for its reply, all of it unless told (NtReadRequestData).

        Raises ReplyMismatch (it waits no more), InvalidParameter (no such entry, or it is not that long), ReplyLost.
        """
        entries = self._origin.entries_of(self)
        size = entries.size_of(index) - offset if size is None else size
        octets = entries.read(index, offset, size, partial(self._origin.pull, self, timeout))
        self._origin.entries_of(self)  # else it may be what has come to stand there since
        return octets

    def write(self, index: int, data: Buffer, offset: int = 0, timeout: float | None = None) -> None:
        """Changes octets of a data entry (NtWriteRequestData). Raises what `read` does, AccessDenied (read-only)."""
        entries = self._origin.entries_of(self)
        entries.write(index, data, offset, partial(self._origin.pull, self, timeout))

    def call_back(
        self, data: Buffer = b"", timeout: float | None = None, on_callback: Callback | None = None
    ) -> Message:
        """Asks the thread that waits for the answer to this, and waits for what it says.

        on_callback: serves what that thread in turn asks back. Raises ReplyMismatch (answered, or posted),
        Canceled, TimedOut, ReplyLost, QuotaExceeded (nested too deep).
        """
        return self._origin.call_back(self, data, timeout, on_callback)

    # Who sent it

    @property
    def sid(self) -> Sid | None:
        """The sender's user (AlpcMessageSidInformation); None: it came from nobody."""
        return None if self.identity is None else self.identity.sid

    def impersonate(self, least: ImpersonationLevel = ImpersonationLevel.IDENTIFICATION) -> Impersonation:
        """Acts as the sender inside of `with`, while the message waits for an answer (NtAlpcImpersonateClientOfPort).

        What that means is `transports/security/impersonation.py`'s business. Raises ReplyMismatch (answered, released,
        or nothing to answer), Disconnected (canceled, or the sender is gone), AccessDenied (it forbids that),
        BadImpersonationLevel (it grants less than `least`), NoImpersonationToken (its context was revoked).
        """
        if self.state is State.CANCELED:
            raise Disconnected(f"{self!r}")
        if self.state is not State.HELD or self.identity is None or self.port is None:
            raise ReplyMismatch(f"{self!r} waits for no reply")
        if not self.impersonable:
            raise AccessDenied(f"{self!r} may not be impersonated")
        qos = self.port.beside.quality_of_service
        if self.security is not None:
            self.port.exchange.queue.read_now()  # it may have been revoked
            if self.security.revoked:
                raise NoImpersonationToken(f"the security context of {self!r}")
            qos = self.security.qos
        return impersonate(self.identity.peer, qos.level, least=least)

    def open_sender_process(self) -> SenderProcess:
        """The process that sent it, by a pidfd (NtAlpcOpenSenderProcess); a context manager.

        Raises Disconnected (it has ended), NotSupported (it came from nobody), ResourcesExhausted, AccessDenied.
        """
        if self.identity is None or self.port is None:
            raise NotSupported(f"{self!r} was sent by no process")
        return self.port.beside.open_process(self.identity)

    def open_sender_thread(self) -> SenderProcess:
        """The thread that sent it, as it says itself (NtAlpcOpenSenderThread). AccessDenied for another process's."""
        with self.open_sender_process() as process:
            return open_thread(process, self.client_id[1])

    def accept(self, data: bytes = b"", context: Any = None, *, view_size: int = 0) -> MessagePort:
        """Lets the client in that asks to be connected; `context` comes with each of its messages.

        view_size: octets of memory of ours that the client reads, see `connect`. Raises ReplyMismatch (a verdict was
        given, or this asks nothing), Disconnected (it has left), MessageTooLong (and the client still waits);
        SectionTooBig, and the connection is closed.
        """
        return self._origin.accept(self, data, context, view_size)

    def refuse(self, data: bytes = b"", status: int = ConnectionRefused.status) -> None:
        """Sends the client away that asks to be connected, with `data` and an NT status that is an error.

        Raises ReplyMismatch; MessageTooLong, InvalidParameter, and the client still waits.
        """
        self._origin.refuse(self, data, refusal(status))

    def __del__(self) -> None:
        if self.needs_release:
            warnings.warn(f"{self!r} was neither answered nor released", ResourceWarning, stacklevel=2, source=self)


Callback: TypeAlias = Callable[[Message], "Buffer | None"]
"""Serves a message that came while its thread waited: what it returns is the reply, unless it has replied itself."""


class Arrival(NamedTuple):
    """What a frame holds."""

    type: int
    message_id: int
    callback_id: int
    thread: int
    data: bytes
    sequence: int
    attributes: MessageAttributes
    view_number: int
    entries: Entries | None = None
    identity: Identity | None = None
    impersonable: bool = True
    security: CapturedContext | None = None

    @property
    def number(self) -> int:
        """The number that it goes by."""
        return self.callback_id or self.message_id


def message_of(origin: Exchange, arrival: Arrival, state: State) -> Message:
    """The message that has arrived in an exchange."""
    port = origin.port
    attributes, identity = arrival.attributes, arrival.identity
    if attributes.context is None:
        context = Context(port.context, None, arrival.sequence, arrival.message_id, arrival.callback_id)
        attributes = attributes._replace(context=context)
    return Message(
        origin,
        arrival.type,
        arrival.message_id,
        arrival.callback_id,
        data=arrival.data,
        client_id=((identity.peer if identity else port.peer).pid or 0, arrival.thread),
        port=port,
        attributes=attributes,
        view_number=arrival.view_number,
        entries=arrival.entries,
        state=state,
        identity=identity,
        impersonable=arrival.impersonable,
        security=arrival.security,
    )
