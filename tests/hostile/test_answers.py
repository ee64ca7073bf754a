"""Answers that lie, given to a client's engine (R11, R12 of docs/threats.md): each cut and changed at every octet."""

from __future__ import annotations

import tracemalloc
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from lrpc.runtime import ncacn

NAMES = ("response", "first half", "fault", "bind_ack", "bind_nak", "alter_context_resp", "shutdown")


def engine(raw: Any) -> tuple[ncacn.ClientAssociation, list[int]]:
    """A client's engine that waits for the answers to two calls."""
    client = ncacn.ClientAssociation()
    syntax = ncacn.SyntaxId(uuid.UUID(int=1), 1, 0)
    client.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])])
    client.receive_data(raw.ack(flags=0x13))
    for call_id in (2, 3):
        client.request(call_id, 0, 0, b"")
    return client, [2, 3]


def judge(raw: Any, octets: bytes) -> None:
    """Whatever octets come: each call is answered once at most, and what nobody waits for is the end."""
    client, waiting = engine(raw)
    events = client.receive_data(octets)
    for event in events:
        if isinstance(event, ncacn.ResponseReceived | ncacn.FaultReceived):
            waiting.remove(event.call_id)
    assert len(client.unanswered) == (0 if client.closed else len(waiting))
    assert sum(isinstance(event, ncacn.ConnectionFailed | ncacn.BindRefused) for event in events) == client.closed
    assert len(client._inbox.octets) <= len(octets)


@pytest.mark.parametrize("name", NAMES)
def test_r11_every_answer_cut_anywhere_waits_for_its_end(raw: Any, name: str) -> None:
    octets = raw.answers()[name]
    for cut in range(len(octets)):
        client, waiting = engine(raw)
        assert client.receive_data(octets[:cut]) == []
        assert len(client.unanswered) == len(waiting)
        judge(raw, octets[:cut])


@pytest.mark.parametrize("name", NAMES)
def test_r11_every_answer_changed_anywhere_is_an_answer_or_the_end(
    raw: Any, name: str, mutate: Callable[..., Any]
) -> None:
    octets = raw.answers()[name]
    for at in range(len(octets)):
        for value in (0, 1, 2, 3, 0x7F, 0x80, 0xFE, 0xFF, octets[at] ^ 1, octets[at] ^ 0x10):
            judge(raw, octets[:at] + bytes([value]) + octets[at + 1 :])
    for mutant in mutate(octets * 2, 500, seed=12):
        judge(raw, mutant)


def test_r12_what_fragments_without_end_take_is_at_most_twice_the_limit(raw: Any) -> None:
    client = ncacn.ClientAssociation(limits=ncacn.Limits(max_response=1 << 20))
    client.bind([ncacn.ContextRequest(0, ncacn.SyntaxId(uuid.UUID(int=1), 1, 0), [ncacn.NDR])])
    client.receive_data(raw.ack(flags=0x13))
    client.request(2, 0, 0, b"")
    client.receive_data(raw.response(2, bytes(5000), flags=1))
    tracemalloc.start()
    while not client.closed:
        client.receive_data(raw.response(2, bytes(5000), flags=0))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 << 19 < peak < 2 << 20
