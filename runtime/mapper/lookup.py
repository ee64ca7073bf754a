"""What an endpoint mapper knows, for clients: `ept_lookup`, `ept_map` and `ept_map_auth`, each in one call.

The functions take who is asked: nothing for this machine, a host, or a string binding of a mapper that is elsewhere.
The other side is `service.py`. What only one connected client is asked stands below, for `locate.py` too.

Rule: a mapper is a peer like any other. What it answers costs no more than MAX_FOUND entries and the deadline, and a
tower that cannot be read is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from uuid import UUID

from ..binding import NCACN_IP_TCP, StringBinding
from ..call import DEFAULT_TIMEOUT, deadline
from ..interfaces import epmapper
from ..journal import note
from ..operation import Interface
from ..status import ArgumentError, Fault, InvalidBinding, ServerUnavailable
from .endpoint_map import NIL, Versions
from .towers import NDR, BadTower, Syntax, Tower, build, parse

EPT_S_NOT_REGISTERED: Final = 0x16C9A0D6
PORT: Final = "135"
LOCAL: Final = "ncalrpc:[epmapper]"
BATCH: Final = 100
"""Entries asked for at once; a mapper may be asked for 500."""
MAX_FOUND: Final = 1 << 16
"""Entries that one lookup gives at most."""


class Mapped(NamedTuple):
    """An interface that a server has, and where."""

    tower: Tower
    object: UUID | None
    annotation: str

    @property
    def interface(self) -> Syntax:
        """UUID and version."""
        return self.tower.interface

    @property
    def binding(self) -> StringBinding:
        """Where it is: as the mapper says, which may name no host, or a protocol sequence that lrpc does not speak."""
        return self.tower.binding


def ept_lookup(
    mapper: str | None = None,
    *,
    interface: Syntax | Interface | None = None,
    versions: Versions = Versions.ALL,
    object: UUID | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> list[Mapped]:
    """All that an endpoint mapper has registered, or what is for an interface, an object, or both.

    mapper: a host, or the string binding of the mapper; None: this machine's. timeout: seconds for all of it. Raises
    ServerUnavailable, InvalidBinding, DeadlineExceeded and what else calls raise.
    """
    with deadline(timeout), connected(mapper, timeout) as client:
        return list(entries(client, interface, versions, object))


def ept_map(
    interface: Syntax | Interface,
    protocol: str = NCACN_IP_TCP,
    mapper: str | None = None,
    *,
    object: UUID | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> list[Tower]:
    """Where an interface is found over a protocol sequence, best first; an empty list when nowhere."""
    wanted = Tower(_syntax(interface), NDR, protocol)
    with deadline(timeout), connected(mapper, timeout) as client:
        return list(towers(client, wanted, object))


def ept_map_auth(
    interface: Syntax | Interface,
    sid: str,
    protocol: str = NCACN_IP_TCP,
    mapper: str | None = None,
    *,
    object: UUID | None = None,
    timeout: float = DEFAULT_TIMEOUT,
) -> list[Tower]:
    """The same, of servers that run as one user: S-1-22-1-uid for those of lrpc.

    Mappers of other makers may know no such operation, or only for local callers: OperationOutOfRange, AccessDenied.
    """
    wanted = Tower(_syntax(interface), NDR, protocol)
    with deadline(timeout), connected(mapper, timeout) as client:
        return list(towers(client, wanted, object, _sid(sid)))


def connected(mapper: str | None, timeout: float) -> epmapper.eptClient:
    """A client of an endpoint mapper: of this machine, by ALPC before TCP; of a host; or at a string binding."""
    from ..connect import connect

    if mapper is None:
        try:
            return connect(epmapper.eptClient, LOCAL, timeout=timeout)
        except ServerUnavailable as error:
            note("no_mapper", binding=LOCAL, reason=str(error))
            mapper = "127.0.0.1"
    return connect(epmapper.eptClient, str(address(mapper)), timeout=timeout)


def address(mapper: str) -> StringBinding:
    """The string binding of a mapper, or that of port 135 of a host."""
    try:
        return StringBinding.parse(mapper)
    except InvalidBinding:
        if not mapper or set(mapper) & set("[]@,= \t\r\n"):
            raise
        return StringBinding(NCACN_IP_TCP, mapper, PORT)


# One connected client


def entries(
    client: epmapper.eptClient,
    interface: Syntax | Interface | None = None,
    versions: Versions = Versions.ALL,
    object: UUID | None = None,
) -> Iterator[Mapped]:
    """The entries of a mapper that are about an interface, an object, both or anything."""
    kind = epmapper.rpc_c_ep_match_by_if if interface is not None else epmapper.rpc_c_ep_all_elts
    kind |= epmapper.rpc_c_ep_match_by_obj if object is not None else epmapper.rpc_c_ep_all_elts
    wanted = None if interface is None else epmapper.rpc_if_id_t(*_syntax(interface))
    answer = client.ept_lookup(kind, object, wanted, versions, None, BATCH)
    _check(answer.status)
    found = len(answer.entries)
    yield from _understood(answer.entries)
    while answer.entry_handle is not None and answer.entries and found < MAX_FOUND:
        answer = client.ept_lookup(kind, object, wanted, versions, answer.entry_handle, BATCH)
        _check(answer.status)
        found += len(answer.entries)
        yield from _understood(answer.entries)
    if found >= MAX_FOUND:
        note("lookup_cut", value=MAX_FOUND)
    _free(client, answer.entry_handle)


def towers(
    client: epmapper.eptClient, wanted: Tower, object: UUID | None = None, sid: epmapper.RPC_SID | None = None
) -> Iterator[Tower]:
    """The towers of a mapper that fit the one that is wanted; with a SID those of servers that run as that user."""
    asked = epmapper.twr_t(tower_octet_string=build(wanted))
    answer: Any
    if sid is None:
        answer = client.ept_map(object, asked, None, BATCH)
    else:
        answer = client.ept_map_auth(object or NIL, asked, sid, None, BATCH)
    _free(client, answer.entry_handle)
    _check(answer.status)
    for tower in answer.towers:
        understood = None if tower is None else _tower(tower.tower_octet_string)
        if understood is not None and understood.protocol == wanted.protocol and understood.endpoint:
            yield understood


def _understood(found: Iterable[epmapper.ept_entry_t]) -> Iterator[Mapped]:
    for one in found:
        tower = None if one.tower is None else _tower(one.tower.tower_octet_string)
        if tower is not None:
            yield Mapped(tower, None if one.object_ == NIL else one.object_, one.annotation)


def _tower(octets: bytes) -> Tower | None:
    try:
        return parse(octets)
    except BadTower as error:
        note("bad_tower", reason=str(error))
        return None


def _free(client: epmapper.eptClient, handle: Any) -> None:
    """What nobody asks for any more. The connection's end would free it too."""
    if handle is not None:
        client.ept_lookup_handle_free(handle)


def _check(status: int) -> None:
    if status not in (0, EPT_S_NOT_REGISTERED):
        raise Fault(status, f"the endpoint mapper failed with status {status:#x}")


def _syntax(interface: Syntax | Interface) -> Syntax:
    return interface if isinstance(interface, Syntax) else Syntax(interface.uuid, *interface.version)


def _sid(text: str) -> epmapper.RPC_SID:
    kind, *numbers = text.upper().split("-")
    if kind != "S" or not 2 <= len(numbers) <= 17 or not all(one.isascii() and one.isdigit() for one in numbers):
        raise ArgumentError(f"{text!r} is no SID")
    revision, authority, *rest = map(int, numbers)
    if revision > 255 or authority >= 1 << 48 or any(one >= 1 << 32 for one in rest):
        raise ArgumentError(f"{text!r} is no SID")
    identifier = epmapper.RPC_SID_IDENTIFIER_AUTHORITY(authority.to_bytes(6, "big"))
    return epmapper.RPC_SID(Revision=revision, IdentifierAuthority=identifier, SubAuthority=rest)
