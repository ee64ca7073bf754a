"""What outcomes of calls are to who waits for them."""

from __future__ import annotations

from typing import Any

import pytest

import lrpc
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.outcomes import dismissal, dropped, ended, late, over, settled
from lrpc.runtime.status import Ran


def reply(text: bytes, release: Any = None) -> Any:
    return text, Encoding.NDR, release


def test_outcomes_are_replies_or_raised() -> None:
    assert settled(reply(b"x"))[0] == b"x"
    with pytest.raises(lrpc.Fault):
        settled(lrpc.Fault(5))
    dropped(lrpc.Fault(5))
    dropped(reply(b"x"))


def test_the_end_of_a_connection_says_that_others_may_have_run() -> None:
    assert ended(lrpc.ConnectionLost("x", ran=Ran.NO)).ran is Ran.UNKNOWN
    assert isinstance(ended(lrpc.BadStubData("x")), lrpc.ProtocolError)
    assert isinstance(ended(lrpc.DeadlineExceeded("x")), lrpc.ConnectionLost)


def test_a_call_on_a_connection_that_had_ended_surely_did_not_run() -> None:
    error = over(lrpc.ConnectionLost("gone"))
    assert isinstance(error, lrpc.ConnectionLost)
    assert error.before
    assert error.ran is Ran.NO
    assert dismissal().ran is Ran.NO


def test_a_late_answer_says_whether_the_call_ran() -> None:
    released: list[int] = []
    assert late(None).ran is Ran.UNKNOWN
    assert late(lrpc.CallCancelled(ran=Ran.NO)).ran is Ran.NO
    assert late(reply(b"", lambda: released.append(1))).ran is Ran.YES
    assert released == [1]
