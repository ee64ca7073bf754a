"""docs/serving.md says what the code does; its session is run by `test_pages.py`."""

from __future__ import annotations

import configparser
import inspect
import re
from pathlib import Path

import lrpc
from lrpc.runtime.serving import loop_watch, workers
from lrpc.runtime.session import SEND_TIMEOUT
from lrpc.transports import namespace

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
FLAT = PAGE.replace("\n", " ")


def test_numbers_of_the_page_are_those_of_the_code() -> None:
    assert (workers.SHORT_LIFE, workers.FIRST_PAUSE, workers.LONGEST_PAUSE) == (10.0, 0.1, 10.0)
    assert "at once if it had lived for ten seconds, else after 0.1 s, 0.2 s, ... 10 s" in FLAT
    assert inspect.signature(lrpc.Server.stop).parameters["grace"].default == workers.GRACE == 5.0
    assert "`grace` seconds, 5 unless said" in FLAT
    assert loop_watch.BLOCKED == 2.0
    assert "serves nobody for two seconds" in FLAT
    assert SEND_TIMEOUT == 10.0
    assert "holds a thread for ten seconds at the most" in FLAT


def test_units_are_such_and_name_the_folders_of_the_namespace() -> None:
    units = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)
    assert len(units) == 2
    for unit in units:
        configparser.RawConfigParser().read_string(unit)
    assert f"{namespace.SYSTEM_ROOT}/{namespace.file_key('RPC Control').replace('%', '%%')}/calc.socket" in units[0]
    assert f"`{namespace.file_key('Device')}/{namespace.file_key('NamedPipe')}`" in PAGE


def test_every_kind_of_the_table_can_be_made() -> None:
    assert re.findall(r"^\| `(?:lrpc\.)?([^`]+)`", PAGE, re.MULTILINE) == [
        "Server()",
        "Server(threads=8)",
        "AsyncServer()",
        "workers=N",
    ]
    assert lrpc.Server(threads=8, workers=2) is not None
