"""Watches a loop from a thread of its own: a method that blocks it is logged, with the line that it is at."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from typing import Final

from ..journal import note

BEAT: Final = 1.0
"""Seconds between two signs of life."""
BLOCKED: Final = 2.0
"""Seconds without one that are too many: all clients have waited for so long."""


class LoopWatch:
    """For the running loop, from now until `close`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()
        self._over = threading.Event()
        self._beat()
        threading.Thread(target=self._watch, name="lrpc watch", daemon=True).start()

    def close(self) -> None:
        """Watch no more; in the loop."""
        self._over.set()
        self._timer.cancel()

    def _beat(self) -> None:
        self._last = time.monotonic()
        self._timer = self._loop.call_later(BEAT, self._beat)

    def _watch(self) -> None:
        told = 0.0
        while not self._over.wait(BEAT):
            last = self._last
            silent = time.monotonic() - last
            if silent >= BLOCKED and last != told:
                told = last
                note("blocked", seconds=round(silent, 1), place=self._place())

    def _place(self) -> str:
        """The line that the loop's thread is at."""
        frame = sys._current_frames().get(self._thread_id)  # pyright: ignore[reportPrivateUsage]
        return "" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
