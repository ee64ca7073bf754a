"""Servers: objects that answer calls on endpoints. The blocking face; its twin is `async_server.py`.

A thread for each connection; the thread that receives a call runs it. A server drains when it stops: no new
connections, what runs is answered, then connections end.
"""

from __future__ import annotations

import abc
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ..transports import errors as transport
from . import dispatch
from .binding import StringBinding
from .call import Limits, Traffic, set_caller
from .dispatch import Registry
from .ended import Ended, Slow, note_end
from .endpoints import Endpoint, capture_of, has_mapper
from .journal import note
from .management import PADDED, AsyncManagement, Authorize, Management, all_but_stop
from .ndr.strictness import DEFAULT, Strictness
from .session import Session
from .stub import Interface

if TYPE_CHECKING:
    from .intercept import Interceptor
    from .mapper.registration import Announcer

PAUSE: Final = 0.1
"""Seconds to wait before accepting again when the machine is out of descriptors."""


class Serving(abc.ABC):
    """What both faces share: what is registered, where it listens, who is connected.

    authorize: who may have which operation of the management interface; without it all but stopping is everybody's.
    register_endpoints: tell the endpoint mapper of this machine where the server is. None: if there is one when the
    server starts; True: as soon as there is one; False: never.
    """

    _asynchronous = False

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        authorize: Authorize | None = None,
        capture: str | os.PathLike[str] | None = None,
        register_endpoints: bool | None = None,
        interceptors: Sequence[Callable[..., Any]] = (),
    ) -> None:
        self.limits = limits or Limits()
        self.authorize = authorize or all_but_stop
        self.principals: dict[int, str] = {}
        """The name that clients prove this server by, by authentication service (C706 chapter 13)."""
        self._capture = capture_of("server", capture)
        self._registry = Registry(self.limits.max_items, _wrapped(interceptors))
        self._endpoints: list[Endpoint] = []
        self._sessions: set[Session] = set()
        self._strangers: dict[Session, None] = {}
        """Who was in the handshake when last looked at, oldest first."""
        self._users: Counter[object] = Counter()
        self._ended = Traffic()
        self._register_endpoints = register_endpoints
        self._announcer: Announcer | None = None

    def register(
        self,
        implementation: Any,
        *,
        object: UUID | None = None,
        endpoints: Sequence[str] | None = None,
        views: bool = False,
        annotation: str = "",
        strictness: Strictness = DEFAULT,
    ) -> list[Interface]:
        """Have an object answer for the interfaces that it implements.

        object: only calls for this object UUID. endpoints: only on these, as they were given to `listen`. views:
        byte arrays and arrays of numbers may arrive as read-only memoryviews of shared memory that the client can
        still change, good until the method returns; without it they are bytes and lists. annotation: what an endpoint
        mapper tells people of it, 63 characters. strictness: which checks of MS-RPCE 3.1.1.5.3 its requests pass, and
        what is overlooked. TypeError for an object of the other face.
        """
        dispatch.check_face(implementation, asynchronous=self._asynchronous)
        names = None if endpoints is None else [str(StringBinding.parse(text)) for text in endpoints]
        found = self._registry.register(
            implementation,
            object=object,
            endpoints=names,
            views=views,
            annotation=annotation,
            strictness=strictness,
        )
        if self._announcer is not None:
            self._announcer.change()
        return found

    @property
    def bindings(self) -> list[StringBinding]:
        """Where clients find this server."""
        return [endpoint.binding for endpoint in self._endpoints]

    @property
    @abc.abstractmethod
    def listening(self) -> bool:
        """Does it take calls?"""

    @property
    def statistics(self) -> tuple[int, int, int, int]:
        """Calls in, calls out, packets in, packets out, of all connections there have been. A server calls nobody."""
        total = Traffic()
        total += self._ended
        for session in list(self._sessions):
            total += session.traffic
        return total.calls_in, 0, total.packets_in, total.packets_out

    def interfaces(self, endpoint: str) -> list[Interface]:
        """What is registered at an endpoint, as it was given to `listen`."""
        return self._registry.interfaces(endpoint)

    @abc.abstractmethod
    def stop_soon(self) -> None:
        """Stop, once the call that asks for it is answered."""

    def _open(self, binding: str, security: str | None) -> Endpoint:
        endpoint = Endpoint(StringBinding.parse(binding), security, self._registry, self.limits, self._capture)
        self._endpoints.append(endpoint)
        management = (AsyncManagement if self._asynchronous else Management)(self, endpoint.asked)
        self._registry.register(management, endpoints=[endpoint.asked], strictness=PADDED, built_in=True)
        note("listening", binding=str(endpoint.binding))
        return endpoint

    def _announce(self) -> None:
        """Tell the endpoint mapper what there is."""
        from .mapper.registration import Announcer, registered  # a server that nobody looks up has no use for it

        def said() -> list[Any]:
            return registered(list(self._registry.registrations), list(self._endpoints))

        if self._announcer is None:
            self._announcer = Announcer(said, insist=self._register_endpoints is True)
        self._announcer.begin()

    @property
    def _wants_mapper(self) -> bool:
        """Is the endpoint mapper to know, and is there one?"""
        if self._announcer is None and self._register_endpoints is None:
            return has_mapper()
        return self._register_endpoints is not False

    def _withdraw(self) -> None:
        """Clients are not to be sent here any more."""
        if self._announcer is not None:
            self._announcer.end()

    def _admit(self, session: Session) -> bool:
        """Count a connection in, unless its user has too many."""
        user = _user(session)
        if self._users[user] >= self.limits.max_connections:
            most = self.limits.max_connections
            note("limit", peer=str(session.caller), reason=f"{user} is refused", limit="max_connections", value=most)
            return False
        self._make_room()
        self._users[user] += 1
        self._sessions.add(session)
        self._strangers[session] = None
        note("accepted", peer=str(session.caller))
        return True

    def _make_room(self) -> None:
        """Of those that have bound nothing yet, drop the oldest when there are too many."""
        most = self.limits.max_strangers
        if len(self._strangers) >= most:
            self._strangers = {session: None for session in self._strangers if not session.bound}
        if len(self._strangers) >= most:
            oldest = next(iter(self._strangers))
            del self._strangers[oldest]
            note_end(oldest.caller, Slow("it has bound nothing and another one comes", "max_strangers", most))
            self._drop(oldest)

    @abc.abstractmethod
    def _drop(self, session: Session) -> None:
        """End a connection that is in its handshake."""

    def _dismiss(self, session: Session) -> None:
        self._sessions.discard(session)
        self._strangers.pop(session, None)
        self._ended += session.traffic
        user = _user(session)
        self._users[user] -= 1
        if not self._users[user]:
            del self._users[user]


def _user(session: Session) -> object:
    caller = session.caller
    return caller.address.rpartition(":")[0] if caller.uid is None else f"uid {caller.uid}"


def _too_slow(limits: Limits) -> Slow:
    return Slow("the handshake took too long", "handshake", limits.handshake)


def _wrapped(interceptors: Sequence[Callable[..., Any]]) -> dispatch.Wrap | None:
    """What puts interceptors around a method."""
    if not interceptors:
        return None
    from .intercept import serving

    return partial(serving, tuple(interceptors))


class Server(Serving):
    """Serves objects with plain methods, a thread for each connection.

    with lrpc.Server() as server:
        server.register(Adder())
        server.listen("ncalrpc:[calc]")
        server.serve_forever()

    capture: a pcapng file that what travels is appended to; without it the environment's LRPC_CAPTURE. interceptors:
    callables around each call, the first outermost (docs/interceptors.md).
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        authorize: Authorize | None = None,
        capture: str | os.PathLike[str] | None = None,
        register_endpoints: bool | None = None,
        interceptors: Sequence[Interceptor] = (),
    ) -> None:
        super().__init__(
            limits=limits,
            authorize=authorize,
            capture=capture,
            register_endpoints=register_endpoints,
            interceptors=interceptors,
        )
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._started = False

    def listen(self, binding: str, *, security: str | None = None) -> StringBinding:
        """Listen on an endpoint; what clients connect to. ListenError when it cannot be had.

        security: SDDL of who may connect, for ncalrpc and ncacn_np; without it the own user and root.
        """
        endpoint = self._open(binding, security)
        if self._started:
            self._spawn(self._accept, endpoint)
            if self._wants_mapper:
                self._announce()
        return endpoint.binding

    def start(self) -> None:
        """Serve in the background, until `stop`."""
        if not self._started:
            self._started = True
            for endpoint in self._endpoints:
                self._spawn(self._accept, endpoint)
            if self._wants_mapper:
                self._announce()

    def serve_forever(self) -> None:
        """Serve until `stop` is called from elsewhere or the program is interrupted."""
        self.start()
        try:
            while not self._stopping.wait(3600):
                continue
        except KeyboardInterrupt:
            note("interrupted")
        finally:
            self.stop()

    def stop(self, grace: float = 5.0) -> None:
        """Take no more connections and calls, let those that run end for `grace` seconds, then end all connections."""
        self._stopping.set()
        self._withdraw()
        until = time.monotonic() + grace
        for endpoint in self._endpoints:
            endpoint.listener.close()
        self._all(lambda session: session.drain())
        self._join(until)
        self._all(self._give_up)
        self._join(time.monotonic() + 1)

    @property
    def listening(self) -> bool:
        """Does it take calls?"""
        return self._started and not self._stopping.is_set()

    def stop_soon(self) -> None:
        """Stop, from a thread of its own: the one that asks may run a call."""
        threading.Thread(target=self.stop, name="lrpc stop", daemon=True).start()

    def _all(self, action: Callable[[Session], None]) -> None:
        with self._lock:
            sessions = list(self._sessions)
        for session in sessions:
            action(session)

    def _drop(self, session: Session) -> None:
        session.close()

    def _give_up(self, session: Session) -> None:
        note("still_running", peer=str(session.caller))
        session.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=self._thread, args=(target, arguments), name="lrpc", daemon=True)
        with self._lock:
            thread.start()
            self._threads.add(thread)

    def _thread(self, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            target(*arguments)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

    def _join(self, until: float) -> None:
        with self._lock:
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0))

    def _accept(self, endpoint: Endpoint) -> None:
        while not self._stopping.is_set():
            try:
                connection = endpoint.listener.accept(None)
            except transport.Disconnected:
                return
            except transport.TransportError as error:
                note("accept_failed", binding=str(endpoint.binding), reason=str(error))
                self._stopping.wait(PAUSE)
                continue
            session = endpoint.session(connection, patient=True)
            with self._lock:
                admitted = not self._stopping.is_set() and self._admit(session)
            if not admitted:
                session.close()
                continue
            try:
                self._spawn(self._serve, session)
            except RuntimeError as error:  # the machine has no more threads
                note("accept_failed", binding=str(endpoint.binding), reason=str(error))
                with self._lock:
                    self._dismiss(session)
                session.end()

    def _serve(self, session: Session) -> None:
        set_caller(session.caller)
        until = time.monotonic() + self.limits.handshake
        try:
            while not session.bound:
                left = until - time.monotonic()
                if left <= 0:
                    raise _too_slow(self.limits)
                session.serve_next(left)
            session.serve()
        except Ended as end:
            late = not session.bound and time.monotonic() >= until
            note_end(session.caller, _too_slow(self.limits) if late else end)
        finally:
            with self._lock:
                self._dismiss(session)
            session.end()
