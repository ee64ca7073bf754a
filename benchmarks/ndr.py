"""`make bench-ndr`: the codec against what others take for the same work, and against its own growth.

`python -m benchmarks.ndr [--rounds N]`: everything in one run, on one core, the minimum of the rounds. The exit status
is 0 whatever the figures: a benchmark informs, tests judge. Peers: `ndr_peers.py`; they are the extra `bench`.
"""

from __future__ import annotations

import argparse
import array
import gc
import platform
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import lrpc
from lrpc.runtime.ndr.compiler import MAX_ITEMS, Codec, compiled

from . import ndr_peers
from .measure import Row, Timing, Work, compare, pin, report

IDL = """
[uuid(6c2f0d0a-7a35-4a1b-9a53-3c1f0e5f9f03), version(1.0), pointer_default(unique)]
interface Shapes {
    typedef struct { long number; double share; [string] wchar_t *name; } Record;
    typedef struct { long a, b, c, d, e, f, g, h, i, j; } Flat;
    typedef struct Node { long value; struct Node *next; } Node;
    typedef struct Nest { struct Nest *inner; long value; } Nest;
    void PutRecords([in] long n, [in, size_is(n)] Record records[]);
    void PutFlat([in] Flat flat);
    void PutLongs([in] long n, [in, size_is(n)] long items[]);
    void PutNode([in] Node *node);
    void PutNest([in] Nest *nest);
}
"""
RECORDS = 100
LONGS = 1_000_000
NODES = 2_500
NESTS = 250
GROWTH = (1, 4, 16)
STEADY = 1.5
"""Growth of the time for one item, or of what should take the same time, that passes: caches and noise take a part."""
SLOW_GOALS = {"construct interpreted": 45, "construct compiled": 11, "impacket": 150, "impacket, filled and read": 150}
FAST_GOALS = ("pickle 5", "protobuf")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ndr", description=__doc__)
    parser.add_argument("--rounds", type=int, default=200, help="the minimum of so many counts")
    rounds = parser.parse_args().rounds
    pin("same", 0)
    stub = lrpc.load(IDL)
    print(f"{platform.machine()}, Python {platform.python_version()}, protobuf {ndr_peers.implementation()}")
    for name in ndr_peers.missing():
        print(f"{name} is not installed, so its row is missing: pip install -e '.[bench]'")
    report([*records(stub, rounds), *flat(stub, rounds), *longs(stub, rounds), *growth(stub, rounds)])


def codec_of(stub: ModuleType, operation: str) -> Codec:
    """What calls run for a request."""
    return compiled(stub.Shapes.interface.operation(operation).request)


# 100 records


def records(stub: ModuleType, rounds: int) -> list[Row]:
    """Against construct, impacket, pickle and protobuf."""
    codec, made = (
        codec_of(stub, "PutRecords"),
        [stub.Record(i, float(i), f"name number {i:03}") for i in range(RECORDS)],
    )
    values = (RECORDS, made)
    octets = b"".join(codec.encode(values))
    assert codec.decode(octets) == values

    def ours() -> object:
        return codec.decode(b"".join(codec.encode(values)))

    halves: dict[str, Work] = {
        "encode": lambda: b"".join(codec.encode(values)),
        "decode": lambda: codec.decode(octets),
    }
    fast, slow = ndr_peers.fast(made), ndr_peers.slow(made, octets)
    found = compare({"": ours, **halves, **fast, **slow}, each=2, rounds=max(5, rounds // 2), alone=True)
    split = ", ".join(f"{name} {microseconds(found[name])}" for name in halves)
    rows = [
        _ratio(f"{RECORDS} records ({split}), times faster than {name}", found[""], found[name], at_least=goal)
        for name, goal in SLOW_GOALS.items()
        if name in found
    ]
    return rows + [
        _ratio(f"{RECORDS} records, of the time of {name}", found[""], found[name], at_most=1.0)
        for name in FAST_GOALS
        if name in found
    ]


# Flat structures and arrays


def flat(stub: ModuleType, rounds: int) -> list[Row]:
    """Ten longs against struct.Struct alone."""
    codec, value = codec_of(stub, "PutFlat"), stub.Flat(*range(10))
    encode, decode, plain = codec.encoder(), codec.decoder(), struct.Struct("<10i")
    values, numbers = (value,), tuple(range(10))
    assert decode(b"".join(encode(values, ())), bytes, MAX_ITEMS, ()) == values

    def ours() -> object:
        return decode(b"".join(encode(values, ())), bytes, MAX_ITEMS, ())

    def public() -> object:
        return codec.decode(b"".join(codec.encode(values)))

    def theirs() -> object:
        return plain.unpack(plain.pack(*numbers))

    found = compare({"ours": ours, "public": public, "theirs": theirs}, each=200, rounds=rounds, alone=True)
    return [
        _ratio("10 longs, of struct.Struct: the functions that calls run", found["ours"], found["theirs"], at_most=3.0),
        _ratio("10 longs, of struct.Struct: Codec.encode and .decode", found["public"], found["theirs"], at_most=3.0),
    ]


def longs(stub: ModuleType, rounds: int) -> list[Row]:
    """A million longs from a buffer against memcpy; to a view, in a time that does not grow."""
    codec, items = codec_of(stub, "PutLongs"), array.array("i", range(LONGS))
    view = memoryview(items)

    def ours() -> object:
        return b"".join(codec.encode((LONGS, view)))

    def theirs() -> object:
        return bytes(view)

    found = compare({"ours": ours, "theirs": theirs}, each=1, rounds=rounds, alone=True)
    stubs = [ours_of(codec, (count, items[:count])) for count in _sizes(LONGS // GROWTH[-1])]
    works = {str(size): _decoding(codec, octets) for size, octets in zip(GROWTH, stubs, strict=True)}
    taken = compare(works, each=1, rounds=max(5, rounds // 5), alone=True)
    kind = type(codec.decode(stubs[0], octets=memoryview)[1]).__name__
    work = f"{LONGS:,} longs to a view, times 1/16 of them (they come as a {kind})"
    first, last = taken[str(GROWTH[0])], taken[str(GROWTH[-1])]
    return [
        _ratio(f"{LONGS:,} longs from a buffer, of memcpy's speed", found["ours"], found["theirs"], at_least=0.8),
        _ratio(work, last, first, at_most=STEADY),
    ]


def _decoding(codec: Codec, octets: bytes) -> Work:
    return lambda: codec.decode(octets, octets=memoryview)


def ours_of(codec: Codec, values: Sequence[Any]) -> bytes:
    """The stub in one piece."""
    return b"".join(codec.encode(values))


# Growth


def growth(stub: ModuleType, rounds: int) -> list[Row]:
    """Lists and nested structures: the time for a node stays the same."""
    return [
        *_linear("linked nodes", codec_of(stub, "PutNode"), stub.Node, _sizes(NODES), rounds),
        *_linear("nested structures", codec_of(stub, "PutNest"), lambda value, inner: stub.Nest(inner, value),
                 _sizes(NESTS), rounds),
    ]  # fmt: skip


def _sizes(first: int) -> list[int]:
    return [first * times for times in GROWTH]


def _linear(what: str, codec: Codec, make: Callable[[int, Any], Any], sizes: Sequence[int], rounds: int) -> list[Row]:
    works: dict[str, dict[str, Work]] = {"encode": {}, "decode": {}}
    for size in sizes:
        value = None
        for number in range(size):
            value = make(number, value)
        octets = ours_of(codec, (value,))
        works["encode"][str(size)] = _encoding(codec, value)
        works["decode"][str(size)] = _decoding(codec, octets)
    rows: list[Row] = []
    for way, contenders in works.items():
        often = max(5, rounds // 8)
        with_collector = _each(compare(contenders, each=1, rounds=often, alone=True))
        with without_collector():
            found = compare(contenders, each=1, rounds=often, alone=True)
        each, last = _each(found), found[str(sizes[-1])]
        ratio = max(each) / each[0]
        shown, beside = (" ".join(f"{one * 1e9:.0f}" for one in times) for times in (each, with_collector))
        work = f"{way} {', '.join(f'{size:,}' for size in sizes)} {what}: {shown} ns each, with gc {beside}"
        ends = f"{each[-1] * 1e9:.0f} ns", f"{each[0] * 1e9:.0f} ns"
        rows.append(Row(work, *ends, ratio, f"at most {STEADY}", ratio <= STEADY, last.noise))
    return rows


def _each(found: dict[str, Timing]) -> list[float]:
    """Seconds for one item, by how many there are."""
    return [timing.best / int(size) for size, timing in found.items()]


@contextmanager
def without_collector() -> Iterator[None]:
    """Python's collector walks all that is alive in the process, again and again as a list grows; this is without."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _encoding(codec: Codec, value: object) -> Work:
    return lambda: b"".join(codec.encode((value,)))


# Rows


def _ratio(
    work: str, ours: Timing, theirs: Timing, *, at_least: float | None = None, at_most: float | None = None
) -> Row:
    """A row of theirs over ours where more is better, of ours over theirs where less is."""
    if at_least is not None:
        ratio, goal, met = theirs.best / ours.best, f"at least {at_least}", theirs.best / ours.best >= at_least
    else:
        ratio, goal, met = ours.best / theirs.best, f"at most {at_most}", ours.best / theirs.best <= (at_most or 0)
    return Row(work, microseconds(ours), microseconds(theirs), ratio, goal, met, ours.noise)


def microseconds(timing: Timing) -> str:
    return f"{timing.best * 1e6:.{2 if timing.best < 1e-5 else 0}f} us"


if __name__ == "__main__":
    main()
