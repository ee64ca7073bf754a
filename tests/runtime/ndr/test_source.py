"""The text of generated code, and what is known of offsets while it is written."""

from __future__ import annotations

import pytest

from lrpc.runtime.ndr.expression import Expression, compare, present, this, when
from lrpc.runtime.ndr.layout import Encoding
from lrpc.runtime.ndr.source import Source, agreed


class Plain(Source):
    """A Source whose run is written as its format."""

    def flush(self) -> None:
        text, _, _ = self.take_run()
        if text:
            self.lines.append("    " * self._indent + f"run({text!r})")


@pytest.mark.parametrize(
    ("first", "second", "both"),
    [((8, 4), (8, 4), (8, 4)), ((8, 4), (8, 0), (4, 0)), ((8, 1), (8, 0), (1, 0)), ((8, 6), (4, 2), (4, 2))],
)
def test_two_ways_agree_on_what_both_know(first, second, both):
    assert agreed(first, second) == both
    assert agreed(second, first) == both


def test_padding_is_known_while_the_offset_is():
    source = Plain(Encoding.NDR)
    source.field("B", 1, "a")
    assert source.static_pad(4) == 3
    source.forget(2)
    assert source.static_pad(2) == 0
    assert source.static_pad(4) is None


def test_line_comes_after_the_run():
    source = Plain(Encoding.NDR)
    source.field("B", 1, "a")
    source.pad(3)
    source.pad(0)
    with source.block("if x:"):
        pass
    assert source.lines == ["    run('B3x')", "    if x:", "        pass"]


def test_block_ends_with_its_own_run():
    source = Plain(Encoding.NDR)
    with source.block("if x:"):
        source.field("I", 4, "a")
    assert source.lines == ["    if x:", "        run('I')"]


def test_source_alone_cannot_write_a_run():
    with pytest.raises(TypeError):
        Source(Encoding.NDR).line("x")


def test_same_format_is_one_constant():
    source = Plain(Encoding.NDR_BIG)
    name = source.packed("pack", "H")
    assert source.packed("pack", "H") == name
    assert source.constants[name](1) == b"\0\1"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (this.n + 2, "(n + 2)"),
        (this.n // 2, "(n // 2 if n >= 0 else -(-n // 2))"),
        (this.n // this.m, "OPERATORS['/'](n, m)"),
        (compare("<", this.n, 3), "OPERATORS['<'](n, 3)"),
        (compare("||", this.n, 3), "OPERATORS['||'](n, 3)"),
        (when(present(this.p), this.p, 0), "(given(p) if (p is not None) else 0)"),
    ],
)
def test_expression_becomes_python(expression, text):
    scope = {"n": "n", "m": "m", "p": "p"}
    assert Plain(Encoding.NDR).expression(expression, scope, ["p"]) == text


def test_expression_of_no_kind_is_refused():
    with pytest.raises(TypeError):
        Plain(Encoding.NDR).expression(Expression(), {})


def test_compiled_text_sees_support_and_constants():
    source = Plain(Encoding.NDR)
    source.lines.append("def answer():")
    source.line(f"return {source.constant(40)} + two")
    assert source.compile("answer", {"two": 2})() == 42
