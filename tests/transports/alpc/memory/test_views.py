"""What an end lends and borrows, as a port offers it; how that gets across: `test_lending.py`, `test_sharing.py`."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports.alpc import LPC_REPLY, LPC_REQUEST, CommunicationPort, PortMessage
from lrpc.transports.alpc.memory.section import SectionLimits
from lrpc.transports.alpc.memory.sharing import Sharing
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import ViewAttribute
from lrpc.transports.errors import Disconnected, InvalidParameter, InvalidViewSize, MessageTooLong, SectionTooBig
from tests.transports.alpc.memory.lending import filled, taken

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]


def test_messages_without_a_view_need_no_release(ports: Ports) -> None:
    ports[0].release(PortMessage(LPC_REQUEST, 1, b""))
    assert not ports[0].releases


def test_a_view_that_was_not_sent_can_be_discarded(ports: Ports) -> None:
    ports[0].discard(ports[0].allocate(100))
    assert taken(ports[0]) == 0


def test_releasing_twice_or_after_a_reply_takes_nothing_from_others(ports: Ports) -> None:
    number = ports[0].send_message(b"", view=filled(ports[0], b"first"))
    message = ports[1].receive_message(WATCHDOG)
    ports[1].send_message(b"", number, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    ports[0].send_message(b"", view=filled(ports[0], b"second"))
    ports[1].release(message)
    ports[1].release(message)
    ports[1].send_message(b"flush")
    ports[0].receive_message(WATCHDOG)
    assert taken(ports[0]) > 0
    assert ports[1].receive_message(WATCHDOG).view == b"second"


def test_a_view_of_another_section_arrives_too(ports: Ports) -> None:
    ports[0].send_message(b"", view=filled(ports[0], b"usual"))
    section = ports[0].create_section(100_000)
    view = ports[0].allocate(5, section=section)
    view.buffer[:] = b"other"
    ports[0].send_message(b"", view=view)
    assert [ports[1].receive_message(WATCHDOG).view for _ in range(2)] == [b"usual", b"other"]


def test_a_section_that_was_deleted_goes_at_both_ends(ports: Ports) -> None:
    section = ports[0].create_section(100_000)
    ports[0].send_message(b"", view=ports[0].allocate(5, section=section))
    message = ports[1].receive_message(WATCHDOG)
    ports[0].delete_section(section)
    ports[0].send_message(b"", view=filled(ports[0], b"next"))
    assert ports[1].receive_message(WATCHDOG).view == b"next"
    assert list(ports[1]._sharing.incoming) == [0]
    assert message.view == bytes(5)
    with pytest.raises(Disconnected):
        ports[0].allocate(1, section=section)


def test_a_secure_view_that_was_not_sent_can_be_discarded(ports: Ports, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    ports[0].discard(ports[0].allocate(5, secure=True))
    assert open_descriptors() == before
    assert not ports[0]._sharing._sections


def test_a_secure_view_in_a_reply_is_given_back_by_release(ports: Ports) -> None:
    ports[0].send_message(b"", 1, LPC_REPLY, view=ports[0].allocate(5, secure=True))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    assert ports[0]._sharing._sections
    ports[1].send_message(b"next")
    ports[0].receive_message(WATCHDOG)
    assert not ports[0]._sharing._sections


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        (SectionLimits(1 << 20, 4 << 20, 3 << 20), SectionTooBig),
        (SectionLimits(4 << 20, 1 << 20, 8 << 20), InvalidViewSize),
        (SectionLimits(4 << 20, 4 << 20, 1 << 20), SectionTooBig),
    ],
)
def test_more_than_the_limits_is_refused_by_name(
    make_ports: Callable[..., Ports], limits: SectionLimits, wrong: type[MessageTooLong]
) -> None:
    port, _ = make_ports(outgoing=limits)
    port.discard(port.allocate(1 << 20, secure=True))
    with pytest.raises(wrong):
        port.allocate((1 << 20) + 1, secure=True)


def test_room_that_is_filled_in_place_is_sent_from_there_many_times(ports: Ports) -> None:
    room = ports[0].allocate_in_place(1 << 20)
    for octet in b"abc":
        room.buffer[:] = bytes([octet]) * (1 << 20)
        parts = [b"head", room.buffer]
        view = ports[0].filled(parts, 4 + (1 << 20))
        number = ports[0].send_message(b"", view=view)
        message = ports[1].receive_message(WATCHDOG)
        assert message.view == b"head" + bytes([octet]) * (1 << 20)
        ports[1].send_message(b"", number, LPC_REPLY)
        ports[0].receive_message(WATCHDOG)
    room.close()
    assert taken(ports[0]) == 0


def test_room_of_another_port_is_copied(ports: Ports, make_ports: Callable[..., Ports]) -> None:
    room = make_ports()[0].allocate_in_place(100_000)
    own = ports[0].allocate_in_place(100)
    room.buffer[0] = 1
    view = ports[0].filled([room.buffer], 100_000)
    room.buffer[0] = 2
    assert view.buffer[0] == 1
    room.close()
    own.close()


def test_each_end_reads_what_the_other_writes_in_its_port_view(ports: Ports) -> None:
    views = [port.create_port_view(100_000) for port in ports]
    assert ports[0].remote_port_view is None
    for view, text in zip(views, (b"client", b"server"), strict=True):
        view[: len(text)] = text
    ports[0].send_message(b"look")
    assert ports[1].receive_message(WATCHDOG).data == b"look"
    ports[1].send_message(b"look too")
    assert ports[0].receive_message(WATCHDOG).data == b"look too"
    remote = [port.remote_port_view for port in ports]
    assert remote[1] is not None
    assert remote[0] is not None
    assert (remote[1][:6], remote[0][:6]) == (b"client", b"server")
    views[0][-1] = 7
    assert remote[1][99_999] == 7
    with pytest.raises(TypeError):
        remote[1][0] = 1


def test_there_is_one_port_view(ports: Ports) -> None:
    assert ports[0].port_view is None
    assert ports[0].create_port_view(1) is ports[0].port_view
    with pytest.raises(InvalidParameter):
        ports[0].create_port_view(1)
    with pytest.raises(SectionTooBig):
        ports[1].create_port_view(1 << 30)


def test_who_has_gone_is_given_no_port_view(ports: Ports) -> None:
    ports[1].close()
    with pytest.raises(Disconnected):
        ports[0].create_port_view(1)


def test_a_port_view_and_views_go_together(ports: Ports) -> None:
    ports[0].create_port_view(10)[:] = b"port view."
    ports[0].send_message(b"", view=filled(ports[0], b"view"))
    assert ports[1].receive_message(WATCHDOG).view == b"view"
    assert ports[1].remote_port_view is not None
    assert ports[1].remote_port_view[:10] == b"port view."


# Frames with views, packed by others


def test_a_frame_with_a_view_may_be_packed_and_its_octets_borrowed_by_others(ports: Ports) -> None:
    ports[0].lend(b"head", [b"pay", b"load"], 7, 7, LPC_REQUEST, WATCHDOG)
    message = ports[1].receive_message(WATCHDOG)
    assert (message.type, message.message_id, message.data, message.view) == (LPC_REQUEST, 7, b"head", b"payload")
    ports[1].send_message(b"", 7, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    assert taken(ports[0]) == 0
    ports[0].lend(b"head", [b"again"], 5, 8, LPC_REQUEST, WATCHDOG)
    borrowed = ports[1].borrow(ports[1].receive_frame(WATCHDOG))
    assert borrowed is not None
    assert borrowed[:3] == (LPC_REQUEST, 8, b"head")
    assert (borrowed[4], borrowed[4].readonly) == (b"again", True)


def test_a_view_is_not_borrowed_before_its_section_is_there(ports: Ports) -> None:
    assert ports[1].borrow(wire.pack(LPC_REQUEST, 7, b"", ViewAttribute(0, 1, 0, 7))) is None


HEADER = {
    0: "the data's length",
    2: "the total length",
    24: "the message id",
    40: "the attributes that are allocated",
    44: "those that are there",
    48: "a flag of the view",
    70: "a section that is not there",
    77: "more octets than the section has",
}


@pytest.fixture
def borrowable(ports: Ports) -> bytes:
    """A frame that the second port borrows."""
    ports[0].send_message(b"", view=filled(ports[0], b"first"))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    ports[0].lend(b"head", [b"payload"], 7, 1, LPC_REQUEST, WATCHDOG)
    frame = ports[1].receive_frame(WATCHDOG)
    assert ports[1].borrow(frame) is not None
    return frame


@pytest.mark.parametrize(("offset", "what"), HEADER.items())
def test_a_frame_that_differs_is_not_borrowed(ports: Ports, borrowable: bytes, offset: int, what: str) -> None:
    frame = bytearray(borrowable)
    frame[offset] ^= 1
    assert ports[1].borrow(bytes(frame)) is None, what


@pytest.mark.parametrize("offset", [0, 2, 4, 24, 44])
def test_a_frame_behind_what_is_no_release_of_one_view_is_not_borrowed(
    ports: Ports, borrowable: bytes, offset: int
) -> None:
    front = bytearray(wire.pack_releases([7]))
    assert ports[1].borrow(bytes(front) + borrowable) is not None
    front[offset] ^= 1
    assert ports[1].borrow(bytes(front) + borrowable) is None
    assert ports[1].borrow(wire.pack_releases([7, 8]) + borrowable) is None


def test_a_frame_cut_short_or_with_more_behind_is_not_borrowed(ports: Ports, borrowable: bytes) -> None:
    packet = wire.pack_releases([7]) + borrowable
    assert [cut for cut in range(len(packet)) if ports[1].borrow(packet[:cut])] == []
    assert ports[1].borrow(packet + b"x") is None


@given(octets=st.binary(max_size=200))
def test_any_octets_are_borrowed_or_not(octets: bytes) -> None:
    sharing = Sharing(socket.socket(), SectionLimits(), SectionLimits())
    sharing._socket.close()
    assert sharing.borrow(octets) is None


def test_a_view_that_is_back_is_used_again_for_as_many_octets(ports: Ports) -> None:
    numbers, bases = list[int](), list[int]()
    for message_id, size in enumerate((100_000, 100_000, 100_001, 100_001), 1):
        ports[0].lend(b"", [bytes([message_id]) * size], size, message_id, LPC_REQUEST, WATCHDOG)
        [view] = ports[0]._sharing._lent.values()
        numbers.append(view.number)
        bases.append(view.base)
        message = ports[1].receive_message(WATCHDOG)
        assert message.view == bytes([message_id]) * size
        ports[0].returned(0, message_id)
        ports[0].returned(0, message_id)
        assert [*ports[0].kept] == [size]
    assert len({*numbers}) == 4
    assert len({*bases}) == 1
    ports[0].drop_kept()
    assert taken(ports[0]) == 0


def test_a_view_that_is_kept_is_no_room_less_for_others(ports: Ports) -> None:
    size = 60 << 20
    ports[0].lend(b"", [bytes(10 << 20)], 10 << 20, 1, LPC_REQUEST, WATCHDOG)
    ports[0].returned(0, 1)
    for room in (ports[0].allocate(75 << 20), ports[0].allocate(75 << 20, section=ports[0].create_section(75 << 20))):
        assert not ports[0].kept
        ports[0].discard(room)
    ports[0].lend(b"", [bytes(size)], size, 2, LPC_REQUEST, WATCHDOG)
    ports[0].returned(0, 2)
    assert not ports[0].kept  # its pages go back to the system
    assert taken(ports[0]) == 0


def test_a_borrowed_answer_gives_the_view_of_its_request_back(ports: Ports) -> None:
    ports[1].send_message(b"", view=filled(ports[1], b"first"))  # and with it the section
    ports[0].release(ports[0].receive_message(WATCHDOG))
    number = ports[0].send_message(b"", view=filled(ports[0], b"question"))
    ports[1].receive_message(WATCHDOG)
    answer = filled(ports[1], b"answer")
    ports[1].send_message(b"", number, LPC_REPLY, view=answer)
    assert taken(ports[0]) > 0
    borrowed = ports[0].borrow(ports[0].receive_frame(WATCHDOG))
    assert borrowed is not None
    assert (borrowed[0], borrowed[1], borrowed[3], borrowed[4]) == (LPC_REPLY, number, answer.number, b"answer")
    assert taken(ports[0]) == 0
    ports[0].release_view(answer.number, 6)
    ports[0].send_message(b"next")
    ports[1].receive_message(WATCHDOG)
    assert taken(ports[1]) == 0


def test_a_view_is_taken_back_as_the_peer_says_in_a_frame(ports: Ports) -> None:
    view = filled(ports[0], b"x")
    ports[0].send_message(b"", view=view)
    ports[0].returned(view.number, 0)
    ports[0].returned(view.number, 0)
    assert taken(ports[0]) == 0


def test_parts_that_are_not_as_long_as_they_were_said_to_be_are_not_lent(ports: Ports) -> None:
    with pytest.raises(ValueError, match="different"):
        ports[0].lend(b"", [b"longer"], 3, 7, LPC_REQUEST, WATCHDOG)
    assert taken(ports[0]) == 0


def test_a_view_stays_lent_when_an_interrupt_comes_as_it_goes(ports: Ports) -> None:
    def interrupted(frame: bytes, flags: int) -> int:
        ports[0]._send(frame, flags)
        raise KeyboardInterrupt

    ports[0].lend(b"", [b"first"], 5, 6, LPC_REQUEST, WATCHDOG)
    ports[0]._sharing._send = interrupted
    with pytest.raises(KeyboardInterrupt):
        ports[0].lend(b"", [b"going"], 5, 7, LPC_REQUEST, WATCHDOG)
    ports[0]._sharing._send = ports[0]._send
    ports[0].lend(b"", [b"third"], 5, 8, LPC_REQUEST, WATCHDOG)
    assert [ports[1].receive_message(WATCHDOG).view for _ in range(3)] == [b"first", b"going", b"third"]


def test_a_view_that_cannot_be_lent_is_taken_back(ports: Ports) -> None:
    ports[1].close()
    with pytest.raises(Disconnected):
        ports[0].lend(b"", [b"x"], 1, 7, LPC_REQUEST, WATCHDOG)
    with pytest.raises(Disconnected):
        ports[0].lend_wait_receive(b"", [b"x"], 1, 7, WATCHDOG, WATCHDOG)
    assert taken(ports[0]) == 0


# All of a process's memory


def test_a_peer_that_is_given_all_memory_reads_it_and_is_given_it_once(
    ports: Ports, open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    kept = ctypes.create_string_buffer(b"far away")
    ports[0].grant_memory()
    ports[0].send_message(b"granted")
    assert ports[1].take_granted() == -1
    ports[1].receive_message(WATCHDOG)
    descriptor = ports[1].take_granted()
    assert os.pread(descriptor, 8, ctypes.addressof(kept)) == b"far away"
    os.close(descriptor)
    assert ports[1].take_granted() == -1
    assert open_descriptors() == before


def test_memory_that_nobody_took_goes_with_the_connection(ports: Ports, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    for _ in range(2):  # the later takes the place of the former
        ports[0].grant_memory()
        ports[0].send_message(b"granted")
        ports[1].receive_message(WATCHDOG)
    ports[1].close()
    assert open_descriptors() == before - 1
    with pytest.raises(Disconnected):
        ports[0].grant_memory()
