"""Operations and types of a stub by their names, their values as JSON: calls for a person at a keyboard.

`find` looks a name up; `pack` and `unpack` turn JSON into a stub's octets and back; `explain` says what each octet is;
`call` calls. The JSON is
that of `ndr/json_form.py`: parameters by name, `__return__` for what an operation returns.

Rule: nothing here connects, prints, or knows IDL; a stub is a module with `__interfaces__` and `__layouts__`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal, NamedTuple, cast

from .ndr.by_construct import ByConstruct, type_by_construct
from .ndr.compiler import Codec, compiled_type
from .ndr.errors import NdrError
from .ndr.explain import Explanation
from .ndr.explain import explain as explain_octets
from .ndr.json_form import from_json, to_json
from .ndr.layout import ContextHandle, Encoding, Layout, Parameters, Pipe, PipeItems, PipeOctets
from .ndr.siblings import correlated
from .ndr.strictness import ALONE, Strictness
from .ndr.type_serialization import CodecOf, StreamReader, StreamWriter, type_alone
from .operation import Codecs, Parameter
from .status import ArgumentError, StatusError
from .stub import Client, Handle, Interface, Operation

Direction = Literal["in", "out"]


class UnknownName(LookupError):
    """A stub has nothing of that name; the message says what it has."""


class Found(NamedTuple):
    """An operation and the interface that it belongs to."""

    interface: Interface
    operation: Operation[Any]


def find_operation(stub: ModuleType, name: str) -> Found:
    """The operation `Interface.Operation`, or `Operation` where one interface has it. UnknownName."""
    wanted, _, plain = name.rpartition(".")
    found = _operations(stub)
    fitting = [one for one in found if one.operation.name == plain and wanted in ("", one.interface.name)]
    if len(fitting) == 1:
        return fitting[0]
    names = [f"{one.interface.name}.{one.operation.name}" for one in fitting or found]
    raise UnknownName(f"{name!r} is {' or '.join(names)}" if fitting else _unknown("an operation", name, names))


def find_interface(stub: ModuleType, name: str | None) -> Interface:
    """The interface of a name, or without one the only interface. UnknownName."""
    interfaces: tuple[Interface, ...] = stub.__interfaces__
    fitting = [found for found in interfaces if name in (None, found.name)]
    if len(fitting) != 1:
        raise UnknownName(_unknown("an interface", name or "", [found.name for found in interfaces]))
    return fitting[0]


def find(stub: ModuleType, name: str) -> Layout | Operation[Any]:
    """The type of a name, else the operation. UnknownName."""
    layouts: Mapping[str, Layout] = stub.__layouts__
    if name in layouts:
        return layouts[name]
    operations = _operations(stub)
    if any(name in (found.operation.name, f"{found.interface.name}.{found.operation.name}") for found in operations):
        return find_operation(stub, name).operation
    raise UnknownName(_unknown("a type or operation", name, [*layouts, *(one.operation.name for one in operations)]))


def client_class(stub: ModuleType, interface: Interface) -> type[Client]:
    """The generated blocking client of an interface."""
    for value in vars(stub).values():
        if isinstance(value, type) and issubclass(value, Client) and value.interface is interface:
            return value
    raise UnknownName(f"{stub.__name__} has no client of {interface.name}")


def _operations(stub: ModuleType) -> list[Found]:
    interfaces: tuple[Interface, ...] = stub.__interfaces__
    return [Found(interface, operation) for interface in interfaces for operation in interface.operations]


def _unknown(kind: str, name: str, names: Iterable[str]) -> str:
    known = list(names)
    if not known:
        return f"{name!r} is not {kind} here: there is none"
    close = difflib.get_close_matches(_short(name), map(_short, known), 3)
    shown = [one for one in known if _short(one) in close] or known[:12]
    return f"{name!r} is not {kind} here; there is {', '.join(shown)}" + (", ..." if len(shown) < len(known) else "")


def _short(name: str) -> str:
    """What a typing mistake is looked for in."""
    return name.rpartition(".")[2].lower()


# Octets


@dataclass(frozen=True, slots=True)
class Form:
    """What octets are a form of: an encoding, and for an operation the direction and what is known of the other.

    given: for direction `out`, the [in] values as JSON, which sizes of [out] arrays may name. serialized: which version
    of type serialization has its headers around a type. reference: by construct, which follows the rules one by one, in
    place of the codec that calls run. strictness: what reading overlooks; octets left over are counted, not refused.
    """

    encoding: Encoding = Encoding.NDR
    direction: Direction = "in"
    given: Any = None
    serialized: int | None = None
    reference: bool = False
    strictness: Strictness = ALONE


def form(
    syntax: str,
    order: str,
    direction: Direction,
    given: Any = None,
    *,
    serialized: int | None = None,
    reference: bool = False,
    strictness: Strictness = ALONE,
) -> Form:
    """The form of words: `ndr` or `ndr64`, `little` or `big`. ValueError when there is none of these words."""
    if order == "big" and syntax == "ndr64":
        raise ValueError("NDR64 is little-endian")
    if order == "big" and serialized == 2:
        raise ValueError("version 2 of type serialization is little-endian")
    if syntax == "ndr64" and serialized == 1:
        raise ValueError("type serialization 1 is NDR; version 2 may be NDR64")
    narrow = Encoding.NDR_BIG if order == "big" else Encoding.NDR
    encoding = narrow if syntax == "ndr" else Encoding.NDR64
    return Form(encoding, direction, given, serialized, reference, strictness)


def pack(target: Layout | Operation[Any], data: Any, form: Form) -> bytes:
    """The octets of a type's value, or of the stub of an operation. NdrError when the JSON does not fit."""
    if form.serialized is not None:
        layout = _type(target)
        writer = StreamWriter(form.serialized, form.encoding, codec=_codec_of(form))
        return writer.write(layout, from_json(layout, data)).octets
    if isinstance(target, Layout):
        value = from_json(target, data)
        with type_alone():
            return b"".join(_codec_of(form)(target, form.encoding).encode((value,)))
    if form.direction == "in":
        values = target.filled(_values(target.request, data))
        return _written(target.codecs(form.encoding).request, values, {}, form)
    codec, outer = _response(target, form)
    values = tuple(from_json(target.response, data, outer=outer).values())
    return _written(codec, values, outer, form)


def unpack(target: Layout | Operation[Any], octets: bytes, form: Form) -> tuple[Any, int]:
    """The JSON of a value or of a stub, and how many octets stand behind it. NdrError when they do not fit."""
    if form.serialized is not None:
        return _deserialized(_type(target), octets, form)
    if isinstance(target, Layout):
        with type_alone():
            [value] = _codec_of(form)(target, form.encoding).decode(octets)
        return to_json(target, value), _behind(target, octets, form, {})
    codec, outer = _side(target, form)
    values = _named(codec.parameters, _read(codec, octets, outer, form))
    return to_json(codec.parameters, values, outer=outer), _behind(codec.parameters, octets, form, outer)


def explain(target: Layout | Operation[Any], octets: bytes, form: Form) -> tuple[Explanation, Any]:
    """What each octet is, and the JSON of the value, None when the octets do not fit.

    NdrError only where the JSON of `form` does not fit, or says too little.
    """
    layout, outer = (target, dict[str, Any]()) if isinstance(target, Layout) else _side_layout(target, form)
    found = explain_octets(layout, octets, form.encoding, outer, form.strictness)
    return found, None if found.error is not None else to_json(layout, found.value, outer=outer)


def _type(target: Layout | Operation[Any]) -> Layout:
    if isinstance(target, Layout):
        return target
    raise NdrError(f"{target.name} is an operation: only types are serialized")


def _codec_of(form: Form) -> CodecOf:
    made = type_by_construct if form.reference else compiled_type
    return lambda layout, encoding: made(layout, encoding, form.strictness)


def _deserialized(layout: Layout, octets: bytes, form: Form) -> tuple[Any, int]:
    reader = StreamReader(octets, codec=_codec_of(form))
    if reader.version != form.serialized:
        raise NdrError(f"version {reader.version} of type serialization, not {form.serialized}", offset=0)
    return to_json(layout, reader.read(layout)), reader.left


def _written(codec: Codec, values: tuple[Any, ...], outer: dict[str, Any], form: Form) -> bytes:
    return b"".join(_chosen(codec, form).encode(values, tuple(outer.values())))


def _read(codec: Codec, octets: bytes, outer: dict[str, Any], form: Form) -> tuple[Any, ...]:
    return _chosen(codec, form).decode(octets, tuple(outer.values()))


def _chosen(codec: Codec, form: Form) -> Codec:
    return ByConstruct(codec.parameters, codec.outer, codec.encoding, codec.strictness) if form.reference else codec


def _side_layout(operation: Operation[Any], form: Form) -> tuple[Layout, dict[str, Any]]:
    codec, outer = _side(operation, form)
    return codec.parameters, outer


def _side(operation: Operation[Any], form: Form) -> tuple[Codec, dict[str, Any]]:
    """The codec of the direction, and the values of the other one."""
    return _response(operation, form) if form.direction == "out" else (_codecs(operation, form).request, {})


def _codecs(operation: Operation[Any], form: Form) -> Codecs:
    return operation.codecs(form.encoding, form.strictness)


def _response(operation: Operation[Any], form: Form) -> tuple[Codec, dict[str, Any]]:
    """The codec of a response, and the [in] values that it asks for."""
    codec = _codecs(operation, form).response
    if form.given is not None:
        return codec, _named(operation.request, operation.filled(_values(operation.request, form.given)))
    own = {field.name for field in operation.response.fields}
    missing = correlated(operation.response.fields) - own
    if missing:
        raise NdrError(f"the response of {operation.name} has sizes or tags that its [in] values say: "
                       f"{', '.join(sorted(missing))}; give those too (--given)")  # fmt: skip
    return codec, {}


def _values(parameters: Parameters, data: Any) -> tuple[Any, ...]:
    return tuple(from_json(parameters, data).values())


def _named(parameters: Parameters, values: Iterable[Any]) -> dict[str, Any]:
    return dict(zip((field.name for field in parameters.fields), values, strict=True))


def _behind(layout: Layout, octets: bytes, form: Form, outer: Mapping[str, Any]) -> int:
    """The reference reader says where a value ends; the compiled codec does not care."""
    spans: list[tuple[int, int, str, str, str]] = []
    layout.parse(octets, encoding=form.encoding, outer=outer, trace=spans, strictness=form.strictness)
    return len(octets) - max((offset + size for offset, size, *_ in spans), default=0)


# Calls


def call(client: Client, operation: Operation[Any], data: Any) -> Any:
    """Call an operation with JSON; the results as JSON, without a status that only says that all is well.

    Raises what calls raise, ArgumentError too when the JSON does not fit; the `result` of a StatusError is JSON.
    """
    try:
        arguments = from_json(operation.request, data)
    except NdrError as error:
        raise ArgumentError(f"{operation.name}: {error}") from error
    given = {name: _handed(client, operation, name, value) for name, value in arguments.items()}
    try:
        result = _drained(operation, getattr(client, operation.method)(**given))
    except StatusError as error:
        if error.result is not None:
            error.result = _results(operation, error.result, arguments)
        raise
    return _results(operation, result, arguments)


def _handed(client: Client, operation: Operation[Any], name: str, value: Any) -> Any:
    """Context handles as a client takes them. The server knows whether it ever gave one out."""
    [layout] = [parameter.layout for parameter in operation.inward if parameter.name == name]
    if isinstance(layout, ContextHandle) and value is not None:
        return Handle(value, layout.name, client, None)
    return value


def _drained(operation: Operation[Any], result: Any) -> Any:
    """A result whose pipes are read to their ends, as the values of the operation."""
    if not any(found.piped for found in operation.outward):
        return result
    if operation.pipe_alone:
        return _all_of(operation.outward[0], result)
    names = cast(tuple[str, ...], getattr(cast(object, result), "__slots__"))  # noqa: B009
    outs = zip(names, operation.given_back, strict=False)
    pipes = {name: _all_of(found, getattr(result, name)) for name, found in outs if found.piped}
    return tuple(pipes[name] if name in pipes else getattr(result, name) for name in names)


def _all_of(parameter: Parameter, stream: Iterable[Any]) -> Any:
    octets = isinstance(parameter.layout, Pipe) and parameter.layout.octets
    return PipeOctets(b"".join(stream)) if octets else PipeItems(stream)


def _results(operation: Operation[Any], result: Any, arguments: Mapping[str, Any]) -> Any:
    fields = operation.response.fields[: len(operation.response.fields) - operation.hidden]
    values = result if operation.result is not None else (result,) if fields else ()
    outs = {field.name: _wire(value) for field, value in zip(fields, values, strict=True)}
    return to_json(Parameters(*fields), outs, outer=arguments)


def _wire(value: Any) -> Any:
    return value.wire if isinstance(value, Handle) else value
