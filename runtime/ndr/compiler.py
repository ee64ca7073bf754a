"""The codec compiler: a layout lowered, for one encoding, into straight-line Python. What calls run.

`compiled(parameters, outer, encoding)` gives a Codec; it is made on first use and kept. The code is written
by `writing.py` and `reading.py`; this module holds what generated code calls, and the border: whatever fails
inside comes out as one NdrError, with the field and the rule found by the reference reader.
"""

from __future__ import annotations

import codecs
import sys
from array import array
from collections.abc import Callable, Container, Generator, Mapping, Sequence
from copy import copy
from functools import cache, lru_cache
from itertools import starmap
from math import prod
from struct import error as StructError  # noqa: N812 -- it is a class
from struct import pack, unpack_from
from typing import Any, Final, NoReturn, TypeAlias, cast
from uuid import UUID

from .budget import MAX_DEPTH, MAX_ITEMS, NESTED_COST, TOO_DEEP, TOO_MANY
from .columns import Letter, numbered
from .errors import RPC_X_BAD_STUB_DATA, NdrError, OutOfSteps, reason_of
from .expression import OPERATORS, length_of
from .layout import AUTO, Encoding, Layout, Parameters, PipeItems, PipeOctets, has_identity, shared
from .places import MAX_REREAD, REREAD_STEPS, Places, located
from .reading import Reading
from .referents import OTHER, ROUND, Carried, Referents, new
from .strictness import ALONE, DEFAULT, Strictness
from .trailing import check_end
from .writing import Writing

Octets = bytes | bytearray | memoryview

NOTHING: Final = Parameters()

Encoder: TypeAlias = Callable[[Sequence[Any], Sequence[Any]], list[Octets]]
Decoder: TypeAlias = Callable[[Octets, Callable[[Any], Any], int, Sequence[Any]], tuple[Any, ...]]


class Codec:
    """The functions that one direction of an operation needs, in one encoding; `strictness` is for reading."""

    __slots__ = ("_decode", "_encode", "_front", "_measuring", "encoding", "outer", "parameters", "strictness")

    def __init__(
        self,
        parameters: Parameters,
        outer: Parameters,
        encoding: Encoding,
        strictness: Strictness = DEFAULT,
        *,
        measuring: bool = False,
    ) -> None:
        self._measuring = measuring
        self.parameters = parameters
        self.outer = outer
        self.encoding = encoding
        self.strictness = strictness
        self._encode: Encoder | None = None
        self._decode: Decoder | None = None
        self._front: Decoder | None = None

    def encode(self, values: Sequence[Any], outer: Sequence[Any] = ()) -> list[Octets]:
        """The parts of the stub for the parameters' values in order; `outer`: the values of the other direction.

        Raises NdrError when a value does not fit its layout or contradicts a sibling.
        """
        encode = self._encode or self.encoder()
        try:
            return encode(values, outer)
        except Exception as failure:
            raise self.explained_value(values, outer, failure) from failure

    def decode(
        self, stub: Octets, outer: Sequence[Any] = (), octets: Callable[[Any], Any] = bytes, items: int = MAX_ITEMS
    ) -> tuple[Any, ...]:
        """The parameters' values in order. `octets` makes the value of byte arrays from a slice of `stub`.

        With anything but bytes, `memoryview` for instance, arrays of more than a few numbers are memoryviews too, of
        the format of their type: into `stub`, in a time that does not grow with them, or of a copy where the byte
        order is not this machine's. They keep the memory of `stub` alive, and change with it.
        Raises NdrError when the octets do not fit the layout.
        """
        decode = self._decode or self.decoder()
        try:
            return decode(stub, octets, items, outer)
        except Exception as failure:
            if isinstance(outer, Carried):
                outer.referents.restore()
            raise self.explained_stub(stub, outer, failure) from failure

    def decode_front(
        self, stub: Octets, octets: Callable[[Any], Any] = bytes, items: int = MAX_ITEMS
    ) -> tuple[tuple[Any, ...], int] | None:
        """The parameters' values, and the offset behind them; None when the octets do not fit, perhaps being too few.

        `decode` of the same octets says why.
        """
        front = self._front
        if front is None:
            reading = Reading(self.parameters, self.outer, self.encoding, self.strictness, front=True)
            front = self._front = reading.compile("decode", _SUPPORT)
        try:
            return cast(tuple[tuple[Any, ...], int], front(stub, octets, items, ()))
        except Exception:  # as of `decode`, which explains it
            return None

    def encoder(self) -> Encoder:
        """The bare function `(values, outer)`, for callers who count steps: whatever it raises, `explained_value`."""
        encode = self._encode
        if encode is None:
            writing = Writing(self.parameters, self.outer, self.encoding, measuring=self._measuring)
            encode = self._encode = writing.compile("encode", _SUPPORT)
        return encode

    def decoder(self) -> Decoder:
        """The bare function `(stub, octets, items, outer)`; whatever it raises, `explained_stub`."""
        decode = self._decode
        if decode is None:
            reading = Reading(self.parameters, self.outer, self.encoding, self.strictness)
            decode = self._decode = reading.compile("decode", _SUPPORT)
        return decode

    def explained_value(self, values: Sequence[Any], outer: Sequence[Any], failure: Exception) -> NdrError:
        """Why `encoder` failed: the field and the rule, as the reference finds them."""
        if isinstance(failure, NdrError) and failure.reason == TOO_MANY:  # to count them again takes seconds
            return _as_ndr_error(failure)
        try:
            self.parameters.build(_named(self.parameters, values), encoding=self.encoding, outer=self._outer(outer))
        except Exception as found:  # whatever the reference reader says of the same values
            return _as_ndr_error(found)
        return _as_ndr_error(failure)

    def explained_stub(self, stub: Octets, outer: Sequence[Any], failure: Exception) -> NdrError:
        """Why `decoder` failed: the field, the offset and the rule, as the reference finds them if it comes so far."""
        if len(stub) <= MAX_REREAD:
            try:
                self.parameters.parse(
                    bytes(stub),
                    encoding=self.encoding,
                    outer=self._outer(outer),
                    strictness=self.strictness,
                    steps=REREAD_STEPS,
                )
            except OutOfSteps:
                return self._located(failure, len(stub))
            except Exception as found:  # whatever the reference reader says of the same octets
                return _as_ndr_error(found)
        return self._located(failure, len(stub))

    def _located(self, failure: Exception, size: int) -> NdrError:
        """The failure with its place in a stub of `size` octets; the decoder's code is written again for that."""
        places = Places()
        reading = Reading(self.parameters, self.outer, self.encoding, self.strictness, places)
        return located(failure, reading.lines, places, size)

    def _outer(self, outer: Sequence[Any]) -> dict[str, Any]:
        return _named(self.outer, outer) if outer else {}


@cache
def compiled(
    parameters: Parameters,
    outer: Parameters = NOTHING,
    encoding: Encoding = Encoding.NDR,
    strictness: Strictness = DEFAULT,
) -> Codec:
    """The codec of `parameters`; `outer` are those of the other direction, which correlations may name."""
    return Codec(parameters, outer, encoding, strictness)


@lru_cache(maxsize=256)
def compiled_type(layout: Layout, encoding: Encoding = Encoding.NDR, strictness: Strictness = ALONE) -> Codec:
    """The codec of a single type: a stub with nothing else in it."""
    return Codec(Parameters("value" / layout), NOTHING, encoding, strictness)


def _named(parameters: Parameters, values: Sequence[Any]) -> dict[str, Any]:
    if len(values) != len(parameters.fields):
        raise NdrError(f"{len(values)} values for {len(parameters.fields)} parameters")
    return {field.name: value for field, value in zip(parameters.fields, values, strict=True)}


def _as_ndr_error(failure: Exception) -> NdrError:
    # A fresh one: an error that is its own cause would keep the stub, and the shared memory under it, alive.
    return copy(failure) if isinstance(failure, NdrError) else NdrError(reason_of(failure))


# What generated code calls


def _bad(reason: str, status: int = RPC_X_BAD_STUB_DATA, rule: str = "") -> NoReturn:
    raise NdrError(reason, status=status, rule=rule)


def _disagree(count: int) -> NoReturn:
    raise NdrError(f"{count} items, but the fields beside the array say otherwise")


def _exact(product: int, divisor: int) -> int:
    if product % divisor:
        raise NdrError(f"no count fits an array of {product} items")
    return product // divisor


def _as_octets(value: Octets | list[Any] | tuple[Any, ...]) -> Octets:
    if isinstance(value, list | tuple):
        return bytes(value)
    view = memoryview(value)
    return view.cast("B") if view.c_contiguous else view.tobytes()


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"an array of wchar_t takes str, not {type(value).__name__}")
    return value


def _flat_items(value: Any, rank: int) -> tuple[Any, ...]:
    """The items of lists in lists in one list, then how many there are in each dimension; None below an empty one."""
    level: list[Any] = _as_items(value)
    counts: list[int | None] = [len(level)]
    for _ in range(rank - 1):
        rows = [_as_items(row) for row in level]
        counts.append(_same_length([len(row) for row in rows]))
        level = [item for row in rows for item in row]
    return level, *counts


def _flat_octets(value: Any, rank: int) -> tuple[Any, ...]:
    if rank == 1:
        octets = _as_octets(value)
        return octets, len(octets)
    rows, *counts = _flat_items(value, rank - 1)
    found = [_as_octets(row) for row in rows]
    return b"".join(found), *counts, _same_length([len(row) for row in found])


def _flat_text(value: Any, rank: int) -> tuple[Any, ...]:
    rows, *counts = _flat_items(value, rank - 1) if rank > 1 else ([value],)
    text = "".join(rows)
    return text, *counts, _same_length([_units(row, 2) for row in rows])


def _same_length(lengths: list[int]) -> int | None:
    if len(set(lengths)) > 1:
        raise NdrError(f"rows of {min(lengths)} and of {max(lengths)} items in one array")
    return lengths[0] if lengths else None


def _units(text: str, unit: int) -> int:
    octets = text.encode("utf-8", "surrogateescape") if unit == 1 else text.encode("utf-16-le", "surrogatepass")
    return len(octets) // unit


def _longest(texts: list[str], unit: int) -> int:
    """The units of the longest text, its terminator among them."""
    return max((_units(text, unit) + 1 for text in texts), default=0)


def _nested(items: Any, counts: tuple[int, ...], size: int, row: Callable[[Any], Any] | None) -> Any:
    """Lists in lists of items that take `size` each in `items`; `row` makes an innermost one, None for a list."""
    *above, count = counts
    step = count * size
    level: list[Any] = [items[at * step : (at + 1) * step] for at in range(prod(above))]
    if row is not None:
        level = [row(part) for part in level]
    while len(above) > 1:
        width = above.pop()
        level = [level[at * width : (at + 1) * width] for at in range(prod(above))]
    return level if above else level[0]


def _row_utf_16_le(octets: Octets) -> str:
    return codecs.utf_16_le_decode(octets, "surrogatepass", True)[0]


def _row_utf_16_be(octets: Octets) -> str:
    return codecs.utf_16_be_decode(octets, "surrogatepass", True)[0]


def _piped_items(items: list[Any], counts: list[int]) -> PipeItems:
    value = PipeItems(items)
    value.counts = counts
    return value


def _piped_octets(chunks: list[Octets], counts: list[int]) -> PipeOctets:
    value = PipeOctets(b"".join(chunks))
    value.counts = counts
    return value


def _as_items(value: str | Mapping[Any, Any] | Sequence[Any]) -> list[Any]:
    if isinstance(value, str | Mapping):
        raise TypeError(f"an array takes a list, not {type(value).__name__}")
    return list(value)


_FOREIGN: Final = ">" if sys.byteorder == "little" else "<"


def _as_numbers(value: Sequence[Any], code: str, order: str) -> Octets:
    """The octets of an array of numbers; a buffer of the same type is taken as it is."""
    if not isinstance(value, list):
        view = memoryview(value) if isinstance(value, bytes | bytearray | memoryview | array) else None
        if view is not None and view.format == code and view.ndim == 1 and view.contiguous and order != _FOREIGN:
            return view.cast("B")
        value = _as_items(value)
    if code == "f":  # array would turn what is too large into infinity
        return pack(f"{order}{len(value)}f", *value)
    numbers = array(code, value)
    if order == _FOREIGN:
        numbers.byteswap()
    return memoryview(numbers).cast("B")


def _numbers(stub: Octets, start: int, stop: int, order: str, code: Letter, octets: Callable[[Any], Any]) -> Any:
    """The numbers in a list; where byte arrays are not copied either, in a view of their type."""
    if order == _FOREIGN:  # which no view can have
        numbers = array(code, bytes(stub[start:stop]))
        numbers.byteswap()
        return numbers.tolist() if octets is bytes else memoryview(numbers)
    view = memoryview(stub)[start:stop].cast(code)
    return view.tolist() if octets is bytes else view


def _referent(
    value: Any, full: dict[tuple[int, object], tuple[int, Any]], kind: int, fresh: int, taken: Container[int] = ()
) -> tuple[int, int]:
    """The id of a full pointer's pointee, and the next id that is free (C706 14.3.12.2).

    The table keeps the value, so that its identity stays its own. taken: the ids of the request.
    """
    if value is None:
        return 0, fresh
    key = (id(value), kind)
    known = full.get(key)
    if known is not None:
        return known[0], fresh
    while fresh in taken:
        fresh += 4
    if has_identity(value):
        full[key] = fresh, value
    return fresh, fresh + 4


def _alias(entry: tuple[int, Any], kind: int, number: int) -> Any:
    """The value that a full pointer shares with an earlier one of the same type."""
    if entry[0] != kind:
        _bad((ROUND if entry[0] == -kind else OTHER).format(number), rule="C706 14.3.12.2")
    return entry[1]


def _begin(
    opening: Sequence[tuple[int, int]],
    full: dict[int, tuple[int, Any]],
    factory: Callable[..., Any],
    call: Referents | None,
) -> Any:
    """A structure or list without its members, for the full pointers that lead to it: one of the request's, or new."""
    if call is None:
        whole = new(factory)
    else:
        whole = call.begin([call.before(number, kind) for number, kind in opening], factory)
    for number, kind in opening:
        full[number] = kind, whole
    return whole


def _again(value: Any, call: Referents | None, number: int, kind: int) -> Any:
    return value if call is None else call.again(call.before(number, kind), value)


def _in_request(ins: Sequence[Any]) -> Referents | None:
    """What a response's reader may find again."""
    return ins.referents if isinstance(ins, Carried) else None


def _remembered(values: tuple[Any, ...], full: dict[int, tuple[object, Any]]) -> Carried:
    """The values of a request, with what its full pointers led to."""
    carried = Carried(values)
    carried.referents.read = full
    return carried


def _for_response(values: Sequence[Any]) -> dict[tuple[int, object], tuple[int, Any]]:
    """The table that a request's writer fills."""
    return values.referents.written if isinstance(values, Carried) else {}


def _from_request(ins: Sequence[Any]) -> tuple[dict[tuple[int, object], tuple[int, Any]], Container[int]]:
    """The table that a response's writer begins with, and the ids that the request has used."""
    return (ins.referents.by_identity(), ins.referents.read) if isinstance(ins, Carried) else ({}, ())


def _run(whole: Generator[Any, Any, Any], budget: list[int]) -> Any:
    """Run generators that yield generators, on a stack of our own: the data's depth is not Python's.

    budget: the items that may be read, then the depth that is left; generated code counts the depth, and leaves
    out the last pointer of a structure, so a list may be as long as the items allow.
    """
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
        budget[0] -= NESTED_COST
        if budget[0] < 0:
            raise NdrError(TOO_MANY)
        stack.append(current)
        current, answer = inner, None


def _given(value: int | None) -> int:
    """A sibling behind a pointer, which has to be there to give a size."""
    if value is None:
        _bad("a null pointer gives a size")
    return value


@cache
def _measurer(own: Parameters, beside: Parameters, encoding: Encoding) -> Codec:
    return Codec(own, beside, encoding, measuring=True)


def _measured(own: Parameters, beside: Parameters, encoding: Encoding, value: Any, others: Sequence[Any]) -> int:
    """The octets that a value takes by itself; the parameters are constants of generated code."""
    return sum(map(len, _measurer(own, beside, encoding).encode((value,), others)))


def _placed(parts: list[Octets], size: int, tails: list[tuple[int, bytes]]) -> bytes | bytearray:
    """The contents of a context of `size` octets, with what goes to its end."""
    octets = bytearray().join(parts)
    octets += bytes(size - len(octets))
    for at, tail in tails:
        octets[at : at + len(tail)] = tail
    return octets


_SUPPORT: Final[dict[str, Any]] = {
    "AUTO": AUTO,
    "MAX_DEPTH": MAX_DEPTH,
    "MAX_ITEMS": MAX_ITEMS,
    "NO_CONTEXT": (0, UUID(int=0)),
    "OPERATORS": OPERATORS,
    "StructError": StructError,
    "PADS": [bytes(n) for n in range(8)],
    "TOO_DEEP": TOO_DEEP,
    "UUID": UUID,
    "again": _again,
    "alias": _alias,
    "as_items": _as_items,
    "as_numbers": _as_numbers,
    "as_octets": _as_octets,
    "as_text": _as_text,
    "bad": _bad,
    "begin": _begin,
    "check_end": check_end,
    "disagree": _disagree,
    "exact": _exact,
    "flat_items": _flat_items,
    "flat_octets": _flat_octets,
    "flat_text": _flat_text,
    "for_response": _for_response,
    "from_request": _from_request,
    "given": _given,
    "in_request": _in_request,
    "length_of": length_of,
    "from_utf_16_be": codecs.utf_16_be_decode,
    "from_utf_16_le": codecs.utf_16_le_decode,
    "longest": _longest,
    "measured": _measured,
    "nested": _nested,
    "numbered": numbered,
    "numbers": _numbers,
    "piped_items": _piped_items,
    "piped_octets": _piped_octets,
    "placed": _placed,
    "referent": _referent,
    "remembered": _remembered,
    "row_utf_16_be": _row_utf_16_be,
    "row_utf_16_le": _row_utf_16_le,
    "run": _run,
    "shared": shared,
    "starmap": starmap,
    "to_utf_16_be": codecs.utf_16_be_encode,
    "to_utf_16_le": codecs.utf_16_le_encode,
    "unpack_from": unpack_from,
}
