from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports import alpc
from lrpc.transports.alpc import PortAttributes, PortFlags
from lrpc.transports.alpc.handles import ALL_OBJECTS
from lrpc.transports.alpc.messages import message as wire
from lrpc.transports.alpc.messages import port_attributes
from lrpc.transports.alpc.messages.attributes import ContextAttribute
from lrpc.transports.alpc.messages.port_attributes import GRANTED, MAX_CONNECTION_DATA, pack_terms, parse_terms, refusal
from lrpc.transports.errors import BadFrame, InvalidParameter, InvalidPortAttributes, MessageTooLong
from lrpc.transports.seam import Peer
from lrpc.transports.security import SecurityQos

FLAGS = {
    "LPC_MODE": 0x1000,
    "ALLOW_IMPERSONATION": 0x10000,
    "ALLOW_LPC_REQUESTS": 0x20000,
    "WAITABLE_PORT": 0x40000,
    "ALLOW_DUP_OBJECT": 0x80000,
    "SYSTEM_PROCESS": 0x100000,
    "WAKE_POLICY1": 0x200000,
    "WAKE_POLICY2": 0x400000,
    "WAKE_POLICY3": 0x800000,
    "DIRECT_MESSAGE": 0x1000000,
    "ALLOW_MULTIHANDLE": 0x2000000,
}
KERNELS = ("LPC_MODE", "SYSTEM_PROCESS", "WAKE_POLICY1", "WAKE_POLICY2", "WAKE_POLICY3")


def test_flags_have_the_numbers_of_nt() -> None:
    assert {flag.name: flag.value for flag in PortFlags} == FLAGS


@pytest.mark.parametrize("flag", PortFlags, ids=lambda flag: flag.name)
def test_every_flag_is_granted_or_refused(flag: PortFlags) -> None:
    if flag.name in KERNELS:
        with pytest.raises(InvalidPortAttributes, match=flag.name):
            PortAttributes(flags=flag)
    else:
        assert PortAttributes(flags=flag).flags == flag & GRANTED


@pytest.mark.parametrize(
    "attributes",
    [
        {"flags": PortFlags(0x1)},
        {"memory_bandwidth": 1},
        {"lpc_mode": 16},
        {"max_message_length": 40},
        {"max_message_length": 65536},
        {"max_section_size": -1},
        {"max_view_size": -1},
        {"max_total_section_size": 1 << 63},
        {"max_pool_usage": -1},
    ],
    ids=str,
)
def test_what_no_port_can_have_is_refused(attributes: dict[str, int]) -> None:
    with pytest.raises(InvalidPortAttributes):
        PortAttributes(**attributes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "data", "said"), [(0, 65495, 200), (32, 256, 64), (64, 512, 128)])
def test_an_lpc_port_has_the_limits_of_its_machine(mode: int, data: int, said: int) -> None:
    attributes = PortAttributes(lpc_mode=mode)
    assert attributes.max_data == data
    assert len(attributes.told(bytes(200))) == said
    terms = parse_terms(pack_terms(alpc.LPC_CONNECTION_REPLY, 0, attributes, b""), alpc.LPC_CONNECTION_REPLY)
    assert terms.max_data == data
    assert bool(terms.flags & PortFlags.LPC_MODE) == bool(mode)


def test_an_lpc_port_sends_no_more_than_it_takes() -> None:
    frame = pack_terms(alpc.LPC_CONNECTION_REPLY, 0, PortAttributes(), b"")
    theirs = parse_terms(frame, alpc.LPC_CONNECTION_REPLY)
    for own, most in ((PortAttributes(lpc_mode=64), 512), (PortAttributes(max_message_length=140), 65495)):
        assert port_attributes.Agreement(Peer(), own, theirs).limits["max_message"] == most


def test_a_refusal_has_a_status_that_is_none_of_success() -> None:
    assert refusal(0xC0000041) == 0xC0000041
    for status in (0, -1, 1 << 32):
        with pytest.raises(InvalidParameter):
            refusal(status)


def test_terms_with_anything_beside_them_are_a_bad_frame() -> None:
    frame = pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), b"")
    header, attributes, data = wire.parse(frame)
    for other in (
        wire.compose(header, attributes._replace(context=ContextAttribute()), data),
        wire.compose(header._replace(data_info_offset=40), attributes, data),
        wire.compose(header._replace(type=header.type | 0x2000), attributes, data),
    ):
        with pytest.raises(BadFrame):
            parse_terms(other, alpc.LPC_CONNECTION_REQUEST)


def test_a_smaller_port_of_lpc_stays_smaller() -> None:
    assert PortAttributes(lpc_mode=64, max_message_length=140).max_data == 100


def test_terms_have_their_octets() -> None:
    attributes = PortAttributes(4096, 1 << 20, 2 << 20, 3 << 20, flags=PortFlags.WAITABLE_PORT)
    frame = pack_terms(alpc.LPC_CONNECTION_REQUEST, 7, attributes, b"hello", features=3, view_size=65536)
    assert frame[32:40] == struct.pack("<Q", 65536)
    numbers = struct.pack("<IIQQQII", 7, 4096, 1 << 20, 2 << 20, 3 << 20, 0x40000, 3)
    assert frame[wire.FRAME_SIZE :] == numbers + struct.pack("<IIII", 0xFFD, 12, 2, 0) + b"hello"
    terms = parse_terms(frame, alpc.LPC_CONNECTION_REQUEST)
    assert terms[:6] == (7, 4096, (1 << 20, 2 << 20, 3 << 20), 0x40000, 3, b"hello")
    assert terms[6:] == (ALL_OBJECTS, SecurityQos(), 65536)


def test_too_much_to_say_is_refused_on_either_side() -> None:
    with pytest.raises(MessageTooLong):
        pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), bytes(MAX_CONNECTION_DATA + 1))
    most = pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), bytes(MAX_CONNECTION_DATA))
    assert parse_terms(most, alpc.LPC_CONNECTION_REQUEST).data == bytes(MAX_CONNECTION_DATA)
    header, attributes, data = wire.parse(most)
    with pytest.raises(BadFrame):
        parse_terms(wire.compose(header, attributes, data + b"x"), alpc.LPC_CONNECTION_REQUEST)


@pytest.mark.parametrize(("length", "good"), [(40, False), (41, True), (65535, True), (65536, False)])
def test_a_port_takes_messages_that_there_can_be(length: int, good: bool) -> None:
    frame = bytearray(pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), b""))
    struct.pack_into("<I", frame, wire.FRAME_SIZE + 4, length)
    if good:
        assert parse_terms(bytes(frame), alpc.LPC_CONNECTION_REQUEST).max_message_length == length
    else:
        with pytest.raises(BadFrame):
            parse_terms(bytes(frame), alpc.LPC_CONNECTION_REQUEST)


@given(st.binary(max_size=120), st.booleans())
def test_any_octets_are_terms_or_a_bad_frame(octets: bytes, as_data: bool) -> None:
    frame = wire.pack(alpc.LPC_CONNECTION_REQUEST, 1, octets) if as_data else octets
    try:
        terms = parse_terms(frame, alpc.LPC_CONNECTION_REQUEST)
    except BadFrame:
        return
    assert 0 < terms.max_data <= wire.MAX_DATA


@pytest.mark.parametrize(
    "quality", ["0d00000002000000 00000000", "0c00000004000000 00000000", "0c00000002000000 02000000"]
)
def test_a_quality_of_service_that_there_is_not_is_refused(quality: str) -> None:
    frame = pack_terms(alpc.LPC_CONNECTION_REQUEST, 0, PortAttributes(), b"")
    with pytest.raises(BadFrame):
        parse_terms(frame[:-12] + bytes.fromhex(quality), alpc.LPC_CONNECTION_REQUEST)
