"""Fields, arms and parameters: attributes that pidl reads in another way than MIDL."""

from __future__ import annotations

import pytest

from lrpc import rpcgen
from lrpc.rpcgen import model
from tests.rpcgen.pidl.at_work import Pidl


def field(found: rpcgen.Compilation, name: str = "a") -> model.Type:
    assert found.errors == ()
    assert found.model is not None
    structure = next(one for one in found.model.definitions if isinstance(one, model.Structure) and one.name == "s")
    return next(one.type for one in structure.members if one.name == name)


@pytest.mark.parametrize(
    ("declaration", "unit"),
    [
        ("[string, charset(UTF16)] uint16 *a", "WChar"),
        ("[string, charset(DOS)] uint8 *a", "Char"),
        ("[string, charset(UTF8)] uint8 *a", "Char"),
    ],
)
def test_charset_says_what_a_string_is_made_of(pidl: Pidl, declaration: str, unit: str) -> None:
    found = field(pidl.compile(f"typedef [public] struct {{ {declaration}; }} s;"))
    assert isinstance(found, model.Pointer)
    assert found.target == model.String(unit=unit)


def test_ref_counts_before_unique(pidl: Pidl) -> None:
    found = pidl.compile("void f([in, out, ref, unique] uint32 *a);")
    assert found.errors == ()
    assert found.model is not None
    assert found.model.interfaces[0].operations[0].parameters[0].type == model.Scalar(word="ULong")


def test_embedded_pointer_is_unique_and_one_with_an_offset_is_not(pidl: Pidl) -> None:
    text = "typedef [public] struct { uint32 *a; [relative] uint32 *b; [relative_short] uint32 *c; } s;"
    found = pidl.compile(text)
    kinds = [one.pointer for one in (field(found, name) for name in "abc") if isinstance(one, model.Pointer)]
    assert kinds == ["unique", "relative", "relative_short"]


def test_context_is_around_what_is_pointed_to_and_flags_are_around_all(pidl: Pidl) -> None:
    found = field(pidl.compile("typedef [public] struct { [relative, subcontext(4), flag(NDR_ALIGN4)] uint32 *a; } s;"))
    assert isinstance(found, model.Flagged)
    assert isinstance(found.target, model.Pointer)
    assert isinstance(found.target.target, model.Subcontext)
    assert (found.flags.align, found.target.target.header) == (4, 4)


def test_array_of_a_fields_size_is_inline_and_one_of_a_constants_is_fixed(pidl: Pidl) -> None:
    found = pidl.compile("const uint32 N = 3; typedef [public] struct { uint32 n; uint32 a[n]; uint32 b[N]; } s;")
    inline, fixed = field(found, "a"), field(found, "b")
    assert isinstance(inline, model.Array)
    assert isinstance(fixed, model.Array)
    assert (inline.inline, inline.bound, fixed.inline, fixed.bound) == (True, None, False, 3)


def test_fields_that_are_in_memory_alone_are_not_there(pidl: Pidl) -> None:
    found = pidl.compile("typedef [public] struct { uint32 a; [skip] uint32 b; [skip_noinit] nowhere *c; } s;")
    assert found.model is not None
    structure = found.model.definitions[0]
    assert isinstance(structure, model.Structure)
    assert [one.name for one in structure.members] == ["a"]


def test_ignored_pointer_is_a_placeholder_whatever_its_type(pidl: Pidl) -> None:
    found = field(pidl.compile("typedef [public] struct { [ignore] nowhere *a; uint32 b; } s;"))
    assert found == model.Ignored()


def test_range_by_a_name_of_c_is_not_checked(pidl: Pidl) -> None:
    found = pidl.compile("typedef [public] struct { [range(0, ELSEWHERE)] uint32 a; } s;")
    assert [one.code for one in found.diagnostics] == ["W0424"]
    assert field(found) == model.Scalar(word="ULong")


def test_flags_of_a_blob_inside_are_refused(pidl: Pidl) -> None:
    found = pidl.compile(
        "typedef struct { DATA_BLOB b; } inner; typedef [public] struct { [flag(NDR_REMAINING)] inner a; } s;"
    )
    assert found.model is not None
    assert [one.name for one in found.model.definitions] == ["inner"]
