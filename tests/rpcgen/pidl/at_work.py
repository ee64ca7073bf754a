"""The dialect at work: compile a text, load its stub, and take values through both readers."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from lrpc import rpcgen
from lrpc.rpcgen.load import load
from lrpc.runtime.ndr.compiler import Codec
from lrpc.runtime.ndr.layout import Encoding, Field, Layout, Parameters

HEAD = '#include "idl_types.h"\n[uuid("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10"), version(1.0)]\ninterface a\n{\n'


class Pidl:
    """The dialect at work on what stands between the braces of an interface."""

    def compile(self, body: str) -> rpcgen.Compilation:
        """The compilation of an interface."""
        return rpcgen.compile_idl("a.idl", reader={"a.idl": f"{HEAD}{body}\n}}\n"}.__getitem__, dialect="pidl")

    def load(self, body: str) -> ModuleType:
        """Its stub."""
        return load(f"{HEAD}{body}\n}}\n", dialect="pidl", cached=False)

    def write(self, layout: Layout, value: Any, encoding: Encoding = Encoding.NDR) -> bytes:
        """What both writers write; they have to agree."""
        codec = Codec(Parameters(Field("value", layout)), Parameters(), encoding)
        octets = b"".join(bytes(part) for part in codec.encode((value,), ()))
        assert layout.build(value, encoding=encoding) == octets
        return octets

    def read(self, layout: Layout, octets: bytes, encoding: Encoding = Encoding.NDR) -> Any:
        """What both readers read; they have to agree."""
        codec = Codec(Parameters(Field("value", layout)), Parameters(), encoding)
        (value,) = codec.decode(octets, ())
        assert layout.parse(octets, encoding=encoding) == value
        return value

    def request(self, stub: ModuleType, operation: str, values: Mapping[str, Any], encoding: Encoding) -> bytes:
        """The stub data of a request."""
        found = next(one for one in stub.__interfaces__[0].operations if one.name == operation)
        return bytes(found.request.build(dict(values), encoding=encoding))
