"""impacket's type serialization against ours: each side reads what the other writes."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

import lrpc
from lrpc.runtime.interfaces import pac

pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("default")]

LOGON = pac.KERB_VALIDATION_INFO | None


@pytest.fixture(scope="module")
def theirs() -> Any:
    return import_module("impacket.krb5.pac")


def filled(theirs: Any, name: str) -> Any:
    """A logon by impacket."""
    wrapped, info = theirs.VALIDATION_INFO(), theirs.KERB_VALIDATION_INFO()
    for field in info.structure:
        if field[1] is theirs.FILETIME:
            info[field[0]]["dwLowDateTime"], info[field[0]]["dwHighDateTime"] = 1, 2
        elif field[1] is theirs.RPC_UNICODE_STRING:
            info[field[0]] = f"{name} {field[0]}"
    for field, value in {"UserId": 1104, "PrimaryGroupId": 513, "GroupCount": 1, "UserFlags": 32}.items():
        info[field] = value
    group = import_module("impacket.dcerpc.v5.samr").GROUP_MEMBERSHIP()
    group["RelativeId"], group["Attributes"] = 513, 7
    info["GroupIds"].append(group)
    info["LogonDomainId"].fromCanonical("S-1-5-21-7")
    for field in ("ExtraSids", "ResourceGroupDomainSid", "ResourceGroupIds"):
        info[field] = import_module("impacket.dcerpc.v5.dtypes").NULL
    info["UserSessionKey"], info["LMKey"] = bytes(16), bytes(8)
    wrapped["Data"] = info
    return wrapped


@pytest.mark.parametrize("name", ["", "a", "ab", "abc"])
def test_logon_by_impacket_is_read(theirs: Any, name: str) -> None:
    wrapped = filled(theirs, name)
    info: Any = lrpc.deserialize(LOGON, wrapped.getData() + wrapped.getDataReferents())
    assert (info.EffectiveName.Buffer, info.UserId) == (f"{name} EffectiveName", 1104)
    assert (info.GroupIds, info.LogonDomainId.SubAuthority) == ([pac.GROUP_MEMBERSHIP(513, 7)], [21, 7])


@pytest.mark.parametrize("name", ["", "a", "ab", "abc"])
def test_logon_by_us_is_read_by_impacket(theirs: Any, name: str) -> None:
    wrapped = filled(theirs, name)
    octets = lrpc.serialize(LOGON, lrpc.deserialize(LOGON, wrapped.getData() + wrapped.getDataReferents()))
    found = theirs.VALIDATION_INFO()
    found.fromString(octets)
    found.fromStringReferents(octets[len(found.getData()) :])
    assert found["Data"]["EffectiveName"] == f"{name} EffectiveName"
    assert found["Data"]["LogonDomainId"].formatCanonical() == "S-1-5-21-7"
    assert len(octets) % 8 == 0
