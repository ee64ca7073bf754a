"""The verbs that read IDL: good and bad input, what goes to which stream, and the exit status."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

import lrpc
from lrpc import cli

IDL = """\
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e31), version(1.0)]
interface Calculator
{
    typedef struct { long a; double b; } Record;

    long Add([in] long a, [in] long b);
}
"""
BAD = "interface Broken { long }\n"
PACKAGE = str(Path(lrpc.__file__).absolute().parents[1])


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with the files, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("calc.idl").write_text(IDL)
    Path("bad.idl").write_text(BAD)
    level = logging.getLogger("lrpc.rpcgen").level
    yield tmp_path
    logging.getLogger("lrpc.rpcgen").setLevel(level)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["lrpc", *arguments])
        monkeypatch.setattr(sys, "stdin", StringIO(stdin))
        try:
            cli.main()
            status: object = 0
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        assert isinstance(status, int)
        assert "Traceback" not in captured.err
        return Ran(status, captured.out, captured.err)

    return run


# gen, check


def test_gen_writes_the_stub_beside_the_idl(run: Run) -> None:
    assert run("gen", "calc.idl") == Ran(0, "calc.py\n", "")
    assert "class CalculatorClient(rpc.Client, Calculator):" in Path("calc.py").read_text()


def test_gen_writes_into_a_folder(run: Run) -> None:
    assert run("gen", "calc.idl", "-o", "stubs") == Ran(0, "stubs/calc.py\n", "")
    assert Path("stubs/calc.py").is_file()


def test_gen_takes_macros_and_folders_for_imports(run: Run) -> None:
    Path("inc").mkdir()
    Path("inc/size.idl").write_text("typedef struct { long x[SIZE]; } Row;\n")
    Path("main.idl").write_text('import "size.idl";\ntypedef struct { Row row; } Table;\n')
    assert run("gen", "main.idl").status == 1
    assert run("gen", "main.idl", "-I", "inc", "-D", "SIZE=4").status == 0
    header = Path("main.py").read_text().partition("\n")[0]
    assert header.endswith("run: lrpc gen main.idl -I inc -D SIZE=4")


def test_gen_check_fails_until_the_stub_is_up_to_date(run: Run) -> None:
    missing = run("gen", "--check", "calc.idl")
    assert (missing.status, missing.out) == (1, "")
    assert missing.err == "lrpc: calc.py is not what calc.idl says; run: lrpc gen calc.idl\n"
    assert not Path("calc.py").exists()
    run("gen", "calc.idl")
    assert run("gen", "--check", "calc.idl") == Ran(0, "", "")
    Path("calc.idl").write_text(IDL.replace("long a", "short a"))
    assert run("gen", "--check", "calc.idl").status == 1


def test_gen_of_bad_idl_writes_nothing_and_writes_the_others(run: Run) -> None:
    result = run("gen", "bad.idl", "calc.idl")
    assert (result.status, result.out) == (1, "calc.py\n")
    assert result.err.startswith("bad.idl:1:25: error E")
    assert not Path("bad.py").exists()


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["calc.idl", "sub/calc.idl", "-o", "x"], 2, "same stub"),
        (["calc.idl", "-D", "1x"], 2, "NAME=VALUE"),
        (["missing.idl"], 1, "cannot find missing.idl"),
        (["calc.idl", "-o", "calc.idl/x"], 1, "Not a directory"),
    ],
)
def test_gen_says_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    result = run("gen", *arguments)
    assert result.status == status
    assert reason in result.err


def test_check_only_counts_for_good_idl(run: Run) -> None:
    assert run("check", "calc.idl") == Ran(0, "", "lrpc: 1 file: 0 errors, 0 warnings\n")


def test_check_prints_diagnostics_of_all_files(run: Run) -> None:
    result = run("check", "bad.idl", "calc.idl", "missing.idl")
    assert (result.status, result.err) == (1, "lrpc: 3 files: 2 errors, 0 warnings\n")
    assert "bad.idl:1:25: error" in result.out
    assert "cannot find missing.idl" in result.out


def test_check_only_warns_of_what_is_no_error(run: Run) -> None:
    Path("loose.idl").write_text("void Loose([in] long a);\n")
    result = run("check", "loose.idl")
    assert (result.status, result.err) == (0, "lrpc: 1 file: 0 errors, 1 warning\n")
    assert "warning W" in result.out


def test_check_prints_json(run: Run) -> None:
    result = run("check", "--format", "json", "bad.idl")
    [found] = json.loads(result.out)
    assert result.status == 1
    assert (found["file"], found["line"], found["column"], found["severity"]) == ("bad.idl", 1, 25, "error")
    assert set(found) >= {"file", "line", "column", "length", "severity", "code", "message", "notes"}
    assert run("check", "--format", "json", "calc.idl").out == "[]\n"


def test_check_searches_folders(run: Run) -> None:
    Path("deep/er").mkdir(parents=True)
    Path("deep/er/bad.idl").write_text(BAD)
    Path("deep/good.idl").write_text(IDL)
    result = run("check", "deep")
    assert result.err == "lrpc: 2 files: 1 error, 0 warnings\n"
    assert "deep/er/bad.idl:1:25: error" in result.out


def test_folder_without_idl_is_status_2(run: Run) -> None:
    Path("empty").mkdir()
    assert run("check", "empty").status == 2


# The cache


def test_second_check_says_the_same_without_the_compiler(run: Run) -> None:
    Path("loose.idl").write_text("void Loose([in] long a);\n")
    first = run("check", "loose.idl", "calc.idl")
    program = (
        "import sys; sys.argv = ['lrpc', 'check', 'loose.idl', 'calc.idl']\n"
        "from lrpc import cli\n"
        "try: cli.main()\n"
        "finally: print([name for name in ('lark', 'lrpc.rpcgen.model', 'lrpc.rpcgen.passes') if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": PACKAGE}
    again = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == (first.out + "[]\n", first.err)


def test_no_cache_leaves_none(run: Run) -> None:
    assert run("gen", "--no-cache", "calc.idl").status == 0
    assert run("check", "--no-cache", "calc.idl").status == 0
    assert not Path("cache").exists()
    run("gen", "calc.idl")
    assert len(list(Path("cache/lrpc").iterdir())) == 1


# model


def test_model_is_json_that_is_a_model_again(run: Run) -> None:
    from lrpc.rpcgen.model import Model

    first = run("model", "calc.idl", "--json")
    found = Model.model_validate_json(first.out)
    assert [interface.name for interface in found.interfaces] == ["Calculator"]
    assert run("model", "calc.idl") == first
    assert run("model", "calc.idl", "--no-cache") == first


def test_model_has_a_schema(run: Run) -> None:
    schema = json.loads(run("model", "--schema").out)
    assert {"interfaces", "definitions", "constants"} <= set(schema["properties"])


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["bad.idl"], 1, "bad.idl:1:25: error"),
        ([], 2, "--schema"),
        (["calc.idl", "--schema"], 2, "--schema"),
        (["missing.idl"], 1, "cannot find missing.idl"),
    ],
)
def test_model_says_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    result = run("model", *arguments)
    assert (result.status, result.out) == (status, "")
    assert reason in result.err


# lint, diff, doc, header


def test_lint_reports_and_is_status_0_for_advice(run: Run) -> None:
    result = run("lint", "calc.idl")
    assert result.status == 0
    assert result.err.startswith("lrpc: 1 file: 0 errors, ")


def test_lint_of_bad_idl_says_so_beside_the_others(run: Run) -> None:
    result = run("lint", "bad.idl", "calc.idl", "--format", "json")
    assert result.status == 1
    assert "error" in {one["severity"] for one in json.loads(result.out)}


def test_diff_of_the_same_is_nothing(run: Run) -> None:
    assert run("diff", "calc.idl", "calc.idl") == Ran(0, "", "")


@pytest.mark.parametrize(
    ("change", "kind", "status"),
    [
        (("[in] long a", "[in] short a"), "wire", 10),
        (("Record", "Entry"), "source", 11),
    ],
)
def test_diff_says_what_breaks_in_its_status(run: Run, change: tuple[str, str], kind: str, status: int) -> None:
    Path("new.idl").write_text(IDL.replace(*change))
    Path("old.json").write_text(run("model", "calc.idl").out)
    for old in ("calc.idl", "old.json"):
        result = run("diff", old, "new.idl")
        assert (result.status, result.err) == (status, "")
        assert any(line.startswith(f"{kind}: ") for line in result.out.splitlines())
    found = json.loads(run("diff", "calc.idl", "new.idl", "--format", "json").out)
    assert kind in {one["kind"] for one in found}


@pytest.mark.parametrize(
    ("old", "reason"),
    [("bad.idl", "bad.idl:1:25: error"), ("broken.json", "broken.json is no model"), ("none.json", "No such file")],
)
def test_diff_says_what_it_cannot_read(run: Run, old: str, reason: str) -> None:
    Path("broken.json").write_text('{"interfaces": 1}')
    result = run("diff", old, "calc.idl")
    assert (result.status, result.out) == (1, "")
    assert reason in result.err


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["doc", "calc.idl"], "# "),
        (["doc", "calc.idl", "--format", "html"], "<html"),
        (["header", "calc.idl"], "#ifndef"),
    ],
)
def test_doc_and_header_print_or_write(run: Run, arguments: list[str], word: str) -> None:
    printed = run(*arguments)
    assert (printed.status, printed.err) == (0, "")
    assert word in printed.out
    assert "Calculator" in printed.out or "Record" in printed.out
    assert run(*arguments, "-o", "page") == Ran(0, "", "")
    assert Path("page").read_text() == printed.out


# fmt

UGLY = "typedef   struct {long  x ;\n}  Row;\n"
NEAT = "typedef struct {\n    long x;\n} Row;\n"


def test_fmt_rewrites_what_is_not_formatted_and_names_it(run: Run) -> None:
    Path("ugly.idl").write_text(UGLY)
    Path("neat.idl").write_text(NEAT)
    assert run("fmt", "ugly.idl", "neat.idl") == Ran(0, "ugly.idl\n", "")
    assert Path("ugly.idl").read_text() == NEAT
    assert run("fmt", "ugly.idl") == Ran(0, "", "")


def test_fmt_check_fails_and_writes_nothing(run: Run) -> None:
    Path("ugly.idl").write_text(UGLY)
    assert run("fmt", "--check", "ugly.idl") == Ran(1, "ugly.idl\n", "lrpc: 1 file of 1 would change\n")
    assert Path("ugly.idl").read_text() == UGLY
    Path("ugly.idl").write_text(NEAT)
    assert run("fmt", "--check", "ugly.idl") == Ran(0, "", "")


def test_fmt_diff_prints_and_writes_nothing(run: Run) -> None:
    Path("ugly.idl").write_text(UGLY)
    result = run("fmt", "--diff", "ugly.idl")
    assert result.status == 0
    assert result.out.startswith("--- ugly.idl\n+++ ugly.idl (formatted)\n@@ ")
    assert "+    long x;\n" in result.out
    assert run("fmt", "--diff", "--check", "ugly.idl").status == 1
    assert Path("ugly.idl").read_text() == UGLY


def test_fmt_stdin_goes_to_stdout(run: Run) -> None:
    assert run("fmt", "--stdin", stdin=UGLY) == Ran(0, NEAT, "")


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        ([], 2, "--stdin"),
        (["--stdin", "calc.idl"], 2, "--stdin"),
        (["open.idl"], 1, "open.idl:1:1: error E0106"),
        (["missing.idl"], 1, "cannot find missing.idl"),
    ],
)
def test_fmt_says_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    Path("open.idl").write_text("/* never closed\n")
    result = run("fmt", *arguments)
    assert (result.status, result.out) == (status, "")
    assert reason in result.err
    assert Path("open.idl").read_text() == "/* never closed\n"


def test_fmt_writes_nothing_when_one_file_is_bad(run: Run) -> None:
    Path("ugly.idl").write_text(UGLY)
    Path("open.idl").write_text("interface X {\n")
    assert run("fmt", "ugly.idl", "open.idl").status == 1
    assert Path("ugly.idl").read_text() == UGLY
