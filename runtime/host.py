"""A server from words: `module:Class` and string bindings, served until a signal. What `lrpc serve` does.

Both faces: an object with `async def` methods gets an AsyncServer. SIGINT and SIGTERM end it in order: no new
connections, calls that run are answered.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..transports.security import SddlError, SecurityDescriptor
from .binding import StringBinding
from .dispatch import interfaces_of
from .server import Server
from .serving.signals import interrupted_by_term, told_of_term

if TYPE_CHECKING:
    from .authentication.authenticator import Authenticator

Announce = Callable[[StringBinding], None]
"""Told of each binding that clients can connect to."""


class Unservable(Exception):
    """`module:Class` is nothing that can be served; the message says why."""


def implementation(words: str) -> Any:
    """An instance of `module:Class`, or the object `module:name`; the module may be in the current folder.

    Raises Unservable, also for whatever the module and the class raise.
    """
    module_name, _, name = words.partition(":")
    if not module_name or not name:
        raise Unservable(f"{words!r} does not read module:Class")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module_name), name, None)
        served = found() if isinstance(found, type) and not inspect.isabstract(found) else found
    except Exception as error:  # somebody's module, somebody's class
        raise Unservable(f"{words}: {type(error).__name__}: {error}{_place(error)}") from error
    if found is None:
        raise Unservable(f"module {module_name} has no {name}")
    if inspect.isabstract(found):
        raise Unservable(f"{name} does not implement {_missing(found)}")
    if not interfaces_of(served):
        raise Unservable(f"{name} implements no generated interface")
    return served


def _missing(abstract: Any) -> str:
    return ", ".join(sorted(abstract.__abstractmethods__))


def _place(error: Exception) -> str:
    """Where in somebody's module an exception came from; nothing when the module was not even found."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    file = "" if trace is None else trace.tb_frame.f_code.co_filename
    return "" if trace is None or file == __file__ or file.startswith("<frozen") else f" ({file}:{trace.tb_lineno})"


def serve(
    served: Any,
    bindings: Sequence[str],
    announce: Announce,
    security: str | None = None,
    *,
    threads: int | None = None,
    workers: int = 0,
    authenticator: Authenticator | None = None,
) -> None:
    """Serve an object on all bindings until SIGINT or SIGTERM. Only for the main thread.

    security: SDDL of who may connect. threads, workers, authenticator: as `Server` has them. Raises InvalidBinding and
    ListenError when an endpoint cannot be had, Unservable for methods of both faces, for threads where methods are
    async, and for SDDL that cannot be read.
    """
    if security is not None:
        _check(security)
    faces = {
        inspect.iscoroutinefunction(getattr(served, operation.method))
        for interface in interfaces_of(served)
        for operation in interface.operations
    }
    if faces == {True, False}:
        raise Unservable(f"{type(served).__name__} has methods with and without async")
    if faces == {True} and threads is not None:
        raise Unservable(f"{type(served).__name__} has methods with async, which one thread serves")
    with contextlib.suppress(KeyboardInterrupt):  # between two lines
        if faces == {True}:
            _serve_async(served, bindings, announce, security, workers, authenticator)
        else:
            make = partial(Server, threads=threads, workers=workers, authenticator=authenticator)
            _serve_blocking(make, served, bindings, announce, security)


def _check(security: str) -> None:
    try:
        SecurityDescriptor.parse(security)
    except SddlError as error:
        raise Unservable(f"{security!r} is no security descriptor: {error}") from error


def _serve_blocking(
    make: Callable[[], Server], served: Any, bindings: Sequence[str], announce: Announce, security: str | None
) -> None:
    with interrupted_by_term(), make() as server:
        server.register(served)
        found = [server.listen(binding, security=security) for binding in bindings]
        server.start()  # first, so that who reads an announcement is served, and finds the server at the mapper
        for binding in found:
            announce(binding)
        server.serve_forever()


def _serve_async(
    served: Any,
    bindings: Sequence[str],
    announce: Announce,
    security: str | None,
    workers: int,
    authenticator: Authenticator | None,
) -> None:
    import asyncio

    from .async_server import AsyncServer

    async def run() -> None:
        async with AsyncServer(workers=workers, authenticator=authenticator) as server:
            with told_of_term(asyncio.get_running_loop(), server.stop_soon):
                server.register(served)
                found = [await server.listen(binding, security=security) for binding in bindings]
                await server.start()
                for binding in found:
                    announce(binding)
                await server.serve_forever()

    asyncio.run(run())
