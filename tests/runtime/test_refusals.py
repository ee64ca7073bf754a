"""What each side is told of stubs that do not fit: statuses on the wire, and what either may choose to overlook."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import lrpc
from lrpc.runtime.carrier import Flats
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.ndr.strictness import DEFAULT
from lrpc.runtime.status import Ran

IDL = """
[uuid(0d1f7c5a-3c0e-4d57-9b4f-6c6f2b0f7a11), version(1.0), pointer_default(unique)]
interface Refusals
{
    typedef enum { RED = 1, BLUE = 2 } Color;
    typedef union { [case(1)] long number; [case(2)] byte octet; } Arm;
    typedef struct { [ref] long *p; } Holder;

    long Count([in] long n, [in, size_is(n)] byte data[]);
    long Limited([in, range(1, 9)] long n);
    long Choose([in] long t, [in, switch_is(t)] Arm *arm);
    long Follow([in] Holder *holder);
    long Paint([in] Color color);
    long Say([in, string] char *text);
    long Perhaps([in] long n, [in, unique, size_is(n)] byte *data);
    Color Colour([in] long value);
    void Name([out, string] char **text);
    void Read([in] long n, [out, size_is(, n)] byte **data);
}
"""
BROKEN = {
    "Count": ("02000000 01000000 61", 0x6F7, "RPC_X_BAD_STUB_DATA"),
    "Limited": ("0a000000", 0x6C6, "RPC_S_INVALID_BOUND"),
    "Choose": ("03000000 03000000 07", 0x6C5, "RPC_S_INVALID_TAG"),
    "Follow": ("00000000 07000000", 0x6F4, "RPC_X_NULL_REF_POINTER"),
    "Say": ("02000000 00000000 02000000 6161", 0x6F7, "RPC_X_BAD_STUB_DATA"),
    "Perhaps": ("02000000 00000000", 0x6F7, "RPC_X_BAD_STUB_DATA"),
}
"""By operation: a request that breaks a rule, and what its peer is told."""


@pytest.fixture(scope="module")
def stub(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    path: Path = tmp_path_factory.mktemp("idl") / "refusals.idl"
    path.write_text(IDL)
    return lrpc.load(str(path))


def methods(stub: ModuleType) -> dict[str, Any]:
    """What the service does: it answers with what came in."""
    return {
        "Count": lambda self, data, *, n=None: len(data),
        "Limited": lambda self, n: n,
        "Choose": lambda self, t, arm: t,
        "Follow": lambda self, holder: holder.p,
        "Paint": lambda self, color: int(color),
        "Say": lambda self, text: len(text),
        "Perhaps": lambda self, data, *, n=None: -1 if data is None else len(data),
        "Colour": lambda self, value: value,
        "Name": lambda self: "name",
        "Read": lambda self, n: bytes(n),
    }


def later(method: Any) -> Any:
    async def call(self: Any, *values: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        return method(self, *values, **named)

    return call


class Peer:
    """A client of one face, and its channel for octets in the place of arguments."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def send(self, name: str, octets: str, encoding: Encoding = Encoding.NDR) -> Any:
        """The result of an operation whose request is these octets."""
        operation = self.client.interface.operation(name)
        stub, _, release = self.client._channel.call(operation.opnum, [bytes.fromhex(octets)])
        try:
            return operation.codecs(encoding).response.decode(bytes(stub), self._given(operation))[-1]
        finally:
            if release is not None:
                release()

    def _given(self, operation: Any) -> tuple[Any, ...]:
        return (None,) * len(operation.inward)


@pytest.fixture(params=["blocking", "asyncio"])
def peer_of(
    request: pytest.FixtureRequest, hosts: Any, stub: ModuleType, binding_for: Any, transport: str
) -> Iterator[Any]:
    """Starts a server of a face, with a strictness; gives a blocking client with its own."""
    opened: list[Any] = []

    def start(served: lrpc.Strictness = DEFAULT, own: lrpc.Strictness = DEFAULT) -> Peer:
        face: str = request.param
        host = hosts(face)
        made = methods(stub)
        if face == "asyncio":
            made = {name: later(method) for name, method in made.items()}
        contract = getattr(stub, "AsyncRefusals" if face == "asyncio" else "Refusals")
        host.server.register(type("Service", (contract,), made)(), strictness=served)
        client = lrpc.connect(stub.RefusalsClient, str(host.listen(binding_for(transport))), strictness=own)
        opened.append(client)
        return Peer(client)

    yield start
    for client in opened:
        client.close()


@pytest.fixture(params=["ncalrpc", "ncacn_ip_tcp"])
def transport(request: pytest.FixtureRequest) -> str:
    """An engine of each kind."""
    kind: str = request.param
    return kind


def test_fault_carries_the_status_of_the_rule_and_the_connection_stays(peer_of: Any) -> None:
    peer = peer_of()
    for name, (octets, status, known) in BROKEN.items():
        with pytest.raises(lrpc.RefusedStubData) as caught:
            peer.send(name, octets)
        assert (caught.value.status, caught.value.name, caught.value.ran) == (status, known, Ran.NO), name
        assert f"{known} ({status:#010x})" in str(caught.value)
    assert peer.client.Limited(7) == 7


def test_server_overlooks_what_it_was_told_to(peer_of: Any) -> None:
    leniencies = lrpc.Strictness("5.0", contradiction=True, unterminated_string=True, unnamed_enum_value=False)
    peer = peer_of(leniencies)
    assert peer.send("Count", BROKEN["Count"][0]) == 1
    assert peer.send("Say", BROKEN["Say"][0]) == 2
    assert peer.send("Perhaps", BROKEN["Perhaps"][0]) == -1
    for name in ("Limited", "Choose", "Follow"):
        with pytest.raises(lrpc.RefusedStubData):
            peer.send(name, BROKEN[name][0])
    with pytest.raises(lrpc.RefusedStubData, match="RPC_X_ENUM_VALUE_OUT_OF_RANGE"):
        peer.send("Paint", "0700")


def test_server_takes_padding_and_a_verification_trailer_and_nothing_else(peer_of: Any) -> None:
    peer = peer_of()
    assert peer.send("Limited", "07000000" + "ff" * 8) == 7
    assert peer.send("Limited", "07000000 8ae3137102f43671" + "ff" * 40) == 7
    with pytest.raises(lrpc.RefusedStubData):
        peer.send("Limited", "07000000" + "ff" * 9)
    assert peer_of(lrpc.Strictness(trailing=None)).send("Limited", "07000000" + "ff" * 900) == 7


def test_client_overlooks_what_it_was_told_to(peer_of: Any) -> None:
    assert peer_of().client.Colour(7) == 7
    strict = peer_of(own=lrpc.Strictness(unnamed_enum_value=False)).client
    assert strict.Colour(2).name == "BLUE"
    with pytest.raises(lrpc.BadStubData, match=r"Colour: __return__: 7 is no value of the enumeration at offset 0x2 "):
        strict.Colour(7)
    assert strict.Colour(1).name == "RED"


# The client alone


class Canned:
    """A channel that answers with the same octets."""

    encoding = Encoding.NDR
    flats = Flats()

    def __init__(self, octets: str) -> None:
        self.octets = bytes.fromhex(octets)

    def call(self, opnum: int, parts: Any) -> Any:
        return self.octets, Encoding.NDR, None

    def close(self) -> None:
        """Nothing to close."""


NAME = "00000200 02000000 00000000 02000000 6161"


def test_client_says_what_is_wrong_with_an_answer(stub: ModuleType) -> None:
    with pytest.raises(lrpc.BadStubData) as caught:
        stub.RefusalsClient(Canned(NAME)).Name()
    assert str(caught.value) == "Name: text: a string without its terminator at offset 0x12 (C706 14.3.4.2)"
    assert caught.value.ran is Ran.YES
    cause = caught.value.__cause__
    assert isinstance(cause, NdrError)
    assert (cause.path, cause.offset, cause.rule, cause.status) == ("text", 0x12, "C706 14.3.4.2", 0x6F7)


@pytest.mark.parametrize(
    ("octets", "strictness", "text"),
    [(NAME, lrpc.Strictness(unterminated_string=True), "aa"), (NAME[:-4] + "6100", lrpc.Strictness("5.0"), "a")],
)
def test_both_faces_read_with_their_strictness(
    stub: ModuleType, octets: str, strictness: lrpc.Strictness, text: str
) -> None:
    class Awaited(Canned):
        async def call(self, opnum: int, parts: Any) -> Any:  # type: ignore[override]
            return super().call(opnum, parts)

    assert stub.RefusalsClient(Canned(octets), None, strictness).Name() == text
    assert asyncio.run(stub.AsyncRefusalsClient(Awaited(octets), None, strictness).Name()) == text


def test_null_array_in_an_answer_says_which_size_is_needed(stub: ModuleType) -> None:
    assert stub.RefusalsClient(Canned("00000000")).Read(4) is None
    strict = lrpc.Strictness(null_array_in_reply=False)
    with pytest.raises(lrpc.BadStubData, match="a null pointer to 4 items"):
        stub.RefusalsClient(Canned("00000000"), None, strict).Read(4)
    assert stub.RefusalsClient(Canned("00000000"), None, strict).Read(0) is None
