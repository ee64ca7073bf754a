"""How calls end at a client: what an outcome is to who waits for it, and what errors there are when none comes."""

from __future__ import annotations

from typing import Final

from .carrier import Reply
from .status import ConnectionLost, DeadlineExceeded, ForkedBinding, ProtocolError, Ran, RpcError
from .wire import Outcome

FORKED: Final = ForkedBinding("this connection is the parent process's: connect anew in the child")
"""What breaks a channel in a child of fork."""


def settled(outcome: Outcome) -> Reply:
    """The response of a call, or its error."""
    if isinstance(outcome, RpcError):
        try:
            raise outcome
        finally:
            del outcome  # or the error's traceback would hold the error, and what its frames hold, in a circle
    return outcome  # type: ignore[return-value]  # only calls with pipes have Parts


def dropped(outcome: Outcome) -> None:
    """Nobody waits for this outcome any more: give back the memory that it is in."""
    release = None if isinstance(outcome, RpcError) else outcome[2]
    if release is not None:
        release()


def ended(error: RpcError) -> RpcError:
    """What the end of a connection means to a call that waits: it may have run, whatever the error says of another."""
    kind = type(error) if isinstance(error, ProtocolError) else ConnectionLost
    return kind(str(error))


def over(how: RpcError | None) -> RpcError:
    """The error of a call that is made when the connection has ended."""
    if how is FORKED:
        return ForkedBinding(str(how))
    error = ConnectionLost(f"the connection had ended before: {how}", ran=Ran.NO)
    error.before = True
    return error


def dismissal() -> ConnectionLost:
    """How a connection ends that the server wants closed."""
    return ConnectionLost("the server asked for the connection to be closed", ran=Ran.NO)


def unfinished() -> ConnectionLost:
    """How a connection ends on which the tokens of a security context went but half of their way."""
    return ConnectionLost("a security context was not set up to its end")


def late(outcome: Outcome | None) -> DeadlineExceeded:
    """The error of a call whose time is over, and what its answer says of it if one came all the same."""
    if outcome is None:
        return DeadlineExceeded("no answer in time")
    if isinstance(outcome, RpcError):
        return DeadlineExceeded(f"no answer in time; then: {outcome}", ran=outcome.ran)
    dropped(outcome)
    return DeadlineExceeded("the answer came too late", ran=Ran.YES)
