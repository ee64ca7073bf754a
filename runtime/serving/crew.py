"""The threads of a blocking server, and how it waits for their end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any


class Crew:
    """Daemon threads that are waited for together."""

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()
        self._lock = threading.Lock()

    def spawn(self, target: Callable[..., None], *arguments: Any) -> None:
        """Run `target` in a thread of its own. RuntimeError when the machine has no more."""
        thread = threading.Thread(target=self._run, args=(target, arguments), name="lrpc", daemon=True)
        with self._lock:
            thread.start()
            self._threads.add(thread)

    def join(self, until: float) -> None:
        """Wait for the end of all threads but this one, until a time of `time.monotonic`."""
        with self._lock:
            threads = [thread for thread in self._threads if thread is not threading.current_thread()]
        for thread in threads:
            thread.join(max(until - time.monotonic(), 0))

    def includes_this(self) -> bool:
        """Is the thread that asks one of them?"""
        with self._lock:
            return threading.current_thread() in self._threads

    def _run(self, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        try:
            target(*arguments)
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
