"""smbtorture and rpcclient against our endpoint mapper, our management interface, and an rpcecho."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.samba_programs import Samba
from tests.interop.services import ECHO_PORT

pytestmark = pytest.mark.interop

TCP = "ncacn_ip_tcp"
HOST = f"{TCP}:127.0.0.1"
TORTURE, RPCCLIENT, PYTHON = "Samba 4.17, smbtorture", "Samba 4.17, rpcclient", "Samba 4.17, python3-samba"
CLIENT = Path(__file__).with_name("samba_client.py")
CHECKS, CHECKS_WITHOUT_MAPPER = 49, 43
Show = Callable[[str, str, str, str, str], None]
ECHO = [
    *("echo.addone", "echo.sinkdata", "echo.echodata", "echo.sourcedata", "echo.testcall", "echo.testcall2"),
    *("echo.enum", "echo.surrounding", "echo.doublepointer", "echo.sleep"),
]
ANONYMOUS = ["", "bigendian", "ndr64", "validate", "padcheck", "validate,padcheck,bigendian", "ndr64,padcheck"]
MECHANISMS = {"ntlm": "NTLM", "spnego": "Negotiate"}
LEVELS = {"connect": "connect", "packet": "packet", "sign": "integrity", "seal": "privacy"}
"""As Samba calls them, and as others do."""
AUTHENTICATED = [
    *(f"{mechanism},{level}" for mechanism in MECHANISMS for level in LEVELS),
    *(
        f"{mechanism},{level},{how}"
        for mechanism in MECHANISMS
        for level in ("sign", "seal")
        for how in ("bigendian", "validate,padcheck", "ndr64")
    ),
]
CHECKED = ["", "bigendian", "ndr64", *(options for options in AUTHENTICATED if "validate" not in options)]
AT_ONCE = 4
EPMAPPER = ["Map_simple", "Map_full", "Lookup_simple", "Lookup_terminate_search", "Insert_noreplace"]
NOT_REGISTERED = 0x16C9A0D6


def binding(port: int, options: str) -> str:
    return f"{HOST}[{port}{',' if options else ''}{options}]"


def level_of(options: str) -> str:
    """What the table calls options."""
    mechanism, *rest = options.split(",")
    if mechanism in MECHANISMS:
        level, *rest = rest
        return ", ".join((f"{MECHANISMS[mechanism]} {LEVELS[level]}", *rest))
    return ", ".join(("none", *(word for word in options.split(",") if word)))


@pytest.fixture(scope="module")
def tortured(samba: Samba) -> Iterator[dict[str, Future[dict[str, list[str]]]]]:
    """What smbtorture finds of rpcecho, by options: several at once, for it sleeps most of the time."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {
            options: threads.submit(
                samba.torture, "rpc.echo", binding(ECHO_PORT, options), user=options in AUTHENTICATED
            )
            for options in (*ANONYMOUS, *AUTHENTICATED)
        }


@pytest.mark.parametrize("options", [*ANONYMOUS, *AUTHENTICATED])
def test_smbtorture_gets_each_call_of_rpcecho_right(tortured, options: str, shown: Show):
    assert tortured[options].result() == {"success": ECHO}
    shown(TORTURE, "client", TCP, level_of(options), f"rpc.echo, {len(ECHO)} of {len(ECHO)}")


def test_smbtorture_manages_each_server_that_the_mapper_knows(samba: Samba, shown: Show):
    assert samba.torture("rpc.mgmt", binding(135, "")) == {"success": ["mgmt"]}
    shown(TORTURE, "client", TCP, "none", "rpc.mgmt, 1 of 1")


def test_smbtorture_gets_each_call_of_the_mapper_right(samba: Samba, shown: Show):
    assert samba.torture("rpc.epmapper", binding(135, "")) == {"success": [f"epmapper.{name}" for name in EPMAPPER]}
    shown(TORTURE, "client", TCP, "none", f"rpc.epmapper, {len(EPMAPPER)} of {len(EPMAPPER)}")


def test_rpcclient_calls_rpcecho_where_the_mapper_sends_it(samba: Samba, shown: Show):
    calls = ("echoaddone 41", "echodata 5000", "sinkdata 5000", "sourcedata 100000", "echoaddone 1")
    assert samba.rpcclient(HOST, *calls).splitlines() == ["41 + 1 = 42", "1 + 1 = 2"]
    shown(RPCCLIENT, "client", TCP, "none", f"{len(calls)} of {len(calls)} calls")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_rpcclient_logs_on(samba: Samba, mechanism: str, level: str, shown: Show):
    calls = ("echoaddone 41", "echodata 5000", "sinkdata 5000", "sourcedata 100000", "echoaddone 1")
    said = samba.rpcclient(binding(ECHO_PORT, f"{mechanism},{level}"), *calls, user=True)
    assert said.splitlines() == ["41 + 1 = 42", "1 + 1 = 2"]
    shown(RPCCLIENT, "client", TCP, f"{MECHANISMS[mechanism]} {LEVELS[level]}", f"{len(calls)} of {len(calls)} calls")


def test_rpcclient_lists_what_is_registered(samba: Samba, shown: Show):
    *lines, last = samba.rpcclient(binding(135, ""), "epmlookup").splitlines()
    assert last == "epm_Lookup no more entries"
    assert sum(line.endswith("]: rpcecho") for line in lines) == len(lines) - 1
    assert f"{HOST}[{ECHO_PORT},abstract_syntax=60a15ec5-4de8-11d7-a637-005056a20182/0x00000001]" in lines[0]
    assert f"epm_Map returned {NOT_REGISTERED}" in samba.rpcclient(binding(135, ""), "epmmap lsarpc")
    shown(RPCCLIENT, "client", TCP, "none", "epmlookup, epmmap")


@pytest.fixture(scope="module")
def checked(samba: Samba) -> Iterator[dict[str, Future[str]]]:
    """What the Python client finds, by options."""
    words = (CLIENT, "127.0.0.1", str(ECHO_PORT), DOMAIN, USER, PASSWORD)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        yield {options: threads.submit(samba.script, *words, options) for options in CHECKED}


@pytest.mark.parametrize("options", CHECKED)
def test_python_client_gets_every_check_right(checked, options: str, shown: Show):
    found = [json.loads(line) for line in checked[options].result().splitlines()]
    assert [one for one in found if one["why"]] == []
    count = CHECKS_WITHOUT_MAPPER if "ndr64" in options else CHECKS
    assert len(found) == count
    shown(PYTHON, "client", TCP, level_of(options), f"{count} of {count} checks")


# Where Samba is wrong


def test_validation_of_ndr64_packs_ndr(samba: Samba, shown: Show):
    """The same calls are right without it. What has the same octets in both encodings goes well."""
    found = samba.torture("rpc.echo", binding(ECHO_PORT, "ndr64,validate"))
    assert found["success"] == ["echo.addone", "echo.sinkdata", "echo.doublepointer", "echo.sleep"]
    shown(TORTURE, "client", TCP, "none, ndr64, validate", "wrong: it compares NDR64 with what it packs as NDR")


def test_ndr64_is_little_endian(samba: Samba, shown: Show):
    """[MS-RPCE] 2.2.5 has it no other way; Samba offers it with big-endian headers all the same."""
    assert set(samba.torture("rpc.echo", binding(ECHO_PORT, "ndr64,bigendian"))) == {"failure"}
    shown(TORTURE, "client", TCP, "none, ndr64, bigendian", "wrong: NDR64 is little-endian")
