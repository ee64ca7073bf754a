"""Shapes: a declared type flattened to its levels, before attributes have decided what the wire sees.

`[size_is(n)] PBYTE *p` is one list of levels, outermost first, whether a star was written here or in a
typedef; attributes land on levels by the rules of IDL. Counterpart: `lowering.py` makes model types of them.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from .. import catalogue, model
from ..diagnostics import Diagnostic, Source, Span, diagnose, problem
from ..syntax import tree

MAX_LEVELS: Final = 16
MAX_TYPE_DEPTH: Final = 128


@dataclass(frozen=True, slots=True)
class Count:
    """The expression of size_is and its kin; `plus` is 1 for max_is and last_is."""

    expression: tree.Expr
    plus: int
    attribute: str


@dataclass(frozen=True, slots=True)
class Level:
    """A pointer or an array. `default` is the pointer_default where it was written."""

    pointer: bool
    explicit: model.PointerKind | None = None
    default: model.PointerKind | None = None
    bound: int | None = None
    size: Count | None = None
    length: Count | None = None
    first: Count | None = None
    string: bool = False
    limits: tuple[int, int] | None = None
    inline: bool = False
    """`size` says how many items there are, and no count travels."""
    lenient: bool = False
    """[disable_consistency_check]: a null pointer may stand beside a size that is not 0."""


class Special(enum.Enum):
    """Bases that have no form on the wire, or, for IGNORED, only that of a placeholder."""

    VOID = "void"
    HANDLE = "handle_t"
    FUNCTION = "a function"
    IGNORED = "an [ignore] pointer"


@dataclass(frozen=True, slots=True)
class Broken:
    """A type whose declaration failed; `problems` is empty when they are already reported."""

    problems: tuple[Diagnostic, ...] = ()


@dataclass(slots=True, eq=False)
class InterfaceRef:
    """An interface as a type; only a pointer to it travels. `iid` is None until its definition is met."""

    name: str
    iid: str | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """pipe T."""

    element: Shape


DraftKind = Literal["struct", "union", "switch_union", "enum", "context", "conversion"]


@dataclass(slots=True, eq=False)
class Draft:
    """A definition while its parts come in."""

    key: str
    kind: DraftKind
    name: str
    span: Span
    file: Source
    problems: list[Diagnostic]
    """Why it cannot travel: reported when something that travels uses it."""
    definition: model.Definition | None = None
    begun: bool = False
    guid: bool = False
    """A structure that is a UUID by its name and its form."""
    cases: list[model.Case] = field(default_factory=list[model.Case])
    default: model.Default | None = None
    tag: model.Scalar | model.Defined | None = None
    ms_union: bool = False
    wide: bool = False
    """[v1_enum] came before the body."""
    presented: bool = False
    """It is in the stub only if something else there needs it: the program's side of a conversion, a nameless part."""
    flags: model.Flags | None = None
    untagged: bool = False
    """A union whose tag does not travel."""
    memory: Memory | None = None
    """Of a structure or union with a body."""
    doc: str = ""
    attributes: tuple[model.Attribute, ...] = ()


class Memory(NamedTuple):
    """What a type takes in C on a 64-bit machine, in octets."""

    size: int
    alignment: int


class Inside(NamedTuple):
    """A context of its own around the base: [subcontext]."""

    header: int
    size: tree.Expr | None


Base = (
    model.Scalar | model.Guid | model.Blob | model.Text | model.TextList
    | Draft | InterfaceRef | Stream | Special | Broken
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """A type as declared: levels from the outermost, and what is at the bottom."""

    base: Base
    levels: tuple[Level, ...] = ()
    limits: tuple[int, int] | None = None
    """[range] of the base."""
    switch: tree.Expr | None = None
    switch_type: model.Scalar | model.Defined | None = None
    iid_is: tree.Expr | None = None
    inside: Inside | None = None
    flags: model.Flags | None = None

    def spoken(self) -> str:
        """For diagnostics."""
        if self.levels:
            return "a pointer" if self.levels[0].pointer else "an array"
        match self.base:
            case Draft(name=name, kind=kind):
                return f"{kind.replace('_', ' ')} {name}"
            case model.Scalar(word=word):
                return word
            case Special():
                return self.base.value
            case InterfaceRef(name=name):
                return f"interface {name}"
            case Stream():
                return "a pipe"
            case model.Blob() | model.Text() | model.TextList():
                return "a text or blob"
            case _:
                return "a GUID"


CHARACTERS: Final = frozenset(("Char", "WChar", "Byte"))
STRING_UNITS: Final = {
    "Char": "Char", "WChar": "WChar", "Byte": "Byte", "UShort": "WChar", "Small": "Byte", "USmall": "Byte",
}  # fmt: skip
"""Units of strings by the types that [string] may stand on; MIDL knew wchar_t as unsigned short once."""

RANGES: Final[dict[str, tuple[int, int]]] = {
    "Boolean": (0, 1),
    **dict.fromkeys(("Byte", "Char", "USmall"), (0, 0xFF)),
    **dict.fromkeys(("WChar", "UShort"), (0, 0xFFFF)),
    **dict.fromkeys(("ULong", "ErrorStatus", "NtStatus", "HResult"), (0, 0xFFFF_FFFF)),
    "UHyper": (0, (1 << 64) - 1),
    "UInt3264": (0, (1 << 64) - 1),
    "Small": (-0x80, 0x7F),
    "Short": (-0x8000, 0x7FFF),
    "Long": (-0x8000_0000, 0x7FFF_FFFF),
    "Hyper": (-(1 << 63), (1 << 63) - 1),
    "Int3264": (-(1 << 63), (1 << 63) - 1),
}
"""Lowest and highest value of each integer of the vocabulary."""
INTEGERS: Final = frozenset(RANGES)

SIZES: Final[dict[str, int]] = {
    **dict.fromkeys(("Boolean", "Byte", "Char", "Small", "USmall"), 1),
    **dict.fromkeys(("Short", "UShort", "WChar"), 2),
    **dict.fromkeys(("Long", "ULong", "Float", "ErrorStatus", "NtStatus", "HResult"), 4),
    **dict.fromkeys(("Hyper", "UHyper", "Double", "Int3264", "UInt3264"), 8),
    **dict.fromkeys(("samba.DLONG", "samba.UDLONG", "samba.UDLONGR", "samba.NTTIME_1SEC", "samba.IPV4"), 8),
    "samba.IPV6": 8,
}
"""sizeof in C on a 64-bit machine."""

_WHOLE: Final[dict[tuple[str, ...], str]] = {
    ("boolean",): "Boolean",
    ("byte",): "Byte",
    ("wchar_t",): "WChar",
    ("float",): "Float",
    ("double",): "Double",
    ("error_status_t",): "ErrorStatus",
}
_INTEGER: Final[dict[tuple[str, ...], str]] = {
    (): "Long",
    ("int",): "Long",
    ("long",): "Long",
    ("int", "long"): "Long",
    ("__int32",): "Long",
    ("short",): "Short",
    ("int", "short"): "Short",
    ("__int16",): "Short",
    ("small",): "Small",
    ("int", "small"): "Small",
    ("__int8",): "Small",
    ("hyper",): "Hyper",
    ("hyper", "int"): "Hyper",
    ("__int64",): "Hyper",
    ("long", "long"): "Hyper",
    ("int", "long", "long"): "Hyper",
    ("__int3264",): "Int3264",
}


def base_of(words: tree.Words, report: list[Diagnostic]) -> model.Scalar | Special:
    """The base type that C's words name; Problem when they name none."""
    signs = [word for word in words.words if word in ("signed", "unsigned")]
    rest = tuple(sorted(word for word in words.words if word not in ("signed", "unsigned")))
    if rest in (("void",), ("handle_t",)) and not signs:
        return Special(rest[0])
    if len(signs) > 1:
        raise problem(catalogue.BAD_TYPE_WORDS, words.span, words=" ".join(words.words))
    if rest in _WHOLE:
        if signs:
            report.append(diagnose(catalogue.ODD_TYPE_WORDS, words.span, words=" ".join(words.words)))
        return model.Scalar(word=_WHOLE[rest])
    unsigned = signs == ["unsigned"]
    if rest in (("char",), ("char", "int")):
        return model.Scalar(word="Small" if signs == ["signed"] else "Char")
    word = _INTEGER.get(rest)
    if word is None:
        raise problem(catalogue.BAD_TYPE_WORDS, words.span, words=" ".join(words.words))
    return model.Scalar(word=f"U{word}" if unsigned else word)


def is_integer(base: Base) -> bool:
    """Can it count or select?"""
    if isinstance(base, Draft):
        return base.kind == "enum"
    return isinstance(base, model.Scalar) and base.word in INTEGERS


_STATUS_TAGS: Final = {"ErrorStatus": "ULong", "NtStatus": "Long", "HResult": "Long"}
_TAGS: Final = INTEGERS - {"Int3264", "UInt3264"}


def tag_of(shape: Shape, span: Span) -> model.Scalar | model.Defined:
    """The type as the tag of a union; Problem when it cannot be one (C706 4.2.14.2)."""
    if not shape.levels:
        if isinstance(shape.base, model.Scalar):
            word = _STATUS_TAGS.get(shape.base.word, shape.base.word)
            if word in _TAGS:
                return model.Scalar(word=word)
        if isinstance(shape.base, Draft) and shape.base.kind == "enum":
            return model.Defined(key=shape.base.key)
    raise problem(catalogue.BAD_TAG, span, type=shape.spoken())
