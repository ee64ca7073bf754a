from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import threading
from pathlib import Path

import pytest

from lrpc.runtime.capture import pcapng
from lrpc.runtime.capture.file import CaptureFile, Side, is_ours, opened, preamble

BLOCK = pcapng.packet(Side.SERVER, 1, b"x" * 100, outbound=True)


def packets(path: Path) -> list[pcapng.Packet]:
    with path.open("rb") as file:
        return list(pcapng.read(file))


def test_a_file_begins_with_its_header_and_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    for side in Side:
        opened(path).write(pcapng.packet(side, side, b"", outbound=True))
    assert [packet.interface for packet in packets(path)] == ["client", "server"]
    assert path.read_bytes().count(preamble()) == 1


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    opened(tmp_path / "x.pcapng")
    assert (tmp_path / "x.pcapng").stat().st_mode & 0o777 == 0o600


def test_an_earlier_capture_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    for _ in range(3):
        CaptureFile(str(path)).write(BLOCK)
    assert len(packets(path)) == 3


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "precious.txt"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match="no capture of lrpc"):
        opened(path)
    assert path.read_text() == "precious"


def test_a_capture_of_another_program_is_not_ours() -> None:
    other = pcapng.section_header("lrpc ", "x") + pcapng.interface("eth0", "")
    assert is_ours(preamble())
    assert not is_ours(other)
    assert not is_ours(b"")


def test_connections_of_a_process_share_a_file_until_it_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    first = opened(path)
    assert opened(path) is first
    path.unlink()
    assert opened(path) is not first
    assert path.exists()


def test_the_descriptor_is_closed_with_the_last_user(tmp_path: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    file = opened(tmp_path / "x.pcapng")
    assert set(os.listdir("/proc/self/fd")) != before
    del file
    assert set(os.listdir("/proc/self/fd")) == before


def append(path: str, number: int, times: int) -> None:
    file = CaptureFile(path)
    for time in range(times):
        file.write(pcapng.packet(Side.CLIENT, time, bytes((number,)) * (number * 37), outbound=True))


def test_processes_and_threads_append_without_mixing(tmp_path: Path) -> None:
    path, times = tmp_path / "x.pcapng", 200
    processes = [
        multiprocessing.get_context("spawn").Process(target=append, args=(str(path), n, times)) for n in (1, 2)
    ]
    threads = [threading.Thread(target=append, args=(str(path), n, times)) for n in (3, 4)]
    for each in (*processes, *threads):
        each.start()
    for each in (*processes, *threads):
        each.join()
    found = packets(path)
    assert len(found) == 4 * times
    for number in (1, 2, 3, 4):
        own = [packet for packet in found if packet.octets[0] == number]
        assert [packet.time for packet in own] == list(range(times))
        assert {packet.octets for packet in own} == {bytes((number,)) * (number * 37)}


@pytest.mark.parametrize("taken", [0, 50], ids=["nothing", "a part"])
def test_a_full_disk_ends_the_capture_and_nothing_else(
    taken: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = CaptureFile(str(tmp_path / "x.pcapng"))
    write, calls = os.write, list[bytes]()

    def full(descriptor: int, octets: bytes) -> int:
        calls.append(octets)
        if taken:
            return write(descriptor, octets[:taken])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with caplog.at_level(logging.ERROR, "lrpc.capture"):
        file.write(BLOCK)
        file.write(BLOCK)
    assert len(calls) == len(caplog.records) == 1
    assert "No space left" in caplog.text
    assert "given up" in repr(file)
    assert packets(tmp_path / "x.pcapng") == []


@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_only_a_regular_file_is_written_to(tmp_path: Path, kind: str) -> None:
    path = {"fifo": tmp_path / "pipe", "device": Path("/dev/full"), "folder": tmp_path}[kind]
    if kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(OSError, match=r"regular file|Is a directory"):
        CaptureFile(str(path))


def test_a_file_that_cannot_be_had_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        opened(tmp_path / "missing" / "x.pcapng")
