"""Reads a registry through its interface: all keys and values, as a tree.

Works with anything that is a `winreg`: a client on any transport, or the service itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lrpc import StatusError
from lrpc.runtime import stub as rpc
from lrpc.runtime.interfaces.winreg import RPC_UNICODE_STRING, BaseRegEnumValueResult, winreg

from .hive import ERROR_NO_MORE_ITEMS, KEY_NAME_MAX, VALUE_NAME_MAX, Value
from .rights import KEY_READ
from .service import ERROR_MORE_DATA, plain
from .values import Natural, decode, type_name

FIRST_SIZE: Final = 1_024
"""Octets offered for a value at first; a longer one is asked for again."""


@dataclass(slots=True)
class Node:
    """A key with all that is below it."""

    name: str
    values: list[Value] = field(default_factory=list[Value])
    subkeys: list[Node] = field(default_factory=list["Node"])

    def rows(self, path: str = "") -> Iterator[tuple[str, str, str, Natural]]:
        """Every value below as (path of its key, name, type, value)."""
        here = f"{path}\\{self.name}" if path else self.name
        for value in self.values:
            yield here, value.name, type_name(value.type), decode(value.type, value.data)
        for subkey in self.subkeys:
            yield from subkey.rows(here)

    def keys(self) -> int:
        """How many keys there are, this one included."""
        return 1 + sum(subkey.keys() for subkey in self.subkeys)


def walk(registry: winreg, path: str = "") -> Node:
    """The tree below HKEY_LOCAL_MACHINE, or below the key at `path` in it. StatusError when it cannot be opened."""
    root = registry.OpenLocalMachine(None, KEY_READ)
    try:
        return _below(registry, root, path) if path else _node(registry, root, "HKEY_LOCAL_MACHINE")
    finally:
        registry.BaseRegCloseKey(root)


def values_of(registry: winreg, key: rpc.Context) -> Iterator[Value]:
    """The values of an open key, in the server's order."""
    for index in range(1 << 32):
        answer = _value_at(registry, key, index)
        if answer is None:
            return
        yield Value(plain(answer.lpValueNameOut), answer.lpType or 0, bytes(answer.lpData or b""))


def subkeys_of(registry: winreg, key: rpc.Context) -> Iterator[str]:
    """The names of the subkeys of an open key, in the server's order."""
    for index in range(1 << 32):
        try:
            answer = registry.BaseRegEnumKey(key, index, _room(KEY_NAME_MAX), None, None)
        except StatusError as error:
            if error.code == ERROR_NO_MORE_ITEMS:
                return
            raise
        yield plain(answer.lpNameOut)


def named(name: str) -> RPC_UNICODE_STRING:
    """A name as winreg sends it, with its terminating NUL."""
    return RPC_UNICODE_STRING(f"{name}\0")


def _below(registry: winreg, parent: rpc.Context, name: str) -> Node:
    key = registry.BaseRegOpenKey(parent, named(name), 0, KEY_READ)
    try:
        return _node(registry, key, name)
    finally:
        registry.BaseRegCloseKey(key)


def _node(registry: winreg, key: rpc.Context, name: str) -> Node:
    names = list(subkeys_of(registry, key))
    return Node(name, list(values_of(registry, key)), [_below(registry, key, subkey) for subkey in names])


def _value_at(registry: winreg, key: rpc.Context, index: int) -> BaseRegEnumValueResult | None:
    """The value at `index`, asked for again with more room until it fits; None past the last."""
    size = FIRST_SIZE
    while True:
        try:
            return registry.BaseRegEnumValue(key, index, _room(VALUE_NAME_MAX), 0, b"", size, 0)
        except StatusError as error:
            if error.code == ERROR_NO_MORE_ITEMS:
                return None
            needed = getattr(error.result, "lpcbData", None)
            if error.code != ERROR_MORE_DATA or not isinstance(needed, int) or needed <= size:
                raise
            size = needed


def _room(characters: int) -> RPC_UNICODE_STRING:
    """An empty name with room for one of so many characters and its NUL."""
    return RPC_UNICODE_STRING("", MaximumLength=2 * (characters + 1))
