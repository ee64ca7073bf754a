from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lrpc.transports import ancillary, kernel
from lrpc.transports.alpc import handles
from lrpc.transports.alpc.handles import ALL_OBJECTS, GENERIC_READ, GENERIC_WRITE, NO_OBJECTS, Handle, ObjectType
from lrpc.transports.alpc.messages.attributes import HANDLE_INDIRECT, HANDLE_SAME_ACCESS, HandleAttribute
from lrpc.transports.errors import BadFrame, InvalidParameter, MessageTooLong, NotSupported, TransportError


@pytest.fixture
def objects() -> Iterator[dict[ObjectType, int]]:
    """One descriptor of each kind that this machine has."""
    found = {
        ObjectType.FILE: os.open(os.devnull, os.O_RDONLY),
        ObjectType.EVENT: os.eventfd(0),
        ObjectType.SEMAPHORE: os.eventfd(0, os.EFD_SEMAPHORE),
        ObjectType.SECTION: os.memfd_create("view"),
        ObjectType.PROCESS: os.pidfd_open(os.getpid()),
    }
    with contextlib.suppress(OSError):  # before Linux 6.9
        found[ObjectType.THREAD] = os.pidfd_open(os.getpid(), kernel.PIDFD_THREAD)
    yield found
    ancillary.close_all(found.values())


def test_each_descriptor_is_known_for_what_it_is(objects: dict[ObjectType, int]) -> None:
    assert {kind: handles.object_type(descriptor) for kind, descriptor in objects.items()} == {
        kind: kind for kind in objects
    }


def test_sockets_pipes_and_directories_are_files(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with socket.socket() as sock:
        for descriptor in (reading, writing, directory, sock.fileno()):
            assert handles.object_type(descriptor) == ObjectType.FILE
    ancillary.close_all((reading, writing, directory))


def test_a_file_that_is_called_like_shared_memory_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "x").open("wb") as file:
        monkeypatch.setattr(os, "readlink", lambda path: "/memfd:x (deleted)")
        assert handles.object_type(file.fileno()) == ObjectType.FILE


def test_a_job_is_a_directory_of_cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with (tmp_path / "x").open("wb") as file:
        monkeypatch.setattr(os, "readlink", lambda path: "/sys/fs/cgroup/user.slice")
        assert handles.object_type(directory) == ObjectType.JOB
        assert handles.object_type(file.fileno()) == ObjectType.FILE
    os.close(directory)


def test_all_types_are_those_of_nt() -> None:
    assert ALL_OBJECTS == 0xFFD
    assert [kind.value for kind in ObjectType] == [1, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048]
    assert (GENERIC_READ, GENERIC_WRITE) == (0x80000000, 0x40000000)


@pytest.mark.parametrize(
    ("flags", "access"),
    [(os.O_RDONLY, GENERIC_READ), (os.O_WRONLY, GENERIC_WRITE), (os.O_RDWR, GENERIC_READ | GENERIC_WRITE)],
)
def test_access_is_what_a_descriptor_was_opened_for(flags: int, access: int) -> None:
    with Handle(os.open(os.devnull, flags)) as handle:
        assert handle.access == access
    assert handle.fileno() == -1


def test_one_handle_is_direct_and_several_are_indirect(objects: dict[ObjectType, int]) -> None:
    event, file = objects[ObjectType.EVENT], objects[ObjectType.FILE]
    assert handles.attribute_of([]) is None
    assert handles.attribute_of([file]) == HandleAttribute(HANDLE_SAME_ACCESS, 0, ObjectType.FILE, GENERIC_READ)
    several = HandleAttribute(HANDLE_SAME_ACCESS | HANDLE_INDIRECT, 0, 2, 0)
    assert handles.attribute_of([event, file]) == several


def test_descriptors_and_what_has_them_can_be_sent(objects: dict[ObjectType, int]) -> None:
    event = objects[ObjectType.EVENT]
    with tempfile.TemporaryFile() as file:
        assert handles.descriptors_of([event, file], ALL_OBJECTS) == [event, file.fileno()]


def test_what_the_peer_does_not_take_is_refused_before_it_is_sent(objects: dict[ObjectType, int]) -> None:
    event = objects[ObjectType.EVENT]
    with pytest.raises(NotSupported):
        handles.descriptors_of([event], ObjectType.FILE)
    with pytest.raises(NotSupported):
        handles.descriptors_of([event], NO_OBJECTS)
    with pytest.raises(MessageTooLong):
        handles.descriptors_of([event] * (handles.MAX_HANDLES + 1), ALL_OBJECTS)
    assert len(handles.descriptors_of([event] * handles.MAX_HANDLES, ALL_OBJECTS)) == handles.MAX_HANDLES
    for nothing in (-1, 99999):
        with pytest.raises(InvalidParameter):
            handles.descriptors_of([nothing], ALL_OBJECTS)


def send_and_accept(descriptors: list[int], attribute: Any, allowed: ObjectType = ALL_OBJECTS) -> list[Handle]:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, two:
        ancillary.send(one, b"x", 0, descriptors)
        received = ancillary.receive(two, 100, ancillary.room_for(handles.MAX_HANDLES))
        return handles.accept(attribute, received.descriptors, allowed)


def test_what_comes_is_what_was_sent(objects: dict[ObjectType, int], open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    sent = list(objects.values())
    came = send_and_accept(sent, handles.attribute_of(sent))
    assert [handle.type for handle in came] == list(objects)
    assert not any(os.get_inheritable(handle.fileno()) for handle in came)
    for handle in came:
        handle.close()
        handle.close()
    assert open_descriptors() == before


def test_a_handle_that_nobody_closes_closes_itself(
    objects: dict[ObjectType, int], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    [handle] = send_and_accept([0], handles.attribute_of([0]))
    assert open_descriptors() == before + 1
    assert repr(handle) == f"<Handle {handle.fileno()} FILE>"
    del handle
    assert open_descriptors() == before


def test_a_detached_handle_is_its_new_owners() -> None:
    [handle] = send_and_accept([0], handles.attribute_of([0]))
    descriptor = handle.detach()
    assert handle.fileno() == -1
    assert repr(handle) == "<Handle closed>"
    del handle
    os.close(descriptor)


@pytest.mark.parametrize(
    ("count", "attribute", "allowed"),
    [
        (1, None, ALL_OBJECTS),
        (0, HandleAttribute(0, 0, 1), ALL_OBJECTS),
        (2, HandleAttribute(0, 0, 1), ALL_OBJECTS),
        (2, HandleAttribute(HANDLE_INDIRECT, 0, 3), ALL_OBJECTS),
        (2, HandleAttribute(HANDLE_INDIRECT, 0, 2), ObjectType.SECTION),
        (1, HandleAttribute(0, 0, ObjectType.SECTION), ObjectType.SECTION),
        (1, HandleAttribute(0, 0, 1), NO_OBJECTS),
    ],
)
def test_handles_that_do_not_belong_are_closed_and_refused(
    count: int, attribute: HandleAttribute | None, allowed: ObjectType, open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    with pytest.raises(BadFrame):
        send_and_accept([0] * count, attribute, allowed)
    assert open_descriptors() == before


def test_a_program_that_is_started_has_none_of_them(objects: dict[ObjectType, int]) -> None:
    came = send_and_accept(list(objects.values()), handles.attribute_of(list(objects.values())))
    numbers = [str(handle.fileno()) for handle in came]
    source = "import os, sys; sys.exit(any(os.path.lexists(f'/proc/self/fd/{number}') for number in sys.argv[1:]))"
    with subprocess.Popen([sys.executable, "-c", source, *numbers], close_fds=False) as child:
        assert child.wait(20.0) == 0


def test_a_reduced_handle_reads_and_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"octets")
    with path.open("r+b") as file, handles.reduced(file, GENERIC_READ) as less:
        assert less.access == GENERIC_READ
        assert os.read(less.fileno(), 10) == b"octets"
        with pytest.raises(OSError):
            os.write(less.fileno(), b"x")
    with path.open("r+b") as file, handles.reduced(file.fileno(), GENERIC_WRITE) as less:
        assert less.access == GENERIC_WRITE


def test_what_cannot_be_opened_anew_is_not_reduced(objects: dict[ObjectType, int]) -> None:
    with pytest.raises(NotSupported):
        handles.reduced(objects[ObjectType.EVENT], GENERIC_READ)
    with socket.socket() as sock, pytest.raises(TransportError):
        handles.reduced(sock, GENERIC_READ)
