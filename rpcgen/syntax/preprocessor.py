"""The C preprocessor: text to words, with the place of every word known.

Directives: #define (object-like and function-like), #undef, #if family, #include, #line, #error, and #pragma,
which says nothing to this compiler: `pack` moves nothing in NDR, `midl_echo` is for C headers, the rest is noise.
Its counterpart is `terminals.py`, which gives the words their kinds for the parser.

Rule: work is bounded. Words read, words produced by macros, nesting and includes each have a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from .. import catalogue
from ..diagnostics import Diagnostic, Note, Problem, Source, Span, diagnose, problem
from .macros import Budget, Macro, Macros, define, expand
from .words import Word, beyond, lines, scan

MAX_NESTING: Final = 128
MAX_INCLUDES: Final = 32
PREDEFINED: Final[Mapping[str, str]] = {"__midl": "801"}
"""MIDL's own macro: its value is a compiler version."""

Finder = Callable[[str, Span], Source]
Condition = Callable[[str, Span], int]
"""Evaluates the text of an #if."""


@dataclass(slots=True)
class Text:
    """A file that is preprocessed while its words are taken; Problem then for what cannot be read on from."""

    words: Iterator[Word]
    source: Source

    @property
    def end(self) -> Span:
        """Its last character."""
        return Span(self.source, max(0, len(self.source.text.rstrip()) - 1))


@dataclass(slots=True)
class _Branch:
    """One #if that is open."""

    at: Span
    outside: bool
    """Whether the text around it counts."""
    taken: bool
    active: bool
    closed: bool = False
    """After #else."""


@dataclass(slots=True)
class Preprocessor:
    """Runs over one file and what it includes; `diagnostics` has its warnings afterwards."""

    find: Finder
    condition: Condition
    budget: Budget
    macros: Macros = field(default_factory=dict[str, Macro])
    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    _once: set[str] = field(default_factory=set[str])
    """Files that say #pragma once."""
    _branches: list[_Branch] = field(default_factory=list[_Branch])
    _files: list[Source] = field(default_factory=list[Source])
    _moved: int = 0
    _renamed: str | None = None

    def run(self, source: Source) -> Text:
        """The text of `source`; `diagnostics` is complete when its words have been taken."""
        return Text(self._include(source), source)

    def predefine(self, defines: Mapping[str, str]) -> None:
        """The macros of MIDL, and those from outside the text."""
        for name, value in {**PREDEFINED, **defines}.items():
            self.macros[name] = Macro(name, None, tuple(scan(Source("<define>", value))))

    def _include(self, source: Source) -> Iterator[Word]:
        if source.name in self._once:
            return
        self.budget.scan(len(source.text), Span(source, 0))
        excess = beyond(source, self.budget.words)
        if excess is not None:
            self.budget.read(self.budget.words + 1, Span(source, excess))
        before, self._branches = self._branches, []
        place, self._moved, self._renamed = (self._moved, self._renamed), 0, None
        self._files.append(source)
        lines, held = self._lines(source), list[list[Word]]()
        while line := (held.pop() if held else next(lines, None)):
            if line[0].text == "#":
                for included in self._directive(line):
                    yield from self._include(included)
            elif self._active:
                yield from expand(_segment(line, lines, held), self.macros, self.budget)
        if self._branches:
            raise problem(catalogue.UNBALANCED_CONDITIONAL, self._branches[-1].at, directive="if")
        self._files.pop()
        self._moved, self._renamed = place
        self._branches = before

    def _lines(self, source: Source) -> Iterator[list[Word]]:
        """The lines that hold words."""
        for line in lines(source):
            self.budget.read(len(line), line[0].span)
            yield self._moved_line(line)

    def _moved_line(self, line: list[Word]) -> list[Word]:
        if not self._moved and self._renamed is None:
            return line
        return [word.moved(self._moved, self._renamed) for word in line]

    @property
    def _active(self) -> bool:
        return not self._branches or self._branches[-1].active

    # Directives

    def _directive(self, line: list[Word]) -> Iterable[Source]:
        """Obey it; the file that it includes."""
        if len(line) == 1:
            return ()
        name, rest, at = line[1].text, line[2:], line[1].span
        conditional = _CONDITIONALS.get(name)
        if conditional is not None:
            conditional(self, at, rest)
        elif self._active:
            return self._plain_directive(name, rest, at)
        return ()

    def _plain_directive(self, name: str, rest: list[Word], at: Span) -> Iterable[Source]:
        directive = _DIRECTIVES.get(name)
        if name == "include":
            return self._included(at, rest)
        if directive is not None:
            directive(self, at, rest)
        elif name.isdigit():
            self._line(at, [Word(name, at, True), *rest])
        else:
            self.diagnostics.append(diagnose(catalogue.UNKNOWN_DIRECTIVE, at, directive=name))
        return ()

    def _define(self, at: Span, rest: list[Word]) -> None:
        macro = define(at, rest)
        before = self.macros.get(macro.name)
        if before is not None and not before.same(macro):
            notes = [Note("the first definition is here", before.at)]
            self.diagnostics.append(diagnose(catalogue.MACRO_REDEFINED, macro.at or at, name=macro.name, notes=notes))
        self.macros[macro.name] = macro

    def _undef(self, at: Span, rest: list[Word]) -> None:
        self.macros.pop(_one_name("undef", at, rest), None)

    def _included(self, at: Span, rest: list[Word]) -> Iterable[Source]:
        text = "".join(word.text for word in rest)
        if len(text) < 3 or (text[0], text[-1]) not in (('"', '"'), ("<", ">")):
            raise problem(catalogue.BAD_DIRECTIVE, at, directive="include", reason="a file name is expected")
        if len(self._files) >= MAX_INCLUDES:
            raise problem(catalogue.INCLUDE_DEPTH, at, limit=MAX_INCLUDES)
        try:
            return (self.find(text[1:-1], _together(rest)),)
        except Problem as error:
            self.diagnostics.append(error.diagnostic)
            return ()

    def _line(self, at: Span, rest: list[Word]) -> None:
        if not rest or not rest[0].text.isdecimal() or len(rest[0].text) > 9:
            raise problem(catalogue.BAD_DIRECTIVE, at, directive="line", reason="a line number is expected")
        here = Span(at.source, at.start).line
        self._moved = int(rest[0].text) - here - 1
        if len(rest) > 1 and rest[1].text.startswith('"'):
            self._renamed = rest[1].text[1:-1]

    def _error(self, at: Span, rest: list[Word]) -> None:
        raise problem(catalogue.USER_ERROR, at, text=" ".join(word.text for word in rest[:64]))

    def _pragma(self, at: Span, rest: list[Word]) -> None:
        if rest and rest[0].text == "once":
            self._once.add(self._files[-1].name)

    # Conditionals

    def _if(self, at: Span, rest: list[Word]) -> None:
        self._open(at, self._active and self._true("if", at, rest))

    def _ifdef(self, at: Span, rest: list[Word]) -> None:
        self._open(at, self._active and _one_name("ifdef", at, rest) in self.macros)

    def _ifndef(self, at: Span, rest: list[Word]) -> None:
        self._open(at, self._active and _one_name("ifndef", at, rest) not in self.macros)

    def _open(self, at: Span, active: bool) -> None:
        self._branches.append(_Branch(at, self._active, active, active))
        if len(self._branches) > MAX_NESTING:
            raise problem(catalogue.NESTED_TOO_DEEPLY, at, limit=MAX_NESTING)

    def _elif(self, at: Span, rest: list[Word]) -> None:
        branch = self._last("elif", at)
        branch.active = branch.outside and not branch.taken and self._true("elif", at, rest)
        branch.taken = branch.taken or branch.active

    def _else(self, at: Span, rest: list[Word]) -> None:
        branch = self._last("else", at)
        branch.active, branch.closed = branch.outside and not branch.taken, True

    def _endif(self, at: Span, rest: list[Word]) -> None:
        if not self._branches:
            raise problem(catalogue.UNBALANCED_CONDITIONAL, at, directive="endif")
        self._branches.pop()

    def _last(self, directive: str, at: Span) -> _Branch:
        if not self._branches or self._branches[-1].closed:
            raise problem(catalogue.UNBALANCED_CONDITIONAL, at, directive=directive)
        return self._branches[-1]

    def _true(self, directive: str, at: Span, rest: list[Word]) -> bool:
        words = expand(list(self._defined(rest)), self.macros, self.budget)
        try:
            return self.condition(" ".join(word.text for word in words), at) != 0
        except Problem as error:
            reason = error.diagnostic.message
            raise problem(catalogue.BAD_DIRECTIVE, at, directive=directive, reason=reason) from None

    def _defined(self, words: list[Word]) -> Iterator[Word]:
        """`defined X` and `defined(X)` become 1 or 0."""
        rest = iter(words)
        for word in rest:
            if word.text != "defined":
                yield word
                continue
            name = next(rest, None)
            if name is not None and name.text == "(":
                name = next(rest, None)
                next(rest, None)
            known = name is not None and name.text in self.macros
            yield Word("1" if known else "0", word.span, True)


_Directive = Callable[[Preprocessor, Span, list[Word]], None]
_CONDITIONALS: Final[dict[str, _Directive]] = {
    "if": Preprocessor._if,  # pyright: ignore[reportPrivateUsage]
    "ifdef": Preprocessor._ifdef,  # pyright: ignore[reportPrivateUsage]
    "ifndef": Preprocessor._ifndef,  # pyright: ignore[reportPrivateUsage]
    "elif": Preprocessor._elif,  # pyright: ignore[reportPrivateUsage]
    "else": Preprocessor._else,  # pyright: ignore[reportPrivateUsage]
    "endif": Preprocessor._endif,  # pyright: ignore[reportPrivateUsage]
}
_DIRECTIVES: Final[dict[str, _Directive]] = {
    "define": Preprocessor._define,  # pyright: ignore[reportPrivateUsage]
    "undef": Preprocessor._undef,  # pyright: ignore[reportPrivateUsage]
    "line": Preprocessor._line,  # pyright: ignore[reportPrivateUsage]
    "error": Preprocessor._error,  # pyright: ignore[reportPrivateUsage]
    "pragma": Preprocessor._pragma,  # pyright: ignore[reportPrivateUsage]
}


def _segment(line: list[Word], lines: Iterator[list[Word]], held: list[list[Word]]) -> Iterator[Word]:
    """The words of `line` and of the lines behind it, up to a directive: that is then held."""
    yield from line
    for line in lines:
        if line[0].text == "#":
            held.append(line)
            return
        yield from line


def _together(words: list[Word]) -> Span:
    first, last = words[0].span, words[-1].span
    return first._replace(length=last.start + last.length - first.start)


def _one_name(directive: str, at: Span, rest: list[Word]) -> str:
    if not rest or not rest[0].is_name:
        raise problem(catalogue.BAD_DIRECTIVE, at, directive=directive, reason="a name is expected")
    return rest[0].text
