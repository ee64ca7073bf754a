"""From a name to bindings: their order, their reasons, and what is said and heard of endpoint mappers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime import locate
from lrpc.runtime.binding import StringBinding
from lrpc.runtime.call import Limits
from lrpc.runtime.endpoints import open_wire
from lrpc.runtime.interfaces import epmapper
from lrpc.runtime.locate import Candidate, candidates, is_local, mapped_towers
from lrpc.runtime.mapper.lookup import BATCH, EPT_S_NOT_REGISTERED
from lrpc.runtime.mapper.towers import NDR, Syntax, Tower
from lrpc.runtime.status import BindRefused, InvalidBinding, ServerUnavailable
from lrpc.runtime.stub import Interface
from lrpc.runtime.wire import Wire

WATCHDOG = 20.0
UNKNOWN = Interface("Unknown", UUID("12345678-1234-abcd-ef00-0123456789ab"), (1, 2), ())
KNOWN = Interface(
    "Known", UUID(int=7), (1, 0), (), endpoints=("ncalrpc:[known]", "ncacn_ip_tcp:[99]", "ncacn_np:[]", "ncacn_np:")
)

TOWER = bytes.fromhex(
    "0500"  # five floors
    "1300 0d 78563412 3412 cdab ef00 0123456789ab 0100  0200 0200"  # the interface, 1.2
    "1300 0d 045d888a eb1c c911 9fe8 08002b104860 0200  0200 0000"  # NDR, 2.0
    "0100 0b  0200 0000"  # the connection-oriented protocol
    "0100 07  0200 0000"  # TCP, any port
    "0100 09  0400 00000000"  # IP, any address
)
ANSWER = TOWER.replace(bytes.fromhex("0100 07 0200 0000"), bytes.fromhex("0100 07 0200 c001"))
"""The same with port 0xC001."""


def tower(endpoint: str, protocol: str = "ncacn_ip_tcp", address: str = "") -> Tower:
    return Tower(Syntax(UNKNOWN.uuid, *UNKNOWN.version), NDR, protocol, endpoint, address)


def nobody(binding: StringBinding, timeout: float) -> Wire:
    raise ServerUnavailable(f"nobody at {binding}")


def never(binding: StringBinding, timeout: float) -> Wire:
    raise AssertionError(f"{binding} was opened")


def opener(binding: StringBinding, timeout: float) -> Wire:
    return open_wire(binding, timeout, Limits())


# Candidates


def test_a_binding_with_an_endpoint_is_obeyed() -> None:
    text = "ncacn_ip_tcp:host[135]"
    [found] = candidates(text, KNOWN, never, 1)
    assert found == Candidate(StringBinding.parse(text), "the string binding names the endpoint")


def test_the_idl_names_an_endpoint_for_a_binding_without() -> None:
    reason = "the endpoint is well known: the IDL names it"
    assert list(candidates("ncalrpc:", KNOWN, never, 1)) == [(StringBinding("ncalrpc", "", "known"), reason)]
    [found] = candidates(f"{UUID(int=9)}@ncacn_ip_tcp:host[a=b]", KNOWN, never, 1)
    assert found == (StringBinding("ncacn_ip_tcp", "host", "99", UUID(int=9), {"a": "b"}), reason)


@pytest.mark.parametrize("interface", [UNKNOWN, KNOWN])
def test_a_name_without_brackets_is_no_address(interface: Interface) -> None:
    with pytest.raises(InvalidBinding, match=r"stands in brackets: ncalrpc:\[calc\]$"):
        list(candidates("ncalrpc:calc", interface, never, 1))


@pytest.mark.parametrize("interface", [UNKNOWN, KNOWN])
def test_a_binding_that_no_mapper_knows_is_invalid_without_endpoint(interface: Interface) -> None:
    with pytest.raises(InvalidBinding, match=f"memory:: no endpoint, and {interface.name} has none of its own for"):
        list(candidates("memory:", interface, never, 1))


@pytest.mark.parametrize(("target", "interface"), [("ncalrpc:", UNKNOWN), ("ncacn_np:", UNKNOWN), ("ncacn_np:", KNOWN)])
def test_a_port_or_pipe_without_endpoint_is_asked_of_this_machine_s_mapper(
    monkeypatch: pytest.MonkeyPatch, target: str, interface: Interface
) -> None:
    asked: list[object] = []

    def towers(mapper: StringBinding, interface: Interface, protocol: str, *_: object) -> list[Tower]:
        asked.append((str(mapper), protocol))
        return [tower("here", protocol), tower("there", protocol)]

    monkeypatch.setattr(locate, "mapped_towers", towers)
    found = [(str(one.binding), one.reason) for one in candidates(target, interface, never, 1)]
    reason = "the endpoint mapper of this machine knows it"
    assert found == [(f"{target}[here]", reason), (f"{target}[there]", reason)]
    assert asked == [("ncalrpc:[epmapper]", target[:-1])]


def test_a_service_of_this_machine_is_a_port_then_a_pipe_then_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[StringBinding] = []

    def towers(mapper: StringBinding, *_: object) -> list[Tower]:
        asked.append(mapper)
        return [tower("4000"), tower("5000", address="192.0.2.1")]

    monkeypatch.setattr(locate, "mapped_towers", towers)
    expected = [
        ("ncalrpc:[calc]", "same machine: it has an ALPC port of this name"),
        (r"ncacn_np:[\pipe\calc]", "same machine: no ALPC port, but a named pipe"),
        ("ncacn_ip_tcp:127.0.0.1[4000]", "the endpoint mapper of this machine knows it"),
        ("ncacn_ip_tcp:192.0.2.1[5000]", "the endpoint mapper of this machine knows it"),
    ]
    for target in ("calc", r"\\localhost\calc", "//./calc"):
        found = [(str(one.binding), one.reason) for one in candidates(target, UNKNOWN, never, 1)]
        assert found == expected
    assert set(map(str, asked)) == {"ncalrpc:[epmapper]"}


def test_a_mapper_of_this_machine_that_knows_nothing_is_followed_by_the_one_at_tcp(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def towers(mapper: StringBinding, *_: object) -> list[Tower]:
        if mapper.protocol == "ncalrpc":
            raise ServerUnavailable("not here")
        return [tower("4000", address="192.0.2.1")]

    monkeypatch.setattr(locate, "mapped_towers", towers)
    *_, found = candidates("calc", UNKNOWN, never, 1)
    assert (str(found.binding), found.reason) == (
        "ncacn_ip_tcp:127.0.0.1[4000]",
        "the endpoint mapper of 127.0.0.1 knows it",
    )


def test_the_endpoint_mapper_is_asked_last() -> None:
    found = candidates("calc", UNKNOWN, nobody, 1)
    assert [next(found).binding.protocol for _ in range(2)] == ["ncalrpc", "ncacn_np"]
    refusal = r"does not answer: nobody at ncalrpc:\[epmapper\]; .* nobody at ncacn_ip_tcp:127.0.0.1\[135\]"
    with pytest.raises(ServerUnavailable, match=refusal):
        next(found)


@pytest.mark.parametrize("target", [r"\\far\calc", "//far/calc", "ncacn_ip_tcp:far"])
def test_a_service_of_another_machine_is_asked_of_its_endpoint_mapper(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(locate, "is_local", lambda host: False)
    monkeypatch.setattr(
        locate, "mapped_towers", lambda mapper, *_: [tower(str(int(mapper.endpoint) + 1), address="10.9.8.7")]
    )
    [found] = candidates(target, UNKNOWN, never, 1)
    assert found == (StringBinding("ncacn_ip_tcp", "far", "136"), "the endpoint mapper of far knows it")


def test_a_mapped_binding_keeps_its_object_and_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "is_local", lambda host: False)
    monkeypatch.setattr(locate, "mapped_towers", lambda *_: [tower("136")])
    [found] = candidates(f"{UUID(int=9)}@ncacn_ip_tcp:far[a=b]", UNKNOWN, never, 1)
    assert found.binding == StringBinding("ncacn_ip_tcp", "far", "136", UUID(int=9), {"a": "b"})


@pytest.mark.parametrize("target", ["", r"\calc", r"\\host", "host:x", "[calc]"])
def test_what_is_no_target_is_an_invalid_binding(target: str) -> None:
    with pytest.raises(InvalidBinding):
        list(candidates(target, UNKNOWN, never, 1))


# This machine


@pytest.mark.parametrize("host", ["", ".", "localhost", "127.0.0.1", "127.1.2.3"])
def test_loopback_is_this_machine(host: str) -> None:
    assert is_local(host)


def test_its_own_name_is_this_machine_in_any_case(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Mine")
    assert is_local("mINE")


def test_an_address_that_cannot_be_bound_is_another_machine() -> None:
    assert not is_local("192.0.2.1")


def test_an_unknown_host_is_not_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert not is_local("far")


@pytest.mark.parametrize("host", ["a..b", "x" * 70, ".a"])
def test_what_is_no_host_name_is_not_this_machine(host: str) -> None:
    assert not is_local(host)


# An endpoint mapper


class More:
    """What a lookup leaves at the mapper for who asks again."""


class Mapper(epmapper.ept):
    """Knows one interface at some ports."""

    def __init__(self) -> None:
        self.towers: list[bytes | None] = [ANSWER]
        self.status = EPT_S_NOT_REGISTERED
        self.more: More | None = None
        self.freed: list[object] = []
        self.asked: list[tuple[object, ...]] = []

    def ept_map(
        self, object: UUID | None, map_tower: epmapper.twr_t | None, entry_handle: Any, max_towers: int
    ) -> epmapper.ept_mapResult:
        assert map_tower is not None
        self.asked.append((object, map_tower.tower_octet_string, entry_handle, max_towers))
        if map_tower.tower_octet_string != TOWER:
            return epmapper.ept_mapResult(None, 0, [], self.status)
        towers = [one if one is None else epmapper.twr_t(tower_octet_string=one) for one in self.towers]
        return epmapper.ept_mapResult(self.more, len(towers), towers, 0)

    def ept_lookup_handle_free(self, entry_handle: Any) -> epmapper.ept_lookup_handle_freeResult:
        self.freed.append(entry_handle)
        return epmapper.ept_lookup_handle_freeResult(None, 0)

    def ept_insert(self, *_: Any, **__: Any) -> int:
        raise lrpc.AccessDenied

    def ept_delete(self, *_: Any, **__: Any) -> int:
        raise lrpc.AccessDenied

    def ept_lookup(self, *_: Any, **__: Any) -> epmapper.ept_lookupResult:
        raise lrpc.AccessDenied

    def ept_inq_object(self) -> epmapper.ept_inq_objectResult:
        raise lrpc.AccessDenied

    def ept_mgmt_delete(self, *_: Any, **__: Any) -> int:
        raise lrpc.AccessDenied

    def ept_map_auth(self, *_: Any, **__: Any) -> epmapper.ept_map_authResult:
        raise lrpc.AccessDenied


@pytest.fixture
def mapper() -> Mapper:
    return Mapper()


def ports(at: StringBinding, interface: Interface = UNKNOWN) -> list[str]:
    return [one.endpoint for one in mapped_towers(at, interface, "ncacn_ip_tcp", opener, WATCHDOG)]


@pytest.fixture
def mapped_at(mapper: Mapper) -> Iterator[StringBinding]:
    with lrpc.Server() as server:
        server.register(mapper)
        server.start()
        yield server.listen("ncacn_ip_tcp:[0]")


def test_an_endpoint_mapper_is_asked_for_ports(mapper: Mapper, mapped_at: StringBinding) -> None:
    assert ports(mapped_at) == [str(0xC001)]
    assert mapper.asked == [(None, TOWER, None, BATCH)]
    assert mapper.freed == []


def test_towers_that_are_null_or_without_port_are_passed_over(mapper: Mapper, mapped_at: StringBinding) -> None:
    mapper.towers = [None, TOWER, ANSWER, b"", ANSWER, ANSWER.replace(b"\xc0\x01", b"\0\x63")]
    assert ports(mapped_at) == [str(0xC001), "99"]


def test_what_is_left_at_the_mapper_is_freed(mapper: Mapper, mapped_at: StringBinding) -> None:
    mapper.more = More()
    assert ports(mapped_at) == [str(0xC001)]
    assert mapper.freed == [mapper.more]


@pytest.mark.parametrize("towers", [[], [None], [TOWER]])
def test_an_interface_without_ports_is_not_registered(
    mapper: Mapper, mapped_at: StringBinding, towers: list[bytes | None]
) -> None:
    mapper.towers = towers
    with pytest.raises(ServerUnavailable, match="Unknown is not registered for ncacn_ip_tcp"):
        ports(mapped_at)


def test_mapper_that_fails_is_as_good_as_none(mapper: Mapper, mapped_at: StringBinding) -> None:
    mapper.status = 0x16C9A0CD
    with pytest.raises(ServerUnavailable, match="failed with status 0x16c9a0cd"):
        ports(mapped_at, KNOWN)


def test_an_interface_that_the_mapper_does_not_know_is_unavailable(mapped_at: StringBinding) -> None:
    with pytest.raises(ServerUnavailable, match="Known is not registered for ncacn_ip_tcp"):
        ports(mapped_at, KNOWN)


def test_a_server_that_is_no_mapper_refuses_and_the_connection_ends(
    hosts: Callable[..., Any], until: Callable[..., None]
) -> None:
    host = hosts()
    host.server.register(host.greeting())
    with pytest.raises(BindRefused, match="ept"):
        ports(host.listen("ncacn_ip_tcp:[0]"))
    until(lambda: not host.server._sessions)


def test_a_service_that_is_only_registered_is_found_by_its_interface(
    mappers: Callable[..., Any], hosts: Callable[..., Any], calculator: Any, binding_for: Callable[[str], str]
) -> None:
    mappers()
    host = hosts("blocking")
    host.server.register(host.service)
    wanted = [str(host.listen(binding_for(one))) for one in ("ncalrpc", "ncacn_np", "ncacn_ip_tcp")]
    for target, binding in zip(("ncalrpc:", "ncacn_np:", "ncacn_ip_tcp:"), wanted, strict=True):
        with lrpc.connect(calculator.CalculatorClient, target) as client:
            assert client.Add(1, 2) == 3
            assert str(client.connection.binding) == binding
    with lrpc.connect(calculator.CalculatorClient, "no port of this name") as client:
        assert str(client.connection.binding) == wanted[2]
