from __future__ import annotations

import builtins
import io
from typing import Any

import pytest

from lrpc.transports.errors import BadFrame
from lrpc.transports.kernel import NOBODY, Credentials
from lrpc.transports.seam import Peer
from lrpc.transports.security import SecurityQos, Sid
from lrpc.transports.security.quality import ContextTracking
from lrpc.transports.security.tracking import ANONYMOUS_LOGON_LUID, SYSTEM_LUID, Tracker

DYNAMIC = SecurityQos(tracking=ContextTracking.DYNAMIC)
PEER = Peer(10, 1000, 100, (4, 100), "calc")
SAME = Credentials(10, 1000, 100)


def test_static_tracking_takes_who_connected_whatever_comes() -> None:
    tracker = Tracker(PEER)
    first = tracker.identity()
    assert first.peer is PEER
    assert first.sid == Sid.of_user(1000)
    assert tracker.identity(Credentials(11, 0, 0)) is first
    assert not first.changed


def test_a_connection_has_a_token_of_its_own() -> None:
    one, two = Tracker(PEER).identity().ids, Tracker(PEER).identity().ids
    assert one.token_id != two.token_id
    assert one[1:] == two[1:]


def test_the_same_sender_is_the_same_identity() -> None:
    tracker = Tracker(PEER, DYNAMIC)
    first = tracker.identity(SAME)
    assert tracker.identity(Credentials(10, 1000, 100)) is first
    assert first.peer is PEER
    assert not first.changed


@pytest.mark.parametrize("sender", [Credentials(10, 0, 100), Credentials(10, 1000, 0), Credentials(11, 1000, 100)])
def test_another_process_user_or_group_is_a_change_and_its_way_back_is_one_too(
    sender: Credentials,
) -> None:
    tracker = Tracker(PEER, DYNAMIC)
    first, second, third = (tracker.identity(who) for who in (SAME, sender, SAME))
    assert second.peer == Peer(*sender, None, "calc")  # whose groups the kernel does not tell
    assert [identity.changed for identity in (first, second, third)] == [False, True, False]
    modified = [identity.ids.modified_id for identity in (first, second, third)]
    assert modified == [modified[0], modified[0] + 1, modified[0] + 2]
    assert len({identity.ids.token_id for identity in (first, second, third)}) == 1
    assert tracker.identity(SAME) is third


@pytest.mark.parametrize("credentials", [None, NOBODY])
def test_a_message_without_credentials_is_refused(credentials: Credentials | None) -> None:
    with pytest.raises(BadFrame):
        Tracker(PEER, DYNAMIC).identity(credentials)


@pytest.mark.parametrize(
    ("text", "uid", "luid"),
    [
        ("7", 1000, 7 << 32 | 1000),
        ("4294967295", 1000, 1000),
        ("", 1000, 1000),
        ("7", 0, SYSTEM_LUID),
        ("7", 65534, ANONYMOUS_LOGON_LUID),
        ("7", None, ANONYMOUS_LOGON_LUID),
    ],
)
def test_a_logon_is_a_session_of_a_user(text: str, uid: int | None, luid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def session(path: str, **options: Any) -> Any:
        assert path == "/proc/10/sessionid"
        return io.StringIO(text)

    monkeypatch.setattr(builtins, "open", session)
    ids = Tracker(Peer(10, uid, 100)).identity().ids
    monkeypatch.undo()
    assert ids.authentication_id == luid


def test_a_process_that_has_gone_has_no_session() -> None:
    assert Tracker(Peer(2**22 + 1, 1000, 100)).identity().ids.authentication_id == 1000
