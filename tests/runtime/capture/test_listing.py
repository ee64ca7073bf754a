from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lrpc.runtime.capture.calls import CapturedCall
from lrpc.runtime.capture.file import preamble
from lrpc.runtime.capture.listing import HEADINGS, Listing, interfaces_in, moment, stock
from lrpc.runtime.capture.pcapng import BadCapture
from lrpc.runtime.interfaces import winreg
from lrpc.runtime.ncacn import SyntaxId

CLOSE_KEY = winreg.winreg.interface.operation("BaseRegCloseKey").opnum


def call(interface: Any = winreg.winreg.interface, opnum: int | None = CLOSE_KEY, **known: Any) -> CapturedCall:
    syntax = None if interface is None else SyntaxId(interface.uuid, *interface.version)
    known = {"duration": 1_500_000} | known
    return CapturedCall(0, "client", "who", syntax, opnum, **known)


def test_a_row_has_what_the_headings_say() -> None:
    row = Listing().row(call(sent=20, received=24, tail=bytes(4)))
    assert dict(zip(HEADINGS, row, strict=True)) == {
        "time": moment(0),
        "seen by": "client",
        "connection": "who",
        "operation": "winreg.BaseRegCloseKey",
        "sent": "20",
        "received": "24",
        "ms": "1.500",
        "status": "ok",
    }


@pytest.mark.parametrize(
    ("known", "status"),
    [
        ({"tail": b"\x05\0\0\0"}, "ERROR_ACCESS_DENIED (0x00000005)"),
        ({"tail": b"\x05"}, "ok"),
        ({"opnum": 99, "tail": b"\x05\0\0\0"}, "ok"),
        ({"fault": 0x1C010003}, "fault nca_s_unknown_if (0x1c010003)"),
        ({"duration": None}, "no answer"),
        ({"opnum": None, "refused": "refused, reason 1"}, "refused, reason 1"),
    ],
)
def test_status_says_how_it_ended(known: dict[str, Any], status: str) -> None:
    assert Listing().row(call(**known))[-1] == status


def test_names_are_known_of_stock_interfaces_and_of_given_ones(calculator: ModuleType) -> None:
    interface = calculator.Calculator.interface
    nameless = f"{interface.uuid} v{interface.version[0]}.{interface.version[1]}"
    assert Listing().name(call(interface, 0)) == f"{nameless} opnum 0"
    assert Listing([calculator]).name(call(interface, 0)) == "Calculator.Add"
    assert Listing([calculator]).name(call(interface, 99)) == "Calculator opnum 99"
    assert Listing().name(call(opnum=None)) == "bind winreg"
    assert Listing().name(call(None, 7)) == "unknown interface opnum 7"


def test_interfaces_of_a_module_are_found() -> None:
    assert {found.name for found in interfaces_in(winreg)} == {"winreg"}
    assert {"winreg", "lsarpc", "ept", "mgmt"} <= {found.name for found in stock().values()}


def test_words_of_a_file_do_nothing_to_a_terminal() -> None:
    captured = call()
    captured.connection = "\x1b[2Jwho\x9b\n"
    assert Listing().row(captured)[2] == "\ufffd[2Jwho\ufffd\ufffd"


def test_moment_is_a_time_of_day() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.123456", moment(1_700_000_000_123_456_789))


def test_a_file_without_calls_has_no_rows(tmp_path: Path) -> None:
    listing = Listing()
    (tmp_path / "x.pcapng").write_bytes(preamble())
    assert list(listing.rows(str(tmp_path / "x.pcapng"))) == []
    assert listing.unread == 0


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("these are notes")
    with pytest.raises(BadCapture, match="notes: it does not begin with a section header"):
        list(Listing().rows(str(tmp_path / "notes")))
