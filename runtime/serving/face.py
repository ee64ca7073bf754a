"""What the blocking and the asyncio face of a server have in common: what is registered, and where it listens."""

from __future__ import annotations

import abc
import inspect
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from ...transports import forking
from .. import dispatch
from ..admission import Admit
from ..binding import MEMORY, StringBinding
from ..call import Limits
from ..contexts import STRICT, HandleRules
from ..dispatch import Registry
from ..endpoints import Endpoint, capture_of, has_mapper
from ..faces import check_face
from ..journal import note
from ..management import PADDED, AsyncManagement, Authorize, Management, all_but_stop
from ..ncacn.security import AuthLevel
from ..ndr.strictness import DEFAULT, Strictness
from ..session import Session
from ..status import ForkedBinding, ListenError
from ..stub import Interface
from .guests import Guests
from .workers import Control, Workers

if TYPE_CHECKING:
    from ..authentication.authenticator import Authenticator
    from ..extended import Disclosure
    from ..mapper.registration import Announcer

I = TypeVar("I", bound=Callable[..., Any])  # noqa: E741
"""The interceptors of a face."""


class Serving(abc.ABC, Generic[I]):
    """What both faces share: what is registered, where it listens, who is connected.

    threads: of a blocking server; None: one for each connection, which is fastest for few; else so many for all
    (docs/serving.md). workers: processes that share the endpoints, made when it starts; 0: it serves by itself.
    authorize: who may have which operation of the management interface; without it all but
    stopping is everybody's. capture: a pcapng file that what travels is appended to; without it the environment's
    LRPC_CAPTURE. register_endpoints: tell the endpoint mapper of this machine where the server is. None: if there is
    one when the server starts; True: as soon as there is one; False: never. extended_errors: what clients are told of a
    failure besides its status: "none", "status", "all", or a function (`lrpc.Disclosure`). interceptors: callables
    around each call, the first outermost (docs/interceptors.md). authenticator: how clients of the network prove who
    they are (docs/security.md); without it they do not, and one that tries is refused.
    """

    _asynchronous = False

    def __init__(
        self,
        *,
        threads: int | None = None,
        workers: int = 0,
        limits: Limits | None = None,
        authorize: Authorize | None = None,
        capture: str | os.PathLike[str] | None = None,
        register_endpoints: bool | None = None,
        extended_errors: Disclosure = "status",
        interceptors: Sequence[I] = (),
        authenticator: Authenticator | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self.authorize = authorize or all_but_stop
        self.principals: dict[int, str] = {}
        """The name that clients prove this server by, by authentication service (C706 chapter 13)."""
        self._capture = capture_of("server", capture)
        self._authenticator = authenticator
        self._registry = Registry(self.limits.max_items, _wrapped(interceptors), extended_errors)
        self._endpoints: list[Endpoint] = []
        self._guests = Guests(self.limits, self._drop)
        self._sessions = self._guests.sessions
        self._register_endpoints = register_endpoints
        self._announcer: Announcer | None = None
        self._forked = False
        self._control: Control | None = None
        """In a worker: its line to the parent."""
        self._threads_asked = threads
        self._workers = Workers(workers, self._as_worker, self._stop_by_worker) if workers else None
        self._prepare(threads)
        forking.watch(self)

    def register(
        self,
        implementation: Any,
        *,
        object: UUID | None = None,
        endpoints: Sequence[str] | None = None,
        views: bool = False,
        annotation: str = "",
        strictness: Strictness = DEFAULT,
        level: AuthLevel = AuthLevel.NONE,
        admit: Admit | None = None,
        local_only: bool = False,
        max_calls: int | None = None,
        max_request: int | None = None,
        handles: HandleRules = STRICT,
    ) -> list[Interface]:
        """Have an object answer for the interfaces that it implements.

        object: only calls for this object UUID. endpoints: only on these, as they were given to `listen`. views:
        byte arrays and arrays of numbers may arrive as read-only memoryviews of shared memory that the client can
        still change, good until the method returns; without it they are bytes and lists. annotation: what an endpoint
        mapper tells people of it, 63 characters. strictness: which checks of MS-RPCE 3.1.1.5.3 its requests pass, and
        what is overlooked. level: the least level of authentication that a call has to come with, else it is faulted
        access_denied before its request is read; none unless said, and local callers, whom the kernel knows, pass any.
        admit: asked of each call that passes, with the caller, the interface and the operation's number, whether it is
        admitted; for an AsyncServer it may be `async`. local_only: callers that the kernel does not know, those of a
        network, are faulted access_denied, whoever they prove to be. max_calls: its calls that run at once, of all
        clients together; more are faulted server_too_busy. max_request: octets that its requests may have; longer ones
        are faulted access_denied. handles: which context handles it takes; unless said those that it made itself, of
        the type that is asked for (docs/context-handles.md). TypeError for an object of the other face.
        """
        self._require_own("register")
        check_face(implementation, asynchronous=self._asynchronous)
        if inspect.iscoroutinefunction(admit) and not self._asynchronous:
            raise TypeError("Server takes an admit that is plain def")
        names = None if endpoints is None else [str(StringBinding.parse(text)) for text in endpoints]
        found = self._registry.register(
            implementation,
            object=object,
            endpoints=names,
            views=views,
            annotation=annotation,
            strictness=strictness,
            level=level,
            admit=admit,
            local_only=local_only,
            max_calls=max_calls,
            max_request=max_request,
            handles=handles,
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
        total = self._guests.traffic()
        return total.calls_in, 0, total.packets_in, total.packets_out

    def interfaces(self, endpoint: str) -> list[Interface]:
        """What is registered at an endpoint, as it was given to `listen`."""
        return self._registry.interfaces(endpoint)

    @abc.abstractmethod
    def stop_soon(self) -> None:
        """Stop, once the call that asks for it is answered."""

    @abc.abstractmethod
    def _prepare(self, threads: int | None) -> None:
        """Make what this face has of its own."""

    @abc.abstractmethod
    def _work(self, control: Control) -> None:
        """In a worker: serve until told to stop, and stop."""

    @abc.abstractmethod
    def _stop_by_worker(self) -> None:
        """Stop, because a worker was asked to; from another thread."""

    @abc.abstractmethod
    def _drop(self, session: Session) -> None:
        """End a connection that nothing runs for."""

    def abandon(self) -> None:
        """In a child of fork: the server is its parent's."""
        self._forked = True

    def inherit(self) -> None:
        """In a worker: the endpoints are its own, and nobody is connected."""
        self._workers = self._announcer = None
        self._guests = Guests(self.limits, self._drop)
        self._sessions = self._guests.sessions
        self._prepare(self._threads_asked)

    def _as_worker(self, control: Control) -> None:
        self._control = control
        self._work(control)

    def _require_own(self, what: str) -> None:
        """ForkedBinding in a child; ListenError where workers would not hear of it."""
        if self._forked:
            raise ForkedBinding(f"{what}: this server is the parent process's: make one in the child")
        if self._workers is not None and self._workers.started:
            raise ListenError(f"{what}: the workers have started, with what there was then")

    def _start_workers(self, workers: Workers) -> None:
        """Blocks, but not for long."""
        listeners: list[Any] = [endpoint.listener for endpoint in self._endpoints]  # only those of memory have no heirs
        workers.start([self, *listeners])

    def _open(self, binding: str, security: str | None) -> Endpoint:
        self._require_own("listen")
        asked = StringBinding.parse(binding)
        if self._workers is not None and asked.protocol == MEMORY:
            raise ListenError(f"{binding}: workers have no memory in common")
        endpoint = Endpoint(
            asked,
            security,
            self._registry,
            self.limits,
            self._capture,
            self._authenticator,
            asynchronous=self._asynchronous,
        )
        self._endpoints.append(endpoint)
        management = (AsyncManagement if self._asynchronous else Management)(self, endpoint.asked)
        self._registry.register(management, endpoints=[endpoint.asked], strictness=PADDED, built_in=True)
        note("listening", binding=str(endpoint.binding))
        return endpoint

    def _announce(self) -> None:
        """Tell the endpoint mapper what there is."""
        from ..mapper.registration import Announcer, registered  # a server that nobody looks up has no use for it

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

    def _drain(self) -> list[Session]:
        """Admit nobody, and refuse the calls that come from now on; who is connected."""
        self._registry.draining = True
        sessions = self._guests.close()
        for session in sessions:
            session.look_up_anew()
        return sessions

    def _withdraw(self) -> None:
        """Clients are not to be sent here any more."""
        if self._announcer is not None:
            self._announcer.end()


def _wrapped(interceptors: Sequence[Callable[..., Any]]) -> dispatch.Wrap | None:
    """What puts interceptors around a method."""
    if not interceptors:
        return None
    from ..intercept import serving

    return partial(serving, tuple(interceptors))
