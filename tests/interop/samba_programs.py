"""Samba's programs as Debian has them, with a configuration of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from tests.interop.network import Network

PYTHON: Final = "/usr/bin/python3"
"""The one that Debian's python3-samba is for."""
DOMAIN, USER, PASSWORD = "DOMAIN", "user", "Passw0rd"
CONFIGURATION: Final = """[global]
    netbios name = JUDGE
    workgroup = {domain}
    realm = {domain}.TEST
    server role = standalone
    interfaces = lo
    client use kerberos = off
    name resolve order = host
    private dir = {folder}
    lock directory = {folder}
    state directory = {folder}
    cache directory = {folder}
    pid directory = {folder}
    ncalrpc dir = {folder}/ncalrpc
    log file = {folder}/log
"""
KERBEROS: Final = """[libdefaults]
    dns_lookup_kdc = false
    dns_lookup_realm = false
"""
RESULT: Final = re.compile(r"^(success|failure|error|skip): ([\w.-]+)", re.M)


class Samba:
    """The clients, in a network. user: log on as USER; else nobody."""

    def __init__(self, folder: Path, network: Network) -> None:
        self._network = network
        self._configuration = folder / "smb.conf"
        self._configuration.write_text(CONFIGURATION.format(folder=folder, domain=DOMAIN))
        kerberos = folder / "krb5.conf"
        kerberos.write_text(KERBEROS)
        self._environment = {"SMB_CONF_PATH": str(self._configuration), "KRB5_CONFIG": str(kerberos)}

    def torture(self, test: str, binding: str, *, user: bool = False) -> dict[str, list[str]]:
        """The subtests of a test of smbtorture, by their outcome."""
        options = ("--option=torture:quick=no", "--option=torture:async=yes")  # with the slow ones
        said = self._run("smbtorture", binding, test, *options, user=user)
        found: dict[str, list[str]] = {}
        for outcome, name in RESULT.findall(said):
            found.setdefault(outcome, []).append(name)
        assert found, said
        return found

    def rpcclient(self, binding: str, *commands: str, user: bool = False) -> str:
        """What rpcclient says to commands."""
        return self._run("rpcclient", binding, "-c", ";".join(commands), user=user)

    def script(self, path: Path, *words: str) -> str:
        """What a script says that uses Samba's modules."""
        return self._network.run(PYTHON, str(path), *words, **self._environment)

    def _run(self, program: str, *words: str, user: bool) -> str:
        who = f"{DOMAIN}/{USER}%{PASSWORD}" if user else "%"
        configuration = ("-s", str(self._configuration))
        return self._network.run(program, *configuration, f"-U{who}", *words, **self._environment)
