from __future__ import annotations

import pytest

from lrpc.transports.security.quality import ContextTracking, ImpersonationLevel, SecurityQos

VECTORS = [
    (SecurityQos(), "0c000000 02000000 00 00 0000"),
    (SecurityQos(ImpersonationLevel.ANONYMOUS, ContextTracking.DYNAMIC), "0c000000 00000000 01 00 0000"),
    (SecurityQos(ImpersonationLevel.DELEGATION, ContextTracking.STATIC, True), "0c000000 03000000 00 01 0000"),
]


@pytest.mark.parametrize(("qos", "octets"), VECTORS)
def test_a_quality_of_service_is_the_structure_of_nt(qos: SecurityQos, octets: str) -> None:
    assert bytes(qos) == bytes.fromhex(octets)
    assert SecurityQos.parse(b"??" + bytes.fromhex(octets), 2) == qos


@pytest.mark.parametrize(
    "octets", ["", "0c000000 02000000 00 00 00", "0d000000 02000000 00000000", "0c000000 04000000 00000000"]
)
def test_what_is_no_quality_of_service_is_refused(octets: str) -> None:
    with pytest.raises(ValueError):
        SecurityQos.parse(bytes.fromhex(octets))


def test_a_tracking_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError):
        SecurityQos.parse(bytes.fromhex("0c000000 02000000 02000000"))


def test_nothing_said_is_impersonation_of_who_connects() -> None:
    assert SecurityQos() == SecurityQos(ImpersonationLevel.IMPERSONATION, ContextTracking.STATIC)
    assert not SecurityQos().dynamic
    assert SecurityQos(tracking=ContextTracking.DYNAMIC).dynamic
