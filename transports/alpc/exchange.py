"""Exchange: the requests, replies, callbacks and cancels of one connection, at either end.

What a frame means is decided here and nowhere else. Rules of this file:
- numbers of the client's making are below 0x80000000, the server's above: no number is ever taken for the other's;
- an answer is known by the number that it names: the callback's if there is one, else the request's;
- a request waits for its answer in its own thread, and a callback is served in the innermost thread that waits in the
  request it belongs to;
- only nothing-for-anybody goes back unasked: LPC_LOST_REPLY to who answered or called in vain, LPC_CANCELED to whose
  request was released. Such a notice is never waited with;
How messages are sent, and wait to be, is `outbox.py`'s business.
"""

from __future__ import annotations

import contextlib
import time
import weakref
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from ..errors import (
    BadFrame,
    Canceled,
    Disconnected,
    InvalidParameter,
    QuotaExceeded,
    ReplyLost,
    ReplyMismatch,
    TransportError,
)
from ..seam import Buffer
from .handles import Handle, Sendable
from .memory.section import View
from .messages.attributes import ALL_ATTRIBUTES
from .messages.batch import Batch
from .messages.message import ANSWERED, DATA_PULL, REQUEST_TYPES, TERMINATION_PORT
from .messages.port_attributes import PortFlags
from .messages.port_message import (
    LPC_CANCELED,
    LPC_CLIENT_DIED,
    LPC_CONNECTION_REPLY,
    LPC_DATAGRAM,
    LPC_LOST_REPLY,
    LPC_PORT_CLOSED,
    LPC_REPLY,
    LPC_REQUEST,
)
from .outbox import Outbox, Outgoing
from .queue import Queue
from .quota import MESSAGE_COST, Pool
from .received import Arrival, Callback, Context, Message, MessageAttributes, Origin, State, message_of
from .waiting import Posted, Waiter, Waiters

if TYPE_CHECKING:
    from .memory.direct import Entries
    from .message_port import MessagePort
    from .server_queue import ServerQueue

MAX_CALLBACK_DEPTH: Final = 16
"""Callbacks within callbacks of one request: each takes a frame of Python's stack at both ends."""
MAX_OUTSTANDING: Final = 8192
"""Requests of one client that wait for answers; no more is read from it meanwhile."""
SERVERS: Final = 0x80000000
"""Added to numbers of the server's making."""


class Exchange(Origin):
    """The state of one connection, at one end. `host` is the server it belongs to; a client has none."""

    def __init__(self, port: MessagePort, queue: Queue, host: ServerQueue | None) -> None:
        self.port = port
        self.queue = queue
        self.continuation = not port.lpc_mode
        self._host = host
        self._side = 0 if host is None else SERVERS
        self._waiting = Waiters(self._look)
        self._posted = Posted()
        self._received: dict[int, weakref.ref[Message]] = {}  # what the peer waits for answers to, by its number
        self.ended = False
        self.paused = False
        """Its host does not read what comes."""
        self._serves = bool(port.attributes.flags & PortFlags.ALLOW_LPC_REQUESTS)
        resume = None if host is None else partial(host.resume, port.quota)
        bounds = port.quota.pool, port.attributes.max_pool_usage, resume
        self.queued = Pool(*bounds)
        self.outbox = Outbox(port, Pool(*bounds), None if host is None else self._look, self._read_meanwhile)

    # What this end asks

    def request(
        self, outgoing: Outgoing, timeout: float | None, on_callback: Callback | None, reserve: int = 0
    ) -> Message:
        """Sends a request, or a callback, and waits for the answer; `on_callback` serves what is asked back."""
        waiter = Waiter(outgoing.message_id, outgoing.number)
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.queue.lock:
            self._check_open()
            self._waiting.add(waiter)
            if self.paused:
                self._look()
        try:
            self.send(outgoing, timeout, reserve)
            while (came := self._next(waiter, deadline)) is not waiter.answer:
                self._serve(came, on_callback)
        except BaseException:
            self._give_up(waiter)
            raise
        return came

    def post(
        self, outgoing: Outgoing, cookie: Any, timeout: float | None, reserve: int = 0, event: Handle | None = None
    ) -> int:
        """Sends a request whose answer comes into the queue, with `cookie` as its message context."""
        self.expect(outgoing.message_id, cookie, event)
        try:
            self.send(outgoing, timeout, reserve)
        except BaseException:
            with self.queue.lock:
                self._posted.over(outgoing.message_id)
            raise
        return outgoing.message_id

    def send(self, outgoing: Outgoing, timeout: float | None, reserve: int = 0) -> None:
        """Sends what needs no answer, or whose answer is waited for. Raises what `Outbox.send` does, QuotaExceeded."""
        try:
            self.outbox.send(outgoing, timeout, reserve)
        except Disconnected:
            if self._host is None:  # it may have said why
                self.queue.read_while(lambda: not self.ended)
            if isinstance(self.queue.over, QuotaExceeded):
                raise self.queue.over from None
            raise

    def expect(self, number: int, cookie: Any, event: Handle | None = None) -> None:
        """Has the answer to a request come into the queue. event: is signaled then, or when there will be none."""
        with self.queue.lock:
            self._check_open()
            self._posted.add(number, cookie, event)

    def cancel(self, number: int) -> None:
        """Withdraws a request. Raises ReplyMismatch when it waits for no answer."""
        with self.queue.lock:
            waiter = self._waiting.find(number, number)
            if waiter is None and number not in self._posted:
                raise ReplyMismatch(f"request {number:#x} waits for no answer")
            self._posted.over(number)
            if waiter is not None:
                self._waiting.fail(waiter, Canceled(f"request {number:#x}"))
                self.queue.changed.notify_all()
        self._say(LPC_CANCELED, number, 0)

    def number(self) -> int:
        """A new number for a request or a callback; never 0, and none of the peer's."""
        while not (number := self.port.fresh_ids() % SERVERS):
            pass
        return self._side | number

    @property
    def outstanding(self) -> tuple[int, ...]:
        """Numbers of requests that were posted and wait for their answers."""
        return tuple(self._posted)

    # What its receiver does with a message (`received.Origin`)

    def picked_up(self, message: Message) -> None:
        """Under `changed`."""
        self.queued.give(message.cost)
        if self.paused:
            self._look()

    def read_sender(self, timeout: float | None) -> None:
        if self._host is None:
            self.port.gather(timeout)
        else:
            self._host.read(self)

    def reply(
        self, message: Message, data: Buffer, view: View | None, handles: Sequence[Sendable], packet: Batch | None
    ) -> None:
        answer = Outgoing(LPC_REPLY, message.message_id, message.callback_id, data, view=view, handles=handles)
        self.port.check(answer)
        with self.queue.lock:
            state = message.state
            if message.type not in ANSWERED or state not in (State.HELD, State.CANCELED):
                raise ReplyMismatch(f"{message!r} waits for no reply")
            self._over(message)
        lost = state is State.CANCELED or self.ended
        if not lost and packet is not None:
            packet.send(data, message.message_id, LPC_REPLY)
        elif not lost:
            try:
                self.outbox.send(answer, None)
            except Disconnected:
                lost = True
            except QuotaExceeded:
                self._say(LPC_CANCELED, message.message_id, message.callback_id)  # nobody waits for it in vain
                raise
        if lost:
            self._lose(message, view)

    def release(self, message: Message) -> None:
        with self.queue.lock:
            if message.state is not State.HELD:
                return
            self._over(message)
        if message.type in ANSWERED:
            self._say(LPC_CANCELED, message.message_id, message.callback_id)
        elif message.view_number:
            self.port.give_back(message)

    def call_back(self, message: Message, data: Buffer, timeout: float | None, on_callback: Callback | None) -> Message:
        return self._call_back(message, LPC_REQUEST, data, timeout, on_callback)

    def entries_of(self, message: Message) -> Entries:
        with self.queue.lock:
            self._check_held(message)
        entries = message.entries
        if entries is None:
            raise InvalidParameter(f"{message!r} has no data entries")
        entries.reach = self.port.direct.reach(entries)
        return entries

    def pull(self, message: Message, timeout: float | None, asked: bytes) -> bytes:
        return self._call_back(message, DATA_PULL, asked, timeout, None).data

    def _check_held(self, message: Message) -> None:
        if message.state is State.CANCELED:
            raise Canceled(f"{message!r}")
        if message.type not in REQUEST_TYPES or message.state is not State.HELD:
            raise ReplyMismatch(f"{message!r} waits for no reply")

    def _call_back(
        self, message: Message, kind: int, data: Buffer, timeout: float | None, on_callback: Callback | None
    ) -> Message:
        with self.queue.lock:
            self._check_held(message)
            if len(self._waiting.of(message.message_id)) >= MAX_CALLBACK_DEPTH:
                raise QuotaExceeded(f"{MAX_CALLBACK_DEPTH} callbacks within each other")
        outgoing = Outgoing(kind, message.message_id, self.number(), data)
        self.port.check(outgoing)
        return self.request(outgoing, timeout, on_callback)

    # What the socket brings

    def arrived(self, frame: bytes) -> None:
        """A frame has come; an empty one is the end. Raises BadFrame once the connection has been closed for it."""
        if not frame:
            self.end()
            return
        try:
            arrival = self.port.arrival(frame)
            if arrival is not None:
                with self.queue.lock:
                    self._sort(arrival)
                    self.queue.changed.notify_all()
        except (BadFrame, QuotaExceeded) as error:
            self.end(error if isinstance(error, QuotaExceeded) and self._host is None else None)
            self.port.close()
            raise

    @property
    def wants(self) -> tuple[bool, bool]:
        """Whether to be told that something has come, and that there is room again."""
        crowded = len(self._received) >= MAX_OUTSTANDING or self.queued.full
        unsent = len(self.outbox) > 0
        return bool(self._waiting) or not (unsent or crowded), unsent

    def thread_ended(self) -> None:
        """A thread of the peer's that had registered has ended."""
        with self.queue.lock:
            if not self.ended:
                self._put(self._notice(LPC_CLIENT_DIED, data=self.port.created))

    def connected(self, data: bytes) -> None:
        """The server that was asked without waiting has accepted."""
        with self.queue.lock:
            self._put(self._notice(LPC_CONNECTION_REPLY, data=data))

    def end(self, reason: TransportError | None = None) -> None:
        """The connection is over: everybody hears of it. reason: not the other's doing, so nobody need be told."""
        with self.queue.lock:
            if self.ended:
                return
            self.ended = True
            self._waiting.fail_all(reason or ReplyLost(f"{self.port!r}"))
            if self._host is None:
                self.queue.over = reason or Disconnected(f"{self.port!r}")
            self._tell_of_the_end(tell=reason is None)
            self._received.clear()
            self._posted.clear()
            self.queue.changed.notify_all()
        self.port.let_go()

    def _say(self, kind: int, message_id: int, callback_id: int) -> None:
        """Tells the peer, which may be gone, or listen to nobody: then it is not told."""
        with contextlib.suppress(TransportError):
            self.outbox.send(Outgoing(kind, message_id, callback_id), 0.0, reserve=MESSAGE_COST)

    # Waiting

    def _read_meanwhile(self) -> bool:
        """What a client does while it waits for room: the server may wait for it to read."""
        if self.queued.full:
            return False
        self.queue.read_now()
        return True

    def _next(self, waiter: Waiter, deadline: float | None) -> Message:
        remaining = None if deadline is None else max(0.0, deadline - time.monotonic())
        return self.queue.take(lambda: self._ready(waiter), remaining)

    def _ready(self, waiter: Waiter) -> Message | None:
        came = waiter.next()
        if came is None and self._host is None and self.queued.full:
            raise QuotaExceeded("messages wait that nobody receives")
        return came

    def _serve(self, message: Message, on_callback: Callback | None) -> None:
        """Serves a callback in this thread, which waits for something else."""
        if message.type == DATA_PULL:
            message.reply(self.port.direct.serve(message.message_id, message.data))
            return
        try:
            said = None if on_callback is None else on_callback(message)
        except BaseException:
            message.release()
            raise
        if said is None:
            message.release()
        elif message.state in (State.HELD, State.CANCELED):
            message.reply(said)

    def _give_up(self, waiter: Waiter) -> None:
        """A thread leaves without its answer: the peer may forget the request, unless it knows."""
        with self.queue.lock:
            waited = self._waiting.drop(waiter)
            for message in waiter.calls:
                self._over(message)
        if waited:
            self._say(LPC_CANCELED, waiter.message_id, waiter.number_of_callback)

    def _check_open(self) -> None:
        if self.ended:
            raise Disconnected(f"{self.port!r}")

    # Sorting what has come; under `changed`

    def _sort(self, arrival: Arrival) -> None:
        if self.ended:
            return
        if self.queued.size > 2 * self.port.attributes.max_pool_usage:  # read on for the sake of a callback
            raise BadFrame(f"{self.queued.size} octets that nobody has received")
        if arrival.type in ANSWERED:
            self._asked(arrival)
        elif arrival.type == LPC_REPLY:
            self._answered(arrival)
        elif arrival.type == LPC_CANCELED:
            self._canceled(arrival)
        elif arrival.type == LPC_LOST_REPLY:
            self._unwanted(arrival)
        elif arrival.type == LPC_DATAGRAM:
            self._put(message_of(self, arrival, State.QUEUED if arrival.view_number else State.OVER))
        elif arrival.type == TERMINATION_PORT and self._host is not None and len(arrival.data) == 4:
            self._host.watch_thread(self, int.from_bytes(arrival.data, "little"))
        else:
            raise BadFrame(f"a message of type {arrival.type:#x} where none belongs")

    def _asked(self, arrival: Arrival) -> None:
        if self._mine(arrival.number) or arrival.number in self._received:
            raise BadFrame(f"a request with number {arrival.number:#x}")
        if arrival.callback_id:
            self._called_back(arrival)
            return
        if not self._serves or arrival.type == DATA_PULL:
            raise BadFrame(f"a request of type {arrival.type:#x}, where none are taken")
        if len(self._received) > MAX_OUTSTANDING:
            raise BadFrame(f"more than {MAX_OUTSTANDING} requests unanswered")
        self._put(self._remembered(message_of(self, arrival, State.QUEUED)))

    def _called_back(self, arrival: Arrival) -> None:
        stack = self._waiting.of(arrival.message_id)
        if not stack:
            self._say(LPC_LOST_REPLY, arrival.message_id, arrival.callback_id)
            return
        if len(stack[-1].calls) >= MAX_CALLBACK_DEPTH:
            raise BadFrame(f"{MAX_CALLBACK_DEPTH} callbacks at one time")
        stack[-1].calls.append(self._remembered(message_of(self, arrival, State.HELD)))

    def _answered(self, arrival: Arrival) -> None:
        if not self._mine(arrival.number):
            raise BadFrame(f"a reply to {arrival.number:#x}")
        waiter = self._waiting.find(arrival.message_id, arrival.number)
        if waiter is not None:
            waiter.answer = message_of(self, arrival, State.HELD if arrival.view_number else State.OVER)
            self._waiting.drop(waiter)
        elif arrival.number in self._posted:
            message = message_of(self, arrival, State.QUEUED if arrival.view_number else State.OVER)
            self._put(self._with_cookie(message))
        else:
            self.port.give_back(message_of(self, arrival, State.OVER))
            self._say(LPC_LOST_REPLY, arrival.message_id, arrival.callback_id)

    def _canceled(self, arrival: Arrival) -> None:
        if self._mine(arrival.number):
            waiter = self._waiting.find(arrival.message_id, arrival.number)
            if waiter is not None:
                self._waiting.fail(waiter, Canceled("released without an answer"))
            elif arrival.number in self._posted:
                self._put(self._with_cookie(message_of(self, arrival, State.OVER)))
            return
        message = self._held(arrival.number)
        if message is not None:
            self._withdraw(message)
            for waiter in self._waiting.of(arrival.message_id):
                self._waiting.fail(waiter, Canceled("the request was canceled"))

    def _unwanted(self, arrival: Arrival) -> None:
        """The peer had nobody for a callback of ours, or for a reply."""
        if not self._mine(arrival.number) and not arrival.callback_id:
            self._put(message_of(self, arrival, State.OVER))
        elif (waiter := self._waiting.find(arrival.message_id, arrival.number)) is not None:
            self._waiting.fail(waiter, ReplyMismatch("nobody waits in the request"))

    def _withdraw(self, message: Message, *, tell: bool = True) -> None:
        """Nobody waits for the answer to a message any more; tell: its receiver, with LPC_CANCELED."""
        if message.state is State.QUEUED:
            message.state = State.WITHDRAWN
            self.queued.give(message.cost)
        elif message.state is State.HELD:
            message.state = State.CANCELED
            if tell and not message.callback_id:
                self._put(self._notice(LPC_CANCELED, message.message_id, State.QUEUED))
        self._received.pop(message.callback_id or message.message_id, None)
        self._look()

    def _tell_of_the_end(self, *, tell: bool) -> None:
        """LPC_CANCELED for every exchange that is cut short, and LPC_PORT_CLOSED."""
        for number in [*self._received]:
            if (message := self._held(number)) is not None:
                self._withdraw(message, tell=tell)
        unsent = self.outbox.clear()
        if not tell:
            return
        for number in self._posted:
            self._put(self._with_cookie(self._notice(LPC_CANCELED, number)))
        for outgoing in unsent:
            if outgoing.type == LPC_REPLY and not outgoing.callback_id:
                self._put(self._notice(LPC_LOST_REPLY, outgoing.message_id))
        self._put(self._notice(LPC_PORT_CLOSED, data=self.port.created))

    # Messages

    def _notice(self, kind: int, message_id: int = 0, state: State = State.OVER, data: bytes = b"") -> Message:
        arrival = Arrival(kind, message_id, 0, 0, data, 0, MessageAttributes(ALL_ATTRIBUTES), 0)
        return message_of(self, arrival, state)

    def _with_cookie(self, message: Message) -> Message:
        context = message.attributes.context or Context()
        cookie = self._posted.over(message.message_id)
        message.attributes = message.attributes._replace(context=context._replace(message_context=cookie))
        return message

    def _put(self, message: Message) -> None:
        self.queued.add(message.cost)
        self.queue.put(message)
        if self.queued.full or len(self._received) >= MAX_OUTSTANDING:
            self._look()

    def _remembered(self, message: Message) -> Message:
        self._received[message.callback_id or message.message_id] = weakref.ref(message)
        return message

    def _held(self, number: int) -> Message | None:
        found = self._received.get(number)
        return None if found is None else found()

    def _over(self, message: Message) -> None:
        message.state = State.OVER
        if message.type in ANSWERED:
            self._received.pop(message.callback_id or message.message_id, None)
        if self.paused:
            self._look()

    def _lose(self, message: Message, view: View | None) -> None:
        """A reply has nobody to go to."""
        if view is not None:
            self.port.discard(view)
        if not message.callback_id and self._host is not None:
            with self.queue.lock:
                notice = self._notice(LPC_LOST_REPLY, message.message_id)
                self.queued.add(notice.cost)
                self._host.notify(notice)

    def _mine(self, number: int) -> bool:
        return number & SERVERS == self._side

    def _look(self) -> None:
        if self._host is not None:
            self._host.look(self)
