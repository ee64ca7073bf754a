"""Many strings at once: the same octets, values and errors as one by one, whatever is in them."""

from __future__ import annotations

import dataclasses
import itertools
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.columns import MANY_TO_READ
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import (
    Char,
    ConformantArray,
    Encoding,
    Layout,
    Long,
    Parameters,
    Range,
    RefPtr,
    String,
    Struct,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.places import REREAD_STEPS
from lrpc.runtime.ndr.texts import AHEAD, FEW, SHORT, Texts, texts_of

Two = dataclasses.make_dataclass("Two", ["name", "number"], slots=True)
KINDS = [texts_of(*kind, packed=packed) for kind in itertools.product((1, 2), "<>", (4, 8)) for packed in (False, True)]
PLAIN = [f"number {n:{n}}" for n in range(12)]
AWKWARD = {
    "astral": [*PLAIN, "\U0001f600", "z"],
    "lone surrogate": [*PLAIN, "\udc80", "z"],
    "not ascii": [*PLAIN, "é", "日本", "z"],
    "long": [*PLAIN, "x" * 127, "x" * 254, "x" * 255, "x" * 1000, "z"],
    "all long": ["x" * 5 * AHEAD] * FEW,
    "empty": [""] * 7,
}


def written(texts: Texts, values: list[str], o: int = 0) -> bytes:
    """The octets behind `o` others."""
    out: list[Any] = [bytes(o)]
    end = texts.write(out, values, o)
    stub = b"".join(out)
    assert end == len(stub)
    return stub


def one_by_one(texts: Texts, values: list[str], o: int = 0) -> bytes:
    """The same by the rules."""
    stub = bytes(o)
    for value in values:
        stub += written(texts, [value], 0 if texts.align == 1 else len(stub) % texts.align)[len(stub) % texts.align :]
    return stub


def counts(*numbers: int) -> bytes:
    return struct.pack("<III", *numbers)


def stub_of(layout: Layout, value: Any, encoding: Encoding = Encoding.NDR) -> bytes:
    """What the reference reader writes."""
    return Parameters("value" / layout).build({"value": value}, encoding=encoding)


NAMES = ConformantArray(UniquePtr(String(WChar)))
MANY = 2 * MANY_TO_READ


def names_with(*instead: tuple[bytes, bytes], text: str = "even") -> Any:
    """What the codec reads from an array of names whose octets have others instead, except in the first name."""
    stub = stub_of(NAMES, [text] * MANY)
    first = 4 + 4 * MANY + 24
    octets = stub[first:]
    for old, new in instead:
        assert old in octets
        octets = octets.replace(old, new)
    return compiled_type(NAMES).decode(stub[:first] + octets)[0]


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
@pytest.mark.parametrize("values", [PLAIN, *AWKWARD.values()], ids=["plain", *AWKWARD])
@pytest.mark.parametrize("o", [0, 3])
def test_strings_together_are_those_one_by_one(kind, values, o):
    stub = written(kind, values, o)
    assert stub == one_by_one(kind, values, o)
    if values is PLAIN or values is AWKWARD["empty"]:
        assert kind.read(stub, o, len(stub), range(1, len(values) + 1)) == (values, len(stub))


@pytest.mark.parametrize("values", AWKWARD.values(), ids=AWKWARD)
@pytest.mark.parametrize("unit", [Char, WChar], ids=repr)
def test_what_does_not_go_together_is_read_by_the_rules(values, unit, encoding):
    layout = ConformantArray(UniquePtr(String(unit)))
    values = [value if unit is WChar or value != "\udc80" else "z" for value in values] * 3
    stub = stub_of(layout, values, encoding)
    assert b"".join(compiled_type(layout, encoding).encode((values,))) == stub
    assert compiled_type(layout, encoding).decode(stub) == (values,)


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
def test_null_referents_have_no_string(kind):
    stub = written(kind, PLAIN)
    referents = [part for _ in PLAIN for part in (4, 0)]
    found = [part for value in PLAIN for part in (value, None)]
    assert kind.read(stub, 0, len(stub), referents) == (found, len(stub))
    assert kind.read(stub, 0, len(stub), [0, 0]) == ([None, None], 0)
    assert kind.read(stub, 0, len(stub), []) == ([], 0)


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
def test_what_stands_behind_does_not_matter(kind):
    stub = written(kind, PLAIN)
    for behind in (b"\xff", b"\0" * 9, b"\x3d\xd8\x00\xde" * 99, bytes(range(256))):
        assert kind.read(stub + behind, 0, len(stub) + len(behind), [1] * len(PLAIN)) == (PLAIN, len(stub))


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
def test_string_with_a_nul_is_refused(kind):
    with pytest.raises(NdrError, match="holds a NUL"):
        written(kind, [*PLAIN, "a\0b"])


@pytest.mark.parametrize("wrong", [5, b"octets", ["a"]], ids=repr)
def test_what_is_no_string_is_refused(wrong):
    for kind in KINDS:
        with pytest.raises((TypeError, AttributeError)):
            written(kind, [*PLAIN, wrong])


class Odd(str):
    """A string that says other things of itself than are in it."""

    def __str__(self) -> str:
        return "something else"

    def __format__(self, how: str) -> str:
        return "something else"

    def __len__(self) -> int:
        return 1


def test_string_of_a_derived_class_goes_as_what_it_holds():
    for kind in KINDS:
        assert written(kind, [*PLAIN, Odd("two")]) == written(kind, [*PLAIN, "two"])


def test_padding_may_hold_anything():
    assert names_with((b"n\0\0\0\0\0", b"n\0\0\0\xff\xff")) == ["even"] * MANY


def test_maximum_count_may_be_greater():
    assert names_with((counts(5, 0, 5), counts(9, 0, 5))) == ["even"] * MANY


@pytest.mark.parametrize("wrong", [(6, 1, 5), (4, 0, 5), (5, 0, 4), (5, 0, 6), (5, 0, 0), (5, 0, 1 << 20), (0, 0, 0)])
def test_counts_that_disagree_are_refused(wrong):
    with pytest.raises(NdrError, match=r"^value\[1\]"):
        names_with((counts(5, 0, 5), counts(*wrong)))


def test_string_without_terminator_is_refused():
    with pytest.raises(NdrError, match="terminat"):
        names_with((b"n\0\0\0", b"n\0x\0"))


def test_nul_inside_stays_where_the_counts_have_it():
    assert names_with((b"x\0", b"\0\0"), text="axb")[1:] == ["a\0b"] * (MANY - 1)


def test_counts_hidden_in_a_string_are_text():
    inner = "\0\3\0\0\0\3\0ab"
    text = inner.replace("\0", "x")
    assert names_with((text.encode("utf-16-le"), inner.encode("utf-16-le")), text=text)[1:] == [inner] * (MANY - 1)


def test_surrogates_in_the_counts_are_counts():
    for one, other in ((0xDC00D800, 0xDC00D800), (0xD800, 0xDC00)):
        with pytest.raises(NdrError):
            names_with((counts(5, 0, 5), counts(one, 0, other)))


def test_stub_cut_anywhere_is_refused(encoding):
    for unit in (Char, WChar):
        layout = ConformantArray(UniquePtr(String(unit)))
        stub = stub_of(layout, PLAIN, encoding)
        for cut in range(len(stub)):
            with pytest.raises(NdrError):
                compiled_type(layout, encoding).decode(stub[:cut])


@pytest.mark.parametrize("name", ["name", "\U0001f600"])
@pytest.mark.parametrize(
    ("place", "value"), [(-4, 1 << 16), (4 + 8 * 100, 0), (4 + 8 * 50 + 4, 3), (4 + 8 * 400 + 8, 0)]
)
def test_long_stub_is_refused_with_the_same_status(name, place, value):
    pair = ConformantArray(Struct(Two, "name" / RefPtr(String(WChar)), "number" / Range(Long, 1, 2)))
    stub = bytearray(stub_of(pair, [Two(name, 1)] * 400))
    assert len(stub) > REREAD_STEPS
    struct.pack_into("<I", stub, place % len(stub), value)
    with pytest.raises(NdrError) as caught:
        compiled_type(pair).decode(stub)
    with pytest.raises(NdrError) as expected:
        Parameters("value" / pair).parse(bytes(stub))
    assert caught.value.status == expected.value.status


def or_none(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """None for what is refused."""
    try:
        return call(*arguments, **keywords)
    except NdrError:
        return None


@settings(max_examples=120, deadline=None, derandomize=True, database=None)
@given(
    values=st.lists(
        st.none() | st.text(st.characters(blacklist_characters="\0", blacklist_categories=()), max_size=40)
    ),
    damage=st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=3),
    unit=st.sampled_from([WChar, Char]),
)
def test_both_readers_agree_about_arrays_of_strings(values, damage, unit):
    layout = UniquePtr(String(unit))
    if unit is Char:
        values = [value and value.encode("utf-8", "replace").decode() for value in values]
    array = ConformantArray(layout)
    for encoding in Encoding:
        codec = compiled_type(array, encoding)
        stub = b"".join(codec.encode((values,)))
        assert stub == stub_of(array, values, encoding)
        assert codec.decode(stub) == (values,)
        octets = bytearray(stub)
        for place, octet in damage:
            octets[place % len(octets)] = octet
        ours = or_none(codec.decode, bytes(octets))
        parse = Parameters("v" / array).parse
        theirs = or_none(parse, bytes(octets), encoding=encoding, strictness=codec.strictness)
        assert ours == (theirs and tuple(theirs.values()))


def test_longest_string_that_goes_with_others_has_its_counts_in_one_unit_each():
    for kind in KINDS:
        assert len(kind.heads) == SHORT[kind.unit]
        assert len({len(head) for head in kind.heads}) == 1
