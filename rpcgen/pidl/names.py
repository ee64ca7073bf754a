"""The names that pidl files define: there is one space of them, so that `struct foo` and `foo` are one type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from ..syntax import tree
from .flags import FILLING, flags_of
from .words import BESIDE, KNOWN

_KINDS: Final[dict[type[object], str]] = {
    tree.Struct: "struct", tree.PlainUnion: "union", tree.SwitchUnion: "union", tree.Enum: "enum", tree.Bitmap: "enum",
}  # fmt: skip


@dataclass(slots=True)
class Definitions:
    """What is known by name in all files of a compilation."""

    kinds: dict[str, str] = field(default_factory=dict[str, str])
    """struct, union or enum, of each type with a body; a bitmap is an enumeration of flags."""

    types: set[str] = field(default_factory=set[str])
    """Types without a body of their own."""
    values: set[str] = field(default_factory=set[str])
    """Constants and enumerators."""

    held: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The names of the types of the fields of each type, without those that have flags of their own."""

    def learn(self, items: Iterable[tree.Item]) -> None:
        """The types that a file defines."""
        for item in items:
            match item:
                case tree.Interface(items=inner) | tree.Library(items=inner) | tree.Module(items=inner):
                    self.learn(inner)
                case tree.Typedef() | tree.Declaration():
                    self.kinds.update((name, kind) for name, kind in _defined(item))
                    self._learn_names(item)
                    self.kinds.update((name, "struct") for made, _ in _defined(item) for name in BESIDE.get(made, ()))
                case _:
                    pass

    def is_bare(self, name: str) -> bool:
        """Holds the type, however deep, a blob whose form is that of the flags around it?"""
        seen, todo = set[str](), [name]
        while todo:
            found = todo.pop()
            if found in ("DATA_BLOB", "string_array"):
                return True
            if found not in seen:
                seen.add(found)
                todo += self.held.get(found, ())
        return False

    def _learn_names(self, item: tree.Typedef | tree.Declaration) -> None:
        if isinstance(item, tree.Typedef):
            self.types.update(() if is_repeated(item) else (found.name or "" for found in item.declarators))
        elif item.value is not None:
            self.values.update(found.name or "" for found in item.declarators)
        for name, _ in _defined(item):
            self.held[name] = () if name in KNOWN else tuple(_held(item.type))
        if isinstance(item.type, (tree.Enum, tree.Bitmap)):
            self.values.update(member.name for member in item.type.members)


def typedefs(items: Iterable[tree.Item]) -> Iterator[str]:
    """The names that typedefs of a file in MIDL's language give."""
    for item in items:
        match item:
            case tree.Interface(items=inner) | tree.Library(items=inner):
                yield from typedefs(inner)
            case tree.Typedef(declarators=declarators):
                yield from (found.name or "" for found in declarators)
            case _:
                pass


def is_repeated(item: tree.Typedef) -> bool:
    """`typedef bitmap foo foo`: a type that another file defines, which is said anyway by its use."""
    names = [found.name for found in item.declarators if not found.levels]
    return isinstance(item.type, tree.Tagged) and item.type.tag in names


def kind_of(spec: tree.TypeSpec) -> str | None:
    """What a body defines."""
    return _KINDS.get(type(spec))


def _defined(item: tree.Typedef | tree.Declaration) -> Iterator[tuple[str, str]]:
    kind = kind_of(item.type)
    if kind is None:
        return
    tag = getattr(item.type, "tag", None)
    if tag is not None:
        yield tag, kind
    if isinstance(item, tree.Typedef):
        yield from ((found.name or "", kind) for found in item.declarators if not found.levels)


def _held(spec: tree.TypeSpec) -> Iterator[str]:
    lines = spec.fields if isinstance(spec, tree.Struct) else spec.arms if isinstance(spec, tree.PlainUnion) else ()
    for line in lines:
        names = flags_of(line.attributes)
        if line.type is None or (names is not None and names & FILLING):
            continue
        if isinstance(line.type, tree.Named):
            yield line.type.name
        elif isinstance(line.type, tree.Tagged):
            yield line.type.tag
        else:
            yield from _held(line.type)
