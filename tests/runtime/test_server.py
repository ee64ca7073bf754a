"""What the blocking server has that its twin has not; the rest is in test_serving.py and test_calls.py."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable
from types import ModuleType

import pytest

import lrpc


@pytest.fixture
def server(calculator: ModuleType) -> lrpc.Server:
    made = lrpc.Server()
    made.register(calculator.Service(calculator.World()))
    return made


def call(calculator: ModuleType, binding: object) -> int:
    with lrpc.connect(calculator.CalculatorClient, str(binding)) as client:
        return int(client.Add(1, 1))


def test_a_server_serves_until_it_is_stopped(
    server: lrpc.Server, calculator: ModuleType, binding_for: Callable[[str], str]
) -> None:
    binding = server.listen(binding_for("ncalrpc"))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    assert call(calculator, binding) == 2
    server.stop()
    serving.join(20)
    assert not serving.is_alive()


def test_endpoints_may_come_before_and_after_starting(
    server: lrpc.Server, calculator: ModuleType, binding_for: Callable[[str], str]
) -> None:
    with server:
        before = server.listen(binding_for("ncalrpc"))
        server.start()
        server.start()
        after = server.listen(binding_for("ncacn_ip_tcp"))
        assert [call(calculator, binding) for binding in (before, after)] == [2, 2]
        assert server.bindings == [before, after]
        assert after.endpoint != "0"


def test_a_server_that_never_started_stops(server: lrpc.Server, binding_for: Callable[[str], str]) -> None:
    binding = binding_for("ncalrpc")
    with server:
        server.listen(binding)
    with lrpc.Server() as other:
        other.listen(binding)


def test_an_interrupt_stops_serving(server: lrpc.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(timeout: float) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(server._stopping, "wait", interrupted)
    server.serve_forever()
    assert server._stopping.is_set()


def test_a_server_takes_plain_methods_only(server: lrpc.Server, calculator: ModuleType) -> None:
    with pytest.raises(TypeError, match="plain def"):
        server.register(calculator.AsyncService(calculator.World()))


@pytest.mark.parametrize("binding", ["ncacn_np:[x]", "nothing", "ncacn_ip_tcp:host.invalid[0]"])
def test_what_cannot_be_listened_on_is_refused(server: lrpc.Server, binding: str) -> None:
    with pytest.raises((lrpc.ListenError, lrpc.InvalidBinding)) as caught:
        server.listen(binding)
    assert caught.value.ran is lrpc.Ran.NO
    assert server.bindings == []


def test_a_machine_without_threads_drops_a_client_and_goes_on(
    server: lrpc.Server,
    calculator: ModuleType,
    binding_for: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with server:
        binding = server.listen(binding_for("ncalrpc"))
        server.start()
        start = threading.Thread.start
        failures = iter([True])

        def sometimes(thread: threading.Thread) -> None:
            if next(failures, False):
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", sometimes)
        assert call(calculator, binding) == 2  # its client has connected once more
    assert "can't start new thread" in caplog.text
    assert next(failures, None) is None


def test_a_method_may_stop_its_server(calculator: ModuleType, binding_for: Callable[[str], str]) -> None:
    server = lrpc.Server()

    class Stopping(calculator.Service):  # type: ignore[misc,name-defined]
        def Add(self, a: int, b: int) -> int:
            server.stop(0.2)
            return a + b

    server.register(Stopping(calculator.World()))
    binding = server.listen(binding_for("ncalrpc"))
    server.start()
    with lrpc.connect(calculator.CalculatorClient, str(binding)) as client:
        try:
            assert client.Add(1, 1) == 2
        except lrpc.ConnectionLost as error:
            assert error.ran is lrpc.Ran.UNKNOWN


NUMBERS = """
[uuid(9f0c3a52-51a3-4a53-9d1c-6d1f43a6b1c7), version(1.0)]
interface Numbers { hyper Sum([in] long n, [in, size_is(n)] long items[]); }
"""


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_ip_tcp", "memory"])
@pytest.mark.parametrize("count", [1, 100_000])
def test_arrays_of_numbers_are_views_where_those_are_asked_for(
    binding_for: Callable[[str], str], transport: str, count: int
) -> None:
    stub, kept = lrpc.load(NUMBERS), list[memoryview]()

    class Adder(stub.Numbers):  # type: ignore[misc,name-defined]
        def Sum(self, items: memoryview, *, n: int) -> int:
            assert n == len(items)
            kept.append(items)
            return sum(items)

    with lrpc.Server() as server:
        server.register(Adder(), views=True)
        binding = server.listen(binding_for(transport))
        server.start()
        with lrpc.connect(stub.NumbersClient, str(binding)) as client:
            assert client.Sum(range(count)) == sum(range(count))
            assert client.Sum(array("i", [7]) * count) == 7 * count
    assert [(view.format, view.readonly, len(view)) for view in kept] == [("i", True, count)] * 2
    assert all(isinstance(number, int) for view in kept for number in view)  # too late for the values, not for memory
