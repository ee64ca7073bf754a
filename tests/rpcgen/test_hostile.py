"""Hostile text: an ordinary diagnostic, little memory, and nothing of it in a stub."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import lrpc
from lrpc.rpcgen import compile_idl, generate
from lrpc.rpcgen.syntax.words import MAX_WORDS
from tests.rpcgen.texts import compiled

ONE = 1_000_000
CASES: Mapping[str, tuple[str, str]] = {
    "parentheses": ("const long a = " + "(" * ONE + "1" + ")" * ONE + ";", "E0107"),
    "nested parentheses within the words": ("const long a = " + "(" * 9000 + "1" + ")" * 9000 + ";", "E0108"),
    "minus signs": ("const long a = " + "-" * 9000 + "1;", "E0203"),
    "additions": ("const long a = " + "1+" * 9000 + "1;", "E0203"),
    "conditionals": ("const long a = " + "1?" * 9000 + "1" + ":1" * 9000 + ";", "E0203"),
    "stars": ("typedef long " + "*" * 9000 + "a;", "E0204"),
    "dimensions": ("typedef long a" + "[1]" * 9000 + ";", "E0204"),
    "typedef chain": ("typedef long a0;" + "".join(f"typedef a{i - 1} *a{i};" for i in range(1, 900)), "E0204"),
    "structure chain": (
        "struct s0 { long a; };" + "".join(f"struct s{i} {{ struct s{i - 1} a; }};" for i in range(1, 900)),
        "E0519",
    ),
    "open braces": ("struct {" * 9000, "E0108"),
    "shift bomb": ("const hyper a = 1 << 1000000000;", "E0305"),
    "product bomb": ("const hyper a = 0x7fffffffffffffff * 0x7fffffffffffffff;", "E0305"),
    "long number": ("const hyper a = " + "9" * ONE + ";", "E0310"),
    "long name": ("typedef long " + "a" * ONE + ";", "E0310"),
    "long string": ('cpp_quote("' + "a" * ONE + '")', "E0310"),
    "open comments": ("/*" * ONE, "E0106"),
    "macro bomb": (
        "#define A0 1 + 1\n"
        + "".join(f"#define A{i} A{i - 1} + A{i - 1}\n" for i in range(1, 60))
        + "const long a = A59;",
        "E0113",
    ),
    "macro chain": ("".join(f"#define A{i} A{i + 1}\n" for i in range(9000)) + "const long a = A0;", "E0113"),
    "macro calls in macro calls": (
        "#define f(x) x x\nconst long a = " + "f(" * 100 + "1" + ")" * 100 + ";",
        "E0113",
    ),
    "strings of strings": (
        "#define s(x) #x\n#define f(x) s(x)\ncpp_quote(" + "f(" * 35 + '"a"' + ")" * 35 + ")",
        "E0113",
    ),
    "conditionals that stay open": ("#if 1\n" * 9000, "E0108"),
    "bidirectional text": ("typedef long /* \u202e */ a;", "E0105"),
    "control character": ("typedef long \x00a;", "E0105"),
    "homoglyph": ("typedef long \u0430;", "E0105"),
    "dunder": ("typedef struct { long __class__; } s;", "E0309"),
    "macro with a million words": ("#define A " + "1 " * ONE, "E0107"),
    "words without end": ("; " * (MAX_WORDS + 1), "E0107"),
    "missing semicolons": ("typedef long a " * 9000, "E0201"),
    "lists without end": ("void f([in, [in, [in, " * 9000, "E0201"),
    "attributes without end": ("[" + "a(b" * 9000, "E0108"),
    "camlidl without end": ("{|" * ONE, "E0106"),
    "quotes without end": ("quote(C, " * 9000, "E0108"),
    "line of a macro call without end": ("#define f(a) a\nconst long a = f(" + "1, " * 9000, "E0106"),
    "lines that are continued without end": ("\\\n" * ONE + "typedef missing a;", "E0301"),
    "include of itself": ('#include "a.idl"', "E0114"),
}


MEASURE = """
import json, os, resource, sys
from lrpc.rpcgen import compile_idl
compile_idl("a.idl", reader={"a.idl": "typedef long a;"}.__getitem__)
for name, text in json.load(open(sys.argv[1])).items():
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_CPU, (20, 20))
        compile_idl("a.idl", reader={"a.idl": text}.__getitem__)
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    print(json.dumps([name, usage.ru_maxrss << 10 if status == 0 else 1 << 62]))
"""


@pytest.mark.parametrize("name", CASES)
def test_hostile_text_is_an_ordinary_diagnostic(name: str) -> None:
    text, code = CASES[name]
    found = compiled(text)
    assert code in {one.code for one in found.errors}
    assert all(len(line) < 400 for one in found.errors for line in str(one).splitlines())


@pytest.fixture(scope="module")
def resident(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, int]:
    """The octets of memory that a process takes for each text, the compiler among them. None may take 20 seconds."""
    texts = tmp_path_factory.mktemp("hostile") / "texts.json"
    texts.write_text(json.dumps({name: text for name, (text, _) in CASES.items()}))
    environment = os.environ | {"PYTHONPATH": str(Path(lrpc.__file__).absolute().parents[1])}
    command = [sys.executable, "-c", MEASURE, str(texts)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return dict(map(json.loads, done.stdout.splitlines()))


@pytest.mark.parametrize("name", CASES)
def test_hostile_text_takes_little_memory(name: str, resident: Mapping[str, int]) -> None:
    assert resident[name] < 200 << 20


def test_imports_in_a_circle_are_read_once() -> None:
    found = compiled('import "b.idl"; typedef struct { b x; } a;', b='import "a.idl"; typedef long b;')
    assert found.errors == ()


def test_devices_and_folders_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "folder.idl").mkdir()
    (tmp_path / "zero.idl").symlink_to("/dev/zero")
    for name in ("folder.idl", "zero.idl"):
        assert [one.code for one in compile_idl(str(tmp_path / name)).errors] == ["E0102"]


def test_imports_cannot_leave_their_folder(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "secret.idl").write_text("typedef long secret;")
    main = tmp_path / "inner" / "a.idl"
    main.write_text('import "../secret.idl";')
    assert [one.code for one in compile_idl(str(main)).errors] == ["E0104"]
    assert compile_idl(str(main), search=[str(tmp_path)]).errors == ()


def test_no_text_reaches_a_stub_but_names_and_literals() -> None:
    text = '// evil()\ncpp_quote("evil()")\n#pragma evil()\n/* evil() */ const char *A = "evil()\\nevil()";'
    model = compiled(text).model
    assert model is not None
    stub = generate(model, source="a.idl", command="lrpc gen a.idl")
    calls = [node.func for node in ast.walk(ast.parse(stub)) if isinstance(node, ast.Call)]
    assert "evil" not in {call.id for call in calls if isinstance(call, ast.Name)}
    assert 'A: Final = "evil()\\nevil()"' in stub.splitlines()
