"""How long the compiler takes: against the size of the file, and when nothing has changed since the last time."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lrpc.rpcgen import compile_idl, generate

OPERATIONS: Final = 30
"""Of the file of size 1."""
SIZES: Final = (1, 4, 16)


@dataclass(frozen=True, slots=True)
class Sized:
    """A generated file of `size` times the text, and the seconds to check it and to generate its stub."""

    size: int
    octets: int
    check: float
    generate: float


def idl(operations: int) -> str:
    """An interface of that many operations, each with a structure, an enumeration and a union of its own."""
    parts = [_PART.replace("@", str(number)) for number in range(operations)]
    return _HEAD + "".join(parts) + "}\n"


_HEAD: Final = """[uuid(5b2f0c3e-7a41-4d0e-9f5e-2c8d1e6b7a90), version(1.0), pointer_default(unique)]
interface Sized
{
"""
_PART: Final = """
    typedef [v1_enum] enum { FIRST_@ = @, SECOND_@, THIRD_@ = SECOND_@ + 2 } Kind@;
    typedef [switch_type(unsigned long)] union {
        [case(1)] long number;
        [case(2, 3)] [string] wchar_t *text;
        [default];
    } Choice@;
    typedef struct _Record@ {
        unsigned long tag;                     /* selects the arm */
        [switch_is(tag)] Choice@ choice;
        Kind@ kind;
        struct _Record@ *next;
        [range(0, 4096)] unsigned long count;
        [size_is(count)] unsigned char *octets;
    } Record@;
    // The operation of number @.
    long Work@([in] handle_t binding, [in, string] const wchar_t *name, [in, out] Record@ *record,
               [in, range(0, 65536)] unsigned long size, [out, size_is(size), length_is(*used)] unsigned char *data,
               [out] unsigned long *used);
"""


def by_size() -> list[Sized]:
    """Each size, after one that warms up; the better of two rounds."""
    _sized(1)
    return [min((_sized(size) for _ in range(2)), key=lambda one: one.check + one.generate) for size in SIZES]


def _sized(size: int) -> Sized:
    text = idl(OPERATIONS * size)
    begin = time.perf_counter()
    found = compile_idl("sized.idl", reader={"sized.idl": text}.__getitem__)
    middle = time.perf_counter()
    assert found.model is not None, found.errors[0]
    generate(found.model, source="sized.idl", command="lrpc gen sized.idl")
    return Sized(size, len(text), middle - begin, time.perf_counter() - middle)


def cold_and_warm(verb: str, files: Sequence[Path], search: Sequence[str]) -> tuple[float, float]:
    """Seconds of one `lrpc gen` or `lrpc check` for all the files, in a cache of its own: the first time, and again.

    The bytecode of lrpc is there, as it is where lrpc is installed.
    """
    with tempfile.TemporaryDirectory() as folder:
        _command(verb, files[:1], search, folder, cache="warming up")
        first = _command(verb, files, search, folder)
        return first, min(_command(verb, files, search, folder) for _ in range(5))


def _command(verb: str, files: Sequence[Path], search: Sequence[str], folder: str, cache: str = "cache") -> float:
    options = [word for place in search for word in ("-I", place)]
    options += ["-o", folder] if verb == "gen" else []
    line = [sys.executable, "-m", "lrpc", verb, *map(str, files), *options]
    own = {"XDG_CACHE_HOME": str(Path(folder, cache)), "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode"))}
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | own
    begin = time.perf_counter()
    subprocess.run(line, env=environment, capture_output=True, check=False)
    return time.perf_counter() - begin
