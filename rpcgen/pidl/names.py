"""The names that pidl files define: there is one space of them, so that `struct foo` and `foo` are one type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..syntax import tree

_KINDS = {tree.Struct: "struct", tree.PlainUnion: "union", tree.SwitchUnion: "union", tree.Enum: "enum",
          tree.Bitmap: "enum"}  # fmt: skip


@dataclass(slots=True)
class Definitions:
    """What is known by name in all files of a compilation."""

    kinds: dict[str, str] = field(default_factory=dict[str, str])
    """struct, union or enum, of each type with a body; a bitmap is an enumeration of flags."""

    types: set[str] = field(default_factory=set[str])
    """Types without a body of their own."""
    values: set[str] = field(default_factory=set[str])
    """Constants and enumerators."""

    def learn(self, items: Iterable[tree.Item]) -> None:
        """The types that a file defines."""
        for item in items:
            match item:
                case tree.Interface(items=inner) | tree.Library(items=inner) | tree.Module(items=inner):
                    self.learn(inner)
                case tree.Typedef() | tree.Declaration():
                    self.kinds.update((name, kind) for name, kind in _defined(item))
                    self._learn_names(item)
                case _:
                    pass

    def _learn_names(self, item: tree.Typedef | tree.Declaration) -> None:
        if isinstance(item, tree.Typedef):
            self.types.update(() if is_repeated(item) else (found.name or "" for found in item.declarators))
        elif item.value is not None:
            self.values.update(found.name or "" for found in item.declarators)
        if isinstance(item.type, (tree.Enum, tree.Bitmap)):
            self.values.update(member.name for member in item.type.members)


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
