"""Rows F1-F8 of docs/threats.md: what is no PDU, or lies about its length, against live servers."""

from __future__ import annotations

import itertools
import random
import struct
from typing import Any

import pytest

from lrpc.runtime import ncacn


@pytest.fixture(params=["ncacn_ip_tcp", "memory"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def offer(raw: Any, calculator: Any) -> bytes:
    """A bind that is in order."""
    interface = calculator.Calculator.interface
    return bytes(raw.bind(raw.item(ncacn.SyntaxId(interface.uuid, *interface.version))))


def test_the_conversation_is_in_order(victim: Any, raw: Any, offer: bytes) -> None:
    with victim.intruder().say(offer, raw.request()) as intruder:
        ack, response = intruder.next(), intruder.next()
    assert (ack.ptype, response.stub) == (raw.ACK, raw.STUB[4:])
    assert victim.heard("malformed", "limit") == []
    victim.survives()


# F1: slow


@pytest.mark.parametrize("size", [0, 1, 15, 40])
def test_f1_a_bind_that_does_not_come_to_its_end_is_dropped(
    victims: Any, face: str, transport: str, offer: bytes, size: int
) -> None:
    victim = victims(face, transport, handshake=0.05)
    with victim.intruder().say(offer[:size]) as intruder:
        assert intruder.rest() == []
    assert victim.complaint().limit == "handshake"
    victim.survives()


def test_f1_one_octet_at_a_time_does_not_prolong_the_handshake(
    victims: Any, face: str, transport: str, offer: bytes
) -> None:
    victim = victims(face, transport, handshake=0.05)
    with victim.intruder() as intruder:
        intruder.trickle(offer)
        assert intruder.rest() == []
    assert victim.complaint().limit == "handshake"
    victim.survives()


@pytest.mark.parametrize("begun", ["header", "body", "fragment"])
def test_f1_a_request_that_does_not_come_to_its_end_is_dropped(
    victims: Any, face: str, transport: str, raw: Any, begun: str
) -> None:
    victim = victims(face, transport, max_pause=0.05)
    octets = {"header": raw.request()[:9], "body": raw.request()[:-1], "fragment": raw.request(flags=raw.FIRST)}
    with victim.bound() as intruder:
        assert intruder.say(raw.request()).next().ptype == raw.RESPONSE
        assert intruder.say(octets[begun]).rest() == []
    assert victim.complaint().limit == "max_pause"
    assert len(victim.world.data) == 1
    victim.survives()


def test_f1_one_octet_at_a_time_does_not_prolong_a_request(victims: Any, face: str, transport: str, raw: Any) -> None:
    victim = victims(face, transport, max_pause=0.05)
    with victim.bound() as intruder:
        intruder.trickle(raw.request(bytes(1000)))
        assert intruder.rest() == []
    victim.complaint()
    assert victim.world.data == []
    victim.survives()


@pytest.mark.parametrize("fragments", [1, 2])
def test_f1_a_request_that_goes_on_has_its_time(
    victims: Any, face: str, transport: str, raw: Any, fragments: int
) -> None:
    victim = victims(face, transport, max_pause=0.2)
    parts = [raw.request(raw.STUB[:8], flags=raw.FIRST), *[raw.request(b"", flags=0)] * 3]
    with victim.bound() as intruder:
        for part in parts * (fragments - 1):
            intruder.say(part)
            victim.pace(0.1)
        assert intruder.say(raw.request(raw.STUB[8:] if fragments > 1 else raw.STUB, flags=raw.LAST)).next()
    victim.survives()


def test_f1_of_those_who_bind_nothing_the_oldest_goes(victims: Any, face: str, transport: str, offer: bytes) -> None:
    victim = victims(face, transport, max_strangers=3)
    intruders = [victim.intruder() for _ in range(3)]
    victim.until(lambda: len(victim.host.server._sessions) == 4)
    with victim.intruder() as newest:
        assert intruders[0].rest() == []
        assert victim.complaint().limit == "max_strangers"
        assert newest.say(offer).next()
        assert [intruder.say(offer).next().ptype for intruder in intruders[1:]] == [12, 12]
    for intruder in intruders:
        intruder.close()
    victim.survives()


# F2: cut


def test_f2_a_conversation_cut_anywhere_ends_quietly(victim: Any, raw: Any, offer: bytes, transport: str) -> None:
    call = raw.request()
    for cut in range(len(offer) + len(call)):
        with victim.intruder().say(offer[:cut], call[: max(cut - len(offer), 0)]) as intruder:
            if cut % 3:
                assert len(intruder.finish().rest()) <= 1
    assert victim.world.data == []
    assert victim.heard("malformed", "limit", "failed") == []
    victim.survives()


def test_f2_what_waits_for_its_end_is_not_looked_at_again(
    victim: Any, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    intruders = [victim.bound().say(raw.request()[:-1]) for _ in range(5)]
    looks: list[int] = []
    receive = ncacn.ServerAssociation.receive_data

    def counted(association: Any, octets: bytes) -> Any:
        looks.append(len(octets))
        return receive(association, octets)

    monkeypatch.setattr(ncacn.ServerAssociation, "receive_data", counted)
    victim.pace(0.2)
    assert len(looks) <= 5
    for intruder in intruders:
        intruder.close()
    victim.survives()


# F3: lengths


def test_f3_a_length_that_no_request_has_breaks_the_protocol(victim: Any, raw: Any) -> None:
    for size in (*range(24), 5841, 65535):
        with victim.bound() as intruder:
            [fault] = intruder.say(raw.request(size=size, call_id=7)).rest()
        assert (fault.ptype, fault.call_id, fault.status) == (raw.FAULT, 7, raw.PROTO_ERROR), size
        victim.complaint()
        victim.journal.clear()
    assert victim.world.data == []
    victim.survives()


def test_f3_a_length_that_no_bind_has_is_refused(victim: Any, raw: Any, offer: bytes) -> None:
    for size in range(28):
        octets = offer[:8] + struct.pack("<H", size) + offer[10:]
        with victim.intruder().say(octets) as intruder:
            [nak] = intruder.rest()
        assert (nak.ptype, nak.reason) == (raw.NAK, 4), size
        victim.complaint()
        victim.journal.clear()
    victim.survives()


def test_f3_a_length_with_nothing_behind_it_takes_nothing_and_its_time(
    victims: Any, face: str, transport: str, raw: Any
) -> None:
    victim = victims(face, transport, handshake=0.05)
    intruders = [victim.intruder().say(raw.pdu(raw.BIND, size=65535)) for _ in range(3)]
    victim.check()
    for intruder in intruders:
        assert intruder.rest() == []
        intruder.close()
    assert {record.limit for record in victim.heard("limit")} == {"handshake"}
    victim.survives()


# F4: versions and representations


@pytest.mark.parametrize(
    "fields",
    [
        {"version": (4, 0)},
        {"version": (6, 0)},
        {"version": (5, 2)},
        {"drep": (0x11, 0)},
        {"drep": (0x01, 0)},
        {"drep": (0x20, 0)},
        {"drep": (0x10, 1)},
        {"drep": (0x10, 2)},
        {"drep": (0x10, 3)},
    ],
    ids=["4.0", "6.0", "5.2", "EBCDIC", "big-endian EBCDIC", "no order", "VAX", "Cray", "IBM"],
)
def test_f4_what_is_not_spoken_is_refused_by_name(victim: Any, raw: Any, offer: bytes, fields: Any) -> None:
    with victim.intruder().say(raw.pdu(raw.BIND, offer[16:], **fields)) as intruder:
        [nak] = intruder.rest()
    assert (nak.ptype, nak.reason, nak.versions) == (raw.NAK, 4, [(5, 0)])
    assert "not spoken" in victim.complaint().reason
    victim.survives()


def test_f4_big_endian_is_spoken(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    client = ncacn.ClientAssociation(order=">")
    with victim.intruder().say(client.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])])) as intruder:
        assert intruder.next().ptype == raw.ACK
        body = struct.pack(">IHH", 16, 0, raw.ECHO) + struct.pack(">II", 8, 8) + b"12345678"
        assert intruder.say(raw.pdu(raw.REQUEST, body, drep=(0, 0))).next().stub == raw.STUB[4:]
    victim.survives()


# F5: types


@pytest.mark.parametrize("bound", [True, False])
def test_f5_a_type_that_clients_do_not_send_ends_the_connection(victim: Any, raw: Any, *, bound: bool) -> None:
    for ptype in (*range(1, 11), 12, 13, 15, 17, 20, 21, 127, 255):
        with victim.bound() if bound else victim.intruder() as intruder:
            assert intruder.say(raw.pdu(ptype, bytes(40))).rest() == []
        assert f"PTYPE {ptype} is not received here" in victim.complaint().reason
        victim.journal.clear()
    victim.survives()


# F6: other protocols


GARBAGE = {
    "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "tls": bytes.fromhex("16030102000100") + b"\x01" * 300,
    "smb": b"\x00\x00\x00\x85\xffSMBr" + bytes(100),
    "ssh": b"SSH-2.0-OpenSSH_9.9\r\n",
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
    "a mebibyte": random.Random(6).randbytes(1 << 20),
}


@pytest.mark.parametrize("name", sorted(GARBAGE))
def test_f6_other_protocols_are_shown_out_in_one_read(victim: Any, name: str) -> None:
    with victim.intruder().say(GARBAGE[name]) as intruder:
        assert intruder.rest() == []
    assert victim.complaint().offset == 0
    victim.survives()


def test_f6_of_garbage_nothing_is_kept() -> None:
    for name, octets in GARBAGE.items():
        server = ncacn.ServerAssociation(secondary_address="", group_id=lambda asked: asked or 1)
        server.receive_data(octets[: 1 << 16])
        assert server.closed, name
        assert not server.unfinished, name


# F7: authentication trailers


@pytest.mark.parametrize(
    ("auth", "trailer"),
    [
        (0xFFFF, b""),
        (9, b""),
        (16, bytes(24)),
        (8, struct.pack("<4BI", 10, 5, 0, 0, 0) + bytes(8)),
        (8, b"x" + struct.pack("<4BI", 10, 5, 0, 0, 0) + bytes(8)),
        (8, struct.pack("<4BI", 10, 5, 255, 0, 0) + bytes(8)),
    ],
    ids=["beyond the PDU", "over the header", "over the body", "unknown to the connection", "misaligned", "padding"],
)
def test_f7_a_trailer_that_cannot_be_ends_the_connection(victim: Any, raw: Any, auth: int, trailer: bytes) -> None:
    body = struct.pack("<IHH", 16, 0, raw.ECHO) + raw.STUB[: -len(trailer) or None if auth == 16 else None] + trailer
    with victim.bound() as intruder:
        [fault] = intruder.say(raw.pdu(raw.REQUEST, body, auth=auth)).rest()
    assert (fault.ptype, fault.call_id) == (raw.FAULT, 1)
    assert fault.status in (raw.PROTO_ERROR, raw.DENIED)
    victim.complaint()
    assert victim.world.data == []
    victim.survives()


# F8: chunks


def test_f8_octets_cut_and_glued_anyhow_are_the_same_conversation(victim: Any, raw: Any, offer: bytes) -> None:
    offer = offer[:3] + bytes([raw.WHOLE | raw.MPX]) + offer[4:]
    halves = (
        raw.request(raw.STUB[:8], flags=raw.FIRST, call_id=2),
        raw.request(raw.STUB[8:], flags=raw.LAST, call_id=2),
    )
    rest = (raw.request(), *halves, raw.request(context=9, call_id=3), raw.request(opnum=99, call_id=4))
    stream = offer + b"".join(rest)
    whole, dice = None, random.Random(8)
    ways = [
        [],
        range(1, len(stream)),
        *[sorted(dice.sample(range(1, len(stream)), dice.randrange(1, 12))) for _ in range(40)],
    ]
    for cuts in ways:
        ends = [0, *cuts, len(stream)]
        with victim.intruder().say(*(stream[a:b] for a, b in itertools.pairwise(ends))) as intruder:
            heard = sorted((intruder.next() for _ in range(5)), key=lambda pdu: (pdu.call_id, -pdu.ptype))
        heard[0].group_id = 0
        whole = whole or heard
        assert heard == whole
    victim.survives()
