"""SIGTERM and SIGINT end a server in order, unless the program has something else in mind for them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from ..journal import note

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


@contextmanager
def ended_by_interrupt() -> Generator[None, None, None]:
    """SIGINT inside ends the block, where the program has it cancel this task, as asyncio.run does.

    A second one goes its way, and so does what cancels the task besides.
    """
    from asyncio import CancelledError, current_task  # servers without a loop do without

    task, before = current_task(), signal.getsignal(signal.SIGINT)
    if task is None or not callable(before) or threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = False

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        cancelled = task.cancelling()
        before(number, frame)
        interrupted |= task.cancelling() > cancelled

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except CancelledError:
        if not interrupted or task.uncancel():
            raise
        note("interrupted")
    finally:
        if signal.getsignal(signal.SIGINT) is interrupt:
            signal.signal(signal.SIGINT, before)
