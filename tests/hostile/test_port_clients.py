"""Clients that break LRPC, or ALPC below it, against a live server."""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncalrpc
from lrpc.runtime.ncalrpc import messages
from lrpc.transports import alpc, namespace
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.port_attributes import pack_terms

WATCHDOG = 20.0
ECHO = 5
STUB = struct.pack("<II", 8, 8) + b"12345678"
PORT_FAMILY = [alpc.LPC_REQUEST, alpc.LPC_REPLY, alpc.LPC_DATAGRAM, alpc.LPC_LOST_REPLY, alpc.LPC_CANCELED]


@pytest.fixture
def transport() -> str:
    return "ncalrpc"


class Raw:
    """The socket of a client, which sends whatever it likes."""

    def __init__(self, binding: str) -> None:
        name = lrpc.StringBinding.parse(binding).endpoint
        self.socket = namespace.current(alpc.DIRECTORY).connect(name, None, WATCHDOG)
        self.socket.settimeout(WATCHDOG)

    def send(self, *frames: bytes) -> None:
        """The server may close before it has all."""
        with contextlib.suppress(OSError):
            for frame in frames:
                self.socket.send(frame)

    def drain(self) -> list[bytes]:
        """What comes until the server closes, once nothing more is sent."""
        frames: list[bytes] = []
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while frame := self.socket.recv(1 << 17):
                frames.append(frame)
        self.socket.close()
        return frames


@pytest.fixture
def conversation(calculator: Any) -> list[bytes]:
    """The frames of connecting, a bind and a request that are in order."""
    interface = calculator.Calculator.interface
    bind = ncalrpc.ClientAssociation().bind(ncalrpc.SyntaxId(interface.uuid, *interface.version))
    request = messages.pack_request(1, 0, ECHO, None) + STUB
    return [
        pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, alpc.PortAttributes(), b""),
        wire.pack(alpc.LPC_REQUEST, 2, bind),
        wire.pack(alpc.LPC_REQUEST, 1, request),
    ]


def test_the_conversation_is_in_order(victim: Any, conversation: list[bytes]) -> None:
    raw = Raw(victim.binding)
    raw.send(*conversation)
    accepted, bound, answer = raw.drain()
    assert (accepted[4], bound[4], answer[4]) == (alpc.LPC_CONNECTION_REPLY, alpc.LPC_REPLY, alpc.LPC_REPLY)
    assert answer.endswith(STUB[4:])
    assert len(victim.world.data) == 1
    victim.survives()


def test_a_conversation_cut_anywhere_ends_quietly(victim: Any, conversation: list[bytes]) -> None:
    for number, frame in enumerate(conversation):
        for cut in range(len(frame)):
            raw = Raw(victim.binding)
            raw.send(*conversation[:number], *([frame[:cut]] if cut else []))
            raw.drain()
    assert victim.world.data == []
    victim.survives()


def test_changed_conversations_end_in_an_answer_or_the_end(
    victim: Any, conversation: list[bytes], mutate: Callable[..., Iterator[bytes]]
) -> None:
    for number, frame in enumerate(conversation):
        for mutant in mutate(frame, 120, seed=number):
            raw = Raw(victim.binding)
            raw.send(*conversation[:number], mutant or b"x", *conversation[number + 1 :])
            raw.drain()
    victim.survives()


def test_changed_messages_in_whole_frames_end_in_an_answer_or_the_end(
    victim: Any, conversation: list[bytes], mutate: Callable[..., Iterator[bytes]]
) -> None:
    for number in (1, 2):
        for mutant in mutate(conversation[number][wire.FRAME_SIZE :], 150, seed=10 + number):
            raw = Raw(victim.binding)
            frame = wire.pack(alpc.LPC_REQUEST, 1, mutant)
            raw.send(*conversation[:number], frame, *conversation[number + 1 :])
            raw.drain()
    victim.survives()


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(48), b"\xff" * 48, b"\xff" * 60_000, b"x"])
def test_other_protocols_are_shown_out(victim: Any, conversation: list[bytes], garbage: bytes) -> None:
    for before in range(3):
        raw = Raw(victim.binding)
        raw.send(*conversation[:before], garbage)
        raw.drain()
    assert victim.world.data == []
    victim.survives()


@pytest.mark.parametrize("kind", [*PORT_FAMILY, 0, 5, 6, 10, 11, 0x80, 0x81, 0x82, 0x8000, 0xFFFF])
def test_messages_of_any_type_end_in_an_answer_or_the_end(victim: Any, conversation: list[bytes], kind: int) -> None:
    raw = Raw(victim.binding)
    raw.send(*conversation[:2], wire.pack(kind, 7, conversation[2][wire.FRAME_SIZE :]))
    raw.drain()
    victim.survives()


def test_a_request_before_a_bind_is_the_end(victim: Any, conversation: list[bytes]) -> None:
    raw = Raw(victim.binding)
    raw.send(conversation[0], conversation[2])
    assert len(raw.drain()) == 1
    assert victim.world.data == []
    victim.survives()


def test_an_unknown_binding_is_a_fault_and_the_port_stays(victim: Any, conversation: list[bytes]) -> None:
    raw = Raw(victim.binding)
    unknown = messages.pack_request(9, 77, ECHO, None) + STUB
    raw.send(*conversation[:2], wire.pack(alpc.LPC_REQUEST, 9, unknown), conversation[2])
    fault, answer = raw.drain()[2:]
    assert messages.parse_fault(fault[wire.FRAME_SIZE :]) == (1717, messages.FaultFlag.DID_NOT_EXECUTE)
    assert answer.endswith(STUB[4:])
    victim.survives()


def test_more_bindings_than_the_limit_are_refused(victims: Any, face: str, calculator: Any) -> None:
    victim = victims(face, "ncalrpc", max_bindings=3)
    port = victim.connect()
    association = ncalrpc.ClientAssociation()
    interface = calculator.Calculator.interface
    statuses = []
    for _ in range(6):
        port.send_message(association.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version)), timeout=WATCHDOG)
        event = association.receive(port.receive_message(WATCHDOG).data)
        assert isinstance(event, ncalrpc.Bound)
        statuses.append(event.status)
    assert statuses == [0, 0, 0, 1721, 1721, 1721]
    port.close()
    victim.survives()


# Views


def large(size: int) -> bytes:
    flags = messages.RequestFlag.VIEW_PRESENT
    return messages.pack_request(1, 0, ECHO, None, flags) + messages.pack_large(size)


@pytest.mark.parametrize(("offset", "size", "claimed"), [
    (0, 16, 16), (0, 4096, 4096), (0, 16, 17), (0, 16, 0xFFFFFFFF), (1 << 40, 16, 16), (0, 1 << 40, 16),
    ((1 << 64) - 1, 2, 2), (4096, 0, 0), (0, 4096, 0),
])  # fmt: skip
def test_views_that_lie_end_in_an_answer_or_the_end(
    victim: Any, conversation: list[bytes], offset: int, size: int, claimed: int
) -> None:
    for with_section in (False, True):
        raw = Raw(victim.binding)
        raw.send(*conversation[:2])
        if with_section:
            pass_section(raw, 4096)
        view = wire.ViewAttribute(0, 1, offset, size)
        raw.send(wire.pack(alpc.LPC_REQUEST, 1, large(claimed), view))
        raw.drain()
    victim.survives()


def pass_section(raw: Raw, size: int, *, descriptors: list[int] | None = None, notice: bool = True) -> None:
    """What the owner of a section does to hand it over."""
    from lrpc.transports.alpc.memory.section import OutgoingSection

    if notice:
        raw.send(wire.pack(wire.SECTION_NOTICE, 1, b""))
    section = OutgoingSection(size)
    passed = [section.descriptor_for_peer()] if descriptors is None else descriptors
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", passed))
    with contextlib.suppress(OSError):
        raw.socket.sendmsg([wire.pack(wire.SECTION, 1, struct.pack("<QQ", size, 0))], [rights])
    for descriptor in passed:
        os.close(descriptor)
    section.close()


@pytest.mark.parametrize("notice", [True, False])
@pytest.mark.parametrize("what", ["/dev/zero", "/dev/null", "pipe", "directory", "several"])
def test_descriptors_that_are_no_section_are_closed(
    victim: Any, conversation: list[bytes], what: str, notice: bool, tmp_path: Any
) -> None:
    for _ in range(3):
        raw = Raw(victim.binding)
        raw.send(*conversation[:2])
        if what == "pipe":
            reading, writing = os.pipe()
            os.close(writing)
            passed = [reading]
        elif what == "several":
            passed = [os.open("/dev/null", os.O_RDONLY) for _ in range(6)]
        else:
            passed = [os.open(str(tmp_path) if what == "directory" else what, os.O_RDONLY)]
        pass_section(raw, 4096, descriptors=passed, notice=notice)
        raw.send(conversation[2])
        raw.drain()
    victim.survives()


def test_a_view_changed_while_it_is_read_is_answered_or_refused(victim: Any, calculator: Any) -> None:
    port, association = victim.connect(), ncalrpc.ClientAssociation()
    interface = calculator.Calculator.interface
    port.send_message(association.bind(ncalrpc.SyntaxId(interface.uuid, *interface.version)), timeout=WATCHDOG)
    port.receive_message(WATCHDOG)
    stop = threading.Event()
    size = 100_000
    view = port.allocate(size + 8)

    def change(buffer: memoryview) -> None:
        while not stop.is_set():
            for claimed in (size, 0xFFFFFFFF, 0, size):
                buffer[0:8] = struct.pack("<II", claimed, claimed)

    changing = threading.Thread(target=change, args=(view.buffer,))
    changing.start()
    outcomes = set()
    for call_id in range(1, 60):
        port.send_message(
            messages.pack_request(call_id, 0, ECHO, None, messages.RequestFlag.VIEW_PRESENT)
            + messages.pack_large(size + 8),
            call_id,
            view=view,
            timeout=WATCHDOG,
        )
        answer = port.receive_message(WATCHDOG)
        outcomes.add(messages.message_type(answer.data).name)
        port.release(answer)
    stop.set()
    changing.join(WATCHDOG)
    assert outcomes <= {"FAULT", "RESPONSE"}
    port.close()
    del view, answer  # the last users of the sections
    victim.survives()


# Quantities


def test_a_client_that_does_not_read_holds_up_nobody(victims: Any, face: str, conversation: list[bytes]) -> None:
    victim = victims(face, "ncalrpc")
    raw = Raw(victim.binding)
    raw.send(*conversation[:2])
    raw.socket.settimeout(0.05)
    with contextlib.suppress(OSError):
        for call_id in range(1, 5000):
            big = messages.pack_request(call_id, 0, ECHO, None) + struct.pack("<II", 8000, 8000) + bytes(8000)
            raw.socket.send(wire.pack(alpc.LPC_REQUEST, call_id, big))
    victim.check()
    raw.socket.close()
    victim.survives()


def test_a_client_that_is_silent_is_dropped(victims: Any, face: str, conversation: list[bytes]) -> None:
    victim = victims(face, "ncalrpc", handshake=0.1)
    raw = Raw(victim.binding)
    raw.send(conversation[0])
    frames = []
    while frame := raw.socket.recv(1 << 17):
        frames.append(frame)
    assert len(frames) == 1
    raw.socket.close()
    victim.survives()


def test_a_client_that_only_asks_for_what_it_does_not_get_is_dropped(
    victims: Any, face: str, conversation: list[bytes]
) -> None:
    victim = victims(face, "ncalrpc", handshake=0.1)
    raw = Raw(victim.binding)
    stranger = bytearray(conversation[1])
    stranger[wire.FRAME_SIZE + 12] ^= 1
    raw.send(conversation[0])
    with contextlib.suppress(OSError):
        for _ in range(2_000_000):
            raw.socket.send(stranger)
            raw.socket.recv(1 << 17)
        raise AssertionError("it is still heard")
    raw.socket.close()
    victim.survives()


def test_calls_for_endless_objects_cost_nothing(victims: Any, face: str, conversation: list[bytes]) -> None:
    from uuid import UUID

    victim = victims(face, "ncalrpc")
    raw = Raw(victim.binding)
    raw.send(*conversation[:2])
    for _ in range(2):
        raw.socket.recv(1 << 17)
    for number in range(1, 300):
        request = messages.pack_request(number, 0, ECHO, UUID(int=number)) + STUB
        raw.socket.send(wire.pack(alpc.LPC_REQUEST, number, request))
        assert raw.socket.recv(1 << 17).endswith(STUB[4:])
    [session] = [one for one in victim.host.server._sessions if len(one._methods) != 1]
    assert len(session._methods) == 0
    raw.drain()
    victim.survives()
