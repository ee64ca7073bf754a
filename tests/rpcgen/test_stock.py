"""The stock files for Windows' own: interfaces of objects with the numbers that Windows gives their operations."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrpc.rpcgen import compile_idl, generate
from lrpc.rpcgen.source import STOCK
from tests.rpcgen.texts import compiled, made

IDL = Path(__file__).parents[2] / "idl"
FILES = sorted(set(STOCK.values()))
LAST = {
    "objidl": {
        "IStream": ("Clone", 13), "IStorage": ("Stat", 17), "IMoniker": ("IsSystemMoniker", 22),
        "IBindCtx": ("RevokeObjectParam", 12), "IRunningObjectTable": ("EnumRunning", 9),
        "IPersistFile": ("GetCurFile", 8),
        "IDataObject": ("EnumDAdvise", 11), "IAdviseSink": ("RemoteOnClose", 7), "IEnumString": ("Clone", 6),
        "ILockBytes": ("Stat", 9),
    },
    "oaidl": {"IErrorInfo": ("GetHelpContext", 7), "IPropertyBag": ("Write", 4)},
    "oleidl": {"IOleObject": ("SetColorScheme", 23), "IOleInPlaceSite": ("OnPosRectChange", 14)},
    "ocidl": {
        "IConnectionPoint": ("EnumConnections", 7), "IConnectionPointContainer": ("FindConnectionPoint", 4),
        "IPersistStreamInit": ("InitNew", 8), "IFont": ("SetHdc", 26), "IPicture": ("get_Attributes", 16),
        "IObjectWithSite": ("GetSite", 4),
    },
    "propidl": {"IPropertyStorage": ("Stat", 14), "IPropertySetStorage": ("Enum", 6)},
    "servprov": {"IServiceProvider": ("RemoteQueryService", 3)},
}  # fmt: skip
"""The last operation of an interface, and its number."""


@pytest.mark.parametrize("name", FILES)
def test_stock_file_compiles_without_a_word_and_its_stub_is_python(name: str) -> None:
    found = compile_idl(str(IDL / name))
    assert found.diagnostics == ()
    assert found.model is not None
    compile(generate(found.model, source=name, command="test"), name, "exec")


@pytest.mark.parametrize("name", LAST)
def test_last_operation_has_the_number_that_windows_gives_it(name: str) -> None:
    model = compile_idl(str(IDL / f"{name}.idl")).model
    assert model is not None
    interfaces = {one.name: one.operations for one in model.interfaces}
    last = {one: (interfaces[one][-1].name, interfaces[one][-1].number) for one in LAST[name]}
    assert last == LAST[name]


def test_strings_of_wtypes_are_strings_and_those_of_dtyp_are_pointers() -> None:
    head = "[uuid(12345678-1234-1234-1234-123456789001)] interface i { void f([in] LPWSTR name); }"
    kinds: list[str] = []
    for file in ("wtypes", "oaidl", "ms-dtyp", "ms-oaut"):
        model = made(f'import "{file}.idl"; {head}')
        kinds.append(model.interfaces[0].operations[0].parameters[0].type.kind)
    assert kinds == ["string", "string", "scalar", "scalar"]


def test_string_on_a_bstr_says_nothing_new() -> None:
    head = "[uuid(12345678-1234-1234-1234-123456789001)] interface i { void f([in, string] BSTR a, [in] BSTR b); }"
    found = compiled(f'import "oaidl.idl"; {head}')
    assert [one.code for one in found.diagnostics] == ["W0424"]
    assert found.model is not None
    first, second = (one.type for one in found.model.interfaces[0].operations[0].parameters)
    assert first == second


def test_safearray_is_the_same_by_all_its_names() -> None:
    parameters = "[in] SAFEARRAY(long) a, [in] LPSAFEARRAY b, [in] PSAFEARRAY c"
    head = f"[uuid(12345678-1234-1234-1234-123456789001)] interface i {{ void f({parameters}); }}"
    model = made(f'import "oaidl.idl"; {head}')
    first, *rest = (one.type for one in model.interfaces[0].operations[0].parameters)
    assert rest == [first, first]
