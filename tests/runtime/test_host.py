"""`module:Class` as a server: what can be served, in both faces, until a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lrpc
from lrpc.runtime.host import Unservable, implementation, serve

SERVICE = """
import lrpc
stub = lrpc.load('''
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e21), version(1.0)]
interface Adder { long Add([in] long a, [in] long b); long Other(); }
''')

class Blocking(stub.Adder):
    def Add(self, a, b): return a + b
    def Other(self): return 1

class Asynchronous(stub.AsyncAdder):
    async def Add(self, a, b): return a + b
    async def Other(self): return 1

class Mixed(stub.Adder):
    async def Add(self, a, b): return a + b
    def Other(self): return 1

class Half(stub.Adder):
    def Add(self, a, b): return a + b

class Broken(Blocking):
    def __init__(self): raise RuntimeError("no luck")

ready = Blocking()
number = 5
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """The name of the module, which is in the current folder and nowhere else."""
    name = f"hosted_{abs(hash(request.node.nodeid))}"
    (tmp_path / f"{name}.py").write_text(SERVICE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return name


@pytest.mark.parametrize("name", ["Blocking", "Asynchronous", "ready"])
def test_class_or_object_of_the_current_folder_is_found(service: str, name: str) -> None:
    assert implementation(f"{service}:{name}").__class__.__name__ in ("Blocking", "Asynchronous")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("{}", "module:Class"),
        (":Blocking", "module:Class"),
        ("{}:", "module:Class"),
        ("no_such_module:X", "ModuleNotFoundError"),
        ("{}:Nothing", "has no Nothing"),
        ("{}:Half", "does not implement Other"),
        ("{}:Broken", r"RuntimeError: no luck \(.*hosted_.*\.py:\d+\)"),
        ("{}:number", "no generated interface"),
    ],
)
def test_what_cannot_be_served_says_why(service: str, words: str, reason: str) -> None:
    with pytest.raises(Unservable, match=reason):
        implementation(words.format(service))


def test_methods_of_both_faces_are_refused(service: str) -> None:
    with pytest.raises(Unservable, match="with and without async"):
        serve(implementation(f"{service}:Mixed"), ["ncalrpc:[mixed]"], lambda binding: None)


def test_threads_for_async_methods_are_refused(service: str) -> None:
    with pytest.raises(Unservable, match="which one thread serves"):
        serve(implementation(f"{service}:Asynchronous"), ["ncalrpc:[x]"], lambda binding: None, threads=4)


def test_security_that_is_no_sddl_is_refused(service: str) -> None:
    with pytest.raises(Unservable, match="no security descriptor"):
        serve(implementation(f"{service}:ready"), ["ncalrpc:[secured]"], lambda binding: None, "nonsense")


def test_endpoint_that_is_taken_ends_the_server_with_its_error(service: str) -> None:
    served = implementation(f"{service}:ready")
    with lrpc.Server() as first:
        first.listen("ncalrpc:[taken]")
        with pytest.raises(lrpc.ListenError):
            serve(served, ["ncalrpc:[taken]"], lambda binding: None)


PROGRAM = "import sys; from lrpc.runtime.host import *; serve(implementation(sys.argv[1]), sys.argv[2:], print_now)"
PRELUDE = "def print_now(binding): print(binding, flush=True)\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("name", ["Blocking", "Asynchronous"])
def test_signal_ends_the_server_in_order(service: str, name: str, number: int) -> None:
    package = str(Path(lrpc.__file__).absolute().parents[1])
    command = [
        sys.executable,
        "-c",
        PRELUDE + PROGRAM,
        f"{service}:{name}",
        "ncalrpc:[ended]",
        r"ncacn_np:[\pipe\ended]",
    ]
    environment = os.environ | {"PYTHONPATH": package}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ncalrpc:[ended]\n"
        assert process.stdout.readline() == "ncacn_np:[\\pipe\\ended]\n"
        stub: Any = implementation(f"{service}:ready")
        with lrpc.connect(_client(stub), "ended") as client:
            assert client.Add(2, 3) == 5
        process.send_signal(number)
        _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")


def _client(served: Any) -> Any:
    return sys.modules[type(served).__mro__[1].__module__].AdderClient
