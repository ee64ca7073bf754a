"""Rows R4 and R5 of docs/threats.md, and F7 and B6 under authentication: what others put into a protected call."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.ncacn import pdu
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.security import AuthLevel

MARY = lrpc.Credentials("mary", "secret", "DOM")
BIG = 9000
STUB = struct.pack("<II", BIG, BIG) + bytes(BIG)
"""Of Echo, in three fragments and more."""


@pytest.fixture(params=["ncacn_ip_tcp", "memory"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def victim(victims: Any, face: str, transport: str, tmp_path: Path) -> Any:
    (tmp_path / "users").write_text("DOM:Mary:secret\n")
    return victims(face, transport, authenticator=lrpc.Authenticator(users=tmp_path / "users"))


class Mary:
    """An honest client, whose octets are somebody else's to change before they are sent."""

    def __init__(self, victim: Any, syntax: ncacn.SyntaxId, level: AuthLevel) -> None:
        self.intruder = victim.intruder()
        self.association = ncacn.ClientAssociation()
        package = lrpc.Security(level, "ntlm", MARY).context("localhost")
        offer = [ncacn.ContextRequest(0, syntax, [ncacn.NDR])]
        self.intruder.say(self.association.bind(offer, security=package, level=level))
        [bound] = self.association.receive_data(self.intruder.octets())
        self.intruder.say(self.association.data_to_send())
        assert isinstance(bound, ncacn.BindAnswered)
        self.context = bound.security

    def call(self, stub: bytes = STUB) -> list[bytes]:
        """The fragments of a call of hers."""
        call_id = self.association.next_call_id()
        return self.association.request(call_id, 0, 5, stub, security=self.context)


@pytest.fixture
def mary(victim: Any, syntax: ncacn.SyntaxId) -> Any:
    made: list[Mary] = []

    def make(level: AuthLevel = AuthLevel.INTEGRITY) -> Mary:
        made.append(Mary(victim, syntax, level))
        return made[-1]

    yield make
    for each in made:
        each.intruder.close()


def bare(fragment: bytes) -> bytes:
    """The fragment without its signature."""
    found = pdu.parse_pdu(fragment)
    assert isinstance(found, pdu.Request)
    found.auth = None
    return found.serialize()


def under(fragment: bytes, **changes: Any) -> bytes:
    """The fragment under a trailer of which something is changed."""
    found = pdu.parse_pdu(fragment)
    assert isinstance(found, pdu.Request)
    assert found.auth is not None
    auth = found.auth
    same = {"type": auth.type, "level": auth.level, "context_id": auth.context_id, "pad_length": auth.pad_length}
    found.auth = AuthTrailer(value=auth.value, **{**same, **changes})
    return found.serialize()


def flipped(fragment: bytes, at: int) -> bytes:
    """The fragment with one bit changed."""
    at %= len(fragment)
    return fragment[:at] + bytes([fragment[at] ^ 1]) + fragment[at + 1 :]


def refused(victim: Any, client: Mary, octets: list[bytes]) -> int:
    """The status that ends the connection; the call has not run."""
    client.intruder.say(*octets)
    faults = client.intruder.rest()
    assert all(fault.ptype == 3 for fault in faults)
    assert victim.world.data == []
    victim.complaint()
    client.intruder.close()
    victim.survives()
    return faults[-1].status if faults else 0  # a reset may overtake it


STATUSES = (0, 5, 0x721, 0x1C01000B)
"""access_denied, sec_pkg_error, proto_error."""


def test_a_protected_call_in_fragments_is_understood(mary: Any, victim: Any, raw: Any) -> None:
    for level in (AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY):
        client = mary(level)
        client.intruder.say(*client.call())
        while not (events := client.association.receive_data(client.intruder.octets())):
            continue
        assert isinstance(events[0], ncacn.ResponseReceived)
        client.intruder.close()
    victim.survives()


LATER: dict[str, Callable[[bytes], bytes]] = {
    "none": bare,
    "weaker": lambda fragment: under(fragment, level=AuthLevel.CONNECT),
    "other level": lambda fragment: under(fragment, level=AuthLevel.PRIVACY),
    "other type": lambda fragment: under(fragment, type=9),
    "other context": lambda fragment: under(fragment, context_id=77),
}


@pytest.mark.parametrize("how", sorted(LATER))
@pytest.mark.parametrize("which", [1, -1], ids=["second", "last"])
def test_r4_later_fragments_are_protected_as_the_first_or_the_call_does_not_run(
    mary: Any, victim: Any, how: str, which: int
) -> None:
    client = mary()
    parts = client.call()
    parts[which] = LATER[how](parts[which])
    assert refused(victim, client, parts) in STATUSES


@pytest.mark.parametrize("how", sorted(set(LATER) - {"none"}))
def test_r4_a_call_that_names_what_was_not_set_up_does_not_run(mary: Any, victim: Any, how: str) -> None:
    client = mary()
    [whole] = client.call(struct.pack("<II", 8, 8) + b"12345678")
    assert refused(victim, client, [LATER[how](whole)]) in STATUSES


def test_r4_a_fragment_that_somebody_slips_in_ends_the_call(mary: Any, victim: Any, raw: Any) -> None:
    client = mary()
    parts = client.call()
    call_id = struct.unpack_from("<I", parts[0], 12)[0]
    slipped = raw.request(bytes(8), flags=0, call_id=call_id)
    assert refused(victim, client, [parts[0], slipped, *parts[1:]]) in STATUSES


@pytest.mark.parametrize("level", [AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY])
def test_r5_a_fragment_that_was_changed_ends_the_call(mary: Any, victim: Any, level: AuthLevel) -> None:
    for which, at in itertools.product((0, 1, -1), (24, 60, -1)):  # in the stub, later in it, in the signature
        client = mary(level)
        parts = client.call()
        parts[which] = flipped(parts[which], at)
        assert refused(victim, client, parts) in STATUSES, (which, at)
        victim.journal.clear()


@pytest.mark.parametrize("at", [3, 20, 22], ids=["flags", "context", "operation"])
def test_r5_a_header_that_was_changed_ends_the_call(mary: Any, victim: Any, at: int) -> None:
    client = mary()
    [whole] = client.call(struct.pack("<II", 8, 8) + b"12345678")
    changed = whole[:at] + bytes([whole[at] ^ 8]) + whole[at + 1 :]
    client.intruder.say(changed).finish()
    assert all(answer.ptype == 3 for answer in client.intruder.rest())
    assert victim.world.data == []
    client.intruder.close()
    victim.survives()


def test_r5_a_call_that_is_sent_again_does_not_run_again(mary: Any, victim: Any) -> None:
    client = mary()
    [whole] = client.call(struct.pack("<II", 8, 8) + b"12345678")
    client.intruder.say(whole)
    assert client.association.receive_data(client.intruder.octets())
    client.intruder.say(whole)
    assert [fault.ptype for fault in client.intruder.rest()] in ([3], [])
    assert len(victim.world.data) == 1
    victim.complaint()
    client.intruder.close()
    victim.survives()


def test_r5_fragments_in_another_order_end_the_call(mary: Any, victim: Any) -> None:
    client = mary()
    parts = client.call(struct.pack("<II", 4 * BIG, 4 * BIG) + bytes(4 * BIG))
    parts[1], parts[2] = parts[2], parts[1]
    assert refused(victim, client, parts) in STATUSES


def test_r5_what_one_connection_signed_does_not_run_on_another(mary: Any, victim: Any) -> None:
    one, two = mary(), mary()
    [whole] = one.call(struct.pack("<II", 8, 8) + b"12345678")
    one.intruder.close()
    assert refused(victim, two, [whole]) in STATUSES


def test_b6_a_security_context_that_changes_its_level_ends_the_connection(mary: Any, victim: Any, syntax: Any) -> None:
    client = mary()
    again = lrpc.Security(AuthLevel.PRIVACY, "ntlm", MARY).context("localhost")
    trailer = AuthTrailer(10, AuthLevel.PRIVACY, again.step(b""), client.context)
    offer = [ncacn.ContextRequest(0, syntax, [ncacn.NDR])]
    alter = ncacn.bind_pdu.AlterContext(9, offer, 5840, 5840, auth=trailer).serialize()
    assert refused(victim, client, [alter]) in STATUSES


def test_f7_a_token_that_makes_no_sense_refuses_the_bind(victim: Any, raw: Any, syntax: ncacn.SyntaxId) -> None:
    offer = [ncacn.ContextRequest(0, syntax, [ncacn.NDR])]
    tokens = (b"x", b"NTLMSSP\0" + bytes(100), bytes(4000))
    for kind, value in itertools.product((9, 10, 16, 68, 0, 255), tokens):
        bind = ncacn.bind_pdu.Bind(1, offer, 5840, 5840, auth=AuthTrailer(kind, 5, value)).serialize()
        with victim.intruder().say(bind) as intruder:
            said = intruder.next()
        assert (said.ptype, said.reason) in ((raw.NAK, 8), (raw.NAK, 9)), kind
    victim.survives()
