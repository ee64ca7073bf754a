"""SIGTERM ends a server in order, and only where nobody else has a use for it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from lrpc.runtime.serving.signals import interrupted_by_term, told_of_term


@pytest.fixture(autouse=True)
def default_again() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_term_interrupts_and_is_itself_again_afterwards() -> None:
    with pytest.raises(KeyboardInterrupt), interrupted_by_term():
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_term_calls_in_the_loop_and_is_itself_again_afterwards() -> None:
    async def wait() -> None:
        told = asyncio.Event()
        with told_of_term(asyncio.get_running_loop(), told.set):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(told.wait(), 20)

    asyncio.run(wait())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_programs_own_handler_stays() -> None:
    def own(*_: object) -> None:
        raise LookupError

    signal.signal(signal.SIGTERM, own)
    with interrupted_by_term():
        assert signal.getsignal(signal.SIGTERM) is own

    async def nested() -> None:
        with told_of_term(asyncio.get_running_loop(), lambda: None):
            assert signal.getsignal(signal.SIGTERM) is own

    asyncio.run(nested())


def test_other_threads_leave_signals_alone() -> None:
    seen: list[object] = []

    def inside() -> None:
        with interrupted_by_term():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join(20)
    assert seen == [signal.SIG_DFL]
