"""Structures, unions and enumerations: what their bodies become, and what is kept until something travels."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model

UUID = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)]"


def compiled(types: str, operation: str = "", **files: str) -> Compilation:
    texts = {
        "a.idl": f"{types} {UUID} interface i {{ {operation} }}",
        **{f"{name}.idl": text for name, text in files.items()},
    }
    return compile_idl("a.idl", reader=texts.__getitem__)


def definitions(types: str, operation: str = "", **files: str) -> dict[str, model.Definition]:
    found = compiled(types, operation, **files)
    assert found.model is not None, "\n".join(map(str, found.errors))
    return {one.name: one for one in found.model.definitions}


def structure(types: str, name: str = "s") -> model.Structure:
    found = definitions(types)[name]
    assert isinstance(found, model.Structure)
    return found


def codes(found: Compilation) -> list[str]:
    return [one.code for one in found.diagnostics]


def test_member_without_a_name_is_called_u_or_s_and_avoids_names_that_are_there() -> None:
    found = structure(
        "typedef struct { long t; long u; [switch_is(t)] union { [case(1)] long a; }; struct { long b; };"
        " struct inner { long c; }; struct { long d; }; } s;"
    )
    assert [member.name for member in found.members] == ["t", "u", "u2", "s", "s2", "s3"]


def test_types_of_members_without_a_name_are_named_after_them() -> None:
    names = definitions("typedef struct { long t; [switch_is(t)] union { [case(1)] long a; }; struct { long b; }; } s;")
    assert {"s", "s_u", "s_s"} <= set(names)


def test_tagged_structure_may_stand_as_a_member_without_a_name() -> None:
    found = structure("struct other { long a; }; typedef struct { struct other; long b; } s;")
    assert [member.name for member in found.members] == ["s", "b"]


def test_arm_without_a_name_is_called_s() -> None:
    union = definitions("typedef [switch_type(long)] union { [case(1)] struct { long a; }; [default]; } u;")["u"]
    assert isinstance(union, model.UnionType)
    assert [case.name for case in union.cases] == ["s"]


@pytest.mark.parametrize(
    "member",
    [
        "void *a;",
        "void (*a)(void);",
        "long a : 3;",
        "long : 0;",
        "union { long a; short b, c; } u;",
        "union { struct { long a : 3; }; long b; };",
        "long a[];",
        "handle_t a;",
        "PFN a;",
        "struct nowhere *a;",
        "BYTES a;",
        "interface i2 a;",
        "struct { void *a; } a;",
        "struct { void *a; } *a[4];",
    ],
)
def test_what_cannot_travel_is_a_warning_until_something_needs_it_to(member: str) -> None:
    types = f"typedef void (*PFN)(void *a); typedef pipe byte BYTES; interface i2; typedef struct {{ {member} }} s;"
    unused, used = compiled(types), compiled(types, "void f([in] s *p);")
    assert unused.model is not None, unused.errors
    assert set(codes(unused)) == {"W0522"}
    assert "s" not in {one.name for one in unused.model.definitions}
    assert used.model is None
    assert used.errors


def test_what_holds_a_type_that_cannot_travel_is_left_out_with_it() -> None:
    found = compiled("typedef struct { struct b *a; long c; } s; struct b { void *a; }; typedef struct { s a[3]; } t;")
    assert found.model is not None
    assert found.model.definitions == ()
    assert [one.span.line for one in found.diagnostics] == [1, 1, 1]


def test_imported_types_that_cannot_travel_say_nothing() -> None:
    found = compiled('import "b.idl";', b="typedef struct { void *a; } s; typedef union { long a; } u;")
    assert codes(found) == []


def test_local_operations_may_use_types_that_cannot_travel() -> None:
    found = compiled("typedef struct { void *a; } s;", "[local] void f(s *p); void g([in] long n);")
    assert found.errors == ()


def test_structure_without_fields_is_a_warning() -> None:
    found = compiled("typedef struct { } s;", "void f([in] s *p);")
    assert codes(found) == ["W0528"]
    assert found.model is not None


def test_name_may_be_used_in_a_typedef_before_its_body() -> None:
    found = definitions(
        "typedef LATER *PLATER; typedef LATER ALSO; typedef struct tag { PLATER next; long a; } LATER;",
        "void f([in, unique] ALSO *p);",
    )
    assert list(found) == ["LATER"]


def test_name_that_no_typedef_gives_a_body_is_unknown() -> None:
    found = compiled("typedef NEVER *PNEVER;")
    assert [str(one).splitlines()[0] for one in found.errors] == ["a.idl:1:9: error E0301: unknown type NEVER"]


def test_tags_may_be_used_before_their_body_and_in_themselves() -> None:
    found = structure(
        "typedef struct node *PNODE; struct node { PNODE next; struct node *back; }; typedef struct node s;"
    )
    assert [member.type.kind for member in found.members] == ["pointer", "pointer"]


def test_tag_of_an_encapsulated_union_is_that_of_a_structure_too() -> None:
    found = definitions(
        "typedef struct x *PX; union x switch (long t) u { case 1: long a; }; typedef struct x X; typedef union x Y;"
    )
    assert found["X"].kind == "switch_union"


def test_encapsulated_union_has_default_names_and_shared_arms() -> None:
    found = definitions("typedef union switch (short t) { case 1: case 2: long a; case 3: ; default: ; } x;")["x"]
    assert isinstance(found, model.SwitchUnion)
    assert (found.selector, found.member) == ("t", "tagged_union")
    assert [(case.value, case.name) for case in found.union.cases] == [(1, "a"), (2, "a"), (3, None)]
    assert found.union.default is not None


@pytest.mark.parametrize(
    "tag", ["boolean", "char", "byte", "small", "wchar_t", "unsigned hyper", "enum e", "error_status_t"]
)
def test_tag_of_a_union_may_be(tag: str) -> None:
    types = f"enum e {{ A = 1 }}; typedef [switch_type({tag})] union {{ [case(TRUE)] long a; }} u;"
    union = definitions(types)["u"]
    assert isinstance(union, model.UnionType)
    assert [case.value for case in union.cases] == [1]


@pytest.mark.parametrize("tag", ["double", "__int3264", "struct s"])
def test_tag_of_a_union_cannot_be(tag: str) -> None:
    found = compiled(f"struct s {{ long a; }}; typedef [switch_type({tag})] union {{ [case(1)] long a; }} u;")
    assert codes(found)[0] == "E0511"


def test_enumerators_count_on_and_know_earlier_ones_and_constants() -> None:
    found = definitions("const long K = 4; enum e { A, B = K << 1 | 1, C, D = -1, E = sizeof(hyper) + C, F = 'a', };")[
        "e"
    ]
    assert isinstance(found, model.Enumeration)
    assert [(one.name, one.value) for one in found.members] == [
        ("A", 0), ("B", 9), ("C", 10), ("D", 0xFFFF_FFFF), ("E", 18), ("F", 97),
    ]  # fmt: skip


def test_redefinition_names_the_first_place() -> None:
    found = compiled("struct s { long a; };\nstruct s { long b; };")
    assert [(one.code, one.span.line) for one in found.errors] == [("E0303", 2)]
    note = found.errors[0].notes[0]
    assert (note.message, note.span and note.span.line) == ("first defined here", 1)


def test_ignored_pointer_leaves_a_placeholder() -> None:
    found = structure("typedef struct { [ignore] void *a; [ignore] struct nowhere *b; long c; } s;")
    assert [member.type.kind for member in found.members] == ["ignored", "ignored", "scalar"]


def test_counts_that_an_array_determines_are_marked() -> None:
    found = structure(
        "typedef struct { long n; long t; [size_is(n)] long *a; [switch_is(t)] union { [case(1)] long b; } u; } s;"
    )
    assert [member.auto for member in found.members] == [True, False, False, False]


def test_definitions_carry_their_places_and_attributes() -> None:
    found = structure("typedef struct tag {\n    long n;\n    [size_is(n), unique] long *a;\n} s;")
    assert found.span.line == 1
    assert [member.span.line for member in found.members] == [2, 3]
    assert [one.name for one in found.members[1].attributes] == ["size_is", "unique"]
