"""rpcecho: the service that test suites of RPC look for, one operation for each kind of parameter.

`rpcecho.idl` says what each operation does. No call keeps another one waiting, and what a client may ask for has a
bound: Samba's service once let anybody block a worker by TestSleep (CVE-2023-42669).
"""

from __future__ import annotations

import asyncio
from typing import Final, TypeAlias

import lrpc
from lrpc.runtime import stub as rpc

from . import rpcecho

STATUS_INVALID_LEVEL: Final = 0xC0000148
NCA_OUT_ARGS_TOO_BIG: Final = 0x1C010013
NCA_SERVER_TOO_BUSY: Final = 0x1C010014

Info: TypeAlias = (
    rpcecho.info1_t
    | rpcecho.info2_t
    | rpcecho.info3_t
    | rpcecho.info4_t
    | rpcecho.info5_t
    | rpcecho.info6_t
    | rpcecho.info7_t
)

MAX_SOURCE: Final = 16 << 20
"""Octets that SourceData gives; its request says any number in four."""
MAX_SLEEP: Final = 60
"""Seconds that TestSleep sleeps."""

_LEVELS: Final[dict[int, Info]] = {
    1: rpcecho.info1_t(10),
    2: rpcecho.info2_t(20),
    3: rpcecho.info3_t(30),
    4: rpcecho.info4_t(40),
    5: rpcecho.info5_t(50, 60),
    6: rpcecho.info6_t(70, rpcecho.info1_t(80)),
    7: rpcecho.info7_t(80, rpcecho.info4_t(90)),
}
"""What TestCall2 gives."""


class Echo(rpcecho.Asyncrpcecho):
    """All ten operations."""

    async def AddOne(self, in_data: int) -> int:
        return (in_data + 1) & 0xFFFFFFFF

    async def EchoData(self, in_data: rpc.Octets, *, len: int = 0) -> bytes:
        return bytes(in_data)

    async def SinkData(self, data: rpc.Octets, *, len: int = 0) -> None:
        return None

    async def SourceData(self, len: int) -> bytes:
        if len > MAX_SOURCE:
            raise lrpc.Fault(NCA_OUT_ARGS_TOO_BIG)
        return (bytes(range(256)) * (len // 256 + 1))[:len]

    async def TestCall(self, s1: str) -> str:
        return s1

    async def TestCall2(self, level: int) -> rpcecho.TestCall2Result:
        if level not in _LEVELS:
            raise lrpc.StatusError(STATUS_INVALID_LEVEL, family="ntstatus")
        return rpcecho.TestCall2Result(_LEVELS[level], 0)

    async def TestSleep(self, seconds: int) -> int:
        if seconds > MAX_SLEEP:
            raise lrpc.Fault(NCA_SERVER_TOO_BUSY)
        await asyncio.sleep(seconds)
        return seconds

    async def TestEnum(
        self, foo1: rpcecho.enum1_t | int, foo2: rpcecho.enum2_t, foo3: rpcecho.enum1_t | int | rpcecho.enum2_t
    ) -> rpcecho.TestEnumResult:
        return rpcecho.TestEnumResult(foo1, rpcecho.enum2_t(rpcecho.enum1_t.ENUM_2, foo2.e2), foo3)

    async def TestSurrounding(self, data: rpcecho.surrounding_t) -> rpcecho.surrounding_t:
        count = 2 * data.x
        return rpcecho.surrounding_t(x=count, surrounding=[0] * count)

    async def TestDoublePointer(self, data: int | None) -> int:
        return data or 0
