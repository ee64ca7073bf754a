"""In pidl a name may stand before what defines it."""

from __future__ import annotations

from lrpc import rpcgen

HEAD = '#include "idl_types.h"\n[uuid("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10"), version(1.0)]\ninterface a\n{\n'


def compiled(body: str) -> rpcgen.Compilation:
    return rpcgen.compile_idl("a.idl", reader={"a.idl": f"{HEAD}{body}}}\n"}.__getitem__)


def test_structure_may_hold_one_that_is_defined_behind_it() -> None:
    found = compiled("typedef struct { inner a; } outer; typedef struct { uint32 b; } inner; void f([in] outer *o);\n")
    assert found.errors == ()
    assert found.model is not None
    assert [one.name for one in found.model.definitions] == ["inner", "outer"]


def test_enumerator_may_be_a_constant_that_is_defined_behind_it() -> None:
    found = compiled("typedef enum { X = Y } e; const uint32 Y = 7; void f([in] e a);\n")
    assert found.errors == ()


def test_operations_keep_their_numbers() -> None:
    found = compiled("void f([in] s *a); typedef struct { uint32 b; } s; void g([in] s *a);\n")
    assert found.model is not None
    assert [(one.name, one.number) for one in found.model.interfaces[0].operations] == [("f", 0), ("g", 1)]


def test_types_that_hold_each_other_through_pointers_compile() -> None:
    found = compiled(
        "typedef struct { right *next; } left; typedef struct { left *next; } right; void f([in] left *a);"
    )
    assert found.errors == ()
