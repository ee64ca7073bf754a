"""docs/gallery.md: ten mistakes, as lrpc and widl tell them. `python -m benchmarks.corpus_gallery` writes both halves.

Each section of the page has three fenced blocks: the IDL, lrpc's words and widl's. The prose around them is written by
hand. A test holds lrpc's half fresh; `make corpus` compares widl's when it is installed.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lrpc.rpcgen import compile_idl

from . import corpus_peers

PAGE: Final = Path(__file__).parents[1] / "docs" / "gallery.md"
NAME: Final = "mail.idl"
"""What the files of all sections are called."""
SECTION: Final = re.compile(r"(?=^## )", re.MULTILINE)
BLOCK: Final = re.compile(r"^```(?:idl|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SIGNALS: Final = {-6: "Aborted", -11: "Segmentation fault"}
"""As a shell says them."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A section of the page: its text, and in it the IDL and what each compiler says."""

    text: str
    idl: str
    lrpc: str
    widl: str

    def page(self) -> str:
        """The section with its halves put in."""
        blocks = iter((f"```idl\n{self.idl}```", f"```text\n{self.lrpc}```", f"```text\n{self.widl}```"))
        return BLOCK.sub(lambda _: next(blocks), self.text)


def exhibits(page: str) -> tuple[str, list[Exhibit]]:
    """What stands before the first section, and the sections."""
    head, *sections = SECTION.split(page)
    found = [BLOCK.findall(section) for section in sections]
    return head, [Exhibit(section, *blocks) for section, blocks in zip(sections, found, strict=True)]


def lrpc_says(idl: str) -> str:
    """What `lrpc check` prints of it."""
    found = compile_idl(NAME, reader={NAME: idl}.__getitem__)
    return "".join(f"{one}\n" for one in found.diagnostics) or "(nothing)\n"


def widl_says(command: str, idl: str) -> str:
    """What widl prints of it, asked for a header and the stubs of both sides."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / NAME).write_text(idl, encoding="utf-8")
        line = [command, "-h", "-c", "-s", NAME]
        ran = subprocess.run(line, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    said = (ran.stdout + ran.stderr).replace(f"{Path(command).name}: ", "widl: ")
    if ran.returncode < 0:
        said += f"{SIGNALS.get(ran.returncode, f'signal {-ran.returncode}')}\n"
    return said or "(nothing; the stubs are written)\n"


def fresh(page: str, widl: str | None) -> str:
    """The page with what the compilers say now; widl's half stays when it is not installed."""
    head, found = exhibits(page)
    halves = [
        replace(one, lrpc=lrpc_says(one.idl), widl=widl_says(widl, one.idl) if widl else one.widl) for one in found
    ]
    return head + "".join(one.page() for one in halves)


def differences(widl: str) -> list[str]:
    """The titles of the sections whose quotation of widl is not what this widl says."""
    _, found = exhibits(PAGE.read_text(encoding="utf-8"))
    return [one.text.splitlines()[0] for one in found if one.widl != widl_says(widl, one.idl)]


if __name__ == "__main__":
    PAGE.write_text(fresh(PAGE.read_text(encoding="utf-8"), corpus_peers.widl()), encoding="utf-8")
