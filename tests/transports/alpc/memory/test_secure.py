from __future__ import annotations

import itertools
import mmap
import os
from collections.abc import Callable

import pytest

from lrpc.transports.alpc.memory import memfd as memfd_module
from lrpc.transports.alpc.memory.section import SECTION_SPAN, IncomingSection
from lrpc.transports.alpc.memory.secure import SecureSection
from lrpc.transports.alpc.messages.attributes import VIEW_SECURED_ACCESS
from lrpc.transports.errors import ResourcesExhausted, ViewInUse

SIZE = 4 * mmap.PAGESIZE


def make(size: int = SIZE) -> SecureSection:
    return SecureSection(size, SECTION_SPAN, itertools.count(5))


def test_what_was_filled_in_is_seen_and_secure_at_the_other_end() -> None:
    section = make()
    view = section.view(10)
    view.buffer[:] = b"0123456789"
    section.seal(view)
    descriptor = section.descriptor_for_peer()
    incoming = IncomingSection(descriptor, SIZE, SIZE)
    os.close(descriptor)
    assert incoming.secured
    assert incoming.view(view.attribute) == b"0123456789"
    assert view.attribute == (VIEW_SECURED_ACCESS, 5, SECTION_SPAN, 10)
    section.close()
    incoming.close()


def test_a_sealed_view_can_be_written_no_more() -> None:
    section = make()
    view = section.view(10)
    section.seal(view)
    section.seal(view)
    with pytest.raises(ValueError, match="released"):
        view.buffer[0] = 1
    with pytest.raises(PermissionError):
        mmap.mmap(section._descriptor, SIZE)
    section.close()


def test_a_view_of_which_a_part_is_still_held_is_not_sealed_until_it_is_let_go() -> None:
    section = make()
    view = section.view(10)
    part = view.buffer[2:4]
    with pytest.raises(ViewInUse) as caught:
        section.seal(view)
    assert not caught.value.sent
    part.release()
    section.seal(view)
    section.close()


def test_a_view_that_another_process_maps_is_not_sealed() -> None:
    section = make()
    view = section.view(10)
    with mmap.mmap(section._descriptor, SIZE), pytest.raises(ViewInUse):
        section.seal(view)
    section.seal(view)
    section.close()


def test_everything_is_given_back(open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    section = make()
    view = section.view(10)
    section.free(view)
    assert open_descriptors() == before
    section.close()
    section.abandon()
    assert open_descriptors() == before
    assert view.room is None


@pytest.mark.parametrize("call", ["memfd_create", "ftruncate", "fchmod"])
@pytest.mark.parametrize("number", [12, 24, 28])
def test_a_machine_that_has_no_more_is_resources_exhausted(
    call: str, number: int, monkeypatch: pytest.MonkeyPatch, open_descriptors: Callable[[], int]
) -> None:
    def refuse(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    before = open_descriptors()
    monkeypatch.setattr(memfd_module.os, call, refuse)
    with pytest.raises(ResourcesExhausted):
        make()
    assert open_descriptors() == before
