"""The list of endpoints for a person: by interface, with names, and without what a terminal would obey."""

from __future__ import annotations

import importlib
import pkgutil
from uuid import UUID

from lrpc.runtime import interfaces
from lrpc.runtime.mapper.endpoint_list import NAMES, listed
from lrpc.runtime.mapper.lookup import Mapped
from lrpc.runtime.mapper.towers import NDR, Syntax, Tower

ECHO = Syntax(UUID("60a15ec5-4de8-11d7-a637-005056a20182"), 1, 0)
OWN = Syntax(UUID(int=7), 2, 1)
OBJECT = UUID(int=9)


def mapped(interface: Syntax, protocol: str, endpoint: str, address: str = "", **more: object) -> Mapped:
    tower = Tower(interface, NDR, protocol, endpoint, address)
    return Mapped(tower, *(more.get(name) for name in ("object",)), str(more.get("annotation", "")))


def test_endpoints_are_shown_by_interface() -> None:
    found = [
        mapped(OWN, "ncalrpc", "own"),
        mapped(ECHO, "ncacn_ip_tcp", "4242", "192.0.2.1", annotation="echo"),
        mapped(OWN, "ncacn_np", "\\pipe\\own", "HOST", object=OBJECT),
        mapped(ECHO, "ncacn_ip_tcp", "4242", "192.0.2.1", annotation="echo"),
        mapped(ECHO, "ncacn_ip_tcp", "4243"),
    ]
    echo, own = listed(found, "server")
    assert echo.lines() == [
        "60a15ec5-4de8-11d7-a637-005056a20182 v1.0",
        "  rpcecho Samba's echo service",
        '  "echo"',
        "    ncacn_ip_tcp:192.0.2.1[4242]",
        "    ncacn_ip_tcp:server[4243]",
    ]
    assert own.lines() == [
        "00000000-0000-0000-0000-000000000007 v2.1",
        "    ncalrpc:[own]",
        f"    {OBJECT}@ncacn_np:HOST[\\pipe\\own]",
    ]


def test_interfaces_with_names_come_first_in_their_order() -> None:
    samr = Syntax(UUID("12345778-1234-abcd-ef00-0123456789ac"), 1, 0)
    found = [mapped(one, "ncalrpc", "x") for one in (OWN, samr, ECHO, ECHO._replace(major=2))]
    shown = [(one.name, one.interface.major) for one in listed(found)]
    assert shown == [("rpcecho", 1), ("rpcecho", 2), ("samr", 1), ("", 2)]


def test_list_as_json() -> None:
    [found] = listed([mapped(ECHO, "ncalrpc", "echo", annotation="one")])
    assert found.as_json() == {
        "uuid": str(ECHO.uuid),
        "version": "1.0",
        "name": "rpcecho",
        "protocol": "Samba's echo service",
        "annotations": ["one"],
        "bindings": ["ncalrpc:[echo]"],
    }


def test_word_is_looked_for_in_names_annotations_and_uuids() -> None:
    [found] = listed([mapped(ECHO, "ncalrpc", "echo", annotation="My Service")])
    assert [found.has(word) for word in ("RPCECHO", "service", "60a15ec5", "v1.0", "samba", "other")] == [True] * 5 + [
        False
    ]


def test_protocol_that_nobody_knows_is_said_to_be_so() -> None:
    [found] = listed([mapped(OWN, "", "")])
    assert found.bindings == ["(a protocol that is not known)"]


def test_host_stands_only_where_there_is_one() -> None:
    found = [mapped(OWN, "ncalrpc", "a"), mapped(OWN, "ncacn_np", "b"), mapped(OWN, "ncacn_http", "593")]
    assert listed(found, "server")[0].bindings == ["ncalrpc:[a]", "ncacn_np:[b]", "ncacn_http:server[593]"]


def test_text_of_a_mapper_tells_the_terminal_nothing() -> None:
    [found] = listed([mapped(OWN, "ncalrpc", "\x1b[31m\n\u202e", annotation="\x07bell")])
    text = "".join(found.lines())
    assert text.isprintable()
    assert r"\x1b[31m\n\u202e" in text
    assert r"\x07bell" in text


def test_every_interface_that_lrpc_has_is_named_as_its_stub_names_it() -> None:
    for module in pkgutil.iter_modules(interfaces.__path__):
        if module.name in ("eerr", "oaut", "registrar"):  # types alone; objects, without endpoints; in no map
            continue
        stub = importlib.import_module(f"lrpc.runtime.interfaces.{module.name}")
        for interface in stub.__interfaces__:
            if not interface.object and interface.uuid.int:
                assert NAMES[interface.uuid][0] == interface.name
