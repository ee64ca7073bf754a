"""Wireshark's dissector as the judge of every PDU that the registry and its clients exchange.

A relay records the conversation, text2pcap makes a capture of it, tshark takes it apart; and the captures that lrpc
writes itself, of every transport, go to tshark as they are.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import lrpc
from examples.registry import machine, walk
from examples.registry.hive import Hive
from examples.registry.service import Registry
from lrpc.runtime.capture import exported, pcapng, run
from lrpc.runtime.capture.file import preamble
from lrpc.runtime.interfaces.winreg import RPC_UNICODE_STRING, AsyncwinregClient, winregClient
from tests.interop.wireshark import Verdict, verdict_on

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]

SEGMENT = 8_192
ROOT = Path(__file__).parents[2]
REQUEST, RESPONSE, FAULT, BIND, BIND_ACK = 0, 2, 3, 11, 12


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


def judged(passed: list[tuple[str, bytes]], folder: Path) -> Verdict:
    """tshark's verdict on a recorded conversation."""
    capture = folder / "conversation.pcap"
    text = "\n".join(f"{way}\n{dump(octets)}" for way, octets in passed)
    framing = ["text2pcap", "-q", "-D", "-T", "40000,40001", "-", str(capture)]
    subprocess.run(framing, input=text, text=True, check=True, capture_output=True)
    return verdict_on(capture, "-d", "tcp.port==40001,dcerpc")


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


# What lrpc captures itself

TRANSPORTS = {
    "ncalrpc": "ncalrpc:[captured-{pid}]",
    "ncacn_np": "ncacn_np:[\\pipe\\captured-{pid}]",
    "ncacn_ip_tcp": "ncacn_ip_tcp:127.0.0.1[0]",
    "memory": "memory:[captured-{pid}]",
}
REG_BINARY = 3
MAXIMUM_ALLOWED = 0x02000000
LONG = bytes(300_000)
"""A value that takes many fragments, and shared memory over ALPC."""
OPENED, SET, QUERIED, CLOSED = 2, 22, 17, 5


def converse(registry: Any) -> None:
    """Calls of all kinds: short and long, that fail with a status, with a fault, and whose stub is refused."""
    walk.walk(registry)
    root = registry.OpenLocalMachine(None, MAXIMUM_ALLOWED)
    created = registry.BaseRegCreateKey(
        root, text("SOFTWARE\\Seen"), text(""), 0, MAXIMUM_ALLOWED, None, None
    ).phkResult
    registry.BaseRegSetValue(created, text("long"), REG_BINARY, LONG)
    with pytest.raises(lrpc.StatusError):
        registry.BaseRegOpenKey(root, text("absent"), 0, MAXIMUM_ALLOWED)
    registry.BaseRegDeleteValue(created, text("long"))
    stolen = root.wire
    root.close()
    root.wire = stolen
    with pytest.raises(lrpc.Fault):
        registry.BaseRegFlushKey(root)


def text(words: str) -> RPC_UNICODE_STRING:
    return RPC_UNICODE_STRING(f"{words}\0")


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    return tmp_path / "x.pcapng"


@pytest.fixture(params=TRANSPORTS)
def captured_service(request: pytest.FixtureRequest, capture: Path, tmp_path: Path) -> Iterator[str]:
    """The registry in this process, captured as the server sees it."""
    with Hive(str(tmp_path / "hive")) as hive, lrpc.Server(capture=capture) as server:
        machine.fill(hive)
        server.register(Registry(hive))
        server.start()
        yield str(server.listen(TRANSPORTS[request.param].format(pid=os.getpid())))


def assert_seen_twice(verdict: Verdict) -> None:
    """By the client and by the server, which wrote to one file."""
    assert verdict.faults == []
    assert verdict.kinds[BIND] == verdict.kinds[BIND_ACK] == 2
    assert verdict.kinds[REQUEST] == verdict.kinds[RESPONSE] + verdict.kinds[FAULT]
    assert verdict.kinds[REQUEST] % 2 == 0
    assert {OPENED, CLOSED} <= verdict.operations
    assert verdict.protocols["WINREG"] >= verdict.kinds[REQUEST] + verdict.kinds[RESPONSE]


def test_capture_of_each_transport_has_no_malformed_packet(captured_service: str, capture: Path) -> None:
    with lrpc.connect(winregClient, captured_service, capture=capture) as registry:
        converse(registry)
    verdict = verdict_on(capture)
    assert_seen_twice(verdict)
    assert SET in verdict.operations


def test_capture_of_the_asynchronous_face_has_none_either(captured_service: str, capture: Path) -> None:
    async def look() -> None:
        async with lrpc.connect(AsyncwinregClient, captured_service, capture=capture) as registry:
            root = await registry.OpenLocalMachine(None, MAXIMUM_ALLOWED)
            await root.aclose()

    asyncio.run(look())
    assert_seen_twice(verdict_on(capture))


def test_capture_of_a_program_holds_all_of_its_processes(tmp_path: Path, capture: Path) -> None:
    (tmp_path / "both.py").write_text(BOTH)
    assert run.run([sys.executable, str(tmp_path / "both.py"), str(ROOT)], str(capture)) == 0
    assert_seen_twice(verdict_on(capture))


BOTH = """
import subprocess, sys
import lrpc
from lrpc.runtime.interfaces.winreg import winregClient

command = [sys.executable, "-m", "examples.registry", "--listen", "ncalrpc:[both]"]
with subprocess.Popen(command, cwd=sys.argv[1], stdout=subprocess.PIPE, text=True) as server:
    server.stdout.readline()
    with lrpc.connect(winregClient, "both") as registry:
        registry.OpenLocalMachine(None, 0x02000000).close()
    server.terminate()
"""


def test_what_a_capture_says_reaches_wireshark(captured_service: str, capture: Path) -> None:
    with lrpc.connect(winregClient, captured_service, capture=capture) as registry:
        registry.OpenLocalMachine(None, MAXIMUM_ALLOWED).close()
    fields = ("frame.interface_name", "frame.packet_flags_direction", "frame.comment", "frame.time_epoch")
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", *(w for name in fields for w in ("-e", name))]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    seen = [line.split("\t") for line in lines]
    assert {(name, int(way, 0)) for name, way, *_ in seen} == {
        ("client", 1),
        ("client", 2),
        ("server", 1),
        ("server", 2),
    }
    comments = [comment for _, _, comment, _ in seen if comment]
    assert len(comments) == 2
    assert all(captured_service.split(",")[0] in comment for comment in comments)
    assert all(re.fullmatch(r"\d+\.\d{9}", time) for *_, time in seen)


def test_what_is_no_pdu_is_shown_as_data(capture: Path) -> None:
    with lrpc.Server(capture=capture) as server:
        server.start()
        port = int(server.listen("ncacn_ip_tcp:127.0.0.1[0]").endpoint)
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            while client.recv(SEGMENT):  # until the server has had enough
                continue
    assert verdict_on(capture).faults == []
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-e", "frame.protocols"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert said.splitlines()[0] == "exported_pdu:data"


def test_damage_in_a_capture_is_noticed(captured_service: str, capture: Path) -> None:
    with lrpc.connect(winregClient, captured_service, capture=capture) as registry:
        registry.OpenLocalMachine(None, MAXIMUM_ALLOWED).close()
    with capture.open("rb") as file:
        packets = list(pcapng.read(file))
    octets = preamble()
    for packet in packets:
        found = exported.Exported.parse(packet.octets)
        assert found is not None
        at = len(packet.octets) - len(found.octets)
        octets += pcapng.packet(0, packet.time, packet.octets[:at] + shorter(packet.octets[at:]), outbound=True)
    capture.write_bytes(octets)
    assert verdict_on(capture).faults


def shorter(octets: bytes) -> bytes:
    """A response without its last 16 octets; any other PDU as it is."""
    if octets[2] != RESPONSE:
        return octets
    return octets[:8] + (len(octets) - 16).to_bytes(2, "little") + octets[10:-16]
