"""The management interface: what every server says of itself, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime.interfaces import mgmt
from lrpc.runtime.management import (
    ERROR_INSUFFICIENT_BUFFER,
    RPC_S_NO_INTERFACES,
    RPC_S_UNKNOWN_AUTHN_SERVICE,
    all_but_stop,
)

ACCESS_DENIED = 5
NTLM = 10


@pytest.fixture
def management(connect: Any, binding: str, client_face: str) -> Any:
    """A client of the management interface of a server with the calculator."""
    return connect.of(mgmt.mgmtClient if client_face == "blocking" else mgmt.AsyncmgmtClient, binding)


def ids(answer: mgmt.rpc__mgmt_inq_if_idsResult) -> list[tuple[UUID, int, int]]:
    assert answer.if_id_vector is not None
    found = [one for one in answer.if_id_vector.if_id if one is not None]
    assert answer.if_id_vector.count == len(found)
    return [(one.uuid, one.vers_major, one.vers_minor) for one in found]


def test_every_server_tells_what_it_serves_but_not_the_management_interface(management: Any, calculator: Any) -> None:
    interface = calculator.Calculator.interface
    answer = management.rpc__mgmt_inq_if_ids()
    assert ids(answer) == [(interface.uuid, *interface.version)]
    assert answer.status == 0


def test_interface_registered_for_two_objects_is_told_once(host: Any, management: Any, calculator: Any) -> None:
    host.server.register(type(host.service)(host.world), object=UUID(int=1))
    assert len(ids(management.rpc__mgmt_inq_if_ids())) == 1


def test_endpoint_tells_only_of_what_it_serves(
    hosts: Callable[..., Any], clients_of: Any, face: str, binding_for: Callable[[str], str], calculator: Any
) -> None:
    host = hosts(face)
    one, other = binding_for("ncalrpc"), binding_for("ncacn_ip_tcp")
    host.server.register(host.service, endpoints=[one])
    at = {text: host.listen(text) for text in (one, other)}
    clients = clients_of("blocking")
    assert len(ids(clients.of(mgmt.mgmtClient, at[one]).rpc__mgmt_inq_if_ids())) == 1
    assert clients.of(mgmt.mgmtClient, at[other]).rpc__mgmt_inq_if_ids() == (None, RPC_S_NO_INTERFACES)


def test_server_that_answers_is_listening(management: Any) -> None:
    assert management.rpc__mgmt_is_server_listening() == (0, 1)


def test_statistics_count_calls_and_packets(management: Any, transport: str) -> None:
    first = management.rpc__mgmt_inq_stats(4)
    second = management.rpc__mgmt_inq_stats(4)
    assert (first.count_, first.status) == (4, 0)
    assert first.statistics == [1, 0, 2, 1]  # a bind and this call came, the bind's answer went
    assert second.statistics == [2, 0, 3, 2]


def test_statistics_keep_what_ended_connections_carried(
    host: Any, connect: Any, binding: str, management: Any, until: Callable[..., None]
) -> None:
    client = connect(binding)
    for _ in range(3):
        client.Add(1, 2)
    until(lambda: host.server.statistics == (3, 0, 5, 5))  # what goes is counted when it has gone
    before = management.rpc__mgmt_inq_stats(4).statistics
    client.close()
    until(lambda: len(host.server._sessions) == 1)
    assert before == [4, 0, 6, 5]
    assert management.rpc__mgmt_inq_stats(4).statistics == [5, 0, 7, 6]


def test_each_fragment_is_a_packet(connect: Any, host: Any, until: Callable[..., None]) -> None:
    binding = host.listen("ncacn_ip_tcp:[0]")
    connect(binding).Echo(bytes(10_000))
    until(lambda: host.server.statistics == (1, 0, 3, 3))


@pytest.mark.parametrize("room", [0, 1, 3, 4, 5, 0xFFFFFFFF])
def test_statistics_go_as_far_as_the_caller_has_room(management: Any, room: int) -> None:
    answer = management.rpc__mgmt_inq_stats(room)
    assert answer.count_ == len(answer.statistics) == min(room, 4)


def test_statistics_wrap_at_32_bits(host: Any, management: Any) -> None:
    host.server._guests.gone.calls_in = 0xFFFFFFFF
    assert management.rpc__mgmt_inq_stats(1).statistics == [0]


def test_server_is_not_stopped_by_whoever_asks(management: Any, host: Any) -> None:
    assert management.rpc__mgmt_stop_server_listening() == ACCESS_DENIED
    assert host.server.listening


@pytest.mark.parametrize("size", [1, 9, 4096])
def test_padding_behind_a_request_is_overlooked_as_by_windows(
    hosts: Callable[..., Any], clients_of: Any, face: str, size: int
) -> None:
    host = hosts(face)
    client = clients_of("blocking").of(mgmt.mgmtClient, host.listen("ncacn_ip_tcp:[0]"))
    answer, encoding, _ = client._channel.call(2, [bytes(size)])
    assert (bytes(answer), encoding.name) == (bytes((0, 0, 0, 0, 1, 0, 0, 0)), "NDR")


# Principal names


def test_unknown_authentication_service_has_no_name(management: Any) -> None:
    assert management.rpc__mgmt_inq_princ_name(NTLM, 100) == ("", RPC_S_UNKNOWN_AUTHN_SERVICE)


@pytest.mark.parametrize("room", [1, 2, 15])
def test_name_that_the_buffer_cannot_take_is_not_sent(host: Any, management: Any, room: int) -> None:
    host.server.principals[NTLM] = "DOMAIN\\machine$"
    assert management.rpc__mgmt_inq_princ_name(NTLM, room) == ("", ERROR_INSUFFICIENT_BUFFER)


@pytest.mark.parametrize("room", [16, 17, 0xFFFFFFFF])
def test_name_that_fits_with_its_end_is_sent(host: Any, management: Any, room: int) -> None:
    host.server.principals[NTLM] = "DOMAIN\\machine$"
    assert management.rpc__mgmt_inq_princ_name(NTLM, room) == ("DOMAIN\\machine$", 0)


def test_buffer_of_no_characters_is_bad_stub_data(management: Any) -> None:
    with pytest.raises(lrpc.RefusedStubData):
        management.rpc__mgmt_inq_princ_name(NTLM, 0)


# Who may


def test_only_stopping_is_refused_when_nobody_says_otherwise() -> None:
    caller = lrpc.Caller("ncalrpc")
    assert [all_but_stop(caller, operation) for operation in range(5)] == [True, True, True, True, False]


def test_operations_that_the_server_refuses_are_denied(host: Any, management: Any) -> None:
    asked: list[tuple[str, int]] = []

    def nothing(caller: lrpc.Caller, operation: int) -> bool:
        asked.append((caller.transport, operation))
        return False

    host.server.authorize = nothing
    assert management.rpc__mgmt_inq_if_ids() == (None, ACCESS_DENIED)
    assert management.rpc__mgmt_inq_stats(4) == (0, [], ACCESS_DENIED)
    assert management.rpc__mgmt_is_server_listening() == (ACCESS_DENIED, 0)
    assert management.rpc__mgmt_inq_princ_name(NTLM, 9) == ("", ACCESS_DENIED)
    assert [operation for _, operation in asked] == [0, 2, 3, 1]


def test_server_that_allows_it_is_stopped(
    host: Any, management: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    host.server.authorize = lambda caller, operation: True
    assert management.rpc__mgmt_stop_server_listening() == 0
    until(lambda: not host.server.listening)
    until(lambda: not host.server._sessions)


def test_management_that_somebody_registers_stands_before_the_built_in_one(
    hosts: Callable[..., Any], clients_of: Any, binding_for: Callable[[str], str]
) -> None:
    class Own(mgmt.mgmt):
        def rpc__mgmt_inq_if_ids(self) -> Any:
            raise lrpc.AccessDenied

        def rpc__mgmt_inq_stats(self, count: int) -> Any:
            raise lrpc.AccessDenied

        def rpc__mgmt_is_server_listening(self) -> mgmt.rpc__mgmt_is_server_listeningResult:
            return mgmt.rpc__mgmt_is_server_listeningResult(0, 77)

        def rpc__mgmt_stop_server_listening(self) -> int:
            raise lrpc.AccessDenied

        def rpc__mgmt_inq_princ_name(self, authn_proto: int, princ_name_size: int) -> Any:
            raise lrpc.AccessDenied

    host = hosts("blocking")
    host.server.register(Own())
    client = clients_of("blocking").of(mgmt.mgmtClient, host.listen(binding_for("ncalrpc")))
    assert client.rpc__mgmt_is_server_listening().return_ == 77
