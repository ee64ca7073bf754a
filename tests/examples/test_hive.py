from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from examples.registry import hive as module
from examples.registry.hive import FILETIME_OF_EPOCH, Hive, Value, fold, split, units
from lrpc import StatusError


class Clock:
    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 100
        return self.now


@pytest.fixture
def hive(tmp_path: Path) -> Iterator[Hive]:
    with Hive(tmp_path / "hive", clock=Clock()) as opened:
        yield opened


@pytest.fixture
def root(hive: Hive) -> int:
    return hive.root("HKEY_LOCAL_MACHINE")


@contextmanager
def fails_with(code: int) -> Iterator[None]:
    with pytest.raises(StatusError) as caught:
        yield
    assert caught.value.code == code


# Names


def test_names_are_compared_without_case_and_keep_their_length() -> None:
    assert fold("straße ǆ") == "STRAßE Ǆ"


def test_units_counts_utf_16() -> None:
    assert units("a𝄞") == 3


@pytest.mark.parametrize("name", ["a\0b", "\ud800"])
def test_names_that_are_no_text_are_refused(hive: Hive, root: int, name: str) -> None:
    for attempt in (
        lambda: hive.open(root, name),
        lambda: hive.create(root, name),
        lambda: hive.create(root, "fine", name),
        lambda: hive.delete(root, name),
        lambda: hive.value(root, name),
        lambda: hive.set_value(root, name, 3, b""),
        lambda: hive.delete_value(root, name),
    ):
        with fails_with(module.ERROR_INVALID_NAME):
            attempt()


def test_path_is_split_and_one_trailing_backslash_is_forgiven() -> None:
    assert split("") == []
    assert split("a\\b") == split("a\\b\\") == ["a", "b"]


@pytest.mark.parametrize("path", ["\\", "\\a", "a\\\\b", "a\\\\"])
def test_path_with_an_empty_name_is_bad(path: str) -> None:
    with fails_with(module.ERROR_BAD_PATHNAME):
        split(path)


# Keys


def test_created_key_opens_under_any_case(hive: Hive, root: int) -> None:
    key, new = hive.create(root, "Software\\Über\\Key")
    assert new
    assert hive.open(root, "SOFTWARE\\ÜBER\\key") == key
    assert hive.create(root, "software\\über\\KEY") == (key, False)
    assert hive.subkey(root, 0).name == "Software"


def test_empty_path_opens_the_key_itself(hive: Hive, root: int) -> None:
    assert hive.open(root, "") == root
    assert hive.create(root, "") == (root, False)


def test_absent_key_is_not_found(hive: Hive, root: int) -> None:
    with fails_with(module.ERROR_FILE_NOT_FOUND):
        hive.open(root, "absent")


def test_key_with_subkeys_is_not_deleted(hive: Hive, root: int) -> None:
    hive.create(root, "a\\b")
    with fails_with(module.ERROR_ACCESS_DENIED):
        hive.delete(root, "a")
    hive.delete(root, "a\\b")
    hive.delete(root, "a")
    with fails_with(module.ERROR_FILE_NOT_FOUND):
        hive.open(root, "a")


def test_key_cannot_delete_itself(hive: Hive, root: int) -> None:
    with fails_with(module.ERROR_INVALID_PARAMETER):
        hive.delete(root, "")


def test_deleted_key_says_so_in_every_call_and_its_number_never_returns(hive: Hive, root: int) -> None:
    key, _ = hive.create(root, "gone")
    hive.set_value(key, "v", 3, b"x")
    hive.delete(root, "gone")
    for attempt in (
        lambda: hive.open(key, "x"),
        lambda: hive.create(key, "x"),
        lambda: hive.subkey(key, 0),
        lambda: hive.info(key),
        lambda: hive.value(key, "v"),
        lambda: hive.value_at(key, 0),
        lambda: hive.set_value(key, "v", 3, b""),
        lambda: hive.delete_value(key, "v"),
    ):
        with fails_with(module.ERROR_KEY_DELETED):
            attempt()
    assert hive.create(root, "gone")[0] != key


def test_subkeys_come_in_the_order_of_names(hive: Hive, root: int) -> None:
    for name in ("b", "C", "a"):
        hive.create(root, name, "class of " + name)
    assert [hive.subkey(root, index).name for index in range(3)] == ["a", "b", "C"]
    assert hive.subkey(root, 2).class_name == "class of C"
    with fails_with(module.ERROR_NO_MORE_ITEMS):
        hive.subkey(root, 3)


def test_class_belongs_to_the_last_key_of_a_path(hive: Hive, root: int) -> None:
    hive.create(root, "a\\b", "c")
    assert [hive.info(hive.open(root, path)).class_name for path in ("a", "a\\b")] == ["", "c"]


def test_names_and_depth_have_limits(hive: Hive, root: int) -> None:
    hive.create(root, "n" * module.KEY_NAME_MAX)
    for path in ("n" * (module.KEY_NAME_MAX + 1), "\\".join("d" * module.DEPTH_MAX)):
        with fails_with(module.ERROR_INVALID_PARAMETER):
            hive.create(root, path)


def test_prune_takes_all_below_and_nothing_beside(hive: Hive, root: int) -> None:
    hive.set_value(hive.create(root, "a\\b\\c")[0], "v", 3, b"x")
    beside, _ = hive.create(root, "ab")
    hive.prune(root, "A")
    hive.prune(root, "absent")
    assert hive.info(root).subkeys == 1
    assert hive.open(root, "ab") == beside


def test_volatile_keys_are_gone_when_the_hive_is_opened_again(tmp_path: Path) -> None:
    with Hive(tmp_path / "hive") as hive:
        root = hive.root("R")
        hive.create(root, "stays")
        fleeting, _ = hive.create(root, "stays\\goes", volatile=True)
        with fails_with(module.ERROR_CHILD_MUST_BE_VOLATILE):
            hive.create(fleeting, "below")
        hive.create(fleeting, "below", volatile=True)
    with Hive(tmp_path / "hive") as hive:
        assert hive.info(hive.open(hive.root("R"), "stays")).subkeys == 0


# Values


def test_value_is_kept_with_its_type_and_the_name_as_written(hive: Hive, root: int) -> None:
    hive.set_value(root, "Name", 1, "text")
    assert hive.value(root, "NAME") == Value("Name", 1, "text\0".encode("utf-16-le"))
    hive.set_value(root, "name", 4, 7)
    assert hive.value(root, "NAME") == Value("name", 4, b"\7\0\0\0")
    assert hive.info(root).values == 1


def test_default_value_has_the_empty_name(hive: Hive, root: int) -> None:
    hive.set_value(root, "", 3, b"x")
    assert hive.value_at(root, 0) == hive.value(root, "") == Value("", 3, b"x")


def test_values_come_in_the_order_of_names(hive: Hive, root: int) -> None:
    for name in ("b", "C", "a"):
        hive.set_value(root, name, 3, name.encode())
    assert [hive.value_at(root, index).name for index in range(3)] == ["a", "b", "C"]
    with fails_with(module.ERROR_NO_MORE_ITEMS):
        hive.value_at(root, 3)


def test_deleted_value_is_not_found(hive: Hive, root: int) -> None:
    hive.set_value(root, "v", 3, b"")
    hive.delete_value(root, "V")
    for attempt in (lambda: hive.value(root, "v"), lambda: hive.delete_value(root, "v")):
        with fails_with(module.ERROR_FILE_NOT_FOUND):
            attempt()


def test_values_have_limits(hive: Hive, root: int) -> None:
    hive.set_value(root, "v" * module.VALUE_NAME_MAX, 3, bytes(module.VALUE_MAX))
    for name, size in (("v" * (module.VALUE_NAME_MAX + 1), 0), ("v", module.VALUE_MAX + 1)):
        with fails_with(module.ERROR_INVALID_PARAMETER):
            hive.set_value(root, name, 3, bytes(size))


# What a key says of itself


def test_info_counts_and_measures(hive: Hive, root: int) -> None:
    hive.create(root, "four", "class")
    hive.create(root, "𝄞")
    hive.set_value(root, "value", 3, b"1234567")
    hive.set_value(root, "v", 3, b"")
    info = hive.info(root)
    assert (info.subkeys, info.longest_subkey, info.longest_class) == (2, 4, 5)
    assert (info.values, info.longest_value_name, info.longest_value) == (2, 5, 7)


def test_time_of_writing_is_a_filetime_that_every_change_moves(tmp_path: Path) -> None:
    clock = Clock()
    with Hive(tmp_path / "hive", clock=clock) as hive:
        root = hive.root("R")
        changes = [
            lambda: hive.set_value(root, "v", 3, b""),
            lambda: hive.delete_value(root, "v"),
            lambda: hive.create(root, "k"),
            lambda: hive.delete(root, "k"),
        ]
        for change in changes:
            change()
            assert hive.info(root).written == clock.now // 100 + FILETIME_OF_EPOCH


def test_filetime_of_1970_is_that_of_windows(tmp_path: Path) -> None:
    with Hive(tmp_path / "hive", clock=lambda: 0) as hive:
        assert hive.info(hive.root("R")).written == 116444736000000000


# Changes


def test_failed_change_leaves_nothing_behind(hive: Hive, root: int) -> None:
    with pytest.raises(TypeError), hive.change():
        hive.set_value(hive.create(root, "a\\b")[0], "v", 4, "no number")
    with fails_with(module.ERROR_CHILD_MUST_BE_VOLATILE):
        hive.create(hive.create(root, "fleeting", volatile=True)[0], "x\\y")
    assert hive.info(root).subkeys == 1


def test_hive_keeps_what_was_written(tmp_path: Path) -> None:
    with Hive(tmp_path / "hive") as hive:
        hive.set_value(hive.create(hive.root("R"), "a")[0], "v", 1, "kept")
        hive.flush()
    with Hive(tmp_path / "hive") as hive:
        assert hive.value(hive.open(hive.root("R"), "a"), "v").data == "kept\0".encode("utf-16-le")


def test_full_hive_refuses_and_keeps_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGES_MAX", 20)
    with Hive(tmp_path / "hive") as hive:
        root = hive.root("R")
        hive.set_value(root, "first", 3, b"kept")
        with fails_with(module.ERROR_DISK_FULL):
            hive.set_value(root, "big", 3, bytes(200_000))
        assert hive.value(root, "first").data == b"kept"
        hive.set_value(root, "second", 3, b"fits")


def test_closed_hive_answers_an_error_of_the_registry(tmp_path: Path) -> None:
    hive = Hive(tmp_path / "hive")
    root = hive.root("R")
    hive.close()
    for attempt in (lambda: hive.value(root, "v"), lambda: hive.create(root, "k"), hive.flush):
        with fails_with(module.ERROR_REGISTRY_IO_FAILED):
            attempt()


def test_threads_write_side_by_side(hive: Hive, root: int) -> None:
    def write(number: int) -> None:
        for index in range(25):
            key, _ = hive.create(root, f"shared\\{index}")
            hive.set_value(key, str(number), 4, index)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared = hive.open(root, "shared")
    assert hive.info(shared).subkeys == 25
    assert all(hive.info(hive.open(shared, str(index))).values == 8 for index in range(25))
