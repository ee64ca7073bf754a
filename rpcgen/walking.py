"""Walking: the types inside operations and definitions, and the definitions that they name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from . import model
from .diagnostics import Span


def types_of(operation: model.Operation) -> Iterator[model.Type]:
    """The types of the parameters and of the result."""
    yield from (parameter.type for parameter in operation.parameters)
    if operation.returns is not None:
        yield operation.returns


def held(definition: model.Definition | None) -> Iterator[tuple[model.Type, Span | None]]:
    """The types inside a definition."""
    match definition:
        case model.Structure(members=members):
            yield from ((member.type, member.span) for member in members)
        case model.UnionType(cases=cases, default=default, tag=tag):
            yield tag, None
            yield from ((case.type, case.span) for case in cases if case.type is not None)
            if default is not None and default.type is not None:
                yield default.type, default.span
        case model.SwitchUnion(union=union):
            yield from held(union)
        case model.ConversionType(wire=wire, span=span):
            yield wire, span
        case _:
            pass


def keys(type_: model.Type) -> Iterator[str]:
    """The definitions that a type names."""
    match type_:
        case model.Defined(key=key) | model.Selected(union=model.Defined(key=key)):
            yield key
        case model.Converted(conversion=key):
            yield key
        case model.Ranged(target=inner) | model.Pointer(target=inner):
            yield from keys(inner)
        case model.Subcontext(target=inner) | model.Flagged(target=inner):
            yield from keys(inner)
        case model.Array(element=inner) | model.MultiArray(element=inner) | model.Pipe(element=inner):
            yield from keys(inner)
        case _:
            pass


def needed(one: model.Operation | model.Definition | None) -> Iterator[str]:
    """The definitions that an operation or a definition names."""
    types = types_of(one) if isinstance(one, model.Operation) else (type_ for type_, _ in held(one))
    return (key for type_ in types for key in keys(type_))


def closure(wanted: Iterable[str], definition: Callable[[str], model.Definition | None]) -> set[str]:
    """These definitions, and all that they need; definition: the one of a key."""
    found, todo = set[str](), list(wanted)
    while todo:
        key = todo.pop()
        if key not in found:
            found.add(key)
            todo += needed(definition(key))
    return found
