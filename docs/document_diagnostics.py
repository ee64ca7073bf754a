"""Puts the messages of the catalogue into docs/diagnostics.md: `python docs/document_diagnostics.py`.

Written by hand is what stands below each heading; the line that quotes the message is the catalogue's, and a code
without an entry gets one to be filled in. Entries of codes that are gone are to be deleted by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

from lrpc.rpcgen.catalogue import CATALOGUE

PAGE = Path(__file__).with_name("diagnostics.md")
HEADING = re.compile(r"^### (\w+)\n", re.MULTILINE)


def quoted(code: str) -> str:
    """The line that says what kind of diagnostic it is, and its message."""
    return f"> {'error' if code.startswith('E') else 'warning'}: {CATALOGUE[code].text}"


def bodies(page: str) -> dict[str, str]:
    """What stands below each heading, without the quoted message."""
    parts = HEADING.split(page)[1:]
    texts = [re.split(r"^## ", part, maxsplit=1, flags=re.MULTILINE)[0] for part in parts[1::2]]
    return dict(zip(parts[::2], [re.sub(r"\A\n*> .*\n", "", text).strip() for text in texts], strict=True))


def page() -> str:
    """The page with every message in it. A missing code comes behind the last of its group, or at the end."""
    text = PAGE.read_text(encoding="utf-8")
    written = bodies(text)
    for code in sorted(set(CATALOGUE) - set(written), key=lambda code: code[1:]):
        text = _inserted(text, code)
    fresh = HEADING.split(text)
    for index in range(1, len(fresh), 2):
        if fresh[index] in CATALOGUE:
            rest = re.sub(r"\A\n*> .*\n", "", fresh[index + 1]).lstrip("\n")
            fresh[index + 1] = f"{quoted(fresh[index])}\n\n{rest}"
    head, pairs = fresh[0], zip(fresh[1::2], fresh[2::2], strict=True)
    return head + "".join(f"### {code}\n{body}" for code, body in pairs)


def _inserted(text: str, code: str) -> str:
    entry = f"### {code}\n\nFix: \n\n"
    sections = re.split(r"(?=^## )", text, flags=re.MULTILINE)
    for index, section in enumerate(sections):
        if section.startswith(f"## {code[1:3]}:"):
            sections[index] = f"{section.rstrip()}\n\n{entry}"
            return "".join(sections)
    return f"{text.rstrip()}\n\n{entry}"


if __name__ == "__main__":
    PAGE.write_text(page().rstrip() + "\n", encoding="utf-8")
