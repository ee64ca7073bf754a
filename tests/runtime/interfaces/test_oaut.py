"""The stub of automation: its interfaces, and the wire forms of a VARIANT and a SAFEARRAY ([MS-OAUT] 2.2.29, 2.2.30).

tests/runtime/automation has the Python values of these.
"""

from __future__ import annotations

from typing import Any

import pytest

from lrpc.runtime.interfaces import oaut
from lrpc.runtime.ndr.compiler import compiled_type
from lrpc.runtime.ndr.layout import Encoding

NEXT = oaut.IEnumVARIANT.interface.by_opnum[3]


def blob(text: str) -> oaut.FLAGGED_WORD_BLOB:
    return oaut.FLAGGED_WORD_BLOB(2 * len(text), [ord(letter) for letter in text], clSize=len(text))


def variant(kind: int, value: Any) -> oaut.wireVARIANTStr:
    return oaut.wireVARIANTStr(3, 0, kind, 0, 0, 0, value)


def there_and_back(value: oaut.wireVARIANTStr, encoding: Encoding) -> oaut.wireVARIANTStr:
    codec = compiled_type(oaut.__layouts__["wireVARIANT"], encoding)
    [found] = codec.decode(b"".join(codec.encode([value])))
    assert isinstance(found, oaut.wireVARIANTStr)
    return found


@pytest.mark.parametrize(
    ("contract", "uuid", "last"),
    [
        (oaut.IDispatch, "00020400", (6, "Invoke")),
        (oaut.IEnumVARIANT, "00020404", (6, "Clone")),
        (oaut.ITypeComp, "00020403", (4, "BindType")),
        (oaut.ITypeInfo, "00020401", (18, "GetContainingTypeLib")),
        (oaut.ITypeInfo2, "00020412", (36, "GetAllImplTypeCustData")),
        (oaut.ITypeLib, "00020402", (11, "FindName")),
        (oaut.ITypeLib2, "00020411", (16, "GetAllCustData")),
    ],
)
def test_interface_has_the_uuid_and_numbers_of_the_specification(contract: Any, uuid: str, last: Any) -> None:
    found = contract.interface
    assert str(found.uuid) == f"{uuid}-0000-0000-c000-000000000046"
    assert max((operation.opnum, operation.name) for operation in found.operations) == last


def test_integer_in_a_variant_takes_its_own_width_behind_a_type_of_32_bits() -> None:
    response = b"".join(NEXT.ndr.response.encode([[-2], 1, 0], [1]))
    body = response[16:]  # behind size, offset and count of the array, and the referent
    assert body[:16] == bytes([3, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0])
    assert body[16:24] == bytes([3, 0, 0, 0, 0xFE, 0xFF, 0xFF, 0xFF])


@pytest.mark.parametrize("encoding", [Encoding.NDR, Encoding.NDR64])
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (oaut.VARENUM.VT_EMPTY, None),
        (oaut.VARENUM.VT_BSTR, blob("name")),
        (oaut.VARENUM.VT_CY, oaut.CURRENCY(12345)),
        (oaut.VARENUM.VT_R8, 1.5),
        (oaut.VARENUM.VT_DECIMAL, oaut.DECIMAL(0, 2, 0x80, 0, 314)),
        (oaut.VARENUM.VT_VARIANT | oaut.VARENUM.VT_BYREF, variant(oaut.VARENUM.VT_I2, 5)),
    ],
)
def test_value_of_a_variant_survives(kind: int, value: Any, encoding: Encoding) -> None:
    assert there_and_back(variant(kind, value), encoding)._varUnion == value


@pytest.mark.parametrize("encoding", [Encoding.NDR, Encoding.NDR64])
def test_array_of_strings_survives(encoding: Encoding) -> None:
    strings = oaut.SAFEARRAYUNION(oaut.SF_TYPE.SF_BSTR, oaut.SAFEARR_BSTR([blob("a"), None], Size=2))
    array = oaut.wireSAFEARRAYStr(oaut.ADVFEATUREFLAGS.FADF_BSTR, 8, 0, strings, [oaut.SAFEARRAYBOUND(2, 0)], cDims=1)
    assert there_and_back(variant(oaut.VARENUM.VT_ARRAY, array), encoding)._varUnion == array
