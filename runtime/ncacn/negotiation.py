"""What a server answers to offered contexts (C706 12.6.4.3, MS-RPCE 3.3.1.5.3 and 3.3.1.5.6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from .bind_pdu import Bind, ContextRequest, ContextResult
from .constants import ALL_FEATURES, ContextOutcome, NakReason, RejectionReason
from .errors import PduError
from .limits import Limits
from .syntax import NDR, NDR64, SyntaxId

__all__ = ["Context", "ContextRequest", "ContextResult", "negotiate"]

DEFAULT_PREFERENCE: Final = (NDR64, NDR)


class Context(NamedTuple):
    """An accepted presentation context: an interface and how its stubs are encoded."""

    abstract: SyntaxId
    transfer: SyntaxId


def check_offer(bind: Bind, limits: Limits) -> None:
    """PduError for a bind or alter context whose offer cannot be answered item by item."""
    items = bind.contexts
    if not items or not all(item.transfers for item in items):
        raise PduError("nothing is offered", nak=NakReason.NOT_SPECIFIED)
    longest = max(len(item.transfers) for item in items)
    if len(items) > limits.max_contexts or longest > limits.max_transfer_syntaxes:
        reason = f"{len(items)} contexts with up to {longest} encodings are too many"
        raise PduError(reason, nak=NakReason.LOCAL_LIMIT_EXCEEDED)
    interfaces: dict[int, SyntaxId] = {}
    if any(interfaces.setdefault(item.context_id, item.abstract) != item.abstract for item in items):
        raise PduError("one context is offered for two interfaces", nak=NakReason.NOT_SPECIFIED)
    if sum(item.features is not None for item in items) > 1:
        raise PduError("features are negotiated twice", nak=NakReason.NOT_SPECIFIED)


def rejection(reason: RejectionReason) -> ContextResult:
    """A result that says no, with the null syntax."""
    return ContextResult(ContextOutcome.PROVIDER_REJECTION, reason)


def acceptance(transfer: SyntaxId) -> ContextResult:
    """A result that says yes."""
    return ContextResult(ContextOutcome.ACCEPTANCE, RejectionReason.NOT_SPECIFIED, transfer)


def negotiate(
    contexts: Sequence[ContextRequest],
    offered: Callable[[SyntaxId], bool],
    transfer_preference: Sequence[SyntaxId] = DEFAULT_PREFERENCE,
    *,
    features: int = ALL_FEATURES,
) -> list[ContextResult]:
    """A result for each context of a BindRequested, as Windows would choose.

    offered(abstract): whether the interface is served here, in a version that suits. transfer_preference:
    the encodings spoken, best first. features: the bind-time features granted to those who ask.

    Only one context is accepted in one bind, whether new or offered again: the best encoding is looked for in
    all items before the next best in any (MS-RPCE 3.3.1.5.6; measured on Windows and Samba).
    """
    results = [_result(item, offered, features) for item in contexts]
    _accept_one(contexts, results, transfer_preference)
    refused = rejection(RejectionReason.TRANSFER_SYNTAXES_NOT_SUPPORTED)
    return [refused if result is None else result for result in results]


def _result(item: ContextRequest, offered: Callable[[SyntaxId], bool], features: int) -> ContextResult | None:
    # None: the encodings decide.
    if item.features is not None:
        return ContextResult(ContextOutcome.NEGOTIATE_ACK, item.features & features)
    if not offered(item.abstract):
        return rejection(RejectionReason.ABSTRACT_SYNTAX_NOT_SUPPORTED)
    return None


def _accept_one(
    contexts: Sequence[ContextRequest], results: list[ContextResult | None], preference: Sequence[SyntaxId]
) -> None:
    for transfer in preference:
        for index, item in enumerate(contexts):
            if results[index] is None and transfer in item.transfers:
                results[index] = acceptance(transfer)
                return
