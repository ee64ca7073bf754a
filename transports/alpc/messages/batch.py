"""Batches: many small messages in one packet, for a hundredth of the system calls.

A packet is a frame of type BATCH, whose data is one run of messages after the other:
      0  u16 n             messages
      2  u16 type          of all of them: one that has a payload
      4  u32 message_id    of the first, never 0; the others follow it
      8  u16 size[n]       octets of each; then the octets of all
and a BATCH without data comes behind the last packet: as long as it lies in the socket the port stays readable, so
that whoever polls comes back for the messages that the packets held.
`Batch` is the sender's end, `Unbatched` the receiver's; what needs more than octets (a view, a handle) goes alone.
"""

from __future__ import annotations

import contextlib
import struct
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, repeat
from types import TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, cast

from ...errors import BadFrame, Disconnected, InvalidParameter, MessageTooLong
from ...seam import Buffer
from .message import BATCH, FRAME, FRAME_SIZE, HEADER_SIZE, NO_CLIENT_ID, PAYLOAD_TYPES, TYPE_PLACE, PortMessage
from .port_message import LPC_DATAGRAM, LPC_REPLY, LPC_REQUEST

if TYPE_CHECKING:
    from ..message_port import MessagePort
    from ..port import CommunicationPort
    from ..received import Message

_SIZE: Final = struct.Struct("<H")
_RUN: Final = struct.Struct("<HHI")
_ENTRY_SIZE: Final = _SIZE.size
"""Octets in front of the messages of a run, for each of them."""
_BATCH_TYPE: Final = BATCH.to_bytes(2, "little")
_LAST_ID: Final = 0xFFFFFFFF
_SHAPES: Final = 32
"""Sequences of sizes that the receiver remembers how to cut: who sends batches sends the like again."""
_SHAPE_SIZE: Final = 2048
"""Octets of the longest of them: a megabyte is the most that peers make it remember."""


class Run(NamedTuple):
    """Messages of one type with ids that follow each other."""

    kind: int
    first: int
    datas: list[Buffer]


Keep: TypeAlias = "Callable[[int, int, Buffer], None]"
"""Sends a packet, of that type, message id and data, or keeps it until there is room."""
Packet = tuple[int, int, Buffer]
"""Type, message id (0: any) and data of what is to be sent."""


class Batch:
    """Messages for one peer that go together, when `flush` is called or the `with` block ends; one thread's.

    datagram: adds a datagram; its data must not change before it is sent.
    """

    def __init__(self, port: CommunicationPort, timeout: float | None = None, keep: Keep | None = None) -> None:
        """timeout: seconds that each packet may wait for room when the `with` block ends. keep: a server's way to send,
        which never waits."""
        self._port = port
        self._timeout = timeout
        self._keep = keep
        self._datagrams: list[Buffer] = []
        self._runs: list[Run] = []
        self._packets: deque[Packet] = deque()
        self.datagram: Final[Callable[[Buffer], None]] = self._datagrams.append

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.flush(self._timeout)

    def __len__(self) -> int:
        """Messages that wait, and packets of such as could not be sent."""
        return len(self._datagrams) + sum(len(run.datas) for run in self._runs) + len(self._packets)

    def send(self, data: Buffer, message_id: int = 0, type: int = LPC_REQUEST) -> int:
        """Adds a message; its id: `message_id`, or a fresh one for 0. Raises MessageTooLong, and adds nothing."""
        if len(data) > self._port.max_message:
            raise MessageTooLong(f"{len(data)} octets, the peer takes {self._port.max_message}")
        self._end_datagrams()
        message_id = message_id or self._port.fresh_ids()
        last = self._runs[-1] if self._runs else None
        if last is not None and last.kind == type and message_id == last.first + len(last.datas):
            last.datas.append(data)
        else:
            self._runs.append(Run(type, message_id, [data]))
        return message_id

    def reply(self, message: PortMessage | Message, data: Buffer) -> None:
        """Adds the answer to a request. Raises what `Message.reply` does."""
        if isinstance(message, PortMessage):
            self.send(data, message.message_id, LPC_REPLY)
        else:
            message.reply(data, batch=self)

    def of(self, port: CommunicationPort) -> Batch:
        """Where messages for a port's peer go. Raises InvalidParameter for another port."""
        if port is not self._port:
            raise InvalidParameter(f"a batch of {self._port!r}, not of {port!r}")
        return self

    def flush(self, timeout: float | None = None) -> None:
        """Sends what waits. Raises Disconnected, TimedOut (what was not sent still waits).

        Raises MessageTooLong where a datagram was longer than the peer takes; all others have been sent then.
        """
        too_long = self._pack()
        while self._packets:
            kind, message_id, data = self._packets[0]
            if self._keep is None:
                self._port.send_message(data, message_id, kind, None, timeout)
            else:
                self._keep(kind, message_id, data)
            self._packets.popleft()
        self._complain(too_long)

    def flush_now(self) -> bool:
        """Sends what needs no waiting; whether that was all. Raises Disconnected, MessageTooLong (as `flush`)."""
        too_long = self._pack()
        while self._packets:
            kind, message_id, data = self._packets[0]
            if not self._port.send_message_now(data, message_id, kind):
                break
            self._packets.popleft()
        self._complain(too_long)
        return not self._packets

    def _end_datagrams(self) -> None:
        """Numbers the datagrams that wait: what is added next goes behind them."""
        count = len(self._datagrams)
        if count:
            self._runs.append(Run(LPC_DATAGRAM, self._port.fresh_ids(count), self._datagrams[:]))
            self._datagrams.clear()

    def _pack(self) -> list[int]:
        """Makes packets of what waits; the sizes of those that cannot be sent."""
        self._end_datagrams()
        if not self._runs:
            return []
        runs, self._runs = self._runs, []
        most = self._port.max_message
        self._packets += packets(runs, most)
        too_long = [len(data) for _, _, data in self._packets if len(data) > most]
        if too_long:
            self._packets = deque(packet for packet in self._packets if len(packet[2]) <= most)
        return too_long

    def _complain(self, too_long: list[int]) -> None:
        if too_long:
            raise MessageTooLong(f"datagrams of {too_long} octets, the peer takes {self._port.max_message}")


class Batches(Protocol):
    """A batch, or one for each of many peers."""

    def of(self, port: MessagePort) -> Batch:
        """Where messages for a port's peer go."""
        ...


class ServerBatch:
    """Answers to many clients; those to each go together when the `with` block ends. One thread's."""

    def __init__(self) -> None:
        self._batches: dict[MessagePort, Batch] = {}

    def __enter__(self) -> ServerBatch:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.flush()

    def __len__(self) -> int:
        """Messages that wait."""
        return sum(map(len, self._batches.values()))

    def of(self, port: MessagePort) -> Batch:
        """The batch for one client."""
        batch = self._batches.get(port)
        if batch is None:
            batch = self._batches[port] = port.batch()
        return batch

    def reply(self, message: Message, data: Buffer) -> None:
        """Adds the answer to a request. Raises what `Message.reply` does."""
        message.reply(data, batch=self)

    def flush(self) -> None:
        """Sends what waits; a client that has gone needs none of it. Raises QuotaExceeded for who takes nothing."""
        batches, self._batches = self._batches, {}
        for batch in batches.values():
            with contextlib.suppress(Disconnected):
                batch.flush()


def is_last(frame: bytes) -> bool:
    """Whether a frame is what comes behind the last packet of a batch."""
    return len(frame) == FRAME_SIZE and frame[TYPE_PLACE] == _BATCH_TYPE


class Unbatched:
    """Stands in for a port's recv as long as messages of a packet are left."""

    def __init__(self, messages: list[PortMessage], done: Callable[[], None]) -> None:
        messages.reverse()
        self._messages = messages
        self._done = done

    def __call__(self, size: int, flags: int = 0) -> bytes:
        """The frame of the next message."""
        message = self._messages.pop()
        if not self._messages:
            self._done()
        size = len(message.data)
        return FRAME.pack(size, size + HEADER_SIZE, message.type, NO_CLIENT_ID, message.message_id, 0, 0) + message.data

    def rest(self) -> list[PortMessage]:
        """All that are left."""
        self._done()
        self._messages.reverse()
        return self._messages


_new = cast("Callable[..., PortMessage]", tuple.__new__)  # pyright: ignore[reportUnknownMemberType]
"""PortMessage._make without its own look at the length, which is half of its time."""


def packets(runs: Iterable[Run], most: int) -> Iterator[Packet]:
    """What is to be sent: packets of no more than `most` octets, but for a message that is longer, which is alone."""
    held, room, batched = list[Run](), most, False
    for part, size in (part for run in runs for part in _parts(run, most)):
        if size > room and held:
            yield (packet := _packet(held))
            batched = batched or packet[0] == BATCH
            held, room = [], most
        held.append(part)
        room -= size
    yield (packet := _packet(held))
    if batched or packet[0] == BATCH:
        yield BATCH, 0, b""


def _parts(run: Run, most: int) -> Iterator[tuple[Run, int]]:
    """A run, cut into such as fit in a packet, with their sizes there."""
    kind, first, datas = run
    size = _RUN.size + _ENTRY_SIZE * len(datas) + sum(map(len, datas))
    if size <= most or len(datas) == 1:
        yield run, size
        return
    ends = [*accumulate((_ENTRY_SIZE + len(data) for data in datas), initial=_RUN.size)]
    start = 0
    while start < len(datas):
        end = max(start + 1, bisect_right(ends, ends[start] - _RUN.size + most) - 1)
        yield Run(kind, first + start, datas[start:end]), ends[end] - ends[start] + _RUN.size
        start = end


def _packet(runs: list[Run]) -> Packet:
    kind, first, datas = runs[0]
    if len(runs) == len(datas) == 1:  # alone it is shorter as it is, and may be as long as `most`
        return kind, first, datas[0]
    octets: list[Buffer] = []
    for kind, first, datas in runs:
        count = len(datas)
        octets.append(struct.pack(f"<HHI{count}H", count, kind, first, *map(len, datas)))
        octets += datas
    return BATCH, 0, b"".join(octets)


def unpack(data: bytes) -> list[PortMessage]:
    """The messages of a packet. Raises BadFrame."""
    messages: list[PortMessage] = []
    at = 0
    while at < len(data):
        at = _unpack_run(data, at, messages)
    return messages


def _unpack_run(data: bytes, at: int, messages: list[PortMessage]) -> int:
    """Adds the messages of the run that begins there; where it ends."""
    if len(data) - at < _RUN.size:
        raise BadFrame(f"{len(data) - at} octets of a batch that are no messages")
    count, kind, first = _RUN.unpack_from(data, at)
    start = at + _RUN.size + _ENTRY_SIZE * count
    shape = _shape_of(data[at + _RUN.size : start], count)
    end: int = start + shape.size
    if not count or kind not in PAYLOAD_TYPES or not first or first + count - 1 > _LAST_ID or end > len(data):
        raise BadFrame(f"{count} messages of type {kind:#x} from {first} on, in a batch of {len(data)} octets")
    pieces = shape.unpack_from(data, start)
    fields = zip(repeat(kind), range(first, first + count), pieces, repeat(None), repeat(0), strict=False)
    messages += map(_new, repeat(PortMessage), fields)
    return end


def _shape_of(sizes: bytes, count: int) -> struct.Struct:
    """How to cut the octets of messages of these sizes."""
    if len(sizes) != _ENTRY_SIZE * count:
        raise BadFrame(f"{count} messages in the {len(sizes)} octets that are left of a batch")
    return _shape(sizes) if len(sizes) <= _SHAPE_SIZE else _shape.__wrapped__(sizes)


@lru_cache(_SHAPES)
def _shape(sizes: bytes) -> struct.Struct:
    return struct.Struct("".join([f"{size}s" for (size,) in _SIZE.iter_unpack(sizes)]))
