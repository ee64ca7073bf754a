"""Words to terminals: what kind of word each one is, seen from where the parser stands.

IDL has few words that are always words: the names of attributes, `library`, `pipe`, `properties` and even `byte`
are names elsewhere. So the parser says what it could read next, and this file looks at the words that follow where
that alone does not decide. Counterpart: `parser.py`, which asks for one terminal after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from itertools import islice
from typing import Final, NamedTuple

from .. import catalogue
from ..diagnostics import Problem, Span, diagnose, problem
from .preprocessor import MAX_NESTING, Text
from .words import Word

WINDOW: Final = 4096
"""Words that are taken from the preprocessor at a time, and that are kept for looking back."""
SHORT: Final = 31
"""Characters of a word that need no looking at its length."""
MAX_ATTRIBUTE: Final = 200
"""Characters of an attribute's arguments that are kept as text."""


class Token(NamedTuple):
    """A terminal of the grammar."""

    type: str
    text: str
    span: Span
    inside: str = ""
    """Of an attribute: what stands in its parentheses."""


_BASE: Final = (
    "boolean byte char double error_status_t float handle_t hyper int long short signed small unsigned void wchar_t"
    " __int8 __int16 __int32 __int64 __int3264 _int64"
)
_QUALIFIERS: Final = (
    "volatile extern far __far __unaligned __stdcall _stdcall __cdecl _cdecl __fastcall _fastcall __pascal _pascal"
    " __huge _huge near __near inline __inline __forceinline __restrict register"
)
_CONVENTIONS: Final = frozenset(
    [
        "STDMETHODCALLTYPE",
        "STDMETHODVCALLTYPE",
        "STDAPICALLTYPE",
        "STDAPIVCALLTYPE",
        "WINAPI",
        "WINAPIV",
        "CALLBACK",
        "APIENTRY",
        "PASCAL",
        "NTAPI",
        "__RPC_STUB",
        "__RPC_USER",
        "__RPC_API",
        "RPC_ENTRY",
        "FAR",
        "NEAR",
    ]
)
"""Macros of C headers that IDL files use without a definition."""
FIXED: Final[dict[str, str]] = {
    **dict.fromkeys(_BASE.split(), "BASE"), **dict.fromkeys(_QUALIFIERS.split(), "QUALIFIER"),
    "const": "CONST", "static": "STATIC", "typedef": "TYPEDEF", "interface": "INTERFACE", "struct": "STRUCT",
    "union": "UNION", "enum": "ENUM", "switch": "SWITCH", "case": "CASE", "default": "DEFAULT", "sizeof": "SIZEOF",
    "TRUE": "TRUTH", "FALSE": "TRUTH", "NULL": "NULL", "import": "IMPORT",
    ";": "SEMICOLON", ",": "COMMA", ":": "COLON", "=": "EQUAL", "?": "QMARK", "(": "LPAR", ")": "RPAR", "[": "LSQB",
    "]": "RSQB", "{": "LBRACE", "}": "RBRACE", "*": "STAR", "&": "AMPERSAND", "+": "SIGN", "-": "SIGN", "~": "NOT",
    "!": "NOT", ".": "DOT", "->": "ARROW", "..": "DOTS", "...": "ELLIPSIS",
    **dict.fromkeys(("||", "&&", "|", "^", "==", "!=", "<<", ">>", "<=", ">=", "<", ">", "/", "%"), "OPERATOR"),
}  # fmt: skip
"""Words that are what they are, except as the name of an attribute."""

_OPENING: Final = frozenset("([{")
_CLOSING: Final = frozenset(")]}")
_NAME_ENDS: Final = frozenset(("BASE", "IDENT", "STAR", "RBRACE", "QUALIFIER", "COMMA"))
_NAME_FOLLOWS: Final = frozenset((";", ",", "[", ")", ":", "=", "("))
_SOFT_BASE: Final = frozenset(("byte", "boolean", "small", "hyper", "wchar_t", "error_status_t", "handle_t", "float"))


class Unreadable(Problem):
    """A problem behind which nothing more can be read of a text."""


class Terminals:
    """The terminals of a text, of which only a window is held. Problem for words that no IDL has."""

    def __init__(self, text: Text) -> None:
        self._source = text.words
        self._end = Word("", text.end, False)
        self._words: list[Word] = []
        self._depths: list[int] = []
        self._first = 0
        """The number of the first word of the window."""
        self._nesting = self._braces = 0
        self._failure: Problem | None = None
        self._previous = ""

    def at(self, index: int) -> Word:
        """The word with this number; an empty one behind the last. Unreadable where the text cannot be read."""
        place = index - self._first
        if place >= len(self._words):
            self._fill(place)
            if place >= len(self._words):
                return self._end
        return self._words[place]

    def depth(self, index: int) -> int:
        """Open braces before the word."""
        return self._depths[index - self._first]

    def _fill(self, place: int) -> None:
        """Take words until the window has this place, or there are no more."""
        if self._failure is not None:
            raise Unreadable(self._failure.diagnostic)
        try:
            for word in islice(self._source, max(0, place - len(self._words)) + WINDOW):
                self._take(word)
        except Problem as error:
            self._failure = error
            if place >= len(self._words):
                raise Unreadable(error.diagnostic) from None

    def _take(self, word: Word) -> None:
        self._words.append(word)
        self._depths.append(self._braces)
        text = word.text
        if text in _OPENING:
            self._nesting += 1
            self._braces += text == "{"
            if self._nesting > MAX_NESTING:
                raise problem(catalogue.NESTED_TOO_DEEPLY, word.span, limit=MAX_NESTING)
        elif text in _CLOSING:
            self._nesting = max(0, self._nesting - 1)
            self._braces -= text == "}"

    def read(self, index: int, accepts: Container[str]) -> tuple[Token, int]:
        """The terminal that begins at the word `index`, and the word behind it."""
        if index - self._first > 2 * WINDOW:
            del self._words[:WINDOW], self._depths[:WINDOW]
            self._first += WINDOW
        word = self.at(index)
        if word is self._end:
            return Token("$END", "", word.span), index
        text, span = word.text, word.span
        type_ = FIXED.get(text)
        first = text[0]
        if first.isalpha() or first == "_":
            return self._name(index, word, type_, accepts)
        if type_ is None:
            if len(text) > SHORT or text in "\"'" or not (text.isascii() and text.isprintable()):
                word.check()
            type_ = _literal(text)
        elif type_ == "LPAR" and "CAST" in accepts and self._casts(index):
            type_ = "CAST"
        elif type_ == "STAR" and "POINTER" in accepts and self._ends_type(index):
            type_ = "POINTER"
        self._previous = type_
        return Token(type_, text, span), index + 1

    def _name(self, index: int, word: Word, type_: str | None, accepts: Container[str]) -> tuple[Token, int]:
        text = word.text
        if "ATTRIBUTE" in accepts:
            return self._attribute(index, word)
        end = index + 1
        if type_ is None:
            soft = _SOFT.get(text)
            if soft is None:
                if len(text) > SHORT or not (text.isascii() and text.isprintable()):
                    word.check()
                type_ = _quoted_or_name(text)
            else:
                type_, end = soft(self, index, accepts)
        elif type_ == "BASE" and text in _SOFT_BASE and "IDENT" in accepts and self._is_base_name(index):
            type_ = "IDENT"
        self._previous = type_
        return Token(type_, text, word.span), end

    def _attribute(self, index: int, word: Word) -> tuple[Token, int]:
        word.check()
        self._previous = "ATTRIBUTE"
        inside = self._inside(index + 2) if self.at(index + 1).text == "(" else ""
        return Token("ATTRIBUTE", word.text, word.span, inside), index + 1

    def _inside(self, index: int) -> str:
        """The words from `index` up to the parenthesis that closes."""
        parts: list[str] = []
        depth = length = 0
        while (word := self.at(index)).text and length <= MAX_ATTRIBUTE:
            depth += (word.text in _OPENING) - (word.text in _CLOSING)
            if depth < 0:
                break
            part = " " + word.text if word.spaced and parts else word.text
            parts.append(part)
            length += len(part)
            index += 1
        return "".join(parts)[:MAX_ATTRIBUTE]

    # What follows

    def is_name(self, index: int) -> bool:
        """A name that has no other meaning."""
        text = self.at(index).text
        return text[:1].isidentifier() and text not in FIXED and text[-1] not in "\"'"

    def _is_base_name(self, index: int) -> bool:
        """`long byte;` names the field `byte`. The parser stands where a type word or a name may follow."""
        if self._previous not in _NAME_ENDS or self.at(index + 1).text not in _NAME_FOLLOWS:
            return False
        return self.at(index - 1).text not in ("unsigned", "signed", ",")

    def _casts(self, index: int) -> bool:
        """`(NAME) operand` and `(NAME *)`; `(unsigned long)` needs no looking ahead."""
        if not self.is_name(index + 1):
            return False
        index += 2
        stars = index
        while self.at(index).text == "*":
            index += 1
        if self.at(index).text != ")":
            return False
        behind = self.at(index + 1).text
        return index > stars or behind == "(" or behind[:1].isalnum() or behind[:1] in tuple("_\"'")

    def _ends_type(self, index: int) -> bool:
        while self.at(index).text == "*":
            index += 1
        return self.at(index).text in (")", ",")

    def closed(self, index: int) -> int:
        """Behind the parenthesis that closes the one at `index`."""
        depth = 0
        while (word := self.at(index)).text:
            word.check()
            depth += (word.text in _OPENING) - (word.text in _CLOSING)
            index += 1
            if not depth:
                return index
        raise problem(catalogue.UNTERMINATED, self.at(index).span, what="parenthesis")


_Soft = Callable[[Terminals, int, Container[str]], tuple[str, int]]


def _when(type_: str, *follows: str, named: bool = False) -> _Soft:
    """A word where the parser wants it and one of `follows` comes next, behind a name if `named`."""

    def soft(terminals: Terminals, index: int, accepts: Container[str]) -> tuple[str, int]:
        behind = index + 1 + named
        wanted = type_ in accepts and (not named or terminals.is_name(index + 1))
        return (type_ if wanted and terminals.at(behind).text in follows else "IDENT"), index + 1

    return soft


def _where(type_: str) -> _Soft:
    """A word where the parser wants it."""

    def soft(_: Terminals, index: int, accepts: Container[str]) -> tuple[str, int]:
        return (type_ if type_ in accepts else "IDENT"), index + 1

    return soft


def _whole(type_: str, before: int = 0) -> _Soft:
    """A word that takes what stands in parentheses behind it, and `before` words ahead of them, whatever it is."""

    def soft(terminals: Terminals, index: int, accepts: Container[str]) -> tuple[str, int]:
        opening = index + 1 + before
        if type_ not in accepts or terminals.at(opening).text != "(":
            return "IDENT", index + 1
        return type_, terminals.closed(opening)

    return soft


def _bitmap(terminals: Terminals, index: int, accepts: Container[str]) -> tuple[str, int]:
    is_type = terminals.at(index + 1).text == "{" or terminals.is_name(index + 1)
    return ("BITMAP" if "BITMAP" in accepts and is_type else "IDENT"), index + 1


def _convention(terminals: Terminals, index: int, accepts: Container[str]) -> tuple[str, int]:
    behind = terminals.at(index + 1).text
    is_word = "QUALIFIER" in accepts and (terminals.is_name(index + 1) or behind == "*")
    return ("QUALIFIER" if is_word else "IDENT"), index + 1


def _winrt(terminals: Terminals, index: int, accepts: Container[str]) -> tuple[str, int]:
    """`namespace N {`, `runtimeclass C`, `apicontract A`, `delegate T D(`: where a declaration begins."""
    word, after, behind = (terminals.at(index + step) for step in range(3))
    if word.text == "delegate":
        declares = after.text.isidentifier() and behind.text not in (",", ";")
    else:
        declares = terminals.is_name(index + 1) and behind.text in ("{", ".", ":", ";")
    if "TYPEDEF" in accepts and declares:
        raise Unreadable(diagnose(catalogue.WINRT, word.span, word=word.text))
    return "IDENT", index + 1


_SOFT: Final[dict[str, _Soft]] = {
    "library": _when("LIBRARY", "{", named=True),
    "module": _when("MODULE", "{", named=True),
    "coclass": _when("COCLASS", "{", ";", ",", named=True),
    "dispinterface": _when("DISPINTERFACE", "{", ";", ",", named=True),
    "properties": _when("PROPERTIES", ":"),
    "methods": _when("METHODS", ":"),
    "SAFEARRAY": _when("SAFEARRAY", "("),
    "importlib": _when("IMPORTLIB", "("),
    "declare": _when("DECLARE", "[", "struct", "union", "enum", "bitmap"),
    "pipe": _where("PIPE"),
    "include": _where("INCLUDE"),
    "bitmap": _bitmap,
    "cpp_quote": _whole("PRAGMA"),
    "declare_guid": _whole("PRAGMA"),
    "midl_pragma": _whole("PRAGMA", before=1),
    "__declspec": _whole("QUALIFIER"),
    "_declspec": _whole("QUALIFIER"),
    "__attribute__": _whole("QUALIFIER"),
    **dict.fromkeys(_CONVENTIONS, _convention),
    **dict.fromkeys(("namespace", "runtimeclass", "apicontract", "delegate"), _winrt),
}


def _literal(text: str) -> str:
    first = text[0]
    if first == '"':
        return "STRING"
    if first == "'":
        return "CHARACTER"
    if len(text) == 36 and text[8] == text[13] == "-":
        return "UUID"
    if not first.isdigit() and first != ".":
        return f"`{text[:40]}`"
    is_real = "." in text or (text[:2].lower() != "0x" and ("e" in text or "E" in text))
    return "REAL" if is_real else "NUMBER"


def _quoted_or_name(text: str) -> str:
    if text[-1] == '"':
        return "STRING"
    if text[-1] == "'":
        return "CHARACTER"
    return "UUID" if len(text) == 36 and text[8] == "-" else "IDENT"
