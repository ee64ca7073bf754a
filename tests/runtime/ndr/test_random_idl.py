"""Random IDL text through everything: compiled, loaded, both readers in all encodings, and called."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import lrpc
from lrpc.rpcgen.load import load
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.layout import Encoding, Parameters
from tests.runtime.ndr.random_idl import Interface
from tests.runtime.ndr.random_values import Values
from tests.runtime.ndr.test_agreement import Pair, damaged, same

SERIAL = itertools.count()
TRIES = 200
"""For values whose counts do not contradict each other."""
often = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # the failure shows the text, which need not be the shortest
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def quiet(caplog):
    """Warnings of the compiler are for who writes IDL."""
    caplog.set_level(logging.ERROR)


def drawn(operation: Any, chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Values of a request and of its response that can be written; None for types that hardly ever have one."""
    for _ in range(TRIES):
        values = Values(chance)
        try:
            asked = values.of(operation.request)
            answered = values.of(operation.response, asked)
            if operation.family is not None:
                answered["__return__"] = 0
            operation.request.build(asked, encoding=Encoding.NDR)
            operation.response.build(answered, encoding=Encoding.NDR, outer=asked)
        except (NdrError, ValueError):
            continue
        return asked, answered
    return None


def calls(text: str, chance: random.Random) -> Iterator[tuple[Any, Any, dict[str, Any], dict[str, Any]]]:
    """The stub and each operation, with values."""
    stub = load(text, cached=False)
    for operation in stub.__interfaces__[0].operations:
        found = drawn(operation, chance)
        if found is not None:
            yield stub, operation, *found


@often
@given(chance=st.randoms(use_true_random=False))
def test_values_of_random_idl_go_through_both_readers(chance):
    text = Interface(chance).text()
    for _, operation, asked, answered in calls(text, chance):
        for encoding in Encoding:
            request = Pair(operation.request, Parameters(), [], encoding)
            response = Pair(operation.response, operation.request, list(asked.values()), encoding)
            check(request, list(asked.values()), chance, text)
            check(response, list(answered.values()), chance, text)


def check(pair: Pair, values: list[Any], chance: random.Random, text: str) -> None:
    """Both write the same octets and read the value back; they say the same of damaged octets."""
    ours, theirs = pair.encoded(values)
    assert isinstance(ours, bytes), text
    assert ours == theirs, text
    assert pair.decoded(ours) == (values, values), text
    for _ in range(4):
        stub = damaged(ours, chance)
        found, expected = pair.decoded(stub)
        assert same(found, expected, stub), f"{stub.hex(' ')}\n{text}"


@settings(often, max_examples=15)
@given(chance=st.randoms(use_true_random=False))
def test_calls_of_random_idl_arrive(chance):
    text = Interface(chance).text()
    known = list(calls(text, chance))
    if not known:
        return
    stub = known[0][0]
    received: list[dict[str, Any]] = []
    answers = {operation.method: results(operation, answered) for _, operation, _, answered in known}

    def method(operation: Any) -> Any:
        ordered = [parameter.name for parameter in operation.inward if not parameter.auto]

        def called(self: object, *values: Any, **counts: Any) -> Any:
            received.append(dict(zip(ordered, values, strict=True)) | counts)
            return answers[operation.method]

        return called

    operations = stub.__interfaces__[0].operations
    implementation = type("Implementation", (stub.drawn,), {each.method: method(each) for each in operations})
    endpoint = f"memory:[random-idl-{next(SERIAL)}]"
    with lrpc.Server() as server:
        server.register(implementation())
        server.listen(endpoint)
        server.start()
        with lrpc.connect(stub.drawnClient, endpoint) as client:
            for _, operation, asked, answered in known:
                result = getattr(client, operation.method)(**asked)
                assert result == results(operation, answered), text
                assert received.pop() == asked, text


def results(operation: Any, answered: dict[str, Any]) -> Any:
    """What a method gives back."""
    values = list(answered.values())[: len(answered) - operation.hidden]
    if operation.result is not None:
        return operation.result(*values)
    return values[0] if values else None
