"""A lane in every order of its steps: a model of `lane.py`, step by step, on processors that hold stores back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest


class State(NamedTuple):
    """Of a sender and a receiver on processors that hold stores back (x86-TSO), of two slots, and of the socket."""

    sender: str = "away?"
    sent: int = 0
    carried: int = 0
    out: int = 0
    sender_stores: tuple[tuple[str, Any], ...] = ()
    receiver: str = "sleep"
    got: tuple[int, ...] = ()
    heard: int = 0
    into: int = 0
    gone: bool = True
    receiver_stores: tuple[tuple[str, Any], ...] = ()
    away: int = 1
    slot0: Any = None
    slot1: Any = None
    queue: tuple[int, ...] = ()


FRAMES = 4
NUDGED = -1


def own(stores: tuple[tuple[str, Any], ...], name: str, memory: Any) -> Any:
    """What a load gives: the processor's own last store of it, or what is in memory."""
    return next((value for stored, value in reversed(stores) if stored == name), memory)


def following(at: State, fences: frozenset[str], room: int) -> list[State]:
    """Every state that one step leads to."""
    return [*drained(at), *sending(at, fences, room), *receiving(at, fences)]


def drained(at: State) -> Iterator[State]:
    if at.sender_stores:
        yield at._replace(**dict([at.sender_stores[0]]), sender_stores=at.sender_stores[1:])
    if at.receiver_stores:
        yield at._replace(**dict([at.receiver_stores[0]]), receiver_stores=at.receiver_stores[1:])


def sending(at: State, fences: frozenset[str], room: int) -> Iterator[State]:
    """`Lane.send`, step by step."""
    name = f"slot{at.out}"
    done = {"sender": "away?", "sent": at.sent + 1}
    if at.sender == "away?" and at.sent < FRAMES:
        yield at._replace(sender="socket" if at.away else "free?")
    elif at.sender == "free?":
        yield at._replace(sender="fill" if own(at.sender_stores, name, getattr(at, name)) is None else "socket")
    elif at.sender == "fill":
        stores = (*at.sender_stores, (name, (at.carried, at.sent)))
        yield at._replace(sender="fence", sender_stores=stores, out=1 - at.out)
    elif at.sender == "fence" and not (at.sender_stores and "sender" in fences):
        yield at._replace(sender="away now?")
    elif at.sender == "away now?":
        yield at._replace(sender="nudge") if at.away else at._replace(**done)
    elif at.sender in ("nudge", "socket") and len(at.queue) < room:
        frame = at.sent if at.sender == "socket" else NUDGED
        yield at._replace(**done, queue=(*at.queue, frame), carried=at.carried + 1)
    elif at.sender == "nudge":  # no room
        yield at._replace(**done)


def receiving(at: State, fences: frozenset[str]) -> Iterator[State]:
    """`Lane.wait`, step by step."""
    name = f"slot{at.into}"
    slot = own(at.receiver_stores, name, getattr(at, name))
    turn = slot is not None and slot[0] <= at.heard
    taken: dict[str, Any] = {"got": (*at.got, *slot[1:]), "into": 1 - at.into} if slot is not None and turn else {}
    if at.receiver == "look":
        if turn:
            yield at._replace(**taken, receiver_stores=(*at.receiver_stores, (name, None)))
        else:
            yield at._replace(receiver="fence", receiver_stores=(*at.receiver_stores, ("away", 1)))
    elif at.receiver == "fence" and not (at.receiver_stores and "receiver" in fences):
        yield at._replace(receiver="look again")
    elif at.receiver == "look again" and turn:
        stores = (*at.receiver_stores, (name, None))
        yield at._replace(**taken, receiver="look", gone=False, receiver_stores=stores)
    elif at.receiver == "look again":
        yield at._replace(receiver="sleep", gone=slot is None)
    elif at.receiver == "sleep" and at.queue:
        got = at.got if at.queue[0] == NUDGED else (*at.got, at.queue[0])
        woken = at._replace(queue=at.queue[1:], heard=at.heard + 1, got=got)
        if slot is not None or not at.gone:
            yield woken._replace(receiver="look", gone=False)
        else:
            yield woken  # that did not pay: it stays away
        yield woken._replace(receiver="look", gone=False, receiver_stores=(*at.receiver_stores, ("away", 0)))


def ends(fences: frozenset[str], room: int) -> set[tuple[int, ...]]:
    """What the receiver can have got when nothing more can happen; the socket holds `room` frames."""
    seen, stack, found = {State()}, [State()], set[tuple[int, ...]]()
    while stack:
        at = stack.pop()
        steps = following(at, fences, room)
        if not steps:
            found.add(at.got)
        for step in steps:
            if step not in seen:
                seen.add(step)
                stack.append(step)
    return found


@pytest.mark.parametrize("room", [1, 2, 2 * FRAMES])
def test_in_every_order_of_steps_all_frames_arrive_in_turn(room: int) -> None:
    assert ends(frozenset({"sender", "receiver"}), room) == {tuple(range(FRAMES))}


@pytest.mark.parametrize("left", ["sender", "receiver"])
def test_without_either_barrier_somebody_may_be_left_asleep(left: str) -> None:
    assert ends(frozenset({left}), 2 * FRAMES) > {tuple(range(FRAMES))}
