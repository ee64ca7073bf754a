from __future__ import annotations

from pathlib import Path

import pytest

import lrpc


@pytest.fixture
def authenticator(tmp_path: Path) -> lrpc.Authenticator:
    (tmp_path / "users").write_text("DOM:Mary:secret\n:plain:pass\n")
    return lrpc.Authenticator(users=tmp_path / "users")
