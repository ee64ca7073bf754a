"""The tools know what only Samba's dialect has."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from lrpc.rpcgen.tools.diff import differences
from lrpc.rpcgen.tools.document import markdown
from lrpc.rpcgen.tools.header import c_header
from lrpc.rpcgen.tools.lint import lint
from tests.rpcgen.pidl.at_work import Pidl

BODY = """
    typedef [bitmap16bit] bitmap { A = 1 } bits;
    typedef [enum8bit] enum { X = 1 } kind;
    typedef [nodiscriminant] union { [case(X)] uint32 x; [default]; } arms;
    typedef [public, flag(NDR_NOALIGN)] struct {
        bits flags;
        kind what;
        [switch_is(what)] arms arm;
        [value(strlen_m(text))] uint32 size;
        [relative] nstring *text;
        [subcontext(4)] DATA_BLOB blob;
        nstring_array names;
        uint8 octets[size];
        NTTIME at;
        ipv4address host;
    } all;
    void f([in, ref] all *a);
"""


def made(pidl: Pidl, body: str = BODY) -> model.Model:
    found = pidl.compile(body)
    assert found.model is not None, found.errors
    return found.model


def test_model_comes_back_from_json(pidl: Pidl) -> None:
    found = made(pidl)
    again = model.Model.model_validate_json(found.model_dump_json())
    assert again.definitions == model.Model.model_validate_json(again.model_dump_json()).definitions
    assert differences(found, again) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bitmap16bit", "bitmap32bit"),
        ("enum8bit", "enum16bit"),
        ("[nodiscriminant]", "[switch_type(uint16)]"),
        ("flag(NDR_NOALIGN)", "flag(NDR_BIG_ENDIAN)"),
        ("subcontext(4)", "subcontext(2)"),
        ("[relative]", "[relative_short]"),
        ("nstring_array names", "nstring names"),
        ("octets[size]", "octets[4]"),
        ("NTTIME at", "hyper at"),
    ],
)
def test_change_on_the_wire_is_seen(pidl: Pidl, before: str, after: str) -> None:
    found = differences(made(pidl), made(pidl, BODY.replace(before, after)))
    assert "wire" in {one.kind for one in found}


def test_header_and_document_name_every_field(pidl: Pidl) -> None:
    found = made(pidl)
    for text in (c_header(found), markdown(found)):
        for name in ("flags", "what", "arm", "size", "text", "blob", "names", "octets", "at", "host"):
            assert name in text
    assert "typedef uint16_t bits;" in c_header(found)
    assert "octets, in a context of its own" in markdown(found)


def test_lint_says_nothing_of_the_width_of_an_enumeration_that_has_one(pidl: Pidl) -> None:
    found = made(
        pidl, "typedef [enum16bit] enum { X = 0xFFFF } k; typedef enum { Y = 0xFFFF } n; void f([in] k a, [in] n b);"
    )
    assert [one.message.split(" ")[0] for one in lint(found) if one.code == "W1004"] == ["Y"]
