"""IDL that stands in a test: what comes of it, and its words."""

from __future__ import annotations

from lrpc.rpcgen import Compilation, compile_idl
from lrpc.rpcgen.diagnostics import Source
from lrpc.rpcgen.model import Model
from lrpc.rpcgen.syntax.preprocessor import Text
from lrpc.rpcgen.syntax.words import scan


def compiled(text: str, **others: str) -> Compilation:
    """What comes of a.idl; others: of what it imports b.idl, as `b`, and so on."""
    files = {"a.idl": text, **{f"{name}.idl": other for name, other in others.items()}}
    return compile_idl("a.idl", reader=files.__getitem__)


def made(text: str, **others: str) -> Model:
    """The model that comes of it."""
    found = compiled(text, **others)
    assert found.model is not None, "\n".join(map(str, found.diagnostics))
    return found.model


def codes(text: str, **others: str) -> list[str]:
    """What is said of it."""
    return [one.code for one in compiled(text, **others).diagnostics]


def preprocessed(text: str) -> Text:
    """Its words, where there is nothing for the preprocessor to do."""
    source = Source("a.idl", text)
    return Text(scan(source), source)
