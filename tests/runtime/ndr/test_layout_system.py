from __future__ import annotations

import pytest

from lrpc.runtime.ndr.layout import Encoding, Field, Parameters
from lrpc.runtime.ndr.layout_system import SYSTEM_HANDLES, File, SystemHandle
from lrpc.transports.alpc.handles import ALL_OBJECTS, ObjectType


@pytest.mark.parametrize(
    ("written", "octets"),
    [(Encoding.NDR, "03000000"), (Encoding.NDR_BIG, "00000003"), (Encoding.NDR64, "03000000")],
)
def test_what_stands_in_a_stub_is_a_number(written: Encoding, octets: str) -> None:
    layout = Parameters(Field("file", File))
    assert layout.build({"file": 3}, encoding=written) == bytes.fromhex(octets)
    assert layout.parse(bytes.fromhex(octets), encoding=written) == {"file": 3}


@pytest.mark.parametrize("kind", SYSTEM_HANDLES.values(), ids=repr)
def test_each_kind_is_one_of_nts_object_types(kind: SystemHandle) -> None:
    assert ObjectType(kind.object_types) in ALL_OBJECTS
    assert repr(kind) == f"system.{kind.idl}"
