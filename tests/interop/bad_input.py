"""Twelve things that a server gets from a client that means no good, or is no client: what ours does, and impacket's.

Each server is a process of its own, made anew for each case, with rpcecho's EchoData. The table of docs/interop.md is
made of what they do: `python -m tests.interop.bad_input` writes it, a test compares it.
"""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "docs" / "interop.md"
HEAD: Final = "| a client that | lrpc | impacket |\n|---|---|---|\n"
WATCH: Final = 2.0
"""Seconds over which a server is watched: does it spin?"""
SPENT: Final = 0.1
"""Seconds of a processor that show that it does, however busy the machine is."""
PATIENCE: Final = 2.0
"""Seconds that an answer may take, and a call of somebody else."""
ECHO: Final = bytes.fromhex("c55ea160e84dd711a637005056a2018201000000")
NDR: Final = bytes.fromhex("045d888aeb1cc9119fe808002b10486002000000")
DATA: Final = bytes(range(16))
STUB: Final = struct.pack("<II", 16, 16) + DATA
"""Of EchoData."""
RESPONSE: Final = struct.pack("<I", 16) + DATA
FIRST, LAST, WHOLE = 1, 2, 3

SERVERS: Final = {
    "lrpc": [sys.executable, "-m", "examples.echo", "--listen", "ncacn_ip_tcp:127.0.0.1[0]"],
    "impacket": [sys.executable, "-m", "tests.interop.bad_input", "impacket"],
}


def pdu(ptype: int, body: bytes, flags: int = WHOLE, size: int | None = None) -> bytes:
    """A PDU of call 1."""
    return struct.pack("<4B4sHHI", 5, 0, ptype, flags, b"\x10\0\0\0", size or 16 + len(body), 0, 1) + body


def bind(count: int = 1) -> bytes:
    """A bind of one context, which claims to have `count`."""
    return pdu(11, struct.pack("<HHIB3xHBx", 5840, 5840, 0, count, 0, 1) + ECHO + NDR)


def request(stub: bytes = STUB, flags: int = WHOLE, opnum: int = 1) -> bytes:
    """A request, or a fragment of one."""
    return pdu(0, struct.pack("<IHH", len(stub), 0, opnum) + stub, flags)


def sized(octets: bytes, size: int) -> bytes:
    """The PDU with another frag_length."""
    return octets[:8] + struct.pack("<H", size) + octets[10:]


class Said(NamedTuple):
    """What came until the server closed, or nothing came any more."""

    octets: bytes
    closed: bool

    def __str__(self) -> str:
        end = " and closes" if self.closed else ""
        if not self.octets:
            return "closes" if self.closed else "waits"
        kind = self.octets[2]
        if kind == 2:
            return ("answers" if self.octets[24:] == RESPONSE else "answers wrongly") + end
        if kind == 3:
            return f"faults with {int.from_bytes(self.octets[24:28], 'little'):#x}{end}"
        return {12: "accepts", 13: "refuses"}.get(kind, "says something else") + end


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)

    def say(self, *messages: bytes) -> None:
        with suppress(OSError):
            for message in messages:
                self._socket.sendall(message)

    def bind(self) -> Client:
        self.say(bind())
        assert self.heard().octets[2:3] == b"\x0c", "the bind is not accepted"
        return self

    def heard(self) -> Said:
        """One PDU, or what there is of one, and whether that was the end."""
        octets = b""
        try:
            while len(octets) < 16 or len(octets) < struct.unpack_from("<H", octets, 8)[0]:
                self._socket.settimeout(PATIENCE / 4)
                more = self._socket.recv(1 << 16)
                if not more:
                    return Said(octets, True)
                octets += more
            self._socket.settimeout(PATIENCE / 8)
            return Said(octets, not self._socket.recv(1))
        except TimeoutError:
            return Said(octets, False)
        except ConnectionError:
            return Said(octets, True)

    def close(self) -> None:
        self._socket.close()


def endless(client: Client) -> None:
    client.bind().say(request(bytes(4000), FIRST))
    client.say(*[request(bytes(4000), 0)] * 1100)


def halves(client: Client) -> None:
    client.bind().say(request(STUB[:16], FIRST), request(STUB[16:], LAST))


CASES: Final[dict[str, Callable[[Client], object]]] = {
    "calls as it should": lambda client: client.bind().say(request()),
    "stops in the middle of a request": lambda client: client.bind().say(request()[:30]),
    "binds and does nothing": lambda client: client.bind(),
    "calls in two fragments": halves,
    "says that its request has 0 octets": lambda client: client.bind().say(sized(request(), 0)),
    "says that its request has 65535 octets": lambda client: client.bind().say(sized(request(), 65535)),
    "calls before it binds": lambda client: client.say(request()),
    "calls an operation that there is not": lambda client: client.bind().say(request(opnum=99)),
    "sends fragments without end": endless,
    "binds 255 contexts of which one is there": lambda client: client.say(bind(255)),
    "speaks HTTP": lambda client: client.say(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
    "begins with a last fragment": lambda client: client.bind().say(request(flags=LAST)),
}
"""What is sent. The client listens, and goes when it has heard an answer, or none."""


class Server:
    """One of the two, in a process of its own."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            SERVERS[name], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().strip().rpartition("[")[2].rstrip("]"))

    def _cpu(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def spins(self) -> bool:
        """Does it use a processor with nothing to do?"""
        before, until = self._cpu(), time.monotonic() + WATCH
        while time.monotonic() < until:
            if self._cpu() - before > SPENT:
                return True
            time.sleep(WATCH / 20)
        return False

    def serves(self) -> bool:
        """Is somebody else's call answered?"""
        try:
            other = Client(self.port)
            try:
                other.bind().say(request())
                return str(other.heard()) == "answers"
            finally:
                other.close()
        except (OSError, AssertionError):
            return False

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def outcome(name: str, case: str) -> str:
    """What a server does in a case."""
    server = Server(name)
    try:
        client = Client(server.port)
        CASES[case](client)
        words = [str(client.heard())]
        words += ["serves nobody else meanwhile"] * (not server.serves())
        client.close()
        words += ["spins ever after"] * server.spins()
        words += ["serves nobody any more"] * (not server.serves())
        return ", ".join(words)
    finally:
        server.close()


def rows() -> list[str]:
    """The table, made by running it."""
    return [f"| {case} | {outcome('lrpc', case)} | {outcome('impacket', case)} |" for case in CASES]


def written() -> list[str]:
    """The table of the page."""
    return _parts()[1].splitlines()


def _parts() -> tuple[str, str, str]:
    text = DOCUMENT.read_text()
    start = text.index(HEAD) + len(HEAD)
    end = text.find("\n\n", start - 1) + 1
    return text[:start], text[start:end], text[end:]


def impacket() -> None:
    """impacket's server, as it comes."""
    from impacket.dcerpc.v5 import rpcrt

    def echo(stub: bytes) -> bytes:
        return stub[4:]

    made = rpcrt.DCERPCServer()
    port = made.getListenPort()
    made.addCallbacks(("60a15ec5-4de8-11d7-a637-005056a20182", "1.0"), str(port), {1: echo})
    made.start()
    while True:  # until it listens
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            break
    print(f"[{port}]", flush=True)
    made.join()


if __name__ == "__main__":
    if sys.argv[1:] == ["impacket"]:
        impacket()
    else:
        before, _, after = _parts()
        DOCUMENT.write_text(before + "".join(f"{row}\n" for row in rows()) + after)
