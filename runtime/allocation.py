"""Arrays that are filled where they are sent from: shared memory of a connection, without a copy.

What makes it so is the port (`transports/alpc/memory/in_place.py`), which knows its own memory again among the parts
of a call; a network has none, and there it is memory like any other. So a call means the same either way.
"""

from __future__ import annotations

from typing import overload

from .call import Room, caller
from .status import ArgumentError
from .stub import AsyncClient, Client


class Allocation:
    """Octets to fill and to send, as often as one likes; `with` gives the buffer, and gives it back at the end.

    While a call that has them is under way, another call with them copies them, and what is written to them may or may
    not reach the other end. Where nobody has `buffer` any more it comes back by itself.
    """

    def __init__(self, room: Room | None, size: int) -> None:
        self._room = room
        self.buffer = memoryview(bytearray(size)) if room is None else room.buffer
        """`size` octets, writable. May hold what was sent before."""

    def __repr__(self) -> str:
        return f"<Allocation {'in memory of our own' if self._room is None else 'in shared memory'}>"

    @property
    def shared(self) -> bool:
        """Is it shared memory? Otherwise it is copied when it is sent."""
        return self._room is not None

    def close(self) -> None:
        """Give the octets back; `buffer` cannot be used any more."""
        if self._room is None:
            self.buffer.release()
        else:
            self._room.close()

    def __enter__(self) -> memoryview:
        return self.buffer

    def __exit__(self, *_: object) -> None:
        self.close()


@overload
def allocate(client: Client | AsyncClient, size: int) -> Allocation: ...
@overload
def allocate(size: int, /) -> Allocation: ...
def allocate(client: Client | AsyncClient | int, size: int = 0) -> Allocation:
    """Room for a byte array or an array of numbers of `size` octets, to be filled and given to calls of `client`.

    Over ALPC it is in shared memory, and a call sends it in the same time whatever its size. A slice of it is copied,
    and so is all of it over a connection that was made anew since. ArgumentError for a size below 1; RpcError when
    the connection's shared memory has no room.

        with lrpc.allocate(recorder, 64 << 20) as buffer:
            file.readinto(buffer)
            recorder.Store(buffer)

    Without a client: room for the result of the method that runs now. It is sent after the method has returned, so it
    is not to be given back by `with`: that happens by itself. LookupError outside of a call.

        def Load(self, n: int) -> memoryview:
            buffer = lrpc.allocate(n).buffer
            self.file.readinto(buffer)
            return buffer
    """
    wanted = client if isinstance(client, int) else size
    if wanted < 1:
        raise ArgumentError(f"an allocation of {wanted} octets")
    if not isinstance(client, int):
        return Allocation(client._channel.allocate(wanted), wanted)  # pyright: ignore[reportPrivateUsage]
    room = caller().room
    return Allocation(None if room is None else room(wanted), wanted)
