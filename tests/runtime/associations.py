"""The two ends of an LRPC binding, without a port between them."""

from __future__ import annotations

from uuid import uuid4

from lrpc.runtime import ncalrpc


def joined() -> tuple[ncalrpc.ClientAssociation, ncalrpc.ServerAssociation, int]:
    """Client and server that have one interface bound, and its binding id."""
    client, server = ncalrpc.ClientAssociation(), ncalrpc.ServerAssociation()
    asked = server.receive(client.bind(ncalrpc.SyntaxId(uuid4(), 1, 0)))
    assert isinstance(asked, ncalrpc.BindRequested)
    bound = client.receive(server.accept(asked))
    assert isinstance(bound, ncalrpc.Bound)
    return client, server, bound.binding_id
