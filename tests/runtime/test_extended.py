"""Extended error information: the octets of its records, what is refused, what a server tells and a client sees."""

from __future__ import annotations

import logging
import os
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lrpc
from lrpc.runtime import extended, ncacn
from lrpc.runtime.extended import Component, ErrorRecord, Missing
from lrpc.transports import tcp

TICKS = 0x01DC7B9474A79808
REGISTRY_KEY = r"\Software\Policies\Microsoft\Windows NT\Rpc\RestrictRemoteClients"
"""The example of [MS-EERR] 3.1."""

# Octets


def header(size: int) -> bytes:
    """The headers of type serialization version 1 ([MS-RPCE] 2.2.6)."""
    return struct.pack("<BBHIII", 1, 0x10, 8, 0xCCCCCCCC, size, 0)


def example() -> bytes:
    """The record of [MS-EERR] 3.1, by hand, rule by rule."""
    units = len(REGISTRY_KEY) + 1
    body = struct.pack("<I", 0x20000)  # the record is there
    body += struct.pack("<I", 1)  # how many parameters: in front of the structure that has them
    body += struct.pack("<I", 0)  # Next
    body += struct.pack("<HHI4x", 2, 2, 0x1234)  # no computer name; the process; a hyper is aligned by 8
    body += struct.pack("<q", TICKS)
    body += struct.pack("<IIHHhxx", 0x49, 2, 0xBF0, 0, 1)
    body += struct.pack("<HHhxxI", 2, 2, units, 0x20004)  # the kind twice, as of every union, and its arm
    body += struct.pack("<I", units) + (REGISTRY_KEY + "\0").encode("utf-16-le")
    body += bytes(-len(body) % 8)
    return header(len(body)) + body


def test_the_example_of_the_specification_is_read() -> None:
    [record] = extended.parse(example())
    assert (record.status, record.component, record.location) == (2, 0x49, 0xBF0)
    assert record.parameters == (REGISTRY_KEY,)
    assert (record.computer, record.process, record.missing) == (None, 0x1234, Missing(0))
    assert record.time == datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def test_the_example_of_the_specification_is_built() -> None:
    record = ErrorRecord(
        2, 0x49, 0xBF0, (REGISTRY_KEY,), process=0x1234, time=datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    )
    assert extended.build([record]) == example()


texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=()), max_size=20)
parameters = st.none() | texts | st.integers(-(1 << 63), (1 << 63) - 1) | st.binary(max_size=20)
records = st.builds(
    ErrorRecord,
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
    st.lists(parameters, max_size=4).map(tuple),
    st.none() | texts,
    st.integers(0, 0xFFFFFFFF),
    st.none() | st.datetimes(datetime(1602, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([Missing(0), Missing.BEFORE, Missing.AFTER, Missing.BEFORE | Missing.AFTER]),
)


@given(st.lists(records, max_size=5).map(tuple))
@settings(max_examples=60)
def test_records_come_back_as_they_went(given_records: tuple[ErrorRecord, ...]) -> None:
    assert extended.parse(extended.build(given_records)) == given_records


def test_a_latin_text_and_a_short_are_read_too() -> None:
    from lrpc.runtime.interfaces import eerr

    made = eerr.ExtendedErrorInfo(
        None,
        eerr.EEComputerName(2, None),
        0, 0, 1, 5, 0, 0,
        Params=[
            eerr.ExtendedErrorParam(1, eerr.EEAString(b"Stra\xdfe\0")),
            eerr.ExtendedErrorParam(4, -7),
            eerr.ExtendedErrorParam(1, eerr.EEAString(None)),
        ],
    )  # fmt: skip
    octets = lrpc.serialize(eerr.ExtendedErrorInfo | None, made)
    assert extended.parse(octets)[0].parameters == ("Straße", -7, "")


def test_five_parameters_are_no_record() -> None:
    with pytest.raises(lrpc.ArgumentError, match="nLen"):
        extended.build([ErrorRecord(5, parameters=(1, 2, 3, 4, 5))])


def test_a_time_that_no_calendar_has_is_none() -> None:
    octets = bytearray(example())
    octets[16 + 24 : 16 + 32] = struct.pack("<q", (1 << 63) - 1)
    assert extended.parse(bytes(octets))[0].time is None


# Hostile octets


def test_every_cut_of_records_is_refused_or_whole() -> None:
    octets, whole = example(), extended.parse(example())
    for end in range(len(octets)):
        try:
            assert extended.parse(octets[:end]) == whole  # but for padding
        except lrpc.BadStubData as error:
            assert error.ran is lrpc.Ran.NO


@given(st.binary(max_size=200) | st.tuples(st.integers(0, 200), st.integers(0, 255)))
@settings(max_examples=300)
def test_no_octets_bring_another_error_than_bad_stub_data(change: bytes | tuple[int, int]) -> None:
    octets = bytearray(example())
    if isinstance(change, bytes):
        octets = bytearray(change)
    else:
        octets[change[0] % len(octets)] = change[1]
    try:
        assert len(extended.parse(bytes(octets))) <= extended.MAX_RECORDS
    except lrpc.BadStubData:
        assert extended.received(bytes(octets)) == ()


def test_more_records_than_anyone_has_are_refused() -> None:
    most = [ErrorRecord(5)] * extended.MAX_RECORDS
    assert len(extended.parse(extended.build(most))) == extended.MAX_RECORDS
    with pytest.raises(lrpc.BadStubData, match="more than 64"):
        extended.parse(extended.build([*most, ErrorRecord(5)]))


def test_records_that_cannot_be_read_are_noted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "lrpc.calls"):
        assert extended.received(b"no records") == ()
    assert [record.event for record in caplog.records] == ["bad_records"]  # type: ignore[attr-defined]


# Room


def test_texts_go_before_records_do() -> None:
    long = ErrorRecord(5, parameters=("x" * 1000, 7))
    assert extended.parse(extended.fitted([long, ErrorRecord(6)])) == (
        ErrorRecord(5, parameters=(None, 7)),
        ErrorRecord(6),
    )


def test_the_oldest_records_go_and_the_last_says_so() -> None:
    kept = extended.parse(extended.fitted([ErrorRecord(number) for number in range(60)]))
    assert len(extended.fitted([ErrorRecord(number) for number in range(60)])) <= extended.MAX_DETAIL
    assert [each.status for each in kept] == list(range(len(kept)))
    assert [each.missing for each in kept] == [Missing(0)] * (len(kept) - 1) + [Missing.AFTER]


def test_what_has_no_room_at_all_is_nothing() -> None:
    assert extended.fitted([ErrorRecord(5)], most=16) == b""
    assert extended.fitted([]) == b""


# Words


def test_a_record_is_one_line() -> None:
    assert str(ErrorRecord(2, Component.RUNTIME, 0xBF0, ("key", 3, None))) == (
        "runtime: ERROR_FILE_NOT_FOUND at 3056 ('key', 3, ...)"
    )
    assert str(ErrorRecord(5, 0x4C52, computer="CELLAR")) == "component 19538 on CELLAR: access_denied"


def test_a_record_in_full_tells_the_rest() -> None:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    assert ErrorRecord(5, process=7, time=at, missing=Missing.AFTER).full == (
        "application: access_denied; process 7; 2026-01-02T00:00:00+00:00; records after it are missing"
    )


def test_an_error_shows_its_records_in_its_line() -> None:
    error = lrpc.Fault(5, extended=[ErrorRecord(2), ErrorRecord(13, Component.LPC)])
    assert str(error) == "access_denied (0x00000005) [application: ERROR_FILE_NOT_FOUND; lpc: ERROR_INVALID_DATA]"
    assert str(lrpc.Fault(5)) == "access_denied (0x00000005)"


# Through a server


@pytest.fixture
def failing(
    hosts: Callable[..., Any],
    clients_of: Callable[[str], Any],
    binding_for: Callable[[str], str],
    face: str,
    client_face: str,
    transport: str,
) -> Callable[..., lrpc.Fault]:
    """Makes a server, calls a method that fails in some way, and gives the error."""

    def fail(how: str, **options: Any) -> lrpc.Fault:
        host = hosts(face, **options)
        host.server.register(host.service)
        client = clients_of(client_face)(host.listen(binding_for(transport)))
        with pytest.raises(lrpc.Fault) as caught:
            client.Misbehave(how)
        assert client.Add(2, 3) == 5
        return caught.value

    return fail


def test_a_client_is_told_status_and_component_of_records(
    failing: Callable[..., lrpc.Fault], calculator: ModuleType
) -> None:
    error = failing("records")
    assert type(error) is lrpc.AccessDenied
    assert error.extended == tuple(ErrorRecord(each.status, each.component) for each in calculator.RECORDS)


def test_an_error_without_records_travels_without(failing: Callable[..., lrpc.Fault]) -> None:
    assert failing("denied").extended == ()


def test_a_server_can_tell_nothing(failing: Callable[..., lrpc.Fault]) -> None:
    assert failing("records", extended_errors="none").extended == ()


def test_a_server_can_tell_all(failing: Callable[..., lrpc.Fault], calculator: ModuleType) -> None:
    own, *carried = failing("records", extended_errors="all").extended
    assert tuple(carried) == calculator.RECORDS
    assert (own.status, own.component, own.process) == (5, Component.APPLICATION, os.getpid())
    assert own.parameters == ("the drawer is shut",)
    assert own.location > 0
    assert own.computer
    assert own.time is not None


def test_a_bug_is_told_to_nobody_unless_all_is(failing: Callable[..., lrpc.Fault]) -> None:
    assert failing("bug").extended == ()
    [own] = failing("bug", extended_errors="all").extended
    assert own.parameters == ("RuntimeError: a secret of the server",)


def test_a_function_chooses_what_is_told(failing: Callable[..., lrpc.Fault]) -> None:
    error = failing("bug", extended_errors=lambda fault: [ErrorRecord(fault.status, 0x4C52, 9)])
    assert error.extended == (ErrorRecord(0x1C000012, 0x4C52, 9),)


def test_a_function_that_fails_leaves_the_fault_as_it_is(failing: Callable[..., lrpc.Fault]) -> None:
    error = failing("denied", extended_errors=lambda fault: [ErrorRecord(fault.status, location=1 << 20)])
    assert (error.status, error.extended) == (5, ())


def test_what_did_not_run_is_told_as_the_runtimes() -> None:
    [record] = extended.parse(extended.disclosed(lrpc.OperationOutOfRange(ran=lrpc.Ran.NO), "all"))
    assert (record.component, record.location) == (Component.RUNTIME, 0)


def test_a_failure_behind_a_server_is_carried_on(
    hosts: Callable[..., Any], binding_for: Callable[[str], str], calculator: ModuleType
) -> None:
    back, front = hosts(), hosts()
    back.server.register(back.service)
    behind = lrpc.connect(calculator.CalculatorClient, str(back.listen(binding_for("memory"))))

    class Front(calculator.Service):  # type: ignore[misc, name-defined]
        def Misbehave(self, how: str) -> int:
            try:
                return behind.Misbehave(how)  # type: ignore[no-any-return]
            except lrpc.Fault as error:
                raise lrpc.Fault(0x1C010014, extended=(ErrorRecord(170), *error.extended)) from error

    front.server.register(Front(front.world))
    asked = lrpc.connect(calculator.CalculatorClient, str(front.listen(binding_for("ncalrpc"))))
    with behind, asked as client, pytest.raises(lrpc.ServerTooBusy) as caught:
        client.Misbehave("records")
    assert [each.status for each in caught.value.extended] == [170, 32, 13]


# Refusals of a bind (MS-RPCE 2.2.2.9)


@pytest.fixture
def refused(
    hosts: Callable[..., Any], clients_of: Callable[[str], Any], binding_for: Callable[[str], str], client_face: str
) -> Callable[..., lrpc.RpcError]:
    """Connects to a server that refuses it, and gives the error."""

    def connect(options: dict[str, Any], **wanted: Any) -> lrpc.RpcError:
        host = hosts("blocking", **options)
        host.server.register(host.service)
        with pytest.raises(lrpc.RpcError) as caught:
            clients_of(client_face)(host.listen(binding_for("ncacn_ip_tcp")), **wanted)
        return caught.value

    return connect


def test_a_refused_client_is_told_all_if_all_is_told(refused: Callable[..., lrpc.RpcError]) -> None:
    error = refused({"extended_errors": "all"}, association=0xBAD)
    assert isinstance(error, lrpc.BindRefused)
    [own] = error.extended
    assert (own.component, own.process) == (Component.RUNTIME, os.getpid())
    assert own.parameters == ("there is no association group 0xbad",)


def test_a_refused_client_is_told_nothing_else(refused: Callable[..., lrpc.RpcError]) -> None:
    assert refused({}, association=0xBAD).extended == ()


def test_nobody_is_told_why_credentials_are_not_taken(refused: Callable[..., lrpc.RpcError], tmp_path: Any) -> None:
    (tmp_path / "users").write_text("DOM:Mary:secret\n")
    options = {"extended_errors": "all", "authenticator": lrpc.Authenticator(users=tmp_path / "users")}
    wrong = lrpc.Security(credentials=lrpc.Credentials("Mary", "wrong", "DOM"), authentication="negotiate")
    error = refused(options, security=wrong)
    assert isinstance(error, lrpc.AccessDenied)
    assert error.extended == ()


def test_a_client_that_asks_for_no_features_gets_a_plain_bind_nak(
    hosts: Callable[..., Any], binding_for: Callable[[str], str], calculator: ModuleType
) -> None:
    host = hosts("blocking", extended_errors="all")
    host.server.register(host.service)
    found = host.listen(binding_for("ncacn_ip_tcp"))
    connection = tcp.connect((found.address, int(found.endpoint)), 20)
    association = ncacn.ClientAssociation()
    interface = calculator.Calculator.interface
    syntax = ncacn.SyntaxId(interface.uuid, *interface.version)
    connection.send(association.bind([ncacn.ContextRequest(0, syntax, [ncacn.NDR])], group_id=0xBAD), 20)
    assert association.receive_data(connection.receive(20)) == [ncacn.BindRefused(0, [(5, 0)])]
    connection.close()
