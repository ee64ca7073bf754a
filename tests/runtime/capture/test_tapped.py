from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from lrpc.runtime import plain
from lrpc.runtime.binding import StringBinding
from lrpc.runtime.capture import pcapng
from lrpc.runtime.capture.capturing import Capture
from lrpc.runtime.capture.exported import Exported
from lrpc.runtime.capture.file import CaptureFile, Side
from lrpc.runtime.ncacn import pdu
from lrpc.runtime.ncacn.pdu import CoCancel, Request
from lrpc.transports import alpc, memory, tcp
from lrpc.transports.errors import Disconnected, TimedOut

PDU = Request(1, 0, 5, b"stub").serialize()
OTHER = CoCancel(1).serialize()
TCP = StringBinding.parse("ncacn_ip_tcp:127.0.0.1[1]")


class Recording:
    """A file, and what is in it."""

    def __init__(self, path: Path) -> None:
        self.file = CaptureFile(str(path))

    def of(self, side: Side) -> Capture:
        return Capture(self.file, side)

    @property
    def packets(self) -> list[pcapng.Packet]:
        with open(self.file.path, "rb") as file:
            return list(pcapng.read(file))

    @property
    def passed(self) -> list[tuple[bool | None, bytes]]:
        """Direction and octets."""
        return [(packet.outbound, exported(packet).octets) for packet in self.packets]


def exported(packet: pcapng.Packet) -> Exported:
    found = Exported.parse(packet.octets)
    assert found is not None
    return found


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    return Recording(tmp_path / "x.pcapng")


@pytest.fixture
def streams(recording: Recording) -> Any:
    """Both ends of a TCP connection; the client's has a tap."""
    listener = tcp.listen()
    client = tcp.connect(listener.address, 5)
    server = listener.accept(5)
    yield recording.of(Side.CLIENT).connection(client, TCP), server
    for end in (listener, client, server):
        end.close()


@pytest.fixture
def ports(recording: Recording, request: pytest.FixtureRequest) -> Any:
    """Both ends of an ALPC connection, tapped at one of them."""
    name = f"tap-{recording.file.path.replace('/', '-')[-60:]}"
    accepted: list[Any] = []
    with_port = alpc.create_port(name)
    thread = threading.Thread(target=lambda: accepted.append(with_port.accept(5)))
    thread.start()
    client = alpc.connect(name, 5)
    thread.join()
    side: Side = request.param
    binding = StringBinding.parse(f"ncalrpc:[{name}]")
    tap = recording.of(side)
    yield (
        (tap.port(client, binding), accepted[0]) if side is Side.CLIENT else (client, tap.port(accepted[0], binding))
    )
    for end in (with_port, client, accepted[0]):
        end.close()


def test_what_a_stream_sends_and_receives_is_written_pdu_by_pdu(streams: Any, recording: Recording) -> None:
    tapped, server = streams
    tapped.send(PDU + OTHER, 5)
    assert server.receive(5) == PDU + OTHER
    assert recording.passed == [(True, PDU), (True, OTHER)]
    server.send(PDU[:10], 5)
    assert tapped.receive(5) == PDU[:10]
    assert recording.passed[2:] == []
    server.send(PDU[10:], 5)
    assert tapped.receive(5) == PDU[10:]
    assert recording.passed[2:] == [(False, PDU)]


def test_the_same_without_waiting(streams: Any, recording: Recording) -> None:
    tapped, server = streams
    assert tapped.receive_now() is None
    assert tapped.send_now(PDU) == len(PDU)
    assert server.receive(5) == PDU
    server.close()
    assert tapped.receive(5) == b""
    assert recording.passed == [(True, PDU)]


def test_of_what_is_taken_in_part_the_part_is_written(streams: Any, recording: Recording) -> None:
    tapped, server = streams
    octets, taken = PDU * 200_000, -1
    sent = 0
    while taken:
        taken = tapped.send_now(octets[sent:])
        sent += taken
    while sent % len(PDU):
        server.receive(5)
        sent += tapped.send_now(octets[sent : sent + len(PDU) - sent % len(PDU)])
    assert len(recording.passed) == sent // len(PDU)


def test_a_pdu_that_never_ends_is_written_with_the_end(streams: Any, recording: Recording) -> None:
    tapped, server = streams
    server.send(PDU[:20], 5)
    server.close()
    while tapped.receive(5):
        continue
    assert recording.passed == [(False, PDU[:20])]
    assert not exported(recording.packets[0]).is_pdu


def test_errors_are_those_of_the_connection(streams: Any) -> None:
    tapped, server = streams
    with pytest.raises(TimedOut):
        tapped.receive(0.001)
    tapped.close()
    with pytest.raises(Disconnected):
        tapped.send(PDU, 5)
    assert tapped.fileno() == -1
    assert server.receive(5) == b""


def test_memory_has_the_pdus_that_were_sent(recording: Recording) -> None:
    listener = memory.listen(f"tapped-{id(recording)}")
    client = memory.connect(listener.address, 5)
    server = recording.of(Side.SERVER).connection(listener.accept(5), StringBinding.parse("memory:[tapped]"))
    assert server.message_mode
    client.send(PDU, 5)
    assert server.receive(5) == PDU
    server.drain()
    server.send(OTHER, 5)
    assert recording.passed == [(False, PDU), (True, OTHER)]
    for end in (listener, client, server):
        end.close()


REQUEST = plain.request(bytes(16), 7, 0, 3, b"stub")
BODY = REQUEST[48:]


@pytest.mark.parametrize("ports", [Side.CLIENT], indirect=True)
def test_messages_of_a_port_are_written_as_pdus(ports: Any, recording: Recording) -> None:
    tapped, server = ports
    tapped.send_message(BODY, 7, timeout=5)
    assert tapped.send_message_now(BODY, 8)
    assert tapped.receive_message_now() is None
    for number in (7, 8):
        assert server.receive_message(5).message_id == number
    server.send_message(plain.response(bytes(16), 7, 7, b"answer")[48:], 7, alpc.LPC_REPLY)
    assert tapped.receive_message(5).message_id == 7
    kinds = [(way, type(pdu.parse_pdu(octets))) for way, octets in recording.passed]
    assert kinds == [(True, pdu.Request), (True, pdu.Request), (False, pdu.Response)]


@pytest.mark.parametrize("ports", [Side.CLIENT], indirect=True)
def test_a_client_is_told_to_send_and_receive_apart(ports: Any, recording: Recording) -> None:
    with pytest.raises(TimedOut) as told:
        ports[0].send_wait_receive(REQUEST, 1, 1)
    assert not told.value.sent
    assert recording.passed == []


@pytest.mark.parametrize("ports", [Side.SERVER], indirect=True)
def test_plain_frames_at_a_server_are_written(ports: Any, recording: Recording) -> None:
    client, tapped = ports
    client.send_message(BODY, 7)
    frame = tapped.receive_frame(5)
    assert tapped.understood(frame).message_id == 7
    client.send_message(BODY, 8)
    reply = plain.response(tapped.client_id, 7, 7, b"answer")
    assert plain.read_request(tapped.send_wait_receive(reply, 5, 5)) is not None
    kinds = [(way, type(pdu.parse_pdu(octets))) for way, octets in recording.passed]
    assert kinds == [(False, pdu.Request), (True, pdu.Response), (False, pdu.Request)]


@pytest.mark.parametrize("ports", [Side.SERVER], indirect=True)
def test_frames_that_nobody_waits_for_are_written(ports: Any, recording: Recording) -> None:
    client, tapped = ports
    assert tapped.receive_frame_now() is None
    client.send_message(BODY, 7)
    frame = tapped.receive_frame_now()
    assert tapped.understood_now(frame).message_id == 7
    tapped.send_frame(plain.response(tapped.client_id, 7, 7, b"answer"), 5)
    kinds = [(way, type(pdu.parse_pdu(octets))) for way, octets in recording.passed]
    assert kinds == [(False, pdu.Request), (True, pdu.Response)]


@pytest.mark.parametrize("ports", [Side.CLIENT], indirect=True)
def test_messages_that_go_together_are_written_one_by_one(ports: Any, recording: Recording) -> None:
    tapped, server = ports
    with tapped.batch(5) as batch:
        for _ in range(3):
            batch.datagram(BODY)
    for _ in range(3):
        assert server.receive_message(5).type == alpc.LPC_DATAGRAM
    assert [(way, type(pdu.parse_pdu(octets))) for way, octets in recording.passed] == [(True, pdu.Request)] * 3


@pytest.mark.parametrize("ports", [Side.SERVER], indirect=True)
def test_the_end_of_a_port_is_no_packet(ports: Any, recording: Recording) -> None:
    client, tapped = ports
    client.close()
    assert tapped.understood(tapped.receive_frame(5)).type == alpc.LPC_PORT_CLOSED
    assert recording.passed == []


def test_taps_say_what_they_are_on(streams: Any) -> None:
    assert "TcpConnection" in repr(streams[0])
