"""How a client comes to its server: from a target to a wire with its interface bound. Used by `connect.py`.

Rules:
- the candidates of `locate.py` are tried in their order; what they fail with is remembered;
- what may be otherwise in a moment (a queue of connections that is full, a reset by a machine that has no room, a
  server that says it is congested) is tried again, at times that chance has a part in, until the time is over: nothing
  has run. A server that is not there is an error at once, and one that hangs up soon;
- a client stays with the transfer syntax that it got first: its calls are written in it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias
from uuid import UUID

from .binding import StringBinding
from .call import Limits, deadline, remaining
from .endpoints import capture_of, open_wire
from .journal import note
from .locate import Candidate, candidates
from .ncacn.constants import NakReason
from .ndr.layout import Encoding
from .policy import Policy, chance
from .status import BindRefused, ConnectionLost, DeadlineExceeded, Ran, RpcError, ServerUnavailable
from .stub import Interface
from .wire import Wire

if TYPE_CHECKING:
    from .authentication.security import Security

TransferSyntax: TypeAlias = Literal["ndr", "ndr64"]
"""NDR 2.0 (C706 chapter 14), or NDR64 (MS-RPCE 2.2.5)."""
ENCODINGS: Final[dict[str, Encoding]] = {"ndr": Encoding.NDR, "ndr64": Encoding.NDR64}


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """How a server was reached."""

    binding: StringBinding
    """What was connected to."""
    reason: str
    """Why this one."""
    tried: tuple[str, ...] = ()
    """What was tried before, and how it failed."""
    association: int = 0
    """The association group that the server put it in; 0 for ncalrpc, which has none."""

    def __str__(self) -> str:
        return f"{self.binding} ({self.reason})"


def encodings_of(transfer_syntaxes: Sequence[TransferSyntax]) -> tuple[Encoding, ...]:
    """What stubs are written in, by name. ValueError for none, and for one that is not known."""
    unknown = [name for name in transfer_syntaxes if name not in ENCODINGS]
    if unknown or not transfer_syntaxes:
        raise ValueError(f"transfer syntaxes are {', '.join(ENCODINGS)}, not {', '.join(unknown) or 'none'}")
    return tuple(dict.fromkeys(ENCODINGS[name] for name in transfer_syntaxes))


@dataclass(slots=True)
class Reaching:
    """What a client is connected by, whenever it has to be; call it."""

    interface: Interface
    target: str
    timeout: float
    object_uuid: UUID | None
    limits: Limits
    capture: str | os.PathLike[str] | None = None
    association: int = 0
    security: Security | None = None
    encodings: tuple[Encoding, ...] = (Encoding.NDR,)
    policy: Policy = field(default_factory=Policy)

    def __call__(self) -> tuple[Wire, ConnectionInfo]:
        """A wire with the interface bound, to the first candidate that answers, and how it was chosen.

        Raises ServerUnavailable when the time is over, nothing is there, or the server hangs up, and what else
        `connect` does.
        """
        until, made = time.monotonic() + remaining(self.timeout), 0
        while True:
            try:
                found = self._attempt(until)
                break
            except RpcError as error:
                made += 1
                pause = self.policy.pause(made, chance())
                if not self._may_pass(error, made):
                    if isinstance(error, ConnectionLost):  # each time before it granted anything
                        times = "once" if made == 1 else f"{made} times"
                        raise ServerUnavailable(f"{self.target!r}: {error} (tried {times})") from error
                    raise
                if pause >= until - time.monotonic():
                    raise ServerUnavailable(f"{error} (tried {made} times in {self.timeout:g} s)") from error
                note("trying_again", target=self.target, reason=str(error), seconds=pause)
            time.sleep(pause)
        self.encodings = (found[0].encoding,)
        return found

    def _may_pass(self, error: RpcError, made: int) -> bool:
        """Is it worth another attempt?"""
        if isinstance(error, BindRefused):
            return error.reason == NakReason.TEMPORARY_CONGESTION
        if isinstance(error, ConnectionLost):  # the server hung up, which it may do to everybody
            return made <= self.policy.retries
        return isinstance(error, ServerUnavailable) and error.passing

    def _attempt(self, until: float) -> tuple[Wire, ConnectionInfo]:
        tried: list[str] = []
        tap = capture_of("client", self.capture)
        passing = False

        def opener(binding: StringBinding, timeout: float) -> Wire:  # mappers are asked by nobody in particular
            return open_wire(binding, timeout, self.limits, tap)

        try:
            with deadline(max(until - time.monotonic(), 0)):  # the calls of the endpoint mapper count too
                for candidate in candidates(self.target, self.interface, opener, self._left(until)):
                    binding = self._binding(candidate)
                    try:
                        wire = open_wire(
                            binding, self._left(until), self.limits, tap, self.security, handles=self.interface.system
                        )
                    except ServerUnavailable as error:
                        tried.append(str(error))
                        passing |= error.passing
                        continue
                    return self._bound(wire, candidate, binding, tried, until)
        except ServerUnavailable as error:  # of the endpoint mapper, which is asked last
            tried.append(str(error))
            passing |= error.passing
        raise ServerUnavailable(f"no server at {self.target!r}: {'; '.join(tried)}", passing=passing)

    def _binding(self, candidate: Candidate) -> StringBinding:
        return candidate.binding if self.object_uuid is None else replace(candidate.binding, object=self.object_uuid)

    def _bound(
        self, wire: Wire, candidate: Candidate, binding: StringBinding, tried: list[str], until: float
    ) -> tuple[Wire, ConnectionInfo]:
        try:
            wire.bind(self.interface, self._left(until), self.association, self.encodings)
        except RpcError:
            wire.close()
            raise
        info = ConnectionInfo(binding, candidate.reason, tuple(tried), wire.group_id)
        note("connected", interface=self.interface.name, peer=str(binding), reason=info.reason, tried=info.tried)
        return wire, info

    def _left(self, until: float) -> float:
        seconds = until - time.monotonic()
        if seconds <= 0:
            raise DeadlineExceeded(f"connecting to {self.target!r} took too long", ran=Ran.NO)
        return seconds
