from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lrpc.runtime import ncacn, ncalrpc
from lrpc.runtime.capture.stream import Piece
from lrpc.runtime.capture.translation import FRAGMENT, MAX_KNOWN, Translator
from lrpc.runtime.ncacn import bind_pdu, pdu
from lrpc.runtime.ncalrpc import messages
from lrpc.runtime.ncalrpc.messages import SyntaxId, TransferSyntax

INTERFACE = SyntaxId(UUID("12345678-1234-5678-1234-567812345678"), 1, 2)
BOTH = TransferSyntax.NDR | TransferSyntax.NDR64


class Wire:
    """Two associations and a translator between them."""

    def __init__(self) -> None:
        self.client = ncalrpc.ClientAssociation()
        self.server = ncalrpc.ServerAssociation()
        self.translator = Translator()

    def from_client(self, number: int, data: bytes, view: memoryview | None = None) -> list[Any]:
        return parsed(self.translator.pieces(number, data, view, request=True))

    def from_server(self, number: int, data: bytes, view: memoryview | None = None) -> list[Any]:
        return parsed(self.translator.pieces(number, data, view, request=False))

    def bind(self, syntaxes: TransferSyntax = BOTH, *, grant: bool = True) -> tuple[Any, Any]:
        asked = self.client.bind(INTERFACE, syntaxes)
        event = self.server.receive(asked)
        assert isinstance(event, ncalrpc.BindRequested)
        answer = self.server.accept(event) if grant else self.server.refuse(event)
        (bind,), (ack,) = self.from_client(1, asked), self.from_server(1, answer)
        return bind, ack


def parsed(pieces: Any) -> list[Any]:
    found = list(pieces)
    assert all(piece.is_pdu for piece in found), found
    return [pdu.parse_pdu(piece.octets) for piece in found]


def view_of(outgoing: ncalrpc.association.Outgoing) -> memoryview | None:
    return None if outgoing.view is None else memoryview(b"".join(outgoing.view))


def test_a_bind_offers_a_context_for_each_syntax() -> None:
    bind, ack = Wire().bind()
    assert type(bind) is bind_pdu.Bind
    assert [(one.context_id, one.abstract, one.transfers) for one in bind.contexts] == [
        (0, INTERFACE, [ncacn.NDR]),
        (1, INTERFACE, [ncacn.NDR64]),
    ]
    assert type(ack) is bind_pdu.BindAck
    assert ack.call_id == bind.call_id
    assert [(result.accepted, result.transfer) for result in ack.results] == [
        (True, ncacn.NDR),
        (False, bind_pdu.NO_SYNTAX),
    ]


def test_a_second_bind_alters_the_context() -> None:
    wire = Wire()
    wire.bind()
    bind, ack = wire.bind(TransferSyntax.NDR)
    assert (type(bind), type(ack)) == (bind_pdu.AlterContext, bind_pdu.AlterContextResponse)
    assert [one.context_id for one in bind.contexts] == [2]
    assert ack.call_id == bind.call_id == 2


def test_a_refusal_says_that_the_interface_is_not_known() -> None:
    _, ack = Wire().bind(grant=False)
    reasons = [(result.outcome, result.reason) for result in ack.results]
    assert (
        reasons == [(ncacn.ContextOutcome.PROVIDER_REJECTION, ncacn.RejectionReason.ABSTRACT_SYNTAX_NOT_SUPPORTED)] * 2
    )


@pytest.mark.parametrize("object", [None, UUID(int=7)])
def test_request_and_response_carry_the_same_call_and_context(object: UUID | None) -> None:
    wire = Wire()
    wire.bind()
    data = wire.client.request(9, 1, 4, [b"in", b"put"], object).data
    (request,) = wire.from_client(9, data)
    assert (request.call_id, request.context_id, request.opnum, request.stub) == (9, 1, 4, b"input")
    assert request.object == object
    (response,) = wire.from_server(9, wire.server.respond(9, [b"output"]).data)
    assert (response.call_id, response.context_id, response.stub) == (9, 1, b"output")


@pytest.mark.parametrize("size", [70_000, FRAGMENT * 2, 1_000_000])
def test_what_goes_through_shared_memory_comes_in_fragments(size: int) -> None:
    wire, stub = Wire(), bytes(range(256)) * (size // 256 + 1)
    stub = stub[:size]
    request = wire.client.request(3, 0, 4, [stub])
    response = wire.server.respond(3, [stub])
    for fragments in (
        wire.from_client(3, request.data, view_of(request)),
        wire.from_server(3, response.data, view_of(response)),
    ):
        assert b"".join(fragment.stub for fragment in fragments) == stub
        flags = [fragment.flags & 3 for fragment in fragments]
        assert flags == [1, *[0] * (len(fragments) - 2), 2]
        assert fragments[0].alloc_hint == size
        assert all(len(fragment.stub) % 8 == 0 for fragment in fragments[:-1])


@pytest.mark.parametrize("never", [True, False])
def test_a_fault_gets_the_call_of_its_message(never: bool) -> None:
    wire = Wire()
    wire.from_client(77, wire.client.request(5, 1, 4, [b""]).data)
    (fault,) = wire.from_server(77, wire.server.fault(0x1C010003, did_not_execute=never))
    assert (fault.call_id, fault.context_id, fault.status) == (5, 1, 0x1C010003)
    assert bool(fault.flags & ncacn.DID_NOT_EXECUTE) is never


def test_a_fault_keeps_its_detail() -> None:
    wire = Wire()
    wire.from_client(77, wire.client.request(5, 1, 4, [b""]).data)
    (fault,) = wire.from_server(77, wire.server.fault(5, detail=b"records"))
    assert (fault.detail, fault.extended, fault.alloc_hint) == (b"records", 1, 32 + 7)


def test_callbacks_come_out_as_they_are() -> None:
    for data in (
        messages.pack_callback(7, 3) + b"stub",
        messages.pack_callback_reply(7),
        messages.pack_callback_fault(7, 5, begun=True),
        messages.pack_callback_fault(7, 5, begun=False),
    ):
        assert list(Translator().pieces(77, data, None, request=False)) == [Piece(data, False)]


def test_a_cancel_names_the_call() -> None:
    wire = Wire()
    wire.from_client(77, wire.client.request(5, 1, 4, [b""]).data)
    (cancel,) = wire.from_client(77, messages.MessageType.CANCEL.to_bytes(8, "little"))
    assert isinstance(cancel, pdu.CoCancel)
    assert cancel.call_id == 5


def test_a_cancel_may_name_the_call_itself() -> None:
    data = messages.MessageType.CANCEL.to_bytes(8, "little") + bytes(4) + (9).to_bytes(4, "little")
    (cancel,) = Wire().from_client(77, data)
    assert cancel.call_id == 9


PART, PIPE, LAST = 2, 0x40, 0x80


def test_a_stub_in_several_messages_is_one_stub() -> None:
    wire = Wire()
    flags = [PIPE, PIPE | PART, PIPE | PART | LAST]
    requests = [wire.from_client(3, messages.pack_request(3, 1, 4, None, flag) + b"12345678") for flag in flags]
    assert [fragment.flags & 3 for (fragment,) in requests] == [1, 0, 2]
    responses = [wire.from_server(3, messages.pack_response(3, flag) + b"12345678") for flag in (PART, PART, 0)]
    assert [fragment.flags & 3 for (fragment,) in responses] == [1, 0, 2]
    assert [fragment.context_id for (fragment,) in responses] == [1, 1, 1]


def test_a_fault_ends_an_answer_that_has_begun() -> None:
    wire = Wire()
    wire.from_client(3, wire.client.request(3, 1, 4, [b""]).data)
    wire.from_server(3, messages.pack_response(3, PART) + b"12345678")
    (fault,) = wire.from_server(3, wire.server.fault(5))
    assert (fault.call_id, fault.context_id) == (3, 1)
    wire.from_client(3, wire.client.request(3, 1, 4, [b""]).data)
    (response,) = wire.from_server(3, wire.server.respond(3, [b""]).data)
    assert response.flags & 3 == 3


def test_calls_without_answer_are_forgotten_in_the_end() -> None:
    wire = Wire()
    for number in range(1, MAX_KNOWN + 2):
        wire.from_client(number, wire.client.request(number, 1, 4, [b""]).data)
    (late,) = wire.from_server(1, wire.server.respond(1, [b""]).data)
    (known,) = wire.from_server(2, wire.server.respond(2, [b""]).data)
    assert (late.context_id, known.context_id) == (0, 1)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x09\0\0\0\0\0\0\0", bytes(20), messages.pack_request(1, 0, 0, None, 4) + messages.pack_large(9)],
    ids=["empty", "unknown", "short", "without its view"],
)
def test_what_is_no_message_comes_out_as_it_is(data: bytes) -> None:
    assert list(Translator().pieces(1, data, None, request=True)) == [Piece(data, False)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.binary(max_size=90), st.booleans()), max_size=5))
def test_no_messages_raise(sent: list[tuple[int, bytes, bool]]) -> None:
    translator = Translator()
    for kind, body, request in sent:
        for piece in translator.pieces(1, bytes((kind, *bytes(7))) + body, None, request=request):
            assert not piece.is_pdu or pdu.parse_pdu(piece.octets)
