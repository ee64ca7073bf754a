from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from lrpc.runtime.binding import StringBinding
from lrpc.runtime.capture import pcapng
from lrpc.runtime.capture.exported import Exported
from lrpc.runtime.capture.file import CaptureFile, Side
from lrpc.runtime.capture.stream import Piece
from lrpc.runtime.capture.tap import SHIFT, Tap
from lrpc.transports.seam import Peer

LOCAL = StringBinding.parse("ncalrpc:[calc]")


def written(path: Path, *taps: Any) -> list[pcapng.Packet]:
    """What taps write of a packet each way."""
    for tap in taps:
        for outbound in (True, False):
            tap.write([Piece(b"x")], 5, outbound=outbound)
    with path.open("rb") as file:
        return list(pcapng.read(file))


def ends(packet: pcapng.Packet) -> tuple[str, str]:
    exported = Exported.parse(packet.octets)
    assert exported is not None
    return str(exported.source), str(exported.destination)


def test_processes_stand_in_place_of_ports(tmp_path: Path) -> None:
    file = CaptureFile(str(tmp_path / "x"))
    there, back = written(tmp_path / "x", Tap(file, Side.CLIENT, LOCAL, Peer(pid=77, uid=5), -1))
    client, server = ends(there)
    assert ends(back) == (server, client)
    assert client.startswith("127.1.")
    assert client.endswith(f":{os.getpid()}")
    assert server == "127.0.0.1:77"


def test_a_server_sees_its_clients_elsewhere_than_they_see_themselves(tmp_path: Path) -> None:
    file = CaptureFile(str(tmp_path / "x"))
    there, _ = written(tmp_path / "x", Tap(file, Side.SERVER, LOCAL, Peer(pid=77, uid=5), -1))
    server, client = ends(there)
    assert server == f"127.0.0.1:{os.getpid()}"
    assert client.startswith("127.2.")
    assert client.endswith(":77")


def test_each_connection_has_an_address_of_its_own(tmp_path: Path) -> None:
    file = CaptureFile(str(tmp_path / "x"))
    taps = [Tap(file, Side.CLIENT, LOCAL, Peer(), -1) for _ in range(3)]
    assert len({ends(packet)[0] for packet in written(tmp_path / "x", *taps)[::2]}) == 3


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["IPv4", "IPv6"])
def test_the_two_views_of_a_tcp_connection_are_told_apart(tmp_path: Path, family: int) -> None:
    host = "127.0.0.1" if family == socket.AF_INET else "::1"
    binding = StringBinding.parse("ncacn_ip_tcp:host[1]")
    file = CaptureFile(str(tmp_path / "x"))
    with (
        socket.create_server((host, 0), family=family) as listener,
        socket.create_connection(listener.getsockname()[:2]) as client,
        listener.accept()[0] as server,
    ):
        ends = ((Side.CLIENT, client), (Side.SERVER, server))
        taps = [Tap(file, side, binding, Peer(), end.fileno()) for side, end in ends]
        ports = client.getsockname()[1], listener.getsockname()[1]
    packets = written(tmp_path / "x", *taps)
    exported = [Exported.parse(packet.octets) for packet in packets]
    as_client, as_server = exported[0], exported[3]
    assert as_client is not None
    assert as_server is not None
    shift = 0 if family == socket.AF_INET else SHIFT
    assert (as_client.source.port - shift, as_client.destination.port - shift) == ports
    assert (as_server.source.port, as_server.destination.port) == ports
    assert as_client[1:3] != as_server[1:3]


def test_the_first_packet_tells_of_the_connection(tmp_path: Path) -> None:
    file = CaptureFile(str(tmp_path / "x"))
    taps = [Tap(file, side, LOCAL, Peer(pid=77, uid=5), -1) for side in Side]
    own = f"pid {os.getpid()} uid {os.geteuid()}"
    assert [packet.comment for packet in written(tmp_path / "x", *taps)] == [
        f"ncalrpc:[calc]: client {own}, server pid 77 uid 5",
        "",
        f"ncalrpc:[calc]: client pid 77 uid 5, server {own}",
        "",
    ]


def test_a_connection_that_has_gone_is_nowhere(tmp_path: Path) -> None:
    file = CaptureFile(str(tmp_path / "x"))
    tap = Tap(file, Side.SERVER, StringBinding.parse("ncacn_ip_tcp:host[1]"), Peer(), -1)
    assert ends(written(tmp_path / "x", tap)[0]) == ("0.0.0.0:0", "0.0.0.0:0")
