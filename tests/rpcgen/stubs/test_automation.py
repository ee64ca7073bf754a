"""Which conversions the runtime knows, and what stubs say of them."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import generate, model
from lrpc.rpcgen.stubs.automation import GIVEN, TAKEN, automation_word
from tests.rpcgen.texts import codes, made

REMOTE = "[uuid(12345678-1234-1234-1234-123456789002)] interface j"
HEAD = "[object, uuid(12345678-1234-1234-1234-123456789001), pointer_default(unique)] interface i : IUnknown"


def stub_of(text: str) -> str:
    assert codes(text) == []
    return generate(made(text), source="a.idl", command="test")


def test_types_of_automation_are_words_of_the_runtime() -> None:
    stub = stub_of(
        f'import "oaidl.idl"; {HEAD} {{ HRESULT f([in] BSTR a, [in] VARIANT b, [in] SAFEARRAY(VARIANT) c, '
        "[out] BSTR *d, [out] VARIANT *e, [out] SAFEARRAY(long) *f); }"
    )
    assert "def f(self, a: str | None, b: rpc.VariantValue, c: rpc.ArrayValue | None) -> fResult:" in stub
    for line in ("d: str | None", "e: rpc.Variant", "f: rpc.SafeArray | None"):
        assert f"\n    {line}\n" in stub
    for line in ('rpc.In("a", rpc.BSTR)', 'rpc.In("b", rpc.VARIANT)', 'rpc.In("c", rpc.UniquePtr(rpc.SAFEARRAY))'):
        assert line in stub
    for word in GIVEN:
        assert f'"{word}": rpc.{word},' in stub
        assert f"{word}: Final" not in stub


def test_types_of_ones_own_idl_are_known_over_the_same_structures() -> None:
    blob = "typedef struct _FLAGGED_WORD_BLOB { unsigned long cBytes; unsigned long clSize; "
    blob += "[size_is(clSize)] unsigned short asData[]; } FLAGGED_WORD_BLOB;"
    wire = "typedef [unique] FLAGGED_WORD_BLOB *wireBSTR; typedef [wire_marshal(wireBSTR)] wchar_t *BSTR;"
    assert 'rpc.In("a", rpc.BSTR)' in stub_of(f"{blob} {wire} {REMOTE} {{ void f([in] BSTR a); }}")


@pytest.mark.parametrize(
    ("name", "by", "wire", "word"),
    [
        ("BSTR", "wire_marshal", "FLAGGED_WORD_BLOB", "BSTR"),
        ("VARIANT", "wire_marshal", "wireVARIANTStr", "VARIANT"),
        ("SAFEARRAY", "wire_marshal", "wireSAFEARRAYStr", "SAFEARRAY"),
        ("BSTR", "transmit_as", "FLAGGED_WORD_BLOB", None),
        ("BSTR", "wire_marshal", "BLOB", None),
        ("TEXT", "wire_marshal", "FLAGGED_WORD_BLOB", None),
    ],
)
def test_name_attribute_and_wire_form_make_a_type_of_automation(
    name: str, by: str, wire: str, word: str | None
) -> None:
    structure = model.Structure(key="w", name=wire, members=())
    pointer = model.Pointer(pointer="unique", target=model.Defined(key="w"))
    conversion = model.ConversionType.model_validate({"key": "c", "name": name, "by": by, "wire": pointer})
    assert automation_word(conversion, {"w": structure, "c": conversion}) == word
    assert automation_word(conversion, {}) is None
    assert automation_word(structure, {"w": structure}) is None
    assert GIVEN.keys() == TAKEN.keys()
