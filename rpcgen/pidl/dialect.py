"""Which dialect a file is written in."""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = re.compile(
    r'uuid\s*\(\s*"|\bidl_types\.h\b|\b(?:u?int(?:8|16|32|3264)|dlong|udlong|DATA_BLOB)\b|'
    r"\[\s*(?:public|todo)\b|\bWERROR\b|\bauthservice\s*\(|\bbitmap(?:8|16|32|64)bit\b|\bpyhelper\b|\bsubcontext\s*\("
)
"""What only pidl has; the names of its integers may be a typedef's, so that one of these is no proof."""


def looks_like_pidl(text: str) -> bool:
    """Has the text two things that only pidl has?"""
    return len({match[0] for match in _SIGNS.finditer(text)}) > 1
