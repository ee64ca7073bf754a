"""Who may do what: the part of NT's security that protects ports and pipes, over Linux identities.

    sid      Sid: who somebody is. Users are S-1-22-1-<uid>, groups S-1-22-2-<gid>, as in Samba.
    token    Token: everything a peer is, from the kernel's word (seam.Peer)
    sddl     SecurityDescriptor, Ace: what is allowed to whom; read from and written as SDDL
    access   the check of a token against a descriptor, in NT's order
    guard    the two questions a transport asks: may this client in, and is this the server I expected
    posix_acl  what of a descriptor the kernel is told: the mode of a socket, and its POSIX ACL
    quality    how far a client lets a server go, and when it is asked who it is
    impersonation  acting as a client (thread: the identity of one thread)

The kernel checks first (mode and ACL of the socket); the descriptor is checked when a client is accepted.
"""

from .access import PIPE_CONNECT, PIPE_RIGHTS, PORT_CONNECT, PORT_RIGHTS, GenericMapping, access_check, granted_access
from .guard import check_activator, check_answer, check_server, default_descriptor, descriptor_of, expected_uids
from .impersonation import Impersonation, current_impersonation, effective_token, impersonate
from .posix_acl import SocketAccess, socket_access
from .quality import DEFAULT_QOS, ContextTracking, ImpersonationLevel, SecurityQos
from .sddl import Ace, SddlError, SecurityDescriptor
from .sid import Sid, SidError
from .token import Token
from .tracking import Identity, TokenIds, Tracker

__all__ = [
    "DEFAULT_QOS",
    "PIPE_CONNECT",
    "PIPE_RIGHTS",
    "PORT_CONNECT",
    "PORT_RIGHTS",
    "Ace",
    "ContextTracking",
    "GenericMapping",
    "Identity",
    "Impersonation",
    "ImpersonationLevel",
    "SddlError",
    "SecurityDescriptor",
    "SecurityQos",
    "Sid",
    "SidError",
    "SocketAccess",
    "Token",
    "TokenIds",
    "Tracker",
    "access_check",
    "check_activator",
    "check_answer",
    "check_server",
    "current_impersonation",
    "default_descriptor",
    "descriptor_of",
    "effective_token",
    "expected_uids",
    "granted_access",
    "impersonate",
    "socket_access",
]
