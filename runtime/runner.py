"""A plain method of a server, made ready: a function from a request's stub to an answer, with nothing left to look up.

For other methods it is `dispatch.answer`, which a test holds both to. Sessions make one for each operation that their
client calls.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from .contexts import ContextTable
from .dispatch import Method, Values, answer, answer_async, failed, refused, unfit
from .ndr.layout import Encoding
from .status import Fault
from .stub import Octets

Answer: TypeAlias = list[Octets] | Fault


def runner(method: Method, encoding: Encoding, contexts: ContextTable) -> Callable[[Octets], Answer]:
    """What runs a blocking method for one client."""
    if not is_straight(method, encoding):
        return lambda stub: answer(method, stub, encoding, contexts)
    operation, function, octets, items = method.operation, method.function, method.octets, method.items
    request, response = operation.codecs(encoding, method.strictness)
    decode, encode, invoke = request.decoder(), response.encoder(), operation.invoke

    def run(stub: Octets) -> Answer:
        try:
            given = decode(stub, octets, items, ())
        except Exception as misfit:
            return refused(operation, request.explained_stub(stub, (), misfit))
        try:
            result = invoke(function, given)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            return failure(method, given, error, contexts)
        try:
            return encode((result,), given)
        except Exception as misfit:
            return unfit(operation, response.explained_value((result,), given, misfit))

    return run


def async_runner(
    method: Method, encoding: Encoding, contexts: ContextTable
) -> Callable[[Octets], Coroutine[Any, Any, Answer]]:
    """What runs an asyncio method for one client."""
    if not is_straight(method, encoding):
        return lambda stub: answer_async(method, stub, encoding, contexts)
    operation, function, octets, items = method.operation, method.function, method.octets, method.items
    request, response = operation.codecs(encoding, method.strictness)
    decode, encode, invoke = request.decoder(), response.encoder(), operation.invoke

    async def run(stub: Octets) -> Answer:
        try:
            given = decode(stub, octets, items, ())
        except Exception as misfit:
            return refused(operation, request.explained_stub(stub, (), misfit))
        try:
            result = await invoke(function, given)
        except (Exception, SystemExit) as error:
            return failure(method, given, error, contexts)
        try:
            return encode((result,), given)
        except Exception as misfit:
            return unfit(operation, response.explained_value((result,), given, misfit))

    return run


def is_straight(method: Method, encoding: Encoding) -> bool:
    """Values in, one value out, and nobody asks who calls or how often."""
    return encoding is Encoding.NDR and method.operation.single and method.guard is None and method.quota is None


def failure(method: Method, given: Values, error: BaseException, contexts: ContextTable) -> Answer:
    """What a method that raised answers."""
    try:
        return failed(method, given, error, Encoding.NDR, contexts)
    except Fault as fault:
        return fault
    finally:
        del error  # which may be the fault
