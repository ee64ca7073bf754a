"""Gives `vector` and `encoding` to the tests of this folder, each vector in each encoding that it has, and `typed`."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lrpc.runtime.ndr.layout import Encoding, Layout


def _load(path: Path) -> ModuleType:
    """A module beside this one: importmode=importlib puts no folder on the search path."""
    name = f"ndr_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look up the module of their class
    spec.loader.exec_module(module)
    return module


@dataclasses.dataclass(frozen=True)
class Vector:
    """A layout, a value, and its octets as hexadecimal; None where an encoding's form is not settled."""

    name: str
    layout: Layout
    value: Any
    ndr: str
    big: str
    ndr64: str | None
    origin: str

    def octets(self, encoding: Encoding) -> bytes | None:
        """The stub in one encoding."""
        text = {Encoding.NDR: self.ndr, Encoding.NDR_BIG: self.big, Encoding.NDR64: self.ndr64}[encoding]
        return None if text is None else bytes.fromhex(text)


TABLES = [_load(Path(__file__).with_name(name)) for name in ("vectors.py", "vectors_pointers.py", "vectors_words.py")]
VECTORS = tuple(Vector(*row) for table in TABLES for row in table.VECTORS)


@pytest.fixture(scope="session")
def vectors() -> tuple[Vector, ...]:
    """All of them."""
    return VECTORS


@pytest.fixture(scope="session")
def typed() -> Any:
    """A strategy of hypothesis: (Parameters, a dict of values)."""
    return _load(Path(__file__).with_name("random_types.py")).typed()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    wanted = set(metafunc.fixturenames)
    if {"vector", "encoding"} <= wanted:
        pairs = [
            (vector, encoding) for vector in VECTORS for encoding in Encoding if vector.octets(encoding) is not None
        ]
        names = [f"{vector.name}-{encoding.name}" for vector, encoding in pairs]
        metafunc.parametrize(("vector", "encoding"), pairs, ids=names)
    elif "vector" in wanted:
        metafunc.parametrize("vector", VECTORS, ids=[vector.name for vector in VECTORS])
    elif "encoding" in wanted:
        metafunc.parametrize("encoding", list(Encoding), ids=lambda encoding: encoding.name)
