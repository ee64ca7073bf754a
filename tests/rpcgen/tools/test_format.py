"""The formatter: what it makes of texts, and that it changes nothing that they say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lrpc.rpcgen import IdlError, compile_idl
from lrpc.rpcgen.diagnostics import Source
from lrpc.rpcgen.source import decode
from lrpc.rpcgen.syntax.words import scan
from lrpc.rpcgen.tools import format as module
from lrpc.rpcgen.tools.format import Damaged, formatted
from lrpc.rpcgen.tools.pieces import Kind, pieces

ROOT = Path(__file__).parents[3]
FILES = sorted(
    path
    for folder in ("idl", "tests/rpcgen/good", "tests/rpcgen/bad", "examples")
    for path in (ROOT / folder).rglob("*.idl")
)

# What it makes

LAYOUTS = {
    "interface": (
        "[ uuid(12345778-1234-ABCD-EF00-0123456789AB),version( 1.0 ) ]"
        ' interface  A:B{ import "c.idl" ;\n\n\n\nlong F( ); }',
        """\
[
    uuid(12345778-1234-ABCD-EF00-0123456789AB),
    version(1.0)
]
interface A:B
{
    import "c.idl";

    long F();
}
""",
    ),
    "one attribute": ("[object]\n interface A\n{\n}\n;", "[object]\ninterface A\n{\n};\n"),
    "short operations": (
        "interface A{[idempotent]long F([in]long a);void G(long a,long b);}",
        "interface A\n{\n    [idempotent] long F([in] long a);\n    void G(long a, long b);\n}\n",
    ),
    "parameters with attributes": (
        "long F( handle_t h, [in] long a,\n[out]long *b\n) ;",
        "long F(\n    handle_t h,\n    [in] long a,\n    [out] long *b);\n",
    ),
    "structures": (
        "typedef struct _A\n{ long a ; [size_is(a)]byte *b; }A,*PA;\ntypedef struct {long x;long y;} P;",
        "typedef struct _A {\n    long a;\n    [size_is(a)] byte *b;\n} A, *PA;\n"
        "typedef struct { long x; long y; } P;\n",
    ),
    "enumerations": (
        "typedef enum{A,\nBBB=2,// two\nC=3 , /* three */\n\nDD=4}E;",
        """\
typedef enum {
    A,
    BBB = 2,  // two
    C   = 3,  /* three */

    DD = 4
} E;
""",
    ),
    "unions": (
        "union U switch(long t)u{case 1:case 2:long a;\ndefault:;\ncase 3:\nlong b;};",
        """\
union U switch (long t) u {
    case 1: case 2: long a;
    default: ;
    case 3:
        long b;
};
""",
    ),
    "comments and directives": (
        "  /* a\n     b */\n#if 1 // why\n   #define A \\\n      2\n\n#endif\n"
        "long a;// x\nbyte bbb; /* y */\n\nlong c;  //z\n",
        """\
/* a
   b */
#if 1 // why
#define A \\
      2

#endif
long a;    // x
byte bbb;  /* y */

long c;  //z
""",
    ),
    "comments among words keep lines": (
        "long F(\n[in] long a, // first\n#ifdef X\n  [in]long b,\n#endif\n/* last */ [in] long c\n);",
        """\
long F(
    [in] long a, // first
#ifdef X
    [in] long b,
#endif
    /* last */ [in] long c
);
""",
    ),
    "comments at braces": (
        "struct A // a\n{ // b\nlong c; /* d */ // e\n/* f */ } // g\n;",
        "struct A // a\n{  // b\n    long c;  /* d */ // e\n    /* f */\n} // g\n;\n",
    ),
    "stars of comments": ("struct A {\n\t/*\n\t** x\n\n*\ty\n\t*/ long a;\n};", None),
    "quotes": ('cpp_quote( "a  b" ) cpp_quote("/*")', 'cpp_quote("a  b")\ncpp_quote("/*")\n'),
    "properties": (
        "dispinterface D { properties: long a; methods: long f(); }",
        "dispinterface D\n{\n    properties:\n    long a;\n    methods:\n    long f();\n}\n",
    ),
    "nothing": ("\n\n \t\n", ""),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_text_is_laid_out(name: str) -> None:
    text, expected = LAYOUTS[name]
    made = formatted(text)
    assert expected is None or made == expected
    assert formatted(made) == made


def test_long_attributes_stand_on_lines_of_their_own() -> None:
    text = "[size_is(aaaaaaaaaa), length_is(bbbbbbbbbb)] ccccccccccccccccccc dddddddddddddddd;"
    assert formatted(text, width=60) == (
        "[size_is(aaaaaaaaaa), length_is(bbbbbbbbbb)]\n    ccccccccccccccccccc dddddddddddddddd;\n"
    )
    operation = "[attribute(aaaaaaaaaa), another(bbbbbbbbbb)] ccccccccccccccccccc Operation(long a);"
    assert formatted(operation, width=60) == (
        "[attribute(aaaaaaaaaa), another(bbbbbbbbbb)]\nccccccccccccccccccc Operation(long a);\n"
    )


def test_lines_break_behind_commas_where_there_are() -> None:
    text = "typedef long " + ", ".join(f"NAME_{number:02}" for number in range(12)) + ";"
    lines = formatted(text, width=50).splitlines()
    assert all(len(line) <= 50 for line in lines)
    assert all(line.endswith(",") for line in lines[:-1])
    assert [line[:4] for line in lines[1:]] == ["    "] * (len(lines) - 1)


def test_word_that_is_too_long_stays_whole() -> None:
    name = "a" * 120
    assert formatted(f"typedef long {name};", width=60) == f"typedef long\n    {name};\n"


# Line ends and encodings


def test_line_ends_become_those_of_most_lines() -> None:
    assert formatted("long a;\r\nlong b;\r\nlong c;\n") == "long a;\r\nlong b;\r\nlong c;\r\n"
    assert formatted("long a;\r\nlong b;\nlong c;\n") == "long a;\nlong b;\nlong c;\n"
    assert formatted("/* a\r\n b */\r\n#define A \\\r\n 1\r\n") == "/* a\r\n b */\r\n#define A \\\r\n 1\r\n"


def test_byte_order_mark_stays() -> None:
    assert formatted("\ufefflong  a;") == "\ufefflong a;\n"


def test_letters_of_the_world_stay_in_comments_and_strings() -> None:
    text = '// Größe\u00a0\ncpp_quote("\N{SNOWMAN}")\n'
    assert formatted(text) == text


# What it refuses


@pytest.mark.parametrize(
    ("text", "code"),
    [("/*", "E0106"), ('"', "E0106"), ("(]", "E0201"), ("{", "E0201"), ("[" * 200, "E0108"), ("\u202e", "E0105")],
)
def test_text_without_a_shape_is_refused_with_its_name(text: str, code: str) -> None:
    with pytest.raises(IdlError) as caught:
        formatted(text, name="bad.idl")
    [found] = caught.value.diagnostics
    assert (found.code, found.span.file) == (code, "bad.idl")


def test_text_that_balances_only_in_branches_is_left_as_it_is() -> None:
    text = "#ifdef A\ninterface  A {\r\n#else\n  interface B : C {\n#endif\nlong  x;\n}\n"
    assert formatted(text) == text


def test_result_that_says_something_else_is_never_given(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module._Layout.lines  # pyright: ignore[reportPrivateUsage]
    for damage in ("long b;", "// more", "#define B"):
        monkeypatch.setattr(module._Layout, "lines", lambda self, line=damage: [*real(self), line])
        with pytest.raises(Damaged):
            formatted("long a;")


# That it changes nothing


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
@pytest.mark.parametrize("width", [40, 100])
def test_files_keep_their_meaning_and_stay_formatted(path: Path, width: int) -> None:
    text = decode(path.read_bytes())
    try:
        made = formatted(text, width=width)
    except IdlError:
        assert path.stem in ("E0105", "E0106", "E0108")
        return
    assert formatted(made, width=width) == made
    assert facts(made) == facts(text)
    assert all(line == line.rstrip() for line in made.splitlines())


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name != "bad"], ids=lambda path: path.name)
def test_model_of_a_formatted_file_is_the_same(path: Path) -> None:
    def read(name: str) -> str:
        return formatted(decode(Path(name).read_bytes()))

    plain, made = compile_idl(str(path)), compile_idl(str(path), reader=read)
    assert plain.model is not None
    assert made.model is not None
    assert placeless(made.model.model_dump()) == placeless(plain.model.model_dump())


@pytest.mark.parametrize("path", [path for path in FILES if path.parent.name != "bad"], ids=lambda path: path.name)
def test_lines_of_the_author_do_not_matter_where_nothing_keeps_them(path: Path) -> None:
    """Blanks and line ends between words come and go; the result has the same words and is stable."""
    text, dice = decode(path.read_bytes()), random.Random(path.name)
    shaken = ""
    for piece in pieces(Source("a.idl", text.replace("\r\n", "\n"))):
        gap = "\n" * piece.lines if piece.lines else " " if piece.spaced else ""
        if gap and piece.kind is Kind.WORD and not shaken.endswith("\n") and "//" not in shaken.rpartition("\n")[2]:
            gap = dice.choice([" ", "\n", "  \t", "\n\n\n"]) if shaken.rpartition("\n")[2][:1] != "#" else "\n"
        shaken += gap + piece.text
    made = formatted(shaken)
    assert formatted(made) == made
    assert facts(made) == facts(text)


def placeless(data: Any) -> Any:
    """A model without where it was written."""
    if isinstance(data, dict):
        return {key: placeless(value) for key, value in data.items() if key != "span"}
    return [placeless(value) for value in data] if isinstance(data, list | tuple) else data


def facts(text: str) -> tuple[list[object], list[str]]:
    source = Source("a.idl", text.removeprefix("\ufeff").replace("\r\n", "\n"))
    return [piece.facts for piece in pieces(source)], [word.text for word in scan(source) if word is not None]


PARTS = st.sampled_from(
    [
        *("typedef", "struct", "enum", "union", "interface", "switch", "case", "default", "const", "long", "cpp_quote"),
        *("A", "b", "1", "1.5", "0x1F", '"s  t"', 'L"/*"', "'\"'", "12345778-1234-ABCD-EF00-0123456789AB"),
        *("(", ")", "[", "]", "{", "}", ";", ",", ":", "=", "*", "-", "&", "<<", "..", "?", "/"),
        *("/* c */", "/* d\n e */", "// l\n", "\n#define X 1 \\\n 2\n", "\n#if 1\n", "\n#endif\n", "\\\n"),
        *(" ", " ", " ", "\n", "\n\n\n", "\t", "\r\n", "/**/", "// \\\n", "\n# \n"),
    ]
)


@given(st.lists(PARTS, max_size=40).map("".join), st.sampled_from([40, 100]))
@example("/**//**/{/**/}/**/", 100)
@example("a/**/;/**/b", 100)
@example("{a}// l\n{b}\n#if 1\n#endif\n;", 100)
@example("enum{A/**/,B// l\n=1,\n#if 1\nC\n#endif\n}", 40)
@example("interface A{}/* c */;;", 40)
def test_any_text_is_refused_or_formatted_for_good(text: str, width: int) -> None:
    try:
        made = formatted(text, width=width)
    except IdlError:
        return
    assert formatted(made, width=width) == made
    if made != text:
        assert facts(made) == facts(text)


@given(st.text(max_size=40))
def test_any_characters_are_refused_or_formatted_for_good(text: str) -> None:
    try:
        made = formatted(text)
    except IdlError:
        return
    assert formatted(made) == made


@pytest.mark.parametrize("text", ["a/*\n*/", "a/*\n b */"])
def test_comments_do_not_push_one_another_ever_further(text: str) -> None:
    made = formatted(text * 500)
    assert formatted(made) == made
    assert max(map(len, made.splitlines())) < 300
