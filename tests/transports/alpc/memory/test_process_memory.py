from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable

import pytest

from lrpc.transports.alpc.memory import process_memory
from lrpc.transports.alpc.memory.process_memory import (
    GrantedMemory,
    Nonce,
    ProcessMemory,
    address_of,
    found,
    granted_by,
    open_own_memory,
)

WATCHDOG = 20.0

SOURCE = """
import sys
from lrpc.transports.alpc.memory.process_memory import Nonce
nonce = Nonce()
print(nonce.address, bytes(nonce.octets).hex(), flush=True)
sys.stdin.readline()
print(bytes(nonce.octets).hex(), flush=True)
sys.stdin.readline()
"""

Other = tuple[subprocess.Popen[bytes], int, bytes]


@pytest.fixture
def other(run_child: Callable[..., subprocess.Popen[bytes]]) -> Other:
    """Another process, and where it has a nonce."""
    child = run_child(SOURCE)
    assert child.stdout is not None
    address, nonce = child.stdout.readline().split()
    return child, int(address), bytes.fromhex(nonce.decode())


@pytest.fixture
def memory(other: Other) -> ProcessMemory:
    return ProcessMemory(other[0].pid, os.pidfd_open(other[0].pid))


def seen_by(child: subprocess.Popen[bytes]) -> bytes:
    """What the nonce is for the process itself."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(b"\n")
    child.stdin.flush()
    return bytes.fromhex(child.stdout.readline().decode())


def test_another_process_is_read_and_written(other: Other, memory: ProcessMemory) -> None:
    child, address, nonce = other
    assert found(memory, address, nonce)
    assert memory.write(address + 4, b"new!")
    assert seen_by(child) == nonce[:4] + b"new!" + nonce[8:]


def test_what_is_not_there_is_not_found(other: Other, memory: ProcessMemory) -> None:
    _, address, nonce = other
    assert not found(memory, address + 1, nonce)
    assert not found(memory, 16, nonce)
    assert not found(memory, (1 << 64) - 8, nonce)
    assert not memory.write(16, b"x")


def test_nothing_of_a_process_that_has_ended_counts(other: Other, memory: ProcessMemory) -> None:
    child, address, nonce = other
    child.send_signal(signal.SIGKILL)
    child.wait(WATCHDOG)
    assert not found(memory, address, nonce)
    assert not memory.write(address, b"x")


def test_what_was_read_of_a_number_whose_process_has_ended_is_no_good(other: Other) -> None:
    gone = subprocess.Popen(["true"])
    pidfd = os.pidfd_open(gone.pid)
    gone.wait(WATCHDOG)
    memory = ProcessMemory(other[0].pid, pidfd)  # as if the number had been given to another
    assert not found(memory, other[1], other[2])
    assert not memory.write(other[1], b"x")


def test_another_user_is_out_of_reach_unless_one_is_root(run_child: Callable[..., subprocess.Popen[bytes]]) -> None:
    if os.geteuid():
        pytest.fail("this test forks processes of other users: run it as root")
    child = run_child(SOURCE)
    assert child.stdout is not None
    address, nonce = child.stdout.readline().split()
    script = (
        "import os; from lrpc.transports.alpc.memory.process_memory import *;"
        "os.setresgid(1000, 1000, 1000); os.setresuid(1000, 1000, 1000);"
        f"print(found(ProcessMemory({child.pid}, None), {int(address)}, bytes.fromhex('{nonce.decode()}')))"
    )
    asking = run_child(script)
    assert asking.communicate(timeout=WATCHDOG)[0] == b"False\n"


def test_a_descriptor_of_memory_reads_and_writes() -> None:
    octets = bytearray(b"0123456789")
    granted = GrantedMemory(open_own_memory())
    address, into = address_of(memoryview(octets)), bytearray(4)
    assert granted.read(address + 2, memoryview(into))
    assert into == b"2345"
    assert granted.write(address, b"ab")
    assert octets == b"ab23456789"
    assert not granted.read(16, memoryview(into))
    assert not granted.write(1 << 65, b"x")


def test_only_the_memory_of_the_peer_is_taken_for_it() -> None:
    memory = open_own_memory()
    assert granted_by(memory, os.getpid())
    assert not granted_by(memory, os.getppid())
    assert not granted_by(memory, None)
    os.close(memory)
    assert not granted_by(memory, os.getpid())


@pytest.mark.parametrize("path", ["/dev/zero", "/proc/self/maps", "/proc/self", "/"])
def test_another_file_is_not_memory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    assert not granted_by(descriptor, os.getpid())
    os.close(descriptor)


def test_neither_a_pipe_nor_a_file_of_that_name_is_memory() -> None:
    reader, writer = os.pipe()
    with tempfile.NamedTemporaryFile(suffix="mem") as file:
        assert not any(granted_by(found, os.getpid()) for found in (reader, writer, file.fileno()))
    os.close(reader)
    os.close(writer)


def test_addresses_are_those_of_the_octets() -> None:
    octets = bytearray(b"0123456789")
    address = address_of(memoryview(octets)[3:])
    assert ctypes.string_at(address, 4) == b"3456"
    assert ctypes.string_at(address_of(memoryview(b"constant")), 8) == b"constant"
    assert address_of(memoryview(b"")) == 0


def test_no_nonce_is_like_another() -> None:
    assert Nonce().octets != Nonce().octets


def test_a_kernel_that_forbids_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidding:
        def process_vm_readv(self, *arguments: object) -> int:
            return -1

        process_vm_writev = process_vm_readv

    monkeypatch.setattr(process_memory, "_libc", Forbidding())
    nonce = Nonce()
    memory = ProcessMemory(os.getpid(), None)
    assert not found(memory, nonce.address, bytes(nonce.octets))
    assert not memory.write(nonce.address, b"x")
