"""A request whose fragments are coming, at the server: checked, then collected or handed on. Counterpart: `client.py`.

In a call that is protected the headers of later fragments do not count, as Windows has it: what signature they bear
says whose they are.
"""

from __future__ import annotations

from .constants import CALL_HEADER_SIZE, LAST_FRAGMENT, FaultStatus
from .errors import PduError
from .events import RequestBegun, RequestContinued, RequestReceived
from .fragments import Assembly
from .limits import Limits
from .negotiation import Context
from .pdu import UUID_SIZE, Request
from .protection import Protection
from .streams import IncomingStream
from .verification import Claims, strip


class Incoming:
    """One request, from its first fragment on.

    security: the context that it comes under. streamed: its parameters are handed on as they come, whatever their size.
    Raises PduError for a fragment that was not protected by the client.
    """

    __slots__ = ("_assembly", "_stream", "first", "security")

    def __init__(self, first: Request, security: Protection | None, limits: Limits, *, streamed: bool) -> None:
        self.first = first
        self.security = security
        self._unwrap(first)
        self._stream = IncomingStream(first, limits.max_unwanted) if streamed else None
        self._assembly: Assembly[Request] | None = None
        if not streamed:
            denied = FaultStatus.ACCESS_DENIED
            self._assembly = Assembly(first, limits.max_request, limits, denied, (first.opnum, first.object))

    @property
    def streamed(self) -> bool:
        """Handed on as it comes."""
        return self._stream is not None

    @property
    def guard(self) -> Protection | None:
        """What protects its fragments."""
        return self.security if self.security is not None and self.security.guards else None

    def add(self, request: Request, context: Context | None, *, wanted: bool) -> RequestContinued | None:
        """The next fragment: what it tells of a request that is handed on. wanted: nothing has answered it."""
        self._unwrap(request)
        first = self.first
        if self.guard:
            request.context_id, request.opnum, request.object = first.context_id, first.opnum, first.object
        if self._stream is not None:
            if request.flags & LAST_FRAGMENT and context is not None:
                request.stub = self._stripped(request.stub, context)
            return self._stream.take(request, wanted=wanted)
        assert self._assembly is not None
        self._assembly.add(request, (request.opnum, request.object))
        return None

    def received(self, context: Context) -> RequestReceived:
        """The request, whole."""
        assert self._assembly is not None
        first, stub = self.first, self._stripped(self._assembly.stub(), context)
        call = (first.call_id, first.context_id, first.opnum, first.object)
        return RequestReceived(*call, stub, first.order, first.flags, self.security)

    def begun(self) -> RequestBegun:
        """What the first fragment tells of a request that is handed on."""
        first = self.first
        call = (first.call_id, first.context_id, first.opnum, first.object)
        return RequestBegun(*call, first.stub, first.order, self.security)

    def _unwrap(self, request: Request) -> None:
        try:
            if self.guard:
                self.guard.unwrap(request, CALL_HEADER_SIZE + (UUID_SIZE if request.object else 0))
            elif request.auth and self.security is None:
                raise PduError("a fragment is authenticated and its call is not", status=FaultStatus.ACCESS_DENIED)
        except PduError as error:
            error.context_id = self.first.context_id
            raise

    def _stripped(self, stub: bytes, context: Context) -> bytes:
        if self.guard is None:
            return stub
        return strip(stub, Claims(self.guard.sign_header, context, self.first))
