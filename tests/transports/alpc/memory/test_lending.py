"""What is lent comes back, whoever has it, and however a connection ends."""

from __future__ import annotations

import resource
import select
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from lrpc.transports.alpc import LPC_DATAGRAM, LPC_PORT_CLOSED, LPC_REPLY, LPC_REQUEST, CommunicationPort
from lrpc.transports.alpc.memory import lending
from lrpc.transports.alpc.memory.section import OutgoingSection, SectionLimits
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages.attributes import VIEW_AUTO_RELEASE
from lrpc.transports.alpc.quota import QuotaLimits, UserQuota
from lrpc.transports.errors import (
    Disconnected,
    MessageTooLong,
    QuotaExceeded,
    SectionTooBig,
    TimedOut,
    ViewInUse,
)
from lrpc.transports.sockets import NO_WAIT
from tests.transports.alpc.memory.lending import filled, taken

WATCHDOG = 20.0
Ports = tuple[CommunicationPort, CommunicationPort]


def wait_for(descriptor: int) -> None:
    assert select.select([descriptor], [], [], WATCHDOG)[0]


# Lending and giving back


def test_a_view_arrives_as_octets_that_cannot_be_written(ports: Ports) -> None:
    ports[0].send_message(b"head", view=filled(ports[0], b"payload"))
    message = ports[1].receive_message(WATCHDOG)
    assert (message.type, message.data) == (LPC_REQUEST, b"head")
    assert message.view == b"payload"
    assert message.view is not None
    assert message.view.readonly


def test_a_reply_gives_the_view_of_its_request_back(ports: Ports) -> None:
    number = ports[0].send_message(b"", view=filled(ports[0], b"x"))
    ports[1].receive_message(WATCHDOG)
    assert taken(ports[0]) > 0
    ports[1].send_message(b"", number, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    assert taken(ports[0]) == 0


def test_a_reply_with_a_view_does_so_too(ports: Ports) -> None:
    number = ports[0].send_message(b"", view=filled(ports[0], b"x"))
    ports[1].receive_message(WATCHDOG)
    ports[1].send_message(b"", number, LPC_REPLY, view=filled(ports[1], b"answer"))
    assert ports[0].receive_message(WATCHDOG).view == b"answer"
    assert taken(ports[0]) == 0


def test_a_release_goes_in_front_of_the_next_message(ports: Ports) -> None:
    ports[0].send_message(b"", 1, LPC_REPLY, view=filled(ports[0], b"x"))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    assert ports[0].receive_message_now() is None
    assert taken(ports[0]) > 0
    ports[1].send_message(b"next")
    assert ports[0].receive_message(WATCHDOG).data == b"next"
    assert taken(ports[0]) == 0


def test_a_reply_gives_no_view_back_that_came_otherwise(ports: Ports) -> None:
    number = ports[0].send_message(b"")
    ports[0].send_message(b"", type=LPC_DATAGRAM, view=filled(ports[0], b"x"))
    for _ in range(2):
        ports[1].receive_message(WATCHDOG)
    ports[1].send_message(b"", number, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    assert taken(ports[0]) > 0


def test_room_in_place_that_nobody_has_any_more_is_room_again(ports: Ports) -> None:
    room = ports[0].allocate_in_place(10)
    once = taken(ports[0])
    del room
    room = ports[0].allocate_in_place(10)
    assert taken(ports[0]) == once
    room.close()


def test_many_releases_do_not_wait(ports: Ports) -> None:
    for _ in range(lending.LAZY_COUNT):
        ports[0].send_message(b"", 1, LPC_DATAGRAM, view=filled(ports[0], b"x"))
        ports[1].release(ports[1].receive_message(WATCHDOG))
    wait_for(ports[0].fileno())
    assert ports[0].receive_message_now() is None
    assert taken(ports[0]) == 0


def test_a_large_release_does_not_wait(ports: Ports) -> None:
    ports[0].send_message(b"", view=ports[0].allocate(lending.LAZY_SIZE))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    wait_for(ports[0].fileno())
    assert ports[0].receive_message_now() is None
    assert taken(ports[0]) == 0


def test_a_view_that_could_not_be_sent_is_still_ours(ports: Ports) -> None:
    view = filled(ports[0], b"x")
    ports[0].send_message(b"", view=filled(ports[0], b"y"))
    while ports[0].send_message_now(bytes(60_000)):
        pass
    assert ports[0].send_message_now(bytes(60_000), view=view) == 0
    with pytest.raises(TimedOut):
        ports[0].send_message(bytes(60_000), view=view, timeout=0.01)
    assert not any(lent is view for lent in ports[0].lent_requests.values())
    ports[0].discard(view)


def test_a_section_that_could_not_be_passed_on_is_passed_later(ports: Ports) -> None:
    while ports[0].send_message_now(bytes(60_000), type=LPC_DATAGRAM):
        pass
    while ports[0].send_message_now(b"", type=LPC_DATAGRAM):
        pass
    view = filled(ports[0], b"patience")
    sent = 0
    while not sent:
        assert ports[1].receive_message(WATCHDOG).view is None
        sent = ports[0].send_message_now(b"", view=view)
    message = ports[1].receive_message(WATCHDOG)
    while message.view is None:
        message = ports[1].receive_message(WATCHDOG)
    assert message.view == b"patience"


def test_releases_wait_for_room(ports: Ports) -> None:
    ports[0].send_message(b"", view=ports[0].allocate(lending.LAZY_SIZE))
    message = ports[1].receive_message(WATCHDOG)
    while ports[1].send_message_now(bytes(60_000), type=LPC_DATAGRAM):
        pass
    while ports[1].send_message_now(b"", type=LPC_DATAGRAM):
        pass
    ports[1].release(message)
    assert list(ports[1].releases) == [message.view_number]
    while ports[0].receive_message_now() is not None:
        pass
    ports[1].send_message(b"now")
    assert ports[0].receive_message(WATCHDOG).data == b"now"
    assert taken(ports[0]) == 0


def test_a_peer_that_gives_nothing_back_hurts_only_itself(make_ports: Callable[..., Ports]) -> None:
    one, two = make_ports(outgoing=SectionLimits(1 << 20))
    for _ in range(4):
        one.send_message(b"", view=one.allocate(1 << 18))
    with pytest.raises(QuotaExceeded):
        one.allocate(1)
    with pytest.raises(MessageTooLong):
        one.allocate(1 << 21)
    one.send_message(b"still usable")
    for _ in range(4):
        two.receive_message(WATCHDOG)
    assert two.receive_message(WATCHDOG).data == b"still usable"


def test_ten_thousand_views_leave_descriptors_and_memory_flat(
    ports: Ports, open_descriptors: Callable[[], int]
) -> None:
    def exchange(count: int) -> None:
        for _ in range(count):
            number = ports[0].send_message(b"", view=filled(ports[0], octets))
            request = ports[1].receive_message(WATCHDOG)
            ports[1].send_message(b"", number, LPC_REPLY, view=filled(ports[1], octets))
            del request
            ports[0].release(ports[0].receive_message(WATCHDOG))

    octets = bytes(20_000)
    exchange(100)
    descriptors, memory = open_descriptors(), resident()
    exchange(5_000)
    assert open_descriptors() == descriptors
    assert resident() - memory < 4 << 20
    ports[0].send_message(b"flush")
    ports[1].receive_message(WATCHDOG)
    assert (taken(ports[0]), taken(ports[1])) == (0, 0)


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def test_threads_share_one_section(ports: Ports, threads: ThreadPoolExecutor) -> None:
    def serve() -> None:
        while (message := ports[1].receive_message(WATCHDOG)).type != LPC_PORT_CLOSED:
            assert message.view is not None
            assert bytes(message.view) == message.data * 5000
            ports[1].send_message(message.data, message.message_id, LPC_REPLY)

    def call(number: int) -> None:
        for _ in range(50):
            view = filled(ports[0], bytes([number]) * 5000)
            with turn:
                ports[0].send_message(bytes([number]), view=view)
                ports[0].receive_message(WATCHDOG)

    turn = threading.Lock()
    serving = threads.submit(serve)
    list(threads.map(call, range(1, 5)))
    ports[0].close()
    serving.result(WATCHDOG)


def test_everything_is_given_back_when_a_connection_ends(
    make_ports: Callable[..., Ports], open_descriptors: Callable[[], int]
) -> None:
    before = open_descriptors()
    for _ in range(20):
        one, two = make_ports()
        for sender, receiver in ((one, two), (two, one)):
            sender.send_message(b"", view=filled(sender, b"x"))
            receiver.receive_message(WATCHDOG)
        one.close()
        two.close()
    assert open_descriptors() == before


def test_memory_that_was_granted_and_not_taken_is_let_go(ports: Ports, open_descriptors: Callable[[], int]) -> None:
    before = open_descriptors()
    ports[0].grant_memory()
    ports[0].send_message(b"granted")
    assert ports[1].receive_message(WATCHDOG).data == b"granted"
    assert open_descriptors() == before + 1
    for port in ports:
        port.close()
    assert open_descriptors() == before - 2


def test_a_view_stays_readable_after_the_end(ports: Ports) -> None:
    ports[0].send_message(b"", view=filled(ports[0], b"last words"))
    message = ports[1].receive_message(WATCHDOG)
    ports[0].close()
    ports[1].close()
    assert message.view == b"last words"
    with pytest.raises(Disconnected):
        ports[1].allocate(1)


@pytest.mark.parametrize("kind", [LPC_REQUEST, LPC_REPLY])
def test_what_is_lent_in_one_step_is_what_the_long_way_sends(ports: Ports, kind: int) -> None:
    for port in ports:
        port.send_message(b"", view=filled(port, b"the section"))
    for port in reversed(ports):
        port.receive_message(WATCHDOG)
    ports[0].lend(b"data", [b"some ", b"octets"], 11, 7, kind, WATCHDOG)
    *_, view = ports[0]._sharing._lent.values()
    assert ports[1].receive_frame(WATCHDOG) == wire.pack(kind, 7, b"data", view.attribute)


def test_a_view_that_is_discarded_leaves_its_section_to_others(ports: Ports) -> None:
    one, two = filled(ports[0], b"one"), filled(ports[0], b"two")
    ports[0].discard(one)
    assert ports[0].allocate(1).section is two.section
    ports[0].send_message(b"", view=two)
    assert ports[1].receive_message(WATCHDOG).view == b"two"


def test_a_request_whose_view_is_released_before_it_is_answered_lends_nothing_more(ports: Ports) -> None:
    ports[0].send_message(b"", view=filled(ports[0], b"x"))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    ports[1].send_message(b"next", type=LPC_DATAGRAM)
    ports[0].receive_message(WATCHDOG)
    assert not ports[0]._sharing.lent_requests
    assert taken(ports[0]) == 0


def test_descriptors_that_could_not_be_sent_are_on_their_way_no_more(make_ports: Callable[..., Ports]) -> None:
    quota = UserQuota(QuotaLimits())
    one, _ = make_ports(quota=quota)
    one._sharing.send(LPC_DATAGRAM, 1, b"", None, NO_WAIT, [0])
    assert quota.handles.used == 1
    while one.send_message_now(bytes(60_000), type=LPC_DATAGRAM) or one.send_message_now(b"", type=LPC_DATAGRAM):
        pass
    with pytest.raises(BlockingIOError):
        one._sharing.send(LPC_DATAGRAM, 1, b"", None, NO_WAIT, [0, 0])
    assert quota.handles.used == 1


def test_a_view_that_is_kept_is_charged_until_it_is_dropped_or_the_connection_ends(
    make_ports: Callable[..., Ports],
) -> None:
    quota = UserQuota(QuotaLimits())
    for drop in (lambda port: port.drop_kept(), CommunicationPort.close):
        one, two = make_ports(quota=quota)
        one.lend(b"", [b"octets"], 6, 7, LPC_REQUEST, WATCHDOG)
        one.returned(0, 7)
        assert [*one.kept] == [6]
        assert not one._sharing.lent_requests
        assert quota.views.used > 0
        drop(one)
        assert quota.views.used == 0
        two.close()


# Several sections, and secure ones


def test_a_secure_view_arrives_and_is_known_for_one(ports: Ports) -> None:
    view = ports[0].allocate(6, secure=True)
    view.buffer[:] = b"secret"
    ports[0].send_message(b"", view=view)
    message = ports[1].receive_message(WATCHDOG)
    assert (message.view, message.secured) == (b"secret", True)
    with pytest.raises(ValueError, match="released"):
        view.buffer[0] = 1
    ports[0].send_message(b"", view=filled(ports[0], b"open"))
    assert not ports[1].receive_message(WATCHDOG).secured


def test_ten_mebibytes_by_secure_view_stay_what_they_were(ports: Ports) -> None:
    view = ports[0].allocate(10 << 20, secure=True)
    view.buffer[:] = b"x" * (10 << 20)
    number = ports[0].send_message(b"", view=view)
    with pytest.raises(ValueError, match="released"):
        view.buffer[:1] = b"y"
    message = ports[1].receive_message(WATCHDOG)
    assert message.view == b"x" * (10 << 20)
    ports[1].send_message(b"", number, LPC_REPLY)
    ports[0].receive_message(WATCHDOG)
    assert not ports[0]._sharing._sections


def test_ten_thousand_secure_views_leave_descriptors_and_memory_flat(
    ports: Ports, open_descriptors: Callable[[], int]
) -> None:
    def exchange(count: int) -> None:
        for _ in range(count):
            view = ports[0].allocate(20_000, secure=True)
            view.buffer[:] = octets
            number = ports[0].send_message(b"", view=view)
            message = ports[1].receive_message(WATCHDOG)
            assert message.view is not None
            assert message.view[19_999] == 120
            ports[1].send_message(b"", number, LPC_REPLY)
            ports[0].receive_message(WATCHDOG)

    octets = b"x" * 20_000
    exchange(100)
    descriptors, memory, maps = open_descriptors(), resident(), mappings()
    exchange(10_000)
    assert open_descriptors() == descriptors
    assert resident() - memory < 4 << 20
    assert mappings() - maps < 10


def mappings() -> int:
    with open("/proc/self/maps") as maps:
        return sum("memfd" in line for line in maps)


def test_a_secure_view_that_found_no_room_is_sent_later_or_discarded(ports: Ports) -> None:
    views = [ports[0].allocate(5, secure=True) for _ in range(2)]
    while ports[0].send_message_now(bytes(60_000), type=LPC_DATAGRAM):
        pass
    while ports[0].send_message_now(b"", type=LPC_DATAGRAM):
        pass
    assert [ports[0].send_message_now(b"", view=view) for view in views] == [0, 0]
    ports[0].discard(views[1])
    sent = 0
    while not sent:
        ports[1].receive_message(WATCHDOG)
        sent = ports[0].send_message_now(b"", view=views[0])
    while (message := ports[1].receive_message(WATCHDOG)).view is None:
        pass
    assert (message.view, message.secured) == (bytes(5), True)


def test_a_secure_view_that_is_still_written_to_is_not_sent(ports: Ports) -> None:
    view = ports[0].allocate(5, secure=True)
    part = view.buffer[1:]
    with pytest.raises(ViewInUse):
        ports[0].send_message(b"", view=view)
    part.release()
    ports[0].send_message(b"", view=view)
    assert ports[1].receive_message(WATCHDOG).view == bytes(5)


def test_a_view_may_go_when_it_is_sent(ports: Ports) -> None:
    view = filled(ports[0], b"going")
    view.flags = VIEW_AUTO_RELEASE
    ports[0].send_message(b"", view=view)
    with pytest.raises(ValueError, match="released"):
        view.buffer[0] = 1
    assert ports[1].receive_message(WATCHDOG).view == b"going"


def test_a_view_that_is_to_go_and_is_still_used_goes_all_the_same(ports: Ports) -> None:
    view = filled(ports[0], b"going")
    view.flags = VIEW_AUTO_RELEASE
    using = struct.iter_unpack("c", view.buffer)
    ports[0].send_message(b"", view=view)
    assert ports[1].receive_message(WATCHDOG).view == b"going"
    assert next(using) == (b"g",)


def test_what_is_received_unsecured_may_change_but_a_copy_does_not(ports: Ports) -> None:
    view = filled(ports[0], b"a")
    ports[0].send_message(b"", view=view)
    message = ports[1].receive_message(WATCHDOG)
    assert message.view is not None
    copy = bytes(message.view)
    view.buffer[0] = ord("b")
    assert (copy, message.view) == (b"a", b"b")


def test_sections_together_keep_within_the_total(make_ports: Callable[..., Ports]) -> None:
    port, _ = make_ports(outgoing=SectionLimits(1 << 20, 1 << 20, 2 << 20))
    port.create_section(1 << 20)
    second = port.create_section(1 << 20)
    with pytest.raises(SectionTooBig):
        port.create_section(1)
    port.delete_section(second)
    port.create_section(1 << 20)


def test_sections_are_counted(ports: Ports) -> None:
    for _ in range(lending.MAX_SECTIONS):
        ports[0].create_section(1)
    with pytest.raises(QuotaExceeded):
        ports[0].create_section(1)


def test_views_come_from_the_sections_that_are_left(ports: Ports) -> None:
    one, two = (ports[0].create_section(8192) for _ in range(2))
    for section in (one, two, two):
        ports[0].send_message(b"", view=ports[0].allocate(10, section=section))
        assert ports[1].receive_message(WATCHDOG).view == bytes(10)
        if section is two:
            ports[0].delete_section(one)
    assert [*ports[1]._sharing.incoming] == [two.base]


def test_another_section_is_the_usual_one_once_that_is_deleted(ports: Ports) -> None:
    for octets in (b"old", b"new"):
        view = filled(ports[0], octets)
        ports[0].send_message(b"", view=view)
        assert ports[1].receive_message(WATCHDOG).view == octets
        assert isinstance(view.section, OutgoingSection)
        ports[0].delete_section(view.section)


def test_a_copy_stays_what_it_was_while_the_sender_writes_on(ports: Ports, threads: ThreadPoolExecutor) -> None:
    view = filled(ports[0], b"\0" * 100_000)
    ports[0].send_message(b"", view=view)
    message = ports[1].receive_message(WATCHDOG)
    over = threading.Event()

    def write_on() -> None:
        octet = 0
        while not over.is_set():
            octet = (octet + 1) % 256
            view.buffer[:] = bytes([octet]) * 100_000

    writing = threads.submit(write_on)
    assert message.view is not None
    copy = bytes(message.view)
    kept = hash(copy)
    while message.view[0] == copy[0]:  # until it is another
        pass
    over.set()
    writing.result(WATCHDOG)
    assert hash(bytearray(copy).decode("latin-1").encode("latin-1")) == kept


def test_releases_and_the_message_behind_them_are_one_send(ports: Ports) -> None:
    ports[0].send_message(b"", 1, LPC_REPLY, view=filled(ports[0], b"x"))
    ports[1].release(ports[1].receive_message(WATCHDOG))
    ports[1].send_message(b"", view=filled(ports[1], b"y"))
    packets = [ports[0]._socket.recv(1000) for _ in range(2)]
    assert [packet[4] for packet in packets] == [wire.SECTION_NOTICE, wire.SECTION]
    frame, numbers = wire.releases_in(ports[0]._socket.recv(1000))
    assert numbers == [1]
    assert wire.unpack(frame)[0] == LPC_REQUEST
