"""PDUs of associations. The golden octets are run in test_pdu.py with all others."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import NDR, ContextRequest, ContextResult, PduError, SyntaxId, bind_pdu, feature_syntax, pdu


def patched(octets: bytes, at: int, value: bytes) -> bytes:
    return octets[:at] + value + octets[at + len(value) :]


def test_bind_that_claims_255_contexts_and_has_one_is_refused(kit):
    with pytest.raises(PduError, match="octets are missing"):
        pdu.parse_pdu(patched(kit.bind_octets(), 24, b"\xff"))


def test_context_that_claims_more_transfer_syntaxes_than_it_has_is_refused(kit):
    with pytest.raises(PduError, match="octets are missing"):
        pdu.parse_pdu(patched(kit.bind_octets(), 30, b"\xff"))


def test_bind_without_contexts_may_leave_the_padding_of_the_count_away():
    octets = bind_pdu.Bind(1, [], 5840, 5840).serialize()
    short = patched(octets[:25], 8, b"\x19")
    assert pdu.parse_pdu(short) == pdu.parse_pdu(octets) == bind_pdu.Bind(1, [], 5840, 5840)


def test_bind_ignores_octets_after_its_contexts(kit):
    octets = kit.bind_octets()
    longer = patched(octets, 8, bytes([len(octets) + 3])) + b"xyz"
    assert pdu.parse_pdu(longer) == pdu.parse_pdu(octets)


@pytest.mark.parametrize(
    "address", ["", "1", "12", "135", "49152", "\\PIPE\\winreg"], ids=lambda address: address or "none"
)
def test_secondary_address_is_padded_to_four_whatever_its_length(address):
    ack = bind_pdu.BindAck(1, [ContextResult(0, 0, NDR)], 5840, 5840, 1, address)
    octets = ack.serialize()
    assert len(octets) % 4 == 0
    assert pdu.parse_pdu(octets) == ack


def test_secondary_address_that_is_no_text_is_shown_escaped():
    octets = bind_pdu.BindAck(1, [], 5840, 5840, 1, "135").serialize()
    assert pdu.parse_pdu(patched(octets, 26, b"\xff\xfe5")).secondary_address == "\\xff\\xfe5"


@pytest.mark.parametrize("size", [18, 19, 21])
def test_bind_nak_may_come_without_versions_or_padding(size):
    octets = bind_pdu.BindNak(1, 2).serialize()
    short = patched(octets[:size], 8, bytes([size]))
    if size == 19:
        short = patched(short, 18, b"\0")
    nak = pdu.parse_pdu(short)
    assert (nak.reason, nak.versions) == (2, [(5, 0)] if size == 21 else [])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("versions", [[], [(5, 0)], [(5, 0), (5, 1), (4, 0)]])
def test_bind_nak_carries_extended_error_information_behind_its_signature(order, versions):
    """MS-RPCE 2.2.2.9: with one version it begins at 0x28."""
    nak = bind_pdu.BindNak(1, 2, versions, b"records", order=order)
    octets = nak.serialize()
    assert pdu.parse_pdu(octets) == nak
    if versions == [(5, 0)]:
        assert octets[0x28:] == b"records"
        assert order == ">" or octets[0x18:0x28].hex() == "20037490d0fad31182d7009027b130ab"


def test_bind_nak_with_another_signature_says_no_more():
    nak = bind_pdu.BindNak(1, 2, detail=b"records")
    octets = patched(nak.serialize(), 0x18, b"\0")
    assert pdu.parse_pdu(octets) == bind_pdu.BindNak(1, 2)


def test_bind_nak_that_claims_more_versions_than_it_has_is_refused():
    with pytest.raises(PduError, match="octets are missing"):
        pdu.parse_pdu(patched(bind_pdu.BindNak(1, 2).serialize(), 18, b"\x09"))


def test_features_are_recognised_in_the_first_transfer_syntax_only(kit):
    assert ContextRequest(0, kit.INTERFACE, [feature_syntax(2), NDR]).features == 2
    assert ContextRequest(0, kit.INTERFACE, [NDR, feature_syntax(2)]).features is None
    assert ContextRequest(0, kit.INTERFACE, []).features is None


def test_only_acceptance_is_accepted():
    assert [ContextResult(outcome, 0, SyntaxId(NDR.uuid)).accepted for outcome in range(4)] == [
        True,
        False,
        False,
        False,
    ]
