from __future__ import annotations

import os
from pathlib import Path

import pytest

from lrpc.transports.errors import AccessDenied, DirectoryNotEmpty, NameCollision, NameInvalid, NameNotFound
from lrpc.transports.namespace import Namespace
from lrpc.transports.sessions import create_session, remove_session, session_directory
from tests.users import AsUser


@pytest.fixture
def names(own_namespace: Path) -> Namespace:
    return Namespace("\\BaseNamedObjects", (str(own_namespace),))


def test_session_zero_is_the_systems_and_has_the_root() -> None:
    assert session_directory(0) == ""
    assert session_directory(3) == "\\Sessions\\3"
    with pytest.raises(NameInvalid):
        session_directory(-1)


def test_a_session_has_its_own_directories_and_links(names: Namespace) -> None:
    assert create_session(names, 1) == "\\Sessions\\1"
    assert [entry.name for entry in names.entries("\\Sessions\\1")] == ["BaseNamedObjects", "Windows"]
    for link, expected in (("Global", "\\BaseNamedObjects\\x"), ("Local", "\\Sessions\\1\\BaseNamedObjects\\x")):
        claim = names.claim(f"\\Sessions\\1\\BaseNamedObjects\\{link}\\x")
        with claim.listen(0o600, 1):
            os.close(names.open(expected, None))
        claim.close()


def test_a_session_is_made_once_and_goes_when_nobody_is_in_it(names: Namespace) -> None:
    create_session(names, 0)
    create_session(names, 0)
    create_session(names, 1)
    with pytest.raises(NameCollision):
        create_session(names, 1)
    claim = names.claim("\\Sessions\\1\\Windows\\ApiPort")
    with claim.listen(0o600, 1), pytest.raises(DirectoryNotEmpty):
        remove_session(names, 1)
    claim.close()
    remove_session(names, 1)
    with pytest.raises(NameNotFound):
        names.entries("\\Sessions\\1")
    with pytest.raises(NameInvalid):
        remove_session(names, 0)


def test_only_the_user_of_a_session_makes_objects_in_it(public_names: Path, as_other: AsUser) -> None:
    names = Namespace("\\", (str(public_names),))
    create_session(names, 1, 1000)
    inside, beside = "\\Sessions\\1\\BaseNamedObjects\\x", "\\Sessions\\1\\Windows\\x"

    def make() -> None:
        names.claim(inside).listen(0o600, 1).close()
        names.create_link("\\Sessions\\1\\BaseNamedObjects\\mine", "\\x")

    as_other(1000, make)
    for uid, name in ((1000, beside), (1001, inside), (0, inside)):
        with pytest.raises(AccessDenied):
            as_other(uid, lambda name=name: names.claim(name).close())
    seen = as_other(1001, lambda: [entry.name for entry in names.entries("\\Sessions\\1")])
    assert seen == ["BaseNamedObjects", "Windows"]
    remove_session(names, 1)
    assert names.entries("\\Sessions") == []


def test_the_users_objects_are_the_users(names: Namespace, own_namespace: Path) -> None:
    owner = 12345 if os.geteuid() == 0 else os.geteuid()
    create_session(names, 1, owner)
    session = own_namespace / "sessions" / "1"
    assert (session / "basenamedobjects").stat().st_uid == owner
    assert (session / "windows").stat().st_uid == os.geteuid()
