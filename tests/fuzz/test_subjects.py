"""The corpus that `make fuzz` starts from: valid values, and what was found."""

from __future__ import annotations

import functools

import pytest

from lrpc.runtime.ndr.errors import NdrError
from tests.fuzz.subjects import CORPUS, Direction, Subject, labelled, subjects


@functools.cache
def named() -> dict[str, Subject]:
    return {subject.name: subject for subject in subjects()}


def direction(name: str) -> Direction:
    check = named()[name].check
    assert isinstance(check, Direction)
    return check


def test_thirty_types_are_fuzzed_in_three_encodings():
    types = [name.split("-") for name in named() if name.count("-") == 1]
    assert len({operation for operation, _ in types}) == 30
    assert {encoding for _, encoding in types} == {"ndr", "ndr_big", "ndr64"}


@pytest.mark.parametrize(("file", "name"), labelled(), ids=lambda part: getattr(part, "name", ""))
def test_octets_of_the_corpus_hold(file, name):
    named()[name].check(file.read_bytes())


def test_corpus_holds_a_valid_value_of_each_type():
    for subject in named().values():
        if isinstance(subject.check, Direction):
            assert (CORPUS / f"{subject.name}.value").read_bytes() == subject.seed
            assert subject.check.both(subject.seed) is not None


def test_readers_that_disagree_are_found(monkeypatch):
    subject = direction("List-ndr")
    monkeypatch.setattr(subject, "codec", direction("Graph-ndr").codec)
    with pytest.raises(AssertionError, match="codec:"):
        subject(CORPUS.joinpath("List-ndr.value").read_bytes())


def test_value_that_cannot_be_written_again_is_found(monkeypatch):
    def refuse(values):
        raise NdrError("no")

    subject = direction("List-ndr")
    monkeypatch.setattr(subject, "_encoded", refuse)
    monkeypatch.setattr(subject, "_built", refuse)
    with pytest.raises(AssertionError, match="though it was read"):
        subject(CORPUS.joinpath("List-ndr.value").read_bytes())
