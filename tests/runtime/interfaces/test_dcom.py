"""Objects on the wire: numbers, uuids and sizes of [MS-DCOM]."""

from __future__ import annotations

from uuid import UUID

import pytest

from lrpc.runtime import stub as rpc
from lrpc.runtime.interfaces import dcom

COM = "-0000-0000-c000-000000000046"
ONE, TWO = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize(
    ("contract", "uuid", "operations"),
    [
        (
            dcom.IObjectExporter,
            "99fcfec4-5260-101b-bbcb-00aa0021347a",
            {
                0: "ResolveOxid",
                1: "SimplePing",
                2: "ComplexPing",
                3: "ServerAlive",
                4: "ResolveOxid2",
                5: "ServerAlive2",
            },
        ),
        (dcom.IActivation, "4d9f4ab8-7d1c-11cf-861e-0020af6e7c57", {0: "RemoteActivation"}),
        (dcom.IRemoteSCMActivator, f"000001a0{COM}", {3: "RemoteGetClassObject", 4: "RemoteCreateInstance"}),
        (dcom.IRemUnknown, f"00000131{COM}", {3: "RemQueryInterface", 4: "RemAddRef", 5: "RemRelease"}),
        (dcom.IRemUnknown2, f"00000143{COM}", {6: "RemQueryInterface2"}),
        (dcom.IClassFactory, f"00000001{COM}", {3: "RemoteCreateInstance", 4: "RemoteLockServer"}),
    ],
)
def test_interface_has_the_uuid_and_operations_of_the_specification(
    contract: type[rpc.Contract], uuid: str, operations: dict[int, str]
) -> None:
    found = contract.interface
    assert (str(found.uuid), found.version) == (uuid, (0, 0))
    numbers = {operation.opnum: operation.name for operation in found.operations}
    assert {number: numbers.get(number) for number in operations} == operations
    assert max(numbers) == max(operations)


def test_resolver_and_activation_are_plain_interfaces_on_port_135() -> None:
    for contract in (dcom.IObjectExporter, dcom.IActivation, dcom.IRemoteSCMActivator):
        assert not contract.interface.object
        assert contract.interface.endpoints[0] == "ncacn_ip_tcp:[135]"


def test_query_for_interfaces_takes_the_octets_of_the_specification() -> None:
    query = dcom.IRemUnknown.interface.by_opnum[3]
    request = b"".join(query.ndr.request.encode([ONE, 5, rpc.AUTO, [TWO]]))
    assert request == ONE.bytes_le + bytes([5, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]) + TWO.bytes_le
    result = dcom.REMQIRESULT(0, dcom.STDOBJREF(0, 5, 0x1122334455667788, 9, ONE))
    response = b"".join(query.ndr.response.encode([[result], 0], [ONE, 5, 1, [TWO]]))
    assert len(response) == 4 + 4 + 8 + 40 + 4
    assert response[16:32] == bytes([0, 0, 0, 0, 5, 0, 0, 0]) + bytes.fromhex("8877665544332211")
    assert query.ndr.response.decode(response, [ONE, 5, 1, [TWO]]) == ([result], 0)


def test_bindings_of_an_exporter_are_counted_by_their_array() -> None:
    resolve = dcom.IObjectExporter.interface.by_opnum[0]
    bindings = dcom.DUALSTRINGARRAY(2, [0, 0, 0, 0])
    response = b"".join(resolve.ndr.response.encode([bindings, ONE, 1, 0], [7, 1, [7]]))
    assert response[4:12] == bytes([4, 0, 0, 0, 4, 0, 2, 0])  # the array's size goes before the structure
