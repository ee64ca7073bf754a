"""A thread for each connection: it is there with the connection, and gone with it."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

import lrpc


def test_each_connection_has_a_thread(calculator: ModuleType, binding_for: Any, transport: str, until: Any) -> None:
    with lrpc.Server() as server:
        server.register(calculator.Service(calculator.World()))
        binding = server.listen(binding_for(transport))
        server.start()
        before = threading.active_count()
        clients = [lrpc.connect(calculator.CalculatorClient, str(binding)) for _ in range(3)]
        assert [client.Add(1, 1) for client in clients] == [2, 2, 2]
        assert threading.active_count() == before + 3
        for client in clients:
            client.close()
        until(lambda: threading.active_count() == before)
