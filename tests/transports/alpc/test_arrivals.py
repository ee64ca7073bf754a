"""What a frame that has come holds, and what may not be in one."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

import pytest

from lrpc.transports import alpc
from lrpc.transports.alpc.messages.attributes import (
    ALL_ATTRIBUTES,
    CONTEXT_ATTRIBUTE,
    TOKEN_ATTRIBUTE,
    VIEW_ATTRIBUTE,
    WORK_ON_BEHALF_ATTRIBUTE,
)
from lrpc.transports.errors import MessageTooLong

WATCHDOG = 20.0


def test_a_receiver_gets_the_attributes_it_made_room_for(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    for _ in range(3):
        client.post(b"", work_on_behalf=True)
    everything = joined_port.server.receive(WATCHDOG)
    assert everything.attributes.allocated == ALL_ATTRIBUTES
    assert everything.attributes.valid == CONTEXT_ATTRIBUTE | TOKEN_ATTRIBUTE | WORK_ON_BEHALF_ATTRIBUTE
    assert everything.attributes.work_on_behalf.thread_id == threading.get_native_id()
    assert everything.attributes.work_on_behalf.thread_creation_time_low > 0
    some = joined_port.server.receive(WATCHDOG, allocated=CONTEXT_ATTRIBUTE | VIEW_ATTRIBUTE)
    assert some.attributes.allocated == CONTEXT_ATTRIBUTE | VIEW_ATTRIBUTE
    assert some.attributes.valid == CONTEXT_ATTRIBUTE
    assert some.attributes.view is None
    none = joined_port.server.receive(WATCHDOG, allocated=0)
    assert (none.attributes.valid, none.attributes.context) == (0, None)
    for message in (everything, some, none):
        message.reply()


def test_what_goes_through_a_servers_port_is_counted(joined_port: Any) -> None:
    client, port = joined_port.connect()
    view = client.allocate(4096)
    asking = joined_port.call(client.request, b"R", timeout=WATCHDOG, view=view)
    joined_port.server.receive(WATCHDOG).reply(b"answer")
    asking.result(WATCHDOG)
    assert (port.traffic.packets_in, port.traffic.packets_out) == (1, 1)
    assert 4096 < port.traffic.octets_in < 4400
    assert 0 < port.traffic.octets_out < 200


def test_the_receiver_checks_its_limit_again(make_joined: Any) -> None:
    joined = make_joined(max_message_length=140)
    client, _ = joined.connect()
    client.datagram(bytes(100))
    assert len(joined.server.receive(WATCHDOG).data) == 100
    with pytest.raises(MessageTooLong):
        client.datagram(bytes(101))
    client.max_message = 1000  # what a hostile client makes of it
    client.datagram(bytes(101))
    assert joined.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED


def test_a_direct_message_where_none_are_taken_ends_the_connection(joined_port: Any) -> None:
    client, _ = joined_port.connect()
    client.peer_flags |= alpc.PortFlags.DIRECT_MESSAGE
    with contextlib.closing(client), os.fdopen(os.eventfd(0)) as event:
        client.post(b"", direct=event)
        assert joined_port.server.receive(WATCHDOG).type == alpc.LPC_PORT_CLOSED
