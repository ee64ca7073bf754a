"""Conformance: where types whose size varies may stand, and where not."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import compile_idl

HEAD = "[uuid(12345678-1234-1234-1234-123456789001)] interface i {"
VARYING = "typedef struct { long n; [size_is(n)] long items[]; } varying;"


def codes(body: str) -> list[str]:
    files = {"a.idl": f"{HEAD} {VARYING} {body} }}"}
    return [one.code for one in compile_idl("a.idl", reader=files.__getitem__).diagnostics]


@pytest.mark.parametrize(
    "body",
    [
        "void f([in] varying *a);",
        "void f([in] long n, [in, size_is(n)] varying *a[]);",
        "typedef struct { long n; varying last; } holder; void f([in] holder *a);",
        "typedef struct { varying *first; long n; } holder; void f([in] holder *a);",
    ],
)
def test_what_varies_in_size_may_stand_last_and_behind_pointers(body: str) -> None:
    assert codes(body) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("typedef struct { varying first; long n; } holder;", "E0505"),
        ("typedef struct { long n; [size_is(n)] long items[]; long last; } holder;", "E0505"),
        ("void f([in] varying a);", "E0506"),
        ("void f([in] long n, [in, size_is(n)] varying a[]);", "E0506"),
        ("typedef struct { varying two[2]; } holder;", "E0506"),
        ("typedef union switch (long tag) { case 1: varying arm; } choice;", "E0506"),
    ],
)
def test_what_varies_in_size_cannot_stand_elsewhere(body: str, code: str) -> None:
    assert code in codes(body)
