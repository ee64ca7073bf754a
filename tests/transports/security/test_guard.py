from __future__ import annotations

import os

import pytest

from lrpc.transports.errors import ServerSidMismatch
from lrpc.transports.kernel import Credentials
from lrpc.transports.seam import Peer
from lrpc.transports.security import (
    PORT_CONNECT,
    PORT_RIGHTS,
    SddlError,
    SecurityDescriptor,
    Sid,
    SidError,
    Token,
    access_check,
    check_activator,
    check_answer,
    check_server,
    default_descriptor,
    descriptor_of,
    expected_uids,
)

OTHER = os.geteuid() + 4711


@pytest.mark.parametrize(("uid", "admitted"), [(os.geteuid(), True), (0, True), (OTHER, False), (None, False)])
def test_the_default_admits_our_own_user_and_root(uid: int | None, admitted: bool) -> None:
    token = Token.of(Peer(1, uid, 1, ()))
    assert access_check(default_descriptor(), token, PORT_CONNECT, PORT_RIGHTS) is admitted


def test_a_descriptor_comes_from_text_or_as_it_is() -> None:
    descriptor = SecurityDescriptor.parse("D:(A;;GA;;;WD)")
    assert descriptor_of("D:(A;;GA;;;WD)") == descriptor
    assert descriptor_of(descriptor) is descriptor
    assert descriptor_of(None) == default_descriptor()
    with pytest.raises(SddlError):
        descriptor_of("everybody")


def test_a_client_trusts_itself_and_root_unless_told_otherwise() -> None:
    assert expected_uids(None) == {0, os.geteuid()}
    assert expected_uids("S-1-22-1-1000") == {1000}
    assert expected_uids(Sid.parse("S-1-5-18")) == {0}
    assert expected_uids("S-1-1-0") is None
    for nobody_here in ("S-1-22-2-1000", "S-1-5-32-544", "root"):
        with pytest.raises(SidError):
            expected_uids(nobody_here)


def test_a_server_of_another_user_is_refused() -> None:
    check_server(Peer(1, 1000), frozenset({1000}))
    check_server(Peer(1, OTHER), None)
    for uid in (OTHER, None):
        with pytest.raises(ServerSidMismatch):
            check_server(Peer(1, uid), frozenset({1000}))


def test_root_may_listen_for_a_server_that_says_who_it_is_itself() -> None:
    check_activator(Peer(1, 0), frozenset({1000}))
    check_activator(Peer(1, 1000), frozenset({1000}))
    check_activator(Peer(1, OTHER), None)
    with pytest.raises(ServerSidMismatch):
        check_activator(Peer(1, OTHER), frozenset({1000}))
    check_answer(Peer(1, 0), Credentials(1, 1000, 1000), frozenset({1000}))
    check_answer(Peer(1, 0), None, None)
    for credentials in (None, Credentials(1, 0, 0), Credentials(0, 65534, 65534)):
        with pytest.raises(ServerSidMismatch):
            check_answer(Peer(1, 0), credentials, frozenset({1000}))
