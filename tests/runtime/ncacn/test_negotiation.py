"""What is answered to offered contexts."""

from __future__ import annotations

from uuid import UUID

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    NDR64,
    ContextOutcome,
    ContextRequest,
    ContextResult,
    RejectionReason,
    SyntaxId,
    feature_syntax,
    negotiate,
)

SERVED = SyntaxId(UUID(int=1), 1, 0)
STRANGE = SyntaxId(UUID(int=2), 1, 0)
NO_ABSTRACT = ContextResult(ContextOutcome.PROVIDER_REJECTION, RejectionReason.ABSTRACT_SYNTAX_NOT_SUPPORTED)
NO_TRANSFER = ContextResult(ContextOutcome.PROVIDER_REJECTION, RejectionReason.TRANSFER_SYNTAXES_NOT_SUPPORTED)


def accepted(transfer: SyntaxId) -> ContextResult:
    return ContextResult(ContextOutcome.ACCEPTANCE, 0, transfer)


def answer(*items: ContextRequest, preference=(NDR64, NDR), **options) -> list[ContextResult]:
    return negotiate(items, lambda abstract: abstract == SERVED, preference, **options)


def offer(*transfers: SyntaxId, abstract: SyntaxId = SERVED) -> ContextRequest:
    return ContextRequest(0, abstract, list(transfers))


def test_interface_that_is_served_is_accepted():
    assert answer(offer(NDR)) == [accepted(NDR)]


def test_unknown_interface_is_rejected_with_the_null_syntax():
    assert answer(offer(NDR, abstract=STRANGE)) == [NO_ABSTRACT]
    assert NO_ABSTRACT.transfer == SyntaxId(UUID(int=0), 0, 0)


def test_unknown_encoding_is_rejected():
    assert answer(offer(SyntaxId(NDR.uuid, 1, 0))) == [NO_TRANSFER]
    assert answer(offer(NDR64), preference=(NDR,)) == [NO_TRANSFER]


def test_preferred_encoding_wins_within_an_item():
    assert answer(offer(NDR, NDR64)) == [accepted(NDR64)]
    assert answer(offer(NDR, NDR64), preference=(NDR, NDR64)) == [accepted(NDR)]


def test_preferred_encoding_is_looked_for_in_all_items_first():
    # What Windows clients send: the same interface twice, once in each encoding.
    assert answer(offer(NDR), offer(NDR64)) == [NO_TRANSFER, accepted(NDR64)]


def test_only_one_context_is_accepted():
    assert answer(offer(NDR), offer(NDR)) == [accepted(NDR), NO_TRANSFER]


@pytest.mark.parametrize("asked", range(8))
def test_features_are_granted_as_far_as_they_are_known(asked):
    assert answer(offer(feature_syntax(asked))) == [ContextResult(ContextOutcome.NEGOTIATE_ACK, asked & 3)]


def test_features_are_granted_beside_a_context_whatever_the_interface():
    results = answer(offer(NDR), offer(feature_syntax(3), NDR, abstract=STRANGE), features=2)
    assert results == [accepted(NDR), ContextResult(ContextOutcome.NEGOTIATE_ACK, 2)]


def test_feature_syntax_that_is_not_first_is_an_unknown_encoding():
    assert answer(offer(NDR, feature_syntax(3))) == [accepted(NDR)]
    assert answer(offer(STRANGE, feature_syntax(3))) == [NO_TRANSFER]
