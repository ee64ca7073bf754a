"""`python -m benchmarks.corpus_install FOLDER`: the packages whose files `make corpus` reads.

Installs Debian's packages where this is root and there is an apt-get, and unpacks the interface files of Samba's source
package to FOLDER, by a list of sources of its own, made from the machine's, which is not touched. What cannot be had is
said and left out; `corpus_sets.py` takes what it finds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

PACKAGES: Final = ("libwine-dev", "camlidl", "directx-headers-dev", "wine64-tools")
"""The last one has widl, the peer."""
PARTS: Final = ("librpc/idl/", "source3/librpc/idl/", "source4/librpc/idl/")
"""Of Samba's source, what is unpacked."""


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"corpus: not root, or no apt-get: install {' '.join(PACKAGES)} by hand")
        return
    if missing := [package for package in PACKAGES if not _installed(package)]:
        _said("apt-get", "update", "-qq")
        for package in missing:
            _said("apt-get", "install", "-y", "-qq", "--no-install-recommends", package)
    if not list(folder.glob("samba-*")):
        _samba(folder)


def _installed(package: str) -> bool:
    return subprocess.run(["dpkg", "-s", package], capture_output=True, check=False).returncode == 0


def _samba(folder: Path) -> None:
    sources, lists = folder / "sources.list", folder / "lists"
    command = ["apt-get", "indextargets", "--format", "deb-src $(SITE) $(RELEASE) $(COMPONENT)"]
    known = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    sources.write_text("".join(f"{line}\n" for line in sorted(set(known.splitlines()))), encoding="utf-8")
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    own = {"Dir::Etc::SourceList": sources, "Dir::Etc::SourceParts": "/dev/null", "Dir::State::Lists": lists}
    options = [word for name, value in own.items() for word in ("-o", f"{name}={value}")]
    options += ["-o", "APT::Sandbox::User=root"]
    if not _said("apt-get", "update", "-qq", *options, folder=folder):
        return
    (folder / "config.h").touch()  # what Samba's configure writes, and one of the files includes: nothing defined
    if _said("apt-get", "source", "-qq", "--download-only", *options, "samba", folder=folder):
        for archive in folder.glob("samba_*.orig.tar.*"):
            _unpack(archive, folder)


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            if any(f"/{part}" in f"/{member.name.partition('/')[2]}" for part in PARTS):
                tar.extract(member, folder, filter="data")


def _said(*command: str, folder: Path | None = None) -> bool:
    """Run it quietly; what it complained of is printed when it fails."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        print(f"corpus: {' '.join(command)}: {ran.stderr.strip() or ran.stdout.strip()}")
    return ran.returncode == 0


if __name__ == "__main__":
    main()
