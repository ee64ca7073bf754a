"""Acting as the caller, and what a method may know of it beyond its numbers."""

from __future__ import annotations

import asyncio
import contextvars
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.call import set_caller
from lrpc.transports.security import ImpersonationLevel, effective_token

AsUser = Callable[..., Any]
IDL = """
[uuid(5b8e4e63-0a2f-4d2c-9c0e-3b1f6c6e4a11), version(1.0)]
interface Writer
{
    long Write([in, string] wchar_t *path);
    long Who();
    long Change();
}
"""


@pytest.fixture(scope="module")
def stub() -> Any:
    return lrpc.load(IDL)


@pytest.fixture
def service(stub: Any, public_names: Path) -> Iterator[Any]:
    """Serves every user of this machine."""

    class Writer(stub.Writer):  # type: ignore[misc]
        before = -1
        after = -1
        changed: tuple[bool, ...] = ()

        def Write(self, path: str) -> int:
            with lrpc.impersonate():
                Path(path).touch()
                self.before = os.geteuid()
            self.after = os.geteuid()
            return self.before

        def Who(self) -> int:
            with open(f"/proc/self/fdinfo/{lrpc.caller().pidfd}") as lines:
                return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))

        def Change(self) -> int:
            self.changed += (lrpc.caller().changed,)
            return int(lrpc.caller().changed)

    writer = Writer()
    with lrpc.Server() as server:
        server.register(writer)
        server.listen("ncalrpc:[writer]", security="D:(A;;GA;;;WD)")
        server.start()
        with lrpc.connect(stub.WriterClient, "ncalrpc:[writer]") as client:
            client.Change()  # loads what a child that is another user could not
        writer.changed = ()
        yield writer


def test_a_method_that_impersonates_writes_as_its_caller(
    stub: Any, service: Any, as_other: AsUser, shared: Path
) -> None:
    path = shared / "file"

    def write() -> int:
        with lrpc.connect(stub.WriterClient, "ncalrpc:[writer]") as client:
            return int(client.Write(str(path)))

    assert as_other(1000, write) == 1000
    assert (path.stat().st_uid, path.stat().st_gid) == (1000, 1000)
    assert (service.before, service.after) == (1000, 0)


def test_a_method_has_a_pidfd_of_its_caller(stub: Any, service: Any, as_other: AsUser) -> None:
    def ask() -> bool:
        with lrpc.connect(stub.WriterClient, "ncalrpc:[writer]") as client:
            return bool(client.Who() == os.getpid())

    assert as_other(1000, ask)


def test_a_caller_that_has_become_another_user_is_seen(stub: Any, service: Any) -> None:
    if os.geteuid():
        pytest.xfail("only root can become somebody else")
    child = os.fork()
    if not child:
        with lrpc.connect(stub.WriterClient, "ncalrpc:[writer]") as client:
            answers = [client.Change()]
            os.seteuid(1000)
            answers.append(client.Change())
        os._exit(0 if answers == [0, 1] else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert service.changed == (False, True)


@pytest.mark.parametrize(
    ("granted", "writes"),
    [(lrpc.Impersonation.IDENTIFY, False), (lrpc.Impersonation.IMPERSONATE, True), (lrpc.Impersonation.DELEGATE, True)],
)
def test_a_client_says_how_far_a_server_may_go(
    granted: lrpc.Impersonation, writes: bool, stub: Any, service: Any, tmp_path: Path
) -> None:
    path = tmp_path / "file"

    class Opener:
        def Write(self, path: str) -> int:
            with lrpc.impersonate() as client:
                os.close(client.open(path, os.O_CREAT | os.O_WRONLY))
            return 0

    service.Write = Opener().Write
    security = lrpc.Security(impersonation=granted)
    with lrpc.connect(stub.WriterClient, "ncalrpc:[writer]", security=security) as client:
        if writes:
            client.Write(str(path))
        else:
            with pytest.raises(lrpc.Fault):
                client.Write(str(path))
    assert path.exists() is writes


def in_a_call(caller: lrpc.Caller, function: Callable[[], Any]) -> Any:
    context = contextvars.copy_context()
    context.run(set_caller, caller)
    return context.run(function)


def test_nobody_is_impersonated_outside_of_a_call() -> None:
    with pytest.raises(LookupError), lrpc.impersonate():
        raise AssertionError


def test_a_caller_of_another_machine_is_not_impersonated() -> None:
    caller = lrpc.Caller("ncacn_ip_tcp", address="192.0.2.1:5", user="DEMO\\mary")

    def act() -> None:
        with pytest.raises(lrpc.AccessDenied), lrpc.impersonate():
            raise AssertionError

    in_a_call(caller, act)
    assert not caller.changed
    with pytest.raises(LookupError):
        _ = caller.pidfd


def test_a_caller_is_impersonated_as_far_as_it_grants() -> None:
    def act() -> str:
        with pytest.raises(lrpc.AccessDenied), lrpc.impersonate(ImpersonationLevel.IMPERSONATION):
            raise AssertionError
        with lrpc.impersonate() as acting:
            with pytest.raises(Exception, match="BAD_IMPERSONATION_LEVEL"):
                acting.open("/dev/null")
            return str(effective_token().user)

    caller = lrpc.Caller("ncalrpc", os.getpid(), 1000, 1000, grants=ImpersonationLevel.IDENTIFICATION)
    assert in_a_call(caller, act) == "S-1-22-1-1000"
    assert os.geteuid() == os.getuid()


def test_root_is_not_another_user_where_an_event_loop_runs() -> None:
    if os.geteuid():
        pytest.xfail("only root can be somebody else")

    def act() -> int:
        with lrpc.impersonate():
            return os.geteuid()

    async def serve() -> int:
        set_caller(lrpc.Caller("ncalrpc", os.getpid(), 1000, 1000))
        with pytest.raises(lrpc.AccessDenied, match="to_thread"):
            act()
        return await asyncio.to_thread(act)

    assert asyncio.run(serve()) == 1000


def test_a_process_that_cannot_be_opened_is_not_there() -> None:
    from lrpc.transports.errors import Disconnected

    def gone() -> Any:
        raise Disconnected("process 5 has ended")

    caller = lrpc.Caller("ncalrpc", 5, 1000, 1000, process=gone)
    with pytest.raises(LookupError, match="has ended"):
        _ = caller.pidfd


@pytest.mark.parametrize("binding", ["ncacn_np:[\\pipe\\writer]", "memory:[writer]"])
def test_a_process_is_known_whatever_carries_its_calls(binding: str, stub: Any, own_namespace: Path) -> None:
    class Writer(stub.Writer):  # type: ignore[misc]
        def Write(self, path: str) -> int:
            return 0

        def Who(self) -> int:
            return int(os.get_inheritable(lrpc.caller().pidfd))

        def Change(self) -> int:
            return int(lrpc.caller().changed)

    with lrpc.Server() as server:
        server.register(Writer())
        server.listen(binding)
        server.start()
        with lrpc.connect(stub.WriterClient, binding) as client:
            assert (client.Who(), client.Change()) == (0, 0)
