from __future__ import annotations

import pytest

from lrpc.runtime.ndr.budget import MAX_DEPTH
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.expression import this, when
from lrpc.runtime.ndr.layout import (
    GUID,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    ContextHandle,
    EncapsulatedUnion,
    Encoding,
    FixedArray,
    FullPtr,
    Hyper,
    Long,
    Parameters,
    Range,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)
from lrpc.runtime.ndr.reference_rules import (
    NOTHING_AFTER,
    Geometry,
    Place,
    Rest,
    conformant,
    counts_of,
    octets_each,
    parameters_place,
    pointed,
    settle,
    shape,
    text_codec,
)

UNION = Union(Short, {1: Byte, 2: Hyper, 3: None})


@pytest.mark.parametrize(
    ("layout", "narrow", "wide"),
    [
        (Hyper, 8, 8),
        (GUID, 4, 4),
        (ContextHandle("H"), 4, 4),
        (UniquePtr(Byte), 4, 8),
        (Range(Short, 0, 1), 2, 2),
        (Struct(dict), 1, 1),
        (Struct(dict, "a" / Byte, "b" / UniquePtr(Byte)), 4, 8),
        (FixedArray(Short, 3), 2, 2),
        (VaryingArray(Byte, 3, 1), 1, 1),
        (String(WChar), 2, 2),
        (SwitchIs(UNION, 1), 8, 8),
        (EncapsulatedUnion(dict, "t", "u", Union(Long, {1: None})), 4, 4),
    ],
    ids=repr,
)
def test_alignment_is_that_of_the_widest_part(layout, narrow, wide):
    assert Geometry(Encoding.NDR).alignment(layout) == narrow
    assert Geometry(Encoding.NDR64).alignment(layout) == wide


@pytest.mark.parametrize(
    ("layout", "narrow", "wide"),
    [
        (Long, 4, 4),
        (GUID, 16, 16),
        (ContextHandle("H"), 20, 20),
        (Struct(dict, "a" / Byte, "b" / Hyper), 9, 9),
        (FixedArray(Short, 3), 6, 6),
        (VaryingArray(Long, 3, 1), 8, 16),
        (ConformantArray(Long), 0, 0),
        (String(WChar, bound=4), 10, 18),
        (SwitchIs(UNION, 1), 2, 2),
        (UniquePtr(Hyper), 4, 8),
    ],
    ids=repr,
)
def test_least_size_leaves_gaps_and_arms_out(layout, narrow, wide):
    assert Geometry(Encoding.NDR).least(layout) == narrow
    assert Geometry(Encoding.NDR64).least(layout) == wide


def test_alignment_of_parameters_is_a_mistake():
    with pytest.raises(NdrError):
        Geometry(Encoding.NDR).alignment(Parameters())


def test_conformant_array_is_found_through_last_members_only():
    array = ConformantArray(Byte)
    inner = Struct(dict, "n" / Long, "a" / array)
    assert conformant(array) == (array, ())
    assert conformant(Struct(dict, "x" / Long, "i" / inner)) == (array, ("i", "a"))
    assert conformant(UniquePtr(array)) == (None, ())
    assert conformant(Struct(dict))[0] is None
    assert conformant(String(Char, bound=3))[0] is None


def test_shape_is_equal_for_the_same_type():
    def pair() -> object:
        return shape(UniquePtr(FixedArray(FullPtr(String(Char, bound=3)), 2)))

    assert pair() == pair()
    assert shape(Range(Long, 0, 1)) == shape(Range(Long, 0, 1)) != shape(Range(Long, 0, 2))
    assert shape(UniquePtr(Long)) != shape(FullPtr(Long))
    assert shape(GUID) == "guid"
    assert shape(Struct(dict)) != shape(Struct(dict))


def test_pointed_looks_behind_all_pointers():
    assert pointed(UniquePtr(FullPtr(Long))) is Long


def test_counts_of_an_array_are_what_siblings_say():
    assert counts_of(ConformantVaryingArray(Byte, this.m, this.n)) == [this.m, this.n]
    assert counts_of(ConformantArray(Byte)) == []
    assert counts_of(String(Char, size=this.n)) == [this.n]
    assert counts_of(Long) == []


def test_bytes_and_text_have_their_own_arrays():
    assert [octets_each(element) for element in (Byte, Char, WChar, Short)] == [1, 1, 2, 0]
    assert text_codec(WChar, Encoding.NDR_BIG) == ("utf-16-be", "surrogatepass")
    assert text_codec(Char, Encoding.NDR64) == ("utf-8", "surrogateescape")


def test_settle_runs_steps_of_any_depth():
    def down(depth: int):
        return (yield down(depth - 1)) + 1 if depth else 0

    assert settle(down(50_000)) == 50_000
    assert settle("plain") == "plain"


def test_error_in_a_deep_step_comes_out():
    def down(depth: int):
        if not depth:
            raise NdrError("deep")
        return (yield down(depth - 1))

    with pytest.raises(NdrError, match="deep"):
        settle(down(10_000))


def test_place_names_members_and_items():
    place = Place("", {}).field("a").item(3).field("b")
    assert place.path == "a[3].b"
    assert place.at(("c", "d")).path == "a[3].b.c.d"


def test_place_stops_at_the_depth_limit():
    place = Place("p", {})
    for _ in range(MAX_DEPTH):
        place = place.deeper().field("a")
    with pytest.raises(NdrError, match="nested more than 1,024 deep") as caught:
        place.deeper()
    assert caught.value.path.startswith("p.a.a")


def test_what_is_behind_the_last_pointer_is_no_deeper():
    place = Place("p", {}).deeper()
    for _ in range(3 * MAX_DEPTH):
        place = place.field("a", NOTHING_AFTER).deeper()
    assert place.depth == 1
    assert place.item(0).deeper().depth == place.field("a").deeper().depth == 2


def test_what_is_in_front_of_pointers_that_bring_nothing_is_no_deeper():
    left = [3]
    turns = [(1, lambda: not left), (2, lambda: True)]
    place = Place("p", {}).deeper()
    [first, second] = [place.field("a", (Rest(index, turns),)) for index in (0, 1)]
    assert (first.deeper().depth, second.deeper().depth) == (2, 1)
    assert second.field("b", (Rest(0, turns),)).deeper().depth == 2
    left.clear()
    assert first.deeper().depth == 1
    assert second.field("b").deeper().depth == 2


def test_pointers_that_come_after_a_member_are_told_of_where_they_are_members():
    link = UniquePtr(Long)
    array = FixedArray(link, 2)
    struct = Struct(dict, "a" / link, "b" / array, "c" / link, "d" / Long)
    geometry = Geometry(Encoding.NDR)
    assert [geometry.after(struct, index, []) for index in range(4)] == [None, (Rest(1, []),), (), ()]


def test_full_pointers_open_at_a_place_and_not_at_its_members():
    place = Place("", {}).opened(1).opened(2)
    assert place.opening == place.deeper().opening == (1, 2)
    inner = place.field("a"), place.item(0), place.inside({}), place.closed()
    assert [other.opening for other in inner] == [()] * 4


def test_correlation_is_known_when_all_its_siblings_are():
    place = Place("a", {"n": 3, "p": None})
    assert place.known(this.n * 2) == 6
    assert place.known(this.m) is None
    assert place.known(None) is None
    with pytest.raises(NdrError) as caught:
        place.known(this.p)
    assert caught.value.path == "a"


def test_nothing_has_no_size_when_a_sibling_is_null():
    place = Place("a", {"n": 3, "p": None})
    assert place.size_of_nothing(this.n) == 3
    assert place.size_of_nothing(when(this.n, this.p, 0)) == 0


def test_parameters_of_a_reply_see_both_directions():
    values: dict[str, object] = {}
    request, reply = parameters_place("", values, None), parameters_place("", values, {"n": 1, "m": 5})
    values["n"] = 2
    assert (request.reply, reply.reply) == (False, True)
    assert (reply.known(this.n), reply.known(this.m)) == (2, 5)
    assert reply.among({"n": 9}).known(this.n + this.m) == 14
    assert reply.inside({}).reply is False
    assert request.among({"k": 1}).known(this.k) == 1
