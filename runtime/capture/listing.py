"""Captured calls as lines for people: `lrpc capture --read`.

Operations have names where their interface is known: the stock ones, and those that the caller has stubs of.
"""

from __future__ import annotations

import importlib
import pkgutil
import time
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from ..status import fault_name, status_name
from .calls import CapturedCall, Reader
from .pcapng import BadCapture

if TYPE_CHECKING:
    from ..operation import Interface, Operation

HEADINGS: Final = ("time", "seen by", "connection", "operation", "sent", "received", "ms", "status")


class Listing:
    """The lines of a file. modules: stubs whose interfaces are known beside the stock ones."""

    def __init__(self, modules: Iterable[ModuleType] = ()) -> None:
        self._given = {found.uuid: found for module in modules for found in interfaces_in(module)}
        self._reader = Reader()

    @property
    def unread(self) -> int:
        """Packets that were no PDUs."""
        return self._reader.unread

    def rows(self, path: str) -> Iterator[tuple[str, ...]]:
        """A row for each call in a file, as HEADINGS says; OSError, and BadCapture for what is none."""
        with open(path, "rb") as file:
            try:
                for call in self._reader.calls(file):
                    yield self.row(call)
            except BadCapture as error:
                raise BadCapture(f"{path}: {error}") from error

    def row(self, call: CapturedCall) -> tuple[str, ...]:
        """One call."""
        lasted = "" if call.duration is None else f"{call.duration / 1e6:.3f}"
        sizes = f"{call.sent}", f"{call.received}"
        who = plain(call.side), plain(call.connection)
        return moment(call.time), *who, self.name(call), *sizes, lasted, self.status(call)

    def name(self, call: CapturedCall) -> str:
        """`Interface.Operation` as far as it is known, else UUID and number."""
        known = self._interface(call)
        name = known.name if known is not None else str(call.interface or "unknown interface")
        if call.opnum is None:
            return f"bind {name}"
        operation = self._operation(call)
        return f"{name} opnum {call.opnum}" if operation is None else f"{name}.{operation.name}"

    def status(self, call: CapturedCall) -> str:
        """How the call ended: `ok`, a status that the operation returned, a fault, or `no answer`."""
        if call.refused:
            return call.refused
        if call.fault is not None:
            return f"fault {fault_name(call.fault)} ({call.fault:#010x})"
        if call.duration is None:
            return "no answer"
        operation = self._operation(call)
        returned = int.from_bytes(call.tail, "little")
        if operation is None or operation.family is None or len(call.tail) < 4 or not returned:
            return "ok"
        return f"{status_name(returned, operation.family)} ({returned:#010x})"

    def _interface(self, call: CapturedCall) -> Interface | None:
        uuid = None if call.interface is None else call.interface.uuid
        return None if uuid is None else self._given.get(uuid) or stock().get(uuid)

    def _operation(self, call: CapturedCall) -> Operation[Any] | None:
        known = self._interface(call)
        return None if known is None or call.opnum is None else known.by_opnum.get(call.opnum)


def moment(nanoseconds: int) -> str:
    """A time of day, local, with microseconds."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{rest // 1000:06}"


def plain(text: str) -> str:
    """A text of the file as a terminal may have it: whoever wrote the file may have meant the terminal."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def interfaces_in(module: ModuleType) -> Iterator[Interface]:
    """The interfaces of a stub module."""
    from ..operation import Interface

    for value in vars(module).values():
        found = getattr(value, "interface", None) if isinstance(value, type) else None
        if isinstance(found, Interface):
            yield found


@cache
def stock() -> dict[UUID, Interface]:
    """The interfaces that lrpc has stubs of."""
    from .. import interfaces

    names = [found.name for found in pkgutil.iter_modules(interfaces.__path__, f"{interfaces.__name__}.")]
    return {found.uuid: found for name in names for found in interfaces_in(importlib.import_module(name))}
