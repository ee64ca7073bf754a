"""A stub as a whole: its head, its imports, what no comment can make of it."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lrpc.rpcgen import compile_idl, generate, model

HOSTILE = (
    '"""',
    '"""\nimport os\n"""',
    "\\",
    '\\"""',
    "\\N{BULLET}",
    "\u202eimport os",
    "\x00\x1b[2J",
    "'''",
    "{x!r}",
    "# x",
    '"',
    "\u2028import os",
    "a\rimport os",
)
LONG = model.Scalar(word="Long")


def commented(doc: str) -> model.Model:
    """A model with a comment wherever there may be one."""
    parameter = model.Parameter(name="a", type=LONG, is_in=True, is_out=True, doc=doc)
    operation = model.Operation(name="F", number=0, parameters=(parameter,), doc=doc)
    number = "5c5a0f0e-2d37-4a53-8f0c-0a1cf7c5a401"
    return model.Model(
        doc=doc,
        interfaces=(model.Interface(name="I", uuid=number, version=(1, 0), operations=(operation,), doc=doc),),
        definitions=(
            model.Structure(key="s", name="s", members=(model.Member(name="m", type=LONG, doc=doc),), doc=doc),
            model.Enumeration(key="e", name="e", members=(model.Enumerator(name="A", value=1, doc=doc),), doc=doc),
            model.ConversionType(key="c", name="c", by="transmit_as", wire=LONG, doc=doc),
        ),
        constants=(model.Constant(name="X", value=1, doc=doc),),
        aliases=(),
    )


def shape(text: str) -> str:
    """The syntax tree without its strings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for statements in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if isinstance(statements, list):
                statements[:] = [found for found in statements if not _is_text(found)]
    return ast.dump(tree)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is not ...


@given(doc=st.lists(st.sampled_from(HOSTILE) | st.text(max_size=8), max_size=4).map("".join))
def test_no_comment_changes_a_stub(doc: str) -> None:
    text = generate(commented(doc), source="t.idl", command="test")
    assert shape(text).replace("Expr(value=Constant(value=Ellipsis))", "") == shape(
        generate(commented(""), source="t.idl", command="test")
    ).replace("Expr(value=Constant(value=Ellipsis))", "")
    assert all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("doc", HOSTILE)
def test_hostile_comment_of_a_file_is_a_comment(doc: str) -> None:
    text = f"typedef struct {{ long a; /* {doc} */ }} s; // {doc!r}\n"
    compilation = compile_idl("t.idl", reader={"t.idl": text}.__getitem__)
    if compilation.model is not None:
        ast.parse(generate(compilation.model, source="t.idl", command="test"))


def test_words_in_texts_import_nothing() -> None:
    text = generate(commented("A Sequence, an Iterable and a field"), source="t.idl", command="test")
    imports = [line for line in text.split("\n") if "import" in line and not line.startswith("#")]
    assert imports == [
        "from __future__ import annotations",
        "import abc",
        "from enum import IntEnum",
        "from typing import Final",
        "from uuid import UUID",
        "from lrpc.runtime import stub as rpc",
    ]


def test_stub_of_types_has_types_only() -> None:
    compilation = compile_idl("types.idl", reader={"types.idl": "typedef struct { long a; } s;"}.__getitem__)
    assert compilation.model is not None
    text = generate(compilation.model, source="types.idl", command="test")
    assert '"""Types of types.idl."""' in text
    assert "__interfaces__: tuple[rpc.Interface, ...] = ()" in text
    assert "import abc" not in text
    assert "Client" not in text


def test_empty_model_is_a_stub() -> None:
    found = model.Model(interfaces=(), definitions=(), constants=(), aliases=())
    namespace: dict[str, object] = {}
    exec(generate(found, source="", command=""), namespace)
    assert namespace["__interfaces__"] == ()
    assert namespace["__layouts__"] == {}


def test_stub_of_the_package_imports_relatively() -> None:
    found = model.Model(interfaces=(), definitions=(), constants=(), aliases=())
    assert "\nfrom .. import stub as rpc\n" in generate(found, source="t.idl", command="x", package=True)
