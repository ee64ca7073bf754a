from __future__ import annotations

import fcntl
import itertools
import mmap
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports.alpc.memory import memfd as memfd_module
from lrpc.transports.alpc.memory.section import (
    COLD_USES,
    PAGE,
    SECTION_SPAN,
    WARM_SIZE,
    IncomingSection,
    OutgoingSection,
    SectionLimits,
    View,
)
from lrpc.transports.alpc.messages.attributes import VIEW_SECURED_ACCESS, ViewAttribute
from lrpc.transports.alpc.quota import Account
from lrpc.transports.errors import BadFrame, Disconnected, QuotaExceeded, ResourcesExhausted, SectionTooBig

SIZE = 64 * PAGE
SEALS = 0x1 | 0x2 | 0x4


@pytest.fixture
def section() -> Iterator[OutgoingSection]:
    section = OutgoingSection(SIZE)
    yield section
    section.close()


def memfd(size: int = SIZE, seals: int | None = SEALS) -> int:
    descriptor = os.memfd_create("test", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(descriptor, size)
    if seals is not None:
        fcntl.fcntl(descriptor, 1033, seals)
    return descriptor


# The sender's end


def test_what_is_written_in_a_view_is_read_at_the_other_end(section: OutgoingSection) -> None:
    descriptor = section.descriptor_for_peer()
    incoming = IncomingSection(descriptor, section.size, SIZE)
    os.close(descriptor)
    for text in (b"first", b"second"):
        view = section.allocate(len(text))
        view.buffer[:] = text
        seen = incoming.view(view.attribute)
        assert bytes(seen) == text
        assert seen.readonly
        seen.release()
    incoming.close()


def test_a_section_is_sealed_and_passed_read_only(section: OutgoingSection) -> None:
    descriptor = section.descriptor_for_peer()
    try:
        assert fcntl.fcntl(descriptor, 1034) & SEALS == SEALS
        assert not os.get_inheritable(descriptor)
        assert stat.S_IMODE(os.fstat(descriptor).st_mode) == 0o400
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(descriptor, b"x")
        with pytest.raises(PermissionError):
            mmap.mmap(descriptor, SIZE)
    finally:
        os.close(descriptor)


def test_the_first_fit_uses_the_same_room_again(section: OutgoingSection) -> None:
    first = section.allocate(100)
    second = section.allocate(PAGE + 1)
    assert (first.offset, second.offset) == (0, PAGE)
    section.free(first)
    third = section.allocate(PAGE)
    assert third.offset == 0
    assert len({view.number for view in (first, second, third)}) == 3


def test_a_full_section_says_so_until_something_is_given_back(section: OutgoingSection) -> None:
    views = [section.allocate(16 * PAGE) for _ in range(4)]
    with pytest.raises(QuotaExceeded):
        section.allocate(1)
    section.free(views[1])
    section.free(views[2])
    assert section.allocate(32 * PAGE).offset == 16 * PAGE


def test_more_than_a_section_holds_is_too_long(section: OutgoingSection) -> None:
    with pytest.raises(SectionTooBig):
        section.allocate(SIZE + 1)
    assert len(section.allocate(SIZE).buffer) == SIZE


def test_freeing_twice_is_freeing_once(section: OutgoingSection) -> None:
    view = section.allocate(PAGE)
    section.free(view)
    other = section.allocate(PAGE)
    section.free(view)
    assert section.allocate(PAGE).offset != other.offset


def test_an_empty_view_is_a_view(section: OutgoingSection) -> None:
    assert len(section.allocate(0).buffer) == 0


@given(st.lists(st.tuples(st.integers(0, 20 * PAGE), st.integers(0, 7)), max_size=60))
def test_views_never_overlap_and_all_room_comes_back(steps: list[tuple[int, int]]) -> None:
    section = OutgoingSection(SIZE)
    views: list[View] = []
    for size, which in steps:
        try:
            views.append(section.allocate(size))
        except QuotaExceeded:
            if views:
                section.free(views.pop(which % len(views)))
        ranges = sorted((view.offset, view.offset + taken(view)) for view in views)
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(ranges))
        assert section.free_size == SIZE - sum(map(taken, views))
    for view in views:
        section.free(view)
    views.clear()
    assert section.allocate(SIZE).offset == 0
    section.close()


def test_pages_beyond_the_warm_ones_go_back_when_freed() -> None:
    section = OutgoingSection(WARM_SIZE + (8 << 20))
    view = section.allocate(section.size)
    view.buffer[::PAGE] = b"x" * len(view.buffer[::PAGE])
    assert blocks(section) == section.size
    section.free(view)
    assert blocks(section) == WARM_SIZE
    del view
    section.close()


def test_pages_of_who_comes_again_are_kept() -> None:
    section = OutgoingSection(WARM_SIZE + (8 << 20))
    for _ in range(COLD_USES + 1):
        view = section.allocate(section.size)
        view.buffer[::PAGE] = b"x" * len(view.buffer[::PAGE])
        section.free(view)
    assert blocks(section) == section.size
    del view
    section.close()


def test_room_that_two_views_share_comes_back_with_the_second(section: OutgoingSection) -> None:
    whole = section.allocate(2 * PAGE)
    part = section.share(whole, 100, 50)
    assert part is not None
    part.buffer[:] = b"x" * 50
    assert bytes(whole.buffer[99:151]) == b"\0" + b"x" * 50 + b"\0"
    assert part.number != whole.number
    assert section.share(whole, 0, 1) is None
    section.free(whole)
    assert section.free_size == SIZE - 2 * PAGE
    section.free(part)
    assert section.free_size == SIZE
    assert section.share(whole, 0, 1) is None


def test_views_of_sections_with_another_base_say_so() -> None:
    section = OutgoingSection(SIZE, 3 * SECTION_SPAN, iter([7]))
    view = section.allocate(10)
    assert view.attribute == ViewAttribute(0, 7, 3 * SECTION_SPAN, 10)
    assert "0x30000000000" in repr(view)
    view.buffer.release()
    section.close()


def taken(view: View) -> int:
    assert view.room is not None
    return view.room.size


def blocks(section: OutgoingSection) -> int:
    descriptor = section.descriptor_for_peer()
    try:
        return os.fstat(descriptor).st_blocks * 512
    finally:
        os.close(descriptor)


def test_a_closed_section_gives_no_room_and_takes_any(section: OutgoingSection) -> None:
    view = section.allocate(1)
    section.close()
    section.free(view)
    with pytest.raises(Disconnected):
        section.allocate(1)


def test_a_view_that_is_still_held_outlives_its_section(open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    section = OutgoingSection(SIZE)
    view = section.allocate(5)
    section.close()
    view.buffer[:] = b"still"
    assert bytes(view.buffer) == b"still"
    del view, section
    assert open_descriptors() == before


def test_a_machine_without_memory_is_resources_exhausted(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*arguments: object) -> None:
        raise OSError(12, "Cannot allocate memory")

    monkeypatch.setattr(memfd_module.os, "memfd_create", no_memory)
    with pytest.raises(ResourcesExhausted):
        OutgoingSection(SIZE)


def test_a_section_that_could_not_be_sealed_is_not_leaked(
    monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(22, "Invalid argument")

    before = open_descriptors()
    monkeypatch.setattr(memfd_module.fcntl, "fcntl", refuse)
    with pytest.raises(Exception, match="Invalid argument"):
        OutgoingSection(SIZE)
    assert open_descriptors() == before


# The receiver's end


@pytest.mark.parametrize("seals", [None, 0, 0x2, 0x4, 0x6, 0x1 | 0x2, 0x10 | 0x1, 0x8 | 0x1])
def test_a_section_without_every_seal_is_refused(seals: int | None) -> None:
    descriptor = memfd(seals=seals)
    with pytest.raises(BadFrame):
        IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)


@pytest.mark.parametrize(
    ("real", "announced", "allowed"),
    [
        (SIZE, SIZE + PAGE, 1 << 40),
        (SIZE, SIZE - PAGE, 1 << 40),
        (SIZE, SIZE, SIZE - 1),
        (0, 0, SIZE),
        (1 << 60, 1 << 60, SIZE),
    ],
)
def test_a_section_of_the_wrong_size_is_refused(real: int, announced: int, allowed: int) -> None:
    descriptor = memfd(real)
    with pytest.raises(BadFrame):
        IncomingSection(descriptor, announced, allowed)
    os.close(descriptor)


def test_what_is_no_memfd_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(SIZE))
    reader, writer = os.pipe()
    descriptors = [os.open(file, os.O_RDWR), os.open(tmp_path, os.O_RDONLY), os.open("/dev/zero", os.O_RDWR), reader]
    for descriptor in descriptors:
        with pytest.raises(BadFrame):
            IncomingSection(descriptor, SIZE, SIZE)
        os.close(descriptor)
    os.close(writer)


@pytest.mark.parametrize(
    "attribute",
    [(1, SIZE, 1), (1, 0, SIZE + 1), (1, 1 << 63, 1 << 63), (1, (1 << 64) - 1, 1), (1, (1 << 40) + 1, SIZE)],
)
def test_a_view_outside_of_the_section_is_refused(attribute: tuple[int, int, int]) -> None:
    descriptor = memfd()
    incoming = IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)
    with pytest.raises(BadFrame):
        incoming.view(ViewAttribute(0, *attribute))
    assert len(incoming.view(ViewAttribute(0, 1, SIZE, 0))) == 0
    incoming.close()


def test_a_section_that_its_user_has_no_room_for_is_closed() -> None:
    descriptor = memfd()
    incoming = IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)
    with pytest.raises(QuotaExceeded):
        incoming.charge(Account(SIZE))
    with pytest.raises(ValueError, match="released"):
        incoming.view(ViewAttribute(0, 1, 0, 1))


def test_a_received_view_that_is_still_held_outlives_the_section() -> None:
    descriptor = memfd()
    incoming = IncomingSection(descriptor, SIZE, SIZE)
    os.pwrite(descriptor, b"kept", 8)
    os.close(descriptor)
    view = incoming.view(ViewAttribute(0, 1, 8, 4))
    incoming.close()
    assert bytes(view) == b"kept"


def test_a_secure_view_of_a_section_that_can_be_written_is_refused() -> None:
    descriptor = memfd()
    incoming = IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)
    assert not incoming.secured
    with pytest.raises(BadFrame):
        incoming.view(ViewAttribute(VIEW_SECURED_ACCESS, 1, 0, 1))
    incoming.close()


@pytest.mark.parametrize(("seals", "secured"), [(SEALS, False), (SEALS | 0x8, True), (SEALS | 0x10, False)])
def test_only_a_seal_against_all_writing_is_secure(seals: int, secured: bool) -> None:
    descriptor = memfd(seals=seals)
    incoming = IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)
    assert incoming.secured is secured
    incoming.close()


def test_of_two_limits_the_smaller_counts() -> None:
    assert SectionLimits(1, 20, 3).within(SectionLimits(10, 2, 30)) == SectionLimits(1, 2, 3)
