"""A runner answers as dispatch does, in every encoding and for methods of both faces."""

from __future__ import annotations

import asyncio
import contextvars
from types import ModuleType
from typing import Any
from uuid import uuid4

import pytest

import lrpc
from lrpc.runtime import dispatch
from lrpc.runtime.call import Caller, set_caller
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Method, Registry
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.runner import Answer, async_runner, runner
from lrpc.runtime.status import Ran

HERE = "ncalrpc:[here]"
CALLS = ((0, (2, 3)), (1, (7, 2)), (12, ()), (11, ("bug",)), (11, ("exit",)), (11, ("none",)))


@pytest.fixture
def contexts() -> ContextTable:
    return ContextTable(uuid4, 10)


@pytest.fixture(params=["blocking", "asyncio"])
def methods(request: pytest.FixtureRequest, calculator: ModuleType) -> Any:
    """Finds the method of a number, and gives what runs it."""
    asynchronous = request.param == "asyncio"
    registry = Registry(1 << 20)
    registry.register((calculator.AsyncService if asynchronous else calculator.Service)(calculator.World()))

    def ran(opnum: int, stub: bytes, encoding: Encoding, contexts: ContextTable) -> tuple[Answer, Answer]:
        method: Method = registry.find(calculator.CALCULATOR, (1, 2), opnum, None, HERE)
        if asynchronous:
            whole = asyncio.run(dispatch.answer_async(method, stub, encoding, contexts))
            return whole, asyncio.run(async_runner(method, encoding, contexts)(stub))
        return dispatch.answer(method, stub, encoding, contexts), runner(method, encoding, contexts)(stub)

    return lambda opnum: registry.find(calculator.CALCULATOR, (1, 2), opnum, None, HERE), ran


@pytest.mark.parametrize("encoding", list(Encoding))
def test_the_runner_of_a_method_answers_as_dispatch_does(
    methods: Any, contexts: ContextTable, encoding: Encoding
) -> None:
    find, ran = methods
    for opnum, values in CALLS:
        stub = b"".join(find(opnum).operation.codecs(encoding).request.encode(values))
        whole, short = ran(opnum, stub, encoding, contexts)
        assert type(whole) is type(short)
        if isinstance(whole, lrpc.Fault):
            assert isinstance(short, lrpc.Fault)
            assert (whole.status, whole.ran) == (short.status, short.ran)
        else:
            assert b"".join(whole) == b"".join(short)
    refused = ran(0, b"", encoding, contexts)[1]
    assert isinstance(refused, lrpc.Fault)
    assert refused.ran is Ran.NO


def test_who_may_call_is_asked_on_every_call(calculator: ModuleType, contexts: ContextTable) -> None:
    asked: list[int] = []
    registry = Registry(1 << 20)
    registry.register(
        calculator.Service(calculator.World()), admit=lambda who, interface, opnum: asked.append(opnum) or True
    )
    method = registry.find(calculator.CALCULATOR, (1, 2), 0, None, HERE)
    stub = b"".join(method.operation.codecs(Encoding.NDR).request.encode((2, 3)))
    run = runner(method, Encoding.NDR, contexts)
    context = contextvars.copy_context()
    context.run(set_caller, Caller("memory"))
    for _ in range(2):
        assert not isinstance(context.run(run, stub), lrpc.Fault)
    assert asked == [0, 0]


def test_counts_that_arrays_determine_are_handed_on_by_their_names(contexts: ContextTable) -> None:
    stub: Any = lrpc.load("""
        [uuid(5f0c2a3e-93d1-4a57-8a53-0d8a4a3f7f10), version(1.0)]
        interface Sums {
            long Sum([in] long n, [in, size_is(n)] long a[], [in] long by, [in] long m, [in, size_is(m)] long b[]);
        }
    """)

    class Sums(stub.Sums):  # type: ignore[misc]
        def Sum(self, a: Any, by: int, b: Any, *, n: int, m: int) -> int:
            return by * (sum(a[:n]) - sum(b[:m])) + 10 * n + m

    registry = Registry(1 << 20)
    registry.register(Sums())
    interface = stub.Sums.interface
    method = registry.find(interface.uuid, (1, 0), 0, None, HERE)
    request = b"".join(method.operation.ndr.request.encode((2, [5, 6], 3, 1, [4])))
    answer = runner(method, Encoding.NDR, contexts)(request)
    assert not isinstance(answer, lrpc.Fault)
    assert method.operation.ndr.response.decode(b"".join(answer)) == (3 * 7 + 21,)
    assert dispatch.answer(method, request, Encoding.NDR, contexts) == answer
