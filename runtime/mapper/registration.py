"""How a server lets the endpoint mapper of its machine know where it is: `service.py` is the other side.

A server's registration is a context handle on a connection that it keeps, so it ends with the server, however that
ends. A thread says all of it again from time to time, which finds a mapper that was started anew.

Rules: a server serves whether there is a mapper or not, and waits for none longer than TIMEOUT. Towers are of NDR
2.0, as Windows' are: a client that finds a server by it may still agree with the server on NDR64.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Final

from ...transports import tcp
from ..binding import MEMORY, NCACN_IP_TCP
from ..dispatch import Registration
from ..endpoints import Endpoint
from ..interfaces import registrar
from ..journal import note
from ..policy import Policy
from ..status import BindRefused, Fault, InvalidBinding, RpcError
from ..stub import Handle
from .endpoint_map import NIL
from .towers import NDR, Syntax, Tower, build

MAPPER: Final = "ncalrpc:[epmapper]"
TIMEOUT: Final = 5.0
"""Seconds that a server lets a mapper take."""
RETRY: Final = 2.0
"""Seconds after which a server looks again for a mapper that was not there, or did not answer in time."""
PERIOD: Final = 10.0
"""Seconds after which a server says again what it has."""

Registered = registrar.registered_t


def registered(registrations: Iterable[Registration], endpoints: Iterable[Endpoint]) -> list[Registered]:
    """What a server has to say: each interface at each endpoint that it answers on, in that order."""
    reachable = [endpoint for endpoint in endpoints if _can_be_told(endpoint)]
    return [_entry(one, endpoint) for one in registrations for endpoint in reachable if one.at(endpoint.asked)]


def _can_be_told(endpoint: Endpoint) -> bool:
    """Not what is this process's own; nor loopback of IPv6, which a tower could only call any address."""
    return endpoint.binding.protocol != MEMORY and _address(endpoint) != "::1"


def _address(endpoint: Endpoint) -> str:
    if endpoint.binding.protocol != NCACN_IP_TCP:
        return ""
    return tcp.parse_address(endpoint.listener.address)[0].strip("[]")


def _entry(registration: Registration, endpoint: Endpoint) -> Registered:
    interface, binding, address = registration.interface, endpoint.binding, _address(endpoint)
    tower = Tower(Syntax(interface.uuid, *interface.version), NDR, binding.protocol, binding.endpoint, address)
    return Registered(registration.object or NIL, registration.annotation, tower=build(tower))


class Announcer:
    """Keeps a server registered. From any thread.

    said: gives what the server has to say. insist: go on looking for a mapper that is not there at first, or refuses.
    """

    def __init__(self, said: Callable[[], list[Registered]], *, insist: bool) -> None:
        self._said = said
        self._insist = insist
        self._client: registrar.registrarClient | None = None
        self._handle: Handle | None = None
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._over = False
        self._complained = False
        """It has been said that there is no mapper; that is said once."""
        self._refused = False
        """The mapper, or what has its port, will not have this server; asking again would change nothing."""
        self._thread: threading.Thread | None = None

    def begin(self) -> bool:
        """Register, and see to it that it stays so; says whether it is done already."""
        found = self.announce()
        if not (self._refused and not self._insist) and self._thread is None and not self._over:
            self._thread = threading.Thread(target=self._keep, name="lrpc registration", daemon=True)
            self._thread.start()
        return found

    def change(self) -> None:
        """The server has something else to say; it will be said soon."""
        self._changed.set()

    def end(self) -> None:
        """Take all of it back. What the mapper does not hear of any more, it forgets with the connection."""
        self._over = True
        self._changed.set()
        with self._lock:
            self._hang_up()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(TIMEOUT)

    def announce(self) -> bool:
        """Say everything now; says whether the mapper took it."""
        with self._lock:
            if self._over:
                return False
            try:
                self._say()
            except RpcError as error:
                if self._insist and not self._complained:
                    note("registration_failed", reason=str(error))
                else:
                    note("not_registered", reason=str(error))
                self._complained = True
                self._refused = isinstance(error, Fault | BindRefused | InvalidBinding)
                self._hang_up()
                return False
            self._complained = self._refused = False
            return True

    def _say(self) -> None:
        if self._client is None:
            from ..connect import connect

            alone = Policy(reconnect=False, retries=0)  # a new connection has to be told everything
            self._client = connect(registrar.registrarClient, MAPPER, timeout=TIMEOUT, policy=alone)
        self._handle = self._client.announce(self._handle, self._said())

    def _hang_up(self) -> None:
        client, self._client, self._handle = self._client, None, None
        if client is not None:
            client.close()

    def _keep(self) -> None:
        while not self._over:
            self._changed.wait(RETRY if self._client is None else PERIOD)
            self._changed.clear()
            self.announce()
