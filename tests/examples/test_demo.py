from __future__ import annotations

import pytest

from examples.registry import demo


def test_demo_shows_the_same_registry_over_every_transport(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "ROUNDS", 1)
    monkeypatch.setattr(demo, "CALLS", 1)
    monkeypatch.setenv("COLUMNS", "200")
    assert demo.main() == 0
    shown = capsys.readouterr().out
    for expected in ("HKEY_LOCAL_MACHINE", "OperatingSystem", "ncalrpc:[", "ncacn_np:[", "ncacn_ip_tcp:127.0.0.1["):
        assert expected in shown
