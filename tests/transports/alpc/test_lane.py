"""Lanes as the sockets that they stand in for, and against hostile peers."""

from __future__ import annotations

import errno
import mmap
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.transports.alpc import CommunicationPort, lane
from lrpc.transports.alpc.lane import MAX_NEEDED, MAX_PATIENCE, NUDGE, Lane
from lrpc.transports.alpc.slots import HALF, ROOM, SHORT, SIZE, SLOTS
from lrpc.transports.errors import BadFrame, Disconnected
from lrpc.transports.seam import Peer
from lrpc.transports.sockets import NO_SIGNAL, NO_WAIT, drain, shut, timeval

WATCHDOG = 20.0
FRAME = b"frame".ljust(112)


class Two(NamedTuple):
    """Both ends, their sockets, and the memory between them."""

    one: Lane
    two: Lane
    sockets: tuple[socket.socket, socket.socket]
    memory: mmap.mmap

    def word(self, octet: int, value: int) -> None:
        memoryview(self.memory).cast("Q")[octet // 8] = value


def made() -> Two:
    memory = mmap.mmap(-1, SIZE)
    memory[0] = memory[HALF] = 1
    sockets = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in sockets:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(WATCHDOG))
    return Two(Lane(sockets[0], memory, accepted=True), Lane(sockets[1], memory, accepted=False), sockets, memory)


@pytest.fixture
def fresh() -> Iterator[Two]:
    """Both ends are away."""
    found = made()
    yield found
    found.one.close()
    found.two.close()


@pytest.fixture
def both() -> Iterator[Two]:
    """Neither end is away."""
    found = made()
    for sender, receiver in ((found.one, found.two), (found.two, found.one)):
        sender.send(FRAME, NO_SIGNAL)
        assert receiver.wait(1 << 17) == FRAME
    yield found
    found.one.close()
    found.two.close()


# What a socket does


def test_who_has_not_waited_yet_is_sent_to_by_the_socket(fresh: Two) -> None:
    fresh.one.send(FRAME, NO_SIGNAL)
    assert fresh.sockets[1].recv(1000) == FRAME


def test_frames_for_one_who_looks_pass_the_socket_by(both: Two) -> None:
    for number in range(3 * SLOTS):
        both.one.send(FRAME + bytes([number]), NO_SIGNAL)
        both.two.send(FRAME, NO_SIGNAL)
        with pytest.raises(BlockingIOError):
            both.sockets[1].recv(1000, NO_WAIT)
        assert both.two.wait(1 << 17) == FRAME + bytes([number])
        assert both.one.wait(1 << 17) == FRAME


@pytest.mark.parametrize("size", [1, ROOM - 1, ROOM, ROOM + 1, 65535])
def test_a_frame_arrives_whatever_its_size(both: Two, size: int) -> None:
    frame = os.urandom(size)
    assert both.one.send(frame, NO_SIGNAL) == size
    assert both.two.wait(1 << 17) == frame


def test_more_frames_than_there_are_slots_go_on_by_the_socket(both: Two) -> None:
    frames = [bytes([number]) * 20 for number in range(3 * SLOTS)]
    for frame in frames:
        both.one.send(frame, NO_SIGNAL)
    assert [both.two.wait(1 << 17) for _ in frames] == frames


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(st.sampled_from(["short", "long", "descriptor", "wait", "recv", "recvmsg"]), max_size=60))
def test_nothing_overtakes_whichever_way_frames_go_and_are_received(steps: list[str]) -> None:
    found = made()
    sent: list[bytes] = []
    received: list[bytes] = []

    def receive(how: str) -> bytes:
        if how == "recvmsg":
            return found.two.recvmsg(1 << 17, 100, 0)[0]
        return found.two.wait(1 << 17) if how == "wait" else found.two.recv(1 << 17)

    for step in steps:
        if step in ("wait", "recv", "recvmsg"):
            while len(received) < len(sent):
                if (frame := receive(step)) != NUDGE:
                    received.append(frame)
                    break
            continue
        frame = len(sent).to_bytes(2, "big") * (ROOM if step == "long" else 30)
        if step == "descriptor":
            found.one.sendmsg([frame], [], NO_SIGNAL)
        else:
            found.one.send(frame, NO_SIGNAL)
        sent.append(frame)
    while len(received) < len(sent):
        if (frame := found.two.recv(1 << 17)) != NUDGE:
            received.append(frame)
    assert received == sent
    found.one.close()
    found.two.close()


def test_the_descriptor_tells_of_what_comes_after_nothing_was_there(both: Two) -> None:
    both.one.send(FRAME, NO_SIGNAL)
    assert both.two.recv(1000, NO_WAIT) == FRAME
    with pytest.raises(BlockingIOError):
        both.two.recv(1000, NO_WAIT)
    both.one.send(FRAME, NO_SIGNAL)
    assert both.sockets[1].recv(1000, NO_WAIT) == FRAME


def test_a_wait_sleeps_until_a_frame_comes(both: Two) -> None:
    come: list[bytes] = []
    receiver = threading.Thread(target=lambda: come.append(both.two.wait(1 << 17)), daemon=True)
    receiver.start()
    while both.memory[0] == 0:  # it still looks
        time.sleep(0.001)
    both.one.send(FRAME, NO_SIGNAL)
    receiver.join(WATCHDOG)
    assert come == [FRAME]


def test_a_wait_has_the_sockets_time_limit(both: Two) -> None:
    both.sockets[1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(0.01))
    with pytest.raises(BlockingIOError):
        both.two.wait(1 << 17)
    both.one.send(FRAME, NO_SIGNAL)
    assert both.two.wait(1 << 17) == FRAME


def test_a_send_has_the_sockets_time_limit(both: Two) -> None:
    both.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, timeval(0.01))
    with pytest.raises(BlockingIOError) as caught:
        for _ in range(10_000):
            both.one.send(bytes(60_000), NO_SIGNAL)
    assert caught.value.errno == errno.EAGAIN
    with pytest.raises(BlockingIOError):
        both.one.send(bytes(60_000), NO_WAIT)


def test_a_send_goes_on_when_there_is_room(both: Two) -> None:
    count = 50
    sender = threading.Thread(target=lambda: [both.one.send(bytes(60_000), NO_SIGNAL) for _ in range(count)])
    sender.start()
    for _ in range(count):
        assert both.two.wait(1 << 17) == bytes(60_000)
    sender.join(WATCHDOG)
    assert not sender.is_alive()


def test_what_was_sent_arrives_before_the_end(both: Two) -> None:
    both.one.send(FRAME, NO_SIGNAL)
    shut(both.one)
    assert [both.two.wait(1 << 17) for _ in range(3)] == [FRAME, b"", b""]


def test_what_a_killed_sender_left_in_the_lane_arrives_though_it_told_nobody(both: Two) -> None:
    with pytest.raises(BlockingIOError):
        both.two.recv(1000, NO_WAIT)  # away, and sure that nothing is there
    both.memory[0] = 0  # which the other end has not seen
    slot = 8 * both.two.into.word
    both.memory[slot + 8 : slot + 8 + len(FRAME)] = FRAME
    both.word(slot, (1 << 16) | len(FRAME))
    both.sockets[0].shutdown(socket.SHUT_RDWR)
    assert [both.two.recv(1000) for _ in range(2)] == [FRAME, b""]


@pytest.mark.parametrize("end", [shut, drain])
def test_sending_to_one_who_has_ended_fails(both: Two, end: Callable[[Any], None]) -> None:
    end(both.two)
    with pytest.raises(OSError, match="pipe"):
        both.one.send(FRAME, NO_SIGNAL)


def test_who_drains_takes_what_has_come_and_goes_on_sending(both: Two) -> None:
    both.one.send(FRAME, NO_SIGNAL)
    drain(both.two)
    assert [both.two.wait(1 << 17) for _ in range(2)] == [FRAME, b""]
    both.two.send(FRAME, NO_SIGNAL)
    assert both.one.wait(1 << 17) == FRAME


def test_a_closed_lane_is_a_closed_socket_and_lets_go_of_its_memory(both: Two) -> None:
    both.one.close()
    both.one.close()
    for use in (lambda: both.one.send(FRAME), lambda: both.one.wait(1), lambda: both.one.recv(1)):
        with pytest.raises(OSError, match="descriptor"):
            use()
    both.two.close()
    both.memory.close()  # which it refuses while anybody has a view of it


def test_closing_wakes_who_waits(both: Two) -> None:
    come: list[bytes] = []
    receiver = threading.Thread(target=lambda: come.append(both.two.wait(1 << 17)), daemon=True)
    receiver.start()
    while both.memory[0] == 0:
        time.sleep(0.001)
    shut(both.two)
    receiver.join(WATCHDOG)
    assert come == [b""]


def test_a_child_of_fork_lets_go_and_changes_nothing(both: Two) -> None:
    pid = os.fork()
    if not pid:
        both.one.close()
        both.two.close()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    both.one.send(FRAME, NO_SIGNAL)
    with pytest.raises(BlockingIOError):
        both.sockets[1].recv(1000, NO_WAIT)
    assert both.two.wait(1 << 17) == FRAME


# Short forms


def put(both: Two, octets: bytes) -> None:
    """What an end that knows a short form does."""
    slot = both.one.out
    both.memory[slot.start : slot.start + len(octets)] = octets
    both.word(8 * slot.word, (1 << 16) | SHORT | len(octets))
    both.one.out = slot.next


def test_who_knows_no_short_form_is_given_the_whole_frame(both: Two) -> None:
    both.two.lengthen = lambda octets: b"<" + octets + b">"
    for _ in range(2 * SLOTS):
        put(both, b"short")
        both.one.send(FRAME, NO_SIGNAL)
        assert [both.two.wait(1 << 17) for _ in range(2)] == [b"<short>", FRAME]
    put(both, b"short")
    assert both.two.recv(1 << 17) == b"<short>"


def test_a_short_form_that_is_none_ends_the_connection(both: Two) -> None:
    port = CommunicationPort(both.two, Peer())
    port.lengthen_by(lambda octets: octets if octets != b"none" else None)
    put(both, b"some")
    assert port.receive_frame(WATCHDOG) == b"some"
    put(both, b"none")
    with pytest.raises(BadFrame):
        port.receive_frame(WATCHDOG)
    assert port.fileno() == -1


# Looking, and when not to


def test_looking_without_giving_way_stops_where_it_is_in_vain_and_is_tried_again(
    both: Two, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "_yield", lambda: both.one.send(FRAME, NO_SIGNAL))
    monkeypatch.setattr(lane, "SOON", WATCHDOG)
    looked: list[bool] = []
    for _ in range(300):
        looked.append(bool(both.two.looks))
        assert both.two.wait(1 << 17) == FRAME
    assert 3 < sum(looked) < 20
    assert not any(looked[-30:])
    while not both.two.looks:
        assert both.two.wait(1 << 17) == FRAME
    for _ in range(10):
        both.one.send(FRAME, NO_SIGNAL)
        assert both.two.wait(1 << 17) == FRAME
        assert len(both.two.looks) == lane.LOOKS


def test_giving_way_is_given_up_once_others_keep_the_processor(both: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    yields: list[None] = []

    def give_way() -> None:
        yields.append(None)
        both.one.send(FRAME, NO_SIGNAL)

    monkeypatch.setattr(lane, "_yield", give_way)
    monkeypatch.setattr(lane, "SOON", WATCHDOG)
    for _ in range(3):
        assert both.two.wait(1 << 17) == FRAME
    monkeypatch.setattr(lane, "SOON", -1.0)
    both.two.looks = range(0)
    assert both.two.wait(1 << 17) == FRAME
    before = len(yields)
    sender = threading.Timer(0.01, both.one.send, (FRAME, NO_SIGNAL))
    sender.start()
    assert both.two.wait(1 << 17) == FRAME
    sender.join()
    assert len(yields) == before


def test_looking_that_does_not_pay_is_given_up(both: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    yields: list[None] = []
    monkeypatch.setattr(lane, "_yield", lambda: yields.append(None))
    monkeypatch.setattr(lane, "SOON", -1.0)
    for _ in range(20):
        sender = threading.Timer(0.002, both.one.send, (FRAME, NO_SIGNAL))
        sender.start()
        assert both.two.wait(1 << 17) == FRAME
        sender.join()
    assert len(yields) < 2 * MAX_PATIENCE
    assert both.memory[0] == 1


def test_looking_is_taken_up_again_where_frames_come_soon(both: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "SOON", -1.0)
    test_looking_that_does_not_pay_is_given_up(both, monkeypatch)
    monkeypatch.setattr(lane, "SOON", WATCHDOG)
    for _ in range(MAX_NEEDED):
        both.one.send(FRAME, NO_SIGNAL)
        assert both.two.wait(1 << 17) == FRAME
    assert both.memory[0] == 0


# Hostile peers


@pytest.mark.parametrize("length", [ROOM + 1, SHORT - 1, SHORT, SHORT | 4, SHORT | ROOM, SHORT | ROOM + 1, 0xFFFF])
def test_a_slot_that_says_more_than_it_holds_ends_the_connection(both: Two, length: int) -> None:
    port = CommunicationPort(both.two, Peer())
    both.word(8 * both.two.into.word, (1 << 16) | length)
    with pytest.raises(BadFrame):
        port.receive_frame(WATCHDOG)
    assert port.fileno() == -1
    assert both.sockets[0].recv(1) == b""
    with pytest.raises(Disconnected):
        port.send_frame(FRAME, 1)


@pytest.mark.parametrize("how", ["wait", "recv"])
def test_a_slot_does_not_wait_for_a_frame_that_never_comes(both: Two, how: str) -> None:
    both.word(8 * both.two.into.word, (9 << 16) | 20)
    assert len(getattr(both.two, how)(1 << 17)) == 20


def test_a_frame_that_an_interrupt_took_holds_up_nothing_that_follows(both: Two) -> None:
    both.one.send(bytes(ROOM + 1), NO_SIGNAL)
    both.sockets[1].recv(1 << 17)  # and its receiver was interrupted
    both.one.send(FRAME, NO_SIGNAL)
    assert both.two.wait(1 << 17) == FRAME
    both.one.send(bytes(ROOM + 1), NO_SIGNAL)
    both.one.send(FRAME, NO_SIGNAL)
    assert [both.two.wait(1 << 17) for _ in range(2)] == [bytes(ROOM + 1), FRAME]


@settings(max_examples=300, deadline=None)
@given(
    words=st.lists(st.tuples(st.integers(0, SIZE // 8 - 1), st.integers(0, 2**64 - 1) | st.integers(0, 1 << 17))),
    steps=st.lists(st.sampled_from(["send", "wait", "recv"]), max_size=12),
)
def test_whatever_is_written_into_the_memory_gives_frames_or_ends_the_connection(
    words: list[tuple[int, int]], steps: list[str]
) -> None:
    found = made()
    found.one.lengthen = lambda octets: octets if len(octets) > 9 else None
    found.two.send(FRAME, NO_SIGNAL)
    found.one.wait(1 << 17)
    found.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval(1e-6))
    for at, value in words:
        found.word(8 * at, value)
    try:
        for step in steps:
            try:
                if step == "send":
                    found.one.send(FRAME, NO_WAIT)
                else:
                    frame = found.one.wait(1 << 17) if step == "wait" else found.one.recv(1 << 17, NO_WAIT)
                    assert len(frame) <= ROOM
            except BlockingIOError:
                continue
    except BadFrame:
        assert found.one.fileno() == -1
    found.one.close()
    found.two.close()


# Nobody is left asleep


def test_two_processes_that_send_and_doze_at_random_lose_nothing(fresh: Two) -> None:
    count = 4000
    pid = os.fork()
    if not pid:
        try:
            converse(fresh.two, count, seed=2)
            os._exit(0)
        finally:
            os._exit(1)
    try:
        converse(fresh.one, count, seed=1)
    finally:
        assert os.waitpid(pid, 0)[1] == 0


def converse(own: Lane, count: int, seed: int) -> None:
    """Send `count` frames, at most three ahead of what comes, and check what comes."""
    dice = random.Random(seed)
    sent = received = 0
    while received < count:
        while sent < min(count, received + 1 + dice.randrange(3)):
            frame = sent.to_bytes(4, "big") * dice.choice((5, 20, ROOM // 4, ROOM))
            own.send(frame, NO_SIGNAL)
            sent += 1
        for _ in range(dice.choice((0, 0, 0, 0, 3, 300))):
            pass
        frame = dice.choice((own.wait, own.wait, own.wait, own.recv))(1 << 17)
        if frame != NUDGE:
            assert frame[:4] == frame[-4:] == received.to_bytes(4, "big")
            received += 1
