"""What pidl says becomes what the binder knows, and what cannot be said is left out with a word."""

from __future__ import annotations

import pytest

from lrpc import rpcgen
from lrpc.rpcgen import model
from lrpc.runtime.ndr.layout import Encoding
from tests.rpcgen.pidl.at_work import Pidl


def members(found: rpcgen.Compilation, name: str) -> dict[str, model.Type]:
    assert found.model is not None
    structure = next(one for one in found.model.definitions if one.name == name)
    assert isinstance(structure, model.Structure)
    return {one.name: one.type for one in structure.members}


def said(found: rpcgen.Compilation, code: str) -> list[str]:
    return [one.message for one in found.diagnostics if one.code == code]


@pytest.mark.parametrize(
    ("word", "scalar"),
    [
        ("uint8", "Byte"), ("int8", "Small"), ("uint16", "UShort"), ("int32", "Long"), ("hyper", "UHyper"),
        ("int64", "Hyper"), ("uint3264", "UInt3264"), ("time_t", "ULong"), ("WERROR", "ErrorStatus"),
        ("NTSTATUS", "NtStatus"), ("NTTIME", "samba.UDLONG"), ("dlong", "samba.DLONG"), ("DWORD", "ULong"),
    ],
)  # fmt: skip
def test_types_have_a_form(pidl: Pidl, word: str, scalar: str) -> None:
    found = pidl.compile(f"typedef [public] struct {{ {word} a; }} s;")
    assert members(found, "s")["a"] == model.Scalar(word=scalar)


def test_dlong_is_aligned_to_4(pidl: Pidl) -> None:
    stub = pidl.load("typedef [public] struct { uint32 a; dlong b; } s;")
    octets = pidl.write(stub.__layouts__["s"], stub.s(1, -2))
    assert octets == (1).to_bytes(4, "little") + (-2).to_bytes(8, "little", signed=True)


@pytest.mark.parametrize(("attribute", "octets"), [("enum8bit", 1), ("enum16bit", 2), ("v1_enum", 4), ("public", 2)])
def test_width_of_an_enumeration(pidl: Pidl, attribute: str, octets: int) -> None:
    stub = pidl.load(f"typedef [{attribute}] enum {{ A = 1 }} e; typedef [public] struct {{ e a; }} s;")
    assert len(pidl.write(stub.__layouts__["s"], stub.s(stub.e.A))) == octets


@pytest.mark.parametrize(
    ("attribute", "octets"), [("bitmap8bit", 1), ("bitmap16bit", 2), ("bitmap32bit", 4), ("bitmap64bit", 8)]
)
def test_bitmap_keeps_bits_without_a_name(pidl: Pidl, attribute: str, octets: int) -> None:
    stub = pidl.load(f"typedef [{attribute}] bitmap {{ A = 1, B = 2 }} b; typedef [public] struct {{ b a; }} s;")
    octets_ = pidl.write(stub.__layouts__["s"], stub.s(stub.b.A | 64))
    assert octets_ == (65).to_bytes(octets, "little")
    assert pidl.read(stub.__layouts__["s"], octets_).a == stub.b.A | 64


def test_tag_of_a_union_has_32_bits_unless_it_is_said(pidl: Pidl) -> None:
    text = "typedef [public] struct {{ uint16 t; [switch_is(t)] u a; }} s; typedef {} union {{ [case(1)] uint8 a; }} u;"
    wide, narrow = pidl.load(text.format("")), pidl.load(text.format("[switch_type(uint16)]"))
    bare = pidl.load(text.format("[nodiscriminant]"))
    sizes = [len(pidl.write(stub.__layouts__["s"], stub.s(1, 7))) for stub in (wide, narrow, bare)]
    assert sizes == [9, 5, 3]


def test_structure_is_known_by_its_tag_and_by_its_name(pidl: Pidl) -> None:
    found = pidl.compile(
        "struct inner { uint32 a; }; typedef struct { inner a; struct inner b; } outer; void f([in] outer *o);"
    )
    assert found.errors == ()
    assert len({str(one) for one in members(found, "outer").values()}) == 1


def test_pointer_to_a_policy_handle_is_a_context_handle(pidl: Pidl) -> None:
    found = pidl.compile(
        "typedef [public] struct { uint32 a; uint8 b[16]; } policy_handle; void f([in, ref] policy_handle *h);"
    )
    assert found.model is not None
    (parameter,) = found.model.interfaces[0].operations[0].parameters
    definition = next(
        one
        for one in found.model.definitions
        if isinstance(parameter.type, model.Defined) and one.key == parameter.type.key
    )
    assert isinstance(definition, model.ContextType)


def test_sid_in_28_octets_is_filled_up(pidl: Pidl) -> None:
    stub = pidl.load(
        "typedef [nopush, nopull] struct { uint8 a; } dom_sid; typedef [public] struct { dom_sid28 sid; uint32 b; } s;"
    )
    octets = pidl.write(stub.__layouts__["s"], stub.s(stub.dom_sid(1, bytes(6), [7]), 9))
    assert octets == bytes((1, 1, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0)) + bytes(16) + bytes((9, 0, 0, 0))


def test_flags_reach_what_is_inside(pidl: Pidl) -> None:
    stub = pidl.load(
        "typedef struct { uint8 a; uint32 b; } inner;"
        "typedef [public, flag(NDR_NOALIGN|NDR_BIG_ENDIAN)] struct { uint8 x; inner y; } outer;"
    )
    octets = pidl.write(stub.__layouts__["outer"], stub.outer(1, stub.inner(2, 3)))
    assert octets == bytes((1, 2, 0, 0, 0, 3))


def test_fixed_text_fills_its_array(pidl: Pidl) -> None:
    stub = pidl.load('typedef [public] struct { [value("LRPC"), charset(DOS)] uint8 magic[8]; uint8 a; } s;')
    assert pidl.write(stub.__layouts__["s"], stub.s(1)) == b"LRPC\0\0\0\0\1"
    wide = pidl.load('typedef [public] struct { [value("["), charset(UTF16)] uint8 open[2]; } s;')
    assert pidl.write(wide.__layouts__["s"], wide.s()) == b"[\0"


def test_order_is_that_of_the_stream_inside_an_array_of_counted_size(pidl: Pidl) -> None:
    stub = pidl.load("typedef [public] struct { uint8 n; uint16 a[n*2]; } s;")
    assert pidl.write(stub.__layouts__["s"], stub.s([1, 2]), Encoding.NDR_BIG) == bytes((1, 0, 0, 1, 0, 2))


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("typedef [nopush] struct { uint32 a; } s; void f([in] s *a);", "a codec that is written by hand"),
        ("typedef struct { dns_string a; } s; void f([in] s *a);", "the type dns_string"),
        ("typedef struct { nowhere a; } s; void f([in] s *a);", "which no file defines"),
        ("typedef struct { uint32 n; [size_is(f(n))] uint32 *a; } s; void f([in] s *a);", "[size_is(f(n))]"),
        ("typedef struct { [flag(g(r->x))] string a; } s; void f([in] s *a);", "[flag(g(r->x))]"),
        ("typedef struct { string a; } s; void f([in] s *a);", "under flags that do not say how it travels"),
        ("typedef struct { [subcontext(4), compression(X)] uint32 a; } s; void f([in] s *a);", "[compression]"),
        ("typedef struct { [string, charset(UTF8)] uint8 a[*]; uint32 b; } s; void f([in] s *a);", "must be the last"),
        ("void f([in] uint32 n, [in] uint8 data[n]);", "neither constant nor a field"),
    ],
)
def test_operation_with_what_has_no_form_is_left_out(pidl: Pidl, body: str, reason: str) -> None:
    found = pidl.compile(f"{body} void g([in] uint32 a);")
    assert found.errors == ()
    assert found.model is not None
    f, g = found.model.interfaces[0].operations
    assert (f.local, f.number, g.local, g.number) == (True, 0, False, 1)
    (message,) = said(found, "W0620")
    assert reason in message


def test_operation_without_a_number_is_not_there(pidl: Pidl) -> None:
    found = pidl.compile("[noopnum] void f([in] uint32 a); [todo] void g(); void h([in] uint32 a);")
    assert found.model is not None
    assert [(one.name, one.number, one.local) for one in found.model.interfaces[0].operations] == [
        ("g", 0, True),
        ("h", 1, False),
    ]


def test_mistake_stays_an_error(pidl: Pidl) -> None:
    assert pidl.compile("typedef struct { uint32 a; uint32 a; } s;").errors != ()


def test_value_that_only_a_program_knows_is_the_callers(pidl: Pidl) -> None:
    found = pidl.compile("typedef [public] struct { [value(g(a))] uint32 n; uint32 a; } s;")
    assert len(said(found, "W0425")) == 1
    stub = pidl.load("typedef [public] struct { [value(g(a))] uint32 n; uint32 a; } s;")
    assert pidl.write(stub.__layouts__["s"], stub.s(3, 4)) == bytes((3, 0, 0, 0, 4, 0, 0, 0))


def test_attributes_of_programs_alone_are_for_lint(pidl: Pidl) -> None:
    found = pidl.compile("typedef [public, gensize, noprint] struct { uint32 a; } s;")
    assert found.diagnostics == ()
    assert found.model is not None
    assert {one.name: one.effect for one in found.model.definitions[0].attributes} == dict.fromkeys(
        ("public", "gensize", "noprint"), "none"
    )


def test_constant_is_what_is_written_whatever_its_type(pidl: Pidl) -> None:
    stub = pidl.load(
        "const int A = 0xF0000000; const uint8 B = 300; const uint64_t C = 0xFFFFFFFFFFFFFFFF; const uint32 D = -1;"
        'const string E = "S-1-5"; const uint32 F = A | 1;'
    )
    assert (stub.A, stub.B, stub.C, stub.D) == (0xF0000000, 300, 0xFFFFFFFFFFFFFFFF, -1)
    assert (stub.E, stub.F) == ("S-1-5", 0xF0000001)


def test_types_of_a_stock_file_may_be_used() -> None:
    text = (
        '#include "idl_types.h"\nimport "ms-dtyp.idl";\n'
        '[uuid("1f3d9bd6-5ad2-4e0b-9c1b-6a1f8c1c2d10"), version(1.0)] interface a { void f([in] FILETIME *t); }'
    )
    found = rpcgen.compile_idl("a.idl", reader={"a.idl": text}.__getitem__, dialect="pidl")
    assert found.diagnostics == ()
    assert found.model is not None
    assert not found.model.interfaces[0].operations[0].local
