"""Which dialect a file is written in."""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = re.compile(
    r'\b(?:uuid\s*\(\s*"|idl_types\.h\b|(?:u?int(?:8|16|32|3264)|dlong|udlong|DATA_BLOB|WERROR|pyhelper)\b|'
    r"authservice\s*\(|bitmap(?:8|16|32|64)bit\b|subcontext\s*\()|\[\s*(?:public|todo)\b"
)
"""What only pidl has; the names of its integers may be a typedef's, so that one of these is no proof."""


def looks_like_pidl(text: str) -> bool:
    """Has the text two things that only pidl has?"""
    return len({match[0] for match in _SIGNS.finditer(text)}) > 1
