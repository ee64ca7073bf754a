"""Errors know the PDU they are about."""

from __future__ import annotations

from lrpc.runtime.ncacn import NakReason, PacketType, PduError


def test_error_takes_the_first_pdu_it_is_told():
    error = PduError("reason").about(PacketType.BIND, 7)
    assert error.about(PacketType.REQUEST, 8) is error
    assert (error.ptype, error.call_id) == (PacketType.BIND, 7)


def test_error_is_a_protocol_error_unless_it_says_otherwise():
    error = PduError("reason")
    assert (error.status, error.nak) == (0x1C01000B, NakReason.PROTOCOL_VERSION_NOT_SUPPORTED)
    assert (error.ptype, error.call_id, error.context_id, error.did_not_execute) == (None, 0, 0, False)
    assert str(error) == "reason"
