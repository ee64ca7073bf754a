from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from lrpc.transports.security import thread

WATCHDOG = 20.0


def test_ids_change_in_one_thread_only(root: None) -> None:
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
        other.submit(os.geteuid).result(WATCHDOG)
        assert one.submit(become, 1000).result(WATCHDOG) == (1000, 1000, [7, 8])
        assert other.submit(os.geteuid).result(WATCHDOG) == os.geteuid() == 0
        assert one.submit(become_root).result(WATCHDOG) == (0, 0)
        thread.set_dumpable(1)


def become(uid: int) -> tuple[int, int, list[int]]:
    thread.set_groups([7, 8])
    thread.set_gid(uid)
    thread.set_uid(uid)
    return os.geteuid(), os.getegid(), os.getgroups()


def become_root() -> tuple[int, int]:
    thread.set_uid(0)
    thread.set_gid(0)
    thread.set_groups([])
    return os.geteuid(), os.getegid()


def test_changing_ids_makes_a_process_unreadable_until_it_is_told_otherwise(root: None) -> None:
    def change() -> tuple[int, int]:
        thread.set_uid(1000)
        changed = thread.dumpable()
        thread.set_uid(0)
        thread.set_dumpable(1)
        return changed, thread.dumpable()

    with ThreadPoolExecutor(1) as one:
        assert one.submit(change).result(WATCHDOG) == (0, 1)


def test_who_is_not_root_becomes_nobody_else(as_other: Callable[..., Any]) -> None:
    assert as_other(1000, lambda: failure(thread.set_uid, 1001)) == errno.EPERM
    assert as_other(1000, lambda: failure(thread.set_groups, [4])) == errno.EPERM


def test_a_machine_whose_numbers_are_not_known_has_no_such_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thread.platform, "machine", lambda: "pdp11")
    assert failure(thread.set_uid, os.geteuid()) == errno.ENOSYS


def failure(function: Callable[[Any], None], argument: Any) -> int | None:
    try:
        function(argument)
    except OSError as error:
        return error.errno
    return None
