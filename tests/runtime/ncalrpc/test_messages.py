"""The structures of LRPC, octet by octet, in both directions."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime.ncalrpc import messages
from lrpc.runtime.ncalrpc.messages import (
    Bind,
    FaultFlag,
    MessageError,
    MessageType,
    RequestFlag,
    SyntaxId,
    TransferSyntax,
)

VIEW_FLAGS = RequestFlag.VIEW_PRESENT | RequestFlag.VIEW_NOT_SECURE
BOTH = TransferSyntax.NDR | TransferSyntax.NDR64


def test_a_bind_is_72_octets(kit: SimpleNamespace) -> None:
    bind = Bind(0, kit.INTERFACE, BOTH, 0, 1)
    assert bind.pack() == kit.BIND
    assert Bind.parse(kit.BIND) == bind
    assert len(kit.BIND) == 72


def test_an_answer_to_a_bind_has_one_syntax_or_a_status(kit: SimpleNamespace) -> None:
    assert Bind(0, kit.INTERFACE, TransferSyntax.NDR, 0, 1).pack() == kit.BOUND
    assert Bind(1717, kit.INTERFACE, TransferSyntax(0), 0, 1).pack() == kit.REFUSED
    assert Bind.parse(kit.REFUSED).status == 1717


def test_a_request_has_64_octets_before_its_stub(kit: SimpleNamespace) -> None:
    assert messages.pack_request(1, 0, 5, None) + b"stub" == kit.REQUEST
    assert messages.parse_request(kit.REQUEST) == (0, 1, 0, 5, None)
    assert kit.REQUEST[messages.REQUEST_SIZE :] == b"stub"


def test_a_request_names_an_object_by_a_flag(kit: SimpleNamespace) -> None:
    assert messages.pack_request(1, 0, 5, kit.OBJECT) + b"stub" == kit.OBJECT_REQUEST
    assert messages.parse_request(kit.OBJECT_REQUEST) == (1, 1, 0, 5, kit.OBJECT)


def test_a_uuid_without_its_flag_names_nothing(kit: SimpleNamespace) -> None:
    unflagged = kit.OBJECT_REQUEST[:8] + bytes(4) + kit.OBJECT_REQUEST[12:]
    assert messages.parse_request(unflagged)[4] is None


def test_a_large_request_says_the_size_of_its_view(kit: SimpleNamespace) -> None:
    assert messages.pack_request(1, 0, 5, None, VIEW_FLAGS) + messages.pack_large(80_000) == kit.LARGE_REQUEST
    view = memoryview(bytes(81_920))
    assert len(messages.large_stub(kit.LARGE_REQUEST, messages.REQUEST_SIZE, view)) == 80_000


def test_a_response_has_24_octets_before_its_stub(kit: SimpleNamespace) -> None:
    assert messages.pack_response(1) + b"buts" == kit.RESPONSE
    assert messages.parse_response(kit.RESPONSE) == (0, 1)
    assert kit.RESPONSE[messages.RESPONSE_SIZE :] == b"buts"


def test_a_large_response_says_the_size_of_its_view(kit: SimpleNamespace) -> None:
    assert messages.pack_response(1, VIEW_FLAGS) + messages.pack_large(80_000) == kit.LARGE_RESPONSE
    assert messages.parse_response(kit.LARGE_RESPONSE) == (VIEW_FLAGS, 1)


def test_a_fault_is_a_status_and_flags(kit: SimpleNamespace) -> None:
    assert messages.pack_fault(0x6F7, FaultFlag.DID_NOT_EXECUTE) == kit.FAULT
    assert messages.parse_fault(kit.FAULT) == (0x6F7, FaultFlag.DID_NOT_EXECUTE)
    extended = kit.octets("02000000 00000000 05000000 01000000") + b"extended error information"
    assert messages.parse_fault(extended) == (5, FaultFlag.EXTENDED_ERROR)
    assert messages.detail_of(extended) == b"extended error information"
    assert messages.detail_of(kit.FAULT + b"what nothing announces") == b""
    assert messages.pack_fault(5, detail=b"extended error information") == extended


def test_a_callback_is_laid_out_as_a_call(kit: SimpleNamespace) -> None:
    callback = kit.octets("09000000 00000000 00000000 07000000 00000000 03000000") + bytes(40)
    assert messages.pack_callback(7, 3) == callback
    assert messages.parse_request(callback) == (0, 7, 0, 3, None)
    reply = kit.octets("0a000000 00000000 00000000 07000000 00000000 00000000")
    assert messages.pack_callback_reply(7) == reply
    assert messages.parse_response(reply) == (0, 7)


def test_a_callback_that_fails_names_itself(kit: SimpleNamespace) -> None:
    fault = kit.octets("0b000000 00000000 05000000 00000000 07000000 00000000")
    nack = kit.octets("08000000 00000000 05000000 00000000 07000000 00000000")
    assert messages.pack_callback_fault(7, 5, begun=True) == fault
    assert messages.pack_callback_fault(7, 5, begun=False) == nack
    assert messages.parse_callback_fault(fault) == messages.parse_callback_fault(nack) == (7, 5)


def test_a_request_says_in_which_callback_it_is_made() -> None:
    request = messages.pack_request(1, 0, 5, None, within=7)
    assert messages.within_of(request) == 7
    assert messages.parse_request(request) == messages.parse_request(messages.pack_request(1, 0, 5, None))
    assert messages.within_of(messages.pack_request(1, 0, 5, None)) == 0


def test_every_message_begins_with_its_type(golden: bytes) -> None:
    assert messages.message_type(golden) is MessageType(golden[0])


@pytest.mark.parametrize("size", [0, 1, 79_999, 80_000])
def test_a_view_of_the_right_size_is_cut_to_the_stub(kit: SimpleNamespace, size: int) -> None:
    data = messages.pack_response(1, VIEW_FLAGS) + messages.pack_large(size)
    assert len(messages.large_stub(data, messages.RESPONSE_SIZE, memoryview(bytes(80_000)))) == size


@pytest.mark.parametrize("size", [80_001, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
def test_a_stub_larger_than_its_view_is_refused(size: int) -> None:
    data = messages.pack_response(1, VIEW_FLAGS) + messages.pack_large(size)
    with pytest.raises(MessageError, match="claims"):
        messages.large_stub(data, messages.RESPONSE_SIZE, memoryview(bytes(80_000)))


def test_a_large_stub_without_a_view_is_refused(kit: SimpleNamespace) -> None:
    with pytest.raises(MessageError, match="has none"):
        messages.large_stub(kit.LARGE_RESPONSE, messages.RESPONSE_SIZE, None)


def test_a_large_stub_without_its_size_is_refused(kit: SimpleNamespace) -> None:
    with pytest.raises(MessageError, match="cut short"):
        messages.large_stub(kit.LARGE_RESPONSE[:-5], messages.RESPONSE_SIZE, memoryview(bytes(8)))


def test_structures_cut_short_are_refused(kit: SimpleNamespace) -> None:
    for parse, data, size in (
        (Bind.parse, kit.BIND, 72),
        (messages.parse_request, kit.REQUEST, 64),
        (messages.parse_response, kit.RESPONSE, 24),
        (messages.parse_fault, kit.FAULT, 16),
        (messages.parse_callback_fault, messages.pack_callback_fault(7, 5, begun=True), 24),
        (messages.message_type, kit.CANCEL, 8),
    ):
        for cut in range(size):
            with pytest.raises(MessageError):
                parse(data[:cut])
        parse(data)


@pytest.mark.parametrize("value", [5, 6, 13, 0x100, 0xFFFFFFFF])
def test_types_that_are_not_spoken_are_refused(value: int) -> None:
    with pytest.raises(MessageError, match="unknown"):
        messages.message_type(value.to_bytes(4, "little") + bytes(80))


def test_syntaxes_that_nobody_knows_are_not_offered(kit: SimpleNamespace) -> None:
    offered = kit.BIND[:32] + b"\xfe\xff\xff\xff" + kit.BIND[36:]
    assert Bind.parse(offered).syntaxes == TransferSyntax.NDR64


def test_what_rpcrt4_keeps_to_itself_is_not_looked_at(kit: SimpleNamespace) -> None:
    private = kit.REQUEST[:24] + b"\xaa" * 24 + kit.REQUEST[48:]
    assert messages.parse_request(private) == messages.parse_request(kit.REQUEST)
    private = kit.RESPONSE[:16] + b"\xaa" * 8 + kit.RESPONSE[24:]
    assert messages.parse_response(private) == messages.parse_response(kit.RESPONSE)


@given(
    st.uuids(), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 3), st.integers(0, 0xFFFFFFFF),
    st.integers(-0x8000, 0x7FFF), st.integers(-0x8000, 0x7FFF),
)  # fmt: skip
def test_every_bind_comes_back(
    uuid: UUID, major: int, minor: int, syntaxes: int, status: int, ndr_id: int, ndr64_id: int
) -> None:
    bind = Bind(status, SyntaxId(uuid, major, minor), TransferSyntax(syntaxes), ndr_id, ndr64_id)
    assert Bind.parse(bind.pack()) == bind


def test_a_bind_knows_the_id_of_each_syntax(kit: SimpleNamespace) -> None:
    bind = Bind(0, kit.INTERFACE, BOTH, 4, 5)
    assert (bind.binding_id(TransferSyntax.NDR), bind.binding_id(TransferSyntax.NDR64)) == (4, 5)


def test_an_interface_reads_as_the_field_writes_it(kit: SimpleNamespace) -> None:
    assert str(kit.INTERFACE) == "12345678-1234-5678-9abc-def012345678 v1.2"
