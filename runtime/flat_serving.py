"""The server's end of flat calls: see `flat.py` for what they are. Used by `plain_serving.py`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..transports.alpc import LPC_REPLY, LPC_REQUEST
from .dispatch import Method, unfit
from .flat import MIDDLE, REQUEST, REQUEST_HEADER, RESPONSE, RESPONSE_TYPE, SHORT_RESPONSE, sizes_of
from .plain import REQUEST_SIZE, RESPONSE_SIZE
from .runner import Answer, failure

if TYPE_CHECKING:
    from ..transports.alpc.frames import Frames
    from ..transports.traffic import Traffic
    from .cancelling import Cancelling
    from .contexts import ContextTable
    from .operation import Flat

PLAIN: Final = MIDDLE.pack(0, 0, 0, 0)
"""The middle of a flat request."""


class Serving(NamedTuple):
    """What the flat calls of a session have in common; finish: says any answer, gives what is left to be sent."""

    port: Frames
    contexts: ContextTable
    traffic: Traffic
    cancelling: Cancelling
    finish: Callable[[int, int, Answer], bytes]


class Served(NamedTuple):
    """An operation that is served: its method, and what its frames begin with, and end in."""

    method: Method
    function: Callable[..., Any]
    size: int
    """Octets of a request."""
    sizes: bytes
    """To be unpacked before MessageId, `PLAIN`, the call id, and what is called."""
    values: struct.Struct
    """To be unpacked behind that."""
    response: struct.Struct
    prefix: bytes
    """To be packed with MessageId, `RESPONSE_TYPE`, the call id and the result."""
    short_response: struct.Struct
    """Of a lane."""

    def answer(self, result: object, given: tuple[Any, ...]) -> Answer:
        """What a result is, if it fits."""
        try:
            return [self.response.pack(b"", 0, 0, 0, result)[RESPONSE_SIZE:]]
        except Exception as error:
            operation = self.method.operation
            return unfit(operation, operation.ndr.response.explained_value((result,), given, error))


def served(method: Method, flat: Flat, client_id: bytes) -> Served:
    """Of an operation with such stubs."""
    return Served(
        method,
        method.function,
        struct.calcsize(REQUEST + flat.request),
        sizes_of(REQUEST_SIZE, flat.request, LPC_REQUEST),
        struct.Struct(f"<{flat.request}"),
        struct.Struct(RESPONSE + flat.response),
        sizes_of(RESPONSE_SIZE, flat.response, LPC_REPLY) + client_id,
        struct.Struct(SHORT_RESPONSE + flat.response),
    )


def serving(
    what: Served, session: Serving, let_out: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
) -> Callable[[bytes], bytes | None]:
    """What serves the frames of an operation: see `PlainServing._plain_reply`.

    let_out: what a method raises that is no answer.
    """
    method, function, size, sizes, values, response, prefix, _ = what
    _, contexts, traffic, cancelling, finish = session
    header, unpack, pack, misfit = REQUEST_HEADER.unpack_from, values.unpack_from, response.pack, struct.error
    pending = cancelling.pending

    def serve(frame: bytes) -> bytes | None:
        try:
            first, message_id, kind, call_id = header(frame)
            given = unpack(frame, REQUEST_SIZE)
        except misfit:
            return None
        if first != sizes or kind != PLAIN or not message_id or len(frame) != size:
            return None
        cancelling.now = call_id
        traffic.calls_in += 1
        traffic.packets_in += 1
        traffic.octets_in += size
        try:
            result = function(*given)
        except let_out:
            raise
        except BaseException as error:
            return finish(message_id, call_id, failure(method, given, error, contexts))
        try:
            reply = pack(prefix, message_id, RESPONSE_TYPE, call_id, result)
        except Exception:  # `answer` says what does not fit
            return finish(message_id, call_id, what.answer(result, given))
        if pending:
            return finish(message_id, call_id, what.answer(result, given))
        traffic.packets_out += 1
        traffic.octets_out += len(reply)
        return reply

    return serve


def uncount(traffic: Traffic, frame: bytes) -> None:
    """A call that was counted is going to be counted again."""
    traffic.calls_in -= 1
    traffic.packets_in -= 1
    traffic.octets_in -= len(frame)
