"""What the wires of a client have in common: errors of transports as errors of calls."""

from __future__ import annotations

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.status import Ran
from lrpc.runtime.wire import failure, lost
from lrpc.transports import errors


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.TimedOut("x"), lrpc.DeadlineExceeded),
        (errors.BadFrame("x"), lrpc.ProtocolError),
        (errors.Disconnected("x"), lrpc.ConnectionLost),
        (errors.QuotaExceeded("x"), lrpc.RpcError),
        (errors.MessageTooLong("x"), lrpc.RpcError),
        (errors.ResourcesExhausted("x"), lrpc.RpcError),
    ],
)
def test_errors_of_transports_become_errors_of_calls(error: errors.TransportError, kind: type[lrpc.RpcError]) -> None:
    assert type(lost(error)) is kind
    assert lost(error).ran is Ran.UNKNOWN
    assert lost(error, sent=False).ran is Ran.NO


@pytest.mark.parametrize(("forgeable", "ran"), [(False, Ran.NO), (True, Ran.UNKNOWN)])
def test_fault_that_anybody_may_have_sent_does_not_say_whether_the_call_ran(forgeable: bool, ran: Ran) -> None:
    """A call that is repeated because of it may be made twice."""
    too_busy = ncacn.FaultReceived(1, 0x1C010014, True, b"", forgeable)
    assert failure(too_busy).ran is ran
