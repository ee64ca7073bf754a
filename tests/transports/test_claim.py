from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lrpc.transports import claim as claim_module
from lrpc.transports.claim import Claim
from lrpc.transports.errors import AccessDenied, NameCollision, NameInvalid, TransportError, TypeMismatch
from lrpc.transports.namespace import Namespace

OWN = frozenset({os.geteuid()})
WATCHDOG = 20.0


@pytest.fixture
def names(own_namespace: Path) -> Namespace:
    return Namespace("\\d", (str(own_namespace),))


@pytest.fixture
def directory(own_namespace: Path) -> Path:
    directory = own_namespace / "d"
    directory.mkdir(mode=0o755)
    return directory


def test_a_held_name_collides_in_any_case(names: Namespace) -> None:
    claim = names.claim("calc")
    with pytest.raises(NameCollision):
        names.claim("CALC")
    claim.close()
    names.claim("CALC").close()


def test_closing_leaves_nothing_behind(names: Namespace, directory: Path) -> None:
    claim = names.claim("calc")
    claim.listen(0o600, 1).close()
    assert sorted(os.listdir(directory)) == ["calc.lock", "calc.socket"]
    claim.close()
    claim.close()
    assert os.listdir(directory) == []


def test_a_name_whose_holder_was_killed_is_taken_over(
    names: Namespace, own_namespace: Path, directory: Path, run_child: Callable[..., object]
) -> None:
    source = (
        "import sys\nfrom lrpc.transports.namespace import Namespace\n"
        "claim = Namespace('\\\\d', (sys.argv[1],)).claim('calc')\n"
        "listening = claim.listen(0o600, 1)\nprint('ready', flush=True)\nsys.stdin.read()\n"
    )
    child = run_child(source, str(own_namespace))
    assert child.stdout.readline() == b"ready\n"
    with pytest.raises(NameCollision):
        names.claim("calc")
    child.kill()
    child.wait(WATCHDOG)
    assert sorted(os.listdir(directory)) == ["calc.lock", "calc.socket"]
    claim = names.claim("calc")
    with claim.listen(0o600, 1), names.connect("calc", OWN, WATCHDOG):
        claim.close()


def test_what_a_holder_left_that_died_while_binding_is_no_obstacle(names: Namespace, directory: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as left:
        left.bind(str(directory / claim_module.temporary_name("calc")))
    claim = names.claim("calc")
    claim.listen(0o600, 1).close()
    claim.close()
    assert os.listdir(directory) == []


@pytest.mark.parametrize("make", ["mkdir", "touch"])
def test_what_is_no_socket_is_never_replaced(names: Namespace, directory: Path, make: str) -> None:
    thing = directory / "calc.socket"
    getattr(thing, make)()
    claim = names.claim("calc")
    with pytest.raises(NameCollision):
        claim.listen(0o600, 1)
    claim.close()
    assert thing.exists()


def test_a_symbolic_link_is_never_replaced_nor_followed(names: Namespace, directory: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    (directory / "calc.socket").symlink_to(victim)
    claim = names.claim("calc")
    with pytest.raises(NameCollision):
        claim.listen(0o600, 1)
    claim.close()
    assert (directory / "calc.socket").is_symlink()
    assert victim.exists()


def test_a_live_socket_is_not_replaced_although_its_lock_was_removed(names: Namespace, directory: Path) -> None:
    first = names.claim("calc")
    with first.listen(0o600, 1):
        (directory / "calc.lock").unlink()
        second = names.claim("calc")
        with pytest.raises(NameCollision):
            second.listen(0o600, 1)
        second.close()
        assert (directory / "calc.socket").is_socket()
    first.close()


@pytest.fixture
def given_away(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Makes a file somebody else's: truly if we may, and in any case as far as fstat tells."""
    real = os.fstat

    def give_away(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, 12345, 12345)
        inode = path.lstat().st_ino

        def fstat(descriptor: int) -> os.stat_result:
            found = list(real(descriptor))
            if found[stat.ST_INO] == inode:
                found[stat.ST_UID] = 12345
            return os.stat_result(found)

        monkeypatch.setattr(claim_module.os, "fstat", fstat)

    return give_away


def test_a_socket_of_another_user_is_never_replaced(
    names: Namespace, directory: Path, given_away: Callable[[Path], None]
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as foreign:
        foreign.bind(str(directory / "calc.socket"))
    given_away(directory / "calc.socket")
    claim = names.claim("calc")
    with pytest.raises(NameCollision):
        claim.listen(0o600, 1)
    claim.close()
    assert (directory / "calc.socket").is_socket()


def test_a_lock_of_another_user_is_not_used(
    names: Namespace, directory: Path, given_away: Callable[[Path], None]
) -> None:
    (directory / "calc.lock").touch()
    given_away(directory / "calc.lock")
    with pytest.raises(AccessDenied):
        names.claim("calc")


@pytest.mark.parametrize(
    ("kind", "error"), [("symlink", NameInvalid), ("directory", TypeMismatch), ("fifo", AccessDenied)]
)
def test_a_lock_that_is_no_file_is_not_used(
    names: Namespace, directory: Path, kind: str, error: type[TransportError], open_descriptors: Callable[[], int]
) -> None:
    lock = directory / "calc.lock"
    {"symlink": lambda: lock.symlink_to("x"), "directory": lock.mkdir, "fifo": lambda: os.mkfifo(lock)}[kind]()
    before = open_descriptors()
    with pytest.raises(error):
        names.claim("calc")
    assert not (directory / "x").exists()
    assert open_descriptors() == before


@pytest.mark.parametrize("mode", [0o600, 0o666])
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_socket_has_its_mode_whatever_the_umask(names: Namespace, directory: Path, mode: int, umask: int) -> None:
    previous = os.umask(umask)
    try:
        claim = names.claim("calc")
        with claim.listen(mode, 1):
            assert stat.S_IMODE((directory / "calc.socket").stat().st_mode) == mode
        claim.close()
    finally:
        os.umask(previous)


def test_of_many_that_race_one_wins(names: Namespace, threads: ThreadPoolExecutor) -> None:
    def try_to_claim() -> Claim | None:
        try:
            return names.claim("calc")
        except NameCollision:
            return None

    for _ in range(20):
        won = [claim for claim in threads.map(lambda _: try_to_claim(), range(8)) if claim is not None]
        assert len(won) == 1
        won[0].close()


def test_claims_that_come_and_go_never_have_two_holders(names: Namespace, threads: ThreadPoolExecutor) -> None:
    held: list[int] = []

    def come_and_go(number: int) -> int:
        count = 0
        for _ in range(200):
            try:
                claim = names.claim("calc")
            except NameCollision:
                continue
            held.append(number)
            assert held == [number]
            held.pop()
            claim.close()
            count += 1
        return count

    assert sum(threads.map(come_and_go, range(4))) > 0


def test_somebody_who_tidies_up_does_no_harm(names: Namespace, directory: Path) -> None:
    claim = names.claim("calc")
    listening = claim.listen(0o600, 1)
    for entry in directory.iterdir():
        entry.unlink()
    claim.close()
    listening.close()


def test_a_failed_listen_leaves_nothing_open(
    names: Namespace, directory: Path, monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]
) -> None:
    claim = names.claim("calc")
    before = open_descriptors()

    def no_room(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(claim_module.os, "chmod", no_room)
    with pytest.raises(TransportError, match="No space left"):
        claim.listen(0o600, 1)
    assert open_descriptors() == before
    claim.close()
