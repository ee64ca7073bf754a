"""lrpc: MS-RPC for Python, local first.

    with lrpc.Server() as server:                   with lrpc.connect(CalculatorClient, "calc") as calc:
        server.register(Adder())                        calc.Add(2, 3)
        server.listen("ncalrpc:[calc]")
        server.serve_forever()

`lrpc gen calc.idl` writes the classes; `lrpc.load("calc.idl")` makes them without a file. What a stub needs is
imported at once, everything else when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import lrpc.runtime.stub as _stub  # every stub needs it
from lrpc.runtime.status import (
    AccessDenied,
    ArgumentError,
    BadStubData,
    BindRefused,
    CallbackRefused,
    CallCancelled,
    ConnectionLost,
    ContextMismatch,
    DeadlineExceeded,
    Fault,
    ForkedBinding,
    InvalidBinding,
    ListenError,
    MissingPackage,
    ObjectNotFound,
    OperationOutOfRange,
    PipeOrderError,
    ProtocolError,
    Ran,
    RefusedStubData,
    ResponseTooLarge,
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
    from lrpc.runtime.acting import acting_as
    from lrpc.runtime.allocation import Allocation, allocate
    from lrpc.runtime.async_server import AsyncServer
    from lrpc.runtime.authentication.authenticator import Authenticator
    from lrpc.runtime.authentication.credentials import Credentials
    from lrpc.runtime.authentication.security import Impersonation, Security
    from lrpc.runtime.batching import batch
    from lrpc.runtime.binding import StringBinding
    from lrpc.runtime.call import Caller, Limits, call_cancelled, caller, deadline
    from lrpc.runtime.callbacks.line import callback
    from lrpc.runtime.connect import ConnectionInfo, connect
    from lrpc.runtime.contexts import HandleRules
    from lrpc.runtime.extended import Component, Disclosure, ErrorRecord
    from lrpc.runtime.impersonating import impersonate
    from lrpc.runtime.intercept import AsyncInterceptor, AsyncProceed, Interceptor, Invocation, Proceed
    from lrpc.runtime.ncacn.security import AuthLevel
    from lrpc.runtime.ndr.strictness import Strictness
    from lrpc.runtime.policy import Policy
    from lrpc.runtime.serialization import deserialize, serialize
    from lrpc.runtime.server import Server
    from lrpc.runtime.system import SystemHandle

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "Allocation",
    "ArgumentError",
    "AsyncInterceptor",
    "AsyncProceed",
    "AsyncServer",
    "AuthLevel",
    "Authenticator",
    "BadStubData",
    "BindRefused",
    "CallCancelled",
    "CallbackRefused",
    "Caller",
    "Component",
    "ConnectionInfo",
    "ConnectionLost",
    "ContextMismatch",
    "Credentials",
    "DeadlineExceeded",
    "Disclosure",
    "ErrorRecord",
    "Fault",
    "ForkedBinding",
    "HandleRules",
    "IdlError",
    "Impersonation",
    "Interceptor",
    "InvalidBinding",
    "Invocation",
    "Limits",
    "ListenError",
    "MissingPackage",
    "ObjectNotFound",
    "OperationOutOfRange",
    "PipeOrderError",
    "Policy",
    "Proceed",
    "ProtocolError",
    "Ran",
    "RefusedStubData",
    "ResponseTooLarge",
    "RpcError",
    "Security",
    "Server",
    "ServerTooBusy",
    "ServerUnavailable",
    "StatusError",
    "Strictness",
    "StringBinding",
    "SystemHandle",
    "UnknownInterface",
    "acting_as",
    "allocate",
    "batch",
    "call_cancelled",
    "callback",
    "caller",
    "connect",
    "deadline",
    "deserialize",
    "impersonate",
    "install_import_hook",
    "load",
    "serialize",
]


del _stub

_LATER: Final = {
    **dict.fromkeys(("Allocation", "allocate"), "runtime.allocation"),
    **dict.fromkeys(("Caller", "Limits", "call_cancelled", "caller", "deadline"), "runtime.call"),
    **dict.fromkeys(("ConnectionInfo", "connect"), "runtime.connect"),
    **dict.fromkeys(("AsyncInterceptor", "AsyncProceed", "Interceptor", "Invocation", "Proceed"), "runtime.intercept"),
    **dict.fromkeys(("Component", "Disclosure", "ErrorRecord"), "runtime.extended"),
    **dict.fromkeys(("deserialize", "serialize"), "runtime.serialization"),
    **dict.fromkeys(("Impersonation", "Security"), "runtime.authentication.security"),
    "acting_as": "runtime.acting",
    "batch": "runtime.batching",
    "callback": "runtime.callbacks.line",
    "AsyncServer": "runtime.async_server",
    "AuthLevel": "runtime.ncacn.security",
    "Authenticator": "runtime.authentication.authenticator",
    "Credentials": "runtime.authentication.credentials",
    "HandleRules": "runtime.contexts",
    "IdlError": "rpcgen",
    "Policy": "runtime.policy",
    "Server": "runtime.server",
    "Strictness": "runtime.ndr.strictness",
    "StringBinding": "runtime.binding",
    "SystemHandle": "runtime.system",
    "impersonate": "runtime.impersonating",
    "install_import_hook": "rpcgen.import_hook",
    "load": "rpcgen.load",
}
"""Where the names are that are not imported at once."""


def __getattr__(name: str) -> Any:
    """A name that nobody asked for before."""
    if name not in _LATER:
        raise AttributeError(f"module 'lrpc' has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"lrpc.{_LATER[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
