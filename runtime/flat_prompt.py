"""The flat call of an asyncio client that is alone on its connection: packed, sent, looked for and parsed in one step.

Nothing is awaited while the answer comes as soon as it is looked for (`looking.py`); else the call is waited for by a
`Prompt`, as any other. The frames, and the way of a blocking client: `flat.py`. Used by `lrpc_wire.py`, and, as far as
the connection's other calls go, by `async_channel.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import error as misfit
from typing import TYPE_CHECKING, Any, NamedTuple

from ..transports.errors import TransportError
from .call import ends
from .carrier import Awaited, Calling
from .flat import Ends, Way

if TYPE_CHECKING:
    from .prompt import Places, Prompt
    from .wire import Arrival


class Hands(NamedTuple):
    """What the calls of a channel share."""

    prompts: dict[int, Prompt[Any]]
    waiting: dict[int, Any]
    """The calls that are under way."""
    sending: Places
    """Free, while nothing is being sent."""
    look: Callable[[Callable[[], bytes | None]], bytes | None]
    """As `Looking.look`."""
    waits: Callable[[int], Prompt[Any]]
    """A call has been sent, and its answer has not come."""
    heard: Callable[[int, Callable[[], list[Arrival]]], Prompt[Any]]
    """The same, and what has come is something else; that may raise RpcError, at the end of the connection."""


def calling_now(
    frames: Ends,
    way: Way,
    hands: Hands,
    heard: Callable[[int, bytes | TransportError], Prompt[Any]],
) -> Calling:
    """What makes a client's calls: from values to the result, or to what is awaited for it; None: nothing has happened.

    heard: what waits for a call that has another answer than expected, or an error.
    """
    pack, prefix, suffix = frames.request.pack, frames.prefix, frames.target
    unpack, sizes, middle = frames.response.unpack, frames.sizes, frames.middle
    next_call_id, unsaid = way.next_call_id, way.unsaid
    prompts, waiting, sending, look, waits, _ = hands
    send, receive = way.port.send_frame_now, way.port.receive_frame_now

    def call(values: tuple[Any, ...]) -> Any:
        if prompts or waiting or unsaid or not sending.free or ends() is not None:
            return None
        key = next_call_id()
        try:
            frame = pack(prefix, key, key, suffix, *values)
        except Exception:  # the general way says what does not fit
            return None
        try:
            if not send(frame):
                return None
        except TransportError:  # it says this, too
            return None
        try:
            answer = look(receive)
        except TransportError as error:
            return Awaited(heard(key, error))
        if answer is None:
            return Awaited(waits(key))
        try:
            first, message_id, kind, call_id, result = unpack(answer)
        except misfit:
            return Awaited(heard(key, answer))
        if message_id == key == call_id and first == sizes and kind == middle:
            return result
        return Awaited(heard(key, answer))

    return call
