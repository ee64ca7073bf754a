from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.transports.security import Sid, SidError
from lrpc.transports.security.sid import ANONYMOUS, EVERYONE, LOCAL_SYSTEM

sids = st.builds(
    Sid,
    st.integers(0, (1 << 48) - 1),
    st.lists(st.integers(0, (1 << 32) - 1), max_size=15).map(tuple),
)


@pytest.mark.parametrize(
    ("text", "octets"),
    [
        ("S-1-1-0", "0101000000000001 00000000"),
        ("S-1-5-18", "0101000000000005 12000000"),
        ("S-1-5-32-544", "0102000000000005 20000000 20020000"),
        ("S-1-22-1-1000", "0102000000000016 01000000 e8030000"),
        ("S-1-0x0123456789AB", "01000123456789ab"),
    ],
)
def test_text_and_octets_say_the_same(text: str, octets: str) -> None:
    assert bytes(Sid.parse(text)) == bytes.fromhex(octets)
    assert str(Sid.from_bytes(bytes.fromhex(octets))) == text


@given(sids)
def test_every_sid_survives_both_forms(sid: Sid) -> None:
    assert Sid.parse(str(sid)) == sid
    assert Sid.from_bytes(bytes(sid)) == sid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S-1",
        "S-1-",
        "S-2-5-18",
        "S-1-5-",
        "S-1-5-4294967296",
        "S-1-5--1",
        "S-1-5-18 ",
        "S-1-٣-1",
        "S-1-5-x",
        "S-1-281474976710656",
        "S-1-5" + "-1" * 16,
    ],
)
def test_text_that_is_no_sid_is_refused(text: str) -> None:
    with pytest.raises(SidError):
        Sid.parse(text)


@pytest.mark.parametrize("length", range(12))
def test_a_truncated_sid_is_refused(length: int) -> None:
    with pytest.raises(SidError):
        Sid.from_bytes(bytes(Sid.parse("S-1-5-18"))[:length])


def test_octets_after_a_sid_and_other_revisions_are_refused() -> None:
    for octets in (bytes(EVERYONE) + b"\0", b"\2" + bytes(EVERYONE)[1:], bytes([1, 16]) + bytes(6 + 64)):
        with pytest.raises(SidError):
            Sid.from_bytes(octets)


def test_linux_users_have_sids_and_sids_have_users() -> None:
    assert str(Sid.of_user(1000)) == "S-1-22-1-1000"
    assert str(Sid.of_group(100)) == "S-1-22-2-100"
    assert Sid.of_user(1000).uid == 1000
    assert LOCAL_SYSTEM.uid == 0
    assert Sid.of_group(1000).uid is None
    assert Sid.of_group(1000).gid == 1000
    assert Sid.of_user(1000).gid is None
    assert ANONYMOUS.uid is None
