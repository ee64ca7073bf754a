"""A program run with all its calls captured: what `lrpc capture -- COMMAND` does.

The environment carries the wish: whatever the program starts, and uses lrpc, appends to the same file.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress

from .capturing import SIDE_VARIABLE, VARIABLE
from .file import opened

SIGNALLED = 128


def run(command: Sequence[str], path: str, side: str = "") -> int:
    """Run a program to its end with `path` as its capture file, begun anew; its exit status, as a shell gives it.

    side: `client` or `server` when only what that one sees is wanted. OSError when the file cannot be had;
    FileNotFoundError and PermissionError when there is no such program.
    """
    fresh(path)
    environment = {**os.environ, VARIABLE: os.path.abspath(path), SIDE_VARIABLE: side}
    with subprocess.Popen(command, env=environment) as process:
        while process.returncode is None:
            with suppress(KeyboardInterrupt):  # the program has had it too, and says what becomes of it
                process.wait()
    status: int = process.returncode
    return SIGNALLED - status if status < 0 else status


def fresh(path: str) -> None:
    """Begin a capture file anew. FileExistsError when there is something else."""
    opened(path)  # refuses what is no capture
    if os.path.isfile(path):
        os.truncate(path, 0)
    opened(path).begin()
