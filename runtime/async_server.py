"""Servers for asyncio: the loop reads, each call is a task. The twin of `server.py`."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
from collections.abc import Coroutine, Iterator
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ..transports import activation
from ..transports import errors as transport
from .binding import StringBinding
from .call import set_caller
from .callbacks.aside import line_of
from .dispatch import Method
from .eager import Begun, Eager
from .ended import Ended, note_end, paused, too_slow
from .endpoints import Endpoint
from .flat_straight import FLAT, FlatTurns
from .journal import note
from .serving.face import Serving
from .serving.guests import PAUSE
from .serving.loop_readers import LoopReaders
from .serving.loop_watch import LoopWatch
from .serving.piped import serve_piped
from .serving.room import Room
from .serving.running import Running
from .serving.signals import ended_by_interrupt, told_of_term
from .serving.visitor import Visitor
from .serving.workers import Control
from .session import LINGER, SEND_TIMEOUT, Answer, Call, Session
from .status import NCA_CANCEL, CallCancelled, Ran

if TYPE_CHECKING:
    from .intercept import AsyncInterceptor  # noqa: F401 - in a string


class AsyncServer(Serving["AsyncInterceptor"]):
    """Serves objects with `async def` methods, each call a task.

    async with lrpc.AsyncServer() as server:
        server.register(Adder())
        await server.listen("ncalrpc:[calc]")
        await server.serve_forever()
    """

    _asynchronous = True

    def _prepare(self, threads: int | None) -> None:
        if threads is not None:
            raise TypeError("an AsyncServer has one thread, that of its loop")
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: dict[Session, Visitor] = {}
        self._stopped = asyncio.Event()
        self._ended = asyncio.Event()
        """Set when it has been stopped to the end."""
        self._alone = asyncio.Event()
        """Set when the last client has gone."""
        self._stopping: asyncio.Task[None] | None = None
        self._watch: LoopWatch | None = None

    async def listen(self, binding: str, *, security: str | None = None) -> StringBinding:
        """Listen on an endpoint; what clients connect to. It is served from now on, by workers from `start` on."""
        endpoint = self._open(binding, security)
        if self._workers is None:
            self._serve_endpoint(endpoint)
            if self._wants_mapper:
                await asyncio.to_thread(self._announce)
        return endpoint.binding

    async def start(self) -> None:
        """Have the workers serve, if there are to be any."""
        if self._workers is not None and not self._workers.started:
            self._require_own("start")
            self._loop = asyncio.get_running_loop()
            await asyncio.to_thread(self._start_workers, self._workers)
            if self._wants_mapper:
                await asyncio.to_thread(self._announce)

    def _serve_endpoint(self, endpoint: Endpoint) -> None:
        self._watch = self._watch or LoopWatch()
        asyncio.get_running_loop().add_reader(endpoint.listener.fileno(), self._accept, endpoint)

    def _stop_by_worker(self) -> None:
        self._loop.call_soon_threadsafe(self.stop_soon)

    def _work(self, control: Control) -> None:
        asyncio.run(self._work_async(control))

    async def _work_async(self, control: Control) -> None:
        for endpoint in self._endpoints:
            self._serve_endpoint(endpoint)
        loop, told = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(control.fileno(), told.set)
        await told.wait()
        loop.remove_reader(control.fileno())
        await self.stop(control.grace())

    async def serve_forever(self) -> None:
        """Serve until `stop` is called, SIGINT or SIGTERM comes, or the task is cancelled. systemd is told."""
        with told_of_term(asyncio.get_running_loop(), self.stop_soon), ended_by_interrupt():
            try:
                await self.start()
                activation.notify("READY=1")
                while not self._stopped.is_set():
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._stopped.wait(), activation.watchdog())
                    activation.notify("WATCHDOG=1")
            finally:
                activation.notify("STOPPING=1")
                await self.stop()

    async def stop(self, grace: float = 5.0) -> None:
        """Take no more connections, let calls that run end for `grace` seconds, then end all connections.

        Once: where the server stops already, this waits for that alone, and in a method of its own not even so long.
        """
        if self._forked:
            return  # its parent's
        if self._stopped.is_set():
            await asyncio.sleep(0)  # afterwards a method is known as a task
            if asyncio.current_task() not in self._tasks:
                await self._ended.wait()
            return
        self._stopped.set()
        try:
            await self._end(grace)
        finally:
            self._ended.set()

    async def _end(self, grace: float) -> None:
        if self._announcer is not None:
            await asyncio.to_thread(self._withdraw)
        loop = asyncio.get_running_loop()
        if self._workers is not None:
            self._workers.stop(grace)
        for endpoint in self._endpoints:
            loop.remove_reader(endpoint.listener.fileno())
            endpoint.listener.close()
        for session in self._drain():
            self._leave(session)
        try:
            await self._quiet(grace)
        finally:  # also for somebody who cancels the wait
            for session in list(self._sessions):
                self._drop(session)
        for endpoint in self._endpoints:
            await endpoint.rundown.wait(1)
        self._eager.close()
        if self._watch is not None:
            self._watch.close()
        self._readers.close()
        if self._workers is not None:
            await asyncio.to_thread(self._workers.join)

    @property
    def listening(self) -> bool:
        """Does it take calls?"""
        return bool(self._endpoints) and not self._stopped.is_set()

    def stop_soon(self) -> None:
        """Stop, as a task of its own: the one that asks may run a call."""
        if self._control is not None:
            self._control.ask_stop()
            return
        self._stopping = self._stopping or asyncio.get_running_loop().create_task(self.stop())

    def _leave(self, session: Session) -> None:
        """While the server stops: have a client go that no call runs for, once it is heard out."""
        client = self._clients.get(session)
        if client is None or client.leaving or client.running or session.cancelling.pending:
            return
        try:
            heard = session.dismiss()
        except Ended as end:
            note_end(session.caller, end)
            self._finish(session, client)
            return
        if heard:
            client.leaving = asyncio.get_running_loop().call_later(LINGER, self._finish, session, client)
        else:
            session.drain()

    async def _quiet(self, grace: float) -> None:
        """Wait until all clients have gone, or for the grace; then cancel the calls that still run."""
        await asyncio.sleep(0)  # afterwards a method that stops its server is known as a task
        own = asyncio.current_task()
        self._alone.clear()
        if own in self._tasks:
            if others := self._tasks - {own}:
                await asyncio.wait(others, timeout=grace)
        elif self._clients:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._alone.wait(), grace)
        late = {task for task in self._tasks if task is not own}
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1)

    async def __aenter__(self) -> AsyncServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @cached_property
    def _eager(self) -> Eager:
        return Eager()

    @cached_property
    def _readers(self) -> LoopReaders:
        return LoopReaders()

    def _accept(self, endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (connection := endpoint.listener.accept_now()) is not None:
                if not self._guests.door.is_shut(connection.peer):
                    self._greet(endpoint.session(connection, patient=False))
                    continue
                connection.close()
                if rest := self._guests.door.rest():
                    loop.remove_reader(endpoint.listener.fileno())
                    loop.call_later(rest, self._accept_again, endpoint)
                    return
        except transport.Disconnected:
            loop.remove_reader(endpoint.listener.fileno())
        except transport.TransportError as error:  # out of descriptors, mostly: there may be some soon
            note("accept_failed", binding=str(endpoint.binding), reason=str(error))
            loop.remove_reader(endpoint.listener.fileno())
            loop.call_later(PAUSE, self._accept_again, endpoint)

    def _accept_again(self, endpoint: Endpoint) -> None:
        if not self._stopped.is_set():
            asyncio.get_running_loop().add_reader(endpoint.listener.fileno(), self._accept, endpoint)

    def _greet(self, session: Session) -> None:
        if not self._guests.admit(session):
            session.close()
            return
        loop = asyncio.get_running_loop()
        client = self._clients[session] = Visitor(contextvars.copy_context(), session.fileno())
        client.context.run(set_caller, session.caller)
        session.cancelling.tell = client.give_up
        later = partial(self._send_later, session, client, FLAT)
        session.turns = FlatTurns(self._eager, self._readers, client, later)
        self._read_on(session, client)
        client.hurry = loop.call_later(self.limits.handshake, self._hurry, session)

    def _hurry(self, session: Session) -> None:
        if session in self._sessions and not session.bound:
            note_end(session.caller, too_slow(self.limits.handshake))
            self._drop(session)

    def _hurry_on(self, session: Session, client: Visitor) -> None:
        """See to it that a request that was begun is ended, or at least goes on."""
        if client.awaited is None:
            client.awaited = session.unfinished
            if client.hurry is not None:
                client.hurry.cancel()
            client.hurry = asyncio.get_running_loop().call_later(self.limits.max_pause, self._too_late, session, client)

    def _too_late(self, session: Session, client: Visitor) -> None:
        awaited, client.awaited = client.awaited, None
        if session not in self._sessions or session.unfinished is None:
            return
        if session.unfinished == awaited and not client.paused:
            note_end(session.caller, paused(self.limits.max_pause))
            self._finish(session, client)
        else:
            self._hurry_on(session, client)

    def _readable(self, session: Session, client: Visitor) -> bool:
        """Read a client; has anything come?"""
        read, pending = 0, session.cancelling.pending
        try:
            while read < client.burst:
                if (client.running or pending) and (len(pending) >= self.limits.max_calls or session.full):
                    self._pause(session, client)
                    break
                calls = session.receive_now()
                if session.unfinished is not None and session.bound:
                    self._hurry_on(session, client)
                if calls is None:
                    break
                read += 1
                if len(calls) == 1:
                    self._begin(session, client, calls[0])
                elif calls:
                    self._begin_all(session, client, calls)
                elif self._stopped.is_set():
                    self._go_on(session, client)
            if session.burst > 1 and read:
                client.has_read(read, session.burst)
        except Exception as end:  # whatever it is, it ends this connection alone
            note_end(session.caller, end)
            self._finish(session, client)
        return read > 0

    def _begin_all(self, session: Session, client: Visitor, calls: list[Call]) -> None:
        """Begin calls that came together; what answers they have at once go together, too."""
        session.hold()
        try:
            for call in calls:
                self._begin(session, client, call)
        finally:
            sending = session.let_go()
        if sending is not None and (client.unread or client.sending.locked() or next(sending, None) is not None):
            self._send_later(session, client, calls[-1], sending)

    def _send_later(self, session: Session, client: Visitor, call: Call, sending: Iterator[bool]) -> None:
        """There is no room for an answer."""
        client.running += 1
        self._keep(self._eager.run(self._run(session, client, call, sending=sending), client.context))

    def _begin(self, session: Session, client: Visitor, call: Call) -> None:
        if call.run is not None and not client.running and session in self._sessions:
            self._attempt(session, client, call, call.run(call.stub))
            return
        if call.one_way and not self._guests.begin_one_way(session):
            session.drop(call)
            return
        if not (call.one_way or self._has_room(client)):
            session.cancelling.pending.append(call)  # while others are read: it may be one of those that is given up
            return
        client.running += 1
        client.one_way += call.one_way
        running = Running(one_way=call.one_way)
        context = client.context if call.caller is None else client.calling(call.caller)
        if isinstance(call.method, Method) and call.method.callbacks is not None:
            running.line = line_of(session, client, call, partial(self._make_way, session, client))
            context = context.copy()  # where a line is, no other call looks
        self._keep(self._eager.run(self._run(session, client, call, running=running), context))

    def _keep(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _attempt(self, session: Session, client: Visitor, call: Call, method: Coroutine[Any, Any, Answer]) -> None:
        """Serve the only call that runs: at once, if it waits for nothing."""
        client.running = 1
        try:
            done = self._eager.attempt(method, client.context, partial(self._run, session, client, call))
        except asyncio.CancelledError:  # let out by the method, and not its task's
            done = (CallCancelled(NCA_CANCEL, ran=Ran.YES),)
        if not isinstance(done, tuple):
            self._keep(done)
            return
        try:
            sending = session.answering(call, done[0]) if client.unread else session.answer_now(call, done[0])
            if sending is not None:
                self._send_later(session, client, call, sending)
        except Exception as end:  # whatever it is, it ends this connection alone
            note_end(session.caller, end)
            client.over = True
        del done  # or a fault's traceback would hold the fault, and what its method allocated, in a circle
        client.running -= 1
        if client.over or client.paused or session.cancelling.pending or self._stopped.is_set():
            self._go_on(session, client)

    def _has_room(self, client: Visitor) -> bool:
        """May another call of this client begin?"""
        return client.running - client.one_way < self.limits.max_calls and client.unsent <= self.limits.max_unsent

    def _begin_next(self, session: Session, client: Visitor) -> None:
        """Begin the calls that have waited for longest, if there is room for them now."""
        while (pending := session.cancelling.pending) and not client.over and self._has_room(client):
            self._begin(session, client, pending.popleft())

    def _make_way(self, session: Session, client: Visitor) -> None:
        """A call has given its place to others."""
        self._begin_next(session, client)
        self._resume(session, client)

    async def _run(
        self,
        session: Session,
        client: Visitor,
        call: Call,
        begun: Begun[Answer] | None = None,
        running: Running | None = None,
        sending: Iterator[bool] | None = None,
    ) -> None:
        """A call that may have to wait. begun: its method has to. sending: its answer has to, for room."""
        running = client.calls[call.key] = running or Running(one_way=call.one_way)
        try:
            if begun is None and session not in self._sessions:  # it ended before the call began
                return
            if call.feed is not None:
                resume, fail = partial(self._resume, session, client), partial(self._send, session, client, call)
                await serve_piped(session, client.sending, call, call.feed, self.limits, resume, fail)
                return
            if sending is None:
                # By no name: as an error, it would hold this frame, which held it.
                await self._send(session, client, call, await running.answer(session, call, begun))
            else:
                async with client.sending:
                    await self._send_all(session, client, sending)
        except Exception as end:  # whatever it is, it ends this connection alone
            note_end(session.caller, end)
            client.over = True
        finally:
            client.running -= 1
            if call.one_way:
                client.one_way -= 1
                self._guests.end_one_way(session)
            if client.calls.get(call.key) is running:
                del client.calls[call.key]
            self._go_on(session, client)

    def _go_on(self, session: Session, client: Visitor) -> None:
        """A call has ended."""
        if client.over:
            self._finish(session, client)
            return
        if session.cancelling.pending:
            asyncio.get_running_loop().call_soon(self._make_way, session, client)
        self._resume(session, client)
        if self._stopped.is_set():
            self._leave(session)

    async def _send(self, session: Session, client: Visitor, call: Call, answer: Answer) -> None:
        size = sum(map(len, answer)) if client.sending.locked() and isinstance(answer, list) else 0
        client.unsent += size
        async with client.sending:
            client.unsent -= size
            await self._send_all(session, client, session.answering(call, answer))

    async def _send_all(self, session: Session, client: Visitor, sending: Iterator[bool]) -> None:
        if client.unread:
            return
        room = Room(session)
        client.unread = True  # until it is
        for moved in sending:
            await room.wait(SEND_TIMEOUT, moved=moved)
        client.unread = False

    def _finish(self, session: Session, client: Visitor) -> None:
        """End a connection once its calls have, which nobody waits for any more; what they use stays until then."""
        client.over = True
        if not session.cancelling.draining:
            session.cancelling.pending.clear()
            for running in client.calls.values():
                if not running.one_way:
                    running.give_up()
        if not client.running:
            self._drop(session)
        elif session in self._sessions:
            self._pause(session, client)

    def _read_on(self, session: Session, client: Visitor) -> None:
        self._readers.add(client.descriptor, partial(self._readable, session, client))

    def _pause(self, session: Session, client: Visitor) -> None:
        """Read no more of a client until some of its calls have ended."""
        client.paused = True
        self._readers.remove(client.descriptor)

    def _resume(self, session: Session, client: Visitor) -> None:
        if not client.paused or session not in self._sessions:
            return
        if not session.full and len(session.cancelling.pending) < self.limits.max_calls:
            client.paused = False
            self._read_on(session, client)

    def _drop(self, session: Session) -> None:
        client = self._clients.pop(session, None)
        if client is not None:
            self._readers.remove(client.descriptor)
            for timer in (client.hurry, client.leaving):
                if timer is not None:
                    timer.cancel()
            self._guests.dismiss(session)
            session.end()
            if not self._clients:
                self._alone.set()
