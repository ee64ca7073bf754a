"""What the files define by name."""

from __future__ import annotations

from lrpc.rpcgen.pidl.names import Definitions
from lrpc.rpcgen.syntax.parser import parse
from tests.rpcgen.texts import preprocessed


def learned(body: str) -> Definitions:
    file, complaints = parse(preprocessed(f"interface a {{ {body} }}"))
    assert complaints == []
    found = Definitions()
    found.learn(file.items)
    return found


def test_bodies_have_kinds_under_tag_and_name() -> None:
    found = learned("typedef struct _s { long a; } s; union u { [case(1)] long a; }; typedef bitmap { A = 1 } b;")
    assert found.kinds == {"_s": "struct", "s": "struct", "u": "union", "b": "enum"}


def test_constants_and_enumerators_are_values() -> None:
    assert learned("const long X = 1; typedef enum { A, B } e; typedef bitmap { C = 4 } b;").values == set("XABC")


def test_type_that_is_said_again_is_none_of_this_file() -> None:
    found = learned("typedef bitmap flags flags; typedef long number;")
    assert found.types == {"number"}


def test_sid_brings_the_one_with_its_count_in_front() -> None:
    assert learned("typedef struct { long a; } dom_sid;").kinds["dom_sid2"] == "struct"


def test_blob_without_flags_is_found_however_deep() -> None:
    found = learned(
        "typedef struct { DATA_BLOB a; } bare; typedef struct { bare a; } outer;"
        "typedef struct { [flag(NDR_REMAINING)] DATA_BLOB a; loop *next; } loop;"
    )
    assert [found.is_bare(name) for name in ("bare", "outer", "loop")] == [True, True, False]
