"""The `lrpc` command: each verb with good and bad input, what goes to which stream, and the exit status."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

import lrpc
from lrpc import cli

IDL = """\
[uuid(0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e31), version(1.0)]
interface Calculator
{
    typedef struct { long a; double b; [string, unique] wchar_t *name; } Record;
    typedef union switch (short t) u { case 1: byte b; case 2: hyper h; } Either;
    typedef [context_handle] void *TALLY;

    long Add([in] long a, [in] long b);
    void Divide([in] long a, [in] long b, [out] long *quotient, [out] long *remainder);
    error_status_t Open([in, string] wchar_t *name, [out] TALLY *tally);
    error_status_t Close([in, out] TALLY *tally);
    error_status_t Search([in] long n, [out] long *needed);
    void Echo([in] long n, [in, size_is(n)] byte data[], [out, size_is(n)] byte back[]);
}
"""
SERVICE = """\
import lrpc
from calc import Calculator

class Tally:
    pass

class Service(Calculator):
    def Add(self, a, b): return a + b
    def Divide(self, a, b):
        if b == 0: raise lrpc.Fault(0x1C000001)
        if b < 0: raise lrpc.Fault(170, extended=[lrpc.ErrorRecord(2), lrpc.ErrorRecord(13, 0x4C52)])
        return divmod(a, b)
    def Open(self, name):
        if name == "bad": raise lrpc.StatusError(2)
        return Tally()
    def Close(self, tally): return None
    def Search(self, n): raise lrpc.StatusError(234, n + 1)
    def Echo(self, data, *, n): return data
"""
BAD = "interface Broken { long }\n"
VERBS = (
    *("gen", "check", "lint", "model", "diff", "doc", "header", "fmt"),
    *("serve", "epmapper", "endpoints", "ports", "port"),
    *("call", "ping", "demo", "capture", "pack", "unpack", "explain"),
)
PACKAGE = str(Path(lrpc.__file__).absolute().parents[1])


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A current folder with the files, and a namespace of its own."""
    monkeypatch.chdir(tmp_path)
    names = tmp_path / "names"
    names.mkdir(mode=0o700)
    monkeypatch.setenv("LRPC_NAMESPACE", str(names))
    Path("calc.idl").write_text(IDL)
    Path("bad.idl").write_text(BAD)
    Path("service.py").write_text(SERVICE)
    level = logging.getLogger("lrpc.rpcgen").level
    yield tmp_path
    logging.getLogger("lrpc.rpcgen").setLevel(level)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command in this process."""

    def run(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["lrpc", *arguments])
        monkeypatch.setattr(sys, "stdin", StringIO(stdin))
        try:
            cli.main()
            status: object = 0
        except SystemExit as end:
            status = end.code or 0
        captured = capsys.readouterr()
        assert isinstance(status, int)
        assert "Traceback" not in captured.err
        return Ran(status, captured.out, captured.err)

    return run


@pytest.fixture
def served() -> Iterator[str]:
    """A service in a process of its own, started by `lrpc serve`."""
    subprocess.run([sys.executable, "-m", "lrpc.cli", "gen", "calc.idl"], env=_environment(), check=True)
    listen = ["-l", "ncalrpc:[calc]", "-l", r"ncacn_np:[\pipe\calc]", "-l", "ncacn_ip_tcp:127.0.0.1[0]"]
    command = [sys.executable, "-m", "lrpc.cli", "serve", "service:Service", *listen]
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(3)]
        assert lines[:2] == ["ncalrpc:[calc]", r"ncacn_np:[\pipe\calc]"]
        yield lines[2]
        process.terminate()
        rest = process.communicate()[0]
    assert (process.returncode, rest) == (0, "")


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": PACKAGE, "PYTHONDONTWRITEBYTECODE": "1"}


# The whole


def test_version_is_that_of_the_package(run: Run) -> None:
    assert run("--version") == Ran(0, f"lrpc {lrpc.__version__}\n", "")


def test_help_lists_verbs_and_exit_statuses(run: Run) -> None:
    shown = run("--help")
    assert shown.status == 0
    for word in (*VERBS, "Exit status:"):
        assert word in shown.out


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_has_an_example(run: Run, verb: str) -> None:
    shown = run(verb, "--help")
    assert shown.status == 0
    assert f"\n  lrpc {verb}" in shown.out


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["gen"], ["call", "calc"], ["check", "--format", "xml", "calc.idl"], ["gen", "--what"]]
)
def test_wrong_command_line_is_status_2(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.status == 2
    assert result.err.startswith("Usage: lrpc")


def test_command_starts_without_the_compiler_and_asyncio() -> None:
    program = (
        "import sys, lrpc.cli\n"
        "print([m for m in ('lark', 'pydantic', 'asyncio', 'rich.console', 'lrpc.rpcgen.model') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=_environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


# serve, call, ping


def test_call_prints_results_over_every_transport(run: Run, served: str) -> None:
    for target in ("calc", "ncalrpc:[calc]", r"ncacn_np:[\pipe\calc]", served):
        result = run("call", target, "Calculator.Add", '{"a": 2, "b": 3}', "--idl", "calc.idl")
        assert result == Ran(0, '{"__return__": 5}\n', "")


def test_call_results_and_failures(run: Run, served: str) -> None:
    def call(*arguments: str) -> Ran:
        return run("call", "calc", *arguments, "--idl", "calc.idl", "--timeout", "20")

    assert call("Divide", '{"a": 7, "b": 2}').out == '{"quotient": 3, "remainder": 1}\n'
    assert call("Echo", '{"data": [1, 2]}').out == '{"back": [1, 2]}\n'
    assert call("Close", '{"tally": null}').out == '{"tally": null}\n'

    opened = call("Open", '{"name": "x"}')
    assert set(json.loads(opened.out)["tally"]) == {"attributes", "uuid"}
    mismatch = call("Close", opened.out)
    assert (mismatch.status, mismatch.out) == (4, "")
    assert mismatch.err == "lrpc: nca_s_fault_context_mismatch (0x1c00001a) (the call ran: no)\n"

    assert call("Open", '{"name": "bad"}').err == "lrpc: ERROR_FILE_NOT_FOUND (2) (the call ran: yes)\n"
    assert call("Open", '{"name": "bad"}').status == 3
    more = call("Search", '{"n": 5}')
    assert (more.status, more.out) == (3, '{"needed": 6}\n')
    fault = call("Divide", '{"a": 7, "b": 0}')
    assert fault.status == 4
    assert "nca_s_fault_int_div_by_zero (0x1c000001)" in fault.err
    assert call("Divide", '{"a": 7, "b": -1}').err.splitlines() == [
        "lrpc: ERROR_BUSY (0x000000aa) (the call ran: unknown)",
        "lrpc:   application: ERROR_FILE_NOT_FOUND",
        "lrpc:   component 19538: ERROR_INVALID_DATA",
    ]


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["calc", "Calculator.Ad", "{}"], 2, "there is Calculator.Add"),
        (["calc", "Add", "{"], 2, "this is no JSON"),
        (["calc", "Add", "[" * 100_000], 2, "nested too deeply"),
        (["nosuch:[calc]", "Add", '{"a": 1, "b": 2}'], 2, "nosuch"),
        (["ncalrpc:[nobody]", "Add", '{"a": 1, "b": 2}'], 4, "ServerUnavailable: "),
        (["nobody", "Add", "{}", "--timeout", "2"], 4, "(the call ran: no)"),
        (["calc", "Add", "{}", "--timeout", "0"], 2, "--timeout"),
    ],
)
def test_call_says_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    result = run("call", *arguments, "--idl", "calc.idl")
    assert (result.status, result.out) == (status, "")
    assert reason in result.err


def test_call_with_bad_idl_shows_the_diagnostics(run: Run) -> None:
    result = run("call", "calc", "Add", "--idl", "bad.idl")
    assert result.status == 1
    assert "bad.idl:1:25: error" in result.err


def test_call_with_arguments_that_do_not_fit_is_status_2(run: Run, served: str) -> None:
    result = run("call", "calc", "Add", '{"a": 1}', "--idl", "calc.idl")
    assert result == Ran(2, "", "lrpc: Add: b: is missing\n")


def test_ping_tells_the_choice(run: Run, served: str) -> None:
    result = run("ping", "calc", "-v", "--idl", "calc.idl", "--count", "2")
    chosen, *answers = result.out.splitlines()
    assert result.status == 0
    assert chosen == "chose ncalrpc:[calc]: same machine: it has an ALPC port of this name"
    assert len(answers) == 2
    assert all(line.startswith("ncalrpc:[calc] connected in ") for line in answers)


def test_ping_without_idl_asks_only_who_is_there(run: Run, served: str) -> None:
    result = run("ping", served)
    assert result.status == 0
    assert result.out.startswith(f"{served} connected in ")
    assert "refused" not in result.out


def test_ping_fails_for_an_interface_that_is_not_there(run: Run, served: str) -> None:
    Path("other.idl").write_text(IDL.replace("9e31", "9e32"))
    result = run("ping", "calc", "--idl", "other.idl")
    assert result.status == 4
    assert "; refused: Calculator" in result.out


def test_ping_fails_where_nobody_is(run: Run) -> None:
    result = run("ping", "ncalrpc:[nobody]", "-v")
    assert (result.status, result.out) == (4, "")
    assert "OBJECT_NAME_NOT_FOUND" in result.err


# epmapper, endpoints


@pytest.fixture
def mapper() -> Iterator[str]:
    """An endpoint mapper in a process of its own; its TCP binding."""
    command = [sys.executable, "-m", "lrpc.cli", "epmapper", "--listen", "ncacn_ip_tcp:127.0.0.1[0]"]
    with subprocess.Popen(command, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ncalrpc:[epmapper]\n"
        yield process.stdout.readline().rstrip()
        process.terminate()
        rest = process.communicate()[0]
    assert (process.returncode, rest) == (0, "")


@pytest.fixture
def registered(run: Run, mapper: str, served: str) -> str:
    """A service, once the mapper has heard of its last endpoint; its TCP binding."""
    until = time.monotonic() + 60
    while served not in run("endpoints").out:
        assert time.monotonic() < until, "the service never registered"
    return served


def test_servers_are_listed_by_interface(run: Run, mapper: str, registered: str) -> None:
    lines = ["0e6d7e1c-94f5-4a36-8b41-3b3cf32a9e31 v1.0", "    ncalrpc:[calc]", r"    ncacn_np:[\pipe\calc]"]
    expected = Ran(0, "\n".join([*lines, f"    {registered}", ""]), "lrpc: 1 interface, 3 endpoints\n")
    for arguments in ([], [mapper], ["--interface", "9E31"]):
        assert run("endpoints", *arguments) == expected


def test_list_may_be_json(run: Run, registered: str) -> None:
    result = run("endpoints", "--json")
    [found] = json.loads(result.out)
    assert (found["version"], found["bindings"][-1]) == ("1.0", registered)


def test_list_may_be_empty(run: Run, mapper: str) -> None:
    assert run("endpoints") == Ran(0, "", "lrpc: 0 interfaces, 0 endpoints\n")
    assert run("endpoints", "--interface", "nothing", "--json") == Ran(0, "[]\n", "")


def test_service_is_called_by_its_interface_alone(run: Run, registered: str) -> None:
    result = run("call", "ncalrpc:", "Add", '{"a": 2, "b": 3}', "--idl", "calc.idl")
    assert json.loads(result.out) == {"__return__": 5}


@pytest.mark.parametrize(
    ("host", "status", "reason"),
    [("a b", 2, "no protocol sequence"), ("ncacn_ip_tcp:127.0.0.1[1]", 4, "ServerUnavailable")],
)
def test_mapper_that_is_not_there_is_told(run: Run, host: str, status: int, reason: str) -> None:
    result = run("endpoints", host, "--timeout", "5")
    assert (result.status, result.out) == (status, "")
    assert reason in result.err


@pytest.mark.parametrize(
    ("binding", "status", "reason"), [("nonsense", 2, "no protocol sequence"), ("ncacn_ip_tcp:192.0.2.1[0]", 4, "192.")]
)
def test_epmapper_says_what_is_wrong(run: Run, binding: str, status: int, reason: str) -> None:
    result = run("epmapper", "--listen", binding)
    assert result.status == status
    assert reason in result.err


def test_only_one_mapper_has_the_port(run: Run, mapper: str) -> None:
    result = run("epmapper", "--listen", "ncacn_ip_tcp:127.0.0.1[0]")
    assert (result.status, result.out) == (4, "")
    assert "ncalrpc:[epmapper]" in result.err


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["nothing"], 1, "module:Class"),
        (["no_such_module:X"], 1, "ModuleNotFoundError"),
        (["json:loads"], 1, "no generated interface"),
    ],
)
def test_serve_says_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    result = run("serve", *arguments, "--listen", "ncalrpc:[x]")
    assert (result.status, result.out) == (status, "")
    assert reason in result.err


@pytest.mark.parametrize("verb", [["serve", "service:Service", "--listen", "ncalrpc:[x]"], ["epmapper"]])
@pytest.mark.parametrize(("text", "reason"), [(None, "No such file"), ("mary\n", "line 1: not DOMAIN:user:password")])
def test_accounts_that_make_no_sense_are_status_2(run: Run, verb: list[str], text: str | None, reason: str) -> None:
    run("gen", "calc.idl")
    if text is not None:
        Path("users").write_text(text)
    command = [sys.executable, "-m", "lrpc.cli", *verb, "--users", "users"]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert reason in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_who_logs_on_is_taken_or_not(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("gen", "calc.idl")
    Path("users").write_text("DOM:mary:secret\n")
    command = [sys.executable, "-m", "lrpc.cli", "serve", "service:Service", "-l", "ncacn_ip_tcp:127.0.0.1[0]"]
    with subprocess.Popen(
        [*command, "--users", "users"], env=_environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        binding = process.stdout.readline().strip().replace("]", ",seal,spnego]")
        try:
            monkeypatch.setenv("LRPC_PASSWORD", "secret")
            words = ("call", binding, "Add", '{"a": 1, "b": 2}', "--idl", "calc.idl", "--user", r"DOM\mary")
            assert run(*words) == Ran(0, '{"__return__": 3}\n', "")
            monkeypatch.setenv("LRPC_PASSWORD", "another")
            refused = run("ping", binding, "--user", r"DOM\mary")
            assert (refused.status, refused.out) == (4, "")
            assert r"does not take the credentials of DOM\mary" in refused.err
        finally:
            process.terminate()


def test_verbose_logs_who_logs_on_and_none_of_their_tokens(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run("gen", "calc.idl")
    Path("users").write_text("DOM:mary:secret\n")
    monkeypatch.setenv("LRPC_PASSWORD", "secret")
    command = [sys.executable, "-m", "lrpc.cli", "serve", "service:Service", "-l", "ncacn_ip_tcp:127.0.0.1[0]", "-v"]
    with subprocess.Popen(
        [*command, "--users", "users"], env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        binding = process.stdout.readline().strip().replace("]", ",seal,ntlm]")
        words = ("call", binding, "Add", '{"a": 1, "b": 2}', "--idl", "calc.idl", "--user", r"DOM\mary")
        called = run(*words)
        process.terminate()
        _, log = process.communicate()
    assert called == Ran(0, '{"__return__": 3}\n', "")
    assert r"DOM\mary by ntlm, level PRIVACY" in log
    assert "connected" in log  # at DEBUG
    assert "TlRMTVNTUA" not in log  # how each token of NTLM begins in base64


@pytest.mark.parametrize(
    ("binding", "status", "reason"),
    [
        ("ncalrpc", 2, "no protocol sequence"),
        ("memory:", 4, "needs an endpoint"),
        ("ncacn_ip_tcp:[x]", 2, "no TCP port"),
    ],
)
def test_serve_refuses_a_bad_binding(run: Run, binding: str, status: int, reason: str) -> None:
    run("gen", "calc.idl")
    command = [sys.executable, "-m", "lrpc.cli", "serve", "service:Service", "--listen", binding]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


# pack, unpack

RECORD = '{"a": 1, "b": 2.5, "name": "x"}'


@pytest.mark.parametrize(
    ("name", "data", "options", "octets"),
    [
        ("Record", RECORD, [], "0100000000000000000000000000044000000200020000000000000002000000" + "78000000"),
        ("Calculator.Add", '{"a": 2, "b": 3}', [], "0200000003000000"),
        ("Add", '{"a": 2, "b": 3}', ["--order", "big"], "0000000200000003"),
        ("Add", '{"__return__": 5}', ["--direction", "out"], "05000000"),
        ("Either", '{"t": 1, "u": 17}', [], "010011"),
        ("Echo", '{"n": 1, "data": [9]}', ["--syntax", "ndr64"], "01000000000000000100000000000000" + "09"),
        ("Echo", '{"back": [9]}', ["--direction", "out", "--given", '{"data": [0]}'], "0100000009"),
        ("TALLY", "null", [], "00" * 20),
        (
            "Either",
            '{"t": 1, "u": 17}',
            ["--serialized", "1"],
            "01100800cccccccc" + "0800000000000000" + "0100110000000000",
        ),
    ],
)
@pytest.mark.parametrize("reader", [[], ["--reference"]], ids=["codec", "construct"])
def test_pack_and_unpack_are_each_others_inverse(
    run: Run, name: str, data: str, options: list[str], octets: str, reader: list[str]
) -> None:
    options = [*options, *reader]
    assert run("pack", "calc.idl", name, data, *options) == Ran(0, f"{octets}\n", "")
    assert run("pack", "calc.idl", name, *options, stdin=data) == Ran(0, f"{octets}\n", "")
    for result in (
        run("unpack", "calc.idl", name, octets, *options),
        run("unpack", "calc.idl", name, "-", *options, stdin=octets.upper() + "\n"),
    ):
        assert (result.status, json.loads(result.out), result.err) == (0, json.loads(data), "")


def test_unpack_notes_octets_behind_the_value(run: Run) -> None:
    result = run("unpack", "calc.idl", "Add", "0200000003000000ffff")
    assert result == Ran(0, '{"a": 2, "b": 3}\n', "lrpc: note: 2 octets follow the value\n")


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (["pack", "calc.idl", "Add", "{}"], 1, "a: is missing"),
        (["pack", "calc.idl", "Add", "nonsense"], 2, "this is no JSON"),
        (["pack", "calc.idl", "Nothing", "{}"], 2, "'Nothing' is not a type or operation here"),
        (["pack", "missing.idl", "Add", "{}"], 1, "cannot find missing.idl"),
        (["pack", "calc.idl", "Add", "{}", "--syntax", "ndr64", "--order", "big"], 2, "NDR64 is little-endian"),
        (["pack", "calc.idl", "Echo", '{"back": [1]}', "--direction", "out"], 1, "(--given)"),
        (["unpack", "calc.idl", "Add", "02"], 1, "a: long takes 4 octets"),
        (["unpack", "calc.idl", "Add", "0x"], 2, "HEX"),
        (["unpack", "calc.idl", "Add", "é"], 2, "HEX"),
        (["unpack", "calc.idl", "Either", "070011"], 1, "7"),
        (["pack", "calc.idl", "TALLY", "null", "--serialized", "1"], 1, "means nothing outside a call"),
        (["pack", "calc.idl", "Add", "{}", "--serialized", "1"], 1, "only types are serialized"),
        (["pack", "calc.idl", "Either", "{}", "--serialized", "2", "--order", "big"], 2, "2 of type serialization is"),
        (["pack", "calc.idl", "Either", "{}", "--serialized", "1", "--syntax", "ndr64"], 2, "version 2 may be NDR64"),
        (["unpack", "calc.idl", "Either", "01100800cccccccc", "--serialized", "2"], 1, "version 1 of type serial"),
        (["unpack", "calc.idl", "Either", "01100800cccccccc", "--serialized", "1"], 1, "a private header takes 8"),
    ],
)
def test_pack_and_unpack_say_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    result = run(*arguments)
    assert (result.status, result.out) == (status, "")
    assert reason in result.err


# explain


def test_explain_says_what_every_octet_is(run: Run) -> None:
    octets = run("pack", "calc.idl", "Record", RECORD).out
    result = run("explain", "calc.idl", "Record", stdin=octets)
    assert (result.status, result.err) == (0, "")
    heading, *rows = result.out.splitlines()
    assert heading.split() == ["offset", "octets", "field", "value", "what"]
    assert "".join(row[8:31].replace(" ", "") for row in rows) == octets.strip()
    assert rows[-1] == '0x0020  78 00 00 00              name   "x"      string of 2 units (C706 14.3.4.2)'
    data = json.loads(run("explain", "calc.idl", "Record", "--json", stdin=octets).out)
    assert (data["value"], data["error"], data["behind"]) == (json.loads(RECORD), None, 0)
    assert "".join(piece["hex"] for piece in data["pieces"]) == octets.strip()


def test_explain_takes_dumps_and_files(run: Run, workplace: Path) -> None:
    expected = run("explain", "calc.idl", "Add", "0200000003000000")
    assert expected.status == 0
    (workplace / "stub.txt").write_text("00000000: 0200 0000 0300 0000  ........\n")
    assert run("explain", "calc.idl", "Calculator.Add", "@stub.txt") == expected
    assert run("explain", "calc.idl", "Calculator.Add", "0x02000000 0x03000000") == expected
    assert run("unpack", "calc.idl", "Add", "@stub.txt").out == '{"a": 2, "b": 3}\n'
    assert run("explain", "calc.idl", "Add", "@missing.txt").status == 1


def test_explain_of_what_does_not_fit_is_status_1_with_the_reason_of_unpack(run: Run) -> None:
    for name, octets in (
        ("Record", "0100000000000000"),
        ("Add", "02"),
        ("Echo", "0200000001000000"),
        ("Either", "0700"),
    ):
        result, reason = run("explain", "calc.idl", name, octets), run("unpack", "calc.idl", name, octets).err
        assert (result.status, result.err) == (1, "")
        [marked] = [line for line in result.out.splitlines() if line.startswith("^")]
        assert marked[1:].strip().startswith(reason.removeprefix("lrpc: ").strip())
        assert json.loads(run("explain", "calc.idl", name, octets, "--json").out)["error"]["status"]


@pytest.mark.parametrize("verb", ["unpack", "explain"])
@pytest.mark.parametrize("reader", [[], ["--reference"]], ids=["codec", "construct"])
def test_level_and_leniencies_are_chosen(run: Run, workplace: Path, verb: str, reader: list[str]) -> None:
    (workplace / "lenient.idl").write_text(
        "[uuid(0d1f7c5a-3c0e-4d57-9b4f-6c6f2b0f7a12)] interface L {"
        " typedef struct { long n; [unique, size_is(n)] byte *a; [unique, string] char *t; } T; void F([in] T *t); }"
    )
    ask = [verb, "lenient.idl", "T", *(reader if verb == "unpack" else [])]
    null, endless = "02000000 00000000 00000000", "00000000 00000000 01000000 02000000 00000000 02000000 6161"
    assert "a: a null pointer to 2 items at offset 0x8 (MS-RPCE 3.1.1.5.3.3.1.2)" in "".join(run(*ask, null)[1:])
    assert run(*ask, null, "--level", "5.0").status == 0
    assert run(*ask, null, "--allow", "null_array").status == 0
    assert run(*ask, endless).status == 1
    assert '"aa"' in run(*ask, endless, "--allow", "unterminated_string", "--allow", "empty_string").out
    assert run(*ask, endless, "--allow", "unterminated_string", "--refuse", "unterminated_string").status == 1
    for word in ("--allow", "--refuse"):
        wrong = run(*ask, null, word, "anything")
        assert (wrong.status, "'anything' is no leniency: there is empty_string" in wrong.err) == (2, True)


def test_explain_knows_replies_encodings_and_what_they_need(run: Run) -> None:
    reply = run("explain", "calc.idl", "Divide", "0000000300000001", "--direction", "out", "--order", "big")
    assert [line.split()[5:7] for line in reply.out.splitlines()[1:]] == [["quotient", "3"], ["remainder", "1"]]
    echo = ["explain", "calc.idl", "Echo", "010000000000000009", "--direction", "out", "--syntax", "ndr64"]
    assert "(--given)" in run(*echo).err
    assert run(*echo, "--given", '{"data": [0]}').status == 0
    assert "the siblings say 2" in run(*echo, "--given", '{"data": [0, 0]}').out
    assert run("explain", "calc.idl", "Add", "zz").status == 2


# Streams


def test_capture_of_a_program_lists_its_calls(run: Run, served: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", PACKAGE)
    words = [sys.executable, "-m", "lrpc.cli", "call", served, "Divide", '{"a": 7, "b": 0}', "--idl", "calc.idl"]
    assert run("capture", "-o", "x.pcapng", "--", *words).status == 4
    result = run("capture", "--read", "x.pcapng", "--idl", "calc.idl")
    assert (result.status, result.err) == (0, "")
    heading, line = result.out.splitlines()
    assert heading == "time\tseen by\tconnection\toperation\tsent\treceived\tms\tstatus"
    _, side, connection, operation, sent, received, _, status = line.split("\t")
    assert (side, operation, sent, received) == ("client", "Calculator.Divide", "8", "0")
    assert connection.startswith(f"{served}: client pid ")
    assert status == "fault nca_s_fault_int_div_by_zero (0x1c000001)"


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        ([], 2, "a program to run, or --read FILE"),
        (["--read", "x", "true"], 2, "a program to run, or --read FILE"),
        (["--read", "calc.idl"], 1, "calc.idl: it does not begin with a section header"),
        (["--read", "missing"], 1, "No such file"),
        (["-o", "calc.idl", "true"], 1, "no capture of lrpc"),
        (["./missing"], 1, "No such file"),
    ],
)
def test_capture_says_what_is_wrong(run: Run, arguments: list[str], status: int, reason: str) -> None:
    result = run("capture", *arguments)
    assert (result.status, result.out) == (status, "")
    assert reason in " ".join(result.err.replace("│", " ").split())
    assert Path("calc.idl").read_text() == IDL


def test_capture_notes_what_is_no_pdu(run: Run) -> None:
    from lrpc.runtime.capture import pcapng
    from lrpc.runtime.capture.file import preamble

    Path("x.pcapng").write_bytes(preamble() + pcapng.packet(0, 0, b"", outbound=True))
    assert run("capture", "--read", "x.pcapng").err == "lrpc: note: 1 packets are no PDUs\n"


def test_demo_is_a_table_of_tabs_when_piped() -> None:
    command = [sys.executable, "-m", "lrpc.cli", "demo", "--calls", "5"]
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0] == ["asked for", "connected to", "because", "µs a call"]
    assert [row[0].partition(":")[0] for row in rows[1:]] == ["calc", "ncalrpc", "ncacn_np", "ncacn_ip_tcp"]


def test_terminal_gets_a_drawn_table() -> None:
    program = (
        "import pty, os, sys\n"
        "status = pty.spawn([sys.executable, '-m', 'lrpc.cli', 'demo', '--calls', '5'])\n"
        "sys.exit(os.waitstatus_to_exitcode(status))\n"
    )
    environment = _environment() | {"TERM": "xterm", "COLUMNS": "120"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True
    )
    assert "┃" in done.stdout.decode()
    assert "ncacn_np:[\\pipe\\calc]" in done.stdout.decode()


def test_reader_that_goes_away_is_no_traceback() -> None:
    command = f"{sys.executable} -m lrpc.cli check bad.idl missing.idl | true"
    done = subprocess.run(["sh", "-c", command], env=_environment(), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
