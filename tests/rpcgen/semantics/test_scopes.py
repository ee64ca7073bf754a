"""Names: scopes, predefined types, redefinition, and how long binding takes."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, model
from lrpc.rpcgen.diagnostics import Source, Span
from lrpc.rpcgen.semantics.scopes import Binding, Names
from lrpc.rpcgen.semantics.shapes import Shape
from tests.rpcgen.texts import compiled, made

UUID = "[uuid({}f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)]"


def aliases(found: Compilation) -> dict[str, str]:
    assert found.model is not None, "\n".join(map(str, found.errors))
    return {one.name: getattr(one.type, "word", one.type.kind) for one in found.model.aliases}


@pytest.mark.parametrize("word", ["wchar_t", "error_status_t", "boolean", "handle_t", "byte", "hyper", "small"])
def test_predefined_name_may_be_defined_again_and_keeps_its_meaning(word: str) -> None:
    found = made(f"typedef double {word}; {UUID.format(1)} interface i {{ void f([in] {word} a); }}")
    (operation,) = found.interfaces[0].operations
    assert [getattr(each.type, "word", "") for each in operation.parameters] != ["Double"]


def test_international_characters_are_known() -> None:
    text = "typedef ISO_LATIN_1 A; typedef ISO_MULTI_LINGUAL B; typedef ISO_UCS C;"
    assert aliases(compiled(text)) == {"A": "Byte", "B": "UShort", "C": "ULong"}


def test_international_characters_may_be_defined_otherwise() -> None:
    assert aliases(compiled("typedef double ISO_UCS; typedef ISO_UCS A;"))["A"] == "Double"


def test_the_same_typedef_twice_is_silent() -> None:
    assert (
        compiled("struct s; typedef struct s *PS; typedef struct s *PS; typedef long L; typedef long L;").errors == ()
    )


def test_tag_and_typedef_may_share_a_name() -> None:
    assert compiled("typedef struct X X; struct X { X *next; };").errors == ()


def test_another_typedef_of_the_name_is_an_error_with_the_first_place() -> None:
    found = compiled("typedef long L;\ntypedef short L;")
    assert [(one.code, one.span.line) for one in found.errors] == [("E0303", 2)]
    assert [(note.message, note.span and note.span.line) for note in found.errors[0].notes] == [
        ("first defined here", 1)
    ]


def test_interfaces_may_give_a_name_two_meanings() -> None:
    found = made(
        f"{UUID.format(1)} interface i {{ typedef long T; void f([in] T a); }}"
        f"{UUID.format(2)} interface j {{ typedef short T; void f([in] T a); }}"
    )
    types = [interface.operations[0].parameters[0].type for interface in found.interfaces]
    assert types == [model.Scalar(word="Long"), model.Scalar(word="Short")]


def test_interfaces_may_define_a_tag_twice() -> None:
    text = "typedef struct s {{ {} a; }} S; void f([in] S *a);"
    first = f"{UUID.format(1)} interface i {{ {text.format('long')} }}"
    found = made(f"{first} {UUID.format(2)} interface j {{ {text.format('short')} }}")
    assert len(found.definitions) == 2


def test_file_may_define_again_what_it_imports() -> None:
    found = compiled('import "b.idl"; typedef short T; typedef T U;', b="typedef long T;")
    assert aliases(found)["U"] == "Short"


def test_names_of_an_interface_are_known_behind_it() -> None:
    found = compiled(
        f"{UUID.format(1)} interface i {{ typedef long T; const long K = 2; }} typedef T U; const long L = K;"
    )
    assert aliases(found)["U"] == "Long"


def test_name_with_two_underscores_on_both_sides_is_reserved() -> None:
    assert [one.code for one in compiled("typedef long __class__;").errors] == ["E0309"]
    assert compiled("typedef struct __A_b__ { long __cD__; } __A_b__;").errors == ()


def test_safearray_is_a_pointer_to_its_wire_form_when_that_is_known() -> None:
    operation = f"{UUID.format(1)} interface i {{ void f([in] SAFEARRAY(long) a, [out] SAFEARRAY(long *) *b); }}"
    known = "typedef struct tagSA { long a; } SAFEARRAY; typedef [unique] SAFEARRAY *LPSAFEARRAY;"
    tagged = "struct _wireSAFEARRAY { long a; };"
    for types in (known, tagged):
        found = made(f"{types} {operation}")
        (parameter, _) = found.interfaces[0].operations[0].parameters
        assert isinstance(parameter.type, model.Pointer)
        assert parameter.type.pointer == "unique"
    assert [one.code for one in compiled(operation).diagnostics] == ["W0312"]


def test_safearray_of_an_unknown_type_is_an_error() -> None:
    text = f"{UUID.format(1)} interface i {{ void f([in] SAFEARRAY(nowhere) a); }}"
    assert [one.code for one in compiled(text).errors] == ["E0301"]


def test_names_find_the_innermost_meaning_and_the_place_of_their_scope_alone() -> None:
    names, at = Names[int](), Span(Source("a", "text"), 1)
    names.put("a", 1, at)
    names.push()
    assert (names.find("a"), names.first("a")) == (1, ())
    names.put("a", 2, at)
    names.put("b", 3)
    assert [note.span for note in names.first("a")] == [at]
    assert (names.find("a"), names.known("b"), names.first("b")) == (2, True, ())
    names.pop()
    assert (names.find("a"), names.find("b"), names.find("c")) == (1, 3, None)


def test_interface_learns_its_iid_later() -> None:
    binding = Binding(Source("a", ""), main=True)
    before = binding.interface("IFoo")
    assert before is binding.interface("IFoo", "1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10")
    assert (before.iid, Shape(before).spoken()) == ("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10", "interface IFoo")
