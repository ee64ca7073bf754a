"""Extended error information ([MS-EERR]): the records that a fault carries besides its status, made and read.

A record is a layer that the error went through, the newest first: a server whose own call failed puts its own in front
of those that came with that failure. `error.extended` has them at the client; a method fails with
`lrpc.Fault(status, extended=[lrpc.ErrorRecord(2, parameters=("hive.dat",))])`. How much of them a client is told is its
server's to say: `Server(extended_errors=...)`.

Rule: the records are of no weight. What cannot be read leaves the fault as it is, without them.
"""

from __future__ import annotations

import enum
import os
import socket
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

from .interfaces import eerr
from .journal import note
from .serialization import deserialize, serialize
from .status import BadStubData, Fault, Ran, fault_name

MAX_DETAIL: Final = 1024
"""Octets of the records of a fault, which is one fragment: the smallest that is agreed on has 1432 (C706 12.6.3)."""
MAX_RECORDS: Final = 64
"""Records of one fault that are read."""
MAX_PARAMETERS: Final = 4
"""Of a record ([MS-EERR] 2.2.1.8)."""
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_LONG: Final = 1 << 31

Parameter: TypeAlias = str | int | bytes | None
"""What an error is about: text, a number of 64 bits, octets; None: a text that had no room."""


class Component(enum.IntEnum):
    """Where an error came from (Windows' "Understanding Extended Error Information"); others are numbers above 255."""

    APPLICATION = 1
    RUNTIME = 2
    SECURITY_PROVIDER = 3
    NPFS = 4
    REDIRECTOR = 5
    NAMED_PIPE = 6
    IO = 7
    WINSOCK = 8
    AUTHZ = 9
    LPC = 10
    HTTP_PROXY = 14


class Missing(enum.IntFlag):
    """Records that are not among those of a fault ([MS-EERR] 2.2.1.8)."""

    BEFORE = 1
    AFTER = 2


NONE_MISSING: Final = Missing(0)


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """One layer that an error went through ([MS-EERR] 2.2.1.8)."""

    status: int
    """The layer's own status, unsigned 32 bits."""
    component: int = Component.APPLICATION
    """Which layer: a Component, or a number above 255 of one's own."""
    location: int = 0
    """Where in the component, unsigned 16 bits: what they mean is the component's business."""
    parameters: tuple[Parameter, ...] = ()
    """What the error is about, four at most."""
    computer: str | None = None
    """On records that crossed a network: the machine."""
    process: int = 0
    """The process id; 0: not told."""
    time: datetime | None = None
    """When, with its time zone; None: not told."""
    missing: Missing = NONE_MISSING
    """Other records are not here."""

    def __str__(self) -> str:
        parameters = ", ".join("..." if each is None else repr(each) for each in self.parameters)
        place = f" at {self.location}" if self.location else ""
        return f"{self._origin}: {fault_name(self.status)}{place}" + (f" ({parameters})" if parameters else "")

    @property
    def _origin(self) -> str:
        known = self.component in Component.__members__.values()
        name = Component(self.component).name.lower() if known else f"component {self.component}"
        return f"{name} on {self.computer}" if self.computer else name

    @property
    def full(self) -> str:
        """Everything in one line: `str` with process, time and what is missing."""
        told = [f"process {self.process}"] if self.process else []
        told += [self.time.isoformat()] if self.time else []
        told += [
            f"records {flag.name.lower()} it are missing" for flag in Missing if flag in self.missing and flag.name
        ]
        return "; ".join((str(self), *told))


Disclosure: TypeAlias = Literal["none", "status", "all"] | Callable[[Fault], Iterable[ErrorRecord]]
"""How much of an error's records a client is told.

none: nothing. status: of each record that an error carries its status and component, and nothing of an error that
carries none. all: the records as they are, behind one for the fault itself: its words, the line of the method that
raised it, machine, process and time. A function is given the fault and says what goes.
"""


def disclosed(fault: Fault, disclosure: Disclosure) -> bytes:
    """What of a fault's records its client is sent, as octets; empty for nothing."""
    records: Iterable[ErrorRecord] = ()
    if callable(disclosure):
        records = disclosure(fault)
    elif disclosure == "status":
        records = (ErrorRecord(each.status, each.component, missing=each.missing) for each in fault.extended)
    elif disclosure == "all":
        records = (_own(fault), *fault.extended)
    return fitted(tuple(records))


def _own(fault: Fault) -> ErrorRecord:
    """The record of the fault itself. What did not run was refused by the runtime."""
    cause = fault.__cause__
    words = str(fault.args[0]) if cause is None else f"{type(cause).__name__}: {cause}"
    return ErrorRecord(
        fault.status,
        Component.RUNTIME if fault.ran is Ran.NO else Component.APPLICATION,
        _line(cause or fault),
        (words,),
        socket.gethostname().partition(".")[0],
        os.getpid(),
        datetime.now(UTC),
    )


def _line(error: BaseException) -> int:
    """The line that raised it; 0 when that is too far down, or unknown."""
    trace, line = error.__traceback__, 0
    while trace is not None:
        line = trace.tb_lineno
        trace = trace.tb_next
    return line if line <= 0xFFFF else 0


def received(detail: bytes) -> tuple[ErrorRecord, ...]:
    """The records of a fault that came; none, and a line in the log, when they cannot be read."""
    try:
        return parse(detail)
    except BadStubData as error:
        note("bad_records", reason=str(error))
        return ()


# Records as octets


def fitted(records: Sequence[ErrorRecord], most: int = MAX_DETAIL) -> bytes:
    """The octets of as many records as there is room for: first texts go, then the oldest records."""
    if not records:
        return b""
    octets = build(records)
    if len(octets) > most:
        records = [replace(each, parameters=_short(each.parameters)) for each in records]
        octets = build(records)
    while len(octets) > most and len(records) > 1:
        kept, last = records[:-2], records[-2]
        records = [*kept, replace(last, missing=last.missing | Missing.AFTER)]
        octets = build(records)
    return octets if len(octets) <= most else b""


def _short(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(None if isinstance(each, str | bytes) else each for each in parameters)


def build(records: Sequence[ErrorRecord]) -> bytes:
    """The octets of records, newest first ([MS-EERR] 2.2.2.1). ArgumentError when a number does not fit its field."""
    made: eerr.ExtendedErrorInfo | None = None
    for record in reversed(records):
        made = _packed(record, made)
    return serialize(eerr.ExtendedErrorInfo | None, made)


def parse(octets: bytes) -> tuple[ErrorRecord, ...]:
    """The records in octets ([MS-EERR] 2.2.2.2). BadStubData for what breaks the rules in any place."""
    node: eerr.ExtendedErrorInfo | None = deserialize(eerr.ExtendedErrorInfo | None, octets)
    records: list[ErrorRecord] = []
    while node is not None:
        if len(records) == MAX_RECORDS:
            raise BadStubData(f"more than {MAX_RECORDS} records of one error", ran=Ran.NO)
        records.append(_unpacked(node))
        node = node.Next
    return tuple(records)


def _packed(record: ErrorRecord, cause: eerr.ExtendedErrorInfo | None) -> eerr.ExtendedErrorInfo:
    ticks = 0 if record.time is None else (record.time - _EPOCH) // timedelta(microseconds=1) * 10
    present = eerr.EEComputerNamePresent
    return eerr.ExtendedErrorInfo(
        Next=cause,
        ComputerName=eerr.EEComputerName(present.eecnpNotPresent, None)
        if record.computer is None
        else eerr.EEComputerName(present.eecnpPresent, _wide(record.computer)),
        ProcessID=record.process,
        TimeStamp=ticks,
        GeneratingComponent=int(record.component),
        Status=record.status & 0xFFFFFFFF,
        DetectionLocation=record.location,
        Flags=int(record.missing),
        Params=[_packed_parameter(each) for each in record.parameters],
    )


def _packed_parameter(value: Parameter) -> eerr.ExtendedErrorParam:
    kinds = eerr.ExtendedErrorParamTypesInternal
    match value:
        case None:
            return eerr.ExtendedErrorParam(kinds.eeptiNone, None)
        case str():
            return eerr.ExtendedErrorParam(kinds.eeptiUnicodeString, _wide(value))
        case bytes():
            return eerr.ExtendedErrorParam(kinds.eeptiBinary, eerr.BinaryEEInfo(value))
        case int():
            small = -_LONG <= value < _LONG
            return eerr.ExtendedErrorParam(kinds.eeptiLongVal if small else kinds.eeptiPointerVal, value)


def _wide(text: str) -> eerr.EEUString:
    octets = (text + "\0").encode("utf-16-le", "surrogatepass")
    return eerr.EEUString(list(struct.unpack(f"<{len(octets) // 2}H", octets)))


def _unpacked(node: eerr.ExtendedErrorInfo) -> ErrorRecord:
    name = node.ComputerName.Computer
    return ErrorRecord(
        node.Status,
        node.GeneratingComponent,
        node.DetectionLocation,
        tuple(_unpacked_parameter(each.Value) for each in node.Params),
        None if name is None else _text(name),
        node.ProcessID,
        _time(node.TimeStamp),
        Missing(node.Flags & 3),
    )


def _unpacked_parameter(value: eerr.EEAString | eerr.EEUString | int | eerr.BinaryEEInfo | None) -> Parameter:
    match value:
        case eerr.EEAString():
            return (value.pString or b"").split(b"\0")[0].decode("latin-1")
        case eerr.EEUString():
            return _text(value)
        case eerr.BinaryEEInfo():
            return value.pBlob or b""
        case _:
            return value


def _text(found: eerr.EEUString) -> str:
    units = found.pString or []
    text = struct.pack(f"<{len(units)}H", *units).decode("utf-16-le", "surrogatepass")
    return text.split("\0")[0]


def _time(ticks: int) -> datetime | None:
    """None for no time, and for one that no calendar here has."""
    try:
        return _EPOCH + timedelta(microseconds=ticks // 10) if ticks else None
    except OverflowError:
        return None
