"""Every octet is explained once, and as what it was read as; what does not fit is explained as far as it was read."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import json
import random
import re
import struct
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.compiler import compiled, compiled_type
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.explain import Explanation, Kind, explain
from lrpc.runtime.ndr.expression import this
from lrpc.runtime.ndr.layout import (
    Byte,
    Char,
    ConformantArray,
    ContextHandle,
    Double,
    EncapsulatedUnion,
    Encoding,
    FixedArray,
    FullPtr,
    Hyper,
    Layout,
    Long,
    Parameters,
    Pipe,
    Range,
    Short,
    String,
    Struct,
    SwitchIs,
    Union,
    UniquePtr,
    WChar,
)
from lrpc.runtime.ndr.layout_samba import Relative, Subcontext

GOOD = Path(__file__).parents[2] / "rpcgen" / "good"
often = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
Pair = dataclasses.make_dataclass("Pair", ["n", "p"])
Row = dataclasses.make_dataclass("Row", ["a", "b", "name"])
KEY = EncapsulatedUnion(Pair, "t", "u", Union(Short, {1: Long}))
COUNTED = Struct(Pair, "n" / Long, "p" / UniquePtr(ConformantArray(Short, this.n)))
ROW = Struct(Row, "a" / Long, "b" / Double, "name" / UniquePtr(String(WChar)))


def beside(name: str) -> Any:
    return stub(Path(__file__).with_name(f"{name}.py"))


def stub(path: Path) -> ModuleType:
    """A module from a file."""
    name = f"explained_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # golden stubs import each other
    spec.loader.exec_module(module)
    return module


def layouts() -> dict[str, tuple[Layout, Parameters | None]]:
    """All types, requests and responses of the golden stubs, and what a response has beside it."""
    found: dict[str, tuple[Layout, Parameters | None]] = {}
    for path in sorted(GOOD.glob("*.py"), key=lambda path: path.stem not in ("import_a", "objects_base")):
        module = stub(path)
        found |= {f"{path.stem}.{name}": (layout, None) for name, layout in module.__layouts__.items()}
        for interface, operation in ((one, each) for one in module.__interfaces__ for each in one.operations):
            name = f"{path.stem}.{interface.name}.{operation.name}"
            found[f"{name} in"] = operation.request, None
            found[f"{name} out"] = operation.response, operation.request
    return found


LAYOUTS = {name: found for name, found in layouts().items() if not isinstance(found[0], Union)}
VALUES = beside("random_values").Values


def check_whole(octets: bytes, explanation: Explanation) -> None:
    """Each octet is explained once, in order."""
    position = 0
    for piece in explanation.pieces:
        assert piece.octets == octets[piece.offset : piece.offset + len(piece.octets)]
        assert piece.offset == position or not piece.octets
        position += len(piece.octets)
    assert position == len(octets)


def at(layout: Layout, value: Any, path: str) -> Any:
    """The part of a value at a path; the program's value of what is converted is unboxed."""
    layouts = {field.name: field.layout for field in getattr(layout, "fields", ())}
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", path):
        value = unboxed(value)
        if isinstance(layout, Pipe):
            value = list(layout.chunks(value))[int(index)]
        elif index:
            value = value[int(index)]
        elif isinstance(value, bytes):  # an interface pointer
            value = len(value) if name == "ulCntData" else value
        else:
            value = value[name] if isinstance(value, dict) else getattr(value, name)
        layout = layouts.pop(name, Long)
    return unboxed(value)


def unboxed(value: Any) -> Any:
    return unboxed(value.value) if type(value).__name__ == "Boxed" else value


def check_values(layout: Layout, value: Any, explanation: Explanation) -> None:
    """What is said of the octets is what the codec decoded from them."""
    for piece in explanation.pieces:
        if piece.kind is Kind.VALUE or (piece.kind is Kind.TAG and piece.path.endswith(".t")):
            found = at(layout, value, piece.path)
            assert found == piece.value or repr(found) == repr(piece.value)  # NaN is not itself


# Every octet, once, as what it is


@pytest.mark.parametrize("name", LAYOUTS)
def test_types_of_golden_stubs_are_explained_whole_and_as_they_are_read(name: str) -> None:
    layout, beside = LAYOUTS[name]
    explained = 0
    for seed, encoding in itertools.product(range(8), Encoding):
        values = VALUES(random.Random(seed))
        outer = {} if beside is None else values.of(beside)
        value = values.of(layout, outer)
        try:
            octets = layout.build(value, encoding=encoding, outer=outer)
        except NdrError:
            continue  # the draw knows nothing of what arrays ask of each other
        explanation = explain(layout, octets, encoding, outer)
        if isinstance(layout, Parameters):
            codec = compiled(layout, beside or Parameters(), encoding)
            values = codec.decode(octets, tuple(outer.values()))
            decoded: Any = dict(zip([field.name for field in layout.fields], values, strict=True))
        else:
            [decoded] = compiled_type(layout, encoding).decode(octets)
        check_whole(octets, explanation)
        check_values(layout, decoded, explanation)
        assert (explanation.error, explanation.behind, explanation.value) == (None, 0, decoded)
        explained += 1
    assert explained


@often
@given(data=st.data())
def test_random_types_are_explained_whole_and_as_they_are_read(typed: Any, data: Any) -> None:
    layout, value = data.draw(typed)
    for encoding in Encoding:
        octets = layout.build(value, encoding=encoding)
        explanation = explain(layout, octets, encoding)
        check_whole(octets, explanation)
        check_values(layout, value, explanation)
        assert (explanation.error, explanation.behind) == (None, 0)


@often
@given(chance=st.randoms(use_true_random=False))
def test_random_parameters_of_every_word_are_explained_whole_with_the_value_that_the_codec_gives(chance: Any) -> None:
    agreement = beside("test_agreement")
    parameters, outer, values, given = agreement.drawn(chance)
    for encoding in Encoding:
        named = agreement.Pair(parameters, outer, given, encoding).outer
        octets = b"".join(compiled(parameters, outer, encoding).encode(values, given))
        explanation = explain(parameters, octets, encoding, named)
        check_whole(octets, explanation)
        assert (explanation.error, explanation.behind) == (None, 0)
        decoded = compiled(parameters, outer, encoding).decode(octets, given)
        assert repr(list(explanation.value.values())) == repr(list(decoded))


@often
@given(chance=st.randoms(use_true_random=False))
def test_damaged_stubs_are_explained_whole_with_the_error_that_reading_gives(chance: Any) -> None:
    agreement = beside("test_agreement")
    parameters, outer, values, given = agreement.drawn(chance)
    named = agreement.Pair(parameters, outer, given, Encoding.NDR).outer
    for encoding in Encoding:
        whole = b"".join(compiled(parameters, outer, encoding).encode(values, given))
        for _ in range(6):
            octets = agreement.damaged(whole, chance)
            explanation = explain(parameters, octets, encoding, named)
            check_whole(octets, explanation)
            try:
                value = parameters.parse(octets, encoding=encoding, outer=named)
            except NdrError as error:
                assert str(error) == str(explanation.error)
                assert sum(piece.failed for piece in explanation.pieces) or not octets
            else:
                assert explanation.error is None
                assert repr(value) == repr(explanation.value)


# Samba's words


def test_fields_in_contexts_and_behind_offsets_have_their_own_offsets_in_the_stub() -> None:
    inner = Struct(Pair, "n" / Short, "p" / Relative(Long))
    layout = Parameters("a" / Short, "c" / Subcontext(inner, header=4), "z" / Byte)
    octets = bytes.fromhex("0100 0000 0e000000 0200 0000 08000000 07000000 ee ee 09")
    explanation = explain(layout, octets)
    check_whole(octets, explanation)
    assert said(explanation) == [
        (0, 2, "a", "value", 1),
        (2, 2, "c", "gap", None),
        (4, 4, "c", "count", 14),
        (8, 2, "c.n", "value", 2),
        (10, 2, "c.p", "gap", None),
        (12, 4, "c.p", "referent", 8),
        (16, 4, "c.p", "value", 7),
        (20, 2, "c", "rest", None),
        (22, 1, "z", "value", 9),
    ]
    assert explanation.pieces[5].notes == ("pointee at 0x0010",)
    assert explanation.pieces[6].notes == ("pointee of 0x8 at 0x000c",)


def test_error_in_a_context_is_where_it_is_in_the_stub() -> None:
    layout = Parameters("a" / Byte, "c" / Subcontext(Struct(Pair, "n" / Short, "p" / Short), header=2), "z" / Long)
    octets = bytes.fromhex("01 00 0300 0700 00 00")
    explanation = explain(layout, octets)
    check_whole(octets, explanation)
    assert explanation.error is not None
    assert (explanation.error.path, explanation.error.offset) == ("c.p", 6)
    assert failed(explanation) == [(6, 1, "c.p", "cut")]
    assert explanation.pieces[-1].meaning == "not read"


def test_octets_that_offsets_lead_to_twice_are_explained_once_with_a_note() -> None:
    layout = Parameters("s" / Struct(Row, "a" / Relative(Long), "b" / Relative(Short), "name" / Relative(Short)))
    octets = bytes.fromhex("0c000000 0c000000 18000000 07000000 0000000000000000 0500")
    explanation = explain(layout, octets)
    check_whole(octets, explanation)
    assert [(piece.offset, piece.path, piece.kind.value) for piece in explanation.pieces[3:]] == [
        (12, "s.a", "value"),
        (16, "", "rest"),
        (24, "s.name", "value"),
    ]
    assert "read again as s.b, short" in explanation.pieces[3].notes
    assert explanation.pieces[4].meaning == "nothing leads here"


# What is said


def said(explanation: Explanation) -> list[tuple[Any, ...]]:
    return [
        (piece.offset, len(piece.octets), piece.path, piece.kind.value, piece.value) for piece in explanation.pieces
    ]


def test_gaps_counts_ids_and_pointees_have_their_names_and_rules() -> None:
    explanation = explain(ROW, ROW.build(Row(7, 0.5, "x")))
    assert said(explanation) == [
        (0, 4, "a", "value", 7),
        (4, 4, "b", "gap", None),
        (8, 8, "b", "value", 0.5),
        (16, 4, "name", "referent", 0x20000),
        (20, 4, "name", "count", 2),
        (24, 4, "name", "count", 0),
        (28, 4, "name", "count", 2),
        (32, 4, "name", "value", "x"),
    ]
    gap, identity, maximum, text = (explanation.pieces[index] for index in (1, 3, 4, 7))
    assert (gap.meaning, gap.rule) == ("gap up to a multiple of 8", "C706 14.2.2")
    assert identity.notes == ("pointee at 0x0014",)
    assert (maximum.meaning, maximum.notes) == ("maximum count", ("pointee of 0x20000 at 0x0010",))
    assert (text.meaning, text.rule) == ("string of 2 units", "C706 14.3.4.2")


def test_pointer_to_pointer_has_both_ids_linked() -> None:
    layout = UniquePtr(UniquePtr(Long))
    first, second, pointee = explain(layout, layout.build(5)).pieces
    assert first.notes == ("pointee at 0x0004",)
    assert second.notes == ("pointee of 0x20000 at 0x0000", "pointee at 0x0008")
    assert (pointee.value, pointee.notes) == (5, ("pointee of 0x20004 at 0x0004",))


def test_null_and_alias_are_said() -> None:
    layout = Parameters(*(name / FullPtr(String(Char)) for name in "abc"))
    explanation = explain(layout, bytes.fromhex("01000000 02000000 00000000 02000000 6100 0000 01000000 00000000"))
    notes = {piece.path: piece.notes for piece in explanation.pieces if piece.kind is Kind.REFERENT}
    assert notes == {"a": ("pointee at 0x0004",), "b": ("the same as a",), "c": ("null",)}


RING: Struct = Struct(dict, "v" / Long, "next" / FullPtr(lambda: RING))
LIST: Struct = Struct(dict, "v" / Long, "next" / UniquePtr(lambda: LIST))


def test_circle_is_explained_once() -> None:
    explanation = explain(
        Parameters("p" / FullPtr(RING)), bytes.fromhex("01000000 07000000 02000000 08000000 01000000")
    )
    notes = [piece.notes for piece in explanation.pieces if piece.kind is Kind.REFERENT]
    assert notes == [("pointee at 0x0004",), ("pointee at 0x000c",), ("the same as p",)]
    assert explanation.value["p"]["next"]["next"] is explanation.value["p"]


def test_long_list_is_explained_with_short_paths() -> None:
    octets = struct.pack("<II", 7, 1) * 2_000 + struct.pack("<II", 8, 0)
    explanation = explain(LIST, octets)
    assert (explanation.error, len(explanation.pieces)) == (None, 4_002)
    last = explanation.pieces[-2]
    assert (last.value, last.notes) == (8, ("pointee of 0x1 at 0x3e7c",))
    assert last.path == ".".join(["next"] * 8 + ["<1,985 more>"] + ["next"] * 7 + ["v"])


def test_end_of_a_long_list_that_is_cut_is_found() -> None:
    explanation = explain(LIST, struct.pack("<II", 7, 1) * 2_000 + bytes(2))
    failed = [piece for piece in explanation.pieces if piece.failed]
    assert [(piece.offset, piece.kind, len(piece.octets)) for piece in failed] == [(16_000, Kind.CUT, 2)]
    assert failed[0].notes == ("4 octets, 2 are there", "pointee of 0x1 at 0x3e7c")


def test_union_tag_is_told_from_its_arm() -> None:
    layout = Parameters("t" / Byte, "u" / SwitchIs(Union(Short, {1: Long, 2: None}), this.t))
    explanation = explain(layout, layout.build({"t": 1, "u": 9}))
    assert said(explanation) == [
        (0, 1, "t", "value", 1),
        (1, 1, "u", "gap", None),
        (2, 2, "u", "tag", 1),
        (4, 4, "u", "value", 9),
    ]


def test_octets_behind_the_value_are_named_and_counted() -> None:
    explanation = explain(Long, b"\1\0\0\0zz")
    last = explanation.pieces[-1]
    assert (explanation.behind, last.kind, last.octets, last.meaning) == (2, Kind.REST, b"zz", "behind the value")


def test_type_that_takes_no_octets_leaves_all_behind() -> None:
    [piece] = explain(Parameters(), b"\0").pieces
    assert (piece.kind, piece.octets) == (Kind.REST, b"\0")


def test_last_parameter_that_takes_no_octets_is_aligned() -> None:
    explanation = explain(Parameters("a" / Byte, "b" / Struct(dict, "c" / FixedArray(Short, 0))), b"\1\0")
    assert [(piece.kind, piece.octets) for piece in explanation.pieces] == [(Kind.VALUE, b"\1"), (Kind.GAP, b"\0")]
    assert explanation.behind == 0


# What does not fit


def failed(explanation: Explanation) -> list[tuple[int, int, str, str]]:
    return [
        (piece.offset, len(piece.octets), piece.path, piece.kind.value)
        for piece in explanation.pieces
        if piece.failed
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("layout", "octets", "place", "reason"),
    [
        (COUNTED, "02000000 0100", (4, 2, "p", "cut"), "referent id takes 4 octets, 2 are left"),
        (COUNTED, "02000000 01000000 02000000", (8, 4, "p", "count"), "2 items do not fit in the 0 octets"),
        (COUNTED, "02000000 01000000 03000000 0000 0000 0000", (8, 4, "p", "count"), "the maximum count is 3"),
        (COUNTED, "02000000 01000000 ffffffff 0000", (8, 4, "p", "count"), "4294967295 items do not fit"),
        (COUNTED, "02000000 00000000", (4, 4, "p", "referent"), "a null pointer to 2 items"),
        (Range(Long, 2, 5), "09000000", (0, 4, "", "value"), "9 is outside 2..5"),
        (Parameters("a" / Byte, "b" / Hyper), "01 000000", (8, 0, "b", "cut"), "hyper takes 8 octets, 0 are left"),
        (SwitchIs(Union(Byte, {1: Long}), 7), "07", (0, 1, "", "tag"), "no arm for tag 7"),
        (KEY, "0900 0000 01", (0, 2, "t", "tag"), "no arm for tag 9"),
        (Parameters("h" / ContextHandle("H")), "00", (0, 1, "h", "cut"), "context handle takes 20 octets"),
        (String(Char), "03000000 01000000 02000000 6100", (4, 4, "", "count"), "a string at offset 1"),
    ],
)
def test_octets_that_are_wrong_are_marked(layout: Any, octets: str, place: Any, reason: str) -> None:
    stub = bytes.fromhex(octets)
    explanation = explain(layout, stub)
    check_whole(stub, explanation)
    assert explanation.error is not None
    assert explanation.value is None
    assert failed(explanation) == [place], explanation.error
    assert explanation.error.reason.startswith(reason)


def test_what_was_not_read_is_named() -> None:
    explanation = explain(Parameters("a" / Range(Byte, 0, 1), "b" / Byte), b"\2\3")
    assert [(piece.octets, piece.meaning) for piece in explanation.pieces] == [(b"\2", "byte"), (b"\3", "not read")]


def test_explanation_is_json() -> None:
    layout = Parameters("h" / ContextHandle("H"), "d" / Double, "b" / ConformantArray(Byte), "p" / UniquePtr(Long))
    octets = bytes(4) + bytes(range(16)) + bytes(4) + bytes.fromhex("000000000000f87f 02000000 0102 0000 00000000 00")
    data = json.loads(json.dumps(explain(layout, octets).as_json()))
    values = [piece["value"] for piece in data["pieces"]]
    assert values == [
        {"attributes": 0, "uuid": "03020100-0504-0706-0809-0a0b0c0d0e0f"},
        None, "nan", 2, [1, 2], None, 0, None,
    ]  # fmt: skip
    assert (data["behind"], data["error"]) == (1, None)
    wrong = json.loads(json.dumps(explain(Long, b"\1").as_json()))
    assert wrong["error"] == {
        "path": "", "reason": "long takes 4 octets, 1 are left", "offset": 0, "rule": "C706 14.2", "status": 0x6F7,
    }  # fmt: skip
    assert wrong["pieces"][0]["notes"] == ["4 octets, 1 is there"]
