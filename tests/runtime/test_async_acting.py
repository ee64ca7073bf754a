"""What an asyncio client has besides its twin in acting several users: cancelling. The rest: `test_acting.py`."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.pdu_wire import PduWire

WATCHDOG = 20.0


@pytest.mark.parametrize("how", ["cancelled", "late"])
def test_a_user_that_is_introduced_half_way_costs_the_connection_and_no_more(
    hosts: Any, binding_for: Any, calculator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (tmp_path / "users").write_text("DOM:ann:word\nDOM:bob:word\n")
    host = hosts("asyncio", authenticator=lrpc.Authenticator(users=tmp_path / "users"))
    host.server.register(host.service)
    binding = str(host.listen(binding_for("ncacn_ip_tcp")))
    entered, go, authenticate = threading.Event(), threading.Event(), PduWire.authenticate

    def slow(wire: PduWire, begun: bytes, timeout: float) -> Any:
        entered.set()
        assert go.wait(WATCHDOG)
        return authenticate(wire, begun, timeout)

    def security(name: str) -> lrpc.Security:
        return lrpc.Security(authentication="ntlm", credentials=lrpc.Credentials(name, "word", "DOM"))

    async def use() -> None:
        async with lrpc.connect(calculator.AsyncCalculatorClient, binding, security=security("ann")) as ann:
            assert await ann.Add(1, 1) == 2
            before = ann.connection
            monkeypatch.setattr(PduWire, "authenticate", slow)
            timeout = 0.05 if how == "late" else WATCHDOG
            acting = asyncio.ensure_future(_awaited(lrpc.acting_as(ann, security("bob"), timeout=timeout)))
            await asyncio.to_thread(entered.wait, WATCHDOG)
            if how == "cancelled":
                acting.cancel()
            with pytest.raises(asyncio.CancelledError if how == "cancelled" else lrpc.DeadlineExceeded):
                await acting
            go.set()
            assert await ann.Add(1, 2) == 3
            assert ann.connection is not before

    asyncio.run(use())


async def _awaited(connecting: Any) -> Any:
    return await connecting
