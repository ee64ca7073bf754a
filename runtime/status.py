"""How calls fail: one tree of exceptions under RpcError, and the names of the status codes.

Each error says whether the call ran: `error.ran` is Ran.YES, Ran.NO or Ran.UNKNOWN. Only what surely did
not run may be tried again without thought. Sources: C706 appendix E, MS-RPCE 2.2.2 and 3.1.1.5.4, MS-ERREF 2.2.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .extended import ErrorRecord


class Ran(enum.Enum):
    """Did the server's method run?"""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class RpcError(Exception):
    """Base of everything that lrpc raises for a call."""

    ran: Ran = Ran.UNKNOWN
    extended: tuple[ErrorRecord, ...] = ()
    """What else the server says of it, the newest record first ([MS-EERR]); mostly nothing."""

    def __init__(self, message: str, *, ran: Ran | None = None) -> None:
        super().__init__(message)
        if ran is not None:
            self.ran = ran

    def __str__(self) -> str:
        told = super().__str__()
        return f"{told} [{'; '.join(map(str, self.extended))}]" if self.extended else told


class InvalidBinding(RpcError, ValueError):
    """A string binding that cannot be read, or that names what this machine has not."""

    ran = Ran.NO


class ArgumentError(RpcError, ValueError):
    """The arguments do not fit the operation; nothing was sent."""

    ran = Ran.NO


class ForkedBinding(RpcError):
    """The client or server is that of the parent process: a child of os.fork has none until it makes its own."""

    ran = Ran.NO


class ListenError(RpcError):
    """An endpoint cannot be opened: its name is taken, or may not be used."""

    ran = Ran.NO


class ServerUnavailable(RpcError):
    """Nobody answers at the endpoint, or hangs up before the interface is granted; no call was sent.

    passing: it may be otherwise in a moment, as where a queue of connections was full.
    """

    ran = Ran.NO

    def __init__(self, message: str, *, ran: Ran | None = None, passing: bool = False) -> None:
        super().__init__(message, ran=ran)
        self.passing = passing


class BindRefused(RpcError):
    """The server is there but does not grant the interface. reason: the number in its bind_nak, if there was one."""

    ran = Ran.NO

    def __init__(self, message: str, *, ran: Ran | None = None, reason: int | None = None) -> None:
        super().__init__(message, ran=ran)
        self.reason = reason


class MissingPackage(RpcError, ImportError):
    """What was asked for needs a Python package that is not installed; the message says which extra has it."""

    ran = Ran.NO


class ConnectionLost(RpcError):
    """The connection ended before the answer came.

    before: it had ended before the call was made, which then surely did not run.
    """

    before: bool = False


class DeadlineExceeded(RpcError, TimeoutError):
    """The call's time ran out."""


class PipeOrderError(RpcError):
    """A pipe, or what comes behind it, is used out of its turn: pipes are read one after the other, results last.

    So is a call of the thread or task that is in the middle of a call with pipes, on the same connection.
    """

    ran = Ran.NO


class ProtocolError(RpcError):
    """The peer sent what the protocol does not allow; the connection is closed."""


class ResponseTooLarge(ProtocolError):
    """A response has more octets, or fragments, than `Limits` lets it have; the connection is closed."""


class BadStubData(ProtocolError):
    """The server's answer does not fit the operation; it ran."""

    ran = Ran.YES


class StatusError(RpcError):
    """An operation returned a status that means failure. A server raises it to fail a call the same way.

    code: the status, unsigned 32 bits; 0 is success in every family, and a ValueError. name: as the field writes it.
    result: the [out] values beside it. extended: what else there is to say of it, for a server whose operation returns
    no status: it answers with a fault then.
    """

    ran = Ran.YES

    def __init__(
        self, code: int, result: Any = None, *, family: str = "win32", extended: Iterable[ErrorRecord] = ()
    ) -> None:
        self.extended = tuple(extended)
        self.code = code & 0xFFFFFFFF
        if not self.code:
            raise ValueError("status 0 is success: return, and do not raise it")
        self.name = status_name(self.code, family)
        self.result = result
        super().__init__(f"{self.name} ({self.code:#010x})" if self.code > 0xFFFF else f"{self.name} ({self.code})")


class Fault(RpcError):
    """The server answered with a fault PDU. A server raises it to answer with one.

    status: the code, unsigned 32 bits. name: as the field writes it. extended: what else there is to say of it; the
    client is told what `Server(extended_errors=)` allows of it.
    """

    default: int = 0x1C000012
    """The status of one that is raised without."""
    received: bool = False
    """It came from a server. A method that lets it out has run all the same, whatever `ran` says of its own call."""

    def __init__(
        self,
        status: int | None = None,
        message: str = "",
        *,
        ran: Ran | None = None,
        extended: Iterable[ErrorRecord] = (),
    ) -> None:
        self.extended = tuple(extended)
        self.status = (self.default if status is None else status) & 0xFFFFFFFF
        self.name = fault_name(self.status)
        super().__init__(message or f"{self.name} ({self.status:#010x})", ran=ran)


class AccessDenied(Fault):
    """The caller may not do that."""

    default = 0x00000005


class UnknownInterface(Fault):
    """The server does not have the interface on this endpoint."""

    default = 0x1C010003


class OperationOutOfRange(Fault):
    """The interface has no operation of this number."""

    default = 0x1C010002


class RefusedStubData(Fault):
    """The server could not read the arguments."""

    default = 0x6F7


class ContextMismatch(Fault):
    """A context handle is not, or no longer, valid where it was used."""

    default = 0x1C00001A


class ObjectNotFound(Fault):
    """The server has no object of that UUID."""

    default = 0x1C000024


class ServerTooBusy(Fault):
    """The server takes no more calls now."""

    default = 0x1C010014


class CallbackRefused(Fault):
    """The other side is not called back: what carries the call has no callbacks, or nobody there serves them."""

    default = 1764


class CallCancelled(Fault):
    """The call was cancelled."""

    default = 0x1C00000D


# Faults (C706 appendix E; Win32 codes where Windows uses them)

ACCESS_DENIED: Final = 0x00000005
RPC_S_UNKNOWN_IF: Final = 1717
RPC_S_SERVER_TOO_BUSY: Final = 1723
RPC_S_CALL_FAILED: Final = 1726
RPC_S_PROCNUM_OUT_OF_RANGE: Final = 1745
RPC_S_CANNOT_SUPPORT: Final = 1764
RPC_X_BAD_STUB_DATA: Final = 1783
EPT_S_CANT_PERFORM_OP: Final = 0x6D8
NCA_OP_RNG_ERROR: Final = 0x1C010002
NCA_UNKNOWN_IF: Final = 0x1C010003
NCA_PROTO_ERROR: Final = 0x1C01000B
NCA_SERVER_TOO_BUSY: Final = 0x1C010014
NCA_CONTEXT_MISMATCH: Final = 0x1C00001A
NCA_OBJECT_NOT_FOUND: Final = 0x1C000024
NCA_CANCEL: Final = 0x1C00000D
NCA_UNSPECIFIED: Final = 0x1C000012
NCA_REMOTE_NO_MEMORY: Final = 0x1C00001B

_FAULTS: Final[dict[int, str]] = {
    ACCESS_DENIED: "access_denied",
    1702: "RPC_S_INVALID_BINDING",
    EPT_S_CANT_PERFORM_OP: "EPT_S_CANT_PERFORM_OP",
    RPC_S_UNKNOWN_IF: "RPC_S_UNKNOWN_IF",
    1721: "RPC_S_OUT_OF_RESOURCES",
    1722: "RPC_S_SERVER_UNAVAILABLE",
    RPC_S_SERVER_TOO_BUSY: "RPC_S_SERVER_TOO_BUSY",
    RPC_S_CALL_FAILED: "RPC_S_CALL_FAILED",
    1727: "RPC_S_CALL_FAILED_DNE",
    1728: "RPC_S_PROTOCOL_ERROR",
    1730: "RPC_S_UNSUPPORTED_TRANS_SYN",
    0x6BD: "RPC_S_NO_CALL_ACTIVE",
    0x6C5: "RPC_S_INVALID_TAG",
    0x6C6: "RPC_S_INVALID_BOUND",
    RPC_S_PROCNUM_OUT_OF_RANGE: "RPC_S_PROCNUM_OUT_OF_RANGE",
    RPC_S_CANNOT_SUPPORT: "RPC_S_CANNOT_SUPPORT",
    1780: "RPC_X_NULL_REF_POINTER",
    1781: "RPC_X_ENUM_VALUE_OUT_OF_RANGE",
    1782: "RPC_X_BYTE_COUNT_TOO_SMALL",
    RPC_X_BAD_STUB_DATA: "RPC_X_BAD_STUB_DATA",
    0x721: "RPC_S_SEC_PKG_ERROR",
    0x1C010001: "nca_s_comm_failure",
    NCA_OP_RNG_ERROR: "nca_s_op_rng_error",
    NCA_UNKNOWN_IF: "nca_s_unknown_if",
    0x1C010006: "nca_s_wrong_boot_time",
    0x1C010009: "nca_s_you_crashed",
    NCA_PROTO_ERROR: "nca_s_proto_error",
    0x1C010013: "nca_s_out_args_too_big",
    NCA_SERVER_TOO_BUSY: "nca_s_server_too_busy",
    0x1C010015: "nca_s_fault_string_too_long",
    0x1C010017: "nca_s_unsupported_type",
    0x1C000001: "nca_s_fault_int_div_by_zero",
    0x1C000002: "nca_s_fault_addr_error",
    0x1C000003: "nca_s_fault_fp_div_zero",
    0x1C000006: "nca_s_fault_invalid_tag",
    0x1C000007: "nca_s_fault_invalid_bound",
    0x1C000009: "nca_s_fault_unspec_reject",
    0x1C00000C: "nca_s_manager_not_entered",
    NCA_CANCEL: "nca_s_fault_cancel",
    NCA_UNSPECIFIED: "nca_s_fault_unspec",
    NCA_CONTEXT_MISMATCH: "nca_s_fault_context_mismatch",
    NCA_REMOTE_NO_MEMORY: "nca_s_fault_remote_no_memory",
    0x1C00001C: "nca_s_invalid_pres_context_id",
    0x1C00001D: "nca_s_unsupported_authn_level",
    0x1C00001F: "nca_s_invalid_checksum",
    NCA_OBJECT_NOT_FOUND: "nca_s_fault_object_not_found",
}

_CLASSES: Final[dict[int, type[Fault]]] = {
    ACCESS_DENIED: AccessDenied,
    RPC_S_UNKNOWN_IF: UnknownInterface,
    NCA_UNKNOWN_IF: UnknownInterface,
    RPC_S_PROCNUM_OUT_OF_RANGE: OperationOutOfRange,
    NCA_OP_RNG_ERROR: OperationOutOfRange,
    **dict.fromkeys((0x6C5, 0x6C6, 1780, 1781, 1782, RPC_X_BAD_STUB_DATA), RefusedStubData),
    **dict.fromkeys((0x1C000006, 0x1C000007), RefusedStubData),
    NCA_CONTEXT_MISMATCH: ContextMismatch,
    NCA_OBJECT_NOT_FOUND: ObjectNotFound,
    RPC_S_SERVER_TOO_BUSY: ServerTooBusy,
    NCA_SERVER_TOO_BUSY: ServerTooBusy,
    RPC_S_CANNOT_SUPPORT: CallbackRefused,
    NCA_CANCEL: CallCancelled,
}

NEVER_RAN: Final = frozenset(
    (RPC_S_UNKNOWN_IF, NCA_UNKNOWN_IF, RPC_S_PROCNUM_OUT_OF_RANGE, NCA_OP_RNG_ERROR, RPC_S_SERVER_TOO_BUSY,
     NCA_SERVER_TOO_BUSY, 1727, 0x1C00000C)
)  # fmt: skip
"""Faults that a server sends before the method is entered. Bad stub data is none of them: it may be the results
that a server could not write; nor is a protocol error, which may name a call that runs."""

_WIN32: Final[dict[int, str]] = {
    0: "ERROR_SUCCESS",
    1: "ERROR_INVALID_FUNCTION",
    2: "ERROR_FILE_NOT_FOUND",
    3: "ERROR_PATH_NOT_FOUND",
    5: "ERROR_ACCESS_DENIED",
    6: "ERROR_INVALID_HANDLE",
    8: "ERROR_NOT_ENOUGH_MEMORY",
    13: "ERROR_INVALID_DATA",
    14: "ERROR_OUTOFMEMORY",
    50: "ERROR_NOT_SUPPORTED",
    53: "ERROR_BAD_NETPATH",
    87: "ERROR_INVALID_PARAMETER",
    120: "ERROR_CALL_NOT_IMPLEMENTED",
    122: "ERROR_INSUFFICIENT_BUFFER",
    123: "ERROR_INVALID_NAME",
    161: "ERROR_BAD_PATHNAME",
    170: "ERROR_BUSY",
    183: "ERROR_ALREADY_EXISTS",
    206: "ERROR_FILENAME_EXCED_RANGE",
    234: "ERROR_MORE_DATA",
    259: "ERROR_NO_MORE_ITEMS",
    1009: "ERROR_BADDB",
    1010: "ERROR_BADKEY",
    1011: "ERROR_CANTOPEN",
    1018: "ERROR_KEY_DELETED",
    1020: "ERROR_KEY_HAS_CHILDREN",
    1021: "ERROR_CHILD_MUST_BE_VOLATILE",
    1060: "ERROR_SERVICE_DOES_NOT_EXIST",
    1168: "ERROR_NOT_FOUND",
    1314: "ERROR_PRIVILEGE_NOT_HELD",
    0x16C9A0D6: "EPT_S_NOT_REGISTERED",
    1753: "EPT_S_NOT_REGISTERED",
}

_NTSTATUS: Final[dict[int, str]] = {
    0xC0000001: "STATUS_UNSUCCESSFUL",
    0xC0000002: "STATUS_NOT_IMPLEMENTED",
    0xC0000008: "STATUS_INVALID_HANDLE",
    0xC000000D: "STATUS_INVALID_PARAMETER",
    0xC0000022: "STATUS_ACCESS_DENIED",
    0xC0000023: "STATUS_BUFFER_TOO_SMALL",
    0xC0000034: "STATUS_OBJECT_NAME_NOT_FOUND",
    0xC0000035: "STATUS_OBJECT_NAME_COLLISION",
    0xC00000BB: "STATUS_NOT_SUPPORTED",
}

_HRESULT: Final[dict[int, str]] = {
    0x80004001: "E_NOTIMPL",
    0x80004002: "E_NOINTERFACE",
    0x80004003: "E_POINTER",
    0x80004004: "E_ABORT",
    0x80004005: "E_FAIL",
    0x8000FFFF: "E_UNEXPECTED",
    0x80070005: "E_ACCESSDENIED",
    0x8007000E: "E_OUTOFMEMORY",
    0x80070057: "E_INVALIDARG",
}

_FAMILIES: Final = {"win32": _WIN32, "ntstatus": _NTSTATUS, "hresult": _HRESULT}


def is_failure(status: int, family: str) -> bool:
    """Does a status of this family mean failure? win32: any but 0; ntstatus: warnings and errors; hresult: the sign."""
    if family == "win32":
        return status != 0
    return status >= 0x80000000


def status_name(code: int, family: str = "win32") -> str:
    """The name of a status, or its number when it has none here."""
    return _FAMILIES[family].get(code) or _FAULTS.get(code) or f"status {code:#x}"


def fault_name(status: int) -> str:
    """The name of a fault status, or its number when it has none here."""
    return _FAULTS.get(status) or _WIN32.get(status) or f"status {status:#x}"


def fault(status: int, *, did_not_execute: bool = False) -> Fault:
    """The exception for a fault that came from a server."""
    ran = Ran.NO if did_not_execute or status in NEVER_RAN else Ran.UNKNOWN
    found = _CLASSES.get(status, Fault)(status, ran=ran)
    found.received = True
    return found
