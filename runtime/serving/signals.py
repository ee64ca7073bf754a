"""SIGTERM ends a server in order, unless the program has something else in mind for it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop


def _is_ours() -> bool:
    """Only the main thread is told of signals, and nobody has asked for this one."""
    in_main = threading.current_thread() is threading.main_thread()
    return in_main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@contextmanager
def interrupted_by_term() -> Generator[None, None, None]:
    """SIGTERM inside is a KeyboardInterrupt, as SIGINT is."""
    ours = _is_ours()
    if ours:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def told_of_term(loop: AbstractEventLoop, stop: Callable[[], None]) -> Generator[None, None, None]:
    """SIGTERM inside calls `stop` in the loop."""
    ours = _is_ours()
    if ours:
        loop.add_signal_handler(signal.SIGTERM, stop)
    try:
        yield
    finally:
        if ours:
            loop.remove_signal_handler(signal.SIGTERM)
