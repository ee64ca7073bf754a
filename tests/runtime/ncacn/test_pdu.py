"""PDUs of calls, and what holds for every PDU."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lrpc.runtime.ncacn import PacketType, PduError, StateError, pdu


def test_golden_pdu_serializes_to_its_octets(golden):
    _, value, octets = golden
    assert value.serialize().hex(" ") == octets.hex(" ")


def test_golden_octets_parse_to_their_pdu(golden):
    _, value, octets = golden
    assert pdu.parse_pdu(octets) == value


def test_golden_octets_cut_anywhere_are_refused(golden):
    _, _, octets = golden
    for end in range(len(octets)):
        with pytest.raises(PduError):
            pdu.parse_pdu(octets[:end])


def test_golden_pdu_with_a_shorter_body_is_refused_or_another_pdu(golden):
    name, value, octets = golden
    # The padding that closes a bind_nak may be missing.
    for end in range(16, 21 if name == "bind_nak" else len(octets)):
        size = end.to_bytes(2, "little" if octets[4] else "big")
        short = octets[:8] + size + octets[10:end]
        with contextlib.suppress(PduError):
            assert pdu.parse_pdu(short) != value


def test_golden_pdu_goes_round_in_the_other_byte_order(golden):
    _, value, _ = golden
    other = replace(value, order=">" if value.order == "<" else "<")
    assert pdu.parse_pdu(other.serialize()) == other


@given(data=st.data())
@settings(deadline=None, max_examples=400)
def test_mutated_pdu_parses_or_is_refused(kit, data):
    octets = bytearray(data.draw(st.sampled_from([octets for _, _, octets in kit.GOLDEN])))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PduError):
        pdu.parse_pdu(bytes(octets)).serialize()


@given(st.binary(max_size=200))
@example(b"")
@settings(deadline=None)
def test_any_octets_parse_or_are_refused(octets):
    with contextlib.suppress(PduError):
        pdu.parse_pdu(octets)


@pytest.mark.parametrize("ptype", [1, 4, 5, 6, 7, 8, 9, 10, 20, 255])
def test_datagram_and_unknown_ptypes_are_refused(ptype):
    octets = bytes((5, 0, ptype, 3, 0x10, 0, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0))
    with pytest.raises(PduError, match=f"PTYPE {ptype} is not of this protocol") as caught:
        pdu.parse_pdu(octets)
    assert (caught.value.ptype, caught.value.call_id) == (ptype, 9)


def test_request_shorter_than_its_header_is_refused():
    octets = pdu.Request(1, 0, 0, b"").serialize()
    with pytest.raises(PduError, match="too short for its type"):
        pdu.parse_pdu(octets[:8] + b"\x17" + octets[9:23])


def test_object_flag_without_uuid_is_refused():
    octets = bytearray(pdu.Request(1, 0, 0, b"short").serialize())
    octets[3] |= 0x80
    with pytest.raises(PduError, match="object UUID is missing"):
        pdu.parse_pdu(bytes(octets))


def test_pdu_longer_than_frag_length_can_say_is_not_sent():
    with pytest.raises(StateError, match="does not fit one fragment"):
        pdu.Request(1, 0, 0, bytes(0x10000)).serialize()


def test_start_is_the_first_eight_octets_of_a_header():
    octets = pdu.Response(1, 0, b"").serialize()
    assert pdu.start(PacketType.RESPONSE, 3) == int.from_bytes(octets[:8], "little")
