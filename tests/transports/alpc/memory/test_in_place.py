from __future__ import annotations

from collections.abc import Iterator

import pytest

from lrpc.transports.alpc.memory.in_place import MARGIN, InPlace
from lrpc.transports.alpc.memory.section import OutgoingSection
from lrpc.transports.errors import SectionTooBig

SIZE = 1 << 20


@pytest.fixture
def section() -> Iterator[OutgoingSection]:
    section = OutgoingSection(SIZE)
    yield section
    section.close()


def test_what_stands_around_is_written_around(section: OutgoingSection) -> None:
    room = InPlace(section, 10)
    room.buffer[:] = b"0123456789"
    view = room.claim.around([b"head", b"er", room.buffer, b"tail"], 20)
    assert view is not None
    assert view.buffer == b"header0123456789tail"
    assert view.size == 20


def test_the_octets_stay_where_they_are(section: OutgoingSection) -> None:
    room = InPlace(section, 10)
    view = room.claim.around([room.buffer], 10)
    assert view is not None
    room.buffer[3] = 7
    assert view.buffer[3] == 7


def test_another_format_of_the_same_octets_is_the_same(section: OutgoingSection) -> None:
    room = InPlace(section, 16)
    assert room.claim.around([room.buffer.cast("d").cast("B")], 16) is not None


@pytest.mark.parametrize("part", [lambda b: b[1:], lambda b: b[:-1], bytes, lambda b: memoryview(bytearray(b))])
def test_what_is_not_the_whole_buffer_is_left_to_be_copied(section: OutgoingSection, part) -> None:  # type: ignore[no-untyped-def]
    room = InPlace(section, 100)
    room.buffer[:] = b"x" * 100
    assert room.claim.around([b"head", part(room.buffer), b"tail"], 108) is None
    assert bytes(room.buffer) == b"x" * 100


@pytest.mark.parametrize("before", [0, 1])
def test_what_does_not_fit_around_is_left_to_be_copied(section: OutgoingSection, before: int) -> None:
    room = InPlace(section, 10)
    parts = [bytes(MARGIN + 1), room.buffer] if before else [room.buffer, bytes(MARGIN + 1)]
    assert room.claim.around(parts, MARGIN + 11) is None
    assert room.claim.around([bytes(MARGIN), room.buffer, bytes(MARGIN)], 2 * MARGIN + 10) is not None


def test_while_one_message_has_it_another_copies(section: OutgoingSection) -> None:
    room = InPlace(section, 10)
    first = room.claim.around([b"a", room.buffer], 11)
    assert first is not None
    assert room.claim.around([b"b", room.buffer], 11) is None
    section.free(first)
    assert room.claim.around([b"b", room.buffer], 11) is not None


def test_the_room_comes_back_when_the_last_message_has_done_with_it(section: OutgoingSection) -> None:
    room = InPlace(section, 10)
    view = room.claim.around([room.buffer], 10)
    assert view is not None
    assert not room.closed
    room.close()
    room.close()
    assert room.closed
    assert section.free_size < section.size
    section.free(view)
    assert section.free_size == section.size
    with pytest.raises(ValueError, match="released"):
        room.buffer[0] = 1


def test_the_margins_count(section: OutgoingSection) -> None:
    InPlace(section, SIZE - 2 * MARGIN).close()
    with pytest.raises(SectionTooBig):
        InPlace(section, SIZE - 2 * MARGIN + 1)


def test_room_that_nobody_has_any_more_is_over(section: OutgoingSection) -> None:
    room = InPlace(section, 10)
    claim, buffer = room.claim, room.buffer.cast("B")
    del room
    assert not claim.over
    buffer[:] = b"0123456789"
    view = claim.around([buffer], 10)
    del buffer
    assert claim.over
    claim.give_up()
    assert view is not None
    assert view.buffer == b"0123456789"
    section.free(view)
    assert section.free_size == section.size
