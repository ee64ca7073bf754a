"""Samba's programs as Debian has them, with a configuration of their own."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.interop.accounts import DOMAIN, PASSWORD, USER
from tests.interop.network import Network

PYTHON: Final = "/usr/bin/python3"
"""The one that Debian's python3-samba is for."""
ADMINISTRATOR: Final = "root"
"""The account of Samba's servers, which has to be one of the machine."""
INSTALL: Final = "Samba's programs are needed: apt-get install samba-testsuite smbclient samba-common-bin python3-samba"
DCERPCD: Final = "/usr/libexec/samba/samba-dcerpcd"
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
SERVERS: Final = """    netbios name = SAMBA
    bind interfaces only = yes
    map to guest = Bad User
    rpc start on demand helpers = no
    rpc server dynamic port range = 42000-42099
"""
"""What the configuration of servers has besides."""
RESULT: Final = re.compile(r"^(success|failure|error|skip): ([\w.-]+)", re.M)


def missing() -> str:
    """What has to be installed; nothing when all is there."""
    there = all(shutil.which(name) for name in ("smbtorture", "rpcclient", "nsenter", "ip", DCERPCD))
    return "" if there else INSTALL


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


class Servers:
    """Samba's services for a network of their own: a mapper on 135 and what it knows. Ends by `close`."""

    def __init__(self, folder: Path) -> None:
        self.network = Network()
        (folder / "ncalrpc").mkdir()
        configuration = folder / "smb.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, domain=DOMAIN) + SERVERS)
        subprocess.run(
            ["smbpasswd", "-c", str(configuration), "-a", "-s", ADMINISTRATOR],
            input=f"{PASSWORD}\n{PASSWORD}\n",
            text=True,
            check=True,
            capture_output=True,
        )
        words = [DCERPCD, "-s", str(configuration), "--libexec-rpcds", "-F", "--debug-stdout", "--no-process-group"]
        with (folder / "said").open("w") as said:
            self._process = subprocess.Popen(
                self.network.inside(*words), stdin=subprocess.DEVNULL, stdout=said, stderr=said
            )

    def run(self, *words: str) -> str:
        """What a module of ours says in there, once the mapper listens; its user may log on as the administrator."""
        wait = "until (echo > /dev/tcp/127.0.0.1/135) 2>/dev/null; do sleep 0.05; done"
        user = {"LRPC_USER": f"{DOMAIN}\\{ADMINISTRATOR}", "LRPC_PASSWORD": PASSWORD}
        return self.network.run("bash", "-c", f'{wait}; exec "$@"', "bash", sys.executable, "-m", *words, **user)

    def close(self) -> None:
        """End them."""
        self._process.terminate()
        self._process.wait(30)
        self.network.close()
