"""What a client does when a call goes wrong."""

from __future__ import annotations

import dataclasses

import pytest

import lrpc


def test_a_policy_does_not_change() -> None:
    policy = lrpc.Policy()
    with pytest.raises(dataclasses.FrozenInstanceError):
        policy.retries = 7  # type: ignore[misc]
