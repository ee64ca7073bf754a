"""Values as JSON: pointees that are met again, and pointees that are too deep for one text.

A full pointer to what was met before is "alias of a", the member of the same structure, or "alias of .p.a", the path
from the outermost value. That may be a structure that is still open: a circle.

Programs that read JSON give up after a few hundred brackets in each other. A structure or array behind a pointer that
is DEEP of them inside is apart: {"$ref": 3} stands for it, and the whole form is {"$value": ..., "$pointees": [...]},
which has it at index 3; "alias of $3.next" is a path that begins there. A full pointer may have the {"$ref": 3} of
another one: they lead to the same object. A part of `json_form.py`.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Final, cast

from .budget import MAX_ITEMS, NESTED_COST, TOO_MANY
from .errors import NdrError
from .layout import FullPtr, Layout, Pointer, has_identity
from .layout_samba import Relative
from .reference_deferred import Referent
from .reference_path import Trail
from .reference_rules import Place, shape
from .reference_values import brief, is_mapping
from .shape import recursive

DEEP: Final = 64
"""Objects and lists in each other, before what is behind a pointer is put apart."""
ALIAS: Final = "alias of "
VALUE, POINTEES, REF = "$value", "$pointees", "$ref"
_PLAIN: Final = (str, int, float, bytes, tuple)
"""What takes no brackets, or few."""
_NAMED: Final = 8 * DEEP
"""Steps of the longest path that an alias may name; forms that are made here have shorter ones."""


def path_of(place: Place) -> str:
    """The whole path: it can be followed, which one with its middle left out cannot."""
    return place.trail.whole() if isinstance(place.trail, Trail) else place.trail


def holder(path: str) -> str:
    """The path of what holds a member, with its dot."""
    return path[: path.rfind(".") + 1]


class Written:
    """The pointees of one value that becomes JSON."""

    def __init__(self, root: Layout) -> None:
        self._root = root
        self._met: dict[tuple[int, object], tuple[str, int | None, Any]] = {}
        """The full pointers so far: the path, the index of what is apart, and the object, which is kept alive."""
        self._items_left = MAX_ITEMS
        self.apart: list[Any] = []

    @cached_property
    def _recursive(self) -> set[int]:
        return recursive(self._root)

    def alias(self, layout: FullPtr, value: Any, place: Place) -> Any:
        """What stands for an object that was met before; None for a new one."""
        path, index, _ = self._met.get((id(value), shape(layout.target)), (None, None, None))
        if index is not None:
            return {REF: index}
        if path is None or not has_identity(value):
            return None
        beside = holder(path)
        if beside == holder(path_of(place)):
            return f"{ALIAS}{path[len(beside) :]}"
        return f"{ALIAS}{path if path.startswith('$') else '.' + path}"

    def begin(self, layout: Pointer | Relative, value: Any, place: Place) -> tuple[Place, int | None]:
        """The place of a new pointee, and its index when it is apart. NdrError for a circle that would not end."""
        if id(layout.target) in self._recursive:
            self._items_left -= NESTED_COST
            if self._items_left < 0:
                raise NdrError(TOO_MANY, path=place.path)
        index = None
        if place.steps >= DEEP and not isinstance(value, _PLAIN):
            index = len(self.apart)
            self.apart.append(None)
            place = place.named(f"${index}")
        if isinstance(layout, FullPtr):
            self._met[id(cast(object, value)), shape(layout.target)] = path_of(place), index, value
        return place, index

    def whole(self, form: Any) -> Any:
        """The form of the outermost value."""
        return {VALUE: form, POINTEES: self.apart} if self.apart else form


class Given:
    """The pointees of one form that becomes a value."""

    def __init__(self, data: Any) -> None:
        self.value = data
        self._apart: list[Any] = []
        self._used: dict[int, Referent | None] = {}
        self._met: dict[str, Referent] = {}
        if is_mapping(data) and set(data) == {VALUE, POINTEES}:
            self.value, apart = data[VALUE], data[POINTEES]
            if not isinstance(apart, list):
                raise NdrError(f"{brief(apart)} where a list is needed", path=POINTEES)
            self._apart = apart

    def met(self, layout: FullPtr, data: Any, place: Place) -> Referent | None:
        """What an alias stands for; None when there is none yet. NdrError for an alias of nothing."""
        index = self.index(data, place)
        if index is not None:
            known, name = self._used.get(index), f"${index}"
            if known is None:
                return None
        elif isinstance(data, str) and data.startswith(ALIAS):
            name = data.removeprefix(ALIAS)
            name = name.removeprefix(".") if name[:1] in (".", "$") else holder(path_of(place)) + name
            known = self._met.get(name)
        else:
            return None
        if known is None or known.shape != shape(layout.target):
            raise NdrError(f"no {layout.target!r} at {name!r} so far", path=place.path)
        if not known.there:
            raise NdrError(f"{name!r} contains itself through a value that is made whole", path=place.path)
        return known

    def begin(self, layout: Pointer | Relative, data: Any, place: Place) -> tuple[Any, Place]:
        """The form of a new pointee, and its place. NdrError when one that is apart is used twice."""
        referent = Referent(shape(layout.target)) if isinstance(layout, FullPtr) else None
        self._name(referent, place)
        index = self.index(data, place)
        if index is not None:
            if index in self._used:
                raise NdrError(f"{brief(data)} is used twice, and not by full pointers", path=place.path)
            self._used[index] = referent
            data, place = self._apart[index], place.named(f"${index}")
            self._name(referent, place)
        return data, place if referent is None else place.opened(referent)

    def finish(self) -> None:
        """NdrError for what is apart and nothing leads to."""
        unused = [index for index in range(len(self._apart)) if index not in self._used]
        if unused:
            raise NdrError("nothing leads here", path=f"{POINTEES}[{unused[0]}]")

    def _name(self, referent: Referent | None, place: Place) -> None:
        if referent is not None and place.steps <= _NAMED:
            self._met[path_of(place)] = referent

    def index(self, data: Any, place: Place) -> int | None:
        """The index in {"$ref": index}; None for any other form."""
        if not (is_mapping(data) and set(data) == {REF}):
            return None
        index = data[REF]
        if type(index) is not int or not 0 <= index < len(self._apart):
            raise NdrError(f"{brief(index)} is no index of {POINTEES}", path=place.path)
        return index
