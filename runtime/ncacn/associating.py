"""The half of a client's association that sets it up: bind, alter context, and the legs of authentication."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from .bind_pdu import AlterContext, AlterContextResponse, Auth3, Bind, BindAck, ContextRequest
from .constants import (
    CONCURRENT_MULTIPLEX,
    MUST_RECEIVE_FRAGMENT,
    SECURITY_CONTEXT_MULTIPLEXING,
    SUPPORT_HEADER_SIGN,
    WHOLE,
    ContextOutcome,
    Order,
    PacketType,
)
from .errors import PduError, StateError
from .events import BindAnswered
from .header import AuthTrailer
from .initiator import Initiator
from .negotiation import Context
from .security import AuthLevel, SecurityContext, SecurityError
from .states import CLIENT_TRANSITIONS, Exchange, State, StateMachine


class Associating(ABC):
    """What a client and its server have agreed on.

    contexts: what has been accepted so far, by context id. features: the bind-time features that were granted.
    """

    def __init__(self, max_fragment: int, order: Order, *, multiplex: bool) -> None:
        self.contexts: dict[int, Context] = {}
        self.features = 0
        self._order: Order = order
        self._max_fragment = max_fragment
        self._multiplex = multiplex
        self._machine = StateMachine(CLIENT_TRANSITIONS)
        # The bind or alter context that waits for its answer.
        self._asked: Bind | None = None
        self._answered: BindAnswered | None = None  # what is told once all tokens are exchanged
        self._initiator = Initiator()
        self._out = bytearray()

    @abstractmethod
    def next_call_id(self) -> int:
        """A call id that is not in use."""

    @abstractmethod
    def _close(self) -> None:
        """The end."""

    def bind(
        self,
        contexts: Sequence[ContextRequest],
        group_id: int = 0,
        *,
        security: SecurityContext | None = None,
        level: int = AuthLevel.INTEGRITY,
    ) -> bytes:
        """The PDU that opens the association, in `group_id` or a new group. Answered by BindAnswered or BindRefused.

        A server accepts one new context of a bind; further interfaces take `alter`. With `security`, calls come under
        it at `level`; what goes until the bind is answered, and then once more, is in `data_to_send`. Raises
        SecurityError, which closes the association.
        """
        self._machine.sent(PacketType.BIND)
        flags = WHOLE | (CONCURRENT_MULTIPLEX if self._multiplex else 0)
        try:
            auth = self._initiator.begin(security, level, first=True) if security else None
        except SecurityError:
            self._close()
            raise
        if auth is not None and auth.level >= AuthLevel.PACKET:
            flags |= SUPPORT_HEADER_SIGN
        size = self._max_fragment
        self._asked = Bind(self.next_call_id(), list(contexts), size, size, group_id, flags, self._order, auth)
        return self._asked.serialize()

    def authenticate(self, security: SecurityContext, level: int = AuthLevel.INTEGRITY) -> bytes:
        """The PDU that begins a further security context; calls may go on meanwhile. Answered as `alter` is.

        BindAnswered names it. Raises SecurityError, which changes nothing, and StateError unless the server has granted
        several of them: offer it `feature_syntax(SECURITY_CONTEXT_MULTIPLEXING)` in the bind (MS-RPCE 2.2.2.14).
        """
        if not self.features & SECURITY_CONTEXT_MULTIPLEXING or self.state not in (State.BOUND, State.SECURED):
            raise StateError("the server has not granted several security contexts")
        auth = self._initiator.begin(security, level)
        self._machine.sent(PacketType.ALTER_CONTEXT)
        return self._ask_again(self.next_call_id(), self._one_context(), auth)

    def data_to_send(self) -> bytes:
        """The octets that the association sends by itself, of authentication; each is given once."""
        octets = bytes(self._out)
        self._out.clear()
        return octets

    def alter(self, contexts: Sequence[ContextRequest]) -> bytes:
        """The PDU that offers further contexts; calls may go on meanwhile. Answered as `bind` is."""
        self._machine.sent(PacketType.ALTER_CONTEXT)
        size = self._max_fragment
        self._asked = AlterContext(self.next_call_id(), list(contexts), size, size, 0, WHOLE, self._order)
        return self._asked.serialize()

    @property
    def closed(self) -> bool:
        """Close the connection: it was refused, or the server broke the protocol."""
        return self._machine.state is State.CLOSED

    @property
    def state(self) -> State:
        """Where the association stands."""
        return self._machine.state

    @property
    def max_fragment(self) -> int:
        """The size of fragment that is sent."""
        return self._max_fragment

    @property
    def multiplex(self) -> bool:
        """Calls may overlap: asked for, and once bound, granted."""
        return self._multiplex

    def _bound(self, answer: BindAck) -> BindAnswered | None:
        asked = self._asked
        if asked is None or answer.call_id != asked.call_id or len(answer.results) != len(asked.contexts):
            raise PduError("the answer is not that of the bind")
        for item, result in zip(asked.contexts, answer.results, strict=True):
            if result.accepted:
                if result.transfer not in item.transfers:
                    raise PduError(f"context {item.context_id} is accepted with an encoding that was not offered")
                self.contexts[item.context_id] = Context(item.abstract, result.transfer)
            elif result.outcome == ContextOutcome.NEGOTIATE_ACK:
                if item.features is None:
                    raise PduError(f"context {item.context_id} did not ask for features")
                self.features |= item.features & result.reason
        alter = isinstance(answer, AlterContextResponse)
        if not alter:
            self._settle(answer)
        if self._answered is None:
            security = self._initiator.unfinished
            address = answer.secondary_address
            self._answered = BindAnswered(answer.results, answer.group_id, address, alter, self._multiplex, security)
        return self._exchange(asked, answer, alter=alter)

    def _exchange(self, asked: Bind, answer: BindAck, *, alter: bool) -> BindAnswered | None:
        """The next step of authentication, if there is one; what is told when there is none."""
        if answer.flags & asked.flags & SUPPORT_HEADER_SIGN:
            self._initiator.agree_to_sign_headers()
        leg, auth3 = self._initiator.answered(answer.auth)
        if self._machine.state is State.BOUND and self._initiator.contexts:
            self._machine.exchanged(Exchange.UNFINISHED if leg and not alter else Exchange.OVER)
        if leg and not auth3:
            self._machine.sent(PacketType.ALTER_CONTEXT)
            self._out += self._ask_again(asked.call_id, self._one_context(), leg)
            return None
        if leg:
            self._machine.sent(PacketType.AUTH3)
            self._out += Auth3(asked.call_id, order=self._order, auth=leg).serialize()
        if self._machine.state is State.AUTHENTICATING:
            self._machine.exchanged(Exchange.OVER)
        told, self._answered, self._asked = self._answered, None, None
        return told

    def _ask_again(self, call_id: int, contexts: list[ContextRequest], auth: AuthTrailer) -> bytes:
        size = self._max_fragment
        initiator = self._initiator
        flags = WHOLE
        # Nothing changes for the calls of other contexts, which may be on their way.
        if auth.level >= AuthLevel.PACKET and (initiator.sign_header or len(initiator.contexts) == 1):
            flags |= SUPPORT_HEADER_SIGN
        self._asked = AlterContext(call_id, contexts, size, size, 0, flags, self._order, auth)
        return self._asked.serialize()

    def _one_context(self) -> list[ContextRequest]:
        """An accepted context as it is offered again; a token does not travel alone."""
        for id, context in self.contexts.items():
            return [ContextRequest(id, context.abstract, [context.transfer])]
        raise PduError("no context is accepted to authenticate for")

    def _settle(self, answer: BindAck) -> None:
        # Crossed: what the server receives is what is sent here (MS-RPCE 3.3.2.4.1).
        if min(answer.max_recv, answer.max_xmit) < MUST_RECEIVE_FRAGMENT:
            raise PduError(f"fragments of {answer.max_recv} and {answer.max_xmit} octets are too small")
        self._max_fragment = min(self._max_fragment, answer.max_recv)
        self._multiplex = bool(self._multiplex and answer.flags & CONCURRENT_MULTIPLEX)
