"""docs/interfaces.md says which stubs there are, how large they are, and where their interfaces are found."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.source import STOCK
from tests.documents import blocks

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "interfaces.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| .* \| (\d+) \| (.*) \| ?(.*) \|$", PAGE, re.MULTILINE)


def test_every_stub_of_one_interface_has_a_row() -> None:
    stubs = sorted(path.stem for path in (ROOT / "runtime" / "interfaces").glob("[a-z]*.py"))
    alone = [name for name in stubs if len(import_module(f"lrpc.runtime.interfaces.{name}").__interfaces__) == 1]
    assert "`registrar` is how lrpc's servers" in PAGE
    assert "`eerr` holds the records" in PAGE
    assert [name for name, *_ in ROWS] == [name for name in alone if name not in ("eerr", "registrar")]


@pytest.mark.parametrize(("name", "operations", "found", "names"), ROWS, ids=[name for name, *_ in ROWS])
def test_row_is_true(name: str, operations: str, found: str, names: str) -> None:
    [interface] = import_module(f"lrpc.runtime.interfaces.{name}").__interfaces__
    assert len(interface.operations) == int(operations)
    if found.startswith("`"):
        assert f"ncacn_np:[{found.strip('`')}]" in interface.endpoints
    assert {STOCK[other] for other in re.findall(r"`([\w.-]+)`", names)} <= {f"{name}.idl"}
    assert STOCK[f"{name}.idl"] == f"{name}.idl"


FILES = dict(blocks("docs/interfaces.md"))
VERSION, KEYS, SIDS = (FILES[f"file: {name}.py"] for name in ("version", "keys", "sids"))
PRINTED = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = [sys.executable, "-m", "examples.registry", "--hive", str(tmp_path_factory.mktemp("hive") / "hive")]
    command += ["--listen", "ncacn_ip_tcp:127.0.0.1[0]"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            yield service.stdout.readline().strip().removeprefix("listening on ")
        finally:
            service.terminate()


@pytest.mark.parametrize(
    ("program", "printed"),
    [(VERSION, "".join(re.findall(r"prints `(.*)`\.", PAGE)) + "\n"), (KEYS, PRINTED[0]), (SIDS, PRINTED[1])],
    ids=["version", "keys", "sids"],
)
def test_program_prints_what_the_page_says(program: str, printed: str, registry: str) -> None:
    words = [sys.executable, "-c", program, registry]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.stderr) == (printed, "")


def test_every_program_of_the_page_is_run() -> None:
    assert PAGE.count("```python\n") == len(FILES) == 3


BRINGS = re.findall(r"^\| (`[\w.-]+\.idl`.*?) \| (.*) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("files", "types"), BRINGS, ids=[files for files, _ in BRINGS])
def test_files_of_windows_bring_what_the_page_says(files: str, types: str) -> None:
    named = [one for one in re.findall(r"`(\w+)`", types) if one != "SAFEARRAY"]
    for file in re.findall(r"`([\w.-]+)`", files)[-1:]:
        holder = f"typedef struct {{ {' '.join(f'{one} *p{number};' for number, one in enumerate(named))} long a; }} s;"
        assert compile_idl("a.idl", reader={"a.idl": f'import "{file}"; {holder}'}.__getitem__).diagnostics == ()


def test_example_of_an_object_compiles_and_its_import_is_not_needed() -> None:
    (text,) = re.findall(r"```idl\n(.*?)```", PAGE, re.DOTALL)
    assert compile_idl("a.idl", reader={"a.idl": text}.__getitem__).diagnostics == ()
    without = text.replace('import "oaidl.idl";', "")
    found = compile_idl("a.idl", reader={"a.idl": without}.__getitem__)
    assert [one.code for one in found.diagnostics] == ["W0312"]
