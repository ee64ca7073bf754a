"""The order of definitions: pidl lets a name stand before what defines it, the binder does not.

Operations keep their places, which are their numbers; what they need comes before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..syntax import tree
from .expressions import names_in


def ordered(items: Sequence[tree.Item]) -> list[tree.Item]:
    """The items, each behind those that it needs; types that need each other keep their order."""
    makers: dict[str, int] = {}
    for index, item in enumerate(items):
        for name in _made(item):
            makers.setdefault(name, index)
    done: set[int] = set()
    out: list[tree.Item] = []
    for index in sorted(range(len(items)), key=lambda index: _is_operation(items[index])):
        _visit(index, items, makers, done, out)
    return out


def _visit(
    first: int, items: Sequence[tree.Item], makers: dict[str, int], done: set[int], out: list[tree.Item]
) -> None:
    """Put an item behind what it needs; without recursion, since a file may have a long chain."""
    stack = [(first, iter(_wanted(items[first])))]
    if first in done:
        return
    done.add(first)
    while stack:
        index, wanted = stack[-1]
        for name in wanted:
            maker = makers.get(name)
            if maker is not None and maker not in done:
                done.add(maker)
                stack.append((maker, iter(_wanted(items[maker]))))
                break
        else:
            out.append(items[index])
            stack.pop()


def _is_operation(item: tree.Item) -> bool:
    return isinstance(item, tree.Declaration) and any(
        isinstance(level, tree.Parameters) for found in item.declarators for level in found.levels
    )


def _made(item: tree.Item) -> Iterator[str]:
    """The names that an item defines."""
    if not isinstance(item, (tree.Typedef, tree.Declaration)) or _is_operation(item):
        return
    tag = getattr(item.type, "tag", None)
    if tag is not None and not isinstance(item.type, tree.Tagged):
        yield tag
    yield from (found.name or "" for found in item.declarators)
    if isinstance(item.type, tree.Enum):
        yield from (member.name for member in item.type.members)


def _wanted(item: tree.Item) -> Iterator[str]:
    """The names that must be defined before it."""
    if not isinstance(item, (tree.Typedef, tree.Declaration)) or _is_operation(item):
        return
    yield from _of_type(item.type, item.declarators)
    yield from _of_attributes(item.attributes)
    if isinstance(item, tree.Declaration) and item.value is not None and not isinstance(item.value, tree.Braces):
        yield from names_in(item.value)


def _of_type(spec: tree.TypeSpec, declarators: Iterable[tree.Declarator]) -> Iterator[str]:
    pointed = False
    for found in declarators:
        for level in found.levels:
            pointed = pointed or isinstance(level, tree.Star)
            if isinstance(level, tree.Bound) and level.high is not None:
                yield from names_in(level.high)
    match spec:
        case tree.Struct(fields=lines) | tree.PlainUnion(arms=lines):
            for line in lines:
                yield from _of_attributes(line.attributes)
                if line.type is not None:
                    yield from _of_type(line.type, line.declarators)
        case tree.Enum(members=members):
            for member in members:
                yield from () if member.value is None else names_in(member.value)
        case tree.Tagged(tag=name) | tree.Named(name=name):
            if not pointed:
                yield name
        case _:
            pass


def _of_attributes(attributes: tree.Attributes) -> Iterator[str]:
    for attribute in attributes:
        for slot in attribute.slots or ():
            match slot:
                case tree.Tagged(tag=name):
                    yield name
                case None | tree.Uuid() | tree.Words() | tree.Given() | tree.Refused():
                    pass
                case _:
                    yield from names_in(slot)
