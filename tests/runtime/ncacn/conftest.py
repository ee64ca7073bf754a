"""What the tests of ncacn share: associations without a network, and PDUs as literal octets.

The golden octets are derived by hand from C706 12.6 and MS-RPCE 2.2.2.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from lrpc.runtime import ncacn
from lrpc.runtime.ncacn import NDR, NDR64, SyntaxId, bind_pdu, feature_syntax, pdu
from lrpc.runtime.ncacn.header import AuthTrailer
from lrpc.runtime.ncacn.security import AuthLevel, AuthType


def _load(name: str) -> Any:
    """A module beside this one, which is no package."""
    spec = importlib.util.spec_from_file_location(f"ncacn_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module.__name__] = module
    spec.loader.exec_module(module)
    return module


Package = _load("package").Package
NTLM = AuthType.NTLM

INTERFACE = SyntaxId(UUID("12345678-1234-5678-9abc-def012345678"), 1, 0)
OTHER = SyntaxId(UUID("12345678-1234-5678-9abc-def012345679"), 2, 1)
OBJECT = UUID("00112233-4455-6677-8899-aabbccddeeff")
GROUP = 0x1234


def octets(text: str) -> bytes:
    """Octets written in hex, with comments after `#`."""
    return bytes.fromhex("".join(line.partition("#")[0] for line in text.splitlines()))


IF_LE = "78563412 3412 7856 9abcdef012345678 0100 0000 "
IF_BE = "12345678 1234 5678 9abcdef012345678 0000 0001 "
NDR_LE = "045d888a eb1c c911 9fe808002b104860 0200 0000 "
NDR_BE = "8a885d04 1ceb 11c9 9fe808002b104860 0000 0002 "
NDR64_LE = "33057171 babe 3749 8319b5dbef9ccc36 0100 0000 "
FEATURES_LE = "2c1cb76c 1298 4045 0300000000000000 0100 0000 "
NONE = "00000000 0000 0000 0000000000000000 0000 0000 "

Golden = tuple[str, Any, bytes]

GOLDEN: list[Golden] = [
    (
        "bind",
        bind_pdu.Bind(
            1,
            [
                ncacn.ContextRequest(0, INTERFACE, [NDR]),
                ncacn.ContextRequest(1, INTERFACE, [NDR64]),
                ncacn.ContextRequest(2, INTERFACE, [feature_syntax(3)]),
            ],
            5840,
            5840,
            flags=0x13,
        ),
        octets(
            f"""05 00 0b 13      # version 5.0, bind, first and last fragment, multiplex
            10 00 00 00          # little-endian, ASCII, IEEE
            a0 00 00 00          # 160 octets, no authentication
            01 00 00 00          # call 1
            d0 16 d0 16          # sends and takes fragments of 5840
            00 00 00 00          # a new association group
            03 00 00 00          # three items
            00 00 01 00 {IF_LE} {NDR_LE}
            01 00 01 00 {IF_LE} {NDR64_LE}
            02 00 01 00 {IF_LE} {FEATURES_LE}"""
        ),
    ),
    (
        "bind big-endian",
        bind_pdu.Bind(1, [ncacn.ContextRequest(7, INTERFACE, [NDR])], 4280, 4280, GROUP, order=">"),
        octets(
            f"""05 00 0b 03      # bind, whole
            00 00 00 00          # big-endian, ASCII, IEEE
            00 48 00 00          # 72 octets
            00 00 00 01
            10 b8 10 b8
            00 00 12 34          # joins group 0x1234
            01 00 00 00          # one item
            00 07 01 00 {IF_BE} {NDR_BE}"""
        ),
    ),
    (
        "bind_ack",
        bind_pdu.BindAck(
            1,
            [
                ncacn.ContextResult(2, 2),
                ncacn.ContextResult(0, 0, NDR64),
                ncacn.ContextResult(3, 3),
            ],
            5840,
            5840,
            GROUP,
            "135",
            0x13,
        ),
        octets(
            f"""05 00 0c 13      # bind_ack
            10 00 00 00
            6c 00 00 00          # 108 octets
            01 00 00 00
            d0 16 d0 16
            34 12 00 00          # group 0x1234
            04 00 31 33 35 00    # the port, with its terminator
            00 00                # padding to 4
            03 00 00 00          # three results
            02 00 02 00 {NONE}
            00 00 00 00 {NDR64_LE}
            03 00 03 00 {NONE}"""
        ),
    ),
    (
        "bind_nak",
        bind_pdu.BindNak(1, ncacn.NakReason.PROTOCOL_VERSION_NOT_SUPPORTED),
        octets(
            """05 00 0d 03
            10 00 00 00
            18 00 00 00          # 24 octets
            01 00 00 00
            04 00                # protocol version not supported
            01 05 00             # one version: 5.0
            00 00 00             # padding, as Windows has it"""
        ),
    ),
    (
        "alter_context",
        bind_pdu.AlterContext(2, [ncacn.ContextRequest(3, INTERFACE, [NDR])], 5840, 5840),
        octets(
            f"""05 00 0e 03
            10 00 00 00
            48 00 00 00          # 72 octets
            02 00 00 00
            d0 16 d0 16
            00 00 00 00
            01 00 00 00
            03 00 01 00 {IF_LE} {NDR_LE}"""
        ),
    ),
    (
        "alter_context_resp",
        bind_pdu.AlterContextResponse(2, [ncacn.ContextResult(0, 0, NDR)], 5840, 5840, GROUP),
        octets(
            f"""05 00 0f 03
            10 00 00 00
            38 00 00 00          # 56 octets
            02 00 00 00
            d0 16 d0 16
            34 12 00 00
            00 00                # no address
            00 00                # padding to 4
            01 00 00 00
            00 00 00 00 {NDR_LE}"""
        ),
    ),
    (
        "auth3",
        bind_pdu.Auth3(1, auth=AuthTrailer(10, 2, b"abcd", 5)),
        octets(
            """05 00 10 03
            10 00 00 00
            20 00 04 00          # 32 octets, auth_value of 4
            01 00 00 00
            00 00 00 00          # four octets without meaning
            0a 02 00 00          # NTLM, level connect, no padding
            05 00 00 00          # security context 5
            61 62 63 64"""
        ),
    ),
    (
        "request",
        pdu.Request(3, 1, 5, b"12345678", alloc_hint=8),
        octets(
            """05 00 00 03
            10 00 00 00
            20 00 00 00          # 32 octets
            03 00 00 00          # call 3
            08 00 00 00          # alloc_hint
            01 00 05 00          # context 1, operation 5
            31 32 33 34 35 36 37 38"""
        ),
    ),
    (
        "request for an object",
        pdu.Request(3, 1, 5, b"1234", OBJECT, 4, 0x83),
        octets(
            """05 00 00 83       # whole, with an object
            10 00 00 00
            2c 00 00 00          # 44 octets
            03 00 00 00
            04 00 00 00
            01 00 05 00
            33 22 11 00 55 44 77 66 88 99 aa bb cc dd ee ff
            31 32 33 34"""
        ),
    ),
    (
        "request big-endian",
        pdu.Request(3, 1, 5, b"1234", OBJECT, 4, 0x83, ">"),
        octets(
            """05 00 00 83
            00 00 00 00
            00 2c 00 00
            00 00 00 03
            00 00 00 04
            00 01 00 05
            00 11 22 33 44 55 66 77 88 99 aa bb cc dd ee ff
            31 32 33 34"""
        ),
    ),
    (
        "request with authentication",
        pdu.Request(3, 1, 5, b"1234", alloc_hint=4, auth=AuthTrailer(10, 5, b"0123456789abcdef", 1, 12)),
        octets(
            """05 00 00 03
            10 00 00 00
            40 00 10 00          # 64 octets, auth_value of 16
            03 00 00 00
            04 00 00 00
            01 00 05 00
            31 32 33 34
            00 00 00 00 00 00 00 00 00 00 00 00  # padding to 16 from the start of the stub
            0a 05 0c 00          # NTLM, level integrity, 12 octets of padding
            01 00 00 00
            30 31 32 33 34 35 36 37 38 39 61 62 63 64 65 66"""
        ),
    ),
    (
        "response",
        pdu.Response(3, 1, b"12345678", alloc_hint=8),
        octets(
            """05 00 02 03
            10 00 00 00
            20 00 00 00
            03 00 00 00
            08 00 00 00
            01 00 00 00          # context 1, no cancels
            31 32 33 34 35 36 37 38"""
        ),
    ),
    (
        "response big-endian",
        pdu.Response(3, 1, b"1234", 2, 4, order=">"),
        octets(
            """05 00 02 03
            00 00 00 00
            00 1c 00 00
            00 00 00 03
            00 00 00 04
            00 01 02 00          # context 1, two cancels
            31 32 33 34"""
        ),
    ),
    (
        "fault",
        pdu.Fault(3, 1, 0x1C010003, flags=0x23),
        octets(
            """05 00 03 23       # whole, did not execute
            10 00 00 00
            20 00 00 00
            03 00 00 00
            20 00 00 00          # alloc_hint: the whole PDU
            01 00 00 00
            03 00 01 1c          # nca_s_unk_if
            00 00 00 00"""
        ),
    ),
    (
        "fault with details",
        pdu.Fault(3, 1, 5, b"eeinfo..", extended=1, alloc_hint=40),
        octets(
            """05 00 03 03
            10 00 00 00
            28 00 00 00
            03 00 00 00
            28 00 00 00
            01 00 00 01          # extended error information follows
            05 00 00 00          # access denied
            00 00 00 00
            65 65 69 6e 66 6f 2e 2e"""
        ),
    ),
    (
        "co_cancel",
        pdu.CoCancel(3),
        octets("05 00 12 03 10 00 00 00 10 00 00 00 03 00 00 00"),
    ),
    (
        "orphaned",
        pdu.OrphanedCall(3, order=">"),
        octets("05 00 13 03 00 00 00 00 00 10 00 00 00 00 00 03"),
    ),
    (
        "shutdown",
        pdu.Shutdown(0),
        octets("05 00 11 03 10 00 00 00 10 00 00 00 00 00 00 00"),
    ),
]


def new_server(**options: Any) -> ncacn.ServerAssociation:
    options = {"secondary_address": "135", "group_id": lambda asked: asked or GROUP, **options}
    return ncacn.ServerAssociation(**options)


def offers(syntax: SyntaxId) -> bool:
    return syntax in (INTERFACE, OTHER)


def answer_binds(server: ncacn.ServerAssociation, events: Iterable[ncacn.Event]) -> bytes:
    binds = [event for event in events if isinstance(event, ncacn.BindRequested)]
    return b"".join(server.accept(bind, ncacn.negotiate(bind.contexts, offers)) for bind in binds)


def listen(server: ncacn.ServerAssociation, stream: Iterable[bytes]) -> tuple[list[ncacn.Event], bytes]:
    """What a server makes of chunks when its owner answers binds and nothing else."""
    events: list[ncacn.Event] = []
    sent = b""
    for chunk in stream:
        more = server.receive_data(chunk)
        while more:
            events += more
            sent += server.data_to_send() + answer_binds(server, more)
            more = server.receive_data(b"")
    return events, sent + server.data_to_send()


def bind_octets(*contexts: ncacn.ContextRequest, **options: Any) -> bytes:
    items = list(contexts) or [ncacn.ContextRequest(0, INTERFACE, [NDR])]
    options = {"max_xmit": 5840, "max_recv": 5840, **options}
    return bind_pdu.Bind(options.pop("call_id", 1), items, **options).serialize()


def bound_server(flags: int = 0x13, **options: Any) -> ncacn.ServerAssociation:
    """A server with context 0 bound to INTERFACE in NDR."""
    server = new_server(**options)
    listen(server, [bind_octets(flags=flags)])
    assert server.state.value == "bound"
    return server


def bound_pair(
    client: ncacn.ClientAssociation | None = None, server: ncacn.ServerAssociation | None = None
) -> tuple[ncacn.ClientAssociation, ncacn.ServerAssociation]:
    """A client and a server joined by nothing but this, with context 0 bound to INTERFACE in NDR."""
    client, server = client or ncacn.ClientAssociation(), server or new_server()
    _, answer = listen(server, [client.bind([ncacn.ContextRequest(0, INTERFACE, [NDR])])])
    (bound,) = client.receive_data(answer)
    assert isinstance(bound, ncacn.BindAnswered)
    return client, server


def acceptors(**options: Any) -> Callable[[int, int], Any]:
    """What a server authenticates with: it speaks three types."""

    def authenticate(auth_type: int, auth_level: int) -> Any:
        return Package(auth_type, server=True, **options) if auth_type in (9, 10, 16) else None

    return authenticate


def converse(client: ncacn.ClientAssociation, server: ncacn.ServerAssociation, octets: bytes) -> list[ncacn.Event]:
    """What either end tells, but for binds, until neither has anything to say."""
    told: list[ncacn.Event] = []
    while octets:
        events, answer = listen(server, [octets])
        told += [event for event in events if not isinstance(event, ncacn.BindRequested)]
        told += client.receive_data(answer)
        octets = client.data_to_send()
    return told


def secured_pair(
    auth_type: int = NTLM,
    level: int = AuthLevel.INTEGRITY,
    *,
    order: Any = "<",
    features: bool = False,
    server: ncacn.ServerAssociation | None = None,
    package: Any = None,
) -> tuple[ncacn.ClientAssociation, ncacn.ServerAssociation]:
    """A client and a server, with context 0 bound to INTERFACE in NDR under a security context."""
    client = ncacn.ClientAssociation(order=order)
    server = server or new_server(authenticate=acceptors())
    items = [ncacn.ContextRequest(0, INTERFACE, [NDR])]
    if features:
        items.append(ncacn.ContextRequest(1, INTERFACE, [feature_syntax(1)]))
    package = package or Package(auth_type, server=False)
    (bound,) = converse(client, server, client.bind(items, security=package, level=level))
    assert isinstance(bound, ncacn.BindAnswered)
    return client, server


def split(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The stream, cut at these places."""
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in itertools.pairwise(places)]


def pdus(stream: bytes) -> list[Any]:
    """A stream of whole PDUs, parsed."""
    found: list[Any] = []
    while stream:
        size = int.from_bytes(stream[8:10], "little" if stream[4] else "big")
        found.append(pdu.parse_pdu(stream[:size]))
        stream = stream[size:]
    return found


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The functions and constants above."""
    names: list[Callable[..., Any]] = [new_server, offers, listen, bind_octets, bound_server, bound_pair, split, pdus]
    names += [Package, acceptors, converse, secured_pair]
    constants = {
        "NTLM": NTLM,
        "ContextRequest": ncacn.ContextRequest,
        "INTERFACE": INTERFACE,
        "OTHER": OTHER,
        "OBJECT": OBJECT,
        "GROUP": GROUP,
        "GOLDEN": GOLDEN,
    }
    return SimpleNamespace(**{name.__name__: name for name in names}, octets=octets, **constants)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "golden" in metafunc.fixturenames:
        metafunc.parametrize("golden", GOLDEN, ids=[name for name, _, _ in GOLDEN])
