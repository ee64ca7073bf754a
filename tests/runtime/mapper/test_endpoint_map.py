"""The endpoint map: what goes in, comes out, and is found."""

from __future__ import annotations

from uuid import UUID

import pytest

from lrpc.runtime.mapper.endpoint_map import NIL, EndpointMap, Entry, MapFull, MapLimits, New, Versions
from lrpc.runtime.mapper.towers import NDR, NDR64, Syntax, Tower, build

ADDER = Syntax(UUID(int=1), 1, 3)
OTHER = Syntax(UUID(int=2), 1, 0)
OBJECT = UUID(int=77)


def new(port: str, interface: Syntax = ADDER, object: UUID = NIL, annotation: str = "", protocol: str = "") -> New:
    tower = Tower(interface, NDR, protocol or "ncacn_ip_tcp", port, "")
    return New(object, tower, build(tower), annotation)


def ports(entries: EndpointMap | list[Entry]) -> list[str]:
    return [entry.new.tower.endpoint for entry in entries]


def anything(_: Entry) -> bool:
    return True


@pytest.fixture
def found() -> EndpointMap:
    return EndpointMap(MapLimits(max_entries=6, max_owned=4, max_annotation=5))


# Changes


def test_entries_stay_in_the_order_in_which_they_came(found: EndpointMap) -> None:
    found.insert([new("1"), new("2")], "one", 1000)
    found.insert([new("3")], "other")
    assert ports(found) == ["1", "2", "3"]
    assert [(entry.owner, entry.uid) for entry in found] == [("one", 1000), ("one", 1000), ("other", None)]


def test_same_object_and_tower_are_one_entry_of_who_said_it_last(found: EndpointMap) -> None:
    found.insert([new("1"), new("2"), new("1")], "one")
    found.insert([new("1", annotation="new")], "other")
    assert ports(found) == ["2", "1"]
    assert found.forget("one") == 1
    assert [entry.new.annotation for entry in found] == ["new"]


def test_same_tower_for_another_object_is_another_entry(found: EndpointMap) -> None:
    found.insert([new("1"), new("1", object=OBJECT)], "one")
    assert len(found) == 2


def test_annotations_are_cut(found: EndpointMap) -> None:
    found.insert([new("1", annotation="123456")], "one")
    assert [entry.new.annotation for entry in found] == ["12345"]


def test_replacing_takes_the_place_of_other_ports_of_the_same_interface_and_object(found: EndpointMap) -> None:
    others = [new("2", OTHER), new("3", object=OBJECT), new("p", protocol="ncalrpc")]
    found.insert([new("1"), *others], "one")
    found.insert([new("9")], "other", replace=True)
    assert ports(found) == ["2", "3", "p", "9"]


def test_inserting_without_replacing_leaves_the_others(found: EndpointMap) -> None:
    found.insert([new("1")], "one")
    found.insert([new("9")], "one")
    assert ports(found) == ["1", "9"]


def test_assigning_lets_an_owner_have_just_these(found: EndpointMap) -> None:
    found.assign([new("1"), new("2")], "one")
    found.insert([new("3")], "other")
    found.assign([new("2"), new("4")], "one")
    assert ports(found) == ["2", "3", "4"]
    found.assign([], "one")
    assert ports(found) == ["3"]


def test_assigning_the_same_again_changes_no_serial_number(found: EndpointMap) -> None:
    found.assign([new("1"), new("2")], "one")
    before = list(found)
    found.assign([new("1"), new("2")], "one")
    assert list(found) == before


def test_assigning_takes_another_annotation(found: EndpointMap) -> None:
    found.assign([new("1")], "one")
    found.assign([new("1", annotation="later")], "one")
    assert [entry.new.annotation for entry in found] == ["later"]


def test_deleting_says_whether_there_was_one(found: EndpointMap) -> None:
    found.insert([new("1"), new("2")], "one")
    assert found.delete(NIL, new("1").octets)
    assert not found.delete(NIL, new("1").octets)
    assert not found.delete(OBJECT, new("2").octets)
    assert ports(found) == ["2"]


def test_forgetting_an_owner_leaves_nothing_of_it(found: EndpointMap) -> None:
    found.insert([new("1"), new("2")], "one")
    found.insert([new("3")], "other")
    assert (found.forget("one"), found.forget("one"), found.forget("nobody")) == (2, 0, 0)
    assert ports(found) == ["3"]
    found.forget("other")
    assert vars(found)["_same"] == vars(found)["_of"] == vars(found)["_about"] == {}


def test_deleting_all_that_is_wanted(found: EndpointMap) -> None:
    found.insert([new("1"), new("2", OTHER), new("3")], "one")
    assert found.delete_all(lambda entry: entry.new.tower.interface == ADDER) == 2
    assert ports(found) == ["2"]


# Limits


def test_an_owner_has_so_many_entries_and_no_more(found: EndpointMap) -> None:
    found.insert([new(str(port)) for port in (1, 2, 3)], "one")
    with pytest.raises(MapFull, match="5 entries of this server and 5 in all"):
        found.insert([new("4"), new("5")], "one")
    assert ports(found) == ["1", "2", "3"]
    found.insert([new("3"), new("4")], "one")
    with pytest.raises(MapFull):
        found.assign([new(str(port)) for port in range(1, 6)], "one")
    found.assign([new(str(port)) for port in range(5, 9)], "one")
    assert ports(found) == ["5", "6", "7", "8"]


def test_all_owners_together_have_so_many_and_no_more(found: EndpointMap) -> None:
    found.insert([new(str(port)) for port in range(1, 5)], "one")
    found.insert([new("5"), new("6")], "other")
    with pytest.raises(MapFull, match="1 entries of this server and 7 in all"):
        found.insert([new("7")], "third")
    with pytest.raises(MapFull):
        found.assign([new("7")], "third")
    found.insert([new("6")], "third")
    assert len(found) == 6


def test_the_default_limits_hold_a_busy_machine() -> None:
    limits = MapLimits()
    assert limits.max_owned < limits.max_entries


# Searches


def test_lookup_goes_on_behind_the_last_one(found: EndpointMap) -> None:
    found.insert([new(str(port)) for port in (1, 2, 3)], "one")
    first = found.lookup(anything, 0, 2)
    assert ports(first) == ["1", "2"]
    assert ports(found.lookup(anything, first[-1].serial, 2)) == ["3"]
    assert found.lookup(anything, 3, 2) == []


def test_lookup_survives_what_comes_and_goes(found: EndpointMap) -> None:
    found.insert([new(str(port)) for port in (1, 2, 3)], "one")
    last = found.lookup(anything, 0, 1)[-1].serial
    found.delete(NIL, new("1").octets)
    found.delete(NIL, new("2").octets)
    found.insert([new("4")], "one")
    assert ports(found.lookup(anything, last, 5)) == ["3", "4"]


def test_lookup_gives_what_is_wanted_only(found: EndpointMap) -> None:
    found.insert([new("1"), new("2", OTHER), new("3")], "one")
    assert ports(found.lookup(lambda entry: entry.new.tower.interface == ADDER, 0, 9)) == ["1", "3"]


def matched(found: EndpointMap, tower: Tower, object: UUID = NIL, count: int = 9) -> list[str]:
    return [entry.new.tower.endpoint for _, entry in found.match(tower, object, anything, (0, 0), count)]


def test_match_is_by_interface_and_protocol_whatever_the_endpoint(found: EndpointMap) -> None:
    found.insert([new("1"), new("2", OTHER), new("p", protocol="ncalrpc"), new("3")], "one")
    assert matched(found, Tower(ADDER, NDR, "ncacn_ip_tcp", "135")) == ["1", "3"]
    assert matched(found, Tower(ADDER, NDR, "ncalrpc")) == ["p"]
    assert matched(found, Tower(ADDER, NDR, "ncacn_np")) == []
    assert matched(found, Tower(ADDER, NDR64, "ncacn_ip_tcp")) == []
    assert matched(found, Tower(Syntax(UUID(int=9), 1, 0), NDR, "ncacn_ip_tcp")) == []


def test_floors_of_no_known_protocol_match_nothing(found: EndpointMap) -> None:
    found.insert([New(NIL, Tower(ADDER, NDR, ""), b"x", "")], "one")
    assert matched(found, Tower(ADDER, NDR, "")) == []


@pytest.mark.parametrize(("version", "fits"), [((1, 0), True), ((1, 3), True), ((1, 4), False), ((2, 0), False)])
def test_match_takes_versions_that_a_bind_would(found: EndpointMap, version: tuple[int, int], fits: bool) -> None:
    found.insert([new("1")], "one")
    assert bool(matched(found, Tower(Syntax(ADDER.uuid, *version), NDR, "ncacn_ip_tcp"))) is fits


def test_servers_of_the_object_come_first_and_those_of_none_serve_any(found: EndpointMap) -> None:
    found.insert([new("1"), new("2", object=OBJECT), new("3", object=UUID(int=78))], "one")
    wanted = Tower(ADDER, NDR, "ncacn_ip_tcp")
    assert matched(found, wanted, OBJECT) == ["2", "1"]
    assert matched(found, wanted) == ["1"]


def test_match_goes_on_behind_its_last_place(found: EndpointMap) -> None:
    found.insert([new("1"), new("2", object=OBJECT), new("3")], "one")
    wanted, seen, place = Tower(ADDER, NDR, "ncacn_ip_tcp"), [], (0, 0)
    while batch := found.match(wanted, OBJECT, anything, place, 1):
        place = batch[-1][0]
        seen += [entry.new.tower.endpoint for _, entry in batch]
    assert seen == ["2", "1", "3"]


@pytest.mark.parametrize(
    ("versions", "taken"),
    [
        (Versions.ALL, ["0.9", "1.0", "1.2", "1.3", "2.0"]),
        (Versions.COMPATIBLE, ["1.2", "1.3"]),
        (Versions.EXACT, ["1.2"]),
        (Versions.MAJOR_ONLY, ["1.0", "1.2", "1.3"]),
        (Versions.UPTO, ["0.9", "1.0", "1.2"]),
    ],
)
def test_versions_take_what_their_names_say(versions: Versions, taken: list[str]) -> None:
    wanted = Syntax(ADDER.uuid, 1, 2)
    found = [Syntax(ADDER.uuid, *map(int, text.split("."))) for text in ("0.9", "1.0", "1.2", "1.3", "2.0")]
    assert [f"{one.major}.{one.minor}" for one in found if versions.take(one, wanted)] == taken
