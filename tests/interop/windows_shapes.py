"""The shapes service in Python, and every call of it: what the Windows programs in windows/ have in C."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lrpc

SOURCES = Path(__file__).parent / "windows"
shapes = lrpc.load(str(SOURCES / "shapes.idl"))
INVALID_ARGUMENT = 87
ROWS = 20_000
TEXT = "grüß 中"
LARGE = 0x123456789ABCDEF


class Session:
    """What a context handle stands for."""

    def __init__(self, service: Shapes, first: int) -> None:
        self.service, self.total = service, first

    def close(self) -> None:
        """The client has gone."""
        self.service.rundowns += 1


def more(mixed: Any) -> Any:
    return shapes.mixed_t(mixed.tag + 1, mixed.large + 1, mixed.little + 1, mixed.real * 2, mixed.last + 1)


def following(colour: int) -> int:
    return {1: 2, 2: 4, 4: 1}[colour]


def raised(tagged: Any) -> Any:
    value = tagged.value
    match tagged.kind:
        case 1 | 4 | 5:
            value += 1
        case 2 if value is not None:
            value = "".join(each.upper() if each.isascii() else each for each in value)
        case 3 if value is not None:
            value = more(value)
    return shapes.tagged_t(tagged.kind, value)


class Shapes(shapes.shapes):  # type: ignore[misc,name-defined]
    """Each operation as the IDL says."""

    def __init__(self) -> None:
        self.rundowns = 0

    def Add(self, a, b):
        return a + b

    def Mix(self, given):
        return more(given)

    def Nest(self, both):
        return shapes.nested_t(both.before + 1, more(both.inside), both.after + 1, [each + 1 for each in both.numbers])

    def NextColour(self, colour, other):
        return following(other), following(colour)

    def Lengths(self, wide, narrow):
        return len(wide) + len(narrow)

    def Twice(self, given):
        return shapes.texts_t(*(None if each is None else 2 * each for each in (given.wide, given.narrow)))

    def Sum(self, numbers, *, count=0):
        return sum(numbers)

    def Evens(self, length, values, *, size=0):
        kept = [each for each in values if each % 2 == 0]
        return len(kept), kept

    def Reverse(self, octets, *, count=0):
        return bytes(octets)[::-1]

    def Turn(self, list):
        turned, length = None, 0
        while list is not None:
            turned, list, length = shapes.node_t(list.value, turned), list.next, length + 1
        return turned, length

    def Perhaps(self, number):
        return -1 if number is None else number

    def Raise(self, value):
        return raised(value)

    def RaiseAll(self, values):
        return shapes.values_t([raised(each) for each in values.values])

    def Open(self, first):
        return Session(self, first)

    def Put(self, session, number):
        session.total += number

    def Total(self, session):
        return session.total

    def Close(self, session):
        return None

    def Rundowns(self):
        return self.rundowns

    def Fray(self, both):
        return shapes.ragged_t(both.tag + 1, both.large + 1, both.little + 1)

    def Fail(self, code):
        raise lrpc.Fault(code)


def chain(*values: int) -> Any:
    """A linked list."""
    first = None
    for value in reversed(values):
        first = shapes.node_t(value, first)
    return first


def _sessions(peer: Any) -> Any:
    session = peer.Open(5)
    peer.Put(session, 30)
    peer.Put(session, 7)
    total = peer.Total(session)
    peer.Close(session)
    return total


def _failing(peer: Any) -> Any:
    try:
        peer.Fail(INVALID_ARGUMENT)
    except lrpc.Fault as fault:
        return fault.status
    return None


mixed = shapes.mixed_t
tagged = shapes.tagged_t
CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "Add": (lambda peer: peer.Add(-40, 82), 42),
    "Mix": (lambda peer: peer.Mix(mixed(1, LARGE, -3, 1.5, 9)), mixed(2, LARGE + 1, -2, 3.0, 10)),
    "Nest": (
        lambda peer: peer.Nest(shapes.nested_t(7, mixed(1, -2, 3, 0.25, 5), 8, [10, -20, 30])),
        shapes.nested_t(8, mixed(2, -1, 4, 0.5, 6), 9, [11, -19, 31]),
    ),
    "NextColour": (lambda peer: peer.NextColour(1, 4), (1, 2)),
    "Lengths": (lambda peer: peer.Lengths("€ and on", "four"), 12),
    "Twice": (lambda peer: peer.Twice(shapes.texts_t(TEXT, "plain")), shapes.texts_t(2 * TEXT, "plainplain")),
    "Twice-null": (lambda peer: peer.Twice(shapes.texts_t(None, "")), shapes.texts_t(None, "")),
    "Sum": (lambda peer: peer.Sum(range(0, 100_000 * ROWS, 100_000)), 100_000 * ROWS * (ROWS - 1) // 2),
    "Sum-empty": (lambda peer: peer.Sum([]), 0),
    "Evens": (lambda peer: peer.Evens(6, [1, 2, 3, 4, 6, 7], size=8), (3, [2, 4, 6])),
    "Reverse": (
        lambda peer: peer.Reverse(bytes(range(256)) * (ROWS // 256)),
        bytes(range(256))[::-1] * (ROWS // 256),
    ),
    "Turn": (lambda peer: peer.Turn(chain(1, 2, 3)), (chain(3, 2, 1), 3)),
    "Turn-empty": (lambda peer: peer.Turn(None), (None, 0)),
    "Perhaps": (lambda peer: (peer.Perhaps(17), peer.Perhaps(None)), (17, -1)),
    "Raise": (lambda peer: peer.Raise(tagged(1, 4)), tagged(1, 5)),
    "Raise-default": (lambda peer: peer.Raise(tagged(9, None)), tagged(9, None)),
    "RaiseAll": (
        lambda peer: peer.RaiseAll(
            shapes.values_t([tagged(5, 1 << 40), tagged(3, mixed(1, 2, 3, 4, 5)), tagged(2, "abcä"), tagged(1, -1)])
        ),
        shapes.values_t(
            [tagged(5, (1 << 40) + 1), tagged(3, mixed(2, 3, 4, 8, 6)), tagged(2, "ABCä"), tagged(1, 0)], count=4
        ),
    ),
    "Total": (_sessions, 42),
    "Fail": (_failing, INVALID_ARGUMENT),
}
"""By the name of a call: the call, and what it gives."""
LEFT_OPEN = ("Close", "Open")
"""What the Windows client says besides: a handle that it closed, and one that it leaves to the run-down."""
SAID = [*(f"right {name}" for name in (*CALLS, *LEFT_OPEN) if name != "Fail"), f"raised {INVALID_ARGUMENT}"]
"""All that the Windows client says."""


def wrong(peer: Any) -> Iterator[str]:
    """The calls that did not give what they should."""
    for name, (call, expected) in CALLS.items():
        found = call(peer)
        if found != expected:
            yield f"{name}: {found!r}, not {expected!r}"
