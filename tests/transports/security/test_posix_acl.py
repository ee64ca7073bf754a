from __future__ import annotations

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports import alpc, pipe
from lrpc.transports.errors import AccessDenied, Disconnected
from lrpc.transports.security import SecurityDescriptor, SocketAccess, posix_acl, socket_access
from tests.users import AsUser

OTHER = os.geteuid() + 4711
USER, STRANGER, GROUP = 1000, 1001, 4242
WATCHDOG = 20.0


@pytest.mark.parametrize(
    ("sddl", "expected"),
    [
        ("D:NO_ACCESS_CONTROL", SocketAccess(everybody=True)),
        ("D:(A;;GA;;;WD)", SocketAccess(everybody=True)),
        ("D:(A;;GA;;;AN)", SocketAccess(everybody=True)),
        (f"D:(A;;GA;;;S-1-22-1-{OTHER})", SocketAccess({OTHER})),
        (f"D:(A;;GA;;;S-1-22-1-{OTHER})(A;;GA;;;S-1-22-2-7)", SocketAccess({OTHER}, {7})),
        (f"D:(A;IO;GA;;;S-1-22-1-{OTHER})", SocketAccess()),
        (f"D:(A;;GA;;;S-1-22-1-{os.geteuid()})(A;;GA;;;SY)", SocketAccess()),
        (f"D:(D;;GA;;;S-1-22-1-{OTHER})", SocketAccess()),
        ("D:(A;;GA;;;SU)", SocketAccess()),
        ("D:", SocketAccess()),
    ],
)
def test_the_kernel_lets_through_whom_the_descriptor_may_admit(sddl: str, expected: SocketAccess) -> None:
    assert socket_access(SecurityDescriptor.parse(sddl)) == expected


def test_a_mode_says_it_as_far_as_a_mode_can() -> None:
    assert SocketAccess().mode == 0o600
    assert SocketAccess(everybody=True).mode == SocketAccess({1}).mode == SocketAccess(groups={1}).mode == 0o666
    assert SocketAccess().acl is None
    assert SocketAccess({1}, {2}, everybody=True).acl is None


def test_an_acl_is_the_one_of_acl5_octet_by_octet() -> None:
    assert SocketAccess({1001, 1000}, {7}).acl == bytes.fromhex(
        "02000000"  # version 2
        "0100 0600 ffffffff"  # the owner
        "0200 0600 e8030000"  # user 1000
        "0200 0600 e9030000"  # user 1001
        "0400 0000 ffffffff"  # the owning group
        "0800 0600 07000000"  # group 7
        "1000 0600 ffffffff"  # the mask
        "2000 0000 ffffffff"  # everybody else
    )


def test_a_file_system_without_acls_leaves_it_to_the_mode(monkeypatch: pytest.MonkeyPatch, own_namespace: Path) -> None:
    monkeypatch.setattr(posix_acl, "POSIX_ACL_ACCESS", "system.no_such_attribute")
    port = alpc.listen("calc", security=f"D:(A;;GA;;;S-1-22-1-{OTHER})")
    [name] = own_namespace.rglob("*.socket")
    assert stat.S_IMODE(name.stat().st_mode) == 0o666
    port.close()


def test_another_failure_of_the_file_system_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        posix_acl.set_acl(str(tmp_path / "nothing"), b"")


def attempt(connect: Callable[[str, float], Any], name: str) -> str:
    try:
        connect_to(connect, name).close()
    except AccessDenied as error:
        return "by the kernel" if "Permission denied" in str(error) else "by the library"
    return "admitted"


def connect_to(connect: Any, name: str) -> Any:
    return connect(name, WATCHDOG, server_sid="S-1-22-1-0")


@pytest.mark.parametrize(
    ("sddl", "verdict"),
    [
        (f"D:(A;;GA;;;S-1-22-1-{USER})", {USER: "admitted", STRANGER: "by the kernel"}),
        (f"D:(D;;GA;;;S-1-22-1-{STRANGER})(A;;GA;;;WD)", {USER: "admitted", STRANGER: "by the library"}),
        (f"D:(A;;GA;;;WD)(D;;GA;;;S-1-22-1-{STRANGER})", {USER: "admitted", STRANGER: "admitted"}),
        (f"D:(A;;GA;;;S-1-22-2-{GROUP})", {USER: "admitted", STRANGER: "by the kernel"}),
        (
            f"D:(D;;GA;;;S-1-22-1-{USER})(A;;GA;;;S-1-22-2-{GROUP})",
            {USER: "by the library", STRANGER: "by the kernel"},
        ),
        ("D:(A;;GA;;;WD)", {USER: "admitted", 65534: "by the library"}),
    ],
)
def test_a_port_admits_users_and_groups_in_the_order_of_its_aces(
    sddl: str, verdict: dict[int, str], as_other: AsUser, public_names: Path, threads: ThreadPoolExecutor
) -> None:
    port = alpc.listen("calc", security=sddl)
    serving = threads.submit(accept_all, port)
    for uid, expected in verdict.items():
        groups = [GROUP] if uid == USER else []
        assert as_other(uid, lambda: attempt(alpc.connect, "calc"), groups=groups) == expected
    port.close()
    serving.result(WATCHDOG)


def test_a_pipe_is_protected_by_the_same_acl(as_other: AsUser, public_names: Path) -> None:
    listener = pipe.listen("calc", security=f"D:(A;;GA;;;S-1-22-1-{USER})")
    assert as_other(USER, lambda: attempt(pipe.connect, "calc")) == "admitted"
    assert as_other(STRANGER, lambda: attempt(pipe.connect, "calc")) == "by the kernel"
    listener.close()


def accept_all(port: alpc.ConnectionPort) -> None:
    try:
        while True:
            port.accept(WATCHDOG).close()
    except Disconnected:
        return
