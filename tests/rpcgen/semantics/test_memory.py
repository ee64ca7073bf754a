"""sizeof: what types take in C on a 64-bit machine."""

from __future__ import annotations

import pytest

from tests.rpcgen.texts import made


def size(types: str, name: str = "s") -> int | None:
    text = f"{types} const unsigned long K = sizeof({name});"
    value = made(text).constants[-1].value
    assert isinstance(value, int)
    return value


@pytest.mark.parametrize(
    ("fields", "octets"),
    [
        ("byte a;", 1),
        ("byte a; short b;", 4),
        ("byte a; long b; byte c;", 12),
        ("byte a; hyper b; byte c;", 24),
        ("char a[3]; wchar_t b[2];", 8),
        ("long *a; byte b;", 16),
        ("long a[2][3];", 24),
        ("long n; [size_is(n)] short a[];", 8),
        ("struct { byte a; long b; } c; byte d;", 12),
        ("long t; [switch_is(t)] union { [case(1)] hyper a; [case(2)] byte b; } u;", 16),
        ("void *a; void (*f)(void);", 16),
        ("enum { A } a; boolean b;", 8),
        ("__int3264 a; double b; float c;", 24),
        ("unsigned long a : 3; unsigned long b : 5;", 4),
        ("unsigned long a : 30; unsigned long b : 5;", 8),
        ("unsigned long a : 3; byte b : 5;", 8),
        ("byte a : 3; byte : 0; byte b : 5;", 2),
        ("byte a; unsigned long b : 5; long c;", 12),
    ],
)
def test_structure_is_laid_out_as_in_c(fields: str, octets: int) -> None:
    assert size(f"typedef struct {{ {fields} }} s;") == octets


@pytest.mark.parametrize(
    ("types", "octets"),
    [
        ("typedef union { long a; hyper b; byte c[9]; } s;", 16),
        ("typedef union switch (short t) u { case 1: hyper a; } s;", 16),
        ("typedef struct { unsigned long a; unsigned short b, c; byte d[8]; } GUID; typedef GUID s;", 16),
        ("typedef [context_handle] void *s;", 8),
        ("typedef [transmit_as(long)] hyper s;", 8),
        ("typedef struct { wchar_t a[8]; } *s;", 8),
        ("interface i; typedef struct { i *a; } s;", 8),
    ],
)
def test_type_takes(types: str, octets: int) -> None:
    assert size(types) == octets


def test_definition_inside_an_imported_file_has_a_size() -> None:
    found = made('import "b.idl"; const long K = sizeof(s) * 2;', b="typedef struct { long a[4]; } s;")
    assert found.constants[0].value == 32
