"""System handles: [system_handle(sh_file)] parameters. What stands in the stub is a number, u32: 0 is no handle, n the
n-th descriptor that travels beside the message. Only transports of one machine have room for those.
"""

from __future__ import annotations

from typing import Final

from .layout_scalars import Scalar


class SystemHandle(Scalar):
    """A system handle. object_types: the bits of NT's DupObjectTypes that it may be; at this level its number."""

    def __init__(self, name: str, object_types: int) -> None:
        super().__init__(name, "I", 4)
        self.object_types = object_types

    def __repr__(self) -> str:
        return f"system.{self.idl}"


Composition: Final = SystemHandle("Composition", 0x400)
Event: Final = SystemHandle("Event", 0x10)
File: Final = SystemHandle("File", 0x1)
Job: Final = SystemHandle("Job", 0x800)
Mutex: Final = SystemHandle("Mutex", 0x40)
Pipe: Final = SystemHandle("Pipe", 0x1)
Process: Final = SystemHandle("Process", 0x20)
RegKey: Final = SystemHandle("RegKey", 0x100)
Section: Final = SystemHandle("Section", 0x80)
Semaphore: Final = SystemHandle("Semaphore", 0x8)
Socket: Final = SystemHandle("Socket", 0x1)
Thread: Final = SystemHandle("Thread", 0x4)
Token: Final = SystemHandle("Token", 0x200)

SYSTEM_HANDLES: Final = {
    "sh_composition": Composition,
    "sh_event": Event,
    "sh_file": File,
    "sh_job": Job,
    "sh_mutex": Mutex,
    "sh_pipe": Pipe,
    "sh_process": Process,
    "sh_reg_key": RegKey,
    "sh_section": Section,
    "sh_semaphore": Semaphore,
    "sh_socket": Socket,
    "sh_thread": Thread,
    "sh_token": Token,
}
"""By the word of the IDL."""
