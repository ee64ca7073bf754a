"""The part of a stub that belongs to one interface: contracts, clients, operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .. import model
from .annotations import Annotations
from .layouts import Layouts
from .naming import METHOD_WORDS, STUB_WORDS, TUPLE_WORDS, Names, words_of
from .printer import Group, Part, Prefixed, call, display, lines, quoted

_ERROR_STATUS = model.Scalar(word="ErrorStatus")


@dataclass(slots=True)
class InterfaceNames:
    """The module-level names of an interface."""

    contract: str
    asynchronous: str
    client: str
    asynchronous_client: str
    results: dict[str, str] = field(default_factory=dict[str, str])
    """Operation to NamedTuple, where there are two results or more."""
    operations: dict[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def take(cls, interface: model.Interface, names: Names) -> InterfaceNames:
        """The four classes."""
        name = interface.name
        contract, asynchronous = names.take(name), names.take(f"Async{name}")
        return cls(contract, asynchronous, names.take(f"{name}Client"), names.take(f"Async{name}Client"))

    def take_results(self, interface: model.Interface, names: Names) -> None:
        """The result classes."""
        for operation in interface.operations:
            if len(results_of(operation)) > 1:
                plain = f"{operation.name}Result"
                self.results[operation.name] = names.take(
                    plain if plain not in names.taken else f"{interface.name}{plain}"
                )

    def take_operations(self, interface: model.Interface, names: Names) -> None:
        """The constants that describe operations."""
        for operation in interface.operations:
            self.operations[operation.name] = names.private(f"{interface.name}_{operation.name}")


def results_of(operation: model.Operation) -> list[tuple[str, model.Type]]:
    """What a call gives back: the [out] values, then the result unless it is an error_status_t."""
    found = [(parameter.name, parameter.type) for parameter in operation.parameters if parameter.is_out]
    if operation.returns is not None and operation.returns != _ERROR_STATUS:
        found.append(("return_", operation.returns))
    return found


class InterfaceEmitter:
    """Prints one interface."""

    def __init__(
        self, interface: model.Interface, names: InterfaceNames, annotations: Annotations, layouts: Layouts
    ) -> None:
        self._interface = interface
        self._names = names
        self._annotations = annotations
        self._layouts = layouts
        self._parameters = {operation.name: _parameter_names(operation, names) for operation in interface.operations}
        self._results = {operation.name: self._result(operation) for operation in interface.operations}
        self._methods = self._method_names()

    # Classes

    def classes(self) -> Iterator[list[str]]:
        """Result tuples, contracts and clients, a block each."""
        for operation in self._interface.operations:
            if operation.name in self._names.results:
                yield self._tuple(operation)
        names, name = self._names, self._interface.name
        told = f'    """What a server of {name} implements."""'
        yield [f"class {names.contract}(rpc.Contract):", told, *self._abstract("def")]
        told = f'    """What an asyncio server of {name} implements."""'
        yield [f"class {names.asynchronous}(rpc.AsyncContract):", told, *self._abstract("async def")]
        told = f'    """Calls {name}; made by lrpc.connect."""'
        yield [f"class {names.client}(rpc.Client, {names.contract}):", told, *self._calls("def", "return ")]
        head = f"class {names.asynchronous_client}(rpc.AsyncClient, {names.asynchronous}):"
        yield [head, told, *self._calls("async def", "return await ")]

    def _tuple(self, operation: model.Operation) -> list[str]:
        results = results_of(operation)
        annotations = [self._annotations.given(type_) for _, type_ in results]
        names = Names(STUB_WORDS | TUPLE_WORDS | words_of(annotations))
        fields = [f"    {names.public(name)}: {text}" for (name, _), text in zip(results, annotations, strict=True)]
        return [f"class {self._names.results[operation.name]}(NamedTuple):", *fields]

    def _abstract(self, keyword: str) -> list[str]:
        out: list[str] = []
        for operation in self._interface.operations:
            out += ["", "    @abc.abstractmethod", *self._signature(operation, keyword, ": ...")]
        return out

    def _calls(self, keyword: str, verb: str) -> list[str]:
        out: list[str] = []
        for operation in self._interface.operations:
            names = self._parameters[operation.name]
            given = [names[parameter.name] for parameter in operation.parameters if parameter.is_in]
            made = call("self._call", self._names.operations[operation.name], *given)
            out += ["", *self._signature(operation, keyword, ":"), *lines(made, prefix=verb, indent=" " * 8)]
        return out

    def _signature(self, operation: model.Operation, keyword: str, end: str) -> list[str]:
        names = self._parameters[operation.name]
        items: list[Part] = ["self"]
        taken = [parameter for parameter in operation.parameters if parameter.is_in]
        items += [f"{names[p.name]}: {self._annotations.taken(p.type)}" for p in taken if not p.auto]
        counts = [f"{names[p.name]}: {self._annotations.taken(p.type)} = rpc.AUTO" for p in taken if p.auto]
        items += ["*", *counts] if counts else []
        head = Group(f"{keyword} {self._methods[operation.name]}(", tuple(items))
        return lines(head, suffix=f" -> {self._results[operation.name]}{end}", indent="    ")

    def _result(self, operation: model.Operation) -> str:
        results = results_of(operation)
        if len(results) > 1:
            return self._names.results[operation.name]
        return self._annotations.given(results[0][1]) if results else "None"

    def _method_names(self) -> dict[str, str]:
        annotations = [
            self._annotations.taken(parameter.type)
            for operation in self._interface.operations
            for parameter in operation.parameters
        ]
        names = Names(STUB_WORDS | METHOD_WORDS | words_of([*annotations, *self._results.values()]))
        return {operation.name: names.public(operation.name) for operation in self._interface.operations}

    # Operations

    def operations(self) -> list[str]:
        """The constants that describe the operations."""
        out: list[str] = []
        for operation in self._interface.operations:
            name = self._names.operations[operation.name]
            prefix = f"{name}: rpc.Operation[{self._results[operation.name]}] = "
            out += lines(self._operation(operation), prefix=prefix)
        return out

    def _operation(self, operation: model.Operation) -> Part:
        names = self._parameters[operation.name]
        items: list[Part] = [str(operation.number), quoted(operation.name)]
        for parameter in operation.parameters:
            kind = "InOut" if parameter.is_in and parameter.is_out else "In" if parameter.is_in else "Out"
            layout = self._layouts.of(parameter.type, names)
            automatic = ["auto=True"] if parameter.auto else []
            items.append(call(f"rpc.{kind}", quoted(names[parameter.name]), layout, *automatic))
        if operation.returns is not None:
            items.append(Prefixed("returns=", self._layouts.of(operation.returns, {})))
        if operation.name in self._names.results:
            items.append(f"result={self._names.results[operation.name]}")
        if self._methods[operation.name] != operation.name:
            items.append(f"python={quoted(self._methods[operation.name])}")
        return Group("rpc.Operation(", tuple(items))

    def interface(self) -> list[str]:
        """The interface with its operations."""
        found, names = self._interface, self._names
        operations = [names.operations[operation.name] for operation in found.operations]
        items: list[Part] = [
            quoted(found.name),
            f"UUID({quoted(found.uuid)})",
            f"({found.version[0]}, {found.version[1]})",
            display(operations),
        ]
        if found.endpoints:
            items.append(Prefixed("endpoints=", display([quoted(text) for text in found.endpoints])))
        prefix = f"{names.contract}.interface = {names.asynchronous}.interface = "
        return lines(Group("rpc.Interface(", tuple(items)), prefix=prefix)


def _parameter_names(operation: model.Operation, module: InterfaceNames) -> dict[str, str]:
    names = Names(("self", "rpc", *module.operations.values()))
    return {parameter.name: names.take(parameter.name) for parameter in operation.parameters}
