"""Context handles at a client: what stands for an object that a server keeps (C706 5.1.6)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from .operation import Operation, Parameter
from .status import ArgumentError, ContextMismatch, Ran


class Handle:
    """A context handle at the client. Closing it calls the operation that the interface has for that, if it has one."""

    __slots__ = ("__weakref__", "_client", "_operation", "lost", "type", "wire")

    def __init__(self, wire: tuple[int, UUID], type: str, client: Any, operation: Operation[Any] | None) -> None:
        self.wire: tuple[int, UUID] | None = wire
        """Attributes and UUID; None once it is closed."""
        self.lost = False
        """It has died with the connection that it was opened on."""
        self.type = type
        self._client = client
        self._operation = operation

    def __repr__(self) -> str:
        return f"<{self.type} {self.wire[1] if self.wire else 'closed'}>"

    def lose(self) -> None:
        """Its connection has ended, and it with it."""
        self.wire, self.lost = None, True

    @property
    def closed(self) -> bool:
        """Has the server taken it back?"""
        return self.wire is None

    def close(self) -> None:
        """Give it back to the server. Without an operation for that the server does so when the connection ends."""
        if self.wire is not None and self._operation is not None:
            getattr(self._client, self._operation.method)(self)
        self.wire = None

    async def aclose(self) -> None:
        """`close` for an asyncio client."""
        if self.wire is not None and self._operation is not None:
            await getattr(self._client, self._operation.method)(self)
        self.wire = None

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Handle:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def wire_of(operation: Operation[Any], parameter: Parameter, value: Any) -> tuple[int, UUID] | None:
    """What a context handle is in a request. ArgumentError, or ContextMismatch for one that is lost."""
    if isinstance(value, Handle) and value.wire is not None:
        return value.wire
    if value is None and parameter.outward:
        return None
    if isinstance(value, Handle) and value.lost:
        raise ContextMismatch(None, f"{operation.name}: {parameter.name} died with its connection", ran=Ran.NO)
    problem = "is closed" if isinstance(value, Handle) else f"takes a context handle, not {type(value).__name__}"
    raise ArgumentError(f"{operation.name}: {parameter.name} {problem}", ran=Ran.NO)
