from __future__ import annotations

import pytest

from examples.registry.values import RegistryType, decode, encode, type_name

VECTORS = [
    (RegistryType.REG_NONE, b"", b""),
    (RegistryType.REG_SZ, "aé", b"a\0\xe9\0\0\0"),
    (RegistryType.REG_SZ, "", b"\0\0"),
    (RegistryType.REG_EXPAND_SZ, "%X%", b"%\0X\0%\0\0\0"),
    (RegistryType.REG_BINARY, b"\0\1\2", b"\0\1\2"),
    (RegistryType.REG_DWORD, 0x01020304, b"\4\3\2\1"),
    (RegistryType.REG_DWORD_BIG_ENDIAN, 0x01020304, b"\1\2\3\4"),
    (RegistryType.REG_MULTI_SZ, ["a", "bc"], b"a\0\0\0b\0c\0\0\0\0\0"),
    (RegistryType.REG_MULTI_SZ, [], b"\0\0"),
    (RegistryType.REG_QWORD, 1 << 63, b"\0\0\0\0\0\0\0\x80"),
]


@pytest.mark.parametrize(("kind", "value", "octets"), VECTORS)
def test_value_becomes_the_octets_of_windows_and_back(kind: RegistryType, value: object, octets: bytes) -> None:
    assert encode(kind, value) == octets  # type: ignore[arg-type]
    assert decode(kind, octets) == value


@pytest.mark.parametrize("kind", [RegistryType.REG_DWORD, RegistryType.REG_QWORD])
def test_octets_of_the_wrong_size_stay_octets(kind: RegistryType) -> None:
    assert decode(kind, b"abc") == b"abc"


def test_string_ends_at_its_first_nul_and_odd_octets_are_dropped() -> None:
    assert decode(RegistryType.REG_SZ, b"a\0\0\0b\0") == "a"
    assert decode(RegistryType.REG_SZ, b"a\0b") == "a"


def test_lone_surrogates_survive() -> None:
    assert encode(RegistryType.REG_SZ, "\ud800") == b"\0\xd8\0\0"
    assert decode(RegistryType.REG_SZ, b"\0\xd8\0\0") == "\ud800"


@pytest.mark.parametrize(("kind", "value"), [(1, 5), (4, "x"), (7, "x"), (3, "x"), (99, 1)])
def test_value_of_another_type_is_refused(kind: int, value: int | str) -> None:
    with pytest.raises(TypeError):
        encode(kind, value)


def test_integer_beyond_its_size_is_refused() -> None:
    with pytest.raises(OverflowError):
        encode(RegistryType.REG_DWORD, 1 << 32)


def test_types_have_names_and_unknown_ones_their_number() -> None:
    assert [type_name(kind) for kind in (1, 11, 99)] == ["REG_SZ", "REG_QWORD", "99"]
