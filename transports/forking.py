"""What a child of `os.fork` does with the connections and listeners that it has copies of: lets go of them.

A child's copies stand for the same sockets as its parent's, so nothing may go through them, and closing must not shut
them down. Whoever owns descriptors says so with `watch`; in a child its `abandon` is called before anything else runs.
The one exception is a child that is made here, by `fork`, for the sake of some listeners: they are handed on to it.

Rules for `abandon` and `inherit`: they raise nothing, also for what was closed long ago, and take no lock that another
thread of the parent may have held.
"""

from __future__ import annotations

import os
import threading
import warnings
import weakref
from collections.abc import Iterable
from typing import Any, Protocol


class Owner(Protocol):
    """Has descriptors that a child must not use."""

    def abandon(self) -> None:
        """In a child: close them, and nothing more."""
        ...


class Heirloom(Owner, Protocol):
    """Can be handed on: from then on parent and child both use it."""

    def inherit(self) -> None:
        """In a child: make what must not be shared anew; closing is to close the child's descriptors only."""
        ...


_owners: weakref.WeakSet[Any] = weakref.WeakSet()
_handed_on: tuple[Heirloom, ...] = ()
_turn = threading.Lock()


def watch(owner: Owner) -> None:
    """Have an owner let go in children."""
    _owners.add(owner)


def fork(heirlooms: Iterable[Heirloom]) -> int:
    """`os.fork`; these are handed on to the child."""
    global _handed_on
    with _turn:
        _handed_on = (*heirlooms,)
        try:
            with warnings.catch_warnings():  # of threads: the child runs none of what they run
                warnings.simplefilter("ignore", DeprecationWarning)
                return os.fork()
        finally:
            _handed_on = ()


def _in_child() -> None:
    for owner in [*_owners]:
        if any(owner is heirloom for heirloom in _handed_on):
            owner.inherit()
        else:
            owner.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
