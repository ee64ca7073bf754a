"""tshark's verdict on a capture: what it saw, and what it found malformed."""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ERROR = 0x0080_0000
"""Wireshark's severity "error" of an expert item."""
OURS = "frame.packet_flags_direction == 2"
"""What the one who captured sent."""
FIELDS = (
    "dcerpc.pkt_type",
    "dcerpc.cn_flags.first_frag",
    "dcerpc.opnum",
    "_ws.malformed",
    "_ws.expert.severity",
    "_ws.expert.message",
)
COLUMN = "_ws.col.Protocol"


@dataclass
class Verdict:
    """What tshark saw; a message in several fragments counts once."""

    kinds: Counter[int] = field(default_factory=Counter)
    operations: set[int] = field(default_factory=set)
    protocols: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def verdict_on(capture: Path, *options: str) -> Verdict:
    """tshark's verdict on a capture file."""
    command = ["tshark", "-n", "-r", str(capture), *options, "-T", "fields", "-E", "aggregator=|"]
    command += [word for name in (*FIELDS, COLUMN) for word in ("-e", name)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    verdict = Verdict()
    for line in output.splitlines():
        add(verdict, line)
    return verdict


def add(verdict: Verdict, line: str) -> None:
    kinds, firsts, operations, malformed, severities, messages, protocol = (line.split("\t") + [""] * 7)[:7]
    pairs = zip(kinds.split("|"), firsts.split("|"), strict=False)  # a verification trailer says the kind once more
    verdict.kinds.update(int(kind) for kind, first in pairs if first in ("1", "True"))
    verdict.operations.update(int(operation) for operation in operations.split("|") if operation)
    verdict.protocols[protocol] += 1
    if malformed or any(int(severity) >= ERROR for severity in severities.split("|") if severity):
        verdict.faults.append(f"{protocol} {kinds} {operations}: {malformed} {messages}")
