"""Interfaces of a stub: contracts, clients, operations."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from lrpc.rpcgen import generate, model
from lrpc.rpcgen.load import execute, load
from lrpc.runtime import stub as rpc
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.status import OperationOutOfRange, Ran

LONG = model.Scalar(word="Long")
UUIDS = "5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a4{:02x}"


def parameter(name: str, **words: Any) -> model.Parameter:
    return model.Parameter(
        name=name, type=LONG, is_in=words.pop("is_in", True), is_out=words.pop("is_out", False), **words
    )


def operation(name: str, number: int = 0, *parameters: model.Parameter, **words: Any) -> model.Operation:
    return model.Operation(name=name, number=number, parameters=parameters, **words)


def interface(name: str, *operations: model.Operation, **words: Any) -> model.Interface:
    number = sum(name.encode()) % 256
    return model.Interface(name=name, uuid=UUIDS.format(number), version=(1, 0), operations=operations, **words)


def made(*interfaces: model.Interface) -> Any:
    """The stub of some interfaces."""
    found = model.Model(interfaces=interfaces, definitions=(), constants=(), aliases=())
    module = load("typedef long nothing;\n", cached=False)
    for name in [name for name in vars(module) if not name.startswith("__")]:
        delattr(module, name)
    execute(generate(found, source="t.idl", command="test"), "t.idl", module)
    return module


def test_local_operations_have_a_number_and_no_method() -> None:
    stub = made(interface("I", operation("Here", 0, local=True), operation("There", 1)))
    assert not hasattr(stub.I, "Here")
    assert list(stub.I.interface.by_opnum) == [1]
    assert "0 Here" in stub.I.__doc__


@pytest.mark.parametrize("name", ["Opnum0NotUsedOnWire", "Opnum0NotImplemented", "Opnum0Reserved", "LsarNotUsedOnWire"])
def test_reserved_operations_have_a_number_and_no_method(name: str) -> None:
    stub = made(interface("I", operation(name, 0), operation("There", 1)))
    assert not hasattr(stub.I, name)
    assert not hasattr(stub.IClient, name)
    assert list(stub.I.interface.by_opnum) == [1]
    assert "Reserved, without a method: 0." in stub.I.__doc__


def test_reserved_numbers_in_a_row_are_told_by_the_first_and_the_last() -> None:
    holes = [operation(f"Opnum{number}NotUsedOnWire", number) for number in (0, 1, 3, 5, 6, 7)]
    assert "Reserved, without a method: 0, 1, 3, 5-7." in made(interface("I", *holes)).I.__doc__


@pytest.mark.parametrize("name", ["OpnumNotUsed", "NotUsedOnWireAtAll", "Opnum0", "ReservedOpnum0"])
def test_other_names_are_those_of_operations(name: str) -> None:
    assert hasattr(made(interface("I", operation(name, 0))).I, name)


def test_server_of_reserved_operations_says_that_their_numbers_are_out_of_range() -> None:
    stub = made(interface("I", operation("Opnum0NotUsedOnWire", 0), operation("There", 1)))
    served = type("Served", (stub.I,), {"There": lambda self: None})
    registry = Registry(items=1000)
    registry.register(served())
    found = stub.I.interface
    assert registry.find(found.uuid, found.version, 1, None, "here").operation.name == "There"
    with pytest.raises(OperationOutOfRange) as caught:
        registry.find(found.uuid, found.version, 0, None, "here")
    assert (caught.value.status, caught.value.ran) == (0x1C010002, Ran.NO)


def test_comments_are_the_documentation_of_both_contracts() -> None:
    told = operation("Add", 0, parameter("class", doc="what"), parameter("b"), doc='Adds. """ \\')
    stub = made(interface("I", told, doc="Sums."))
    for contract in (stub.I, stub.AsyncI):
        assert inspect.getdoc(contract).endswith("Sums.")
        assert inspect.getdoc(contract.Add) == 'Adds. """ \\\n\nclass_: what'
    assert inspect.getdoc(stub.IClient.Add) == inspect.getdoc(stub.I.Add)


def test_derived_interface_has_the_methods_of_its_base() -> None:
    stub = made(interface("A", operation("One", 0)), interface("B", operation("Two", 1), base="A"))
    assert stub.B.interface.base is stub.A.interface
    assert [found.name for found in stub.B.interface.operations] == ["One", "Two"]
    assert stub.BClient.__mro__[1] is stub.AClient
    assert stub.AsyncBClient.__mro__[1] is stub.AsyncAClient
    assert stub.BClient.interface is stub.B.interface
    assert stub.__interfaces__ == (stub.A.interface, stub.B.interface)


def test_method_of_the_base_is_not_replaced() -> None:
    stub = made(interface("A", operation("Next", 0)), interface("B", operation("Next", 1, parameter("n")), base="A"))
    assert stub.B.interface.operation("Next").method == "Next_"
    assert list(inspect.signature(stub.B.Next).parameters) == ["self"]


def test_base_of_another_file_is_printed_and_is_no_interface_of_this_one() -> None:
    stub = made(interface("A", operation("One", 0), imported=True), interface("B", operation("Two", 1), base="A"))
    assert stub.__interfaces__ == (stub.B.interface,)
    assert "A 1.0" not in stub.__doc__


@pytest.mark.parametrize("base", ["IUnknown", "IDispatch"])
def test_interfaces_of_objects_have_known_bases(base: str) -> None:
    stub = made(interface("I", operation("Three", 7), base=base, object=True))
    assert stub.I.interface.object
    assert stub.I.interface.base is getattr(rpc, base).interface
    assert issubclass(stub.I, getattr(rpc, base))
    assert issubclass(stub.AsyncI, getattr(rpc, f"Async{base}"))


def test_file_that_defines_a_known_base_has_its_own() -> None:
    stub = made(interface("IUnknown", object=True), interface("I", operation("F", 3), base="IUnknown", object=True))
    assert stub.I.interface.base is stub.IUnknown.interface is not rpc.IUnknown.interface


def test_local_interface_is_left_out_unless_something_derives_from_it() -> None:
    alone = interface("L", operation("F", 0, local=True), local=True)
    assert made(alone).__interfaces__ == ()
    stub = made(alone, interface("D", operation("G", 1), base="L"))
    assert stub.D.interface.base is stub.L.interface
    assert stub.L.interface.operations == ()


def test_callbacks_are_an_interface_of_their_own() -> None:
    back = operation("Progress", 0, parameter("a"), parameter("b", is_in=False, is_out=True), returns=LONG)
    stub = made(interface("I", operation("Progress", 0), callbacks=(back,)))
    assert list(inspect.signature(stub.I.Progress).parameters) == ["self"]
    assert list(inspect.signature(stub.ICallbacks.Progress).parameters) == ["self", "a"]
    assert inspect.iscoroutinefunction(stub.AsyncICallbacks.Progress)
    assert issubclass(stub.ICallbacksClient, stub.ICallbacks)
    assert inspect.iscoroutinefunction(stub.AsyncICallbacksClient.Progress)
    assert stub.I.interface.callbacks is stub.ICallbacks.interface is stub.AsyncICallbacks.interface
    assert stub.ICallbacks.interface not in stub.__interfaces__
    [found] = stub.I.interface.callbacks.operations
    assert found.result is not None
    assert found not in stub.I.interface.operations


def test_callbacks_of_a_base_are_those_of_what_derives_from_it() -> None:
    one, two = operation("One", 0), operation("Two", 1)
    stub = made(
        interface("I", operation("F", 0), callbacks=(one,)),
        interface("J", operation("G", 1), base="I", callbacks=(two,)),
        interface("K", operation("H", 1), base="I"),
    )
    assert [found.name for found in stub.J.interface.callbacks.operations] == ["One", "Two"]
    assert issubclass(stub.JCallbacks, stub.ICallbacks)
    assert issubclass(stub.JCallbacksClient, stub.ICallbacksClient)
    assert stub.K.interface.callbacks is stub.ICallbacks.interface


def test_words_of_an_operation_are_kept() -> None:
    stub = made(interface("I", operation("F", 0, idempotent=True, broadcast=True), operation("G", 1, maybe=True)))
    f, g = stub.I.interface.operations
    assert (f.idempotent, f.broadcast, f.maybe, g.maybe) == (True, True, False, True)


def test_partial_pointer_takes_whether_there_is_one() -> None:
    pointer = model.Pointer(pointer="unique", target=LONG)
    hint = model.Parameter(name="hint", type=pointer, is_in=True, is_out=True, partial=True)
    stub = made(interface("I", operation("F", 0, hint)))
    assert inspect.signature(stub.I.F).parameters["hint"].annotation == "bool | None"
    assert inspect.signature(stub.I.F).return_annotation == "int | None"
    assert stub.I.interface.operation("F").parameters[0].partial


def test_names_that_python_or_the_stub_keeps() -> None:
    told = operation("close", 0, parameter("self"), parameter("rpc"), parameter("_I_close"), parameter("None"))
    stub = made(interface("I", told, operation("def", 1), operation("__init__", 2)))
    assert list(inspect.signature(stub.I.close_).parameters) == ["self", "self_", "rpc_", "_I_close_", "None_"]
    assert {found.name: found.method for found in stub.I.interface.operations} == {
        "close": "close_",
        "def": "def_",
        "__init__": "init___" if hasattr(stub.I, "init___") else "init_",
    }


def test_client_of_an_interface_with_a_private_name_is_public() -> None:
    stub = made(interface("_Recordset", operation("Next")))
    assert stub.RecordsetClient.interface is stub._Recordset.interface
