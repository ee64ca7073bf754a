"""A stream, cut into PDUs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.ncacn import PacketType, PduError
from lrpc.runtime.ncacn.inbox import Inbox

LARGEST = {PacketType.REQUEST: 5840, PacketType.BIND: 0xFFFF}


def taken(inbox: Inbox) -> list[bytes]:
    found = []
    while (one := inbox.take()) is not None:
        found.append(one[1])
    return found


def pdu_of(size: int, ptype: int = PacketType.REQUEST) -> bytes:
    head = bytes((5, 0, ptype, 3, 0x10, 0, 0, 0)) + size.to_bytes(2, "little") + bytes(6)
    return head + bytes(max(size - 16, 0))


def test_nothing_is_taken_from_nothing():
    assert Inbox(LARGEST).take() is None


@given(st.lists(st.sampled_from([16, 17, 24, 100, 5840]), max_size=5), st.lists(st.integers(0, 20000), max_size=9))
@settings(deadline=None)
def test_pdus_are_the_same_however_the_stream_is_cut(kit, sizes, cuts):
    stream = [pdu_of(size) for size in sizes]
    inbox = Inbox(LARGEST)
    found = []
    for chunk in kit.split(b"".join(stream), cuts):
        inbox.octets += chunk
        found += taken(inbox)
    assert found == stream
    assert not inbox.octets


def test_octet_by_octet_is_the_same():
    inbox, found = Inbox(LARGEST), []
    for octet in pdu_of(40) + pdu_of(16) + pdu_of(30)[:-1]:
        inbox.octets.append(octet)
        found += taken(inbox)
    assert found == [pdu_of(40), pdu_of(16)]
    assert len(inbox.octets) == 29


@pytest.mark.parametrize(
    "start",
    [b"GET", b"\x16\x03\x01", b"\x00\x00\x00\x54\xffSMB", b"SSH-2.0-OpenSSH_9.2\r\n", bytes(64)],
    ids=["HTTP", "TLS", "SMB", "SSH", "zeros"],
)
def test_another_protocol_is_seen_in_three_octets(start):
    inbox = Inbox(LARGEST)
    inbox.octets += start
    with pytest.raises(PduError, match="another protocol"):
        inbox.take()


def test_another_protocol_is_seen_at_its_third_octet_when_they_come_one_by_one():
    inbox = Inbox(LARGEST)
    for octet in b"GE":
        inbox.octets.append(octet)
        assert inbox.take() is None
    inbox.octets.append(ord("T"))
    with pytest.raises(PduError, match="another protocol"):
        inbox.take()


def test_bind_of_another_version_is_let_come_to_be_refused_by_name():
    inbox = Inbox(LARGEST)
    inbox.octets += b"\x04" + pdu_of(16, PacketType.BIND)[1:15]
    assert inbox.take() is None
    inbox.octets += b"\0"
    with pytest.raises(PduError, match=r"version 4\.0"):
        inbox.take()


def test_header_is_judged_before_its_body_has_come():
    for size, ptype, message in (
        (5841, PacketType.REQUEST, "exceeds 5840"),
        (15, PacketType.REQUEST, "shorter than the header"),
        (100, PacketType.RESPONSE, "PTYPE 2 is not received here"),
        (0xFFFF, 255, "PTYPE 255 is not received here"),
    ):
        inbox = Inbox(LARGEST)
        inbox.octets += pdu_of(size, ptype)[:16].ljust(16, b"\0")
        with pytest.raises(PduError, match=message):
            inbox.take()


def test_what_is_held_can_be_forgotten():
    inbox = Inbox(LARGEST)
    inbox.octets += pdu_of(24)[:20]
    assert inbox.take() is None
    inbox.clear()
    assert not inbox.octets
