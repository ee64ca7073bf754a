"""A client's engine on a transport: calls go out, outcomes come in. One thread at a time sends, one receives.

`PduWire` (`pdu_wire.py`) speaks the connection-oriented protocol through a byte stream or message pipe, `LrpcWire`
(`lrpc_wire.py`) LRPC through an ALPC port. `channel.py` shares a wire between callers; the server's side: `session.py`.

Rules:
- what a wire raises is of `status.py`; errors of the engines and transports end here;
- no sleeping over a call that finds no room: the server may be stuck in sending, and reads on once it is read from.
"""

from __future__ import annotations

import math
import select
import threading
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from ..transports import alpc
from ..transports import errors as transport
from . import ncacn, ncalrpc
from .call import Room
from .carrier import Calling, Reply
from .ndr.layout import Encoding
from .pipes.piping import Part, Piece
from .status import ConnectionLost, DeadlineExceeded, Fault, ProtocolError, Ran, RpcError, fault
from .stub import Interface, Octets, Operation

if TYPE_CHECKING:
    from .authentication.security import Security
    from .flat import Turn
    from .flat_prompt import Hands
    from .operation import Flat


class Back(NamedTuple):
    """A callback, which comes in the middle of a call: its stub as that of a Reply, and what it is."""

    stub: Octets
    encoding: Encoding
    release: Callable[[], None] | None
    callback_id: int
    opnum: int


Outcome = Reply | Part | Back | RpcError
Arrival = tuple[int, Outcome]
"""The key of a call and how it ended; for a call with pipes, or when the server calls back, how it goes on."""

Exchanged = tuple[int, Reply | list[Arrival] | None]
"""The key of a call, and its reply by itself, or whatever else came next; None: nothing came in time."""

FALSE_ROOM: Final = 0.001
"""Seconds to wait where room was promised and there was none: the descriptor of `memory` always promises."""


class Message(NamedTuple):
    """A call, ready to be sent: the key its outcome will have, its octets, and the view that goes with them."""

    key: int
    pieces: Sequence[Octets]
    view: alpc.View | None = None
    maybe: bool = False
    """It has no answer."""
    kind: int = alpc.LPC_REQUEST
    """What ALPC calls it."""


NOTHING: Final = Message(0, ())
"""No message, for who sends what was left to be said, and no more."""


class PipeWire(Protocol):
    """What a call with pipes needs: its request goes, and its response comes, piece by piece."""

    message_mode: bool
    """What is sent goes whole or not at all."""
    numbered: bool
    """A security context counts the messages: each that was made has to go, or the connection is over."""

    def begin(self, opnum: int) -> int:
        """Such a call: the key that its Parts have. It is sent as `more` has it, with `sending` held."""
        ...

    def more(self, key: int, piece: Piece) -> list[bytes]:
        """The messages of the next piece of its request."""
        ...

    def given_up(self, key: int) -> bytes:
        """What tells the server that nobody waits for it, or that no more of it comes; empty if it knows."""
        ...

    def send_now(self, octets: Octets) -> int:
        """How many octets, of one message or several, have gone without waiting."""
        ...

    def receive(self, timeout: float) -> list[Arrival]:
        """What arrives next; DeadlineExceeded when nothing does."""
        ...

    def receive_now(self) -> list[Arrival] | None:
        """What has arrived; None when nothing has."""
        ...

    def fileno(self) -> int:
        """Readable when something has arrived."""
        ...


class Wire(PipeWire, Protocol):
    """What a channel needs of an engine on a transport."""

    encoding: Encoding
    sending: threading.Lock
    """Held over `compose` and `transmitting`."""

    handles: bool
    """System handles may travel."""
    group_id: int
    """The association group that the bind led into; 0 where there are none."""

    gathering: int
    """Blocks of `batch` that are open: calls without an answer may wait, to be sent together, for `saying`."""

    @property
    def multiplex(self) -> bool:
        """Calls may overlap."""
        ...

    @property
    def dismissed(self) -> bool:
        """The server asked for the connection to be closed, and no call waits any more."""
        ...

    def rested(self) -> bool:
        """Has something come though nothing was sent for a while: the end, perhaps? Asked when no call waits."""
        ...

    def bind(
        self,
        interface: Interface,
        timeout: float,
        group_id: int = 0,
        encodings: Sequence[Encoding] = (Encoding.NDR,),
    ) -> None:
        """Ask for an interface, in an association group or a new one, and in one of these encodings.

        BindRefused when the server does not grant it.
        """
        ...

    def introduce(self, security: Security) -> bytes:
        """What begins a further security context. AccessDenied without credentials, BindRefused where the server takes
        no other, InvalidBinding where there are none; in all cases the connection is what it was."""
        ...

    def authenticate(self, begun: bytes, timeout: float) -> tuple[int, list[Arrival]]:
        """With both turns in hand, exchange the tokens of a context that was begun: what calls name it by (`Under`),
        and what has come meanwhile. An error ends the connection."""
        ...

    def compose(self, opnum: int, parts: Sequence[Octets], *, maybe: bool = False) -> Message:
        """A call as a message; maybe: it has no answer."""
        ...

    def tell(self, opnum: int, parts: Sequence[Octets]) -> bool:
        """Send a plain call without an answer, where one step does. False: that way is closed to it."""
        ...

    def transmitting(self, message: Message) -> Generator[int]:
        """Send it without waiting; yields whenever there is no room: how many octets have gone.

        Closed or failing before any has, it leaves the connection usable; afterwards there is but ending it.
        """
        ...

    def plain(self, opnum: int, parts: Sequence[Octets]) -> tuple[int, Octets] | None:
        """A call of the shortest kind: its key, and octets for `send_plain`. None: that way is closed to this call.

        Those of several calls may go together, but in message mode.
        """
        ...

    def send_plain(self, octets: Octets) -> int:
        """How many octets of such calls have gone without waiting."""
        ...

    def lend(self, opnum: int, parts: Sequence[Octets]) -> int:
        """Send a call that is too large for `plain`, where one step does it: its key. 0: nothing has happened."""
        ...

    def withdraw(self, key: int) -> None:
        """None of the octets of such a call have gone, or will go."""
        ...

    def exchange(self, opnum: int, parts: Sequence[Octets], timeout: float) -> Exchanged | None:
        """Send a call and receive what arrives next, where one step does both.

        None: that way is closed to this call, and nothing has happened.
        """
        ...

    def flat(self, turn: Turn, operation: Operation[Any], flat: Flat) -> Calling | None:
        """What makes calls of such an operation; None where there is no faster way than `exchange`."""
        ...

    def flat_now(self, hands: Hands, operation: Operation[Any], flat: Flat) -> Calling | None:
        """The same for a channel of asyncio: see `flat_prompt.py`."""
        ...

    def allocate(self, size: int) -> Room | None:
        """Room in the connection's shared memory, from where `compose` sends; None when it has none."""
        ...

    def cancel(self, key: int) -> None:
        """Ask the server to end a call. It is answered all the same."""
        ...

    def abandon(self, key: int, *, cancelled: bool = False) -> None:
        """Nobody waits for this call any more: what still comes of it is dropped. The server is told that, and to end
        it, unless it was `cancelled`. Raises ConnectionLost where the protocol has no way to go on after that."""
        ...

    def saying(self) -> Generator[int]:
        """Send what these two have left for want of room; yields while there is none. The next call sends it, too."""
        ...

    def fileno(self) -> int:
        """Readable when something has arrived."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


def lost(error: transport.TransportError, *, sent: bool = True) -> RpcError:
    """The error of a call whose transport failed; `sent`: the server may have the request."""
    ran = Ran.UNKNOWN if sent and error.sent else Ran.NO
    if isinstance(error, transport.TimedOut):
        return DeadlineExceeded(str(error), ran=ran)
    if isinstance(error, transport.BadFrame):
        return ProtocolError(str(error), ran=ran)
    if isinstance(error, transport.QuotaExceeded | transport.MessageTooLong | transport.ResourcesExhausted):
        return RpcError(str(error), ran=ran)
    return ConnectionLost(str(error), ran=ran)


def ready(descriptor: int, events: int, seconds: float) -> int:
    """Which of `events` a descriptor has come to within `seconds`; a closed one has nothing to wait for."""
    if descriptor < 0:
        return 0
    poll = select.poll()
    poll.register(descriptor, events)
    return next((found for _, found in poll.poll(math.ceil(seconds * 1000))), 0)


def failure(event: ncacn.FaultReceived | ncalrpc.FaultReceived) -> Fault:
    """The error that a fault is, with what it says besides."""
    found = fault(event.status, did_not_execute=event.did_not_execute)
    if isinstance(event, ncacn.FaultReceived) and event.forgeable:
        found.ran = Ran.UNKNOWN
    if event.detail:
        from .extended import received  # hardly any fault has it

        found.extended = received(event.detail)
    return found
