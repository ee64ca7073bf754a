"""What the calls of one interface may cost: how many run at once, and how long a request is.

RpcServerRegisterIf2 and RpcServerRegisterIfEx have these as MaxRpcSize and MaxCalls. A call over a limit is refused
before its request is unmarshalled, with a fault that says that it did not run; its connection stays.
"""

from __future__ import annotations

from types import TracebackType

from .call import peer
from .journal import note
from .operation import Interface
from .status import ACCESS_DENIED, NCA_SERVER_TOO_BUSY, AccessDenied, Ran, ServerTooBusy


class Quota:
    """The limits of one interface; None: those of the server. A context manager around each call. Any thread."""

    def __init__(self, interface: Interface, max_calls: int | None, max_request: int | None) -> None:
        self._name = interface.name
        self._max_calls = max_calls
        self._max_request = max_request
        self._places: list[None] | None = None if max_calls is None else [None] * max_calls

    def check(self, size: int) -> None:
        """AccessDenied for a request of so many octets, if that is too long."""
        if size > self.request(size):
            self._note("max_request", f"a request of {size} octets to {self._name}", self._max_request)
            raise AccessDenied(ACCESS_DENIED, f"a request of {size} octets is too long", ran=Ran.NO)

    def request(self, most: int) -> int:
        """The octets that a request may have, where it may have `most` anywhere."""
        return most if self._max_request is None else min(most, self._max_request)

    def __enter__(self) -> None:
        if self._places is not None:
            try:
                self._places.pop()
            except IndexError:
                self._note("max_calls", f"a call of {self._name} too many", self._max_calls)
                raise ServerTooBusy(NCA_SERVER_TOO_BUSY, ran=Ran.NO) from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._places is not None:
            self._places.append(None)

    def _note(self, limit: str, reason: str, value: int | None) -> None:
        note("limit", peer=peer(), reason=reason, limit=limit, value=value)


def quota(interface: Interface, max_calls: int | None, max_request: int | None) -> Quota | None:
    """The limits of an interface; None where it has none of its own."""
    unlimited = max_calls is None and max_request is None
    return None if unlimited else Quota(interface, max_calls, max_request)
