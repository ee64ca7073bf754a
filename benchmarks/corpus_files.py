"""One file of the corpus: checked, generated, imported; and many of them, in worker processes.

Laws: whatever happens to a file, an `Outcome` comes back. A traceback, a dead worker or a file that takes longer than
MAX_SECONDS is a crash, which is always a bug; a diagnostic is an answer.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import resource
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Final

from lrpc.rpcgen import Diagnostic, compile_idl, generate
from lrpc.rpcgen.catalogue import CATALOGUE, PART

from .corpus_sets import CorpusSet

MAX_SECONDS: Final = 120
"""For one file; the largest takes a tenth."""
MAX_MEMORY: Final = 2 << 30
"""Octets of address space for a worker."""


@dataclass(frozen=True, slots=True)
class Complaint:
    """A diagnostic, in a form that travels between processes."""

    code: str
    message: str
    place: str
    text: str

    @property
    def shape(self) -> str:
        """The message without the words of the case, as far as they can be told."""
        return CATALOGUE[self.code].text if self.code in CATALOGUE else self.message

    @property
    def winrt(self) -> bool:
        """Does it say that the file is in another language, that of the Windows Runtime?"""
        return re.search("WinRT|Windows Runtime", self.shape) is not None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: how far it came, what stopped it, and how long it took.

    reached: `checked`, `generated` or `imported`, or `failed`. part: compiled as the file that includes it. crash: a
    traceback. stub: the file written, if any.
    """

    path: Path
    reached: str
    errors: tuple[Complaint, ...] = ()
    part: bool = False
    crash: str | None = None
    seconds: float = 0.0
    stub: Path | None = None

    @property
    def winrt(self) -> bool:
        """Was it refused as a file of the Windows Runtime?"""
        return any(error.winrt for error in self.errors)

    @property
    def good(self) -> bool:
        """Did it come all the way?"""
        return self.reached == "imported"


class TooSlow(BaseException):
    """The time of a file is over."""


def outcome(path: Path, corpus: CorpusSet, folder: Path) -> Outcome:
    """Check, generate and import one file; the stub goes to `folder`."""
    begin = time.perf_counter()
    reached, errors, part, crash = "failed", tuple[Complaint, ...](), False, None
    stub = _stub(path, folder)
    signal.signal(signal.SIGALRM, _expire)
    signal.alarm(MAX_SECONDS)
    try:
        found = compile_idl(str(path), search=corpus.search, **_dialect(corpus))
        errors = tuple(map(_complaint, found.errors))
        part = any(one.entry is PART for one in found.diagnostics)
        if found.model is not None:
            reached = "checked"
            stub.write_text(generate(found.model, source=path.name, command=f"lrpc gen {path.name}"), encoding="utf-8")
            reached = "generated"
            _run(stub)
            reached = "imported"
    except (Exception, TooSlow):
        crash = traceback.format_exc()
    finally:
        signal.alarm(0)
    seconds = time.perf_counter() - begin
    return Outcome(path, reached, errors, part, crash, seconds, stub if stub.exists() else None)


def outcomes(corpus: CorpusSet, folder: Path, workers: int) -> Iterator[Outcome]:
    """The outcome of every file of a set, in order. A worker that dies costs its file, which is tried alone again."""
    left = list(corpus.files)
    while left:
        with ProcessPoolExecutor(workers, initializer=_bounded) as pool:
            waiting = [pool.submit(outcome, path, corpus, folder) for path in left]
            for path, future in zip(list(left), waiting, strict=True):
                try:
                    found = future.result()
                except BrokenProcessPool:
                    if workers > 1:
                        break
                    found = Outcome(path, "failed", crash="the worker process died")
                    left.remove(path)
                    yield found
                    break
                left.remove(path)
                yield found
        workers = 1 if left else workers


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))


def _expire(number: int, frame: FrameType | None) -> None:
    raise TooSlow(f"more than {MAX_SECONDS} seconds")


def _dialect(corpus: CorpusSet) -> dict[str, Any]:
    known = inspect.signature(compile_idl).parameters
    return {"dialect": corpus.dialect} if "dialect" in known else {}


def _complaint(found: Diagnostic) -> Complaint:
    return Complaint(found.code, found.message, f"{found.span.file}:{found.span.line}:{found.span.column}", str(found))


def _stub(path: Path, folder: Path) -> Path:
    """Files of one name in several folders have stubs of several names."""
    stem = re.sub(r"\W", "_", f"{path.parent.name}_{path.stem}")
    return folder / f"stub_{stem}.py"


def _run(stub: Path) -> None:
    spec = importlib.util.spec_from_file_location(stub.stem, stub)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[stub.stem] = module
    spec.loader.exec_module(module)
