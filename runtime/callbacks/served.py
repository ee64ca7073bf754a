"""What a client serves: the object that its server calls back, in both faces."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final
from uuid import uuid4

from ..call import Limits
from ..contexts import ContextTable
from ..dispatch import Method, answer, answer_async
from ..faces import check_face
from ..ndr.strictness import DEFAULT
from ..operation import Interface
from ..status import NCA_OP_RNG_ERROR, CallbackRefused, Fault, OperationOutOfRange, Ran
from ..stub import Octets
from ..wire import Back

MAX_DEPTH: Final = 8
"""Callbacks within callbacks: each has a call of the one outside under way, at both ends."""

_depth: ContextVar[int] = ContextVar("lrpc depth of callbacks", default=0)
_interruption: ContextVar[BaseException | None] = ContextVar("lrpc interrupted callback", default=None)
_NO_CONTEXTS: Final = ContextTable(uuid4, 0)


def nested() -> bool:
    """Does a callback run here?"""
    return _depth.get() > 0


def _watched(function: Callable[..., Any]) -> Callable[..., Any]:
    """The method of a callback: to a server's dispatch what interrupts it would be an answer like any other."""

    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except (KeyboardInterrupt, GeneratorExit) as interruption:
            _interruption.set(interruption)
            raise

    return call


class Served:
    """An object for the callbacks of an interface. TypeError when it does not serve them, or not in this face."""

    def __init__(self, interface: Interface, implementation: object, limits: Limits, *, asynchronous: bool) -> None:
        callbacks = interface.callbacks
        if callbacks is None:
            raise TypeError(f"{interface.name} has no callbacks")
        if isinstance(implementation, type):
            name = implementation.__name__
            raise TypeError(f"{name} is a class: callbacks= takes an object, {name}()")
        missing = [found.method for found in callbacks.operations if not hasattr(implementation, found.method)]
        if missing:
            raise TypeError(f"{type(implementation).__name__} has no {missing[0]}, a callback of {interface.name}")
        check_face(implementation, callbacks, asynchronous=asynchronous)
        self._methods = {
            found.opnum: Method(
                found, _watched(getattr(implementation, found.method)), callbacks.uuid, bytes, limits.max_items, DEFAULT
            )
            for found in callbacks.operations
        }

    def answer(self, back: Back) -> list[Octets] | Fault:
        """Run a callback. What interrupts its thread, and is no error of its own, is raised."""
        method = self._method(back)
        token, watch = _depth.set(_depth.get() + 1), _interruption.set(None)
        try:
            answered = answer(method, back.stub, back.encoding, _NO_CONTEXTS)
            interruption = _interruption.get()
            if interruption is not None:
                raise interruption
            return answered
        finally:
            _depth.reset(token)
            _interruption.reset(watch)

    async def answer_async(self, back: Back) -> list[Octets] | Fault:
        """Run a callback that is a coroutine."""
        method = self._method(back)
        token = _depth.set(_depth.get() + 1)
        try:
            return await answer_async(method, back.stub, back.encoding, _NO_CONTEXTS)
        finally:
            _depth.reset(token)

    def _method(self, back: Back) -> Method | Fault:
        if _depth.get() >= MAX_DEPTH:
            return CallbackRefused(message=f"more than {MAX_DEPTH} callbacks within callbacks", ran=Ran.NO)
        found: Any = self._methods.get(back.opnum)
        return found or OperationOutOfRange(NCA_OP_RNG_ERROR, ran=Ran.NO)
