"""impacket's client against our rpcecho in NDR and NDR64, and our client against impacket's server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import lrpc
from examples.echo.rpcecho import AsyncrpcechoClient, rpcechoClient
from tests.interop.accounts import DOMAIN, PASSWORD, USER

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("default"),
]

PEER, TCP = "impacket", "ncacn_ip_tcp"
Show = Callable[[str, str, str, str, str], None]
NDR = ("8a885d04-1ceb-11c9-9fe8-08002b104860", "2.0")
NDR64 = ("71710533-beba-4937-8319-b5dbef9ccc36", "1.0")
SYNTAXES = {"ndr": NDR, "ndr64": NDR64}
NONE = 1
PACKET = 4
LEVELS = {NONE: "none", 2: "NTLM connect", 5: "NTLM integrity", 6: "NTLM privacy"}
SIZES = (0, 1, 3, 4280, 5841, 20_000)
FRAGMENTS = (1, 7, 100, 1000)
TEXTS = ("x\0", "input string\0", "\u20ac\u00f6\0")


class Asked:
    """impacket, connected and bound to rpcecho in one transfer syntax."""

    def __init__(self, port: int, syntax: str, fragment: int = 0, level: int = NONE, password: str = PASSWORD) -> None:
        from impacket import uuid
        from impacket.dcerpc.v5 import rpcrt, transport

        from tests.interop import impacket_echo

        self.syntax, self._calls = syntax, impacket_echo
        self.interface = uuid.uuidtup_to_bin(impacket_echo.ECHO)
        way = transport.DCERPCTransportFactory(f"{TCP}:127.0.0.1[{port}]")
        way.set_credentials(USER, password, DOMAIN)
        self.dce = way.get_dce_rpc()
        if level > NONE:
            self.dce.set_auth_type(rpcrt.RPC_C_AUTHN_WINNT)
            self.dce.set_auth_level(level)
        self.dce.connect()
        self.dce.bind(self.interface, transfer_syntax=SYNTAXES[syntax])
        if fragment:
            self.dce.set_max_fragment_size(fragment)

    def call(self, operation: str, **members: Any) -> Any:
        """An answer to an operation with these members."""
        request = getattr(self._calls, operation)(isNDR64=self.syntax == "ndr64")
        for name, value in members.items():
            request[name] = value
        return self.dce.request(request, checkError=False)

    def close(self) -> None:
        self.dce.disconnect()


@pytest.fixture
def connect(echo: Callable[[int], int]) -> Iterator[Callable[..., Asked]]:
    """Connects to an rpcecho that takes no lower level than the one that is given."""
    made: list[Asked] = []

    def connect(syntax: str, fragment: int = 0, level: int = NONE, password: str = PASSWORD) -> Asked:
        made.append(Asked(echo(level), syntax, fragment, level, password))
        return made[-1]

    yield connect
    for one in made:
        one.close()


def calls(peer: Asked) -> Iterator[tuple[Any, Any]]:
    """What calls give, and what they should."""
    for number in (0, 41, 0xFFFF_FFFF):
        yield peer.call("AddOne", in_data=number)["out_data"], (number + 1) & 0xFFFF_FFFF
    for size in SIZES:
        octets = bytes(7 * place & 0xFF for place in range(size))
        yield b"".join(peer.call("EchoData", len=size, in_data=octets)["out_data"]), octets
        yield peer.call("SinkData", len=size, data=octets).getData(), b""
        counting = bytes(place & 0xFF for place in range(size))
        yield b"".join(peer.call("SourceData", len=size)["data"]), counting
    for text in TEXTS:
        yield peer.call("TestCall", s1=text)["s2"], text
    for level in (3, 4):
        answer = peer.call("TestCall2", level=level)
        yield (answer["info"]["tag"], answer["info"][f"info{level}"], answer["status"]), (level, 10 * level, 0)
    numbers = peer.call("TestCall2", level=5)["info"]["info5"]
    yield (numbers["v1"], numbers["v2"]), (50, 60)
    yield peer.call("TestSleep", seconds=1)["seconds"], 1


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_impacket_gets_each_call_right(connect, syntax: str, level: int, shown: Show):
    found = list(calls(connect(syntax, level=level)))
    assert [pair for pair in found if pair[0] != pair[1]] == []
    shown(PEER, "client", TCP, f"{LEVELS[level]}, {syntax}", f"{len(found)} of {len(found)} calls")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("syntax", SYNTAXES)
def test_impacket_sends_in_small_fragments(connect, syntax: str, level: int):
    octets = bytes(range(50))
    for fragment in FRAGMENTS:
        peer = connect(syntax, fragment, level)
        assert b"".join(peer.call("EchoData", len=50, in_data=octets)["out_data"]) == octets


@pytest.mark.parametrize("level", [level for level in LEVELS if level != NONE])
def test_impacket_without_the_password_is_refused(connect, level: int):
    with pytest.raises(Exception, match="access_denied"):
        connect("ndr", level=level, password="wrong").call("AddOne", in_data=1)


def test_impacket_has_faults_and_a_second_context(connect, shown: Show):
    peer = connect("ndr")
    peer.dce.call(99, b"")
    with pytest.raises(Exception, match="nca_s_op_rng_error"):
        peer.dce.recv()
    altered = peer.dce.alter_ctx(peer.interface)
    altered.call(0, b"\1\0\0\0")
    assert altered.recv() == b"\2\0\0\0"
    assert peer.call("AddOne", in_data=2)["out_data"] == 3
    shown(PEER, "client", TCP, "none, ndr", "fragments of 1, 7, 100 and 1000 octets, faults, alter_context")


# Where impacket is wrong


@pytest.mark.parametrize("level", [1, 2])
def test_impacket_takes_narrow_arms_of_a_union_for_wide(connect, level: int, shown: Show):
    with pytest.raises(Exception, match="unpack_from requires a buffer"):
        connect("ndr").call("TestCall2", level=level)
    assert connect("ndr64").call("TestCall2", level=level)["info"][f"info{level}"] == 10 * level
    shown(PEER, "client", TCP, "none, ndr", "wrong: it aligns each arm of a union to 4 octets")


def test_impacket_leaves_out_the_gap_at_the_end_of_a_structure(connect, shown: Show):
    """NDR64 has it ([MS-RPCE] 2.2.5.3.4.1)."""
    from impacket.dcerpc.v5.rpcrt import DCERPCException

    assert surrounding(connect("ndr")) == (6, [0] * 6)
    with pytest.raises(DCERPCException):
        surrounding(connect("ndr64"))
    shown(PEER, "client", TCP, "none, ndr64", "wrong: a structure has no gap at its end")


def test_impacket_signs_nothing_at_the_level_of_packets(connect, shown: Show):
    """So its calls come from nobody, and where somebody is needed they are refused."""
    with pytest.raises(Exception, match="access_denied"):
        connect("ndr", level=PACKET).call("AddOne", in_data=1)
    shown(PEER, "client", TCP, "NTLM packet", "wrong: it signs nothing")


def surrounding(peer: Asked) -> tuple[int, list[int]]:
    from tests.interop import impacket_echo

    request = impacket_echo.TestSurrounding(isNDR64=peer.syntax == "ndr64")
    request["data"]["x"], request["data"]["surrounding"] = 3, [1, 2, 3]
    found = peer.dce.request(request, checkError=False)["data"]
    return found["x"], list(found["surrounding"])


# impacket's server


@pytest.fixture
def server(wireshark: Path) -> int:
    """The port of impacket's server, which has operations 0 to 4, and one connection after the other."""
    from impacket.dcerpc.v5 import rpcrt

    from tests.interop import impacket_echo as echo

    def answer(name: str, **members: Any) -> Any:
        response = getattr(echo, f"{name}Response")()
        for member, value in members.items():
            response[member] = value
        return response.getData()

    made = rpcrt.DCERPCServer()
    made.daemon = True
    port: int = made.getListenPort()
    operations = {
        0: lambda stub: answer("AddOne", out_data=(echo.AddOne(stub)["in_data"] + 1) & 0xFFFF_FFFF),
        1: lambda stub: answer("EchoData", out_data=b"".join(echo.EchoData(stub)["in_data"])),
        2: lambda stub: b"",
        3: lambda stub: answer("SourceData", data=bytes(place & 0xFF for place in range(echo.SourceData(stub)["len"]))),
        4: lambda stub: answer("TestCall", s2=echo.TestCall(stub)["s1"]),
    }
    made.addCallbacks(echo.ECHO, str(port), operations)
    made.start()
    while True:  # until it listens
        with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return port


def test_our_client_calls_impackets_server(server: int, shown: Show):
    octets, binding = bytes(range(256)) * 4, f"{TCP}:127.0.0.1[{server}]"
    for _ in range(2):
        with lrpc.connect(rpcechoClient, binding) as client:
            found = [
                (client.AddOne(41), 42),
                (client.EchoData(octets), octets),
                (client.SinkData(octets), None),
                (client.SourceData(4000), bytes(place & 0xFF for place in range(4000))),
                (client.TestCall("grüß"), "grüß"),
            ]
        assert [pair for pair in found if pair[0] != pair[1]] == []
    shown(PEER, "server", TCP, "none", f"{len(found)} of {len(found)} operations")


async def asked(binding: str) -> int:
    async with lrpc.connect(AsyncrpcechoClient, binding) as client:
        return await client.AddOne(1)


def test_our_asynchronous_client_calls_impackets_server(server: int):
    assert asyncio.run(asked(f"{TCP}:127.0.0.1[{server}]")) == 2


def test_impackets_server_reads_the_last_fragment_alone(server: int, shown: Show):
    """What our client says of the answer, which is that of another request."""
    with lrpc.connect(rpcechoClient, f"{TCP}:127.0.0.1[{server}]") as client, pytest.raises(lrpc.RpcError):
        client.EchoData(bytes(20_000))
    shown(PEER, "server", TCP, "none", "wrong: it reads the last fragment of a request alone")


def test_impackets_server_names_the_length_of_the_first_fragment_in_all(server: int, shown: Show):
    """The last one, which is shorter, is not where it ends."""
    with lrpc.connect(rpcechoClient, f"{TCP}:127.0.0.1[{server}]") as client, pytest.raises(lrpc.RpcError):
        client.SourceData(20_000)
    shown(PEER, "server", TCP, "none", "wrong: the last fragment of an answer says that it is as long as the first")
