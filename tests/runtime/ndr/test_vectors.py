"""Every vector through the reference reader, both ways, with its truncated and mutated twins."""

from __future__ import annotations

import random

import pytest

from lrpc.runtime.ndr.errors import NdrError


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
    assert vector.layout.parse(vector.octets(encoding) + b"\xff" * 9, encoding=encoding) == vector.value


def test_mutated_vector_reads_or_raises_ndr_error(vector, encoding):
    octets = vector.octets(encoding)
    chance = random.Random(vector.name)
    for _ in range(50):
        mutated = bytearray(octets)
        for _ in range(chance.randint(1, 3)):
            mutated[chance.randrange(len(mutated))] = chance.choice((0, 1, 2, 4, 0x7F, 0x80, 0xFF))
        try:
            value = vector.layout.parse(bytes(mutated), encoding=encoding)
        except NdrError:
            continue
        assert value is not None


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
