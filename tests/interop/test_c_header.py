"""A C compiler takes our headers, and lays the types out as 64-bit Windows does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.tools.header import c_header

pytestmark = pytest.mark.interop

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "idl").glob("*.idl"), *(ROOT / "tests/rpcgen/good").glob("*.idl")])
SHAPES = """
typedef struct { small s; hyper h; [string] wchar_t *name; short t; } mixed;
typedef [switch_type(short)] union { [case(1)] long a; [case(2)] mixed b; [default]; } choice;
typedef union _either switch (long kind) u { case 0: float f; case 1: hyper d; } either;
[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a2e5), version(1.0)] interface sizes { void F([in] mixed *m, [in] either *e); }
"""


def header(path: Path, folder: Path) -> Path:
    found = compile_idl(str(path), search=[str(path.parent)])
    assert found.model is not None, found.errors
    written = folder / f"{path.stem}.h"
    written.write_text(c_header(found.model), encoding="ascii")
    return written


def accept(language: tuple[str, ...], source: str, folder: Path) -> None:
    command = ["gcc", *language, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", str(folder), "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_c_compiler_takes_the_header(path: Path, tmp_path: Path) -> None:
    name = header(path, tmp_path).name
    accept(("-x", "c", "-std=c99", "-pedantic"), f'#include "{name}"\n#include "{name}"\n', tmp_path)


def test_types_have_the_sizes_of_a_64_bit_windows(tmp_path: Path) -> None:
    path = tmp_path / "sizes.idl"
    path.write_text(SHAPES, encoding="ascii")
    sizes = {"mixed": 32, "choice": 32, "either": 16}
    claims = "".join(f'_Static_assert(sizeof({name}) == {size}, "{name}");\n' for name, size in sizes.items())
    accept(("-x", "c", "-std=c11"), f'#include "{header(path, tmp_path).name}"\n{claims}', tmp_path)
