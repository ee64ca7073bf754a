"""Octets in the forms that people have them in."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from lrpc.runtime.ndr.octet_text import octets_of

STUB = bytes(range(0x30, 0x55))


@pytest.mark.parametrize(
    "text",
    [
        "0200fe",
        "02 00 FE\n",
        "0x0200fe",
        "0x02, 0x00, 0xFE",
        r"\x02\x00\xfe",
        "02\n00\nfe",
        "0X02 0x00FE",
        "\t020 0fe ",
    ],
)
def test_digits_are_read_whatever_stands_between_them(text: str) -> None:
    assert octets_of(text) == b"\2\0\xfe"


def test_no_text_is_no_octets() -> None:
    assert octets_of(" \n") == b""


def test_dumps_of_xxd_are_read() -> None:
    text = (
        "00000000: 3031 3233 3435 3637 3839 3a3b 3c3d 3e3f  0123456789:;<=>?\n"
        "00000010: 4041 4243 4445 4647 4849 4a4b 4c4d 4e4f  @ABCDEFGHIJKLMNO\n"
        "00000020: 5051 5253 54                             PQRST\n"
    )
    assert octets_of(text) == STUB
    assert octets_of("0000000: 41 42 43 44  ABCD") == b"ABCD"


def test_dumps_of_hexdump_are_read() -> None:
    text = (
        "00000000  30 31 32 33 34 35 36 37  38 39 3a 3b 3c 3d 3e 3f  |0123456789:;<=>?|\n"
        "00000010  40 41 42 43 44 45 46 47  48 49 4a 4b 4c 4d 4e 4f  |@ABCDEFGHIJKLMNO|\n"
        "00000020  50 51 52 53 54                                    |PQRST|\n"
        "00000025\n"
    )
    assert octets_of(text) == STUB


@pytest.mark.parametrize("command", [["xxd"], ["xxd", "-p"], ["xxd", "-g1", "-c8"], ["hexdump", "-C", "-v"]])
def test_what_the_programs_print_is_read_where_they_are(command: list[str]) -> None:
    octets = bytes(range(256)) + bytes(48)
    if shutil.which(command[0]):
        done = subprocess.run(command, input=octets, capture_output=True, check=True)
        assert octets_of(done.stdout.decode("ascii")) == octets


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0x", "no hexadecimal digits"),
        ("020", "half an octet"),
        ("02 0g", "'g' is no hexadecimal digit"),
        ("00000000: 4142  AB\n00000004: 4344  CD\n", "does not go on at 0x2"),
        ("00000000  41 42  |AB|\n*\n00000020\n", "does not go on"),
        ("00000000: 41zz  AB\n", "no hexadecimal digit"),
        ("02 00\n00000002: 0300  ..", "':' is no hexadecimal digit"),
    ],
)
def test_what_is_no_hexadecimal_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        octets_of(text)
