"""The layouts of automation: octets of Windows, sizes, and both readers on whole and damaged octets."""

from __future__ import annotations

import random
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime.automation import BSTR, SAFEARRAY, VARIANT, VT, Record, SafeArray, Variant
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding, UniquePtr

# What Windows' oleaut32 wrote for an OPC server (IOPCBrowse::GetProperties, 2026): values behind their pointers, whose
# referent was `User`. What is reserved holds anything there.
POINTER = "5573657200000000"
WINDOWS = {
    "VT_I2": ("0300000000000000" "0200000000000000" "020000000300", Variant(VT.I2, 3)),
    "VT_I4": ("0300000000000000" "0300dc0147fbcb00" "0300000023480000", Variant(VT.I4, 18467)),
    "VT_R4": ("0300000000000000" "0400000000000000" "040000000000c842", Variant(VT.R4, 100.0)),
    "VT_EMPTY": ("0300000000000000" "0000000000000000" "00000000", Variant(VT.EMPTY)),
    "VT_DATE": (
        "0400000000000000" "0700000000000000" "0700000000000000" "ea72fbc3168ce640",
        Variant(VT.DATE, datetime(2026, 6, 3, 17, 4, 27)),
    ),
    "VT_BSTR": (
        "0800000000000000" "0800000000000000" "080000007d559700" "0d0000001a0000000d000000"
        "520061006e0064006f006d002000760061006c00750065002e00",
        Variant(VT.BSTR, "Random value."),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "value"), WINDOWS.values(), ids=list(WINDOWS))
def test_variant_of_windows_is_read_and_written(octets: str, value: Variant) -> None:
    stub = bytes.fromhex(POINTER + octets)
    assert compiled_type(VARIANT).decode(stub) == (value,)
    assert VARIANT.parse(stub) == value
    ours, theirs = bytearray(b"".join(compiled_type(VARIANT).encode((value,)))), bytearray(stub)
    for written in (ours, theirs):
        written[:4] = written[18:24] = b"...."  # referent, reserved
        if value.vt == VT.BSTR:
            written[26:30] = b"...."  # referent
    assert ours == theirs


def test_two_variants_stand_at_multiples_of_eight() -> None:
    codec = compiled_type(UniquePtr(VARIANT))
    assert codec.decode(b"".join(codec.encode((Variant(VT.I8, 5),)))) == (Variant(VT.I8, 5),)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 5, 1 << 40, 1 << 70, 1.5, "", "abc", "abcd", b"", b"abc", [], [1, "x", [None, b"y"]], Decimal(1),
        Variant(VT.BYREF | VT.I4, 5), Variant(VT.BYREF | VT.VARIANT, "x"), Variant(VT.UNKNOWN, b"MEOW"),
        Variant(VT.RECORD, Record(1, b"MEOW", b"xyz")), Variant(VT.CY, 5), Variant(VT.BYREF | VT.DECIMAL, 5),
    ],
    ids=repr,
)  # fmt: skip
def test_size_of_a_variant_is_that_of_all_of_it_in_units_of_eight(value: Any) -> None:
    stub = b"".join(compiled_type(VARIANT).encode((value,)))
    assert int.from_bytes(stub[8:12], "little") == (len(stub) - 8 + 7) // 8


def test_variant_inside_a_variant_knows_its_size_too() -> None:
    stub = b"".join(compiled_type(VARIANT).encode((Variant(VT.BYREF | VT.VARIANT, "abc"),)))
    assert stub[-42:-38] == (42 + 7 >> 3).to_bytes(4, "little")


@pytest.mark.parametrize("layout", [BSTR, VARIANT, SAFEARRAY], ids=repr)
def test_all_but_the_pointer_is_little_endian_in_any_stream(layout: Any) -> None:
    value = {BSTR: "abc", VARIANT: [1, "x"], SAFEARRAY: ["x", 1.5]}[layout]
    little = b"".join(compiled_type(layout).encode((value,)))
    big = b"".join(compiled_type(layout, Encoding.NDR_BIG).encode((value,)))
    assert (little[:4], big[:4]) == (b"\0\0\2\0", b"\0\2\0\0")
    assert little[4:] == big[4:]


# Both readers

TEXTS = st.text(max_size=5)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(1 << 70), 1 << 70), st.floats(allow_nan=False), TEXTS,
    st.binary(max_size=5),
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1)),
    st.builds(Variant, st.just(VT.CY), st.integers(-1000, 1000)),
    st.builds(Variant, st.just(VT.BYREF | VT.BSTR), st.none() | TEXTS),
    st.builds(Variant, st.just(VT.ERROR), st.integers(0, (1 << 32) - 1)),
    st.builds(Variant, st.just(VT.DISPATCH), st.none() | st.binary(max_size=5)),
    st.builds(SafeArray, st.just(VT.I2), st.lists(st.integers(-5, 5), max_size=3)),
    st.builds(SafeArray, st.just(VT.BSTR), st.lists(st.none() | TEXTS, max_size=3)),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.builds(Variant, st.just(VT.BYREF | VT.VARIANT), inner),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(VALUES, st.sampled_from(list(Encoding)))
def test_both_readers_agree_on_values(value: Any, encoding: Encoding) -> None:
    codec = compiled_type(VARIANT, encoding)
    stub = b"".join(codec.encode((value,)))
    assert VARIANT.build(value, encoding=encoding) == stub
    [found] = codec.decode(stub)
    assert VARIANT.parse(stub, encoding=encoding) == found
    assert b"".join(codec.encode((found,))) == stub


DAMAGED = [
    [1, "abc", None, [2.5, b"xyz"], Decimal("1.5")],
    SafeArray.of([["a", None], ["bc", ""]], VT.BSTR, dimensions=2),
    Variant(VT.BYREF | VT.ARRAY | VT.UI4, SafeArray(VT.UI4, [1, 2, 3])),
    Variant(VT.RECORD, Record(1, b"MEOW", b"xyz")),
    SafeArray(VT.UNKNOWN, [b"MEOW", None]),
]


def outcome(read: Any) -> Any:
    """The value, or that it was refused. NaN is like itself."""
    try:
        return repr(read())
    except NdrError:
        return NdrError


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("value", DAMAGED, ids=repr)
def test_both_readers_agree_on_damaged_octets(value: Any, encoding: Encoding) -> None:
    codec, dice = compiled_type(VARIANT, encoding), random.Random(7)
    whole = b"".join(codec.encode((value,)))
    twins = [whole[:size] for size in range(len(whole))]
    for _ in range(300):
        twin = bytearray(whole)
        twin[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        twins.append(bytes(twin))
    for twin in twins:
        compiled = outcome(lambda twin=twin: codec.decode(twin)[0])
        assert compiled == outcome(lambda twin=twin: VARIANT.parse(twin, encoding=encoding)), twin.hex()


# Bounds


def test_list_that_contains_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(NdrError):
        compiled_type(VARIANT).encode((value,))


def test_many_dimensions_take_no_time() -> None:
    """65,535 dimensions of 4,294,967,295 items."""
    bounds = b"\xff\xff\xff\xff\0\0\0\0" * 0xFFFF
    front = "00000200ffff0000ffff80000400000000000300030000000100000004000200"
    stub = bytes.fromhex(front) + bounds + bytes.fromhex("0100000005000000")
    with pytest.raises(NdrError, match="an array of 65535 dimensions"):
        compiled_type(SAFEARRAY).decode(stub)


def test_references_to_references_are_bounded() -> None:
    deep: Any = 5
    for _ in range(200):
        deep = Variant(VT.BYREF | VT.VARIANT, deep)
    codec = compiled_type(VARIANT)
    [found] = codec.decode(b"".join(codec.encode((deep,))))
    for _ in range(200):
        found = found.value
    assert found == Variant(VT.I4, 5)


def test_layouts_are_those_that_stubs_name() -> None:
    from lrpc.runtime import stub

    assert (stub.BSTR, stub.VARIANT, stub.SAFEARRAY) == (BSTR, VARIANT, SAFEARRAY)
    assert (stub.Variant, stub.SafeArray) == (Variant, SafeArray)
    with pytest.raises(AttributeError, match="has no attribute 'VARIANTS'"):
        _ = stub.VARIANTS
