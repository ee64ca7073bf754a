from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lrpc.transports.errors import (
    AccessDenied,
    DirectoryNotEmpty,
    LinkUnresolved,
    NameCollision,
    NameInvalid,
    NameNotFound,
    TypeMismatch,
)
from lrpc.transports.namespace import MAX_LINKS, Namespace
from tests.users import FOREIGN, OWN

# Directory objects


def test_a_directory_is_made_once_and_is_no_port(names: Namespace) -> None:
    names.create_directory("\\KnownDlls")
    with pytest.raises(NameCollision):
        names.create_directory("\\KNOWNDLLS")
    with pytest.raises(NameCollision):
        names.claim("\\KnownDlls")
    with pytest.raises(TypeMismatch):
        names.open("\\KnownDlls", OWN)
    with pytest.raises(NameNotFound):
        names.open("\\KnownDlls\\x", OWN)


def test_a_port_is_no_directory(names: Namespace) -> None:
    claim = names.claim("calc")
    with claim.listen(0o600, 1):
        for use in (names.create_directory, names.claim, lambda name: names.open(name, OWN), names.entries):
            with pytest.raises(TypeMismatch):
                use("\\RPC Control\\calc\\x")
        with pytest.raises(NameCollision):
            names.create_directory("calc")
    claim.close()


def test_directories_nest_and_names_may_be_long(names: Namespace) -> None:
    parts = ["Deep", "L" * 200, "ü" * 200]
    name = "\\" + "\\".join(parts)
    names.create_directory(name)
    claim = names.claim(f"{name}\\{'p' * 200}")
    with claim.listen(0o600, 1), names.connect(f"{name.upper()}\\{'P' * 200}", OWN, 5.0):
        claim.close()
    assert [entry.name for entry in names.entries("\\Deep")] == ["L" * 200]


def test_what_a_dead_holder_left_makes_room_for_a_directory(names: Namespace) -> None:
    claim = names.claim("calc")
    claim.listen(0o600, 1).close()
    with pytest.raises(NameCollision):
        names.create_directory("calc")  # its lock is held
    claim.abandon()
    names.create_directory("calc")
    assert [entry.type for entry in names.entries()] == ["Directory"]


def test_a_directory_goes_when_it_is_empty(names: Namespace) -> None:
    names.create_directory("\\a\\b")
    with pytest.raises(DirectoryNotEmpty):
        names.remove("\\a")
    names.remove("\\a\\b")
    names.remove("\\a")
    assert names.entries("\\") == []
    with pytest.raises(NameNotFound):
        names.remove("\\a")


def test_a_directory_goes_with_what_dead_holders_left_and_not_with_live_ones(names: Namespace) -> None:
    dead, live = names.claim("\\a\\dead"), names.claim("\\a\\live")
    dead.listen(0o600, 1).close()
    dead.abandon()
    with live.listen(0o600, 1), pytest.raises(DirectoryNotEmpty):
        names.remove("\\a")
    live.close()
    names.remove("\\a")
    assert names.entries("\\") == []


def test_of_many_that_make_a_directory_one_wins(names: Namespace, threads: ThreadPoolExecutor) -> None:
    def make(_: int) -> bool:
        try:
            names.create_directory("\\race\\one")
        except NameCollision:
            return False
        return True

    assert sum(threads.map(make, range(8))) == 1


def test_those_that_need_the_same_directories_all_have_them(names: Namespace, threads: ThreadPoolExecutor) -> None:
    claims = list(threads.map(lambda number: names.claim(f"\\a\\b\\c\\{number}"), range(8)))
    assert len(claims) == 8
    for claim in claims:
        claim.close()


def test_a_private_directory_is_closed_to_others(names: Namespace, own_namespace: Path) -> None:
    names.create_directory("\\mine", private=True)
    names.create_directory("\\ours")
    assert stat.S_IMODE((own_namespace / "mine").stat().st_mode) == 0o700
    mine, ours = names.entries("\\")
    assert "WD" not in mine.security
    assert "(A;;0x3;;;WD)" in ours.security


def test_a_directory_of_ours_in_another_root_is_where_we_make_names(tmp_path: Path) -> None:
    system, own = tmp_path / "system", tmp_path / "own"
    system.mkdir(mode=0o755)
    Namespace("\\", (str(system),)).create_directory("\\Sessions\\7\\BaseNamedObjects")
    both = Namespace("\\RPC Control", (str(own), str(system)))
    claim = both.claim("\\Sessions\\7\\BaseNamedObjects\\event")
    assert (system / "sessions" / "7" / "basenamedobjects" / "event.lock").exists()
    claim.close()
    both.claim("calc").close()
    assert not (system / "rpc%20control").exists()


def test_a_directory_given_away_is_entered_only_where_its_owner_is_trusted(root: None, names: Namespace) -> None:
    names.create_directory("\\theirs")
    names.give("\\theirs", FOREIGN)
    with pytest.raises(AccessDenied):
        names.claim("\\theirs\\x")
    with pytest.raises(AccessDenied):
        names.open("\\theirs\\x", OWN)
    for owners in (frozenset({FOREIGN}), None):
        with pytest.raises(NameNotFound):
            names.open("\\theirs\\x", owners)


# Symbolic-link objects


def test_a_link_leads_to_a_port_and_to_a_directory(names: Namespace) -> None:
    names.create_link("\\Alias", "\\rpc control\\CALC")
    names.create_link("\\Ports", "\\RPC Control")
    claim = names.claim("\\Ports\\calc")
    with claim.listen(0o600, 8):
        for name in ("\\alias", "\\Ports\\calc", "calc"):
            names.connect(name, OWN, 5.0).close()
        assert names.list("\\ports") == ["calc"]
    claim.close()
    with pytest.raises(NameNotFound):
        names.open("\\alias", OWN)


def test_a_link_may_lead_from_one_root_to_another(tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).mkdir(mode=0o700)
    one, two = (Namespace("\\d", (str(tmp_path / part),)) for part in ("one", "two"))
    one.create_link("\\d\\near", "\\d\\far")
    claim = two.claim("far")
    with claim.listen(0o600, 1):
        os.close(Namespace("\\d", (str(tmp_path / "one"), str(tmp_path / "two"))).open("near", OWN))
    claim.close()


def test_links_are_not_followed_for_ever(names: Namespace, open_descriptors: Callable[[], int]) -> None:
    names.create_link("\\a", "\\b")
    names.create_link("\\b", "\\a")
    names.create_link("\\longer", "\\longer\\x")
    before = open_descriptors()
    for use in (lambda name: names.open(name, OWN), names.entries, lambda name: names.claim(f"{name}\\x")):
        for name in ("\\a", "\\longer"):
            with pytest.raises(LinkUnresolved):
                use(name)
    assert open_descriptors() == before


def test_a_chain_of_as_many_links_as_nt_allows_is_followed(names: Namespace) -> None:
    for number in range(MAX_LINKS):
        names.create_link(f"\\l{number}", f"\\l{number + 1}")
    claim = names.claim(f"\\l{MAX_LINKS}")
    with claim.listen(0o600, 1):
        os.close(names.open("\\l0", OWN))
        names.create_link("\\before", "\\l0")
        with pytest.raises(LinkUnresolved):
            names.open("\\before", OWN)
    claim.close()


def test_a_link_is_made_once_and_goes_when_it_is_removed(names: Namespace, own_namespace: Path) -> None:
    names.create_link("\\a", "\\b")
    for make in (names.claim, names.create_directory, lambda name: names.create_link(name, "\\c")):
        with pytest.raises(NameCollision):
            make("\\A")
    names.remove("\\a")
    assert list(own_namespace.iterdir()) == []


@pytest.mark.parametrize("target", ["", "x\\", "\\..\\..\\etc", "\\" + "x" * 256])
def test_a_link_leads_to_an_object_name_only(names: Namespace, target: str) -> None:
    with pytest.raises(NameInvalid):
        names.create_link("\\a", target)


@pytest.mark.parametrize(
    "text", ["/etc/passwd", "../../etc", "x=%5c..%5c..%5cetc", "x=/etc", "=", "x=%00", "x=%5c" + "y" * 300]
)
def test_a_link_that_somebody_else_wrote_leads_nowhere(names: Namespace, own_namespace: Path, text: str) -> None:
    (own_namespace / "bad.link").symlink_to(text)
    for use in (lambda name: names.open(name, OWN), names.entries, lambda name: names.claim(f"{name}\\x").close()):
        with contextlib.suppress(NameInvalid, NameNotFound, TypeMismatch):
            use("\\bad")
    assert {path.name for path in own_namespace.iterdir()} <= {"bad.link", "bad", "bad.name"}
