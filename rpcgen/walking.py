"""Walking: the types inside a definition, and the definitions that a type names."""

from __future__ import annotations

from collections.abc import Iterator

from . import model
from .diagnostics import Span


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
