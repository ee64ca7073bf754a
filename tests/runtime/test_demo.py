"""The demonstration: every transport, in a process and a namespace of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import lrpc

PROGRAM = """
import json, os, lrpc
from lrpc.runtime import demo
before = os.environ["LRPC_NAMESPACE"]
rows = demo.run(lrpc.load(demo.IDL), calls=3)
assert os.environ["LRPC_NAMESPACE"] == before
found = [(row.target, row.connection, row.seconds) for row in rows]
print(json.dumps([[target, way.binding.protocol, way.reason, seconds > 0] for target, way, seconds in found]))
"""


def test_each_transport_is_called_in_a_namespace_of_its_own(own_namespace: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(lrpc.__file__).absolute().parents[1])}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
    )
    rows = json.loads(done.stdout)
    assert [protocol for _, protocol, _, _ in rows] == ["ncalrpc", "ncalrpc", "ncacn_np", "ncacn_ip_tcp"]
    assert rows[0][0] == "calc"
    assert "ALPC" in rows[0][2]
    assert all(measured for *_, measured in rows)
    assert list(own_namespace.iterdir()) == []
