"""The `lrpc` command: a small function for each verb, and how results and failures are shown.

A verb asks a module for what it does, and prints it. What a verb alone needs is imported by the verb: the IDL
compiler, asyncio and rich cost more than a call. Results go to stdout, in plain text or JSON when it is no
terminal; everything else goes to stderr. `EXITS` below is what the exit status says.
"""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TextIO

import typer

from . import __version__
from .runtime.call import DEFAULT_TIMEOUT
from .runtime.ndr.errors import NdrError
from .runtime.ndr.layout import Encoding
from .runtime.status import ArgumentError, Fault, InvalidBinding, ListenError, RpcError, StatusError

if TYPE_CHECKING:
    from types import ModuleType

    from .rpcgen.stubs.stub_file import StubFile
    from .runtime.ping import Pong

FAILED: Final = 1
USAGE: Final = 2
STATUS: Final = 3
RPC_FAILED: Final = 4

EXITS: Final = """\
\b
Exit status:
  0  it worked
  1  the work failed: IDL with errors, a stub that is not up to date, data that does not fit
  2  the command line is wrong: options, names, JSON, a string binding
  3  the operation ran and returned a status that means failure
  4  the call failed: no server, a fault, a lost connection, a deadline
"""

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"lrpc {__version__}")
        raise typer.Exit


@app.callback(no_args_is_help=True, epilog=EXITS)
def lrpc(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """MS-RPC for Python, local first: stubs from IDL, services, calls."""


class Format(StrEnum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"


class Syntax(StrEnum):
    """The transfer syntaxes."""

    NDR = "ndr"
    NDR64 = "ndr64"


class Order(StrEnum):
    """The order of octets in a number."""

    LITTLE = "little"
    BIG = "big"


class Side(StrEnum):
    """Which values of an operation: those of the request, or those of the response."""

    IN = "in"
    OUT = "out"


Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="IDL files.", show_default=False)]
Search = Annotated[list[str] | None, typer.Option("-I", metavar="DIR", help="A folder for imports; again for more.")]
Defines = Annotated[list[str] | None, typer.Option("-D", metavar="NAME[=VALUE]", help="A macro; again for more.")]
Idl = Annotated[str, typer.Option("--idl", metavar="FILE", help="The IDL file that has the interface.")]
Seconds = Annotated[float, typer.Option("--timeout", metavar="S", min=0.001, help="Seconds that it may take.")]
IdlFile = Annotated[str, typer.Argument(metavar="FILE.idl", help="The IDL file.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A type, Operation, or Interface.Operation.")]
SyntaxOption = Annotated[Syntax, typer.Option(help="The transfer syntax.")]
OrderOption = Annotated[Order, typer.Option(help="The order of octets; NDR64 is little.")]
SideOption = Annotated[Side, typer.Option(help="For an operation: its [in] values, or its [out] values.")]
Given = Annotated[
    str | None, typer.Option("--given", metavar="JSON", help="With --direction out: the [in] values that sizes name.")
]


# IDL


@app.command()
def gen(
    files: Files,
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="DIR", help="Where stubs go. [default: beside the IDL]")
    ] = None,
    search: Search = None,
    define: Defines = None,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail when a stub is not up to date.")] = False,
    package: Annotated[bool, typer.Option("--package", hidden=True)] = False,
) -> None:
    """Write the Python stub of each IDL file.

    \b
    lrpc gen calc.idl                     writes calc.py
    lrpc gen idl/*.idl -o stubs -I idl    writes stubs/*.py
    lrpc gen --check idl/*.idl            for continuous integration
    """
    from .rpcgen.stubs.stub_file import Options, stub_file

    options = Options(output, search or [], _macros(define), package)
    stubs = [stub_file(path, options) for path in files]
    if len({stub.path for stub in stubs}) < len(stubs):
        raise typer.BadParameter(f"several of these files have the same stub: {', '.join(files)}")
    show = _check_stub if check else _write_stub
    good = [show(path, stub, options.command(path)) for path, stub in zip(files, stubs, strict=True)]
    if not all(good):
        raise typer.Exit(FAILED)


def _write_stub(path: str, stub: StubFile, command: str) -> bool:
    _print_lines(stub.compilation.diagnostics, sys.stderr)
    if stub.text is None:
        return False
    stub.write()
    print(stub.path)
    return True


def _check_stub(path: str, stub: StubFile, command: str) -> bool:
    _print_lines(stub.compilation.errors, sys.stderr)
    if stub.text is not None and not stub.current:
        _complain(f"{stub.path} is not what {path} says; run: {command}")
    return stub.text is not None and stub.current


@app.command()
def check(
    files: Files,
    search: Search = None,
    define: Defines = None,
    format: Annotated[Format, typer.Option(help="How to print what is found.")] = Format.TEXT,
) -> None:
    """Say what is wrong with IDL files.

    Exit status 1 for errors, 0 when there are only warnings.

    \b
    lrpc check calc.idl
    lrpc check --format json idl/*.idl | jq '.[].message'
    """
    from .rpcgen import compile_idl

    found = [compile_idl(path, search=search or [], defines=_macros(define)) for path in files]
    diagnostics = [diagnostic for compilation in found for diagnostic in compilation.diagnostics]
    if format is Format.JSON:
        _print_json([diagnostic.as_json() for diagnostic in diagnostics])
    else:
        _print_lines(diagnostics, sys.stdout)
    if any(compilation.errors for compilation in found):
        raise typer.Exit(FAILED)


def _macros(defines: Sequence[str] | None) -> dict[str, str]:
    from .rpcgen.stubs.stub_file import defined

    try:
        return dict(map(defined, defines or ()))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="-D") from None


# Servers and calls


@app.command()
def serve(
    what: Annotated[str, typer.Argument(metavar="MODULE:CLASS", help="What is served.", show_default=False)],
    listen: Annotated[list[str], typer.Option("--listen", "-l", metavar="BINDING", help="Where; again for more.")],
    security: Annotated[
        str | None, typer.Option(metavar="SDDL", help="Who may connect to ports and pipes. [default: only you]")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log connections.")] = False,
) -> None:
    """Serve an object until SIGINT or SIGTERM.

    Prints where it listens, one binding a line. The module is looked for in the current folder too; async methods
    are served by asyncio.

    \b
    lrpc serve server:Adder --listen 'ncalrpc:[calc]'
    lrpc serve server:Adder -l 'ncalrpc:[calc]' -l 'ncacn_np:[\\pipe\\calc]' -l 'ncacn_ip_tcp:127.0.0.1[0]'
    """
    from .runtime import host

    logging.basicConfig(level=logging.DEBUG if verbose else logging.WARNING, format="%(levelname)s %(message)s")
    host.serve(host.implementation(what), listen, lambda binding: print(binding, flush=True), security)


@app.command()
def call(
    target: Annotated[str, typer.Argument(metavar="BINDING", help="A string binding, or the name of a service.")],
    operation: Annotated[str, typer.Argument(metavar="INTERFACE.OPERATION", help="What to call.")],
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="The arguments, by name.")] = "{}",
    *,
    idl: Idl,
    search: Search = None,
    timeout: Seconds = DEFAULT_TIMEOUT,
) -> None:
    """Call an operation; results are JSON.

    Counts that an array determines may be left out. When the operation returns a status that means failure, the
    results beside it are printed too.

    \b
    lrpc call calc Calculator.Add '{"a": 2, "b": 3}' --idl calc.idl
    lrpc call 'ncacn_ip_tcp:host[4242]' Calculator.Add '{"a": 2, "b": 3}' --idl calc.idl --timeout 2
    """
    from .runtime import by_name
    from .runtime.connect import connect

    stub = _load(idl, search)
    found = by_name.find_operation(stub, operation)
    data = _json(arguments, "JSON")
    with connect(by_name.client_class(stub, found.interface), target, timeout=timeout) as client:
        try:
            result = by_name.call(client, found.operation, data)
        except StatusError as error:
            if error.result is not None:
                _print_json(error.result)
            raise
    _print_json(result)


@app.command()
def ping(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A string binding, or the name of a service.")],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say why it was reached so.")] = False,
    idl: Annotated[str | None, typer.Option(metavar="FILE", help="Ask for the interface of this file.")] = None,
    interface: Annotated[str | None, typer.Option(metavar="NAME", help="Which, when the file has several.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How often.")] = 1,
    timeout: Seconds = DEFAULT_TIMEOUT,
) -> None:
    """Say whether a server is there, and how fast.

    Connects and asks for an interface; no operation runs. Without --idl the management interface is asked for; a
    server that does not have it is there all the same.

    \b
    lrpc ping calc -v
    lrpc ping 'ncacn_ip_tcp:host[4242]' --idl calc.idl --count 5
    """
    from .runtime import by_name
    from .runtime.interfaces import mgmt
    from .runtime.ping import ping

    asked = mgmt.mgmt.interface if idl is None else by_name.find_interface(_load(idl), interface)
    for number in range(count):
        pong = ping(target, asked, timeout)
        if verbose and number == 0:
            _show_choice(pong)
        refused = "" if idl is None or not pong.refusal else f"; refused: {pong.refusal}"
        times = f"connected in {pong.connected * 1e3:.3f} ms, bound in {pong.bound * 1e3:.3f} ms"
        print(f"{pong.connection.binding} {times}{refused}", flush=True)
        if refused:
            raise typer.Exit(RPC_FAILED)


def _show_choice(pong: Pong) -> None:
    for tried in pong.connection.tried:
        print(f"tried {tried}")
    print(f"chose {pong.connection.binding}: {pong.connection.reason}")


@app.command()
def demo(
    calls: Annotated[int, typer.Option(min=1, help="Calls over each transport.")] = 2000,
) -> None:
    """Call a calculator over every transport.

    Shows what is chosen, why, and what a call takes. Server and endpoints are its own and end with it.

    \b
    lrpc demo
    """
    from .rpcgen.load import load
    from .runtime import demo

    rows = demo.run(load(demo.IDL), calls)
    cells = [
        (row.target, str(row.connection.binding), row.connection.reason, f"{row.seconds * 1e6:.1f}") for row in rows
    ]
    _print_table(("asked for", "connected to", "because", "µs a call"), cells)


# Octets


@app.command()
def pack(
    idl: IdlFile,
    name: Name,
    data: Annotated[str | None, typer.Argument(metavar="JSON", help="The value. [default: stdin]")] = None,
    syntax: SyntaxOption = Syntax.NDR,
    order: OrderOption = Order.LITTLE,
    direction: SideOption = Side.IN,
    given: Given = None,
    search: Search = None,
) -> None:
    """Print the octets of a value in hexadecimal.

    \b
    lrpc pack calc.idl Record '{"a": 1, "b": 2.5, "name": "x"}'
    lrpc pack calc.idl Calculator.Add --direction out '{"__return__": 5}' --syntax ndr64
    """
    from .runtime import by_name

    form = by_name.Form(_encoding(syntax, order), direction.value, None if given is None else _json(given, "--given"))
    target = by_name.find(_load(idl, search), name)
    print(by_name.pack(target, _json(_or_stdin(data), "JSON"), form).hex())


@app.command()
def unpack(
    idl: IdlFile,
    name: Name,
    octets: Annotated[str | None, typer.Argument(metavar="HEX", help="The octets. [default: stdin]")] = None,
    syntax: SyntaxOption = Syntax.NDR,
    order: OrderOption = Order.LITTLE,
    direction: SideOption = Side.IN,
    given: Given = None,
    search: Search = None,
) -> None:
    """Print the value of octets as JSON.

    Octets behind the value are noted on stderr.

    \b
    lrpc unpack calc.idl Calculator.Add 0200000003000000
    xxd -p stub.bin | lrpc unpack calc.idl Calculator.Add --direction out
    """
    from .runtime import by_name

    form = by_name.Form(_encoding(syntax, order), direction.value, None if given is None else _json(given, "--given"))
    target = by_name.find(_load(idl, search), name)
    try:
        stub = bytes.fromhex(_or_stdin(octets))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="HEX") from None
    value, behind = by_name.unpack(target, stub, form)
    _print_json(value)
    if behind:
        _complain(f"note: {behind} octets follow the value")


def _encoding(syntax: Syntax, order: Order) -> Encoding:
    if syntax is Syntax.NDR:
        return Encoding.NDR_BIG if order is Order.BIG else Encoding.NDR
    if order is Order.BIG:
        raise typer.BadParameter("NDR64 is little-endian", param_hint="--order")
    return Encoding.NDR64


# Input and output


def _load(path: str, search: Sequence[str] | None = None) -> ModuleType:
    from .rpcgen.load import load

    return load(Path(path), search=search or ())


def _json(text: str, hint: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise typer.BadParameter("it is nested too deeply", param_hint=hint) from None
    except ValueError as error:
        raise typer.BadParameter(f"this is no JSON: {error}", param_hint=hint) from None


def _or_stdin(text: str | None) -> str:
    return sys.stdin.read() if text in (None, "-") else text


def _print_lines(things: Iterable[object], stream: TextIO) -> None:
    for thing in things:
        print(thing, file=stream)


def _print_json(data: Any) -> None:
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print_json(data=data)
    else:
        print(json.dumps(data))


def _print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        for row in (headings, *rows):
            print("\t".join(row))
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table()
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    Console().print(table)


def _complain(text: str) -> None:
    print(f"lrpc: {text}", file=sys.stderr)


def main() -> None:
    """The console script: runs a verb, and turns what it raises into a line and an exit status."""
    out = sys.stdout
    if isinstance(out, io.TextIOWrapper):
        out.reconfigure(errors="backslashreplace")
    logging.getLogger("lrpc.rpcgen").setLevel(logging.ERROR)  # `lrpc check` is for warnings
    try:
        app(prog_name="lrpc")
    except Exception as error:
        status = _exit_status(error)
        if status is None:
            raise
        _complain(_message(error))
        sys.exit(status)


def _exit_status(error: Exception) -> int | None:
    """What an exception that a user can bring about means; None for any other, which is a mistake in lrpc."""
    from .rpcgen import IdlError
    from .runtime.by_name import UnknownName
    from .runtime.host import Unservable

    match error:
        case StatusError():
            return STATUS
        case ArgumentError() | InvalidBinding() | UnknownName():
            return USAGE
        case RpcError():
            return RPC_FAILED
        case NdrError() | IdlError() | Unservable() | OSError():
            return FAILED
        case _:
            return None


def _message(error: Exception) -> str:
    match error:
        case ArgumentError() | InvalidBinding() | ListenError():
            return str(error)
        case Fault() if error.name not in str(error):
            return f"{error.name} ({error.status:#010x}): {error} (the call ran: {error.ran.value})"
        case StatusError() | Fault():
            return f"{error} (the call ran: {error.ran.value})"
        case RpcError():
            return f"{type(error).__name__}: {error} (the call ran: {error.ran.value})"
        case _:
            return str(error)


if __name__ == "__main__":
    main()
