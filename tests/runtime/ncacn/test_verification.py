"""Verification trailers: golden octets, what is checked, what only looks like one."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import NDR, NDR64, ClientAssociation, ConnectionFailed, Context, FaultStatus, PduError, pdu
from lrpc.runtime.ncacn.security import AuthLevel
from lrpc.runtime.ncacn.verification import SIGNATURE, Claims, strip, vouch

ORDERS = pytest.mark.parametrize("order", ["<", ">"])


@pytest.fixture
def claims(kit):
    def make(order: str = "<", header_signing: bool = True, **fields) -> Claims:
        call = pdu.Request(**{"call_id": 0x0102, "context_id": 3, "opnum": 7, **fields}, stub=b"", order=order)
        return Claims(header_signing, Context(kit.INTERFACE, NDR), call)

    return make


def command(number: int, body: bytes) -> bytes:
    return number.to_bytes(2, "little") + len(body).to_bytes(2, "little") + body


def test_rule_56_golden_octets(kit, claims):
    """MS-RPCE 2.2.2.13.1-4."""
    interface = "78563412 3412 7856 9abcdef012345678 0100 0000"
    ndr = "045d888a eb1c c911 9fe808002b104860 0200 0000"
    assert vouch(claims(), 6, known=False, signed=False) == kit.octets(
        f"""00 00                      # to a multiple of 4
        8a e3 13 71 02 f4 36 71
        01 00 04 00 01 00 00 00        # bitmask: headers can be signed
        02 00 28 00 {interface} {ndr}  # the presentation context
        03 40 10 00                    # the header, and the end
        00 00 00 00 10 00 00 00        # a request, little-endian
        02 01 00 00 03 00 07 00        # call 0x102, context 3, operation 7"""
    )


def test_rule_56_golden_octets_big_endian(kit, claims):
    assert vouch(claims(">"), 8, known=True, signed=False) == kit.octets(
        """8a e3 13 71 02 f4 36 71
        40 03 00 10
        00 00 00 00 00 00 00 00
        00 00 01 02 00 03 00 07"""
    )


def test_rule_57_context_is_told_once_and_the_header_while_it_is_not_signed(claims):
    assert vouch(claims(), 8, known=True, signed=True) == b""
    first = vouch(claims(), 8, known=False, signed=True)
    assert first[8:10] == b"\1\0"
    assert first[16:18] == b"\2\x40"


@ORDERS
@pytest.mark.parametrize("size", range(9))
@pytest.mark.parametrize("behind", [0, 4, 16])
def test_trailer_is_found_and_taken_away_with_its_padding(claims, order, size, behind):
    stub = bytes(range(1, size + 1))
    said = stub + vouch(claims(order), size, known=False, signed=False) + bytes(behind)
    assert strip(said, claims(order)) == stub + bytes(-size % 4)


def test_stub_without_a_trailer_stays(claims):
    for stub in (b"", b"12345", bytes(2000), SIGNATURE[:7], SIGNATURE):
        assert strip(stub, claims()) == stub


@pytest.mark.parametrize("cut", range(9, 80))
def test_rule_57_what_only_begins_like_a_trailer_is_parameters(claims, cut):
    stub = vouch(claims(), 8, known=False, signed=False)[:cut]
    assert strip(stub, claims()) == stub


def test_rule_57_more_than_16_octets_behind_it_make_it_parameters(claims):
    stub = vouch(claims(call_id=9), 8, known=False, signed=False) + bytes(17)
    assert strip(stub, claims()) == stub


def test_rule_57_trailer_is_looked_for_in_the_last_1024_octets_on_multiples_of_4(claims):
    said = vouch(claims(call_id=9), 8, known=False, signed=False)
    assert strip(b"x" + said, claims()) == b"x" + said
    far = said + command(0x4005, bytes(1200))
    assert strip(far, claims()) == far


@pytest.mark.parametrize(
    "other", [{"call_id": 9}, {"context_id": 9}, {"opnum": 9}, {"order": ">"}], ids=lambda other: next(iter(other))
)
def test_rule_56_header_that_does_not_agree_is_denied(claims, other):
    order = other.get("order", "<")
    said = vouch(claims(**other), 8, known=True, signed=False)
    if order == ">":  # the header of one order in a call of the other
        said = SIGNATURE + command(0x4003, said[12:])
    with pytest.raises(PduError, match="verification trailer") as error:
        strip(said, claims())
    assert (error.value.status, error.value.context_id, error.value.call_id) == (FaultStatus.ACCESS_DENIED, 3, 0x102)


def test_rule_56_presentation_context_that_does_not_agree_is_denied(kit, claims):
    for context in (Context(kit.OTHER, NDR), Context(kit.INTERFACE, NDR64)):
        said = vouch(claims()._replace(context=context), 8, known=False, signed=True)
        with pytest.raises(PduError, match="command 2"):
            strip(said, claims())


@pytest.mark.parametrize(("bits", "heard", "fine"), [(1, True, True), (1, False, False), (0, True, True), (6, 0, True)])
def test_rule_56_header_signing_that_was_asked_for_must_have_been_heard(claims, bits, heard, fine):
    said = SIGNATURE + command(0x4001, bytes((bits, 0, 0, 0)))
    if fine:
        assert strip(said, claims(header_signing=bool(heard))) == b""
    else:
        with pytest.raises(PduError, match="command 1"):
            strip(said, claims(header_signing=bool(heard)))


@pytest.mark.parametrize("number", [1, 2, 3])
def test_known_command_of_another_length_is_denied(claims, number):
    with pytest.raises(PduError, match=f"command {number} "):
        strip(SIGNATURE + command(0x4000 | number, b"abc!!"), claims())


def test_rule_56_unknown_command_is_skipped_unless_it_must_be_processed(claims):
    rest = command(0x4001, b"\1\0\0\0")
    assert strip(SIGNATURE + command(5, b"what") + rest, claims()) == b""
    with pytest.raises(PduError, match="command 5"):
        strip(SIGNATURE + command(0x8005, b"what") + rest, claims())


def test_what_is_reserved_in_a_header_is_ignored(claims):
    said = bytearray(vouch(claims(), 8, known=True, signed=False))
    said[13:16] = b"abc"
    assert strip(bytes(said), claims()) == b""


# On the way


def sent_and_told(kit, level: int, order: str = "<", **options):
    """The stubs of two calls as a server that checks nothing would see them, and as ours tells them."""
    client, server = kit.secured_pair(level=level, order=order, **options)
    seen = []
    for call_id in (5, 6):
        (event,) = server.receive_data(b"".join(client.request(call_id, 0, 7, b"12345")))
        seen.append((event.security.context.covered[-1], event.stub))
    return seen


@ORDERS
@pytest.mark.parametrize("level", [AuthLevel.INTEGRITY, AuthLevel.PRIVACY])
def test_client_vouches_once_where_headers_are_signed(kit, level, order):
    (first, told), (second, told_again) = sent_and_told(kit, level, order)
    assert SIGNATURE in first
    assert SIGNATURE not in second
    assert (told, told_again) == (b"12345" + bytes(3), b"12345")


def test_client_does_not_vouch_at_packet(kit):
    assert all(SIGNATURE not in covered for covered, _ in sent_and_told(kit, AuthLevel.PACKET))


class Deaf:
    """A server's octets whose bind_ack grants no header signing."""

    def __init__(self, client: ClientAssociation) -> None:
        self.client = client

    def receive_data(self, octets: bytes):
        if octets[2:3] == b"\x0c":
            octets = octets[:3] + bytes((octets[3] & ~4,)) + octets[4:]
        return self.client.receive_data(octets)

    def data_to_send(self) -> bytes:
        return self.client.data_to_send()


def test_offer_of_header_signing_that_an_attacker_took_out_of_the_bind_is_found_out(kit):
    client, server = ClientAssociation(), kit.new_server(authenticate=kit.acceptors())
    bind = bytearray(
        client.bind([kit.ContextRequest(0, kit.INTERFACE, [NDR])], security=kit.Package(kit.NTLM, server=False))
    )
    bind[3] &= ~4
    kit.converse(Deaf(client), server, bytes(bind))
    (event,) = server.receive_data(b"".join(client.request(5, 0, 7, b"12345")))
    assert isinstance(event, ConnectionFailed)
    assert "verification trailer: command 1" in event.reason
    (fault,) = kit.pdus(server.data_to_send())
    assert (fault.call_id, fault.status) == (5, FaultStatus.ACCESS_DENIED)
