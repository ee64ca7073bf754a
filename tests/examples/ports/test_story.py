"""The story, as `docs/systems.md` tells it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

from lrpc.transports.namespace import Namespace
from tests.documents import blocks, commands

PAGE = "docs/systems.md"


def story(*options: str) -> subprocess.Popen[str]:
    command: Sequence[str] = [sys.executable, "-m", "examples.ports.story", *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_the_story_goes_from_boot_to_log_off() -> None:
    [(_, text)] = blocks(PAGE)
    [(_, said)] = commands(text)
    told = story()
    assert told.communicate(timeout=120) == (said, "")
    assert told.returncode == 0


def test_the_system_may_stay_up_to_be_looked_at() -> None:
    told = story("--stay")
    assert told.stdout is not None
    where = next(line for line in iter(told.stdout.readline, "") if "denied 0x1" in line)
    assert where
    until = time.monotonic() + 60
    root = ""
    while not root.endswith(" "):
        assert time.monotonic() < until
        root += told.stdout.read(1)
    names = Namespace("\\", (root.strip().removeprefix("LRPC_NAMESPACE="),))
    assert "SmApiPort" in names.list("\\")
    told.communicate("\n", timeout=60)
    assert told.returncode == 0
