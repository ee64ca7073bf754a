"""What importing a large stub costs over `import lrpc` alone: 200 operations, 100 structures, 50 enumerations.

Each measurement is a Python of its own; the stub's bytecode is there, as for every module after its first import.
"""

from __future__ import annotations

import py_compile
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from lrpc.rpcgen import compile_idl, generate

from .measure import Row

OPERATIONS = 200
GOAL = 0.050
ROUNDS = 15
PROGRAM = """
import sys, time
sys.path[0] = {folder!r}
start = time.perf_counter()
import lrpc
middle = time.perf_counter()
import large
print(middle - start, time.perf_counter() - middle)
"""


def idl(operations: int = OPERATIONS) -> str:
    """An interface with this many operations, half as many structures, a quarter as many enumerations."""
    lines = ["[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a2ff), version(1.0), pointer_default(unique)]", "interface Large {"]
    lines.append("typedef [context_handle] void *session;")
    enumerations, structures = operations // 4, operations // 2
    lines += [f"typedef enum {{ A{n} = 0, B{n} = 1, C{n} = 2 }} E{n};" for n in range(enumerations)]
    for n in range(structures):
        members = f"long a; [string] wchar_t *b; E{n % enumerations} c; unsigned long d; [size_is(d)] long *e; hyper f;"
        lines.append(f"typedef struct {{ {members} }} S{n};")
    for n in range(operations):
        taken = f"[in] session h, [in, string] wchar_t *name, [in] S{n % structures} *s, [in] long level"
        given = f"[out] S{(n + 1) % structures} *r" + (", [out] long *more" if n % 2 else "")
        lines.append(f"long Op{n}({taken}, {given});")
    return "\n".join([*lines, "}"])


def run() -> list[Row]:
    """The one line of this benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        found = compile_idl("large.idl", reader={"large.idl": idl()}.__getitem__)
        assert found.model is not None, found.errors
        stub = Path(folder) / "large.py"
        stub.write_text(generate(found.model, source="large.idl", command="lrpc gen large.idl"))
        py_compile.compile(str(stub), doraise=True)
        _once(folder)
        times = [_once(folder) for _ in range(ROUNDS)]
    bare, over = min(bare for bare, _ in times), min(over for _, over in times)
    noise = statistics.median(over for _, over in times) / over - 1
    work = f"import a stub of {OPERATIONS} operations, to import lrpc"
    goal = f"< {GOAL * 1e3:.0f} ms"
    return [Row(work, f"{over * 1e3:.1f} ms", f"{bare * 1e3:.1f} ms", over / bare, goal, over < GOAL, noise)]


def _once(folder: str) -> tuple[float, float]:
    command = [sys.executable, "-c", PROGRAM.format(folder=folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    bare, over = map(float, done.stdout.split())
    return bare, over
