"""Interceptors around calls, in both faces at either end."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.status import Ran

Make = Callable[[Callable[[lrpc.Invocation, Callable[..., Any]], Any]], Any]


class Interceptors:
    """Makes interceptors of a face out of what is to be done before and after a call."""

    def __init__(self, face: str) -> None:
        self.face = face
        self.seen: list[Any] = []

    def around(self, name: str = "", **values: Any) -> Any:
        """Notes name and call on the way in, name and outcome on the way out; `values` replace those of the call."""

        def begin(call: lrpc.Invocation) -> lrpc.Invocation:
            self.seen.append((f"{name} in", call))
            return call.with_values(**values)

        def end(outcome: Any) -> Any:
            self.seen.append((f"{name} out", outcome))
            return outcome

        def blocking(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
            try:
                return end(proceed(begin(call)))
            except lrpc.RpcError as error:
                end(error)
                raise

        async def asynchronous(call: lrpc.Invocation, proceed: lrpc.AsyncProceed) -> Any:
            try:
                return end(await proceed(begin(call)))
            except lrpc.RpcError as error:
                end(error)
                raise

        return blocking if self.face == "blocking" else asynchronous

    def instead(self, action: Callable[[], Any]) -> Any:
        """Never proceeds."""

        def blocking(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
            return action()

        async def asynchronous(call: lrpc.Invocation, proceed: lrpc.AsyncProceed) -> Any:
            return action()

        return blocking if self.face == "blocking" else asynchronous

    def twice(self) -> Any:
        def blocking(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
            return proceed(call) + proceed(call)

        async def asynchronous(call: lrpc.Invocation, proceed: lrpc.AsyncProceed) -> Any:
            return await proceed(call) + await proceed(call)

        return blocking if self.face == "blocking" else asynchronous

    @property
    def calls(self) -> list[lrpc.Invocation]:
        return [what for word, what in self.seen if word.endswith(" in")]

    @property
    def outcomes(self) -> list[Any]:
        return [what for word, what in self.seen if word.endswith(" out")]


@pytest.fixture
def at_client(client_face: str) -> Interceptors:
    return Interceptors(client_face)


@pytest.fixture
def at_server(face: str) -> Interceptors:
    return Interceptors(face)


@pytest.fixture
def served(hosts: Any, face: str, clients_of: Any, binding_for: Callable[[str], str]) -> Callable[..., str]:
    """A server with interceptors; where it listens."""

    def serve(*interceptors: Any, transport: str = "ncalrpc") -> str:
        host = hosts(face, interceptors=interceptors)
        host.server.register(host.service)
        return str(host.listen(binding_for(transport)))

    return serve


# At a client


def test_a_client_tells_what_is_called(at_client: Interceptors, connect: Any, binding: str) -> None:
    client = connect(binding, interceptors=[at_client.around()])
    before = time.monotonic()
    assert client.Add(2, 3) == 5
    (call,) = at_client.calls
    assert (call.name, call.values, call.arguments) == ("Calculator.Add", (2, 3), {"a": 2, "b": 3})
    assert str(call.connection) == str(client.connection)
    assert (call.peer, call.caller) == (binding, None)
    assert call.deadline is not None
    assert before < call.deadline <= time.monotonic() + 20
    assert at_client.outcomes == [5]


def test_a_client_sees_failures(at_client: Interceptors, connect: Any, binding: str) -> None:
    client = connect(binding, interceptors=[at_client.around()])
    with pytest.raises(lrpc.Fault) as raised:
        client.Misbehave("bug")
    assert at_client.outcomes == [raised.value]


def test_every_kind_of_call_passes(at_client: Interceptors, connect: Any, binding: str, calculator: ModuleType) -> None:
    client = connect(binding, interceptors=[at_client.around()])
    assert client.Divide(17, 5) == (3, 2)
    assert client.Echo(b"octets") == b"octets"
    handle = client.Open("x")
    assert client.Count(handle) == 1
    connect.close_handle(handle)
    assert [call.operation.name for call in at_client.calls] == ["Divide", "Echo", "Open", "Count", "Close"]
    assert at_client.calls[3].values == (handle,)


def test_a_deadline_around_the_call_is_told(
    at_client: Interceptors, hosts: Any, clients_of: Any, binding_for: Any
) -> None:
    host = hosts()
    host.server.register(host.service)
    clients = clients_of("blocking")
    blocking = Interceptors("blocking")
    client = clients(host.listen(binding_for("ncalrpc")), interceptors=[blocking.around()])
    with lrpc.deadline(1):
        client.Add(1, 2)
    deadline = blocking.calls[0].deadline
    assert deadline is not None
    assert deadline < time.monotonic() + 1


# Both ends


def test_the_first_interceptor_is_the_outermost(
    at_client: Interceptors, at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    binding = served(at_server.around("first"), at_server.around("second"))
    client = clients_of(client_face)(binding, interceptors=[at_client.around("first"), at_client.around("second")])
    assert client.Add(2, 3) == 5
    for seen in (at_client.seen, at_server.seen):
        assert [word for word, _ in seen] == ["first in", "second in", "second out", "first out"]


@pytest.mark.parametrize("end", ["client", "server"])
def test_values_can_be_replaced(
    end: str, at_client: Interceptors, at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    binding = served(*([at_server.around(a=40)] if end == "server" else ()))
    client = clients_of(client_face)(binding, interceptors=[at_client.around(a=40)] if end == "client" else ())
    assert client.Add(2, 3) == 43


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_call_may_be_repeated(
    end: str, at_client: Interceptors, at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    binding = served(*([at_server.twice()] if end == "server" else ()))
    client = clients_of(client_face)(binding, interceptors=[at_client.twice()] if end == "client" else ())
    assert client.Add(2, 3) == 10


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_call_may_be_answered_without_being_made(
    end: str, at_client: Interceptors, at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    binding = served(*([at_server.instead(lambda: 99)] if end == "server" else ()))
    client = clients_of(client_face)(binding, interceptors=[at_client.instead(lambda: 99)] if end == "client" else ())
    assert client.Add(2, 3) == 99


# At a server


def test_a_server_tells_who_calls_what(
    at_server: Interceptors, served: Any, clients_of: Any, client_face: str, transport: str
) -> None:
    clients_of(client_face)(served(at_server.around(), transport=transport)).Add(2, 3)
    (call,) = at_server.calls
    assert (call.name, call.arguments) == ("Calculator.Add", {"a": 2, "b": 3})
    assert call.caller is not None
    assert call.caller.transport == transport
    assert call.peer.startswith(f"{transport} 127.0.0.1:" if transport == "ncacn_ip_tcp" else f"{transport} pid ")
    assert (call.connection, call.deadline) == (None, None)
    assert at_server.outcomes == [5]


def test_counts_that_were_left_out_are_values_at_a_server(
    at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    client = clients_of(client_face)(served(at_server.around()))
    assert client.Echo(b"four") == b"four"
    assert client.Sum([1, 2, 3]) == 6
    assert [set(call.arguments) for call in at_server.calls] == [{"n", "data"}, {"n", "values"}]
    assert [call.arguments["n"] for call in at_server.calls] == [4, 3]


def test_context_handles_are_the_objects_of_the_server(
    at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    clients = clients_of(client_face)
    client = clients(served(at_server.around()))
    handle = client.Open("x")
    client.Count(handle)
    clients.close_handle(handle)
    assert [type(call.values[0]).__name__ for call in at_server.calls] == ["str", "Tally", "Tally"]


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_ip_tcp"])
def test_what_an_interceptor_raises_is_the_answer(
    at_server: Interceptors, served: Any, clients_of: Any, client_face: str, transport: str
) -> None:
    def deny() -> None:
        raise lrpc.AccessDenied(5, ran=Ran.NO)

    client = clients_of(client_face)(served(at_server.instead(deny), transport=transport))
    with pytest.raises(lrpc.AccessDenied) as denied:
        client.Add(2, 3)
    assert denied.value.ran is Ran.NO


def test_an_interceptor_that_fails_is_a_fault_without_its_words(
    at_server: Interceptors, served: Any, clients_of: Any, client_face: str
) -> None:
    client = clients_of(client_face)(served(at_server.instead(lambda: 1 // 0)))
    for _ in range(2):
        with pytest.raises(lrpc.Fault, match="nca_s_fault_unspec"):
            client.Add(2, 3)


def test_the_management_interface_is_seen_too(at_server: Interceptors, served: Any) -> None:
    from lrpc.runtime.interfaces.mgmt import mgmtClient

    with lrpc.connect(mgmtClient, served(at_server.around())) as client:
        client.rpc__mgmt_inq_if_ids()
    assert [call.name for call in at_server.calls] == ["mgmt.rpc__mgmt_inq_if_ids"]


# The invocation


def test_a_value_that_is_not_of_the_operation_is_a_type_error(calculator: ModuleType) -> None:
    interface = calculator.Calculator.interface
    call = lrpc.Invocation(interface, interface.operation("Add"), (2, 3))
    assert call.with_values(b=4).values == (2, 4)
    assert call.peer == ""
    with pytest.raises(TypeError, match=r"Calculator\.Add has no c, d"):
        call.with_values(c=1, d=2)


def test_interceptors_keep_no_client_alive(hosts: Any, binding_for: Any, calculator: ModuleType) -> None:
    host = hosts()
    host.server.register(host.service)
    binding = str(host.listen(binding_for("ncalrpc")))
    client = lrpc.connect(calculator.CalculatorClient, binding, interceptors=[Interceptors("blocking").around()])
    client.Add(1, 2)
    client.close()
    gc.collect()
    gc.disable()
    try:
        left = weakref.ref(client)
        del client
        assert left() is None
    finally:
        gc.enable()


def test_without_interceptors_a_call_is_as_it_was(hosts: Any, binding_for: Any, calculator: ModuleType) -> None:
    host = hosts()
    host.server.register(host.service)
    with lrpc.connect(calculator.CalculatorClient, str(host.listen(binding_for("ncalrpc")))) as client:
        assert "_call" not in vars(client)
    (registration,) = host.server._registry.registrations
    assert registration.methods[0].function == host.service.Add
