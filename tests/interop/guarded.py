"""`python -m tests.interop.guarded PORT USERS LEVEL`: rpcecho for callers who come at a level, or above."""

from __future__ import annotations

import asyncio
import signal
import sys

import lrpc
from examples.echo.service import Echo


async def serve(port: str, users: str, level: str) -> None:
    """Until SIGTERM."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with lrpc.AsyncServer(register_endpoints=False, authenticator=lrpc.Authenticator(users=users)) as server:
        server.register(Echo(), level=lrpc.AuthLevel(int(level)))
        print(f"listening on {await server.listen(f'ncacn_ip_tcp:127.0.0.1[{port}]')}", flush=True)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
