"""Which PDU may come or go when: one table per role (C706 chapter 11, MS-RPCE 3.3.1.5 and 3.3.2).

Rules of this file:
1. a table is data: state -> {PTYPE: next state}; what stands in no row is a protocol error. How far the exchange of
   tokens with the bind has come is an arrow too, followed right after the PDU that told it;
2. no PDU is both sent and received by one role, so a PTYPE says the direction by itself;
3. whether a PDU is sound, or its call is known, is not asked here;
4. every protocol error leads to CLOSED, which has no way out.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final, TypeAlias

from .constants import NakReason, PacketType
from .errors import PduError, StateError


class State(enum.StrEnum):  # hashed by C, on every call
    """Where an association stands."""

    IDLE = "idle"
    """Nothing has been bound."""
    BINDING = "binding"
    """The bind is not answered yet."""
    BOUND = "bound"
    """Calls run, nobody has said who they are."""
    AUTHENTICATING = "authenticating"
    """Bound, but the exchange of tokens that began with the bind is not over: no calls yet."""
    SECURED = "secured"
    """Calls run, under security contexts or none."""
    ALTERING = "altering"
    """Calls run, and an alter context is not answered yet."""
    CLOSED = "closed"
    """The end: refused, or a protocol error."""


class Exchange(enum.Enum):
    """How far the exchange of tokens has come, once a bind was answered with one."""

    UNFINISHED = "tokens are due"
    OVER = "tokens exchanged"
    """Whether or not it succeeded: under a context that failed each call is refused."""


Transitions: TypeAlias = Mapping[State, Mapping[PacketType | Exchange, State]]

P = PacketType
S = State
X = Exchange

_SECURED: Final[Mapping[PacketType | Exchange, State]] = {
    P.REQUEST: S.SECURED,
    P.RESPONSE: S.SECURED,
    P.FAULT: S.SECURED,
    P.CO_CANCEL: S.SECURED,
    P.ORPHANED: S.SECURED,
    P.SHUTDOWN: S.SECURED,
    P.ALTER_CONTEXT: S.ALTERING,
    P.AUTH3: S.SECURED,
}
"""The same for both roles, though what one of them sends the other receives."""

SERVER_TRANSITIONS: Final[Transitions] = {
    S.IDLE: {P.BIND: S.BINDING, P.CO_CANCEL: S.IDLE, P.ORPHANED: S.IDLE},
    # While an answer is due, nothing further is taken from the inbox: no PDU is received in these two states.
    S.BINDING: {P.BIND_ACK: S.BOUND, P.BIND_NAK: S.CLOSED},
    S.ALTERING: {P.ALTER_CONTEXT_RESP: S.BOUND, P.RESPONSE: S.ALTERING, P.FAULT: S.ALTERING, P.SHUTDOWN: S.ALTERING},
    S.BOUND: {
        P.REQUEST: S.BOUND,
        P.RESPONSE: S.BOUND,
        P.FAULT: S.BOUND,
        P.CO_CANCEL: S.BOUND,
        P.ORPHANED: S.BOUND,
        P.SHUTDOWN: S.BOUND,
        P.ALTER_CONTEXT: S.ALTERING,
        X.UNFINISHED: S.AUTHENTICATING,
        X.OVER: S.SECURED,
    },
    S.AUTHENTICATING: {
        P.ALTER_CONTEXT: S.ALTERING,
        P.AUTH3: S.AUTHENTICATING,
        P.CO_CANCEL: S.AUTHENTICATING,
        P.ORPHANED: S.AUTHENTICATING,
        P.SHUTDOWN: S.AUTHENTICATING,
        X.OVER: S.SECURED,
    },
    S.SECURED: _SECURED,
    S.CLOSED: {},
}

CLIENT_TRANSITIONS: Final[Transitions] = {
    S.IDLE: {P.BIND: S.BINDING},
    S.BINDING: {P.BIND_ACK: S.BOUND, P.BIND_NAK: S.CLOSED},
    S.ALTERING: {
        P.ALTER_CONTEXT_RESP: S.BOUND,
        P.REQUEST: S.ALTERING,
        P.RESPONSE: S.ALTERING,
        P.FAULT: S.ALTERING,
        P.CO_CANCEL: S.ALTERING,
        P.ORPHANED: S.ALTERING,
        P.SHUTDOWN: S.ALTERING,
    },
    S.BOUND: {
        P.REQUEST: S.BOUND,
        P.RESPONSE: S.BOUND,
        P.FAULT: S.BOUND,
        P.CO_CANCEL: S.BOUND,
        P.ORPHANED: S.BOUND,
        P.SHUTDOWN: S.BOUND,
        P.ALTER_CONTEXT: S.ALTERING,
        X.UNFINISHED: S.AUTHENTICATING,
        X.OVER: S.SECURED,
    },
    S.AUTHENTICATING: {
        P.ALTER_CONTEXT: S.AUTHENTICATING,
        P.ALTER_CONTEXT_RESP: S.AUTHENTICATING,
        P.BIND_NAK: S.CLOSED,
        P.FAULT: S.AUTHENTICATING,
        P.AUTH3: S.AUTHENTICATING,
        P.SHUTDOWN: S.AUTHENTICATING,
        X.OVER: S.SECURED,
    },
    S.SECURED: _SECURED,
    S.CLOSED: {},
}


class StateMachine:
    """A place in one of the tables.

    A PDU that stays in its state writes nothing, so that a call made in one thread cannot undo what a
    PDU received in another has just done.
    """

    __slots__ = ("_table", "state")

    def __init__(self, table: Transitions) -> None:
        self._table = table
        self.state = State.IDLE

    def received(self, ptype: PacketType) -> None:
        """Follows a PDU of the peer; PduError when the table has no row for it."""
        current = self.state
        following = self._table[current].get(ptype)
        if following is None:
            reason = f"{ptype.name.lower()} may not come while {current.value}"
            early = current is State.AUTHENTICATING  # where a request certainly does nothing, which Windows says
            raise PduError(reason, nak=NakReason.NOT_SPECIFIED, did_not_execute=early)
        if following is not current:
            self.state = following

    def sent(self, ptype: PacketType) -> None:
        """Follows a PDU of the own side; StateError when the table has no row for it."""
        current = self.state
        following = self._table[current].get(ptype)
        if following is None:
            raise StateError(f"{ptype.name.lower()} may not be sent while {current.value}")
        if following is not current:
            self.state = following

    def exchanged(self, exchange: Exchange) -> None:
        """Follows how far the exchange of tokens has come, right after the PDU that told it."""
        self.state = self._table[self.state][exchange]

    def fail(self) -> None:
        """A protocol error: the end."""
        self.state = State.CLOSED
