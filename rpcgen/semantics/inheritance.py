"""Inheritance: which interfaces there are, what derives from what, and which numbers are taken before an interface.

The operations of a base come first (MIDL; C706 6.1.1.5 for the numbers of one interface): those of IUnknown are 0 to 2.
IUnknown and IDispatch are known without a file. Operations of imported interfaces are bound only when an interface of
the main file derives from theirs, so the family is read off the syntax trees before anything is bound.
Counterpart: `binder.py` asks it, and tells it how many operations each interface got.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from .. import catalogue, model
from ..diagnostics import Source, Span, problem
from ..syntax import tree

MAX_BASES: Final = 128
"""Interfaces above one: each repeats the operations of all."""
IUNKNOWN: Final = "IUnknown"
IUNKNOWN_IID: Final = "00000000-0000-0000-c000-000000000046"
IDISPATCH: Final = model.Interface(
    name="IDispatch",
    uuid="00020400-0000-0000-c000-000000000046",
    version=(0, 0),
    operations=tuple(
        model.Operation(name=name, number=number, parameters=(), local=True)
        for number, name in enumerate(("GetTypeInfoCount", "GetTypeInfo", "GetIDsOfNames", "Invoke"), 3)
    ),
    base=IUNKNOWN,
    object=True,
    imported=True,
)
"""Stands in when no file defines IDispatch: its numbers are taken and its operations cannot be called."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The numbers that an interface and its bases use, and whether it is called through the object layer."""

    operations: int = 0
    callbacks: int = 0
    object: bool = False
    bases: int = 0

    def behind(self, item: tree.Interface) -> Taken:
        """What is taken when the operations of `item` have their numbers too."""
        kinds = [_kind(each) for each in item.items]
        is_object = self.object or any(found.name == "object" for found in item.attributes)
        operations, callbacks = kinds.count("operation"), kinds.count("callback")
        return Taken(self.operations + operations, self.callbacks + callbacks, is_object, self.bases + 1)


def _kind(item: tree.Item) -> str:
    """Which kind of number a declaration takes, as `operations.py` has it."""
    if not isinstance(item, tree.Declaration) or item.value is not None or not item.declarators:
        return "none"
    written = {found.name for found in item.attributes}
    return "callback" if "callback" in written else "none" if "call_as" in written else "operation"


@dataclass(slots=True)
class Family:
    """The interfaces of all files of a compilation."""

    declared: dict[str, tuple[tree.Interface, Source]] = field(default_factory=dict[str, tuple[tree.Interface, Source]])
    """By name. The main file's go before imported ones."""
    needed: frozenset[str] = frozenset()
    """The imported interfaces from which the main file derives."""
    announced: set[str] = field(default_factory=set[str])
    """Names of `interface X;`."""
    _taken: dict[str, Taken] = field(default_factory=lambda: {IUNKNOWN: Taken(3, object=True)})
    """What each base has taken with its own operations: nothing, when its bases are complained of already."""

    _deep: bool = False
    """It is said once that an interface has too many above it."""

    def learn(self, source: Source, items: Iterable[tree.Item]) -> None:
        """The interfaces of one more file: the main file last."""
        for item in items:
            match item:
                case tree.Interface():
                    known = self.declared.get(item.name)
                    if known is None or known[1] is not source:
                        self.declared[item.name] = item, source
                    self.learn(source, item.items)
                case tree.Forward():
                    self.announced.update(name.name for name in item.names)
                case tree.Library():
                    self.learn(source, item.items)
                case _:
                    pass

    def settle(self, main: Source) -> None:
        """Find the imported interfaces that are needed. All files are known now."""
        needed: set[str] = set()
        for item, source in self.declared.values():
            if source is main:
                needed.update([base.name for base in self._bases(item, needed)])
        self.needed = frozenset(name for name in needed if self.declared[name][1] is not main and name != IUNKNOWN)

    def _bases(self, item: tree.Interface, known: Container[str]) -> Iterator[tree.Interface]:
        """What an interface derives from, nearest first, up to what is known, not declared, or a circle."""
        seen = {item.name}
        while item.base is not None and item.base.name in self.declared and item.base.name not in seen:
            if item.base.name in known:
                return
            seen.add(item.base.name)
            item = self.declared[item.base.name][0]
            yield item

    def before(self, item: tree.Interface) -> Taken:
        """What the bases of an interface have taken, wherever they are defined; Problem when there is no such base."""
        chain = [item, *self._bases(item, self._taken)]
        taken = self._start(item, chain)
        for base in reversed(chain[1:]):
            taken = self._taken[base.name] = taken.behind(base)
        if taken.bases > MAX_BASES and not self._deep:
            self._deep = True
            raise problem(catalogue.DEEP_BASE, (item.base or item).span, name=item.name, limit=MAX_BASES)
        return taken

    def _start(self, item: tree.Interface, chain: list[tree.Interface]) -> Taken:
        """What is taken before the root of a chain."""
        base = chain[-1].base
        if base is None:
            return Taken()
        if base.name in self._taken:
            return self._taken[base.name]
        if base.name == IDISPATCH.name and base.name not in self.declared:
            return Taken(7, object=True)
        self._taken.update({base.name: Taken()} | {each.name: Taken() for each in chain})
        if base.name in self.declared:
            names = [each.name for each in chain]
            path = " : ".join([*names[names.index(base.name) :], base.name])
            raise problem(catalogue.CIRCULAR_BASE, (item.base or base).span, name=item.name, path=path)
        why = "which is announced and never defined" if base.name in self.announced else "which nothing defines"
        raise problem(catalogue.UNKNOWN_BASE, base.span, name=chain[-1].name, base=base.name, why=why)

    def stands_in(self, item: tree.Interface) -> bool:
        """Does it derive from an IDispatch that no file defines?"""
        return item.base is not None and item.base.name == IDISPATCH.name and IDISPATCH.name not in self.declared


def base_first(interfaces: Iterable[model.Interface]) -> Iterator[model.Interface]:
    """The interfaces in their order, but each behind its base."""
    waiting = {found.name: found for found in interfaces}
    for name in list(waiting):
        chain: list[model.Interface] = []
        following: str | None = name
        while following in waiting:
            chain.append(waiting.pop(following))
            following = chain[-1].base
        yield from reversed(chain)


def names(items: Iterable[tree.Item]) -> Iterator[tuple[str, tree.Attributes, Span | None]]:
    """The names that items give to interfaces and to what is pointed to like one."""
    for item in items:
        match item:
            case tree.Interface():
                yield item.name, item.attributes, item.span
                yield from names(item.items)
            case tree.Dispinterface():
                yield item.name, item.attributes, item.span
            case tree.Coclass():
                yield item.name, (), item.span
            case tree.Forward():
                yield from ((name.name, (), None) for name in item.names)
            case tree.Library():
                yield from names(item.items)
            case _:
                pass
