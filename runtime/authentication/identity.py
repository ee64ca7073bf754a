"""Who a peer has proved to be."""

from __future__ import annotations

from typing import NamedTuple


class Identity(NamedTuple):
    """What a security context knows of its peer."""

    user: str
    r"""`DOMAIN\user`, or Kerberos' `user@REALM`."""
    authentication: str
    """`ntlm` or `kerberos`."""
