from __future__ import annotations

import gc

from lrpc.transports.traffic import Ledger, Traffic


class Connection:
    def __init__(self) -> None:
        self.traffic = Traffic()
        self.descriptor = 1

    def fileno(self) -> int:
        return self.descriptor


def test_traffic_of_connections_adds_up() -> None:
    total = Traffic(1, 2, 3, 4, 5, 6)
    total += Traffic(10, 20, 30, 40, 50, 60)
    assert total == Traffic(11, 22, 33, 44, 55, 66)


def test_messages_are_counted_with_their_octets() -> None:
    traffic = Traffic()
    traffic.received(10)
    traffic.received(0)
    traffic.sent(5)
    assert traffic == Traffic(packets_in=2, octets_in=10, packets_out=1, octets_out=5)


def test_a_ledger_forgets_connections_and_keeps_their_counts() -> None:
    ledger = Ledger[Connection]()
    connections = [ledger.enter(Connection()) for _ in range(1000)]
    for connection in connections:
        connection.traffic.received(2)
    connections[0].descriptor = -1
    assert ledger.present() == connections[1:]
    assert (ledger.accepted, ledger.total().octets_in) == (1000, 2000)
    del connection, connections
    gc.collect()
    assert ledger.present() == []
    assert (ledger.accepted, ledger.total().octets_in) == (1000, 2000)


def test_a_ledger_holds_no_more_than_twice_the_open_connections() -> None:
    ledger = Ledger[Connection]()
    kept = [ledger.enter(Connection()) for _ in range(100)]
    for _ in range(1000):
        ledger.enter(Connection())
    assert len(ledger._open) <= 2 * len(kept)
