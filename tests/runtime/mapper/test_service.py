"""The endpoint mapper as its clients see it, over ALPC and TCP: every operation, and who may have it."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lrpc
from lrpc.runtime import dispatch
from lrpc.runtime.call import Caller, set_caller
from lrpc.runtime.contexts import ContextTable
from lrpc.runtime.dispatch import Registry
from lrpc.runtime.interfaces import epmapper, registrar
from lrpc.runtime.mapper.endpoint_map import NIL, EndpointMap, MapLimits
from lrpc.runtime.mapper.service import (
    CANT_CREATE,
    CANT_PERFORM_OP,
    EPT_S_CANT_CREATE,
    EPT_S_INVALID_ENTRY,
    INVALID_CONTEXT,
    INVALID_ENTRY,
    NOT_REGISTERED,
    EndpointMapper,
    own_processes,
    this_machine,
)
from lrpc.runtime.mapper.towers import NDR, Syntax, Tower, build, parse
from lrpc.runtime.ndr.layout import Encoding

ADDER = Syntax(UUID(int=1), 1, 3)
OTHER = Syntax(UUID(int=2), 1, 0)
OBJECT = UUID(int=77)
EPT_S_CANT_PERFORM_OP = 0x6D8


def octets(endpoint: str, interface: Syntax = ADDER, protocol: str = "ncacn_ip_tcp", address: str = "") -> bytes:
    return build(Tower(interface, NDR, protocol, endpoint, address))


def twr(*arguments: Any, **named: Any) -> epmapper.twr_t:
    return epmapper.twr_t(tower_octet_string=octets(*arguments, **named))


def entry(endpoint: str, interface: Syntax = ADDER, object: UUID = NIL, annotation: str = "") -> epmapper.ept_entry_t:
    return epmapper.ept_entry_t(object, twr(endpoint, interface), annotation)


def if_id(interface: Syntax = ADDER) -> epmapper.rpc_if_id_t:
    return epmapper.rpc_if_id_t(*interface)


def ports(found: Any) -> list[str]:
    towers = [one.tower if isinstance(one, epmapper.ept_entry_t) else one for one in found]
    return [parse(tower.tower_octet_string).endpoint for tower in towers]


@pytest.fixture
def local(mapper: Any) -> Iterator[epmapper.eptClient]:
    """A client of this machine, by ALPC."""
    with lrpc.connect(epmapper.eptClient, "ncalrpc:[epmapper]") as client:
        yield client


@pytest.fixture
def network(mapper: Any) -> Iterator[epmapper.eptClient]:
    """A client that came by TCP."""
    with lrpc.connect(epmapper.eptClient, mapper.tcp) as client:
        yield client


@pytest.fixture(params=["local", "network"])
def client(request: pytest.FixtureRequest, local: Any) -> Any:
    """A client of either kind; `local` is there to put entries in."""
    return local if request.param == "local" else request.getfixturevalue("network")


def everything(client: Any, count: int = 100) -> epmapper.ept_lookupResult:
    answer: epmapper.ept_lookupResult = client.ept_lookup(epmapper.rpc_c_ep_all_elts, None, None, 0, None, count)
    return answer


# ept_lookup


def test_empty_map_has_nothing_registered(client: Any) -> None:
    assert everything(client) == (None, 0, [], NOT_REGISTERED)


def test_lookup_of_everything_gives_objects_towers_and_annotations(client: Any, local: Any) -> None:
    local.ept_insert([entry("1", annotation="the adder"), entry("2", OTHER, OBJECT)], 0)
    answer = everything(client)
    assert (answer.num_ents, answer.status) == (2, 0)
    assert [(one.object_, one.annotation) for one in answer.entries] == [(NIL, "the adder"), (OBJECT, "")]
    assert [one.tower.tower_octet_string for one in answer.entries] == [octets("1"), octets("2", OTHER)]


def test_lookup_that_gives_less_than_asked_for_is_over(client: Any, local: Any) -> None:
    local.ept_insert([entry("1"), entry("2")], 0)
    assert everything(client).entry_handle is None


def test_lookup_goes_on_by_its_handle_and_ends_with_not_registered(client: Any, local: Any) -> None:
    local.ept_insert([entry(str(port)) for port in (1, 2, 3, 4)], 0)
    answer, seen = everything(client, 2), list[str]()
    while answer.status == 0:
        seen += ports(answer.entries)
        answer = client.ept_lookup(epmapper.rpc_c_ep_all_elts, None, None, 0, answer.entry_handle, 2)
    assert seen == ["1", "2", "3", "4"]
    assert answer == (None, 0, [], NOT_REGISTERED)


@pytest.mark.parametrize(
    ("inquiry", "object", "interface", "versions", "found"),
    [
        (epmapper.rpc_c_ep_match_by_if, None, ADDER, epmapper.rpc_c_vers_all, ["1", "2"]),
        (epmapper.rpc_c_ep_match_by_if, None, ADDER._replace(minor=4), epmapper.rpc_c_vers_compatible, []),
        (epmapper.rpc_c_ep_match_by_if, None, ADDER._replace(minor=2), epmapper.rpc_c_vers_compatible, ["1", "2"]),
        (epmapper.rpc_c_ep_match_by_if, None, ADDER._replace(minor=2), epmapper.rpc_c_vers_exact, []),
        (epmapper.rpc_c_ep_match_by_if, None, ADDER._replace(minor=9), epmapper.rpc_c_vers_major_only, ["1", "2"]),
        (epmapper.rpc_c_ep_match_by_if, None, ADDER._replace(major=2), epmapper.rpc_c_vers_upto, ["1", "2"]),
        (epmapper.rpc_c_ep_match_by_obj, OBJECT, None, 0, ["2", "3"]),
        (epmapper.rpc_c_ep_match_by_obj, None, None, 0, ["1"]),
        (epmapper.rpc_c_ep_match_by_both, OBJECT, ADDER, epmapper.rpc_c_vers_exact, ["2"]),
        (epmapper.rpc_c_ep_match_by_both, None, OTHER, epmapper.rpc_c_vers_exact, []),
        (epmapper.rpc_c_ep_all_elts, OBJECT, OTHER, 99, ["1", "2", "3"]),
    ],
)
def test_lookup_finds_what_it_is_asked_for(
    client: Any, local: Any, inquiry: int, object: UUID, interface: Syntax, versions: int, found: list[str]
) -> None:
    local.ept_insert([entry("1"), entry("2", object=OBJECT), entry("3", OTHER, OBJECT)], 0)
    asked = None if interface is None else if_id(interface)
    answer = client.ept_lookup(inquiry, object, asked, versions, None, 10)
    assert ports(answer.entries) == found
    assert answer.status == (0 if found else NOT_REGISTERED)


@pytest.mark.parametrize(
    ("inquiry", "interface", "versions"), [(4, ADDER, 1), (1, None, 1), (3, None, 1), (1, ADDER, 0), (1, ADDER, 6)]
)
def test_inquiry_that_there_is_not_cannot_be_performed(
    client: Any, inquiry: int, interface: Syntax | None, versions: int
) -> None:
    asked = None if interface is None else if_id(interface)
    assert client.ept_lookup(inquiry, None, asked, versions, None, 10) == (None, 0, [], CANT_PERFORM_OP)


def test_more_than_five_hundred_at_once_are_refused(client: Any) -> None:
    with pytest.raises((lrpc.ArgumentError, lrpc.RefusedStubData)):
        everything(client, 501)


def test_lookup_of_none_gives_none(client: Any, local: Any) -> None:
    local.ept_insert([entry("1")], 0)
    assert everything(client, 0) == (None, 0, [], NOT_REGISTERED)


# ept_map


def test_map_gives_towers_of_an_interface(client: Any, local: Any) -> None:
    local.ept_insert([entry("1"), entry("2", OTHER), entry("3")], 0)
    answer = client.ept_map(None, twr("135"), None, 4)
    assert (ports(answer.towers), answer.num_towers) == (["1", "3"], 2)
    assert (answer.entry_handle, answer.status) == (None, 0)


def test_map_goes_on_by_its_handle(client: Any, local: Any) -> None:
    local.ept_insert([entry("1"), entry("2")], 0)
    first = client.ept_map(None, twr(""), None, 1)
    second = client.ept_map(None, twr(""), first.entry_handle, 1)
    assert ports([*first.towers, *second.towers]) == ["1", "2"]
    assert client.ept_map(None, twr(""), second.entry_handle, 1) == (None, 0, [], NOT_REGISTERED)


def test_map_of_an_object_gives_its_own_servers_first(client: Any, local: Any) -> None:
    local.ept_insert([entry("1"), entry("2", object=OBJECT)], 0)
    assert ports(client.ept_map(OBJECT, twr(""), None, 4).towers) == ["2", "1"]
    assert ports(client.ept_map(NIL, twr(""), None, 4).towers) == ["1"]
    assert ports(client.ept_map(UUID(int=5), twr(""), None, 4).towers) == ["1"]


def test_map_of_what_nobody_registered(client: Any) -> None:
    assert client.ept_map(None, twr("", OTHER), None, 4) == (None, 0, [], NOT_REGISTERED)


@pytest.mark.parametrize("tower", [None, b"", b"\xff" * 100, octets("1")[:-1], bytes(5000)])
def test_map_of_a_tower_that_is_none_cannot_be_performed(client: Any, tower: bytes | None) -> None:
    asked = None if tower is None else epmapper.twr_t(tower_octet_string=tower)
    assert client.ept_map(None, asked, None, 4) == (None, 0, [], CANT_PERFORM_OP)


def test_map_auth_gives_servers_of_one_user(client: Any, local: Any) -> None:
    local.ept_insert([entry("1")], 0)
    authority = epmapper.RPC_SID_IDENTIFIER_AUTHORITY(bytes((0, 0, 0, 0, 0, 22)))

    def sid(uid: int) -> epmapper.RPC_SID:
        return epmapper.RPC_SID(Revision=1, IdentifierAuthority=authority, SubAuthority=[1, uid])

    assert ports(client.ept_map_auth(NIL, twr(""), sid(os.geteuid()), None, 4).towers) == ["1"]
    assert ports(client.ept_map_auth(NIL, twr(""), None, None, 4).towers) == ["1"]
    assert client.ept_map_auth(NIL, twr(""), sid(os.geteuid() + 1), None, 4).status == NOT_REGISTERED


# Handles


def test_handle_that_is_freed_is_gone(client: Any, local: Any) -> None:
    local.ept_insert([entry("1"), entry("2")], 0)
    handle = everything(client, 1).entry_handle
    wire = handle.wire
    assert client.ept_lookup_handle_free(handle) == (None, 0)
    assert handle.closed
    handle.wire = wire
    with pytest.raises(lrpc.ContextMismatch):
        client.ept_lookup(epmapper.rpc_c_ep_all_elts, None, None, 0, handle, 1)


def test_no_handle_cannot_be_freed(client: Any) -> None:
    assert client.ept_lookup_handle_free(None) == (None, INVALID_CONTEXT)


def test_handle_of_a_lookup_is_none_of_a_map_and_is_closed_by_the_mistake(client: Any, local: Any) -> None:
    local.ept_insert([entry("1"), entry("2")], 0)
    lookup = everything(client, 1).entry_handle
    assert client.ept_map(None, twr(""), lookup, 1) == (None, 0, [], INVALID_CONTEXT)
    mapped = client.ept_map(None, twr(""), None, 1).entry_handle
    answer = client.ept_lookup(epmapper.rpc_c_ep_all_elts, None, None, 0, mapped, 1)
    assert answer == (None, 0, [], INVALID_CONTEXT)


def test_handles_of_another_client_are_unknown(mapper: Any, local: Any, network: Any) -> None:
    local.ept_insert([entry("1"), entry("2")], 0)
    handle = everything(network, 1).entry_handle
    with pytest.raises(lrpc.ContextMismatch):
        local.ept_lookup(epmapper.rpc_c_ep_all_elts, None, None, 0, handle, 1)


def test_open_handles_of_a_client_have_a_limit(mapper: Any, local: Any, network: Any) -> None:
    local.ept_insert([entry("1"), entry("2")], 0)
    for _ in range(mapper.server.limits.max_contexts):
        assert everything(network, 1).entry_handle is not None
    with pytest.raises(lrpc.Fault, match="nca_s_fault_remote_no_memory"):
        everything(network, 1)
    assert everything(local, 1).status == 0


# ept_insert and what goes with it


def test_replacing_takes_the_place_of_the_old_port(local: Any) -> None:
    assert local.ept_insert([entry("1"), entry("2", OTHER)], 0) == 0
    assert local.ept_insert([entry("9")], 1) == 0
    assert ports(everything(local).entries) == ["2", "9"]


def test_deleting_goes_by_object_and_tower_whatever_the_annotation(local: Any) -> None:
    local.ept_insert([entry("1", annotation="one"), entry("2", object=OBJECT)], 0)
    assert local.ept_delete([entry("1", annotation="other")]) == 0
    assert local.ept_delete([entry("2")]) == NOT_REGISTERED
    assert local.ept_delete([entry("7"), entry("2", object=OBJECT)]) == NOT_REGISTERED
    assert everything(local).num_ents == 0


def test_management_deletes_a_tower_of_all_objects_or_of_one(local: Any) -> None:
    local.ept_insert([entry("1"), entry("1", object=OBJECT), entry("2"), entry("2", object=OBJECT)], 0)
    assert local.ept_mgmt_delete(1, OBJECT, twr("1")) == 0
    assert local.ept_mgmt_delete(0, None, twr("2")) == 0
    assert [(one.object_, ports([one])) for one in everything(local).entries] == [(NIL, ["1"])]
    assert local.ept_mgmt_delete(0, OBJECT, twr("7")) == NOT_REGISTERED
    assert local.ept_mgmt_delete(1, None, twr("1")) == INVALID_ENTRY
    assert local.ept_mgmt_delete(0, None, None) == INVALID_ENTRY


def test_map_has_an_object_of_its_own(local: Any) -> None:
    first, second = local.ept_inq_object(), local.ept_inq_object()
    assert first == second
    assert (first.ept_object != NIL, first.status) == (True, 0)


@pytest.mark.parametrize("tower", [None, b"", b"\1\0", octets("1")[:-1], b"\xff" * 90])
def test_tower_that_is_none_is_not_taken_in(local: Any, tower: bytes | None) -> None:
    bad = None if tower is None else epmapper.twr_t(tower_octet_string=tower)
    assert local.ept_insert([entry("1"), epmapper.ept_entry_t(NIL, bad, "")], 0) == INVALID_ENTRY
    assert everything(local).num_ents == 0


def test_entry_without_a_tower_cannot_be_deleted(local: Any) -> None:
    local.ept_insert([entry("1")], 0)
    assert local.ept_delete([entry("1"), epmapper.ept_entry_t(NIL, None, "")]) == INVALID_ENTRY
    assert everything(local).num_ents == 1


def test_full_map_takes_nothing_in(mappers: Callable[..., Any]) -> None:
    mappers(limits=MapLimits(max_owned=2))
    with lrpc.connect(epmapper.eptClient, "ncalrpc:[epmapper]") as client:
        assert client.ept_insert([entry("1"), entry("2"), entry("3")], 0) == CANT_CREATE
        assert client.ept_insert([entry("1"), entry("2")], 0) == 0


@pytest.mark.parametrize(
    "change",
    [
        lambda client: client.ept_insert([entry("1")], 0),
        lambda client: client.ept_delete([entry("1")]),
        lambda client: client.ept_mgmt_delete(0, None, twr("1")),
        lambda client: client.ept_inq_object(),
    ],
)
def test_network_may_change_nothing(local: Any, network: Any, change: Callable[[Any], Any]) -> None:
    local.ept_insert([entry("1")], 0)
    with pytest.raises(lrpc.Fault) as caught:
        change(network)
    assert caught.value.status == EPT_S_CANT_PERFORM_OP
    assert everything(local).num_ents == 1


def test_network_has_no_registrar(mapper: Any) -> None:
    with pytest.raises(lrpc.BindRefused):
        lrpc.connect(registrar.registrarClient, mapper.tcp)


def test_mapper_that_trusts_its_machine_lets_any_process_register(mappers: Callable[..., Any]) -> None:
    with lrpc.connect(epmapper.eptClient, mappers(may_register=this_machine).tcp) as client:
        assert client.ept_insert([entry("1")], 0) == 0


# Who is who


@pytest.mark.parametrize(
    ("caller", "own", "machine"),
    [
        (Caller("ncalrpc", uid=os.geteuid()), True, True),
        (Caller("ncalrpc", uid=0), True, True),
        (Caller("ncacn_np", uid=os.geteuid() + 1), False, True),
        (Caller("ncacn_ip_tcp", address="127.0.0.1:5"), False, True),
        (Caller("ncacn_ip_tcp", address="[::1]:5"), False, True),
        (Caller("ncacn_ip_tcp", address="192.0.2.1:5"), False, False),
        (Caller("ncacn_ip_tcp", address=""), False, False),
    ],
)
def test_who_may_register(caller: Caller, own: bool, machine: bool) -> None:
    assert (own_processes(caller), this_machine(caller)) == (own, machine)


def test_servers_on_loopback_are_told_to_this_machine_only(
    mapper: Any, local: Any, network: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = epmapper.ept_entry_t(NIL, twr("1", address="127.0.0.1"), "")
    there = epmapper.ept_entry_t(NIL, twr("2", address="192.0.2.1"), "")
    local.ept_insert([here, there, entry("3")], 0)
    assert ports(everything(network).entries) == ["1", "2", "3"]
    monkeypatch.setattr("lrpc.runtime.mapper.service.caller", lambda: Caller("ncacn_ip_tcp", address="192.0.2.9:1"))
    assert ports(everything(network).entries) == ["2", "3"]
    assert ports(network.ept_map(None, twr(""), None, 9).towers) == ["2", "3"]


# The registrar


@pytest.fixture
def server(mapper: Any) -> Iterator[registrar.registrarClient]:
    with lrpc.connect(registrar.registrarClient, "ncalrpc:[epmapper]") as client:
        yield client


def registered(endpoint: str, interface: Syntax = ADDER) -> registrar.registered_t:
    return registrar.registered_t(NIL, "", tower=octets(endpoint, interface))


def test_what_a_server_announces_is_found(server: Any, network: Any) -> None:
    handle = server.announce(None, [registered("1"), registered("2")])
    assert ports(everything(network).entries) == ["1", "2"]
    assert server.announce(handle, [registered("2"), registered("3")]) is handle
    assert ports(everything(network).entries) == ["2", "3"]


def test_what_a_server_withdraws_is_gone(server: Any, network: Any) -> None:
    handle = server.announce(None, [registered("1")])
    assert server.withdraw(handle) is None
    assert everything(network).num_ents == 0
    assert server.withdraw(None) is None


def test_registration_ends_with_its_connection(
    server: Any, network: Any, until: Callable[[Callable[[], bool]], None]
) -> None:
    server.announce(None, [registered("1")])
    server.close()
    until(lambda: everything(network).num_ents == 0)


def test_registration_is_its_own_client_s(server: Any, network: Any) -> None:
    server.announce(None, [registered("1")])
    with lrpc.connect(registrar.registrarClient, "ncalrpc:[epmapper]") as other:
        other.announce(None, [registered("2")])
        assert ports(everything(network).entries) == ["1", "2"]


def test_announcement_with_a_tower_that_is_none_changes_nothing(server: Any, network: Any) -> None:
    handle = server.announce(None, [registered("1")])
    with pytest.raises(lrpc.StatusError) as caught:
        server.announce(handle, [registered("2"), registrar.registered_t(NIL, "", tower=b"\1")])
    assert caught.value.code == EPT_S_INVALID_ENTRY
    assert ports(everything(network).entries) == ["1"]
    server.announce(handle, [registered("3")])
    assert ports(everything(network).entries) == ["3"]


def test_announcement_that_finds_no_room_is_refused(mappers: Callable[..., Any]) -> None:
    mappers(limits=MapLimits(max_owned=1))
    with lrpc.connect(registrar.registrarClient, "ncalrpc:[epmapper]") as server:
        with pytest.raises(lrpc.StatusError) as caught:
            server.announce(None, [registered("1"), registered("2")])
        assert caught.value.code == EPT_S_CANT_CREATE


def test_somebody_else_may_announce_nothing(mappers: Callable[..., Any]) -> None:
    mappers(may_register=lambda caller: False)
    with lrpc.connect(registrar.registrarClient, "ncalrpc:[epmapper]") as server, pytest.raises(lrpc.AccessDenied):
        server.announce(None, [registered("1")])


# Octets that are no request


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(epmapper.ept.interface.operations), st.binary(max_size=300))
def test_any_stub_is_answered_or_refused(operation: Any, stub: bytes) -> None:
    registry = Registry(1 << 16)
    registry.register(EndpointMapper(EndpointMap()))
    method = registry.find(epmapper.ept.interface.uuid, (3, 0), operation.opnum, None, "")

    def answered() -> Any:
        set_caller(Caller("ncalrpc", uid=os.geteuid()))
        return asyncio.run(dispatch.answer_async(method, stub, Encoding.NDR, ContextTable(uuid4, 8)))

    answer = contextvars.copy_context().run(answered)
    assert isinstance(answer, list | lrpc.Fault)
