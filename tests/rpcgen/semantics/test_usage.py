"""Usage: types without a form on the wire are an error where they travel, and a warning where nothing uses them."""

from __future__ import annotations

from lrpc.rpcgen import Compilation, compile_idl

HEAD = "[uuid(12345678-1234-1234-1234-123456789012)] interface a {"


def compiled(body: str) -> Compilation:
    return compile_idl("a.idl", reader={"a.idl": f"{HEAD}{body} }}"}.__getitem__)


def names(found: Compilation) -> list[str]:
    assert found.model is not None, found.diagnostics
    return [each.name for each in found.model.definitions]


def test_type_that_cannot_travel_and_is_not_used_is_left_out_with_a_warning() -> None:
    found = compiled("typedef struct s { void *p; } s; typedef struct t { long x; } t;")
    assert [one.code for one in found.diagnostics] == ["W0522"]
    assert names(found) == ["t"]


def test_type_that_cannot_travel_and_is_used_is_an_error() -> None:
    assert [one.code for one in compiled("typedef struct s { void *p; } s; void f([in] s *a);").errors] == ["E0502"]


def test_what_holds_it_is_left_out_too() -> None:
    found = compiled("typedef struct s { void *p; } s; typedef struct t { s *q; } t;")
    assert [one.code for one in found.diagnostics] == ["W0522", "W0522"]
    assert "struct s" in found.diagnostics[1].message
    assert names(found) == []


def test_local_operation_is_no_use() -> None:
    found = compiled("typedef struct s { void *p; } s; [local] void f([in] s *a);")
    assert [one.code for one in found.diagnostics] == ["W0522"]


def test_type_that_is_never_defined_is_no_mistake_until_it_is_used() -> None:
    assert compiled("struct s; typedef struct s *p;").errors == ()
    assert [one.code for one in compiled("typedef struct s *p; void f([in] p a);").errors] == ["E0503"]
