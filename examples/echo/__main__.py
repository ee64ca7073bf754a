"""`python -m examples.echo --listen BINDING ...`: serves rpcecho.

Prints a line for each address it listens on, then serves until SIGINT or SIGTERM. With --register clients find it by
the endpoint mapper of this machine (`lrpc epmapper`), which may also be started later. With --users, --keytab or both
clients may prove who they are by NTLM, Kerberos or Negotiate.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

import lrpc

from .service import Echo


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m examples.echo", description="Serve rpcecho.")
    parser.add_argument("--listen", action="append", metavar="BINDING", help="such as ncacn_ip_tcp:[4242]; again")
    parser.add_argument("--register", action="store_true", help="tell the endpoint mapper of this machine")
    parser.add_argument("--users", metavar="FILE", help="the accounts of NTLM, DOMAIN:user:password a line")
    parser.add_argument("--keytab", metavar="FILE", help="the keys of Kerberos")
    return parser.parse_args(argv)


async def serve(bindings: Sequence[str], *, register: bool, authenticator: lrpc.Authenticator | None = None) -> None:
    """Serve until SIGINT or SIGTERM."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    async with lrpc.AsyncServer(register_endpoints=register, authenticator=authenticator) as server:
        server.register(Echo(), annotation="rpcecho")
        for binding in bindings:
            print(f"listening on {await server.listen(binding)}", flush=True)
        await ended.wait()


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit status."""
    options = arguments(argv)
    try:
        authenticator = None
        if options.users or options.keytab:
            authenticator = lrpc.Authenticator(users=options.users, keytab=options.keytab)
        bindings = options.listen or ["ncalrpc:[rpcecho]"]
        asyncio.run(serve(bindings, register=options.register, authenticator=authenticator))
    except (lrpc.RpcError, OSError, ValueError) as error:
        print(f"echo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
