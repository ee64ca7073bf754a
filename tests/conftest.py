"""What holds for every test: the cache of compiled IDL is one of this run, not the user's; and other users to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.users import as_other, public_names, root, shared

__all__ = ["as_other", "public_names", "root", "shared"]


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Programs that tests start have it too."""
    home = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(home))
        patch.delenv("LRPC_NO_CACHE", raising=False)
        yield home
