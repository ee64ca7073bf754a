"""A stub as rpcgen writes it, by hand, and the service behind it: what the tests of the runtime call.

`World` is what a test sees of the service; `Service` and `AsyncService` serve it in the two faces. Loaded by the
conftest.py files beside and above, since importmode=importlib puts no folder on the search path.
"""

from __future__ import annotations

import abc
import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import lrpc
from lrpc.runtime import stub as rpc

WATCHDOG = 60.0
"""Seconds after which a wait counts as a hang."""


@dataclass(slots=True)
class Record:
    number: int
    ratio: float
    name: str | None
    tags: list[int]


class DivideResult(NamedTuple):
    quotient: int
    remainder: int


class InspectResult(NamedTuple):
    seen: int
    return_: int


class Calculator(rpc.Contract):
    @abc.abstractmethod
    def Add(self, a: int, b: int) -> int: ...
    @abc.abstractmethod
    def Divide(self, a: int, b: int) -> DivideResult: ...
    @abc.abstractmethod
    def Open(self, name: str) -> rpc.Context: ...
    @abc.abstractmethod
    def Close(self, tally: rpc.Context) -> rpc.Context: ...
    @abc.abstractmethod
    def Count(self, tally: rpc.Context) -> int: ...
    @abc.abstractmethod
    def Echo(self, data: rpc.Octets, *, n: int = rpc.AUTO) -> bytes: ...
    @abc.abstractmethod
    def Describe(self, record: Record) -> Record: ...
    @abc.abstractmethod
    def Check(self, code: int) -> str: ...
    @abc.abstractmethod
    def Inspect(self, code: int) -> InspectResult: ...
    @abc.abstractmethod
    def Wait(self, number: int) -> int: ...
    @abc.abstractmethod
    def Who(self) -> str: ...
    @abc.abstractmethod
    def Misbehave(self, how: str) -> int: ...
    @abc.abstractmethod
    def Forget(self) -> None: ...
    @abc.abstractmethod
    def Sum(self, values: Sequence[int], *, n: int = rpc.AUTO) -> int: ...
    @abc.abstractmethod
    def Linger(self, number: int) -> int: ...


class AsyncCalculator(rpc.AsyncContract):
    @abc.abstractmethod
    async def Add(self, a: int, b: int) -> int: ...
    @abc.abstractmethod
    async def Divide(self, a: int, b: int) -> DivideResult: ...
    @abc.abstractmethod
    async def Open(self, name: str) -> rpc.Context: ...
    @abc.abstractmethod
    async def Close(self, tally: rpc.Context) -> rpc.Context: ...
    @abc.abstractmethod
    async def Count(self, tally: rpc.Context) -> int: ...
    @abc.abstractmethod
    async def Echo(self, data: rpc.Octets, *, n: int = rpc.AUTO) -> bytes: ...
    @abc.abstractmethod
    async def Describe(self, record: Record) -> Record: ...
    @abc.abstractmethod
    async def Check(self, code: int) -> str: ...
    @abc.abstractmethod
    async def Inspect(self, code: int) -> InspectResult: ...
    @abc.abstractmethod
    async def Wait(self, number: int) -> int: ...
    @abc.abstractmethod
    async def Who(self) -> str: ...
    @abc.abstractmethod
    async def Misbehave(self, how: str) -> int: ...
    @abc.abstractmethod
    async def Forget(self) -> None: ...
    @abc.abstractmethod
    async def Sum(self, values: Sequence[int], *, n: int = rpc.AUTO) -> int: ...
    @abc.abstractmethod
    async def Linger(self, number: int) -> int: ...


class CalculatorClient(rpc.Client, Calculator):
    def Add(self, a: int, b: int) -> int:
        return self._call(_Add, a, b)

    def Divide(self, a: int, b: int) -> DivideResult:
        return self._call(_Divide, a, b)

    def Open(self, name: str) -> rpc.Context:
        return self._call(_Open, name)

    def Close(self, tally: rpc.Context) -> rpc.Context:
        return self._call(_Close, tally)

    def Count(self, tally: rpc.Context) -> int:
        return self._call(_Count, tally)

    def Echo(self, data: rpc.Octets, *, n: int = rpc.AUTO) -> bytes:
        return self._call(_Echo, n, data)

    def Describe(self, record: Record) -> Record:
        return self._call(_Describe, record)

    def Check(self, code: int) -> str:
        return self._call(_Check, code)

    def Inspect(self, code: int) -> InspectResult:
        return self._call(_Inspect, code)

    def Wait(self, number: int) -> int:
        return self._call(_Wait, number)

    def Who(self) -> str:
        return self._call(_Who)

    def Misbehave(self, how: str) -> int:
        return self._call(_Misbehave, how)

    def Forget(self) -> None:
        return self._call(_Forget)

    def Sum(self, values: Sequence[int], *, n: int = rpc.AUTO) -> int:
        return self._call(_Sum, n, values)

    def Linger(self, number: int) -> int:
        return self._call(_Linger, number)


class AsyncCalculatorClient(rpc.AsyncClient, AsyncCalculator):
    async def Add(self, a: int, b: int) -> int:
        return await self._call(_Add, a, b)

    async def Divide(self, a: int, b: int) -> DivideResult:
        return await self._call(_Divide, a, b)

    async def Open(self, name: str) -> rpc.Context:
        return await self._call(_Open, name)

    async def Close(self, tally: rpc.Context) -> rpc.Context:
        return await self._call(_Close, tally)

    async def Count(self, tally: rpc.Context) -> int:
        return await self._call(_Count, tally)

    async def Echo(self, data: rpc.Octets, *, n: int = rpc.AUTO) -> bytes:
        return await self._call(_Echo, n, data)

    async def Describe(self, record: Record) -> Record:
        return await self._call(_Describe, record)

    async def Check(self, code: int) -> str:
        return await self._call(_Check, code)

    async def Inspect(self, code: int) -> InspectResult:
        return await self._call(_Inspect, code)

    async def Wait(self, number: int) -> int:
        return await self._call(_Wait, number)

    async def Who(self) -> str:
        return await self._call(_Who)

    async def Misbehave(self, how: str) -> int:
        return await self._call(_Misbehave, how)

    async def Forget(self) -> None:
        return await self._call(_Forget)

    async def Sum(self, values: Sequence[int], *, n: int = rpc.AUTO) -> int:
        return await self._call(_Sum, n, values)

    async def Linger(self, number: int) -> int:
        return await self._call(_Linger, number)


_TALLY = rpc.ContextHandle("TALLY", closed_by="Close")
_Record = rpc.Struct(
    Record,
    "number" / rpc.Long,
    "ratio" / rpc.Double,
    "name" / rpc.UniquePtr(rpc.String(rpc.WChar)),
    "tags" / rpc.FixedArray(rpc.Short, 3),
)
_NAME = rpc.String(rpc.WChar)
_Add: rpc.Operation[int] = rpc.Operation(0, "Add", rpc.In("a", rpc.Long), rpc.In("b", rpc.Long), returns=rpc.Long)
_Divide: rpc.Operation[DivideResult] = rpc.Operation(
    1,
    "Divide",
    rpc.In("a", rpc.Long),
    rpc.In("b", rpc.Long),
    rpc.Out("quotient", rpc.Long),
    rpc.Out("remainder", rpc.Long),
    result=DivideResult,
)
_Open: rpc.Operation[rpc.Context] = rpc.Operation(
    2, "Open", rpc.In("name", _NAME), rpc.Out("tally", _TALLY), returns=rpc.ErrorStatus
)
_Close: rpc.Operation[rpc.Context] = rpc.Operation(3, "Close", rpc.InOut("tally", _TALLY), returns=rpc.ErrorStatus)
_Count: rpc.Operation[int] = rpc.Operation(4, "Count", rpc.In("tally", _TALLY), returns=rpc.Long)
_Echo: rpc.Operation[bytes] = rpc.Operation(
    5,
    "Echo",
    rpc.In("n", rpc.Long, auto=True),
    rpc.In("data", rpc.ConformantArray(rpc.Byte, rpc.this.n)),
    rpc.Out("back", rpc.ConformantArray(rpc.Byte, rpc.this.n)),
)
_Describe: rpc.Operation[Record] = rpc.Operation(6, "Describe", rpc.InOut("record", _Record))
_Check: rpc.Operation[str] = rpc.Operation(
    7, "Check", rpc.In("code", rpc.ULong), rpc.Out("seen", _NAME), returns=rpc.ErrorStatus
)
_Inspect: rpc.Operation[InspectResult] = rpc.Operation(
    8, "Inspect", rpc.In("code", rpc.ULong), rpc.Out("seen", rpc.Long), returns=rpc.NtStatus, result=InspectResult
)
_Wait: rpc.Operation[int] = rpc.Operation(9, "Wait", rpc.In("number", rpc.Long), returns=rpc.Long)
_Who: rpc.Operation[str] = rpc.Operation(10, "Who", rpc.Out("name", _NAME))
_Misbehave: rpc.Operation[int] = rpc.Operation(11, "Misbehave", rpc.In("how", _NAME), returns=rpc.Long)
_Forget: rpc.Operation[None] = rpc.Operation(12, "Forget")
_Sum: rpc.Operation[int] = rpc.Operation(
    13,
    "Sum",
    rpc.In("n", rpc.Long, auto=True),
    rpc.In("values", rpc.ConformantArray(rpc.UniquePtr(rpc.Long), rpc.this.n)),
    returns=rpc.Long,
)
_Linger: rpc.Operation[int] = rpc.Operation(14, "Linger", rpc.In("number", rpc.Long), returns=rpc.Long)

OPERATIONS = (
    _Add, _Divide, _Open, _Close, _Count, _Echo, _Describe, _Check, _Inspect, _Wait, _Who, _Misbehave, _Forget,
    _Sum, _Linger,
)  # fmt: skip

CALCULATOR = UUID("a2c45d1e-0d0b-4c6e-9f2a-1b2c3d4e5f60")
Calculator.interface = AsyncCalculator.interface = rpc.Interface("Calculator", CALCULATOR, (1, 2), OPERATIONS)


# Other interfaces


class Greeter(rpc.Contract):
    @abc.abstractmethod
    def Greet(self, name: str) -> str: ...


class AsyncGreeter(rpc.AsyncContract):
    @abc.abstractmethod
    async def Greet(self, name: str) -> str: ...


class GreeterClient(rpc.Client, Greeter):
    def Greet(self, name: str) -> str:
        return self._call(_Greet, name)


class AsyncGreeterClient(rpc.AsyncClient, AsyncGreeter):
    async def Greet(self, name: str) -> str:
        return await self._call(_Greet, name)


_Greet: rpc.Operation[str] = rpc.Operation(0, "Greet", rpc.In("name", _NAME), rpc.Out("greeting", _NAME))
GREETER = UUID("0f8c1c6e-5d4e-4b8b-9d55-5a3f2f6f7a11")
Greeter.interface = AsyncGreeter.interface = rpc.Interface("Greeter", GREETER, (1, 0), (_Greet,))


def client_of(interface: rpc.Interface, base: type = CalculatorClient) -> type:
    """The client class as if it had been generated from another interface."""
    return type(f"{interface.name}Client", (base,), {"interface": interface})


def versioned(major: int, minor: int) -> rpc.Interface:
    """Calculator in another version."""
    return rpc.Interface("Calculator", CALCULATOR, (major, minor), OPERATIONS)


# The service


class Tally:
    """What a context handle stands for."""

    def __init__(self, name: str, world: World) -> None:
        self.name = name
        self.count = 0
        self.world = world

    def close(self) -> None:
        self.world.closed.put(self.name)
        if self.name == "stubborn":
            raise RuntimeError("does not close")


class World:
    """What a test sees of a service and does to it."""

    def __init__(self) -> None:
        self.closed: queue.Queue[str] = queue.Queue()
        """Names of tallies, in the order they were closed."""
        self.entered: queue.Queue[int] = queue.Queue()
        """Numbers of `Wait` calls that run."""
        self.given_up: queue.Queue[int] = queue.Queue()
        """Numbers of `Linger` calls that learnt that nobody waits for them."""
        self.gates: dict[int, threading.Event] = {}
        self.data: list[Any] = []
        self.last: Any = None

    def gate(self, number: int) -> threading.Event:
        """What `Wait(number)` waits for."""
        return self.gates.setdefault(number, threading.Event())

    def has_entered(self, number: int) -> None:
        assert self.entered.get(timeout=WATCHDOG) == number

    def closed_within_watchdog(self) -> str:
        return self.closed.get(timeout=WATCHDOG)

    def release_all(self) -> None:
        for gate in self.gates.values():
            gate.set()


class Service(Calculator):
    def __init__(self, world: World) -> None:
        self.world = world

    def Add(self, a: int, b: int) -> int:
        return a + b

    def Divide(self, a: int, b: int) -> DivideResult:
        return DivideResult(*divmod(a, b))

    def Open(self, name: str) -> Tally:
        if name == "missing":
            raise lrpc.StatusError(2)
        return Tally(name, self.world)

    def Close(self, tally: Tally) -> None:
        if tally.name == "kept":
            raise lrpc.StatusError(170)
        tally.close()

    def Count(self, tally: Tally) -> int:
        tally.count += 1
        return tally.count

    def Echo(self, data: Any, *, n: int = rpc.AUTO) -> bytes:
        self.world.data.append(type(data))
        return bytes(data)

    def Describe(self, record: Record) -> Record:
        return Record(record.number + 1, record.ratio * 2, record.name and record.name[::-1], record.tags[::-1])

    def Check(self, code: int) -> str:
        if code:
            raise lrpc.StatusError(code, f"saw {code}")
        return "saw nothing"

    def Inspect(self, code: int) -> InspectResult:
        if code >= 0x80000000:
            raise lrpc.StatusError(code, 7, family="ntstatus")
        return InspectResult(7, code)

    def Wait(self, number: int) -> int:
        self.world.entered.put(number)
        assert self.world.gate(number).wait(WATCHDOG)
        return number

    def Who(self) -> str:
        self.world.last = lrpc.caller()
        return f"{lrpc.caller().transport} {lrpc.caller().pid} {lrpc.caller().uid}"

    def Misbehave(self, how: str) -> Any:
        return misbehave(how)

    def Forget(self) -> None:
        return None

    def Sum(self, values: Sequence[int], *, n: int = rpc.AUTO) -> int:
        return sum(values)

    def Linger(self, number: int) -> int:
        self.world.entered.put(number)
        until = time.monotonic() + WATCHDOG
        while not self.world.gate(number).is_set():
            assert time.monotonic() < until
            if lrpc.call_cancelled(0.01):
                self.world.given_up.put(number)
                raise lrpc.CallCancelled
        return number


RECORDS = (
    lrpc.ErrorRecord(32, lrpc.Component.APPLICATION, 17, ("drawer.dat", -3), process=4711),
    lrpc.ErrorRecord(13, 0x4C52, 1, computer="CELLAR"),
)


def misbehave(how: str) -> Any:
    if how == "bug":
        raise RuntimeError("a secret of the server")
    if how == "exit":
        raise SystemExit(3)
    if how == "denied":
        raise lrpc.AccessDenied(5)
    if how == "fault":
        raise lrpc.Fault(0x1C010017)
    if how == "records":
        raise lrpc.AccessDenied(5, "the drawer is shut", extended=RECORDS)
    if how == "status":
        raise lrpc.StatusError(87)
    if how == "cancelled":
        raise asyncio.CancelledError
    return {"text": "not a number", "none": None, "large": 1 << 40}[how]


async def through(awaitable: Coroutine[Any, Any, int]) -> None:
    """Await it to its end, whoever cancels the task."""
    task = asyncio.ensure_future(awaitable)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)


class AsyncService(AsyncCalculator):
    def __init__(self, world: World) -> None:
        self.world = world
        self._plain = Service(world)

    async def Add(self, a: int, b: int) -> int:
        return a + b

    async def Divide(self, a: int, b: int) -> DivideResult:
        return self._plain.Divide(a, b)

    async def Open(self, name: str) -> Tally:
        if name.startswith("slow"):
            await through(self.Wait(int(name[4:])))
        return self._plain.Open(name)

    async def Close(self, tally: Tally) -> None:
        return self._plain.Close(tally)

    async def Count(self, tally: Tally) -> int:
        return self._plain.Count(tally)

    async def Echo(self, data: Any, *, n: int = rpc.AUTO) -> bytes:
        return self._plain.Echo(data)

    async def Describe(self, record: Record) -> Record:
        return self._plain.Describe(record)

    async def Check(self, code: int) -> str:
        return self._plain.Check(code)

    async def Inspect(self, code: int) -> InspectResult:
        return self._plain.Inspect(code)

    async def Wait(self, number: int) -> int:
        self.world.entered.put(number)
        gate, until = self.world.gate(number), time.monotonic() + WATCHDOG
        while not gate.is_set():
            assert time.monotonic() < until
            await asyncio.sleep(0.01)  # a hundred may wait
        return number

    async def Who(self) -> str:
        await asyncio.sleep(0)
        return self._plain.Who()

    async def Misbehave(self, how: str) -> Any:
        await asyncio.sleep(0)
        return misbehave(how)

    async def Forget(self) -> None:
        return None

    async def Sum(self, values: Sequence[int], *, n: int = rpc.AUTO) -> int:
        return sum(values)

    async def Linger(self, number: int) -> int:
        try:
            return await self.Wait(number)
        except asyncio.CancelledError:
            self.world.given_up.put(number)
            raise


class Greeting(Greeter):
    def __init__(self, words: str = "hello") -> None:
        self.words = words

    def Greet(self, name: str) -> str:
        return f"{self.words} {name}"


class AsyncGreeting(AsyncGreeter):
    def __init__(self, words: str = "hello") -> None:
        self.words = words

    async def Greet(self, name: str) -> str:
        return f"{self.words} {name}"
