"""The classes of stubs cannot be told from those that Python makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import typing
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest

from lrpc.runtime import classes


@classes.dataclass(slots=True)
class Point:
    x: int
    n: int = dataclasses.field(default=-1, kw_only=True)
    y: list[int]


@dataclasses.dataclass(slots=True)
class Theirs:
    x: int
    n: int = dataclasses.field(default=-1, kw_only=True)
    y: list[int]


@classes.dataclass(slots=True)
class Empty:
    """It has a text."""


class Pair(classes.NamedTuple):
    quotient: int
    rest: str | None


class TheirPair(typing.NamedTuple):
    quotient: int
    rest: str | None


@dataclasses.dataclass(slots=True)
class Derived(Point):
    z: int = 0


def fresh() -> Any:
    @classes.dataclass(slots=True)
    class Fresh:
        a: int

    return Fresh


FIRST_QUESTIONS: list[Callable[[Any], object]] = [
    lambda cls: cls(1) == cls(1),
    lambda cls: repr(cls(1)),
    dataclasses.fields,
    inspect.signature,
    lambda cls: cls.__match_args__,
    lambda cls: cls.__doc__,
    lambda cls: cls.__init__,
    lambda cls: copy.copy(cls.__new__(cls)) if hasattr(cls(0), "a") else None,
]


@pytest.mark.parametrize("question", FIRST_QUESTIONS)
def test_whatever_is_asked_first_finishes_a_dataclass(question: Callable[[Any], object]) -> None:
    asked = fresh()
    question(asked)
    assert asked(2).a == 2
    assert inspect.signature(asked).parameters.keys() == {"a"}
    assert inspect.isfunction(vars(asked)["__init__"])


def test_dataclass_is_one_with_slots_and_keyword_only_fields() -> None:
    assert dataclasses.is_dataclass(Point)
    assert [found.name for found in dataclasses.fields(Point)] == ["x", "n", "y"]
    assert vars(Point)["__slots__"] == ("x", "n", "y")
    assert not hasattr(Point(1, [2]), "__dict__")
    assert Point(1, [2], n=3) == Point(x=1, y=[2], n=3) != Point(1, [2])
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'y'"):
        Point(1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unhashable"):
        hash(Point(1, []))


def test_dataclass_is_as_python_makes_it() -> None:
    assert inspect.signature(Point) == inspect.signature(Theirs)
    assert repr(Point(1, [])) == repr(Theirs(1, [])).replace("Theirs", "Point")
    assert str(Point.__doc__) == str(Theirs.__doc__).replace("Theirs", "Point")
    missing = vars(Theirs).keys() - vars(Point).keys()
    assert missing <= {"__weakref__", "__getstate__", "__setstate__", "__static_attributes__", "__firstlineno__"}


def test_dataclass_works_with_the_functions_of_the_standard_library() -> None:
    point = Point(1, [2])
    assert dataclasses.replace(point, x=5) == Point(5, [2])
    assert dataclasses.asdict(point) == {"x": 1, "n": -1, "y": [2]}
    assert copy.deepcopy(point) == point
    assert typing.get_type_hints(Point) == {"x": int, "n": int, "y": list[int]}
    match point:
        case Point(x=1):
            pass
        case _:
            pytest.fail("it does not match")


def test_dataclass_without_fields_keeps_its_text() -> None:
    assert Empty() == Empty()
    assert Empty.__doc__ == "It has a text."


def test_dataclass_may_be_derived_from() -> None:
    assert Derived(1, [2], 3) == Derived(1, [2], z=3)
    assert isinstance(Derived(1, [2]), Point)


def test_super_reaches_a_dataclass_that_is_not_finished() -> None:
    parent = fresh()

    class Child(parent):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(7)

    assert Child().a == 7


@pytest.mark.parametrize("value", [Point(1, [2], n=4), Pair(1, None)])
def test_values_can_be_pickled(value: object) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value


def test_tuple_is_a_named_tuple() -> None:
    pair = Pair(7, rest="a")
    assert pair == (7, "a")
    assert (pair.quotient, pair.rest) == (7, "a")
    assert pair._replace(rest=None) == Pair(7, None)
    assert pair._asdict() == {"quotient": 7, "rest": "a"}
    assert Pair._make([1, "b"]) == Pair(1, "b")
    assert Pair._fields == Pair.__match_args__ == ("quotient", "rest")
    assert repr(pair) == "Pair(quotient=7, rest='a')"
    with pytest.raises(TypeError, match="missing 1 required"):
        Pair(1)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        pair.quotient = 2  # type: ignore[misc]


def test_tuple_is_as_python_makes_it() -> None:
    assert list(inspect.signature(Pair).parameters) == list(inspect.signature(TheirPair).parameters)
    assert Pair.__doc__ == str(TheirPair.__doc__).replace("TheirPair", "Pair")
    assert Pair.__mro__[1:] == TheirPair.__mro__[1:]
    assert not hasattr(Pair(1, None), "__dict__")
    assert typing.get_type_hints(Pair) == typing.get_type_hints(TheirPair)


def test_threads_that_ask_at_once_find_the_same_class() -> None:
    found: list[object] = []
    for _ in range(20):
        asked, start = fresh(), Barrier(4)

        def ask(asked: Any = asked, start: Barrier = start) -> None:
            start.wait()
            found.append(asked(3).a)

        threads = [Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [3] * 80
