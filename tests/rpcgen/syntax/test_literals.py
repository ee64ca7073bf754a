"""Literals: the values of C, and what is none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lrpc.rpcgen.diagnostics import Problem, Source, Span
from lrpc.rpcgen.syntax.literals import MAX_DIGITS, character, integer, string

AT = Span(Source("a.idl", "text"), 0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("017", 15),
        ("0x1f", 31),
        ("0X1FuL", 31),
        ("12ul", 12),
        ("5i64", 5),
        ("5ui64", 5),
        ("18446744073709551615", (1 << 64) - 1),
        ("0" * (MAX_DIGITS - 1) + "7", 7),
    ],
)
def test_integer_has_its_value(text: str, value: int) -> None:
    assert integer(text, AT) == value


@pytest.mark.parametrize("text", ["18446744073709551616", "0x10000000000000000", "9" * 200, "0" * (MAX_DIGITS + 1)])
def test_integer_beyond_64_bits_is_an_overflow(text: str) -> None:
    with pytest.raises(Problem) as caught:
        integer(text, AT)
    assert (caught.value.diagnostic.code, caught.value.diagnostic.span) == ("E0305", AT)


@pytest.mark.parametrize("text", ["08", "0x", "0xg", "1_000", "0x_1F", "0o17", "0b1", "12z", "5i32", "5i64u"])
def test_what_only_looks_like_an_integer_is_refused(text: str) -> None:
    with pytest.raises(Problem) as caught:
        integer(text, AT)
    assert (caught.value.diagnostic.code, str(caught.value)) == ("E0206", f"{text} is no number")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\n\t\r\a\b\f\v"', "a\n\t\r\a\b\f\v"),
        (r'"\0\12\1234"', "\0\nS4"),
        (r'"\x41\x1F600"', "A\N{GRINNING FACE}"),
        (r'"\"\\\q\x"', '"\\qx'),
        (r'L"a"', "a"),
        ('""', ""),
        ('"LL"', "LL"),
    ],
)
def test_string_is_decoded_as_in_c(text: str, value: str) -> None:
    assert string(text, AT) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [("'a'", 97), ("L'a'", 97), (r"'\''", 39), (r"'\0'", 0), (r"'\xFF'", 255), ("'\u2603'", 0x2603)],
)
def test_character_is_its_code(text: str, code: int) -> None:
    assert character(text, AT) == code


@pytest.mark.parametrize(
    ("read", "text"), [(character, "'ab'"), (character, "''"), (character, r"'\x110000'"), (string, r'"\xFFFFFFFF"')]
)
def test_what_is_no_character_is_refused(read: Callable[[str, Span], object], text: str) -> None:
    with pytest.raises(Problem) as caught:
        read(text, AT)
    assert caught.value.diagnostic.code == "E0206"
