"""The compiled codec and the reference reader, on random layouts and values, whole and damaged.

Both must write the same octets, read the value back, and refuse the same damage with the same words.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lrpc.runtime.ndr.blank import blank
from lrpc.runtime.ndr.compiler import EXPLAINED, Codec
from lrpc.runtime.ndr.errors import NdrError
from lrpc.runtime.ndr.json_form import from_json, to_json
from lrpc.runtime.ndr.layout import Encoding, Parameters

often = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink a type takes minutes, and the failure shows it
    suppress_health_check=list(HealthCheck),
)


def _module(name: str) -> Any:
    """A module beside this one: importmode=importlib puts no folder on the search path."""
    full = f"ndr_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[full] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
    return sys.modules[full]


@functools.cache
def _kinds() -> Any:
    """The class that draws types with all words."""
    plain = _module("random_kinds")
    return _module("random_words").more(plain.Kinds, plain.record)


@functools.cache
def _samba_kinds() -> Any:
    """The same with the words of Samba's NDR."""
    return _module("random_samba").samba(_kinds(), _module("random_kinds").record)


class Pair:
    """Both readers of one type, in one encoding."""

    def __init__(self, parameters: Parameters, outer: Parameters, given: list[Any], encoding: Encoding) -> None:
        self.parameters = parameters
        self.outer = {field.name: value for field, value in zip(outer.fields, given, strict=True)}
        self.given = given
        self.codec = Codec(parameters, outer, encoding)
        self.encoding = encoding

    def encoded(self, values: list[Any]) -> tuple[bytes | Refused, bytes | Refused]:
        """The octets of both, or why one refuses."""
        named = {field.name: value for field, value in zip(self.parameters.fields, values, strict=True)}
        return (
            outcome(lambda: b"".join(self.codec.encode(values, self.given))),
            outcome(lambda: self.parameters.build(named, encoding=self.encoding, outer=self.outer)),
        )

    def decoded(self, stub: bytes) -> tuple[list[Any] | Refused, list[Any] | Refused]:
        """The values of both, or why one refuses."""
        return (
            outcome(lambda: list(self.codec.decode(stub, self.given))),
            outcome(lambda: list(self.parameters.parse(stub, encoding=self.encoding, outer=self.outer).values())),
        )


@dataclasses.dataclass(frozen=True)
class Refused:
    """All that an NdrError says."""

    text: str
    path: str
    offset: int | None
    rule: str
    status: int


def outcome(call: Callable[[], Any]) -> Any:
    """What a reader gives, or all that it says when it refuses."""
    try:
        return call()
    except NdrError as error:
        return Refused(str(error), error.path, error.offset, error.rule, error.status)


def same(ours: Any, theirs: Any, stub: bytes) -> bool:
    """Do both say the same? Of a long stub that fails the codec says less, and only the status is the same."""
    if len(stub) > EXPLAINED and isinstance(ours, Refused) and isinstance(theirs, Refused):
        return ours.status == theirs.status
    return repr(ours) == repr(theirs)


def damaged(stub: bytes, chance: random.Random) -> bytes:
    """The stub cut short, extended, or with other octets in it."""
    octets = bytearray(stub)
    form = chance.randrange(4)
    if form == 0:
        return bytes(octets[: chance.randint(0, len(octets))])
    if form == 1:
        return bytes(octets) + chance.choice((b"\0", b"\xff")) * chance.randint(1, 9)
    for _ in range(chance.randint(1, 3)):
        if octets:
            octets[chance.randrange(len(octets))] = chance.choice((0, 1, 2, 3, 4, 8, 0x7F, 0x80, 0xFF, 0x02))
    return bytes(octets)


def drawn(chance: random.Random) -> tuple[Parameters, Parameters, list[Any], list[Any]]:
    """Random parameters, those of the other direction, and values for both."""
    kinds = chance.choice((_kinds, _samba_kinds))()
    parameters, outer, make = kinds(chance).parameters(chance.randint(1, 3))
    return parameters, outer, *make()


def spoiled(value: Any, chance: random.Random) -> Any:
    """The value with something else in one place."""
    names = [field.name for field in dataclasses.fields(value)] if dataclasses.is_dataclass(value) else []
    if names and chance.random() < 0.9:
        name = chance.choice(names)
        return dataclasses.replace(value, **{name: spoiled(getattr(value, name), chance)})
    if isinstance(value, list) and value and chance.random() < 0.9:
        at = chance.randrange(len(value))
        return [*value[:at], spoiled(value[at], chance), *value[at + 1 :]]
    return chance.choice(("x", None, -1, 1 << 70, 3.5, [], [1], b"ab", {}, object(), 1, True))


def in_a_circle(value: Any) -> bool:
    """Does damage make full pointers point to what contains them? Only the reference reader takes that."""
    return "..." in repr(value)


def shares(value: Any) -> bool:
    """Is something in two places? The codec holds both against their siblings, the reference reader the first."""
    met: set[int] = set()
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, list) or dataclasses.is_dataclass(inner):
            if id(inner) in met:
                return True
            met.add(id(inner))
            waiting.extend(
                inner if isinstance(inner, list) else [getattr(inner, f.name) for f in dataclasses.fields(inner)]
            )
    return False


def check_values(chance: random.Random) -> None:
    """Both write the same octets and read the value back, in all encodings."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        pair = Pair(parameters, outer, given, encoding)
        ours = b"".join(pair.codec.encode(values, given))
        assert (ours, ours) == pair.encoded(values)
        assert pair.decoded(ours) == (values, values)


def check_damage(chance: random.Random) -> None:
    """Both refuse damaged octets for the same reason, or both read the same from them."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        pair = Pair(parameters, outer, given, encoding)
        whole = pair.encoded(values)[1]
        for _ in range(12):
            stub = damaged(whole, chance)
            ours, theirs = pair.decoded(stub)
            assert same(ours, theirs, stub) or in_a_circle(theirs), stub.hex(" ")


def check_wrong_values(chance: random.Random) -> None:
    """Both refuse wrong values for the same reason, or both write the same."""
    parameters, outer, values, given = drawn(chance)
    for encoding in Encoding:
        pair = Pair(parameters, outer, given, encoding)
        for _ in range(6):
            wrong = spoiled(values, chance)
            ours, theirs = pair.encoded(wrong) if isinstance(wrong, list) and len(wrong) == len(values) else (0, 0)
            assert ours == theirs or (isinstance(ours, Refused) and shares(wrong)), wrong


def check_json_form(chance: random.Random) -> None:
    """The JSON form of a value gives the value back, or one with the same form: null has two meanings."""
    parameters, outer, values, given = drawn(chance)
    named = {field.name: value for field, value in zip(parameters.fields, values, strict=True)}
    beside = {field.name: value for field, value in zip(outer.fields, given, strict=True)}
    text = json.dumps(to_json(parameters, named, outer=beside))
    back = from_json(parameters, json.loads(text), outer=beside)
    assert back == named or "null" in text
    assert json.dumps(to_json(parameters, back, outer=beside)) == text


def check_blank(chance: random.Random) -> None:
    """A type has a blank value, or what its siblings say has none; both readers agree about it."""
    parameters, outer, _, given = drawn(chance)
    beside = {field.name: value for field, value in zip(outer.fields, given, strict=True)}
    value = outcome(lambda: blank(parameters, beside))
    for encoding in () if isinstance(value, Refused) else Encoding:
        ours, theirs = Pair(parameters, outer, given, encoding).encoded(list(value.values()))
        assert ours == theirs


CHECKS = [check_values, check_damage, check_wrong_values, check_json_form, check_blank]


@pytest.mark.parametrize("check", CHECKS)
@often
@given(chance=st.randoms(use_true_random=False))
def test_both_readers_agree(check, chance):
    check(chance)
