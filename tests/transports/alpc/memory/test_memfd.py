from __future__ import annotations

import fcntl
import mmap
import os

import pytest

from lrpc.transports.alpc.memory.memfd import freeze, map_read_only, new_memfd, read_only, unmap

SIZE = 4 * mmap.PAGESIZE


def test_a_frozen_memfd_can_be_changed_by_nobody() -> None:
    descriptor = new_memfd(SIZE, sealed=False)
    os.pwrite(descriptor, b"before", 0)
    freeze(descriptor)
    for change in (lambda: os.pwrite(descriptor, b"after", 0), lambda: os.ftruncate(descriptor, 0)):
        with pytest.raises(PermissionError):
            change()
    with pytest.raises(PermissionError):
        mmap.mmap(descriptor, SIZE)
    mapped, frozen = map_read_only(descriptor, SIZE, SIZE)
    assert frozen
    assert mapped[:6] == b"before"
    mapped.close()
    os.close(descriptor)


def test_a_memfd_that_is_mapped_to_be_written_is_not_frozen() -> None:
    descriptor = new_memfd(SIZE, sealed=False)
    with mmap.mmap(descriptor, SIZE), pytest.raises(OSError, match="busy"):
        freeze(descriptor)
    os.close(descriptor)


def test_a_sealed_memfd_keeps_its_size_and_takes_no_further_seal() -> None:
    descriptor = new_memfd(SIZE, sealed=True)
    os.pwrite(descriptor, b"x", 0)
    for size in (0, 2 * SIZE):
        with pytest.raises(PermissionError):
            os.ftruncate(descriptor, size)
    with pytest.raises(PermissionError):
        fcntl.fcntl(descriptor, 1033, 0x8)
    os.close(descriptor)


def test_a_read_only_descriptor_does_not_write() -> None:
    descriptor = new_memfd(SIZE, sealed=True)
    other = read_only(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.pwrite(other, b"x", 0)
    assert not os.get_inheritable(other)
    os.close(descriptor)
    os.close(other)


def test_what_is_still_used_is_unmapped_later() -> None:
    mapped = mmap.mmap(-1, SIZE)
    view = memoryview(mapped)
    unmap(mapped)
    view[0] = 1
    assert view[0] == 1
    view.release()
    unmap(mapped)
    assert mapped.closed
