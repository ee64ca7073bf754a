"""Stubs pass mypy --strict, and callers see precise types."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from lrpc.rpcgen import compile_idl, generate
from tests.documents import blocks

GOOD = Path(__file__).parent / "good"
ROOT = Path(__file__).resolve().parents[2]
USE = """
from __future__ import annotations

from typing_extensions import assert_type

import calc


class Adder(calc.Calculator):
    def Add(self, a: int, b: int) -> int:
        return a + b

    def Divide(self, a: int, b: int) -> calc.DivideResult:
        return calc.DivideResult(a // b, a % b)

    def Open(self, name: str) -> object:
        return name

    def Close(self, tally: object) -> object:
        return None

    def Echo(self, data: object, *, n: int = 0) -> bytes:
        return b""


async def calls(client: calc.CalculatorClient, other: calc.AsyncCalculatorClient) -> None:
    assert_type(client.Add(1, 2), int)
    assert_type(client.Divide(1, 2), calc.DivideResult)
    assert_type(client.Divide(1, 2).quotient, int)
    assert_type(client.Echo(b"12"), bytes)
    assert_type(client.Echo(bytearray(2), n=2), bytes)
    assert_type(await other.Add(1, 2), int)
    calc.Record(a=1, b=2.0, name=None)
"""


def checked(folder: Path, *names: str) -> subprocess.CompletedProcess[str]:
    """mypy --strict over files of a folder that holds every golden stub."""
    for stub in GOOD.glob("*.py"):
        shutil.copy(stub, folder)
    (folder / "use.py").write_text(USE, encoding="utf-8")
    (folder / "mypy.ini").write_text(f"[mypy]\nstrict = true\nmypy_path = {ROOT / '.path'}\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "mypy",
        "--config-file",
        "mypy.ini",
        "--cache-dir",
        "cache",
        "--follow-imports=silent",
    ]
    return subprocess.run([*command, *names], cwd=folder, capture_output=True, text=True, check=False)


def test_golden_stubs_and_their_callers_pass_mypy_strict(tmp_path: Path) -> None:
    result = checked(tmp_path, "calc.py", "kinds.py", "import_a.py", "use.py")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_wrong_argument_is_a_type_error(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(
        "import calc\n\n\ndef f(client: calc.CalculatorClient) -> None:\n    client.Add('1', 2)\n", encoding="utf-8"
    )
    result = checked(tmp_path, "wrong.py")
    assert result.returncode == 1
    assert "wrong.py:5" in result.stdout


def test_a_name_that_stubs_cannot_import_is_a_type_error(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text("from lrpc.runtime.stub import VARIANT, Nonsense, system\n", encoding="utf-8")
    result = checked(tmp_path, "wrong.py")
    assert result.returncode == 1
    assert 'has no attribute "Nonsense"' in result.stdout
    assert result.stdout.count("error:") == 1


def test_the_server_with_system_handles_of_the_documents_passes_mypy_strict(tmp_path: Path) -> None:
    """Its IDL gives a contract that it fulfils, with the type that the page names."""
    page = {what.removeprefix("file: "): text for what, text in blocks("docs/security.md")}
    compilation = compile_idl("sizes.idl", reader=page.__getitem__)
    assert compilation.model is not None
    stub = generate(compilation.model, source="sizes.idl", command="test")
    (tmp_path / "sizes.py").write_text(stub, encoding="utf-8")
    for name in ("sizes_server.py", "sizes_client.py"):
        program = page[name].replace('stub = lrpc.load("sizes.idl")\n', "import sizes as stub\n")
        assert "import sizes as stub" in program
        (tmp_path / name).write_text(program, encoding="utf-8")
    result = checked(tmp_path, "sizes.py", "sizes_server.py", "sizes_client.py")
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_contract_takes_handles_and_its_client_descriptors() -> None:
    idl = """[uuid(3f0a6d0e-7a35-4a0f-9a75-0c2b6f1f8a21)] interface I
    {
        void F([in, system_handle(sh_file)] void *a, [in, out, system_handle(sh_event)] void **b);
    }"""
    compilation = compile_idl("t.idl", reader={"t.idl": idl}.__getitem__)
    assert compilation.model is not None
    stub = generate(compilation.model, source="t.idl", command="test")
    contract, _, client = stub.partition("class IClient")
    assert "(self, a: rpc.system.Handle | None, b: rpc.system.Handle | None) -> rpc.system.Handle | None" in contract
    assert "a: rpc.system.Descriptor | None" in client
    assert "rpc.system.Descriptor" not in contract
