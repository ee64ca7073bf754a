"""The `lrpc` command: a small function for each verb, and how failures are shown.

The verbs that read IDL are in `rpcgen/verbs.py`, those that serve in `runtime/verbs.py`; here are those that call and
show octets.

A verb asks a module for what it does, and prints it. What a verb alone needs is imported by the verb: the IDL
compiler, asyncio and rich cost more than a call. Results go to stdout, in plain text or JSON when it is no
terminal; everything else goes to stderr. `EXITS` below is what the exit status says.
"""

from __future__ import annotations

import json
import logging
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from . import __version__
from .rpcgen import IdlError, terminal
from .rpcgen.stubs.stub_file import Options
from .rpcgen.terminal import complain, printable, show_columns, show_json, show_table
from .rpcgen.verbs import FAILED, VERBS, IdlFile, compiling
from .runtime.call import DEFAULT_TIMEOUT
from .runtime.ndr.errors import NdrError
from .runtime.status import ArgumentError, InvalidBinding, RpcError, StatusError
from .runtime.verbs import Seconds, User, Verbs, message_of, security_of
from .transports.errors import NameInvalid, TransportError

if TYPE_CHECKING:
    from types import ModuleType

    from .runtime.by_name import Form
    from .runtime.ndr.strictness import Strictness

USAGE: Final = 2
STATUS: Final = 3
RPC_FAILED: Final = 4

EXITS: Final = """\
\b
Exit status:
  0  it worked
  1  the work failed: IDL with errors, a file that is not up to date, data that does not fit
  2  the command line is wrong: options, names, JSON, a string binding
  3  the operation ran and returned a status that means failure
  4  the call failed: no server, a fault, a lost connection, a deadline
 10, 11, 12  lrpc diff: old and new differ on the wire, in source, in security
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


class TargetLevel(StrEnum):
    """The target levels of strict checks."""

    LEVEL_5_0 = "5.0"
    LEVEL_6_0 = "6.0"


Idl = Annotated[str, typer.Option("--idl", metavar="FILE", help="The IDL file that has the interface.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="A type, Operation, or Interface.Operation.")]
SyntaxOption = Annotated[Syntax, typer.Option(help="The transfer syntax.")]
OrderOption = Annotated[Order, typer.Option(help="The order of octets; NDR64 is little.")]
SideOption = Annotated[Side, typer.Option(help="For an operation: its [in] values, or its [out] values.")]
Given = Annotated[
    str | None, typer.Option("--given", metavar="JSON", help="With --direction out: the [in] values that sizes name.")
]
Serialized = Annotated[
    int | None,
    typer.Option(
        min=1, max=2, metavar="VERSION", help="For a type: with the headers of type serialization, version 1 or 2."
    ),
]
Reference = Annotated[
    bool,
    typer.Option(
        "--reference", help="By construct, which follows the rules one by one, and not by the codec of calls."
    ),
]
LevelOption = Annotated[TargetLevel, typer.Option(help="The checks of MS-RPCE 3.1.1.5.3 that it has to pass.")]
Allowed = Annotated[
    list[str] | None, typer.Option("--allow", metavar="NAME", help="Overlook this, a leniency; again for more.")
]
Refused = Annotated[
    list[str] | None, typer.Option("--refuse", metavar="NAME", help="Do not overlook this; again for more.")
]
Hex = Annotated[
    str | None, typer.Argument(metavar="HEX", help="The octets, or @FILE; xxd's form too. [default: stdin]")
]


for _verb in VERBS:
    app.command()(_verb)

# Servers and calls


for _verb in Verbs(terminal).verbs:
    app.command()(_verb)


@app.command()
@compiling
def call(
    target: Annotated[str, typer.Argument(metavar="BINDING", help="A string binding, or the name of a service.")],
    operation: Annotated[str, typer.Argument(metavar="INTERFACE.OPERATION", help="What to call.")],
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="The arguments, by name.")] = "{}",
    *,
    idl: Idl,
    timeout: Seconds = DEFAULT_TIMEOUT,
    user: User = None,
    options: Options,
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

    stub = _load(idl, options)
    found = by_name.find_operation(stub, operation)
    data = _json(arguments, "JSON")
    client_class, security = by_name.client_class(stub, found.interface), security_of(user)
    with connect(client_class, target, timeout=timeout, security=security) as client:
        try:
            result = by_name.call(client, found.operation, data)
        except StatusError as error:
            if error.result is not None:
                show_json(error.result)
            raise
    show_json(result)


@app.command()
@compiling
def ping(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A string binding, or the name of a service.")],
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say why it was reached so.")] = False,
    idl: Annotated[str | None, typer.Option(metavar="FILE", help="Ask for the interface of this file.")] = None,
    interface: Annotated[str | None, typer.Option(metavar="NAME", help="Which, when the file has several.")] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How often.")] = 1,
    timeout: Seconds = DEFAULT_TIMEOUT,
    user: User = None,
    *,
    options: Options,
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

    asked = mgmt.mgmt.interface if idl is None else by_name.find_interface(_load(idl, options), interface)
    security = security_of(user)
    for number in range(count):
        pong = ping(target, asked, timeout, security)
        if verbose and number == 0:
            print("\n".join(pong.choice()))
        refused = "" if idl is None or not pong.refusal else f"; refused: {pong.refusal}"
        times = f"connected in {pong.connected * 1e3:.3f} ms, bound in {pong.bound * 1e3:.3f} ms"
        print(f"{pong.connection.binding} {times}{refused}", flush=True)
        if refused:
            raise typer.Exit(RPC_FAILED)


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
    show_table(("asked for", "connected to", "because", "µs a call"), cells)


@app.command(context_settings={"allow_interspersed_args": False})
@compiling
def capture(
    command: Annotated[list[str] | None, typer.Argument(metavar="COMMAND...", help="A program and its words.")] = None,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="The file.")] = "capture.pcapng",
    client: Annotated[bool | None, typer.Option("--client/--server", help="Only what this side sees.")] = None,
    read: Annotated[str | None, typer.Option("--read", "-r", metavar="FILE", help="List the calls of a file.")] = None,
    idl: Annotated[list[str] | None, typer.Option("--idl", metavar="FILE", help="For names; again for more.")] = None,
    *,
    options: Options,
) -> None:
    """Run a program and capture its calls, for Wireshark; or list the calls of a file.

    All that the program starts is captured too, over every transport; the exit status is the program's. Where both
    ends of a call are, it is seen twice.

    \b
    lrpc capture -o x.pcapng -- python client.py
    lrpc capture --read x.pcapng --idl calc.idl
    """
    from .runtime.capture import listing, run

    if (read is None) is (not command):
        raise typer.BadParameter("one of the two: a program to run, or --read FILE", param_hint="COMMAND")
    if read is None:
        raise typer.Exit(run.run(command or (), output, {None: "", True: "client", False: "server"}[client]))
    known = listing.Listing(_load(path, options) for path in idl or ())
    show_table(listing.HEADINGS, known.rows(read))
    if known.unread:
        complain(f"note: {known.unread} packets are no PDUs")


# Octets


@app.command()
@compiling
def pack(
    idl: IdlFile,
    name: Name,
    data: Annotated[str | None, typer.Argument(metavar="JSON", help="The value. [default: stdin]")] = None,
    syntax: SyntaxOption = Syntax.NDR,
    order: OrderOption = Order.LITTLE,
    direction: SideOption = Side.IN,
    given: Given = None,
    serialized: Serialized = None,
    reference: Reference = False,
    *,
    options: Options,
) -> None:
    """Print the octets of a value in hexadecimal.

    \b
    lrpc pack calc.idl Record '{"a": 1, "b": 2.5, "name": "x"}'
    lrpc pack calc.idl Calculator.Add --direction out '{"__return__": 5}' --syntax ndr64
    lrpc pack calc.idl Record '{"a": 1, "b": 2.5, "name": "x"}' --serialized 2
    """
    from .runtime import by_name

    form = _form(syntax, order, direction, given, serialized, reference)
    target = by_name.find(_load(idl, options), name)
    print(by_name.pack(target, _json(_or_stdin(data), "JSON"), form).hex())


@app.command()
@compiling
def unpack(
    idl: IdlFile,
    name: Name,
    octets: Hex = None,
    syntax: SyntaxOption = Syntax.NDR,
    order: OrderOption = Order.LITTLE,
    direction: SideOption = Side.IN,
    given: Given = None,
    serialized: Serialized = None,
    reference: Reference = False,
    level: LevelOption = TargetLevel.LEVEL_6_0,
    allow: Allowed = None,
    refuse: Refused = None,
    *,
    options: Options,
) -> None:
    """Print the value of octets as JSON.

    Octets behind the value are noted on stderr.

    \b
    lrpc unpack calc.idl Calculator.Add 0200000003000000
    lrpc unpack calc.idl Record @record.hex --level 5.0 --allow unterminated_string
    xxd -p stub.bin | lrpc unpack calc.idl Calculator.Add --direction out
    lrpc unpack pac.idl PKERB_VALIDATION_INFO @logon_info.hex --serialized 1
    """
    from .runtime import by_name

    form = _form(syntax, order, direction, given, serialized, reference, _strictness(level, allow, refuse))
    target = by_name.find(_load(idl, options), name)
    value, behind = by_name.unpack(target, _octets(octets), form)
    show_json(value)
    if behind:
        complain(f"note: {behind} octets follow the value")


@app.command()
@compiling
def explain(
    idl: IdlFile,
    name: Name,
    octets: Hex = None,
    syntax: SyntaxOption = Syntax.NDR,
    order: OrderOption = Order.LITTLE,
    direction: SideOption = Side.IN,
    given: Given = None,
    level: LevelOption = TargetLevel.LEVEL_6_0,
    allow: Allowed = None,
    refuse: Refused = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    *,
    options: Options,
) -> None:
    """Say what every octet is: field, value, and the rule that put it there.

    Octets that do not fit are explained as far as they were read, with the octet where it fails, and why; that is
    exit status 1.

    \b
    lrpc explain calc.idl Calculator.Add 0200000003000000
    xxd stub.bin | lrpc explain calc.idl Calculator.Add --direction out --syntax ndr64
    lrpc explain calc.idl Record @record.hex --json
    """
    from .runtime import by_name
    from .runtime.ndr.explain_text import HEADINGS, STYLES, lines

    form = _form(syntax, order, direction, given, strictness=_strictness(level, allow, refuse))
    target = by_name.find(_load(idl, options), name)
    found, value = by_name.explain(target, _octets(octets), form)
    if as_json:
        show_json(found.as_json() | {"value": value})
    else:
        show_columns(HEADINGS, [(STYLES.get(line.kind, ""), line.cells) for line in lines(found)])
    if found.error is not None:
        raise typer.Exit(FAILED)


def _strictness(level: TargetLevel, allow: list[str] | None, refuse: list[str] | None) -> Strictness:
    """What is overlooked; octets behind the value are counted all the same."""
    from .runtime.ndr.strictness import chosen

    try:
        return chosen(level.value, allow or (), refuse or (), trailing=None)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--allow") from None


def _form(
    syntax: Syntax,
    order: Order,
    direction: Side,
    given: str | None,
    serialized: int | None = None,
    reference: bool = False,
    strictness: Strictness | None = None,
) -> Form:
    from .runtime import by_name
    from .runtime.ndr.strictness import ALONE

    known = given and _json(given, "--given")
    try:
        return by_name.form(
            syntax.value,
            order.value,
            direction.value,
            known,
            serialized=serialized,
            reference=reference,
            strictness=strictness or ALONE,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


# Input and output


def _load(path: str, options: Options) -> ModuleType:
    from .rpcgen.load import load

    how = options
    return load(Path(path), search=how.search, defines=how.defines, dialect=how.dialect, cached=how.cached)


def _json(text: str, hint: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise typer.BadParameter("it is nested too deeply", param_hint=hint) from None
    except ValueError as error:
        raise typer.BadParameter(f"this is no JSON: {error}", param_hint=hint) from None


def _or_stdin(text: str | None) -> str:
    return sys.stdin.read() if text in (None, "-") else text


def _octets(text: str | None) -> bytes:
    """The octets of HEX: digits, a file with digits, or stdin."""
    from .runtime.ndr.octet_text import octets_of

    try:
        digits = Path(text[1:]).read_text(encoding="ascii") if text and text.startswith("@") else _or_stdin(text)
        return octets_of(digits)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="HEX") from None


def main() -> None:
    """The console script: runs a verb, and turns what it raises into a line and an exit status."""
    printable()
    logging.getLogger("lrpc.rpcgen").setLevel(logging.ERROR)  # `lrpc check` is for warnings
    try:
        app(prog_name="lrpc")
    except Exception as error:
        status = _exit_status(error)
        if status is None:
            raise
        complain(message_of(error))
        for record in error.extended if isinstance(error, RpcError) else ():
            complain(f"  {record.full}")
        sys.exit(status)


def _exit_status(error: Exception) -> int | None:
    """What an exception that a user can bring about means; None for any other, which is a mistake in lrpc."""
    from .rpcgen.model_file import BadModel
    from .runtime.by_name import UnknownName
    from .runtime.capture.pcapng import BadCapture
    from .runtime.host import Unservable

    match error:
        case StatusError():
            return STATUS
        case ArgumentError() | InvalidBinding() | UnknownName() | NameInvalid():
            return USAGE
        case RpcError() | TransportError():
            return RPC_FAILED
        case NdrError() | IdlError() | BadModel() | Unservable() | BadCapture() | OSError():
            return FAILED
        case _:
            return None


if __name__ == "__main__":
    main()
