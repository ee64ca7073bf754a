"""What both faces of a server share."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime import management


@pytest.mark.parametrize("made", [lrpc.Server, lrpc.AsyncServer])
def test_both_faces_take_the_same_options(made: Any) -> None:
    limits = lrpc.Limits(max_calls=3)
    server = made(limits=limits, authorize=None, capture=None, register_endpoints=False, interceptors=())
    assert server.limits is limits
    assert server.authorize is management.all_but_stop
    assert (server.bindings, server.listening, server.statistics) == ([], False, (0, 0, 0, 0))
    with pytest.raises(TypeError):
        made(unknown=1)


def test_interfaces_of_an_endpoint_are_those_registered_there(calculator: ModuleType, binding_for: Any) -> None:
    here, there = binding_for("memory"), binding_for("memory")
    with lrpc.Server() as server:
        found = server.register(calculator.Service(calculator.World()), endpoints=[here])
        server.listen(here)
        server.listen(there)
        assert server.interfaces(here) == found
        assert server.interfaces(there) == []
