"""rpcecho: its octets, which are those that Samba's own stubs write, and what each operation answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from examples.echo import rpcecho
from examples.echo.rpcecho import enum2_t, surrounding_t
from examples.echo.service import MAX_SLEEP, MAX_SOURCE, STATUS_INVALID_LEVEL, Echo
from lrpc.runtime.ndr.layout import Encoding

SURROUNDING = surrounding_t(x=3, surrounding=[1, 2, 3])
LEVELS: dict[int, Any] = {
    1: rpcecho.info1_t(10),
    2: rpcecho.info2_t(20),
    3: rpcecho.info3_t(30),
    4: rpcecho.info4_t(40),
    5: rpcecho.info5_t(50, 60),
    6: rpcecho.info6_t(70, rpcecho.info1_t(80)),
    7: rpcecho.info7_t(80, rpcecho.info4_t(90)),
}

# Operation, values in, values out; the octets of both, in NDR and in NDR64.
VECTORS: list[tuple[str, tuple[Any, ...], tuple[Any, ...], str, str, str, str]] = [
    ("AddOne", (0x01020304,), (0x01020305,), "04030201", "05030201", "04030201", "05030201"),
    (
        "EchoData",
        (3, b"\1\2\3"),
        (b"\1\2\3",),
        "0300000003000000010203",
        "03000000010203",
        "03000000000000000300000000000000010203",
        "0300000000000000010203",
    ),
    ("SinkData", (2, b"\x08\x09"), (), "02000000020000000809", "", "020000000000000002000000000000000809", ""),
    ("SourceData", (5,), (b"\0\1\2\3\4",), "05000000", "050000000001020304", "05000000", "05000000000000000001020304"),
    (
        "TestCall",
        ("h€",),
        ("h€",),
        "0300000000000000030000006800ac200000",
        "000002000300000000000000030000006800ac200000",
        "0300000000000000000000000000000003000000000000006800ac200000",
        "00000200000000000300000000000000000000000000000003000000000000006800ac200000",
    ),
    ("TestSleep", (1,), (1,), "01000000", "01000000", "01000000", "01000000"),
    (
        "TestSurrounding",
        (SURROUNDING,),
        (SURROUNDING,),
        "0300000003000000010002000300",
        "0300000003000000010002000300",
        "0300000000000000030000000100020003000000",
        "0300000000000000030000000100020003000000",
    ),
    ("TestDoublePointer", (12,), (12,), "00000200040002000c00", "0c00", "000002000000000004000200000000000c00", "0c00"),
    ("TestCall2", (1,), (LEVELS[1], 0), "0100", "01000a0000000000", "0100", "01000000000000000a00000000000000"),
    ("TestCall2", (2,), (LEVELS[2], 0), "0200", "0200140000000000", "0200", "02000000000000001400000000000000"),
    ("TestCall2", (3,), (LEVELS[3], 0), "0300", "030000001e00000000000000", "0300", "03000000000000001e00000000000000"),
    (
        "TestCall2",
        (4,),
        (LEVELS[4], 0),
        "0400",
        "0400000000000000280000000000000000000000",
        "0400",
        "0400000000000000280000000000000000000000",
    ),
    (
        "TestCall2",
        (5,),
        (LEVELS[5], 0),
        "0500",
        "050000000000000032000000000000003c0000000000000000000000",
        "0500",
        "050000000000000032000000000000003c0000000000000000000000",
    ),
    ("TestCall2", (6,), (LEVELS[6], 0), "0600", "0600465000000000", "0600", "06000000000000004650000000000000"),
    (
        "TestCall2",
        (7,),
        (LEVELS[7], 0),
        "0700",
        "070000000000000050000000000000005a0000000000000000000000",
        "0700",
        "070000000000000050000000000000005a0000000000000000000000",
    ),
    (
        "TestEnum",
        (1, enum2_t(76, 1), 1),
        (1, enum2_t(2, 1), 1),
        "010000004c0000000100000001000100",
        "01000000020000000100000001000100",
        "010000004c000000010000000100000001000000",
        "0100000002000000010000000100000001000000",
    ),
    (
        "TestEnum",
        (2, enum2_t(76, 1), enum2_t(5, 6)),
        (2, enum2_t(2, 1), enum2_t(5, 6)),
        "020000004c00000001000000020000000500000006000000",
        "020000000200000001000000020000000500000006000000",
        "020000004c00000001000000020000000500000006000000",
        "020000000200000001000000020000000500000006000000",
    ),
]
NAMES = [f"{name} {given[0]}" if name in ("TestCall2", "TestEnum") else name for name, given, *_ in VECTORS]


@pytest.mark.parametrize("vector", VECTORS, ids=NAMES)
@pytest.mark.parametrize("encoding", [Encoding.NDR, Encoding.NDR64], ids=["NDR", "NDR64"])
def test_octets_are_those_of_samba_both_ways(vector: Any, encoding: Encoding) -> None:
    name, given, results, *octets = vector
    request, response = map(bytes.fromhex, octets[:2] if encoding is Encoding.NDR else octets[2:])
    codecs = rpcecho.rpcecho.interface.operation(name).codecs(encoding)
    assert b"".join(codecs.request.encode(given)) == request
    assert codecs.request.decode(request) == given
    assert b"".join(codecs.response.encode(results, given)) == response
    assert codecs.response.decode(response, given) == results


# The service


@pytest.fixture
def client() -> Iterator[rpcecho.rpcechoClient]:
    with ThreadPoolExecutor(1) as thread:
        loop = asyncio.new_event_loop()
        running = thread.submit(loop.run_forever)

        def run(coroutine: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(20)

        async def serving() -> tuple[lrpc.AsyncServer, lrpc.StringBinding]:
            server = lrpc.AsyncServer(register_endpoints=False)
            server.register(Echo())
            return server, await server.listen("ncacn_ip_tcp:[0]")

        server, binding = run(serving())
        with lrpc.connect(rpcecho.rpcechoClient, str(binding)) as connected:
            yield connected
        run(server.stop())
        loop.call_soon_threadsafe(loop.stop)
        running.result(20)
        loop.close()


@pytest.mark.parametrize(("number", "more"), [(0, 1), (41, 42), (0xFFFFFFFF, 0)])
def test_one_is_added_and_wraps(client: Any, number: int, more: int) -> None:
    assert client.AddOne(number) == more


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 70_000])
def test_octets_go_round_come_and_go(client: Any, count: int) -> None:
    octets = bytes(index * 7 & 0xFF for index in range(count))
    assert client.EchoData(octets) == octets
    assert client.SinkData(octets) is None
    assert client.SourceData(count) == bytes(index & 0xFF for index in range(count))


def test_more_octets_than_anybody_needs_are_refused(client: Any) -> None:
    with pytest.raises(lrpc.Fault, match="nca_s_out_args_too_big"):
        client.SourceData(MAX_SOURCE + 1)


@pytest.mark.parametrize("text", ["", "x", "€ö 中", "𝄞"])
def test_text_goes_round(client: Any, text: str) -> None:
    assert client.TestCall(text) == text


@pytest.mark.parametrize("level", LEVELS)
def test_each_level_has_its_numbers(client: Any, level: int) -> None:
    assert client.TestCall2(level) == (LEVELS[level], 0)


@pytest.mark.parametrize("level", [0, 8, 0xFFFF])
def test_level_that_there_is_not_is_invalid(client: Any, level: int) -> None:
    with pytest.raises(lrpc.Fault) as caught:
        client.TestCall2(level)
    assert caught.value.status == STATUS_INVALID_LEVEL


@pytest.mark.parametrize(("tag", "arm"), [(1, rpcecho.enum1_t.ENUM_1), (2, enum2_t(5, 6))])
def test_enumerations_come_back_and_one_is_changed(client: Any, tag: int, arm: Any) -> None:
    assert client.TestEnum(tag, enum2_t(76, rpcecho.wide_t.WIDE_1), arm) == (tag, enum2_t(2, 1), arm)


def test_surrounding_doubles(client: Any) -> None:
    assert client.TestSurrounding(SURROUNDING) == surrounding_t(x=6, surrounding=[0] * 6)


@pytest.mark.parametrize(("number", "found"), [(12, 12), (None, 0)])
def test_number_behind_pointers_is_found(client: Any, number: int | None, found: int) -> None:
    assert client.TestDoublePointer(number) == found


def test_sleeping_calls_do_not_keep_each_other_waiting(client: Any) -> None:
    order: list[int] = []

    def sleep(seconds: int) -> None:
        assert client.TestSleep(seconds) == seconds
        order.append(seconds)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(sleep, (1, 0)))
    assert order == [0, 1]


def test_nobody_sleeps_for_ever(client: Any) -> None:
    with pytest.raises(lrpc.ServerTooBusy):
        client.TestSleep(MAX_SLEEP + 1)
