"""[flag(...)] in the model's terms."""

from __future__ import annotations

import pytest

from lrpc.rpcgen import model
from lrpc.rpcgen.pidl import flags


@pytest.mark.parametrize(
    ("names", "order", "align", "reverse"),
    [
        ({"NOALIGN", "BIGENDIAN"}, ">", 0, None),
        ({"LITTLE_ENDIAN"}, "<", None, None),
        ({"ALIGN4", "RELATIVE_REVERSE"}, None, 4, True),
        ({"REMAINING"}, None, 1, None),
        ({"NO_RELATIVE_REVERSE"}, None, None, False),
    ],
)
def test_flags_say_how_all_inside_is_written(
    names: set[str], order: str | None, align: int | None, reverse: bool | None
) -> None:
    found = flags.frame(frozenset(names))
    assert found is not None
    assert (found.order, found.align, found.reverse) == (order, align, reverse)


def test_flags_of_texts_alone_say_nothing_of_what_is_inside() -> None:
    assert flags.frame(frozenset({"STR_NULLTERM"})) is None


def test_relative_base_is_a_frame_by_itself() -> None:
    assert flags.frame(frozenset(), based=True) == model.Flags(based=True)


def test_remaining_and_alignment_end_each_other() -> None:
    assert flags.combined(frozenset({"NOALIGN", "BIGENDIAN"}), frozenset({"REMAINING"})) == {"BIGENDIAN", "REMAINING"}
    assert flags.combined(frozenset({"NOALIGN"}), frozenset({"BIGENDIAN"})) == {"NOALIGN", "BIGENDIAN"}


@pytest.mark.parametrize(
    ("names", "blob"),
    [
        (set[str](), model.Blob()),
        ({"REMAINING"}, model.Blob(rest=True)),
        ({"ALIGN8"}, model.Blob(align=8)),
    ],
)
def test_blob_takes_its_form_from_the_flags(names: set[str], blob: model.Blob) -> None:
    assert flags.blob(frozenset(names)) == blob


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ({"STR_NULLTERM"}, model.Text(unit="WChar")),
        ({"STR_UTF8", "STR_NULLTERM"}, model.Text(unit="Char")),
        ({"STR_SIZE4", "STR_NOTERM", "STR_UTF8"}, model.Text(unit="Char", size=4, terminated=False)),
        ({"STR_LEN4", "STR_SIZE4"}, model.Text(unit="WChar", size=4, length=True)),
        ({"STR_NOTERM", "REMAINING"}, model.Text(unit="WChar", terminated=False)),
        ({"STR_NOTERM"}, None),
        (set[str](), None),
    ],
)
def test_text_takes_its_form_from_the_flags(names: set[str], text: model.Text | None) -> None:
    assert flags.text(frozenset(names)) == text


def test_list_of_texts_needs_an_end() -> None:
    assert flags.texts(frozenset({"STR_NULLTERM"})) == model.TextList(unit="WChar")
    assert flags.texts(frozenset({"STR_NOTERM", "REMAINING"})) == model.TextList(
        unit="WChar", rest=True, terminated=False
    )
    assert flags.texts(frozenset({"STR_NOTERM"})) is None
