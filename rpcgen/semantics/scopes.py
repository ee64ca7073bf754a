"""Names and what they mean while a compilation is bound: types, tags, values, and the state around them.

Types live in the scope of their interface, with the file and then its imports behind it; two interfaces
may repeat a typedef. Tags and values follow the same rule.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final, Generic, NamedTuple, TypeVar

from .. import catalogue, model
from ..diagnostics import Diagnostic, Note, Problem, Source, Span, diagnose, problem
from ..syntax import tree
from . import constants
from .memory import memory_of
from .shapes import Broken, Draft, DraftKind, InterfaceRef, Level, Shape, base_of

T = TypeVar("T")
MAX_MISTAKES: Final = 200
MAX_PROBLEMS: Final = 16
"""Reasons kept for one definition that cannot travel."""

_WORDS: Final = frozenset(("wchar_t", "error_status_t", "handle_t", "boolean", "byte", "hyper", "small"))
"""Words that a file may define as names: they keep their meaning."""
_PREDEFINED: Final[Mapping[str, Shape]] = {
    "ISO_LATIN_1": Shape(model.Scalar(word="Byte")),
    "ISO_MULTI_LINGUAL": Shape(model.Scalar(word="UShort")),
    "ISO_UCS": Shape(model.Scalar(word="ULong")),
    **{word: Shape(base_of(tree.Words(Span(Source("", ""), 0), (word,)), [])) for word in _WORDS},
}
"""Types that no file needs to define (C706 4.2.9.6)."""

_ROOTS: Final[Mapping[str, str]] = {
    "IUnknown": "00000000-0000-0000-c000-000000000046",
    "IDispatch": "00020400-0000-0000-c000-000000000046",
}
"""Interfaces that exist without a file (MS-DCOM 3.1.1.5.8, MS-OAUT 3.1.4)."""

_AUTOMATION: Final = ("LPSAFEARRAY", "PSAFEARRAY", "wirePSAFEARRAY", "wireSAFEARRAY")
"""Pointers to a SAFEARRAY, or to its wire form, by the files that define them (MS-OAUT 2.2.30.10)."""

NO_WIRE_FORM: Final = frozenset(
    (
        catalogue.VOID_VALUE, catalogue.VOID_POINTER, catalogue.FUNCTION_VALUE, catalogue.BIT_FIELD,
        catalogue.HANDLE_PLACE, catalogue.UNION_WITHOUT_SWITCH, catalogue.UNION_WITHOUT_TAG, catalogue.UNSIZED,
        catalogue.ARM_WITHOUT_CASE, catalogue.INTERFACE_VALUE, catalogue.PIPE_PLACE, catalogue.SIZE_OUTSIDE,
    )
)  # fmt: skip
"""What is wrong with a type only when it travels: kept with the definition, and reported when something uses it."""

TOLERATED: Final = frozenset((catalogue.INCOMPLETE, catalogue.SELF_CONTAINED, catalogue.UNSUPPORTED))
"""The same in the pidl dialect alone."""


class TooMany(Exception):
    """There are so many mistakes that binding stops; they are all in the report."""


@dataclass(slots=True)
class Names(Generic[T]):
    """One name space: a chain of dicts, the innermost last."""

    chain: list[dict[str, T]] = field(default_factory=lambda: [{}])
    places: list[dict[str, Span]] = field(default_factory=lambda: [{}])
    """Where the names of each scope are defined."""

    def push(self) -> None:
        """Begin a scope."""
        self.chain.append({})
        self.places.append({})

    def pop(self) -> None:
        """End it."""
        self.chain.pop()
        self.places.pop()

    def known(self, name: str) -> bool:
        """Does it mean anything?"""
        return any(name in scope for scope in self.chain)

    def find(self, name: str) -> T | None:
        """The innermost meaning of a name."""
        for scope in reversed(self.chain):
            if name in scope:
                return scope[name]
        return None

    def put(self, name: str, meaning: T, at: Span | None = None) -> None:
        """Give a name a meaning here, and, where it has none yet, outside."""
        for scope in self.chain[:-1]:
            scope.setdefault(name, meaning)
        self.chain[-1][name] = meaning
        if at is not None:
            self.places[-1].setdefault(name, at)

    def first(self, name: str) -> tuple[Note, ...]:
        """Where this scope defines the name."""
        at = self.places[-1].get(name)
        return () if at is None else (Note("first defined here", at),)


class TypeName(NamedTuple):
    """A typedef or a tag, as an alias of the model is made of."""

    name: str
    shape: Shape
    file: Source
    span: Span
    attributes: tuple[model.Attribute, ...] = ()
    doc: str = ""


@dataclass(slots=True)
class Binding:
    """What the binder knows at a point of the text."""

    file: Source
    main: bool
    """This file is the one that was asked for: its problems are reported whether used or not."""
    types: Names[Shape] = field(default_factory=Names[Shape])
    tags: Names[Draft] = field(default_factory=Names[Draft])
    values: Names[constants.Value] = field(default_factory=Names[constants.Value])
    drafts: list[Draft] = field(default_factory=list[Draft])
    """In the order in which they were completed."""
    interface_names: dict[str, InterfaceRef] = field(
        default_factory=lambda: {name: InterfaceRef(name, iid) for name, iid in _ROOTS.items()}
    )
    """Interfaces as types: through `interface`."""
    forward: dict[str, Draft] = field(default_factory=dict[str, Draft])
    """Names that a typedef uses before the typedef that gives them a body."""
    aliases: list[TypeName] = field(default_factory=list[TypeName])
    made_constants: list[tuple[model.Constant, Source]] = field(default_factory=list[tuple[model.Constant, Source]])
    interfaces: list[model.Interface] = field(default_factory=list[model.Interface])
    pointer_default: model.PointerKind | None = None
    ms_union: bool = False
    tolerant: bool = False
    """What lrpc cannot encode keeps its operation out of the stub and is no mistake: the pidl dialect."""
    report: list[Diagnostic] = field(default_factory=list[Diagnostic])
    """Where complaints go now."""
    mistakes: int = 0
    depths: dict[str, int] = field(default_factory=dict[str, int])
    """How deep each completed definition is nested."""
    known: dict[str, Draft] = field(default_factory=dict[str, Draft])
    """All definitions by key."""
    around: list[Container[str]] = field(default_factory=list[Container[str]])
    """The fields of the structures whose bodies are being read."""

    def draft(self, kind: DraftKind, name: str, span: Span) -> Draft:
        """A new definition without a body."""
        problems: list[Diagnostic] = [] if self.main else self.report
        draft = Draft(f"{name}#{len(self.known) + 1}", kind, name, span, self.file, problems)
        self.known[draft.key] = draft
        return draft

    @contextmanager
    def collecting(self, draft: Draft | None = None) -> Generator[None, None, None]:
        """A Problem inside becomes a diagnostic: of `draft` if it only keeps that from travelling, else a complaint."""
        try:
            yield
        except Problem as error:
            if draft is not None and self.tolerates(error.diagnostic):
                if len(draft.problems) < MAX_PROBLEMS:
                    draft.problems.append(error.diagnostic)
                return
            self.report.append(error.diagnostic)
            self.mistakes += self.main
            if self.mistakes >= MAX_MISTAKES:
                at = error.diagnostic.span
                self.report.append(diagnose(catalogue.TOO_MANY_DIAGNOSTICS, at, limit=MAX_MISTAKES))
                raise TooMany from None

    def tolerates(self, found: Diagnostic) -> bool:
        """Does it only keep a type from travelling?"""
        return found.entry in NO_WIRE_FORM or (self.tolerant and found.entry in TOLERATED)

    @contextmanager
    def inside(self) -> Generator[None, None, None]:
        """The scope of an interface."""
        spaces = (self.types, self.tags, self.values)
        for names in spaces:
            names.push()
        try:
            yield
        finally:
            for names in spaces:
                names.pop()
            if len(self.types.chain) == 1:
                self._report_forward()

    def _report_forward(self) -> None:
        with suppress(TooMany):
            for name, draft in self.forward.items():
                with self.collecting():
                    raise problem(catalogue.UNKNOWN_TYPE, draft.span, name=name)
        self.forward.clear()

    def interface(self, name: str, iid: str | None = None) -> InterfaceRef:
        """The interface of this name as a type; `iid` when it is known now."""
        found = self.interface_names.setdefault(name, InterfaceRef(name))
        found.iid = iid or found.iid
        return found

    # Constants

    def integer(self, expression: tree.Expr) -> int:
        """The value of a constant expression; Problem when it is not constant."""
        return constants.evaluate(expression, self.value_of_name, self)

    def value(self, expression: tree.Expr | tree.Braces) -> constants.Value:
        """The value of a constant expression of any kind."""
        return constants.value_of(expression, self.value_of_name, self)

    def value_of_name(self, name: tree.Name) -> constants.Value:
        """What a constant or enumerator stands for."""
        if self.values.known(name.name):
            return self.values.find(name.name)
        raise problem(catalogue.UNKNOWN_NAME, name.span, name=name.name)

    def define_value(self, name: str, value: constants.Value, span: Span) -> None:
        """A constant or enumerator."""
        check_name(name, span)
        if name in self.values.places[-1] and self.values.chain[-1][name] != value:
            notes = self.values.first(name)
            self.report.append(diagnose(catalogue.REDEFINED, span, notes=notes, name=name))
        self.values.put(name, value, span)

    def size_of(self, expression: tree.SizeOf) -> int:
        """sizeof of a type, as C lays it out on a 64-bit machine."""
        shape = self.shape_of(expression.type)
        found = memory_of(replace(shape, levels=(*[Level(True)] * expression.stars, *shape.levels)))
        if found is None:
            raise problem(catalogue.UNSUPPORTED, expression.span, what=f"sizeof of {shape.spoken()}")
        return found.size

    def cast(self, expression: tree.Cast, value: constants.Value) -> constants.Value:
        """What a cast makes of a value."""
        return constants.converted(value, self.shape_of(expression.type))

    def cast_in(self, expression: tree.Binary) -> tree.Cast | None:
        """`(ULONG) -1` reads like a subtraction until it is known that ULONG is a type."""
        left = expression.left
        if not isinstance(left, tree.Name) or expression.operator not in ("*", "-", "+", "&"):
            return None
        if self.values.known(left.name) or not self.types.known(left.name):
            return None
        operand = tree.Unary(expression.span, expression.operator, expression.right, expression.depth)
        return tree.Cast(expression.span, tree.Named(left.span, left.name), operand, expression.depth)

    # Types

    def shape_of(self, spec: tree.TypeSpec) -> Shape:
        """The type of a specifier without a body."""
        match spec:
            case tree.Words():
                return Shape(base_of(spec, self.report))
            case tree.Named(span, name):
                return self._named(name, span)
            case tree.Tagged(span, kind, tag):
                return Shape(self.tagged(kind, tag, span))
            case tree.InterfaceType(_, name):
                return Shape(self.interface(name))
            case tree.SafeArray(span, element, _):
                self.shape_of(element)
                return self._automation(span)
            case tree.Given(_, type_):
                return Shape(type_)
            case tree.Refused(span, what):
                raise problem(catalogue.UNSUPPORTED, span, what=what)
            case _:
                raise problem(catalogue.UNSUPPORTED, spec.span, what="a type with a body here")

    def _named(self, name: str, span: Span) -> Shape:
        found = self.types.find(name)
        if found is None and name in self.interface_names:
            return Shape(self.interface_names[name])
        found = found or _PREDEFINED.get(name)
        if found is None:
            raise problem(catalogue.UNKNOWN_TYPE, span, name=name)
        return found

    def named_later(self, spec: tree.TypeSpec) -> Shape | None:
        """The type of a typedef whose name another typedef of the file gives a body later, if it is unknown now."""
        if not isinstance(spec, tree.Named) or spec.name in self.interface_names or spec.name in _PREDEFINED:
            return None
        if self.types.known(spec.name):
            return None
        if spec.name not in self.forward:
            self.forward[spec.name] = self.draft("struct", spec.name, spec.span)
        return Shape(self.forward[spec.name])

    def _automation(self, span: Span) -> Shape:
        """A SAFEARRAY, whatever its elements: a pointer to its wire form."""
        for name in _AUTOMATION:
            found = self.types.find(name)
            if found is not None and not isinstance(found.base, Broken):
                return found
        tag = self.tags.find("_wireSAFEARRAY") or self.tags.find("tagSAFEARRAY")
        if tag is None:
            raise problem(catalogue.UNKNOWN_TYPE, span, name="SAFEARRAY")
        return Shape(tag, (Level(True, explicit="unique"),))

    def tagged(self, kind: str, tag: str, span: Span) -> Draft:
        """`struct tag`, defined before or later."""
        found = self.tags.find(tag)
        if found is None:
            check_name(tag, span)
            found = self.draft(_KINDS[kind], tag, span)
            self.tags.put(tag, found)
        elif found.kind != kind and not (kind in ("struct", "union") and found.kind == "switch_union"):
            raise problem(catalogue.TAG_KIND, span, name=tag, found=found.kind, wanted=kind)
        return found

    def define_type(self, name: str, shape: Shape, span: Span) -> None:
        """A typedef. A name of a predefined type keeps its meaning; the same typedef may be repeated in its scope."""
        check_name(name, span)
        if name in _WORDS:
            return
        if name in self.types.places[-1] and self.types.chain[-1][name] != shape:
            notes = self.types.first(name)
            self.report.append(diagnose(catalogue.REDEFINED, span, notes=notes, name=name))
        self.types.put(name, shape, span)


_KINDS: dict[str, DraftKind] = {"struct": "struct", "union": "union", "enum": "enum"}


def check_name(name: str, span: Span) -> None:
    """Problem for a name that Python keeps for itself: its own are all in small letters."""
    if name.startswith("__") and name.endswith("__") and name == name.lower():
        raise problem(catalogue.RESERVED_NAME, span, name=name)
