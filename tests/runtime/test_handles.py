"""Context handles through a server: whose they are, who takes turns, on every kind of server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.ncacn.security import AuthLevel

WATCHDOG = 20.0

IDL = """
[uuid(1b7e3f5a-20c4-4d8e-9a61-c3f2d5e8b704), version(1.0)]
interface Store
{
    typedef [context_handle] void *Box;
    typedef [context_handle_noserialize] void *Shelf;
    error_status_t OpenBox([out] Box *box);
    error_status_t OpenShelf([out] Shelf *shelf);
    long UseBox([in] Box box);
    long UseShelf([in] Shelf shelf);
    error_status_t CloseBox([in, out] Box *box);
}

"""
stub: Any = lrpc.load(IDL)


class Thing:
    """What a handle stands for: how many use it at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.lock = threading.Lock()

    def enter(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        with self.lock:
            self.now -= 1

    def use(self) -> int:
        self.enter()
        time.sleep(0.02)
        self.leave()
        return self.most

    async def use_async(self) -> int:
        self.enter()
        await asyncio.sleep(0.02)
        self.leave()
        return self.most


class Store(stub.Store):  # type: ignore[misc]
    def OpenBox(self) -> Thing:
        return Thing()

    def OpenShelf(self) -> Thing:
        return Thing()

    def UseBox(self, box: Thing) -> int:
        return box.use()

    def UseShelf(self, shelf: Thing) -> int:
        return shelf.use()

    def CloseBox(self, box: Thing) -> None:
        box.use()


class AsyncStore(stub.AsyncStore):  # type: ignore[misc]
    async def OpenBox(self) -> Thing:
        return Thing()

    async def OpenShelf(self) -> Thing:
        return Thing()

    async def UseBox(self, box: Thing) -> int:
        return await box.use_async()

    async def UseShelf(self, shelf: Thing) -> int:
        return await shelf.use_async()

    async def CloseBox(self, box: Thing) -> None:
        await box.use_async()


@pytest.fixture
def stores(hosts: Any, clients_of: Any, binding_for: Callable[[str], str], face: str) -> Callable[[], tuple[Any, Any]]:
    """Two clients of one association group, over connections of their own."""
    host = hosts(face)
    host.server.register((AsyncStore if host.loop else Store)())
    binding = host.listen(binding_for("ncacn_ip_tcp"))

    def connect() -> tuple[Any, Any]:
        clients = clients_of("blocking")
        one = clients.of(stub.StoreClient, binding)
        return one, clients.of(stub.StoreClient, binding, association=one.connection.association)

    return connect


def on(client: Any, handle: Any) -> Any:
    """The same handle, for another client."""
    return type(handle)(handle.wire, handle.type, client, None)


def test_calls_on_one_handle_take_turns(stores: Any, threads: ThreadPoolExecutor) -> None:
    one, two = stores()
    box = one.OpenBox()
    uses = [threads.submit(client.UseBox, on(client, box)) for client in (one, two) * 4]
    assert [use.result(WATCHDOG) for use in uses] == [1] * 8


def test_calls_on_a_shared_handle_run_at_once(stores: Any, threads: ThreadPoolExecutor) -> None:
    one, two = stores()
    shelf = one.OpenShelf()
    uses = [threads.submit(client.UseShelf, on(client, shelf)) for client in (one, two) * 4]
    assert max(use.result(WATCHDOG) for use in uses) > 1


def test_of_two_that_close_a_handle_one_does(stores: Any, threads: ThreadPoolExecutor) -> None:
    one, two = stores()
    box = one.OpenBox()

    def close(client: Any) -> str:
        try:
            client.CloseBox(on(client, box))
        except lrpc.ContextMismatch as error:
            return error.ran.value
        return "closed"

    assert sorted(threads.map(close, (one, two))) == ["closed", "no"]
    with pytest.raises(lrpc.ContextMismatch):
        one.UseBox(on(one, box))


def test_a_handle_of_another_type_is_none(stores: Any) -> None:
    one, _ = stores()
    shelf = one.OpenShelf()
    with pytest.raises(lrpc.ContextMismatch):
        one.UseBox(on(one, shelf))


def test_an_interface_can_take_handles_of_other_types(
    hosts: Any, clients_of: Any, binding_for: Callable[[str], str], face: str
) -> None:
    host = hosts(face)
    rules = lrpc.HandleRules(type_strict=False)
    host.server.register((AsyncStore if host.loop else Store)(), handles=rules)
    client = clients_of("blocking").of(stub.StoreClient, host.listen(binding_for("ncalrpc")))
    assert client.UseBox(on(client, client.OpenShelf())) == 1


# Users and levels


@pytest.fixture
def guarded(hosts: Any, clients_of: Any, binding_for: Callable[[str], str], face: str, tmp_path: Path) -> Any:
    """Connects clients of one association group, as a user and at a level."""
    (tmp_path / "users").write_text("DOM:ann:secret\nDOM:bob:secret\n")
    (tmp_path / "users").chmod(0o600)
    host = hosts(face, authenticator=lrpc.Authenticator(users=tmp_path / "users"))
    host.server.register((AsyncStore if host.loop else Store)())
    binding, clients, group = host.listen(binding_for("ncacn_ip_tcp")), clients_of("blocking"), [0]

    def connect(user: str, level: AuthLevel) -> Any:
        credentials = lrpc.Credentials(user, "secret", "DOM")
        security = lrpc.Security(level, "ntlm", credentials)
        client = clients.of(stub.StoreClient, binding, security=security, association=group[0])
        group[0] = client.connection.association
        return client

    return connect


def test_a_handle_is_its_users_alone(guarded: Any) -> None:
    ann, bob, again = (
        guarded("ann", AuthLevel.PRIVACY),
        guarded("bob", AuthLevel.PRIVACY),
        guarded("ann", AuthLevel.PRIVACY),
    )
    box = ann.OpenBox()
    assert again.UseBox(on(again, box)) == 1
    with pytest.raises(lrpc.ContextMismatch):
        bob.UseBox(on(bob, box))
    assert ann.UseBox(box) == 1


def test_a_handle_is_not_used_at_a_lower_level(guarded: Any) -> None:
    high, low = guarded("ann", AuthLevel.PRIVACY), guarded("ann", AuthLevel.INTEGRITY)
    with pytest.raises(lrpc.ContextMismatch):
        low.UseBox(on(low, high.OpenBox()))
    assert high.UseBox(on(high, low.OpenBox())) == 1
