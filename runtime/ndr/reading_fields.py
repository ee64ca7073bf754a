"""The codec compiler's reading half, its lowest part: fields of the run, and the counts that siblings speak of.

A count is read long before the sibling that must agree with it, or long after; it waits in a Scope until all
siblings are known. Above it: `reading_arrays.py`, `reading.py`. Counterpart: `writing_fields.py`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from .expression import Expression
from .layout import Array, Encoding, Field, Layout, MultiArray, Pointer, String, SwitchIs
from .layout_samba import Relative
from .places import Places
from .siblings import below, correlated, expressions, speaks
from .source import Source
from .strictness import DEFAULT, Strictness

NULL = "False"
"""What a null pointer leaves as the count of its array: zero, but no count that was read."""
ABSENT = "None"
"""What is left where nothing was in the stream that could disagree."""
_TABLES = {"full": "full = {}", "q": "q = [items, MAX_DEPTH]"}
"""Of full pointers, and of what is left of the budgets."""


@dataclasses.dataclass(slots=True)
class Correlation:
    """A count from the stream, in the variable `seen`, and the expression that must agree with it."""

    owner: Layout
    expression: Expression
    seen: str
    path: list[str]
    """Where the count was read."""
    optional: bool = False
    """`seen` may hold ABSENT."""


class Scope:
    """The siblings that correlations may name, and the correlations that wait until all are read."""

    def __init__(self, fields: Sequence[Field] = (), *, reply: bool = False, many: str = "") -> None:
        self.fields = {field.name: field.layout for field in fields}
        self.wanted = correlated(fields)
        self.values: dict[str, str] = {}
        self.waiting: list[Correlation] = []
        self.reply = reply
        """Parameters of a response: a null array beside its size is an answer there, not an attack."""
        self.many = many
        """The list that takes (key, count) where a loop or an arm may read a correlation any number of times."""
        self.foreign = bool(many)
        """The siblings are a caller's: it makes the checks."""
        self.loops = 0

    def nullable(self, expression: Expression) -> list[str]:
        """The siblings of an expression that may be None."""
        return sorted(name for name in expression.names() if isinstance(self.fields[name], Pointer))


class ReadingFields(Source):
    """Fields of the run and correlations."""

    def __init__(
        self,
        encoding: Encoding,
        recursive: set[int],
        strictness: Strictness = DEFAULT,
        places: Places | None = None,
    ) -> None:
        super().__init__(encoding, places)
        self.recursive = recursive
        self.strictness = strictness
        self.scope = Scope()
        self.last: bool | str = False
        """Nothing of the layout of a generated function comes after what is being written; text: unless that is so."""
        self._keys: dict[int, tuple[int, Expression]] = {}

    # The variables of the whole

    def open(self) -> None:
        """The first line."""
        self.line(f"end = len(buf); o = 0; {'; '.join(_TABLES.values())}")

    def leave_out(self) -> None:
        """No tables that nothing looks into; when all else is written."""
        for name, made in _TABLES.items():
            if not any(re.search(rf"\b{name}\b", line) for line in self.lines[2:]):
                self.lines[1] = self.lines[1].replace(f"; {made}", "")

    # Fields

    def take(self, code: str, size: int, align: int | None = None) -> str:
        """A field of the run, aligned to its size or to `align`."""
        self.align(align or size)
        name = self.new()
        self.field(code, size, name)
        return name

    def word(self) -> str:
        """A count or referent id."""
        return self.take("Q" if self.encoding.wide else "I", self.encoding.word)

    def align(self, align: int) -> None:
        """Skip to a multiple of `align`."""
        if self.encoding.packed:
            return
        pad = self.static_pad(align)
        if pad is None:
            self.line(f"o = o + {align - 1} & -{align}")
            self.forget(align)
        else:
            self.pad(pad)

    def flush(self) -> None:
        """One unpack for the run; the end of the stub is held against padding at the very end."""
        text, arguments, size = self.take_run()
        if arguments:
            self.emit(f"{', '.join(arguments)}, = {self.packed('unpack_from', text)}(buf, o)")
        if size:
            self.emit(f"o += {size}")

    def emit(self, text: str) -> None:
        """A line as it is, whatever waits in the run."""
        self.as_it_is(text)

    def bound(self, value: str) -> str:
        """A name that holds a value's text."""
        if value.isidentifier():
            return value
        name = self.new()
        self.line(f"{name} = {value}")
        return name

    # Correlations (MS-RPCE 3.1.1.5.3)

    def sibling(self, field: Field, value: str) -> str:
        """Bind the value of a member to a name, for the correlations that ask for it."""
        value = self.bound(value)
        if field.name in self.scope.wanted:
            self.scope.values[field.name] = value
        return value

    def correlate(self, layout: Layout, expression: Expression | None, seen: str) -> None:
        """Have the count `seen` of a layout checked against `expression` when the siblings are known."""
        scope = self.scope
        if expression is None or not self._is_checked(layout):
            return
        if not (scope.foreign or expression.names() <= scope.fields.keys()):
            return  # a sibling that travels in the other direction, and its value was not given
        if scope.loops or scope.foreign:
            self._collect(expression, seen)
        else:
            scope.waiting.append(Correlation(layout, expression, seen, [*self.path]))

    def _is_checked(self, layout: Layout) -> bool:
        """Is what siblings say of a layout held against what its octets say?"""
        overlooked = self.strictness.contradiction or (self.strictness.string_size and isinstance(layout, String))
        return not overlooked

    def _collect(self, expression: Expression, seen: str) -> None:
        """A count goes to the list, for an expression that a loop, an arm or a function may meet again."""
        self.line(f"{self.scope.many}.append(({self._key(expression)}, {seen}))")

    def enter(self, fields: Sequence[Field], *, reply: bool = False) -> Scope:
        """Make `fields` the siblings; gives the scope that was, to be set again when they are checked."""
        outer, self.scope = self.scope, Scope(fields, reply=reply)
        if any(speaks(inner) for field in fields for part in below(field.layout) for inner in self.repeated(part)):
            self.scope.many = self.bound("[]")
        return outer

    def repeated(self, layout: Layout) -> list[Layout]:
        """What the code of a layout may read any number of times, or not at all, or in another function."""
        match layout:
            case Array() | MultiArray():
                return [layout.element]
            case SwitchIs():
                return layout.union.layouts()
            case Pointer() | Relative() if id(layout.target) in self.recursive:
                return [layout.target]
            case _:
                return []

    def nothing_read(self, start: int, layout: Layout, count: str) -> None:
        """On this way through the code nothing correlated since `start` was read; `count` for `layout` itself."""
        scope = self.scope
        sizes = _sizes(layout) if self._is_checked(layout) else []
        if scope.loops or scope.foreign or id(layout) in self.recursive:
            for expression in sizes if count == NULL else ():
                self._collect(expression, NULL)
            return
        for waiting in scope.waiting[start:]:
            own = waiting.owner is layout and any(waiting.expression is size for size in sizes)
            self.line(f"{waiting.seen} = {count if own else ABSENT}")
            waiting.optional |= not own or count == ABSENT

    def check(self) -> None:
        """Compare the counts of the scope with their expressions."""
        for waiting in self.scope.waiting:
            sent = f"{waiting.seen} is not None and " if waiting.optional else ""
            path, self.path = self.path, waiting.path
            self.line(f"if {sent}{self._disagrees(waiting.expression, waiting.seen)}: {_refusal(waiting.owner)}")
            self.path = path
        self.scope.waiting.clear()
        if not self.scope.many:
            return
        parts = [part for layout in self.scope.fields.values() for part in below(layout)]
        found = {id(expression): (expression, part) for part in parts for expression in expressions(part)}
        for expression, part in found.values():
            if expression.names() <= self.scope.values.keys():
                counts = f"for key, n in {self.scope.many} if key == {self._key(expression)}"
                self.line(f"if any({self._disagrees(expression, 'n')} {counts}): {_refusal(part)}")

    def _disagrees(self, expression: Expression, seen: str) -> str:
        """The test that refuses the count `seen`. A null pointer has no items, unless a null sibling has no say."""
        scope = self.scope
        nullable = scope.nullable(expression)
        test = f"{seen} != {self.expression(expression, scope.values, nullable)}"
        if self.strictness.null_arrays or (scope.reply and self.strictness.null_array_in_reply):
            return f"{seen} is not False and {test}"
        if nullable:
            return f"not ({seen} is False and None in ({', '.join(scope.values[n] for n in nullable)},)) and {test}"
        return test

    def _key(self, expression: Expression) -> int:
        """The number of an expression in lists of counts."""
        return self._keys.setdefault(id(expression), (len(self._keys), expression))[0]


def _refusal(layout: Layout) -> str:
    """The statement that refuses what siblings of a layout contradict."""
    if isinstance(layout, SwitchIs):
        return "bad('a tag and its expression disagree', 0x6C5)"
    return "bad('a count and its expression disagree')"


def _sizes(layout: Layout) -> list[Expression]:
    """The expressions that count the items of an array: those speak of a null pointer too."""
    match layout:
        case Array():
            found = [layout.size, layout.length]
        case MultiArray(dimensions=[outermost, *_]):
            found = [outermost.size, outermost.length]
        case String():
            found = [layout.size]
        case _:
            found = []
    return [expression for expression in found if expression is not None]
