"""How a client comes to its server: what is tried again, for how long, and in which transfer syntax."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import lrpc
from lrpc.runtime import call, reaching
from lrpc.runtime.binding import StringBinding
from lrpc.runtime.call import Limits
from lrpc.runtime.endpoints import open_wire
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.policy import Policy
from lrpc.runtime.reaching import Reaching, encodings_of
from lrpc.runtime.status import BindRefused, ConnectionLost, Ran, RpcError, ServerUnavailable
from lrpc.transports import errors as transport
from lrpc.transports import tcp

WATCHDOG = 20.0


class World:
    """A clock that goes on when somebody sleeps, and a server that fails as it is told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.fate: list[Any] = []
        """What becomes of each attempt; the last one of all further ones, too. None: it is bound."""
        self.closed = 0
        clock = SimpleNamespace(monotonic=lambda: self.now, sleep=self.sleep)
        for module in (reaching, call):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(reaching, "chance", lambda: 1.0)
        monkeypatch.setattr(reaching, "open_wire", self.open)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def open(self, *_: object, **_options: object) -> Any:
        fate = self.fate[0] if len(self.fate) == 1 else self.fate.pop(0)
        if isinstance(fate, ServerUnavailable):
            raise fate

        def bind(*_: object) -> None:
            if fate is not None:
                raise fate

        return SimpleNamespace(bind=bind, close=self.close, group_id=7, encoding=Encoding.NDR)

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


@pytest.fixture
def reach(calculator: Any) -> Any:
    policy = Policy(backoff=0.1, max_backoff=1.0, retries=2)
    interface = calculator.Calculator.interface
    return Reaching(interface, "ncacn_ip_tcp:host[1]", 10.0, None, Limits(), policy=policy)


CONGESTED = 1
"""temporary_congestion (C706 12.6.3.1)."""


@pytest.mark.parametrize(
    "error",
    [ServerUnavailable("the queue is full", passing=True), BindRefused("congested", reason=CONGESTED)],
    ids=["queue", "congestion"],
)
def test_what_there_is_no_room_for_now_is_tried_again_until_there_is(world: World, reach: Any, error: RpcError) -> None:
    world.fate = [error] * 5 + [None]
    _, info = reach()
    assert info.association == 7
    assert world.pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0])


def test_pauses_leave_half_to_chance(world: World, reach: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaching, "chance", lambda: 0.0)
    world.fate = [ServerUnavailable("full", passing=True)] * 3 + [None]
    reach()
    assert world.pauses == pytest.approx([0.05, 0.1, 0.2])


def test_when_the_time_is_over_the_error_says_so_and_that_nothing_ran(world: World, reach: Any) -> None:
    world.fate = [ServerUnavailable("the queue is full", passing=True)]
    with pytest.raises(ServerUnavailable, match=r"the queue is full.*tried 13 times in 10 s") as caught:
        reach()
    assert caught.value.ran is Ran.NO
    assert 109 <= world.now < 110  # no pause that the time does not hold


@pytest.mark.parametrize(
    "error", [ServerUnavailable("refused"), BindRefused("no such interface"), BindRefused("no", reason=2)]
)
def test_what_will_not_pass_is_an_error_at_once(world: World, reach: Any, error: RpcError) -> None:
    world.fate = [error]
    with pytest.raises(type(error)):
        reach()
    assert world.pauses == []


def test_a_server_that_hangs_up_is_asked_again_as_often_as_the_policy_says(world: World, reach: Any) -> None:
    world.fate = [ConnectionLost("the server closed the connection while it was bound", ran=Ran.NO)]
    with pytest.raises(ServerUnavailable, match=r"while it was bound \(tried 3 times\)") as caught:
        reach()
    assert caught.value.ran is Ran.NO
    assert (len(world.pauses), world.closed) == (2, 3)


@pytest.mark.parametrize(
    ("error", "passing"),
    [
        (transport.Disconnected("reset"), True),
        (transport.TimedOut("the backlog is full"), True),
        (transport.ConnectionRefused("nobody"), False),
        (transport.NameNotFound("nobody"), False),
        (transport.HostUnreachable("nowhere"), False),
    ],
)
def test_which_failures_of_connecting_may_pass(
    monkeypatch: pytest.MonkeyPatch, error: transport.TransportError, passing: bool
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tcp, "connect", fail)
    with pytest.raises(ServerUnavailable) as caught:
        open_wire(StringBinding.parse("ncacn_ip_tcp:host[1]"), WATCHDOG, Limits())
    assert caught.value.passing is passing


# Transfer syntaxes


def test_transfer_syntaxes_go_by_name() -> None:
    assert encodings_of(("ndr64", "ndr", "ndr64")) == (Encoding.NDR64, Encoding.NDR)
    for names in ((), ("ndr32",)):
        with pytest.raises(ValueError, match="transfer syntaxes are ndr, ndr64, not"):
            encodings_of(names)  # type: ignore[arg-type]


@pytest.mark.parametrize("transport", ["ncalrpc", "ncacn_np", "ncacn_ip_tcp", "memory"], indirect=True)
@pytest.mark.parametrize("offered", [("ndr64",), ("ndr", "ndr64"), ("ndr64", "ndr")], ids="-".join)
def test_over_a_network_the_server_chooses_and_through_a_port_the_first_is_taken(
    connect: Any, host: Any, binding: str, offered: Any, transport: str
) -> None:
    client = connect(binding, transfer_syntaxes=offered)
    chosen = Encoding.NDR if transport == "ncalrpc" and offered[0] == "ndr" else Encoding.NDR64
    assert getattr(client, "client", client)._encoding is chosen
    assert client.Add(1, 2) == 3
    assert client.Divide(17, 5) == (3, 2)


def test_unless_asked_a_client_speaks_ndr(connect: Any, host: Any, binding: str) -> None:
    client = connect(binding)
    assert getattr(client, "client", client)._encoding is Encoding.NDR


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "memory"], indirect=True)
def test_a_server_that_speaks_ndr64_alone_is_called(
    connect: Any, host: Any, binding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lrpc.runtime.ncacn import negotiation, syntax

    monkeypatch.setattr(negotiation.negotiate, "__defaults__", ((syntax.NDR64,),))
    assert connect(binding, transfer_syntaxes=("ndr", "ndr64")).Add(1, 2) == 3
    with pytest.raises(lrpc.BindRefused):
        connect(binding)


@pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncalrpc"], indirect=True)
def test_a_client_stays_with_the_syntax_that_it_got(connect: Any, host: Any, binding: str) -> None:
    """The server that it finds later may prefer another one; its calls are written already."""
    client = connect(binding, transfer_syntaxes=("ndr64",))
    assert client.Add(1, 2) == 3
    inner = getattr(client, "client", client)
    reach = inner._recovery.reach
    reaching = getattr(reach, "args", [reach])[0]
    reaching.encodings = (Encoding.NDR, Encoding.NDR64)
    wire, _ = reaching()
    wire.close()
    assert reaching.encodings == (wire.encoding,)
