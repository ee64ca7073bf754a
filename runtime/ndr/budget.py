"""What one message may cost: items, and structures inside structures of their own kind.

Both readers and both writers go by these numbers, and say the same when one is exceeded; a server may set its own
budget of items. Counts of items are held against the octets that are left besides, by the readers themselves.
"""

from __future__ import annotations

from typing import Final

MAX_ITEMS: Final = 1 << 20
"""Items of arrays and pointees in one message: each is a Python object of 50 octets or more."""
NESTED_COST: Final = 8
"""Items that a structure behind a pointer inside of its own kind counts for: it waits for its end, in 500 octets.

So a linked list may have 131,072 nodes.
"""
MAX_DEPTH: Final = 1024
"""Structures inside structures of their own kind, but for those behind the last pointer that brings anything.

A pointer that is null brings nothing, nor does a full pointer to what came before.
"""

TOO_MANY: Final = "more items than the budget of a message"
TOO_DEEP: Final = f"structures are nested more than {MAX_DEPTH:,} deep"
