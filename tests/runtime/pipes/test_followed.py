"""Interceptors of a server around methods that give back pipes: when they say that a call has ended, and how."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

import lrpc
from lrpc.runtime import journal, otel
from lrpc.runtime.intercept import Invocation, followed


@pytest.fixture
def seen(piper: ModuleType) -> Any:
    return piper.Seen()


@pytest.fixture
def served(
    hosts: Any, face: str, clients_of: Any, binding_for: Callable[[str], str], piper: ModuleType, seen: Any
) -> Callable[..., Any]:
    """A blocking client of a server with interceptors."""

    def serve(*interceptors: Any) -> Any:
        host = hosts(face, interceptors=interceptors)
        host.server.register((piper.AsyncService if host.loop else piper.Service)(seen))
        return clients_of("blocking").of(piper.stub.PiperClient, host.listen(binding_for("ncalrpc")))

    return serve


@pytest.fixture
def logged(served: Any, face: str, caplog: pytest.LogCaptureFixture) -> Iterator[Any]:
    """The client of a server that logs its calls."""
    with caplog.at_level(logging.INFO, "lrpc.calls"):
        yield served(journal.log_calls() if face == "blocking" else journal.async_log_calls())


def statuses(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["status"] for record in caplog.records if vars(record).get("event") == "call"]


def test_a_pipe_that_fails_is_no_call_that_went_well(logged: Any, until: Any, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(lrpc.StatusError):
        list(logged.Pull(-3))
    until(lambda: statuses(caplog) == ["ERROR_ACCESS_DENIED"])
    with pytest.raises(lrpc.Fault):
        list(logged.Pull(1001))
    until(lambda: statuses(caplog) == ["ERROR_ACCESS_DENIED", "ValueError"])


def test_a_pipe_is_sent_before_its_call_has_ended(
    logged: Any, seen: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert list(logged.Count(5)) == [0, 1, 2, 3, 4]
    until(lambda: statuses(caplog) == ["ok"])
    with logged.Count(-1) as endless:
        assert next(endless) == 0
        assert statuses(caplog) == ["ok"]
    until(lambda: statuses(caplog) == ["ok", "GeneratorExit"])
    assert seen.closed.is_set()


def test_of_several_pipes_the_last_one_ends_the_call(logged: Any, until: Any, caplog: Any) -> None:
    with logged.Watch(3) as result:
        assert list(result.numbers) == [0, 1, 2]
        assert b"".join(result.data) == b"x" * 6
        assert (result.name, result.return_) == ("done", 6)
    until(lambda: statuses(caplog) == ["ok"])


def test_pipes_that_go_in_and_out_are_followed(logged: Any, until: Any, piper: ModuleType, caplog: Any) -> None:
    assert b"".join(logged.Echo([b"ab", b"c"])) == b"abc"
    assert [pair.a for pair in logged.Swap([piper.Pair(1, 2)])] == [2]
    assert logged.Sum("x", b"abc") == 3
    until(lambda: statuses(caplog) == ["ok"] * 3)


def test_a_span_lasts_until_its_pipe_has_ended(served: Any, face: str, until: Any) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    client = served((otel.server_spans if face == "blocking" else otel.async_server_spans)(provider))

    def spans() -> list[ReadableSpan]:
        return list(exporter.get_finished_spans())

    with client.Count(-1) as endless:
        next(endless)
        assert not spans()
    until(lambda: len(spans()) == 1)
    with pytest.raises(lrpc.Fault):
        list(client.Pull(1001))
    until(lambda: len(spans()) == 2)
    given_up, failed = spans()
    assert given_up.status.status_code is StatusCode.UNSET
    assert failed.status.status_code is StatusCode.ERROR
    assert failed.attributes is not None
    assert failed.attributes["error.type"] == "ValueError"


def test_what_is_there_already_has_ended(piper: ModuleType) -> None:
    interface = piper.stub.Piper.interface
    told: list[Any] = []
    for name, result in [("Count", [1, 2]), ("Octets", b"octets"), ("Sum", 3)]:
        call = Invocation(interface, interface.operation(name), ())
        assert followed(call, result, told.append) is result
    assert told == [None] * 3
