from __future__ import annotations

from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.outbox import Outbox, Outgoing
from lrpc.transports.alpc.quota import HANDLE_COST, MESSAGE_COST, Account, Pool
from lrpc.transports.errors import Disconnected, QuotaExceeded, TimedOut


class Port:
    """A port whose peer takes so many messages, and with a reserve any."""

    def __init__(self, room: int = 0, pool: int = 4 * (MESSAGE_COST + 1)) -> None:
        self.room = room
        self.pool = Pool(Account(2 * pool), pool, None)
        self.sent: list[tuple[bytes, int]] = []
        self.waits: list[bool] = []

    def transmit(self, outgoing: Outgoing, sequence: int, reserve: int) -> bool:
        if self.room < 0:
            raise Disconnected("gone")
        if not self.room and not reserve:
            return False
        self.room -= not reserve
        self.sent.append((bytes(outgoing.data), sequence))
        return True

    def wait_for_room(self, timeout: float, *, or_input: bool) -> None:
        self.waits.append(or_input)


def outbox_of(port: Any, **options: Any) -> Outbox:
    kept = options.get("kept")
    return Outbox(port, port.pool, kept, options.get("read", lambda: True))


def datagram(data: bytes) -> Outgoing:
    return Outgoing(alpc.LPC_DATAGRAM, 1, data=data)


def test_messages_are_counted_as_they_are_sent() -> None:
    port = Port(room=2)
    outbox = outbox_of(port)
    for data in (b"a", b"b"):
        outbox.send(datagram(data), None)
    assert port.sent == [(b"a", 1), (b"b", 2)]
    assert outbox.sequence == 2


def test_a_server_keeps_what_is_not_taken_and_sends_it_in_order() -> None:
    port, told = Port(room=1), list[bool]()
    outbox = outbox_of(port, kept=lambda: told.append(True))
    for data in (b"a", b"b", b"c"):
        outbox.send(datagram(data), None)
    assert (len(outbox), len(told)) == (2, 2)
    port.room = 1
    outbox.send(datagram(b"d"), None)
    assert (len(outbox), [data for data, _ in port.sent]) == (2, [b"a", b"b"])
    port.room = 9
    outbox.flush()
    assert port.sent == [(b"a", 1), (b"b", 2), (b"c", 3), (b"d", 4)]
    assert len(outbox) == 0


def test_what_is_smaller_does_not_overtake_what_waits() -> None:
    class Narrow(Port):
        def transmit(self, outgoing: Outgoing, sequence: int, reserve: int) -> bool:
            return len(outgoing.data) < 10 and super().transmit(outgoing, sequence, reserve)

    port = Narrow(room=9)
    outbox = outbox_of(port, kept=lambda: None)
    outbox.send(datagram(bytes(10)), None)
    outbox.send(datagram(b"small"), None)
    assert (len(outbox), port.sent) == (2, [])


def test_what_is_kept_counts_with_its_descriptors() -> None:
    assert Outgoing(alpc.LPC_REPLY, 1, data=bytes(10), handles=[0, 1]).cost == MESSAGE_COST + 10 + 2 * HANDLE_COST


def test_a_server_keeps_only_so_much() -> None:
    outbox = outbox_of(Port(), kept=lambda: None)
    for _ in range(4):
        outbox.send(datagram(b"x"), None)
    with pytest.raises(QuotaExceeded):
        outbox.send(datagram(b"x"), None)
    assert [outgoing.data for outgoing in outbox.clear()] == [b"x"] * 4
    outbox.send(datagram(b"x"), None)
    assert len(outbox) == 1


def test_what_is_kept_is_a_copy() -> None:
    outbox = outbox_of(Port(), kept=lambda: None)
    data = bytearray(b"x")
    outbox.send(Outgoing(alpc.LPC_DATAGRAM, 1, data=data), None)
    data[:] = b"y"
    assert outbox.clear()[0].data == b"x"


def test_a_client_reads_while_it_waits_for_room() -> None:
    port = Port()
    reads: list[int] = []

    def read() -> bool:
        reads.append(1)
        port.room = len(reads) == 3
        return len(reads) < 3

    outbox_of(port, read=read).send(datagram(b"x"), None)
    assert port.sent == [(b"x", 1)]
    assert port.waits == [True, True, False]


def test_a_client_waits_no_longer_than_it_may() -> None:
    with pytest.raises(TimedOut) as late:
        outbox_of(Port()).send(datagram(b"x"), 0.0)
    assert not late.value.sent


def test_a_reserve_goes_past_what_waits() -> None:
    port = Port()
    outbox = outbox_of(port, kept=lambda: None)
    outbox.send(datagram(b"waits"), None)
    outbox.send(datagram(b"reserved"), None, reserve=100)
    assert port.sent == [(b"reserved", 1)]
    assert len(outbox) == 1


def test_the_end_of_the_connection_is_told() -> None:
    outbox = outbox_of(Port(room=-1), kept=lambda: None)
    with pytest.raises(Disconnected):
        outbox.send(datagram(b"x"), None)
    assert outbox.sequence == 0


def test_a_message_goes_by_its_callback_if_it_has_one() -> None:
    assert (Outgoing(1, 7).number, Outgoing(1, 7, 9).number) == (7, 9)
