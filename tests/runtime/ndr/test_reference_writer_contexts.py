"""The reference writer on the words of Samba's NDR: where and why it refuses."""

from __future__ import annotations

import pytest

from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import Byte, Parameters, Struct, ULong, Union, UniquePtr
from lrpc.runtime.ndr.layout_samba import (
    Blob,
    Computed,
    Counted,
    Flagged,
    Relative,
    Rest,
    Subcontext,
    Untagged,
    length,
)
from lrpc.runtime.ndr.reference_writer_contexts import CONTEXT_LIMIT


def refused(layout, value, **keywords):
    with pytest.raises(NdrError) as caught:
        layout.build(value, **keywords)
    return caught.value


def test_trace_lists_octets_and_a_context_as_one():
    spans = []
    layout = Struct(dict, "b" / Blob(), "c" / Subcontext(ULong, 2))
    layout.build({"b": b"xx", "c": 1}, trace=spans)
    assert [(span.offset, span.size, span.path) for span in spans] == [(0, 6, "b"), (6, 2, "c"), (8, 4, "c")]


def test_contexts_in_each_other_are_bounded():
    nested: Struct = Struct(dict, "next" / Subcontext(UniquePtr(lambda: nested)))
    value = {"next": None}
    for _ in range(CONTEXT_LIMIT):
        value = {"next": value}
    assert "contexts" in refused(nested, value).reason
    assert nested.parse(nested.build(value["next"])) == value["next"]


def test_contents_that_exceed_their_context_say_by_how_much():
    layout = Struct(dict, "n" / ULong, "c" / Subcontext(Rest(), size=this.n))
    error = refused(layout, {"n": 2, "c": b"abc"})
    assert (error.path, error.reason) == ("c", "3 octets in a context of 2")


def test_no_room_at_the_end_is_an_error_of_the_pointer():
    layout = Struct(
        dict, "n" / ULong, "c" / Flagged(Subcontext(Struct(dict, "p" / Relative(ULong)), size=this.n), reverse=True)
    )
    assert refused(layout, {"n": 6, "c": {"p": 1}}).path == "c.p"


def test_what_is_told_has_to_be_known():
    outer = Parameters("n" / ULong)
    assert outer.fields
    assert refused(Parameters("c" / Subcontext(Byte, size=this.n)), {"c": 1}).path == "c"
    assert refused(Parameters("n" / Computed(ULong, length(this.far))), {"n": 0}).path == "n"
    assert refused(Parameters("u" / Untagged(Union(ULong, {1: Byte}), this.t)), {"u": 1}).status == 0x6C5
    assert Parameters("c" / Subcontext(Byte, size=this.n)).build({"c": 1}, outer={"n": 2}) == b"\1\0"


def test_count_of_items_and_its_sibling_have_to_agree():
    layout = Struct(dict, "n" / ULong, "a" / Counted(Byte, this.n))
    assert refused(layout, {"n": 3, "a": b"ab"}).path == "a"
