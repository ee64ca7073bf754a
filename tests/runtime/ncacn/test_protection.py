"""Fragments under a security context: what is padded, covered, sealed and refused."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import PduError, StateError, pdu
from lrpc.runtime.ncacn.protection import Protection
from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError

NTLM, PACKET, INTEGRITY, PRIVACY = AuthType.NTLM, AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY
PROTECTED = pytest.mark.parametrize("level", [PACKET, INTEGRITY, PRIVACY])


@pytest.fixture
def ends(kit):
    """Makes a protection for each end."""

    def make(level: int = INTEGRITY, *, sign_header: bool = True) -> tuple[Protection, Protection]:
        packages = (kit.Package(NTLM, server=False), kit.Package(NTLM, server=True))
        client, server = [Protection(package, level, 3, sign_header=sign_header) for package in packages]
        return client, server

    return make


def request(size: int, order: str = "<", object=None) -> pdu.Request:
    return pdu.Request(2, 0, 7, bytes(range(size)), object, order=order)


@PROTECTED
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("size", [0, 1, 4, 15, 16, 17, 33])
def test_rule_31_stub_is_padded_to_16_from_its_own_start_and_comes_back_without(ends, level, order, size):
    client, server = ends(level)
    octets = client.wrap(request(size, order), 24)
    came = pdu.parse_pdu(octets)
    assert (came.auth.pad_length, len(octets)) == (-size % 16, 24 + size + -size % 16 + 8 + 16)
    assert (came.auth.type, came.auth.level, came.auth.context_id) == (NTLM, level, 3)
    server.unwrap(came, 24)
    assert came.stub == bytes(range(size))


def test_rule_31_padding_is_protected_with_the_stub(ends):
    client, server = ends(sign_header=False)
    octets = bytearray(client.wrap(request(4), 24))
    octets[24 + 8] ^= 1
    with pytest.raises(PduError, match="wrong signature") as error:
        server.unwrap(pdu.parse_pdu(bytes(octets)), 24)
    assert error.value.status == 0x721


def test_rule_31_trailer_of_another_stack_may_be_aligned_to_4(ends):
    client, server = ends(sign_header=False)
    trailer = client.trailer(bytes(16), 2)
    octets = pdu.Request(2, 0, 7, b"123456", auth=trailer).serialize()
    head, stub, tail = octets[:24], octets[24:32], octets[32:40]
    _, value = client.context.protect(INTEGRITY, head, stub, tail, sign_header=False)
    came = pdu.parse_pdu(octets[:40] + value)
    server.unwrap(came, 24)
    assert came.stub == b"123456"


def test_rule_33_signature_covers_the_finished_header_and_the_trailer(ends):
    for sign_header in (True, False):
        client, server = ends(sign_header=sign_header)
        octets = bytearray(client.wrap(request(16), 24))
        octets[22] ^= 1  # the opnum
        came = pdu.parse_pdu(bytes(octets))
        if sign_header:
            with pytest.raises(PduError):
                server.unwrap(came, 24)
        else:
            server.unwrap(came, 24)
            assert came.opnum == 6


def test_object_belongs_to_the_header(ends, kit):
    client, server = ends(PRIVACY)
    octets = client.wrap(request(16, object=kit.OBJECT), 40)
    came = pdu.parse_pdu(octets)
    assert came.object == kit.OBJECT
    server.unwrap(came, 40)
    assert came.stub == bytes(range(16))


def test_privacy_seals_the_stub_and_nothing_else(ends):
    plain = ends(INTEGRITY)[0].wrap(request(16), 24)
    sealed = ends(PRIVACY)[0].wrap(request(16), 24)
    assert bytes(range(16)) in plain
    assert bytes(range(16)) not in sealed
    assert sealed[:24] == plain[:24]


def test_replayed_fragment_is_refused(ends):
    client, server = ends()
    octets = client.wrap(request(16), 24)
    server.unwrap(pdu.parse_pdu(octets), 24)
    with pytest.raises(PduError):
        server.unwrap(pdu.parse_pdu(octets), 24)


def test_fragment_without_a_trailer_is_refused(ends):
    with pytest.raises(PduError, match="not protected"):
        ends()[1].unwrap(request(16), 24)


def test_rule_30_room_is_what_header_trailer_and_signature_leave_down_to_16(ends):
    assert ends()[0].room(5840, 24) == (5840 - 24 - 8 - 16) // 16 * 16
    assert ends()[0].room(2048, 40) == (2048 - 40 - 8 - 16) // 16 * 16


@pytest.mark.parametrize("size", [15, 17])
def test_package_that_breaks_its_word_on_sizes_is_the_own_sides_fault(ends, size):
    client, _ = ends()
    client.context.protect = lambda level, head, stub, tail, sign_header: (stub, bytes(size))
    with pytest.raises(StateError, match=f"{size} octets"):
        client.wrap(request(16), 24)


def test_package_that_fails_to_protect_is_the_own_sides_fault(ends):
    def fail(level, head, stub, tail, sign_header):
        raise SecurityError("the ticket has expired")

    client, _ = ends()
    client.context.protect = fail
    with pytest.raises(StateError, match="the ticket has expired"):
        client.wrap(request(16), 24)


def test_sealed_stub_that_changes_its_length_is_refused(ends):
    client, server = ends(PRIVACY)
    server.context.unprotect = lambda level, head, stub, tail, value, sign_header: stub[:-1]
    with pytest.raises(PduError, match="another length"):
        server.unwrap(pdu.parse_pdu(client.wrap(request(16), 24)), 24)


def test_connect_guards_nothing(ends):
    assert [ends(level)[0].guards for level in (AuthLevel.CONNECT, PACKET, INTEGRITY, PRIVACY)] == [
        False,
        True,
        True,
        True,
    ]


def test_repr_holds_no_secret(ends):
    assert repr(ends(PRIVACY)[0]) == "<Protection 3: type 10, level 6>"
