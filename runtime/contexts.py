"""Context handles and association groups at the server: the objects that clients hold by 20 octets (C706 5.1.6, 6.1.6).

A handle is known in its association only, and there only to the interface and type that made it: strict and
type-strict, always. Every way of being wrong gives the same ContextMismatch.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from typing import Any, NamedTuple
from uuid import UUID

from .journal import note
from .status import NCA_CONTEXT_MISMATCH, NCA_REMOTE_NO_MEMORY, ContextMismatch, Fault, Ran

Wire = tuple[int, UUID]
"""A context handle as NDR gives and takes it: attributes (0) and UUID."""


class _Context(NamedTuple):
    value: Any
    interface: UUID
    type: str


class ContextTable:
    """The context handles of one association.

    new_uuid: where fresh handles come from; it must not be guessable. limit: handles open at once.
    """

    def __init__(self, new_uuid: Callable[[], UUID], limit: int) -> None:
        self._new_uuid = new_uuid
        self._limit = limit
        self._contexts: dict[UUID, _Context] = {}
        self._over = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._contexts)

    def find(self, wire: Wire | None, interface: UUID, type: str) -> Any:
        """The object of a handle. ContextMismatch when it is null, unknown, closed, or made as something else."""
        context = None if wire is None else self._contexts.get(wire[1])
        if context is None or context.interface != interface or context.type != type:
            raise ContextMismatch(NCA_CONTEXT_MISMATCH, f"no such {type} here", ran=Ran.NO)
        return context.value

    def store(self, value: Any, interface: UUID, type: str, known: Wire | None = None) -> Wire | None:
        """The handle for an object that a method returned; None closes the handle `known` that it came in as.

        An object that finds no room, or whose client is gone by now, is closed at once; Fault says so.
        """
        with self._lock:
            if value is None:
                if known is not None:
                    self._contexts.pop(known[1], None)
                return None
            if known is not None and known[1] in self._contexts:
                uuid = known[1]
            elif len(self._contexts) < self._limit and not self._over:
                uuid = self._new_uuid()
            else:
                uuid = None
            if uuid is not None:
                self._contexts[uuid] = _Context(value, interface, type)
                return 0, uuid
        _close(value, type)
        from .call import peer

        note("limit", peer=peer(), reason=f"no room for a {type}", limit="max_contexts", value=self._limit)
        raise Fault(NCA_REMOTE_NO_MEMORY, f"more than {self._limit} context handles in one association", ran=Ran.YES)

    def run_down(self) -> int:
        """The client is gone: close what it left open, each object once. Says how many there were."""
        with self._lock:
            self._over = True
            left, self._contexts = list(self._contexts.values()), {}
        for context in left:
            _close(context.value, context.type)
        return len(left)


def _close(value: Any, type: str) -> None:
    try:
        close = getattr(value, "close", None)
        if close is not None:
            close()
    except Exception as error:  # one object that fails to close must not keep the others open
        note("rundown_failed", type=type, failure=error)


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
