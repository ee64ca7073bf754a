"""Attributes: every one is honoured, kept as having no effect, refused, or unknown; contradictions are found."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl
from lrpc.rpcgen.diagnostics import Source, Span
from lrpc.rpcgen.semantics import attributes
from lrpc.rpcgen.semantics.attributes import EXCLUSIVE, HONOURED, IGNORED, SUPERFLUOUS, UNSUPPORTED, kept, read
from lrpc.rpcgen.syntax import tree

AT = Span(Source("a.idl", "a"), 0)
HEAD = "[uuid(12345678-1234-1234-1234-123456789012)] interface a {"


def attribute(name: str, text: str | None = None) -> tree.Attribute:
    slots = None if text is None else (tree.Number(AT, 1, "1"),)
    return tree.Attribute(AT, name, slots, text or "")


def compiled(body: str, head: str = HEAD) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f"{head}{body} }}"}.__getitem__)


def codes(body: str, head: str = HEAD) -> list[str]:
    return [found.code for found in compiled(body, head).diagnostics]


def test_each_attribute_stands_in_one_table() -> None:
    assert not IGNORED & set(HONOURED)
    assert not UNSUPPORTED & set(HONOURED)
    assert not IGNORED & UNSUPPORTED


def test_places_are_honoured_or_superfluous_not_both_unless_anywhere() -> None:
    both = {name for name in HONOURED if HONOURED[name] & SUPERFLUOUS[name]}
    assert both == {"source"}


def test_exclusive_pairs_are_of_honoured_attributes() -> None:
    assert {name for pair in EXCLUSIVE for name in pair} <= set(HONOURED)


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_known_attribute_without_effect_is_no_complaint(name: str) -> None:
    report: list[attributes.Diagnostic] = []
    assert name not in read((attribute(name),), "operation", report)
    assert report == []


@pytest.mark.parametrize("name", sorted(UNSUPPORTED))
def test_refused_attribute_is_an_error(name: str) -> None:
    report: list[attributes.Diagnostic] = []
    read((attribute(name),), "parameter", report)
    assert [found.code for found in report] == ["E0902"]


def test_unknown_attribute_is_a_warning() -> None:
    assert codes("void f([in, wibble] long a);") == ["W0401"]


def test_misplaced_attribute_is_an_error() -> None:
    assert codes("typedef struct { [in] long a; } s;") == ["E0403"]


def test_superfluous_attribute_is_no_complaint() -> None:
    assert codes("typedef [uuid(12345678-1234-1234-1234-123456789012)] long a;") == []


def test_last_of_a_repeated_attribute_counts() -> None:
    found = compiled("void f([in, range(1, 2), range(3, 4)] long a);")
    assert [one.code for one in found.diagnostics] == ["W0404"]
    assert found.model is not None
    type_ = found.model.interfaces[0].operations[0].parameters[0].type.model_dump()
    assert (type_["lowest"], type_["highest"]) == (3, 4)


def test_in_and_out_may_be_repeated() -> None:
    assert codes("void f([in, in, out, out] long *a);") == []


@pytest.mark.parametrize(
    "body",
    [
        "void f([in, ref, unique] long *a);",
        "void f([in] long n, [in, size_is(n), max_is(n)] long *a);",
        "void f([in] long n, [in, size_is(8), length_is(n), last_is(n)] long *a);",
        "void f([in] long n, [in, size_is(8), string, length_is(n)] char *a);",
        "[propget, propput] long f();",
        "typedef [transmit_as(long), wire_marshal(long)] struct s { long x; } t;",
        "typedef [context_handle, handle] void *h;",
    ],
)
def test_contradiction_is_an_error(body: str) -> None:
    assert "E0405" in codes(body)


@pytest.mark.parametrize("pair", ["implicit_handle(handle_t h), auto_handle", "explicit_handle, auto_handle"])
def test_one_way_of_binding_is_enough(pair: str) -> None:
    head = f"[uuid(12345678-1234-1234-1234-123456789012), {pair}] interface a {{"
    assert codes("void f();", head) == ["E0405"]


def test_wrong_number_of_arguments_is_an_error() -> None:
    assert codes("void f([in, range(1)] long a);") == ["E0406"]


@pytest.mark.parametrize("word", ["context_handle_serialize", "context_handle_noserialize"])
def test_serialization_of_a_context_handle_implies_one(word: str) -> None:
    found = compiled(f"typedef [{word}] void *h; void f([in] h a);")
    assert found.model is not None
    [handle] = found.model.definitions
    assert handle.kind == "context"
    assert handle.shared is (word == "context_handle_noserialize")


def test_kept_attribute_says_its_effect_and_its_slots() -> None:
    written = (
        attribute("in"),
        attribute("helpstring", '"a, \\"b\\" (c"'),
        attribute("size_is", ", n * f(1, 2)"),
        attribute("wibble"),
        attribute("cs_char", "long"),
    )
    assert [(one.name, one.arguments, one.effect) for one in kept(written, "parameter")] == [
        ("in", None, "honoured"),
        ("helpstring", ('"a, \\"b\\" (c"',), "none"),
        ("size_is", ("", "n * f(1, 2)"), "honoured"),
        ("wibble", None, "unknown"),
        ("cs_char", ("long",), "none"),
    ]


def test_effect_depends_on_the_place() -> None:
    assert kept((attribute("uuid", "x"),), "interface")[0].effect == "honoured"
    assert kept((attribute("uuid", "x"),), "typedef")[0].effect == "none"


def test_attribute_set_selects() -> None:
    found = read((attribute("in"), attribute("out")), "parameter", [])
    assert "in" not in found.without("in")
    assert "out" in found.without("in")
    assert found.get("ref") is None
    assert found.slots("in") == ()


@pytest.mark.parametrize(
    "written",
    [
        "[idempotent(1)] void f([in] long n);",
        "void f([in, unique(n)] long *a, [in] long n);",
        "void f([in, string(8)] char *a);",
        "void f([in, in(deep)] long a);",
        "void f([in, size_is()] long *a);",
        "void f([in, size_is(-1)] long *a);",
        "void f([in, size_is(0x100000000)] long *a);",
        "void f([in, size_is(,)] long **a);",
    ],
)
def test_arguments_that_mean_nothing_are_an_error(written: str) -> None:
    assert codes(written) == ["E0406"]


def test_in_and_out_may_say_shape() -> None:
    assert codes("void f([in(shape), out] long *a);") == []


@pytest.mark.parametrize("text", ["", "1", "n"])
def test_endpoints_are_texts(text: str) -> None:
    head = f"[uuid(12345678-1234-1234-1234-123456789012), endpoint({text})] interface a {{"
    assert codes("void f([in] long n);", head) == ["E0406"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"ncalrpc:[a]", "ncacn_ip_tcp:", "ncacn_np:\\\\server[\\\\pipe\\\\a]"', []),
        ('"a"', ["W0424"]),
        ('"ncacn_np:[\\\\pipe\\\\a], ncalrpc:[a]"', ["W0424"]),
    ],
)
def test_endpoint_that_is_no_binding_is_left_out(text: str, expected: list[str]) -> None:
    found = compiled(
        "void f([in] long n);", f"[uuid(12345678-1234-1234-1234-123456789012), endpoint({text})] interface a {{"
    )
    assert [one.code for one in found.diagnostics] == expected
    assert found.model is not None
    assert len(found.model.interfaces[0].endpoints) == (0 if expected else 3)
