"""impacket asks our endpoint mapper and our management interface, as rpcdump and rpcmap do, and calls what it found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.interfaces import epmapper
from lrpc.runtime.mapper.towers import NDR, Syntax, Tower, build
from tests.interop.accounts import DOMAIN, PASSWORD, USER

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("wireshark"),
]

ROOT = Path(__file__).parents[2]
ECHO = ("60a15ec5-4de8-11d7-a637-005056a20182", "1.0")
UNKNOWN = ("00112233-4455-6677-8899-aabbccddeeff", "1.0")
WATCHDOG = 20.0
LEVELS = {2: "NTLM connect", 5: "NTLM integrity", 6: "NTLM privacy"}


class Place:
    """A mapper and an echo service that is registered with it, each in a process of its own."""

    def __init__(self, names: Path, users: Path) -> None:
        self._environment = os.environ | {"LRPC_NAMESPACE": str(names)}
        who = ("--users", str(users))
        self.mapper = self._start("lrpc", "epmapper", "--listen", "ncacn_ip_tcp:127.0.0.1[0]", *who)
        assert self._line(self.mapper) == "ncalrpc:[epmapper]"
        self.port = _port(self._line(self.mapper))
        listen = ("ncacn_ip_tcp:127.0.0.1[0]", r"ncacn_np:[\pipe\rpcecho]", "ncalrpc:[rpcecho]")
        words = [word for binding in listen for word in ("--listen", binding)]
        self.echo = self._start("examples.echo", "--register", *words, *who)
        tcp, *_ = [self._line(self.echo) for _ in listen]
        self.echo_port = _port(tcp)

    def _start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", *words]
        return subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=subprocess.PIPE, text=True)

    @staticmethod
    def _line(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip().removeprefix("listening on ")

    def close(self) -> None:
        for process in (self.echo, self.mapper):
            process.terminate()
            process.communicate(timeout=WATCHDOG)
            assert process.returncode == 0


def _port(binding: str) -> int:
    found = re.search(r"\[(\d+)\]$", binding)
    assert found is not None
    return int(found[1])


@pytest.fixture
def place(tmp_path: Path, users: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    names = tmp_path / "names"
    names.mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(names))
    made = Place(names, users)
    yield made
    made.close()


@pytest.fixture
def connect() -> Iterator[Any]:
    """Connects impacket to a port of loopback, and binds an interface if one is named."""
    from impacket import uuid
    from impacket.dcerpc.v5 import rpcrt, transport

    made: list[Any] = []

    def connect(port: int, interface: tuple[str, str] | None = None, level: int = 0) -> Any:
        way = transport.DCERPCTransportFactory(f"ncacn_ip_tcp:127.0.0.1[{port}]")
        way.set_credentials(USER, PASSWORD, DOMAIN)
        dce = way.get_dce_rpc()
        if level:
            dce.set_auth_type(rpcrt.RPC_C_AUTHN_WINNT)
            dce.set_auth_level(level)
        dce.connect()
        made.append(dce)
        if interface is not None:
            dce.bind(uuid.uuidtup_to_bin(interface))
        return dce

    yield connect
    for dce in made:
        dce.disconnect()


def bindings(entries: Any) -> list[str]:
    from impacket.dcerpc.v5 import epm

    return [epm.PrintStringBinding(one["tower"]["Floors"]) for one in entries]


# The endpoint mapper


def test_impacket_dumps_what_is_registered(place: Place, connect: Any, shown: Any) -> None:
    from impacket import uuid
    from impacket.dcerpc.v5 import epm

    entries = epm.hept_lookup(None, dce=connect(place.port))
    assert {uuid.bin_to_uuidtup(one["tower"]["Floors"][0].getData()[3:19] + b"\1\0\0\0") for one in entries} == {
        (ECHO[0].upper(), "1.0")
    }
    assert [one["annotation"].rstrip(b"\0") for one in entries] == [b"rpcecho"] * 3
    tcp, pipe, port = bindings(entries)
    assert (tcp, pipe) == (f"ncacn_ip_tcp:127.0.0.1[{place.echo_port}]", r"ncacn_np:[\pipe\rpcecho]")
    assert port == "ncalrpc:[rpcecho]"
    shown("impacket", "client", "ncacn_ip_tcp", "none", "ept_lookup, ept_map as rpcdump has them")


def test_impacket_dumps_by_interface(place: Place, connect: Any) -> None:
    from impacket import uuid
    from impacket.dcerpc.v5 import epm

    by_interface = epm.RPC_C_EP_MATCH_BY_IF
    found = epm.hept_lookup(None, by_interface, ifId=uuid.uuidtup_to_bin(ECHO), dce=connect(place.port))
    assert len(found) == 3
    with pytest.raises(Exception, match="ept_s_not_registered"):
        epm.hept_lookup(None, by_interface, ifId=uuid.uuidtup_to_bin(UNKNOWN), dce=connect(place.port))


def test_impacket_dumps_more_than_one_answer_holds(place: Place, connect: Any) -> None:
    from impacket.dcerpc.v5 import epm

    other = Syntax(epmapper.ept.interface.uuid, 3, 0)
    entries = [
        epmapper.ept_entry_t(
            epmapper.UUID(int=0), epmapper.twr_t(tower_octet_string=build(Tower(other, NDR, "ncacn_ip_tcp", port))), ""
        )
        for port in map(str, range(1, 701))
    ]
    with lrpc.connect(epmapper.eptClient, "ncalrpc:[epmapper]") as local:
        assert local.ept_insert(entries, 0) == 0
    assert len(epm.hept_lookup(None, dce=connect(place.port))) == 703


@pytest.mark.parametrize("protocol", ["ncacn_ip_tcp", "ncacn_np"])
def test_impacket_maps_an_interface(place: Place, connect: Any, protocol: str) -> None:
    from impacket import uuid
    from impacket.dcerpc.v5 import epm

    found = epm.hept_map("127.0.0.1", uuid.uuidtup_to_bin(ECHO), protocol=protocol, dce=connect(place.port))
    expected = {"ncacn_ip_tcp": f"[{place.echo_port}]", "ncacn_np": r"[\pipe\rpcecho]"}
    assert found == f"{protocol}:127.0.0.1{expected[protocol]}"


def test_interface_that_nobody_has_is_not_registered(place: Place, connect: Any) -> None:
    from impacket import uuid
    from impacket.dcerpc.v5 import epm

    with pytest.raises(Exception, match="ept_s_not_registered"):
        epm.hept_map("127.0.0.1", uuid.uuidtup_to_bin(UNKNOWN), protocol="ncacn_ip_tcp", dce=connect(place.port))


def test_nothing_is_left_of_a_service_that_was_killed(place: Place, connect: Any) -> None:
    place.echo.kill()
    place.echo.wait(WATCHDOG)
    from impacket.dcerpc.v5 import epm

    dce = connect(place.port)
    for _ in range(1000):
        try:
            epm.hept_lookup(None, dce=dce)
        except Exception as error:
            assert "ept_s_not_registered" in str(error)
            break
    else:
        pytest.fail("it is registered still")
    place.echo.returncode = 0


# The management interface


def test_impacket_asks_each_server_what_it_is(place: Place, connect: Any, shown: Any) -> None:
    from impacket import uuid
    from impacket.dcerpc.v5 import mgmt

    known = {place.port: ("E1AF8308-5D1F-11C9-91A4-08002B14A0FA", "3.0"), place.echo_port: (ECHO[0].upper(), "1.0")}
    for port, interface in known.items():
        dce = connect(port, uuid.bin_to_uuidtup(mgmt.MSRPC_UUID_MGMT))
        vector = mgmt.hinq_if_ids(dce)["if_id_vector"]
        found = [uuid.bin_to_uuidtup(one["Data"].getData()) for one in vector["if_id"]]
        assert (vector["count"], found) == (1, [interface])
        assert mgmt.his_server_listening(dce)["status"] == 0
        assert mgmt.hinq_stats(dce)["count"] == 4
        assert mgmt.hinq_stats(dce)["statistics"][0] >= 3
        with pytest.raises(Exception, match=r"(?i)access.?denied|0x5\b"):
            mgmt.hstop_server_listening(dce)
        assert mgmt.hinq_princ_name(dce, 10, 20)["status"] == 1747
    shown("impacket", "client", "ncacn_ip_tcp", "none", "the management interface, as rpcmap has it")


# Both, by who has logged on


@pytest.mark.parametrize("level", LEVELS)
def test_impacket_logs_on_to_mapper_and_management(place: Place, connect: Any, level: int, shown: Any) -> None:
    from impacket import uuid
    from impacket.dcerpc.v5 import epm, mgmt

    assert len(epm.hept_lookup(None, dce=connect(place.port, level=level))) == 3
    dce = connect(place.port, level=level)
    found = epm.hept_map("127.0.0.1", uuid.uuidtup_to_bin(ECHO), protocol="ncacn_ip_tcp", dce=dce)
    assert found == f"ncacn_ip_tcp:127.0.0.1[{place.echo_port}]"
    for port in (place.port, place.echo_port):
        dce = connect(port, uuid.bin_to_uuidtup(mgmt.MSRPC_UUID_MGMT), level)
        assert mgmt.hinq_if_ids(dce)["if_id_vector"]["count"] == 1
        assert mgmt.his_server_listening(dce)["status"] == 0
    shown("impacket", "client", "ncacn_ip_tcp", LEVELS[level], "ept_lookup, ept_map, inq_if_ids, is_server_listening")
