"""Wireshark's dissector as the judge of every PDU that the registry and its clients exchange.

A relay records the conversation, text2pcap makes a capture of it, tshark takes it apart.
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import lrpc
from examples.registry import walk
from lrpc.runtime.interfaces.winreg import winregClient

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]

ERROR = 0x0080_0000
"""Wireshark's severity "error" of an expert item."""
SEGMENT = 8_192
REQUEST, RESPONSE, BIND, BIND_ACK = 0, 2, 11, 12
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
class Relay:
    """Stands between clients and a server, and writes down what passes."""

    server_port: int
    passed: list[tuple[str, bytes]] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _ends: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._start(self._accept)

    def finish(self) -> None:
        """Returns when the client's side has ended; nothing passes any more."""
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive()

    def close(self) -> None:
        """Nobody connects any more."""
        for end in (self._listener, *self._ends):
            end.close()

    def _start(self, job: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=job, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        client = self._listener.accept()[0]
        server = socket.create_connection(("127.0.0.1", self.server_port))
        self._ends += client, server
        self._start(self._pass, "O", client, server)
        self._start(self._pass, "I", server, client)

    def _pass(self, way: str, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # one end has gone, and the test looks at what passed before
            while octets := source.recv(SEGMENT):
                self.passed.append((way, octets))
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)


@pytest.fixture
def relay(registry_service: str) -> Iterator[Relay]:
    found = re.search(r"\[(\d+)\]", registry_service)
    assert found is not None
    recording = Relay(int(found[1]))
    yield recording
    recording.close()


@dataclass
class Verdict:
    """What tshark saw; a message in several fragments counts once."""

    kinds: Counter[int] = field(default_factory=Counter)
    operations: set[int] = field(default_factory=set)
    protocols: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def judged(passed: list[tuple[str, bytes]], folder: Path) -> Verdict:
    """tshark's verdict on a recorded conversation."""
    capture = folder / "conversation.pcap"
    text = "\n".join(f"{way}\n{dump(octets)}" for way, octets in passed)
    framing = ["text2pcap", "-q", "-D", "-T", "40000,40001", "-", str(capture)]
    subprocess.run(framing, input=text, text=True, check=True, capture_output=True)
    command = ["tshark", "-n", "-r", str(capture), "-d", "tcp.port==40001,dcerpc", "-T", "fields", "-E", "aggregator=|"]
    command += [word for name in (*FIELDS, COLUMN) for word in ("-e", name)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    verdict = Verdict()
    for line in output.splitlines():
        add(verdict, line)
    return verdict


def add(verdict: Verdict, line: str) -> None:
    kinds, firsts, operations, malformed, severities, messages, protocol = (line.split("\t") + [""] * 7)[:7]
    pairs = zip(kinds.split("|"), firsts.split("|"), strict=True)
    verdict.kinds.update(int(kind) for kind, first in pairs if first in ("1", "True"))
    verdict.operations.update(int(operation) for operation in operations.split("|") if operation)
    verdict.protocols[protocol] += 1
    if malformed or any(int(severity) >= ERROR for severity in severities.split("|") if severity):
        verdict.faults.append(f"{protocol} {kinds} {operations}: {malformed} {messages}")


def dump(octets: bytes) -> str:
    rows = (f"{start:06x} {octets[start : start + 16].hex(' ')}\n" for start in range(0, len(octets), 16))
    return "".join(rows)


def converse_as_impacket(dce: Any) -> set[int]:
    """Open, enumerate, read, create, write, delete; the operations that were called."""
    from impacket.dcerpc.v5 import rrp

    machine = rrp.hOpenLocalMachine(dce)["phKey"]
    rrp.hBaseRegEnumKey(dce, machine, 0)
    with pytest.raises(rrp.DCERPCSessionError):
        rrp.hBaseRegEnumKey(dce, machine, 99)
    system = rrp.hBaseRegOpenKey(dce, machine, "SOFTWARE\\OperatingSystem")["phkResult"]
    rrp.hBaseRegQueryInfoKey(dce, system)
    rrp.hBaseRegEnumValue(dce, system, 0)
    rrp.hBaseRegQueryValue(dce, system, "ID")
    with pytest.raises(rrp.DCERPCSessionError):
        rrp.hBaseRegQueryValue(dce, system, "absent")
    created = rrp.hBaseRegCreateKey(dce, machine, "SOFTWARE\\Seen")["phkResult"]
    rrp.hBaseRegSetValue(dce, created, "long", rrp.REG_BINARY, bytes(20_000))
    assert rrp.hBaseRegQueryValue(dce, created, "long") == (rrp.REG_BINARY, bytes(20_000))
    rrp.hBaseRegDeleteValue(dce, created, "long")
    rrp.hBaseRegFlushKey(dce, created)
    rrp.hBaseRegGetVersion(dce, created)
    rrp.hBaseRegGetKeySecurity(dce, created, 4)
    rrp.hBaseRegCloseKey(dce, created)
    rrp.hBaseRegDeleteKey(dce, machine, "SOFTWARE\\Seen")
    return {2, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 22, 26}


def test_conversation_with_impacket_has_no_malformed_packet(
    relay: Relay, impacket_bound: Callable[[int], Any], tmp_path: Path
) -> None:
    dce = impacket_bound(relay.port)
    called = converse_as_impacket(dce)
    dce.disconnect()
    relay.finish()
    verdict = judged(relay.passed, tmp_path)
    assert verdict.faults == []
    assert called <= verdict.operations
    assert verdict.kinds[BIND] == verdict.kinds[BIND_ACK] == 1
    assert verdict.kinds[REQUEST] == verdict.kinds[RESPONSE] > len(called)
    assert verdict.protocols["WINREG"] > len(called)


def test_conversation_with_our_client_has_no_malformed_packet(relay: Relay, tmp_path: Path) -> None:
    with lrpc.connect(winregClient, f"ncacn_ip_tcp:127.0.0.1[{relay.port}]") as registry:
        tree = walk.walk(registry)
    relay.finish()
    verdict = judged(relay.passed, tmp_path)
    assert verdict.faults == []
    assert {2, 5, 9, 10, 15} <= verdict.operations
    assert verdict.protocols["WINREG"] > tree.keys()


def test_damage_is_noticed(relay: Relay, impacket_bound: Callable[[int], Any], tmp_path: Path) -> None:
    from impacket.dcerpc.v5 import rrp

    dce = impacket_bound(relay.port)
    rrp.hBaseRegEnumKey(dce, rrp.hOpenLocalMachine(dce)["phKey"], 0)
    dce.disconnect()
    relay.finish()
    way, last = relay.passed[-1]
    shorter = last[:8] + (len(last) - 16).to_bytes(2, "little") + last[10:-16]
    assert judged([*relay.passed[:-1], (way, shorter)], tmp_path).faults
