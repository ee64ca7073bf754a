from __future__ import annotations

import gc
import re
import warnings
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.messages import attributes as wire
from lrpc.transports.alpc.received import Arrival, Context, Message, MessageAttributes, Origin, State
from lrpc.transports.errors import ReplyMismatch

WATCHDOG = 20.0
FULL = MessageAttributes(wire.ALL_ATTRIBUTES, Context(), memoryview(b"view"), False, wire.WorkOnBehalfAttribute(1, 2))


def test_a_message_that_is_neither_answered_nor_released_is_warned_of(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.post(b"forgotten")
    message = joined_port.server.receive(WATCHDOG)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        del message
        gc.collect()
    assert [warning.category for warning in warned] == [ResourceWarning]
    assert re.search(r"LPC_REQUEST 0x1 .* neither answered nor released", str(warned[0].message))


@pytest.mark.parametrize("verb", ["reply", "release"])
def test_one_that_is_has_nothing_to_warn_of(joined_port: Any, verb: str) -> None:
    client, _ = joined_port.connect()
    client.post(b"")
    message = joined_port.server.receive(WATCHDOG)
    getattr(message, verb)()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del message
        gc.collect()


def test_a_message_of_no_origin_can_do_nothing() -> None:
    message = Message(Origin(), alpc.LPC_DATAGRAM, 7)
    for verb in (message.reply, message.call_back, message.accept, message.refuse):
        with pytest.raises(ReplyMismatch):
            verb()
    message.release()
    assert message.state is State.OVER


def test_releasing_a_held_message_is_all_that_is_needed() -> None:
    message = Message(Origin(), alpc.LPC_CANCELED, 7, state=State.QUEUED)
    assert not message.needs_release
    message.pick_up()
    assert message.needs_release
    message.release()
    message.release()
    assert not message.needs_release


def test_valid_attributes_are_those_with_content() -> None:
    assert FULL.valid == wire.CONTEXT_ATTRIBUTE | wire.VIEW_ATTRIBUTE | wire.WORK_ON_BEHALF_ATTRIBUTE
    assert MessageAttributes().valid == 0


@pytest.mark.parametrize("bit", [wire.CONTEXT_ATTRIBUTE, wire.VIEW_ATTRIBUTE, wire.WORK_ON_BEHALF_ATTRIBUTE])
def test_room_for_one_attribute_brings_that_one(bit: int) -> None:
    limited = FULL.limited(bit)
    assert (limited.allocated, limited.valid) == (bit, bit)


def test_an_arrival_goes_by_its_callback_if_it_has_one() -> None:
    arrival = Arrival(alpc.LPC_REQUEST, 7, 0, 0, b"", 0, MessageAttributes(), 0)
    assert arrival.number == 7
    assert arrival._replace(callback_id=9).number == 9


def test_repr_tells_what_it_is() -> None:
    message = Message(Origin(), alpc.LPC_REQUEST, 7, 9, data=b"abc", client_id=(12, 13), state=State.QUEUED)
    assert repr(message) == "<LPC_REQUEST 0x7.0x9 of 12: 3 octets, queued>"
