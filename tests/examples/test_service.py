from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from examples.registry import hive as errors
from examples.registry import rights, service
from examples.registry.hive import Hive
from examples.registry.service import Key, Registry
from lrpc import StatusError
from lrpc.runtime.interfaces.winreg import FILETIME, RPC_SECURITY_DESCRIPTOR, RPC_UNICODE_STRING, RVALENT

TEXT = "text\0".encode("utf-16-le")


@contextmanager
def fails_with(code: int) -> Iterator[None]:
    with pytest.raises(StatusError) as caught:
        yield
    assert caught.value.code == code


def named(name: str) -> RPC_UNICODE_STRING:
    return RPC_UNICODE_STRING(f"{name}\0")


def room(size: int) -> RPC_UNICODE_STRING:
    return RPC_UNICODE_STRING("", MaximumLength=size)


@pytest.fixture
def hive() -> Iterator[Hive]:
    with Hive(":memory:", clock=lambda: 0) as opened:
        yield opened


@pytest.fixture
def registry(hive: Hive) -> Registry:
    return Registry(hive)


@pytest.fixture
def reader(hive: Hive) -> Registry:
    return Registry(hive, writable=False)


@pytest.fixture
def machine(registry: Registry) -> Key:
    return registry.OpenLocalMachine(None, rights.MAXIMUM_ALLOWED)


def create(registry: Registry, key: Key, path: str, class_name: str = "", options: int = 0) -> Key:
    answer = registry.BaseRegCreateKey(
        key, named(path), RPC_UNICODE_STRING(class_name), options, rights.KEY_ALL_ACCESS, None, 0
    )
    return answer.phkResult


# Predefined keys


def test_predefined_keys_are_where_windows_has_them(registry: Registry, machine: Key) -> None:
    users = registry.OpenUsers(None, rights.KEY_READ)
    for key, path in (
        (registry.OpenClassesRoot(None, rights.KEY_ALL_ACCESS), r"SOFTWARE\Classes"),
        (
            registry.OpenCurrentConfig(None, rights.KEY_ALL_ACCESS),
            r"SYSTEM\CurrentControlSet\Hardware Profiles\Current",
        ),
    ):
        assert registry.BaseRegOpenKey(machine, named(path), 0, rights.KEY_READ).number == key.number
    user = registry.OpenCurrentUser(None, rights.KEY_READ)
    assert registry.BaseRegOpenKey(users, named(".default"), 0, rights.KEY_READ).number == user.number


# Keys


def test_created_key_is_new_once(registry: Registry, machine: Key) -> None:
    for disposition in (service.REG_CREATED_NEW_KEY, service.REG_OPENED_EXISTING_KEY):
        answer = registry.BaseRegCreateKey(
            machine, named("a\\b"), RPC_UNICODE_STRING(None), 0, rights.KEY_READ, None, 0
        )
        assert answer.lpdwDisposition == disposition
        assert answer.phkResult.access == rights.KEY_READ


def test_null_disposition_stays_null(registry: Registry, machine: Key) -> None:
    answer = registry.BaseRegCreateKey(machine, named("a"), RPC_UNICODE_STRING(None), 0, 0, None, None)
    assert answer.lpdwDisposition is None


def test_links_are_not_made(registry: Registry, machine: Key) -> None:
    with fails_with(service.ERROR_CALL_NOT_IMPLEMENTED):
        create(registry, machine, "link", options=service.REG_OPTION_CREATE_LINK)


def test_volatile_key_is_marked_so(registry: Registry, machine: Key) -> None:
    fleeting = create(registry, machine, "fleeting", options=service.REG_OPTION_VOLATILE)
    with fails_with(errors.ERROR_CHILD_MUST_BE_VOLATILE):
        create(registry, fleeting, "below")


def test_names_are_taken_with_and_without_their_nul(registry: Registry, machine: Key) -> None:
    made = create(registry, machine, "key")
    assert registry.BaseRegOpenKey(machine, RPC_UNICODE_STRING("KEY"), 0, rights.KEY_READ).number == made.number
    assert registry.BaseRegOpenKey(made, RPC_UNICODE_STRING(None), 0, rights.KEY_READ).number == made.number


def test_closed_key_is_null_and_its_handle_has_no_rights(registry: Registry, machine: Key) -> None:
    assert registry.BaseRegCloseKey(machine) is None
    with fails_with(rights.ERROR_ACCESS_DENIED):
        registry.BaseRegEnumKey(machine, 0, room(512), None, None)


def test_null_key_is_no_key_to_close(registry: Registry) -> None:
    with fails_with(service.ERROR_INVALID_HANDLE):
        registry.BaseRegCloseKey(None)


def test_deleted_key_is_gone(registry: Registry, machine: Key) -> None:
    create(registry, machine, "a\\b")
    with fails_with(rights.ERROR_ACCESS_DENIED):
        registry.BaseRegDeleteKey(machine, named("a"))
    registry.BaseRegDeleteKey(machine, named("a\\b"))
    registry.BaseRegDeleteKeyEx(machine, named("a"), 0x100, 0)
    with fails_with(errors.ERROR_FILE_NOT_FOUND):
        registry.BaseRegOpenKey(machine, named("a"), 0, rights.KEY_READ)


@pytest.mark.parametrize(("mask", "reserved"), [(0, 1), (rights.DELETE, 0)])
def test_delete_ex_knows_no_other_bits(registry: Registry, machine: Key, mask: int, reserved: int) -> None:
    create(registry, machine, "a")
    with fails_with(errors.ERROR_INVALID_PARAMETER):
        registry.BaseRegDeleteKeyEx(machine, named("a"), mask, reserved)


def test_subkeys_are_enumerated_with_class_and_time(registry: Registry, machine: Key) -> None:
    create(registry, machine, "One", "class")
    create(registry, machine, "two")
    answer = registry.BaseRegEnumKey(machine, 0, room(512), room(64), FILETIME(0, 0))
    assert (answer.lpNameOut.Buffer, answer.lplpClassOut and answer.lplpClassOut.Buffer) == ("One\0", "class\0")
    assert answer.lpftLastWriteTime == FILETIME(0xD53E8000, 0x019DB1DE)
    answer = registry.BaseRegEnumKey(machine, 1, room(512), None, None)
    assert (answer.lpNameOut.Buffer, answer.lplpClassOut, answer.lpftLastWriteTime) == ("two\0", None, None)
    with fails_with(errors.ERROR_NO_MORE_ITEMS):
        registry.BaseRegEnumKey(machine, 2, room(512), None, None)


def test_name_without_room_is_more_data(registry: Registry, machine: Key) -> None:
    create(registry, machine, "abc")
    registry.BaseRegEnumKey(machine, 0, room(8), None, None)
    with fails_with(service.ERROR_MORE_DATA):
        registry.BaseRegEnumKey(machine, 0, room(7), None, None)


def test_info_gives_counts_and_lengths_in_octets(registry: Registry, machine: Key) -> None:
    key = create(registry, machine, "key", "Klasse")
    create(registry, key, "four", "five5")
    registry.BaseRegSetValue(key, named("vvv"), 3, b"1234567")
    info = registry.BaseRegQueryInfoKey(key, room(64))
    assert info.lpClassOut.Buffer == "Klasse\0"
    assert (info.lpcSubKeys, info.lpcbMaxSubKeyLen, info.lpcbMaxClassLen) == (1, 8, 10)
    assert (info.lpcValues, info.lpcbMaxValueNameLen, info.lpcbMaxValueLen) == (1, 6, 7)
    assert info.lpftLastWriteTime == FILETIME(0xD53E8000, 0x019DB1DE)
    parts = rights.OWNER | rights.GROUP | rights.DACL
    descriptor = registry.BaseRegGetKeySecurity(
        key, parts, RPC_SECURITY_DESCRIPTOR(b"", cbInSecurityDescriptor=4096, cbOutSecurityDescriptor=0)
    )
    assert info.lpcbSecurityDescriptor == len(descriptor.lpSecurityDescriptor or b"")


def test_class_without_room_is_more_data_unless_there_is_none(registry: Registry, machine: Key) -> None:
    assert registry.BaseRegQueryInfoKey(machine, RPC_UNICODE_STRING(None)).lpClassOut.Buffer is None
    key = create(registry, machine, "key", "Klasse")
    with fails_with(service.ERROR_MORE_DATA):
        registry.BaseRegQueryInfoKey(key, RPC_UNICODE_STRING(None))


def test_flush_and_version_answer(registry: Registry, machine: Key) -> None:
    registry.BaseRegFlushKey(machine)
    assert registry.BaseRegGetVersion(machine) == service.REGISTRY_VERSION


# Values


def test_value_is_read_as_it_was_written(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("v"), 1, memoryview(TEXT))
    assert registry.BaseRegQueryValue(machine, named("V"), 0, b"", 100, 0) == (1, TEXT, len(TEXT), len(TEXT))


def test_value_without_room_is_more_data_with_the_size_needed(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("v"), 1, TEXT)
    for ask in (
        lambda: registry.BaseRegQueryValue(machine, named("v"), 0, b"xx", len(TEXT) - 1, 2),
        lambda: registry.BaseRegEnumValue(machine, 0, room(100), 0, b"xx", len(TEXT) - 1, 2),
    ):
        with pytest.raises(StatusError) as caught:
            ask()
        assert caught.value.code == service.ERROR_MORE_DATA
        assert caught.value.result[-4:] == (1, b"", len(TEXT), 0)


def test_null_buffer_asks_for_the_size(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("v"), 1, TEXT)
    assert registry.BaseRegQueryValue(machine, named("v"), 0, None, 0, 0) == (1, None, len(TEXT), 0)
    assert registry.BaseRegQueryValue(machine, named("v"), None, None, None, None) == (None, None, None, None)


def test_buffer_without_size_is_invalid(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("v"), 1, TEXT)
    for size, length in ((None, 0), (100, None)):
        with fails_with(errors.ERROR_INVALID_PARAMETER):
            registry.BaseRegQueryValue(machine, named("v"), 0, b"", size, length)


def test_values_are_enumerated_with_name_type_and_data(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("v"), 1, TEXT)
    registry.BaseRegSetValue(machine, named(""), 3, b"")
    first = registry.BaseRegEnumValue(machine, 0, room(2), 0, b"", 100, 0)
    assert (first.lpValueNameOut.Buffer, *first[1:]) == ("\0", 3, b"", 0, 0)
    second = registry.BaseRegEnumValue(machine, 1, room(4), None, None, 0, 0)
    assert (second.lpValueNameOut.Buffer, *second[1:]) == ("v\0", None, None, len(TEXT), 0)
    with fails_with(errors.ERROR_NO_MORE_ITEMS):
        registry.BaseRegEnumValue(machine, 2, room(4), 0, b"", 100, 0)
    with fails_with(service.ERROR_MORE_DATA):
        registry.BaseRegEnumValue(machine, 1, room(3), 0, b"", 100, 0)


def test_deleted_value_is_not_found(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("v"), 1, TEXT)
    registry.BaseRegDeleteValue(machine, named("v"))
    with fails_with(errors.ERROR_FILE_NOT_FOUND):
        registry.BaseRegQueryValue(machine, named("v"), 0, b"", 100, 0)


def asked(*names: str) -> list[RVALENT]:
    return [RVALENT(named(name), 0, 0, 0) for name in names]


def test_several_values_lie_one_after_the_other_on_boundaries_of_four(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("a"), 3, b"12345")
    registry.BaseRegSetValue(machine, named("b"), 4, b"abcd")
    whole = b"12345\0\0\0abcd"
    answer = registry.BaseRegQueryMultipleValues(machine, asked("a", "b"), bytes(64), 64)
    assert (answer.lpvalueBuf, answer.ldwTotsize) == (whole, 12)
    entries = [(entry.ve_valuelen, entry.ve_valueptr, entry.ve_type) for entry in answer.val_listOut]
    assert entries == [(5, 0, 3), (4, 8, 4)]
    answer2 = registry.BaseRegQueryMultipleValues2(machine, asked("a", "b"), bytes(16), ldwTotsize=16)
    assert (answer2.lpvalueBuf, answer2.ldwRequiredSize) == (whole + bytes(4), 12)


def test_several_values_without_room_are_more_data_and_send_no_data(registry: Registry, machine: Key) -> None:
    registry.BaseRegSetValue(machine, named("a"), 3, bytes(1000))
    with pytest.raises(StatusError) as caught:
        registry.BaseRegQueryMultipleValues(machine, asked(*["a"] * 50), bytes(1500), 1500)
    assert caught.value.code == service.ERROR_MORE_DATA
    assert caught.value.result[1:] == (None, 50_000)
    with pytest.raises(StatusError) as caught:
        registry.BaseRegQueryMultipleValues2(machine, asked("a", "a"), bytes(1500), ldwTotsize=1500)
    assert caught.value.code == service.ERROR_MORE_DATA
    assert caught.value.result[1:] == (bytes(1500), 2000)


def test_several_values_need_names_that_exist(registry: Registry, machine: Key) -> None:
    with fails_with(errors.ERROR_FILE_NOT_FOUND):
        registry.BaseRegQueryMultipleValues(machine, asked("absent"), b"", 0)
    with fails_with(errors.ERROR_INVALID_PARAMETER):
        registry.BaseRegQueryMultipleValues(machine, [RVALENT(None, 0, 0, 0)], b"", 0)


# Rights


def test_reader_reads_and_writes_nothing(registry: Registry, reader: Registry, machine: Key) -> None:
    create(registry, machine, "key")
    key = reader.OpenLocalMachine(None, rights.MAXIMUM_ALLOWED)
    assert reader.BaseRegEnumKey(key, 0, room(512), None, None).lpNameOut.Buffer == "key\0"
    assert create_for_reading(reader, key, "key").access == rights.KEY_READ
    for attempt in (
        lambda: reader.OpenLocalMachine(None, rights.KEY_WRITE),
        lambda: reader.BaseRegOpenKey(key, named("key"), 0, rights.KEY_SET_VALUE),
        lambda: create(reader, key, "key"),
        lambda: create_for_reading(reader, key, "new"),
        lambda: reader.BaseRegSetValue(key, named("v"), 3, b""),
        lambda: reader.BaseRegDeleteValue(key, named("v")),
        lambda: reader.BaseRegDeleteKey(key, named("key")),
    ):
        with fails_with(rights.ERROR_ACCESS_DENIED):
            attempt()


def create_for_reading(registry: Registry, key: Key, path: str) -> Key:
    answer = registry.BaseRegCreateKey(key, named(path), RPC_UNICODE_STRING(None), 0, rights.KEY_READ, None, 0)
    return answer.phkResult


def test_handle_has_the_rights_it_was_opened_with(registry: Registry) -> None:
    key = registry.OpenLocalMachine(None, rights.KEY_SET_VALUE)
    registry.BaseRegSetValue(key, named("v"), 3, b"x")
    for attempt in (
        lambda: registry.BaseRegQueryValue(key, named("v"), 0, b"", 10, 0),
        lambda: registry.BaseRegEnumValue(key, 0, room(10), 0, b"", 10, 0),
        lambda: registry.BaseRegEnumKey(key, 0, room(10), None, None),
        lambda: registry.BaseRegQueryInfoKey(key, room(10)),
        lambda: registry.BaseRegQueryMultipleValues(key, asked("v"), b"", 0),
        lambda: registry.BaseRegGetKeySecurity(key, rights.OWNER, RPC_SECURITY_DESCRIPTOR(b"")),
    ):
        with fails_with(rights.ERROR_ACCESS_DENIED):
            attempt()


def test_security_has_the_asked_parts_or_says_its_size(registry: Registry, machine: Key) -> None:
    whole = rights.descriptor(rights.OWNER, rights.KEY_ALL_ACCESS)
    spacious = RPC_SECURITY_DESCRIPTOR(None, cbInSecurityDescriptor=1024, cbOutSecurityDescriptor=0)
    assert registry.BaseRegGetKeySecurity(machine, rights.OWNER, spacious).lpSecurityDescriptor == whole
    narrow = RPC_SECURITY_DESCRIPTOR(None, cbInSecurityDescriptor=0, cbOutSecurityDescriptor=0)
    with pytest.raises(StatusError) as caught:
        registry.BaseRegGetKeySecurity(machine, rights.OWNER, narrow)
    assert caught.value.code == service.ERROR_INSUFFICIENT_BUFFER
    assert caught.value.result.cbInSecurityDescriptor == len(whole)
    with fails_with(rights.ERROR_ACCESS_DENIED):
        registry.BaseRegGetKeySecurity(machine, rights.SACL, spacious)


# What makes no sense here

FILE = RPC_UNICODE_STRING("file\0")
REFUSED: list[Callable[[Registry, Key], object]] = [
    lambda registry, key: registry.OpenPerformanceData(None, 0),
    lambda registry, key: registry.OpenPerformanceText(None, 0),
    lambda registry, key: registry.OpenPerformanceNlsText(None, 0),
    lambda registry, key: registry.BaseRegLoadKey(key, FILE, FILE),
    lambda registry, key: registry.BaseRegUnLoadKey(key, FILE),
    lambda registry, key: registry.BaseRegReplaceKey(key, FILE, FILE, FILE),
    lambda registry, key: registry.BaseRegRestoreKey(key, FILE, 0),
    lambda registry, key: registry.BaseRegSaveKey(key, FILE, None),
    lambda registry, key: registry.BaseRegSaveKeyEx(key, FILE, None, 0),
    lambda registry, key: registry.BaseRegSetKeySecurity(key, rights.OWNER, RPC_SECURITY_DESCRIPTOR(b"")),
]


@pytest.mark.parametrize("call", REFUSED)
def test_what_makes_no_sense_here_is_not_implemented(
    registry: Registry, machine: Key, call: Callable[[Registry, Key], object]
) -> None:
    with fails_with(service.ERROR_CALL_NOT_IMPLEMENTED):
        call(registry, machine)


def test_numbers_never_on_the_wire_have_no_operation() -> None:
    assert set(range(36)) - set(Registry.interface.by_opnum) == {14, 24, 25, 28, 30}
