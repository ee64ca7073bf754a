"""What clients ask endpoint mappers, ours and hostile ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime.binding import StringBinding
from lrpc.runtime.interfaces import epmapper
from lrpc.runtime.mapper import lookup
from lrpc.runtime.mapper.endpoint_map import NIL, Versions
from lrpc.runtime.mapper.lookup import address, ept_lookup, ept_map, ept_map_auth
from lrpc.runtime.mapper.towers import NDR, Syntax, Tower, build

ADDER = Syntax(UUID(int=1), 1, 3)
OTHER = Syntax(UUID(int=2), 1, 0)
OBJECT = UUID(int=77)


def entry(endpoint: str, interface: Syntax = ADDER, object: UUID = NIL, protocol: str = "ncacn_ip_tcp") -> Any:
    octets = build(Tower(interface, NDR, protocol, endpoint))
    return epmapper.ept_entry_t(object, epmapper.twr_t(tower_octet_string=octets), f"at {endpoint}")


@pytest.fixture
def filled(mapper: Any) -> Any:
    """A mapper that knows some servers."""
    with lrpc.connect(epmapper.eptClient, "ncalrpc:[epmapper]") as client:
        client.ept_insert(
            [entry("1"), entry("2", OTHER), entry("3", object=OBJECT), entry("port", protocol="ncalrpc")], 0
        )
    return mapper


def endpoints(found: Any) -> list[str]:
    return [getattr(one, "tower", one).endpoint for one in found]


@pytest.fixture(params=["this machine", "a binding"])
def asked(filled: Any, request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "this machine" else str(filled.tcp)


def test_lookup_gives_everything(asked: str | None) -> None:
    found = ept_lookup(asked)
    assert endpoints(found) == ["1", "2", "3", "port"]
    assert [one.annotation for one in found] == ["at 1", "at 2", "at 3", "at port"]
    assert [one.object for one in found] == [None, None, OBJECT, None]
    assert found[3].binding == StringBinding("ncalrpc", "", "port")
    assert found[1].interface == OTHER


def test_lookup_goes_on_until_the_end(asked: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for batch in (1, 2, 3, 4, 5):
        monkeypatch.setattr(lookup, "BATCH", batch)
        assert endpoints(ept_lookup(asked)) == ["1", "2", "3", "port"]


def test_lookup_is_for_an_interface_an_object_or_both(asked: str | None) -> None:
    assert endpoints(ept_lookup(asked, interface=ADDER)) == ["1", "3", "port"]
    assert endpoints(ept_lookup(asked, object=OBJECT)) == ["3"]
    assert endpoints(ept_lookup(asked, interface=OTHER, object=OBJECT)) == []
    later = ADDER._replace(minor=4)
    assert endpoints(ept_lookup(asked, interface=later, versions=Versions.COMPATIBLE)) == []
    assert endpoints(ept_lookup(asked, interface=later, versions=Versions.UPTO)) == ["1", "3", "port"]


def test_map_gives_the_places_of_an_interface(asked: str | None) -> None:
    assert endpoints(ept_map(ADDER, mapper=asked)) == ["1"]
    assert endpoints(ept_map(ADDER, mapper=asked, object=OBJECT)) == ["3", "1"]
    assert endpoints(ept_map(ADDER, "ncalrpc", asked)) == ["port"]
    assert ept_map(OTHER, "ncalrpc", asked) == []


def test_map_takes_the_interface_of_a_stub(asked: str | None) -> None:
    assert ept_map(epmapper.ept.interface, mapper=asked) == []


def test_map_auth_gives_servers_of_a_user(asked: str | None) -> None:
    assert endpoints(ept_map_auth(ADDER, f"S-1-22-1-{os.geteuid()}", mapper=asked)) == ["1"]
    assert ept_map_auth(ADDER, "s-1-5-18", mapper=asked) == []


@pytest.mark.parametrize("sid", ["", "S-1", "X-1-2", "S-1-2-x", "S-256-1", "S-1-281474976710656", "S-1-5-4294967296"])
def test_what_is_no_sid_is_refused_before_anything_is_sent(filled: Any, sid: str) -> None:
    with pytest.raises(lrpc.ArgumentError, match="is no SID"):
        ept_map_auth(ADDER, sid)


def test_protocol_without_towers_cannot_be_asked_for(filled: Any) -> None:
    with pytest.raises(ValueError, match="memory has no tower here"):
        ept_map(ADDER, "memory")


# Who is asked


@pytest.mark.parametrize(
    ("text", "binding"),
    [
        ("host", "ncacn_ip_tcp:host[135]"),
        ("192.0.2.1", "ncacn_ip_tcp:192.0.2.1[135]"),
        ("ncacn_ip_tcp:host[1135]", "ncacn_ip_tcp:host[1135]"),
        ("ncalrpc:[epmapper]", "ncalrpc:[epmapper]"),
        ("ncacn_ip_tcp:host", "ncacn_ip_tcp:host"),
    ],
)
def test_mapper_is_a_host_or_a_binding(text: str, binding: str) -> None:
    assert str(address(text)) == binding


@pytest.mark.parametrize("text", ["", "a b", "[135]", "host[135]", "x@host"])
def test_what_is_neither_is_an_invalid_binding(text: str) -> None:
    with pytest.raises(lrpc.InvalidBinding):
        address(text)


def test_machine_without_a_mapper_at_its_port_is_asked_by_tcp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "PORT", "1")
    with pytest.raises(lrpc.ServerUnavailable, match=r"127\.0\.0\.1\[1\]"):
        ept_lookup()


# Mappers that are not what they should be


class Hostile(epmapper.ept):
    """Answers as it is told."""

    def __init__(self) -> None:
        self.entries: list[Any] = []
        self.status = 0
        self.endless = False

    def ept_lookup(
        self, inquiry_type: int, object: Any, interface_id: Any, vers_option: int, entry_handle: Any, max_ents: int
    ) -> epmapper.ept_lookupResult:
        handle = (entry_handle or Search()) if self.endless else None
        return epmapper.ept_lookupResult(handle, len(self.entries), self.entries, self.status)

    def ept_map(self, object: Any, map_tower: Any, entry_handle: Any, max_towers: int) -> epmapper.ept_mapResult:
        towers = [one.tower for one in self.entries]
        return epmapper.ept_mapResult(None, len(towers), towers, self.status)

    def ept_lookup_handle_free(self, entry_handle: Any) -> epmapper.ept_lookup_handle_freeResult:
        return epmapper.ept_lookup_handle_freeResult(None, 0)

    def ept_insert(self, *_: Any, **__: Any) -> int:
        raise lrpc.AccessDenied

    def ept_delete(self, *_: Any, **__: Any) -> int:
        raise lrpc.AccessDenied

    def ept_inq_object(self) -> epmapper.ept_inq_objectResult:
        raise lrpc.AccessDenied

    def ept_mgmt_delete(self, *_: Any, **__: Any) -> int:
        raise lrpc.AccessDenied

    def ept_map_auth(self, *_: Any, **__: Any) -> epmapper.ept_map_authResult:
        raise lrpc.AccessDenied


class Search:
    """What a lookup handle stands for."""


@pytest.fixture
def hostile() -> Hostile:
    return Hostile()


@pytest.fixture
def at(hostile: Hostile) -> Iterator[str]:
    with lrpc.Server() as server:
        server.register(hostile)
        server.start()
        yield str(server.listen("ncacn_ip_tcp:[0]"))


def test_lookup_without_an_end_ends(hostile: Hostile, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MAX_FOUND", 250)
    hostile.entries, hostile.endless = [entry("1")] * 100, True
    assert len(ept_lookup(at)) == 300


def test_lookup_that_goes_on_with_nothing_ends(hostile: Hostile, at: str) -> None:
    hostile.endless = True
    assert ept_lookup(at) == []


def test_towers_that_are_none_are_passed_over(hostile: Hostile, at: str) -> None:
    bad = [None, epmapper.twr_t(tower_octet_string=b""), epmapper.twr_t(tower_octet_string=b"\xff" * 80)]
    hostile.entries = [*(epmapper.ept_entry_t(NIL, one, "") for one in bad), entry("1")]
    assert endpoints(ept_lookup(at)) == ["1"]
    assert endpoints(ept_map(ADDER, mapper=at)) == ["1"]


def test_map_gives_no_other_protocol_and_no_place_without_endpoint(hostile: Hostile, at: str) -> None:
    hostile.entries = [entry(""), entry("port", protocol="ncalrpc"), entry("1")]
    assert endpoints(ept_map(ADDER, mapper=at)) == ["1"]


@pytest.mark.parametrize("ask", [ept_lookup, lambda at: ept_map(ADDER, mapper=at)])
def test_mapper_that_fails_says_so(hostile: Hostile, at: str, ask: Callable[[str], Any]) -> None:
    hostile.status = 0x16C9A0CD
    with pytest.raises(lrpc.Fault, match="the endpoint mapper failed with status 0x16c9a0cd"):
        ask(at)


def test_status_of_not_registered_with_the_last_entries_is_no_failure(hostile: Hostile, at: str) -> None:
    hostile.entries, hostile.status = [entry("1")], lookup.EPT_S_NOT_REGISTERED  # as Samba's file server does
    assert endpoints(ept_lookup(at)) == ["1"]
