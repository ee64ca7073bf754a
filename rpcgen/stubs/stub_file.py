"""Stubs as files: what `lrpc gen` writes, and whether what stands there is what would be written.

The first line of a stub says which command made it, from where; it does not count as a difference.
"""

from __future__ import annotations

import keyword
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..finished import Finished, Request, finished


@dataclass(frozen=True, slots=True)
class Options:
    """How stubs are made; the options of `lrpc gen`."""

    output: str | None = None
    """A folder, or the stub's file when it ends in .py; None: beside the IDL file."""
    search: Sequence[str] = ()
    defines: Mapping[str, str] = field(default_factory=dict[str, str])
    package: bool = False
    """For `lrpc.runtime.interfaces`: the stub imports relatively."""
    dialect: str = "auto"
    """As of `compile_idl`."""
    cached: bool = True
    """Whether the cache is asked and filled."""

    def request(self, path: str) -> Request:
        """What is asked of the compiler for an IDL file."""
        plain = Request(path, self.search, self.defines, self.dialect, package=self.package)
        return replace(plain, command=self.command(plain.source))

    def command(self, path: str) -> str:
        """The command line that makes the stub of `path`."""
        words = ["lrpc", "gen", *(["--package"] if self.package else []), path]
        words += [word for folder in self.search for word in ("-I", folder)]
        words += [word for name, value in self.defines.items() for word in ("-D", f"{name}={value}")]
        words += [] if self.dialect == "auto" else ["--dialect", self.dialect]
        return shlex.join([*words, *(["-o", self.output] if self.output else [])])


@dataclass(frozen=True, slots=True)
class StubFile:
    """The stub of an IDL file: where it belongs, and its text; None when the IDL has errors."""

    path: Path
    text: str | None
    compilation: Finished

    @property
    def current(self) -> bool:
        """Does the file hold this text? OSError when it cannot be read, except that it is not there."""
        try:
            written = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        return self.text is not None and _without_command(written) == _without_command(self.text)

    def write(self) -> None:
        """Write it, and make its folder. OSError when that fails."""
        assert self.text is not None
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(self.text, encoding="utf-8")


def stub_file(path: str, options: Options) -> StubFile:
    """Compile an IDL file to the stub that belongs beside it, or where the options say."""
    found = finished(options.request(path), cached=options.cached)
    return StubFile(stub_path(path, options.output), found.stub, found)


def stub_path(path: str, output: str | None = None) -> Path:
    """Where the stub of an IDL file belongs: its name is made one that Python can import."""
    if output is not None and output.endswith(".py"):
        return Path(output)
    stem = re.sub(r"\W", "_", Path(path).stem)
    name = f"_{stem}" if stem[:1].isdigit() else f"{stem}_" if keyword.iskeyword(stem) else stem
    return Path(output or Path(path).parent) / f"{name}.py"


def defined(text: str) -> tuple[str, str]:
    """A macro out of NAME=VALUE or NAME, which stands for 1. ValueError when there is no name."""
    name, equals, value = text.partition("=")
    if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII):
        raise ValueError(f"{text!r} is no NAME=VALUE")
    return name, value if equals else "1"


def _without_command(text: str) -> str:
    return text.partition("\n")[2]
