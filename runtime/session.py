"""A server's engine on a transport: requests come in, answers go out. One for each connection.

`LrpcSession` (`lrpc_session.py`) speaks LRPC through an ALPC port, `PduSession` (`pdu_session.py`) the
connection-oriented protocol through any other connection. Binds they answer by themselves, from the registry; what is
left is calls. `server.py` drives them; the client's side is `wire.py`.

Rule: the end of a connection, whatever its reason, is `Ended`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from ..transports import alpc
from ..transports.seam import Connection
from ..transports.security import ImpersonationLevel
from ..transports.security.process import PeerProcess
from ..transports.traffic import Traffic
from . import ncacn, ncalrpc
from .call import Caller
from .cancelling import Cancelling
from .contexts import ContextTable
from .dispatch import Method, Registry
from .journal import note
from .ncacn.security import AuthLevel
from .ndr.layout import Encoding
from .pipes.feed import Feed
from .pipes.piping import Piece
from .status import Fault
from .stub import Octets

if TYPE_CHECKING:
    from .flat_straight import FlatTurns

SEND_TIMEOUT = 10.0
"""Seconds that a client may leave its answers unread."""


MAX_BEHIND = 1 << 16
"""Octets that may wait behind an answer that a client does not read."""
LINGER = 0.5
"""Seconds that a client is heard that was asked to leave. One that makes its calls back to back does not look for that
word before it sends, and one that rests looks: it need not be waited for."""
BURST = 64
"""Messages taken from one connection before the others have their turn."""


class Call(NamedTuple):
    """A request: the method it wants, or the fault that it gets."""

    key: int
    """Names the call in its answer."""
    context_id: int
    method: Method | Fault
    stub: Octets
    encoding: Encoding
    message: alpc.PortMessage | None = None
    feed: Feed | None = None
    """What comes of its request, for a method with pipes."""
    caller: Caller | None = None
    """Who makes it, where that is not the caller of all calls of the connection."""
    one_way: bool = False
    """It has no answer."""
    run: Callable[[Octets], Coroutine[Any, Any, Answer]] | None = None
    """What runs it in an asyncio server, where nothing has to be looked up any more."""
    within: int = 0
    """The callback in the middle of which it is made."""


Answer: TypeAlias = list[Octets] | Fault


class Session(Protocol):
    """What a server needs of an engine on a transport."""

    caller: Caller
    bound: bool
    """The client has an interface: it is no longer in its handshake."""
    traffic: Traffic
    """What has gone over the connection."""
    burst: int
    """How often to receive before other connections have their turn; once is all there is of a byte stream."""
    cancelling: Cancelling
    """The calls that its client gives up."""
    turns: FlatTurns | None
    """How an asyncio server has flat calls served, where there are any."""

    def serve_next(self, timeout: float | None) -> None:
        """Wait for what comes next and serve it: blocking methods only."""
        ...

    def serve(self) -> None:
        """`serve_next` until the connection ends."""
        ...

    def serve_now(self) -> int | None:
        """Serve what has come: blocking methods only. What `unfinished` is after that."""
        ...

    def receive_now(self) -> list[Call] | None:
        """The calls that are there; None when nothing is."""
        ...

    @property
    def unfinished(self) -> int | None:
        """How many PDUs have come when something begun has not ended; None when nothing is begun."""
        ...

    def answer(self, call: Call, answer: Answer) -> None:
        """End a call."""
        ...

    def answering(self, call: Call, answer: Answer) -> Iterator[bool]:
        """End a call without waiting; yields whenever there is no room: whether anything has gone since."""
        ...

    def answer_now(self, call: Call, answer: Answer) -> Iterator[bool] | None:
        """The same as far as there is room; None when that is all, or is held until `let_go`."""
        ...

    def hold(self) -> None:
        """Hold the answers of `answer_now` back, that they may go together, where answers can."""
        ...

    def let_go(self) -> Iterator[bool] | None:
        """What sends those that were held back; None when there are none."""
        ...

    @property
    def contexts(self) -> ContextTable:
        """The context handles that the client may use."""
        ...

    @property
    def full(self) -> bool:
        """Nothing more is to be received for now: a method with pipes reads more slowly than its client sends."""
        ...

    def wanted(self, call: Call) -> bool:
        """Does the client wait for this call with pipes?"""
        ...

    def answering_piece(self, call: Call, piece: Piece) -> Iterator[bool]:
        """Send the next piece of a response without waiting; yields whenever there is no room."""
        ...

    def forget(self, call: Call) -> None:
        """A call with pipes is over."""
        ...

    def drop(self, call: Call) -> None:
        """A call that has no answer is not run."""
        ...

    def fileno(self) -> int:
        """Readable when something has come."""
        ...

    def look_up_anew(self) -> None:
        """Forget which methods serve which calls: the registry may have changed its mind. From any thread."""
        ...

    def drain(self) -> None:
        """Take no more calls; those that have come are still served, and then the connection ends. Where the protocol
        has a word for it, the client is told. From any thread."""
        ...

    def dismiss(self) -> bool:
        """Ask the client to leave. True: what it says until it has is to be heard, and refused, since the client cannot
        know that it crossed that word; else `drain`. From the loop that answers its calls."""
        ...

    def hear_out(self) -> bool:
        """Refuse what has come since the client was asked to leave, without waiting: has it left?"""
        ...

    def close(self) -> None:
        """End the connection; from any thread."""
        ...

    def end(self) -> None:
        """The connection has ended: run down what the client left."""
        ...


def offers(registry: Registry, syntax: ncacn.SyntaxId | ncalrpc.SyntaxId, endpoint: str, caller: Caller) -> bool:
    """Is the interface served there?"""
    offered = registry.offers(syntax.uuid, (syntax.major, syntax.minor), endpoint)
    if not offered:
        note("refused", peer=str(caller), interface=str(syntax), binding=endpoint)
    return offered


def caller_of(
    connection: Connection | alpc.CommunicationPort, protocol: str, grants: int = ImpersonationLevel.IMPERSONATION
) -> Caller:
    """Who is at the other end of a connection, by the kernel's word; grants: how far a server may go in its name."""
    peer = connection.peer
    if peer.uid is None:
        return Caller(protocol, address=peer.address)
    process = PeerProcess(connection, peer)
    who = peer.pid, peer.uid, peer.gid, peer.groups, peer.address
    return Caller(protocol, *who, level=AuthLevel.PRIVACY, grants=grants, process=process)
