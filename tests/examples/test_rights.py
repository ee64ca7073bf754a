from __future__ import annotations

import pytest

from examples.registry import rights
from lrpc import StatusError


@pytest.mark.parametrize(
    ("desired", "allowed", "given"),
    [
        (rights.KEY_READ, rights.KEY_ALL_ACCESS, rights.KEY_READ),
        (rights.MAXIMUM_ALLOWED, rights.KEY_READ, rights.KEY_READ),
        (rights.MAXIMUM_ALLOWED | rights.KEY_READ, rights.KEY_ALL_ACCESS, rights.KEY_ALL_ACCESS),
        (rights.KEY_READ | 0x100, rights.KEY_READ, rights.KEY_READ),
        (0x8000_0000, rights.KEY_READ, rights.KEY_READ),
        (0x4000_0000, rights.KEY_ALL_ACCESS, rights.KEY_WRITE),
        (0x1000_0000, rights.KEY_ALL_ACCESS, rights.KEY_ALL_ACCESS),
        (0, rights.KEY_READ, 0),
    ],
)
def test_handle_gets_what_it_asks_for(desired: int, allowed: int, given: int) -> None:
    assert rights.granted(desired, allowed) == given


@pytest.mark.parametrize(
    "desired",
    [rights.KEY_SET_VALUE, rights.DELETE, 0x4000_0000, rights.MAXIMUM_ALLOWED | rights.KEY_SET_VALUE, 0x0100_0000],
)
def test_more_than_allowed_is_denied(desired: int) -> None:
    with pytest.raises(StatusError) as caught:
        rights.granted(desired, rights.KEY_READ)
    assert caught.value.code == rights.ERROR_ACCESS_DENIED


def test_right_that_the_handle_lacks_is_denied() -> None:
    rights.require(rights.KEY_READ, rights.KEY_QUERY_VALUE)
    with pytest.raises(StatusError):
        rights.require(rights.KEY_READ, rights.KEY_SET_VALUE)


def test_descriptor_is_self_relative_with_the_asked_parts() -> None:
    administrators = bytes.fromhex("01020000000000052000000020020000")
    everyone = bytes.fromhex("010100000000000100000000")
    acl = bytes.fromhex("0200340002000000000218003f000f00") + administrators
    acl += bytes.fromhex("0002140019000200") + everyone
    owner_and_dacl = bytes.fromhex("0100048014000000000000000000000024000000") + administrators + acl
    assert rights.descriptor(rights.OWNER | rights.DACL, rights.KEY_READ) == owner_and_dacl
    assert rights.descriptor(rights.GROUP, rights.KEY_READ) == (
        bytes.fromhex("0100008000000000140000000000000000000000") + administrators
    )
