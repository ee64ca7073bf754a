"""Attributes of a type as a whole: honoured in front of its body, refused behind it, and never passed over."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import Compilation, compile_idl, model

HEAD = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10), version(1.0)] interface i\n{\n"
UNION = "union u { [case(1)] byte a; [case(2)] double b; }"


def compiled(body: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f"{HEAD}{body}\n}}"}.__getitem__)


def test_v1_enum_in_front_of_the_body_makes_it_wide() -> None:
    found = compiled("typedef [v1_enum] enum e E; enum e { A }; void f([in] E x);").model
    assert found is not None
    assert [one.wide for one in found.definitions if isinstance(one, model.Enumeration)] == [True]


def test_ms_union_in_front_of_the_body_holds_for_it() -> None:
    found = compiled(f"typedef [ms_union, switch_type(short)] union u U; {UNION};")
    assert found.errors == ()


@pytest.mark.parametrize(
    "body",
    [
        "typedef enum { A } e; typedef [v1_enum] e wide;",
        "typedef enum { A } e; typedef struct { [v1_enum] e a; } s;",
        "typedef enum { A } e; void f([in, v1_enum] e a);",
        f"typedef [switch_type(short)] {UNION} U; typedef [ms_union] U V;",
        f"typedef [switch_type(long)] {UNION} U; typedef [switch_type(short)] U V;",
    ],
)
def test_attribute_behind_the_body_that_says_otherwise_is_an_error(body: str) -> None:
    assert [one.code for one in compiled(body).errors] == ["E0530"]


@pytest.mark.parametrize(
    "body",
    [
        "typedef [v1_enum] enum { A } e; typedef [v1_enum] e wide; void f([in, v1_enum] e a);",
        f"typedef [ms_union, switch_type(short)] {UNION} U; typedef [ms_union, switch_type(short)] U V;",
        "typedef struct { long t; [ms_union, switch_is(t)] union { [case(1)] long a; } u; } s;",
    ],
)
def test_attribute_that_says_the_same_again_is_nothing(body: str) -> None:
    assert compiled(body).diagnostics == ()


@pytest.mark.parametrize(
    "body",
    [
        "typedef [v1_enum] long a;",
        "typedef [switch_type(long)] struct { long a; } s;",
        "typedef [ms_union] long a;",
        "typedef struct { [switch_type(long)] long a; } s;",
        "[v1_enum] struct s { long a; };",
    ],
)
def test_attribute_on_another_kind_of_type_is_said_to_have_no_effect(body: str) -> None:
    assert [one.code for one in compiled(body).diagnostics] == ["W0424"]
