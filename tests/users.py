"""Fixtures for what users of this machine may do to each other: children of ours that have become somebody else.

Every test may ask for them (`tests/conftest.py`).
"""

from __future__ import annotations

import os
import pickle
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

AsUser = Callable[..., Any]
EVERYBODY = "D:(A;;CC;;;WD)"
"""A port that every user may connect to."""
OWN = frozenset({os.geteuid()})
"""Whose names count, as a namespace is told."""
FOREIGN = 12345
"""A user who is not among them."""


@pytest.fixture
def public_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A namespace that every user may look into, as /run/lrpc is."""
    root = Path(tempfile.mkdtemp(prefix="lrpc-names-", dir="/tmp"))
    root.chmod(0o755)
    monkeypatch.setenv("LRPC_NAMESPACE", str(root))
    yield root
    shutil.rmtree(root)


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory that everybody may write to."""
    directory = Path(tempfile.mkdtemp(prefix="lrpc-shared-", dir="/tmp"))
    directory.chmod(0o777)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def root() -> None:
    """We are root."""
    if os.geteuid():
        pytest.xfail("only root can be somebody else")


@pytest.fixture
def as_other(root: None) -> AsUser:
    """Calls a function in a child that is another user, and gives what it returns, or raises; for root only."""
    return run_as


def run_as(uid: int, function: Callable[[], Any], *, gid: int | None = None, groups: Sequence[int] = ()) -> Any:
    """What `function` gives when a user calls it; modules that it needs must be loaded."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        _answer(writing, uid, uid if gid is None else gid, groups, function)
    os.close(writing)
    with open(reading, "rb") as answers:
        octets = answers.read()
    os.waitpid(child, 0)
    outcome, failure = pickle.loads(octets)
    if failure is not None:
        raise failure
    return outcome


def _answer(writing: int, uid: int, gid: int, groups: Sequence[int], function: Callable[[], Any]) -> None:
    outcome: tuple[Any, BaseException | None]
    try:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        outcome = function(), None
    except BaseException as error:
        traceback.print_exc()
        outcome = None, error
    os.write(writing, pickle.dumps(outcome))
    os._exit(0)
