"""A request between who receives it and who reads it."""

from __future__ import annotations

import pytest

import lrpc
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.pipes.feed import FULL, Feed


def test_parts_come_in_their_order_and_then_the_error() -> None:
    feed = Feed(Encoding.NDR)
    assert feed.take() is None
    feed.put(b"a", last=False)
    feed.put(b"b", last=True)
    feed.fail(lrpc.ConnectionLost("gone"))
    feed.fail(lrpc.ConnectionLost("again"))
    parts = [feed.take(), feed.take()]
    assert [(part.stub, part.last) for part in parts if part] == [(b"a", False), (b"b", True)]
    with pytest.raises(lrpc.ConnectionLost, match="gone"):
        feed.take()


def test_feed_is_full_until_something_is_taken() -> None:
    feed = Feed(Encoding.NDR)
    feed.put(bytes(FULL), last=False)
    assert feed.full
    feed.take()
    assert not feed.full


def test_who_waits_is_woken_by_parts_and_errors() -> None:
    feed, woken = Feed(Encoding.NDR), list[int]()
    feed.wake = lambda: woken.append(1)
    feed.put(b"a", last=False)
    feed.fail(lrpc.ConnectionLost("gone"))
    assert woken == [1, 1]
