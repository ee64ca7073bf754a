"""`load`: stubs without files."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import sys
from pathlib import Path

import pytest

import lrpc
from lrpc.rpcgen import IdlError
from lrpc.rpcgen.load import load

SHAPES = "typedef struct { long x; long y; } Point;\n"
IDL = """
import "shapes.idl";
[uuid(5a0d7f3e-53a0-4a43-9d35-0b9f8c1f7e01), version(1.0)]
interface Geometry { long Area([in] Point *corner); }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shapes.idl").write_text(SHAPES)
    (tmp_path / "geometry.idl").write_text(IDL)
    return tmp_path


@pytest.mark.parametrize("kind", [str, Path])
def test_path_gives_a_module_with_the_stub(folder: Path, kind: type) -> None:
    stub = load(kind(folder / "geometry.idl"))
    assert [interface.name for interface in stub.__interfaces__] == ["Geometry"]
    assert stub.Point(1, 2) == stub.Point(x=1, y=2)
    assert issubclass(stub.GeometryClient, stub.Geometry)


def test_text_gives_the_same_and_finds_its_imports_on_the_search_path(folder: Path) -> None:
    stub = load(IDL, search=[folder])
    assert dataclasses.is_dataclass(stub.Point)
    assert stub.Geometry.interface.operation("Area").opnum == 0


@pytest.mark.parametrize("text", [SHAPES, SHAPES.strip()])
def test_text_is_known_by_a_line_break_or_a_brace(text: str) -> None:
    assert load(text).Point(1, 2).y == 2


def test_each_load_is_a_module_of_its_own() -> None:
    first, second = load(SHAPES), load(SHAPES)
    assert first is not second
    assert sys.modules[first.__name__] is first
    assert sys.modules[second.__name__] is second
    assert first.Point is not second.Point


def test_name_makes_values_picklable() -> None:
    stub = load(SHAPES, name="loaded_shapes")
    assert pickle.loads(pickle.dumps(stub.Point(3, 4))) == stub.Point(3, 4)


def test_name_replaces_a_stub_and_no_other_module() -> None:
    first = load(SHAPES, name="replaced_shapes")
    assert load(SHAPES, name="replaced_shapes") is not first
    with pytest.raises(ValueError, match="no stub"):
        load(SHAPES, name="json")


def test_source_of_a_loaded_class_is_known() -> None:
    assert "x: int" in inspect.getsource(load(SHAPES).Point)


def test_bad_text_raises_the_diagnostics_with_place_and_caret() -> None:
    with pytest.raises(IdlError) as caught:
        load("typedef struct {\n  nothing x;\n} Point;\n")
    [diagnostic] = caught.value.diagnostics
    assert (diagnostic.span.line, diagnostic.severity) == (2, "error")
    assert str(caught.value) == str(diagnostic)
    assert "nothing x;" in str(caught.value)
    assert "^" in str(caught.value)


@pytest.mark.parametrize("source", ["missing.idl", "missing", Path("missing")])
def test_missing_file_raises_idl_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | Path) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(IdlError, match="missing"):
        load(source)


def test_warnings_go_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    load("void Loose([in] long a);\n")
    assert "W0704" in caplog.text


def test_load_is_part_of_the_package() -> None:
    assert lrpc.load is load
