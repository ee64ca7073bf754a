"""Names and what they mean while a compilation is bound: types, tags, values, and the state around them.

Types live in the scope of their interface, with the file and then its imports behind it; two interfaces
may repeat a typedef. Tags and values follow the same rule.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Generic, Literal, TypeVar

from .. import catalogue, model
from ..diagnostics import Diagnostic, Problem, Source, Span, diagnose, problem
from ..syntax import tree
from . import constants
from .shapes import SIZES, Draft, Shape, Special, base_of

T = TypeVar("T")
MAX_MISTAKES: Final = 200


class TooMany(Exception):
    """There are so many mistakes that binding stops; they are all in the report."""


@dataclass(slots=True)
class Names(Generic[T]):
    """One name space: a chain of dicts, the innermost last."""

    chain: list[dict[str, T]] = field(default_factory=lambda: [{}])

    def find(self, name: str) -> T | None:
        """The innermost meaning of a name."""
        for scope in reversed(self.chain):
            if name in scope:
                return scope[name]
        return None

    def put(self, name: str, meaning: T) -> None:
        """Give a name a meaning here, and, where it has none yet, outside."""
        for scope in self.chain[:-1]:
            scope.setdefault(name, meaning)
        self.chain[-1][name] = meaning


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
    aliases: list[tuple[str, Shape, Source]] = field(default_factory=list[tuple[str, Shape, Source]])
    made_constants: list[tuple[model.Constant, Source]] = field(default_factory=list[tuple[model.Constant, Source]])
    interfaces: list[model.Interface] = field(default_factory=list[model.Interface])
    pointer_default: model.PointerKind | None = None
    ms_union: bool = False
    report: list[Diagnostic] = field(default_factory=list[Diagnostic])
    """Where complaints go now."""
    mistakes: int = 0
    depths: dict[str, int] = field(default_factory=dict[str, int])
    """How deep each completed definition is nested."""
    known: dict[str, Draft] = field(default_factory=dict[str, Draft])
    """All definitions by key."""

    def draft(
        self, kind: Literal["struct", "union", "switch_union", "enum", "context"], name: str, span: Span
    ) -> Draft:
        """A new definition without a body."""
        problems: list[Diagnostic] = [] if self.main else self.report
        draft = Draft(f"{name}#{len(self.known) + 1}", kind, name, span, self.file, problems)
        self.known[draft.key] = draft
        return draft

    @contextmanager
    def collecting(self) -> Generator[None, None, None]:
        """A Problem inside becomes a diagnostic of the present report."""
        try:
            yield
        except Problem as error:
            self.report.append(error.diagnostic)
            self.mistakes += 1
            if self.mistakes >= MAX_MISTAKES:
                at = error.diagnostic.span
                self.report.append(diagnose(catalogue.TOO_MANY_DIAGNOSTICS, at, limit=MAX_MISTAKES))
                raise TooMany from None

    @contextmanager
    def inside(self) -> Generator[None, None, None]:
        """The scope of an interface."""
        for names in (self.types.chain, self.tags.chain, self.values.chain):
            names.append({})
        try:
            yield
        finally:
            for names in (self.types.chain, self.tags.chain, self.values.chain):
                names.pop()

    # Constants

    def integer(self, expression: tree.Expr) -> int:
        """The value of a constant expression; Problem when it is not constant."""
        return constants.evaluate(expression, self.value_of_name, self.size_of)

    def value(self, expression: tree.Expr) -> constants.Value:
        """The value of a constant expression of any kind."""
        return constants.value_of(expression, self.value_of_name, self.size_of)

    def value_of_name(self, name: tree.Name) -> constants.Value:
        """What a constant or enumerator stands for."""
        if any(name.name in scope for scope in self.values.chain):
            return self.values.find(name.name)
        raise problem(catalogue.UNKNOWN_NAME, name.span, name=name.name)

    def define_value(self, name: str, value: constants.Value, span: Span) -> None:
        """A constant or enumerator."""
        check_name(name, span)
        if name in self.values.chain[-1] and self.values.chain[-1][name] != value:
            self.report.append(diagnose(catalogue.REDEFINED, span, name=name))
        self.values.put(name, value)

    def size_of(self, expression: tree.SizeOf) -> int:
        """sizeof of a base type, an enumeration or a pointer."""
        if expression.stars:
            return 8
        shape = self.shape_of(expression.type)
        if shape.levels and shape.levels[0].pointer:
            return 8
        if not shape.levels and isinstance(shape.base, model.Scalar):
            return SIZES[shape.base.word]
        if not shape.levels and isinstance(shape.base, Draft) and shape.base.kind == "enum":
            return 4
        raise problem(catalogue.UNSUPPORTED, expression.span, what="sizeof of a structure")

    def shape_of(self, spec: tree.TypeSpec) -> Shape:
        """The type of a specifier without a body."""
        match spec:
            case tree.Words():
                return Shape(base_of(spec, self.report))
            case tree.Named(span, name):
                found = self.types.find(name)
                if found is None:
                    raise problem(catalogue.UNKNOWN_TYPE, span, name=name)
                return found
            case tree.Tagged(span, kind, tag):
                return Shape(self.tagged(kind, tag, span))
            case tree.Foreign(span, what):
                raise problem(catalogue.UNSUPPORTED, span, what=_FOREIGN.get(what, what))
            case _:
                raise problem(catalogue.UNSUPPORTED, spec.span, what="a type with a body here")

    def tagged(self, kind: str, tag: str, span: Span) -> Draft:
        """`struct tag`, defined before or later."""
        found = self.tags.find(tag)
        if found is None:
            check_name(tag, span)
            found = self.draft(_KINDS[kind], tag, span)
            self.tags.put(tag, found)
        elif found.kind != kind and not (kind == "union" and found.kind == "switch_union"):
            raise problem(catalogue.TAG_KIND, span, name=tag, found=found.kind, wanted=kind)
        return found

    def define_type(self, name: str, shape: Shape, span: Span) -> None:
        """A typedef."""
        check_name(name, span)
        before = self.types.chain[-1].get(name)
        if before is not None and before != shape and self._here(before):
            self.report.append(diagnose(catalogue.REDEFINED, span, name=name))
        self.types.put(name, shape)

    def _here(self, shape: Shape) -> bool:
        return not isinstance(shape.base, Special) and any(
            known is shape and file is self.file for _, known, file in self.aliases
        )


_FOREIGN = {"pipe": "a pipe", "SAFEARRAY": "a SAFEARRAY", "interface": "an interface pointer"}
_KINDS: dict[str, Literal["struct", "union", "enum"]] = {"struct": "struct", "union": "union", "enum": "enum"}


def check_name(name: str, span: Span) -> None:
    """Problem for a name that Python keeps for itself."""
    if name.startswith("__") and name.endswith("__"):
        raise problem(catalogue.RESERVED_NAME, span, name=name)
