"""Macros: their definition and their expansion (C 6.10.3).

Rule: expansion is bounded by the words it produces and by how deep arguments nest, whatever the text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from .. import catalogue
from ..diagnostics import Expansion, Note, Span, problem
from .words import MAX_WORDS, Word

MAX_PRODUCED: Final = 50_000
"""Words that macros may produce from a short text."""
MAX_GROWTH: Final = 8
"""Words more that macros may produce for each word read: the most seen is 5, in wine's mshtml.idl."""
MAX_IN_ALL: Final = 1_500_000
"""Words that macros may produce from any text: mshtml.idl's produce 1.1 million."""
MAX_ARGUMENT_DEPTH: Final = 40
MAX_CHAIN: Final = 200
"""Macros that expand into one another."""


@dataclass(slots=True)
class Budget:
    """What one compilation may still do. `words` are read, `produced` come out of macros, `characters` are scanned."""

    words: int = MAX_WORDS
    produced: int = MAX_PRODUCED
    characters: int = 32 << 20
    granted: int = MAX_PRODUCED
    """Of the words out of macros, how many there may be by now."""

    def produce(self, words: list[Word], at: Span) -> None:
        """Count words that a macro produced, long ones more; Problem when there is no budget left."""
        self.produced -= 1 + sum(1 + (len(word.text) >> 6) for word in words)
        if self.produced < 0:
            raise problem(catalogue.MACRO_BUDGET, at, limit=self.granted)

    def read(self, count: int, at: Span) -> None:
        """Count words that were read."""
        self.words -= count
        more = min(MAX_GROWTH * count, MAX_IN_ALL - self.granted)
        self.granted += more
        self.produced += more
        if self.words < 0:
            raise problem(catalogue.TOO_MANY_TOKENS, at, limit=MAX_WORDS)

    def scan(self, length: int, at: Span) -> None:
        """Count the characters of a file that is included."""
        self.characters -= length
        if self.characters < 0:
            raise problem(catalogue.TOO_MANY_TOKENS, at, limit=MAX_WORDS)


@dataclass(frozen=True, slots=True)
class Macro:
    """#define: `parameters` is None for an object-like macro."""

    name: str
    parameters: tuple[str, ...] | None
    body: tuple[Word, ...]
    at: Span | None = None
    """Where its name is defined."""

    def same(self, other: Macro) -> bool:
        """A second definition that changes nothing."""
        mine, theirs = ([word.text for word in macro.body] for macro in (self, other))
        return self.parameters == other.parameters and mine == theirs


Macros = dict[str, Macro]


def define(at: Span, rest: list[Word]) -> Macro:
    """The macro of `#define rest`; Problem when it has no form."""
    if not rest or not rest[0].is_name:
        raise problem(catalogue.BAD_DIRECTIVE, at, directive="define", reason="a name is expected")
    name, body = rest[0].text, rest[1:]
    if not body or body[0].text != "(" or body[0].spaced:
        return Macro(name, None, tuple(body), rest[0].span)
    texts = [word.text for word in body]
    if ")" not in texts:
        raise problem(catalogue.BAD_DIRECTIVE, at, directive="define", reason="`)` is expected")
    end = texts.index(")")
    names, commas = tuple(texts[1:end:2]), texts[2:end:2]
    if not _are_names(body[1:end:2]) or commas != [","] * (len(names) - 1):
        raise problem(catalogue.BAD_DIRECTIVE, at, directive="define", reason="the parameters are not a list of names")
    return Macro(name, names, tuple(body[end + 1 :]), rest[0].span)


def _are_names(words: list[Word]) -> bool:
    """Different ones, or `...`."""
    return len({word.text for word in words}) == len(words) and all(one.is_name or one.text == "..." for one in words)


def expand(words: Iterable[Word], macros: Macros, budget: Budget) -> Iterator[Word]:
    """The words with every macro expanded, as they are asked for."""
    rest = iter(words)
    expansion = _Expansion(macros, budget, rest)
    for word in rest:
        if word.text in macros:
            yield from expansion.run([word], 0)
        else:
            yield word


def _placed(use: Word, macro: Macro, word: Word) -> Span:
    """Words of a macro stand where it is used, and know where they were written."""
    source, start, length, moved, renamed, outer = use.span
    return Span(source, start, length, moved, renamed, Expansion(macro.name, word.span, outer))


_NOTHING: Final[Iterator[Word]] = iter(())


@dataclass(slots=True)
class _Expansion:
    macros: Macros
    budget: Budget
    rest: Iterator[Word]
    """What stands behind the words that are expanded: a macro's arguments may."""

    def run(self, words: list[Word], depth: int) -> Iterator[Word]:
        stack = words[::-1]
        rest = self.rest if not depth else _NOTHING
        while stack:
            word = stack.pop()
            macro = self.macros.get(word.text)
            if macro is None or word.text in word.hidden:
                yield word
            elif macro.parameters is None:
                self._push(stack, self._object(macro, word), word)
            elif _next(stack, rest) == "(":
                self._push(stack, self._function(macro, word, stack, depth), word)
            else:
                yield word

    def _push(self, stack: list[Word], words: list[Word], use: Word) -> None:
        self.budget.produce(words, use.span)
        if len(use.hidden) > MAX_CHAIN:
            raise problem(catalogue.MACRO_BUDGET, use.span, limit=MAX_PRODUCED)
        stack += words[::-1]

    def _object(self, macro: Macro, use: Word) -> list[Word]:
        hidden = use.hidden | {macro.name}
        words = enumerate(macro.body)
        return _pasted([Word(w.text, _placed(use, macro, w), w.spaced or not i, hidden) for i, w in words])

    def _function(self, macro: Macro, use: Word, stack: list[Word], depth: int) -> list[Word]:
        if depth > MAX_ARGUMENT_DEPTH:
            raise problem(catalogue.MACRO_BUDGET, use.span, limit=MAX_PRODUCED)
        parameters = macro.parameters or ()
        arguments = _arguments(use, stack, self.rest if not depth else _NOTHING)
        if not parameters and arguments == [[]]:
            arguments = []
        if len(arguments) != len(parameters):
            counts = {"wanted": len(parameters), "given": len(arguments)}
            notes = [Note("the macro is defined here", macro.at)]
            raise problem(catalogue.MACRO_ARGUMENTS, use.span, name=macro.name, notes=notes, **counts)
        raw = dict(zip(parameters, arguments, strict=True))
        full = {name: list(self.run(argument, depth + 1)) for name, argument in raw.items()}
        return self._substituted(macro, use, raw, full)

    def _substituted(
        self, macro: Macro, use: Word, raw: dict[str, list[Word]], full: dict[str, list[Word]]
    ) -> list[Word]:
        hidden = use.hidden | {macro.name}
        out: list[Word] = []
        self.budget.produce([word for argument in full.values() for word in argument], use.span)
        texts = [word.text for word in macro.body] + [""]
        for index, word in enumerate(macro.body):
            before = texts[index - 1] if index else ""
            if word.text == "#" and texts[index + 1] in raw:
                continue
            if before == "#" and word.text in raw:
                out.append(Word(_quoted(raw[word.text]), _placed(use, macro, word), True, hidden))
            elif word.text in raw:
                pasted = "##" in (before, texts[index + 1])
                chosen = (raw if pasted else full)[word.text]
                if pasted and not chosen:
                    chosen = [Word("", use.span, False)]  # what is pasted to it stays as it is (C 6.10.3.3)
                self.budget.produce(chosen, use.span)
                out += [Word(w.text, w.span, w.spaced or not i, w.hidden | hidden) for i, w in enumerate(chosen)]
            else:
                out.append(Word(word.text, _placed(use, macro, word), word.spaced, hidden))
        return _pasted(out)


def _next(stack: list[Word], rest: Iterator[Word]) -> str:
    """The text of the word that comes next; empty at the end."""
    if not stack and (word := next(rest, None)) is not None:
        stack.append(word)
    return stack[-1].text if stack else ""


def _arguments(use: Word, stack: list[Word], rest: Iterator[Word]) -> list[list[Word]]:
    """Takes `(a, b)` off the stack, and from the words behind it."""
    stack.pop()
    arguments: list[list[Word]] = [[]]
    depth = 0
    while text := _next(stack, rest):
        word = stack.pop()
        if text == ")" and not depth:
            return arguments
        if text == "," and not depth:
            arguments.append([])
            continue
        depth += (text == "(") - (text == ")")
        arguments[-1].append(word)
    raise problem(catalogue.UNTERMINATED, use.span, what="macro call")


def _quoted(words: list[Word]) -> str:
    text = "".join((" " if word.spaced and index else "") + word.text for index, word in enumerate(words))
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _pasted(words: list[Word]) -> list[Word]:
    """Joins the two sides of each `##`."""
    out: list[Word] = []
    paste = False
    for word in words:
        if word.text == "##":
            paste = bool(out)
        elif paste:
            left = out.pop()
            out.append(Word(left.text + word.text, left.span, left.spaced, left.hidden))
            paste = False
        else:
            out.append(word)
    return [word for word in out if word.text]
