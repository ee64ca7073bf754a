"""docs/ndr.md says what is checked; here each row's rule is broken, and what happens is compared with the row."""

from __future__ import annotations

import dataclasses
import enum
import random
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lrpc.runtime.ndr.compiler import Codec, compiled_type
from lrpc.runtime.ndr.errors import RPC_X_BAD_STUB_DATA, NdrError
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Array,
    Byte,
    Char,
    ConformantArray,
    ConformantVaryingArray,
    Dimension,
    Encoding,
    Enum,
    FullPtr,
    Hyper,
    Layout,
    Long,
    MultiArray,
    Parameters,
    Pipe,
    Range,
    RefPtr,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    VaryingArray,
    WChar,
)
from lrpc.runtime.ndr.strictness import ALONE, DEFAULT, LEVELS, OPTIONS, Strictness, chosen
from lrpc.runtime.status import RefusedStubData, fault, fault_name

PAGE = (Path(__file__).parents[3] / "docs" / "ndr.md").read_text(encoding="utf-8")


class Row(NamedTuple):
    """A row of the table of checks."""

    name: str
    what: str
    source: str
    level: str
    status: str
    leniencies: str


def rows(heading: str) -> list[list[str]]:
    """The rows of the table under a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| check |", "| leniency |"))
    ]


CHECKS = {cells[0]: Row(*cells) for cells in rows("Checks")}


class Case(NamedTuple):
    """Octets that break a rule; value: what is read when that is overlooked."""

    parameters: Parameters
    octets: str
    value: Any = None
    outer: Parameters = Parameters()
    given: tuple[Any, ...] = ()
    encoding: Encoding = Encoding.NDR


def one(layout: Layout, octets: str, value: Any = None, encoding: Encoding = Encoding.NDR) -> Case:
    """A parameter alone."""
    return Case(Parameters("a" / layout), octets, (value,), encoding=encoding)


def sized(layout: Layout, octets: str, *value: Any) -> Case:
    """A parameter and its count."""
    return Case(Parameters("n" / Long, "a" / layout), octets, value)


class Color(enum.IntEnum):
    """Two colours."""

    RED = 1
    BLUE = 2


CASES = {
    "size_is": sized(ConformantArray(Byte, this.n), "02000000 01000000 61", 2, b"a"),
    "string size_is": sized(String(Char, size=this.n), "02000000 03000000 00000000 02000000 6100", 2, "a"),
    "first_is": sized(Array(Byte, bound=4, first=this.n), "02000000 01000000 03000000 616263", 2, b"abc"),
    "no first_is": sized(VaryingArray(Byte, 4, this.n), "01000000 01000000 01000000 61", 1, b"a"),
    "length_is": sized(VaryingArray(Byte, 4, this.n), "01000000 00000000 02000000 6162", 1, b"ab"),
    "switch_is": sized(SwitchIs(Union(Long, {1: Byte, 2: Byte}), this.n), "01000000 02000000 07", 1, 7),
    "range": one(Range(Long, 1, 9), "0a000000"),
    "range of chunks": one(Pipe(Byte, limits=(2, 3)), "01000000 61 000000 00000000"),
    "null array": sized(UniquePtr(ConformantArray(Byte, this.n)), "02000000 00000000", 2, None),
    "null array in a reply": Case(
        Parameters("a" / UniquePtr(ConformantArray(Byte, this.n))),
        "00000000",
        (None,),
        Parameters("n" / Long),
        (2,),
    ),
    "null string": sized(UniquePtr(String(Char, size=this.n)), "02000000 00000000", 2, None),
    "range of counts": one(ConformantArray(Byte, limits=(2, 3)), "01000000 61", b"a"),
    "range of lengths": one(String(Char, limits=(3, 9)), "03000000 00000000 02000000 6100", "a"),
    "counts of an array": sized(ConformantVaryingArray(Byte, 2, this.n), "03000000 02000000 00000000 03000000 616263"),
    "counts of a string": one(String(Char), "01000000 00000000 02000000 6100"),
    "string offset": one(String(WChar), "03000000 01000000 02000000 6100 0000", "a"),
    "terminator": one(String(WChar), "02000000 00000000 02000000 6100 6200", "ab"),
    "empty string": one(String(WChar), "00000000 00000000 00000000", ""),
    "inner NUL": one(String(Char), "03000000 00000000 03000000 610000", "a\0"),
    "enough octets": one(Long, "0a0000"),
    "enough for the items": one(ConformantArray(Hyper), "02000000 00000000 0000000000000000"),
    "fixed dimension": one(MultiArray(Byte, Dimension(), Dimension(2)), "01000000 03000000 616263"),
    "enumeration": one(Enum(Color), "0300", 3),
    "16 bits": one(Enum(Color), "00000100", encoding=Encoding.NDR64),
    "arm": one(Struct(dict, "t" / Long, "u" / SwitchIs(Union(Long, {1: Byte}), this.t)), "02000000 02000000 07"),
    "ref": one(Struct(dict, "p" / RefPtr(Long)), "00000000 07000000"),
    "alias": one(Struct(dict, "p" / FullPtr(Long), "q" / FullPtr(Short)), "01000000 01000000 07000000"),
    "negated count": one(Pipe(Byte), "01" + "00" * 7 + "61" + "00" * 7 + "02" + "00" * 7, encoding=Encoding.NDR64),
    "trailing octets": one(Long, "0a000000" + "00" * 9, 10),
}

BASE = Strictness(null_array_in_reply=False, unnamed_enum_value=False, inner_nul=False)
"""Nothing is overlooked that can be checked, but for padding."""


def overlooking(name: str) -> Strictness:
    """BASE with one leniency."""
    return dataclasses.replace(BASE, **{name: None if name == "trailing" else True})


def outcome(call: Any) -> Any:
    """The values, or the text and status of the error."""
    try:
        return call()
    except NdrError as error:
        return f"{error} {error.status:#x}"


def read(case: Case, strictness: Strictness) -> Any:
    """What both readers make of a case: they have to agree."""
    stub = bytes.fromhex(case.octets)
    outer = {field.name: value for field, value in zip(case.outer.fields, case.given, strict=True)}
    codec = Codec(case.parameters, case.outer, case.encoding, strictness)
    ours = outcome(lambda: codec.decode(stub, case.given))
    parsing = {"encoding": case.encoding, "outer": outer, "strictness": strictness}
    theirs = outcome(lambda: tuple(case.parameters.parse(stub, **parsing).values()))
    assert ours == theirs
    return ours


def error_of(case: Case, strictness: Strictness) -> NdrError:
    with pytest.raises(NdrError) as raised:
        Codec(case.parameters, case.outer, case.encoding, strictness).decode(bytes.fromhex(case.octets), case.given)
    return raised.value


def test_every_row_has_a_case_and_every_case_a_row():
    assert list(CHECKS) == sorted(CHECKS, key=list(CHECKS).index)
    assert set(CHECKS) == set(CASES)
    assert all(row.level in {*LEVELS, "-"} for row in CHECKS.values())


@pytest.mark.parametrize("row", CHECKS.values(), ids=list(CHECKS))
def test_broken_rule_is_refused_with_the_source_and_the_status_of_its_row(row: Row):
    error = error_of(CASES[row.name], BASE)
    assert (error.rule, f"{error.status:#x}") == (row.source, row.status)
    assert re.fullmatch(r"a(\[0\]|\.\w)?", error.path) or row.name == "trailing octets"
    assert error.offset is not None
    assert isinstance(read(CASES[row.name], BASE), str)


@pytest.mark.parametrize("row", CHECKS.values(), ids=list(CHECKS))
def test_codec_alone_knows_the_status(row: Row):
    case = CASES[row.name]
    decode = Codec(case.parameters, case.outer, case.encoding, BASE).decoder()
    with pytest.raises(Exception) as raised:
        decode(bytes.fromhex(case.octets), bytes, [1 << 20, 1024], case.given)
    assert f"{getattr(raised.value, 'status', RPC_X_BAD_STUB_DATA):#x}" == row.status


@pytest.mark.parametrize("row", CHECKS.values(), ids=list(CHECKS))
def test_level_5_leaves_out_what_its_row_says(row: Row):
    found = read(CASES[row.name], dataclasses.replace(BASE, level="5.0"))
    assert found == CASES[row.name].value if row.level == "6.0" else isinstance(found, str)


@pytest.mark.parametrize("name", [*OPTIONS, "trailing"])
@pytest.mark.parametrize("row", CHECKS.values(), ids=list(CHECKS))
def test_leniency_turns_off_what_its_rows_say_and_nothing_else(row: Row, name: str):
    found = read(CASES[row.name], overlooking(name))
    assert found == CASES[row.name].value if f"`{name}`" in row.leniencies else isinstance(found, str)


def test_table_of_leniencies_has_every_field_with_its_default():
    words: dict[Any, str] = {True: "yes", False: "no"}
    fields = [field for field in dataclasses.fields(Strictness) if field.name != "level"]
    table = {cells[0].strip("`"): cells[1] for cells in rows("Leniencies")}
    assert table == {field.name: words.get(field.default, str(field.default)) for field in fields}
    assert {name for row in CHECKS.values() for name in re.findall(r"`(\w+)`", row.leniencies)} == set(table)


def test_default_overlooks_what_the_table_says():
    refused = {name for name, case in CASES.items() if isinstance(read(case, DEFAULT), str)}
    assert set(CASES) - refused == {"null array in a reply", "enumeration", "inner NUL"}


def test_type_alone_does_not_mind_what_stands_behind_it():
    assert compiled_type(Long).decode(bytes(40)) == (0,)
    assert Long.parse(bytes(40)) == 0
    assert ALONE.trailing is None


def test_strictness_knows_two_levels():
    with pytest.raises(ValueError, match=r"'7.0' is no target level: there is 5.0 and 6.0"):
        Strictness("7.0")  # type: ignore[arg-type]


def test_words_choose_leniencies():
    assert chosen("5.0", ["string_offset"], ["inner_nul"], None) == Strictness(
        "5.0", string_offset=True, inner_nul=False, trailing=None
    )
    assert chosen() == DEFAULT
    with pytest.raises(ValueError, match="'level' is no leniency: there is empty_string, "):
        chosen(allow=["level"])


def test_table_of_statuses_has_those_of_the_checks_and_their_names():
    table = {int(cells[0], 16): cells[1] for cells in rows("Statuses") if cells[0] != "status"}
    assert {int(row.status, 16) for row in CHECKS.values()} | {0x6F6} == set(table)
    assert {status: fault_name(status) for status in table} == table
    assert all(isinstance(fault(status), RefusedStubData) for status in table)


def test_every_error_of_a_damaged_vector_has_field_offset_and_rule(vector, encoding):
    parameters = vector.layout if isinstance(vector.layout, Parameters) else Parameters("x" / vector.layout)
    codec, whole = Codec(parameters, Parameters(), encoding), vector.octets(encoding)
    chance = random.Random(vector.name)
    twins = [whole[:cut] for cut in range(len(whole))]
    for _ in range(20):
        octets = bytearray(whole)
        octets[chance.randrange(len(octets))] = chance.choice((0, 1, 2, 4, 0x7F, 0x80, 0xFF))
        twins.append(bytes(octets))
    for twin in twins:
        try:
            codec.decode(twin)
        except NdrError as error:
            assert error.path or "behind the last parameter" in error.reason
            assert error.rule
            assert error.offset is not None


def test_sibling_that_cannot_be_counted_is_said_with_its_place():
    layout = Struct(dict, "n" / UniquePtr(Long), "a" / UniquePtr(ConformantArray(Byte, this.n)))
    error = error_of(one(layout, "00000000 01000000 01000000 61"), DEFAULT)
    assert (error.path, error.offset, error.rule) == ("a.a", 0xC, "MS-RPCE 3.1.1.5.3.2.1.1")
