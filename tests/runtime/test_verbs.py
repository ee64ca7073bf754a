"""The verbs of the runtime by a terminal that remembers; `tests/test_cli.py` runs them from the command line."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest
import typer

from lrpc.runtime import verbs
from lrpc.runtime.status import Fault, InvalidBinding, Ran, ServerUnavailable
from lrpc.runtime.verbs import Verbs
from lrpc.transports import alpc


class Terminal:
    def __init__(self) -> None:
        self.json: Any = None
        self.table: list[tuple[str, ...]] = []
        self.complaints: list[str] = []

    def show_json(self, data: Any) -> None:
        self.json = json.loads(json.dumps(data))

    def show_table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        self.table = [tuple(row) for row in (headings, *rows)]

    def complain(self, text: str) -> None:
        self.complaints.append(text)

    def counted(self, number: int, what: str) -> str:
        return f"{number} {what}"


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture(autouse=True)
def port() -> Iterator[alpc.ConnectionPort]:
    port = alpc.create_port("Calc")
    yield port
    port.close()


def test_each_verb_has_help_with_an_example() -> None:
    for verb in Verbs(Terminal()).verbs:
        assert f"\nlrpc {verb.__name__}" in (inspect.getdoc(verb) or "")


def test_ports_are_a_table_or_json(terminal: Terminal) -> None:
    shown = Verbs(terminal)
    shown.ports(timeout=0.01)
    assert [row[0] for row in terminal.table] == ["name", "\\RPC Control", "\\RPC Control\\Calc"]
    shown.ports("\\RPC Control", as_json=True, timeout=0.01)
    [found] = terminal.json
    assert (found["name"], found["type"]) == ("\\RPC Control\\Calc", "ALPC Port")


def test_one_port_is_lines_or_json(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    shown = Verbs(terminal)
    shown.port("calc", timeout=0.01)
    assert capsys.readouterr().out.startswith("name            \\RPC Control\\Calc\ntype            ALPC Port\n")
    assert terminal.table == []
    shown.port("calc", as_json=True, timeout=0.01)
    assert terminal.json["name"] == "\\RPC Control\\Calc"


def test_accounts_that_cannot_be_read_are_a_wrong_command_line() -> None:
    assert verbs.authenticator(None) is None
    with pytest.raises(typer.BadParameter):
        verbs.authenticator("missing")


def test_the_password_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verbs.security_of(None) is None
    monkeypatch.setenv("LRPC_PASSWORD", "secret")
    security = verbs.security_of("DOM\\mary")
    assert security is not None
    assert "secret" not in repr(security)


def test_exceptions_say_whether_the_call_ran() -> None:
    assert verbs.message_of(InvalidBinding("no")) == "no"
    assert verbs.message_of(OSError("gone")) == "gone"
    assert verbs.message_of(ServerUnavailable("x", ran=Ran.NO)).startswith("ServerUnavailable: x")
    assert "the call ran: " in verbs.message_of(Fault(170))
