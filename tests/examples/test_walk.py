from __future__ import annotations

from collections.abc import Iterator

import pytest

from examples.registry import rights, walk
from examples.registry.hive import ERROR_FILE_NOT_FOUND, Hive, Value
from examples.registry.service import Registry
from examples.registry.values import RegistryType
from lrpc import StatusError


@pytest.fixture
def hive() -> Iterator[Hive]:
    with Hive(":memory:") as opened:
        root = opened.root("HKEY_LOCAL_MACHINE")
        key, _ = opened.create(root, "A\\B")
        opened.set_value(key, "", RegistryType.REG_SZ, "default")
        opened.set_value(key, "big", RegistryType.REG_BINARY, b"x" * (walk.FIRST_SIZE + 1))
        opened.set_value(opened.create(root, "C")[0], "n", RegistryType.REG_DWORD, 7)
        yield opened


def test_walk_finds_every_key_and_value(hive: Hive) -> None:
    tree = walk.walk(Registry(hive, writable=False))
    assert tree.keys() == 4
    assert list(tree.rows()) == [
        ("HKEY_LOCAL_MACHINE\\A\\B", "", "REG_SZ", "default"),
        ("HKEY_LOCAL_MACHINE\\A\\B", "big", "REG_BINARY", b"x" * (walk.FIRST_SIZE + 1)),
        ("HKEY_LOCAL_MACHINE\\C", "n", "REG_DWORD", 7),
    ]


def test_walk_begins_at_a_path(hive: Hive) -> None:
    tree = walk.walk(Registry(hive), "a\\b")
    assert (tree.name, [value.name for value in tree.values], tree.subkeys) == ("a\\b", ["", "big"], [])


def test_walk_of_an_absent_key_says_so(hive: Hive) -> None:
    with pytest.raises(StatusError) as caught:
        walk.walk(Registry(hive), "absent")
    assert caught.value.code == ERROR_FILE_NOT_FOUND


def test_values_and_subkeys_of_an_open_key_can_be_read_alone(hive: Hive) -> None:
    registry = Registry(hive)
    key = registry.OpenLocalMachine(None, rights.KEY_READ)
    assert list(walk.subkeys_of(registry, key)) == ["A", "C"]
    assert list(walk.values_of(registry, registry.BaseRegOpenKey(key, walk.named("C"), 0, rights.KEY_READ))) == [
        Value("n", RegistryType.REG_DWORD, b"\7\0\0\0")
    ]
