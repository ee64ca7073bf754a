"""Every vector through `lrpc pack` and `lrpc unpack`, in this process: by the codec, and by construct."""

from __future__ import annotations

import json
import sys
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest

from lrpc import cli
from lrpc.runtime.ndr.compiler import Codec
from lrpc.runtime.ndr.json_form import to_json
from lrpc.runtime.ndr.layout import Encoding, Layout, Parameters
from lrpc.runtime.stub import In, Interface, Operation, Out

FORMS = {Encoding.NDR: [], Encoding.NDR_BIG: ["--order", "big"], Encoding.NDR64: ["--syntax", "ndr64"]}


@pytest.fixture(params=["codec", "construct"])
def run(request, vector, monkeypatch, capsys):
    """Runs a verb on the vector's type; gives what it printed."""
    monkeypatch.setattr(cli, "_load", lambda *given: stub_of(vector.layout))
    other = {"codec": (Layout, ("parse", "build")), "construct": (Codec, ("decode", "encode"))}[request.param]
    options = ["--reference"] if request.param == "construct" else []
    options += ["--direction", "out"] if is_response(vector.layout) else []

    def run(verb: str, data: str, encoding: Encoding) -> str:
        arguments = ["lrpc", verb, "vectors.idl", "vector", data, *FORMS[encoding], *options]
        with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
            patch.setattr(sys, "argv", arguments)
            if verb == "pack":  # unpack asks the reference reader what follows the value
                for name in other[1]:
                    patch.setattr(other[0], name, unused)
            cli.main()
        printed = capsys.readouterr()
        assert (ended.value.code or 0, printed.err) == (0, "")
        return printed.out

    return run


def unused(*given: Any, **named: Any) -> None:
    raise AssertionError("the other reader was asked")


def is_response(layout: Layout) -> bool:
    return isinstance(layout, Parameters) and layout.pipes_first


def stub_of(layout: Layout) -> ModuleType:
    """A stub with the type, or with the operation that has these parameters."""
    stub = ModuleType("vectors")
    operations = []
    if isinstance(layout, Parameters):
        way = Out if is_response(layout) else In
        operations = [Operation(0, "vector", *(way(field.name, field.layout) for field in layout.fields))]
    vars(stub)["__layouts__"] = {} if operations else {"vector": layout}
    vars(stub)["__interfaces__"] = (Interface("vectors", UUID(int=1), (1, 0), tuple(operations)),)
    return stub


def test_vector_is_packed_and_unpacked(vector, encoding, run):
    data = json.dumps(to_json(vector.layout, vector.value))
    octets = vector.octets(encoding).hex()
    assert run("pack", data, encoding) == f"{octets}\n"
    assert json.loads(run("unpack", octets, encoding)) == json.loads(data)
