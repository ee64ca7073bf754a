"""Models from files: IDL or JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lrpc.rpcgen import IdlError
from lrpc.rpcgen.finished import finished
from lrpc.rpcgen.model_file import BadModel, indented, read_model, schema_text
from lrpc.rpcgen.stubs.stub_file import Options

IDL = """\
[uuid(5a0d7f3e-53a0-4a43-9d35-0b9f8c1f7e01), version(1.0)]
interface Rows { typedef struct { long x[SIZE]; } Row; void Put([in] Row *row); }
"""
OPTIONS = Options(defines={"SIZE": "4"})


@pytest.fixture
def idl(tmp_path: Path) -> str:
    path = tmp_path / "rows.idl"
    path.write_text(IDL)
    return str(path)


def test_idl_and_its_json_are_the_same_model(idl: str, tmp_path: Path) -> None:
    text = finished(OPTIONS.request(idl), cached=False).model
    assert text is not None
    kept = tmp_path / "rows.json"
    kept.write_text(indented(text))
    read = read_model(str(kept), OPTIONS)
    assert read.model_dump_json() == read_model(idl, OPTIONS).model_dump_json()
    assert [interface.name for interface in read.interfaces] == ["Rows"]


def test_idl_with_errors_raises_them(idl: str) -> None:
    with pytest.raises(IdlError, match="SIZE"):
        read_model(idl, Options())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the whole: Invalid JSON"),
        ("[]", "the whole: "),
        ('{"interfaces": 1}', "interfaces: "),
        ('{"interfaces": [{"name": "A"}]}', r"interfaces\.0\.uuid: "),
        ("[" * 100_000, "the whole: "),
        ("\xff", "the whole: "),
    ],
)
def test_json_that_is_no_model_says_where(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadModel, match=rf"bad\.json is no model: {reason}"):
        read_model(str(path), OPTIONS)


def test_json_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_model(str(tmp_path / "none.json"), OPTIONS)


def test_schema_names_the_parts_of_a_model() -> None:
    schema = json.loads(schema_text())
    assert {"interfaces", "definitions", "constants"} <= set(schema["properties"])
    assert "Operation" in schema["$defs"]
