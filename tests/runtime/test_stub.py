"""What generated code stands on: operations, interfaces, handles, and clients on a channel of wax."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import stub as rpc
from lrpc.runtime.carrier import Flats
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.status import Ran


class Wax:
    """A channel that keeps what is sent and gives what it was told to."""

    encoding = Encoding.NDR
    flats = Flats()

    def __init__(self, reply: bytes = b"") -> None:
        self.reply = reply
        self.reply_encoding = Encoding.NDR
        self.sent: list[tuple[int, bytes]] = []
        self.released = 0
        self.closed = False

    def call(self, opnum: int, parts: Sequence[rpc.Octets]) -> Any:
        self.sent.append((opnum, b"".join(parts)))
        return self.reply, self.reply_encoding, self._release

    def close(self) -> None:
        self.closed = True

    def _release(self) -> None:
        self.released += 1


class AsyncWax(Wax):
    """The same for asyncio."""

    async def call(self, opnum: int, parts: Sequence[rpc.Octets]) -> Any:
        return super().call(opnum, parts)


class Caller:
    """Makes calls by wax, as a client of one face."""

    def __init__(self, calculator: ModuleType, face: str) -> None:
        self.wax: Wax = AsyncWax() if face == "asyncio" else Wax()
        made = calculator.AsyncCalculatorClient if face == "asyncio" else calculator.CalculatorClient
        self._client = made(self.wax)

    def __call__(self, name: str, *values: Any, **named: Any) -> Any:
        found = getattr(self._client, name)(*values, **named)
        return asyncio.run(found) if isinstance(self.wax, AsyncWax) else found


@pytest.fixture(params=["blocking", "asyncio"])
def call(request: pytest.FixtureRequest, calculator: ModuleType) -> Caller:
    return Caller(calculator, request.param)


def test_a_client_that_is_not_made_by_connect_says_how_it_is_made(calculator: ModuleType) -> None:
    for name in ("CalculatorClient", "AsyncCalculatorClient"):
        with pytest.raises(TypeError, match=rf"^{name} is made by lrpc\.connect\({name}, \.\.\.\)$"):
            getattr(calculator, name)("ncalrpc:[calc]")


def test_a_call_is_a_number_and_a_stub(call: Caller) -> None:
    call.wax.reply = b"\x05\0\0\0"
    assert call("Add", 2, 3) == 5
    assert call.wax.sent == [(0, b"\x02\0\0\0\x03\0\0\0")]
    assert call.wax.released == 1


def test_a_count_is_filled_in(call: Caller) -> None:
    call.wax.reply = b"\x03\0\0\0abc"
    assert call("Echo", b"abc") == b"abc"
    assert call.wax.sent == [(5, b"\x03\0\0\0\x03\0\0\0abc")]
    assert call.wax.released == 1


def test_a_count_that_contradicts_is_refused(call: Caller) -> None:
    with pytest.raises(lrpc.ArgumentError) as caught:
        call("Echo", b"abc", n=4)
    assert caught.value.ran is Ran.NO
    with pytest.raises(lrpc.ArgumentError):
        call("Sum", 5)
    assert call.wax.sent == []


def test_a_server_of_the_other_byte_order_is_understood(call: Caller) -> None:
    call.wax.reply, call.wax.reply_encoding = b"\0\0\0\x05", Encoding.NDR_BIG
    assert call("Add", 2, 3) == 5
    assert call.wax.released == 1


@pytest.mark.parametrize("reply", [b"", b"\0", b"\x05\0\0"])
@pytest.mark.parametrize(("name", "values"), [("Add", (2, 3)), ("Echo", (b"abc",))])
def test_a_bad_answer_gives_its_memory_back(call: Caller, name: str, values: tuple[Any, ...], reply: bytes) -> None:
    call.wax.reply = reply
    with pytest.raises(lrpc.BadStubData, match=name):
        call(name, *values)
    assert call.wax.released == 1


def test_a_client_closes_its_channel(calculator: ModuleType) -> None:
    wax = Wax()
    with calculator.CalculatorClient(wax, "connected") as client:
        assert client.connection == "connected"
    assert wax.closed


def test_a_handle_that_is_none_is_no_argument(calculator: ModuleType) -> None:
    client = calculator.CalculatorClient(Wax())
    for wrong in (None, 5, "handle"):
        with pytest.raises(lrpc.ArgumentError, match="takes a context handle"):
            client.Count(wrong)


def test_a_null_handle_may_go_in_and_out(calculator: ModuleType) -> None:
    wax = Wax(bytes(24))
    assert calculator.CalculatorClient(wax).Close(None) is None
    assert wax.sent == [(3, bytes(20))]


def test_a_handle_without_a_closing_operation_is_only_forgotten() -> None:
    handle = rpc.Handle((0, UUID(int=1)), "T", None, None)
    assert not handle.closed
    handle.close()
    assert handle.closed


def test_the_same_handle_comes_back_from_in_out(calculator: ModuleType) -> None:
    wire = bytes(4) + UUID(int=5).bytes_le
    wax = Wax(wire + bytes(4))
    client = calculator.CalculatorClient(wax)
    handle = client.Open("x")
    assert client.Close(handle) is handle
    assert not handle.closed


def test_an_operation_knows_its_parameters(calculator: ModuleType) -> None:
    operation = calculator.Calculator.interface.operation("Echo")
    assert [parameter.name for parameter in operation.inward] == ["n", "data"]
    assert [parameter.name for parameter in operation.outward] == ["back"]
    assert operation.keywords == ("n",)
    assert repr(operation) == "<operation 5 Echo>"
    assert operation.codecs(Encoding.NDR64) is operation.codecs(Encoding.NDR64)


def test_an_interface_knows_its_operations(calculator: ModuleType) -> None:
    interface = calculator.Calculator.interface
    assert interface.by_opnum[0] is interface.operation("Add")
    assert repr(interface) == f"<interface Calculator {interface.uuid} v1.2>"
    with pytest.raises(KeyError):
        interface.operation("Subtract")


def test_a_method_may_have_another_name_in_python() -> None:
    operation: Any = rpc.Operation(0, "from", python="from_")
    assert (operation.name, operation.method) == ("from", "from_")


def test_contracts_are_abstract(calculator: ModuleType) -> None:
    for contract in (calculator.Calculator, calculator.AsyncCalculator):
        with pytest.raises(TypeError, match="abstract"):
            contract()


def test_everything_that_stubs_use_is_exported() -> None:
    assert all(hasattr(rpc, name) for name in rpc.__all__)
