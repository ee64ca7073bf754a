from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.registry import machine
from examples.registry.hive import ERROR_FILE_NOT_FOUND, Hive
from examples.registry.values import Natural, decode
from lrpc import StatusError


@pytest.fixture
def hive() -> Iterator[Hive]:
    with Hive(":memory:") as opened:
        yield opened


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    write(tmp_path, "etc/os-release", 'ID=test\nNAME="Test OS"\n# no\n\nBROKEN="a\n')
    write(tmp_path, "proc/sys/kernel/hostname", "host\n")
    write(tmp_path, "proc/sys/kernel/pid_max", "4194304\n")
    write(tmp_path, "proc/sys/kernel/random_secret", "1\n")
    write(tmp_path, "proc/sys/vm/huge", f"{1 << 40}\n")
    write(tmp_path, "proc/sys/vm/words", "1\t2\t3\n")
    write(tmp_path, "proc/sys/vm/negative", "-1\n")
    write(tmp_path, "proc/sys/vm/endless", "9" * 30)
    write(tmp_path, "proc/sys/vm/lines", "one two\nthree\n")
    write(tmp_path, "proc/sys/vm/empty", "")
    write(tmp_path, "sys/class/net/eth0/address", "02:00:00:00:00:01\n")
    write(tmp_path, "sys/class/net/eth0/mtu", "1500\n")
    write(tmp_path, "sys/class/net/eth0/statistics/rx_bytes", f"{1 << 33}\n")
    write(tmp_path, "proc/self/mounts", "/dev/a\\040b /mnt/x\\134y ext4 rw,noatime 0 0\nshort line\n")
    write(tmp_path, "proc/cpuinfo", "processor\t: 0\nmodel name\t: One\n\nprocessor\t: 1\nmodel name\t: Two\n\n")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def read(hive: Hive, path: str, name: str) -> Natural:
    value = hive.value(hive.open(hive.root("HKEY_LOCAL_MACHINE"), path), name)
    return decode(value.type, value.data)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        (r"SOFTWARE\OperatingSystem", "ID", "test"),
        (r"SOFTWARE\OperatingSystem", "NAME", "Test OS"),
        (r"SOFTWARE\OperatingSystem", "BROKEN", '"a'),
        (r"SOFTWARE\OperatingSystem", "kernel.hostname", "host"),
        (r"SYSTEM\Kernel\Parameters\kernel", "pid_max", 4194304),
        (r"SYSTEM\Kernel\Parameters\vm", "huge", 1 << 40),
        (r"SYSTEM\Kernel\Parameters\vm", "words", "1 2 3"),
        (r"SYSTEM\Kernel\Parameters\vm", "negative", "-1"),
        (r"SYSTEM\Kernel\Parameters\vm", "endless", "9" * 30),
        (r"SYSTEM\Kernel\Parameters\vm", "lines", ["one two", "three"]),
        (r"SYSTEM\Network\Interfaces\eth0", "address", "02:00:00:00:00:01"),
        (r"SYSTEM\Network\Interfaces\eth0", "mtu", 1500),
        (r"SYSTEM\Network\Interfaces\eth0", "rx_bytes", 1 << 33),
        (r"SYSTEM\Mounts\0", "Device", "/dev/a b"),
        (r"SYSTEM\Mounts\0", "MountPoint", "/mnt/x\\y"),
        (r"SYSTEM\Mounts\0", "Options", ["rw", "noatime"]),
        (r"HARDWARE\CPU\1", "model name", "Two"),
    ],
)
def test_source_becomes_value(hive: Hive, fake: Path, path: str, name: str, value: object) -> None:
    machine.fill(hive, fake)
    assert read(hive, path, name) == value


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"SYSTEM\Kernel\Parameters\kernel", "random_secret"),
        (r"SYSTEM\Kernel\Parameters\vm", "empty"),
        (r"SYSTEM\Mounts\1", "Device"),
    ],
)
def test_what_is_hidden_empty_or_broken_is_left_out(hive: Hive, fake: Path, path: str, name: str) -> None:
    machine.fill(hive, fake)
    with pytest.raises(StatusError) as caught:
        read(hive, path, name)
    assert caught.value.code == ERROR_FILE_NOT_FOUND


def test_machine_without_any_source_gives_empty_keys(hive: Hive, tmp_path: Path) -> None:
    machine.fill(hive, tmp_path)
    root = hive.root("HKEY_LOCAL_MACHINE")
    for path in (r"SOFTWARE\OperatingSystem", r"SYSTEM\Network\Interfaces", r"SYSTEM\Mounts", r"HARDWARE\CPU"):
        info = hive.info(hive.open(root, path))
        assert (info.subkeys, info.values) == (0, 0)


def test_long_sources_are_cut(hive: Hive, fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "ENTRIES_MAX", 3)
    write(fake, "proc/self/mounts", "a b c d\n" * 10)
    write(fake, "proc/sys/vm/long", "x" * (machine.TEXT_MAX + 5))
    for index in range(10):
        write(fake, f"sys/class/net/if{index}/mtu", "1\n")
    machine.fill(hive, fake)
    root = hive.root("HKEY_LOCAL_MACHINE")
    assert hive.info(hive.open(root, r"SYSTEM\Mounts")).subkeys == 3
    assert hive.info(hive.open(root, r"SYSTEM\Network\Interfaces")).subkeys == 3


def test_entries_that_no_key_can_be_called_are_left_out(hive: Hive, fake: Path) -> None:
    for name in (b"back\\slash", b"\xff\xfe", b"new\nline"):
        folder = os.path.join(os.fsencode(fake), b"sys/class/net", name)
        os.mkdir(folder)
    machine.fill(hive, fake)
    assert hive.info(hive.open(hive.root("HKEY_LOCAL_MACHINE"), r"SYSTEM\Network\Interfaces")).subkeys == 1


def test_second_fill_replaces_the_first_and_keeps_what_others_wrote(hive: Hive, fake: Path) -> None:
    machine.fill(hive, fake)
    root = hive.root("HKEY_LOCAL_MACHINE")
    hive.set_value(hive.create(root, r"SOFTWARE\Mine")[0], "v", 1, "kept")
    write(fake, "proc/self/mounts", "")
    machine.fill(hive, fake)
    assert hive.info(hive.open(root, r"SYSTEM\Mounts")).subkeys == 0
    assert read(hive, r"SOFTWARE\Mine", "v") == "kept"


def test_this_machine_fills_the_hive(hive: Hive) -> None:
    machine.fill(hive)
    assert read(hive, r"SOFTWARE\OperatingSystem", "kernel.osrelease") == platform.release()
    names = {name for _, name in socket.if_nameindex()}
    interfaces = hive.open(hive.root("HKEY_LOCAL_MACHINE"), r"SYSTEM\Network\Interfaces")
    assert {hive.subkey(interfaces, index).name for index in range(hive.info(interfaces).subkeys)} & names
    assert read(hive, r"SYSTEM\Mounts\0", "MountPoint")
