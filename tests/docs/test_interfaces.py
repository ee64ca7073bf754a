"""docs/interfaces.md says which stubs there are, how large they are, and where their interfaces are found."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.source import STOCK

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


def test_program_prints_what_the_page_says(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (printed,) = re.findall(r"prints `(.*)`\.", PAGE)
    command = [sys.executable, "-m", "examples.registry", "--hive", str(tmp_path / "hive")]
    command += ["--listen", "ncacn_ip_tcp:127.0.0.1[0]"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        try:
            binding = service.stdout.readline().strip().removeprefix("listening on ")
            words = [sys.executable, "-c", program, binding]
            done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        finally:
            service.terminate()
    assert (done.stdout.strip(), done.stderr) == (printed, "")


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
