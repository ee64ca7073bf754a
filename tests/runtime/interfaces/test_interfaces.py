"""The stubs of the runtime's own interfaces are what rpcgen makes of `idl/` today."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from lrpc.runtime.interfaces import epmapper, mgmt

ROOT = Path(__file__).resolve().parents[3]
REGENERATE = runpy.run_path(str(ROOT / "tests" / "rpcgen" / "regenerate.py"))
STUBS: dict[Path, str] = REGENERATE["packaged"]()


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.name)
def test_stub_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == STUBS[path], f"run: {REGENERATE['COMMAND']}"


def test_endpoint_mapper_has_the_uuid_and_operations_of_c706() -> None:
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
