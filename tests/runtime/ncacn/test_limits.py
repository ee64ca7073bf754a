"""Limits are named, frozen, and explained."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from lrpc.runtime.ncacn import Limits, limits


def test_defaults_are_those_that_are_promised():
    assert limits.DEFAULT_LIMITS.max_request == 4 * 1024 * 1024
    assert limits.DEFAULT_LIMITS.max_response == 64 * 1024 * 1024
    assert (limits.DEFAULT_LIMITS.max_contexts, limits.DEFAULT_LIMITS.max_transfer_syntaxes) == (32, 8)
    assert limits.DEFAULT_LIMITS.max_calls == 64


def test_limits_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().max_calls = 1


def test_every_limit_has_its_reason_beside_it():
    lines = inspect.getsource(Limits).splitlines()
    for field in dataclasses.fields(Limits):
        (at,) = [number for number, line in enumerate(lines) if line.startswith(f"    {field.name}:")]
        assert lines[at + 1].strip().startswith('"""')
