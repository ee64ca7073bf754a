"""Types with a codec in C, as [MS-DTYP] has them."""

from __future__ import annotations

import pytest

from lrpc.runtime.ndr.errors import NdrError
from tests.rpcgen.pidl.at_work import Pidl

SID = "typedef [nopush, nopull] struct { uint8 a; } dom_sid; typedef [public] struct { dom_sid2 *sid; } holder;"
ACE = """
    typedef [enum8bit] enum { ALLOWED = 0 } security_ace_type;
    typedef [bitmap8bit] bitmap { INHERITED = 16 } security_ace_flags;
    typedef [public, nopush, nopull] struct { uint8 a; } security_ace;
"""


def test_count_of_a_sid_stands_in_it_and_that_of_a_dom_sid2_also_in_front(pidl: Pidl) -> None:
    stub = pidl.load(SID)
    fields = (1, bytes((0, 0, 0, 0, 0, 5)), [32, 544])
    plain = pidl.write(stub.__layouts__["dom_sid"], stub.dom_sid(*fields))
    behind = pidl.write(stub.__layouts__["holder"], stub.holder(stub.dom_sid2(*fields)))
    assert plain.hex() == "01020000000000052000000020020000"
    assert behind.hex() == f"0000020002000000{plain.hex()}"


def test_sid_has_at_most_15_rids(pidl: Pidl) -> None:
    stub = pidl.load(SID)
    with pytest.raises(NdrError):
        pidl.read(stub.__layouts__["dom_sid"], bytes((1, 16)) + bytes(70))


def test_entry_of_any_type_keeps_its_octets(pidl: Pidl) -> None:
    stub = pidl.load(ACE)
    octets = bytes((9, 16, 12, 0)) + b"12345678"
    found = pidl.read(stub.__layouts__["security_ace"], octets)
    assert (found.type_, found.size, found.body) == (9, 12, b"12345678")
    assert pidl.write(stub.__layouts__["security_ace"], found) == octets


def test_entry_that_is_smaller_than_its_head_is_refused(pidl: Pidl) -> None:
    stub = pidl.load(ACE)
    with pytest.raises(NdrError):
        pidl.read(stub.__layouts__["security_ace"], bytes((0, 0, 3, 0)))


def test_count_in_the_middle_gets_a_name_of_its_own(pidl: Pidl) -> None:
    stub = pidl.load("typedef [public] struct { uint32 n; uint8 a_count; [size_is(n)] uint8 a[*]; uint8 b; } s;")
    octets = pidl.write(stub.__layouts__["s"], stub.s(7, b"xy", 9))
    assert octets.hex() == "0200000007000000020000007879" + "09"
