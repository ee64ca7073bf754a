"""Terminals to syntax tree: an LALR parser whose tables lark makes from `grammar.lark`.

lark's own loop and lexer are not used: what a word is depends on where the parser stands and on the words behind it
(`terminals.py`), and a mistake is to cost one item, one field or one parameter (`recovery.py`). A syntax error is a
diagnostic that says in words what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final, cast

from lark import Lark
from lark.lexer import Lexer

from .. import catalogue
from ..diagnostics import Diagnostic, Note, Problem, Source, Span, diagnose
from . import tree
from .acf import AcfInterface
from .preprocessor import Text
from .recovery import opened, resume
from .terminals import Terminals, Token, Unreadable
from .tree_builder import TreeBuilder
from .words import scan

MAX_ERRORS: Final = 20

Reduction = tuple[int, Callable[[list[Any]], Any], str]
"""How many values a rule takes, what makes its value of them, and the rule's name."""
States = Mapping[int, Mapping[str, int | Reduction]]
"""What to do in a state with a terminal or with a rule's value: go to a state, or reduce by a rule."""

_SPOKEN: Final[dict[str, str]] = {
    "IDENT": "a name", "NUMBER": "a value", "REAL": "a value", "CHARACTER": "a value", "TRUTH": "a value",
    "NULL": "a value", "SIZEOF": "a value", "CAST": "a value", "STRING": "a string", "UUID": "a uuid",
    "ATTRIBUTE": "an attribute", "BASE": "a type", "STRUCT": "a type", "UNION": "a type", "ENUM": "a type",
    "BITMAP": "a type", "PIPE": "a type", "SAFEARRAY": "a type", "CONST": "a type", "STATIC": "a type",
    "QUALIFIER": "a type", "SIGN": "an operator", "STAR": "`*`", "NOT": "an operator", "OPERATOR": "an operator",
    "AMPERSAND": "an operator", "DOT": "an operator", "ARROW": "an operator", "QMARK": "an operator",
    "POINTER": "`*`", "DOTS": "`..`", "ELLIPSIS": "`...`", "LSQB": "`[`", "RSQB": "`]`", "LPAR": "`(`",
    "RPAR": "`)`", "LBRACE": "`{`", "RBRACE": "`}`", "SEMICOLON": "`;`", "COMMA": "`,`", "COLON": "`:`",
    "EQUAL": "`=`", "TYPEDEF": "a declaration", "INTERFACE": "a type", "LIBRARY": "a declaration",
    "COCLASS": "a declaration", "DISPINTERFACE": "a declaration", "MODULE": "a declaration",
    "IMPORT": "a declaration", "IMPORTLIB": "a declaration", "PRAGMA": "a declaration", "DECLARE": "a declaration",
    "INCLUDE": "a declaration", "CASE": "`case`", "DEFAULT": "`default`", "SWITCH": "`switch`",
    "PROPERTIES": "`properties`", "METHODS": "`methods`", "$END": "the end of the file",
}  # fmt: skip


def parse(text: Text) -> tuple[tree.File, list[Diagnostic]]:
    """The tree of a file and what is wrong with its text."""
    reading = _Reading(text, "file")
    items = reading.run()
    return tree.File(cast("list[tree.Item]", items or [])), reading.diagnostics


def parse_acf(text: Text) -> tuple[tuple[AcfInterface, ...], list[Diagnostic]]:
    """The interfaces of an attribute configuration file and what is wrong with its text."""
    reading = _Reading(text, "acf")
    interfaces = reading.run()
    return tuple(cast("list[AcfInterface]", interfaces or [])), reading.diagnostics


def parse_expression(text: str, at: Span) -> tree.Expr:
    """An expression alone, as after #if; Problem with the reason in its message."""
    source = Source(at.file, text)
    reading = _Reading(Text(scan(source), source), "expression")
    value = reading.run()
    if reading.diagnostics:
        raise Problem(reading.diagnostics[0])
    return cast("tree.Expr", value)


class _Unexpected(Exception):
    """The parser cannot go on with a terminal."""


class _Reading:
    """One text on its way through the tables."""

    def __init__(self, text: Text, start: str) -> None:
        self._table, first, self._last = _tables(start)
        self._terminals = Terminals(text)
        self._states = [first]
        self._values: list[Any] = []
        self._index = 0
        self._resumed = -1
        """Where reading went on after the last mistake."""
        self.diagnostics: list[Diagnostic] = []

    def run(self) -> Any:
        """The value of the start rule; None when reading stopped at a mistake."""
        try:
            return self._run()
        except Unreadable as error:
            if error.diagnostic.entry is catalogue.WINRT:
                self.diagnostics.clear()
            self.diagnostics.append(error.diagnostic)
            return None

    def _run(self) -> Any:
        table, states, read = self._table, self._states, self._terminals.read
        going = True
        while going:
            token = None
            try:
                token, behind = read(self._index, table[states[-1]])
                self._feed(token)
                self._index = behind
                if token.type == "$END":
                    return self._values[-1]
            except _Unexpected:
                going = token is not None and self._mistake(self._complaint(token))
            except Unreadable:
                raise
            except Problem as error:
                going = self._mistake(error.diagnostic)
        return None

    def _feed(self, token: Token) -> None:
        """Shift the terminal, after the reductions that it asks for; $END is never shifted."""
        table, states, values = self._table, self._states, self._values
        type_ = token.type
        while True:
            action = table[states[-1]].get(type_)
            if action.__class__ is int:
                states.append(action)  # pyright: ignore[reportArgumentType]
                values.append(token)
                return
            if action is None:
                raise _Unexpected
            size, make, rule = action  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
            parts: list[Any] = []
            if size:
                parts = values[-size:]
                del values[-size:]
                del states[-size:]
            value: Any = cast(Any, make)(parts)
            states.append(table[states[-1]][rule])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            values.append(value)
            if states[-1] == self._last and type_ == "$END":
                return

    # Mistakes

    def _mistake(self, diagnostic: Diagnostic) -> bool:
        """Note it and go on behind it; False when there is nothing to go on with."""
        if self._index != self._resumed:
            self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAX_ERRORS:
            self.diagnostics.append(diagnose(catalogue.TOO_MANY_ERRORS, diagnostic.span, limit=MAX_ERRORS))
            return False
        return self._go_on()

    def _go_on(self) -> bool:
        """Back to the innermost list that can do without an entry, and forward behind that entry."""
        inside = 0
        while self._states:
            for terminal in self._table[self._states[-1]]:
                if inside < 0 or not terminal.startswith("ERROR_"):  # below 0: this list is closed already
                    continue
                target = resume(self._terminals, terminal, self._index, opened(self._values), inside)
                if target is not None and target > self._resumed:
                    self._index = self._resumed = target
                    self._feed(Token(terminal, "", self._terminals.at(target).span))
                    return True
            self._states.pop()
            if self._values:
                last = [self._values.pop()]
                inside += opened(last, "([{") - opened(last, ")]}")
        return False

    def _complaint(self, token: Token) -> Diagnostic:
        expected = {terminal for terminal in self._table[self._states[-1]] if self._accepts(terminal)}
        found = f"`{token.text[:40]}`" if token.type != "$END" else "the end of the file"
        before = self._terminals.at(self._index - 1) if self._index else None
        notes: list[Note] = []
        if before is not None and "SEMICOLON" in expected and before.span.line != token.span.line:
            notes.append(Note("a `;` may be missing behind this", before.span))
        return diagnose(catalogue.SYNTAX, token.span, found=found, expected=_spoken(expected), notes=notes)

    def _accepts(self, terminal: str) -> bool:
        """Would this terminal be shifted? States share their tables, so the table alone does not say."""
        states = self._states[:]
        while True:
            action = self._table[states[-1]].get(terminal)
            if action is None or isinstance(action, int):
                return action is not None and terminal.isupper()
            size, _, rule = action
            if size:
                del states[-size:]
            states.append(cast(int, self._table[states[-1]][rule]))
            if terminal == "$END" and states[-1] == self._last:
                return True


class _NoLexer(Lexer):
    """lark asks for one."""

    def __init__(self, _: Any) -> None:
        """Nothing to set up."""

    def lex(self, _: Any) -> Any:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Never called."""
        return iter(())


@cache
def _grammar() -> Lark:
    rules = resources.files(__spec__.parent or "").joinpath("grammar.lark").read_text(encoding="utf-8")
    start = ["file", "expression", "acf"]
    transformer = cast(Any, TreeBuilder())
    return Lark(rules, parser="lalr", lexer=_NoLexer, start=start, transformer=transformer)


@cache
def _tables(start: str) -> tuple[States, int, int]:
    """The states, the first, and the one in which the start rule is complete."""
    grammar = cast(Any, _grammar())
    conf: Any = grammar.parse_interactive(start=start).parser_state.parse_conf
    states: dict[int, dict[str, int | Reduction]] = {}
    for state, actions in conf.states.items():
        states[state] = {
            symbol: argument
            if isinstance(argument, int)
            else (len(argument.expansion), conf.callbacks[argument], str(argument.origin.name))
            for symbol, (_, argument) in actions.items()
        }
    return states, conf.start_state, conf.end_state


def _spoken(terminals: set[str]) -> str:
    words = sorted({_SPOKEN[terminal] for terminal in terminals if not terminal.startswith("ERROR_")})
    if "a declaration" in words:
        words = [word for word in words if word not in ("a type", "a name", "`[`", "`;`")]
    if "a value" in words:
        words = [word for word in words if word not in ("a name", "a string", "an operator", "`(`", "`*`")]
    if "an operator" in words:
        words = [word for word in words if word != "`*`"]
    return " or ".join(words) if words else "something else"
