"""Events cannot be changed."""

from __future__ import annotations

import dataclasses

import pytest

from lrpc.runtime.ncacn import FaultReceived, RequestReceived, events


def test_every_event_is_immutable():
    for kind in events.Event.__args__:
        if dataclasses.is_dataclass(kind):
            assert kind.__dataclass_params__.frozen
            assert "__dict__" not in dir(kind(*range(len(dataclasses.fields(kind)))))
        else:
            assert issubclass(kind, tuple)


def test_a_field_cannot_be_set():
    with pytest.raises(dataclasses.FrozenInstanceError):
        FaultReceived(1, 5, False, b"").status = 6
    with pytest.raises(AttributeError):
        RequestReceived(1, 0, 0, None, b"", "<", 3).call_id = 2


def test_fault_is_shown_with_its_name():
    assert str(FaultReceived(7, 0x1C010002, True, b"")) == "call 7: nca_s_op_rng_error"
