"""The import hook: IDL files as modules."""

from __future__ import annotations

import importlib
import inspect
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lrpc
from lrpc.rpcgen.import_hook import ImportHook, install_import_hook

SHAPES = "typedef struct { long x; long y; } Point;\n"
IDL = """
import "hook_shapes.idl";
[uuid(5a0d7f3e-53a0-4a43-9d35-0b9f8c1f7e11), version(1.0)]
interface HookGeometry { long Area([in] Point *corner); }
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path; what is imported from it is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def hook(folder: Path) -> Iterator[ImportHook]:
    installed = install_import_hook(cached=False)
    yield installed
    installed.remove()


def test_idl_is_no_module_without_the_hook(folder: Path) -> None:
    (folder / "hook_alone.idl").write_text(SHAPES)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hook_alone")


def test_module_is_the_stub(folder: Path, hook: ImportHook) -> None:
    (folder / "hook_shapes.idl").write_text(SHAPES)
    (folder / "hook_geometry.idl").write_text(IDL)
    stub = importlib.import_module("hook_geometry")
    assert stub is sys.modules["hook_geometry"]
    assert stub.HookGeometry.interface.operation("Area").opnum == 0
    assert stub.__spec__ is not None
    assert stub.__spec__.origin == str(folder / "hook_geometry.idl")
    assert "x: int" in inspect.getsource(stub.Point)
    assert pickle.loads(pickle.dumps(stub.Point(1, 2))) == stub.Point(1, 2)


def test_underscores_stand_for_hyphens(folder: Path, hook: ImportHook) -> None:
    (folder / "ms-hook.idl").write_text(SHAPES)
    assert importlib.import_module("ms_hook").Point(1, 2).y == 2


def test_package_may_hold_idl(folder: Path, hook: ImportHook) -> None:
    (folder / "hook_package").mkdir()
    (folder / "hook_package" / "__init__.py").write_text("from .inner import Point\n")
    (folder / "hook_package" / "inner.idl").write_text(SHAPES)
    assert importlib.import_module("hook_package").Point.__module__ == "hook_package.inner"


def test_written_stub_comes_first(folder: Path, hook: ImportHook) -> None:
    (folder / "hook_both.idl").write_text(SHAPES)
    (folder / "hook_both.py").write_text("Point = 'written'\n")
    assert importlib.import_module("hook_both").Point == "written"


def test_bad_idl_is_an_import_error_with_the_diagnostics(folder: Path, hook: ImportHook) -> None:
    (folder / "hook_bad.idl").write_text("typedef struct { nothing x; } Point;\n")
    with pytest.raises(ImportError, match="E0301") as caught:
        importlib.import_module("hook_bad")
    assert caught.value.path == str(folder / "hook_bad.idl")
    assert "hook_bad" not in sys.modules


def test_search_and_defines_reach_the_compiler(folder: Path, tmp_path: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "hook_parts.idl").write_text(SHAPES)
    (folder / "hook_whole.idl").write_text('import "hook_parts.idl"; typedef struct { Point p[SIZE]; } Row;\n')
    hook = install_import_hook(search=[tmp_path / "elsewhere"], defines={"SIZE": "3"}, cached=False)
    try:
        assert importlib.import_module("hook_whole").__layouts__["Row"].fields[0].layout.bound == 3
    finally:
        hook.remove()


def test_change_is_seen_by_reload(folder: Path, hook: ImportHook) -> None:
    (folder / "hook_again.idl").write_text("const long SIZE = 1;\n")
    stub = importlib.import_module("hook_again")
    (folder / "hook_again.idl").write_text("const long SIZE = 2;\n")
    assert importlib.reload(stub).SIZE == 2


def test_removed_hook_answers_no_more(folder: Path, hook: ImportHook) -> None:
    (folder / "hook_gone.idl").write_text(SHAPES)
    hook.remove()
    hook.remove()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("hook_gone")


def test_hook_is_part_of_the_package() -> None:
    assert lrpc.install_import_hook is install_import_hook
