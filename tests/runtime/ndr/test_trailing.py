from __future__ import annotations

import pytest

from lrpc.runtime.ndr.compiler import Codec
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Byte, Encoding, Long, Parameters, String, WChar
from lrpc.runtime.ndr.layout_samba import Relative
from lrpc.runtime.ndr.strictness import Strictness
from lrpc.runtime.ndr.trailing import VERIFICATION_TRAILER, check_end

TEXT = bytes.fromhex("02000000 00000000 02000000 6100 0000")


def test_value_that_ends_behind_its_stub_is_refused():
    with pytest.raises(NdrError, match=r"^the stub ends before its last parameter at offset 0x3 "):
        check_end(b"123", 4, None)


@pytest.mark.parametrize("tolerated", [0, 1, 8])
def test_so_many_octets_are_tolerated_and_no_more(tolerated: int):
    check_end(bytes(4 + tolerated), 4, tolerated)
    with pytest.raises(NdrError, match=rf"^{tolerated + 1} octets behind the last parameter at offset 0x4 "):
        check_end(bytes(5 + tolerated), 4, tolerated)


@pytest.mark.parametrize("end", range(4, 9))
def test_verification_trailer_is_found_where_it_is_aligned(end: int):
    aligned = end + 3 & -4
    check_end(memoryview(bytes(aligned) + VERIFICATION_TRAILER + bytes(40)), end, 0)
    with pytest.raises(NdrError):
        check_end(bytes(aligned + 1) + VERIFICATION_TRAILER + bytes(40), end, 0)


@pytest.mark.parametrize("layout", [Long, String(WChar)], ids=["scalars", "text"])
def test_readers_tolerate_as_many_octets_as_they_are_told(layout):
    parameters = Parameters("a" / layout, "b" / Byte)
    stub = (bytes(5) if layout is Long else TEXT + b"\0") + b"\xff" * 3
    for tolerated in (None, 9, 3, 2, 0):
        strictness = Strictness(trailing=tolerated)
        for read in (Codec(parameters, Parameters(), Encoding.NDR, strictness).decode, parameters.parse):
            words = {"strictness": strictness} if read == parameters.parse else {}
            if tolerated in (2, 0):
                with pytest.raises(NdrError, match="3 octets behind the last parameter"):
                    read(stub, **words)
            else:
                assert read(stub, **words)


def test_what_an_offset_leads_to_stands_behind_the_last_parameter():
    parameters = Parameters("a" / Relative(String(WChar)), "b" / Byte)
    stub = bytes.fromhex("08000000 05 000000 06000000 00000000 06000000") + "hello\0".encode("utf-16-le")
    strictness = Strictness(trailing=0)
    for read in (Codec(parameters, Parameters(), Encoding.NDR, strictness).decode, parameters.parse):
        options = {} if read != parameters.parse else {"strictness": strictness}
        found = read(stub, **options)
        assert tuple(found.values() if isinstance(found, dict) else found) == ("hello", 5)
