"""Deadlines, callers, limits: what a call is."""

from __future__ import annotations

import dataclasses
import threading

import pytest

import lrpc
from lrpc.runtime.call import DEFAULT_TIMEOUT, remaining, set_caller
from lrpc.runtime.status import Ran


def test_without_a_deadline_the_timeout_holds() -> None:
    assert remaining(DEFAULT_TIMEOUT) == 30.0


def test_a_deadline_shortens_a_timeout_and_never_lengthens_it() -> None:
    with lrpc.deadline(10):
        assert 9 < remaining(30) <= 10
        assert remaining(0.5) == 0.5
        with lrpc.deadline(60):
            assert remaining(30) <= 10
        with lrpc.deadline(5):
            assert remaining(30) <= 5
        assert remaining(30) > 5
    assert remaining(30) == 30


def test_a_deadline_that_has_passed_did_not_run() -> None:
    with lrpc.deadline(-1), pytest.raises(lrpc.DeadlineExceeded) as caught:
        remaining(30)
    assert caught.value.ran is Ran.NO
    assert remaining(30) == 30


def test_a_deadline_is_the_thread_s_own() -> None:
    found: list[float] = []
    with lrpc.deadline(1):
        thread = threading.Thread(target=lambda: found.append(remaining(30)))
        thread.start()
        thread.join()
    assert found == [30]


def test_nobody_calls_outside_of_a_call() -> None:
    with pytest.raises(LookupError, match="while they serve a call"):
        lrpc.caller()


def test_the_caller_of_a_context_is_found() -> None:
    import contextvars

    def inside() -> lrpc.Caller:
        set_caller(lrpc.Caller("ncalrpc", uid=1000))
        return lrpc.caller()

    assert contextvars.copy_context().run(inside).sid == "S-1-22-1-1000"
    assert lrpc.Caller("ncacn_ip_tcp").sid is None


def test_limits_cannot_change_while_they_hold() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        lrpc.Limits().max_request = 1  # type: ignore[misc]
    assert all(getattr(lrpc.Limits(), field.name) > 0 for field in dataclasses.fields(lrpc.Limits))
