from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lrpc.transports import namespace
from lrpc.transports.errors import AccessDenied, NameInvalid, NameNotFound, ServerSidMismatch, TypeMismatch
from lrpc.transports.namespace import Namespace, file_key, roots
from tests.users import FOREIGN, OWN


@pytest.mark.parametrize("name", ["", "\\", "\\\\x", "a\\", "..", "a\\..\\b", "\\..\\..\\etc", "nul\0", "x" * 256])
def test_what_is_no_name_is_refused(name: str, names: Namespace) -> None:
    for use in (
        names.claim,
        names.full_name,
        names.create_directory,
        names.remove,
        lambda name: names.open(name, OWN),
        lambda name: names.create_link(name, "\\x"),
    ):
        with pytest.raises(NameInvalid):
            use(name)


# Roots


def test_the_environment_names_the_only_root() -> None:
    assert roots({"LRPC_NAMESPACE": "/x", "XDG_RUNTIME_DIR": "/tmp"}, 0) == ("/x",)


def test_root_uses_the_system_root() -> None:
    assert roots({"XDG_RUNTIME_DIR": "/tmp"}, 0) == ("/run/lrpc",)


def test_a_user_has_a_root_of_its_own_and_looks_in_the_systems(tmp_path: Path) -> None:
    runtime = str(tmp_path)
    assert roots({"XDG_RUNTIME_DIR": runtime}, 987654) == (f"{runtime}/lrpc", "/run/lrpc")
    assert roots({}, 987654) == ("/tmp/lrpc-987654", "/run/lrpc")


def test_a_root_is_made_private(tmp_path: Path) -> None:
    root = tmp_path / "made"
    previous = os.umask(0)
    try:
        Namespace("\\x", (str(root),)).claim("name").close()
    finally:
        os.umask(previous)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_a_strict_umask_does_not_lock_others_out_of_subdirectories(tmp_path: Path) -> None:
    previous = os.umask(0o077)
    try:
        Namespace("\\sub", (str(tmp_path),)).claim("name").close()
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "sub").stat().st_mode) == 0o755


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused(names: Namespace, own_namespace: Path, mode: int) -> None:
    own_namespace.chmod(mode)
    for use in (names.claim, lambda name: names.open(name, OWN)):
        with pytest.raises(AccessDenied):
            use("calc")


def test_a_directory_of_somebody_else_is_refused(
    names: Namespace, own_namespace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.claim("calc").close()
    real = os.fstat

    def of_another_user(descriptor: int) -> os.stat_result:
        found = list(real(descriptor))
        found[stat.ST_UID] = FOREIGN
        return os.stat_result(found)

    monkeypatch.setattr(namespace.os, "fstat", of_another_user)
    with pytest.raises(AccessDenied):
        names.open("calc", OWN)


def test_a_directory_behind_a_symbolic_link_is_refused(names: Namespace, own_namespace: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (own_namespace / file_key("RPC Control")).symlink_to(elsewhere)
    with pytest.raises(AccessDenied):
        names.claim("calc")
    assert list(elsewhere.iterdir()) == []


def test_a_root_that_is_a_symbolic_link_is_refused(own_namespace: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(own_namespace)
    with pytest.raises(AccessDenied):
        Namespace("\\x", (str(link),)).claim("calc")


def test_a_root_without_a_parent_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NameNotFound):
        Namespace("\\x", (str(tmp_path / "a" / "b"),)).claim("calc")


# Looking up


def test_lookup_does_not_mind_case(names: Namespace) -> None:
    claim = names.claim("CALC")
    with claim.listen(0o600, 1), names.connect("\\rpc control\\calc", OWN, 5.0):
        claim.close()


def test_the_first_root_that_has_the_name_wins(tmp_path: Path) -> None:
    for part in ("one", "two"):
        (tmp_path / part).mkdir(mode=0o700)
    one, two = (Namespace("\\d", (str(tmp_path / part),)) for part in ("one", "two"))
    both = Namespace("\\d", (str(tmp_path / "one"), str(tmp_path / "two")))
    claim = two.claim("calc")
    with claim.listen(0o600, 1):
        os.close(both.open("calc", OWN))
        assert both.list() == ["calc"]
        assert one.list() == []
    claim.close()


def test_a_name_nobody_holds_is_not_found(names: Namespace) -> None:
    with pytest.raises(NameNotFound):
        names.connect("calc", OWN, 5.0)
    names.claim("other").close()
    with pytest.raises(NameNotFound):
        names.connect("calc", OWN, 5.0)


def test_a_dead_holders_socket_is_not_found(names: Namespace, own_namespace: Path) -> None:
    claim = names.claim("calc")
    claim.listen(0o600, 1).close()
    with pytest.raises(NameNotFound):
        names.connect("calc", OWN, 5.0)
    claim.close()


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_is_no_socket_is_a_type_mismatch(names: Namespace, own_namespace: Path, make: str) -> None:
    names.claim("calc").close()
    getattr(own_namespace / file_key("RPC Control") / "calc.socket", make)()
    with pytest.raises(TypeMismatch):
        names.open("calc", OWN)


def test_a_symbolic_link_is_not_followed(names: Namespace, own_namespace: Path) -> None:
    claim = names.claim("real")
    with claim.listen(0o600, 1):
        (own_namespace / file_key("RPC Control") / "calc.socket").symlink_to("real.socket")
        with pytest.raises(TypeMismatch):
            names.open("calc", OWN)
    claim.close()


def test_a_socket_of_an_unexpected_user_is_refused(names: Namespace, open_descriptors: Callable[[], int]) -> None:
    claim = names.claim("calc")
    with claim.listen(0o600, 1):
        before = open_descriptors()
        with pytest.raises(ServerSidMismatch):
            names.connect("calc", frozenset({FOREIGN}), 5.0)
        os.close(names.open("calc", None))
        assert open_descriptors() == before
    claim.close()


def test_a_socket_of_another_kind_is_a_type_mismatch(names: Namespace, own_namespace: Path) -> None:
    names.claim("calc").close()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
        stream.bind(str(own_namespace / file_key("RPC Control") / "calc.socket"))
        stream.listen()
        with pytest.raises(TypeMismatch):
            names.connect("calc", OWN, 5.0)


@pytest.mark.parametrize(("wanted", "fits"), [("ALPC Port", True), ("NamedPipe", False), ("", True)])
def test_an_object_of_another_type_is_a_type_mismatch(
    names: Namespace, open_descriptors: Callable[[], int], wanted: str, fits: bool
) -> None:
    claim = names.claim("calc", "ALPC Port")
    with claim.listen(0o600, 1):
        before = open_descriptors()
        if fits:
            os.close(names.open("calc", OWN, wanted))
        else:
            with pytest.raises(TypeMismatch):
                names.connect("calc", OWN, 5.0, wanted)
        assert open_descriptors() == before
    claim.close()


def test_who_says_nothing_of_its_object_is_taken_for_what_is_wanted(names: Namespace, own_namespace: Path) -> None:
    claim = names.claim("calc")
    with claim.listen(0o600, 1):
        os.close(names.open("calc", OWN, "ALPC Port"))
        (own_namespace / file_key("RPC Control") / "calc.lock").unlink()
        os.close(names.open("calc", OWN, "ALPC Port"))
    claim.close()


# Listing


def test_a_list_shows_live_names_as_they_were_written(names: Namespace, own_namespace: Path) -> None:
    held = [names.claim(name) for name in ("Calc", "LRPC-0123", "long" * 50, "dots.and spaces", "Ünïcode")]
    sockets = [claim.listen(0o600, 1) for claim in held]
    dead = names.claim("dead")
    dead.listen(0o600, 1).close()
    (own_namespace / file_key("RPC Control") / "noise.socket").touch()
    assert names.list() == sorted(["Calc", "LRPC-0123", "long" * 50, "dots.and spaces", "Ünïcode"])
    for one in (*sockets, *held, dead):
        one.close()
    assert names.list() == []


def test_a_directory_that_nobody_made_lists_nothing(names: Namespace) -> None:
    assert names.list("\\Sessions\\1\\Windows") == []


def test_nothing_is_left_open(names: Namespace, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    claim = names.claim("\\a\\b\\c")
    claim.listen(0o600, 1).close()
    claim.close()
    names.list("\\a\\b")
    with pytest.raises(NameNotFound):
        names.open("\\a\\x\\c", OWN)
    assert open_descriptors() == before
