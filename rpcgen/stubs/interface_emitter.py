"""The part of a stub that belongs to one interface: contracts, clients, operations.

Callbacks are the operations of an interface of their own: a client implements its contract, a server calls its clients.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .. import model
from .annotations import Annotations
from .docstrings import docstring, paragraphs
from .layouts import Layouts
from .naming import METHOD_WORDS, STUB_WORDS, TUPLE_WORDS, Names, words_of
from .printer import INDENT, Group, Part, Prefixed, assigned, call, display, lines, quoted

_ERROR_STATUS: Final = model.Scalar(word="ErrorStatus")
_KNOWN: Final = ("IUnknown", "IDispatch")
"""Bases that the runtime has, for files that do not."""


@dataclass(slots=True)
class InterfaceNames:
    """The module-level names of an interface."""

    contract: str
    asynchronous: str
    client: str
    asynchronous_client: str
    base: InterfaceNames | None = None
    callbacks: InterfaceNames | None = None
    inherited: frozenset[str] = frozenset()
    """The names of the methods of its bases."""
    results: dict[str, str] = field(default_factory=dict[str, str])
    """Operation to NamedTuple or PipedResult, where there are two results or more."""
    asynchronous_results: dict[str, str] = field(default_factory=dict[str, str])
    """The same for asyncio, where there are pipes among them."""
    operations: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def expression(self) -> str:
        """The interface itself, as the stub and others name it."""
        return f"{self.contract}.interface"

    def take_results(self, interface: model.Interface, names: Names) -> None:
        """The result classes."""
        for operation in operations_of(interface):
            if len(results_of(operation)) > 1:
                plain = f"{operation.name}Result"
                if plain in names.taken:
                    plain = f"{interface.name}{plain}"
                self.results[operation.name] = names.take(plain)
                if pipes_out(operation):
                    self.asynchronous_results[operation.name] = names.take(f"Async{plain}")
        if self.callbacks is not None and interface.callbacks:
            self.callbacks.take_results(callbacks_of(interface), names)

    def take_operations(self, interface: model.Interface, names: Names) -> None:
        """The constants that describe operations."""
        for operation in operations_of(interface):
            self.operations[operation.name] = names.private(f"{interface.name}_{operation.name}")
        if self.callbacks is not None and interface.callbacks:
            self.callbacks.take_operations(callbacks_of(interface), names)


_RUNTIME: Final = {
    name: InterfaceNames(f"rpc.{name}", f"rpc.Async{name}", "rpc.Client", "rpc.AsyncClient") for name in _KNOWN
}


class Bases:
    """Gives interfaces their names, and knows those of the bases."""

    def __init__(self) -> None:
        self._known = dict(_RUNTIME)

    def take(self, interface: model.Interface, names: Names) -> InterfaceNames:
        """The classes of an interface."""
        name = interface.name
        contract, asynchronous = names.take(name), names.take(f"Async{name}")
        client = names.take(f"{name.lstrip('_')}Client")  # not private: nothing in the stub uses it
        found = InterfaceNames(contract, asynchronous, client, names.take(f"Async{name}Client"))
        found.base = self._known.get(interface.base or "")
        inherited = None if found.base is None else found.base.callbacks
        found.callbacks = self._callbacks(interface, inherited, names) if interface.callbacks else inherited
        self._known[name] = found
        return found

    def _callbacks(self, interface: model.Interface, base: InterfaceNames | None, names: Names) -> InterfaceNames:
        name = callbacks_of(interface).name
        contract, asynchronous = names.take(name), names.take(f"Async{name}")
        client, asynchronous_client = names.take(f"{name}Client"), names.take(f"Async{name}Client")
        return InterfaceNames(contract, asynchronous, client, asynchronous_client, base)


def operations_of(interface: model.Interface) -> list[model.Operation]:
    """The operations that travel."""
    return [] if interface.local else [found for found in interface.operations if found.travels]


def callbacks_of(interface: model.Interface) -> model.Interface:
    """The callbacks as an interface."""
    name = f"{interface.name}Callbacks"
    return model.Interface(name=name, uuid=interface.uuid, version=interface.version, operations=interface.callbacks)


def results_of(operation: model.Operation) -> list[tuple[str, model.Type]]:
    """What a call gives back: the [out] values, then the result unless it is an error_status_t."""
    found = [(parameter.name, parameter.type) for parameter in operation.parameters if parameter.is_out]
    if operation.returns is not None and operation.returns != _ERROR_STATUS:
        found.append(("return_", operation.returns))
    return found


def pipes_out(operation: model.Operation) -> list[model.Pipe]:
    """The pipes that a call gives back."""
    return [type_ for _, type_ in results_of(operation) if isinstance(type_, model.Pipe)]


@dataclass(frozen=True, slots=True)
class Face:
    """One of the two faces of an interface; client: what a client is, not what a server implements."""

    asynchronous: bool
    client: bool

    @property
    def iterator(self) -> str:
        """What a pipe is that is read."""
        return "AsyncIterator" if self.asynchronous else "Iterator"

    @property
    def stream(self) -> str:
        """What a pipe is that a call gives back, nothing beside it."""
        named = "rpc.AsyncPipeStream" if self.asynchronous else "rpc.PipeStream"
        return named if self.client else self.iterator


class InterfaceEmitter:
    """Prints one interface."""

    def __init__(
        self, interface: model.Interface, names: InterfaceNames, annotations: Annotations, layouts: Layouts
    ) -> None:
        self._interface = interface
        self._names = names
        self._annotations = annotations
        self._layouts = layouts
        self._operations = operations_of(interface)
        forbidden = frozenset(("self", "rpc", *names.operations.values()))
        self._parameters = {each.name: _parameter_names(each, forbidden) for each in self._operations}
        self._results = {operation.name: self._result(operation) for operation in self._operations}
        self._methods = self._method_names()
        names.inherited = frozenset(self._methods.values()) | (names.base.inherited if names.base else frozenset())
        self._callbacks: InterfaceEmitter | None = None
        if names.callbacks is not None and interface.callbacks:
            self._callbacks = InterfaceEmitter(callbacks_of(interface), names.callbacks, annotations, layouts)

    @property
    def imported(self) -> bool:
        """Does it stand in another file?"""
        return self._interface.imported

    @property
    def expression(self) -> str:
        """How the stub names the interface."""
        return self._names.expression

    # Classes

    def classes(self) -> Iterator[list[str]]:
        """Result tuples, contracts and clients, a block each."""
        name = self._interface.name
        yield from self._contracts(f"What {{}} server of {name} implements.")
        if self._callbacks is not None:
            yield from self._callbacks._contracts(f"What {{}} client of {name} implements, for its server to call.")
            yield from self._callbacks._clients(f"Calls back a client of {name}; made by lrpc.callback.")
        maker = "the object layer" if self._interface.object else "lrpc.connect"
        yield from self._clients(f"Calls {name}; made by {maker}.")

    def _clients(self, told: str) -> Iterator[list[str]]:
        names, base = self._names, self._names.base
        told = f'{INDENT}"""{told}"""'
        client = _head(names.client, "rpc.Client" if base is None else base.client, names.contract)
        yield [*client, told, *self._calls(Face(asynchronous=False, client=True))]
        over = "rpc.AsyncClient" if base is None else base.asynchronous_client
        client = _head(names.asynchronous_client, over, names.asynchronous)
        yield [*client, told, *self._calls(Face(asynchronous=True, client=True))]

    def _contracts(self, told: str) -> Iterator[list[str]]:
        for operation in self._operations:
            if operation.name in self._names.asynchronous_results:
                yield self._piped_result(operation, Face(asynchronous=False, client=False))
                yield self._piped_result(operation, Face(asynchronous=True, client=False))
            elif operation.name in self._names.results:
                yield self._tuple(operation)
        names, base = self._names, self._names.base
        over = "rpc.Contract" if base is None else base.contract
        yield [
            *_head(names.contract, over),
            *self._told(told.format("a")),
            *self._abstract(Face(asynchronous=False, client=False)),
        ]
        over = "rpc.AsyncContract" if base is None else base.asynchronous
        yield [
            *_head(names.asynchronous, over),
            *self._told(told.format("an asyncio")),
            *self._abstract(Face(asynchronous=True, client=False)),
        ]

    def _told(self, first: str) -> list[str]:
        operations = self._interface.operations
        local = [f"{found.number} {found.name}" for found in operations if found.local]
        reserved = _runs(found.number for found in operations if found.reserved and not found.local)
        absent = [f"Local, without a method: {', '.join(local)}."] if local else []
        absent += [f"Reserved, without a method: {', '.join(reserved)}."] if reserved else []
        return docstring(paragraphs(first, self._interface.doc, "\n".join(absent)), INDENT)

    def _tuple(self, operation: model.Operation) -> list[str]:
        results = results_of(operation)
        annotations = [self._annotations.given(type_) for _, type_ in results]
        names = Names(STUB_WORDS | TUPLE_WORDS | words_of(annotations))
        fields = [f"{INDENT}{names.public(name)}: {text}" for (name, _), text in zip(results, annotations, strict=True)]
        return [*_head(self._names.results[operation.name], "rpc.NamedTuple"), *fields]

    def _piped_result(self, operation: model.Operation, face: Face) -> list[str]:
        results = results_of(operation)
        annotations = [
            f"{face.iterator}[{self._annotations.piped(type_)}]"
            if isinstance(type_, model.Pipe)
            else self._annotations.given(type_)
            for _, type_ in results
        ]
        names = Names(STUB_WORDS | frozenset(("close",)) | words_of(annotations))
        fields = [f"{INDENT}{names.public(name)}: {text}" for (name, _), text in zip(results, annotations, strict=True)]
        head = _head(self._result_name(operation, face), "rpc.PipedResult")
        return ["@rpc.dataclass(slots=True)", *head, *fields]

    def _result_name(self, operation: model.Operation, face: Face) -> str:
        names = self._names
        return (names.asynchronous_results if face.asynchronous else names.results)[operation.name]

    def _abstract(self, face: Face) -> list[str]:
        out: list[str] = []
        for operation in self._operations:
            told = docstring(self._documentation(operation), INDENT * 2)
            out += ["", f"{INDENT}@abc.abstractmethod"]
            out += self._signature(operation, face, ":" if told else ": ...") + told
        return out

    def _documentation(self, operation: model.Operation) -> str:
        names = self._parameters[operation.name]
        told = [f"{names[found.name]}: {found.doc}" for found in operation.parameters if found.doc.strip()]
        return paragraphs(operation.doc, "\n".join(told))

    def _calls(self, face: Face) -> list[str]:
        out: list[str] = []
        for operation in self._operations:
            names = self._parameters[operation.name]
            given = [names[parameter.name] for parameter in operation.parameters if parameter.is_in]
            made = call(f"self.{self._way(operation)}", *self._subject(operation, face), *given)
            verb = "return await " if self._is_coroutine(operation, face) else "return "
            out += ["", *self._signature(operation, face, ":"), *lines(made, prefix=verb, indent=INDENT * 2)]
        return out

    def _way(self, operation: model.Operation) -> str:
        """The method of rpc.Client that makes the call."""
        if pipes_out(operation):
            return "_pipes" if operation.name in self._names.results else "_stream"
        return "_piped" if any(isinstance(found.type, model.Pipe) for found in operation.parameters) else "_call"

    def _subject(self, operation: model.Operation, face: Face) -> list[str]:
        """What it is told of the operation."""
        name = self._names.operations[operation.name]
        return [name, self._result_name(operation, face)] if self._way(operation) == "_pipes" else [name]

    def _is_coroutine(self, operation: model.Operation, face: Face) -> bool:
        """A method that gives back nothing but a pipe may be an asynchronous generator, which is no coroutine."""
        return face.asynchronous and self._way(operation) != "_stream"

    def _signature(self, operation: model.Operation, face: Face, end: str) -> list[str]:
        names = self._parameters[operation.name]
        items: list[Part] = ["self"]
        taken = [parameter for parameter in operation.parameters if parameter.is_in]
        items += [f"{names[p.name]}: {self._taken(p, face)}" for p in taken if not p.auto]
        counts = [f"{names[p.name]}: {self._taken(p, face)} = rpc.AUTO" for p in taken if p.auto]
        items += ["*", *counts] if counts else []
        keyword = "async def" if self._is_coroutine(operation, face) else "def"
        head = Group(f"{keyword} {self._methods[operation.name]}(", tuple(items), display=len(items) == 1)
        return lines(head, suffix=f" -> {self._returned(operation, face)}{end}", indent=INDENT)

    def _returned(self, operation: model.Operation, face: Face) -> str:
        match self._way(operation):
            case "_stream":
                return f"{face.stream}[{self._results[operation.name]}]"
            case "_pipes":
                return self._result_name(operation, face)
            case _:
                return self._results[operation.name]

    def _taken(self, parameter: model.Parameter, face: Face) -> str:
        if isinstance(parameter.type, model.Pipe):
            pipe = parameter.type
            if face.client:
                return self._annotations.poured(pipe, asynchronous=face.asynchronous)
            return f"{face.iterator}[{self._annotations.piped(pipe)}]"
        if parameter.partial:
            return "bool | None"
        return self._annotations.taken(parameter.type) if face.client else self._annotations.received(parameter.type)

    def _result(self, operation: model.Operation) -> str:
        results = results_of(operation)
        if len(results) > 1:
            return self._names.results[operation.name]
        alone = pipes_out(operation)
        if alone:
            return self._annotations.piped(alone[0])
        return self._annotations.given(results[0][1]) if results else "None"

    def _method_names(self) -> dict[str, str]:
        face = Face(asynchronous=True, client=True)
        annotations = [self._taken(found, face) for operation in self._operations for found in operation.parameters]
        inherited = self._names.base.inherited if self._names.base else frozenset[str]()
        names = Names(STUB_WORDS | METHOD_WORDS | inherited | words_of([*annotations, *self._results.values()]))
        return {operation.name: names.public(operation.name) for operation in self._operations}

    # Operations

    def operations(self) -> list[str]:
        """The constants that describe the operations, and the callbacks."""
        out: list[str] = []
        for operation in self._operations:
            name = self._names.operations[operation.name]
            kind = "rpc.Operation", self._results[operation.name]
            out += assigned(name, self._operation(operation), kind=kind)
        return out if self._callbacks is None else [*out, *self._callbacks.operations()]

    def _operation(self, operation: model.Operation) -> Part:
        names = self._parameters[operation.name]
        items: list[Part] = [str(operation.number), quoted(operation.name)]
        items += [self._parameter(parameter, names) for parameter in operation.parameters]
        if operation.returns is not None:
            items.append(Prefixed("returns=", self._layouts.of(operation.returns, {})))
        if operation.name in self._names.results:
            items.append(f"result={self._names.results[operation.name]}")
        if self._methods[operation.name] != operation.name:
            items.append(f"python={quoted(self._methods[operation.name])}")
        items += [f"{word}=True" for word in ("idempotent", "maybe", "broadcast") if getattr(operation, word)]
        return Group("rpc.Operation(", tuple(items))

    def _parameter(self, parameter: model.Parameter, names: dict[str, str]) -> Part:
        kind = "InOut" if parameter.is_in and parameter.is_out else "In" if parameter.is_in else "Out"
        words = [f"{word}=True" for word in ("auto", "partial") if getattr(parameter, word)]
        return call(f"rpc.{kind}", quoted(names[parameter.name]), self._layouts.of(parameter.type, names), *words)

    def interface(self, *, calls_back: bool = False) -> list[str]:
        """The interface with its operations, behind that of its callbacks; calls_back: it is the one of those."""
        out = [] if self._callbacks is None else [*self._callbacks.interface(calls_back=True), ""]
        found, names = self._interface, self._names
        items: list[Part] = [
            quoted(found.name),
            call("UUID", quoted(found.uuid)),
            f"({found.version[0]}, {found.version[1]})",
            display(list(names.operations.values())),
        ]
        if found.endpoints:
            items.append(Prefixed("endpoints=", display([quoted(text) for text in found.endpoints])))
        if self._callbacks is not None:
            items.append(f"callbacks={self._callbacks.expression}")
        if names.base is not None:
            items.append(f"base={names.base.expression}")
        if found.object:
            items.append("object=True")
        if calls_back:
            items.append("calls_back=True")
        return out + assigned(
            f"{names.expression} = {names.asynchronous}.interface", Group("rpc.Interface(", tuple(items))
        )


def _head(name: str, *bases: str) -> list[str]:
    return lines(Group(f"class {name}(", bases), suffix=":")


def _parameter_names(operation: model.Operation, forbidden: frozenset[str]) -> dict[str, str]:
    names = Names(forbidden)
    return {parameter.name: names.take(parameter.name) for parameter in operation.parameters}


def _runs(numbers: Iterable[int]) -> list[str]:
    """Ascending numbers; three and more in a row are the first and the last of them."""
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    pieces = [[f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run) for run in found]
    return [piece for run in pieces for piece in run]
