from __future__ import annotations

import pytest

from lrpc.transports.seam import Peer
from lrpc.transports.security import Sid, Token
from lrpc.transports.security.sid import ADMINISTRATORS, ANONYMOUS, AUTHENTICATED_USERS, EVERYONE, LOCAL_SYSTEM


def test_a_user_holds_itself_its_groups_and_everyone() -> None:
    token = Token.of(Peer(1, 1000, 100, (4, 27)))
    held = (Sid.of_user(1000), Sid.of_group(100), Sid.of_group(4), Sid.of_group(27), EVERYONE, AUTHENTICATED_USERS)
    assert all(token.holds(sid) for sid in held)
    assert not any(token.holds(sid) for sid in (Sid.of_user(100), Sid.of_group(1000), LOCAL_SYSTEM, ADMINISTRATORS))


def test_root_is_the_system() -> None:
    token = Token.of(Peer(1, 0, 0, ()))
    assert token.user == Sid.of_user(0)
    assert token.holds(LOCAL_SYSTEM)
    assert token.holds(ADMINISTRATORS)


@pytest.mark.parametrize("peer", [Peer(address="192.0.2.1:5"), Peer(1, 65534, 65534, ())])
def test_whom_the_kernel_does_not_know_is_anonymous_and_not_everyone(peer: Peer) -> None:
    token = Token.of(peer)
    assert token.user == ANONYMOUS
    assert token.holds(ANONYMOUS)
    assert not token.holds(EVERYONE)


def test_groups_that_the_kernel_does_not_tell_are_not_held() -> None:
    assert not Token.of(Peer(1, 1000, 100, None)).holds(Sid.of_group(4))
    assert not Token.of(Peer(1, 1000, None, None)).holds(Sid.of_group(100))


def test_whose_groups_the_kernel_does_not_tell_may_be_in_any() -> None:
    untold, told = Token.of(Peer(1, 1000, 100, None)), Token.of(Peer(1, 1000, 100, ()))
    assert untold.may_hold(Sid.of_group(4))
    assert not told.may_hold(Sid.of_group(4))
    assert all(token.may_hold(Sid.of_group(100)) for token in (untold, told))
    assert not any(token.may_hold(sid) for token in (untold, told) for sid in (Sid.of_user(4), LOCAL_SYSTEM))
