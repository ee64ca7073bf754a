from __future__ import annotations

import os
import threading

import pytest

import lrpc
from lrpc.runtime.authentication.environment import environment
from tests.runtime.authentication.contexts import agreed


def test_variables_are_there_for_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRPC_TEST_OLD", "before")
    monkeypatch.delenv("LRPC_TEST_NEW", raising=False)
    with pytest.raises(KeyError), environment({"LRPC_TEST_OLD": "now", "LRPC_TEST_NEW": "now"}):
        assert (os.environ["LRPC_TEST_OLD"], os.environ["LRPC_TEST_NEW"]) == ("now", "now")
        raise KeyError
    assert os.environ["LRPC_TEST_OLD"] == "before"
    assert "LRPC_TEST_NEW" not in os.environ


def test_one_thread_at_a_time_has_them() -> None:
    seen: list[str] = []

    def have(value: str) -> None:
        for _ in range(200):
            with environment({"LRPC_TEST_MINE": value}):
                seen.append((value == os.environ["LRPC_TEST_MINE"] and "own") or "other")

    threads = [threading.Thread(target=have, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(seen) == {"own"}


def test_the_environment_is_as_it_was_after_each_step(
    authenticator: lrpc.Authenticator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTLM_USER_FILE", "/somewhere/else")
    monkeypatch.delenv("LM_COMPAT_LEVEL", raising=False)
    before = dict(os.environ)
    agreed(authenticator, "ntlm")
    assert dict(os.environ) == before
