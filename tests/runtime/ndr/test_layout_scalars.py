"""Encodings and primitive types: sizes, codes, and values with names."""

from __future__ import annotations

import enum
import struct

import pytest

from lrpc.runtime.ndr import layout as words
from lrpc.runtime.ndr.layout import (
    AUTO,
    BitSet,
    Encoding,
    Enum,
    ErrorStatus,
    Field,
    Long,
    ULong,
)


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


class Access(enum.IntFlag):
    READ = 1
    WRITE = 2


SCALARS = [word for word in vars(words).values() if isinstance(word, words.Scalar)]


def test_encodings_know_order_and_word():
    assert [(e.order, e.wide, e.word) for e in Encoding] == [("<", False, 4), (">", False, 4), ("<", True, 8)]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_size_of_a_scalar_is_that_of_its_code(scalar, encoding):
    assert scalar.size(encoding) == struct.calcsize(encoding.order + scalar.code(encoding))


def test_enumerations_widen_in_ndr64_only_unless_v1():
    assert [Enum(Color).size(e) for e in Encoding] == [2, 2, 4]
    assert [Enum(Color, v1=True).size(e) for e in Encoding] == [4, 4, 4]
    assert Enum(Color).by_value == {1: Color.RED, 2: Color.BLUE}


def test_slash_makes_a_field():
    field = "a" / Long
    assert isinstance(field, Field)
    assert (field.name, field.layout) == ("a", Long)
    assert repr(field) == "'a' / long"


def test_status_knows_its_family():
    assert (ErrorStatus.family, repr(ErrorStatus)) == ("win32", "error_status_t")


def test_flags_make_one_encoding_each_and_none_the_encoding_itself(encoding):
    assert encoding.under() is encoding
    assert encoding.under(pad=4, reverse=True) is encoding.under(reverse=True).under(pad=4)
    assert encoding.under(pad=4).under(pad=1) is encoding


def test_byte_order_ends_ndr64_and_flags_keep_it():
    assert Encoding.NDR64.under(order="<") is Encoding.NDR
    assert Encoding.NDR64.under(order=">") is Encoding.NDR_BIG
    flagged = Encoding.NDR64.under(pad=0)
    assert (flagged.wide, flagged.word, flagged.packed) == (True, 8, True)
    assert flagged not in list(Encoding)


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_enumeration_of_given_bits_has_them_everywhere(bits, encoding):
    layout = Enum(Color, bits=bits)
    assert layout.size(encoding) == bits // 8 == struct.calcsize(encoding.order + layout.code(encoding))


@pytest.mark.parametrize("scalar", [one for one in SCALARS if one.code(Encoding.NDR) not in "?fd"], ids=repr)
def test_count_that_is_left_out_fits_no_integer(scalar, encoding):
    with pytest.raises(struct.error):
        struct.pack(encoding.order + scalar.code(encoding), AUTO)


def test_values_of_a_bit_set_are_bounded_in_number_and_equal_all_the_same():
    layout = BitSet(Access, ULong)
    values = [layout.member(value) for value in range(BitSet.KEPT + 10)]
    assert values == list(range(BitSet.KEPT + 10))
    assert len(layout.by_value) == BitSet.KEPT
    assert len(Access._value2member_map_) <= BitSet.KEPT + 2
    assert all(isinstance(value, Access) for value in values)
    assert Access.WRITE in layout.member(BitSet.KEPT + 2)


def test_negative_value_of_a_bit_set_is_an_int():
    assert type(BitSet(Access, Long).member(-1)) is int
