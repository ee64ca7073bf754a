"""impacket's registry client against our service: it sees what our own client sees, and what it writes stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import lrpc
from examples.registry import walk
from examples.registry.hive import ERROR_FILE_NOT_FOUND, ERROR_NO_MORE_ITEMS
from examples.registry.rights import KEY_READ
from examples.registry.values import RegistryType, decode
from lrpc.runtime.interfaces.winreg import winregClient

pytestmark = [
    pytest.mark.interop,
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("wireshark"),
]

WRITTEN = [
    ("text", RegistryType.REG_SZ, "grüße 𝄞\0"),
    ("expand", RegistryType.REG_EXPAND_SZ, "%HOME%\0"),
    ("list", RegistryType.REG_MULTI_SZ, "one\0two\0\0"),
    ("number", RegistryType.REG_DWORD, 0xDEADBEEF),
    ("octets", RegistryType.REG_BINARY, bytes(range(256)) * 16),
    ("", RegistryType.REG_SZ, "the default value\0"),
]


@pytest.fixture
def dce(registry_service: str, impacket_bound: Callable[[int], Any]) -> Any:
    return impacket_bound(port_of(registry_service))


def port_of(binding: str) -> int:
    found = re.search(r"\[(\d+)\]", binding)
    assert found is not None
    return int(found[1])


@pytest.fixture
def machine(dce: Any) -> Any:
    from impacket.dcerpc.v5 import rrp

    return rrp.hOpenLocalMachine(dce)["phKey"]


def until_no_more(ask: Callable[[int], Any]) -> Iterator[Any]:
    from impacket.dcerpc.v5 import rrp

    for index in range(10_000):
        try:
            yield ask(index)
        except rrp.DCERPCSessionError as error:
            if error.get_error_code() == ERROR_NO_MORE_ITEMS:
                return
            raise


def seen_by_impacket(dce: Any, key: Any, name: str) -> walk.Node:
    """The tree below an open key as impacket reads it."""
    from impacket.dcerpc.v5 import rrp

    node = walk.Node(name)
    for answer in until_no_more(lambda index: rrp.hBaseRegEnumValue(dce, key, index)):
        value_name = answer["lpValueNameOut"][:-1]
        node.values.append(walk.Value(value_name, answer["lpType"], b"".join(answer["lpData"])))
    for answer in until_no_more(lambda index: rrp.hBaseRegEnumKey(dce, key, index)):
        child_name = answer["lpNameOut"][:-1]
        child = rrp.hBaseRegOpenKey(dce, key, child_name)["phkResult"]
        node.subkeys.append(seen_by_impacket(dce, child, child_name))
        rrp.hBaseRegCloseKey(dce, child)
    return node


def test_impacket_sees_the_same_registry_as_our_client(dce: Any, machine: Any, registry_service: str) -> None:
    with lrpc.connect(winregClient, registry_service) as ours:
        expected = walk.walk(ours)
    seen = seen_by_impacket(dce, machine, "HKEY_LOCAL_MACHINE")
    assert expected.keys() > 10
    assert list(seen.rows()) == list(expected.rows())


@pytest.mark.parametrize(("name", "kind", "value"), WRITTEN)
def test_impacket_reads_back_what_it_writes(dce: Any, machine: Any, name: str, kind: int, value: object) -> None:
    from impacket.dcerpc.v5 import rrp

    key = rrp.hBaseRegCreateKey(dce, machine, "SOFTWARE\\Interop")["phkResult"]
    rrp.hBaseRegSetValue(dce, key, name, kind, value)
    assert rrp.hBaseRegQueryValue(dce, key, name) == (kind, value)


def test_our_client_reads_what_impacket_writes(dce: Any, machine: Any, registry_service: str) -> None:
    from impacket.dcerpc.v5 import rrp

    created = rrp.hBaseRegCreateKey(dce, machine, "SOFTWARE\\Interop\\Deep")
    assert created["lpdwDisposition"] == rrp.REG_CREATED_NEW_KEY
    for name, kind, value in WRITTEN:
        rrp.hBaseRegSetValue(dce, created["phkResult"], name, kind, value)
    with lrpc.connect(winregClient, registry_service) as ours:
        tree = walk.walk(ours, "software\\interop\\deep")
    values = {value.name: decode(value.type, value.data) for value in tree.values}
    assert values["text"] == "grüße 𝄞"
    assert values["list"] == ["one", "two"]
    assert values["number"] == 0xDEADBEEF
    assert len(values) == len(WRITTEN)


def test_impacket_deletes_what_it_created(dce: Any, machine: Any, registry_service: str) -> None:
    from impacket.dcerpc.v5 import rrp
    from impacket.dcerpc.v5.rpcrt import DCERPCException

    key = rrp.hBaseRegCreateKey(dce, machine, "SOFTWARE\\Interop")["phkResult"]
    rrp.hBaseRegSetValue(dce, key, "v", RegistryType.REG_DWORD, 1)
    rrp.hBaseRegDeleteValue(dce, key, "v")
    with pytest.raises(rrp.DCERPCSessionError, match="ERROR_FILE_NOT_FOUND"):
        rrp.hBaseRegQueryValue(dce, key, "v")
    rrp.hBaseRegCloseKey(dce, key)
    with pytest.raises(DCERPCException, match=r"(?i)access_denied"):
        rrp.hBaseRegDeleteKey(dce, machine, "SOFTWARE")
    rrp.hBaseRegDeleteKey(dce, machine, "SOFTWARE\\Interop")
    with lrpc.connect(winregClient, registry_service) as ours:
        root = ours.OpenLocalMachine(None, KEY_READ)
        with pytest.raises(lrpc.StatusError) as caught:
            ours.BaseRegOpenKey(root, walk.named("SOFTWARE\\Interop"), 0, KEY_READ)
    assert caught.value.code == ERROR_FILE_NOT_FOUND


def test_impacket_asks_what_a_key_is(dce: Any, machine: Any) -> None:
    from impacket.dcerpc.v5 import rrp

    key = rrp.hBaseRegOpenKey(dce, machine, "SOFTWARE\\OperatingSystem")["phkResult"]
    info = rrp.hBaseRegQueryInfoKey(dce, key)
    names = [answer["lpValueNameOut"][:-1] for answer in until_no_more(lambda i: rrp.hBaseRegEnumValue(dce, key, i))]
    assert (info["lpcSubKeys"], info["lpcValues"]) == (0, len(names))
    assert info["lpcbMaxValueNameLen"] == 2 * max(map(len, names))
    assert rrp.hBaseRegGetVersion(dce, key)["lpdwVersion"] == 5
    rrp.hBaseRegFlushKey(dce, key)


def test_impacket_gets_a_security_descriptor(dce: Any, machine: Any) -> None:
    from impacket.dcerpc.v5 import rrp
    from impacket.ldap.ldaptypes import SR_SECURITY_DESCRIPTOR

    answer = rrp.hBaseRegGetKeySecurity(dce, machine, 0b101)
    octets = b"".join(answer["pRpcSecurityDescriptorOut"]["lpSecurityDescriptor"])
    descriptor = SR_SECURITY_DESCRIPTOR(data=octets)
    assert descriptor["OwnerSid"].formatCanonical() == "S-1-5-32-544"
    assert len(descriptor["Dacl"].aces) == 2


def test_impacket_asks_for_several_values_at_once(dce: Any, machine: Any) -> None:
    from impacket.dcerpc.v5 import rrp

    key = rrp.hBaseRegCreateKey(dce, machine, "SOFTWARE\\Interop")["phkResult"]
    rrp.hBaseRegSetValue(dce, key, "a", RegistryType.REG_SZ, "eins")
    rrp.hBaseRegSetValue(dce, key, "b", RegistryType.REG_DWORD, 2)
    wanted = [
        {"ValueName": "a", "ValueType": RegistryType.REG_SZ},
        {"ValueName": "b", "ValueType": RegistryType.REG_DWORD},
    ]
    answers = rrp.hBaseRegQueryMultipleValues(dce, key, wanted)
    assert [answer["ValueData"] for answer in answers] == ["eins\0", 2]


def test_handle_of_another_connection_is_refused(
    dce: Any, machine: Any, registry_service: str, impacket_bound: Callable[[int], Any]
) -> None:
    from impacket.dcerpc.v5 import rrp
    from impacket.dcerpc.v5.rpcrt import DCERPCException

    other = impacket_bound(port_of(registry_service))
    with pytest.raises(DCERPCException, match="context_mismatch"):
        rrp.hBaseRegEnumKey(other, machine, 0)
    assert rrp.hBaseRegEnumKey(dce, machine, 0)["lpNameOut"] == "HARDWARE\0"
