"""Callbacks through a server, in both faces at either end: what `lrpc.callback` promises a method."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import lrpc
from lrpc.runtime.callbacks.line import Backs
from lrpc.runtime.callbacks.served import MAX_DEPTH
from lrpc.runtime.ndr.layout import Encoding

WATCHDOG = 20.0


def test_a_method_calls_its_client_back(shop: Any) -> None:
    assert shop.Sell(21, 0) == 42


def test_plain_calls_and_callbacks_follow_one_another(shop: Any) -> None:
    for n in range(20):
        assert (shop.Sell(n, 0), shop.Plain(n)) == (2 * n, n + 1)


def test_a_callback_can_call_the_server_in_its_turn(shop: Any) -> None:
    for depth in range(MAX_DEPTH):
        assert shop.Sell(1, depth) == 2 * (1 + depth)


def test_callbacks_within_callbacks_have_an_end(shop: Any) -> None:
    with pytest.raises(lrpc.CallbackRefused) as caught:
        shop.Sell(1, MAX_DEPTH)
    assert caught.value.ran is not lrpc.Ran.NO  # the call at hand did run
    assert shop.Sell(1, 0) == 2


def test_callbacks_of_a_base_interface_are_called_too(shop: Any) -> None:
    assert shop.Ring(3) == 3000 + 6 + 100


def test_large_arguments_and_results_go_through_shared_memory(shop: Any) -> None:
    for size in (0, 4096, 65536, 1 << 20, 4 << 20):
        result = shop.Fetch(size)
        assert (result.hash, result.return_) == (size, 1)
    for _ in range(200):  # what is lent comes back
        assert shop.Fetch(1 << 20).return_ == 1


def test_a_callback_that_fails_fails_in_the_method(shop: Any) -> None:
    with pytest.raises(lrpc.AccessDenied) as caught:
        shop.Sell(1, -2)
    assert caught.value.ran is not lrpc.Ran.NO
    with pytest.raises(lrpc.Fault, match="unspec") as failed:
        shop.Sell(1, -3)
    assert "secret" not in str(failed.value)
    assert shop.Sell(1, 0) == 2


def test_a_status_of_a_callback_is_raised_in_the_method(shop: Any) -> None:
    with pytest.raises(lrpc.Fault) as caught:
        shop.Ring(13)
    assert caught.value.status == 1168


def test_a_client_without_an_object_is_not_called_back(sides: Any, binding_for: Callable[[str], str]) -> None:
    shop = sides.connect(sides.listen(binding_for("ncalrpc")), desk=False)
    with pytest.raises(lrpc.CallbackRefused, match=r"RPC_S_CANNOT_SUPPORT .*: .* without connect\(callbacks=\)"):
        shop.Sell(1, 0)
    assert shop.Plain(1) == 2


def test_a_transport_that_has_no_callbacks_refuses_them(
    sides: Any, binding_for: Callable[[str], str], transport: str
) -> None:
    if transport == "ncalrpc":
        return
    binding = sides.listen(binding_for(transport))
    with pytest.raises(lrpc.CallbackRefused, match="only ncalrpc carries callbacks"):
        sides.connect(binding)
    shop = sides.connect(binding, desk=False)
    with pytest.raises(lrpc.CallbackRefused):
        shop.Sell(1, 0)
    assert shop.Plain(1) == 2


def test_a_method_of_another_interface_has_no_callbacks(sides: Any, binding_for: Callable[[str], str]) -> None:
    quiet = sides.connect(sides.listen(binding_for("ncalrpc")), "Quiet", desk=False)
    with pytest.raises(lrpc.CallbackRefused):
        quiet.Ask(1)


def test_a_line_is_over_with_its_call(shop: Any, sides: Any, world: Any) -> None:
    assert shop.Keep(5) == 5
    late = world.kept.Confirm
    with pytest.raises(lrpc.CallbackRefused, match="is over"):
        sides.host.loop.run(late(1, 0)) if sides.host.loop else late(1, 0)


def test_a_callback_without_an_answer_ends_with_its_deadline(shop: Any, world: Any) -> None:
    """The method goes on, calls back again, and the client's own late answer is dropped."""
    threading.Timer(0.3, world.gate.set).start()
    assert shop.Hang(4) == 8
    assert [type(error) for error in world.errors] == [lrpc.DeadlineExceeded]
    assert shop.Sell(5, 0) == 10


def test_a_client_that_goes_away_fails_its_callback(
    sides: Any, shop: Any, world: Any, threads: ThreadPoolExecutor, until: Callable[..., None]
) -> None:
    hanging = threads.submit(shop.Sell, 1, -1)
    assert world.entered.wait(WATCHDOG)
    shop.close()
    world.gate.set()
    with pytest.raises(lrpc.RpcError):
        hanging.result(WATCHDOG)
    until(lambda: not sides.host.server._sessions)


def test_many_calls_of_one_client_are_called_back_at_once(shop: Any, threads: ThreadPoolExecutor) -> None:
    assert list(threads.map(lambda n: shop.Sell(n, n % 3), range(64))) == [2 * (n + n % 3) for n in range(64)]


def test_other_calls_go_on_while_a_callback_runs(
    sides: Any, shop: Any, world: Any, threads: ThreadPoolExecutor, face: str
) -> None:
    """At an asyncio server at once; a blocking one has one thread for a connection."""
    hanging = threads.submit(shop.Sell, 1, -1)
    assert world.entered.wait(WATCHDOG)
    other = threads.submit(shop.Plain, 1)
    if face == "asyncio":
        assert other.result(WATCHDOG) == 2
    world.gate.set()
    assert (hanging.result(WATCHDOG), other.result(WATCHDOG)) == (2, 2)


def test_a_few_threads_for_all_connections_call_back_too(
    hosts: Any, clients_of: Any, sides_of: Any, binding_for: Callable[[str], str], threads: ThreadPoolExecutor
) -> None:
    sides = sides_of(hosts("followers"), clients_of("blocking"))
    binding = sides.listen(binding_for("ncalrpc"))
    shops = [sides.connect(binding) for _ in range(20)]
    found = threads.map(lambda n: shops[n].Sell(n, n % 3), range(20))
    assert list(found) == [2 * (n + n % 3) for n in range(20)]


def test_outside_of_a_call_there_is_no_one_to_call_back(shop_stub: Any) -> None:
    with pytest.raises(LookupError):
        lrpc.callback(shop_stub.ShopCallbacksClient)


def test_a_class_that_is_none_of_callbacks_is_refused(shop_stub: Any) -> None:
    with pytest.raises(TypeError, match="no class of callbacks"):
        lrpc.callback(shop_stub.ShopClient)


def test_callbacks_are_neither_registered_nor_connected_to(shop_stub: Any, sides: Any) -> None:
    with pytest.raises(TypeError, match="callbacks"):
        lrpc.connect(shop_stub.ShopCallbacksClient, "ncalrpc:[nothing]")


def test_answers_that_nobody_waits_for_give_back_their_memory() -> None:
    backs, released, taken = Backs(), [], []
    with backs.waiting(taken.append, Encoding.NDR64) as number:
        backs.replied(number, b"first", None)
        backs.replied(number, b"second", lambda: released.append(2))
    backs.replied(77, b"", lambda: released.append(77))
    backs.failed(77, lrpc.Fault(5))
    assert taken == [(b"first", Encoding.NDR64, None)]
    assert released == [2, 77]


def test_the_end_of_a_connection_ends_what_waits() -> None:
    backs, taken = Backs(), []
    with backs.waiting(taken.append, Encoding.NDR):
        backs.lose("gone")
    assert [str(error) for error in taken] == ["gone"]
