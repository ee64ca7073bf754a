"""Literals: what numbers, characters and strings of C mean."""

from __future__ import annotations

import re
from typing import Final

from .. import catalogue
from ..diagnostics import Span, problem

MAX_DIGITS: Final = 40
_INTEGER: Final = re.compile(r"(0[xX][0-9A-Fa-f]+|0[0-7]*|[1-9][0-9]*)(?:[uU]?i64|[uUlL]*)")
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{1,8}|[0-7]{1,3}|.)", re.DOTALL)
_SIMPLE: Final = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "0": "\0"}


def integer(text: str, span: Span) -> int:
    """The value of `0x1F`, `017`, `12ul`."""
    match = _INTEGER.fullmatch(text)
    if match is None:
        raise problem(catalogue.BAD_LITERAL, span, text=text, kind="number")
    digits = match.group(1)
    base = 16 if digits[:2].lower() == "0x" else 8 if digits.startswith("0") else 10
    if len(digits) > MAX_DIGITS or (value := int(digits, base)) >> 64:
        raise problem(catalogue.CONSTANT_OVERFLOW, span)
    return value


def character(text: str, span: Span) -> int:
    """The code of `'a'` or `L'a'`."""
    value = _decoded(text.removeprefix("L")[1:-1], span)
    if len(value) != 1:
        raise problem(catalogue.BAD_LITERAL, span, text=text, kind="character")
    return ord(value)


def string(text: str, span: Span) -> str:
    """The value of `"..."` or `L"..."`."""
    return _decoded(text.removeprefix("L")[1:-1], span)


def _decoded(text: str, span: Span) -> str:
    def replace(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] == "x" and len(code) > 1:
            return _char(int(code[1:], 16), span)
        if code[0] in "01234567":
            return _char(int(code, 8), span)
        return _SIMPLE.get(code, code)

    return _ESCAPE.sub(replace, text)


def _char(code: int, span: Span) -> str:
    if code > 0x10FFFF:
        raise problem(catalogue.BAD_LITERAL, span, text=hex(code), kind="character")
    return chr(code)
