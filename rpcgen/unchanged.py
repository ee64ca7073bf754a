"""The quick way: `lrpc check` and `lrpc gen` of files of which nothing has changed, answered from the cache.

Law: what it prints and writes is what the verbs would. A command line or a file that it is not sure of is left to them.
Parsing command lines with typer costs more than the answer. Counterparts: `verbs.py`, and `finished.py`, which knows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .finished import Finished, recalled
from .stubs.stub_file import Options, StubFile, stub_path
from .terminal import complain, report, show_marked

FAILED: Final = 1


@dataclass(slots=True)
class _Asked:
    verb: str
    files: list[str] = field(default_factory=list[str])
    search: list[str] = field(default_factory=list[str])
    output: str | None = None

    def take(self, option: str, value: str) -> None:
        """The value of an option."""
        if option == "-I":
            self.search.append(value)
        else:
            self.output = value


def answered(words: Sequence[str]) -> int | None:
    """Obey a command line; its exit status. None, and nothing is done, when the verbs have to."""
    asked = _asked(words)
    if asked is None:
        return None
    options = Options(output=asked.output, search=asked.search)
    known: list[Finished] = []
    for path in asked.files:
        found = recalled(options.request(path))
        if found is None:
            return None
        known.append(found)
    return _checked(known) if asked.verb == "check" else _generated(asked.files, options, known)


def _asked(words: Sequence[str]) -> _Asked | None:
    """What a command line says, if it is a plain one: files, `-I`, and `-o`."""
    rest = iter(words)
    asked = _Asked(next(rest, ""))
    if asked.verb not in ("check", "gen"):
        return None
    for word in rest:
        if word in ("-I", "-o"):
            value = next(rest, None)
            if value is None or (word == "-o" and asked.verb == "check"):
                return None
            asked.take(word, value)
        elif word.startswith("-") or os.path.isdir(word):
            return None
        else:
            asked.files.append(word)
    return asked if asked.files else None


def _checked(known: Sequence[Finished]) -> int:
    errors = report(len(known), [one for each in known for one in each.diagnostics], as_json=False)
    return FAILED if errors else 0


def _generated(files: Sequence[str], options: Options, known: Sequence[Finished]) -> int | None:
    stubs = [StubFile(stub_path(path, options.output), one.stub, one) for path, one in zip(files, known, strict=True)]
    if len({stub.path for stub in stubs}) < len(stubs):
        return None
    try:
        done = [written(stub) for stub in stubs]
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        complain(str(error))
        return FAILED
    return 0 if all(done) else FAILED


def written(stub: StubFile) -> bool:
    """Write a stub, and say what there is to say; False when there is none to write. OSError when that fails."""
    show_marked(stub.compilation.diagnostics, sys.stderr)
    if stub.text is None:
        return False
    stub.write()
    print(stub.path)
    return True
