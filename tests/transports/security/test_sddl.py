from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrpc.transports.security import Ace, SddlError, SecurityDescriptor, Sid
from lrpc.transports.security.sid import ADMINISTRATORS, EVERYONE, LOCAL_SYSTEM

USER = Sid.of_user(1000)


@pytest.mark.parametrize(
    ("text", "descriptor"),
    [
        ("D:(A;;GA;;;WD)", SecurityDescriptor(dacl=(Ace(0, 0, 0x10000000, EVERYONE),))),
        (
            "O:SYG:BAD:(D;;CC;;;S-1-22-1-1000)(A;IO;0x1f0001;;;WD)",
            SecurityDescriptor(LOCAL_SYSTEM, ADMINISTRATORS, (Ace(1, 0, 1, USER), Ace(0, 8, 0x1F0001, EVERYONE))),
        ),
        ("D:", SecurityDescriptor(dacl=())),
        ("D:NO_ACCESS_CONTROL", SecurityDescriptor()),
        ("O:S-1-22-1-1000D:", SecurityDescriptor(owner=USER, dacl=())),
    ],
)
def test_text_and_descriptor_say_the_same(text: str, descriptor: SecurityDescriptor) -> None:
    assert SecurityDescriptor.parse(text) == descriptor
    assert str(descriptor) == text


def test_rights_add_up_and_flags_of_the_dacl_are_read_over() -> None:
    assert SecurityDescriptor.parse("D:PAI(A;OICI;GRGW;;;WD)").dacl == (Ace(0, 3, 0xC0000000, EVERYONE),)
    assert SecurityDescriptor.parse("") == SecurityDescriptor(dacl=None)


@pytest.mark.parametrize(
    "text",
    [
        "D:(A;;GA;;;WD",
        "D:(A;;GA;;WD)",
        "D:(A;;GA;;;WD))",
        "D:(A;;GA;;;WD)x",
        "D:(OA;;GA;;;WD)",
        "D:(AU;SA;GA;;;WD)",
        "D:(XA;;GA;;;WD;(x==1))",
        "D:(A;;GA;bf967aba-0de6-11d0-a285-00aa003049e2;;WD)",
        "D:(A;;QQ;;;WD)",
        "D:(A;;G;;;WD)",
        "D:(A;;0x100000000;;;WD)",
        "D:(A;;GA;;;XX)",
        "D:(A;;GA;;;S-1)",
        "D:(A;QQ;GA;;;WD)",
        "D:Q(A;;GA;;;WD)",
        "D:NO_ACCESS_CONTROL(A;;GA;;;WD)",
        "D:(A;;GA;;;WD)D:(A;;GA;;;WD)",
        "O:",
        "X:SY",
        "S:(AU;SA;GA;;;WD)",
        "GA;;;WD",
        "D:" + "(A;;GA;;;WD)" * 1025,
    ],
)
def test_what_is_not_understood_is_refused_and_never_skipped(text: str) -> None:
    with pytest.raises(SddlError):
        SecurityDescriptor.parse(text)


@given(st.text(alphabet="OGDSAP:();WDYRX0x1-5 ", max_size=60))
@example("D:(A;;GA;;;WD)")
def test_any_text_is_a_descriptor_or_an_error(text: str) -> None:
    try:
        descriptor = SecurityDescriptor.parse(text)
    except SddlError:
        return
    assert SecurityDescriptor.parse(str(descriptor)) == descriptor
