"""The stubs of the runtime's own interfaces are what rpcgen makes of `idl/` today."""

from __future__ import annotations

import runpy
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest

from lrpc.rpcgen.tools.format import formatted
from lrpc.runtime import stub as rpc
from lrpc.runtime.interfaces import epmapper, mgmt
from lrpc.runtime.ndr.blank import blank
from lrpc.runtime.ndr.layout import Encoding

ROOT = Path(__file__).resolve().parents[3]
REGENERATE = runpy.run_path(str(ROOT / "tests" / "rpcgen" / "regenerate.py"))
STUBS: dict[Path, str] = REGENERATE["packaged"]()


class Published(NamedTuple):
    """What the specification of an interface says: identity, some operations by number, how many it has."""

    uuid: str
    version: tuple[int, int]
    operations: dict[int, str]
    count: int


WINDOWS = {
    "lsarpc": Published(
        "12345778-1234-abcd-ef00-0123456789ab",
        (0, 0),
        {0: "LsarClose", 14: "LsarLookupNames", 44: "LsarOpenPolicy2", 76: "LsarLookupSids3", 130: "LsarOpenPolicy3"},
        69,
    ),
    "samr": Published(
        "12345778-1234-abcd-ef00-0123456789ac",
        (1, 0),
        {0: "SamrConnect", 17: "SamrLookupNamesInDomain", 58: "SamrSetInformationUser2", 64: "SamrConnect5"},
        64,
    ),
    "srvsvc": Published(
        "4b324fc8-1670-01d3-1278-5a47bf6ee188",
        (3, 0),
        {8: "NetrConnectionEnum", 15: "NetrShareEnum", 28: "NetrRemoteTOD", 57: "NetrShareDelEx"},
        47,
    ),
    "svcctl": Published(
        "367abb81-9844-35f1-ad32-98f038001003",
        (2, 0),
        {0: "RCloseServiceHandle", 15: "ROpenSCManagerW", 42: "REnumServicesStatusExW", 64: "ROpenSCManager2"},
        50,
    ),
    "winreg": Published(
        "338cd001-2244-31f1-aaaa-900038001003",
        (1, 0),
        {2: "OpenLocalMachine", 6: "BaseRegCreateKey", 17: "BaseRegQueryValue", 35: "BaseRegDeleteKeyEx"},
        31,
    ),
    "wkssvc": Published(
        "6bffd098-a112-3610-9833-46c3f87e345a",
        (1, 0),
        {0: "NetrWkstaGetInfo", 13: "NetrWorkstationStatisticsGet", 30: "NetrEnumerateComputerNames"},
        21,
    ),
}
"""The interfaces of Windows' services that there are stubs for."""


def interface(name: str) -> rpc.Interface:
    [found] = import_module(f"lrpc.runtime.interfaces.{name}").__interfaces__
    assert isinstance(found, rpc.Interface)
    return found


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.name)
def test_stub_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == STUBS[path], f"run: {REGENERATE['COMMAND']}"


def test_endpoint_mapper_has_the_uuid_and_operations_of_c706_and_one_of_windows() -> None:
    found = epmapper.ept.interface
    assert (str(found.uuid), found.version) == ("e1af8308-5d1f-11c9-91a4-08002b14a0fa", (3, 0))
    assert [operation.name for operation in found.operations] == [
        "ept_insert",
        "ept_delete",
        "ept_lookup",
        "ept_map",
        "ept_lookup_handle_free",
        "ept_inq_object",
        "ept_mgmt_delete",
        "ept_map_auth",
    ]


def test_management_has_the_uuid_and_operations_of_c706() -> None:
    found = mgmt.mgmt.interface
    assert (str(found.uuid), found.version) == ("afa8bd80-7d8a-11c9-bef4-08002b102989", (1, 0))
    assert [operation.name for operation in found.operations] == [
        "rpc__mgmt_inq_if_ids",
        "rpc__mgmt_inq_stats",
        "rpc__mgmt_is_server_listening",
        "rpc__mgmt_stop_server_listening",
        "rpc__mgmt_inq_princ_name",
    ]


@pytest.mark.parametrize("name", WINDOWS)
def test_interface_has_the_uuid_and_operations_of_its_specification(name: str) -> None:
    found, published = interface(name), WINDOWS[name]
    assert (found.name, str(found.uuid), found.version) == (name, published.uuid, published.version)
    numbers = {number: operation.name for number, operation in found.by_opnum.items()}
    assert {number: numbers.get(number) for number in published.operations} == published.operations
    assert len(numbers) == published.count


NO_ANSWER = {
    "SamrQueryDisplayInformation",
    "SamrQueryDisplayInformation2",
    "SamrQueryDisplayInformation3",
    "NetrFileGetInfo",
    "NetrServerGetInfo",
    "RGetServiceDisplayNameA",
    "RGetServiceKeyNameA",
}
"""To zeros there is none: they name no arm of a union, or leave no room for a NUL."""


@pytest.mark.parametrize("encoding", [Encoding.NDR, Encoding.NDR64])
@pytest.mark.parametrize("name", WINDOWS)
def test_zeros_come_back_from_the_wire_in_every_operation(name: str, encoding: Encoding) -> None:
    for operation in interface(name).operations:
        codecs = operation.codecs(encoding)
        asked = tuple(blank(operation.request).values())
        assert codecs.request.decode(b"".join(codecs.request.encode(asked))) == asked
        if operation.name not in NO_ANSWER:
            given = dict(zip((found.name for found in operation.inward), asked, strict=True))
            answer = tuple(blank(operation.response, given).values())
            assert codecs.response.decode(b"".join(codecs.response.encode(answer, asked)), asked) == answer


@pytest.mark.parametrize("name", WINDOWS)
def test_interface_says_where_it_is_found(name: str) -> None:
    assert interface(name).endpoints[-1] == rf"ncacn_np:[\pipe\{name}]"


@pytest.mark.parametrize("name", WINDOWS)
def test_idl_is_laid_out_as_lrpc_fmt_does(name: str) -> None:
    text = (ROOT / "idl" / f"{name}.idl").read_text(encoding="utf-8")
    assert formatted(text) == text
