"""A security package for the tests: as plain as can be, and the same every time."""

from __future__ import annotations

import hashlib
import hmac

from lrpc.runtime.ncacn.security import AuthLevel, AuthType, SecurityError

KEY = b"shared"
SIGNATURE = 16
LEGS = {AuthType.NTLM: 3, AuthType.KERBEROS: 3, AuthType.SPNEGO: 4}
"""Tokens until both ends are content: an auth3 is the third of three."""


class Package:
    """One end. Tokens are their number and a key; signatures count the PDUs of each direction."""

    def __init__(self, auth_type: int, *, server: bool, key: bytes = KEY, legs: int | None = None) -> None:
        self.auth_type = int(auth_type)
        self.legs = LEGS[AuthType(auth_type)] if legs is None else legs
        self.server = server
        self.key = key
        self.seen = 0
        self.sent = 0
        self.received = 0
        self.covered: list[bytes] = []

    @property
    def complete(self) -> bool:
        return self.seen >= self.legs

    @property
    def identity(self) -> str:
        return "the client" if self.server else "the server"

    def step(self, token: bytes) -> bytes:
        if self.complete:
            raise SecurityError("complete already")
        if token:
            self.seen += 1
            if token != self._token():
                raise SecurityError("wrong credentials")
        if self.complete:
            return b""
        self.seen += 1
        return self._token()

    def signature_size(self, level: int) -> int:
        return SIGNATURE

    def protect(self, level: int, head: bytes, stub: bytes, tail: bytes, *, sign_header: bool) -> tuple[bytes, bytes]:
        self.sent += 1
        value = self._sign(self.server, self.sent, level, head, stub, tail, sign_header)
        return self._sealed(self.server, self.sent, level, stub), value

    def unprotect(self, level: int, head: bytes, stub: bytes, tail: bytes, value: bytes, *, sign_header: bool) -> bytes:
        self.received += 1
        plain = self._sealed(not self.server, self.received, level, stub)
        if value != self._sign(not self.server, self.received, level, head, plain, tail, sign_header):
            raise SecurityError("wrong signature")
        self.covered.append(plain)
        return plain

    def _token(self) -> bytes:
        return b"token%d of %d:" % (self.seen, self.legs) + self.key

    def _sign(
        self, by_server: bool, number: int, level: int, head: bytes, stub: bytes, tail: bytes, sign_header: bool
    ) -> bytes:
        covered = head + stub + tail if sign_header else stub
        text = bytes((by_server, number & 0xFF, level)) + covered
        return hmac.new(self.key, text, hashlib.sha256).digest()[:SIGNATURE]

    def _sealed(self, by_server: bool, number: int, level: int, stub: bytes) -> bytes:
        if level != AuthLevel.PRIVACY:
            return stub
        stream = hashlib.shake_128(self.key + bytes((by_server, number & 0xFF))).digest(len(stub))
        return bytes(a ^ b for a, b in zip(stub, stream, strict=True))
