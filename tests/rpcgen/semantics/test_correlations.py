"""Expressions of size_is and switch_is: what they become, and which are refused."""

from __future__ import annotations

import re

import pytest

from lrpc.rpcgen import Compilation, compile_idl, generate
from tests.rpcgen.texts import codes


def compiled(attributes: str) -> Compilation:
    text = (
        "const long K = 3; typedef unsigned long ULONG; typedef unsigned short USHORT; typedef enum { E1 = 5 } E;"
        " typedef long *PL;"
        " typedef struct { long n; short m; hyper h; long *p; PL q; long **pp; double d;"
        f" char c; long a[2]; [{attributes}] short *v; }} s;"
    )
    return compile_idl("a.idl", reader={"a.idl": text}.__getitem__)


def size(expression: str) -> str:
    """What stands in the stub from the expression on."""
    found = compiled(f"size_is({expression})")
    assert found.model is not None, found.diagnostics
    text = "".join(line.strip() for line in generate(found.model, source="a", command="b").splitlines())
    return re.split(r"rpc\.ConformantArray\(rpc\.Short, ?", text)[1]


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("n", "rpc.this.n"),
        ("*p", "rpc.this.p"),
        ("*q", "rpc.this.q"),
        ("**pp", "rpc.this.pp"),
        ("K", "3"),
        ("K * 2 + 1", "7"),
        ("-7 / 2", "-3"),
        ("sizeof(wchar_t)", "2"),
        ("n + K", "rpc.this.n + 3"),
        ("2 * n", "2 * rpc.this.n"),
        ("(n + 1) * 2", "(rpc.this.n + 1) * 2"),
        ("n - (m - 1)", "rpc.this.n - (rpc.this.m - 1)"),
        ("n - m - 1", "rpc.this.n - rpc.this.m - 1"),
        ("n / 2", "rpc.this.n // 2"),
        ("n & 3 | m << 1", "rpc.this.n & 3 | rpc.this.m << 1"),
        ("-n", "0 - rpc.this.n"),
        ("~n", "rpc.this.n ^ -1"),
        ("+n", "rpc.this.n"),
        ("~K", "-4"),
        ("(unsigned short)n", "rpc.this.n & 65535"),
        ("(unsigned long)n", "rpc.this.n"),
        ("10 % n", "10 % rpc.this.n"),
        ("(short)n", "(rpc.this.n & 65535 ^ 32768) - 32768"),
        ("(boolean)n", 'rpc.compare("!=", rpc.this.n, 0'),
        ("(unsigned small)(n + m)", "rpc.this.n + rpc.this.m & 255"),
        ("(long)m", "rpc.this.m"),
        ("(unsigned long)h", "rpc.this.h & 4294967295"),
        ("(short)0x12345", "9029"),
        ("E1 + 1", "6"),
        ("(ULONG)*p", "rpc.this.p"),
        ("(USHORT)-n", "0 - rpc.this.n & 65535"),
        ("(USHORT)-1", "65535"),
        ("n ? m : 0", "rpc.when(rpc.this.n, rpc.this.m, 0"),
        ("p ? *p : 0", "rpc.when(rpc.present(rpc.this.p), rpc.this.p, 0"),
        ("p == NULL ? 0 : *p", 'rpc.when(rpc.compare("==", rpc.present(rpc.this.p), 0), 0, rpc.this.p'),
        ("0 != p ? *p : 0", "rpc.when(rpc.present(rpc.this.p), rpc.this.p, 0"),
        ("!p ? 0 : *p", 'rpc.when(rpc.compare("==", rpc.present(rpc.this.p), 0), 0, rpc.this.p'),
        ("p && n > 2 ? n : 0", 'rpc.when(rpc.compare("&&", rpc.present(rpc.this.p), rpc.compare(">", rpc.this.n, 2)'),
    ],
)
def test_expression_becomes(expression: str, text: str) -> None:
    assert size(expression).startswith(text)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("x", "E0302"),
        ("*x", "E0302"),
        ("p", "E0412"),
        ("*n", "E0412"),
        ("**p", "E0412"),
        ("d", "E0412"),
        ("a", "E0412"),
        ("&n", "E0417"),
        ("*(n + 1)", "E0417"),
        ("NULL", "E0417"),
        ("(E)n", "E0417"),
        ("r.n", "E0417"),
        ("f(n)", "E0417"),
        ("(double)n", "E0417"),
        ("n / 0", "E0306"),
        ("n << 64", "E0305"),
        ("1.5", "E0417"),
        ('"text"', "E0417"),
    ],
)
def test_expression_is_refused(expression: str, code: str) -> None:
    assert [found.code for found in compiled(f"size_is({expression})").errors] == [code]


def test_last_is_counts_from_first_is() -> None:
    found = compiled("size_is(K), first_is(n), last_is(m)")
    assert found.model is not None
    text = generate(found.model, source="a", command="b")
    assert "rpc.ConformantVaryingArray(rpc.Short, 3, rpc.this.m + 1 - rpc.this.n, rpc.this.n)" in text


def test_two_operations_of_one_name_are_refused() -> None:
    text = "void f([in] long a); void f([in] short a);"
    assert codes(text) == ["E0303", "W0704"]


def test_union_with_an_arm_of_varying_size_is_refused() -> None:
    text = (
        "typedef struct { long n; [size_is(n)] long a[]; } c; typedef [switch_type(long)] union { [default] c x; } u;"
    )
    assert codes(text) == ["E0506"]


def test_a_size_outside_the_union_keeps_a_type_from_travelling_and_is_no_mistake_before() -> None:
    text = "struct s { long n; [switch_is(n)] union { case 1: [size_is(n)] long *a; } u; };"
    assert set(codes(text)) == {"W0522"}
    operation = "[uuid(1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10)] interface i { void f([in] struct s *x); }"
    assert set(codes(text + operation)) == {"E0529"}


def test_a_size_that_nothing_around_has_is_unknown() -> None:
    text = "struct s { long n; [switch_is(n)] union { case 1: [size_is(m)] long *a; } u; };"
    assert codes(text) == ["E0302"]
