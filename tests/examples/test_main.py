from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import lrpc
from examples.registry import __main__ as program
from examples.registry import walk
from lrpc.runtime.interfaces.winreg import winregClient

ROOT = Path(__file__).parents[2]
TCP = "ncacn_ip_tcp:127.0.0.1[0]"


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "examples.registry", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_service_says_where_it_listens_serves_and_ends_cleanly(tmp_path: Path, ending: signal.Signals) -> None:
    with started("--hive", str(tmp_path / "hive"), "--listen", TCP, "--listen", TCP) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().split() for _ in range(2)]
        assert [words[:2] for words in lines] == [["listening", "on"]] * 2
        trees = []
        for *_, binding in lines:
            with lrpc.connect(winregClient, binding) as registry:
                trees.append(walk.walk(registry, "SOFTWARE"))
        assert trees[0] == trees[1]
        assert trees[0].keys() > 1
        process.send_signal(ending)
        _, complaints = process.communicate(timeout=30)
    assert (process.returncode, complaints) == (0, "")


def test_reader_may_not_write(tmp_path: Path) -> None:
    with started("--listen", TCP, "--read-only") as process:
        assert process.stdout is not None
        binding = process.stdout.readline().split()[-1]
        with lrpc.connect(winregClient, binding) as registry, pytest.raises(lrpc.StatusError) as caught:
            registry.OpenLocalMachine(None, 0x0002_0006)
        process.terminate()
        process.communicate(timeout=30)
    assert caught.value.name == "ERROR_ACCESS_DENIED"


@pytest.mark.parametrize("binding", ["nonsense", "ncacn_ip_tcp:127.0.0.1[99999]"])
def test_address_that_cannot_be_had_is_told_in_one_line(binding: str) -> None:
    with started("--listen", binding) as process:
        output, complaints = process.communicate(timeout=30)
    assert (process.returncode, output) == (1, "")
    assert complaints.startswith("registry: ")
    assert complaints.count("\n") == 1


def test_hive_that_is_none_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "hive").write_bytes(b"no database" * 1000)
    with started("--hive", str(tmp_path / "hive"), "--listen", TCP) as process:
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 1
    assert complaints == "registry: file is not a database\n"


def test_command_line_takes_several_bindings() -> None:
    options = program.arguments(["--hive", "f", "--listen", "a", "--listen", "b"])
    assert (options.hive, options.listen, options.read_only) == ("f", ["a", "b"], False)
