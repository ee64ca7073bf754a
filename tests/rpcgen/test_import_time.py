"""What importing a stub does: nothing that a call or a value would do, and nothing that only the compiler needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks import import_time
from lrpc.rpcgen import compile_idl, generate

PROGRAM = """
import sys
sys.path[0] = {folder!r}
import lrpc, collections, dataclasses, inspect

def refused(*_, **__):
    raise AssertionError("a class was finished by an import")

dataclasses._process_class = refused
collections.namedtuple = refused
import lrpc.runtime.classes
lrpc.runtime.classes.namedtuple = refused
lrpc.runtime.classes._finish = refused
before = set(sys.modules)
import large
print(sorted(name for name in set(sys.modules) - before if name != "large"))
print(len(large.Large.interface.operations), len(vars(large)))
print([operation.opnum for operation in large.Large.interface.operations if vars(operation)["_codecs"]])
"""


def test_import_finishes_no_class_and_compiles_no_codec(tmp_path: Path) -> None:
    found = compile_idl("large.idl", reader={"large.idl": import_time.idl()}.__getitem__)
    assert found.model is not None
    (tmp_path / "large.py").write_text(generate(found.model, source="large.idl", command="test"))
    command = [sys.executable, "-c", PROGRAM.format(folder=str(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules, counts, compiled = done.stdout.splitlines()
    assert modules == "[]"
    assert int(counts.split()[0]) == import_time.OPERATIONS
    assert compiled == "[]"
