"""The endpoint mapper: tells clients where servers are (C706 appendix O, [MS-RPCE] 2.2.1.2). `lrpc epmapper` runs it.

`EndpointMapper` answers clients, `Registrar` lets servers of this machine register; both work on one `EndpointMap`.
The other side is `lookup.py` for clients and `registration.py` for servers.

Rules: who changes the map is a process of this machine that the kernel vouches for, of the mapper's own user or root's.
What a network asks for that it may not have is faulted as by Windows. A status of 0 says that something was found. A
server that listens on loopback is told to this machine only.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from uuid import UUID, uuid4

from ..call import Caller, Limits, caller
from ..interfaces import epmapper, registrar
from ..status import EPT_S_CANT_PERFORM_OP, AccessDenied, Fault, StatusError
from .endpoint_map import NIL, EndpointMap, Entry, MapFull, New, Versions, Wanted
from .towers import BadTower, Syntax, parse

CANT_PERFORM_OP: Final = 0x16C9A0CD
CANT_CREATE: Final = 0x16C9A0D0
INVALID_ENTRY: Final = 0x16C9A0D3
INVALID_CONTEXT: Final = 0x16C9A0D5
NOT_REGISTERED: Final = 0x16C9A0D6
"""Nothing found, or nothing more: what ends a lookup ([MS-RPCE] 2.2.1.2.4)."""
EPT_S_INVALID_ENTRY: Final = 1751
EPT_S_CANT_CREATE: Final = 1899

LIMITS: Final = Limits(max_connections=512, max_contexts=256)
"""More connections than servers have commonly: each registered server of a user keeps one."""

MayRegister = Callable[[Caller], bool]


def own_processes(caller: Caller) -> bool:
    """Who may register unless something else is said: processes of this user and of root, as the kernel says."""
    return caller.uid is not None and caller.uid in (0, os.geteuid())


def this_machine(caller: Caller) -> bool:
    """Any process of this machine, over TCP too, whatever its user. For tests, and where all users are trusted."""
    return caller.uid is not None or _is_loopback(caller.address.rpartition(":")[0])


@dataclass(slots=True)
class _Search:
    """How far a client's search has got: what a lookup handle stands for."""

    of_map: bool
    """It is one of ept_map, not of ept_lookup."""
    place: tuple[int, int] = (0, 0)


class EndpointMapper(epmapper.Asyncept):
    """The endpoint mapper that clients ask."""

    def __init__(self, entries: EndpointMap, may_register: MayRegister = own_processes) -> None:
        self._map = entries
        self._may_register = may_register
        self._object = uuid4()

    # What clients ask

    async def ept_lookup(
        self,
        inquiry_type: int,
        object: UUID | None,
        interface_id: epmapper.rpc_if_id_t | None,
        vers_option: int,
        entry_handle: _Search | None,
        max_ents: int,
    ) -> epmapper.ept_lookupResult:
        """The next entries that match. A handle says that there may be more."""
        search = entry_handle or _Search(of_map=False)
        wanted = _inquiry(inquiry_type, object, interface_id, vers_option)
        if wanted is None or search.of_map:
            return epmapper.ept_lookupResult(None, 0, [], INVALID_CONTEXT if search.of_map else CANT_PERFORM_OP)
        seen = _seen_by(caller())
        found = self._map.lookup(lambda one: wanted(one) and seen(one), search.place[1], max_ents)
        if not found:
            return epmapper.ept_lookupResult(None, 0, [], NOT_REGISTERED)
        search.place = 0, found[-1].serial
        entries = [_entry(one.new) for one in found]
        return epmapper.ept_lookupResult(search if len(found) == max_ents else None, len(found), entries, 0)

    async def ept_map(
        self,
        object: UUID | None,
        map_tower: epmapper.twr_t | None,
        entry_handle: _Search | None,
        max_towers: int,
    ) -> epmapper.ept_mapResult:
        """Where an interface is found over a protocol sequence; both stand in the tower."""
        return self._mapped(object or NIL, map_tower, entry_handle, max_towers, lambda _: True)

    async def ept_map_auth(
        self,
        object: UUID,
        map_tower: epmapper.twr_t,
        server: epmapper.RPC_SID | None,
        entry_handle: _Search | None,
        max_towers: int,
    ) -> epmapper.ept_map_authResult:
        """The same, of servers that run as one user: S-1-22-1-uid."""
        sid = None if server is None else _sid(server)
        found = self._mapped(object, map_tower, entry_handle, max_towers, lambda one: sid in (None, _owner(one)))
        return epmapper.ept_map_authResult(*found)

    async def ept_lookup_handle_free(self, entry_handle: _Search | None) -> epmapper.ept_lookup_handle_freeResult:
        """End a search."""
        return epmapper.ept_lookup_handle_freeResult(None, 0 if entry_handle else INVALID_CONTEXT)

    # What servers of this machine ask

    async def ept_insert(self, entries: Sequence[epmapper.ept_entry_t], replace: int, *, num_ents: int = 0) -> int:
        """Put entries in that stay until they are deleted, or the mapper ends."""
        asking = self._registering()
        try:
            fresh = [_new(one.object_, one.tower, one.annotation) for one in entries]
            self._map.insert(fresh, ("inserted", asking.uid), asking.uid, replace=bool(replace))
        except BadTower:
            return INVALID_ENTRY
        except MapFull:
            return CANT_CREATE
        return 0

    async def ept_delete(self, entries: Sequence[epmapper.ept_entry_t], *, num_ents: int = 0) -> int:
        """Take entries out, by object and tower. What is not there changes nothing for the others."""
        self._registering()
        if any(one.tower is None for one in entries):
            return INVALID_ENTRY
        gone = [self._map.delete(one.object_, one.tower.tower_octet_string) for one in entries if one.tower]
        return 0 if all(gone) else NOT_REGISTERED

    async def ept_mgmt_delete(self, object_speced: int, object: UUID | None, tower: epmapper.twr_t | None) -> int:
        """Take out all entries of a tower, or only those of an object too."""
        self._registering()
        if tower is None or (object_speced and object is None):
            return INVALID_ENTRY
        octets = tower.tower_octet_string
        gone = self._map.delete_all(
            lambda one: one.new.octets == octets and (not object_speced or one.new.object == object)
        )
        return 0 if gone else NOT_REGISTERED

    async def ept_inq_object(self) -> epmapper.ept_inq_objectResult:
        """The object UUID of this map, another one each time that it begins."""
        self._registering()
        return epmapper.ept_inq_objectResult(self._object, 0)

    # Inside

    def _mapped(
        self,
        object: UUID,
        map_tower: epmapper.twr_t | None,
        entry_handle: _Search | None,
        max_towers: int,
        wanted: Wanted,
    ) -> epmapper.ept_mapResult:
        search = entry_handle or _Search(of_map=True)
        try:
            tower = parse(b"" if map_tower is None else map_tower.tower_octet_string)
        except BadTower:
            return epmapper.ept_mapResult(None, 0, [], CANT_PERFORM_OP)
        if not search.of_map:
            return epmapper.ept_mapResult(None, 0, [], INVALID_CONTEXT)
        seen = _seen_by(caller())
        found = self._map.match(tower, object, lambda one: wanted(one) and seen(one), search.place, max_towers)
        if not found:
            return epmapper.ept_mapResult(None, 0, [], NOT_REGISTERED)
        search.place = found[-1][0]
        towers: list[epmapper.twr_t | None] = [_twr(one.new) for _, one in found]
        return epmapper.ept_mapResult(search if len(found) == max_towers else None, len(found), towers, 0)

    def _registering(self) -> Caller:
        """Who asks for a change. [MS-RPCE] takes these operations away from clients, and Windows faults them so."""
        asking = caller()
        if not self._may_register(asking):
            raise Fault(EPT_S_CANT_PERFORM_OP, "only servers of this machine register here")
        return asking


class _Registration:
    """What a server has registered: a context handle, which runs down with the server."""

    def __init__(self, entries: EndpointMap) -> None:
        self._map = entries

    def close(self) -> None:
        """Take all of it out."""
        self._map.forget(self)


class Registrar(registrar.Asyncregistrar):
    """Where servers of this machine register for as long as they live."""

    def __init__(self, entries: EndpointMap, may_register: MayRegister = own_processes) -> None:
        self._map = entries
        self._may_register = may_register

    async def announce(
        self, registration: _Registration | None, endpoints: Sequence[registrar.registered_t], *, count: int = 0
    ) -> _Registration:
        """All that a server has registered from now on."""
        asking = caller()
        if not self._may_register(asking):
            raise AccessDenied
        mine = registration or _Registration(self._map)
        try:
            fresh = [New(one.object_, parse(one.tower), one.tower, one.annotation) for one in endpoints]
            self._map.assign(fresh, mine, asking.uid)
        except BadTower:
            raise StatusError(EPT_S_INVALID_ENTRY, registration) from None
        except MapFull:
            raise StatusError(EPT_S_CANT_CREATE, registration) from None
        return mine

    async def withdraw(self, registration: _Registration | None) -> None:
        """Take all of it out; the handle ends."""
        if registration is not None:
            registration.close()


# Entries


def _new(object: UUID, tower: epmapper.twr_t | None, annotation: str) -> New:
    octets = b"" if tower is None else tower.tower_octet_string
    return New(object, parse(octets), octets, annotation)


def _entry(new: New) -> epmapper.ept_entry_t:
    return epmapper.ept_entry_t(new.object, _twr(new), new.annotation)


def _twr(new: New) -> epmapper.twr_t:
    return epmapper.twr_t(tower_octet_string=new.octets)


# Who is told, and of what


def _inquiry(kind: int, object: UUID | None, interface_id: epmapper.rpc_if_id_t | None, versions: int) -> Wanted | None:
    """What an ept_lookup looks for; None for an inquiry that there is not."""
    if kind == epmapper.rpc_c_ep_all_elts:
        return lambda _: True
    if kind == epmapper.rpc_c_ep_match_by_obj:
        return _by_object(object)
    if interface_id is None or versions not in tuple(Versions):
        return None
    by_interface = _by_interface(interface_id, Versions(versions))
    if kind == epmapper.rpc_c_ep_match_by_if:
        return by_interface
    if kind == epmapper.rpc_c_ep_match_by_both:
        by_object = _by_object(object)
        return lambda one: by_interface(one) and by_object(one)
    return None


def _by_object(object: UUID | None) -> Wanted:
    return lambda one: one.new.object == (object or NIL)


def _by_interface(interface_id: epmapper.rpc_if_id_t, versions: Versions) -> Wanted:
    asked = Syntax(interface_id.uuid, interface_id.vers_major, interface_id.vers_minor)

    def wanted(one: Entry) -> bool:
        found = one.new.tower.interface
        return found.uuid == asked.uuid and versions.take(found, asked)

    return wanted


def _seen_by(asking: Caller) -> Wanted:
    if this_machine(asking):
        return lambda _: True
    return lambda one: not _is_loopback(one.new.tower.address)


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return False


def _sid(sid: epmapper.RPC_SID) -> str:
    authority = int.from_bytes(sid.IdentifierAuthority.Value, "big")
    return "-".join(map(str, ("S", sid.Revision, authority, *sid.SubAuthority)))


def _owner(entry: Entry) -> str | None:
    return None if entry.uid is None else f"S-1-22-1-{entry.uid}"
