"""Words to syntax tree: lark reads `grammar.lark`, the builder makes the nodes of `tree.py`.

A syntax error is a diagnostic that says in words what was expected; reading goes on after the item that
holds it. Counterpart: `preprocessor.py` gives the text and knows the places.
"""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any, Final, cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from .. import catalogue
from ..diagnostics import Diagnostic, Problem, Source, Span, diagnose
from . import tree
from .preprocessor import Text, join
from .tree_builder import TEXT, TreeBuilder
from .words import scan

MAX_ERRORS: Final = 20

_SPOKEN: Final[dict[str, str]] = {
    "IDENT": "a name", "NUMBER": "a value", "REAL": "a value", "CHARACTER": "a value", "TRUTH": "a value",
    "NULL": "a value", "SIZEOF": "a value", "STRING": "a string", "UUID": "a uuid", "UUID_WORD": "an attribute",
    "BASE": "a type", "STRUCT": "a type", "UNION": "a type", "ENUM": "a type", "PIPE": "a type",
    "SAFEARRAY": "a type", "CONST": "a type", "STATIC": "a type", "QUALIFIER": "a type", "DECLSPEC": "a type",
    "SIGN": "an operator", "STAR": "`*`", "SLASH": "an operator", "NOT": "an operator", "SHIFT": "an operator",
    "RELATION": "an operator", "EQUALITY": "an operator", "AMPERSAND": "an operator", "BIT_OR": "an operator",
    "BIT_XOR": "an operator", "OR": "an operator", "AND": "an operator", "QMARK": "an operator",
    "DOTS": "`..`", "ELLIPSIS": "`...`", "LSQB": "`[`", "RSQB": "`]`", "LPAR": "`(`", "RPAR": "`)`",
    "LBRACE": "`{`", "RBRACE": "`}`", "SEMICOLON": "`;`", "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`",
    "TYPEDEF": "a declaration", "INTERFACE": "a type", "LIBRARY": "a declaration", "COCLASS": "a declaration",
    "DISPINTERFACE": "a declaration", "MODULE": "a declaration", "IMPORT": "a declaration",
    "IMPORTLIB": "a declaration", "CPP_QUOTE": "a declaration", "PRAGMA": "a declaration",
    "CASE": "`case`", "DEFAULT": "`default`", "SWITCH": "`switch`", "PROPERTIES": "`properties`",
    "METHODS": "`methods`", "$END": "the end of the file",
}  # fmt: skip


def parse(text: Text) -> tuple[tree.File, list[Diagnostic]]:
    """The tree of a file and its syntax errors; Problem for what cannot be read on from."""
    recovery = _Recovery(text)
    reset = TEXT.set(text)
    try:
        items: Any = _parser().parse(text.text, start="file", on_error=recovery)
    except UnexpectedInput:
        items = []
    finally:
        TEXT.reset(reset)
    return tree.File(cast("list[tree.Item]", items)), recovery.diagnostics


def parse_expression(text: str, at: Span) -> tree.Expr:
    """An expression alone, as after #if; Problem with the reason in its message."""
    source = Source(at.file, text)
    joined = join([word for word in scan(source) if word is not None], source)
    reset = TEXT.set(joined)
    try:
        return cast("tree.Expr", _parser().parse(joined.text, start="expression"))
    except UnexpectedInput as error:
        raise Problem(_Recovery(joined).complaint(error)) from None
    finally:
        TEXT.reset(reset)


def _parser() -> Any:
    """Typed Any: what lark's `parse` returns is the tree builder's affair."""
    return _grammar()


@cache
def _grammar() -> Lark:
    rules = resources.files(__spec__.parent or "").joinpath("grammar.lark").read_text(encoding="utf-8")
    return Lark(rules, parser="lalr", lexer="contextual", start=["file", "expression"], transformer=TreeBuilder())


class _Recovery:
    """What lark calls on a syntax error: notes it, drops the item, and moves on behind it."""

    def __init__(self, text: Text) -> None:
        self._text = text
        self.diagnostics: list[Diagnostic] = []

    def __call__(self, error: UnexpectedInput) -> bool:
        self.diagnostics.append(self.complaint(error))
        if len(self.diagnostics) >= MAX_ERRORS:
            at = self.diagnostics[-1].span
            self.diagnostics.append(diagnose(catalogue.TOO_MANY_ERRORS, at, limit=MAX_ERRORS))
            return False
        if _token(error)[0] == "$END":
            return False
        self._skip(error)
        return True

    def complaint(self, error: UnexpectedInput) -> Diagnostic:
        """The diagnostic of a syntax error."""
        position = error.pos_in_stream or 0
        expected: set[str] = set()
        found = "the end of the file"
        if isinstance(error, UnexpectedToken):
            expected = set(error.accepts or error.expected)
            type_, value = _token(error)
            if type_ != "$END":
                found = f"`{value[:40]}`"
            else:
                position = len(self._text.text)
        elif isinstance(error, UnexpectedCharacters):
            expected = set(error.allowed or ())
            found = f"`{self._text.text[position : position + 1]}`"
        span = self._text.span(position, max(1, len(found) - 2) if found[0] == "`" else 1)
        return diagnose(catalogue.SYNTAX, span, found=found, expected=_spoken(expected))

    def _skip(self, error: UnexpectedInput) -> None:
        """Back to the innermost state that reads items, and forward behind the item's end."""
        parser: Any = cast(Any, error).interactive_parser
        states, values = parser.parser_state.state_stack, parser.parser_state.value_stack
        table = parser.parser_state.parse_conf.states
        while len(states) > 1 and "IMPORT" not in table[states[-1]]:
            states.pop()
            values.pop()
        depth = sum(isinstance(value, Token) and value.type == "LBRACE" for value in values)
        line = parser.lexer_thread.state.line_ctr
        line.char_pos = self._item_end(error.pos_in_stream or 0, depth)
        parser.lexer_thread.state.last_token = None

    def _item_end(self, position: int, depth: int) -> int:
        """Behind the next `;` at brace depth `depth`, or before the `}` that closes it."""
        text = self._text
        for index in range(text.word_at(position), len(text.words)):
            if text.depths[index] <= depth and text.starts[index] >= position:
                word = text.words[index].text
                if word == ";":
                    return text.starts[index] + 1
                if word == "}" and text.depths[index] == depth and depth:
                    return text.starts[index]
        return len(text.text)


def _token(error: UnexpectedInput) -> tuple[str, str]:
    """The type and text of the token that was not expected."""
    token: Any = getattr(error, "token", None)
    return (str(token.type), str(token.value)) if token is not None else ("", "")


def _spoken(terminals: set[str]) -> str:
    words = sorted({_SPOKEN.get(terminal, terminal) for terminal in terminals})
    if "a declaration" in words:
        words = [word for word in words if word not in ("a type", "a name", "`[`", "`;`")]
    if "an attribute" in words:
        words = [word for word in words if not word.startswith(("a name", "`case", "`default", "a type"))]
    return " or ".join(words) if words else "something else"
