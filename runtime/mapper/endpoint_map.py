"""The endpoint map: which interfaces are found where, and how that is searched (C706 2.4, 6.2.3, [MS-RPCE] 2.2.1.2).

Plain data, for one thread: `service.py` serves it. Entries have growing serial numbers, and a search goes on behind the
last one that it gave; so it costs nothing between two calls, and survives what comes and goes in the meantime.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice
from typing import Final, NamedTuple
from uuid import UUID

from .towers import Syntax, Tower

NIL: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class MapLimits:
    """What the servers of a machine may put into its endpoint map."""

    max_entries: int = 16384
    """Entries of all; each takes about a kilobyte."""
    max_owned: int = 1024
    """Entries of one server: its interfaces times its endpoints."""
    max_annotation: int = 63
    """Characters of an annotation: what an ept_entry_t has room for."""


class Versions(IntEnum):
    """Which versions of an interface a search takes (rpc_c_vers_)."""

    ALL = 1
    COMPATIBLE = 2
    EXACT = 3
    MAJOR_ONLY = 4
    UPTO = 5

    def take(self, found: Syntax, wanted: Syntax) -> bool:
        """Is the version of `found` one of them, when that of `wanted` is asked for?"""
        match self:
            case Versions.ALL:
                return True
            case Versions.COMPATIBLE:
                return found.major == wanted.major and found.minor >= wanted.minor
            case Versions.EXACT:
                return found[1:] == wanted[1:]
            case Versions.MAJOR_ONLY:
                return found.major == wanted.major
            case Versions.UPTO:
                return found[1:] <= wanted[1:]


class MapFull(Exception):
    """There is no room for more entries."""


class New(NamedTuple):
    """An entry that somebody wants in the map. octets: its tower, as it is given to clients."""

    object: UUID
    tower: Tower
    octets: bytes
    annotation: str


class Entry(NamedTuple):
    """An entry of the map. owner: whose it is; uid: the user that the owner runs as, None where nobody knows."""

    serial: int
    new: New
    owner: Hashable
    uid: int | None


Wanted = Callable[[Entry], bool]


class EndpointMap:
    """All entries, in the order in which they came."""

    def __init__(self, limits: MapLimits | None = None) -> None:
        self._limits = limits or MapLimits()
        self._entries: dict[int, Entry] = {}
        self._same: dict[tuple[UUID, bytes], int] = {}
        """Serial numbers by object and tower, of which there is only one each."""
        self._of: dict[Hashable, set[int]] = {}
        """Serial numbers by owner."""
        self._about: dict[UUID, dict[int, Entry]] = {}
        """Entries by the UUID of their interface."""
        self._last = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    # Changes

    def insert(self, wanted: Iterable[New], owner: Hashable, uid: int | None = None, *, replace: bool = False) -> None:
        """Put in all of them, or raise MapFull. What is there already gets the new owner and annotation.

        replace: endpoints that an interface had before, with the same object, protocol sequence and address, go.
        """
        fresh = {(new.object, new.octets): self._fit(new) for new in wanted}
        own = self._of.get(owner, set())
        added = sum(key not in self._same for key in fresh)
        self._check_room(len(self) + added, len(own) + sum(self._same.get(key, 0) not in own for key in fresh))
        if replace:
            places = {_place(new) for new in fresh.values()}
            self._remove([entry.serial for entry in self if _place(entry.new) in places])
        for new in fresh.values():
            self._put(new, owner, uid)

    def assign(self, wanted: Iterable[New], owner: Hashable, uid: int | None = None) -> None:
        """Let `owner` have exactly these entries, or raise MapFull. What it has already keeps its place."""
        fresh = {(new.object, new.octets): self._fit(new) for new in wanted}
        mine = self._of.get(owner, set())
        taken = sum(self._same.get(key, 0) not in mine for key in fresh if key in self._same)
        self._check_room(len(self) - len(mine) + len(fresh) - taken, len(fresh))
        self._remove([serial for serial in mine if self._entries[serial].new not in fresh.values()])
        for new in fresh.values():
            serial = self._same.get((new.object, new.octets))
            if serial is None or self._entries[serial].owner != owner:
                self._put(new, owner, uid)

    def delete(self, object: UUID, octets: bytes) -> bool:
        """Take out the entry of an object and a tower; says whether there was one."""
        serial = self._same.get((object, octets))
        self._remove([] if serial is None else [serial])
        return serial is not None

    def delete_all(self, wanted: Wanted) -> int:
        """Take out the entries that are wanted; says how many there were."""
        found = [entry.serial for entry in self if wanted(entry)]
        self._remove(found)
        return len(found)

    def forget(self, owner: Hashable) -> int:
        """Take out all that is an owner's; says how much that was."""
        mine = list(self._of.get(owner, ()))
        self._remove(mine)
        return len(mine)

    # Searches

    def lookup(self, wanted: Wanted, after: int, count: int) -> list[Entry]:
        """The next `count` entries that are wanted, behind the serial number `after`; 0 begins."""
        return list(islice((entry for entry in self if entry.serial > after and wanted(entry)), count))

    def match(
        self, tower: Tower, object: UUID, wanted: Wanted, after: tuple[int, int], count: int
    ) -> list[tuple[tuple[int, int], Entry]]:
        """The next `count` servers of an interface over the protocol sequence of `tower`, each with its place.

        Those of the object come first, then those of no object, which serve any. after: a place; (0, 0) begins.
        """
        places = [
            ((int(entry.new.object != object), entry.serial), entry)
            for entry in self._about.get(tower.interface.uuid, {}).values()
            if entry.new.object in (object, NIL) and _compatible(entry.new.tower, tower) and wanted(entry)
        ]
        return sorted(found for found in places if found[0] > after)[:count]

    # Entries, one by one

    def _fit(self, new: New) -> New:
        return new._replace(annotation=new.annotation[: self._limits.max_annotation])

    def _check_room(self, count: int, owned: int) -> None:
        if count > self._limits.max_entries or owned > self._limits.max_owned:
            raise MapFull(f"it would be {owned} entries of this server and {count} in all")

    def _put(self, new: New, owner: Hashable, uid: int | None) -> None:
        self.delete(new.object, new.octets)
        self._last += 1
        entry = self._entries[self._last] = Entry(self._last, new, owner, uid)
        self._same[new.object, new.octets] = self._last
        self._of.setdefault(owner, set()).add(self._last)
        self._about.setdefault(new.tower.interface.uuid, {})[self._last] = entry

    def _remove(self, serials: Iterable[int]) -> None:
        for serial in serials:
            entry = self._entries.pop(serial)
            del self._same[entry.new.object, entry.new.octets]
            _drop(self._of, entry.owner, serial)
            about = self._about[entry.new.tower.interface.uuid]
            del about[serial]
            if not about:
                del self._about[entry.new.tower.interface.uuid]


def _drop(sets: dict[Hashable, set[int]], key: Hashable, serial: int) -> None:
    sets[key].discard(serial)
    if not sets[key]:
        del sets[key]


def _place(new: New) -> tuple[object, ...]:
    """What a registration that replaces takes the place of."""
    tower = new.tower
    return new.object, tower.interface, tower.transfer, tower.protocol, tower.address


def _compatible(found: Tower, asked: Tower) -> bool:
    """Can who asks for this tower use the other one (C706 6.2.3.2)? Versions as for a bind; the endpoint is any."""
    return (
        found.protocol == asked.protocol
        and found.protocol != ""
        and found.transfer == asked.transfer
        and found.interface.uuid == asked.interface.uuid
        and Versions.COMPATIBLE.take(found.interface, asked.interface)
    )
