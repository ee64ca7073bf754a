"""SIGTERM and SIGINT end a server in order, and only where nobody else has a use for them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrpc.runtime.serving.signals import ended_by_interrupt, interrupted_by_term, told_of_term

BLOCKING = """
import lrpc
with lrpc.Server() as server:
    server.listen("ncacn_ip_tcp:127.0.0.1[0]")
    server.serve_forever()
"""
ASYNCHRONOUS = """
import asyncio
import lrpc

async def main():
    async with lrpc.AsyncServer() as server:
        await server.listen("ncacn_ip_tcp:127.0.0.1[0]")
        await server.serve_forever()

asyncio.run(main())
"""


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("program", [BLOCKING, ASYNCHRONOUS], ids=["blocking", "asyncio"])
def test_both_faces_end_in_silence(program: str, number: int, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(tmp_path / "notify"))
        told.settimeout(60)
        with subprocess.Popen(
            [sys.executable, "-c", program],
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "notify")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server:
            assert told.recv(99) == b"READY=1"
            server.send_signal(number)
            assert server.communicate(timeout=60) == ("", None)
    assert server.returncode == 0


def test_an_interrupt_ends_the_block_and_not_the_task() -> None:
    async def wait() -> str:
        before = signal.getsignal(signal.SIGINT)
        with ended_by_interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(20)
            raise AssertionError("it goes on")
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        assert signal.getsignal(signal.SIGINT) is before
        return "what comes behind it"

    assert asyncio.run(wait()) == "what comes behind it"


def test_a_second_interrupt_ends_the_program() -> None:
    async def wait() -> None:
        with ended_by_interrupt():
            try:
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(20)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                await asyncio.sleep(20)

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(wait())


def test_what_else_cancels_the_task_does() -> None:
    async def wait(interrupt: bool) -> None:
        task = asyncio.current_task()
        assert task is not None
        with ended_by_interrupt():
            if interrupt:
                os.kill(os.getpid(), signal.SIGINT)
            task.cancel()
            await asyncio.sleep(20)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(wait(False))
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(wait(True))


def test_an_interrupt_that_cancels_another_task_goes_its_way() -> None:
    async def inside() -> None:
        with ended_by_interrupt():
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(20)

    async def grouped() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(inside())

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(grouped())
