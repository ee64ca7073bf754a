"""Secure sections: one view each, which nobody can change once it is sent (ALPC's SECURED_ACCESS).

The sender fills it, unmaps it, and has the kernel seal it against writing; the receiver sees that by the seals, not
by the sender's word. So what is in it may be judged where it is. The price is a new memory file for every view.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator

from ...errors import ViewInUse, from_os_error
from ..messages.attributes import VIEW_SECURED_ACCESS
from .memfd import freeze, new_memfd, read_only, unmap
from .section import Room, View


class SecureSection:
    """A section that is sealed when its only view is sent. Keeps `section.Section`."""

    def __init__(self, size: int, base: int, numbers: Iterator[int]) -> None:
        """numbers: that of its view. Raises ResourcesExhausted."""
        self.base = base
        self.size = size
        self.passed = False
        self._numbers = numbers
        self._sealed = False
        try:
            self._descriptor = new_memfd(size, sealed=False)
            self._map = mmap.mmap(self._descriptor, size)
        except OSError as error:
            raise from_os_error(error, "making a secure section") from error

    def view(self, size: int) -> View:
        """Its only view, of its first `size` octets."""
        view = View(self, next(self._numbers), Room(0, size), 0, memoryview(self._map)[:size])
        view.flags = VIEW_SECURED_ACCESS
        return view

    def seal(self, view: View) -> None:
        """Lets nobody write to it any more, ourselves included. Raises ViewInUse while something else still may."""
        if self._sealed:
            return
        view.buffer.release()
        try:
            self._map.close()
            freeze(self._descriptor)
        except (BufferError, OSError) as error:
            raise ViewInUse("a secure view that can still be written to") from error
        self._sealed = True

    def descriptor_for_peer(self) -> int:
        """A read-only descriptor to pass on; the caller closes it."""
        return read_only(self._descriptor)

    def forget_descriptor(self) -> None:
        """The peer has it; nothing of it is needed any more."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    def free(self, view: View) -> None:
        """Its view has been done with, and so has it."""
        view.room = None
        view.buffer.release()
        self.close()

    def close(self) -> None:
        """Gives everything back, as soon as nobody fills the view any more."""
        self.forget_descriptor()
        unmap(self._map)

    abandon = close
