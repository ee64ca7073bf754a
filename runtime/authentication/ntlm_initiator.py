"""A client's end of NTLM: pyspnego's, but that it offers no key exchange where nothing is signed.

There pyspnego sends a key of one octet, for which Samba takes the login for a broken one.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from spnego import ContextReq
from spnego._ntlm import NTLMProxy
from spnego._ntlm_raw.messages import NegotiateFlags


class NtlmInitiator(NTLMProxy):
    """A context for a user's name and password; None for both: what pyspnego finds in its environment."""

    def __init__(
        self, user: str | None, password: str | None, *, hostname: str, service: str, context_req: ContextReq
    ) -> None:
        super().__init__(user, password, hostname, service, context_req=context_req, usage="initiate", protocol="ntlm")
        if not context_req & (ContextReq.integrity | ContextReq.confidentiality):
            self._context_req &= ~NegotiateFlags.key_exch
