"""The numbers of the connection-oriented protocol and their names (C706 12.6, MS-RPCE 2.2.2).

Flags are plain integers, because they are tested on every PDU; the rest are enumerations.
"""

from __future__ import annotations

import enum
from typing import Final, Literal

Order = Literal["<", ">"]
"""Byte order as in the struct module; on the wire the high nibble of the first data representation octet."""

VERSION: Final = 5
"""rpc_vers of every PDU (C706 12.6.3.1)."""
MINOR_VERSIONS: Final = (0, 1)
"""rpc_vers_minor that are understood; 0 is what is sent."""

HEADER_SIZE: Final = 16
"""Octets of the header that all PDUs share (C706 12.6.3.1)."""
CALL_HEADER_SIZE: Final = 24
"""Octets before the stub of a request without object UUID, and of a response (C706 12.6.4.9, 12.6.4.10)."""
TRAILER_SIZE: Final = 8
"""Octets of a sec_trailer before its auth_value (MS-RPCE 2.2.2.11)."""

MAX_FRAGMENT_TCP: Final = 5840
"""Largest fragment over ncacn_ip_tcp, as Windows has it."""
MAX_FRAGMENT_PIPE: Final = 4280
"""Largest fragment over ncacn_np, as Windows has it."""
MIN_FRAGMENT: Final = 2048
"""A server raises smaller offers to this; measured on Windows and Samba."""
MUST_RECEIVE_FRAGMENT: Final = 1432
"""Each side must take fragments of this size; a smaller limit in an answer is an error (C706 12.6.3.1)."""
STUB_UNIT: Final = 8
"""The stub of a fragment that is not the last is a multiple of this (C706 12.6.3.1)."""


class PacketType(enum.IntEnum):
    """PTYPE of the PDUs of a connection (C706 12.6.3.1, MS-RPCE 2.2.2.5). The gaps are datagram only."""

    REQUEST = 0
    RESPONSE = 2
    FAULT = 3
    BIND = 11
    BIND_ACK = 12
    BIND_NAK = 13
    ALTER_CONTEXT = 14
    ALTER_CONTEXT_RESP = 15
    AUTH3 = 16
    SHUTDOWN = 17
    CO_CANCEL = 18
    ORPHANED = 19


# pfc_flags (C706 12.6.3.1, MS-RPCE 2.2.2.3)
FIRST_FRAGMENT: Final = 0x01
LAST_FRAGMENT: Final = 0x02
WHOLE: Final = FIRST_FRAGMENT | LAST_FRAGMENT
PENDING_CANCEL: Final = 0x04
"""On a request."""
SUPPORT_HEADER_SIGN: Final = 0x04
"""On a bind, alter context and their answers: the same bit."""
CONCURRENT_MULTIPLEX: Final = 0x10
DID_NOT_EXECUTE: Final = 0x20
MAYBE: Final = 0x40
OBJECT_UUID: Final = 0x80


class NakReason(enum.IntEnum):
    """p_reject_reason_t of a bind_nak (C706 12.6.4.5, MS-RPCE 2.2.2.5)."""

    NOT_SPECIFIED = 0
    TEMPORARY_CONGESTION = 1
    LOCAL_LIMIT_EXCEEDED = 2
    CALLED_PADDR_UNKNOWN = 3
    PROTOCOL_VERSION_NOT_SUPPORTED = 4
    DEFAULT_CONTEXT_NOT_SUPPORTED = 5
    USER_DATA_NOT_READABLE = 6
    NO_PSAP_AVAILABLE = 7
    AUTHENTICATION_TYPE_NOT_RECOGNIZED = 8
    INVALID_CHECKSUM = 9


class ContextOutcome(enum.IntEnum):
    """p_cont_def_result_t: what became of one offered context (C706 12.6.3.1, MS-RPCE 2.2.2.4)."""

    ACCEPTANCE = 0
    USER_REJECTION = 1
    PROVIDER_REJECTION = 2
    NEGOTIATE_ACK = 3


class RejectionReason(enum.IntEnum):
    """p_provider_reason_t of a rejected context (C706 12.6.3.1)."""

    NOT_SPECIFIED = 0
    ABSTRACT_SYNTAX_NOT_SUPPORTED = 1
    TRANSFER_SYNTAXES_NOT_SUPPORTED = 2
    LOCAL_LIMIT_EXCEEDED = 3


SECURITY_CONTEXT_MULTIPLEXING: Final = 1
KEEP_CONNECTION_ON_ORPHAN: Final = 2
ALL_FEATURES: Final = SECURITY_CONTEXT_MULTIPLEXING | KEEP_CONNECTION_ON_ORPHAN
"""Bind-time features (MS-RPCE 2.2.2.14)."""


class FaultStatus(enum.IntEnum):
    """Statuses that travel in fault PDUs (C706 appendix E; the small ones are Win32 codes)."""

    ACCESS_DENIED = 0x00000005
    RPC_S_SERVER_UNAVAILABLE = 0x000006BA
    RPC_S_NO_CALL_ACTIVE = 0x000006BD
    RPC_S_PROCNUM_OUT_OF_RANGE = 0x000006D1
    EPT_S_CANT_PERFORM_OP = 0x000006D8
    EPT_S_NOT_REGISTERED = 0x000006D9
    RPC_S_CANNOT_SUPPORT = 0x000006E4
    RPC_X_BAD_STUB_DATA = 0x000006F7
    RPC_S_SEC_PKG_ERROR = 0x00000721

    NCA_S_FAULT_INT_DIV_BY_ZERO = 0x1C000001
    NCA_S_FAULT_ADDR_ERROR = 0x1C000002
    NCA_S_FAULT_FP_DIV_ZERO = 0x1C000003
    NCA_S_FAULT_FP_UNDERFLOW = 0x1C000004
    NCA_S_FAULT_FP_OVERFLOW = 0x1C000005
    NCA_S_FAULT_INVALID_TAG = 0x1C000006
    NCA_S_FAULT_INVALID_BOUND = 0x1C000007
    NCA_S_VERSION_MISMATCH = 0x1C000008
    NCA_S_UNSPEC_REJECT = 0x1C000009
    NCA_S_BAD_ACTID = 0x1C00000A
    NCA_S_WHO_ARE_YOU_FAILED = 0x1C00000B
    NCA_S_MANAGER_NOT_ENTERED = 0x1C00000C
    NCA_S_FAULT_CANCEL = 0x1C00000D
    NCA_S_FAULT_ILL_INST = 0x1C00000E
    NCA_S_FAULT_FP_ERROR = 0x1C00000F
    NCA_S_FAULT_INT_OVERFLOW = 0x1C000010
    NCA_S_FAULT_UNSPEC = 0x1C000012
    NCA_S_FAULT_REMOTE_COMM_FAILURE = 0x1C000013
    NCA_S_FAULT_PIPE_EMPTY = 0x1C000014
    NCA_S_FAULT_PIPE_CLOSED = 0x1C000015
    NCA_S_FAULT_PIPE_ORDER = 0x1C000016
    NCA_S_FAULT_PIPE_DISCIPLINE = 0x1C000017
    NCA_S_FAULT_PIPE_COMM_ERROR = 0x1C000018
    NCA_S_FAULT_PIPE_MEMORY = 0x1C000019
    NCA_S_FAULT_CONTEXT_MISMATCH = 0x1C00001A
    NCA_S_FAULT_REMOTE_NO_MEMORY = 0x1C00001B
    NCA_S_INVALID_PRES_CONTEXT_ID = 0x1C00001C
    NCA_S_UNSUPPORTED_AUTHN_LEVEL = 0x1C00001D
    NCA_S_INVALID_CHECKSUM = 0x1C00001F
    NCA_S_INVALID_CRC = 0x1C000020
    NCA_S_FAULT_USER_DEFINED = 0x1C000021
    NCA_S_FAULT_TX_OPEN_FAILED = 0x1C000022
    NCA_S_FAULT_CODESET_CONV_ERROR = 0x1C000023
    NCA_S_FAULT_OBJECT_NOT_FOUND = 0x1C000024
    NCA_S_FAULT_NO_CLIENT_STUB = 0x1C000025

    NCA_S_COMM_FAILURE = 0x1C010001
    NCA_S_OP_RNG_ERROR = 0x1C010002
    NCA_S_UNK_IF = 0x1C010003
    NCA_S_WRONG_BOOT_TIME = 0x1C010006
    NCA_S_YOU_CRASHED = 0x1C010009
    NCA_S_PROTO_ERROR = 0x1C01000B
    NCA_S_OUT_ARGS_TOO_BIG = 0x1C010013
    NCA_S_SERVER_TOO_BUSY = 0x1C010014
    NCA_S_FAULT_STRING_TOO_LARGE = 0x1C010015
    NCA_S_UNSUPPORTED_TYPE = 0x1C010017


def status_name(status: int) -> str:
    """The field's name of a fault status, `0x...` for an unknown one."""
    try:
        return FaultStatus(status).name.lower()
    except ValueError:
        return f"{status:#010x}"
