from __future__ import annotations

import asyncio
import logging
import weakref
from collections.abc import Callable
from typing import Any

import pytest

import lrpc
from lrpc.runtime import journal
from lrpc.runtime.journal import EVENTS, note

WATCHDOG = 20.0


def events(caplog: pytest.LogCaptureFixture, name: str) -> list[Any]:
    return [record for record in caplog.records if vars(record).get("event") == name]


def test_a_record_has_its_event_and_fields_apart(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lrpc.server"):
        note("listening", binding="ncalrpc:[x]")
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("lrpc.server", "INFO", "listening on ncalrpc:[x]")
    assert vars(record)["event"] == "listening"
    assert vars(record)["binding"] == "ncalrpc:[x]"
    assert record.filename == "test_journal.py"


def test_words_of_a_peer_are_no_format(caplog: pytest.LogCaptureFixture) -> None:
    note("accept_failed", binding="%s %d {x}", reason="{binding} %(name)s")
    assert caplog.messages == ["%s %d {x}: {binding} %(name)s"]


def test_what_nobody_listens_to_is_not_made() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise AssertionError

    logging.getLogger("lrpc.server").setLevel(logging.ERROR)
    try:
        note("listening", binding=Unprintable())
    finally:
        logging.getLogger("lrpc.server").setLevel(logging.NOTSET)


def test_a_failure_has_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise KeyError("gone")
    except KeyError as error:
        note("failed", operation="Add", peer="", failure=error)
    assert "KeyError: 'gone'" in caplog.text


def test_a_failure_that_was_logged_keeps_nothing_but_its_lines(caplog: pytest.LogCaptureFixture) -> None:
    class Held:
        pass

    def inner(held: list[Held]) -> None:
        mine = held.pop()
        references.append(weakref.ref(mine))
        raise KeyError("gone")

    def outer(held: list[Held]) -> None:
        mine = Held()
        references.append(weakref.ref(mine))
        try:
            inner(held)
        except KeyError:
            raise ValueError("lost") from None

    references: list[weakref.ref[Held]] = []
    try:
        outer([Held()])
    except ValueError as error:
        note("failed", operation="Add", peer="", failure=error)
    assert [reference() for reference in references] == [None, None]
    [record] = caplog.records
    assert record.exc_info
    assert "in outer" in logging.Formatter().formatException(record.exc_info)


def test_a_coroutine_that_caught_what_failed_elsewhere_goes_on() -> None:
    async def reading(caught: asyncio.Future[int], more: asyncio.Event) -> str:
        try:
            raise KeyError("gone")
        except KeyError as error:
            caught.set_exception(error)
        await more.wait()
        return "read on"

    async def scenario() -> str:
        caught, more = asyncio.get_running_loop().create_future(), asyncio.Event()
        reader = asyncio.create_task(reading(caught, more))
        try:
            await caught
        except KeyError as error:
            note("failed", operation="Add", peer="", failure=error)
        more.set()
        return await asyncio.wait_for(reader, WATCHDOG)

    assert asyncio.run(scenario()) == "read on"


def test_no_field_is_one_of_logging_itself() -> None:
    own = set(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
    assert [field for event in EVENTS.values() for field in ("event", *event.fields) if field in own] == []


# Calls


@pytest.fixture
def logged(
    hosts: Any, clients_of: Any, face: str, client_face: str, binding_for: Callable[[str], str]
) -> Callable[[bool], Any]:
    """A client of the calculator; the calls are logged at it, or at the server."""

    def makers(one: str) -> Any:
        return journal.log_calls() if one == "blocking" else journal.async_log_calls()

    def connect(at_client: bool) -> Any:
        host = hosts(face, interceptors=[] if at_client else [makers(face)])
        host.server.register(host.service)
        binding = host.listen(binding_for("ncalrpc"))
        return clients_of(client_face)(binding, interceptors=[makers(client_face)] if at_client else [])

    return connect


@pytest.mark.parametrize("at_client", [True, False])
def test_calls_are_logged_as_they_end(logged: Any, at_client: bool, caplog: pytest.LogCaptureFixture) -> None:
    client = logged(at_client)
    with caplog.at_level(logging.INFO, "lrpc.calls"):
        client.Add(2, 3)
        for failing in (lambda: client.Check(5), lambda: client.Misbehave("denied"), lambda: client.Misbehave("bug")):
            with pytest.raises(lrpc.RpcError):
                failing()
    records = events(caplog, "call")
    assert [record.operation for record in records] == [
        "Calculator.Add",
        "Calculator.Check",
        *["Calculator.Misbehave"] * 2,
    ]
    last = "nca_s_fault_unspec" if at_client else "RuntimeError"
    assert [record.status for record in records] == ["ok", "ERROR_ACCESS_DENIED", "access_denied", last]
    for record in records:
        assert record.duration > 0
        assert record.peer.startswith("ncalrpc:[" if at_client else "ncalrpc pid ")
        assert record.interface.endswith(" v1.2")


# What a server says of its clients


def test_values_of_calls_are_in_no_line(
    hosts: Any, clients_of: Any, face: str, transport: str, binding_for: Any, caplog: pytest.LogCaptureFixture
) -> None:
    make = journal.log_calls if face == "blocking" else journal.async_log_calls
    with caplog.at_level(logging.DEBUG, "lrpc"):
        host = hosts(face, interceptors=[make()])
        host.server.register(host.service)
        client = clients_of("blocking")(host.listen(binding_for(transport)), interceptors=[journal.log_calls()])
        client.Echo(b"a secret")
        client.Add(123_454_321, 0)
        client.close()
        host.stop()
    assert events(caplog, "accepted")
    assert "secret" not in caplog.text
    assert "123454321" not in caplog.text


def test_a_context_that_found_no_room_is_a_limit(
    hosts: Any, clients_of: Any, face: str, binding_for: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face, limits=lrpc.Limits(max_contexts=1))
    host.server.register(host.service)
    client = clients_of("blocking")(host.listen(binding_for("ncalrpc")))
    client.Open("x")
    with pytest.raises(lrpc.Fault):
        client.Open("y")
    (record,) = events(caplog, "limit")
    assert (record.limit, record.value) == ("max_contexts", 1)
    assert record.peer.startswith("ncalrpc pid ")


def test_a_request_over_the_limit_is_logged(
    hosts: Any, clients_of: Any, face: str, binding_for: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face, limits=lrpc.Limits(max_local_request=100))
    host.server.register(host.service)
    client = clients_of("blocking")(host.listen(binding_for("ncalrpc")))
    with pytest.raises(lrpc.Fault):
        client.Echo(bytes(200))
    (record,) = events(caplog, "limit")
    assert (record.limit, record.value, record.reason) == ("max_local_request", 100, "a request of 208 octets")


@pytest.mark.parametrize("transport", ["ncacn_np", "ncacn_ip_tcp", "memory"])
@pytest.mark.parametrize("told", ["status", "all"])
def test_a_request_over_the_limit_of_a_network_is_logged_and_told_where_errors_are_explained(
    hosts: Any, clients_of: Any, face: str, transport: str, told: str, binding_for: Any, until: Any, caplog: Any
) -> None:
    host = hosts(face, limits=lrpc.Limits(max_request=10_000), extended_errors=told)
    host.server.register(host.service)
    client = clients_of("blocking")(host.listen(binding_for(transport)))
    with pytest.raises(lrpc.AccessDenied) as denied:
        client.Echo(bytes(12_000))
    until(lambda: bool(events(caplog, "limit")))
    (record,) = events(caplog, "limit")
    assert (record.limit, record.value) == ("max_request", 10_000)
    assert record.reason == "a request of 12008 octets by its alloc_hint"
    assert not events(caplog, "malformed")
    assert (f"{record.reason}: max_request is 10000" in str(denied.value)) is (told == "all")


def test_a_connection_too_many_is_logged(
    hosts: Any, clients_of: Any, face: str, binding_for: Any, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face, limits=lrpc.Limits(max_connections=1))
    host.server.register(host.service)
    binding = host.listen(binding_for("memory"))
    clients_of("blocking")(binding)
    with pytest.raises(lrpc.RpcError):
        clients_of("blocking")(binding)
    until(lambda: bool(events(caplog, "limit")))
    assert events(caplog, "limit")[0].limit == "max_connections"


def test_an_interface_that_is_not_served_is_logged(
    hosts: Any, clients_of: Any, face: str, transport: str, binding_for: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face)
    binding = str(host.listen(binding_for(transport)))
    with caplog.at_level(logging.INFO, "lrpc.server"), pytest.raises(lrpc.BindRefused):
        clients_of("blocking")(binding)
    record = events(caplog, "refused")[0]
    assert record.interface.endswith(" v1.2")
    assert record.peer.startswith(transport)
    assert record.binding.startswith(transport)


def test_stub_data_that_cannot_be_read_is_logged_with_its_place(
    hosts: Any, clients_of: Any, face: str, calculator: Any, binding_for: Any, caplog: pytest.LogCaptureFixture
) -> None:
    host = hosts(face)
    host.server.register(host.service)
    client = lrpc.connect(calculator.CalculatorClient, str(host.listen(binding_for("ncacn_ip_tcp"))))
    with client, caplog.at_level(logging.INFO, "lrpc.server"), pytest.raises(lrpc.RefusedStubData):
        client._channel.call(0, [b"\x01\0\0\0"])
    (record,) = events(caplog, "bad_stub")
    assert (record.operation, record.status, record.offset) == ("Add", 0x6F7, 4)
    assert record.peer.startswith("ncacn_ip_tcp 127.0.0.1:")
