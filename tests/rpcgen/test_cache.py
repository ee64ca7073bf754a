"""The cache: entries by key, in a folder that is only ours, bounded, and never an error."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from lrpc.rpcgen.cache import MAX_ENTRY, Cache, user_cache


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "home" / "lrpc")


def only_file(cache: Cache) -> Path:
    [file] = cache.folder.iterdir()
    return file


def test_what_was_put_is_got(cache: Cache) -> None:
    assert cache.get("a") is None
    cache.put("a", b"one\ntwo")
    cache.put("b", b"")
    cache.put("a", b"three")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"three", b"", None)


def test_folder_and_entries_admit_only_their_owner(cache: Cache) -> None:
    cache.put("a", b"x")
    assert stat.S_IMODE(cache.folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(cache).stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_folder_open_to_others_is_not_used(cache: Cache, mode: int) -> None:
    cache.put("a", b"x")
    cache.folder.chmod(mode)
    assert cache.get("a") is None
    cache.put("b", b"y")
    assert [file.name for file in cache.folder.iterdir()] == ["a.entry"]


def test_folder_of_somebody_else_is_not_used(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put("a", b"x")
    monkeypatch.setattr(os, "geteuid", lambda: cache.folder.stat().st_uid + 1)
    assert cache.get("a") is None
    other = Cache(cache.folder.parent / "other")
    other.put("a", b"x")
    assert not other.folder.exists()


def test_folder_that_is_a_link_is_not_used(cache: Cache, tmp_path: Path) -> None:
    cache.put("a", b"x")
    link = tmp_path / "link"
    link.symlink_to(cache.folder)
    assert Cache(link).get("a") is None


def test_damaged_entry_is_not_there(cache: Cache) -> None:
    cache.put("a", b"0123456789")
    whole = only_file(cache).read_bytes()
    for size in range(len(whole)):
        only_file(cache).write_bytes(whole[:size])
        assert cache.get("a") is None
    for place in range(len(whole)):
        only_file(cache).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert cache.get("a") is None
    only_file(cache).write_bytes(whole)
    assert cache.get("a") == b"0123456789"


@pytest.mark.parametrize("kind", ["link", "folder", "fifo"])
def test_entry_that_is_no_file_is_not_read(cache: Cache, tmp_path: Path, kind: str) -> None:
    cache.put("a", b"x")
    file = only_file(cache)
    (tmp_path / "copy").write_bytes(file.read_bytes())
    file.unlink()
    {"link": lambda: file.symlink_to(tmp_path / "copy"), "folder": file.mkdir, "fifo": lambda: os.mkfifo(file)}[kind]()
    assert cache.get("a") is None


def test_oldest_entries_go_when_there_are_too_many(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "lrpc", entries=3)
    for number, key in enumerate("abcde"):
        cache.put(key, b"x")
        os.utime(cache.folder / f"{key}.entry", (1000 + number, 1000 + number))
    cache.put("f", b"x")
    assert [key for key in "abcdef" if cache.get(key)] == ["d", "e", "f"]


def test_use_keeps_an_entry(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "lrpc", entries=2)
    for number, key in enumerate("ab"):
        cache.put(key, b"x")
        os.utime(cache.folder / f"{key}.entry", (1000 + number, 1000 + number))
    assert cache.get("a") == b"x"
    cache.put("c", b"x")
    assert [key for key in "abc" if cache.get(key)] == ["a", "c"]


def test_oldest_entries_go_when_they_are_too_large(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "lrpc", total=3000)
    for number, key in enumerate("abc"):
        cache.put(key, bytes(1200))
        os.utime(cache.folder / f"{key}.entry", (1000 + number, 1000 + number))
    assert [key for key in "abc" if cache.get(key)] == ["b", "c"]


def test_entry_that_is_too_large_is_not_kept(cache: Cache) -> None:
    cache.put("a", bytes(MAX_ENTRY))
    assert cache.get("a") is None


def test_what_a_dead_writer_left_goes(cache: Cache) -> None:
    cache.put("a", b"x")
    for name, age in (("b.entry.0123", 1000.0), ("c.entry.4567", cache.folder.stat().st_mtime)):
        (cache.folder / name).write_bytes(b"half")
        os.utime(cache.folder / name, (age, age))
    cache.put("d", b"x")
    assert sorted(file.name for file in cache.folder.iterdir()) == ["a.entry", "c.entry.4567", "d.entry"]


def test_failure_to_write_is_no_error_and_leaves_nothing(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*names: object, **folders: object) -> None:
        raise OSError("no space")

    cache.put("a", b"x")
    monkeypatch.setattr(os, "replace", fail)
    cache.put("b", b"y")
    assert [file.name for file in cache.folder.iterdir()] == ["a.entry"]


def test_place_that_cannot_be_a_folder_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file" / "lrpc")
    cache.put("a", b"x")
    assert cache.get("a") is None


# Where it is


def test_cache_of_the_user_is_where_xdg_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert repr(user_cache()) == f"Cache({str(tmp_path / 'xdg' / 'lrpc')!r})"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert repr(user_cache()) == f"Cache({str(tmp_path / '.cache' / 'lrpc')!r})"


def test_relative_place_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert user_cache() is None


def test_variable_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LRPC_NO_CACHE", "1")
    assert user_cache() is None
    monkeypatch.setenv("LRPC_NO_CACHE", "")
    assert user_cache() is not None
