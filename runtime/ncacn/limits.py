"""What a peer may make an association hold. Each number has its reason beside it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one association; sizes in octets."""

    max_request: int = 4 * 1024 * 1024
    """Stub of one request. Windows and Samba stop here; more is answered access_denied and disconnected."""
    max_unwanted: int = 64 * 1024 * 1024
    """What may still come of a request that was answered before its end: more than the buffers on its way hold."""
    max_response: int = 64 * 1024 * 1024
    """Stubs that a client collects at one time. Samba stops at 240 MiB."""
    max_fragments: int = 65_536
    """Fragments of one stub: max_response in the smallest legal fragments takes 46,000; ends empty ones."""
    max_contexts: int = 32
    """Presentation contexts of a connection; a client needs one per interface."""
    max_transfer_syntaxes: int = 8
    """Transfer syntaxes in one offered context; the field knows three, and one for features."""
    max_calls: int = 64
    """Calls that run at one time on a connection; more are answered server_too_busy."""
    max_security_contexts: int = 8
    """Security contexts of a connection: one for each identity that a client's calls have. Windows takes 2049."""
    max_one_way: int = 1024
    """Calls with MAYBE that run at one time on a connection, beside `max_calls`; more are dropped, as nobody waits."""
    max_held: int = 256 * 1024
    """Octets kept while a bind is not answered yet: two reads of 128 KiB."""
    max_strays: int = 64
    """Cancels and orphans for no call that runs, beyond two for each PDU of calls: more is a flood, not a late word."""
    max_abandoned: int = 1024
    """Orphaned calls whose late answers a client still recognises; older ones are forgotten."""


DEFAULT_LIMITS = Limits()
