"""What generated stubs say of system handles (`rpc.system`): the layouts, and what they are in Python.

A caller gives a descriptor or what has one, and keeps it; a receiver gets a Handle, which closes itself. Programs
call that `lrpc.SystemHandle`.
"""

from __future__ import annotations

from ..transports.alpc.handles import Handle
from ..transports.alpc.handles import Sendable as Descriptor
from .ndr.layout_system import (
    Composition,
    Event,
    File,
    Job,
    Mutex,
    Pipe,
    Process,
    RegKey,
    Section,
    Semaphore,
    Socket,
    Thread,
    Token,
)

SystemHandle = Handle

__all__ = [
    "Composition",
    "Descriptor",
    "Event",
    "File",
    "Handle",
    "Job",
    "Mutex",
    "Pipe",
    "Process",
    "RegKey",
    "Section",
    "Semaphore",
    "Socket",
    "SystemHandle",
    "Thread",
    "Token",
]
