"""Type libraries: their names are in the model, and what stands in them is bound like the rest of the file."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from tests.rpcgen.texts import codes, made

ID = "12345678-1234-1234-1234-1234567890{:02}"
TEXT = f"""
import "unknwn.idl";
[uuid({ID.format(1)}), version(2.3), helpstring("All of it")]
library Lib
{{
    importlib("stdole2.tlb");
    interface IAnnounced;
    typedef struct point {{ long x; long y; }} point;
    [object, uuid({ID.format(2)})] interface IShape : IUnknown {{ HRESULT Move([in] point *to); }}
    [uuid({ID.format(3)})] dispinterface DShape {{ properties: [id(1)] long x; methods: [id(2)] void Go(long a); }}
    [uuid({ID.format(4)})] dispinterface DOther {{ interface IShape; }}
    [uuid({ID.format(5)})] coclass Shape {{ [default] interface IShape; [source] dispinterface DShape; }}
    [dllname("shape.dll")] module Consts {{ const long LIMIT = 7; [entry("Go")] long Go(long a); }}
}}
"""


@pytest.fixture(scope="module")
def found() -> model.Model:
    assert codes(TEXT) == []
    return made(TEXT)


def test_library_names_what_it_holds(found: model.Model) -> None:
    (library,) = found.libraries
    assert (library.name, library.uuid, library.version) == ("Lib", ID.format(1), (2, 3))
    assert library.imports == ("stdole2.tlb",)
    assert library.interfaces == ("IAnnounced", "IShape")
    assert library.dispinterfaces == ("DShape", "DOther")
    assert (library.coclasses, library.modules) == (("Shape",), ("Consts",))


def test_interface_in_a_library_is_compiled(found: model.Model) -> None:
    assert [(one.name, len(one.operations)) for one in found.interfaces] == [("IShape", 1)]
    assert [one.name for one in found.definitions] == ["point"]


def test_dispinterface_names_its_parts(found: model.Model) -> None:
    own, other = found.dispinterfaces
    assert (own.properties, own.methods, own.interface) == (("x",), ("Go",), None)
    assert (other.properties, other.methods, other.interface) == ((), (), "IShape")
    assert own.uuid == ID.format(3)


def test_coclass_says_which_interface_is_which(found: model.Model) -> None:
    (coclass,) = found.coclasses
    assert [(one.name, one.default, one.source, one.dispatch) for one in coclass.interfaces] == [
        ("IShape", True, False, False),
        ("DShape", False, True, True),
    ]


def test_module_gives_constants_and_names_functions(found: model.Model) -> None:
    (module,) = found.modules
    assert (module.constants, module.functions) == (("LIMIT",), ("Go",))
    assert [(one.name, one.value) for one in found.constants] == [("LIMIT", 7)]


def test_attributes_are_kept(found: model.Model) -> None:
    assert [one.name for one in found.libraries[0].attributes] == ["uuid", "version", "helpstring"]
    assert found.coclasses[0].interfaces[0].attributes[0].name == "default"


def test_wrong_uuid_of_a_coclass_is_an_error() -> None:
    assert codes('[uuid("x")] coclass c { interface i; }') == ["E0702"]


def test_library_of_an_imported_file_is_not_in_the_model() -> None:
    found = made('import "b.idl"; const long K = 1;', b=TEXT)
    assert (found.libraries, found.coclasses, found.dispinterfaces, found.modules) == ((), (), (), ())


def test_file_with_a_library_alone_has_no_interface() -> None:
    found = made(f"[uuid({ID.format(1)})] library l {{ }}")
    assert found.interfaces == ()
    assert found.libraries[0].name == "l"
