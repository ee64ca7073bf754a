"""The winreg service: every operation of [MS-RRP] over a hive.

Counterparts: `idl/winreg.idl` (the interface), `hive.py` (the data), `rights.py` (who may do what).
Names travel with their terminating NUL, which their lengths count ([MS-RRP] 2.2.4); inside they are
plain strings. What makes no sense here (other hive files, performance data) answers a Win32 error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, TypeVar

from lrpc import StatusError
from lrpc.runtime import stub as rpc
from lrpc.runtime.interfaces.winreg import (
    FILETIME,
    RPC_SECURITY_ATTRIBUTES,
    RPC_SECURITY_DESCRIPTOR,
    RPC_UNICODE_STRING,
    RVALENT,
    BaseRegCreateKeyResult,
    BaseRegEnumKeyResult,
    BaseRegEnumValueResult,
    BaseRegQueryInfoKeyResult,
    BaseRegQueryMultipleValues2Result,
    BaseRegQueryMultipleValuesResult,
    BaseRegQueryValueResult,
    winreg,
)

from . import rights
from .hive import ERROR_FILE_NOT_FOUND, ERROR_INVALID_PARAMETER, Hive, Value

ERROR_INVALID_HANDLE: Final = 6
ERROR_CALL_NOT_IMPLEMENTED: Final = 120
ERROR_INSUFFICIENT_BUFFER: Final = 122
ERROR_MORE_DATA: Final = 234

REG_OPTION_VOLATILE: Final = 1
REG_OPTION_CREATE_LINK: Final = 2
REG_CREATED_NEW_KEY: Final = 1
REG_OPENED_EXISTING_KEY: Final = 2

REGISTRY_VERSION: Final = 5
"""What BaseRegGetVersion answers: the version of the registry since Windows 2000."""

R = TypeVar("R")

LOCAL_MACHINE: Final = "HKEY_LOCAL_MACHINE"
USERS: Final = "HKEY_USERS"


@dataclass(slots=True)
class Key:
    """An open key: what a handle of the client stands for."""

    number: int
    access: int

    def close(self) -> None:
        """The client closed the key or went away: the handle is good for nothing any more."""
        self.access = 0


class Registry(winreg):
    """The registry in `hive`, for anyone who can reach it; `writable=False` admits readers only."""

    def __init__(self, hive: Hive, *, writable: bool = True) -> None:
        self._hive = hive
        self._allowed = rights.KEY_ALL_ACCESS if writable else rights.KEY_READ
        self._security = rights.descriptor(rights.OWNER | rights.GROUP | rights.DACL, self._allowed)

    # The predefined keys

    def OpenClassesRoot(self, ServerName: object, samDesired: int) -> rpc.Context:
        return self._predefined(LOCAL_MACHINE, r"SOFTWARE\Classes", samDesired)

    def OpenCurrentUser(self, ServerName: object, samDesired: int) -> rpc.Context:
        return self._predefined(USERS, ".DEFAULT", samDesired)

    def OpenLocalMachine(self, ServerName: object, samDesired: int) -> rpc.Context:
        return self._predefined(LOCAL_MACHINE, "", samDesired)

    def OpenUsers(self, ServerName: object, samDesired: int) -> rpc.Context:
        return self._predefined(USERS, "", samDesired)

    def OpenCurrentConfig(self, ServerName: object, samDesired: int) -> rpc.Context:
        return self._predefined(LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Hardware Profiles\Current", samDesired)

    # Keys

    def BaseRegOpenKey(
        self, hKey: rpc.Context, lpSubKey: RPC_UNICODE_STRING, dwOptions: int, samDesired: int
    ) -> rpc.Context:
        return self._opened(self._hive.open(hKey.number, plain(lpSubKey)), samDesired)

    def BaseRegCreateKey(
        self,
        hKey: rpc.Context,
        lpSubKey: RPC_UNICODE_STRING,
        lpClass: RPC_UNICODE_STRING,
        dwOptions: int,
        samDesired: int,
        lpSecurityAttributes: RPC_SECURITY_ATTRIBUTES | None,
        lpdwDisposition: int | None,
    ) -> BaseRegCreateKeyResult:
        path = plain(lpSubKey)
        access = rights.granted(samDesired, self._allowed)
        if dwOptions & REG_OPTION_CREATE_LINK:
            raise StatusError(ERROR_CALL_NOT_IMPLEMENTED)
        number, made = self._created(hKey, path, plain(lpClass), bool(dwOptions & REG_OPTION_VOLATILE))
        disposition = REG_CREATED_NEW_KEY if made else REG_OPENED_EXISTING_KEY
        return BaseRegCreateKeyResult(Key(number, access), None if lpdwDisposition is None else disposition)

    def BaseRegCloseKey(self, hKey: rpc.Context) -> rpc.Context:
        if hKey is None:
            raise StatusError(ERROR_INVALID_HANDLE)
        hKey.close()
        return None

    def BaseRegDeleteKey(self, hKey: rpc.Context, lpSubKey: RPC_UNICODE_STRING) -> None:
        rights.require(self._allowed, rights.DELETE)
        self._hive.delete(hKey.number, plain(lpSubKey))

    def BaseRegDeleteKeyEx(
        self, hKey: rpc.Context, lpSubKey: RPC_UNICODE_STRING, AccessMask: int, Reserved: int
    ) -> None:
        if Reserved or AccessMask & ~rights.KEY_WOW64:
            raise StatusError(ERROR_INVALID_PARAMETER)
        self.BaseRegDeleteKey(hKey, lpSubKey)

    def BaseRegEnumKey(
        self,
        hKey: rpc.Context,
        dwIndex: int,
        lpNameIn: RPC_UNICODE_STRING,
        lpClassIn: RPC_UNICODE_STRING | None,
        lpftLastWriteTime: FILETIME | None,
    ) -> BaseRegEnumKeyResult:
        rights.require(hKey.access, rights.KEY_ENUMERATE_SUB_KEYS)
        subkey = self._hive.subkey(hKey.number, dwIndex)
        return BaseRegEnumKeyResult(
            _fitted(subkey.name, lpNameIn),
            None if lpClassIn is None else _fitted(subkey.class_name, lpClassIn),
            None if lpftLastWriteTime is None else _filetime(subkey.written),
        )

    def BaseRegQueryInfoKey(self, hKey: rpc.Context, lpClassIn: RPC_UNICODE_STRING) -> BaseRegQueryInfoKeyResult:
        rights.require(hKey.access, rights.KEY_QUERY_VALUE)
        info = self._hive.info(hKey.number)
        return BaseRegQueryInfoKeyResult(
            _fitted(info.class_name, lpClassIn),
            info.subkeys,
            2 * info.longest_subkey,
            2 * info.longest_class,
            info.values,
            2 * info.longest_value_name,
            info.longest_value,
            len(self._security),
            _filetime(info.written),
        )

    def BaseRegFlushKey(self, hKey: rpc.Context) -> None:
        self._hive.flush()

    def BaseRegGetVersion(self, hKey: rpc.Context) -> int:
        return REGISTRY_VERSION

    # Values

    def BaseRegSetValue(
        self,
        hKey: rpc.Context,
        lpValueName: RPC_UNICODE_STRING,
        dwType: int,
        lpData: rpc.Octets,
        *,
        cbData: int = rpc.AUTO,
    ) -> None:
        rights.require(hKey.access, rights.KEY_SET_VALUE)
        self._hive.set_value(hKey.number, plain(lpValueName), dwType, bytes(lpData))

    def BaseRegDeleteValue(self, hKey: rpc.Context, lpValueName: RPC_UNICODE_STRING) -> None:
        rights.require(hKey.access, rights.KEY_SET_VALUE)
        self._hive.delete_value(hKey.number, plain(lpValueName))

    def BaseRegQueryValue(
        self,
        hKey: rpc.Context,
        lpValueName: RPC_UNICODE_STRING,
        lpType: int | None,
        lpData: rpc.Octets | None,
        lpcbData: int | None,
        lpcbLen: int | None,
    ) -> BaseRegQueryValueResult:
        rights.require(hKey.access, rights.KEY_QUERY_VALUE)
        value = self._hive.value(hKey.number, plain(lpValueName))
        kind = None if lpType is None else value.type
        data, fits = _data(value.data, lpData, lpcbData, lpcbLen)
        return _answer(BaseRegQueryValueResult(kind, *data), fits)

    def BaseRegEnumValue(
        self,
        hKey: rpc.Context,
        dwIndex: int,
        lpValueNameIn: RPC_UNICODE_STRING,
        lpType: int | None,
        lpData: rpc.Octets | None,
        lpcbData: int | None,
        lpcbLen: int | None,
    ) -> BaseRegEnumValueResult:
        rights.require(hKey.access, rights.KEY_QUERY_VALUE)
        value = self._hive.value_at(hKey.number, dwIndex)
        name, kind = _fitted(value.name, lpValueNameIn), None if lpType is None else value.type
        data, fits = _data(value.data, lpData, lpcbData, lpcbLen)
        return _answer(BaseRegEnumValueResult(name, kind, *data), fits)

    def BaseRegQueryMultipleValues(
        self,
        hKey: rpc.Context,
        val_listIn: Sequence[RVALENT],
        lpvalueBuf: rpc.Octets | None,
        ldwTotsize: int,
        *,
        num_vals: int = rpc.AUTO,
    ) -> BaseRegQueryMultipleValuesResult:
        entries, data, needed = self._several(hKey, val_listIn, ldwTotsize)
        fits = lpvalueBuf is not None and needed <= ldwTotsize
        return _answer(BaseRegQueryMultipleValuesResult(entries, data if fits else None, needed), fits)

    def BaseRegQueryMultipleValues2(
        self,
        hKey: rpc.Context,
        val_listIn: Sequence[RVALENT],
        lpvalueBuf: rpc.Octets | None,
        *,
        num_vals: int = rpc.AUTO,
        ldwTotsize: int = rpc.AUTO,
    ) -> BaseRegQueryMultipleValues2Result:
        entries, data, needed = self._several(hKey, val_listIn, ldwTotsize)
        fits = lpvalueBuf is not None and needed <= ldwTotsize
        # The buffer comes back in the size it was sent in, which alone says how long it is.
        padded = None if lpvalueBuf is None else data.ljust(ldwTotsize, b"\0")
        return _answer(BaseRegQueryMultipleValues2Result(entries, padded, needed), fits)

    # Security

    def BaseRegGetKeySecurity(
        self, hKey: rpc.Context, SecurityInformation: int, pRpcSecurityDescriptorIn: RPC_SECURITY_DESCRIPTOR
    ) -> RPC_SECURITY_DESCRIPTOR:
        rights.require(hKey.access, rights.READ_CONTROL)
        if SecurityInformation & rights.SACL:
            raise StatusError(rights.ERROR_ACCESS_DENIED)
        data = rights.descriptor(SecurityInformation, self._allowed)
        if len(data) > pRpcSecurityDescriptorIn.cbInSecurityDescriptor:
            empty = RPC_SECURITY_DESCRIPTOR(b"", cbInSecurityDescriptor=len(data), cbOutSecurityDescriptor=0)
            raise StatusError(ERROR_INSUFFICIENT_BUFFER, empty)
        return RPC_SECURITY_DESCRIPTOR(data)

    def BaseRegSetKeySecurity(
        self, hKey: rpc.Context, SecurityInformation: int, pRpcSecurityDescriptor: RPC_SECURITY_DESCRIPTOR
    ) -> None:
        _refuse()

    # What makes no sense here

    def OpenPerformanceData(self, ServerName: object, samDesired: int) -> rpc.Context:
        _refuse()

    def OpenPerformanceText(self, ServerName: object, samDesired: int) -> rpc.Context:
        _refuse()

    def OpenPerformanceNlsText(self, ServerName: object, samDesired: int) -> rpc.Context:
        _refuse()

    def BaseRegLoadKey(self, hKey: rpc.Context, lpSubKey: RPC_UNICODE_STRING, lpFile: RPC_UNICODE_STRING) -> None:
        _refuse()

    def BaseRegUnLoadKey(self, hKey: rpc.Context, lpSubKey: RPC_UNICODE_STRING) -> None:
        _refuse()

    def BaseRegReplaceKey(
        self,
        hKey: rpc.Context,
        lpSubKey: RPC_UNICODE_STRING,
        lpNewFile: RPC_UNICODE_STRING,
        lpOldFile: RPC_UNICODE_STRING,
    ) -> None:
        _refuse()

    def BaseRegRestoreKey(self, hKey: rpc.Context, lpFile: RPC_UNICODE_STRING, Flags: int) -> None:
        _refuse()

    def BaseRegSaveKey(
        self, hKey: rpc.Context, lpFile: RPC_UNICODE_STRING, pSecurityAttributes: RPC_SECURITY_ATTRIBUTES | None
    ) -> None:
        _refuse()

    def BaseRegSaveKeyEx(
        self,
        hKey: rpc.Context,
        lpFile: RPC_UNICODE_STRING,
        pSecurityAttributes: RPC_SECURITY_ATTRIBUTES | None,
        Flags: int,
    ) -> None:
        _refuse()

    # Within

    def _predefined(self, root: str, path: str, desired: int) -> Key:
        access = rights.granted(desired, self._allowed)
        with self._hive.change():
            return Key(self._hive.create(self._hive.root(root), path)[0], access)

    def _opened(self, number: int, desired: int) -> Key:
        return Key(number, rights.granted(desired, self._allowed))

    def _created(self, key: Key, path: str, class_name: str, volatile: bool) -> tuple[int, bool]:
        """An existing key opens for readers too; only making one takes the right to."""
        try:
            return self._hive.open(key.number, path), False
        except StatusError as error:
            if error.code != ERROR_FILE_NOT_FOUND:
                raise
        rights.require(self._allowed, rights.KEY_CREATE_SUB_KEY)
        return self._hive.create(key.number, path, class_name, volatile=volatile)

    def _several(self, key: Key, wanted: Sequence[RVALENT], room: int) -> tuple[list[RVALENT], bytes, int]:
        """The answers, their data on boundaries of 4 octets as far as it fits into `room`, and the size of all."""
        rights.require(key.access, rights.KEY_QUERY_VALUE)
        entries, data, size = list[RVALENT](), bytearray(), 0
        for entry in wanted:
            value = self._named(key, entry)
            size += -size % 4
            entries.append(RVALENT(entry.ve_valuename, len(value.data), size, value.type))
            if size + len(value.data) <= room:
                data += value.data.rjust(len(value.data) + size - len(data), b"\0")
            size += len(value.data)
        return entries, bytes(data), size

    def _named(self, key: Key, entry: RVALENT) -> Value:
        if entry.ve_valuename is None:
            raise StatusError(ERROR_INVALID_PARAMETER)
        return self._hive.value(key.number, plain(entry.ve_valuename))


def _refuse() -> NoReturn:
    raise StatusError(ERROR_CALL_NOT_IMPLEMENTED)


def plain(string: RPC_UNICODE_STRING) -> str:
    """A name as it was sent, without its terminating NUL; a null one is empty."""
    return (string.Buffer or "").removesuffix("\0")


def _fitted(name: str, room: RPC_UNICODE_STRING) -> RPC_UNICODE_STRING:
    """A name as it is sent; ERROR_MORE_DATA when the caller has no room for it, except for none at all."""
    if len(name.encode("utf-16-le")) + 2 > room.MaximumLength:
        if name:
            raise StatusError(ERROR_MORE_DATA)
        return RPC_UNICODE_STRING(None)
    return RPC_UNICODE_STRING(f"{name}\0")


def _filetime(time: int) -> FILETIME:
    return FILETIME(time & 0xFFFF_FFFF, time >> 32)


Data = tuple[bytes | None, int | None, int | None]
"""lpData, lpcbData and lpcbLen of an answer."""


def _data(data: bytes, buffer: rpc.Octets | None, size: int | None, length: int | None) -> tuple[Data, bool]:
    """The answer about a value's data, and whether it fits. Without a buffer the size alone is asked for."""
    if buffer is None:
        return (None, None if size is None else len(data), None if length is None else 0), True
    if size is None or length is None:
        raise StatusError(ERROR_INVALID_PARAMETER)
    if len(data) > size:
        return (b"", len(data), 0), False
    return (data, len(data), len(data)), True


def _answer(result: R, fits: bool) -> R:
    """The result as it is, or with ERROR_MORE_DATA beside it."""
    if not fits:
        raise StatusError(ERROR_MORE_DATA, result)
    return result
