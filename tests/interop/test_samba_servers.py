"""Our client at Samba's mapper, lsarpc, samr, srvsvc, winreg, wkssvc and management interface."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.interop.samba_programs import Servers
from tests.interop.samba_servers import CALLS, DENIED

pytestmark = [pytest.mark.interop, pytest.mark.usefixtures("wireshark")]

PEER, TCP = "Samba 4.17, samba-dcerpcd", "ncacn_ip_tcp"
WRONG = 2
"""Of the calls, those of which the end is that Samba refuses what others take."""


@pytest.fixture
def servers() -> Iterator[Servers]:
    with TemporaryDirectory(prefix="samba-") as folder:  # whose name is short: it is that of sockets too
        made = Servers(Path(folder))
        yield made
        made.close()


def test_our_client_gets_every_call_right(servers: Servers, shown: Callable[[str, str, str, str, str], None]):
    found = [json.loads(line) for line in servers.run("tests.interop.samba_servers").splitlines()]
    assert [one for one in found if one["why"]] == []
    assert len(found) == len(CALLS)
    right = len(CALLS) - WRONG
    shown(PEER, "server", TCP, "none", f"{right} of {right} calls")
    shown(PEER, "server", TCP, "none", "wrong: inq_stats has one more number in the request than C706 has")
    shown(PEER, "server", TCP, "none", "lsarpc over TCP is refused, as it is to others")


@pytest.mark.parametrize(("package", "name"), [("ntlm", "NTLM"), ("spnego", "Negotiate")])
def test_our_client_logs_on_and_gets_every_call_right(
    servers: Servers, package: str, name: str, shown: Callable[[str, str, str, str, str], None]
):
    right = len(CALLS) - WRONG
    for level, called in (("packet", "packet"), ("sign", "integrity"), ("seal", "privacy")):
        said = servers.run("tests.interop.samba_servers", package, level)
        found = [json.loads(line) for line in said.splitlines()]
        assert [one for one in found if one["why"]] == []
        assert len(found) == len(CALLS)
        shown(PEER, "server", TCP, f"{name} {called}", f"{right} of {right} calls")


@pytest.mark.parametrize(("package", "name"), [("ntlm", "NTLM"), ("spnego", "Negotiate")])
def test_samba_takes_no_calls_at_level_connect(
    servers: Servers, package: str, name: str, shown: Callable[[str, str, str, str, str], None]
):
    """But for those of the management interface: its `allow dcerpc auth level connect` is off."""
    found = [json.loads(line) for line in servers.run("tests.interop.samba_servers", package, "connect").splitlines()]
    assert {one["why"] for one in found} == {"", DENIED}
    assert {one["call"] for one in found if not one["why"]} == {"interfaces", "management", "policy", "statistics"}
    shown(PEER, "server", TCP, f"{name} connect", "denied, as it is meant to be; the management interface is not")
