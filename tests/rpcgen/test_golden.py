"""Good IDL gives the golden stub; the stub compiles, imports, and says what the IDL said."""

from __future__ import annotations

import itertools
import runpy
import sys
from pathlib import Path
from types import ModuleType

import pytest

from lrpc.rpcgen import compile_idl, generate
from lrpc.runtime.ndr.layout import Array, FullPtr, Struct, UniquePtr

REGENERATE = runpy.run_path(str(Path(__file__).parent / "regenerate.py"))
NUMBERS = itertools.count()
GOLDEN: dict[Path, str] = REGENERATE["golden"]()


def load(text: str) -> ModuleType:
    module = ModuleType(f"stub_{next(NUMBERS)}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    try:
        exec(compile(text, module.__name__, "exec"), module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


def stub(idl: str) -> ModuleType:
    compilation = compile_idl("t.idl", reader={"t.idl": idl}.__getitem__)
    assert compilation.model is not None, compilation.diagnostics
    return load(generate(compilation.model, source="t.idl", command="test"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_stub_is_the_golden_one(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GOLDEN[path], f"run: {REGENERATE['COMMAND']}"


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_stub_loads_and_its_interfaces_number_their_operations_in_order(path: Path) -> None:
    for interface in load(GOLDEN[path]).__interfaces__:
        numbers = [operation.opnum for operation in interface.operations]
        assert numbers == sorted(set(numbers))
        assert numbers[0] >= 3 if interface.object else numbers[:1] == [0]


def test_same_idl_gives_the_same_text() -> None:
    assert REGENERATE["golden"]() == GOLDEN


def test_pointer_attribute_of_the_use_overrides_that_of_the_typedef() -> None:
    layouts = stub("typedef [unique] long *P; typedef struct { [ptr] P a; P b; } s;").__layouts__
    fields = {field.name: field.layout for field in layouts["s"].fields}
    assert isinstance(fields["a"], FullPtr)
    assert isinstance(fields["b"], UniquePtr)


def test_size_slots_go_from_the_outside_in() -> None:
    layout = stub("typedef struct { long m; long n; [size_is(m, n)] long **a; } s;").__layouts__["s"].fields[2].layout
    outer = layout.target
    assert isinstance(outer, Array)
    assert outer.size is not None
    assert outer.size.names() == {"m"}
    assert outer.element.target.size.names() == {"n"}


def test_pointer_default_of_the_interface_applies_to_embedded_pointers() -> None:
    head = "[uuid(5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a203), pointer_default(ptr)] interface i"
    layouts = stub(head + " { typedef struct { long *a; } s; }").__layouts__
    assert isinstance(layouts["s"].fields[0].layout, FullPtr)


def test_top_level_pointer_without_attribute_is_ref_and_vanishes() -> None:
    operation = stub("typedef struct { long a; } s; void f([in] s *p);").__interfaces__[0].operations[0]
    assert isinstance(operation.parameters[0].layout, Struct)


def test_string_literals_cannot_leave_their_quotes() -> None:
    module = stub(r'const char *A = "\"\"\"\nimport os\\"; const char *B = "\x27\"";')
    assert module.A == '"""\nimport os\\'
    assert module.B == "'\""


def test_names_that_python_keeps_get_an_underscore() -> None:
    module = stub("void import_me([in] long class, [in] long self, [in] long None);")
    assert [found.name for found in module.__interfaces__[0].operations[0].parameters] == ["class_", "self_", "None_"]


def test_header_cannot_be_broken_by_a_file_name() -> None:
    compilation = compile_idl("t.idl", reader={"t.idl": "typedef long a;"}.__getitem__)
    assert compilation.model is not None
    text = generate(compilation.model, source='a"""\nimport os\n.idl', command="x\nimport sys")
    assert "import os" not in text.split("\n")
    assert "import sys" not in text.split("\n")
    load(text)


def test_model_prints_as_json() -> None:
    compilation = compile_idl("t.idl", reader={"t.idl": "typedef struct { long a; } s;"}.__getitem__)
    assert compilation.model is not None
    assert '"name":"s"' in compilation.model.model_dump_json()
