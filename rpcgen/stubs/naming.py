"""Python names for IDL names: the same, unless Python or the stub itself keeps the name.

Then one underscore is added. Names are checked identifiers by the time they come here.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable
from enum import IntEnum
from typing import Final

_STUB_WORDS = """
    abc annotations field IntEnum IntFlag KEEP Any Final UUID AsyncIterable AsyncIterator Iterable Iterator Sequence
    rpc int float str bytes bool list dict tuple object type self
"""
STUB_WORDS: Final = frozenset(_STUB_WORDS.split())
"""What a stub imports and the built-ins that it uses."""
METHOD_WORDS: Final = frozenset(("close", "interface", "connection"))
"""What the classes of the runtime call their own."""
TUPLE_WORDS: Final = frozenset(("count", "index"))


class Names:
    """Gives out names of one scope; no name is given twice."""

    def __init__(self, forbidden: Iterable[str] = ()) -> None:
        self._forbidden = frozenset(forbidden)
        self._taken: set[str] = set()

    def take(self, name: str) -> str:
        """A name as close to `name` as this scope allows."""
        found = safe(name)
        while found in self._taken or found in self._forbidden:
            found += "_"
        self._taken.add(found)
        return found

    def private(self, name: str) -> str:
        """A name with one leading underscore."""
        return self.take("_" + name.lstrip("_"))

    def public(self, name: str) -> str:
        """A name without a leading underscore; `_x` becomes `x_`."""
        bare = name.lstrip("_")
        if bare == name:
            return self.take(name)
        return self.take(f"{bare}_" if bare and not bare[0].isdigit() else f"x{bare}_")

    @property
    def taken(self) -> frozenset[str]:
        """All names of this scope."""
        return self._forbidden | self._taken


def safe(name: str) -> str:
    """A name that is no keyword and that class bodies do not mangle."""
    if name.startswith("__"):
        name = "_" + name.lstrip("_")
    return f"{name}_" if keyword.iskeyword(name) else name


def enumerator(names: Names, name: str) -> str:
    """A name that an enumeration accepts: not one of int's, not `_x_`."""
    if hasattr(IntEnum, name) or hasattr(int, name) or name in ("name", "value") or re.fullmatch(r"_.*_", name):
        name = f"{name.strip('_') or 'x'}_"
    return names.take(name)


def words_of(annotations: Iterable[str]) -> frozenset[str]:
    """The names that annotations use: in the same class body nothing else may have them."""
    return frozenset(word for text in annotations for word in re.findall(r"[A-Za-z_]\w*", text))
