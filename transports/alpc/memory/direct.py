"""Direct access: what a request lets its server read and write in its sender's memory, while the sender waits.

Behind the data of such a request stands, at DataInfoOffset from the start of the header, PORT_DATA_INFORMATION
      0  u32 CountDataEntries, u32 0; then for each entry
         u64 Base, u32 Size, u32 flags          flags are ours: READ_ONLY, ASK_TO_WRITE
and behind it, ours as well, u64 where the sender has a nonce, and its 16 octets.

The sender keeps an Offer until the request is over, the receiver its Entries. Laws:
- nothing but the listed ranges is reached, whichever way: both ends check index and size;
- the way that always works is to ask: pull messages, which the sender's waiting thread serves from its Offer;
- where the kernel lets us read the sender's nonce, or the sender gave us a descriptor of its memory, that is used
  instead (`process_memory.py`), and asking remains for what that cannot do.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from ...errors import AccessDenied, BadFrame, InvalidParameter, MessageTooLong
from ...seam import Buffer
from ..messages.message import HEADER_SIZE, REQUEST_TYPES
from ..messages.port_message import TYPE_MASK, PortMessageHeader

if TYPE_CHECKING:
    from .process_memory import Nonce, Reach

MAX_ENTRIES: Final = 64
"""Entries of one request; each takes 16 octets of its message."""
MAX_PULL: Final = 60_000
"""Octets that one pull message moves: it and its answer fit in a frame."""
MAX_READ: Final = 64 << 20
"""Octets that one call reads: as many as the largest call has. A sender may say that it has more."""
READ_ONLY: Final = 1
"""Flag of an entry: it may not be written."""
ASK_TO_WRITE: Final = 2
"""Flag of an entry: it is not written but by asking, since its sender may stop waiting."""

_COUNT: Final = struct.Struct("<I4x")
_ENTRY: Final = struct.Struct("<QII")
_NONCE: Final = struct.Struct("<Q16s")
_PULL: Final = struct.Struct("<IIQQ")
"""What to do, index, offset, size; then what is to be written."""
_STATUS: Final = struct.Struct("<I")
_READ: Final = 1
_WRITE: Final = 2
_REFUSALS: Final = {kind.status: kind for kind in (AccessDenied, InvalidParameter)}

Ask = Callable[[bytes], bytes]
"""Sends a pull message to the request's sender, and gives what its thread answers."""


class Entry(NamedTuple):
    """PORT_DATA_ENTRY, and what may be done with it."""

    base: int
    size: int
    flags: int = 0


class Offer:
    """The data entries of a request, at its sender."""

    def __init__(self, buffers: Sequence[Buffer], nonce: Nonce, *, patient: bool = True) -> None:
        """patient: who sends the request waits for ever.

        Raises MessageTooLong for more than MAX_ENTRIES, or one of 4 GiB.
        """
        self._views: list[memoryview] = [memoryview(buffer).cast("B") for buffer in buffers]
        self._nonce = nonce
        self._flags = 0 if patient else ASK_TO_WRITE
        if len(buffers) > MAX_ENTRIES or any(view.nbytes >> 32 for view in self._views):
            raise MessageTooLong(f"{len(buffers)} entries, {MAX_ENTRIES} is the most, of less than 4 GiB each")

    def pack(self) -> bytes:
        """PORT_DATA_INFORMATION and the nonce."""
        from .process_memory import address_of

        flags = [self._flags | READ_ONLY * view.readonly for view in self._views]
        entries = (
            _ENTRY.pack(address_of(view), view.nbytes, flag) for view, flag in zip(self._views, flags, strict=True)
        )
        nonce = _NONCE.pack(self._nonce.address, bytes(self._nonce.octets))
        return b"".join((_COUNT.pack(len(self._views)), *entries, nonce))

    def serve(self, asked: bytes) -> bytes:
        """The answer to a pull message: a status, then what was read. Any octets have an answer."""
        if len(asked) < _PULL.size:
            return refusal()
        pull: tuple[int, int, int, int] = _PULL.unpack_from(asked)
        action, index, offset, size = pull
        data = asked[_PULL.size :]
        if index >= len(self._views) or offset + size > self._views[index].nbytes or size > MAX_PULL:
            return refusal()
        view = self._views[index][offset : offset + size]
        if action == _READ and not data:
            return _STATUS.pack(0) + bytes(view)
        if action != _WRITE or len(data) != size:
            return refusal()
        if view.readonly:
            return _STATUS.pack(AccessDenied.status)
        view[:] = data
        return _STATUS.pack(0)


class Entries:
    """The data entries of a request, at its receiver. reach: another way than to ask, if there is one."""

    def __init__(self, octets: bytes) -> None:
        """From PORT_DATA_INFORMATION. Raises BadFrame, and nothing else, for any octets."""
        count = _COUNT.unpack_from(octets)[0] if len(octets) >= _COUNT.size else -1
        end = _COUNT.size + count * _ENTRY.size
        if not 0 <= count <= MAX_ENTRIES or len(octets) != end + _NONCE.size:
            raise BadFrame(f"{count} data entries in {len(octets)} octets")
        self._entries = [Entry(*found) for found in _ENTRY.iter_unpack(octets[_COUNT.size : end])]
        self.nonce_address, self.nonce = _NONCE.unpack_from(octets, end)
        self.reach: Reach | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def size_of(self, index: int) -> int:
        """Octets of an entry. Raises InvalidParameter for one that is not there."""
        return self._checked(index, 0, 0).size

    def read(self, index: int, offset: int, size: int, ask: Ask) -> bytes:
        """Octets of an entry (NtReadRequestData). Raises InvalidParameter, and what `ask` does."""
        entry = self._checked(index, offset, size)
        if size > MAX_READ:
            raise InvalidParameter(f"{size} octets at once, {MAX_READ} is the most")
        octets = bytearray(size)
        into = memoryview(octets)
        if size and (self.reach is None or not self.reach.read(entry.base + offset, into)):
            for begin in range(0, size, MAX_PULL):
                part = into[begin : begin + MAX_PULL]
                part[:] = _asked(ask, _PULL.pack(_READ, index, offset + begin, len(part)), len(part))
        return bytes(octets)

    def write(self, index: int, data: Buffer, offset: int, ask: Ask) -> None:
        """Changes octets of an entry (NtWriteRequestData). Raises InvalidParameter, AccessDenied, what `ask` does."""
        octets = memoryview(data).cast("B")
        entry = self._checked(index, offset, octets.nbytes)
        if entry.flags & READ_ONLY:
            raise AccessDenied(f"entry {index} is not to be written")
        reach = None if entry.flags & ASK_TO_WRITE else self.reach
        if reach is not None and reach.write(entry.base + offset, octets):
            return
        for begin in range(0, octets.nbytes, MAX_PULL):
            part = octets[begin : begin + MAX_PULL]
            _asked(ask, _PULL.pack(_WRITE, index, offset + begin, part.nbytes) + part, 0)

    def _checked(self, index: int, offset: int, size: int) -> Entry:
        if not 0 <= index < len(self._entries):
            raise InvalidParameter(f"entry {index} of {len(self._entries)}")
        entry = self._entries[index]
        if offset < 0 or size < 0 or offset + size > entry.size:
            raise InvalidParameter(f"{size} octets at {offset} of an entry of {entry.size}")
        return entry


def refusal() -> bytes:
    """The answer to a pull message for what is not there."""
    return _STATUS.pack(InvalidParameter.status)


def split(header: PortMessageHeader, data: bytes) -> tuple[bytes, Entries | None]:
    """The data of a message and its data entries, which only requests may have. Raises BadFrame."""
    offset = header.data_info_offset
    if not offset:
        return data, None
    if header.type & TYPE_MASK not in REQUEST_TYPES or header.callback_id:
        raise BadFrame("data entries in a message that is no request")
    begin = offset - HEADER_SIZE
    if not 0 <= begin <= len(data):
        raise BadFrame(f"data entries at {offset} of a message with {len(data)} octets of data")
    return data[:begin], Entries(data[begin:])


def _asked(ask: Ask, pull: bytes, size: int) -> bytes:
    """What the answer to a pull message brings: `size` octets. Raises its refusal, and BadFrame for another size."""
    answer = ask(pull)
    if len(answer) < _STATUS.size:
        raise BadFrame("a pull message without a status")
    (status,) = _STATUS.unpack_from(answer)
    if status:
        raise _REFUSALS.get(status, BadFrame)(f"the sender refuses, by {status:#x}")
    if len(answer) != _STATUS.size + size:
        raise BadFrame(f"{len(answer)} octets in answer to a pull message for {size}")
    return answer[_STATUS.size :]
