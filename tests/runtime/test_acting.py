"""`acting_as`: several users on one connection, told apart by call, in both faces."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.pdu_wire import PAUSE
from lrpc.runtime.status import Ran

WATCHDOG = 20.0
USERS = ("ann", "bob", "cyd")
OVER_PDUS = pytest.mark.parametrize("transport", ["ncacn_ip_tcp", "ncacn_np", "memory"], indirect=True)
OVER_TCP = pytest.mark.parametrize("transport", ["ncacn_ip_tcp"], indirect=True)
LEVELS = (lrpc.AuthLevel.PACKET, lrpc.AuthLevel.INTEGRITY, lrpc.AuthLevel.PRIVACY)


def security(name: str, level: lrpc.AuthLevel = lrpc.AuthLevel.PRIVACY, password: str = "word") -> lrpc.Security:
    return lrpc.Security(level, "ntlm", lrpc.Credentials(name, password, "DOM"))


class Users:
    """Clients of one server and one face. `who` asks it who calls."""

    def __init__(self, clients: Any, binding: str, world: Any) -> None:
        self.clients = clients
        self.binding = binding
        self.world = world

    def first(self, name: str | None, **options: Any) -> Any:
        wanted = None if name is None else security(name)
        return self.inner(self.clients(self.binding, security=wanted, **options))

    def inner(self, client: Any) -> Any:
        return getattr(client, "client", client)

    def run(self, made: Any) -> Any:
        return self.clients.loop.run(made) if self.clients.loop else made

    def acting(self, client: Any, wanted: lrpc.Security, **options: Any) -> Any:
        if self.clients.loop is None:
            return lrpc.acting_as(client, wanted, **options)

        async def act() -> Any:
            return await lrpc.acting_as(client, wanted, **options)

        return self.run(act())

    def who(self, client: Any) -> Any:
        """Whose call it is, to the server."""
        self.run(client.Who())
        return self.world.last.user


@pytest.fixture
def authenticator(tmp_path: Path) -> lrpc.Authenticator:
    (tmp_path / "users").write_text("".join(f"DOM:{name}:word\n" for name in USERS))
    return lrpc.Authenticator(users=tmp_path / "users")


@pytest.fixture
def host(hosts: Any, face: str, authenticator: lrpc.Authenticator) -> Any:
    made = hosts(face, authenticator=authenticator)
    made.server.register(made.service)
    return made


@pytest.fixture
def users(host: Any, clients_of: Any, client_face: str, transport: str, binding_for: Any) -> Users:
    return Users(clients_of(client_face), str(host.listen(binding_for(transport))), host.world)


@OVER_PDUS
def test_calls_of_one_connection_are_those_of_several_users(users: Users, host: Any) -> None:
    ann = users.first("ann")
    bob, cyd = (users.acting(ann, security(name)) for name in ("bob", "cyd"))
    for client, name in ((ann, "ann"), (bob, "bob"), (cyd, "cyd"), (bob, "bob"), (ann, "ann")):
        assert users.who(client) == rf"DOM\{name}"
    assert len(host.server._guests.present()) == 1
    assert type(bob) is type(ann)
    assert bob.connection is ann.connection


@OVER_TCP
@pytest.mark.parametrize("level", LEVELS)
def test_each_user_has_a_level_of_its_own(users: Users, level: lrpc.AuthLevel) -> None:
    ann = users.first("ann")
    bob = users.acting(ann, security("bob", level))
    assert users.who(bob) == r"DOM\bob"
    assert users.world.last.level == level
    assert users.who(ann) == r"DOM\ann"
    assert users.world.last.level == lrpc.AuthLevel.PRIVACY


@OVER_TCP
def test_a_first_client_that_is_nobody_stays_nobody(users: Users) -> None:
    nobody = users.first(None)
    bob = users.acting(nobody, security("bob"))
    assert [users.who(client) for client in (bob, nobody, bob)] == [r"DOM\bob", None, r"DOM\bob"]


@OVER_TCP
def test_calls_of_several_users_overlap(users: Users, host: Any, threads: ThreadPoolExecutor) -> None:
    """Each connection of a blocking server has one call at a time: there they come one after the other."""
    ann = users.first("ann")
    bob = users.acting(ann, security("bob"))

    def calls(client: Any) -> list[Any]:
        return [users.run(client.Add(number, 1)) for number in range(100)]

    both = [threads.submit(calls, client) for client in (ann, bob)]
    assert [each.result(WATCHDOG) for each in both] == [list(range(1, 101))] * 2


@OVER_TCP
@pytest.mark.parametrize("face", ["asyncio"], indirect=True)
@pytest.mark.parametrize("client_face", ["asyncio"], indirect=True)
def test_another_user_is_introduced_while_a_call_waits(users: Users, host: Any, threads: ThreadPoolExecutor) -> None:
    ann = users.first("ann", timeout=WATCHDOG)
    waiting = threads.submit(lambda: users.run(ann.Wait(1)))
    host.world.has_entered(1)
    bob = users.acting(ann, security("bob"))
    assert users.who(bob) == r"DOM\bob"
    host.world.gate(1).set()
    assert waiting.result(WATCHDOG) == 1


@OVER_TCP
def test_a_user_that_is_not_taken_costs_the_connection_and_no_more(users: Users) -> None:
    ann = users.first("ann")
    wrong = security("bob", password="wrong")
    with pytest.raises((lrpc.AccessDenied, lrpc.ConnectionLost)):
        users.run(users.acting(ann, wrong).Who())
    time.sleep(2 * PAUSE)  # a client that blocks looks before it sends, if it has been idle
    assert users.who(ann) == r"DOM\ann"


@OVER_TCP
def test_on_a_new_connection_all_users_are_introduced_again(users: Users, host: Any) -> None:
    ann = users.first("ann")
    bob = users.acting(ann, security("bob"))
    assert users.who(bob) == r"DOM\bob"
    for session in host.server._guests.present():
        session.drain()
    time.sleep(10 * PAUSE)
    assert users.who(bob) == r"DOM\bob"
    assert users.who(ann) == r"DOM\ann"
    assert bob.connection is ann.connection


@OVER_TCP
def test_a_second_client_that_is_closed_leaves_the_first_one_alone(users: Users) -> None:
    ann = users.first("ann")
    bob = users.acting(ann, security("bob"))
    users.run(bob.close())
    with pytest.raises(lrpc.ConnectionLost) as caught:
        users.run(bob.Who())
    assert caught.value.ran is Ran.NO
    assert users.who(ann) == r"DOM\ann"


@OVER_TCP
def test_context_handles_are_those_of_who_opened_them(users: Users) -> None:
    ann = users.first("ann")
    bob = users.acting(ann, security("bob"))
    tally = users.run(ann.Open("tally"))
    assert users.run(ann.Count(tally)) == 1
    with pytest.raises(lrpc.ContextMismatch):
        users.run(bob.Count(tally))
    assert users.run(ann.Count(tally)) == 2


@OVER_TCP
def test_levels_at_which_calls_say_nothing_of_their_user_share_no_connection(users: Users) -> None:
    ann = users.first("ann")
    with pytest.raises(ValueError, match="CONNECT"):
        users.acting(ann, security("bob", lrpc.AuthLevel.CONNECT))
    assert users.who(ann) == r"DOM\ann"


@OVER_TCP
def test_users_without_credentials_change_nothing(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = users.first("ann")
    monkeypatch.delenv("LRPC_USER", raising=False)
    with pytest.raises(lrpc.AccessDenied):
        users.acting(ann, lrpc.Security(authentication="ntlm"))
    assert users.who(ann) == r"DOM\ann"


@pytest.mark.parametrize("transport", ["ncalrpc"], indirect=True)
def test_locally_the_kernel_says_who_calls(users: Users) -> None:
    client = users.first(None)
    with pytest.raises(lrpc.InvalidBinding, match="kernel"):
        users.acting(client, security("bob"))
    assert users.run(client.Add(1, 2)) == 3


@OVER_TCP
def test_interceptors_are_its_own(users: Users, client_face: str) -> None:
    seen: list[str] = []

    def blocking(call: lrpc.Invocation, proceed: lrpc.Proceed) -> Any:
        seen.append(call.name)
        return proceed(call)

    async def asynchronous(call: lrpc.Invocation, proceed: lrpc.AsyncProceed) -> Any:
        return await blocking(call, proceed)

    ann = users.first("ann")
    one = blocking if client_face == "blocking" else asynchronous
    bob = users.acting(ann, security("bob"), interceptors=[one])
    assert users.run(bob.Add(1, 1)) == users.run(ann.Add(1, 1)) == 2
    assert seen == ["Calculator.Add"]


@OVER_TCP
def test_pipes_are_read_as_their_user(
    users: Users, host: Any, piper: Any, transport: str, binding_for: Any, client_face: str
) -> None:
    host.server.register((piper.AsyncService if host.loop else piper.Service)(piper.Seen()))
    kind = piper.stub.AsyncPiperClient if client_face == "asyncio" else piper.stub.PiperClient
    ann = users.inner(users.clients.of(kind, users.binding, security=security("ann")))
    bob = users.acting(ann, security("bob"))

    async def read(client: Any) -> list[int]:
        return [number async for number in client.Count(5000)]

    for client in (bob, ann, bob):
        found = users.run(read(client)) if users.clients.loop else [*client.Count(5000)]
        assert found == list(range(5000))
    assert users.run(bob.Add(2, 3)) == 5
