from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.capture.exported import Exported, Place

HERE = Place(ip_address("127.0.0.1"), 4_194_304)
THERE = Place(ip_address("::ffff:10.0.0.1"), 135)


@pytest.mark.parametrize("is_pdu", [True, False])
@pytest.mark.parametrize(("source", "destination"), [(HERE, THERE), (THERE, HERE), (HERE, HERE), (THERE, THERE)])
def test_what_is_packed_is_parsed(source: Place, destination: Place, is_pdu: bool) -> None:
    exported = Exported(b"octets", source, destination, is_pdu)
    assert Exported.parse(exported.pack()) == exported


def test_a_pdu_is_for_the_heuristic_dissector_of_rpc() -> None:
    # tag 13, 12 octets
    assert Exported(b"", HERE, HERE).pack().startswith(b"\0\x0d\0\x0cdcerpc_tcp\0\0")


def test_other_octets_are_for_the_dissector_that_shows_them() -> None:
    assert Exported(b"", HERE, HERE, False).pack().startswith(b"\0\x0c\0\x04data")


def test_a_place_reads_as_addresses_do() -> None:
    assert (str(HERE), str(THERE)) == ("127.0.0.1:4194304", "10.0.0.1:135")
    assert str(Place(ip_address("::1"), 135)) == "[::1]:135"


def test_tags_that_do_not_end_are_no_pdu() -> None:
    assert Exported.parse(Exported(b"", HERE, HERE).pack()[:-1]) is None


@settings(deadline=None)
@given(st.binary(max_size=80))
def test_no_octets_raise(octets: bytes) -> None:
    found = Exported.parse(octets)
    assert found is None or octets.endswith(found.octets)
