"""Towers: octets and meaning, both ways, and octets that are no tower."""

from __future__ import annotations

import contextlib
import struct
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.runtime.binding import StringBinding
from lrpc.runtime.mapper.towers import (
    MAX_FLOORS,
    MAX_TOWER,
    NDR,
    NDR64,
    BadTower,
    Floor,
    Syntax,
    Tower,
    build,
    floors,
    parse,
)

ECHO = Syntax(UUID("60a15ec5-4de8-11d7-a637-005056a20182"), 1, 0)
UPPER = """
    1300 0d c55ea160 e84d d711 a637 005056a20182 0100  0200 0000   # rpcecho 1.0
    1300 0d 045d888a eb1c c911 9fe8 08002b104860 0200  0200 0000   # NDR 2.0
"""
VECTORS = [
    (
        Tower(ECHO, NDR, "ncacn_ip_tcp", "4242", "192.0.2.1"),
        """0500 {UPPER}
        0100 0b  0200 0000          # the connection-oriented protocol
        0100 07  0200 1092          # port 4242, big-endian
        0100 09  0400 c0000201      # 192.0.2.1""",
    ),
    (Tower(ECHO, NDR, "ncacn_ip_tcp"), "0500 {UPPER} 0100 0b 0200 0000  0100 07 0200 0000  0100 09 0400 00000000"),
    (
        Tower(ECHO, NDR, "ncacn_np", "\\pipe\\echo", "HOST"),
        """0500 {UPPER}
        0100 0b  0200 0000
        0100 0f  0b00 5c706970655c6563686f00     # \\pipe\\echo
        0100 11  0500 484f535400                 # HOST""",
    ),
    (
        Tower(ECHO, NDR, "ncalrpc", "echo"),
        """0400 {UPPER}
        0100 0c  0200 0000          # the local protocol
        0100 10  0500 6563686f00    # echo""",
    ),
    (
        Tower(ECHO, NDR, "ncadg_ip_udp", "53", "10.0.0.1"),
        "0500 {UPPER} 0100 0a 0200 0000  0100 08 0200 0035  0100 09 0400 0a000001",
    ),
    (
        Tower(ECHO, NDR, "ncacn_http", "593", "10.0.0.1"),
        "0500 {UPPER} 0100 0b 0200 0000  0100 1f 0200 0251  0100 09 0400 0a000001",
    ),
]


def octets(text: str) -> bytes:
    lines = text.replace("{UPPER}", UPPER).splitlines()
    return bytes.fromhex("".join(line.partition("#")[0] for line in lines))


def tower_of(*lower: tuple[bytes, bytes], upper: str = UPPER, count: int | None = None) -> bytes:
    """A tower with these floors below the interface and the transfer syntax."""
    made = b"".join(struct.pack("<H", len(side)) + side for floor in lower for side in floor)
    return struct.pack("<H", 2 + len(lower) if count is None else count) + octets(upper) + made


CONNECTION = (b"\x0b", b"\0\0")
LOCAL = (b"\x0c", b"\0\0")


@pytest.mark.parametrize(("tower", "text"), VECTORS, ids=lambda value: getattr(value, "protocol", ""))
def test_tower_is_its_octets_both_ways(tower: Tower, text: str) -> None:
    assert build(tower) == octets(text)
    assert parse(octets(text)) == tower


@pytest.mark.parametrize(("tower", "text"), VECTORS, ids=lambda value: getattr(value, "protocol", ""))
def test_tower_that_is_cut_is_none(tower: Tower, text: str) -> None:
    whole = octets(text)
    for size in range(len(whole)):
        with pytest.raises(BadTower):
            parse(whole[:size])


@given(st.binary(max_size=200))
def test_any_octets_are_a_tower_or_none(noise: bytes) -> None:
    with contextlib.suppress(BadTower):
        assert isinstance(parse(noise), Tower)


@given(st.sampled_from(VECTORS), st.integers(0), st.binary(min_size=1, max_size=3))
def test_damaged_tower_is_a_tower_or_none(vector: tuple[Tower, str], place: int, noise: bytes) -> None:
    whole = octets(vector[1])
    place %= len(whole)
    with contextlib.suppress(BadTower):
        found = parse(whole[:place] + noise + whole[place + len(noise) :])
        assert found.protocol in ("", "ncacn_unix_stream") or parse(build(found)) == found


@given(
    st.uuids(),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.sampled_from([NDR, NDR64]),
    st.integers(1, 65535),
    st.ip_addresses(v=4).filter(int),
)
def test_any_tcp_endpoint_goes_round(uuid, major, minor, transfer, port, address) -> None:
    tower = Tower(Syntax(uuid, major, minor), transfer, "ncacn_ip_tcp", str(port), str(address))
    assert parse(build(tower)) == tower


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=100))
def test_any_name_of_a_port_goes_round(name: str) -> None:
    tower = Tower(ECHO, NDR, "ncalrpc", name)
    assert parse(build(tower)) == tower


# Meaning


def test_tower_says_its_binding() -> None:
    assert VECTORS[0][0].binding == StringBinding("ncacn_ip_tcp", "192.0.2.1", "4242")
    assert str(VECTORS[3][0].binding) == "ncalrpc:[echo]"


def test_tower_that_wants_an_interface_elsewhere_names_no_place() -> None:
    assert VECTORS[0][0].wanting("ncalrpc") == Tower(ECHO, NDR, "ncalrpc")


def test_syntax_is_shown_with_its_version() -> None:
    assert str(ECHO) == "60a15ec5-4de8-11d7-a637-005056a20182 v1.0"


def test_alpc_port_that_a_client_does_not_know_is_any() -> None:
    assert parse(tower_of(LOCAL, (b"\xff", b"\0\0"))) == Tower(ECHO, NDR, "ncalrpc")
    assert parse(tower_of(LOCAL, (b"\x10", b""))) == Tower(ECHO, NDR, "ncalrpc")


@pytest.mark.parametrize("name", [b"echo\0", b"echo", b"echo\0more"])
def test_name_ends_at_its_nul_or_its_floor(name: bytes) -> None:
    assert parse(tower_of(LOCAL, (b"\x10", name))).endpoint == "echo"


def test_name_that_is_no_text_passes_for_no_other() -> None:
    assert parse(tower_of(LOCAL, (b"\x10", b"\xff\xfeecho\0"))).endpoint == r"\xff\xfeecho"


def test_stream_socket_of_samba_is_known_and_cannot_be_written() -> None:
    found = parse(tower_of(CONNECTION, (b"\x20", b"/run/echo\0")))
    assert (found.protocol, found.endpoint) == ("ncacn_unix_stream", "/run/echo")
    with pytest.raises(BadTower, match="ncacn_unix_stream has no tower here"):
        build(found)


@pytest.mark.parametrize(
    "lower",
    [
        [CONNECTION],
        [CONNECTION, (b"\x0e", b"\0\0")],
        [CONNECTION, (b"", b"\0\0")],
        [(b"\x0a", b"\0\0"), (b"\x07", b"\1\2")],
        [(b"", b"")],
    ],
)
def test_floors_of_no_known_protocol_have_no_meaning(lower: list[tuple[bytes, bytes]]) -> None:
    assert parse(tower_of(*lower)) == Tower(ECHO, NDR, "")


@pytest.mark.parametrize("address", [[], [(b"\x09", b"\1\2\3")], [(b"\x11", b"")], [(b"\x0d", b"\1\2\3\4")]])
def test_tcp_without_a_readable_address_is_anywhere(address: list[tuple[bytes, bytes]]) -> None:
    assert parse(tower_of(CONNECTION, (b"\x07", b"\x10\x92"), *address)).address == ""


def test_address_that_is_no_ipv4_address_is_written_as_any() -> None:
    for address in ("", "::1", "host.example", "1.2.3"):
        assert parse(build(Tower(ECHO, NDR, "ncacn_ip_tcp", "1", address))).address == ""


# What is refused


@pytest.mark.parametrize("port", [b"", b"\1", b"\1\2\3"])
def test_port_of_other_than_two_octets_is_refused(port: bytes) -> None:
    with pytest.raises(BadTower, match=f"a port of {len(port)} octets"):
        parse(tower_of(CONNECTION, (b"\x07", port)))


@pytest.mark.parametrize(
    "upper",
    [
        UPPER.replace("1300 0d c5", "1300 0e c5"),
        UPPER.replace("1300 0d c5", "1200 c5"),
        UPPER.replace("0100  0200 0000   # rpc", "0100  0100 00   # rpc"),
        UPPER.replace("1300 0d 04", "1300 0c 04"),
    ],
)
def test_tower_without_interface_or_transfer_syntax_is_refused(upper: str) -> None:
    with pytest.raises(BadTower, match="should name an interface or a transfer syntax"):
        parse(tower_of(CONNECTION, upper=upper))


def test_tower_of_two_floors_is_refused() -> None:
    with pytest.raises(BadTower, match="2 floors"):
        parse(tower_of())


def test_too_many_floors_are_refused_before_they_are_read() -> None:
    with pytest.raises(BadTower, match=f"{MAX_FLOORS + 1} floors"):
        floors(struct.pack("<H", MAX_FLOORS + 1) + bytes(100))
    assert len(floors(struct.pack("<H", MAX_FLOORS) + bytes(4 * MAX_FLOORS))) == MAX_FLOORS


@pytest.mark.parametrize("size", [0, 1, MAX_TOWER + 1, 1 << 20])
def test_towers_of_no_sensible_size_are_refused(size: int) -> None:
    with pytest.raises(BadTower, match=f"{size} octets"):
        floors(bytes(size))


def test_floors_that_reach_over_the_end_are_refused() -> None:
    with pytest.raises(BadTower, match="inside a floor"):
        floors(bytes.fromhex("0100 ffff 00"))


def test_what_follows_the_last_floor_is_left_alone() -> None:
    assert floors(bytes.fromhex("0100 0100 07 0000 ffff")) == [Floor(b"\7", b"")]


@pytest.mark.parametrize("endpoint", ["65536", "-1", "x", "٣", "1 "])
def test_what_is_no_port_cannot_be_written(endpoint: str) -> None:
    with pytest.raises(BadTower, match="is no port"):
        build(Tower(ECHO, NDR, "ncacn_ip_tcp", endpoint))


def test_lone_surrogate_cannot_be_written() -> None:
    with pytest.raises(BadTower, match="cannot be written"):
        build(Tower(ECHO, NDR, "ncalrpc", "\ud800"))


@pytest.mark.parametrize("protocol", ["", "memory", "ncacn_spx"])
def test_protocol_sequence_without_a_tower_cannot_be_written(protocol: str) -> None:
    with pytest.raises(BadTower, match="has no tower here"):
        build(Tower(ECHO, NDR, protocol))
