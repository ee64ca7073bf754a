"""OpenTelemetry: interceptors that make a span of each call, at clients and servers (the extra `otel`).

    lrpc.connect(CalculatorClient, "calc", interceptors=[otel.client_spans()])
    lrpc.Server(interceptors=[otel.server_spans()])

For asyncio `async_client_spans` and `async_server_spans`. Names and attributes are those of OpenTelemetry's semantic
conventions for RPC (release candidate): `rpc.system.name` is `dcerpc`, `rpc.method` is `Interface/Operation`. No
value of a call is among them. MS-RPC has no room for a trace's context, so traces of two processes are not joined.

Rule: a client's span fails with every error; a server's only when its method failed: a status or a fault that it
raised is an answer.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from opentelemetry import trace

from .binding import NCACN_IP_TCP, NCACN_NP, NCALRPC
from .intercept import AsyncInterceptor, AsyncProceed, Done, Interceptor, Invocation, Proceed, followed
from .status import Fault, StatusError

SYSTEM: Final = "dcerpc"
_TRANSPORTS: Final = {NCACN_IP_TCP: "tcp", NCACN_NP: "pipe", NCALRPC: "unix"}


def client_spans(provider: trace.TracerProvider | None = None) -> Interceptor:
    """Makes a client's spans; provider: the global one without it."""
    return _blocking(_tracer(provider), trace.SpanKind.CLIENT)


def server_spans(provider: trace.TracerProvider | None = None) -> Interceptor:
    """Makes a server's spans."""
    return _blocking(_tracer(provider), trace.SpanKind.SERVER)


def async_client_spans(provider: trace.TracerProvider | None = None) -> AsyncInterceptor:
    """`client_spans` for an asyncio client."""
    return _asynchronous(_tracer(provider), trace.SpanKind.CLIENT)


def async_server_spans(provider: trace.TracerProvider | None = None) -> AsyncInterceptor:
    """`server_spans` for an asyncio server."""
    return _asynchronous(_tracer(provider), trace.SpanKind.SERVER)


def _tracer(provider: trace.TracerProvider | None) -> trace.Tracer:
    return trace.get_tracer("lrpc", tracer_provider=provider)


def _blocking(tracer: trace.Tracer, kind: trace.SpanKind) -> Interceptor:
    def spans(call: Invocation, proceed: Proceed) -> Any:
        with _span(tracer, kind, call) as done:
            result = proceed(call)
        return followed(call, result, done)

    return spans


def _asynchronous(tracer: trace.Tracer, kind: trace.SpanKind) -> AsyncInterceptor:
    async def spans(call: Invocation, proceed: AsyncProceed) -> Any:
        with _span(tracer, kind, call) as done:
            result = await proceed(call)
        return followed(call, result, done)

    return spans


@contextmanager
def _span(tracer: trace.Tracer, kind: trace.SpanKind, call: Invocation) -> Generator[Done]:
    """A span, which is the current one meanwhile; it ends when it is done, or with an error."""
    method = f"{call.interface.name}/{call.operation.name}"
    attributes = {"rpc.system.name": SYSTEM, "rpc.method": method} | _ends(call)
    span = tracer.start_span(method, kind=kind, attributes=attributes)

    def done(error: BaseException | None) -> None:
        if error is not None:
            _note(span, kind, error)
        span.end()

    try:
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            yield done
    except BaseException as error:
        done(error)
        raise


def _ends(call: Invocation) -> dict[str, str | int]:
    """Where the server is, and the client, as far as this end knows."""
    if call.connection is not None:
        binding = call.connection.binding
        found: dict[str, str | int] = {"server.address": binding.address or binding.endpoint}
        protocol = binding.protocol
        if protocol == NCACN_IP_TCP:
            found["server.port"] = int(binding.endpoint)
    elif call.caller is not None:
        protocol = call.caller.transport
        host = call.caller.address.rpartition(":")[0] if protocol == NCACN_IP_TCP else ""
        found = {"client.address": host} if host else {}
    else:
        return {}
    return found | ({"network.transport": _TRANSPORTS[protocol]} if protocol in _TRANSPORTS else {})


def _note(span: trace.Span, kind: trace.SpanKind, error: BaseException) -> None:
    """How a call failed: its status by name, and whether that fails the span."""
    if isinstance(error, GeneratorExit):
        return  # of a pipe that its client read but the first of
    status = error.name if isinstance(error, StatusError | Fault) else None
    if status is not None:
        span.set_attribute("rpc.response.status_code", status)
    if status is None or kind is trace.SpanKind.CLIENT:
        span.set_attribute("error.type", status or type(error).__qualname__)
        span.set_status(trace.StatusCode.ERROR)
