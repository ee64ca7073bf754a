"""What a client may serve."""

from __future__ import annotations

from typing import Any

import pytest

import lrpc
from lrpc.runtime.callbacks.served import MAX_DEPTH, Served, nested
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.wire import Back


class Half:
    def Confirm(self, article: int, depth: int) -> int:
        return article


def back(opnum: int, stub: bytes = b"") -> Back:
    return Back(stub, Encoding.NDR, None, 1, opnum)


def served(stub: Any, implementation: Any, *, asynchronous: bool = False) -> Served:
    return Served(stub.Shop.interface, implementation, lrpc.Limits(), asynchronous=asynchronous)


def test_an_interface_without_callbacks_takes_no_object(shop_stub: Any) -> None:
    with pytest.raises(TypeError, match="Quiet has no callbacks"):
        Served(shop_stub.Quiet.interface, Half(), lrpc.Limits(), asynchronous=False)


def test_a_class_is_no_object_for_callbacks(shop_stub: Any) -> None:
    desk = type("Desk", (shop_stub.ShopCallbacks,), {})
    with pytest.raises(TypeError, match=r"^Desk is a class: callbacks= takes an object, Desk\(\)$"):
        served(shop_stub, desk)


def test_an_object_has_to_have_every_callback(shop_stub: Any) -> None:
    with pytest.raises(TypeError, match="Half has no Store, a callback of Shop"):
        served(shop_stub, Half())


def test_an_object_has_to_be_of_the_clients_face(shop_stub: Any, world: Any, sides: Any) -> None:
    asynchronous = sides.clients.face == "asyncio"
    desk = sides.desk()
    served(shop_stub, desk, asynchronous=asynchronous)
    with pytest.raises(TypeError, match=r"plain def|async def"):
        served(shop_stub, desk, asynchronous=not asynchronous)


@pytest.fixture
def desk(shop_stub: Any) -> Served:
    class Desk(shop_stub.ShopCallbacks):  # type: ignore[misc, name-defined]
        def Confirm(self, article: int, depth: int) -> int:
            assert nested()
            if not depth:
                return article
            answer = desk.answer(back(0, article.to_bytes(4, "little") + (depth - 1).to_bytes(4, "little")))
            if isinstance(answer, lrpc.Fault):
                raise answer
            return int.from_bytes(answer[0], "little")

        def Store(self, data: bytes, *, n: int = 0) -> bytes:
            return data

        def Weigh(self, article: int) -> int:
            return article

    desk = served(shop_stub, Desk())
    return desk


def test_a_callback_is_answered_by_its_number(desk: Served) -> None:
    assert not nested()
    assert desk.answer(back(0, b"\7\0\0\0\0\0\0\0")) == [b"\7\0\0\0"]
    assert not nested()


def test_an_unknown_callback_did_not_run(desk: Served) -> None:
    fault = desk.answer(back(9))
    assert isinstance(fault, lrpc.OperationOutOfRange)
    assert fault.ran is lrpc.Ran.NO


def test_a_stub_that_does_not_fit_did_not_run(desk: Served) -> None:
    fault = desk.answer(back(0, b"\7"))
    assert isinstance(fault, lrpc.Fault)
    assert (fault.status, fault.ran) == (0x6F7, lrpc.Ran.NO)


def test_callbacks_within_callbacks_have_an_end(desk: Served) -> None:
    assert desk.answer(back(0, b"\7\0\0\0" + (MAX_DEPTH - 1).to_bytes(4, "little"))) == [b"\7\0\0\0"]
    assert isinstance(desk.answer(back(0, b"\7\0\0\0" + MAX_DEPTH.to_bytes(4, "little"))), lrpc.CallbackRefused)
