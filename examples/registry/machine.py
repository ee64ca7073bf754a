"""This machine's own data as registry keys: what it runs, its network, its mounts, its kernel, its processors.

Counterpart: `hive.py`, where it goes. Rules of this file: a source that is missing or unreadable is
left out, never an error; a source that is endless is cut (the limits below); what a client wrote
elsewhere in the hive stays.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from .hive import Hive
from .values import RegistryType

REG_SZ, REG_DWORD, REG_QWORD = RegistryType.REG_SZ, RegistryType.REG_DWORD, RegistryType.REG_QWORD
REG_MULTI_SZ = RegistryType.REG_MULTI_SZ

TEXT_MAX: Final = 65_536
"""Octets read from one file: the longest are lists, and their beginnings say enough."""
ENTRIES_MAX: Final = 1_024
"""Keys made from one source: machines with thousands of mounts exist."""

KERNEL_FOLDERS: Final = ("kernel", "vm", "fs", "net/core", "net/ipv4")
"""The folders of /proc/sys that are shown; each one without its subfolders."""
KERNEL_HIDDEN: Final = re.compile(r"random|uuid|boot_id|core_pattern|modprobe|hotplug|fastopen_key|hash")
"""Parameters whose reading changes them, or that are nobody's business."""


def fill(hive: Hive, root: Path = Path("/")) -> None:
    """Write the machine's data below HKEY_LOCAL_MACHINE, replacing what an earlier fill wrote.

    root: where etc, proc and sys are found.
    """
    with hive.change():
        machine = hive.root("HKEY_LOCAL_MACHINE")
        _operating_system(_fresh(hive, machine, r"SOFTWARE\OperatingSystem"), hive, root)
        _interfaces(_fresh(hive, machine, r"SYSTEM\Network\Interfaces"), hive, root / "sys/class/net")
        _mounts(_fresh(hive, machine, r"SYSTEM\Mounts"), hive, root / "proc/self/mounts")
        _parameters(_fresh(hive, machine, r"SYSTEM\Kernel\Parameters"), hive, root / "proc/sys")
        _processors(_fresh(hive, machine, r"HARDWARE\CPU"), hive, root / "proc/cpuinfo")


def _fresh(hive: Hive, key: int, path: str) -> int:
    hive.prune(key, path)
    return hive.create(key, path)[0]


def _operating_system(key: int, hive: Hive, root: Path) -> None:
    for line in _text(root / "etc/os-release").splitlines():
        name, assigned, value = line.partition("=")
        if assigned and not name.startswith("#"):
            hive.set_value(key, name.strip(), REG_SZ, _unquoted(value))
    for name in ("hostname", "ostype", "osrelease", "version"):
        if text := _text(root / "proc/sys/kernel" / name).strip():
            hive.set_value(key, f"kernel.{name}", REG_SZ, text)


def _interfaces(key: int, hive: Hive, folder: Path) -> None:
    for interface in _entries(folder):
        child = hive.create(key, interface.name)[0]
        for name in ("address", "operstate", "duplex"):
            if text := _text(interface / name).strip():
                hive.set_value(child, name, REG_SZ, text)
        for name in ("mtu", "ifindex", "type", "tx_queue_len"):
            _set_number(hive, child, name, _text(interface / name), REG_DWORD)
        for name in ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets"):
            _set_number(hive, child, name, _text(interface / "statistics" / name), REG_QWORD)


def _mounts(key: int, hive: Hive, table: Path) -> None:
    for index, line in enumerate(_text(table).splitlines()[:ENTRIES_MAX]):
        fields = line.split(" ")
        if len(fields) < 4:
            continue
        child = hive.create(key, str(index))[0]
        device, point, kind, options = map(_unescaped, fields[:4])
        hive.set_value(child, "Device", REG_SZ, device)
        hive.set_value(child, "MountPoint", REG_SZ, point)
        hive.set_value(child, "FileSystem", REG_SZ, kind)
        hive.set_value(child, "Options", REG_MULTI_SZ, options.split(","))


def _parameters(key: int, hive: Hive, folder: Path) -> None:
    for name in KERNEL_FOLDERS:
        child = hive.create(key, name.replace("/", "\\"))[0]
        for entry in _entries(folder / name):
            if entry.is_file() and not KERNEL_HIDDEN.search(entry.name) and (text := _text(entry).strip()):
                _set_parameter(hive, child, entry.name, text)


def _set_parameter(hive: Hive, key: int, name: str, text: str) -> None:
    """A number as a number, several lines as several strings, the rest as text."""
    if _set_number(hive, key, name, text, REG_DWORD) or _set_number(hive, key, name, text, REG_QWORD):
        return
    lines = [" ".join(line.split()) for line in text.splitlines()]
    if len(lines) > 1:
        hive.set_value(key, name, REG_MULTI_SZ, lines)
    else:
        hive.set_value(key, name, REG_SZ, lines[0])


def _processors(key: int, hive: Hive, table: Path) -> None:
    for index, block in enumerate(_text(table).split("\n\n")[:ENTRIES_MAX]):
        pairs = [line.partition(":")[::2] for line in block.splitlines() if ":" in line]
        if not pairs:
            continue
        child = hive.create(key, str(index))[0]
        for name, value in pairs:
            hive.set_value(child, name.strip(), REG_SZ, value.strip())


def _set_number(hive: Hive, key: int, name: str, text: str, kind: RegistryType) -> bool:
    """False, and nothing written, when the text is no number of that size."""
    digits = text.strip()
    if not digits.isdecimal() or len(digits) > 20 or int(digits) >> (32 if kind == REG_DWORD else 64):
        return False
    hive.set_value(key, name, kind, int(digits))
    return True


def _text(path: Path) -> str:
    """The beginning of a file as text; nothing when it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(TEXT_MAX)
    except OSError:
        return ""
    return data.decode("utf-8", "replace").replace("\0", " ")


def _entries(folder: Path) -> Sequence[Path]:
    """What is in a folder, by name; nothing when it cannot be read."""
    try:
        return sorted(islice(_listed(folder), ENTRIES_MAX))
    except OSError:
        return ()


def _listed(folder: Path) -> Iterator[Path]:
    """Only what a key can be called."""
    return (entry for entry in folder.iterdir() if entry.name.isprintable() and "\\" not in entry.name)


def _unquoted(value: str) -> str:
    """A value of os-release, which is written as for a shell."""
    try:
        return "".join(shlex.split(value))
    except ValueError:
        return value.strip()


def _unescaped(field: str) -> str:
    r"""A field of the mount table, where a space is `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
