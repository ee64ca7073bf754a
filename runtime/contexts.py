"""Context handles and association groups at the server: the objects that clients hold by 20 octets (C706 5.1.6, 6.1.6).

A handle is known in its association only; there to the interface and type that made it, unless a HandleRules says
otherwise, and to its owner, at no lower a level of authentication than it was made at. Every way of being wrong gives
the same ContextMismatch, after the same work: handles are looked up under a mask that nobody knows.

Calls that use one handle take turns, unless it is declared shared. What a client leaves is run down once, when the last
connection of its group has gone, and not while a call uses it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, NamedTuple
from uuid import UUID

from .journal import note
from .status import NCA_CONTEXT_MISMATCH, NCA_REMOTE_NO_MEMORY, ContextMismatch, Fault, Ran, ServerTooBusy

Wire = tuple[int, UUID]
"""A context handle as NDR gives and takes it: attributes (0) and UUID."""
MAX_WAIT: Final = 30.0
"""Seconds that a call waits for its turn at a handle: longer than its client does, unless it was told to."""


class Holder(NamedTuple):
    """Who uses a handle: the user, and the level of authentication of the call."""

    owner: object = None
    level: int = 0


ANYONE: Final = Holder()


class HandleRules(NamedTuple):
    """Which handles an interface takes. strict, type_strict: of its own, and of the type that is asked for."""

    strict: bool = True
    type_strict: bool = True


STRICT: Final = HandleRules()


Wanted = tuple[Wire | None, str, bool]
"""A handle that a call uses, its type, and whether calls share it."""


@dataclass(eq=False, slots=True)
class _Context:
    value: Any
    interface: UUID
    type: str
    owner: object
    level: int
    number: int
    """In the order they were made, in which calls take their turns, so that none waits for another in a circle."""
    turn: Any
    """A lock of the server's face."""
    users: int = 0
    left: bool = False
    """Its client is gone: the last call that uses it closes it."""
    open: bool = True


def close_here(value: Any, type: str) -> None:
    """Close an object, whatever comes of it."""
    try:
        close = getattr(value, "close", None)
        if close is not None:
            close()
    except Exception as error:  # one object that fails to close must not keep the others open
        note("rundown_failed", type=type, failure=error)


class ContextTable:
    """The context handles of one association.

    new_uuid: where fresh handles come from; it must not be guessable. limit: handles open at once. close: runs down
    an object and the name of its type. asynchronous: calls are tasks of a loop, else threads.
    """

    def __init__(
        self,
        new_uuid: Callable[[], UUID],
        limit: int,
        close: Callable[[Any, str], None] = close_here,
        *,
        asynchronous: bool = False,
    ) -> None:
        self._new_uuid = new_uuid
        self._limit = limit
        self._close = close
        self._asynchronous = asynchronous
        self._contexts: dict[int, _Context] = {}
        """By the number of the handle under a mask, lest the time that a guess takes tell how near it is."""
        self._mask = secrets.randbits(128)
        self._made = 0
        self._over = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._contexts)

    def _key(self, wire: Wire) -> int:
        return wire[1].int ^ self._mask

    def find(
        self, wire: Wire | None, interface: UUID, type: str, holder: Holder = ANYONE, rules: HandleRules = STRICT
    ) -> Any:
        """The object of a handle. ContextMismatch when it is null, unknown, closed, somebody else's, made as something
        else, or at a higher level of authentication."""
        return self._find(wire, interface, type, holder, rules).value

    def _find(self, wire: Wire | None, interface: UUID, type: str, holder: Holder, rules: HandleRules) -> _Context:
        context = None if wire is None else self._contexts.get(self._key(wire))
        if (
            context is None
            or context.owner != holder.owner
            or context.level > holder.level
            or (rules.strict and context.interface != interface)
            or (rules.type_strict and context.type != type)
        ):
            raise _mismatch(type, Ran.NO)
        return context

    def hold(
        self, wanted: Sequence[Wanted], interface: UUID, holder: Holder = ANYONE, rules: HandleRules = STRICT
    ) -> Hold:
        """The handles of a call, to be held with `with`, or `async with`, while it runs. ContextMismatch as `find`."""
        with self._lock:
            found = [self._find(wire, interface, type, holder, rules) for wire, type, _ in wanted]
            for context in found:
                context.users += 1
        alone = [context for context, each in zip(found, wanted, strict=True) if not each[2]]
        if len(alone) > 1:
            alone = sorted(set(alone), key=_made_when)
        return Hold(self, found, alone)

    def let_go(self, contexts: Sequence[_Context]) -> None:
        """A call has ended."""
        orphans: list[_Context] = []
        with self._lock:
            for context in contexts:
                context.users -= 1
                if context.left and context.open and not context.users:
                    context.open = False
                    orphans.append(context)
        for context in orphans:
            self._close(context.value, context.type)

    def store(
        self, value: Any, interface: UUID, type: str, known: Wire | None = None, holder: Holder = ANYONE
    ) -> Wire | None:
        """The handle for an object that a method returned; None closes the handle `known` that it came in as.

        An object that finds no room, or whose client is gone by now, is closed at once; Fault says so. ContextMismatch
        for a handle that another call has closed meanwhile: of two that close it one has done so.
        """
        with self._lock:
            if known is not None:
                return self._changed(known, value, type)
            if value is None:
                return None
            if len(self._contexts) < self._limit and not self._over:
                uuid = self._new_uuid()
                self._made += 1
                turn = _turn(asynchronous=self._asynchronous)
                made = _Context(value, interface, type, *holder, self._made, turn)
                self._contexts[self._key((0, uuid))] = made
                return 0, uuid
        self._close(value, type)
        from .call import peer

        note("limit", peer=peer(), reason=f"no room for a {type}", limit="max_contexts", value=self._limit)
        raise Fault(NCA_REMOTE_NO_MEMORY, f"more than {self._limit} context handles in one association", ran=Ran.YES)

    def _changed(self, known: Wire, value: Any, type: str) -> Wire | None:
        key = self._key(known)
        context = self._contexts.get(key)
        if context is None or not context.open:
            raise _mismatch(type, Ran.YES)
        if value is None:
            context.open = False
            del self._contexts[key]
            return None
        context.value = value
        return known

    def run_down(self) -> int:
        """The client is gone: close what it left open, each object once, those that a call uses after it. Says how
        many there were."""
        with self._lock:
            self._over = True
            left = [context for context in self._contexts.values() if not context.left]
            idle = [context for context in left if not context.users]
            for context in left:
                context.left = True
                context.open = context.users > 0
        for context in idle:
            self._close(context.value, context.type)
        return len(left)


class Hold:
    """The handles of a call that runs: they are not run down, and those that are not shared are its own."""

    __slots__ = ("_alone", "_contexts", "_mine", "_table")

    def __init__(self, table: ContextTable, contexts: list[_Context], alone: list[_Context]) -> None:
        self._table = table
        self._contexts = contexts
        self._alone = alone
        self._mine: list[_Context] = []

    def __enter__(self) -> list[Any]:
        try:
            for context in self._alone:
                if not (context.turn.acquire(False) or context.turn.acquire(timeout=MAX_WAIT)):
                    raise _busy(context)
                self._mine.append(context)
            return self._values()
        except BaseException:
            self._leave()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    async def __aenter__(self) -> list[Any]:
        from asyncio import timeout

        try:
            for context in self._alone:
                try:
                    async with timeout(MAX_WAIT):
                        await context.turn.acquire()
                except TimeoutError:
                    raise _busy(context) from None
                self._mine.append(context)
            return self._values()
        except BaseException:
            self._leave()
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _values(self) -> list[Any]:
        """The objects, now that nobody else changes them."""
        for context in self._contexts:
            if not context.open:  # closed by the call before
                raise _mismatch(context.type, Ran.NO)
        return [context.value for context in self._contexts]

    def _leave(self) -> None:
        for context in reversed(self._mine):
            context.turn.release()
        self._mine = []
        self._table.let_go(self._contexts)


class _Nothing(Hold):
    """For a call without handles."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(ContextTable(UUID, 0), [], [])

    def __enter__(self) -> list[Any]:
        return []

    async def __aenter__(self) -> list[Any]:
        return []

    def _leave(self) -> None:
        """There is nothing to leave."""


NO_HANDLES: Final = _Nothing()


def _made_when(context: _Context) -> int:
    return context.number


def _turn(*, asynchronous: bool) -> Any:
    if not asynchronous:
        return threading.RLock()  # a thread may come back in the middle of a callback
    from asyncio import Lock

    return Lock()


def _mismatch(type: str, ran: Ran) -> ContextMismatch:
    return ContextMismatch(NCA_CONTEXT_MISMATCH, f"no such {type} here", ran=ran)


def _busy(context: _Context) -> ServerTooBusy:
    return ServerTooBusy(message=f"another call has had the {context.type} for {MAX_WAIT:.0f} s", ran=Ran.NO)


class AssociationGroup:
    """Connections of one client that share context handles (C706 9.1.5, MS-RPCE 3.3.1.5.5)."""

    def __init__(self, id: int, owner: object, contexts: ContextTable) -> None:
        self.id = id
        self.owner = owner
        self.contexts = contexts
        self.members = 1


class AssociationGroups:
    """The association groups of one endpoint. A group is its owner's alone, and ends with its last connection.

    Their numbers are random, so that one of another worker, or of a server before, is none of this one's.
    """

    def __init__(self, table: Callable[[], ContextTable]) -> None:
        self._table = table
        self._groups: dict[int, AssociationGroup] = {}
        self._lock = threading.Lock()

    def join(self, asked: int, owner: object) -> AssociationGroup | None:
        """The group `asked`, or a new one for 0. None when there is none, or it is somebody else's."""
        with self._lock:
            if asked:
                group = self._groups.get(asked)
                if group is None or group.owner != owner:
                    return None
                group.members += 1
                return group
            while not asked or asked in self._groups:
                asked = secrets.randbits(31)
            group = self._groups[asked] = AssociationGroup(asked, owner, self._table())
            return group

    def leave(self, group: AssociationGroup) -> None:
        """A connection has ended; with the last one of its group the context handles are run down."""
        with self._lock:
            group.members -= 1
            if group.members:
                return
            del self._groups[group.id]
        group.contexts.run_down()
