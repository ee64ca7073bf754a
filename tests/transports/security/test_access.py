from __future__ import annotations

import pytest

from lrpc.transports.seam import Peer
from lrpc.transports.security import (
    PIPE_CONNECT,
    PIPE_RIGHTS,
    PORT_CONNECT,
    PORT_RIGHTS,
    SecurityDescriptor,
    Token,
    access_check,
    granted_access,
)
from lrpc.transports.security.access import MAXIMUM_ALLOWED

USER = Token.of(Peer(1, 1000, 1000, (27,)))
OTHER = Token.of(Peer(1, 1001, 1001, ()))
ROOT = Token.of(Peer(1, 0, 0, ()))
NOBODY = Token.of(Peer(1, 65534, 65534, ()))


def may_connect(sddl: str, token: Token) -> bool:
    return access_check(SecurityDescriptor.parse(sddl), token, PORT_CONNECT, PORT_RIGHTS)


@pytest.mark.parametrize(
    ("sddl", "admitted"),
    [
        ("D:NO_ACCESS_CONTROL", {"user", "other", "root", "nobody"}),
        ("", {"user", "other", "root", "nobody"}),
        ("D:", set()),
        ("D:(A;;GA;;;WD)", {"user", "other", "root"}),
        ("D:(A;;GA;;;AN)", {"nobody"}),
        ("D:(A;;CC;;;S-1-22-1-1000)", {"user"}),
        ("D:(A;;CC;;;S-1-22-2-27)", {"user"}),
        ("D:(A;;CC;;;SY)", {"root"}),
        ("D:(D;;CC;;;S-1-22-1-1001)(A;;CC;;;WD)", {"user", "root"}),
        ("D:(A;;CC;;;WD)(D;;CC;;;S-1-22-1-1001)", {"user", "other", "root"}),
        ("D:(A;IO;CC;;;WD)", set()),
        ("D:(A;;RC;;;WD)", set()),
        ("D:(A;;GR;;;S-1-22-1-1000)(A;;GW;;;S-1-22-1-1001)", {"user", "other"}),
        ("D:(A;;GX;;;WD)", set()),
        ("O:S-1-22-1-1000D:", set()),
        ("O:S-1-22-1-1000D:(A;;CC;;;OW)", {"user"}),
    ],
)
def test_aces_are_read_in_their_order(sddl: str, admitted: set[str]) -> None:
    tokens = {"user": USER, "other": OTHER, "root": ROOT, "nobody": NOBODY}
    assert {name for name, token in tokens.items() if may_connect(sddl, token)} == admitted


def test_groups_that_are_not_told_grant_nothing_and_deny() -> None:
    untold = Token.of(Peer(1, 1000, 1000, None))
    assert not may_connect("D:(A;;CC;;;S-1-22-2-27)", untold)
    assert not may_connect("D:(D;;CC;;;S-1-22-2-27)(A;;CC;;;WD)", untold)
    assert may_connect("D:(D;;CC;;;S-1-22-1-1001)(A;;CC;;;WD)", untold)
    assert may_connect("D:(A;;CC;;;WD)(D;;CC;;;S-1-22-2-27)", untold)


def test_rights_may_come_from_several_aces() -> None:
    descriptor = SecurityDescriptor.parse("D:(A;;CC;;;S-1-22-1-1000)(A;;DC;;;S-1-22-2-27)")
    assert access_check(descriptor, USER, PIPE_CONNECT, PIPE_RIGHTS)
    assert granted_access(descriptor, OTHER, PIPE_CONNECT, PIPE_RIGHTS) == 0


def test_an_owner_may_read_and_mend_the_dacl() -> None:
    descriptor = SecurityDescriptor.parse("O:S-1-22-1-1000D:")
    assert granted_access(descriptor, USER, MAXIMUM_ALLOWED, PORT_RIGHTS) == 0x00060000
    assert granted_access(descriptor, OTHER, MAXIMUM_ALLOWED, PORT_RIGHTS) == 0


def test_an_owner_may_only_what_owner_rights_say() -> None:
    descriptor = SecurityDescriptor.parse("O:S-1-22-1-1000D:(A;;RC;;;OW)")
    assert granted_access(descriptor, USER, MAXIMUM_ALLOWED, PORT_RIGHTS) == 0x00020000


def test_generic_rights_are_what_the_object_says() -> None:
    descriptor = SecurityDescriptor.parse("D:(A;;GR;;;WD)")
    assert granted_access(descriptor, USER, MAXIMUM_ALLOWED, PORT_RIGHTS) == 0x00020001
    assert granted_access(descriptor, USER, MAXIMUM_ALLOWED, PIPE_RIGHTS) == 0x00120089
    assert not access_check(descriptor, USER, 0x10000000, PORT_RIGHTS)
    assert access_check(SecurityDescriptor.parse("D:(A;;GA;;;WD)"), USER, 0x10000000, PORT_RIGHTS)
