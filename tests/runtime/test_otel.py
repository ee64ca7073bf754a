from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

import lrpc
from lrpc.runtime import otel


class Traced:
    """A server and a client that both make spans."""

    def __init__(self, client: Any, spans: Callable[[], list[ReadableSpan]], binding: str) -> None:
        self.client = client
        self.binding = binding
        self._spans = spans

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self._spans() if span.kind is kind]

    def both(self) -> tuple[ReadableSpan, ReadableSpan]:
        (client,), (server,) = self.spans(SpanKind.CLIENT), self.spans(SpanKind.SERVER)
        return client, server


@pytest.fixture
def traced(
    hosts: Any, clients_of: Any, binding_for: Callable[[str], str], face: str, client_face: str, transport: str
) -> Traced:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    at_server = otel.server_spans if face == "blocking" else otel.async_server_spans
    at_client = otel.client_spans if client_face == "blocking" else otel.async_client_spans
    host = hosts(face, interceptors=[at_server(provider)])
    host.server.register(host.service)
    binding = str(host.listen(binding_for(transport)))
    client = clients_of(client_face)(binding, interceptors=[at_client(provider)])

    def spans() -> list[ReadableSpan]:
        client.close()
        host.stop()  # a server's span may end after its client's
        return list(exporter.get_finished_spans())

    return Traced(client, spans, binding)


def test_a_call_has_a_span_at_either_end(traced: Traced) -> None:
    assert traced.client.Add(2, 3) == 5
    for span in traced.both():
        assert span.name == "Calculator/Add"
        assert span.attributes is not None
        assert span.attributes["rpc.system.name"] == "dcerpc"
        assert span.attributes["rpc.method"] == "Calculator/Add"
        assert span.status.status_code is StatusCode.UNSET
        assert "error.type" not in span.attributes


def test_spans_say_where_the_ends_are(traced: Traced) -> None:
    traced.client.Add(2, 3)
    client, server = traced.both()
    assert client.attributes is not None
    assert server.attributes is not None
    binding = lrpc.StringBinding.parse(traced.binding)
    known = {"ncacn_ip_tcp": "tcp", "ncacn_np": "pipe", "ncalrpc": "unix"}.get(binding.protocol)
    assert client.attributes.get("network.transport") == server.attributes.get("network.transport") == known
    if binding.protocol == "ncacn_ip_tcp":
        assert client.attributes["server.address"] == server.attributes["client.address"] == "127.0.0.1"
        assert client.attributes["server.port"] == int(binding.endpoint)
    else:
        assert client.attributes["server.address"] == binding.endpoint
        assert "client.address" not in server.attributes


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_ip_tcp"])
def test_a_method_that_fails_fails_both_spans_without_its_words(traced: Traced) -> None:
    with pytest.raises(lrpc.Fault):
        traced.client.Misbehave("bug")
    client, server = traced.both()
    assert client.attributes is not None
    assert server.attributes is not None
    assert client.attributes["error.type"] == client.attributes["rpc.response.status_code"] == "nca_s_fault_unspec"
    assert server.attributes["error.type"] == "RuntimeError"
    assert client.status.status_code is server.status.status_code is StatusCode.ERROR
    assert "secret" not in client.to_json() + server.to_json()


@pytest.mark.parametrize("transport", ["ncalrpc"])
@pytest.mark.parametrize(
    ("method", "argument", "status"), [("Check", 5, "ERROR_ACCESS_DENIED"), ("Misbehave", "denied", None)]
)
def test_a_failure_that_is_meant_is_an_answer_at_the_server(
    traced: Traced, method: str, argument: Any, status: str | None
) -> None:
    with pytest.raises(lrpc.RpcError) as raised:
        getattr(traced.client, method)(argument)
    name = status or raised.value.name  # type: ignore[attr-defined]
    client, server = traced.both()
    assert client.attributes is not None
    assert server.attributes is not None
    assert client.attributes["rpc.response.status_code"] == server.attributes["rpc.response.status_code"] == name
    assert (client.status.status_code, server.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert "error.type" not in server.attributes


def test_a_span_is_current_while_its_call_runs(hosts: Any, clients_of: Any, binding_for: Any) -> None:
    provider, current = TracerProvider(shutdown_on_exit=False), list[Any]()

    def look(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
        current.append(get_current_span().get_span_context().span_id)
        return proceed(call)

    host = hosts("blocking", interceptors=[otel.server_spans(provider), look])
    host.server.register(host.service)
    binding = host.listen(binding_for("memory"))
    client = clients_of("blocking")(binding, interceptors=[otel.client_spans(provider), look])
    client.Add(2, 3)
    assert len(set(current)) == 2
    assert 0 not in current


def test_without_an_sdk_nothing_is_recorded_and_calls_go_on(calculator: ModuleType) -> None:
    interface = calculator.Calculator.interface
    call = lrpc.Invocation(interface, interface.operation("Add"), (2, 3))
    assert otel.client_spans()(call, lambda _: 5) == 5
