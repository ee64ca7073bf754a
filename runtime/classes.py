"""The classes of stubs: dataclasses and named tuples whose methods are made on first use.

A stub has hundreds of them and a program uses few. Python writes and compiles the methods of a dataclass or of a
NamedTuple when the class is defined, which was four fifths of what importing a stub cost. Here the class is there at
once, with its slots and fields; what Python would write comes when it is first asked for. Type checkers see
`dataclasses.dataclass` and `typing.NamedTuple`, and a finished class cannot be told from theirs.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import namedtuple
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
    from typing import NamedTuple as NamedTuple

_REPLACE: Final = ("__replace__",) if sys.version_info >= (3, 13) else ()
_OF_DATACLASSES: Final = (
    "__init__", "__repr__", "__eq__", "__match_args__", "__dataclass_fields__", "__dataclass_params__", *_REPLACE,
)  # fmt: skip
_OF_TUPLES: Final = (
    "__new__", "__repr__", "__getnewargs__", "__match_args__", "_fields", "_field_defaults", "_make", "_replace",
    "_asdict", *_REPLACE,
)  # fmt: skip
_OF_INSTANCES: Final = ("__dict__", "__weakref__")


_finish: Final[Callable[[type], type]] = dataclasses.dataclass()  # pyright: ignore[reportUnknownVariableType]


class _Draft:
    """A class that lacks the attributes `names`; `make` gives one that has them."""

    __slots__ = ("_attributes", "_make", "_names", "unfinished")

    def __init__(self, names: tuple[str, ...], make: Callable[[], type]) -> None:
        self._names = names
        self._make = make
        self._attributes: Mapping[str, Any] | None = None
        self.unfinished: type | None = None

    def later(self) -> dict[str, _Later]:
        """What stands for the attributes until then."""
        return {name: _Later(self, name) for name in self._names}

    def attributes(self) -> Mapping[str, Any]:
        """The attributes; the first to ask finishes the class. Two threads at once do the same twice."""
        found = self._attributes
        if found is None:
            made = vars(self._make())
            found = {name: made[name] for name in self._names}
            for name, value in found.items():
                setattr(self.unfinished, name, value)
            self._attributes = found
        return found


class _Later:
    """An attribute of a class that is not finished."""

    __slots__ = ("_draft", "_name")

    def __init__(self, draft: _Draft, name: str) -> None:
        self._draft = draft
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        found = self._draft.attributes()[self._name]
        return found.__get__(instance, owner) if hasattr(found, "__get__") else found


def _dataclass(*, slots: bool) -> Callable[[type], type]:
    """`dataclasses.dataclass(slots=True)`."""
    assert slots
    return _slotted


def _slotted(plain: type) -> type:
    fields: tuple[str, ...] = tuple(plain.__annotations__)
    namespace = {name: value for name, value in vars(plain).items() if name not in (*fields, *_OF_INSTANCES)}
    draft = _Draft(_with_doc(_OF_DATACLASSES, namespace), lambda: _finish(plain))
    namespace.update(draft.later(), __slots__=fields)
    draft.unfinished = type(plain)(plain.__name__, plain.__bases__, namespace)
    return draft.unfinished


class _Tuples(type):
    """Makes tuples of the classes that derive from NamedTuple."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> type:
        if not bases:
            return super().__new__(cls, name, bases, namespace)
        fields: tuple[str, ...] = tuple(namespace["__annotations__"])
        draft = _Draft(_with_doc((*_OF_TUPLES, *fields), namespace), lambda: _named(name, fields))
        draft.unfinished = type(name, (tuple,), {**namespace, **draft.later(), "__slots__": ()})
        return draft.unfinished


def _named(name: str, fields: tuple[str, ...]) -> type:
    made: Any = namedtuple(name, fields)  # type: ignore[misc]  # pyright: ignore[reportUntypedNamedTuple]
    return cast(type, made)


def _with_doc(names: tuple[str, ...], namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """A class without documentation is given some by both of Python's makers."""
    return names if namespace.get("__doc__") is not None else (*names, "__doc__")


if not TYPE_CHECKING:
    dataclass = _dataclass

    class NamedTuple(metaclass=_Tuples):
        """`typing.NamedTuple`."""
