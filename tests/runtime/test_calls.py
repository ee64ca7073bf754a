"""Calls, on every transport and in both faces at either end: what all of them promise."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.status import NCA_UNSPECIFIED, Ran

# around the inline limit of LRPC (16384), the fragments (4280, 5840), the message of a pipe (65536), and large
SIZES = (0, 1, 7, 4232, 4256, 4280, 5816, 5840, 16380, 16384, 16400, 65495, 65536, 200_000, 1 << 20)


def pattern(size: int) -> bytes:
    return (bytes(range(251)) * (size // 251 + 1))[:size]


# What comes back


def test_a_call_returns_its_result(connect: Any, binding: str) -> None:
    assert connect(binding).Add(2, 3) == 5


def test_several_results_come_by_name(connect: Any, binding: str, calculator: ModuleType) -> None:
    result = connect(binding).Divide(17, 5)
    assert result == calculator.DivideResult(quotient=3, remainder=2)
    assert result.remainder == 2


def test_structures_and_strings_travel_both_ways(connect: Any, binding: str, calculator: ModuleType) -> None:
    client = connect(binding)
    sent = calculator.Record(41, 1.5, "Grüße \U0001f600", [1, -2, 3])
    assert client.Describe(sent) == calculator.Record(42, 3.0, "\U0001f600 eßürG", [3, -2, 1])
    assert client.Describe(calculator.Record(0, 0.0, None, [0, 0, 0])).name is None


def test_byte_arrays_of_any_size_come_back(connect: Any, binding: str) -> None:
    client = connect(binding)
    for size in SIZES:
        assert client.Echo(pattern(size)) == pattern(size)


def test_any_buffer_is_taken_as_octets(connect: Any, binding: str) -> None:
    client = connect(binding)
    for buffer in (bytearray(b"octets"), memoryview(b"__octets__")[2:-2]):
        assert client.Echo(buffer) == b"octets"


def test_an_operation_without_results_gives_none(connect: Any, binding: str) -> None:
    assert connect(binding).Forget() is None


def test_many_calls_follow_one_another(connect: Any, binding: str) -> None:
    client = connect(binding)
    assert [client.Add(index, index) for index in range(200)] == [2 * index for index in range(200)]


def test_two_clients_share_a_server(connect: Any, binding: str) -> None:
    one, two = connect(binding), connect(binding)
    assert [one.Add(1, 1), two.Add(2, 2), one.Add(3, 3)] == [2, 4, 6]


def test_the_server_learns_who_calls(connect: Any, binding: str, world: Any, transport: str) -> None:
    answer = connect(binding).Who()
    known = transport != "ncacn_ip_tcp"
    assert answer == f"{transport} {os.getpid() if known else None} {os.geteuid() if known else None}"
    assert world.last.sid == (f"S-1-22-1-{os.geteuid()}" if known else None)
    assert known or world.last.address.startswith("127.0.0.1:")


# Context handles


def test_a_context_handle_opens_serves_and_closes(connect: Any, binding: str, world: Any) -> None:
    client = connect(binding)
    handle = client.Open("one")
    assert [client.Count(handle), client.Count(handle)] == [1, 2]
    assert not handle.closed
    connect.close_handle(handle)
    assert handle.closed
    assert world.closed_within_watchdog() == "one"
    connect.close_handle(handle)
    with pytest.raises(lrpc.ArgumentError) as caught:
        client.Count(handle)
    assert caught.value.ran is Ran.NO


def test_each_handle_is_its_own_object(connect: Any, binding: str) -> None:
    client = connect(binding)
    one, two = client.Open("one"), client.Open("two")
    client.Count(one)
    assert (client.Count(one), client.Count(two)) == (2, 1)


def test_closing_the_client_runs_its_handles_down_once(connect: Any, binding: str, world: Any, host: Any) -> None:
    client = connect(binding)
    for name in ("a", "b", "c"):
        client.Open(name)
    client.Close(client.Open("closed"))
    assert world.closed_within_watchdog() == "closed"
    client.close()
    assert sorted(world.closed_within_watchdog() for _ in range(3)) == ["a", "b", "c"]
    host.stop()
    assert world.closed.empty()


def test_a_handle_that_fails_to_close_keeps_no_other_open(connect: Any, binding: str, world: Any, caplog: Any) -> None:
    client = connect(binding)
    for name in ("stubborn", "other"):
        client.Open(name)
    client.close()
    assert {world.closed_within_watchdog(), world.closed_within_watchdog()} == {"stubborn", "other"}


def test_a_refused_close_leaves_the_handle_open(connect: Any, binding: str) -> None:
    client = connect(binding)
    handle = client.Open("kept")
    with pytest.raises(lrpc.StatusError, match="BUSY"):
        connect.close_handle(handle)
    assert not handle.closed
    assert client.Count(handle) == 1


def test_a_handle_of_another_connection_is_refused(connect: Any, binding: str) -> None:
    one, two = connect(binding), connect(binding)
    handle = one.Open("one")
    with pytest.raises(lrpc.ContextMismatch) as caught:
        two.Count(handle)
    assert caught.value.ran is Ran.NO
    assert two.Add(1, 1) == 2
    assert one.Count(handle) == 1


def test_a_failed_open_gives_no_handle(connect: Any, binding: str) -> None:
    with pytest.raises(lrpc.StatusError) as caught:
        connect(binding).Open("missing")
    assert (caught.value.code, caught.value.name, caught.value.result) == (2, "ERROR_FILE_NOT_FOUND", None)


# How calls fail


def test_a_status_that_means_failure_carries_the_results(connect: Any, binding: str) -> None:
    client = connect(binding)
    assert client.Check(0) == "saw nothing"
    with pytest.raises(lrpc.StatusError) as caught:
        client.Check(87)
    assert (caught.value.code, caught.value.name) == (87, "ERROR_INVALID_PARAMETER")
    assert caught.value.result == "saw 87"
    assert caught.value.ran is Ran.YES


def test_an_nt_status_is_a_result_unless_it_means_failure(connect: Any, binding: str, calculator: ModuleType) -> None:
    client = connect(binding)
    assert client.Inspect(0x103) == calculator.InspectResult(7, 0x103)
    with pytest.raises(lrpc.StatusError) as caught:
        client.Inspect(0xC0000022)
    assert caught.value.name == "STATUS_ACCESS_DENIED"
    assert caught.value.result == calculator.InspectResult(7, 0xC0000022)


@pytest.mark.parametrize(
    ("how", "kind", "status"),
    [
        ("denied", lrpc.AccessDenied, 5),
        ("fault", lrpc.Fault, 0x1C010017),
        ("status", lrpc.Fault, 87),
    ],
)
def test_a_fault_of_a_method_arrives_as_it_was_raised(
    connect: Any, binding: str, how: str, kind: type[lrpc.Fault], status: int
) -> None:
    client = connect(binding)
    with pytest.raises(kind) as caught:
        client.Misbehave(how)
    assert caught.value.status == status
    assert caught.value.ran is Ran.UNKNOWN
    assert client.Add(1, 1) == 2


@pytest.mark.parametrize("how", ["bug", "exit", "text", "none", "large"])
def test_a_method_that_fails_is_a_fault_without_a_traceback(
    connect: Any, binding: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect(binding)
    with pytest.raises(lrpc.Fault) as caught:
        client.Misbehave(how)
    assert caught.value.status == NCA_UNSPECIFIED
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert client.Add(1, 1) == 2
    assert any("Misbehave" in record.message for record in caplog.records)


def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(connect: Any, binding: str) -> None:
    client = connect(binding)
    for wrong in (1 << 31, "one", None, 1.5):
        with pytest.raises(lrpc.ArgumentError) as caught:
            client.Add(wrong, 1)
        assert caught.value.ran is Ran.NO
    with pytest.raises(lrpc.ArgumentError, match="Echo"):
        client.Echo(b"four", n=5)
    assert client.Add(1, 1) == 2


def test_an_interface_that_is_not_served_is_refused(connect: Any, binding: str) -> None:
    with pytest.raises(lrpc.BindRefused, match="Greeter") as caught:
        connect(binding, "Greeter")
    assert caught.value.ran is Ran.NO
    assert connect(binding).Add(1, 1) == 2


def test_a_number_that_is_no_operation_did_not_run(
    connect: Any, binding: str, calculator: ModuleType, client_face: str
) -> None:
    from lrpc.runtime import stub as rpc

    client = connect(binding)
    beyond: Any = rpc.Operation(99, "Beyond", returns=rpc.Long)
    with pytest.raises(lrpc.OperationOutOfRange) as caught:
        client._call(beyond)
    assert caught.value.ran is Ran.NO
    assert client.Add(1, 1) == 2


def test_a_closed_client_says_that_nothing_was_sent(connect: Any, binding: str) -> None:
    client = connect(binding)
    client.close()
    client.close()
    with pytest.raises(lrpc.ConnectionLost) as caught:
        client.Add(1, 1)
    assert caught.value.ran is Ran.NO


# Which object


def test_calls_go_to_the_object_of_their_uuid(
    host: Any, connect: Any, transport: str, binding_for: Callable[[str], str]
) -> None:
    from uuid import UUID

    one, two, stranger = UUID(int=1), UUID(int=2), UUID(int=3)
    host.server.register(host.greeting("one"), object=one)
    host.server.register(host.greeting("two"), object=two)
    bound = host.listen(binding_for(transport))
    assert connect(bound, "Greeter", object=one).Greet("x") == "one x"
    assert connect(bound, "Greeter", object=two).Greet("x") == "two x"
    assert connect(f"{two}@{bound}", "Greeter").Greet("x") == "two x"
    for nobody in (None, stranger):
        with pytest.raises(lrpc.Fault) as caught:
            connect(bound, "Greeter", object=nobody).Greet("x")
        assert caught.value.ran is Ran.NO
    host.server.register(host.greeting("any"))
    assert connect(bound, "Greeter", object=stranger).Greet("x") == "any x"
    assert connect(bound, "Greeter", object=one).Greet("x") == "one x"


def test_an_interface_answers_only_on_its_endpoints(
    host: Any, connect: Any, transport: str, binding_for: Callable[[str], str]
) -> None:
    private, public = binding_for("ncalrpc"), binding_for(transport)
    host.server.register(host.greeting(), endpoints=[private])
    there, here = host.listen(private), host.listen(public)
    assert connect(there, "Greeter").Greet("you") == "hello you"
    with pytest.raises(lrpc.BindRefused):
        connect(here, "Greeter")
    assert connect(here).Add(1, 1) == 2


def test_a_server_serves_clients_of_older_minor_versions_only(
    host: Any, connect: Any, binding: str, calculator: ModuleType, client_face: str
) -> None:
    base = calculator.AsyncCalculatorClient if client_face == "asyncio" else calculator.CalculatorClient

    def version(major: int, minor: int) -> Any:
        return connect.of(calculator.client_of(calculator.versioned(major, minor), base), binding)

    assert version(1, 0).Add(1, 1) == 2
    assert version(1, 2).Add(1, 1) == 2
    for major, minor in ((1, 3), (2, 0), (0, 0)):
        with pytest.raises(lrpc.BindRefused):
            version(major, minor)


def test_two_major_versions_are_two_interfaces(
    host: Any, connect: Any, binding: str, calculator: ModuleType, client_face: str, face: str
) -> None:
    second = calculator.versioned(2, 0)
    kind = type("Second", (type(host.service),), {"interface": second})
    newer = kind(calculator.World())
    host.server.register(newer)
    base = calculator.AsyncCalculatorClient if client_face == "asyncio" else calculator.CalculatorClient
    connect.of(calculator.client_of(second, base), binding).Who()
    assert newer.world.last is not None
    assert host.world.last is None
