"""From a name to full bindings, in the order in which they are to be tried, each with its reason.

A string binding that has its endpoint is obeyed. A service of this machine is looked for as an ALPC port, then
as a named pipe, then with the endpoint mapper; one of another machine with its endpoint mapper (C706 2.4).
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple
from uuid import UUID

from .binding import NCACN_IP_TCP, NCACN_NP, NCALRPC, StringBinding
from .call import remaining
from .channel import BlockingChannel
from .status import InvalidBinding, RpcError, ServerUnavailable
from .stub import Interface
from .wire import Wire

EPMAPPER_PORT: Final = "135"
MAX_TOWERS: Final = 16
EPT_S_NOT_REGISTERED: Final = 0x16C9A0D6

_NDR_UUID: Final = UUID("8a885d04-1ceb-11c9-9fe8-08002b104860")
_UUID_FLOOR: Final = 0x0D
_RPC_CO_FLOOR: Final = 0x0B
_TCP_FLOOR: Final = 0x07
_IP_FLOOR: Final = 0x09

Opener = Callable[[StringBinding, float], Wire]


class Candidate(NamedTuple):
    """A full binding and why it is tried."""

    binding: StringBinding
    reason: str


def candidates(target: str, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    r"""The bindings to try for `target`: a string binding, the name of a local service, or `\\host\name`.

    Lazy: the endpoint mapper is asked only when the iterator gets there. InvalidBinding when the target is
    neither; ServerUnavailable when the endpoint mapper does not know the interface.
    """
    remote = re.fullmatch(r"[\\/]{2}([^\\/]+)[\\/]([^\\/]+)", target)
    if remote is not None:
        host, name = remote.groups()
        return _local(name, interface, opener, timeout) if is_local(host) else _remote(host, interface, opener, timeout)
    if re.fullmatch(r"[^\\/:@\[\]]+", target):
        return _local(target, interface, opener, timeout)
    return _bound(StringBinding.parse(target), interface, opener, timeout)


def _bound(binding: StringBinding, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    if binding.endpoint:
        yield Candidate(binding, "the string binding names the endpoint")
        return
    for text in interface.endpoints:
        known = StringBinding.parse(text)
        if known.protocol == binding.protocol and known.endpoint:
            found = StringBinding(binding.protocol, binding.address, known.endpoint, binding.object, binding.options)
            yield Candidate(found, "the endpoint is well known: the IDL names it")
            return
    if binding.protocol != NCACN_IP_TCP:
        raise InvalidBinding(f"{binding}: no endpoint, and {interface.name} has none of its own for {binding.protocol}")
    yield from _mapped(binding, interface, opener, timeout)


def _local(name: str, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    yield Candidate(StringBinding(NCALRPC, "", name), "same machine: it has an ALPC port of this name")
    yield Candidate(StringBinding(NCACN_NP, "", rf"\pipe\{name}"), "same machine: no ALPC port, but a named pipe")
    yield from _mapped(StringBinding(NCACN_IP_TCP), interface, opener, timeout)


def _remote(host: str, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    yield from _mapped(StringBinding(NCACN_IP_TCP, host), interface, opener, timeout)


def _mapped(binding: StringBinding, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    host = binding.address or "127.0.0.1"
    mapper = StringBinding(NCACN_IP_TCP, host, EPMAPPER_PORT)
    for port in mapped_ports(mapper, interface, opener, timeout):
        found = StringBinding(NCACN_IP_TCP, host, str(port), binding.object, binding.options)
        yield Candidate(found, f"the endpoint mapper of {host} knows the port")


def mapped_ports(mapper: StringBinding, interface: Interface, opener: Opener, timeout: float) -> list[int]:
    """The TCP ports that an endpoint mapper knows for an interface. ServerUnavailable when it knows none.

    timeout: seconds that each step may take, unless `deadline` says less.
    """
    from .interfaces import epmapper  # local calls have no use for it

    left = remaining(timeout)
    try:
        wire = opener(mapper, left)
    except RpcError as error:
        raise ServerUnavailable(f"the endpoint mapper does not answer: {error}") from error
    try:
        wire.bind(epmapper.ept.interface, remaining(timeout))
    except RpcError:
        wire.close()
        raise
    with epmapper.eptClient(BlockingChannel(wire, timeout)) as client:
        asked = epmapper.twr_t(tower_octet_string=map_tower(interface))
        answer = client.ept_map(None, asked, None, MAX_TOWERS)
        if answer.entry_handle is not None:
            client.ept_lookup_handle_free(answer.entry_handle)
    towers = [] if answer.status else [tower for tower in answer.towers if tower is not None]
    ports = [port for tower in towers if (port := tcp_port(tower.tower_octet_string)) is not None]
    if not ports:
        raise ServerUnavailable(f"{mapper}: {interface.name} is not registered for {NCACN_IP_TCP}")
    return ports


def map_tower(interface: Interface) -> bytes:
    """The protocol tower that asks for an interface over TCP in NDR (C706 appendix L; all little-endian)."""
    major, minor = interface.version
    floors = [
        _floor(struct.pack("<B16sH", _UUID_FLOOR, interface.uuid.bytes_le, major), struct.pack("<H", minor)),
        _floor(struct.pack("<B16sH", _UUID_FLOOR, _NDR_UUID.bytes_le, 2), struct.pack("<H", 0)),
        _floor(bytes((_RPC_CO_FLOOR,)), bytes(2)),
        _floor(bytes((_TCP_FLOOR,)), bytes(2)),
        _floor(bytes((_IP_FLOOR,)), bytes(4)),
    ]
    return struct.pack("<H", len(floors)) + b"".join(floors)


def _floor(left: bytes, right: bytes) -> bytes:
    return struct.pack("<H", len(left)) + left + struct.pack("<H", len(right)) + right


def tcp_port(tower: bytes) -> int | None:
    """The TCP port in a tower; None when it has none, or is no tower."""
    for left, right in _floors(tower):
        if left[:1] == bytes((_TCP_FLOOR,)) and len(right) == 2:
            return int.from_bytes(right, "big") or None
    return None


def _floors(tower: bytes) -> Iterator[tuple[bytes, bytes]]:
    offset, sides = 2, list[bytes]()
    while offset + 2 <= len(tower):
        (size,) = struct.unpack_from("<H", tower, offset)
        sides.append(tower[offset + 2 : offset + 2 + size])
        offset += 2 + size
        if len(sides) == 2:
            yield sides[0], sides[1]
            sides.clear()


def is_local(host: str) -> bool:
    """Is `host` this machine: loopback, its own name, or one of its addresses?"""
    if host in ("", ".", "localhost") or host.lower() == socket.gethostname().lower():
        return True
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):  # no such host, or no host name at all
        return False
    return any(_is_own(family, address) for family, _, _, _, address in found)


def _is_own(family: int, address: tuple[object, ...]) -> bool:
    """Only an own address can be bound."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address[0], 0, *address[2:]))
    except OSError:
        return False
    return True
