"""Runs an endpoint mapper in a process of its own until a signal ends it: what `lrpc epmapper` does."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from ..async_server import AsyncServer
from ..binding import MEMORY, NCACN_NP, NCALRPC, StringBinding
from ..management import PADDED
from .endpoint_map import EndpointMap, MapLimits
from .service import LIMITS, EndpointMapper, MayRegister, Registrar, own_processes

if TYPE_CHECKING:
    from ..authentication.authenticator import Authenticator

LOCAL_PORT: Final = "ncalrpc:[epmapper]"
"""Where servers register, and local clients ask; a mapper always has it."""
DEFAULT: Final = (LOCAL_PORT, "ncacn_ip_tcp:127.0.0.1[135]")
VOUCHED_FOR: Final = (NCALRPC, NCACN_NP, MEMORY)
"""Where the kernel says who calls."""

Announce = Callable[[StringBinding], None]


def with_local_port(bindings: Sequence[str]) -> list[str]:
    """The bindings to listen on: those that were asked for and the local port; all defaults when none was."""
    if not bindings:
        return list(DEFAULT)
    known = {str(StringBinding.parse(text)).lower() for text in bindings}
    return [*bindings] if LOCAL_PORT in known else [LOCAL_PORT, *bindings]


async def start(
    server: AsyncServer,
    bindings: Sequence[str],
    *,
    security: str | None = None,
    may_register: MayRegister = own_processes,
    limits: MapLimits | None = None,
) -> list[StringBinding]:
    """Have a server be an endpoint mapper, and listen; where clients find it."""
    entries = EndpointMap(limits)
    vouched = [text for text in bindings if StringBinding.parse(text).protocol in VOUCHED_FOR]
    server.register(EndpointMapper(entries, may_register), strictness=PADDED)
    server.register(Registrar(entries, may_register), endpoints=vouched)
    return [await _listen(server, text, security) for text in bindings]


async def _listen(server: AsyncServer, text: str, security: str | None) -> StringBinding:
    local = StringBinding.parse(text).protocol in (NCALRPC, NCACN_NP)
    return await server.listen(text, security=security if local else None)


def serve(
    bindings: Sequence[str],
    announce: Announce,
    security: str | None = None,
    *,
    may_register: MayRegister,
    authenticator: Authenticator | None = None,
) -> None:
    """Serve the endpoint map until SIGINT or SIGTERM. Only for the main thread.

    security: SDDL of who may connect to ports and pipes. authenticator: how clients of the network may prove who they
    are, which nobody has to. Raises InvalidBinding and ListenError.
    """
    _take_descriptors()
    asyncio.run(_serve(with_local_port(bindings), announce, security, may_register, authenticator))


async def _serve(
    bindings: Sequence[str],
    announce: Announce,
    security: str | None,
    may_register: MayRegister,
    authenticator: Authenticator | None,
) -> None:
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with AsyncServer(limits=LIMITS, register_endpoints=False, authenticator=authenticator) as server:
        for binding in await start(server, bindings, security=security, may_register=may_register):
            announce(binding)
        await ended.wait()


def _take_descriptors() -> None:
    """Every registered server holds a connection: use all that the system grants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
