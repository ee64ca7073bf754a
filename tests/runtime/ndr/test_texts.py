"""Many strings at once: the same octets, values and errors as one by one, whatever is in them."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Char, ConformantArray, Encoding, Layout, Parameters, String, UniquePtr, WChar
from lrpc.runtime.ndr.texts import AHEAD, FEW, SHORT, Texts, texts_of

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


def stub_of(layout: Layout, value: Any, encoding: Encoding) -> bytes:
    """What the reference reader writes."""
    return Parameters("value" / layout).build({"value": value}, encoding=encoding)


@pytest.mark.parametrize("kind", KINDS, ids=range(len(KINDS)))
@pytest.mark.parametrize("values", [PLAIN, *AWKWARD.values()], ids=["plain", *AWKWARD])
@pytest.mark.parametrize("o", [0, 3])
def test_strings_together_are_those_one_by_one(kind, values, o):
    stub = written(kind, values, o)
    assert stub == one_by_one(kind, values, o)
    assert kind.read(stub, o, len(stub), range(1, len(values) + 1)) == (values, len(stub))


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
    kind = texts_of(2, "<", 4, packed=False)
    stub = written(kind, ["even"] * FEW).replace(b"n\0\0\0\0\0", b"n\0\0\0\xff\xff")
    assert stub.count(b"\xff\xff") == FEW - 1
    assert kind.read(stub, 0, len(stub), [1] * FEW) == (["even"] * FEW, len(stub))


@pytest.mark.parametrize("counts", [(6, 1, 5), (4, 0, 5), (5, 0, 4), (5, 0, 6), (5, 0, 0), (5, 0, 1 << 20)])
def test_counts_that_disagree_are_refused(counts):
    kind = texts_of(2, "<", 4, packed=False)
    stub = written(kind, ["even"] * FEW)
    last = len(stub) - 22
    with pytest.raises(NdrError):
        kind.read(stub[:last] + struct.pack("<III", *counts) + stub[last + 12 :], 0, len(stub), [1] * FEW)


def test_maximum_count_may_be_greater():
    kind = texts_of(2, "<", 4, packed=False)
    stub = written(kind, ["even"] * FEW)
    stub = stub[:-22] + struct.pack("<III", 9, 0, 5) + stub[-10:]
    assert kind.read(stub, 0, len(stub), [1] * FEW) == (["even"] * FEW, len(stub))


def test_stub_cut_anywhere_is_refused():
    for kind in KINDS:
        stub = written(kind, PLAIN)
        for cut in range(len(stub)):
            with pytest.raises((NdrError, struct.error)):
                kind.read(stub[:cut], 0, cut, [1] * len(PLAIN))


def test_nul_inside_stays_where_the_counts_have_it():
    kind = texts_of(2, "<", 4, packed=False)
    stub = written(kind, ["axb"] * FEW).replace(b"x\0", b"\0\0")
    assert kind.read(stub, 0, len(stub), [1] * FEW) == (["a\0b"] * FEW, len(stub))


def test_counts_hidden_in_a_string_are_text():
    kind = texts_of(2, "<", 4, packed=False)
    inner = "\0\3\0\0\0\3\0ab"
    stub = written(kind, [inner.replace("\0", "x")] * FEW)
    at = [index for index in range(0, len(stub), 2) if stub[index : index + 2] == b"x\0"]
    octets = bytearray(stub)
    for index in at:
        octets[index] = 0
    assert kind.read(octets, 0, len(octets), [1] * FEW) == ([inner] * FEW, len(octets))


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
        theirs = or_none(Parameters("v" / array).parse, bytes(octets), encoding=encoding)
        assert ours == (theirs and tuple(theirs.values()))


def test_longest_string_that_goes_with_others_has_its_counts_in_one_unit_each():
    for kind in KINDS:
        assert len(kind.heads) == SHORT[kind.unit]
        assert len({len(head) for head in kind.heads}) == 1
