"""docs/endpoints.md is true: its program runs, and its tables are those of the code."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import lrpc
from lrpc.runtime.interfaces import epmapper, mgmt
from lrpc.runtime.mapper import registration
from lrpc.runtime.mapper.endpoint_map import MapLimits
from lrpc.runtime.mapper.service import NOT_REGISTERED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "endpoints.md").read_text(encoding="utf-8")
FLAT = PAGE.replace("\n", " ")


def test_program_lists_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = tmp_path / "names"
    names.mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(names))
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    command = [sys.executable, "-m", "lrpc", "epmapper", "--listen", "ncacn_ip_tcp:[0]"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert [process.stdout.readline()[:12] for _ in range(2)] == ["ncalrpc:[epm", "ncacn_ip_tcp"]
            stub = lrpc.load("[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e11)] interface A { long Add([in] long a); }")

            class Service(stub.A):  # type: ignore[misc,name-defined]
                def Add(self, a: int) -> int:
                    return a

            with lrpc.Server() as server:
                server.register(Service(), annotation="adds")
                server.listen("ncalrpc:[adder]")
                server.start()
                done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        finally:
            process.terminate()
    said = "0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e11 v0.0 ncalrpc:[adder] adds\n['adder']\n"
    assert (done.stdout, done.stderr) == (said, "")


def test_operations_have_the_numbers_of_the_table() -> None:
    rows = re.findall(r"^\| ([\d, ]+) \| (`ept_.*?) \|", PAGE, re.MULTILINE)
    numbers = [int(number) for numbers, _ in rows for number in numbers.split(",")]
    named = [name for _, names in rows for name in re.findall(r"`(\w+)`", names)]
    assert list(zip(numbers, named, strict=True)) == [
        (one.opnum, one.name) for one in epmapper.ept.interface.operations
    ]


def test_every_operation_of_the_management_interface_is_there() -> None:
    described = {f"rpc__mgmt_{name}" for name in re.findall(r"^\| `(\w+)` \| ", PAGE, re.MULTILINE)}
    assert {one.name for one in mgmt.mgmt.interface.operations} <= described


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert f"{MapLimits().max_annotation} characters" in FLAT
    assert (registration.PERIOD, registration.RETRY) == (10, 2)
    assert "Every ten seconds" in FLAT
    assert "has lost every two" in FLAT
    assert f"{NOT_REGISTERED:#X}".replace("X", "x") in FLAT
