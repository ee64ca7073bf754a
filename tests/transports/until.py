"""Waiting for another thread to get there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

WATCHDOG = 20.0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WATCHDOG
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        os.sched_yield()
