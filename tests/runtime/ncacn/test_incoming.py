"""Fragments of requests under protection, at the server: whose they are, and what Windows answers when they are not."""

from __future__ import annotations

import pytest

from lrpc.runtime.ncacn import (
    NDR,
    ConnectionFailed,
    ContextRequest,
    FaultStatus,
    Limits,
    PduError,
    RequestBegun,
    RequestContinued,
    RequestReceived,
    pdu,
)
from lrpc.runtime.ncacn.bind_pdu import AlterContext, Auth3
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.incoming import Incoming
from lrpc.runtime.ncacn.security import AuthLevel, AuthType

FIRST, LAST = 0x01, 0x02
INTEGRITY, PACKET, PRIVACY = AuthLevel.INTEGRITY, AuthLevel.PACKET, AuthLevel.PRIVACY
PROTO_ERROR, DENIED = FaultStatus.NCA_S_PROTO_ERROR, FaultStatus.ACCESS_DENIED
PACKAGE_ERROR, UNKNOWN = FaultStatus.RPC_S_SEC_PKG_ERROR, FaultStatus.NCA_S_UNK_IF
ODD = {"context_id": 111, "opnum": 111}


class Peer:
    """A client written by hand, with two security contexts: 1 at INTEGRITY and 2 at PACKET, headers not signed."""

    def __init__(self, kit, *, mpx: bool, **options) -> None:
        self.kit = kit
        self.server = kit.bound_server(0x13 if mpx else 0x03, authenticate=kit.acceptors(), **options)
        self.packages = {}
        for id, level in ((1, INTEGRITY), (2, PACKET)):
            package = self.packages[id] = kit.Package(AuthType.NTLM, server=False)
            item = ContextRequest(0, kit.INTERFACE, [NDR])
            token = AuthTrailer(10, level, package.step(b""), id)
            alter = AlterContext(1, [item], 5840, 5840, auth=token).serialize()
            _, sent = kit.listen(self.server, [alter])
            token = AuthTrailer(10, level, package.step(kit.pdus(sent)[0].auth.value), id)
            kit.listen(self.server, [Auth3(1, auth=token).serialize()])

    def fragment(self, signer: int | None, flags: int, call_id: int = 3, stub: bytes = bytes(16), **fields) -> bytes:
        """A fragment that context `signer` signs, with whatever in its header and trailer."""
        names = {name: fields.pop(name) for name in ("type", "level", "id") if name in fields}
        request = pdu.Request(call_id, **{"context_id": 0, "opnum": 5, **fields}, stub=stub, flags=flags)
        if signer is None:
            return request.serialize()
        level = names.get("level", INTEGRITY if signer == 1 else PACKET)
        request.auth = AuthTrailer(names.get("type", 10), level, bytes(16), names.get("id", signer))
        octets = request.serialize()
        own = INTEGRITY if signer == 1 else PACKET
        package = self.packages[signer]
        _, value = package.protect(own, octets[:24], octets[24:-24], octets[-24:-16], sign_header=False)
        return octets[:-16] + value

    def end(self, octets: bytes) -> tuple[int, int, int]:
        """(call id, context id, status) of the fault that ends the association."""
        (event,) = self.server.receive_data(octets)
        assert isinstance(event, ConnectionFailed)
        (fault,) = self.kit.pdus(self.server.data_to_send())
        assert fault.flags == 3
        return fault.call_id, fault.context_id, fault.status


@pytest.fixture(params=[False, True], ids=["alone", "multiplexed"])
def mpx(request):
    return request.param


@pytest.fixture
def peer(kit, mpx):
    return Peer(kit, mpx=mpx)


def test_rule_50_headers_of_later_fragments_do_not_count_under_a_signature(peer):
    assert peer.server.receive_data(peer.fragment(1, FIRST)) == []
    (event,) = peer.server.receive_data(peer.fragment(1, LAST, **ODD, type=111, level=111, id=111))
    assert isinstance(event, RequestReceived)
    assert (event.context_id, event.opnum, len(event.stub), event.security.id) == (0, 5, 32, 1)


def test_rule_34_later_fragment_that_another_context_signed_is_refused(peer):
    peer.server.receive_data(peer.fragment(1, FIRST))
    assert peer.end(peer.fragment(2, LAST)) == (3, 0, PACKAGE_ERROR)


@pytest.mark.parametrize("fields", [{}, ODD], ids=["same", "odd"])
def test_rule_34_later_fragment_without_a_signature_is_refused(peer, fields):
    peer.server.receive_data(peer.fragment(1, FIRST))
    assert peer.end(peer.fragment(None, LAST, **fields)) == (3, 0, PROTO_ERROR)


def test_rule_34_later_fragment_with_a_signature_where_the_first_had_none_is_refused(peer):
    peer.server.receive_data(peer.fragment(None, FIRST))
    assert peer.end(peer.fragment(1, LAST)) == (3, 0, DENIED)


@pytest.mark.parametrize("signer", [None, 1, 2])
@pytest.mark.parametrize("flags", [FIRST, LAST, 0])
def test_rule_49_fragment_of_another_call_blames_the_call_in_progress_or_with_multiplexing_itself(
    peer, mpx, signer, flags
):
    peer.server.receive_data(peer.fragment(1, FIRST))
    assert peer.end(peer.fragment(signer, flags, call_id=4)) == (4 if mpx else 3, 0, PROTO_ERROR)


def test_rule_49_first_fragment_again_under_another_context_is_a_forgery(peer):
    peer.server.receive_data(peer.fragment(1, FIRST))
    assert peer.end(peer.fragment(2, FIRST)) == (3, 0, PACKAGE_ERROR)


@pytest.mark.parametrize(("signer", "fields"), [(1, {}), (None, {}), (None, ODD), (1, {**ODD, "id": 111})])
def test_rule_49_first_fragment_again_breaks_the_protocol(peer, signer, fields):
    peer.server.receive_data(peer.fragment(1, FIRST))
    assert peer.end(peer.fragment(signer, FIRST, **fields)) == (3, 0, PROTO_ERROR)


@pytest.mark.parametrize("fields", [{}, ODD, {"id": 111}, {"type": 111}, {"level": 111}], ids=repr)
def test_rule_50_fragment_without_its_first(peer, mpx, fields):
    octets = peer.fragment(1, 0, **fields)
    if not mpx or not fields:
        assert peer.end(octets) == (3, 0, PROTO_ERROR)
    elif fields == ODD:
        assert peer.server.receive_data(octets) == []
        (fault,) = peer.kit.pdus(peer.server.data_to_send())
        assert (fault.call_id, fault.context_id, fault.status, fault.flags) == (3, 0, UNKNOWN, 0x23)
    else:
        assert peer.end(octets) == (3, 0, DENIED)


def test_rule_48_first_fragment_with_a_bad_signature_is_refused(peer):
    octets = bytearray(peer.fragment(1, FIRST | LAST))
    octets[-1] ^= 1
    assert peer.end(bytes(octets)) == (3, 0, PACKAGE_ERROR)


@pytest.mark.parametrize("level", [PACKET, INTEGRITY, PRIVACY])
def test_rule_34_no_octet_is_handed_on_before_it_is_checked(kit, level):
    server = kit.new_server(authenticate=kit.acceptors(), streamed=lambda *call: True)
    client, server = kit.secured_pair(level=level, server=server)
    client.begin(5, 0, 7)
    fragments = client.more(5, [bytes(range(256)) * 60], last=False) + client.more(5, [b"the end"], last=True)
    events = [event for each in fragments[:-1] for event in server.receive_data(each)]
    assert isinstance(events[0], RequestBegun)
    assert events[0].security.level == level
    assert all(isinstance(event, RequestContinued) for event in events[1:])
    spoiled = bytearray(fragments[-1])
    spoiled[30] ^= 1
    (event,) = server.receive_data(bytes(spoiled))
    assert isinstance(event, ConnectionFailed)
    assert b"".join(event.stub for event in events) == (bytes(range(256)) * 60)[: sum(len(e.stub) for e in events)]


@pytest.mark.parametrize("level", [PACKET, INTEGRITY, PRIVACY])
def test_verification_trailer_of_a_request_that_is_handed_on_is_checked_and_taken_away(kit, level):
    server = kit.new_server(authenticate=kit.acceptors(), streamed=lambda *call: True)
    client, server = kit.secured_pair(level=level, server=server)
    client.begin(5, 0, 7)
    stream = b"".join(client.more(5, [bytes(16_000)], last=False) + client.more(5, [b"the end."], last=True))
    events = server.receive_data(stream)
    assert b"".join(event.stub for event in events) == bytes(16_000) + b"the end."
    assert events[-1].last


def test_request_that_nobody_wants_any_more_is_checked_all_the_same(kit):
    server = kit.new_server(authenticate=kit.acceptors(), streamed=lambda *call: True)
    client, server = kit.secured_pair(server=server)
    client.begin(5, 0, 7)
    fragments = client.more(5, [bytes(16_000)], last=False) + client.more(5, [b"the end."], last=True)
    server.receive_data(fragments[0])
    server.respond(5, 0, b"enough")
    for each in fragments[1:]:
        assert server.receive_data(each) == []
    (event,) = server.receive_data(b"".join(client.request(6, 0, 7, b"next")))
    assert event.call_id == 6


def test_errors_name_the_context_of_the_first_fragment():
    incoming = Incoming(pdu.Request(2, 9, 5, b"", flags=FIRST), None, Limits(), streamed=False)
    assert incoming.guard is None
    with pytest.raises(PduError, match="its call is not") as error:
        incoming.add(pdu.parse_pdu(authenticated()), None, wanted=True)
    assert error.value.context_id == 9


def authenticated() -> bytes:
    return pdu.Request(2, 0, 5, b"", flags=LAST, auth=AuthTrailer(10, 5, bytes(16))).serialize()
