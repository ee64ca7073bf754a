"""lrpc: MS-RPC for Python, local first.

    with lrpc.Server() as server:                   with lrpc.connect(CalculatorClient, "calc") as calc:
        server.register(Adder())                        calc.Add(2, 3)
        server.listen("ncalrpc:[calc]")
        server.serve_forever()

`lrpc gen calc.idl` writes the classes; `lrpc.load("calc.idl")` makes them without a file. What is not needed
for calling is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrpc.runtime.binding import StringBinding
from lrpc.runtime.call import Caller, Limits, caller, deadline
from lrpc.runtime.connect import ConnectionInfo, connect
from lrpc.runtime.server import Server
from lrpc.runtime.status import (
    AccessDenied,
    ArgumentError,
    BadStubData,
    BindRefused,
    CallCancelled,
    ConnectionLost,
    ContextMismatch,
    DeadlineExceeded,
    Fault,
    InvalidBinding,
    ListenError,
    ObjectNotFound,
    OperationOutOfRange,
    ProtocolError,
    Ran,
    RefusedStubData,
    RpcError,
    ServerTooBusy,
    ServerUnavailable,
    StatusError,
    UnknownInterface,
)

if TYPE_CHECKING:
    from lrpc.rpcgen import IdlError
    from lrpc.rpcgen.import_hook import install_import_hook
    from lrpc.rpcgen.load import load
    from lrpc.runtime.async_server import AsyncServer

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "ArgumentError",
    "AsyncServer",
    "BadStubData",
    "BindRefused",
    "CallCancelled",
    "Caller",
    "ConnectionInfo",
    "ConnectionLost",
    "ContextMismatch",
    "DeadlineExceeded",
    "Fault",
    "IdlError",
    "InvalidBinding",
    "Limits",
    "ListenError",
    "ObjectNotFound",
    "OperationOutOfRange",
    "ProtocolError",
    "Ran",
    "RefusedStubData",
    "RpcError",
    "Server",
    "ServerTooBusy",
    "ServerUnavailable",
    "StatusError",
    "StringBinding",
    "UnknownInterface",
    "caller",
    "connect",
    "deadline",
    "install_import_hook",
    "load",
]


def __getattr__(name: str) -> Any:
    """What blocking calls do not need: asyncio, the compiler."""
    if name == "AsyncServer":
        from lrpc.runtime.async_server import AsyncServer

        return AsyncServer
    if name == "load":
        from lrpc.rpcgen.load import load

        return load
    if name == "install_import_hook":
        from lrpc.rpcgen.import_hook import install_import_hook

        return install_import_hook
    if name == "IdlError":
        from lrpc.rpcgen import IdlError

        return IdlError
    raise AttributeError(f"module 'lrpc' has no attribute {name!r}")
