"""The half of a CommunicationPort that lends memory: see `port.py`. How it gets across: `lending.py`, `sharing.py`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ...errors import from_os_error, not_sent
from ...seam import Buffer
from ...sockets import NO_SIGNAL
from ..messages.message import PortMessage
from .section import OutgoingSection, View
from .sharing import Sharing

if TYPE_CHECKING:
    from .in_place import InPlace


class Views:
    """Sections and views of one port."""

    __slots__ = (
        "_sharing",
        "borrow",
        "drop_kept",
        "filled",
        "kept",
        "lent_requests",
        "port_view",
        "release_view",
        "returned",
    )

    _sharing: Sharing
    # Of those who pack and parse frames, for whom every step counts: the same of `Sharing`.
    filled: Callable[[Sequence[Buffer], int], View]
    """A view with these parts in it, so many octets together; what `allocate_in_place` gave stays where it is.

    Raises what `allocate` does.
    """
    borrow: Callable[[bytes], tuple[int, int, bytes, int, memoryview] | None]
    """What a packet says that is a message with a view: type, message id, data, the view's number and octets.

    None for what is to be given to `understood`.
    """
    returned: Callable[[int, int], None]
    """Takes a view back that the peer has done with: by its number, or 0 and the request that it has answered."""
    lent_requests: Mapping[int, View]
    """The views in requests that have no answer yet, by message id."""
    kept: Mapping[int, View]
    """A view that is back, which `lend` takes for so many octets; it counts as the peer's until it is dropped."""
    drop_kept: Callable[[], None]
    release_view: Callable[[int, int], None]
    """What `release` does, by the number of the view and its size."""

    port_view: memoryview | None
    """The memory that this end has given the other by `create_port_view`, to be written to."""

    def _share(self, sharing: Sharing) -> None:
        """What this end lends and borrows from now on."""
        self.port_view = None
        self._sharing = sharing
        self.filled, self.borrow = sharing.filled, sharing.borrow
        self.lent_requests, self.kept, self.drop_kept = sharing.lent_requests, sharing.kept, sharing.drop_kept
        self.returned, self.release_view = sharing.returned, sharing.release

    def allocate(self, size: int, *, secure: bool = False, section: OutgoingSection | None = None) -> View:
        """Room for `size` octets of shared memory: fill `view.buffer`, then send it, or `discard` it.

        It is in this end's usual section, in another one, or, secure, in one of its own that nobody can change once it
        is sent; that costs a new memory file. Raises SectionTooBig (more than a section holds), InvalidViewSize (more
        than the peer takes), QuotaExceeded (the peer has too much of it), ResourcesExhausted, Disconnected.
        """
        return self._sharing.create_secure_view(size) if secure else self._sharing.allocate(size, section)

    def allocate_in_place(self, size: int) -> InPlace:
        """Room for `size` octets that can be sent many times, with others around them: see `filled`. To be closed."""
        return self._sharing.allocate_in_place(size)

    def create_port_view(self, size: int) -> memoryview:
        """Shared memory of `size` octets for as long as the connection lasts, as LPC sets it up: `port_view`.

        To be called once, before the first message: whoever receives one sees what was written here before, in its
        `remote_port_view`. Raises InvalidParameter for a second one, and what `create_section` does.
        """
        try:
            self.port_view = view = self._sharing.create_port_view(size, NO_SIGNAL)
            return view
        except OSError as error:
            raise not_sent(error) from error

    @property
    def remote_port_view(self) -> memoryview | None:
        """What the peer made by `create_port_view`, read-only, once a message of its has been received; else None.

        The peer may change it at any time: copy before you judge.
        """
        return self._sharing.remote_port_view

    def grant_memory(self) -> None:
        """Gives the peer a descriptor of all of this process's memory, so that it need not ask for data entries.

        It can read and change everything then, whoever it runs as: for a peer that is trusted like oneself. Raises
        AccessDenied where the kernel does not allow it, Disconnected.
        """
        from .process_memory import open_own_memory

        try:
            descriptor = open_own_memory()
            try:
                self._sharing.pass_memory(descriptor, NO_SIGNAL)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise from_os_error(error, "granting memory") from error

    def take_granted(self) -> int:
        """The descriptor of its memory that the peer has given, the caller's to close; -1: none."""
        return self._sharing.take_granted()

    def create_section(self, size: int) -> OutgoingSection:
        """Another section to `allocate` in (NtAlpcCreatePortSection). Raises what `allocate` does."""
        return self._sharing.create_section(size)

    def delete_section(self, section: OutgoingSection) -> None:
        """Gives a section up; what the peer has of it stays readable there (NtAlpcDeletePortSection)."""
        self._sharing.delete_section(section)

    def discard(self, view: View) -> None:
        """Takes back a view that was not sent (NtAlpcDeleteSectionView)."""
        self._sharing.discard(view)

    def release(self, message: PortMessage) -> None:
        """Gives the view of a received message back to its sender; its octets may change from now on.

        Not needed for a request that is answered by a message of type LPC_REPLY. Twice is once.
        """
        if message.view is not None:
            self._sharing.release(message.view_number, len(message.view))
