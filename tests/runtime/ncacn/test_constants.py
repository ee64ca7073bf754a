"""Numbers and names."""

from __future__ import annotations

from lrpc.runtime.ncacn import FaultStatus, PacketType, constants, status_name


def test_status_names_are_those_of_the_field():
    assert status_name(0x1C010003) == "nca_s_unk_if"
    assert status_name(5) == "access_denied"
    assert status_name(0x6F7) == "rpc_x_bad_stub_data"


def test_unknown_status_is_named_by_its_number():
    assert status_name(0x12345678) == "0x12345678"
    assert status_name(0) == "0x00000000"


def test_no_status_is_listed_twice():
    assert len(FaultStatus.__members__) == len(set(FaultStatus))


def test_packet_types_are_those_of_connections():
    assert sorted(PacketType) == [0, 2, 3, 11, 12, 13, 14, 15, 16, 17, 18, 19]


def test_fragment_sizes_are_multiples_of_eight():
    for size in (constants.MAX_FRAGMENT_TCP, constants.MAX_FRAGMENT_PIPE, constants.MIN_FRAGMENT):
        assert size % constants.STUB_UNIT == 0
