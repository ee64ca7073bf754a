"""Both channels are what a client calls through."""

from __future__ import annotations

import inspect

import pytest

from lrpc.runtime.async_channel import AsyncioChannel
from lrpc.runtime.carrier import AsyncChannel, Channel
from lrpc.runtime.channel import BlockingChannel


@pytest.mark.parametrize(("kind", "carrier"), [(BlockingChannel, Channel), (AsyncioChannel, AsyncChannel)])
def test_channels_have_the_methods_of_their_face(kind: type, carrier: type) -> None:
    wanted = {name: found for name, found in vars(carrier).items() if callable(found) and not name.startswith("_")}
    assert {"call", "tell", "open", "close", "has_ended"} <= wanted.keys()
    for name, found in wanted.items():
        assert inspect.iscoroutinefunction(getattr(kind, name)) is inspect.iscoroutinefunction(found)
