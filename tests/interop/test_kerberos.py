"""Kerberos in a realm of its own, with MIT's KDC: our client and server, and Samba's client at our server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lrpc
from examples.echo.rpcecho import AsyncrpcechoClient, rpcechoClient
from lrpc import AuthLevel
from tests.interop.mit_kdc import REALM, Realm, realm
from tests.interop.network import Network, listening

pytestmark = pytest.mark.interop

ROOT = Path(__file__).parents[2]
TCP = "ncacn_ip_tcp"
ALICE, PASSWORD = f"alice@{REALM}", "of alice"
JUDGED = "judge.lrpc.example"
"""A name that is no address: for `localhost` Samba asks for no ticket here."""
RAW = 11
PACKAGES = ("kerberos", "negotiate")
WORDS = {
    AuthLevel.CONNECT: "connect",
    AuthLevel.PACKET: "packet",
    AuthLevel.INTEGRITY: "sign",
    AuthLevel.PRIVACY: "seal",
}
SAMBA_CASES = tuple(f"{package},{level}" for package in ("krb5", "spnego,krb5") for level in WORDS.values())
KINDS = (
    "aes256-cts-hmac-sha1-96",
    "aes128-cts-hmac-sha1-96",
    "aes256-cts-hmac-sha384-192",
    "aes128-cts-hmac-sha256-128",
)


@pytest.fixture(scope="module")
def kdc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    with realm(tmp_path_factory.mktemp("realm")) as made:
        made.user("alice", PASSWORD)
        made.keytab("host/localhost", kinds=",".join(f"{kind}:normal" for kind in KINDS))
        yield made


@pytest.fixture(scope="module")
def port(kdc: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of rpcecho, an asyncio server that takes Kerberos and NTLM."""
    users = tmp_path_factory.mktemp("users") / "users"
    users.write_text("DOM:mary:secret\n")
    words = ["--listen", f"{TCP}:127.0.0.1[0]", "--keytab", str(kdc.folder / "keytab"), "--users", str(users)]
    command = [sys.executable, "-m", "examples.echo", *words]
    environment = os.environ | kdc.environment
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield lrpc.StringBinding.parse(listening(process)[0]).endpoint
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def here(kdc: Realm, monkeypatch: pytest.MonkeyPatch) -> Realm:
    """The realm is this process' own; nobody has logged in."""
    for name, value in kdc.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{kdc.folder}/nobody")
    monkeypatch.delenv("LRPC_USER", raising=False)
    return kdc


def security(package: str, level: AuthLevel, password: str = PASSWORD) -> lrpc.Security:
    return lrpc.Security(level, package, lrpc.Credentials(ALICE, password))


def check(client: rpcechoClient) -> None:
    data = bytes(range(256)) * 300
    assert (client.AddOne(41), client.EchoData(data), client.SourceData(3)) == (42, data, b"\0\1\2")
    assert client.AddOne(1) == 2


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("level", WORDS)
def test_our_client_and_server_agree_by_a_password(
    here: Realm, port: str, package: str, level: AuthLevel, shown: Callable[[str, str, str, str, str], None]
):
    with lrpc.connect(rpcechoClient, f"{TCP}:localhost[{port}]", security=security(package, level)) as client:
        check(client)
    name = {"kerberos": "Kerberos", "negotiate": "Negotiate of Kerberos"}[package]
    shown("MIT Kerberos 1.20", "KDC", TCP, f"{name} {level.name.lower()}", "our client at our server")


def test_tickets_of_a_cache_do(here: Realm, port: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KRB5CCNAME", here.environment["KRB5CCNAME"])
    here.log_in("alice", PASSWORD)
    with lrpc.connect(rpcechoClient, f"{TCP}:localhost[{port},krb5,seal]") as client:
        check(client)


def test_an_asyncio_client_does_the_same(here: Realm, port: str):
    async def call() -> list[int]:
        wanted = security("negotiate", AuthLevel.PRIVACY)
        async with lrpc.connect(AsyncrpcechoClient, f"{TCP}:localhost[{port}]", security=wanted) as client:
            return await asyncio.gather(*(client.AddOne(number) for number in range(50)))

    assert asyncio.run(call()) == list(range(1, 51))


@pytest.mark.parametrize("package", PACKAGES)
def test_a_blocking_server_learns_the_principal(here: Realm, package: str, tmp_path: Path):
    stub = lrpc.load("[uuid(4b0b8b7e-6d2a-4f53-8f6e-0a4c0b9d7a10), version(1.0)] interface One { long Go(); }")
    callers: list[lrpc.Caller] = []

    class One(stub.One):  # type: ignore[misc, name-defined]
        def Go(self) -> int:
            callers.append(lrpc.caller())
            return 1

    with lrpc.Server(authenticator=lrpc.Authenticator(keytab=here.folder / "keytab")) as server:
        server.register(One(), level=AuthLevel.PRIVACY)
        binding = server.listen(f"{TCP}:127.0.0.1[0]")
        server.start()
        target = f"{TCP}:localhost[{binding.endpoint}]"
        with lrpc.connect(stub.OneClient, target, security=security(package, AuthLevel.PRIVACY)) as client:
            assert client.Go() == 1
        with (
            pytest.raises(lrpc.AccessDenied),
            lrpc.connect(stub.OneClient, target, security=security(package, AuthLevel.INTEGRITY)) as client,
        ):
            client.Go()
        mary = lrpc.Security(authentication="ntlm", credentials=lrpc.Credentials("mary", "secret", "DOM"))
        with pytest.raises(lrpc.BindRefused, match="does not take ntlm"):
            lrpc.connect(stub.OneClient, target, security=mary)
    found = [(caller.user, caller.authentication, caller.level) for caller in callers]
    assert found == [(ALICE, "kerberos", AuthLevel.PRIVACY)]


def test_negotiate_is_ntlm_where_there_is_no_ticket(here: Realm, port: str):
    mary = lrpc.Security(AuthLevel.PRIVACY, credentials=lrpc.Credentials("mary", "secret", "DOM"))
    with lrpc.connect(rpcechoClient, f"{TCP}:localhost[{port}]", security=mary) as client:
        check(client)


def test_a_wrong_password_is_access_denied_and_is_not_told(here: Realm, port: str):
    with pytest.raises(lrpc.AccessDenied, match="kerberos: no credentials to use") as denied:
        lrpc.connect(
            rpcechoClient, f"{TCP}:localhost[{port}]", security=security("kerberos", AuthLevel.PRIVACY, "not of alice")
        )
    assert "not of alice" not in str(denied.value)


def test_a_service_that_the_kdc_does_not_know_is_access_denied(here: Realm, port: str):
    with pytest.raises(lrpc.AccessDenied, match="not found in Kerberos database"):
        lrpc.connect(
            rpcechoClient,
            f"{TCP}:localhost[{port},target_principal=nothing/localhost]",
            security=security("kerberos", AuthLevel.PRIVACY),
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("package", PACKAGES)
def test_every_kind_of_session_key_does(
    here: Realm, port: str, kind: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Their signatures differ in size."""
    config = tmp_path / "krb5.conf"
    kinds = f"[libdefaults]\n permitted_enctypes = {kind} {KINDS[0]}\n default_tgs_enctypes = {kind} {KINDS[0]}\n"
    config.write_text(here.config.read_text().replace("[libdefaults]\n", kinds))
    monkeypatch.setenv("KRB5_CONFIG", str(config))
    for level in (AuthLevel.INTEGRITY, AuthLevel.PRIVACY):
        with lrpc.connect(rpcechoClient, f"{TCP}:localhost[{port}]", security=security(package, level)) as client:
            check(client)


def test_sambas_client_gets_every_call_right(
    here: Realm, port: str, tmp_path: Path, shown: Callable[[str, str, str, str, str], None]
):
    script = Path(__file__).with_name("samba_kerberos.py")
    configuration = tmp_path / "smb.conf"
    configuration.write_text(
        f"[global]\n realm = {REALM}\n workgroup = LRPC\n interfaces = lo\n client use kerberos = required\n"
        f" private dir = {tmp_path}\n lock directory = {tmp_path}\n cache directory = {tmp_path}\n"
    )
    said = subprocess.run(
        ["/usr/bin/python3", str(script), port, ALICE, PASSWORD, *SAMBA_CASES],
        env={**os.environ, "SMB_CONF_PATH": str(configuration)},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    found = [json.loads(line) for line in said.splitlines()]
    assert [one for one in found if one["why"]] == []
    assert [one["case"] for one in found] == list(SAMBA_CASES)
    for level in WORDS:
        for name in ("Kerberos", "Negotiate of Kerberos"):
            shown("Samba 4.17, python3-samba", "client", TCP, f"{name} {level.name.lower()}", "4 of 4 calls")


def test_sambas_tests_of_raw_pdus_by_kerberos(tmp_path: Path, shown: Callable[[str, str, str, str, str], None]):
    """With header signing from the first leg on, later, and never."""
    network, runner = Network(), Path(__file__).with_name("samba_raw.py")
    configuration = tmp_path / "smb.conf"
    configuration.write_text(
        f"[global]\n realm = {REALM}\n workgroup = LRPC\n interfaces = lo\n client use kerberos = desired\n"
        f" private dir = {tmp_path}\n lock directory = {tmp_path}\n cache directory = {tmp_path}\n"
    )
    (tmp_path / "realm").mkdir()
    (tmp_path / "names").mkdir(mode=0o700)
    try:
        with realm(tmp_path / "realm", network.inside) as kdc:
            kdc.user("alice", PASSWORD)
            keytab = kdc.keytab(f"host/{JUDGED}")
            environment = {**kdc.environment, "LRPC_NAMESPACE": str(tmp_path / "names")}
            users = tmp_path / "users"
            users.write_text(f"LRPC:alice:{PASSWORD}\n")
            taken = ("--keytab", str(keytab), "--users", str(users))
            words = ["-m", "lrpc", "epmapper", "--listen", f"{TCP}:127.0.0.1[135]", *taken]
            with subprocess.Popen(
                network.inside(sys.executable, *words),
                cwd=ROOT,
                env=os.environ | environment,
                stdout=subprocess.PIPE,
                text=True,
            ) as server:
                listening(server, 2)
                try:
                    said = network.run(
                        "/usr/bin/python3",
                        str(runner),
                        *("127.0.0.1", "LRPC", "alice", PASSWORD, "_krb5_", "_change_auth_type1", "_change_auth_type2"),
                        **kdc.environment,
                        SMB_CONF_PATH=str(configuration),
                        TARGET_HOSTNAME=JUDGED,
                        REALM=REALM,
                    )
                finally:
                    server.terminate()
    finally:
        network.close()
    ran = [json.loads(line) for line in said.splitlines()]
    assert [one for one in ran if one["outcome"] != "right"] == []
    assert len(ran) == RAW
    shown("Samba 4.17, raw PDUs", "client", TCP, "Kerberos, packet and integrity", f"{RAW} of {RAW} tests")
