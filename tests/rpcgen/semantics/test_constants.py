"""Constants: values of every kind, and the types that they are declared with."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from tests.rpcgen.texts import compiled, made


def value(declaration: str) -> object:
    types = "typedef unsigned short WORD; typedef enum { ONE = 1, TWO, } E; struct s { byte a; hyper b; short c; };"
    found = made(f"{types} {declaration};")
    (constant,) = [one for one in found.constants if one.name == "K"]
    return constant.value


@pytest.mark.parametrize(
    ("declaration", "expected"),
    [
        ("const long K = 1 + 2 * 3", 7),
        ("const long K = (1 + 2) * 3", 9),
        ("const long K = -7 / 2", -3),
        ("const long K = -7 % 3", -1),
        ("const long K = 1 << 4 | 3 & ~1 ^ 8", 26),
        ("const long K = 7 >> 1", 3),
        ("const long K = !0 && 2 > 1 || 0", 1),
        ("const long K = 1 == 1 ? 2 : 3", 2),
        ("const long K = 5 >= 5", 1),
        ("const long K = 0x10 + 010", 24),
        ("const long K = 'a'", 97),
        ("const wchar_t K = L'a'", 97),
        ("const long K = TWO + ONE", 3),
        ("const E K = TWO", 2),
        ("const long K = 0xFFFFFFFF", -1),
        ("const unsigned long K = -1", 0xFFFF_FFFF),
        ("const unsigned short K = 0x12345", 0x2345),
        ("const hyper K = -1", -1),
        ("const unsigned hyper K = -1", (1 << 64) - 1),
        ("const boolean K = TRUE", True),
        ("const boolean K = 3", True),
        ("const double K = 1.5", 1.5),
        ("const double K = 2", 2.0),
        ("const double K = -1.5e3 * 2", -3000.0),
        ("const double K = 1.0 / 4", 0.25),
        ("const float K = 1.5f", 1.5),
        ("const long K = 1.9", 1),
        ('const char *K = "a" "b"', "ab"),
        ('const wchar_t *K = L"a\\n"', "a\n"),
        ("const void *K = NULL", None),
        ("const void *K = 0", 0),
        ("const long K[] = { 1, 2, ONE }", (1, 2, 1)),
        ('const char *K[] = { "a", NULL }', ("a", None)),
        ("const long K = sizeof(struct s)", 24),
        ("const long K = sizeof(long *)", 8),
        ("const long K = sizeof(E)", 4),
        ("const long K = (byte)0x1FF", 255),
        ("const long K = (short)0xFFFF", -1),
        ("const long K = (long)1.5", 1),
        ("const long K = (boolean)7", 1),
        ("const unsigned long K = ((WORD)-1)", 0xFFFF),
        ("const unsigned long K = (WORD)-1 & 0xF", 15),
    ],
)
def test_constant_is(declaration: str, expected: object) -> None:
    found = value(declaration)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("declaration", "code"),
    [
        ('const long K = "a"', "E0307"),
        ("const char *K = 1.5", "E0307"),
        ("const long K = { 1 }", "E0307"),
        ("const long *K = { 1 }", "E0307"),
        ("const long K[] = 1", "E0307"),
        ("const long K = M", "E0302"),
        ("const long K = 1 / 0", "E0306"),
        ("const double K = 1.0 / 0.0", "E0306"),
        ("const long K = 1.5 % 2", "E0304"),
        ("const long K = ~1.5", "E0304"),
        ("const long K = NULL + 1", "E0304"),
        ("const unsigned hyper K = 1 << 63 << 2", "E0305"),
        ("const double K = 1e999", "E0305"),
        ("const long K = &ONE", "E0304"),
        ("const long K = sizeof(void)", "E0901"),
        ("const long K = sizeof(struct t)", "E0901"),
    ],
)
def test_constant_is_refused(declaration: str, code: str) -> None:
    found = compiled(f"enum {{ ONE = 1 }}; {declaration};")
    assert [one.code for one in found.errors] == [code]


def test_constant_of_a_structure_or_a_guid_is_left_out_with_a_warning() -> None:
    found = compiled("typedef struct { long a; } S; const S K = 1; const long L = 2;")
    assert [one.code for one in found.diagnostics] == ["W0311"]
    assert found.model is not None
    assert [one.name for one in found.model.constants] == ["L"]


def test_the_same_constant_twice_is_silent_and_another_value_is_not() -> None:
    assert compiled("const long K = 1; const long K = 1;").diagnostics == ()
    found = compiled("const long K = 1;\nconst long K = 2;")
    assert [(one.code, one.span.line) for one in found.errors] == [("E0303", 2)]
    assert [note.span and note.span.line for note in found.errors[0].notes] == [1]


def test_constants_are_part_of_the_json_of_the_model() -> None:
    found = made("const long K[] = { 1, 2 };")
    again = model.Model.model_validate_json(found.model_dump_json())
    assert again.constants[0].value == (1, 2)


@pytest.mark.parametrize("text", ["const byte a = 300;", "const long a = 1.5;", "const short a = -40000;"])
def test_constant_that_is_cut_off_is_a_warning(text: str) -> None:
    assert [one.code for one in compiled(text).diagnostics] == ["W0314"]


@pytest.mark.parametrize(
    "text",
    [
        "const unsigned long a = -1;",
        "const long a = 0xFFFFFFFF;",
        "const float a = 2;",
        "const long a = 0xFFFFFFFFFFFFFFFF;",
    ],
)
def test_constant_that_c_programs_write_so_is_none(text: str) -> None:
    assert compiled(text).diagnostics == ()
