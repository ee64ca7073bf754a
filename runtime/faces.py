"""The two faces of what serves an interface: plain methods, and `async def` ones."""

from __future__ import annotations

import inspect
from typing import Any

from .dispatch import interfaces_of
from .operation import Interface


def check_face(implementation: object, *interfaces: Interface, asynchronous: bool) -> None:
    """TypeError when an object's methods are not of the face that the server has."""
    for interface in interfaces or interfaces_of(implementation):
        for operation in interface.operations:
            function = getattr(implementation, operation.method)
            if not _is_of_face(function, asynchronous=asynchronous, alone=operation.pipe_alone):
                face = ("async def", "AsyncServer") if asynchronous else ("plain def", "Server")
                server = "an asyncio client" if interface.calls_back and asynchronous else face[1]
                name = f"{type(implementation).__name__}.{operation.method}"
                raise TypeError(f"{server} takes methods that are {face[0]}; {name} is not")


def _is_of_face(function: Any, *, asynchronous: bool, alone: bool) -> bool:
    """alone: the method gives back nothing but a pipe. For asyncio it gives an asynchronous iterator, unawaited."""
    if alone and asynchronous:
        return not inspect.isgeneratorfunction(function)
    found = inspect.iscoroutinefunction(function) or (alone and inspect.isasyncgenfunction(function))
    return found is asynchronous
