"""From a stub to a method and back, without a server."""

from __future__ import annotations

import asyncio
import logging
from types import ModuleType
from typing import Any
from uuid import UUID, uuid4

import pytest

import lrpc
from lrpc.runtime import dispatch
from lrpc.runtime import stub as rpc
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Method, Registry
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.status import NCA_UNSPECIFIED, Ran

HERE, THERE = "ncalrpc:[here]", "ncalrpc:[there]"


@pytest.fixture
def registry() -> Registry:
    return Registry(1 << 20)


@pytest.fixture
def contexts() -> ContextTable:
    return ContextTable(uuid4, 10)


def find(registry: Registry, calculator: ModuleType, opnum: int, object: UUID | None = None) -> Method:
    return registry.find(calculator.CALCULATOR, (1, 2), opnum, object, HERE)


def answered(method: Method, contexts: ContextTable, *values: Any, encoding: Encoding = Encoding.NDR) -> Any:
    """The results of a call, or its fault."""
    codecs = method.operation.codecs(encoding)
    stub = b"".join(codecs.request.encode(values))
    answer = dispatch.answer(method, stub, encoding, contexts)
    back = method.operation.codecs(Encoding.NDR if encoding is Encoding.NDR_BIG else encoding).response
    return answer if isinstance(answer, lrpc.Fault) else back.decode(b"".join(answer), values)


@pytest.fixture
def service(registry: Registry, calculator: ModuleType) -> Any:
    made = calculator.Service(calculator.World())
    registry.register(made)
    return made


# Which method


def test_an_object_answers_for_all_its_interfaces(registry: Registry, calculator: ModuleType) -> None:
    class Both(calculator.Greeting, calculator.Service):  # type: ignore[misc,name-defined]
        pass

    both = Both()
    assert {found.name for found in registry.register(both)} == {"Greeter", "Calculator"}
    assert {found.name for found in registry.interfaces("")} == {"Greeter", "Calculator"}
    assert dispatch.interfaces_of(both) == registry.interfaces("")


def test_an_object_without_an_interface_is_refused(registry: Registry) -> None:
    with pytest.raises(TypeError, match="implements no generated interface"):
        registry.register(object())  # type: ignore[arg-type]


def test_a_class_in_the_place_of_an_object_is_refused(registry: Registry) -> None:
    class Greeter:
        pass

    with pytest.raises(TypeError, match=r"^Greeter is a class: give an object, Greeter\(\)$"):
        registry.register(Greeter)  # type: ignore[arg-type]


def test_minor_versions_are_upwards_compatible(registry: Registry, service: Any, calculator: ModuleType) -> None:
    offered = [(major, minor) for major in range(3) for minor in range(5)
               if registry.offers(calculator.CALCULATOR, (major, minor), HERE)]  # fmt: skip
    assert offered == [(1, 0), (1, 1), (1, 2)]


def test_an_unknown_interface_did_not_run(registry: Registry, service: Any, calculator: ModuleType) -> None:
    with pytest.raises(lrpc.UnknownInterface) as caught:
        registry.find(UUID(int=1), (1, 0), 0, None, HERE)
    assert caught.value.ran is Ran.NO
    with pytest.raises(lrpc.OperationOutOfRange) as out:
        find(registry, calculator, 99)
    assert out.value.ran is Ran.NO


def test_an_endpoint_that_was_not_named_has_nothing(registry: Registry, calculator: ModuleType) -> None:
    registry.register(calculator.Greeting(), endpoints=[THERE])
    assert registry.offers(calculator.GREETER, (1, 0), THERE)
    assert not registry.offers(calculator.GREETER, (1, 0), HERE)
    with pytest.raises(lrpc.UnknownInterface):
        registry.find(calculator.GREETER, (1, 0), 0, None, HERE)


def test_an_object_that_nobody_registered_has_the_default(registry: Registry, calculator: ModuleType) -> None:
    def words(object: UUID | None) -> Any:
        return registry.find(calculator.GREETER, (1, 0), 0, object, HERE).function("x")

    registry.register(calculator.Greeting("one"), object=UUID(int=1))
    with pytest.raises(lrpc.Fault) as caught:
        words(None)
    assert caught.value.status == dispatch.UNSUPPORTED_TYPE
    registry.register(calculator.Greeting("any"))
    assert [words(UUID(int=1)), words(UUID(int=2)), words(None)] == ["one x", "any x", "any x"]


# One call


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_call_is_served_in_every_encoding(
    registry: Registry, service: Any, contexts: ContextTable, calculator: ModuleType, encoding: Encoding
) -> None:
    assert answered(find(registry, calculator, 0), contexts, 2, 3, encoding=encoding) == (5,)
    assert answered(find(registry, calculator, 1), contexts, 7, 2, encoding=encoding) == (3, 1)
    assert answered(find(registry, calculator, 5), contexts, 3, b"abc", encoding=encoding) == (b"abc",)


def test_a_fault_in_the_place_of_a_method_is_the_answer(contexts: ContextTable) -> None:
    fault = lrpc.Fault(5)
    assert dispatch.answer(fault, b"", Encoding.NDR, contexts) is fault
    assert asyncio.run(dispatch.answer_async(fault, b"", Encoding.NDR, contexts)) is fault


class Odd(rpc.Contract):
    """Results and failures of every shape."""

    def __init__(self, result: Any) -> None:
        self.result = result

    def Two(self) -> Any:
        return self._given()

    def NoneAtAll(self) -> Any:
        return self._given()

    def Status(self) -> Any:
        return self._given()

    def TwoAndStatus(self) -> Any:
        return self._given()

    def OneAndNt(self) -> Any:
        return self._given()

    def Kept(self, value: int) -> Any:
        return self._given()

    def Tagged(self) -> Any:
        return self._given()

    def Chosen(self, level: int) -> Any:
        return self._given()

    def _given(self) -> Any:
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result


_ARMS = rpc.Union(rpc.Long, {2: rpc.Long, 3: rpc.Short})
_LONG = [rpc.Out("a", rpc.Long), rpc.Out("b", rpc.Long)]
ODD = {
    "Two": rpc.Operation[Any](0, "Two", *_LONG),
    "NoneAtAll": rpc.Operation[Any](1, "NoneAtAll"),
    "Status": rpc.Operation[Any](2, "Status", returns=rpc.ErrorStatus),
    "TwoAndStatus": rpc.Operation[Any](3, "TwoAndStatus", *_LONG, returns=rpc.ErrorStatus),
    "OneAndNt": rpc.Operation[Any](4, "OneAndNt", _LONG[0], returns=rpc.NtStatus),
    "Kept": rpc.Operation[Any](5, "Kept", rpc.InOut("value", rpc.Long), returns=rpc.ErrorStatus),
    "Tagged": rpc.Operation[Any](
        *(6, "Tagged", rpc.Out("tag", rpc.Long), rpc.Out("arm", rpc.SwitchIs(_ARMS, rpc.this.tag))),
        returns=rpc.ErrorStatus,
    ),
    "Chosen": rpc.Operation[Any](
        *(7, "Chosen", rpc.In("level", rpc.Long), rpc.Out("arm", rpc.SwitchIs(_ARMS, rpc.this.level))),
        returns=rpc.ErrorStatus,
    ),
}
Odd.interface = rpc.Interface("Odd", UUID(int=77), (1, 0), tuple(ODD.values()))


def odd(name: str, result: Any, contexts: ContextTable) -> Any:
    registry = Registry(100)
    registry.register(Odd(result))
    method = registry.find(UUID(int=77), (1, 0), ODD[name].opnum, None, HERE)
    return answered(method, contexts, *([6] if name in ("Kept", "Chosen") else []))


@pytest.mark.parametrize(
    ("name", "result", "sent"),
    [
        ("Two", (1, 2), (1, 2)),
        ("NoneAtAll", None, ()),
        ("Status", None, (0,)),
        ("TwoAndStatus", (1, 2), (1, 2, 0)),
        ("OneAndNt", (1, 0x103), (1, 0x103)),
        ("Kept", 9, (9, 0)),
        # failures, with and without results beside them
        ("Status", lrpc.StatusError(5), (5,)),
        ("Status", lrpc.StatusError(5, "ignored"), (5,)),
        ("TwoAndStatus", lrpc.StatusError(5), (0, 0, 5)),
        ("TwoAndStatus", lrpc.StatusError(5, (1, 2)), (1, 2, 5)),
        ("OneAndNt", lrpc.StatusError(0xC0000001, 8, family="ntstatus"), (8, 0xC0000001)),
        ("OneAndNt", lrpc.StatusError(0xC0000001, (8, 0xC0000001), family="ntstatus"), (8, 0xC0000001)),
        ("Kept", lrpc.StatusError(5), (6, 5)),
        ("Kept", lrpc.StatusError(5, 7), (7, 5)),
        ("Tagged", lrpc.StatusError(5), (2, 0, 5)),
    ],
)
def test_results_of_every_shape_are_sent(name: str, result: Any, sent: tuple[Any, ...], contexts: ContextTable) -> None:
    assert odd(name, result, contexts) == sent


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("Two", 1), ("Two", (1,)), ("Two", (1, 2, 3)), ("Two", None), ("NoneAtAll", 1), ("Two", ("a", "b")),
        ("TwoAndStatus", lrpc.StatusError(5, 1)), ("TwoAndStatus", lrpc.StatusError(5, (1,))),
        ("TwoAndStatus", lrpc.StatusError(5, ("a", "b"))), ("TwoAndStatus", lrpc.StatusError(5, object())),
    ],
)  # fmt: skip
def test_results_that_do_not_fit_are_a_fault(
    name: str, result: Any, contexts: ContextTable, caplog: pytest.LogCaptureFixture
) -> None:
    fault = odd(name, result, contexts)
    assert isinstance(fault, lrpc.Fault)
    assert (fault.status, fault.ran) == (NCA_UNSPECIFIED, Ran.YES)
    assert name in caplog.text


def test_a_status_of_an_operation_without_one_is_a_fault(contexts: ContextTable) -> None:
    fault = odd("Two", lrpc.StatusError(87), contexts)
    assert (fault.status, fault.ran) == (87, Ran.YES)
    success = odd("OneAndNt", lrpc.StatusError(0x103, family="ntstatus"), contexts)
    assert isinstance(success, lrpc.Fault)


def test_a_status_beside_a_union_that_cannot_be_sent_is_a_fault(contexts: ContextTable) -> None:
    fault = odd("Chosen", lrpc.StatusError(124), contexts)
    assert isinstance(fault, lrpc.Fault)
    assert (fault.status, fault.ran) == (124, Ran.YES)


def test_byte_arrays_are_copied_unless_views_are_asked_for(
    registry: Registry, contexts: ContextTable, calculator: ModuleType
) -> None:
    shared = bytearray(b"\x03\0\0\0\x03\0\0\0abc")
    for views, kind in ((False, bytes), (True, memoryview)):
        service = calculator.Service(calculator.World())
        fresh = Registry(100)
        fresh.register(service, views=views)
        dispatch.answer(find(fresh, calculator, 5), memoryview(shared), Encoding.NDR, contexts)
        assert service.world.data == [kind]


def test_refused_arguments_are_logged_without_alarm(
    registry: Registry, service: Any, contexts: ContextTable, calculator: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fault = dispatch.answer(find(registry, calculator, 0), b"123", Encoding.NDR, contexts)
    assert isinstance(fault, lrpc.RefusedStubData | lrpc.Fault)
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_request_in_big_endian_is_answered_in_little(registry: Registry, service: Any, calculator: ModuleType) -> None:
    method = registry.find(calculator.CALCULATOR, (1, 0), 0, None, HERE)
    stub = bytes.fromhex("00000002 00000003")
    answer = dispatch.answer(method, stub, Encoding.NDR_BIG, ContextTable(uuid4, 1))
    assert not isinstance(answer, lrpc.Fault)
    assert b"".join(answer) == bytes.fromhex("05000000")
