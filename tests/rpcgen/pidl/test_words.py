"""The words of the dialect agree with the vocabulary."""

from __future__ import annotations

import pytest

from lrpc.rpcgen.pidl import words
from lrpc.rpcgen.semantics.attributes import HONOURED
from lrpc.rpcgen.semantics.shapes import SIZES
from lrpc.runtime import stub


@pytest.mark.parametrize("word", sorted(set(words.SCALARS.values())))
def test_every_scalar_is_a_word_of_the_vocabulary(word: str) -> None:
    owner = stub.samba if word.startswith("samba.") else stub
    assert hasattr(owner, word.removeprefix("samba."))
    assert word in SIZES


def test_type_has_one_kind_of_form() -> None:
    assert not set(words.SCALARS) & words.UNENCODED
    assert not set(words.SCALARS) & words.BY_FLAGS
    assert not words.UNENCODED & words.BY_FLAGS


def test_attribute_without_effect_is_none_that_decides() -> None:
    assert not words.IDLE & set(HONOURED)


@pytest.mark.parametrize("name", ["NDR_BIG_ENDIAN", "LIBNDR_FLAG_BIGENDIAN"])
def test_flag_has_one_name(name: str) -> None:
    assert words.flag_name(name) == "BIGENDIAN"
