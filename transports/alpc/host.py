"""Host: the server that an exchange belongs to, as it sees it. `server_queue.py` is one; a client has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .quota import UserQuota
from .received import Message

if TYPE_CHECKING:
    from .exchange import Exchange


class Host(Protocol):
    """The server that an exchange belongs to."""

    def notify(self, message: Message) -> None:
        """Puts a message that no reader brought; under `changed`."""
        ...

    def look(self, exchange: Exchange) -> None:
        """What the exchange `wants` to be told of its socket may have changed."""
        ...

    def resume(self, quota: UserQuota) -> None:
        """A user whose pool was full may have more read again."""
        ...

    def forget(self, exchange: Exchange) -> None:
        """The exchange has ended, and its socket is about to be closed."""
        ...

    def watch_thread(self, exchange: Exchange, thread: int) -> None:
        """Have `thread_ended` called once a thread of the peer's has ended. Raises BadFrame for who is not its."""
        ...
