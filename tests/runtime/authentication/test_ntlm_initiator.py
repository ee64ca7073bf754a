from __future__ import annotations

from spnego._ntlm_raw.messages import Negotiate, NegotiateFlags

import lrpc
from lrpc.runtime.ncacn.security import AuthLevel
from tests.runtime.authentication.contexts import pair


def test_a_client_of_ntlm_that_signs_nothing_offers_no_key_exchange(authenticator: lrpc.Authenticator) -> None:
    """Samba refuses the key of one octet that pyspnego would send."""
    for level, offered in ((AuthLevel.CONNECT, False), (AuthLevel.INTEGRITY, True)):
        client, _ = pair(authenticator, "ntlm", level=level)
        flags = Negotiate.unpack(client.step(b"")).flags
        assert bool(flags & NegotiateFlags.key_exch) is offered
