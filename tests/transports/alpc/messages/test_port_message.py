from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports.alpc.messages import port_message
from lrpc.transports.alpc.messages.port_message import X64, X86, PortMessageHeader
from lrpc.transports.errors import BadFrame

WIDE = bytes.fromhex(
    "0300"  # DataLength
    "2b00"  # TotalLength
    "0120"  # Type: LPC_REQUEST, LPC_CONTINUATION_REQUIRED
    "3000"  # DataInfoOffset
    "d204000000000000"  # UniqueProcess
    "2e16000000000000"  # UniqueThread
    "07000000 00000000"  # MessageId, padding
    "0900000000000000"  # CallbackId
)
NARROW = bytes.fromhex("0300 1b00 0120 3000 d2040000 2e160000 07000000 09000000")
LAYOUTS = [(X64, WIDE, 43), (X86, NARROW, 27)]
headers = st.builds(
    lambda size, rest: PortMessageHeader(size, 0, *rest),
    st.integers(0, 0xFF00),
    st.tuples(*(st.integers(0, 0xFFFF) for _ in range(2)), *(st.integers(0, 0xFFFFFFFF) for _ in range(4))),
)


@pytest.mark.parametrize(("layout", "octets", "total"), LAYOUTS, ids=["x64", "x86"])
def test_both_layouts_have_their_octets(layout, octets, total) -> None:  # type: ignore[no-untyped-def]
    kind = port_message.LPC_REQUEST | port_message.LPC_CONTINUATION_REQUIRED
    header = PortMessageHeader(3, total, kind, 0x30, 1234, 5678, 7, 9)
    assert header.pack(layout) == octets
    assert PortMessageHeader.unpack(octets + b"abc", layout) == header


def test_sizes_are_those_of_nt() -> None:
    assert (X64.size, X86.size) == (40, 24)


@pytest.mark.parametrize(("layout", "octets", "total"), LAYOUTS, ids=["x64", "x86"])
def test_a_header_cut_anywhere_is_refused(layout, octets, total) -> None:  # type: ignore[no-untyped-def]
    for length in range(len(octets)):
        with pytest.raises(BadFrame):
            PortMessageHeader.unpack(octets[:length], layout)


def test_lengths_that_disagree_are_refused() -> None:
    with pytest.raises(BadFrame, match="43 octets with 4"):
        PortMessageHeader.unpack(b"\x04" + WIDE[1:])


def test_what_does_not_fit_the_layout_is_refused() -> None:
    with pytest.raises(ValueError, match="header of 24 octets"):
        PortMessageHeader(0, 24, 1, unique_process=1 << 32).pack(X86)


@given(headers, st.sampled_from([X64, X86]))
def test_any_header_survives(header: PortMessageHeader, layout) -> None:  # type: ignore[no-untyped-def]
    header = header._replace(total_length=header.data_length + layout.size)
    assert PortMessageHeader.unpack(header.pack(layout), layout) == header


def test_every_type_has_its_name_and_number() -> None:
    assert sorted(port_message.TYPE_NAMES) == list(range(1, 14))
    assert all(getattr(port_message, name) == number for number, name in port_message.TYPE_NAMES.items())


def test_flags_of_types_have_the_numbers_of_nt() -> None:
    assert port_message.LPC_CONTINUATION_REQUIRED == 0x2000
    assert port_message.LPC_NO_IMPERSONATE == 0x4000
    assert port_message.LPC_KERNELMODE_MESSAGE == 0x8000
    assert port_message.TYPE_MASK == 0xFF
