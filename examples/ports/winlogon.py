"""A logon process (Winlogon): asks the LSA for a token, the session manager for a session, and attaches to it.

A client of three ports, and the only one that sees a password.
"""

from __future__ import annotations

from dataclasses import dataclass

from examples.ports.csrss import api_port
from examples.ports.lsass import LSA_AUTHENTICATION_PORT
from examples.ports.system_process import SM_API_PORT, Words, ask, connect
from lrpc.transports import alpc


@dataclass
class Desktop:
    """What somebody has who is logged on."""

    token: Words
    session: int
    subsystem: alpc.MessagePort
    """Attached; closing it, or dying, is leaving."""


def log_on(user: str, password: str) -> Desktop:
    """Raises Refused with STATUS_LOGON_FAILURE; no session is made then."""
    with connect(LSA_AUTHENTICATION_PORT, process="winlogon") as authority:
        token = ask(authority, "logon", user=user, password=password)["token"]
    with connect(SM_API_PORT) as manager:
        session = ask(manager, "create_session")["session"]
    return Desktop(token, session, connect(api_port(session), program="winlogon"))


def log_off(desktop: Desktop) -> None:
    """Leaves the session, which ends."""
    desktop.subsystem.close()
    with connect(SM_API_PORT) as manager:
        ask(manager, "end_session", session=desktop.session)
