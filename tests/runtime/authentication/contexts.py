"""Both ends of a security context: what the tests of this folder share."""

from __future__ import annotations

import lrpc
from lrpc.runtime.ncacn.security import AuthLevel, SecurityContext


def pair(
    authenticator: lrpc.Authenticator,
    authentication: str,
    user: str = r"DOM\mary",
    password: str = "secret",
    level: AuthLevel = AuthLevel.PRIVACY,
) -> tuple[SecurityContext, SecurityContext]:
    credentials = lrpc.Credentials(user, password)
    client = lrpc.Security(level, authentication, credentials).context("localhost")
    server = authenticator.context(client.auth_type, AuthLevel.INTEGRITY)
    assert server is not None
    return client, server


def agreed(
    authenticator: lrpc.Authenticator, authentication: str, level: AuthLevel = AuthLevel.PRIVACY
) -> tuple[SecurityContext, SecurityContext]:
    client, server = pair(authenticator, authentication, level=level)
    token = client.step(b"")
    while not (client.complete and server.complete):
        token = server.step(token)
        token = client.step(token) if token else token
    return client, server
