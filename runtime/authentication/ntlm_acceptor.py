"""A server's end of NTLM: pyspnego's, but for the client's last message (MS-NLMP 3.2.5.1.2).

What is other than there: the response is checked over the octets that came, where pyspnego writes them anew and so
refuses clients that write them otherwise (impacket, and whoever sends an AV_PAIR that it does not know); accounts come
from a given file and not from the environment; NTLMv1 and sessions without extended security are refused.
"""

# The class below takes the place of one step inside of pyspnego's, and so its state is pyspnego's own.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import hmac
import struct
from typing import Final

from spnego._ntlm import NTLMProxy
from spnego._ntlm_raw.crypto import ntowfv1, ntowfv2, rc4k
from spnego._ntlm_raw.messages import Authenticate, AvFlags, AvId, NegotiateFlags
from spnego.channel_bindings import GssChannelBindings

from ..ncacn.security import SecurityError
from .accounts import Account, Accounts
from .environment import environment

PROOF: Final = 16
"""Octets of NTProofStr, which the response begins with (MS-NLMP 2.2.2.8)."""
CLIENT_CHALLENGE: Final = 28
"""Octets of NTLMv2_CLIENT_CHALLENGE in front of its AV_PAIRs (MS-NLMP 2.2.2.7)."""
NOBODYS_KEY: Final = bytes(16)
"""The session base key of an anonymous client, which proves nothing (MS-NLMP 3.3.2)."""
MAX_NAME: Final = 128
"""Characters of a name in the log: a token has room for some thousands."""
_PROTECTED: Final = NegotiateFlags.sign | NegotiateFlags.seal


class NtlmAcceptor(NTLMProxy):
    """A context that takes the accounts of a file, and clients that are nobody: whoever asks sees no name."""

    def __init__(self, accounts: Accounts) -> None:
        with environment({"NTLM_USER_FILE": accounts.path}):  # it insists on one
            super().__init__(usage="accept", protocol="ntlm")
        self._accounts = accounts
        self._account: Account | None = None

    @property
    def client_principal(self) -> str | None:
        r"""`DOMAIN\user`, once that is proved."""
        return self._account.name if self._account is not None and self.complete else None

    def _step_accept_authenticate(self, token: bytes, channel_bindings: GssChannelBindings | None) -> None:
        """The client's AUTHENTICATE_MESSAGE."""
        assert self._temp_negotiate is not None
        assert self._temp_challenge is not None
        auth = Authenticate.unpack(token)
        response = auth.nt_challenge_response or b""
        if not auth.user_name and not response:
            self._session_key = _session_key(auth, NOBODYS_KEY)
            self._context_attr = auth.flags
            self._complete = True
            return
        if not auth.user_name:
            raise SecurityError("the response of a client without a name")
        if len(response) < PROOF + CLIENT_CHALLENGE:
            raise SecurityError(f"NTLMv1 of {_said(auth)} is not taken")
        if not auth.flags & NegotiateFlags.extended_session_security:
            raise SecurityError(f"NTLM of {_said(auth)} without extended session security is not taken")
        account = self._accounts.find(auth.domain_name or "", auth.user_name)
        if account is None:
            raise SecurityError(f"there is no account {_said(auth)}")
        key = ntowfv2(auth.user_name, account.nt_hash or ntowfv1(account.password or ""), auth.domain_name)
        proof, claims = response[:PROOF], response[PROOF:]
        if not hmac.compare_digest(proof, _hmac(key, self._temp_challenge.server_challenge + claims)):
            raise SecurityError(f"the password of {account.name} is another")
        self._session_key = _session_key(auth, _hmac(key, proof))
        if _has_mic(claims):
            given, auth.mic = auth.mic or b"", bytes(16)
            said = self._temp_negotiate.pack() + self._temp_challenge.pack() + auth.pack()
            if not hmac.compare_digest(given, _hmac(self._session_key, said)):
                raise SecurityError(f"the messages of the exchange with {account.name} were changed on their way")
        self._context_attr = auth.flags
        self._account = account
        self._complete = True


def _said(auth: Authenticate) -> str:
    """Who the client says it is, for the log: what it made up cannot look like another line."""
    name = f"{auth.domain_name or ''}\\{auth.user_name}"
    text = "".join(each if each.isprintable() else "?" for each in name[:MAX_NAME])
    return text if len(name) <= MAX_NAME else f"{text}..."


def _hmac(key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, "md5")


def _session_key(auth: Authenticate, exchange_key: bytes) -> bytes:
    """What signatures and seals are made with (MS-NLMP 3.4.5.1; the key exchange key is the session base key)."""
    if not (auth.flags & NegotiateFlags.key_exch and auth.flags & _PROTECTED):
        return exchange_key
    encrypted = auth.encrypted_random_session_key or b""
    if len(encrypted) != len(exchange_key):
        raise SecurityError("the session key has not its length")
    return rc4k(exchange_key, encrypted)


def _has_mic(claims: bytes) -> bool:
    """Do the AV_PAIRs, which the response covers, say that the message has a MIC?"""
    at = CLIENT_CHALLENGE
    while at + 4 <= len(claims):
        kind, size = struct.unpack_from("<HH", claims, at)
        value = claims[at + 4 : at + 4 + size]
        if kind == AvId.eol:
            break
        if kind == AvId.flags and len(value) == 4:
            return bool(int.from_bytes(value, "little") & AvFlags.mic)
        at += 4 + size
    return False
