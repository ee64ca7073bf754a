"""From a name to full bindings, in the order in which they are to be tried, each with its reason.

A string binding that has its endpoint is obeyed. A service of this machine is looked for as an ALPC port, then
as a named pipe, then with the endpoint mapper; one of another machine with its endpoint mapper (C706 2.4). This
machine's mapper is asked by ALPC before TCP, and about ports and pipes too.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from .binding import MEMORY, NCACN_IP_TCP, NCACN_NP, NCALRPC, StringBinding, require_local
from .call import remaining
from .channel import BlockingChannel
from .mapper.towers import NDR, Syntax, Tower
from .status import Fault, InvalidBinding, RpcError, ServerUnavailable
from .stub import Interface
from .wire import Wire

EPMAPPER_PORT: Final = "135"
LOOPBACK: Final = "127.0.0.1"

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
    if binding.protocol in (NCALRPC, NCACN_NP):
        require_local(binding)
    for text in interface.endpoints:
        known = StringBinding.parse(text)
        if known.protocol == binding.protocol and known.endpoint:
            found = StringBinding(binding.protocol, binding.address, known.endpoint, binding.object, binding.options)
            yield Candidate(found, "the endpoint is well known: the IDL names it")
            return
    if binding.protocol == MEMORY:
        raise InvalidBinding(f"{binding}: no endpoint, and {interface.name} has none of its own for {binding.protocol}")
    yield from _mapped(binding, interface, opener, timeout)


def _local(name: str, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    yield Candidate(StringBinding(NCALRPC, "", name), "same machine: it has an ALPC port of this name")
    yield Candidate(StringBinding(NCACN_NP, "", rf"\pipe\{name}"), "same machine: no ALPC port, but a named pipe")
    yield from _mapped(StringBinding(NCACN_IP_TCP), interface, opener, timeout)


def _remote(host: str, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    yield from _mapped(StringBinding(NCACN_IP_TCP, host), interface, opener, timeout)


def _mapped(binding: StringBinding, interface: Interface, opener: Opener, timeout: float) -> Iterator[Candidate]:
    """What the first mapper says that knows anything."""
    refusals: list[str] = []
    passing = False
    for mapper in _mappers(binding):
        try:
            towers = mapped_towers(mapper, interface, binding.protocol, opener, timeout)
        except ServerUnavailable as error:
            refusals.append(str(error))
            passing |= error.passing
            continue
        for tower in towers:
            host = _host(binding, mapper, tower)
            found = StringBinding(binding.protocol, host, tower.endpoint, binding.object, binding.options)
            yield Candidate(found, f"the endpoint mapper of {mapper.address or 'this machine'} knows it")
        return
    raise ServerUnavailable("; ".join(refusals), passing=passing)


def _mappers(binding: StringBinding) -> Iterator[StringBinding]:
    """The endpoint mappers to ask, in order. Only this machine's own tells of ports and pipes."""
    if binding.protocol != NCACN_IP_TCP or is_local(binding.address):
        yield StringBinding(NCALRPC, "", "epmapper")
    if binding.protocol == NCACN_IP_TCP:
        yield StringBinding(NCACN_IP_TCP, binding.address or LOOPBACK, EPMAPPER_PORT)


def _host(binding: StringBinding, mapper: StringBinding, tower: Tower) -> str:
    """The host of a server that a mapper knows: that of the mapper, which alone can say of its own machine which."""
    if binding.protocol != NCACN_IP_TCP:
        return binding.address
    return mapper.address or tower.address or LOOPBACK


def mapped_towers(
    mapper: StringBinding, interface: Interface, protocol: str, opener: Opener, timeout: float
) -> list[Tower]:
    """Where a mapper knows an interface, over a protocol sequence. ServerUnavailable when it knows it nowhere.

    timeout: seconds that each step may take, unless `deadline` says less.
    """
    from .interfaces import epmapper
    from .mapper import lookup  # local calls have no use for it

    left = remaining(timeout)
    try:
        wire = opener(mapper, left)
    except RpcError as error:
        passing = isinstance(error, ServerUnavailable) and error.passing
        raise ServerUnavailable(f"the endpoint mapper does not answer: {error}", passing=passing) from error
    try:
        wire.bind(epmapper.ept.interface, remaining(timeout))
    except RpcError:
        wire.close()
        raise
    wanted = Tower(Syntax(interface.uuid, *interface.version), NDR, protocol)
    with epmapper.eptClient(BlockingChannel(wire, timeout)) as client:
        try:
            found = list(dict.fromkeys(lookup.towers(client, wanted)))
        except Fault as error:
            raise ServerUnavailable(f"{mapper}: {error}") from error
    if not found:
        raise ServerUnavailable(f"{mapper}: {interface.name} is not registered for {protocol}")
    return found


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
