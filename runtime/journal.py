"""What lrpc logs: every event with its logger, level, words and fields, in one table; `note` logs one.

A record has the name of its event as `record.event` and each field as an attribute of its name, so that a handler
that writes JSON has them apart. docs/logging.md is this table for people; a test holds one to the other.

Rule: no value of a call and no credential is a field, nor in the words; a reason may name a parameter and a place.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import time
from collections.abc import Callable
from string import Formatter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from .intercept import AsyncInterceptor, AsyncProceed, Interceptor, Invocation, Proceed


_SUSPENDS: Final = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Code whose frames may go on although an error has been in them."""


class Event(NamedTuple):
    """Something that is logged. words: the message, with the fields in braces."""

    logger: str
    level: int
    words: str
    fields: tuple[str, ...]


def _event(logger: str, level: int, words: str, *more: str) -> Event:
    """The fields of the words, and those that are told apart only."""
    named = [field for _, field, _, _ in Formatter().parse(words) if field]
    return Event(f"lrpc.{logger}", level, words, (*dict.fromkeys((*named, *more)),))


EVENTS: Final = {
    "connected": _event("connect", logging.INFO, "{interface}: {peer} ({reason})", "tried"),
    "trying_again": _event("connect", logging.INFO, "{target}: {reason}; another try in {seconds} s"),
    "reconnecting": _event("connect", logging.INFO, "{peer} is connected to anew: {reason}"),
    "listening": _event("server", logging.INFO, "listening on {binding}"),
    "interrupted": _event("server", logging.INFO, "interrupted"),
    "accepted": _event("server", logging.DEBUG, "{peer} connected"),
    "authenticated": _event("server", logging.INFO, "{peer} by {authentication}, level {level}"),
    "accept_failed": _event("server", logging.WARNING, "{binding}: {reason}"),
    "ended": _event("server", logging.DEBUG, "{peer}: {reason}"),
    "malformed": _event("server", logging.WARNING, "{peer} broke the protocol: {reason}", "offset"),
    "limit": _event("server", logging.WARNING, "{peer}: {reason}: {limit} is {value}"),
    "broken": _event("server", logging.ERROR, "{peer}: serving the connection failed"),
    "blocked": _event("server", logging.WARNING, "the loop has served nobody for {seconds} s: it is at {place}"),
    "worker_died": _event("server", logging.WARNING, "worker {pid} ended with status {status}; another in {seconds} s"),
    "no_worker": _event("server", logging.ERROR, "no worker: {reason}; another try in {seconds} s"),
    "refused": _event("server", logging.INFO, "{peer} asked for {interface}, which is not served here", "binding"),
    "denied": _event("server", logging.INFO, "{peer} may not call {interface}: {reason}", "opnum"),
    "admit_failed": _event("server", logging.ERROR, "what admits callers to {interface} failed: {peer} is denied"),
    "bad_stub": _event("server", logging.INFO, "{operation}: refused stub data: {reason}", "peer", "status", "offset"),
    "failed": _event("server", logging.ERROR, "{operation} failed", "peer"),
    "bad_result": _event("server", logging.ERROR, "{operation} returned what it must not: {reason}", "peer"),
    "still_running": _event("server", logging.WARNING, "a call of {peer} still runs"),
    "bad_records": _event("calls", logging.INFO, "records of an error are left out: {reason}"),
    "rundown_failed": _event("server", logging.ERROR, "rundown of a {type} failed"),
    "no_mapper": _event("lookup", logging.DEBUG, "no mapper at {binding}: {reason}"),
    "lookup_cut": _event("lookup", logging.WARNING, "the mapper has more than {value} entries"),
    "bad_tower": _event("lookup", logging.INFO, "a tower that cannot be read: {reason}"),
    "not_registered": _event("registration", logging.DEBUG, "not registered: {reason}"),
    "registration_failed": _event("registration", logging.WARNING, "not registered: {reason}"),
    "call": _event("calls", logging.INFO, "{operation} {status} {duration:.6f} s {peer}", "interface"),
    "capture_failed": _event("capture", logging.ERROR, "{file}: nothing more is captured: {reason}"),
}


def note(name: str, *, failure: BaseException | None = None, **fields: Any) -> None:
    """Log an event; `failure` adds its traceback, whose frames are emptied once it is logged."""
    event = EVENTS[name]
    logger = logging.getLogger(event.logger)
    if logger.isEnabledFor(event.level):
        words = event.words.format_map(fields)
        logger.log(event.level, "%s", words, exc_info=failure, stacklevel=2, extra={"event": name, **fields})
        if failure is not None:
            _let_go(failure)


def _let_go(failure: BaseException) -> None:
    """Empty the frames in which an error was raised: a handler that keeps the record would keep what a method had
    there, such as memory that its caller shares.

    Of coroutines only the outermost, where it is still at the place of the error: others may have caught it, and go on.
    """
    seen: set[int] = set()
    errors: list[BaseException | None] = [failure]
    while errors:
        error = errors.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        errors += [error.__cause__, error.__context__]
        trace, outermost = error.__traceback__, error is failure
        while trace is not None:
            frame = trace.tb_frame
            if not frame.f_code.co_flags & _SUSPENDS or (outermost and frame.f_lasti == trace.tb_lasti):
                with contextlib.suppress(RuntimeError):  # it runs
                    frame.clear()
                    outermost = False
            trace = trace.tb_next


# Calls


def log_calls() -> Interceptor:
    """An interceptor that logs each call when it has ended, for clients and servers: the event `call`."""
    from .intercept import followed

    def logged(call: Invocation, proceed: Proceed) -> Any:
        done = _begun(call)
        try:
            result = proceed(call)
        except BaseException as error:
            done(error)
            raise
        return followed(call, result, done)

    return logged


def async_log_calls() -> AsyncInterceptor:
    """`log_calls` for asyncio."""
    from .intercept import followed

    async def logged(call: Invocation, proceed: AsyncProceed) -> Any:
        done = _begun(call)
        try:
            result = await proceed(call)
        except BaseException as error:
            done(error)
            raise
        return followed(call, result, done)

    return logged


def _begun(call: Invocation) -> Callable[[BaseException | None], None]:
    began = time.perf_counter()

    def done(error: BaseException | None) -> None:
        status = "ok" if error is None else getattr(error, "name", None) or type(error).__name__
        interface = f"{call.interface.uuid} v{call.interface.version[0]}.{call.interface.version[1]}"
        lasted = time.perf_counter() - began
        note("call", operation=call.name, status=status, duration=lasted, peer=call.peer, interface=interface)

    return done
