"""Servers for asyncio: the loop reads, each call is a task. The twin of `server.py`."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from types import TracebackType

from ..transports import errors as transport
from . import dispatch
from .binding import StringBinding
from .call import Limits, set_caller
from .endpoints import Endpoint
from .server import Serving
from .session import Answer, Call, Ended, Session
from .status import Fault

logger = logging.getLogger("lrpc.server")


class AsyncServer(Serving):
    """Serves objects with `async def` methods, each call a task.

    async with lrpc.AsyncServer() as server:
        server.register(Adder())
        await server.listen("ncalrpc:[calc]")
        await server.serve_forever()
    """

    _asynchronous = True

    def __init__(self, *, limits: Limits | None = None) -> None:
        super().__init__(limits=limits)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    async def listen(self, binding: str, *, security: str | None = None) -> StringBinding:
        """Listen on an endpoint and serve it from now on; what clients connect to."""
        endpoint = self._open(binding, security)
        asyncio.get_running_loop().add_reader(endpoint.listener.fileno(), self._accept, endpoint)
        return endpoint.binding

    async def serve_forever(self) -> None:
        """Serve until `stop` is called or the task is cancelled."""
        try:
            await self._stopped.wait()
        finally:
            await self.stop()

    async def stop(self, grace: float = 5.0) -> None:
        """Take no more connections, let calls that run end for `grace` seconds, then end all connections."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        loop = asyncio.get_running_loop()
        for endpoint in self._endpoints:
            loop.remove_reader(endpoint.listener.fileno())
            endpoint.listener.close()
        tasks = {task for task in self._tasks if task is not asyncio.current_task()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
        for session in list(self._sessions):
            self._end(session)

    async def __aenter__(self) -> AsyncServer:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _accept(self, endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        try:
            while (connection := endpoint.listener.accept_now()) is not None:
                self._greet(endpoint.session(connection, patient=False))
        except transport.Disconnected:
            loop.remove_reader(endpoint.listener.fileno())
        except transport.TransportError as error:
            logger.warning("%s: %s", endpoint.binding, error)

    def _greet(self, session: Session) -> None:
        if not self._admit(session):
            session.close()
            return
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        context.run(set_caller, session.caller)
        loop.add_reader(session.fileno(), self._readable, session, context)
        loop.call_later(self.limits.handshake, self._hurry, session)

    def _hurry(self, session: Session) -> None:
        if session in self._sessions and not session.bound:
            logger.info("%s: the handshake took too long", session.caller)
            self._end(session)

    def _readable(self, session: Session, context: contextvars.Context) -> None:
        try:
            while session in self._sessions and (calls := session.receive_now()) is not None:
                for call in calls:
                    self._sessions[session] += 1
                    task = asyncio.get_running_loop().create_task(self._run(session, call), context=context)
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        except Ended as end:
            logger.debug("%s: %s", session.caller, end)
            self._end(session)

    async def _run(self, session: Session, call: Call) -> None:
        try:
            answer = await _answer_async(call, session)
            for _ in session.answering(call, answer):
                await _room(session)
        except Ended as end:
            logger.debug("%s: %s", session.caller, end)
            self._end(session)
        finally:
            if session in self._sessions:
                self._sessions[session] -= 1

    def _end(self, session: Session) -> None:
        if session in self._sessions:
            asyncio.get_running_loop().remove_reader(session.fileno())
            self._dismiss(session)
            session.end()


async def _answer_async(call: Call, session: Session) -> Answer:
    method = call.method
    if isinstance(method, Fault):
        return method
    try:
        return await dispatch.serve_async(method, call.stub, call.encoding, session.contexts)
    except Fault as fault:
        return fault


async def _room(session: Session) -> None:
    """Wait until more can be sent."""
    loop = asyncio.get_running_loop()
    descriptor = session.fileno()
    if descriptor < 0:
        raise Ended("the connection was closed")
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(descriptor, _ready, ready)
    try:
        await ready
    finally:
        loop.remove_writer(descriptor)


def _ready(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
