"""Views of a port's usual section, and what is taken of it."""

from __future__ import annotations

from lrpc.transports.alpc import CommunicationPort, View
from lrpc.transports.alpc.memory.section import OutgoingSection


def filled(port: CommunicationPort, octets: bytes) -> View:
    """A view with these octets in it."""
    view = port.allocate(len(octets))
    view.buffer[:] = octets
    return view


def taken(port: CommunicationPort) -> int:
    """Octets of the usual section that views have."""
    section = port._sharing._sections.get(0)
    return section.size - section.free_size if isinstance(section, OutgoingSection) else 0
