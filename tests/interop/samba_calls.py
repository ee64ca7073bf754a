"""Calls of real interfaces through both: ours writes, Samba's stub reads and writes again, ours reads and writes that.

A comparison agrees when all octets are the same and Samba saw the values that were drawn. Otherwise it has to be what
`samba_tolerated.py` lists.
"""

from __future__ import annotations

import importlib
import json
import random
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lrpc
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import to_json
from lrpc.runtime.ndr.layout import Encoding, Parameters
from tests.interop.samba_values import CallValues

HERE = Path(__file__).parent
PYTHON = "/usr/bin/python3"
"""The one that Debian's packages are for."""
INSTALL = "python3-samba is missing: apt-get install python3-samba"
DRAWN = 8
"""Values of each direction of each call."""
TRIES = 60
"""For a value whose counts do not contradict each other."""


@dataclass(frozen=True, eq=False)
class Judged:
    """An interface, and whose stubs judge it. special: values that Samba needs, as STRUCTURE.member or parameter."""

    name: str
    module: str
    special: Mapping[str, Any] = field(default_factory=dict)
    ending: str = ""
    undefined: Mapping[str, str] = field(default_factory=dict)
    """Directions of calls in which Samba's stub reads what it must not, with the reason: what comes out is chance."""
    by_name: bool = False
    """The calls are found by their names: an excerpt has no operation numbers."""

    def interface(self) -> Any:
        """The interface of a stub that is checked in, or of an excerpt beside this file."""
        if self.by_name:
            return lrpc.load(HERE / f"{self.name}.idl").__interfaces__[0]
        return importlib.import_module(f"lrpc.runtime.interfaces.{self.name}").__interfaces__[0]


class Peer:
    """The process with Samba's stubs; started anew when it crashes, which is an answer too."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._calls: dict[str, dict[str, int]] = {}

    def ask(self, **job: Any) -> dict[str, Any]:
        """The answer to a job, as `samba_peer.py` has it."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
        said = process.stdout.readline()
        if said:
            return dict(json.loads(said))
        self.close()
        return {"error": f"ended with status {process.returncode}"}

    def calls(self, module: str) -> dict[str, int]:
        """The operation numbers of Samba's calls, by their names."""
        if module not in self._calls:
            self._calls[module] = self.ask(list=module)
        return self._calls[module]

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.communicate()
        self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            command = [PYTHON, str(HERE / "samba_peer.py")]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        return self._process


def missing() -> str:
    """What has to be installed; nothing when all is there."""
    there = (
        Path(PYTHON).exists()
        and not subprocess.run([PYTHON, "-c", "import samba.dcerpc.lsa"], check=False, capture_output=True).returncode
    )
    return "" if there else INSTALL


# Values


@dataclass
class Direction:
    """One direction of a call with a value of it; request and given: the other way, when it is a response."""

    layout: Parameters
    value: dict[str, Any]
    request: Parameters
    given: dict[str, Any]

    @property
    def outer(self) -> dict[str, Any]:
        return {} if self.layout is self.request else self.given

    def built(self, value: dict[str, Any], encoding: Encoding) -> bytes:
        return bytes(self.layout.build(value, encoding=encoding, outer=self.outer))

    def asked(self, encoding: Encoding) -> str:
        """The request that a response answers."""
        return bytes(self.request.build(self.given, encoding=encoding)).hex()

    def parsed(self, octets: bytes, encoding: Encoding) -> dict[str, Any]:
        return dict(self.layout.parse(octets, encoding=encoding, outer=self.outer))

    def leaves(self, octets: bytes, encoding: Encoding) -> dict[str, Any]:
        """The JSON form of what octets say, by path."""
        return dict(_leaves(to_json(self.layout, self.parsed(octets, encoding), outer=self.outer), ""))


def drawn(judged: Judged, operation: Any, side: str, number: int) -> Direction:
    """The value of that number; the same in each run."""
    layout = operation.request if side == "in" else operation.response
    for tried in range(TRIES):
        chance = random.Random(f"{judged.name} {operation.name} {side} {number} {tried}")
        values = CallValues(chance, judged.special, judged.ending, operation.response.fields)
        try:
            given = values.of(operation.request)
            found = Direction(layout, given if side == "in" else values.of(layout, given), operation.request, given)
            found.asked(Encoding.NDR)
            found.built(found.value, Encoding.NDR)
        except NdrError:  # counts that contradict each other
            continue
        return found
    raise AssertionError(f"no value for {judged.name} {operation.name} {side}")


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(inner, f"{path}.{name}" if isinstance(value, dict) else f"{path}[{name}]")
    else:
        yield path.removeprefix("."), value


# Comparisons


@dataclass
class Comparison:
    """One value of one direction of one call in one encoding, and how it ended."""

    interface: str
    operation: str
    side: str
    encoding: Encoding
    octets: bytes
    value: Any = None
    outcome: str = ""
    """Empty when it agrees."""

    def __str__(self) -> str:
        where = f"{self.interface} {self.operation} {self.side} {self.encoding.name}"
        return f"{where}: {self.outcome}\n    {self.value}\n    {self.octets.hex(' ')}"


def compared(judged: Judged, peer: Peer) -> Iterator[Comparison]:
    """Every call that Samba has too, in both directions and all encodings."""
    for operation in judged.interface().operations:
        known = call_name(judged, operation, peer)
        for side in ("in", "out"):
            if not known or f"{operation.name} {side}" in judged.undefined:
                continue
            for number in range(DRAWN):
                direction = drawn(judged, operation, side, number)
                for encoding in Encoding:
                    yield compare(judged, operation, side, direction, encoding, peer)


def compare(
    judged: Judged, operation: Any, side: str, direction: Direction, encoding: Encoding, peer: Peer
) -> Comparison:
    """One value of one direction of a call."""
    octets = direction.built(direction.value, encoding)
    asked = job(judged, operation, side, encoding, peer)
    said = peer.ask(octets=octets.hex(), request=direction.asked(encoding), **asked)
    outcome = judge(direction, octets, encoding, said)
    return Comparison(judged.name, operation.name, side, encoding, octets, direction.value, outcome)


def call_name(judged: Judged, operation: Any, peer: Peer) -> str:
    """What Samba calls an operation; empty when it has no such call."""
    calls = peer.calls(judged.module)
    if judged.by_name:
        return operation.name if operation.name in calls else ""
    return next((name for name, number in calls.items() if number == operation.opnum), "")


def job(judged: Judged, operation: Any, side: str, encoding: Encoding, peer: Peer) -> dict[str, Any]:
    """What to ask the peer, but for the values."""
    flags = {"big": encoding is Encoding.NDR_BIG, "wide": encoding is Encoding.NDR64}
    return {"module": judged.module, "call": call_name(judged, operation, peer), "side": side, **flags}


def judge(direction: Direction, octets: bytes, encoding: Encoding, said: dict[str, Any]) -> str:
    """Empty when Samba wrote the same and saw the same; what it wrote otherwise has to be read and written too."""
    if "error" in said:
        return str(said["error"])
    written = bytes.fromhex(said["octets"])
    ours = direction.leaves(octets, encoding)
    if written == octets:
        unseen = _telling(ours.values()) - _telling(said["seen"]) - {0xFFFF_FFFF}  # of a negative number
        return f"not seen: {sorted(unseen, key=str)}" if unseen else ""
    try:
        theirs = direction.leaves(written, encoding)
        again = direction.built(direction.parsed(written, encoding), encoding)
    except NdrError as error:
        return f"refused: {error}"
    different = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
    return f"{'wrote' if again == written else 'numbered'} {' '.join(different)}"


def _telling(values: Iterable[Any]) -> set[Any]:
    """What can be told apart of values: texts, and the halves of 64 bits of numbers that take more than 16 bits."""
    found: set[Any] = set()
    for value in values:
        if isinstance(value, str) and len(value.rstrip("\0")) > 1:
            found.add(value.rstrip("\0").replace("-0x0", "-0x"))  # a large authority of a SID, with and without a zero
        if isinstance(value, int) and not -0x10000 < value < 0x10000:
            found.update(half for half in (value & 0xFFFF_FFFF, value >> 32 & 0xFFFF_FFFF) if half > 0xFFFF)
    return found
