"""The codec compiler: a layout lowered, for one encoding, into straight-line Python. What calls run.

`compiled(parameters, outer, encoding)` gives a Codec; it is made on first use and kept. The code is written
by `writing.py` and `reading.py`; this module holds what generated code calls, and the border: whatever fails
inside comes out as one NdrError, with the field and the rule found by the reference reader.
"""

from __future__ import annotations

import codecs
import sys
from array import array
from collections.abc import Callable, Generator, MutableMapping, Sequence
from functools import cache, lru_cache
from struct import unpack
from typing import Any, Final, NoReturn
from uuid import UUID

from .errors import RPC_X_BAD_STUB_DATA, NdrError
from .expression import OPERATORS
from .layout import AUTO, UNSHARED, Encoding, Layout, Parameters, shared
from .reading import Reading
from .writing import Writing

Octets = bytes | bytearray | memoryview

MAX_ITEMS: Final = 1 << 20
"""Items of arrays and pointees in one message: each is a Python object of 50 octets or more."""
MAX_DEPTH: Final = 1024
"""Structures inside structures of their own kind."""
EXPLAINED: Final = 1 << 16
"""Stubs up to this size are read again by the slow reader when they fail, for the field and the rule."""

NOTHING: Final = Parameters()


class Codec:
    """The functions that one direction of an operation needs, in one encoding."""

    __slots__ = ("_decode", "_encode", "encoding", "outer", "parameters")

    def __init__(self, parameters: Parameters, outer: Parameters, encoding: Encoding) -> None:
        self.parameters = parameters
        self.outer = outer
        self.encoding = encoding
        self._encode: Callable[..., list[Octets]] | None = None
        self._decode: Callable[..., tuple[Any, ...]] | None = None

    def encode(self, values: Sequence[Any], outer: Sequence[Any] = ()) -> list[Octets]:
        """The parts of the stub for the parameters' values in order; `outer`: the values of the other direction.

        Raises NdrError when a value does not fit its layout or contradicts a sibling.
        """
        if self._encode is None:
            self._encode = Writing(self.parameters, self.outer, self.encoding).compile("encode", _SUPPORT)
        try:
            return self._encode(values, outer)
        except Exception as failure:
            raise self._explained_value(values, outer, failure) from failure

    def decode(
        self, stub: Octets, outer: Sequence[Any] = (), *, octets: Callable[[Any], Any] = bytes, items: int = MAX_ITEMS
    ) -> tuple[Any, ...]:
        """The parameters' values in order. `octets` makes the value of byte arrays from a slice of `stub`.

        Raises NdrError when the octets do not fit the layout.
        """
        if self._decode is None:
            self._decode = Reading(self.parameters, self.outer, self.encoding).compile("decode", _SUPPORT)
        try:
            return self._decode(stub, octets, [items], outer)
        except Exception as failure:
            raise self._explained_stub(stub, outer, failure) from failure

    def _explained_value(self, values: Sequence[Any], outer: Sequence[Any], failure: Exception) -> NdrError:
        try:
            self.parameters.build(_named(self.parameters, values), encoding=self.encoding, outer=self._outer(outer))
        except Exception as found:  # whatever the reference reader says of the same values
            return _as_ndr_error(found)
        return _as_ndr_error(failure)

    def _explained_stub(self, stub: Octets, outer: Sequence[Any], failure: Exception) -> NdrError:
        if len(stub) <= EXPLAINED:
            try:
                self.parameters.parse(bytes(stub), encoding=self.encoding, outer=self._outer(outer))
            except Exception as found:  # whatever the reference reader says of the same octets
                return _as_ndr_error(found)
        return _as_ndr_error(failure)

    def _outer(self, outer: Sequence[Any]) -> dict[str, Any]:
        return _named(self.outer, outer) if outer else {}


@cache
def compiled(parameters: Parameters, outer: Parameters = NOTHING, encoding: Encoding = Encoding.NDR) -> Codec:
    """The codec of `parameters`; `outer` are those of the other direction, which correlations may name."""
    return Codec(parameters, outer, encoding)


@lru_cache(maxsize=256)
def compiled_type(layout: Layout, encoding: Encoding = Encoding.NDR) -> Codec:
    """The codec of a single type: a stub with nothing else in it."""
    return Codec(Parameters("value" / layout), NOTHING, encoding)


def _named(parameters: Parameters, values: Sequence[Any]) -> dict[str, Any]:
    if len(values) != len(parameters.fields):
        raise NdrError(f"{len(values)} values for {len(parameters.fields)} parameters")
    return {field.name: value for field, value in zip(parameters.fields, values, strict=True)}


def _as_ndr_error(failure: Exception) -> NdrError:
    return failure if isinstance(failure, NdrError) else NdrError(f"{type(failure).__name__}: {failure}")


# What generated code calls


def _bad(reason: str, status: int = RPC_X_BAD_STUB_DATA) -> NoReturn:
    raise NdrError(reason, status=status)


def _disagree(count: int) -> NoReturn:
    raise NdrError(f"{count} items, but the fields beside the array say otherwise")


def _exact(product: int, divisor: int) -> int:
    if product % divisor:
        raise NdrError(f"no count fits an array of {product} items")
    return product // divisor


def _as_octets(value: Any) -> Octets:
    if isinstance(value, str):
        raise TypeError("a byte array takes octets, not str")
    view = memoryview(value)
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


_FOREIGN: Final = ">" if sys.byteorder == "little" else "<"


def _as_numbers(value: Any, code: str, order: str) -> Octets:
    """The octets of an array of numbers; a buffer of the same type is taken as it is."""
    if code == "?":
        raise TypeError("booleans are no numbers")
    if not isinstance(value, list | tuple):
        view = memoryview(value) if not isinstance(value, bytes | bytearray | range) else None
        if view is not None and view.format == code and view.contiguous and order != _FOREIGN:
            return view.cast("B")
        value = list(value)
    numbers = array(_TYPECODES.get(code, code), value)
    if order == _FOREIGN:
        numbers.byteswap()
    return memoryview(numbers).cast("B")


_TYPECODES: Final = {}
"""struct's letters are array's, with native sizes: those of the vocabulary agree on every platform of CPython."""


def _numbers(stub: Octets, start: int, stop: int, code: str) -> list[Any]:
    if code[0] == _FOREIGN:
        count = (stop - start) // memoryview(b"").cast(code[1]).itemsize  # type: ignore[call-overload]
        return list(unpack(f"{code[0]}{count}{code[1]}", stub[start:stop]))
    return memoryview(stub)[start:stop].cast(code[1]).tolist()  # type: ignore[call-overload,no-any-return]


def _referent(value: Any, full: MutableMapping[int, int], fresh: int) -> tuple[int, int]:
    """The id of a full pointer's pointee, and the next id that is free (C706 14.3.12.2)."""
    if value is None:
        return 0, fresh
    if type(value) in UNSHARED:
        return fresh, fresh + 4
    known = full.setdefault(id(value), fresh)
    return known, fresh + 4 if known == fresh else fresh


def _run(whole: Generator[Any, Any, Any], budget: list[int]) -> Any:
    """Run generators that yield generators, on a stack of our own: the data's depth is not Python's."""
    stack: list[Generator[Any, Any, Any]] = []
    current, answer = whole, None
    while True:
        try:
            inner = current.send(answer)
        except StopIteration as stop:
            if not stack:
                return stop.value
            current, answer = stack.pop(), stop.value
            continue
        budget[0] -= 1
        if budget[0] < 0 or len(stack) >= MAX_DEPTH:
            raise NdrError("structures are nested too deeply")
        stack.append(current)
        current, answer = inner, None


_SUPPORT: Final[dict[str, Any]] = {
    "AUTO": AUTO,
    "NIL": bytes(16),
    "OPERATORS": OPERATORS,
    "PADS": [bytes(n) for n in range(8)],
    "UUID": UUID,
    "as_numbers": _as_numbers,
    "as_octets": _as_octets,
    "bad": _bad,
    "disagree": _disagree,
    "exact": _exact,
    "from_utf_16_be": codecs.utf_16_be_decode,
    "from_utf_16_le": codecs.utf_16_le_decode,
    "numbers": _numbers,
    "referent": _referent,
    "run": _run,
    "shared": shared,
    "to_utf_16_be": codecs.utf_16_be_encode,
    "to_utf_16_le": codecs.utf_16_le_encode,
}
