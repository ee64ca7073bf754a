"""The verbs of `lrpc` that serve, and that show what is served: serve, epmapper, endpoints, ports, port.

A verb asks a module for what it does, and prints it with the terminal that it is given, since the runtime does not
know the compiler and its. Counterpart: `cli.py`, which has the other verbs and the exit statuses.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from .call import DEFAULT_TIMEOUT
from .status import ArgumentError, Fault, InvalidBinding, ListenError, RpcError, StatusError

if TYPE_CHECKING:
    from .authentication.authenticator import Authenticator
    from .authentication.security import Security

ANSWER_TIMEOUT = 1.0
"""Seconds that the processes which hold ports have to say what they do."""

Seconds = Annotated[float, typer.Option("--timeout", metavar="S", min=0.001, help="Seconds that it may take.")]
Listen = Annotated[list[str], typer.Option("--listen", "-l", metavar="BINDING", help="Where; again for more.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Sddl = Annotated[
    str | None, typer.Option(metavar="SDDL", help="Who may connect to ports and pipes. [default: only you]")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log connections.")]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        "-u",
        metavar="NAME",
        help="Who you are to a server of the network: DOMAIN\\user, user@REALM. The password is that of the "
        "environment's LRPC_PASSWORD, or asked for.",
    ),
]
Users = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The accounts of clients that come by NTLM: DOMAIN:user:password a line."),
]
Keytab = Annotated[
    str | None, typer.Option(metavar="FILE", help="The keys of the services that Kerberos' tickets are for.")
]


class Terminal(Protocol):
    """What prints: the module `rpcgen/terminal.py` is one."""

    def show_json(self, data: Any) -> None:
        """Print JSON."""
        ...

    def show_table(self, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table: with tabs, or drawn."""
        ...

    def complain(self, text: str) -> None:
        """A line to stderr."""
        ...

    def counted(self, number: int, what: str) -> str:
        """`1 file`, `2 files`."""
        ...


class Verbs:
    """The verbs, as functions of the command line."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    @property
    def verbs(self) -> tuple[Callable[..., None], ...]:
        """In the order in which `lrpc --help` lists them."""
        return (self.serve, self.epmapper, self.endpoints, self.ports, self.port)

    def serve(
        self,
        what: Annotated[str, typer.Argument(metavar="MODULE:CLASS", help="What is served.", show_default=False)],
        listen: Listen,
        security: Sddl = None,
        threads: Annotated[
            int | None, typer.Option(min=1, help="For all connections together. [default: one for each connection]")
        ] = None,
        workers: Annotated[int, typer.Option(min=0, help="Processes that share the endpoints.")] = 0,
        users: Users = None,
        keytab: Keytab = None,
        verbose: Verbose = False,
    ) -> None:
        """Serve an object until SIGINT or SIGTERM.

        Prints where it listens, one binding a line. The module is looked for in the current folder too; async methods
        are served by asyncio.

        \b
        lrpc serve server:Adder --listen 'ncalrpc:[calc]'
        lrpc serve server:Adder -l 'ncalrpc:[calc]' -l 'ncacn_np:[\\pipe\\calc]' -l 'ncacn_ip_tcp:127.0.0.1[0]'
        """
        from . import host

        _log(verbose)
        served = host.implementation(what)
        host.serve(
            served,
            listen,
            partial(print, flush=True),
            security,
            threads=threads,
            workers=workers,
            authenticator=authenticator(users, keytab),
        )

    def epmapper(
        self,
        listen: Annotated[
            list[str] | None,
            typer.Option(
                "--listen", "-l", metavar="BINDING", help="Where; again for more. [default: port 135 of loopback]"
            ),
        ] = None,
        security: Sddl = None,
        users: Users = None,
        keytab: Keytab = None,
        trust_machine: Annotated[
            bool, typer.Option("--trust-machine", help="Any user of this machine may register, over TCP too.")
        ] = False,
        verbose: Verbose = False,
    ) -> None:
        """Run this machine's endpoint mapper until SIGINT or SIGTERM.

        Servers that are started afterwards register by themselves, through ncalrpc:[epmapper], which is always listened
        on; a server that ends, in whatever way, is forgotten. Clients of other machines ask at TCP port 135.

        \b
        lrpc epmapper
        lrpc epmapper --listen 'ncacn_ip_tcp:0.0.0.0[135]'
        """
        from .mapper import host, service

        _log(verbose)
        who = service.this_machine if trust_machine else service.own_processes
        announce = partial(print, flush=True)
        host.serve(listen or [], announce, security, may_register=who, authenticator=authenticator(users, keytab))

    def endpoints(
        self,
        host: Annotated[
            str | None,
            typer.Argument(metavar="HOST", help="A host, or the string binding of a mapper. [default: this machine]"),
        ] = None,
        interface: Annotated[
            str | None, typer.Option(metavar="WORD", help="Only interfaces with this in UUID, name or annotation.")
        ] = None,
        as_json: AsJson = False,
        timeout: Seconds = DEFAULT_TIMEOUT,
    ) -> None:
        """List what an endpoint mapper knows: interfaces, and where they are.

        \b
        lrpc endpoints
        lrpc endpoints dc.example.com --interface netlogon
        lrpc endpoints 'ncacn_ip_tcp:host[1135]' --json
        """
        from .mapper import lookup
        from .mapper.endpoint_list import listed

        shown = listed(lookup.ept_lookup(host, timeout=timeout), "" if host is None else lookup.address(host).address)
        wanted = [one for one in shown if interface is None or one.has(interface)]
        if as_json:
            self._terminal.show_json([one.as_json() for one in wanted])
            return
        for one in wanted:
            print("\n".join(one.lines()))
        interfaces = self._terminal.counted(len(wanted), "interface")
        self._terminal.complain(f"{interfaces}, {sum(len(one.bindings) for one in wanted)} endpoints")

    def ports(
        self,
        directory: Annotated[
            str | None,
            typer.Argument(metavar="DIRECTORY", help="A directory object. [default: the root]"),
        ] = None,
        as_json: AsJson = False,
        timeout: Seconds = ANSWER_TIMEOUT,
    ) -> None:
        """List the namespace, as WinObj does: ports, pipes, directories and links, and what ports carry.

        Messages and octets are in/out, as the server sees them. A port whose process does not say in time what it does,
        or not to you, is listed all the same.

        \b
        lrpc ports
        lrpc ports '\\RPC Control' --json
        """
        from . import ports

        found = ports.listed(directory or ports.ROOT, timeout)
        if as_json:
            self._terminal.show_json([one.as_json() for one in found])
            return
        self._terminal.show_table(ports.HEADINGS, [one.cells() for one in found])

    def port(
        self,
        name: Annotated[str, typer.Argument(metavar="NAME", help=r"A full name, or one in \RPC Control.")],
        as_json: AsJson = False,
        timeout: Seconds = ANSWER_TIMEOUT,
    ) -> None:
        """Show a port: its limits, its security, the interfaces that it serves, its clients.

        \b
        lrpc port calc
        lrpc port '\\SmApiPort' --json
        """
        from . import ports

        found = ports.shown_one(name, timeout)
        if as_json:
            self._terminal.show_json(found.as_json())
            return
        print("\n".join(found.lines()))
        clients = found.clients()
        if clients:
            self._terminal.show_table(ports.CLIENT_HEADINGS, clients)


def authenticator(users: str | None, keytab: str | None = None) -> Authenticator | None:
    """What takes the accounts of a file, and clients by Kerberos."""
    if users is None and keytab is None:
        return None
    from .authentication.authenticator import Authenticator

    try:
        return Authenticator(users=users, keytab=keytab)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(str(error), param_hint="--users, --keytab") from error


def security_of(user: str | None) -> Security | None:
    """How somebody proves who they are; level and package are words of the binding."""
    if user is None:
        return None
    from .authentication.credentials import PASSWORD, Credentials
    from .authentication.security import Security

    password = os.environ.get(PASSWORD)
    if password is None:
        password = typer.prompt(f"Password of {user}", hide_input=True, err=True)
    return Security(credentials=Credentials(user, password))


def _log(verbose: bool) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    if verbose:  # and nobody else: at DEBUG pyspnego logs the tokens of its clients
        logging.getLogger("lrpc").setLevel(logging.DEBUG)


def message_of(error: Exception) -> str:
    """What is printed of an exception that a verb raised."""
    match error:
        case ArgumentError() | InvalidBinding() | ListenError():
            return str(error)
        case Fault() if error.name not in error.args[0]:
            return f"{error.name} ({error.status:#010x}): {error.args[0]} (the call ran: {error.ran.value})"
        case StatusError() | Fault():
            return f"{error.args[0]} (the call ran: {error.ran.value})"
        case RpcError():
            return f"{type(error).__name__}: {error} (the call ran: {error.ran.value})"
        case _:
            return str(error)
