"""Floods: connections that come and go without a call, and words about calls that there are not."""

from __future__ import annotations

from typing import Any

import pytest

import lrpc
from lrpc.transports.errors import TransportError

WATCHDOG = 20.0
pytestmark = pytest.mark.parametrize("face", ["blocking", "followers", "asyncio"], indirect=True)


@pytest.fixture
def host(face: str, hosts: Any) -> Any:
    """A server that forgives two connections without a call, besides those that time forgives."""
    host = hosts(face, limits=lrpc.Limits(max_idlers=2))
    host.server.register(host.service)
    return host


def goes_unanswered(intrude: Any, binding: str, raw: Any) -> bool:
    """A connection that breaks the protocol: is it ended without the answer that this deserves?"""
    try:
        with intrude(binding) as intruder:
            return intruder.say(raw.bind()[:8] + b"\x14\0\0\0" + bytes(8)).rest() == []
    except TransportError:  # it had ended before it began
        return True


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncacn_np", "memory"], indirect=True)
def test_who_floods_a_server_with_connections_is_turned_away_and_forgiven_in_time(
    host: Any, transport: str, binding_for: Any, calculator: Any, raw: Any, intrude: Any, until: Any
) -> None:
    binding = str(host.listen(binding_for(transport)))
    with lrpc.connect(calculator.CalculatorClient, binding, timeout=WATCHDOG) as client:
        assert client.Add(2, 3) == 5
        until(lambda: goes_unanswered(intrude, binding, raw))
        assert client.Add(3, 4) == 7

    def admitted() -> bool:
        try:
            with lrpc.connect(calculator.CalculatorClient, binding, timeout=WATCHDOG) as fresh:
                return fresh.Add(4, 5) == 9  # type: ignore[no-any-return]
        except lrpc.RpcError as error:
            return error.ran is not lrpc.Ran.NO

    until(admitted)


def test_connections_with_a_call_never_shut_the_door(
    host: Any, binding_for: Any, transport: str, calculator: Any
) -> None:
    binding = str(host.listen(binding_for(transport)))
    for number in range(20):
        with lrpc.connect(calculator.CalculatorClient, binding, timeout=WATCHDOG) as client:
            assert client.Add(number, 1) == number + 1


def test_cancels_of_no_call_end_the_connection_when_there_is_no_end_of_them(
    host: Any, binding_for: Any, calculator: Any, raw: Any, intrude: Any, syntax: Any
) -> None:
    binding = str(host.listen(binding_for("ncacn_ip_tcp")))
    with (
        lrpc.connect(calculator.CalculatorClient, binding, timeout=WATCHDOG) as client,
        intrude(binding) as intruder,
    ):
        assert intruder.say(raw.bind(raw.item(syntax))).next().ptype == raw.ACK
        intruder.say(raw.pdu(raw.CANCEL, call_id=7) * 30)
        assert intruder.say(raw.request()).next().ptype == raw.RESPONSE
        intruder.squeeze(raw.pdu(raw.CANCEL, call_id=7) * 1000)
        assert intruder.rest() == []
        assert client.Add(2, 3) == 5
