"""The benchmarks over TCP run whole and small; what they measure is told, and what is missing is left out."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

import pytest

from benchmarks import hostile_client, idle_connections, many_clients, measure, network_call, network_peers
from benchmarks.network_servers import EVERY_KIND, KINDS


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the peers that are no part of Python, and without binding this process to a processor."""
    monkeypatch.setattr(network_peers, "missing", lambda: ["impacket", "grpc"])
    for module in (network_call, hostile_client, measure):
        monkeypatch.setattr(module, "pin", lambda which, role: None)


def test_calls_are_held_against_the_peers_that_there_are() -> None:
    rows = network_call.run("free", rounds=1)
    assert [row.work for row in rows] == ["add over TCP, times as fast as multiprocessing.connection (free)"]
    assert rows[0].met is None
    assert rows[0].ratio > 0


def test_every_kind_of_server_has_a_row_for_the_crowd_and_the_best_is_held_to_the_goal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(many_clients, "CLIENTS", 2)
    monkeypatch.setattr(many_clients, "ROUNDS", 1)
    rows = many_clients.run(seconds=0.02)
    assert len(rows) == len(EVERY_KIND)
    assert [row.goal for row in rows].count("at least 1.8") == 1
    assert max(rows, key=lambda row: row.ratio).goal == "at least 1.8"


def test_idle_connections_cost_what_the_server_has_more_of() -> None:
    rows = idle_connections.run(connections=20)
    assert len(rows) == len(KINDS)
    assert [row.goal for row in rows if row.work.endswith("server threads")] == [""]


@pytest.mark.parametrize("attack", hostile_client.ATTACKS)
def test_an_attack_is_measured_against_none(monkeypatch: pytest.MonkeyPatch, attack: str) -> None:
    monkeypatch.setattr(hostile_client, "ROUNDS", 1)
    monkeypatch.setattr(hostile_client, "SECONDS", 0.02)
    row = hostile_client.row("asyncio", attack)
    assert row.goal == "over 0.90"
    assert row.ratio > 0


def test_rows_of_another_process_come_back() -> None:
    (row,) = measure.apart(one_row, "work")
    assert row.work == "work"


def one_row(work: str) -> list[measure.Row]:
    return [measure.Row(work, "", "", 1.0, "", None, 0.0)]


def test_several_calls_are_made_at_once() -> None:
    import asyncio

    made, most, now = 0, 0, 0

    async def add() -> None:
        nonlocal made, most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0)
        now -= 1
        made += 1

    asyncio.run(network_call.several(add, 4, 16))
    assert (made, most) == (16, 4)


def test_the_pickle_peer_adds() -> None:
    with measure.peer(_serve, "free") as address, network_peers.pickle_client(address) as add:
        assert add() == 5


def _serve(ready: Connection) -> Any:
    network_peers.pickle_server(ready)
