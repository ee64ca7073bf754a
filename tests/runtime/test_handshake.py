"""Clients that prove who they are, over every transport of the network protocol and in all faces."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime import ncacn
from lrpc.runtime.ncacn.security import AuthLevel
from lrpc.transports import tcp

WATCHDOG = 20.0
ADD = 0
MARY = lrpc.Credentials("mary", "secret", "DOM")
PACKAGES = ("ntlm", "negotiate")
LEVELS = (AuthLevel.CONNECT, AuthLevel.PACKET, AuthLevel.INTEGRITY, AuthLevel.PRIVACY)
PROTECTED = LEVELS[1:]


@pytest.fixture
def authenticator(tmp_path: Path) -> lrpc.Authenticator:
    (tmp_path / "users").write_text("DOM:Mary:secret\nDOM:john:other\n")
    return lrpc.Authenticator(users=tmp_path / "users")


@pytest.fixture
def seen() -> list[lrpc.Caller]:
    """Who called, in order."""
    return []


@pytest.fixture
def serve(
    hosts: Any, authenticator: lrpc.Authenticator, seen: list[lrpc.Caller], binding_for: Callable[[str], str]
) -> Callable[..., str]:
    """The calculator for those who prove who they are, and for others."""

    def admit(caller: lrpc.Caller, interface: Any, opnum: int) -> bool:
        seen.append(caller)
        return True

    def make(face: str = "blocking", transport: str = "ncacn_ip_tcp", **options: Any) -> str:
        host = hosts(face, authenticator=options.pop("authenticator", authenticator), **options.pop("server", {}))
        host.server.register(host.service, admit=admit, **options)
        return str(host.listen(binding_for(transport)))

    return make


def security(package: str = "ntlm", level: AuthLevel = AuthLevel.INTEGRITY, who: Any = MARY) -> lrpc.Security:
    return lrpc.Security(level, package, who)


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncacn_np", "memory"])
@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("level", LEVELS)
def test_calls_come_under_the_user_and_level_of_their_client(
    serve: Any, clients_of: Any, face: str, client_face: str, transport: str, package: str, level: AuthLevel, seen: Any
) -> None:
    client = clients_of(client_face)(serve(face, transport), security=security(package, level))
    assert client.Add(2, 3) == 5
    data = bytes(range(256)) * 80
    assert client.Echo(data) == data
    assert client.Echo(b"") == b""
    assert client.Add(2, 3) == 5
    assert {(caller.user, caller.authentication, caller.level) for caller in seen} == {(r"DOM\Mary", "ntlm", level)}
    assert {caller.transport for caller in seen} == {transport}


def test_level_call_is_packet(serve: Any, clients_of: Any, seen: Any) -> None:
    clients_of("blocking")(serve(), security=security(level=AuthLevel.CALL)).Add(2, 3)
    assert [caller.level for caller in seen] == [AuthLevel.PACKET]


@pytest.mark.parametrize("package", PACKAGES)
def test_wrong_credentials_are_access_denied_and_nothing_runs(
    serve: Any, clients_of: Any, face: str, package: str, seen: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = lrpc.Credentials("mary", "wrong", "DOM")
    binding = serve(face)
    with caplog.at_level(logging.DEBUG, "lrpc"), pytest.raises(lrpc.AccessDenied) as denied:
        clients_of("blocking")(binding, security=security(package, who=wrong)).Add(2, 3)
    assert not seen
    texts = [caplog.text, str(denied.value), repr(denied.value)]
    assert not any("wrong" in text or "secret" in text for text in texts)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_failed_login_is_logged_by_account_and_no_client_learns_the_reason(
    serve: Any, clients_of: Any, face: str, package: str, until: Any, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = lrpc.Credentials("mary", "wrong", "DOM")
    binding = serve(face, server={"extended_errors": "all"})
    with pytest.raises(lrpc.AccessDenied) as denied:
        clients_of("blocking")(binding, security=security(package, who=wrong)).Add(2, 3)
    assert denied.value.extended == ()
    assert "another" not in str(denied.value)
    until(lambda: any(vars(record).get("event") == "malformed" for record in caplog.records))
    assert r"the client is refused: the password of DOM\Mary is another" in caplog.text


def test_a_refusal_of_the_bind_says_whose_credentials_are_refused(serve: Any, clients_of: Any) -> None:
    wrong = lrpc.Credentials("mary", "wrong", "DOM")
    with pytest.raises(lrpc.AccessDenied, match=r"does not take the credentials of DOM\\mary") as denied:
        clients_of("blocking")(serve(), security=security("negotiate", who=wrong))
    assert denied.value.ran is lrpc.Ran.NO


def test_a_server_without_an_authenticator_says_which_package_it_does_not_take(serve: Any, clients_of: Any) -> None:
    with pytest.raises(lrpc.BindRefused, match="authentication type not recognized: it does not take ntlm"):
        clients_of("blocking")(serve(authenticator=None), security=security())


@pytest.mark.parametrize("least", LEVELS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_call_below_the_level_of_its_interface_is_denied(
    serve: Any, clients_of: Any, level: AuthLevel, least: AuthLevel, seen: Any
) -> None:
    client = clients_of("blocking")(serve(level=least), security=security(level=level))
    if level >= least:
        assert client.Add(2, 3) == 5
        return
    for _ in range(2):  # the connection stays
        with pytest.raises(lrpc.AccessDenied) as denied:
            client.Add(2, 3)
        # No server signs a fault: where calls are protected, it may be anybody's word.
        assert denied.value.ran is (lrpc.Ran.NO if level == AuthLevel.CONNECT else lrpc.Ran.UNKNOWN)
    assert not seen


def test_words_of_the_binding_and_the_environment_do(
    serve: Any, clients_of: Any, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LRPC_USER", r"DOM\john")
    monkeypatch.setenv("LRPC_PASSWORD", "other")
    binding = serve()
    assert clients_of("blocking")(binding.replace("]", ",seal,ntlm]")).Add(2, 3) == 5
    assert [(caller.user, caller.level) for caller in seen] == [(r"DOM\john", AuthLevel.PRIVACY)]


def test_the_kernel_needs_no_credentials_and_takes_none(
    serve: Any, clients_of: Any, seen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LRPC_USER", raising=False)
    binding = serve(transport="ncalrpc")
    with pytest.raises(lrpc.InvalidBinding, match="the kernel says who calls"):
        clients_of("blocking")(binding, security=security())
    assert clients_of("blocking")(binding, security=lrpc.Security()).Add(2, 3) == 5
    assert [(caller.user, caller.level) for caller in seen] == [(None, AuthLevel.PRIVACY)]


def test_who_says_nothing_is_nobody_in_particular(serve: Any, clients_of: Any, seen: Any) -> None:
    clients_of("blocking")(serve()).Add(2, 3)
    assert [(caller.user, caller.level) for caller in seen] == [(None, AuthLevel.NONE)]


@pytest.mark.parametrize("level", PROTECTED)
def test_many_calls_at_once_share_a_security_context(
    serve: Any, clients_of: Any, face: str, client_face: str, level: AuthLevel, seen: Any
) -> None:
    client = clients_of(client_face)(serve(face), security=security("negotiate", level))
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda number: client.Add(number, 1), range(200))) == list(range(1, 201))
    assert len(seen) == 200


@pytest.mark.parametrize("level", PROTECTED)
def test_a_call_that_is_given_up_leaves_the_others_good(
    hosts: Any,
    clients_of: Any,
    face: str,
    client_face: str,
    level: AuthLevel,
    authenticator: lrpc.Authenticator,
    binding_for: Callable[[str], str],
) -> None:
    host = hosts(face, authenticator=authenticator)
    host.server.register(host.service)
    clients = clients_of(client_face)
    client = clients(str(host.listen(binding_for("ncacn_ip_tcp"))), security=security(level=level), timeout=1.0)
    gate = host.world.gate(7)
    with pytest.raises(lrpc.DeadlineExceeded):
        client.Wait(7)
    gate.set()
    for number in range(20):
        assert client.Add(number, 1) == number + 1


@pytest.mark.parametrize("level", LEVELS)
def test_pipes_come_under_security_like_other_calls(
    piper: Any, level: AuthLevel, authenticator: lrpc.Authenticator, binding_for: Callable[[str], str]
) -> None:
    with lrpc.Server(authenticator=authenticator) as server:
        server.register(piper.Service(piper.Seen()), level=level)
        binding = str(server.listen(binding_for("ncacn_ip_tcp")))
        server.start()
        with lrpc.connect(piper.stub.PiperClient, binding, security=security(level=level)) as client:
            assert client.Sum("all", (bytes(1000) for _ in range(50))) == 50_000
            assert list(client.Count(5000)) == list(range(5000))
            assert client.Add(2, 3) == 5


@pytest.mark.parametrize("level", PROTECTED)
def test_a_pipe_that_is_left_early_leaves_the_connection_good(
    piper: Any,
    hosts: Any,
    face: str,
    level: AuthLevel,
    authenticator: lrpc.Authenticator,
    binding_for: Callable[[str], str],
) -> None:
    seen = piper.Seen()
    host = hosts(face, authenticator=authenticator)
    host.server.register((piper.AsyncService if face == "asyncio" else piper.Service)(seen))
    binding = str(host.listen(binding_for("ncacn_ip_tcp")))
    with lrpc.connect(piper.stub.PiperClient, binding, security=security(level=level)) as client:
        for _ in range(3):
            numbers: Iterator[int] = client.Count(-1)
            assert [next(numbers) for _ in range(3)] == [0, 1, 2]
            numbers.close()  # type: ignore[attr-defined]
            assert seen.closed.wait(WATCHDOG)
            seen.closed.clear()
            octets: Iterator[bytes] = client.Octets(100, 1 << 20)
            assert len(next(octets)) > 0
            octets.close()  # type: ignore[attr-defined]
            for number in range(20):
                assert client.Add(number, 1) == number + 1


def test_who_does_not_go_on_proving_who_it_is_is_sent_away(serve: Any, face: str, calculator: Any) -> None:
    binding = lrpc.StringBinding.parse(serve(face, server={"limits": lrpc.Limits(handshake=0.3)}))
    with_tokens = ncacn.ClientAssociation()
    connection = tcp.connect((binding.address, int(binding.endpoint)), WATCHDOG)
    try:
        wanted = ncacn.ContextRequest(0, ncacn.SyntaxId(calculator.CALCULATOR, 1, 0), [ncacn.NDR])
        context = security("negotiate").context("localhost")
        connection.send(with_tokens.bind([wanted], security=context), WATCHDOG)
        assert connection.receive(WATCHDOG)  # the second token, which is not answered
        assert connection.receive(WATCHDOG) == b""
    finally:
        connection.close()


def test_each_security_context_of_a_connection_is_its_own_caller(
    serve: Any, face: str, calculator: Any, seen: Any
) -> None:
    binding = lrpc.StringBinding.parse(serve(face))
    association = ncacn.ClientAssociation()
    connection = tcp.connect((binding.address, int(binding.endpoint)), WATCHDOG)

    def exchange(octets: bytes) -> Any:
        connection.send(octets, WATCHDOG)
        until = time.monotonic() + WATCHDOG
        while time.monotonic() < until:
            events = association.receive_data(connection.receive(WATCHDOG))
            leg = association.data_to_send()
            if leg:
                connection.send(leg, WATCHDOG)
            if events:
                return events[0]
        raise AssertionError("no answer")

    def add(security_id: int | None) -> Any:
        call_id = association.next_call_id()
        stub = (2).to_bytes(4, "little") + (3).to_bytes(4, "little")
        return exchange(b"".join(association.request(call_id, 0, ADD, stub, security=security_id)))

    try:
        calls = ncacn.ContextRequest(0, ncacn.SyntaxId(calculator.CALCULATOR, 1, 0), [ncacn.NDR])
        several = ncacn.ContextRequest(1, calls.abstract, [ncacn.feature_syntax(1)])
        bound = exchange(association.bind([calls, several], security=security().context("localhost"), level=5))
        john = lrpc.Credentials("john", "other", "DOM")
        other = security("negotiate", AuthLevel.PRIVACY, john).context("localhost")
        second = exchange(association.authenticate(other, AuthLevel.PRIVACY))
        for chosen in (bound.security, second.security, bound.security):
            assert isinstance(add(chosen), ncacn.ResponseReceived)
    finally:
        connection.close()
    mary, private = (r"DOM\Mary", AuthLevel.INTEGRITY), (r"DOM\john", AuthLevel.PRIVACY)
    assert [(caller.user, caller.level) for caller in seen] == [mary, private, mary]


def test_nobody_else_has_the_variables_that_packages_are_told_by(
    serve: Any, clients_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NTLM_USER_FILE", raising=False)
    clients_of("blocking")(serve(), security=security()).Add(2, 3)
    assert "NTLM_USER_FILE" not in os.environ
