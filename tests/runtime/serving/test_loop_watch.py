"""A loop that is blocked is told of, once, with the place."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from lrpc.runtime.serving import loop_watch


def test_a_blocked_loop_is_logged_with_its_place_once(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[dict[str, Any]] = []
    monkeypatch.setattr(loop_watch, "BEAT", 0.01)
    monkeypatch.setattr(loop_watch, "BLOCKED", 0.05)
    monkeypatch.setattr(loop_watch, "note", lambda event, **fields: noted.append({"event": event, **fields}))

    async def block() -> None:
        watch = loop_watch.LoopWatch()
        until = time.monotonic() + 20
        while not noted and time.monotonic() < until:  # the loop has no turn meanwhile
            time.sleep(0.01)
        time.sleep(0.1)
        watch.close()

    asyncio.run(block())
    (event,) = noted
    assert event["event"] == "blocked"
    assert event["seconds"] >= 0.05
    assert event["place"].endswith("in block")
    assert __file__ in event["place"]


def test_a_loop_that_waits_is_not_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str] = []
    monkeypatch.setattr(loop_watch, "BEAT", 0.01)
    monkeypatch.setattr(loop_watch, "BLOCKED", 5.0)
    monkeypatch.setattr(loop_watch, "note", lambda event, **fields: noted.append(event))

    async def wait() -> None:
        watch = loop_watch.LoopWatch()
        await asyncio.sleep(0.1)
        watch.close()

    asyncio.run(wait())
    assert noted == []
