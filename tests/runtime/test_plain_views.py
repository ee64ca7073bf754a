"""A call in a view that is packed in one step has the octets that the association makes; others are not taken."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime import ncalrpc, plain_views
from lrpc.transports import alpc
from lrpc.transports.alpc.memory.section import SECTION_SPAN, OutgoingSection, View
from lrpc.transports.alpc.messages import message
from tests.runtime.associations import joined

CLIENT = struct.pack("<QQ", 4711, 0)
LARGE = ncalrpc.INLINE + 1
CALL_IDS = st.integers(1, 2**32 - 1)


@pytest.fixture(scope="module")
def view() -> Iterator[View]:
    """The second view of a section, which is the third of its owner."""
    section = OutgoingSection(1 << 20, 2 * SECTION_SPAN)
    section.allocate(1)
    yield section.allocate(LARGE)
    section.close()


def framed(kind: int, message_id: int, data: bytes, view: View) -> bytes:
    """A frame as `Sharing.send` makes it, with the client id that a port gives all others."""
    frame = message.pack(kind, message_id, data, view.attribute)
    return frame[:8] + CLIENT + frame[24:]


def released(*numbers: int) -> bytes:
    return message.pack(message.VIEW_RELEASE, 1, struct.pack(f"<{len(numbers)}Q", *numbers))


@given(call_id=CALL_IDS, opnum=st.integers(0, 2**16 - 1))
def test_large_request_is_what_association_and_port_make(view: View, call_id: int, opnum: int) -> None:
    client, _, binding_id = joined()
    data = client.request(call_id, binding_id, opnum, [bytes(LARGE)]).data
    frame = plain_views.request(CLIENT, call_id, binding_id, opnum, view)
    assert frame == framed(alpc.LPC_REQUEST, call_id, data, view)


@given(call_id=CALL_IDS)
def test_large_response_is_what_association_and_port_make(view: View, call_id: int) -> None:
    _, server, _ = joined()
    data = server.respond(call_id, [bytes(LARGE)]).data
    assert plain_views.response(CLIENT, 77, call_id, view) == framed(alpc.LPC_REPLY, 77, data, view)


@given(call_id=CALL_IDS, opnum=st.integers(0, 2**32 - 1), number=st.integers(1, 2**64 - 1))
def test_large_request_reads_back_with_what_is_released_in_front(
    view: View, call_id: int, opnum: int, number: int
) -> None:
    frame, base = plain_views.request(CLIENT, call_id, 2, opnum, view), view.attribute.view_base
    assert plain_views.read_request(frame) == (0, call_id, call_id, 2, opnum, base, LARGE)
    assert plain_views.read_request(released(number) + frame) == (number, call_id, call_id, 2, opnum, base, LARGE)


@given(call_id=CALL_IDS)
def test_large_response_reads_back(view: View, call_id: int) -> None:
    frame = plain_views.response(CLIENT, call_id, call_id, view)
    assert plain_views.read_response(frame, call_id) == (view.number, view.attribute.view_base, LARGE)


def test_large_call_behind_several_releases_goes_the_long_way(view: View) -> None:
    assert plain_views.read_request(released(1, 2) + plain_views.request(CLIENT, 1, 0, 3, view)) is None


def test_large_response_to_another_call_is_not_plain(view: View) -> None:
    assert plain_views.read_response(plain_views.response(CLIENT, 1, 1, view), 2) is None
    assert plain_views.read_response(plain_views.response(CLIENT, 1, 2, view), 1) is None
    assert plain_views.read_response(plain_views.response(CLIENT, 2, 1, view), 1) is None


HEADER = {
    0: "the data's length",
    2: "the total length",
    4: "the type",
    44: "an attribute",
    48: "a flag of the view",
    72: "the size of the view",
    80: "LRPC's type",
    88: "a flag",
}


@pytest.mark.parametrize(("offset", "what"), [*HEADER.items(), (104, "the callback it is made in"), (144, "the size")])
def test_large_request_that_differs_is_not_plain(view: View, offset: int, what: str) -> None:
    frame = bytearray(plain_views.request(CLIENT, 1, 0, 3, view))
    frame[offset] ^= 0x40
    assert plain_views.read_request(bytes(frame)) is None, what


@pytest.mark.parametrize(("offset", "what"), [*HEADER.items(), (24, "the message id"), (104, "the size")])
def test_large_response_that_differs_is_not_plain(view: View, offset: int, what: str) -> None:
    frame = bytearray(plain_views.response(CLIENT, 1, 1, view))
    frame[offset] ^= 0x40
    assert plain_views.read_response(bytes(frame), 1) is None, what


@pytest.mark.parametrize("offset", [0, 2, 4, 24, 44])
def test_large_request_behind_what_is_no_release_is_not_plain(view: View, offset: int) -> None:
    front = bytearray(released(7))
    front[offset] ^= 1
    assert plain_views.read_request(bytes(front) + plain_views.request(CLIENT, 1, 0, 3, view)) is None


def test_large_request_without_a_message_id_is_not_plain(view: View) -> None:
    assert plain_views.read_request(plain_views.request(CLIENT, 0, 0, 3, view)) is None


@given(frame=st.binary(max_size=300))
def test_any_octets_are_no_large_call(frame: bytes) -> None:
    assert plain_views.read_request(frame) is None
    assert plain_views.read_response(frame, 1) is None


@given(cut=st.integers(0, plain_views.REQUEST_SIZE + plain_views.RELEASE_SIZE - 1))
def test_large_request_cut_short_is_not_plain(view: View, cut: int) -> None:
    packet = released(7) + plain_views.request(CLIENT, 1, 0, 3, view)
    assert plain_views.read_request(packet[:cut]) is None
    response = plain_views.response(CLIENT, 1, 1, view)
    assert plain_views.read_response(response[: min(cut, len(response) - 1)], 1) is None
