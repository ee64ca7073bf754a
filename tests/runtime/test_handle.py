"""Context handles at a client, without a server."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import stub as rpc
from lrpc.runtime.handle import Handle, wire_of
from lrpc.runtime.status import Ran

WIRE = (0, UUID(int=7))
IN = rpc.In("tally", rpc.ContextHandle("TALLY"))
IN_OUT = rpc.InOut("tally", rpc.ContextHandle("TALLY"))
COUNT: rpc.Operation[Any] = rpc.Operation(0, "Count", IN)


def handle() -> Handle:
    return Handle(WIRE, "TALLY", None, None)


def test_an_open_handle_is_its_octets() -> None:
    assert wire_of(COUNT, IN, handle()) == WIRE


def test_none_is_a_handle_that_is_to_be_opened() -> None:
    assert wire_of(COUNT, IN_OUT, None) is None
    with pytest.raises(lrpc.ArgumentError):
        wire_of(COUNT, IN, None)


def test_a_closed_handle_is_no_argument() -> None:
    closed = handle()
    closed.close()
    assert closed.closed
    with pytest.raises(lrpc.ArgumentError, match="tally is closed") as caught:
        wire_of(COUNT, IN, closed)
    assert caught.value.ran is Ran.NO


def test_a_lost_handle_says_that_its_connection_took_it() -> None:
    lost = handle()
    lost.lose()
    assert lost.lost
    assert lost.closed
    with pytest.raises(lrpc.ContextMismatch, match="died with its connection") as caught:
        wire_of(COUNT, IN, lost)
    assert caught.value.ran is Ran.NO
    lost.close()
