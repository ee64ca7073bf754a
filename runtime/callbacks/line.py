"""The server's end: `lrpc.callback` in a method gives a client of the one who called.

A line belongs to one call and is over with it. In the blocking face the thread that serves the connection waits for
the answer, and serves meanwhile the calls that the callback itself makes; others wait for their turn.

Rule: one callback at a time for each call, as the client has one thread that waits for it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..binding import NCALRPC
from ..call import DEFAULT_TIMEOUT, caller, remaining
from ..carrier import Flats, Reply
from ..ended import Ended
from ..ndr.layout import Encoding
from ..operation import Interface
from ..outcomes import dropped, settled
from ..status import CallbackRefused, ConnectionLost, DeadlineExceeded, Ran, RpcError
from ..stub import AsyncClient, Client, Octets
from ..wire import Outcome

if TYPE_CHECKING:
    from ..pipes.piped_reply import PipeCall
    from ..pipes.piping import Pieces

T = TypeVar("T", bound=Client | AsyncClient)

_line: ContextVar[Line | AsyncLine | None] = ContextVar("lrpc line to the caller", default=None)


def callback(client: type[T]) -> T:
    """A client of whoever made the call that is being served, good until the method returns.

        def Sell(self, article: int) -> int:
            if not lrpc.callback(ShopCallbacksClient).Confirm(article):
                ...

    client: the generated class for the callbacks of the interface. What it raises is what calls raise, besides
    CallbackRefused: the transport is not ncalrpc, the client has given no object for callbacks, or more of them stand
    within each other than `MAX_DEPTH`. LookupError outside of a call, TypeError for a class of another kind.
    """
    if not client.interface.calls_back:
        raise TypeError(f"{client.__name__} is no class of callbacks: its server is reached by lrpc.connect")
    line = _line.get()
    if line is None:
        transport = caller().transport
        reason = "a call with pipes has none" if transport == NCALRPC else f"{transport} does not carry callbacks"
        raise CallbackRefused(message=reason, ran=Ran.NO)
    if issubclass(client, AsyncClient) is not isinstance(line, AsyncLine):
        raise TypeError(f"{client.__name__} is not of the face of the method that it is called in")
    if not any(found is client.interface for found in _bases(line.callbacks)):
        raise TypeError(f"{client.__name__} is not for the callbacks of the interface that is being called")
    return client(line)


def _bases(interface: Interface | None) -> Iterator[Interface]:
    while interface is not None:
        yield interface
        interface = interface.base


@contextmanager
def held(line: Line | AsyncLine | None) -> Generator[None]:
    """`callback` gives clients on this line."""
    token = _line.set(line)
    try:
        yield
    finally:
        _line.reset(token)
        if line is not None:
            line.hang_up()


class Session(Protocol):
    """What lines need of the session that they go through."""

    backs: Backs

    def serve_within(self, callback_id: int, timeout: float) -> None:
        """Receive what comes next, and serve a call that is made in the middle of the callback. Ended; CallCancelled
        when the client gives up the call that it is called back in."""
        ...

    def calling_back(self, message_id: int, callback_id: int, opnum: int, parts: Sequence[Octets]) -> Iterator[bool]:
        """Send a callback without waiting; yields whenever there is no room."""
        ...

    def call_back(self, message_id: int, callback_id: int, opnum: int, parts: Sequence[Octets]) -> None:
        """Send a callback."""
        ...


class Backs:
    """The callbacks of a session that wait for their answers."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[Callable[[Outcome], None], Encoding]] = {}

    @contextmanager
    def waiting(self, take: Callable[[Outcome], None], encoding: Encoding) -> Generator[int]:
        """The id of a callback, made in `encoding`, whose outcome goes to `take`."""
        number = next(self._ids) & 0xFFFFFFFF
        self._waiting[number] = take, encoding
        try:
            yield number
        finally:
            self._waiting.pop(number, None)

    def replied(self, number: int, stub: Octets, release: Callable[[], None] | None) -> None:
        """Results have come; those that nobody waits for any more are dropped."""
        take, encoding = self._waiting.pop(number, (dropped, Encoding.NDR))
        take((stub, encoding, release))

    def failed(self, number: int, error: RpcError) -> None:
        """A callback has failed."""
        take, _ = self._waiting.pop(number, (dropped, None))
        take(error)

    def lose(self, reason: object) -> None:
        """No more will come."""
        for number in list(self._waiting):
            self.failed(number, ConnectionLost(str(reason)))


class _Line:
    """What both faces share."""

    def __init__(self, session: Session, message_id: int, encoding: Encoding, callbacks: Interface) -> None:
        self.encoding = encoding
        self.flats = Flats()
        self.callbacks = callbacks
        self._session = session
        self._message_id = message_id
        self._over = False

    def open(self, opnum: int, pieces: Pieces) -> PipeCall:
        """No callback has pipes (E0611)."""
        raise CallbackRefused(message="a callback has no pipes", ran=Ran.NO)

    def hang_up(self) -> None:
        """The call is over."""
        self._over = True

    def _check(self) -> float:
        """The seconds that a callback may take."""
        if self._over:
            raise CallbackRefused(message="the call that it belongs to is over", ran=Ran.NO)
        return remaining(DEFAULT_TIMEOUT)


class Line(_Line):
    """To the client of a blocking method."""

    def __init__(self, session: Session, message_id: int, encoding: Encoding, callbacks: Interface) -> None:
        super().__init__(session, message_id, encoding, callbacks)
        self._thread = threading.get_ident()

    def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Call back and wait for the answer."""
        until = time.monotonic() + self._check()
        if threading.get_ident() != self._thread:
            raise CallbackRefused(message="only the thread that serves the call can call back", ran=Ran.NO)
        outcomes: list[Outcome] = []
        try:
            with self._session.backs.waiting(outcomes.append, self.encoding) as number:
                self._session.call_back(self._message_id, number, opnum, parts)
                while not outcomes:
                    left = until - time.monotonic()
                    if left <= 0:
                        raise DeadlineExceeded("no answer to a callback in time")
                    self._session.serve_within(number, left)
        except Ended as end:
            raise ConnectionLost(str(end)) from end
        return settled(outcomes[0])

    def close(self) -> None:
        """The connection is the client's."""


class AsyncLine(_Line):
    """To the client of an asyncio method. sent: sends a callback, and is left once its answer has come."""

    def __init__(
        self,
        session: Session,
        message_id: int,
        encoding: Encoding,
        callbacks: Interface,
        sent: Callable[[Iterator[bool]], AbstractAsyncContextManager[None]],
    ) -> None:
        super().__init__(session, message_id, encoding, callbacks)
        self._sent = sent
        self._turn = asyncio.Lock()

    async def call(self, opnum: int, parts: Sequence[Octets]) -> Reply:
        """Call back and wait for the answer."""
        try:
            async with asyncio.timeout(self._check()), self._turn:
                return settled(await self._answer(opnum, parts))
        except TimeoutError as error:
            if isinstance(error, RpcError):
                raise
            raise DeadlineExceeded("no answer to a callback in time") from error
        except Ended as end:
            raise ConnectionLost(str(end)) from end

    async def _answer(self, opnum: int, parts: Sequence[Octets]) -> Outcome:
        self._check()
        come: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def take(outcome: Outcome) -> None:
            if come.done():
                dropped(outcome)
            else:
                come.set_result(outcome)

        with self._session.backs.waiting(take, self.encoding) as number:
            async with self._sent(self._session.calling_back(self._message_id, number, opnum, parts)):
                return await come

    async def close(self) -> None:
        """The connection is the client's."""
