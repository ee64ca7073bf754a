"""Every code of the catalogue has a failing example, `bad/<code>.idl`, whose first line says code and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrpc.rpcgen import Compilation, compile_idl
from lrpc.rpcgen.catalogue import CATALOGUE
from lrpc.rpcgen.passes import MAX_WARNINGS
from lrpc.rpcgen.source import MAX_FILE, Unreadable
from lrpc.rpcgen.syntax.words import MAX_WORDS
from lrpc.rpcgen.tools.lint import lint

BAD = Path(__file__).parent / "bad"


def read(path: str) -> str | bytes:
    """The examples, and files that would be too large to keep."""
    name = Path(path).name
    if name == "huge.idl":
        return " " * (MAX_FILE + 1)
    if name == "many.idl":
        return "#if 0\n" + "; " * (MAX_WORDS + 1)  # read, and not parsed
    if name == "unknown.idl":
        return "#frobnicate\n" * (MAX_WARNINGS + 5)
    if name == "header.h":
        return "\ntypedef missing left_out;\n"
    if name == "whole.idl":
        return 'typedef long word;\n#include "W0118.idl"\n'
    if name == "device.idl":
        raise Unreadable("it is not a regular file")
    return (BAD / name).read_bytes()


def compiled(code: str) -> Compilation:
    return compile_idl(f"{code}.idl", reader=read, lister=lambda _: ["whole.idl"])


def test_every_code_has_an_example_and_every_example_a_code() -> None:
    assert {path.stem for path in BAD.glob("*.idl")} == set(CATALOGUE)


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_example_gives_its_code_at_its_line(code: str) -> None:
    first = (BAD / f"{code}.idl").read_text(encoding="utf-8").splitlines()[0]
    _, stated, line = first.split()
    assert stated == code
    compilation = compiled(code)
    advice = lint(compilation.model) if compilation.model is not None else []
    found = [(one.code, one.span.line) for one in (*compilation.diagnostics, *advice)]
    assert (code, int(line)) in found


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_example_says_nothing_of_another_kind(code: str) -> None:
    errors = {one.code for one in compiled(code).errors}
    allowed = {"E0205": {"E0201", "E0205"}, "E0117": {"E0117", "E0301"}}.get(
        code, {code} if code.startswith("E") else set[str]()
    )
    assert errors <= allowed


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_errors_leave_no_model_and_warnings_do(code: str) -> None:
    assert (compiled(code).model is None) == code.startswith("E")


def test_codes_are_unique_and_well_formed() -> None:
    assert all(len(code) == 5 and code[0] in "EW" and code[1:].isdigit() for code in CATALOGUE)
