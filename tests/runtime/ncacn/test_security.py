"""The words of the seam between the engine and the security packages."""

from __future__ import annotations

from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError


def test_types_are_those_of_the_wire():
    """MS-RPCE 2.2.1.1.7."""
    assert {kind.name: kind.value for kind in AuthType} == {
        "NONE": 0,
        "SPNEGO": 9,
        "NTLM": 10,
        "SCHANNEL": 14,
        "KERBEROS": 16,
        "NETLOGON": 68,
        "DEFAULT": 255,
    }


def test_levels_rise_with_what_they_protect():
    """MS-RPCE 2.2.1.1.8."""
    assert [level.name for level in sorted(AuthLevel)] == [
        "DEFAULT",
        "NONE",
        "CONNECT",
        "CALL",
        "PACKET",
        "INTEGRITY",
        "PRIVACY",
    ]
    assert [level.value for level in sorted(AuthLevel)] == list(range(7))


def test_security_error_says_its_reason():
    assert (str(SecurityError("no such account")), SecurityError("x").reason) == ("no such account", "x")
