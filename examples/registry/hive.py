"""A registry hive in an SQLite file: keys, values, classes and times of writing.

Names are kept as written and compared without case, as Windows does. Every error is a Win32 code in
a StatusError, so that the service (`service.py`) has nothing to translate.

Rules of this file: a key is its row's number, nothing here knows of handles, rights or the wire;
every method may be called from any thread, and a change is seen whole or not at all.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lrpc import StatusError

from .values import encode

ERROR_FILE_NOT_FOUND: Final = 2
ERROR_ACCESS_DENIED: Final = 5
ERROR_INVALID_PARAMETER: Final = 87
ERROR_DISK_FULL: Final = 112
ERROR_INVALID_NAME: Final = 123
ERROR_BAD_PATHNAME: Final = 161
ERROR_NO_MORE_ITEMS: Final = 259
ERROR_REGISTRY_IO_FAILED: Final = 1016
ERROR_KEY_DELETED: Final = 1018
ERROR_CHILD_MUST_BE_VOLATILE: Final = 1021

KEY_NAME_MAX: Final = 255
"""Characters of one key's name (Windows' own limit)."""
VALUE_NAME_MAX: Final = 16_383
"""Characters of one value's name (Windows' own limit)."""
VALUE_MAX: Final = 1 << 20
"""Octets of one value: what Windows calls the most that a value should hold."""
DEPTH_MAX: Final = 512
"""Levels of keys (Windows' own limit)."""
PAGES_MAX: Final = 65_536
"""Pages of 4 KiB in the file: a client that writes without end fills 256 MiB, not the disk."""

FILETIME_OF_EPOCH: Final = 116_444_736_000_000_000
"""1970-01-01 as a FILETIME: units of 100 ns since 1601-01-01 UTC ([MS-DTYP] 2.3.3)."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS keys (
    id INTEGER PRIMARY KEY AUTOINCREMENT, parent INTEGER NOT NULL, folded TEXT NOT NULL, name TEXT NOT NULL,
    class TEXT NOT NULL, written INTEGER NOT NULL, volatile INTEGER NOT NULL, UNIQUE (parent, folded)
);
CREATE TABLE IF NOT EXISTS entries (
    key INTEGER NOT NULL REFERENCES keys (id) ON DELETE CASCADE, folded TEXT NOT NULL, name TEXT NOT NULL,
    type INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (key, folded)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Subkey:
    """One key as its parent lists it; `written` is a FILETIME."""

    name: str
    class_name: str
    written: int


@dataclass(frozen=True, slots=True)
class Value:
    """One value; `data` is in the octets of its type."""

    name: str
    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """Counts, longest names (in UTF-16 units) and data (in octets) of what a key holds; `written` is a FILETIME."""

    class_name: str
    written: int
    subkeys: int
    longest_subkey: int
    longest_class: int
    values: int
    longest_value_name: int
    longest_value: int


def units(text: str) -> int:
    """The length of `text` in UTF-16 units; ERROR_INVALID_NAME for what is no text or holds a NUL."""
    try:
        size = len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError as error:
        raise StatusError(ERROR_INVALID_NAME) from error
    if "\0" in text:
        raise StatusError(ERROR_INVALID_NAME)
    return size


def fold(name: str) -> str:
    """The form in which names are compared: upper case, character by character, so that its length stays."""
    return "".join(upper if len(upper := character.upper()) == 1 else character for character in name)


def split(path: str) -> list[str]:
    r"""The names in `a\b\c`; one trailing backslash is forgiven, an empty path is no names."""
    names = path.removesuffix("\\").split("\\") if path else []
    if not all(names):
        raise StatusError(ERROR_BAD_PATHNAME)
    if any(units(name) > KEY_NAME_MAX for name in names):
        raise StatusError(ERROR_INVALID_PARAMETER)
    return names


@contextmanager
def _win32() -> Generator[None]:
    """SQLite's failures are the registry's."""
    try:
        yield
    except sqlite3.Error as error:
        full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
        raise StatusError(ERROR_DISK_FULL if full else ERROR_REGISTRY_IO_FAILED) from error


class Hive:
    """The keys under any number of roots. `close()` it, or use it in a `with`.

    path: the file, made when absent. clock: nanoseconds since 1970, for the times of writing.
    """

    def __init__(self, path: str | Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL", f"max_page_count={PAGES_MAX}"):
            self._database.execute(f"PRAGMA {pragma}").fetchall()
        self._database.create_function("units", 1, units, deterministic=True)
        self._database.executescript(_SCHEMA)
        self._database.execute("DELETE FROM keys WHERE volatile")

    def __enter__(self) -> Hive:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Write what is left and let go of the file."""
        with self._lock:
            self._database.close()

    def flush(self) -> None:
        """Returns when every change so far is on the disk."""
        with self._lock:
            self._one("PRAGMA wal_checkpoint(FULL)")

    @contextmanager
    def change(self) -> Generator[None]:
        """Makes all changes inside one change: an exception that leaves the outermost one undoes them."""
        with self._lock, _win32():
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
                if self._depth == 1:
                    self._database.execute("COMMIT")
            finally:
                self._depth -= 1
                if self._depth == 0 and self._database.in_transaction:
                    self._database.execute("ROLLBACK")

    # Keys

    def root(self, name: str) -> int:
        """The predefined key `name`, made when absent."""
        with self.change():
            found = self._child(0, name)
            return self._insert(0, name) if found is None else found

    def open(self, key: int, path: str) -> int:
        r"""The key at `path` below `key`; an empty path is `key` itself. ERROR_FILE_NOT_FOUND when absent."""
        with self._lock:
            self._row(key)
            for name in split(path):
                found = self._child(key, name)
                if found is None:
                    raise StatusError(ERROR_FILE_NOT_FOUND)
                key = found
            return key

    def create(self, key: int, path: str, class_name: str = "", *, volatile: bool = False) -> tuple[int, bool]:
        """The key at `path`, with all that lead to it, and whether it is new.

        class_name, volatile: for what is new. A volatile key is gone when the hive is next opened, and so
        everything below it must be volatile too (ERROR_CHILD_MUST_BE_VOLATILE).
        """
        names = split(path)
        if units(class_name) > VALUE_NAME_MAX:
            raise StatusError(ERROR_INVALID_PARAMETER)
        made = False
        with self.change():
            (fleeting,) = self._row(key, "volatile")
            if self._level(key) + len(names) > DEPTH_MAX:
                raise StatusError(ERROR_INVALID_PARAMETER)
            for position, name in enumerate(names, 1):
                found = self._child(key, name)
                made = found is None
                if found is not None:
                    (fleeting,) = self._row(found, "volatile")
                elif fleeting and not volatile:
                    raise StatusError(ERROR_CHILD_MUST_BE_VOLATILE)
                else:
                    found = self._insert(key, name, class_name if position == len(names) else "", volatile)
                key = found
        return key, made

    def delete(self, key: int, path: str) -> None:
        """Remove the key at `path` and its values; ERROR_ACCESS_DENIED while it has subkeys."""
        if not split(path):
            raise StatusError(ERROR_INVALID_PARAMETER)
        with self.change():
            doomed = self.open(key, path)
            if self._one("SELECT 1 FROM keys WHERE parent = ? LIMIT 1", doomed) is not None:
                raise StatusError(ERROR_ACCESS_DENIED)
            (parent,) = self._row(doomed, "parent")
            self._database.execute("DELETE FROM keys WHERE id = ?", (doomed,))
            self._touch(parent)

    def prune(self, key: int, path: str) -> None:
        """Remove the key at `path`, when there is one, and everything below it. No client can ask for this."""
        tree = (
            "WITH RECURSIVE tree (id) AS (VALUES (?) UNION ALL SELECT keys.id FROM keys JOIN tree ON parent = tree.id) "
            "DELETE FROM keys WHERE id IN tree"
        )
        with self.change():
            for name in split(path):
                found = self._child(key, name)
                if found is None:
                    return
                key = found
            self._database.execute(tree, (key,))

    def subkey(self, key: int, index: int) -> Subkey:
        """The subkey at `index` in the order of names; ERROR_NO_MORE_ITEMS past the last."""
        query = "SELECT name, class, written FROM keys WHERE parent = ? ORDER BY folded LIMIT 1 OFFSET ?"
        with self._lock:
            self._row(key)
            row = self._one(query, key, index)
        if row is None:
            raise StatusError(ERROR_NO_MORE_ITEMS)
        return Subkey(*row)

    def info(self, key: int) -> KeyInfo:
        """What `key` holds, in numbers."""
        below = "SELECT count(*), ifnull(max(units(name)), 0), ifnull(max(units(class)), 0) FROM keys WHERE parent = ?"
        held = "SELECT count(*), ifnull(max(units(name)), 0), ifnull(max(length(data)), 0) FROM entries WHERE key = ?"
        with self._lock:
            return KeyInfo(*self._row(key, "class, written"), *self._one(below, key), *self._one(held, key))

    # Values

    def set_value(self, key: int, name: str, kind: int, value: bytes | str | int | list[str]) -> None:
        """Write a value, replacing one of the same name; what is not octets already is encoded for `kind`."""
        data = encode(kind, value)
        if units(name) > VALUE_NAME_MAX or len(data) > VALUE_MAX:
            raise StatusError(ERROR_INVALID_PARAMETER)
        with self.change():
            self._row(key)
            statement = "INSERT OR REPLACE INTO entries (key, folded, name, type, data) VALUES (?, ?, ?, ?, ?)"
            self._database.execute(statement, (key, fold(name), name, kind, data))
            self._touch(key)

    def value(self, key: int, name: str) -> Value:
        """The value called `name` (the default value is ""); ERROR_FILE_NOT_FOUND when absent."""
        units(name)
        with self._lock:
            self._row(key)
            row = self._one("SELECT name, type, data FROM entries WHERE key = ? AND folded = ?", key, fold(name))
        if row is None:
            raise StatusError(ERROR_FILE_NOT_FOUND)
        return Value(*row)

    def value_at(self, key: int, index: int) -> Value:
        """The value at `index` in the order of names; ERROR_NO_MORE_ITEMS past the last."""
        query = "SELECT name, type, data FROM entries WHERE key = ? ORDER BY folded LIMIT 1 OFFSET ?"
        with self._lock:
            self._row(key)
            row = self._one(query, key, index)
        if row is None:
            raise StatusError(ERROR_NO_MORE_ITEMS)
        return Value(*row)

    def delete_value(self, key: int, name: str) -> None:
        """Remove a value; ERROR_FILE_NOT_FOUND when absent."""
        units(name)
        with self.change():
            self._row(key)
            deleted = self._database.execute("DELETE FROM entries WHERE key = ? AND folded = ?", (key, fold(name)))
            if not deleted.rowcount:
                raise StatusError(ERROR_FILE_NOT_FOUND)
            self._touch(key)

    # Within

    def _one(self, query: str, *values: object) -> Any:
        with _win32():
            return self._database.execute(query, values).fetchone()

    def _row(self, key: int, columns: str = "id") -> tuple[Any, ...]:
        row: tuple[Any, ...] | None = self._one(f"SELECT {columns} FROM keys WHERE id = ?", key)
        if row is None:
            raise StatusError(ERROR_KEY_DELETED)
        return row

    def _child(self, key: int, name: str) -> int | None:
        row = self._one("SELECT id FROM keys WHERE parent = ? AND folded = ?", key, fold(name))
        return None if row is None else int(row[0])

    def _insert(self, parent: int, name: str, class_name: str = "", volatile: bool = False) -> int:
        statement = "INSERT INTO keys (parent, folded, name, class, written, volatile) VALUES (?, ?, ?, ?, ?, ?)"
        cursor = self._database.execute(statement, (parent, fold(name), name, class_name, self._now(), volatile))
        self._touch(parent)
        return cursor.lastrowid or 0

    def _level(self, key: int) -> int:
        level = 0
        while key:
            (key,) = self._row(key, "parent")
            level += 1
        return level

    def _touch(self, key: int) -> None:
        self._database.execute("UPDATE keys SET written = ? WHERE id = ?", (self._now(), key))

    def _now(self) -> int:
        return self._clock() // 100 + FILETIME_OF_EPOCH
