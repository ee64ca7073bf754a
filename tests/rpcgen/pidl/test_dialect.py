"""Which dialect a file is in is told by what only one of them has."""

from __future__ import annotations

from lrpc.rpcgen import compile_idl
from lrpc.rpcgen.pidl.dialect import looks_like_pidl


def test_quoted_uuid_and_public_types_are_pidl() -> None:
    assert looks_like_pidl(
        '[uuid("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10")] interface a { typedef [public] enum {x} e; }'
    )


def test_one_sign_alone_is_no_proof() -> None:
    assert not looks_like_pidl("typedef unsigned long uint32; void f([in] uint32 a);")


def test_stated_dialect_wins_over_what_the_text_looks_like() -> None:
    text = (
        '#include "idl_types.h"\n[uuid("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10")] interface a { void f([in] WERROR n); }'
    )
    assert compile_idl("a.idl", reader={"a.idl": text}.__getitem__).errors == ()
    assert compile_idl("a.idl", reader={"a.idl": text}.__getitem__, dialect="midl").errors != ()
