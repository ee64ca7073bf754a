"""The header of every PDU, and the authentication trailer."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import PduError, pdu
from lrpc.runtime.ncacn.header import AuthTrailer, Cursor, Header

REQUEST = pdu.Request(0x11223344, 0, 0, b"12345678").serialize()


def with_octets(at: int, *values: int) -> bytes:
    return REQUEST[:at] + bytes(values) + REQUEST[at + len(values) :]


def test_header_reads_its_call_in_both_byte_orders():
    for order in "<>":
        header = Header(0, 3, order, 24, 0, 0x11223344)
        assert Header.parse(header.serialize()) == header


@pytest.mark.parametrize("minor", [0, 1])
def test_minor_versions_zero_and_one_are_spoken(minor):
    assert Header.parse(with_octets(1, minor)).call_id == 0x11223344


@pytest.mark.parametrize("version", [(4, 0), (6, 0), (5, 2), (0, 0), (5, 255)])
def test_other_versions_are_refused_by_name(version):
    with pytest.raises(PduError, match=f"protocol version {version[0]}.{version[1]}") as caught:
        Header.parse(with_octets(0, *version))
    assert caught.value.call_id == 0x11223344


@pytest.mark.parametrize(
    ("drep", "name"),
    [
        ((0x11, 0), r"0x11 0x00 \(EBCDIC\)"),
        ((0x01, 0), r"0x01 0x00 \(EBCDIC\)"),
        ((0x20, 0), "0x20 0x00"),
        ((0x10, 1), r"\(VAX floats\)"),
        ((0x10, 2), r"\(Cray floats\)"),
        ((0x01, 3), r"\(EBCDIC, IBM floats\)"),
        ((0xFF, 0), "0xff 0x00"),
    ],
)
def test_ebcdic_and_foreign_floats_are_refused_by_name(drep, name):
    with pytest.raises(PduError, match=f"data representation .*{name} is not spoken"):
        Header.parse(with_octets(4, *drep))


@pytest.mark.parametrize("size", range(16))
def test_frag_length_shorter_than_a_header_is_refused(size):
    with pytest.raises(PduError, match=f"frag_length {size} "):
        Header.parse(with_octets(8, size, 0))


def test_trailer_is_cut_off_with_its_padding(kit):
    auth = AuthTrailer(9, 6, b"token!!!", 7, 4)
    parsed = pdu.parse_pdu(pdu.Request(1, 0, 0, b"stub", auth=auth).serialize())
    assert (parsed.stub, parsed.auth) == (b"stub", auth)


@pytest.mark.parametrize("auth_length", [1, 2, 3, 9, 12, 24, 0xFFFF], ids=str)
def test_auth_length_that_does_not_fit_is_refused(auth_length):
    # The stub of 8 octets leaves room for a trailer without auth_value, at most.
    octets = with_octets(10, *auth_length.to_bytes(2, "little"))
    with pytest.raises(PduError, match=r"auth_length|too short for its type"):
        pdu.parse_pdu(octets)


def test_padding_that_exceeds_the_body_is_refused():
    auth = AuthTrailer(9, 6, b"abcd", 7, 0)
    octets = bytearray(pdu.CoCancel(1, auth=auth).serialize())
    octets[18] = 1
    with pytest.raises(PduError, match="auth_pad_length 1 "):
        pdu.parse_pdu(bytes(octets))


def test_cursor_says_how_much_is_missing():
    cursor = Cursor(b"abcdef")
    assert cursor.take(5) == b"abcde"
    assert cursor.left == 1
    with pytest.raises(PduError, match="2 octets are missing"):
        cursor.align(8)
