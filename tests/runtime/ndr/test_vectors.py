"""Every vector through the reference reader, both ways; its truncated and mutated twins through both readers."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from lrpc.runtime.ndr.compiler import compiled
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Parameters


def test_vector_is_what_build_writes(vector, encoding):
    assert vector.layout.build(vector.value, encoding=encoding).hex(" ") == vector.octets(encoding).hex(" ")


def test_vector_is_what_parse_reads(vector, encoding):
    assert vector.layout.parse(vector.octets(encoding), encoding=encoding) == vector.value


def test_truncated_vector_is_refused_at_every_cut(vector, encoding):
    octets = vector.octets(encoding)
    for cut in range(len(octets)):
        with pytest.raises(NdrError):
            vector.layout.parse(octets[:cut], encoding=encoding)


def test_octets_behind_a_vector_do_not_matter(vector, encoding):
    assert vector.layout.parse(vector.octets(encoding) + b"\xff" * 8, encoding=encoding) == vector.value


def test_both_readers_say_the_same_of_every_twin_of_a_vector(vector, encoding):
    layout = vector.layout if isinstance(vector.layout, Parameters) else Parameters("value" / vector.layout)
    codec = compiled(layout, encoding=encoding)
    for twin in twins(vector.octets(encoding), random.Random(vector.name)):
        theirs = outcome(partial(parsed, layout, twin, encoding))
        ours = outcome(partial(codec.decode, twin))
        assert ours == theirs, twin.hex(" ")


def parsed(layout, octets, encoding):
    return tuple(layout.parse(octets, encoding=encoding).values())


def twins(octets: bytes, chance: random.Random) -> Iterator[bytes]:
    """Cut at up to 24 places, extended, a bit of up to 48 octets turned over, a few octets at once."""
    for cut in sorted(chance.sample(range(len(octets)), min(24, len(octets)))):
        yield octets[:cut]
    for tail in (b"\0", b"\xff" * 9):
        yield octets + tail
    for at in sorted(chance.sample(range(len(octets)), min(48, len(octets)))):
        yield octets[:at] + bytes((octets[at] ^ 1 << chance.randrange(8),)) + octets[at + 1 :]
    for _ in range(24):
        mutated = bytearray(octets)
        for _ in range(chance.randint(1, 3)):
            mutated[chance.randrange(len(mutated))] = chance.choice((0, 1, 2, 4, 0x7F, 0x80, 0xFF))
        yield bytes(mutated)


def outcome(call: Callable[[], object]) -> str:
    """The value, or all that an error says."""
    try:
        return repr(call())
    except NdrError as error:
        return f"{error} | {error.path} | {error.offset} | {error.rule} | {error.status:#x}"


def test_gaps_of_a_vector_are_ignored_when_they_are_not_zero(vector, encoding):
    spans: list[tuple[int, int, str, str, str]] = []
    octets = bytearray(vector.octets(encoding))
    vector.layout.parse(bytes(octets), encoding=encoding, trace=spans)
    covered = {at for offset, size, _, meaning, _ in spans if meaning != "gap" for at in range(offset, offset + size)}
    for at in set(range(len(octets))) - covered:
        octets[at] = 0xEE
    assert vector.layout.parse(bytes(octets), encoding=encoding) == vector.value


def test_build_traces_the_fields_that_parse_traces(vector, encoding):
    built: list[object] = []
    read: list[object] = []
    vector.layout.build(vector.value, encoding=encoding, trace=built)
    vector.layout.parse(vector.octets(encoding), encoding=encoding, trace=read)
    assert [span[:3] for span in built] == [span[:3] for span in read if span.meaning != "gap"]
