"""The server's end of flat calls: see `flat.py` for what they are. Used by `plain_serving.py`."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..transports.alpc import LPC_REPLY, LPC_REQUEST
from .dispatch import Method, unfit
from .flat import MIDDLE, READ_REQUEST, REQUEST, RESPONSE, RESPONSE_TYPE, sizes_of
from .plain import REQUEST_SIZE, RESPONSE_SIZE
from .runner import Answer, failure

if TYPE_CHECKING:
    from ..transports.traffic import Traffic
    from .cancelling import Cancelling
    from .contexts import ContextTable
    from .operation import Flat


def serving(
    method: Method,
    flat: Flat,
    contexts: ContextTable,
    client_id: bytes,
    traffic: Traffic,
    cancelling: Cancelling,
    finish: Callable[[int, int, Answer], bytes],
) -> Callable[[bytes], bytes | None]:
    """What serves a server's calls of one binding: see `PlainServing._plain_reply`; finish: says any answer."""
    function, misfit = method.function, struct.error
    sizes, middle = sizes_of(REQUEST_SIZE, flat.request, LPC_REQUEST), MIDDLE.pack(0, 0, 0, 0)
    prefix = sizes_of(RESPONSE_SIZE, flat.response, LPC_REPLY) + client_id
    unpack, pack = struct.Struct(READ_REQUEST + flat.request).unpack, struct.Struct(RESPONSE + flat.response).pack
    size, reply_size = struct.calcsize(REQUEST + flat.request), struct.calcsize(RESPONSE + flat.response)
    pending = cancelling.pending

    def serve(frame: bytes) -> bytes | None:
        try:
            first, message_id, kind, call_id, *values = unpack(frame)
        except misfit:
            return None
        if first != sizes or kind != middle or not message_id:
            return None
        cancelling.now = call_id
        traffic.calls_in += 1
        traffic.packets_in += 1
        traffic.octets_in += size
        try:
            result = function(*values)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return finish(message_id, call_id, failure(method, tuple(values), error, contexts))
        try:
            reply = pack(prefix, message_id, RESPONSE_TYPE, call_id, result)
        except Exception as error:
            why = method.operation.ndr.response.explained_value((result,), values, error)
            return finish(message_id, call_id, unfit(method.operation, why))
        if pending:
            return finish(message_id, call_id, [reply[RESPONSE_SIZE:]])
        traffic.packets_out += 1
        traffic.octets_out += reply_size
        return reply

    return serve
