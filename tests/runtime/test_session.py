"""What the sessions of both protocols share."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime.call import Caller
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ncacn import SyntaxId
from lrpc.runtime.ncacn.security import AuthLevel
from lrpc.runtime.session import caller_of, offers
from lrpc.transports.seam import Peer


def test_caller_is_the_peer_by_the_kernels_word() -> None:
    connection: Any = SimpleNamespace(peer=Peer(7, 8, 9, (10,), "there"))
    found = caller_of(connection, "ncacn_np")
    assert found == Caller("ncacn_np", 7, 8, 9, (10,), "there", level=AuthLevel.PRIVACY)
    connection.peer = Peer(address="there")
    assert caller_of(connection, "ncacn_ip_tcp") == Caller("ncacn_ip_tcp", address="there")


def test_interface_that_is_not_served_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lrpc.server"):
        assert not offers(Registry(1), SyntaxId(UUID(int=5), 1, 0), "here", Caller("ncacn_np"))
    assert [record.event for record in caplog.records] == ["refused"]  # type: ignore[attr-defined]
