"""A realm of its own: an MIT KDC on a port of loopback, its database in a folder that the test gives."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

REALM: Final = "LRPC.EXAMPLE"
SBIN: Final = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


class Realm:
    """What a test knows of a KDC that runs."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.config = folder / "krb5.conf"
        self.config.write_text(
            f"[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n"
            f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
            f"[domain_realm]\n localhost = {REALM}\n"
        )
        (folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n"
            f"[realms]\n {REALM} = {{\n  database_name = {folder}/principal\n  key_stash_file = {folder}/stash\n"
            f"  acl_file = {folder}/acl\n }}\n"
        )
        self.environment = {
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{folder}/tickets",
            "KRB5RCACHENAME": "none:",
        }

    def run(self, *command: str, typed: str = "") -> None:
        """Run a tool of MIT's in this realm."""
        subprocess.run(
            [found(command[0]), *command[1:]],
            env={**os.environ, **self.environment},
            input=typed,
            text=True,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def user(self, name: str, password: str) -> None:
        """Let there be a user."""
        self.run("kadmin.local", "-r", REALM, "addprinc", "-pw", password, name)

    def keytab(self, *services: str, kinds: str = "aes256-cts:normal,aes128-cts:normal") -> Path:
        """Let there be services: the file of their keys."""
        path = self.folder / "keytab"
        for service in services:
            self.run("kadmin.local", "-r", REALM, "addprinc", "-e", kinds, "-randkey", service)
            self.run("kadmin.local", "-r", REALM, "ktadd", "-e", kinds, "-k", str(path), service)
        return path

    def log_in(self, name: str, password: str) -> None:
        """Fill the ticket cache."""
        self.run("kinit", name, typed=f"{password}\n")


def found(tool: str) -> str:
    """Where a tool is; Debian has some of them for the administrator only."""
    path = shutil.which(tool, path=SBIN)
    assert path is not None, f"{tool} is not installed: krb5-kdc, krb5-admin-server and krb5-user have it"
    return path


def as_it_is(*command: str) -> Sequence[str]:
    """A command that runs here."""
    return command


@contextmanager
def realm(folder: Path, inside: Callable[..., Sequence[str]] = as_it_is) -> Generator[Realm]:
    """A KDC, as long as it is wanted. inside: the command that runs one in some network."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    made = Realm(folder, port)
    made.run("kdb5_util", "create", "-r", REALM, "-s", "-P", "of the database")
    kdc = subprocess.Popen(
        inside(found("krb5kdc"), "-n", "-r", REALM),
        env={**os.environ, **made.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert kdc.stdout is not None
    try:
        for line in kdc.stdout:
            if b"starting" in line:
                break
        yield made
    finally:
        kdc.terminate()
        kdc.wait(10)
        kdc.stdout.close()
