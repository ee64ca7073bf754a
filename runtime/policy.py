"""What a client does when a call, or connecting, goes wrong: `lrpc.connect(..., policy=lrpc.Policy(...))`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. All of it happens within the time of the calls that are made."""

    cancel_timeout: float = 0.0
    """How long a call that is cancelled, or whose time is over, still waits for what the server says to that, which
    tells whether it ran (rpc_mgmt_set_cancel_timeout of C706). 0: it is given up at once."""
    reconnect: bool = True
    """A client whose connection has ended connects anew at its next call."""
    retries: int = 2
    """How often a call may be repeated that surely did not run, or that its IDL calls [idempotent]."""
    backoff: float = 0.05
    """The pause before the first repetition; each further one is twice as long, and chance takes up to half of it."""
    max_backoff: float = 2.0
    """The longest pause."""

    def pause(self, made: int, chance: float) -> float:
        """Seconds after the `made`-th attempt, from 1. chance: 0 to 1, so that those who failed together come apart."""
        longest: float = min(self.backoff * 2 ** (made - 1), self.max_backoff)
        return longest * (0.5 + chance / 2)


def chance() -> float:
    """A number between 0 and 1."""
    from random import random  # what nearly no client needs

    return random()
