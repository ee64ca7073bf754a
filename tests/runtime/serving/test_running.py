"""A call of an asyncio server: given up once, and only while its method runs."""

from __future__ import annotations

import asyncio
from types import ModuleType
from typing import Any
from uuid import uuid4

import lrpc
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.serving.running import Running
from lrpc.runtime.session import Answer, Call


class Session:
    """As much of one as a call needs."""

    contexts = ContextTable(uuid4, 1)


def call(calculator: ModuleType, opnum: int, stub: bytes) -> Call:
    registry = Registry(100)
    registry.register(calculator.AsyncService(calculator.World()))
    interface = calculator.Calculator.interface
    return Call(1, 0, registry.find(interface.uuid, interface.version, opnum, None, ""), stub, Encoding.NDR)


async def answered(running: Running, made: Call) -> Answer:
    session: Any = Session()
    return await running.answer(session, made)


def test_a_call_that_nobody_gives_up_is_answered(calculator: ModuleType) -> None:
    answer = asyncio.run(answered(Running(one_way=False), call(calculator, 0, b"\2\0\0\0\3\0\0\0")))
    assert answer == [b"\5\0\0\0"]


def test_a_call_that_is_given_up_is_cancelled_once(calculator: ModuleType) -> None:
    async def run() -> tuple[Answer, int]:
        running = Running(one_way=False)
        answering = asyncio.create_task(answered(running, call(calculator, 9, b"\1\0\0\0")))
        while running.task is None:
            await asyncio.sleep(0)
        running.give_up()
        running.give_up()
        return await answering, answering.cancelling()

    fault, left = asyncio.run(run())
    assert isinstance(fault, lrpc.CallCancelled)
    assert left == 0


def test_a_call_that_has_ended_cannot_be_given_up(calculator: ModuleType) -> None:
    async def run() -> None:
        running = Running(one_way=False)
        await answered(running, call(calculator, 0, b"\2\0\0\0\3\0\0\0"))
        running.give_up()
        await asyncio.sleep(0)

    asyncio.run(run())
