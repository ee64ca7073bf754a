from __future__ import annotations

import asyncio
import faulthandler
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports.errors import BadImpersonationLevel, NoImpersonationToken, NotSupported
from lrpc.transports.seam import Peer
from lrpc.transports.security import (
    PORT_CONNECT,
    PORT_RIGHTS,
    ImpersonationLevel,
    SecurityDescriptor,
    Sid,
    current_impersonation,
    effective_token,
    impersonate,
    impersonation,
    thread,
)
from lrpc.transports.security.sid import ANONYMOUS
from tests.users import AsUser

WATCHDOG = 20.0
CLIENT = Peer(1, 1000, 1000, (4242,))
OTHER = Peer(1, 1001, 1001, ())


def owner(path: Path) -> tuple[int, int]:
    path.touch()
    return path.stat().st_uid, path.stat().st_gid


def test_a_file_made_for_a_client_is_the_clients(root: None, shared: Path) -> None:
    with impersonate(CLIENT) as client:
        assert client.real
        assert owner(shared / "while") == (1000, 1000)
        assert os.getgroups() == [4242]
    assert not client.real
    assert owner(shared / "after") == (0, 0)
    assert os.getresuid() == (0, 0, 0)
    assert 4242 not in os.getgroups()


def test_a_client_opens_what_it_may_and_nothing_else(root: None, shared: Path) -> None:
    secret, own = shared / "secret", shared / "own"
    secret.write_text("root's")
    secret.chmod(0o600)
    own.write_text("the client's")
    os.chown(own, 1000, 1000)
    own.chmod(0o600)
    with impersonate(CLIENT) as client:
        with pytest.raises(PermissionError):
            client.open(str(secret))
        descriptor = client.open(str(own), os.O_RDWR)
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)
    assert secret.read_text() == "root's"


def test_other_threads_stay_who_they_are(root: None, shared: Path) -> None:
    with ThreadPoolExecutor(1) as other:
        other.submit(os.geteuid).result(WATCHDOG)
        with impersonate(CLIENT):
            assert other.submit(owner, shared / "others").result(WATCHDOG) == (0, 0)
            assert other.submit(current_impersonation).result(WATCHDOG) is None


def test_whatever_happens_inside_the_thread_gets_its_identity_back(root: None) -> None:
    with pytest.raises(ZeroDivisionError), impersonate(CLIENT):
        raise ZeroDivisionError
    assert os.geteuid() == 0
    assert current_impersonation() is None


def test_an_impersonation_within_another_goes_back_to_it(root: None) -> None:
    with impersonate(CLIENT) as outer:
        with impersonate(OTHER):
            assert (os.geteuid(), os.getegid(), os.getgroups()) == (1001, 1001, [])
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (1000, 1000, [4242])
        assert current_impersonation() is outer
    assert os.geteuid() == 0


def test_reverting_early_is_reverting_once(root: None) -> None:
    with impersonate(CLIENT) as client:
        client.revert()
        assert os.geteuid() == 0
        client.revert()
    assert os.geteuid() == 0


def test_the_last_to_revert_makes_the_process_readable_again(root: None) -> None:
    thread.set_dumpable(1)
    inside, leave = threading.Event(), threading.Event()

    def act() -> None:
        with impersonate(OTHER):
            inside.set()
            leave.wait(WATCHDOG)

    with ThreadPoolExecutor(1) as other:
        acting = other.submit(act)
        assert inside.wait(WATCHDOG)
        with impersonate(CLIENT):
            assert thread.dumpable() == 0
        leave.set()
        acting.result(WATCHDOG)
    assert thread.dumpable() == 1


@pytest.mark.parametrize("level", [ImpersonationLevel.ANONYMOUS, ImpersonationLevel.IDENTIFICATION])
def test_below_impersonation_nothing_is_opened_and_the_thread_is_nobody(
    level: ImpersonationLevel, root: None, shared: Path
) -> None:
    secret = shared / "secret"
    secret.write_text("the client's")
    secret.chmod(0o600)
    os.chown(secret, 1000, 1000)
    with impersonate(CLIENT, level, least=ImpersonationLevel.ANONYMOUS) as client:
        with pytest.raises(BadImpersonationLevel):
            client.open(str(secret))
        with pytest.raises(PermissionError):
            secret.read_text()
        assert os.geteuid() == 65534
    assert os.geteuid() == 0


def test_identification_tells_who_it_is_and_anonymous_does_not() -> None:
    descriptor = SecurityDescriptor.parse("D:(A;;CC;;;S-1-22-1-1000)")
    for level, user, admitted in (
        (ImpersonationLevel.IDENTIFICATION, Sid.of_user(1000), True),
        (ImpersonationLevel.ANONYMOUS, ANONYMOUS, False),
    ):
        with impersonate(CLIENT, level, least=level) as client:
            assert effective_token().user == user
            assert client.admits(descriptor, PORT_CONNECT, PORT_RIGHTS) is admitted


def test_a_level_that_the_client_does_not_grant_is_refused() -> None:
    with pytest.raises(BadImpersonationLevel):
        impersonate(CLIENT, ImpersonationLevel.ANONYMOUS)
    with pytest.raises(BadImpersonationLevel):
        impersonate(CLIENT, ImpersonationLevel.IDENTIFICATION, least=ImpersonationLevel.IMPERSONATION)


def test_whom_the_kernel_does_not_know_is_nobody(root: None) -> None:
    with impersonate(Peer(address="192.0.2.1:5")) as client:
        assert (os.geteuid(), os.getegid(), os.getgroups()) == (65534, 65534, [])
        assert client.token.user == ANONYMOUS


def test_a_server_that_is_not_root_knows_whom_it_acts_for_and_opens_only_its_own(
    as_other: AsUser, shared: Path
) -> None:
    own = shared / "own"
    own.write_text("x")

    def serve() -> tuple[bool, str, str, int]:
        with impersonate(CLIENT) as client:
            token = str(effective_token().user)
            try:
                client.open(str(own))
            except NoImpersonationToken as error:
                refusal = error.name
            real = client.real
        with impersonate(Peer(1, 1001, 1001, ())) as itself:
            os.close(itself.open(str(own)))
        return real, token, refusal, os.geteuid()

    assert as_other(1001, serve) == (False, "S-1-22-1-1000", "NO_IMPERSONATION_TOKEN", 1001)


def test_nobody_acts_but_the_process_itself() -> None:
    assert current_impersonation() is None
    token = effective_token()
    assert token.user == Sid.of_user(os.geteuid())
    assert token.holds(Sid.of_group(os.getegid()))


def test_no_thread_of_an_event_loop_becomes_somebody_else(root: None, shared: Path) -> None:
    def act() -> tuple[int, int]:
        with impersonate(CLIENT):
            return owner(shared / "file")

    async def serve() -> tuple[int, int]:
        with pytest.raises(NotSupported):
            act()
        assert os.geteuid() == 0
        return await asyncio.to_thread(act)

    assert asyncio.run(serve()) == (1000, 1000)


def test_a_task_that_acts_logically_is_the_only_one(as_other: AsUser) -> None:
    async def serve() -> list[str]:
        async def act() -> str:
            with impersonate(CLIENT):
                await asyncio.sleep(0)
                return str(effective_token().user)

        async def look() -> str:
            return str(effective_token().user)

        return await asyncio.gather(act(), look())

    assert as_other(1001, lambda: asyncio.run(serve())) == ["S-1-22-1-1000", "S-1-22-1-1001"]


def test_an_impersonation_begins_once_and_ends_where_it_began(root: None) -> None:
    with ThreadPoolExecutor(1) as other:
        with impersonate(CLIENT) as client:
            with pytest.raises(RuntimeError):
                client.__enter__()
            with pytest.raises(RuntimeError):
                other.submit(client.revert).result(WATCHDOG)
        assert os.geteuid() == 0


@pytest.mark.parametrize("step", ["set_groups", "set_gid", "set_uid"])
def test_root_that_may_not_become_the_client_stays_root(step: str, root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    real = getattr(thread, step)
    calls = iter([True])

    def refuse(value: Any) -> None:
        if next(calls, False):
            raise PermissionError(1, "Operation not permitted")
        real(value)

    monkeypatch.setattr(thread, step, refuse)
    before = impersonation.Ids.of_thread()
    with pytest.raises(NoImpersonationToken), impersonate(CLIENT):
        raise AssertionError
    assert impersonation.Ids.of_thread() == before
    assert thread.dumpable() == 1


def test_a_thread_that_cannot_go_back_does_not_run_on(root: None) -> None:
    child = os.fork()
    if not child:
        faulthandler.disable()
        context = impersonate(CLIENT)
        context.__enter__()
        thread.set_uid = lambda effective: (_ for _ in ()).throw(OSError(1, "no"))
        context.revert()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def test_a_child_of_fork_counts_only_itself(root: None) -> None:
    with impersonate(CLIENT):
        child = os.fork()
        if not child:
            impersonation._dumpable.end()
            os._exit(0 if impersonation._dumpable._count == 0 and thread.dumpable() == 1 else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
