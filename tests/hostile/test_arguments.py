"""Arguments that are no arguments: refused before the method runs, and the connection stays."""

from __future__ import annotations

import random
import struct
from typing import Any

import pytest

import lrpc
from lrpc.runtime.status import RPC_X_BAD_STUB_DATA, Ran
from lrpc.runtime.stub import Client

CALLS = ("Add", "Open", "Count", "Echo", "Describe", "Sum", "Misbehave")


def values_of(name: str, calculator: Any) -> tuple[Any, ...]:
    from uuid import UUID

    return {
        "Add": (1, 2),
        "Open": ("name",),
        "Count": ((0, UUID(int=5)),),
        "Echo": (8, b"12345678"),
        "Describe": (calculator.Record(1, 2.0, "name", [1, 2, 3]),),
        "Sum": (3, [1, 2, 3]),
        "Misbehave": ("denied",),
    }[name]


def raw_call(client: Any, name: str, stub: bytes) -> Any:
    """A call with octets in the place of arguments."""
    return client._channel.call(client.interface.operation(name).opnum, [stub])


def stub_of(client: Client, name: str, calculator: Any) -> bytes:
    operation = client.interface.operation(name)
    return b"".join(operation.codecs(client._encoding).request.encode(values_of(name, calculator)))


@pytest.mark.parametrize("name", CALLS)
def test_a_stub_cut_anywhere_is_refused_and_the_connection_stays(victim: Any, calculator: Any, name: str) -> None:
    client = victim.client()
    stub = stub_of(client, name, calculator)
    for size in range(len(stub)):
        with pytest.raises(lrpc.RefusedStubData) as caught:
            raw_call(client, name, stub[:size])
        assert caught.value.status == RPC_X_BAD_STUB_DATA
        assert caught.value.ran is Ran.NO
    assert client.Add(1, 1) == 2
    assert victim.world.data == []
    client.close()
    victim.survives()


@pytest.mark.parametrize("count", [9, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_counts_beyond_the_octets_are_refused(victim: Any, count: int) -> None:
    client = victim.client()
    for stub in (
        struct.pack("<II", count, count) + bytes(8),  # both agree with each other, and with nothing else
        struct.pack("<II", 8, count) + bytes(8),
        struct.pack("<II", count, 8) + bytes(8),
    ):
        for name in ("Echo", "Sum"):
            with pytest.raises(lrpc.Fault) as caught:
                raw_call(client, name, stub)
            assert caught.value.ran is Ran.NO
    with pytest.raises(lrpc.Fault):
        raw_call(client, "Open", struct.pack("<III", count, 0, count) + bytes(8))
    assert client.Add(1, 1) == 2
    assert victim.world.data == []
    client.close()
    victim.survives()


def test_changed_stubs_are_answered_or_refused(victim: Any, calculator: Any, mutate: Any, caplog: Any) -> None:
    client = victim.client()
    for seed, name in enumerate(CALLS):
        stub = stub_of(client, name, calculator)
        for mutant in mutate(stub, 60, seed):
            try:
                raw_call(client, name, mutant)
            except lrpc.Fault as fault:
                assert fault.ran is not Ran.YES
    assert client.Add(1, 1) == 2
    client.close()
    victim.survives()


def test_random_stubs_are_answered_or_refused(victim: Any) -> None:
    client, source = victim.client(), random.Random(5)
    for opnum in range(14):
        if opnum == 9:  # it waits
            continue
        for size in (0, 1, 3, 8, 40, 200, 5000):
            try:
                client._channel.call(opnum, [source.randbytes(size)])
            except lrpc.Fault as fault:
                assert fault.ran is not Ran.YES
    assert client.Add(1, 1) == 2
    client.close()
    victim.survives()


def test_handles_that_were_never_given_out_are_refused(victim: Any) -> None:
    from uuid import UUID, uuid4

    client = victim.client()
    handle = client.Open("mine")
    attributes, known = handle.wire
    for wire in (bytes(20), struct.pack("<I16s", 0, uuid4().bytes_le), struct.pack("<I16s", 0, UUID(int=1).bytes_le)):
        for name in ("Count", "Close"):
            if wire == bytes(20) and name == "Close":
                continue  # an [in, out] handle may be null
            with pytest.raises(lrpc.ContextMismatch) as caught:
                raw_call(client, name, wire)
            assert caught.value.ran is Ran.NO
    assert client.Count(handle) == 1
    client.Close(handle)
    with pytest.raises(lrpc.ContextMismatch):
        raw_call(client, "Count", struct.pack("<I16s", attributes, known.bytes_le))
    client.close()
    victim.survives()
