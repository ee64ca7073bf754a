from __future__ import annotations

import socket

import pytest

from lrpc.transports.alpc.quota import MESSAGE_COST
from lrpc.transports.alpc.reserve import Reserve, more_room, room_of
from lrpc.transports.errors import MessageTooLong
from lrpc.transports.sockets import NO_WAIT


def test_a_full_socket_takes_one_more_while_it_has_more_room() -> None:
    one, two = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    usual = one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
    with pytest.raises(BlockingIOError):
        while True:
            one.send(bytes(1000), NO_WAIT)
    for _ in range(5):
        with more_room(one, 1000):
            assert one.send(b"more", NO_WAIT) == 4
    with pytest.raises(BlockingIOError):
        one.send(bytes(1000), NO_WAIT)
    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) == usual
    one.close()
    two.close()


def test_a_reserve_is_its_data_and_what_goes_with_it() -> None:
    assert room_of(Reserve(100), bytes(100)) == 100 + MESSAGE_COST
    assert room_of(None, bytes(101)) == 0
    with pytest.raises(MessageTooLong):
        room_of(Reserve(100), bytes(101))
