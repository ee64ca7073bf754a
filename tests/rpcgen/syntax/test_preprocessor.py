"""The preprocessor: what it does to text, and that places survive it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lrpc.rpcgen import Compilation, compile_idl
from lrpc.rpcgen.source import STOCK


def compiled(text: str, others: Mapping[str, str] | None = None, **defines: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": text, **(others or {})}.__getitem__, defines=defines)


def constant(text: str, **defines: str) -> object:
    found = compiled(text, **defines)
    assert found.model is not None, found.diagnostics
    return found.model.constants[-1].value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("#define A 3\nconst long x = A;", 3),
        ("#define A B\n#define B 4\nconst long x = A;", 4),
        ("#define F(a, b) ((a) * (b))\nconst long x = F(2 + 1, 4);", 12),
        ("#define F(a) a\nconst long x = F(\n 5\n);", 5),
        ("#define F() 6\nconst long x = F();", 6),
        ("#define J(a, b) a##b\nconst long x = J(1, 2);", 12),
        ('#define S(a) #a\nconst char *x = S(one "two");', 'one "two"'),
        ("#define A A + 1\nconst long A = 1;\n#undef A\nconst long x = 7;", None),
        ("#define A 1\n#undef A\n#ifdef A\n#error\n#endif\nconst long x = 8;", 8),
        ("#if 1 + 1 == 2 && !defined(B)\nconst long x = 9;\n#else\n#error\n#endif", 9),
        ("#if 0\n#error\n#elif defined __midl\nconst long x = 10;\n#else\n#error\n#endif", 10),
        ("#ifndef A\n#if 0\n#else\nconst long x = 11;\n#endif\n#endif", 11),
        ("#if 0\n'this isn't text\n#endif\nconst long x = 12;", 12),
        ("const long x = 1 /* two\nlines */ + 12; // end", 13),
        ("#define A \\\n 14\nconst long x = A;", 14),
        ("#pragma once\n#\nconst long x = 15;", 15),
    ],
)
def test_directive_has_its_effect(text: str, value: object) -> None:
    if value is None:
        assert compiled(text).errors
    else:
        assert constant(text) == value


def test_definitions_from_outside_are_macros() -> None:
    assert constant("const long x = LIMIT;", LIMIT="1 + 1") == 2


def test_place_of_a_mistake_in_an_include_is_in_the_included_file() -> None:
    found = compiled('typedef long a;\n#include "b.idl"\n', {"b.idl": "\n\n  typedef missing b;"})
    (error,) = found.errors
    assert (error.span.file, error.span.line, error.span.column) == ("b.idl", 3, 11)


def test_place_after_an_include_is_in_the_including_file_again() -> None:
    found = compiled('#include "b.h"\ntypedef missing b;', {"b.h": "\n\ntypedef long c;"})
    (error,) = found.errors
    assert (error.span.file, error.span.line) == ("a.idl", 2)


def test_line_directive_moves_places() -> None:
    (error,) = compiled('#line 100 "other.x"\n\ntypedef missing b;').errors
    assert (error.span.file, error.span.line) == ("other.x", 101)


def test_place_of_a_mistake_out_of_a_macro_is_the_macro() -> None:
    (error,) = compiled("#define T missing\n  typedef T b;").errors
    assert (error.span.line, error.span.column, error.span.length) == (2, 11, 1)


def test_macros_of_an_imported_file_stay_there() -> None:
    files = {"b.idl": "#define A 1\nconst long b = A;"}
    assert [one.code for one in compiled('import "b.idl"; const long c = A;', files).errors] == ["E0302"]


def test_utf16_and_latin1_files_are_read() -> None:
    text = "// \xe9\ntypedef long a;"
    for octets in (text.encode("utf-16"), text.encode("latin-1"), text.encode("utf-8-sig")):
        assert compile_idl("a.idl", reader={"a.idl": octets}.__getitem__).errors == ()


def test_search_path_is_searched_in_order() -> None:
    files = {"a.idl": 'import "b.idl"; typedef b c;', "two/b.idl": "typedef long b;", "one/b.idl": "typedef short b;"}
    found = compile_idl("a.idl", reader=files.__getitem__, search=["one", "two"])
    assert found.model is not None
    assert [alias.type.model_dump()["word"] for alias in found.model.aliases] == ["Short"]


@pytest.mark.parametrize("name", sorted(STOCK))
def test_stock_file_stands_in_for_a_name_that_is_nowhere(name: str) -> None:
    assert compiled(f'import "{name}"; typedef long d;').diagnostics == ()


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("ms-lsad", "LSAPR_PRIVILEGE_SET"), ("ms-lsat", "LSAP_LOOKUP_LEVEL"), ("ms-rrp", "RVALENT"),
        ("ms-samr", "SAMPR_RID_ENUMERATION"), ("ms-scmr", "SERVICE_STATUS"), ("ms-srvs", "SHARE_INFO_1"),
        ("ms-wkst", "WKSTA_INFO_100"), ("samr", "SAMPR_RID_ENUMERATION"), ("lsarpc", "LSA_UNICODE_STRING"),
    ],
)  # fmt: skip
def test_interfaces_of_windows_give_their_types_to_whoever_imports_them(name: str, type_: str) -> None:
    assert compiled(f'import "{name}.idl"; typedef struct {{ {type_} *it; }} holder;').errors == ()


def test_every_stock_name_stands_for_a_file() -> None:
    idl = Path(__file__).parents[3] / "idl"
    assert [name for name, file in STOCK.items() if not (idl / file).is_file()] == []


@pytest.mark.parametrize("name", ["dtyp", "ms-dtyp", "wtypes", "unknwn", "oaidl", "objidl", "ocidl", "ms-oaut"])
def test_stock_file_of_windows_has_the_types_of_the_specification(name: str) -> None:
    assert compiled(f'import "{name}.idl"; typedef DWORD d;').diagnostics == ()


def test_backslash_at_the_end_of_a_line_comment_goes_on_in_the_next_line() -> None:
    text = "// a \\\ntypedef missing a;\n// b \\\r\ntypedef missing b;\n// c\\d\ntypedef long c;"
    found = compile_idl("a.idl", reader={"a.idl": text}.__getitem__)
    assert found.diagnostics == ()
