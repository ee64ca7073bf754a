"""Who may call an interface, over every transport and in both faces."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest

import lrpc
from lrpc.runtime.admission import Guard, guard
from lrpc.runtime.call import set_caller

ADD, DIVIDE = 0, 1


@pytest.fixture
def serve(hosts: Any, face: str, transport: str, binding_for: Callable[[str], str]) -> Callable[..., tuple[Any, str]]:
    """The calculator with some guard, and where it listens."""

    def make(**options: Any) -> tuple[Any, str]:
        host = hosts(face)
        host.server.register(host.service, **options)
        return host, str(host.listen(binding_for(transport)))

    return make


def connected(clients_of: Any, binding: str) -> Any:
    return clients_of("blocking")(binding)


def test_admit_is_asked_of_every_call(serve: Any, clients_of: Any) -> None:
    asked: list[tuple[str, str, int]] = []

    def admit(caller: lrpc.Caller, interface: Any, opnum: int) -> bool:
        asked.append((caller.transport, interface.name, opnum))
        return True

    _, binding = serve(admit=admit)
    client = connected(clients_of, binding)
    assert [client.Add(2, 3), client.Add(3, 4)] == [5, 7]
    client.Divide(7, 2)
    protocol = binding.partition(":")[0]
    assert asked == [(protocol, "Calculator", opnum) for opnum in (ADD, ADD, DIVIDE)]


def test_an_answer_of_admit_is_not_kept_for_another_operation(serve: Any, clients_of: Any) -> None:
    _, binding = serve(admit=lambda caller, interface, opnum: opnum == ADD)
    client = connected(clients_of, binding)
    for _ in range(2):
        assert client.Add(2, 3) == 5
        with pytest.raises(lrpc.AccessDenied) as denied:
            client.Divide(7, 2)
        assert (denied.value.status, denied.value.ran) == (5, lrpc.Ran.NO)


def test_an_answer_of_admit_is_not_kept_for_the_next_call(serve: Any, clients_of: Any) -> None:
    answers = iter((True, False, True))
    _, binding = serve(admit=lambda *_: next(answers))
    client = connected(clients_of, binding)
    assert client.Add(2, 3) == 5
    with pytest.raises(lrpc.AccessDenied):
        client.Add(2, 3)
    assert client.Add(2, 3) == 5


def test_an_admit_that_fails_admits_nobody(serve: Any, clients_of: Any, caplog: pytest.LogCaptureFixture) -> None:
    def admit(*_: Any) -> bool:
        raise KeyError("whoever")

    _, binding = serve(admit=admit)
    with caplog.at_level(logging.ERROR, "lrpc.server"), pytest.raises(lrpc.AccessDenied):
        connected(clients_of, binding).Add(2, 3)
    assert [record.event for record in caplog.records] == ["admit_failed"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", [None, 0, 1, "yes"])
def test_only_true_admits(serve: Any, clients_of: Any, answer: Any) -> None:
    _, binding = serve(admit=lambda *_: answer)
    with pytest.raises(lrpc.AccessDenied):
        connected(clients_of, binding).Add(2, 3)


def test_the_kernels_word_passes_any_level_and_tcp_none(
    serve: Any, clients_of: Any, transport: str, caplog: pytest.LogCaptureFixture
) -> None:
    _, binding = serve(level=lrpc.AuthLevel.PRIVACY)
    client = connected(clients_of, binding)
    if transport != "ncacn_ip_tcp":
        assert client.Add(2, 3) == 5
        return
    with caplog.at_level(logging.INFO, "lrpc.server"), pytest.raises(lrpc.AccessDenied):
        client.Add(2, 3)
    assert "may not call Calculator: level NONE, the least is PRIVACY" in caplog.text


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
def test_who_is_not_admitted_has_no_stub_read(
    serve: Any, clients_of: Any, monkeypatch: pytest.MonkeyPatch, calculator: Any
) -> None:
    _, binding = serve(admit=lambda *_: False)
    client = connected(clients_of, binding)

    def unread(*_: Any, **__: Any) -> Any:
        raise AssertionError("the request was read")

    from lrpc.runtime import dispatch

    monkeypatch.setattr(dispatch, "_decoded", unread)
    with pytest.raises(lrpc.AccessDenied):
        client.Add(2, 3)


def test_admit_may_be_asynchronous_in_asyncio(
    hosts: Any, clients_of: Any, transport: str, binding_for: Callable[[str], str]
) -> None:
    async def admit(caller: lrpc.Caller, interface: Any, opnum: int) -> bool:
        return opnum == ADD

    host = hosts("asyncio")
    host.server.register(host.service, admit=admit)
    client = connected(clients_of, str(host.listen(binding_for(transport))))
    assert client.Add(2, 3) == 5
    with pytest.raises(lrpc.AccessDenied):
        client.Divide(7, 2)
    blocking = hosts("blocking")
    with pytest.raises(TypeError, match="plain def"):
        blocking.server.register(blocking.service, admit=admit)


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_ip_tcp"], indirect=True)
def test_a_call_with_pipes_is_admitted_like_others(
    piper: Any, transport: str, binding_for: Callable[[str], str]
) -> None:
    with lrpc.Server() as server:
        server.register(piper.Service(piper.Seen()), admit=lambda caller, interface, opnum: opnum == 0)
        binding = server.listen(binding_for(transport))
        server.start()
        with lrpc.connect(piper.stub.PiperClient, str(binding)) as client:
            assert client.Add(2, 3) == 5
            with pytest.raises(lrpc.AccessDenied):
                client.Sum("name", [b"data"])
            assert client.Add(2, 3) == 5


def test_an_interface_without_a_guard_asks_nothing(calculator: Any) -> None:
    interface = calculator.Calculator.interface
    assert guard(interface, lrpc.AuthLevel.NONE, None) is None
    assert guard(interface, lrpc.AuthLevel.CONNECT, None) == Guard(interface, lrpc.AuthLevel.CONNECT, None)


@pytest.mark.parametrize("level", [2, 4, 5, 6])
@pytest.mark.parametrize("least", [2, 4, 5, 6])
def test_a_level_is_met_by_itself_and_those_above(calculator: Any, level: int, least: int) -> None:
    kept = Guard(calculator.Calculator.interface, lrpc.AuthLevel(least), None)
    elsewhere = copy_context()
    elsewhere.run(set_caller, lrpc.Caller("ncacn_ip_tcp", level=lrpc.AuthLevel(level)))
    if level >= least:
        elsewhere.run(kept.check, ADD)
        return
    with pytest.raises(lrpc.AccessDenied):
        elsewhere.run(kept.check, ADD)
