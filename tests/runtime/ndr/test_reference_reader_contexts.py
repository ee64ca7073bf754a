"""The reference reader on the words of Samba's NDR: where and why it refuses."""

from __future__ import annotations

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import Byte, Char, Struct, ULong, UniquePtr
from lrpc.runtime.ndr.layout_samba import Blob, Counted, Relative, Subcontext, Text
from lrpc.runtime.ndr.reference_reader_contexts import CONTEXT_LIMIT


def refused(layout, octets):
    with pytest.raises(NdrError) as caught:
        layout.parse(bytes.fromhex(octets))
    return caught.value


def test_offset_outside_says_where_it_leads():
    error = refused(Struct(dict, "a" / ULong, "p" / Relative(ULong)), "01 00 00 00 ff 00 00 00")
    assert (error.path, error.reason) == ("p", "an offset to 0xff")


def test_octets_are_refused_at_their_own_place():
    error = refused(Struct(dict, "a" / ULong, "b" / Blob()), "01 00 00 00 05 00 00 00")
    assert (error.path, error.offset, error.reason) == ("b", 4, "5 octets are wanted, 0 are left")


def test_trace_lists_octets_and_a_context_as_one():
    spans = []
    layout = Struct(dict, "t" / Text(Char), "c" / Subcontext(Byte, 2))
    layout.parse(bytes.fromhex("61 00 01 00 05"), trace=spans)
    assert [(span.offset, span.size, span.path) for span in spans] == [(0, 2, "t"), (2, 2, "c"), (4, 1, "c")]


def test_contexts_in_each_other_are_bounded():
    nested: Struct = Struct(dict, "next" / Subcontext(UniquePtr(lambda: nested)))
    octets = "01 00 00 00" * CONTEXT_LIMIT
    assert nested.parse(bytes.fromhex("01 00 00 00" * (CONTEXT_LIMIT - 1) + "00 00 00 00"))
    assert "contexts" in refused(nested, octets + "00 00 00 00").reason


def test_negative_count_is_refused():
    error = refused(Struct(dict, "n" / Byte, "a" / Counted(Byte, this.n - 5)), "01")
    assert error.reason == "an array of -4 items"
