"""What the bind of a client's end of LRPC settles for its calls: see also `test_lrpc_wire.py`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

import lrpc
from lrpc.runtime.ndr.layout import Encoding
from tests.runtime.test_lrpc_wire import WATCHDOG, Bound


@pytest.mark.parametrize("encodings", [(Encoding.NDR, Encoding.NDR64), (Encoding.NDR64, Encoding.NDR)])
def test_the_encoding_that_is_named_first_is_spoken_where_the_server_has_both(
    calculator: Any, encodings: tuple[Encoding, ...]
) -> None:
    made = Bound(calculator.Calculator.interface, encodings=encodings)
    assert made.wire.encoding is encodings[0]
    made.close()


def test_a_port_has_no_group_and_its_kernel_says_who_calls(calculator: Any) -> None:
    bound = Bound(calculator.Calculator.interface)
    wire: Any = bound.wire
    assert wire.group_id == 0
    for refused in (
        lambda: wire.bind(calculator.Calculator.interface, WATCHDOG, group_id=1),
        lambda: wire.introduce(None),
        lambda: wire.authenticate(b"", WATCHDOG),
    ):
        with pytest.raises(lrpc.InvalidBinding):
            refused()
    assert bound.port.receive_message_now() is None
    bound.close()


def test_calls_of_an_object_are_not_plain(calculator: Any) -> None:
    made = Bound(calculator.Calculator.interface, object=UUID(int=7))
    assert made.wire.exchange(0, [b"12345678"], WATCHDOG) is made.wire.plain(0, [b"12345678"]) is None
    assert not made.wire.tell(0, [b"12345678"])
    made.close()


@pytest.mark.parametrize("options", [{"object": UUID(int=7)}, {"encodings": [Encoding.NDR64]}])
def test_calls_of_an_object_or_in_another_encoding_are_not_flat(calculator: Any, options: dict[str, Any]) -> None:
    made, add = Bound(calculator.Calculator.interface, **options), calculator.Calculator.interface.operations[0]
    wire: Any = made.wire
    assert wire.flat(None, add, add.flat) is wire.flat_now(None, add, add.flat) is None
    made.close()
