"""Lacking: names that a file uses without an import come from the stock files, and a warning says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from lrpc.rpcgen import Compilation, compile_idl
from lrpc.rpcgen.lacking import FILES, defining
from lrpc.rpcgen.passes import run
from lrpc.rpcgen.source import Sources
from lrpc.rpcgen.unit import Unit
from tests.rpcgen.texts import compiled, made

IDL = Path(__file__).parents[2] / "idl"
ID = "[uuid(12345678-1234-1234-1234-123456789001)]"
OBJECT = "[object, uuid(12345678-1234-1234-1234-123456789002)]"


def said(text: str, **others: str) -> list[str]:
    return [f"{one.span.file} {one.code}: {one.message}" for one in compiled(text, **others).diagnostics]


def defined(found: Compilation) -> list[str]:
    assert found.model is not None
    return [one.name for one in found.model.definitions]


def test_types_come_from_the_stock_file_with_one_warning_that_names_the_import() -> None:
    [warning] = said(f"{ID} interface i {{ HRESULT f([in] DWORD n, [in] BSTR b, [in] SIZE s); }}")
    assert warning.startswith("a.idl W0312: no import defines HRESULT, DWORD, BSTR and 1 more, which ")
    assert warning.endswith('add import "wtypes.idl";')


@pytest.mark.parametrize(
    ("file", "types"),
    {
        "wtypes.idl": "DWORD HRESULT LPOLESTR HWND LPCRECT REFIID CLSID PROPERTYKEY SIZEL",
        "unknwn.idl": "IClassFactory* LPUNKNOWN IPID",
        "objidl.idl": "IStream* IMoniker* IBindCtx* IPersistFile* IEnumString* STATSTG FORMATETC STGMEDIUM",
        "oaidl.idl": "SAFEARRAY(long) SAFEARRAY(VARIANT) VARIANT EXCEPINFO DISPPARAMS* ITypeInfo* IErrorInfo*",
        "propidl.idl": "PROPVARIANT PROPSPEC IPropertyStorage*",
        "ocidl.idl": "IConnectionPoint* IOleObject* IServiceProvider* IFontDisp* CAUUID OLE_COLOR",
    }.items(),
)
def test_name_asks_for_the_file_where_windows_has_it(file: str, types: str) -> None:
    for type_ in types.split():
        [warning] = said(f"{ID} interface i {{ void f([in] {type_} a); }}")
        assert f'import "{file}";' in warning, type_


def test_names_that_dce_compilers_know_come_from_nbase() -> None:
    [warning] = said(f"{ID} interface i {{ unsigned32 f([in] signed8 a, [out] idl_uuid_t *u, [in] twr_p_t t); }}")
    assert 'import "nbase.idl";' in warning


@pytest.mark.parametrize("type_", ["uint32_t", "int8", "uintptr_t"])
def test_integers_of_c_come_from_inttypes(type_: str) -> None:
    [warning] = said(f"{ID} interface i {{ void f([in] {type_} a); }}")
    assert 'import "inttypes.idl";' in warning
    assert said(f"#include <stdint.h>\n{ID} interface i {{ void f([in] {type_} a); }}") == []


def test_files_that_do_not_import_each_other_are_both_named() -> None:
    [warning] = said(f"{ID} interface i {{ void f([in] IFont *a, [in] IPropertyStorage *b, [in] DWORD c); }}")
    assert warning.endswith('add import "ocidl.idl", "propidl.idl";')
    [warning] = said(f"{ID} interface i {{ void f([in] unsigned8 a, [in] VARIANT b, [in] DWORD c); }}")
    assert warning.endswith('add import "oaidl.idl", "nbase.idl";')


def test_import_that_is_named_silences_the_warning_and_gives_the_same_types() -> None:
    text = f"{ID} interface i {{ HRESULT f([in] SAFEARRAY(long) a, [in] VARIANT v, [in] DWORD n); }}"
    with_import = compiled(f'import "oaidl.idl"; {text}')
    assert with_import.diagnostics == ()
    assert defined(with_import) == defined(compiled(text))


def test_base_interface_and_constants_come_from_there_too() -> None:
    found = compiled(f"{OBJECT} interface i : IEnumVARIANT {{ HRESULT f(); }}")
    assert [one.code for one in found.diagnostics] == ["W0312"]
    assert found.model is not None
    assert {one.name: one.operations[-1].number for one in found.model.interfaces if one.name == "i"} == {"i": 7}
    assert 'import "wtypes.idl";' in said("typedef enum { A = VT_I4 } e;")[0]


def test_imported_file_that_lacks_an_import_gets_the_warning() -> None:
    assert said('import "b.idl"; typedef long s;', b="typedef DWORD t;") == []  # it is not used
    [warning] = said(f'import "b.idl"; {ID} interface i {{ void f([in] t a); }}', b="typedef DWORD t;")
    assert warning.startswith("b.idl W0312")


def test_stock_file_is_there_for_every_file_that_lacks_it() -> None:
    text = f'import "b.idl"; {ID} interface i {{ void f([in] DWORD a); void g([in] t b); }}'
    assert [one[:5] for one in said(text, b="typedef struct { ULONG u; } t;")] == ["a.idl", "b.idl"]


def test_own_definition_goes_before_the_stock_file() -> None:
    found = made(f"typedef short DWORD; {ID} interface i {{ void f([in] DWORD a, [in] HRESULT b); }}")
    words = [one.type.model_dump()["word"] for one in found.interfaces[0].operations[0].parameters]
    assert words == ["Short", "HResult"]


def test_names_that_no_stock_file_defines_stay_errors_and_load_none() -> None:
    found = said(f"{ID} interface i {{ void f([in] hwnd a, [in] thing b); }}")
    assert found == ["a.idl E0301: unknown type hwnd", "a.idl E0301: unknown type thing"]
    both = said(f"{ID} interface i {{ void f([in] BSTR a, [in] thing b); }}")
    assert [one.split()[1] for one in both] == ["W0312:", "E0301:"]


def test_file_that_lacks_nothing_loads_no_stock_file() -> None:
    unit = Unit("a.idl", Sources({"a.idl": "typedef long DWORD; typedef DWORD b;"}.__getitem__, []), {})
    assert run(unit) == []
    assert [source.name for source, _ in unit.files] == ["a.idl"]


def test_stock_files_import_no_file_that_the_order_does_not_know() -> None:
    known: set[str] = set()
    for name, parts in FILES.items():
        unit = Unit("a.idl", Sources({"a.idl": f'import "{name}";'}.__getitem__, []), {})
        assert run(unit) == []
        known |= {f"<{part}>" for part in (name, *parts)}
        assert {source.name for source, _ in unit.files} <= known | {"a.idl"}


@pytest.mark.parametrize("name", sorted(part for parts in FILES.values() for part in parts))
def test_every_type_of_a_stock_file_is_found_in_the_order(name: str) -> None:
    model = compile_idl(str(IDL / name)).model
    assert model is not None
    names = {one.name for one in model.aliases} | {one.name for one in model.interfaces}
    assert {one for one in names if defining(one) is None} == set()
